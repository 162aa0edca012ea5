// Optimisers, defined as in PyTorch.
#include <cmath>

#include "op.h"

namespace hebb {
namespace {

/// base^exponent by squaring: the same bits with every C library.
double power(double base, std::uint64_t exponent) {
  double result = 1;
  for (; exponent; exponent >>= 1, base *= base) {
    if (exponent & 1) result *= base;
  }
  return result;
}

}  // namespace

void run(const sgd_args& a, Step& step) {
  const float rate = float(step.learning_rate);
  for_each_range(step, a.elements, [&](Size first, Size n) {
    if (a.velocity) {
      step.kernels->sgd_momentum(n, a.w + first, a.gradient + first, a.velocity + first, rate, float(a.momentum));
    } else {
      step.kernels->sgd(n, a.w + first, a.gradient + first, rate);
    }
  });
}

// Kingma, Ba: "Adam: a method for stochastic optimization", ICLR 2015, algorithm 1.
void run(const adam_args& a, Step& step) {
  const std::uint64_t t = std::uint64_t(step.step) + 1;
  AdamStep s;
  s.beta1 = float(a.beta1), s.beta2 = float(a.beta2), s.epsilon = float(a.epsilon);
  s.one_minus_beta1 = float(1 - a.beta1), s.one_minus_beta2 = float(1 - a.beta2);
  s.rate = float(step.learning_rate / (1 - power(a.beta1, t)));
  s.inverse_root_correction2 = float(1 / std::sqrt(1 - power(a.beta2, t)));
  for_each_range(step, a.elements, [&](Size first, Size n) {
    step.kernels->adam(n, a.w + first, a.gradient + first, a.m + first, a.v + first, s);
  });
}

}  // namespace hebb
