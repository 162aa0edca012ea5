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

/// dx of each row times the row's weight.
template <class Args>
void weigh_rows(const Args& a, Step& step) {
  if (!a.weights) return;
  for (Size r = 0; r < step.rows; r++) {
    for (Size i = 0; i < a.elements; i++) a.dx[r * a.elements + i] *= a.weights[r];
  }
}

/// Mean over rows and elements of a loss that works element by element: f(x, t, &slope) returns it in double.
template <class Args, class F>
void run_elementwise(const Args& a, Step& step, F f) {
  const Size n = step.rows * a.elements;
  double total = 0;
  for (Size i = 0; i < n; i++) {
    const double weight = a.weights ? a.weights[i / a.elements] : 1;
    double slope;
    total += weight * f(double(a.x[i]), double(a.t[i]), &slope);
    a.dx[i] = float(weight * slope / double(n));
  }
  step.values[a.value] = total / double(n);
}

}  // namespace

void run(const softmax_cross_entropy_args& a, Step& step) {
  const float scale = 1.0f / float(step.rows);
  double total = 0;
  for (Size r = 0; r < step.rows; r++) {
    const Size row = r * a.classes;
    float max, sum_exp, dot, sum_t;
    const float weight = a.weights ? a.weights[r] : 1;
    step.kernels->softmax_cross_entropy(a.classes, a.x + row, a.t + row, scale * weight, a.dx + row, &max, &sum_exp,
                                        &dot, &sum_t);
    total += double(weight) * (double(sum_t) * (std::log(double(sum_exp)) + double(max)) - double(dot));
  }
  step.values[a.value] = total / double(step.rows);
}

void run(const binary_cross_entropy_args& a, Step& step) {
  const Size n = step.rows * a.elements;
  const float scale = 1.0f / float(n);
  double total = 0;
  for (Size i = 0; i < n; i++) {
    const double z = a.x[i], t = a.t[i], weight = a.weights ? a.weights[i / a.elements] : 1;
    // max(z, 0) - z t + log(1 + e^-|z|): no overflow for any finite z
    total += weight * ((z > 0 ? z : 0) - z * t + std::log1p(std::exp(-std::fabs(z))));
    if (!(z == z)) total = z;
  }
  step.kernels->activate(Activation::sigmoid, 0, n, a.x, a.dx);
  step.kernels->scaled_difference(n, a.dx, a.t, scale, a.dx);
  weigh_rows(a, step);
  step.values[a.value] = total / double(n);
}

void run(const squared_error_args& a, Step& step) {
  const Size n = step.rows * a.elements;
  double total = 0;
  for (Size i = 0; i < n; i++) {
    const double d = double(a.x[i]) - double(a.t[i]), weight = a.weights ? a.weights[i / a.elements] : 1;
    total += weight * (d * d);
  }
  step.kernels->scaled_difference(n, a.x, a.t, float(2 * a.value_scale / double(step.rows)), a.dx);
  weigh_rows(a, step);
  step.values[a.value] = total * a.value_scale / double(step.rows);
}

void run(const absolute_error_args& a, Step& step) {
  run_elementwise(a, step, [](double x, double t, double* slope) {
    const double d = x - t;
    *slope = d > 0 ? 1 : d < 0 ? -1 : d;  // NaN stays NaN
    return std::fabs(d);
  });
}

// Huber: "Robust estimation of a location parameter", Annals of Statistics 53, 1964.
void run(const huber_args& a, Step& step) {
  run_elementwise(a, step, [delta = a.delta](double x, double t, double* slope) {
    const double d = x - t, size = std::fabs(d);
    *slope = d > delta ? delta : d < -delta ? -delta : d;
    return size > delta ? delta * (size - delta / 2) : d * d / 2;
  });
}

void run(const hinge_args& a, Step& step) {
  run_elementwise(a, step, [](double x, double t, double* slope) {
    const double margin = 1 - x * t;
    *slope = margin <= 0 ? 0 : margin > 0 ? -t : margin;  // NaN stays NaN
    return margin <= 0 ? 0 : margin;
  });
}

// Rosenblatt: "The perceptron", Psychological Review 65, 1958.
void run(const perceptron_error_args& a, Step& step) {
  const Size n = step.rows * a.elements;
  double wrong = 0;
  for (Size i = 0; i < n; i++) {
    const float weight = a.weights ? a.weights[i / a.elements] : 1;
    if (!(a.x[i] == a.t[i])) wrong += double(weight);
    a.dx[i] = weight * (a.x[i] - a.t[i]) / float(step.rows);
  }
  step.values[a.value] = wrong / double(n);
}

void run(const regularize_args& a, Step& step) {
  double absolute = 0, squares = 0;
  for (Size i = 0; i < a.elements; i++) {
    const double w = a.w[i];
    absolute += std::fabs(w), squares += w * w;
  }
  step.values[a.value] += a.l1 * absolute + a.l2 * squares;
  if (!a.gradient) return;
  const float l1 = float(a.l1), twice_l2 = float(2 * a.l2);
  for (Size i = 0; i < a.elements; i++) {
    const float w = a.w[i], sign = w > 0 ? 1.0f : w < 0 ? -1.0f : w;
    a.gradient[i] += l1 * sign + twice_l2 * w;
  }
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
