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

static void affine_each(Size n, const float* x, const float* scale, const float* offset, float* y) {
  each_vector(n, [=](Size i, auto get, auto put) { put(y + i, fma(get(x + i), get(scale + i), get(offset + i))); });
}

static void affine_each_uint8(Size n, const std::uint8_t* x, const float* scale, const float* offset, float* y) {
  typedef std::uint8_t Bytes __attribute__((vector_size(W)));
  each_vector(n, [=](Size i, auto get, auto put) {
    Bytes bytes = {};
    if (i + W <= n) {
      __builtin_memcpy(&bytes, x + i, W);
    } else {
      for (Size r = 0; r < n - i; r++) bytes[r] = x[i + r];
    }
    put(y + i, fma(__builtin_convertvector(bytes, V), get(scale + i), get(offset + i)));
  });
}

static void scaled_difference(Size n, const float* x, const float* t, float scale, float* y) {
  const V s = broadcast(scale);
  each_vector(n, [=](Size i, auto get, auto put) { put(y + i, s * (get(x + i) - get(t + i))); });
}

/// Philox (random.h) for W blocks side by side: word w of block i of `counter` on goes to lane i of words[w].
static inline void philox_blocks(PhiloxKey key, PhiloxCounter counter, U* words) {
  const auto all = [](std::uint32_t x) { return U(I{} + int(x)); };
  U block = all(counter.block);
  HEBB_UNROLL
  for (int i = 0; i < W; i++) block[i] += std::uint32_t(i);
  U c0 = block, c1 = all(counter.step), c2 = all(counter.epoch), c3 = all(counter.stream);
  std::uint32_t k0 = key.seed, k1 = key.purpose;
  // 32 x 32 to 64 bits, for the even lanes and the odd ones: low and high halves.
  const auto multiply = [](U x, std::uint32_t factor, U* low, U* high) {
    const Wide f = Wide{} + factor;
    const Wide even = multiply_low(Wide(x), f), odd = multiply_low(Wide(x) >> 32, f);
    const Wide low_half = Wide{} + 0xffffffffull;
    *low = U((even & low_half) | (odd << 32));
    *high = U((even >> 32) | (odd & ~low_half));
  };
  for (int round = 0; round < 10; round++) {
    U l0, h0, l1, h1;
    multiply(c0, 0xD2511F53, &l0, &h0);
    multiply(c2, 0xCD9E8D57, &l1, &h1);
    c0 = h1 ^ c1 ^ all(k0), c1 = l1;
    c2 = h0 ^ c3 ^ all(k1), c3 = l0;
    k0 += 0x9E3779B9, k1 += 0xBB67AE85;
  }
  words[0] = c0, words[1] = c1, words[2] = c2, words[3] = c3;
}

/// a0 b0 a1 b1 …, from the first halves of two vectors and from the second.
static inline void interleave(U& a, U& b) {
  I low = {}, high = {};
  HEBB_UNROLL
  for (int i = 0; i < W; i++) low[i] = i / 2 + (i % 2) * W, high[i] = low[i] + W / 2;
  const V first = shuffle(V(a), V(b), low);
  b = U(shuffle(V(a), V(b), high));
  a = U(first);
}

static void dropout(Size n, const float* x, float* y, float rate, std::uint32_t seed, std::uint32_t purpose,
                    std::uint32_t step, std::uint32_t epoch, std::uint32_t stream, Size first) {
  const float scale = 1.0f / (1.0f - rate);
  const std::uint32_t threshold = std::uint32_t(double(rate) * 4294967296.0);
  for (Size i = 0; i < n;) {
    const Size position = first + i;
    const PhiloxCounter counter{std::uint32_t(position / 4), step, epoch, stream};
    if (position % 4 == 0 && i + 4 * W <= n) {
      U words[4];
      philox_blocks({seed, purpose}, counter, words);
      interleave(words[0], words[2]);
      interleave(words[1], words[3]);
      interleave(words[0], words[1]);
      interleave(words[2], words[3]);
      HEBB_UNROLL
      for (int w = 0; w < 4; w++, i += W) {
        const I kept = I(words[w] >= U(I{} + int(threshold)));
        store(y + i, choose(kept, load(x + i) * broadcast(scale), broadcast(0.0f)));
      }
      continue;
    }
    std::uint32_t bits[4];
    philox({seed, purpose}, counter, bits);
    for (Size lane = position % 4; lane < 4 && i < n; lane++, i++) y[i] = bits[lane] >= threshold ? x[i] * scale : 0.0f;
  }
}

}  // namespace hebb::HEBB_ISA
