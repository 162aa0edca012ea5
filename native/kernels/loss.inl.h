// Softmax and what losses share.

namespace hebb::HEBB_ISA {

static inline float row_maximum(Size n, const float* x) {
  float max = x[0];
  for (Size i = 1; i < n; i++) max = x[i] > max ? x[i] : max;
  return max;
}

/// y = e^(x - max); returns the sum.
static inline float row_exponentials(Size n, const float* x, float max, float* y) {
  const V shift = broadcast(max);
  each_vector(n, [=](Size i, auto get, auto put) { put(y + i, exponential(get(x + i) - shift)); });
  float sum = 0;
  for (Size i = 0; i < n; i++) sum += y[i];
  return sum;
}

static void softmax(Size rows, Size n, const float* x, float* y) {
  for (Size r = 0; r < rows; r++, x += n, y += n) {
    const float sum = row_exponentials(n, x, row_maximum(n, x), y);
    const V scale = broadcast(1.0f / sum);
    each_vector(n, [=](Size i, auto get, auto put) { put(y + i, get(y + i) * scale); });
  }
}

static void softmax_backward(Size rows, Size n, const float* y, const float* dy, float* dx) {
  for (Size r = 0; r < rows; r++, y += n, dy += n, dx += n) {
    float dot = 0;
    for (Size i = 0; i < n; i++) dot += dy[i] * y[i];
    const V shift = broadcast(dot);
    each_vector(n, [=](Size i, auto get, auto put) { put(dx + i, get(y + i) * (get(dy + i) - shift)); });
  }
}

static void softmax_cross_entropy(Size n, const float* x, const float* t, float scale, float* dx, float* max,
                                  float* sum_exp, float* dot, float* sum_t) {
  *max = row_maximum(n, x);
  *sum_exp = row_exponentials(n, x, *max, dx);
  *dot = 0, *sum_t = 0;
  for (Size i = 0; i < n; i++) *dot += t[i] != 0 ? t[i] * x[i] : 0.0f, *sum_t += t[i];
  const V factor = broadcast(*sum_t / *sum_exp), s = broadcast(scale);
  each_vector(n, [=](Size i, auto get, auto put) { put(dx + i, s * (get(dx + i) * factor - get(t + i))); });
}

}  // namespace hebb::HEBB_ISA
