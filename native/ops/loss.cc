// Losses and what is counted. Values are added in double, row after row.
#include <cmath>

#include "op.h"

namespace hebb {
namespace {

Size largest(const float* x, Size n) {
  Size best = 0;
  for (Size i = 1; i < n; i++) {
    if (x[i] > x[best]) best = i;
  }
  return best;
}

}  // namespace

void run(const softmax_cross_entropy_args& a, Step& step) {
  const float scale = 1.0f / float(step.rows);
  double total = 0;
  for (Size r = 0; r < step.rows; r++) {
    const Size row = r * a.classes;
    float max, sum_exp, dot, sum_t;
    step.kernels->softmax_cross_entropy(a.classes, a.x + row, a.t + row, scale, a.dx + row, &max, &sum_exp, &dot,
                                        &sum_t);
    total += double(sum_t) * (std::log(double(sum_exp)) + double(max)) - double(dot);
  }
  step.values[a.value] = total / double(step.rows);
}

void run(const binary_cross_entropy_args& a, Step& step) {
  const Size n = step.rows * a.elements;
  const float scale = 1.0f / float(n);
  double total = 0;
  for (Size i = 0; i < n; i++) {
    const double z = a.x[i], t = a.t[i];
    // max(z, 0) - z t + log(1 + e^-|z|): no overflow for any finite z
    total += (z > 0 ? z : 0) - z * t + std::log1p(std::exp(-std::fabs(z)));
    if (!(z == z)) total = z;
  }
  step.kernels->activate(Activation::sigmoid, 0, n, a.x, a.dx);
  step.kernels->scaled_difference(n, a.dx, a.t, scale, a.dx);
  step.values[a.value] = total / double(n);
}

void run(const squared_error_args& a, Step& step) {
  const Size n = step.rows * a.elements;
  double total = 0;
  for (Size i = 0; i < n; i++) {
    const double d = double(a.x[i]) - double(a.t[i]);
    total += d * d;
  }
  step.kernels->scaled_difference(n, a.x, a.t, float(2 * a.value_scale / double(step.rows)), a.dx);
  step.values[a.value] = total * a.value_scale / double(step.rows);
}

void run(const count_correct_args& a, Step& step) {
  Size correct = 0;
  for (Size r = 0; r < step.rows; r++) {
    const float *x = a.x + r * a.elements, *t = a.t + r * a.elements;
    const bool right = a.elements == 1 ? (double(x[0]) > a.threshold) == (t[0] > 0.5f)
                                       : largest(x, a.elements) == largest(t, a.elements);
    if (right) correct++;
  }
  step.values[a.value] = double(correct);
}

}  // namespace hebb
