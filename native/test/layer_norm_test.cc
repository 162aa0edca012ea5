// Layer normalisation, position by position with the sums of its definition.
#include <algorithm>

#include "naive.h"
#include "op_case.h"

namespace hebb::test {
namespace {

constexpr double kEpsilon = 1e-3;

struct Shape {
  Size rows, positions, channels;
  Size floats() const { return rows * positions * channels; }
};

template <class F>
void each_shape(F f) {
  int number = 0;
  for (Size channels : {1, 2, 3, 7, 8, 9, 16, 17, 33, 130, 1000}) {
    for (Size positions : {1, 2, 5, 33}) {
      const Shape shape{1 + number % 5, positions, channels};
      if (take_case()) f(shape, number);
      number++;
    }
  }
  if (take_case()) f(Shape{3, 2100, 21}, number);  // over several tasks
}

OpCase layer_case(const char* op, const Shape& s, int number) {
  describe_case("%s (%td, %td, %td), operands %d", op, s.rows, s.positions, s.channels, number % 4);
  OpCase c(op, s.rows, number % 3);
  c.set("positions", double(s.positions)).set("channels", double(s.channels)).set("epsilon", kEpsilon);
  return c;
}

/// One position: x^ = (x - mean) / deviation and 1 / deviation.
struct Normal {
  std::vector<double> values;
  double inverse = 0;
  Normal(const float* x, Size n) {
    double mean = 0, variance = 0;
    for (Size i = 0; i < n; i++) mean += double(x[i]) / double(n);
    for (Size i = 0; i < n; i++) variance += (double(x[i]) - mean) * (double(x[i]) - mean) / double(n);
    inverse = 1 / std::sqrt(variance + kEpsilon);
    for (Size i = 0; i < n; i++) values.push_back((double(x[i]) - mean) * inverse);
  }
};

}  // namespace

TEST(layer_norm) {
  Random random(141);
  double worst = 0;
  each_shape([&](const Shape& s, int number) {
    OpCase c = layer_case("layer_norm", s, number);
    c.batch("x", random_floats(random, s.floats(), -1, 3)).batch_result("y", s.positions * s.channels);
    const bool with_gamma = number & 1, with_beta = number & 2;
    if (with_gamma) c.whole("gamma", random_floats(random, s.channels, -2, 2));
    if (with_beta) c.whole("beta", random_floats(random, s.channels));
    if (number % 5 == 0) c.over("y", "x");
    c.rows_independent = true;
    Expected expected;
    for (Size first = 0; first < s.floats(); first += s.channels) {
      const Normal normal(c.input("x").data() + first, s.channels);
      for (std::size_t i = 0; i < std::size_t(s.channels); i++) {
        const double product = normal.values[i] * (with_gamma ? double(c.input("gamma")[i]) : 1);
        const double beta = with_beta ? double(c.input("beta")[i]) : 0;
        expected.add(product + beta, kRoundoff * (3 * std::fabs(product) + std::fabs(beta)) + 0x1p-126);
      }
    }
    c.run(
        [&](const Results& r, const Kernels&) { worst = std::fmax(worst, check_close("y", r["y"].data(), expected)); });
  });
  note("largest error %.2f of its bound", worst);
}

TEST(layer_norm_backward) {
  Random random(142);
  double worst = 0;
  each_shape([&](const Shape& s, int number) {
    OpCase c = layer_case("layer_norm_backward", s, number);
    c.batch("x", random_floats(random, s.floats(), -1, 3)).batch("dy", random_floats(random, s.floats()));
    const bool with_gamma = number % 2;
    if (with_gamma) c.whole("gamma", random_floats(random, s.channels, -2, 2));
    c.batch_result("dx", s.positions * s.channels).whole_result("dgamma", s.channels);
    c.whole_result("dbeta", s.channels);
    if (number % 3 == 0) c.over("dx", "dy");
    Sums dbeta(s.channels), dgamma(s.channels);
    Expected inputs;
    const double n = double(s.channels);
    for (Size first = 0; first < s.floats(); first += s.channels) {
      const Normal normal(c.input("x").data() + first, s.channels);
      std::vector<double> g;
      double sum = 0, dot = 0;
      for (std::size_t i = 0; i < std::size_t(s.channels); i++) {
        const double dy = double(c.input("dy")[std::size_t(first) + i]);
        dbeta.add(Size(i), dy, 1), dgamma.add(Size(i), dy, normal.values[i]);
        g.push_back(dy * (with_gamma ? double(c.input("gamma")[i]) : 1));
        sum += g[i] / n, dot += g[i] * normal.values[i] / n;
      }
      for (std::size_t i = 0; i < g.size(); i++) {
        const double dx = normal.inverse * (g[i] - sum - normal.values[i] * dot);
        inputs.add(dx, 2 * kRoundoff * std::fabs(dx) + 1e-12);  // the op works in double
      }
    }
    const Expected shifts = activated(dbeta, {}, Activation::linear, 0, s.rows * s.positions);
    const Expected scales = activated(dgamma, {}, Activation::linear, 0, s.rows * s.positions);
    c.run([&](const Results& r, const Kernels&) {
      worst = std::fmax(worst, check_close("dx", r["dx"].data(), inputs));
      worst = std::fmax(worst, check_close("dbeta", r["dbeta"].data(), shifts));
      worst = std::fmax(worst, check_close("dgamma", r["dgamma"].data(), scales));
    });
  });
  note("largest error %.2f of its bound", worst);
}

}  // namespace hebb::test
