// Affine maps, softmax and dropout.
#include <algorithm>

#include "naive.h"
#include "op_case.h"
#include "random.h"

namespace hebb::test {
namespace {

const Size kSizes[] = {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 23, 31, 32, 33, 63, 64, 65, 100, 127, 129, 1000};
constexpr Size kSeveralTasks = 100003;  // with 3 rows: over the size from which threads share the work

template <class F>
void each_size(F f) {
  for (Size rows : {1, 2, 3, 7}) {
    for (Size elements : kSizes) {
      if (take_case()) f(rows, elements);
    }
  }
  if (take_case()) f(3, kSeveralTasks);
}

}  // namespace

TEST(affine) {
  Random random(33);
  each_size([&](Size rows, Size elements) {
    describe_case("affine (%td, %td)", rows, elements);
    const double scale = random.real(-2, 2), offset = random.real(-2, 2);
    OpCase c("affine", rows, rows % 3);
    c.set("elements", double(elements)).set("scale", scale).set("offset", offset);
    c.batch("x", random_floats(random, rows * elements)).batch_result("y", elements);
    c.rows_independent = true;
    Expected expected;
    for (float x : c.input("x")) {
      const double product = double(x) * scale;
      expected.add(product + offset, 3 * kRoundoff * (std::fabs(product) + std::fabs(offset)));
    }
    c.run([&](const Results& r, const Kernels&) { check_close("y", r["y"].data(), expected); });
  });
}

TEST(softmax) {
  Random random(34);
  double worst = 0;
  for (double range : {1.0, 20.0, 300.0}) {
    each_size([&](Size rows, Size classes) {
      const Size positions = 1 + classes % 2;
      describe_case("softmax (%td, %td, %td) of numbers up to %g", rows, positions, classes, range);
      OpCase c("softmax", rows, rows % 3);
      c.set("positions", double(positions)).set("classes", double(classes));
      c.batch("x", random_floats(random, rows * positions * classes, -range, range));
      c.batch_result("y", positions * classes);
      c.rows_independent = true;
      Expected expected;
      for (const float* x = c.input("x").data(); x < c.input("x").data() + c.input("x").size(); x += classes) {
        const double max = double(*std::max_element(x, x + classes));
        double sum = 0;
        for (Size i = 0; i < classes; i++) sum += std::exp(double(x[i]) - max);
        for (Size i = 0; i < classes; i++) {
          // The difference to the maximum is rounded before it is raised, and the sum adds in floats.
          const double y = std::exp(double(x[i]) - max) / sum, rounded = max - double(x[i]);
          expected.add(y, y * kRoundoff * (8 + rounded + 3 * std::sqrt(double(classes))) + 0x1p-126);
        }
      }
      c.run([&](const Results& r, const Kernels&) {
        worst = std::fmax(worst, check_close("y", r["y"].data(), expected));
      });
    });
  }
  note("largest error %.2f of its bound", worst);
}

TEST(softmax_backward) {
  Random random(35);
  double worst = 0;
  each_size([&](Size rows, Size classes) {
    const Size positions = 1 + classes % 2;
    describe_case("softmax_backward (%td, %td, %td)", rows, positions, classes);
    OpCase c("softmax_backward", rows, rows % 3);
    c.set("positions", double(positions)).set("classes", double(classes));
    c.batch("y", random_floats(random, rows * positions * classes, 0, 2.0 / double(classes)));
    c.batch("dy", random_floats(random, rows * positions * classes)).batch_result("dx", positions * classes);
    if (rows % 2) c.over("dx", "dy");
    Expected expected;
    for (std::size_t first = 0; first < c.input("y").size(); first += std::size_t(classes)) {
      const float *y = c.input("y").data() + first, *dy = c.input("dy").data() + first;
      double dot = 0, magnitude = 0;
      for (Size i = 0; i < classes; i++) {
        dot += double(y[i]) * double(dy[i]), magnitude += std::fabs(double(y[i]) * double(dy[i]));
      }
      for (Size i = 0; i < classes; i++) {
        const double error = product_bound(magnitude, classes) + 3 * kRoundoff * (std::fabs(double(dy[i])) + magnitude);
        expected.add(double(y[i]) * (double(dy[i]) - dot), double(y[i]) * error);
      }
    }
    c.run([&](const Results& r, const Kernels&) {
      worst = std::fmax(worst, check_close("dx", r["dx"].data(), expected));
    });
  });
  note("largest error %.2f of its bound", worst);
}

TEST(dropout) {
  Random random(36);
  for (double rate : {0.0, 0.1, 0.5, 0.99}) {
    each_size([&](Size rows, Size elements) {
      describe_case("dropout (%td, %td), rate %g", rows, elements, rate);
      OpCase c("dropout", rows, rows % 3);
      const std::uint32_t layer = std::uint32_t(random.whole(0, 5));
      c.set("elements", double(elements)).set("rate", rate).set("layer", double(layer));
      c.batch("x", random_floats(random, rows * elements, 1, 2)).batch_result("y", elements);
      if (elements % 2) c.over("y", "x");
      c.training_only = true;
      c.request.seed = std::uint32_t(random.bits()), c.request.epoch = std::uint32_t(random.whole(0, 9));
      c.request.global_step = std::uint32_t(random.bits());
      Expected expected;
      Size kept = 0;
      for (Size i = 0; i < rows * elements; i++) {
        std::uint32_t bits[4];
        philox({c.request.seed, 3}, {std::uint32_t(i / 4), c.request.global_step, c.request.epoch, layer}, bits);
        const bool keep = double(bits[i % 4]) >= double(float(rate)) * 0x1p32;
        const double y = keep ? double(c.input("x")[std::size_t(i)]) / (1 - rate) : 0;
        // 1 - rate is rounded to float: near 1 that is much of it.
        expected.add(y, y * kRoundoff * (3 + 1 / (1 - rate)));
        kept += keep;
      }
      const double n = double(rows * elements), deviation = std::sqrt(n * rate * (1 - rate));
      EXPECT(std::fabs(double(kept) - n * (1 - rate)) <= 5 * deviation + 1);
      c.run([&](const Results& r, const Kernels&) { check_close("y", r["y"].data(), expected); });
    });
  }
}

// Known answers of Random123 (https://github.com/DEShawResearch/random123, tests/kat_vectors).
TEST(philox) {
  const auto answers = [](PhiloxKey key, PhiloxCounter counter, std::vector<std::uint32_t> expected) {
    std::uint32_t bits[4];
    philox(key, counter, bits);
    EXPECT(std::equal(bits, bits + 4, expected.begin()));
  };
  answers({0, 0}, {0, 0, 0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  answers({0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
          {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  answers({0xa4093822, 0x299f31d0}, {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
          {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

}  // namespace hebb::test
