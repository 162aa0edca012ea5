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
  // Without a velocity, and with one.
  for (int number = 0; number < 6; number++) {
    const double momentum = std::vector<double>{-1, 0, 0.5, 0.9, 0, 0.9}[std::size_t(number)];
    const bool nesterov = number >= 4;
    each_size([&](Size elements) {
      describe_case("sgd of %td elements, momentum %g, nesterov %d", elements, momentum, nesterov);
      const double rate = 0.05;
      const bool with_velocity = momentum >= 0;
      OpCase c("sgd", 1);
      c.set("elements", double(elements)).set("momentum", with_velocity ? momentum : 0).set("nesterov", nesterov);
      c.changing("w", random_floats(random, elements)).whole("gradient", random_floats(random, elements));
      if (with_velocity) c.changing("velocity", random_floats(random, elements));
      c.request.learning_rates = {rate};
      c.training_only = true;
      Expected weights, velocities;
      for (std::size_t i = 0; i < std::size_t(elements); i++) {
        const double w = double(c.input("w")[i]), gradient = double(c.input("gradient")[i]);
        const double before = with_velocity ? double(c.input("velocity")[i]) : 0;
        const double velocity = with_velocity ? momentum * before + gradient : gradient;
        const double step = nesterov ? gradient + momentum * velocity : velocity;
        const double error = 4 * kRoundoff * (std::fabs(before) + std::fabs(gradient));
        velocities.add(velocity, error);
        weights.add(w - rate * step, 2 * kRoundoff * std::fabs(w) + 2 * rate * error);
      }
      c.run([&](const Results& r, const Kernels&) {
        check_close("w", r["w"].data(), weights);
        if (with_velocity) check_close("velocity", r["velocity"].data(), velocities);
      });
    });
  }
}

TEST(rmsprop) {
  Random random(53);
  for (double momentum : {-1.0, 0.0, 0.9}) {
    each_size([&](Size elements) {
      describe_case("rmsprop of %td elements, momentum %g", elements, momentum);
      const double rate = 0.01, decay = 0.9, epsilon = 1e-7;
      const bool with_velocity = momentum >= 0;
      OpCase c("rmsprop", 1);
      c.set("elements", double(elements)).set("decay", decay).set("epsilon", epsilon);
      c.set("momentum", with_velocity ? momentum : 0.5);  // without a velocity there is nothing for it to keep
      c.changing("w", random_floats(random, elements)).whole("gradient", random_floats(random, elements));
      c.changing("square", random_floats(random, elements, 0, 1));
      if (with_velocity) c.changing("velocity", random_floats(random, elements));
      c.request.learning_rates = {rate};
      c.training_only = true;
      Expected weights, squares, velocities;
      for (std::size_t i = 0; i < std::size_t(elements); i++) {
        const double w = double(c.input("w")[i]), g = double(c.input("gradient")[i]);
        const double square = decay * double(c.input("square")[i]) + (1 - decay) * g * g;
        squares.add(square, 4 * kRoundoff * square);
        const double quotient = g / (std::sqrt(square) + epsilon);
        const double before = with_velocity ? momentum * double(c.input("velocity")[i]) : 0;
        const double step = before + quotient, error = kRoundoff * (8 * std::fabs(quotient) + 3 * std::fabs(before));
        velocities.add(step, error);
        weights.add(w - rate * step, 2 * kRoundoff * std::fabs(w) + 2 * rate * error);
      }
      c.run([&](const Results& r, const Kernels&) {
        check_close("w", r["w"].data(), weights);
        check_close("square", r["square"].data(), squares);
        if (with_velocity) check_close("velocity", r["velocity"].data(), velocities);
      });
    });
  }
}

TEST(adagrad) {
  Random random(54);
  each_size([&](Size elements) {
    describe_case("adagrad of %td elements", elements);
    const double rate = 0.1, epsilon = 1e-7;
    OpCase c("adagrad", 1);
    c.set("elements", double(elements)).set("epsilon", epsilon);
    c.changing("w", random_floats(random, elements)).whole("gradient", random_floats(random, elements));
    c.changing("sum", random_floats(random, elements, 0, 3));
    c.request.learning_rates = {rate};
    c.training_only = true;
    Expected weights, sums;
    for (std::size_t i = 0; i < std::size_t(elements); i++) {
      const double w = double(c.input("w")[i]), g = double(c.input("gradient")[i]);
      const double sum = double(c.input("sum")[i]) + g * g, step = rate * g / (std::sqrt(sum) + epsilon);
      sums.add(sum, 3 * kRoundoff * sum);
      weights.add(w - step, kRoundoff * (2 * std::fabs(w) + 8 * std::fabs(step)));
    }
    c.run([&](const Results& r, const Kernels&) {
      check_close("w", r["w"].data(), weights);
      check_close("sum", r["sum"].data(), sums);
    });
  });
}

TEST(adam) {
  Random random(52);
  for (std::uint32_t step : {0u, 1u, 9u, 1000u, 3000000000u}) {
    each_size([&](Size elements) {
      const double decay = elements % 2 ? 0 : 0.5;
      describe_case("adam of %td elements at step %u, weight decay %g", elements, step, decay);
      const double rate = 0.01, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-7;
      OpCase c("adam", 1);
      c.set("elements", double(elements)).set("beta1", beta1).set("beta2", beta2).set("epsilon", epsilon);
      c.set("weight_decay", decay);
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
        weights.add(w * (1 - rate * decay) - scale * m, 3 * kRoundoff * std::fabs(w) + 2 * scale * error);
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
