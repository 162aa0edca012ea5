// Optimisers, defined as in PyTorch.
#include <algorithm>
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
      step.kernels->sgd_momentum(n, a.w + first, a.gradient + first, a.velocity + first, rate, float(a.momentum),
                                 a.nesterov != 0);
    } else {
      step.kernels->sgd(n, a.w + first, a.gradient + first, rate);
    }
  });
}

// Tieleman, Hinton: "Lecture 6.5: rmsprop", Coursera: Neural networks for machine learning, 2012.
void run(const rmsprop_args& a, Step& step) {
  for_each_range(step, a.elements, [&](Size first, Size n) {
    step.kernels->rmsprop(n, a.w + first, a.gradient + first, a.square + first,
                          a.velocity ? a.velocity + first : nullptr, float(step.learning_rate), float(a.decay),
                          float(1 - a.decay), float(a.epsilon), float(a.momentum));
  });
}

// Duchi, Hazan, Singer: "Adaptive subgradient methods for online learning", JMLR 12, 2011, section 1.1 (diagonal form).
void run(const adagrad_args& a, Step& step) {
  for_each_range(step, a.elements, [&](Size first, Size n) {
    step.kernels->adagrad(n, a.w + first, a.gradient + first, a.sum + first, float(step.learning_rate),
                          float(a.epsilon));
  });
}

// Kingma, Ba: "Adam: a method for stochastic optimization", ICLR 2015, algorithm 1; the weight decay: Loshchilov,
// Hutter: "Decoupled weight decay regularization", ICLR 2019, algorithm 2.
void run(const adam_args& a, Step& step) {
  const std::uint64_t t = std::uint64_t(step.step) + 1;
  AdamStep s;
  s.beta1 = float(a.beta1), s.beta2 = float(a.beta2), s.epsilon = float(a.epsilon);
  s.one_minus_beta1 = float(1 - a.beta1), s.one_minus_beta2 = float(1 - a.beta2);
  s.rate = float(step.learning_rate / (1 - power(a.beta1, t)));
  s.kept = float(1 - step.learning_rate * a.weight_decay);
  s.inverse_root_correction2 = float(1 / std::sqrt(1 - power(a.beta2, t)));
  for_each_range(step, a.elements, [&](Size first, Size n) {
    step.kernels->adam(n, a.w + first, a.gradient + first, a.m + first, a.v + first, s);
  });
}

void run(const clip_value_args& a, Step& step) {
  const float limit = float(a.limit);
  for_each_range(step, a.elements, [&](Size first, Size n) {
    for (Size i = first; i < first + n; i++) {
      const float g = a.gradient[i];
      a.gradient[i] = g > limit ? limit : g < -limit ? -limit : g;
    }
  });
}

// Pascanu, Mikolov, Bengio: "On the difficulty of training recurrent neural networks", ICML 2013, algorithm 1.
void run(const clip_norm_args& a, Step& step) {
  double squares = 0;
  for (Size i = 0; i < a.elements; i++) squares += double(a.gradient[i]) * double(a.gradient[i]);
  const double scale = a.limit / (std::sqrt(squares) + 1e-6);
  if (scale >= 1) return;
  // NaN where a gradient is: then all of them become NaN. In double, where no scale is too small.
  for_each_range(step, a.elements, [&](Size first, Size n) {
    for (Size i = first; i < first + n; i++) a.gradient[i] = float(double(a.gradient[i]) * scale);
  });
}

// Srivastava et al.: "Dropout", JMLR 15, 2014, section 5.1.
void run(const max_norm_args& a, Step& step) {
  constexpr Size kUnits = 64;  // columns of a task, summed row by row
  const int tasks = int((a.units + kUnits - 1) / kUnits);
  parallel_for(tasks, a.inputs * a.units < kElementwiseSerial ? 1 : step.threads, [&](int task, int) {
    const Size first = task * kUnits, n = std::min(kUnits, a.units - first);
    double squares[kUnits] = {};
    for (Size i = 0; i < a.inputs; i++) {
      const float* w = a.w + i * a.units + first;
      for (Size unit = 0; unit < n; unit++) squares[unit] += double(w[unit]) * double(w[unit]);
    }
    double scales[kUnits];
    bool any = false;
    for (Size unit = 0; unit < n; unit++) {
      const double norm = std::sqrt(squares[unit]);
      scales[unit] = norm <= a.limit ? 1 : a.limit / (norm + 1e-7);  // NaN where a weight is
      any |= scales[unit] != 1;
    }
    if (!any) return;
    for (Size i = 0; i < a.inputs; i++) {
      float* w = a.w + i * a.units + first;
      for (Size unit = 0; unit < n; unit++) w[unit] = float(double(w[unit]) * scales[unit]);
    }
  });
}

}  // namespace hebb
