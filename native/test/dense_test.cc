// The dense ops against three nested loops.
#include <algorithm>

#include "naive.h"
#include "op_case.h"

namespace hebb::test {
namespace {

struct Shape {
  Size rows, inputs, units;
};

/// Sizes one by one and in random triples: tails of vectors, tiles, panels and blocks, and everything between.
std::vector<Shape> shapes() {
  std::vector<Shape> list;
  for (Size n : {1, 2, 3, 4, 5, 7, 8, 9, 13, 14, 15, 16, 17, 23, 24, 25, 31, 32, 33, 47, 48, 49, 63, 64, 65, 97}) {
    list.push_back({n, 37, 19}), list.push_back({5, n, 17}), list.push_back({7, 20, n});
    list.push_back({1, n, 33}), list.push_back({2, 33, n}), list.push_back({n, 1, 1}), list.push_back({n, n, n});
  }
  for (Size k : {127, 128, 129, 255, 256, 257, 383, 384, 385, 511, 512, 513, 639, 640, 641, 768, 1025, 1281, 2049}) {
    for (Size rows : {1, 4, 5, 24, 25, 33}) list.push_back({rows, k, 18});
  }
  // Wide and long enough for several tasks on several threads.
  const Shape parallel[] = {{64, 65, 130},  {70, 385, 66}, {241, 129, 65}, {481, 40, 70},  {3, 400, 515},
                            {1, 1030, 513}, {33, 784, 31}, {25, 769, 129}, {500, 130, 17}, {240, 384, 64}};
  // Packed, in several blocks of rows, columns and depth, some with strides on which the lines of a cache collide; for
  // the weight gradient as well, whose depth is the rows.
  const Shape packed[] = {{181, 512, 40},  {497, 256, 65}, {260, 1290, 33},  {181, 20, 1100},
                          {9, 1100, 300},  {512, 200, 40}, {641, 175, 33},   {1283, 200, 33},
                          {256, 256, 256}, {300, 200, 60}, {250, 190, 1100}, {380, 400, 70}};
  for (const Shape& s : parallel) list.push_back(s);
  for (const Shape& s : packed) list.push_back(s);
  Random random(1);
  const std::vector<Size> sizes{1,  2,  3,  5,  6,  7,  11, 12, 13,  15,  16, 17,
                                24, 25, 31, 32, 33, 53, 64, 70, 101, 128, 129};
  for (int i = 0; i < 600; i++) {
    list.push_back({random.whole(1, 70), random.one_of(sizes) * random.whole(1, 3), random.one_of(sizes)});
  }
  return list;
}

/// C(m, n) = A(m, k) B(k, n), each read through a function of row and column.
template <class A, class B>
Sums product(Size m, Size n, Size k, A a, B b) {
  Sums sums(m * n);
  for (Size i = 0; i < m; i++) {
    for (Size p = 0; p < k; p++) {
      for (Size j = 0; j < n; j++) sums.add(i * n + j, a(i, p), b(p, j));
    }
  }
  return sums;
}

auto matrix(const std::vector<float>& values, Size columns) {
  return [&values, columns](Size i, Size j) { return double(values[std::size_t(i * columns + j)]); };
}

}  // namespace

TEST(dense) {
  Random random(2);
  int number = 0;
  double worst = 0;
  for (const auto& [rows, k, n] : shapes()) {
    const Activation kind = Activation(number % int(Activation::fused_count));
    const bool with_bias = number % 5 != 0, exact = number % 3 == 0;
    const double slope = 0.125;
    number++;
    if (!take_case()) continue;
    describe_case("dense (%td, %td) x (%td, %td), activation %d, bias %d", rows, k, k, n, int(kind), with_bias);
    const auto fill = [&](Size size) { return exact ? random_wholes(random, size) : random_floats(random, size); };
    OpCase c("dense", rows, number % 3);
    c.set("inputs", double(k)).set("units", double(n)).set("activation", double(kind)).set("slope", slope);
    c.batch("x", fill(rows * k)).whole("w", fill(k * n)).batch_result("y", n);
    if (with_bias) c.whole("b", fill(n));
    c.rows_independent = true;
    const Sums sums = product(rows, n, k, matrix(c.input("x"), k), matrix(c.input("w"), n));
    Expected expected = activated(sums, with_bias ? c.input("b") : std::vector<float>{}, kind, slope, k);
    const bool exactly = exact && kind != Activation::sigmoid && kind != Activation::tanh;
    if (exactly) std::fill(expected.bounds.begin(), expected.bounds.end(), 0.0);
    c.run(
        [&](const Results& r, const Kernels&) { worst = std::fmax(worst, check_close("y", r["y"].data(), expected)); });
  }
  note("largest error %.2f of its bound", worst);
}

TEST(dense_backward_input) {
  Random random(3);
  double worst = 0;
  int number = 0;
  for (const auto& [rows, k, n] : shapes()) {
    const bool exact = number++ % 3 == 0;
    if (!take_case()) continue;
    describe_case("dense_backward_input (%td, %td) x (%td, %td)^T", rows, n, k, n);
    const auto fill = [&](Size size) { return exact ? random_wholes(random, size) : random_floats(random, size); };
    OpCase c("dense_backward_input", rows, number % 3);
    c.set("inputs", double(k)).set("units", double(n));
    c.batch("dy", fill(rows * n)).whole("w", fill(k * n)).batch_result("dx", k);
    const auto w = matrix(c.input("w"), n);
    const Sums sums = product(rows, k, n, matrix(c.input("dy"), n), [&](Size p, Size j) { return w(j, p); });
    Expected expected = activated(sums, {}, Activation::linear, 0, n);
    if (exact) std::fill(expected.bounds.begin(), expected.bounds.end(), 0.0);
    c.run([&](const Results& r, const Kernels&) {
      worst = std::fmax(worst, check_close("dx", r["dx"].data(), expected));
    });
  }
  note("largest error %.2f of its bound", worst);
}

TEST(dense_backward_weight) {
  Random random(4);
  double worst = 0;
  int number = 0;
  for (const auto& [rows, k, n] : shapes()) {
    const bool exact = number++ % 3 == 0;
    if (!take_case()) continue;
    describe_case("dense_backward_weight (%td, %td)^T x (%td, %td)", rows, k, rows, n);
    const auto fill = [&](Size size) { return exact ? random_wholes(random, size) : random_floats(random, size); };
    OpCase c("dense_backward_weight", rows, number % 3);
    c.set("inputs", double(k)).set("units", double(n));
    c.batch("x", fill(rows * k)).batch("dy", fill(rows * n)).whole_result("dw", k * n);
    const auto x = matrix(c.input("x"), k);
    const Sums sums = product(
        k, n, rows, [&](Size i, Size p) { return x(p, i); }, matrix(c.input("dy"), n));
    Expected expected = activated(sums, {}, Activation::linear, 0, rows);
    if (exact) std::fill(expected.bounds.begin(), expected.bounds.end(), 0.0);
    c.run([&](const Results& r, const Kernels&) {
      worst = std::fmax(worst, check_close("dw", r["dw"].data(), expected));
    });
  }
  note("largest error %.2f of its bound", worst);
}

// The gradient and the step at once; ops.def promises the bits of the one after the other.
TEST(dense_sgd) {
  Random random(6);
  constexpr Size kMostRows = 384;
  for (const Shape& s : shapes()) {
    const Size rows = s.rows, inputs = s.inputs, units = s.units;
    if (rows > kMostRows || !take_case()) continue;
    describe_case("dense_sgd (%td, %td)^T x (%td, %td)", rows, inputs, rows, units);
    OpCase c("dense_sgd", rows, std::min(kMostRows - rows, rows % 3));
    c.set("inputs", double(inputs)).set("units", double(units));
    c.batch("x", random_floats(random, rows * inputs)).batch("dy", random_floats(random, rows * units));
    c.changing("w", random_floats(random, inputs * units));
    c.request.learning_rates = {0.05}, c.training_only = true;
    OpCase gradient("dense_backward_weight", rows);
    gradient.set("inputs", double(inputs)).set("units", double(units));
    gradient.batch("x", c.input("x")).batch("dy", c.input("dy")).whole_result("dw", inputs * units);
    c.run([&](const Results& r, const Kernels& kernels) {
      OpCase update("sgd", 1);
      update.set("elements", double(inputs * units)).set("momentum", 0).set("nesterov", 0).changing("w", c.input("w"));
      update.whole("gradient", gradient.step(kernels, 1)["dw"]);
      update.request = c.request;
      const std::vector<float> expected = update.step(kernels, 1)["w"];
      check_same_bits("w", r["w"].data(), expected.data(), Size(expected.size()));
    });
  }
}

TEST(bias_gradient) {
  Random random(5);
  double worst = 0;
  for (Size units : {1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 64, 65, 127}) {
    for (Size rows : {1, 2, 5, 63, 64, 65, 130}) {
      for (Size positions : {1, 2, 49}) {
        if (!take_case()) continue;
        describe_case("bias_gradient of (%td, %td, %td)", rows, positions, units);
        OpCase c("bias_gradient", rows, rows % 3);
        c.set("positions", double(positions)).set("units", double(units));
        c.batch("dy", random_floats(random, rows * positions * units)).whole_result("db", units);
        Sums sums(units);
        for (Size i = 0; i < rows * positions * units; i++)
          sums.add(i % units, double(c.input("dy")[std::size_t(i)]), 1);
        const Expected expected = activated(sums, {}, Activation::linear, 0, rows * positions);
        c.run([&](const Results& r, const Kernels&) {
          worst = std::fmax(worst, check_close("db", r["db"].data(), expected));
        });
      }
    }
  }
  note("largest error %.2f of its bound", worst);
}

}  // namespace hebb::test
