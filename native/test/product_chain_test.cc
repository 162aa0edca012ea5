// "Every element of a product is one chain of multiply-adds in the order of p" (docs/architecture.md): whichever form
// an op chose for its shape, its results have the bits of that chain. That is why neither the number of rows nor that
// of threads can be seen in them.
#include <cstring>

#include "naive.h"
#include "op_case.h"

namespace hebb::test {
namespace {

/// Sums of products in float, each in the order of its calls to add.
class Chains {
 public:
  Chains(const Kernels& kernels, Size n)
      : fused_(std::strcmp(kernels.name, "scalar") != 0), values(static_cast<std::size_t>(n)) {}
  void add(Size i, float a, float b) {
    float& sum = values[std::size_t(i)];
    sum = fused_ ? std::fmaf(a, b, sum) : a * b + sum;
  }

 private:
  bool fused_;

 public:
  std::vector<float> values;
};

/// Equal numbers; 0 and -0 are equal, as a chain that meets a product with zero padding may have another sign.
void check_equal(const char* name, const std::vector<float>& got, const std::vector<float>& expected) {
  std::size_t i = 0;
  while (i < expected.size() && got[i] == expected[i]) i++;
  check(i == expected.size(), __FILE__, __LINE__, "bits of a chain of multiply-adds", name + std::to_string(i));
}

OpCase dense_case(const char* op, Size rows, Size inputs, Size units) {
  OpCase c(op, rows);
  return c.set("inputs", double(inputs)).set("units", double(units));
}

}  // namespace

TEST(dense_products_are_chains) {
  Random random(121);
  for (int number = 0; number < 120; number++) {
    const Size rows = random.whole(1, number % 10 ? 70 : 400), k = random.whole(1, number % 7 ? 150 : 1400);
    const Size n = random.whole(1, 150);
    if (!take_case()) continue;
    const auto x = random_floats(random, rows * k), w = random_floats(random, k * n),
               dy = random_floats(random, rows * n);
    for (const Kernels* kernels : instruction_sets()) {
      describe_case("products of (%td, %td) and (%td, %td) [%s]", rows, k, k, n, kernels->name);
      OpCase forward = dense_case("dense", rows, k, n), input = dense_case("dense_backward_input", rows, k, n);
      OpCase weight = dense_case("dense_backward_weight", rows, k, n);
      forward.set("activation", 0).set("slope", 0).batch("x", x).whole("w", w).batch_result("y", n);
      input.batch("dy", dy).whole("w", w).batch_result("dx", k);
      weight.batch("x", x).batch("dy", dy).whole_result("dw", k * n);
      Chains y(*kernels, rows * n), dx(*kernels, rows * k), dw(*kernels, k * n);
      for (Size r = 0; r < rows; r++) {
        for (Size p = 0; p < k; p++) {
          for (Size j = 0; j < n; j++) {
            const float x_rp = x[std::size_t(r * k + p)], dy_rj = dy[std::size_t(r * n + j)];
            y.add(r * n + j, x_rp, w[std::size_t(p * n + j)]);
            dx.add(r * k + p, dy_rj, w[std::size_t(p * n + j)]);
            dw.add(p * n + j, x_rp, dy_rj);
          }
        }
      }
      check_equal("y", forward.step(*kernels, 2)["y"], y.values);
      check_equal("dw", weight.step(*kernels, 2)["dw"], dw.values);
      // Up to four rows are multiplied by dot products.
      if (rows > 4) check_equal("dx", input.step(*kernels, 2)["dx"], dx.values);
    }
  }
}

TEST(convolutions_are_chains) {
  Random random(122);
  for (int number = 0; number < 1500; number++) {
    const Size rows = random.whole(1, 3);
    Geometry g = random_geometry(random, 150, 5, 3, 2);
    g.groups = number % 3 ? 1 : random.whole(2, 9);
    g.channels = g.groups * random.whole(1, number % 6 ? 9 : 1);
    g.filters = g.groups == 1 ? random.whole(1, 40) : g.groups * random.whole(1, number % 6 ? 9 : 1);
    if (!take_case() || g.winograd()) continue;
    const auto x = random_floats(random, rows * g.pixels() * g.channels), w = random_floats(random, g.weights());
    const Size group_channels = g.channels / g.groups, group_filters = g.filters / g.groups;
    for (const Kernels* kernels : instruction_sets()) {
      g.describe("conv2d", rows);
      describe_variant("[%s]", kernels->name);
      OpCase c("conv2d", rows);
      g.set(c);
      c.set("activation", 0).set("slope", 0).batch("x", x).whole("w", w);
      c.batch_result("y", g.output_pixels() * g.filters);
      Chains y(*kernels, rows * g.output_pixels() * g.filters);
      for (Size r = 0; r < rows; r++) {
        g.each_position([&](Size output, Size input, Size tap) {
          for (Size channel = 0; channel < group_channels; channel++) {
            for (Size filter = 0; filter < g.filters; filter++) {
              const Size from =
                  (r * g.pixels() + input) * g.channels + filter / group_filters * group_channels + channel;
              const Size weight = (tap * group_channels + channel) * g.filters + filter;
              y.add((r * g.output_pixels() + output) * g.filters + filter, x[std::size_t(from)],
                    w[std::size_t(weight)]);
            }
          }
        });
      }
      check_equal("y", c.step(*kernels, 2)["y"], y.values);
    }
  }
}

}  // namespace hebb::test
