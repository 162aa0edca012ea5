// Sums: dot products and columns.

namespace hebb::HEBB_ISA {

template <int N>
static inline void dot_rows(Size k, const float* x, const float* w, Size w_stride, float* y) {
  V acc[W];
  HEBB_UNROLL
  for (int r = 0; r < W; r++) acc[r] = broadcast(0.0f);
  each_vector(k, [&](Size p, auto get, auto) {
    const V xv = get(x + p);
    HEBB_UNROLL
    for (int r = 0; r < N; r++) acc[r] = fma(xv, get(w + r * w_stride + p), acc[r]);
  });
  sum_each(acc);
  store_part<V>(y, acc[0], N);
}

static void gemm_dot(Size m, Size n, Size k, const float* x, Size x_stride, const float* w, Size w_stride, float* y,
                     Size y_stride) {
  for (Size i = 0; i < m; i++, x += x_stride, y += y_stride) {
    Size j = 0;
    for (; j + W <= n; j += W) dot_rows<W>(k, x, w + j * w_stride, w_stride, y + j);
    for (; j + 3 <= n; j += 3) dot_rows<3>(k, x, w + j * w_stride, w_stride, y + j);
    for (; j < n; j++) dot_rows<1>(k, x, w + j * w_stride, w_stride, y + j);
  }
}

/// Sums of the columns of x(rows, stride), in four chains that take turns, chunk by chunk.
static inline V sum_rows(Size rows, Size stride, Size columns, const float* x) {
  constexpr Size kChunk = 64;
  V total = broadcast(0.0f);
  for (Size i = 0; i < rows; i += kChunk) {
    V chain[4] = {};
    const Size end = i + kChunk < rows ? i + kChunk : rows;
    Size r = i;
    for (; r + 4 <= end; r += 4) {
      HEBB_UNROLL
      for (int c = 0; c < 4; c++) chain[c] += load_part<V>(x + (r + c) * stride, columns);
    }
    for (; r < end; r++) chain[0] += load_part<V>(x + r * stride, columns);
    total += (chain[0] + chain[1]) + (chain[2] + chain[3]);
  }
  return total;
}

static void column_sums(Size m, Size n, const float* x, float* sums) {
  if (n >= W || m < W) {
    for (Size j = 0; j < n; j += W) {
      const Size count = n - j < W ? n - j : W;
      store_part<V>(sums + j, sum_rows(m, n, count, x + j), count);
    }
    return;
  }
  // Narrow rows side by side until whole vectors hold them: then the sums of the columns that belong together.
  Size fold = 2;
  while (n * fold % W != 0) fold *= 2;
  const Size width = n * fold, rows = m / fold;
  float folded[W * W];
  for (Size j = 0; j < width; j += W) store(folded + j, sum_rows(rows, width, W, x + j));
  for (Size j = 0; j < n; j++) {
    float sum = 0;
    for (Size f = 0; f < fold; f++) sum += folded[f * n + j];
    for (Size r = rows * fold; r < m; r++) sum += x[r * n + j];
    sums[j] = sum;
  }
}

}  // namespace hebb::HEBB_ISA
