// Activations and their gradients, from output and from input, and those whose slope is learned.
#include <algorithm>

#include "naive.h"
#include "op_case.h"

namespace hebb::test {
namespace {

const Size kSizes[] = {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 23, 31, 32, 33, 63, 64, 65, 100, 127, 129, 1000};
constexpr Size kSeveralTasks = 100003;  // with 3 rows: over the size from which threads share the work
constexpr double kSlope = 0.3f;

/// Calls f(kind, rows, elements), for each size with all kinds.
template <class F>
void each_case(F f) {
  for (int kind = 0; kind < int(Activation::count); kind++) {
    for (Size rows : {1, 2, 3, 7}) {
      for (Size elements : kSizes) {
        if (take_case()) f(Activation(kind), rows, elements);
      }
    }
    if (take_case()) f(Activation(kind), 3, kSeveralTasks);
  }
}

OpCase activation_case(const char* op, Activation kind, Size rows, Size elements) {
  describe_case("%s (%td, %td), activation %d", op, rows, elements, int(kind));
  OpCase c(op, rows, rows % 3);
  c.set("elements", double(elements)).set("activation", double(kind)).set("slope", kSlope);
  c.rows_independent = true;
  return c;
}

/// Numbers that the activation may give, its ends among them.
std::vector<float> outputs(Random& random, Activation kind, Size n) {
  const double low = kind == Activation::sigmoid || kind == Activation::softplus || kind == Activation::hardSigmoid ? 0
                     : kind == Activation::elu  ? -kSlope
                     : kind == Activation::selu ? -1.758
                                                : -1;
  std::vector<float> y = random_floats(random, n, low - 0.1, 1.1);
  for (float& value : y) value = std::clamp(value, float(low), 1.0f);
  return y;
}

struct PerChannel {
  Size rows, positions, channels;
  Size floats() const { return rows * positions * channels; }
};

template <class F>
void each_shape(F f) {
  for (Size channels : {1, 2, 3, 7, 8, 9, 16, 17, 33, 130}) {
    for (Size positions : {1, 2, 31, 33, 49}) {
      if (take_case()) f(PerChannel{1 + channels % 4, positions, channels});
    }
  }
  if (take_case()) f(PerChannel{3, 2100, 21});  // over several tasks
}

OpCase prelu_case(const char* op, const PerChannel& s) {
  describe_case("%s (%td, %td, %td)", op, s.rows, s.positions, s.channels);
  OpCase c(op, s.rows, s.positions % 3);
  return c.set("positions", double(s.positions)).set("channels", double(s.channels));
}

}  // namespace

TEST(activate) {
  Random random(31);
  double worst = 0;
  each_case([&](Activation kind, Size rows, Size elements) {
    OpCase c = activation_case("activate", kind, rows, elements);
    c.batch("x", random_floats(random, rows * elements, -9, 9)).batch_result("y", elements);
    if (elements % 2) c.over("y", "x");
    Expected expected;
    for (float x : c.input("x")) {
      expected.add(activation(kind, kSlope, double(x)), activation_bound(kind, kSlope, double(x), 0));
    }
    c.run(
        [&](const Results& r, const Kernels&) { worst = std::fmax(worst, check_close("y", r["y"].data(), expected)); });
  });
  note("largest error %.2f of its bound", worst);
}

TEST(activate_backward) {
  Random random(32);
  double worst = 0;
  each_case([&](Activation kind, Size rows, Size elements) {
    if (!has_derivative_from_output(kind)) return;
    OpCase c = activation_case("activate_backward", kind, rows, elements);
    c.batch("y", outputs(random, kind, rows * elements)).batch("dy", random_floats(random, rows * elements));
    c.batch_result("dx", elements);
    if (elements % 2) c.over("dx", "dy");
    Expected expected;
    for (std::size_t i = 0; i < c.input("y").size(); i++) {
      const double y = double(c.input("y")[i]), dy = double(c.input("dy")[i]);
      expected.add(dy * activation_derivative(kind, kSlope, y), 6 * kRoundoff * std::fabs(dy));
    }
    c.run([&](const Results& r, const Kernels&) {
      worst = std::fmax(worst, check_close("dx", r["dx"].data(), expected));
    });
  });
  note("largest error %.2f of its bound", worst);
}

TEST(activate_backward_input) {
  Random random(37);
  double worst = 0;
  each_case([&](Activation kind, Size rows, Size elements) {
    OpCase c = activation_case("activate_backward_input", kind, rows, elements);
    c.batch("x", random_floats(random, rows * elements, -9, 9)).batch("dy", random_floats(random, rows * elements));
    c.batch_result("dx", elements);
    if (elements % 2) c.over("dx", "dy");
    Expected expected;
    for (std::size_t i = 0; i < c.input("x").size(); i++) {
      const double x = double(c.input("x")[i]), dy = double(c.input("dy")[i]);
      const double bound = activation_derivative_bound(kind, kSlope, x) + 2 * kRoundoff;
      expected.add(dy * activation_derivative_at(kind, kSlope, x), bound * std::fabs(dy));
    }
    c.run([&](const Results& r, const Kernels&) {
      worst = std::fmax(worst, check_close("dx", r["dx"].data(), expected));
    });
  });
  note("largest error %.2f of its bound", worst);
}

// The naive derivatives themselves: none may differ from what the activation does between two near points.
TEST(naive_derivatives_are_slopes_of_the_activations) {
  constexpr double kStep = 1e-5;
  for (int kind = 0; kind < int(Activation::count); kind++) {
    const auto f = [&](double x) { return activation(Activation(kind), kSlope, x); };
    for (double x = -7.995; x < 8; x += 0.05) {
      const double slope = (f(x + kStep) - f(x - kStep)) / (2 * kStep);
      describe_case("activation %d at %g", kind, x);
      EXPECT(std::fabs(activation_derivative_at(Activation(kind), kSlope, x) - slope) < 1e-8);
      if (!has_derivative_from_output(Activation(kind))) continue;
      EXPECT(std::fabs(activation_derivative(Activation(kind), kSlope, f(x)) - slope) < 1e-8);
    }
  }
}

TEST(prelu) {
  Random random(38);
  each_shape([&](const PerChannel& s) {
    OpCase c = prelu_case("prelu", s);
    c.batch("x", random_floats(random, s.floats())).whole("slope", random_floats(random, s.channels));
    c.batch_result("y", s.positions * s.channels);
    if (s.channels % 2) c.over("y", "x");
    c.rows_independent = true;
    Expected expected;
    for (Size i = 0; i < s.floats(); i++) {
      const double x = double(c.input("x")[std::size_t(i)]);
      const double y = x > 0 ? x : x * double(c.input("slope")[std::size_t(i % s.channels)]);
      expected.add(y, x > 0 ? 0 : kRoundoff * std::fabs(y));
    }
    c.run([&](const Results& r, const Kernels&) { check_close("y", r["y"].data(), expected); });
  });
}

TEST(prelu_backward) {
  Random random(39);
  each_shape([&](const PerChannel& s) {
    OpCase c = prelu_case("prelu_backward", s);
    c.batch("x", random_floats(random, s.floats())).whole("slope", random_floats(random, s.channels));
    c.batch("dy", random_floats(random, s.floats())).batch_result("dx", s.positions * s.channels);
    if (s.channels % 2) c.over("dx", "dy");
    c.rows_independent = true;
    Expected expected;
    for (Size i = 0; i < s.floats(); i++) {
      const bool above = c.input("x")[std::size_t(i)] > 0;
      const double slope = above ? 1 : double(c.input("slope")[std::size_t(i % s.channels)]);
      const double dx = slope * double(c.input("dy")[std::size_t(i)]);
      expected.add(dx, above ? 0 : kRoundoff * std::fabs(dx));
    }
    c.run([&](const Results& r, const Kernels&) { check_close("dx", r["dx"].data(), expected); });
  });
}

TEST(prelu_slope_gradient) {
  Random random(40);
  double worst = 0;
  each_shape([&](const PerChannel& s) {
    OpCase c = prelu_case("prelu_slope_gradient", s);
    c.batch("x", random_floats(random, s.floats())).batch("dy", random_floats(random, s.floats()));
    c.whole_result("dslope", s.channels);
    Sums sums(s.channels);
    for (Size i = 0; i < s.floats(); i++) {
      const double x = double(c.input("x")[std::size_t(i)]);
      if (x <= 0) sums.add(i % s.channels, x, double(c.input("dy")[std::size_t(i)]));
    }
    const Expected expected = activated(sums, {}, Activation::linear, 0, s.rows * s.positions);
    c.run([&](const Results& r, const Kernels&) {
      worst = std::fmax(worst, check_close("dslope", r["dslope"].data(), expected));
    });
  });
  note("largest error %.2f of its bound", worst);
}

}  // namespace hebb::test
