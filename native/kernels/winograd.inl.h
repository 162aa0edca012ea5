// Winograd's minimal filtering F(4 x 4, 3 x 3): 36 products where the direct form needs 144 (Lavin and Gray, "Fast
// Algorithms for Convolutional Neural Networks", 2015, section 4.3). All transforms work on vectors of channels.

namespace hebb::HEBB_ISA {

/// B^T d: what the input transform does along one dimension.
static inline void transform_input(const V* d, V* o) {
  const V two = broadcast(2.0f), four = broadcast(4.0f), five = broadcast(5.0f);
  const V even = fma(-four, d[2], d[4]), odd = fma(-four, d[1], d[3]);
  const V near = d[4] - d[2], far = two * (d[3] - d[1]);
  o[0] = fma(four, d[0], fma(-five, d[2], d[4]));
  o[1] = even + odd;
  o[2] = even - odd;
  o[3] = near + far;
  o[4] = near - far;
  o[5] = fma(four, d[1], fma(-five, d[3], d[5]));
}

/// A^T m: six products to four outputs.
static inline void transform_output(const V* m, V* o) {
  const V sum1 = m[1] + m[2], difference1 = m[1] - m[2], sum2 = m[3] + m[4], difference2 = m[3] - m[4];
  o[0] = m[0] + sum1 + sum2;
  o[1] = fma(broadcast(2.0f), difference2, difference1);
  o[2] = fma(broadcast(4.0f), sum2, sum1);
  o[3] = fma(broadcast(8.0f), difference2, difference1) + m[5];
}

/// A d: four outputs' gradients to six products'.
static inline void transform_gradient(const V* d, V* o) {
  const V even = d[0] + d[2], odd = d[1] + d[3];
  const V far_even = fma(broadcast(4.0f), d[2], d[0]), far_odd = fma(broadcast(8.0f), d[3], broadcast(2.0f) * d[1]);
  o[0] = d[0];
  o[1] = even + odd;
  o[2] = even - odd;
  o[3] = far_even + far_odd;
  o[4] = far_even - far_odd;
  o[5] = d[3];
}

/// G^T u: six gradients to three weights'.
static inline void transform_weight_gradient(const V* u, V* o) {
  const V sixth = broadcast(1.0f / 6), twelfth = broadcast(1.0f / 12), twenty_fourth = broadcast(1.0f / 24);
  const V sum1 = u[1] + u[2], difference1 = u[1] - u[2], sum2 = u[3] + u[4], difference2 = u[3] - u[4];
  o[0] = fma(broadcast(0.25f), u[0], fma(twenty_fourth, sum2, -sixth * sum1));
  o[1] = fma(twelfth, difference2, -sixth * difference1);
  o[2] = fma(sixth, sum2 - sum1, u[5]);
}

/// G g: three weights to six.
static inline void transform_weight(const V* g, V* o) {
  const V sixth = broadcast(1.0f / 6), twelfth = broadcast(1.0f / 12), twenty_fourth = broadcast(1.0f / 24);
  const V outer = (g[0] + g[2]) * -sixth, middle = g[1] * sixth;
  const V tail = fma(g[2], sixth, g[0] * twenty_fourth), step = g[1] * twelfth;
  o[0] = g[0] * broadcast(0.25f);
  o[1] = outer - middle;
  o[2] = outer + middle;
  o[3] = tail + step;
  o[4] = tail - step;
  o[5] = g[2];
}

static void winograd_input(Size channels, const float* x, Size row_stride, float* v, Size v_stride) {
  each_vector(channels, [=](Size c, auto get, auto put) {
    V columns[6][6], row[6], out[6];
    HEBB_UNROLL
    for (int j = 0; j < 6; j++) {
      HEBB_UNROLL
      for (int i = 0; i < 6; i++) row[i] = get(x + i * row_stride + j * channels + c);
      transform_input(row, out);
      HEBB_UNROLL
      for (int i = 0; i < 6; i++) columns[i][j] = out[i];
    }
    HEBB_UNROLL
    for (int i = 0; i < 6; i++) {
      transform_input(columns[i], out);
      HEBB_UNROLL
      for (int j = 0; j < 6; j++) put(v + (i * 6 + j) * v_stride + c, out[j]);
    }
  });
}

static void winograd_output(const GemmBlock& g, const float* m, Size m_stride, Size row_stride, Size rows,
                            Size columns) {
  for (Size f = 0; f < g.n; f += W) {
    const Size count = g.n - f < W ? g.n - f : W;
    V half[4][6], column[6], out[4];
    HEBB_UNROLL
    for (int j = 0; j < 6; j++) {
      HEBB_UNROLL
      for (int i = 0; i < 6; i++) column[i] = load_part<V>(m + (i * 6 + j) * m_stride + f, count);
      transform_output(column, out);
      HEBB_UNROLL
      for (int i = 0; i < 4; i++) half[i][j] = out[i];
    }
    const V bias = g.bias ? load_part<V>(g.bias + f, count) : broadcast(0.0f);
    const bool rectify = g.activation != Activation::linear && costs_little(g.activation);
    HEBB_UNROLL
    for (int i = 0; i < 4; i++) {
      if (i >= rows) break;
      transform_output(half[i], out);
      float* y = g.c + i * row_stride + f;
      HEBB_UNROLL
      for (int j = 0; j < 4; j++) {
        V v = out[j] + bias;
        if (rectify) v = rectified(v, g);
        if (j < columns) store_part<V>(y + j * g.c_stride, v, count);
      }
    }
  }
  if (costs_little(g.activation)) return;
  for (Size i = 0; i < rows; i++) {
    for (Size j = 0; j < columns; j++) {
      float* y = g.c + i * row_stride + j * g.c_stride;
      activate(g.activation, g.slope, g.n, y, y);
    }
  }
}

static void winograd_weight(Size channels, Size filters, const float* w, bool turned, float* u) {
  const Size plane = channels * filters;
  each_vector(plane, [=](Size at, auto get, auto put) {
    V half[6][3], taps[3], out[6];
    HEBB_UNROLL
    for (int j = 0; j < 3; j++) {
      HEBB_UNROLL
      for (int i = 0; i < 3; i++) taps[i] = get(w + (turned ? 8 - i * 3 - j : i * 3 + j) * plane + at);
      transform_weight(taps, out);
      HEBB_UNROLL
      for (int i = 0; i < 6; i++) half[i][j] = out[i];
    }
    HEBB_UNROLL
    for (int i = 0; i < 6; i++) {
      transform_weight(half[i], out);
      HEBB_UNROLL
      for (int j = 0; j < 6; j++) put(u + (i * 6 + j) * plane + at, out[j]);
    }
  });
}

static void winograd_gradient(Size filters, const float* dy, Size row_stride, float* d, Size d_stride) {
  each_vector(filters, [=](Size f, auto get, auto put) {
    V half[6][4], column[4], out[6];
    HEBB_UNROLL
    for (int j = 0; j < 4; j++) {
      HEBB_UNROLL
      for (int i = 0; i < 4; i++) column[i] = get(dy + i * row_stride + j * filters + f);
      transform_gradient(column, out);
      HEBB_UNROLL
      for (int i = 0; i < 6; i++) half[i][j] = out[i];
    }
    HEBB_UNROLL
    for (int i = 0; i < 6; i++) {
      transform_gradient(half[i], out);
      HEBB_UNROLL
      for (int j = 0; j < 6; j++) put(d + (i * 6 + j) * d_stride + f, out[j]);
    }
  });
}

static void winograd_weight_gradient(Size channels, Size filters, const float* du, float* dw) {
  const Size plane = channels * filters;
  each_vector(plane, [=](Size at, auto get, auto put) {
    V half[3][6], column[6], out[3];
    HEBB_UNROLL
    for (int j = 0; j < 6; j++) {
      HEBB_UNROLL
      for (int i = 0; i < 6; i++) column[i] = get(du + (i * 6 + j) * plane + at);
      transform_weight_gradient(column, out);
      HEBB_UNROLL
      for (int i = 0; i < 3; i++) half[i][j] = out[i];
    }
    HEBB_UNROLL
    for (int i = 0; i < 3; i++) {
      transform_weight_gradient(half[i], out);
      HEBB_UNROLL
      for (int j = 0; j < 3; j++) put(dw + (i * 3 + j) * plane + at, out[j]);
    }
  });
}

}  // namespace hebb::HEBB_ISA
