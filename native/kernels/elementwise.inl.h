// Scaling, differences and dropout.

namespace hebb::HEBB_ISA {

static void affine(Size n, const float* x, float scale, float offset, float* y) {
  const V a = broadcast(scale), b = broadcast(offset);
  each_vector(n, [=](Size i, auto get, auto put) { put(y + i, fma(get(x + i), a, b)); });
}

static void affine_uint8(Size n, const std::uint8_t* x, float scale, float offset, float* y) {
  typedef std::uint8_t Bytes __attribute__((vector_size(W)));
  const V a = broadcast(scale), b = broadcast(offset);
  Size i = 0;
  for (; i + W <= n; i += W) {
    Bytes bytes;
    __builtin_memcpy(&bytes, x + i, W);
    store(y + i, fma(__builtin_convertvector(bytes, V), a, b));
  }
  if (Size rest = n - i) {
    Bytes bytes = {};
    for (Size r = 0; r < rest; r++) bytes[r] = x[i + r];
    store_first(y + i, fma(__builtin_convertvector(bytes, V), a, b), rest);
  }
}

static void scaled_difference(Size n, const float* x, const float* t, float scale, float* y) {
  const V s = broadcast(scale);
  each_vector(n, [=](Size i, auto get, auto put) { put(y + i, s * (get(x + i) - get(t + i))); });
}

static void dropout(Size n, const float* x, float* y, float rate, std::uint32_t seed, std::uint32_t purpose,
                    std::uint32_t step, std::uint32_t epoch, std::uint32_t stream, Size first) {
  const float scale = 1.0f / (1.0f - rate);
  const std::uint32_t threshold = std::uint32_t(double(rate) * 4294967296.0);
  for (Size i = 0; i < n;) {
    std::uint32_t bits[4];
    const Size position = first + i;
    philox({seed, purpose}, {std::uint32_t(position / 4), step, epoch, stream}, bits);
    for (Size lane = position % 4; lane < 4 && i < n; lane++, i++) y[i] = bits[lane] >= threshold ? x[i] * scale : 0.0f;
  }
}

}  // namespace hebb::HEBB_ISA
