// Optimisers: one step from given weights, gradients and state.
#include "naive.h"
#include "op_case.h"

namespace hebb::test {
namespace {

template <class F>
void each_size(F f) {
  for (Size elements : {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 1000, 32767, 32769, 300001}) {
    if (take_case()) f(elements);
  }
}

}  // namespace

TEST(sgd) {
  Random random(51);
  for (double momentum : {-1.0, 0.0, 0.5, 0.9}) {
    each_size([&](Size elements) {
      describe_case("sgd of %td elements, momentum %g", elements, momentum);
      const double rate = 0.05;
      const bool with_velocity = momentum >= 0;
      OpCase c("sgd", 1);
      c.set("elements", double(elements)).set("momentum", with_velocity ? momentum : 0);
      c.changing("w", random_floats(random, elements)).whole("gradient", random_floats(random, elements));
      if (with_velocity) c.changing("velocity", random_floats(random, elements));
      c.request.learning_rates = {rate};
      c.training_only = true;
      Expected weights, velocities;
      for (std::size_t i = 0; i < std::size_t(elements); i++) {
        const double w = double(c.input("w")[i]), gradient = double(c.input("gradient")[i]);
        const double before = with_velocity ? double(c.input("velocity")[i]) : 0;
        const double velocity = with_velocity ? momentum * before + gradient : gradient;
        const double error = 4 * kRoundoff * (std::fabs(before) + std::fabs(gradient));
        velocities.add(velocity, error);
        weights.add(w - rate * velocity, 2 * kRoundoff * std::fabs(w) + rate * error);
      }
      c.run([&](const Results& r, const Kernels&) {
        check_close("w", r["w"].data(), weights);
        if (with_velocity) check_close("velocity", r["velocity"].data(), velocities);
      });
    });
  }
}

TEST(adam) {
  Random random(52);
  for (std::uint32_t step : {0u, 1u, 9u, 1000u, 3000000000u}) {
    each_size([&](Size elements) {
      describe_case("adam of %td elements at step %u", elements, step);
      const double rate = 0.01, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-7;
      OpCase c("adam", 1);
      c.set("elements", double(elements)).set("beta1", beta1).set("beta2", beta2).set("epsilon", epsilon);
      c.changing("w", random_floats(random, elements)).whole("gradient", random_floats(random, elements));
      c.changing("m", random_floats(random, elements)).changing("v", random_floats(random, elements, 0, 1));
      c.request.learning_rates = {rate}, c.request.global_step = step;
      c.training_only = true;
      Expected weights, means, squares;
      const double t = double(step) + 1;
      for (std::size_t i = 0; i < std::size_t(elements); i++) {
        const double w = double(c.input("w")[i]), g = double(c.input("gradient")[i]);
        const double m0 = double(c.input("m")[i]), v0 = double(c.input("v")[i]);
        const double m = beta1 * m0 + (1 - beta1) * g, v = beta2 * v0 + (1 - beta2) * g * g;
        means.add(m, 4 * kRoundoff * (beta1 * std::fabs(m0) + (1 - beta1) * std::fabs(g)));
        squares.add(v, 4 * kRoundoff * v);
        const double correction = std::sqrt(v / (1 - std::pow(beta2, t))) + epsilon;
        const double scale = rate / (1 - std::pow(beta1, t)) / correction;
        const double error = means.bounds[i] + 8 * kRoundoff * std::fabs(m);
        weights.add(w - scale * m, 2 * kRoundoff * std::fabs(w) + 2 * scale * error);
      }
      c.run([&](const Results& r, const Kernels&) {
        check_close("w", r["w"].data(), weights);
        check_close("m", r["m"].data(), means);
        check_close("v", r["v"].data(), squares);
      });
    });
  }
}

}  // namespace hebb::test
