// The inner loops, once, over vectors of any width. Included by one file per instruction set, which defines V (floats)
// and I (ints of the same width), broadcast, fma, square_root, load_first and store_first. No standard library header
// may be included here: its inline functions would be compiled for this instruction set and could be linked into the
// rest.
#pragma once
#include "../random.h"
#include "kernels.h"

namespace hebb::HEBB_ISA {

constexpr int W = HEBB_WIDTH;
constexpr int kRows = HEBB_TILE_ROWS;
constexpr int kPanel = 2 * W;

typedef float UnalignedV __attribute__((vector_size(W * 4), aligned(4), may_alias));

static inline V load(const float* p) { return V(*reinterpret_cast<const UnalignedV*>(p)); }
static inline void store(float* p, V v) { *reinterpret_cast<UnalignedV*>(p) = UnalignedV(v); }
static inline V choose(I mask, V yes, V no) { return V((mask & I(yes)) | (~mask & I(no))); }
static inline V maximum(V a, V b) { return choose(I(a > b), a, b); }

/// Calls f(offset, load, store) for whole vectors and once for the rest of n elements.
template <class F>
static inline void each_vector(Size n, F f) {
  Size i = 0;
  for (; i + W <= n; i += W)
    f(
        i, [](const float* p) { return load(p); }, [](float* p, V v) { store(p, v); });
  if (Size rest = n - i) {
    f(
        i, [rest](const float* p) { return load_first(p, rest); }, [rest](float* p, V v) { store_first(p, v, rest); });
  }
}

static inline float sum_lanes(V v) {
  for (int half = W / 2; half > 0; half /= 2) {
    for (int i = 0; i < half; i++) v[i] += v[i + half];
  }
  return v[0];
}

// ---- exponential and its relatives
// -------------------------------------------------------------------------------------

/// e^x within 2 ulp: Cody-Waite reduction to |r| <= ln(2)/2, polynomial of degree 6 (coefficients as in Cephes' expf).
static inline V exponential(V x) {
  const V low = broadcast(-87.3365f), high = broadcast(88.72283f);
  V clamped = choose(I(x < low), low, choose(I(x > high), high, x));
  const V magic = broadcast(12582912.0f);  // 1.5 * 2^23: adding it rounds to an integer
  V n = fma(clamped, broadcast(1.44269504f), magic) - magic;
  // 2^128 has no float: the last power is taken in two halves.
  V half = fma(n, broadcast(0.5f), magic) - magic;
  V r = fma(n, broadcast(-0.693359375f), clamped);
  r = fma(n, broadcast(2.12194440e-4f), r);
  V p = broadcast(1.9875691500e-4f);
  p = fma(p, r, broadcast(1.3981999507e-3f));
  p = fma(p, r, broadcast(8.3334519073e-3f));
  p = fma(p, r, broadcast(4.1665795894e-2f));
  p = fma(p, r, broadcast(1.6666665459e-1f));
  p = fma(p, r, broadcast(5.0000001201e-1f));
  p = fma(p, r * r, r) + broadcast(1.0f);
  I e1 = __builtin_convertvector(half, I), e2 = __builtin_convertvector(n - half, I);
  V result = p * V((e1 + 127) << 23) * V((e2 + 127) << 23);
  result = choose(I(x > high), broadcast(__builtin_inff()), result);
  return choose(I(x < low), broadcast(0.0f), choose(I(x != x), x, result));
}

static inline V sigmoid(V x) {
  const V one = broadcast(1.0f);
  return one / (one + exponential(-x));
}

/// tanh within 3 ulp: odd polynomial below 0.625 (Cephes' tanhf), 1 - 2 / (e^2|x| + 1) above.
static inline V hyperbolic_tangent(V x) {
  const I sign = I(x) & I(broadcast(-0.0f));
  V magnitude = V(I(x) ^ sign);
  V z = x * x;
  V p = broadcast(-5.70498872745e-3f);
  p = fma(p, z, broadcast(2.06390887954e-2f));
  p = fma(p, z, broadcast(-5.37397155531e-2f));
  p = fma(p, z, broadcast(1.33314422036e-1f));
  p = fma(p, z, broadcast(-3.33332819422e-1f));
  V small = fma(p * z, x, x);
  const V one = broadcast(1.0f);
  V large = one - broadcast(2.0f) / (exponential(magnitude + magnitude) + one);
  return choose(I(magnitude < broadcast(0.625f)), small, V(I(large) | sign));
}

template <Activation Kind>
static inline V activation(V x, V slope) {
  if constexpr (Kind == Activation::relu) return choose(I(x <= broadcast(0.0f)), broadcast(0.0f), x);
  if constexpr (Kind == Activation::leakyRelu) return choose(I(x < broadcast(0.0f)), x * slope, x);
  if constexpr (Kind == Activation::sigmoid) return sigmoid(x);
  if constexpr (Kind == Activation::tanh) return hyperbolic_tangent(x);
  if constexpr (Kind == Activation::step) return choose(I(x > broadcast(0.0f)), broadcast(1.0f), broadcast(0.0f));
  return x;
}

/// dy * f'(x) from y = f(x). The sign of leakyRelu's output is that of its input, because its slope is positive.
template <Activation Kind>
static inline V activation_backward(V y, V dy, V slope) {
  const V one = broadcast(1.0f), zero = broadcast(0.0f);
  if constexpr (Kind == Activation::relu) return choose(I(y > zero), dy, zero);
  if constexpr (Kind == Activation::leakyRelu) return choose(I(y < zero), dy * slope, dy);
  if constexpr (Kind == Activation::sigmoid) return dy * (y * (one - y));
  if constexpr (Kind == Activation::tanh) return dy * (one - y * y);
  if constexpr (Kind == Activation::step) return zero;
  return dy;
}

/// Calls f.operator()<Kind>() for a kind known only at run time.
template <class F>
static inline void with_activation(Activation kind, F f) {
  switch (kind) {
    case Activation::relu:
      return f.template operator()<Activation::relu>();
    case Activation::leakyRelu:
      return f.template operator()<Activation::leakyRelu>();
    case Activation::sigmoid:
      return f.template operator()<Activation::sigmoid>();
    case Activation::tanh:
      return f.template operator()<Activation::tanh>();
    case Activation::step:
      return f.template operator()<Activation::step>();
    default:
      return f.template operator()<Activation::linear>();
  }
}

static void activate(Activation kind, float slope, Size n, const float* x, float* y) {
  const V s = broadcast(slope);
  with_activation(kind, [=]<Activation Kind>() {
    each_vector(n, [=](Size i, auto get, auto put) { put(y + i, activation<Kind>(get(x + i), s)); });
  });
}

static void activate_backward(Activation kind, float slope, Size n, const float* y, const float* dy, float* dx) {
  const V s = broadcast(slope);
  with_activation(kind, [=]<Activation Kind>() {
    each_vector(
        n, [=](Size i, auto get, auto put) { put(dx + i, activation_backward<Kind>(get(y + i), get(dy + i), s)); });
  });
}

// ---- matrix products
// ---------------------------------------------------------------------------------------------------

/// M rows by N vectors of C in registers. Mask: B's last vector is read only as far as C is wide.
template <int M, int N, bool Mask, bool Table>
static void tile(const GemmBlock& g, Size i, Size j) {
  const float* a[M];
  for (int r = 0; r < M; r++) a[r] = g.a + (Table ? Size(g.row_offsets[i + r]) : (i + r) * g.row_stride);
  const float* b = g.b + j / kPanel * g.panel_stride;
  const Size columns = g.n - j < N * W ? g.n - j : N * W;
  const Size last = columns - (N - 1) * W;  // 1 to W
  float* c = g.c + i * g.c_stride + j;
  V acc[M][N];
  for (int r = 0; r < M; r++) {
    for (int v = 0; v < N; v++) {
      if (!g.accumulate) {
        acc[r][v] = broadcast(0.0f);
      } else {
        const float* from = c + r * g.c_stride + v * W;
        acc[r][v] = v == N - 1 && last < W ? load_first(from, last) : load(from);
      }
    }
  }
  const Size b_stride = g.b_stride;
  for (Size p = 0; p < g.k; p++) {
    const Size offset = Table ? Size(g.column_offsets[p]) : p * g.column_stride;
    V bv[N];
    for (int v = 0; v < N; v++) bv[v] = Mask && v == N - 1 ? load_first(b + v * W, last) : load(b + v * W);
    b += b_stride;
    for (int r = 0; r < M; r++) {
      const V x = broadcast(a[r][offset]);
      for (int v = 0; v < N; v++) acc[r][v] = fma(x, bv[v], acc[r][v]);
    }
  }
  if (g.bias) {
    for (int v = 0; v < N; v++) {
      const V bias = v == N - 1 && last < W ? load_first(g.bias + j + v * W, last) : load(g.bias + j + v * W);
      for (int r = 0; r < M; r++) acc[r][v] += bias;
    }
  }
  if (g.activation != Activation::linear) {
    const V slope = broadcast(g.slope);
    with_activation(g.activation, [&]<Activation Kind>() {
      for (int r = 0; r < M; r++) {
        for (int v = 0; v < N; v++) acc[r][v] = activation<Kind>(acc[r][v], slope);
      }
    });
  }
  for (int r = 0; r < M; r++) {
    for (int v = 0; v < N; v++) {
      float* to = c + r * g.c_stride + v * W;
      if (v == N - 1 && last < W) {
        store_first(to, acc[r][v], last);
      } else {
        store(to, acc[r][v]);
      }
    }
  }
}

template <int M, int N, bool Mask, bool Table>
static inline void remaining_rows(const GemmBlock& g, Size i, Size j) {
  if (g.m - i == M) return tile<M, N, Mask, Table>(g, i, j);
  if constexpr (M > 1) remaining_rows<M - 1, N, Mask, Table>(g, i, j);
}

/// All rows of C's columns j to j + N vectors, or to its end.
template <int M, int N, bool Table>
static inline void column_strip(const GemmBlock& g, Size j) {
  const bool mask = !g.b_padded && g.n - j < N * W;
  Size i = 0;
  if (mask) {
    for (; i + M <= g.m; i += M) tile<M, N, true, Table>(g, i, j);
    if constexpr (M > 1) {
      if (i < g.m) remaining_rows<M - 1, N, true, Table>(g, i, j);
    }
  } else {
    for (; i + M <= g.m; i += M) tile<M, N, false, Table>(g, i, j);
    if constexpr (M > 1) {
      if (i < g.m) remaining_rows<M - 1, N, false, Table>(g, i, j);
    }
  }
}

/// The last columns, fewer than N vectors.
template <int M, int N, bool Table>
static inline void last_strip(const GemmBlock& g, Size j) {
  if (g.n - j > (N - 1) * W) return column_strip<M, N, Table>(g, j);
  if constexpr (N > 1) last_strip<M, N - 1, Table>(g, j);
}

template <int M, int N, bool Table>
static inline void all_strips(const GemmBlock& g) {
  Size j = 0;
  for (; j + N * W <= g.n; j += N * W) column_strip<M, N, Table>(g, j);
  if (j < g.n) last_strip<M, N, Table>(g, j);
}

static void gemm(const GemmBlock& g) {
  if (g.row_offsets) return all_strips<kRows, 2, true>(g);
  // One or two rows leave registers free: wider tiles keep the multipliers busy. They need B's columns side by side.
  if (g.m == 1 && g.panel_stride == kPanel) return all_strips<1, 8, false>(g);
  if (g.m == 2 && g.panel_stride == kPanel) return all_strips<2, 4, false>(g);
  all_strips<kRows, 2, false>(g);
}

template <int N>
static inline void dot_rows(Size k, const float* x, const float* w, Size w_stride, float* y) {
  V acc[N];
  for (int r = 0; r < N; r++) acc[r] = broadcast(0.0f);
  each_vector(k, [&](Size p, auto get, auto) {
    const V xv = get(x + p);
    for (int r = 0; r < N; r++) acc[r] = fma(xv, get(w + r * w_stride + p), acc[r]);
  });
  for (int r = 0; r < N; r++) y[r] = sum_lanes(acc[r]);
}

static void gemm_dot(Size m, Size n, Size k, const float* x, Size x_stride, const float* w, Size w_stride, float* y,
                     Size y_stride) {
  for (Size i = 0; i < m; i++) {
    Size j = 0;
    for (; j + 4 <= n; j += 4) dot_rows<4>(k, x + i * x_stride, w + j * w_stride, w_stride, y + i * y_stride + j);
    for (; j < n; j++) dot_rows<1>(k, x + i * x_stride, w + j * w_stride, w_stride, y + i * y_stride + j);
  }
}

static void column_sums(Size m, Size n, const float* x, float* sums) {
  constexpr Size kChunk = 64;  // rows summed in one chain; the chains' sums are added in order
  each_vector(n, [=](Size j, auto get, auto put) {
    V total = broadcast(0.0f);
    for (Size i = 0; i < m; i += kChunk) {
      V chunk = broadcast(0.0f);
      const Size end = i + kChunk < m ? i + kChunk : m;
      for (Size r = i; r < end; r++) chunk += get(x + r * n + j);
      total += chunk;
    }
    put(sums + j, total);
  });
}

// ---- softmax and losses
// ------------------------------------------------------------------------------------------------

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

// ---- elementwise
// -------------------------------------------------------------------------------------------------------

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

// ---- pooling
// -----------------------------------------------------------------------------------------------------------

/// Calls f(output pixel, input pixel) for every position of every window that lies within the image; start(output
/// pixel) comes before and end(output pixel) after the positions of each window.
template <class Start, class Visit, class End>
static inline void each_window(const PoolGeometry& g, Start start, Visit visit, End end) {
  for (Size oy = 0; oy < g.output_height; oy++) {
    const Size top = oy * g.stride_height - g.pad_top;
    const Size y0 = top < 0 ? 0 : top, y1 = top + g.size_height < g.height ? top + g.size_height : g.height;
    for (Size ox = 0; ox < g.output_width; ox++) {
      const Size left = ox * g.stride_width - g.pad_left;
      const Size x0 = left < 0 ? 0 : left, x1 = left + g.size_width < g.width ? left + g.size_width : g.width;
      const Size out = (oy * g.output_width + ox) * g.channels;
      start(out);
      for (Size y = y0; y < y1; y++) {
        for (Size x = x0; x < x1; x++) visit(out, (y * g.width + x) * g.channels);
      }
      end(out);
    }
  }
}

static void max_pool(const PoolGeometry& g, const float* x, float* y) {
  each_vector(g.channels, [&](Size c, auto get, auto put) {
    V best = broadcast(0.0f);
    each_window(
        g, [&](Size) { best = broadcast(-__builtin_inff()); },
        [&](Size, Size in) {
          const V v = get(x + in + c);
          best = choose(I(v > best) | I(v != v), v, best);
        },
        [&](Size out) { put(y + out + c, best); });
  });
}

static void max_pool_backward(const PoolGeometry& g, const float* x, const float* y, const float* dy, float* dx) {
  __builtin_memset(dx, 0, std::size_t(g.height * g.width * g.channels) * sizeof(float));
  each_vector(g.channels, [&](Size c, auto get, auto put) {
    V best = broadcast(0.0f), gradient = best;
    I found = {};
    each_window(
        g, [&](Size out) { best = get(y + out + c), gradient = get(dy + out + c), found = I{}; },
        [&](Size, Size in) {
          const I hit = I(get(x + in + c) == best) & ~found;
          found |= hit;
          put(dx + in + c, get(dx + in + c) + choose(hit, gradient, broadcast(0.0f)));
        },
        [](Size) {});
  });
}

// ---- optimisers
// --------------------------------------------------------------------------------------------------------

static void sgd(Size n, float* w, const float* gradient, float rate) {
  const V r = broadcast(-rate);
  each_vector(n, [=](Size i, auto get, auto put) { put(w + i, fma(r, get(gradient + i), get(w + i))); });
}

static void sgd_momentum(Size n, float* w, const float* gradient, float* velocity, float rate, float momentum) {
  const V r = broadcast(-rate), mu = broadcast(momentum);
  each_vector(n, [=](Size i, auto get, auto put) {
    const V v = fma(mu, get(velocity + i), get(gradient + i));
    put(velocity + i, v);
    put(w + i, fma(r, v, get(w + i)));
  });
}

static void adam(Size n, float* w, const float* gradient, float* m, float* v, const AdamStep& step) {
  const V b1 = broadcast(step.beta1), b2 = broadcast(step.beta2);
  const V c1 = broadcast(step.one_minus_beta1), c2 = broadcast(step.one_minus_beta2);
  const V rate = broadcast(step.rate), epsilon = broadcast(step.epsilon),
          correct = broadcast(step.inverse_root_correction2);
  each_vector(n, [=](Size i, auto get, auto put) {
    const V g = get(gradient + i);
    const V mean = fma(b1, get(m + i), c1 * g);
    const V square = fma(b2, get(v + i), c2 * g * g);
    put(m + i, mean);
    put(v + i, square);
    put(w + i, get(w + i) - rate * mean / fma(square_root(square), correct, epsilon));
  });
}

}  // namespace hebb::HEBB_ISA

#define HEBB_STRING2(x) #x
#define HEBB_STRING(x) HEBB_STRING2(x)
#define HEBB_TABLE2(isa) isa##_kernels
#define HEBB_TABLE(isa) HEBB_TABLE2(isa)

namespace hebb {

const Kernels HEBB_TABLE(HEBB_ISA) = {
    HEBB_STRING(HEBB_ISA),
    HEBB_ISA::W,
    HEBB_ISA::kRows,
    HEBB_ISA::kPanel,
    HEBB_ISA::gemm,
    HEBB_ISA::gemm_dot,
    HEBB_ISA::column_sums,
    HEBB_ISA::activate,
    HEBB_ISA::activate_backward,
    HEBB_ISA::softmax,
    HEBB_ISA::softmax_backward,
    HEBB_ISA::softmax_cross_entropy,
    HEBB_ISA::affine,
    HEBB_ISA::affine_uint8,
    HEBB_ISA::scaled_difference,
    HEBB_ISA::dropout,
    HEBB_ISA::max_pool,
    HEBB_ISA::max_pool_backward,
    HEBB_ISA::sgd,
    HEBB_ISA::sgd_momentum,
    HEBB_ISA::adam,
};

}  // namespace hebb
