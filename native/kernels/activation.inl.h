// Exponential and its relatives, activations and their gradients.

namespace hebb::HEBB_ISA {

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

/// Within 4 ulp: log(1 + e^x) = max(x, 0) + log(1 + z) with z = e^-|x|; log(1 + z) = 2 artanh(s), s = z / (2 + z) <=
/// 1/3, by its series.
static inline V softplus(V x) {
  const V zero = broadcast(0.0f), two = broadcast(2.0f);
  const V magnitude = V(I(x) & ~I(broadcast(-0.0f)));
  const V z = exponential(-magnitude), s = z / (two + z), q = s * s;
  V p = broadcast(1.0f / 15);
  p = fma(p, q, broadcast(1.0f / 13));
  p = fma(p, q, broadcast(1.0f / 11));
  p = fma(p, q, broadcast(1.0f / 9));
  p = fma(p, q, broadcast(1.0f / 7));
  p = fma(p, q, broadcast(1.0f / 5));
  p = fma(p, q, broadcast(1.0f / 3));
  const V twice = s + s;
  return choose(I(x > zero), x, choose(I(x != x), x, zero)) + fma(p * q, twice, twice);
}

/// The error function within 4e-7: up to 1 its series (Abramowitz, Stegun, 7.1.5), beyond 1 - e^(-x^2) P(1 / (1 +
/// 0.3275911 x)) (7.1.26).
static inline V error_function(V x) {
  const I sign = I(x) & I(broadcast(-0.0f));
  const V one = broadcast(1.0f), magnitude = V(I(x) ^ sign), q = x * x;
  V series = broadcast(-1.0f / 685440);
  series = fma(series, q, broadcast(1.0f / 75600));
  series = fma(series, q, broadcast(-1.0f / 9360));
  series = fma(series, q, broadcast(1.0f / 1320));
  series = fma(series, q, broadcast(-1.0f / 216));
  series = fma(series, q, broadcast(1.0f / 42));
  series = fma(series, q, broadcast(-1.0f / 10));
  series = fma(series, q, broadcast(1.0f / 3));
  series = fma(series, -q, one) * x * broadcast(1.12837917f);
  const V t = one / fma(broadcast(0.3275911f), magnitude, one);
  V p = broadcast(1.061405429f);
  p = fma(p, t, broadcast(-1.453152027f));
  p = fma(p, t, broadcast(1.421413741f));
  p = fma(p, t, broadcast(-0.284496736f));
  p = fma(p, t, broadcast(0.254829592f));
  const V tail = one - p * t * exponential(-q);
  return choose(I(magnitude < one), series, V(I(tail) | sign));
}

/// The normal distribution function.
static inline V normal_share(V x) {
  return broadcast(0.5f) * (broadcast(1.0f) + error_function(x * broadcast(0.707106781f)));
}

constexpr float kSeluScale = 1.05070099f, kSeluAlpha = 1.67326324f;

/// Within 4 ulp of sigmoid, 5 of silu. Others err by so much as it stands, of results up to 1: elu 1.5e-7 times its
/// slope, selu 2.7e-7 and hardSigmoid 1.2e-7; gelu by 2e-7 |x|.
template <Activation Kind>
static inline V activation(V x, V slope) {
  [[maybe_unused]] const V one = broadcast(1.0f), zero = broadcast(0.0f);
  if constexpr (Kind == Activation::elu) return choose(I(x > zero), x, slope * (exponential(x) - one));
  if constexpr (Kind == Activation::selu) {
    const V scale = broadcast(kSeluScale), scaled_alpha = broadcast(kSeluScale * kSeluAlpha);
    return choose(I(x > zero), scale * x, scaled_alpha * (exponential(x) - one));
  }
  if constexpr (Kind == Activation::softplus) return softplus(x);
  if constexpr (Kind == Activation::hardSigmoid) {
    const V y = fma(x, broadcast(1.0f / 6), broadcast(0.5f));
    return choose(I(y < zero), zero, choose(I(y > one), one, y));
  }
  if constexpr (Kind == Activation::gelu) return x * normal_share(x);
  if constexpr (Kind == Activation::silu) return x * sigmoid(x);
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
  if constexpr (Kind == Activation::elu) return choose(I(y > zero), dy, dy * (y + slope));
  if constexpr (Kind == Activation::selu) {
    const V scale = broadcast(kSeluScale), scaled_alpha = broadcast(kSeluScale * kSeluAlpha);
    return dy * choose(I(y > zero), scale, y + scaled_alpha);
  }
  if constexpr (Kind == Activation::softplus) return dy * (one - exponential(-y));
  if constexpr (Kind == Activation::hardSigmoid) {
    return choose(I(y > zero) & I(y < one), dy * broadcast(1.0f / 6), zero);
  }
  if constexpr (Kind == Activation::relu) return choose(I(y > zero), dy, zero);
  if constexpr (Kind == Activation::leakyRelu) return choose(I(y < zero), dy * slope, dy);
  if constexpr (Kind == Activation::sigmoid) return dy * (y * (one - y));
  if constexpr (Kind == Activation::tanh) return dy * (one - y * y);
  if constexpr (Kind == Activation::step) return zero;
  return dy;
}

/// dy * f'(x) from x: of those whose output does not tell it, and of the rest through their output.
template <Activation Kind>
static inline V activation_backward_input(V x, V dy, V slope) {
  const V one = broadcast(1.0f);
  if constexpr (Kind == Activation::gelu) {
    const V density = broadcast(0.398942280f) * exponential(x * x * broadcast(-0.5f));
    return dy * fma(x, density, normal_share(x));
  }
  if constexpr (Kind == Activation::silu) {
    const V s = sigmoid(x);
    return dy * (s * fma(x, one - s, one));
  }
  return activation_backward<Kind>(activation<Kind>(x, slope), dy, slope);
}

/// Calls f.operator()<Kind>() for a kind known only at run time, of those that are parts of products.
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

/// The same for all kinds.
template <class F>
static inline void with_any_activation(Activation kind, F f) {
  switch (kind) {
    case Activation::elu:
      return f.template operator()<Activation::elu>();
    case Activation::selu:
      return f.template operator()<Activation::selu>();
    case Activation::softplus:
      return f.template operator()<Activation::softplus>();
    case Activation::hardSigmoid:
      return f.template operator()<Activation::hardSigmoid>();
    case Activation::gelu:
      return f.template operator()<Activation::gelu>();
    case Activation::silu:
      return f.template operator()<Activation::silu>();
    default:
      return with_activation(kind, f);
  }
}

static void activate(Activation kind, float slope, Size n, const float* x, float* y) {
  const V s = broadcast(slope);
  with_any_activation(kind, [=]<Activation Kind>() {
    each_vector(n, [=](Size i, auto get, auto put) { put(y + i, activation<Kind>(get(x + i), s)); });
  });
}

static void activate_backward(Activation kind, float slope, Size n, const float* y, const float* dy, float* dx) {
  const V s = broadcast(slope);
  with_any_activation(kind, [=]<Activation Kind>() {
    each_vector(
        n, [=](Size i, auto get, auto put) { put(dx + i, activation_backward<Kind>(get(y + i), get(dy + i), s)); });
  });
}

static void activate_backward_input(Activation kind, float slope, Size n, const float* x, const float* dy, float* dx) {
  const V s = broadcast(slope);
  with_any_activation(kind, [=]<Activation Kind>() {
    each_vector(n, [=](Size i, auto get, auto put) {
      put(dx + i, activation_backward_input<Kind>(get(x + i), get(dy + i), s));
    });
  });
}

}  // namespace hebb::HEBB_ISA
