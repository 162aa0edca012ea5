// Optimisers, one pass over the parameters.

namespace hebb::HEBB_ISA {

static void sgd(Size n, float* w, const float* gradient, float rate) {
  const V r = broadcast(-rate);
  each_vector(n, [=](Size i, auto get, auto put) { put(w + i, fma(r, get(gradient + i), get(w + i))); });
}

static void sgd_momentum(Size n, float* w, const float* gradient, float* velocity, float rate, float momentum,
                         bool nesterov) {
  const V r = broadcast(-rate), mu = broadcast(momentum);
  each_vector(n, [=](Size i, auto get, auto put) {
    const V g = get(gradient + i);
    const V v = fma(mu, get(velocity + i), g);
    put(velocity + i, v);
    put(w + i, fma(r, nesterov ? fma(mu, v, g) : v, get(w + i)));
  });
}

static void rmsprop(Size n, float* w, const float* gradient, float* square, float* velocity, float rate, float decay,
                    float one_minus_decay, float epsilon, float momentum) {
  const V r = broadcast(-rate), a = broadcast(decay), b = broadcast(one_minus_decay), mu = broadcast(momentum);
  const V least = broadcast(epsilon);
  each_vector(n, [=](Size i, auto get, auto put) {
    const V g = get(gradient + i);
    const V s = fma(a, get(square + i), b * g * g);
    put(square + i, s);
    V step = g / (square_root(s) + least);
    if (velocity) {
      step = fma(mu, get(velocity + i), step);
      put(velocity + i, step);
    }
    put(w + i, fma(r, step, get(w + i)));
  });
}

static void adagrad(Size n, float* w, const float* gradient, float* sum, float rate, float epsilon) {
  const V r = broadcast(-rate), least = broadcast(epsilon);
  each_vector(n, [=](Size i, auto get, auto put) {
    const V g = get(gradient + i);
    const V s = fma(g, g, get(sum + i));
    put(sum + i, s);
    put(w + i, fma(r, g / (square_root(s) + least), get(w + i)));
  });
}

static void adam(Size n, float* w, const float* gradient, float* m, float* v, const AdamStep& step) {
  const V b1 = broadcast(step.beta1), b2 = broadcast(step.beta2);
  const V c1 = broadcast(step.one_minus_beta1), c2 = broadcast(step.one_minus_beta2);
  const V rate = broadcast(step.rate), epsilon = broadcast(step.epsilon),
          correct = broadcast(step.inverse_root_correction2), kept = broadcast(step.kept);
  each_vector(n, [=](Size i, auto get, auto put) {
    const V g = get(gradient + i);
    const V mean = fma(b1, get(m + i), c1 * g);
    const V square = fma(b2, get(v + i), c2 * g * g);
    put(m + i, mean);
    put(v + i, square);
    put(w + i, get(w + i) * kept - rate * mean / fma(square_root(square), correct, epsilon));
  });
}

}  // namespace hebb::HEBB_ISA
