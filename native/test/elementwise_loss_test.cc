// Losses that work element by element, and what weights cost by themselves.
#include <algorithm>

#include "loss_case.h"
#include "recorder.h"

namespace hebb::test {
namespace {

/// What one element costs, and the slope of that.
struct Cost {
  double value, slope;
};

/// The mean of `cost` over elements and rows, and its gradient.
template <class F>
void check_loss(OpCase c, Random& random, Size rows, Size elements, F cost) {
  c.set("elements", double(elements)).batch_result("dx", elements);
  const std::vector<double> weights = weigh_rows(c, random, rows, elements);
  const double n = double(rows * elements);
  double value = 0;
  Expected gradient;
  for (std::size_t i = 0; i < c.input("x").size(); i++) {
    const Cost one = cost(double(c.input("x")[i]), double(c.input("t")[i]));
    const double weight = weights[i / std::size_t(elements)], slope = weight * one.slope / n;
    value += weight * one.value / n;
    gradient.add(slope, 2 * kRoundoff * std::fabs(slope));
  }
  c.run([&](const Results& r, const Kernels&) {
    check_value(r, elements, value, 1e-12 * (1 + value));
    check_close("dx", r["dx"].data(), gradient);
  });
}

}  // namespace

TEST(absolute_error) {
  Random random(45);
  each_loss_size([&](Size rows, Size elements) {
    describe_case("absolute_error (%td, %td)", rows, elements);
    // Of whole numbers some are equal: there the gradient is zero.
    const bool whole = rows % 2;
    const auto draw = [&] {
      return whole ? random_wholes(random, rows * elements, 2) : random_floats(random, rows * elements);
    };
    check_loss(loss_case("absolute_error", rows, elements, draw(), draw()), random, rows, elements,
               [](double x, double t) {
                 return Cost{std::fabs(x - t), x > t ? 1.0 : x < t ? -1.0 : 0.0};
               });
  });
}

TEST(huber) {
  Random random(46);
  for (double delta : {0.25, 1.0, 5.0}) {
    each_loss_size([&](Size rows, Size elements) {
      describe_case("huber (%td, %td), delta %g", rows, elements, delta);
      OpCase c = loss_case("huber", rows, elements, random_floats(random, rows * elements, -3, 3),
                           random_floats(random, rows * elements));
      check_loss(c.set("delta", delta), random, rows, elements, [&](double x, double t) {
        const double size = std::fabs(x - t);
        if (size <= delta) return Cost{size * size / 2, x - t};
        return Cost{delta * (size - delta / 2), x > t ? delta : -delta};
      });
    });
  }
}

TEST(hinge) {
  Random random(47);
  each_loss_size([&](Size rows, Size elements) {
    describe_case("hinge (%td, %td)", rows, elements);
    std::vector<float> t = random_floats(random, rows * elements);
    for (float& target : t) target = target < 0 ? -1 : 1;
    OpCase c = loss_case("hinge", rows, elements, random_floats(random, rows * elements, -3, 3), std::move(t));
    check_loss(c, random, rows, elements, [](double x, double target) {
      return x * target < 1 ? Cost{1 - x * target, -target} : Cost{0, 0};
    });
  });
}

TEST(perceptron_error) {
  Random random(48);
  each_loss_size([&](Size rows, Size elements) {
    describe_case("perceptron_error (%td, %td)", rows, elements);
    std::vector<float> x = random_floats(random, rows * elements), t = x;
    for (float& output : x) output = output < 0 ? 0 : 1;
    for (float& target : t) target = random.whole(0, 1) ? 0 : 1;
    OpCase c = loss_case("perceptron_error", rows, elements, std::move(x), std::move(t));
    c.set("elements", double(elements)).batch_result("dx", elements);
    const std::vector<double> weights = weigh_rows(c, random, rows, elements);
    double wrong = 0;
    Expected gradient;
    for (std::size_t i = 0; i < c.input("x").size(); i++) {
      const double difference = double(c.input("x")[i]) - double(c.input("t")[i]);
      const double weight = weights[i / std::size_t(elements)], slope = weight * difference / double(rows);
      if (difference != 0) wrong += weight / double(rows * elements);
      gradient.add(slope, 2 * kRoundoff * std::fabs(slope));
    }
    c.run([&](const Results& r, const Kernels&) {
      check_value(r, elements, wrong, 1e-12 * (1 + wrong));
      check_close("dx", r["dx"].data(), gradient);
    });
  });
}

TEST(regularize) {
  Random random(49);
  for (const auto& [l1, l2] : {std::pair(0.0, 0.0), std::pair(0.3, 0.0), std::pair(0.0, 0.2), std::pair(0.01, 0.5)}) {
    for (Size elements : {1, 2, 3, 7, 8, 9, 17, 33, 1000, 300001}) {
      for (bool with_gradient : {true, false}) {
        if (!take_case()) continue;
        describe_case("regularize %td elements by %g, %g, with a gradient %d", elements, l1, l2, with_gradient);
        OpCase c("regularize", 1);
        c.set("elements", double(elements)).set("l1", l1).set("l2", l2).set("value", double(elements % kValues));
        std::vector<float> w = random_floats(random, elements);
        for (float& weight : w) weight = random.whole(0, 5) ? weight : 0;  // where |w| has no slope it is zero
        c.whole("w", std::move(w));
        if (with_gradient) c.changing("gradient", random_floats(random, elements));
        c.training_only = true;
        double value = 0;
        Expected gradient;
        for (std::size_t i = 0; i < std::size_t(elements); i++) {
          const double weight = double(c.input("w")[i]);
          value += l1 * std::fabs(weight) + l2 * weight * weight;
          if (!with_gradient) continue;
          const double slope = l1 * (weight > 0 ? 1 : weight < 0 ? -1 : 0) + 2 * l2 * weight;
          const double before = double(c.input("gradient")[i]);
          gradient.add(before + slope, kRoundoff * (std::fabs(before + slope) + 3 * l1 + 6 * l2 * std::fabs(weight)));
        }
        c.run([&](const Results& r, const Kernels&) {
          check_value(r, elements, value, 1e-11 * (1 + value));
          if (with_gradient) check_close("gradient", r["gradient"].data(), gradient);
        });
      }
    }
  }
}

// A loss sets its value; what weights cost is added to it, tensor after tensor.
TEST(regularize_adds_to_the_value) {
  Recorder r;
  const auto x = r.tensor(2), t = r.tensor(2), dx = r.tensor(2), w = r.parameter(3);
  r.record("squared_error", {{"elements", 2}, {"value_scale", 1}, {"value", 1}}, {{"x", x}, {"t", t}, {"dx", dx}});
  r.record("regularize", {{"elements", 3}, {"l1", 0.5}, {"value", 1}}, {{"w", w}});
  r.record("regularize", {{"elements", 2}, {"l2", 2}, {"value", 1}}, {{"w", w}});
  ProgramSpec spec;
  spec.code = r.code, spec.rows = 1, spec.arena_floats = r.arena_floats, spec.kernels = instruction_sets()[0];
  spec.parameters = allocate_floats(3), spec.parameter_floats = 3;
  const Floats parameters = spec.parameters;
  for (Size i = 0; i < 3; i++) parameters[i] = float(i) - 1;  // -1, 0, 1
  std::string error;
  const auto program = Program::create(spec, &error);
  describe_case("a loss and two tensors");
  if (!check(program != nullptr, __FILE__, __LINE__, "the checker takes the program", error)) return;
  program->arena()[x.offset] = 3, program->arena()[x.offset + 1] = 4;
  TrainRequest request;
  request.order = {0, 0}, request.batch = 1, request.values = kValues, request.budget_ms = 1e9;
  std::vector<double> values;
  EXPECT(program->check(request).empty() && program->train(request, &values) == 2);
  // 9 + 16 + 0.5 * 2 + 2 * 1, in each of the two steps
  EXPECT(values == std::vector<double>({0, 28, 0, 0, 0, 28, 0, 0}));
}

}  // namespace hebb::test
