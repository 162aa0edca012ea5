// Optimisers, one pass over the parameters.

namespace hebb::HEBB_ISA {

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
