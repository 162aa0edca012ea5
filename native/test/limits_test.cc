// What limits gradients and weights: by element, by their norm, by the norm of a column.
#include "naive.h"
#include "op_case.h"

namespace hebb::test {
namespace {

template <class F>
void each_size(F f) {
  for (Size elements : {1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 33, 1000, 32769, 300001}) {
    if (take_case()) f(elements);
  }
}

double norm_of(const std::vector<float>& values) {
  double squares = 0;
  for (float value : values) squares += double(value) * double(value);
  return std::sqrt(squares);
}

/// Scaled by limit / norm. The op adds 1e-6 at most to the norm, so that it never divides by zero.
void add_scaled(Expected* expected, double value, double norm, double limit) {
  if (norm > limit) value *= limit / norm;
  const double guard = norm + 1e-6 > limit ? 1e-6 / norm : 0;
  expected->add(value, std::fabs(value) * (3 * kRoundoff + guard));
}

}  // namespace

TEST(clip_value) {
  Random random(181);
  each_size([&](Size elements) {
    const double limit = random.real(0.1, 1.1);
    describe_case("clip_value of %td elements to %g", elements, limit);
    OpCase c("clip_value", 1);
    c.set("elements", double(elements)).set("limit", limit).changing("gradient", random_floats(random, elements));
    std::vector<float> expected = c.input("gradient");
    for (float& g : expected) g = std::fmin(std::fmax(g, -float(limit)), float(limit));
    c.run([&](const Results& r, const Kernels&) {
      check_same_bits("gradient", r["gradient"].data(), expected.data(), elements);
    });
  });
}

TEST(clip_norm) {
  Random random(182);
  for (double share : {0.01, 0.5, 0.999, 1.001, 10.0}) {
    each_size([&](Size elements) {
      OpCase c("clip_norm", 1);
      c.set("elements", double(elements)).changing("gradient", random_floats(random, elements));
      const double norm = norm_of(c.input("gradient")), limit = share * norm;
      describe_case("clip_norm of %td elements of norm %g to %g", elements, norm, limit);
      c.set("limit", limit);
      Expected expected;
      for (float g : c.input("gradient")) add_scaled(&expected, double(g), norm, limit);
      c.run([&](const Results& r, const Kernels&) {
        check_close("gradient", r["gradient"].data(), expected);
        EXPECT(norm_of(r["gradient"]) <= limit * (1 + 2 * kRoundoff) || share > 1);
        if (share > 1.0001 && norm > 0.1) {
          check_same_bits("gradient", r["gradient"].data(), c.input("gradient").data(), elements);
        }
      });
    });
  }
}

TEST(clip_norm_of_nothing_and_of_much) {
  for (float value : {0.0f, 3e38f}) {
    describe_case("100 gradients of %g", double(value));
    OpCase c("clip_norm", 1);
    c.set("elements", 100).set("limit", 1).changing("gradient", std::vector<float>(100, value));
    Expected expected;
    for (int i = 0; i < 100; i++) expected.add(value > 0 ? 0.1 : 0, 1e-7);
    c.run([&](const Results& r, const Kernels&) { check_close("gradient", r["gradient"].data(), expected); });
  }
}

TEST(max_norm) {
  Random random(183);
  for (Size units : {1, 2, 7, 16, 33, 63, 64, 65, 130, 700}) {
    for (Size inputs : {1, 2, 9, 50, 400}) {
      if (!take_case()) continue;
      // About half of the columns are above the limit.
      const double limit = std::sqrt(double(inputs) / 3);
      describe_case("max_norm (%td, %td), limit %g", inputs, units, limit);
      OpCase c("max_norm", 1);
      c.set("inputs", double(inputs)).set("units", double(units)).set("limit", limit);
      c.changing("w", random_floats(random, inputs * units));
      if (units > 2) {
        for (Size i = 0; i < inputs; i++) c.input("w")[std::size_t(i * units + 1)] = 0;
      }
      std::vector<double> norms;
      for (Size unit = 0; unit < units; unit++) {
        std::vector<float> column;
        for (Size i = 0; i < inputs; i++) column.push_back(c.input("w")[std::size_t(i * units + unit)]);
        norms.push_back(norm_of(column));
      }
      Expected expected;
      for (Size i = 0; i < inputs * units; i++) {
        add_scaled(&expected, double(c.input("w")[std::size_t(i)]), norms[std::size_t(i % units)], limit);
      }
      c.run([&](const Results& r, const Kernels&) {
        check_close("w", r["w"].data(), expected);
        for (Size i = 0; i < inputs * units; i++) {
          // What is within the limit keeps its bits.
          if (norms[std::size_t(i % units)] <= limit) EXPECT(r["w"][std::size_t(i)] == c.input("w")[std::size_t(i)]);
        }
      });
    }
  }
}

}  // namespace hebb::test
