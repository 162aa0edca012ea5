// Batch normalisation and its moments, written with the sums of its definition.
#include <algorithm>

#include "naive.h"
#include "op_case.h"

namespace hebb::test {
namespace {

constexpr double kEpsilon = 1e-3;

struct Shape {
  Size rows, positions, channels;
  Size count() const { return rows * positions; }
  Size floats() const { return count() * channels; }
};

template <class F>
void each_shape(F f) {
  int number = 0;
  for (Size channels : {1, 2, 3, 7, 8, 9, 16, 17, 33, 130}) {
    for (Size positions : {1, 2, 31, 33, 49}) {
      const Shape shape{1 + number % 5, positions, channels};
      if (take_case()) f(shape, number);
      number++;
    }
  }
  if (take_case()) f(Shape{3, 2100, 21}, number);  // over several tasks
}

OpCase norm_case(const char* op, const Shape& s, int number) {
  describe_case("%s (%td, %td, %td), operands %d", op, s.rows, s.positions, s.channels, number % 8);
  OpCase c(op, s.rows, number % 3);
  return c.set("positions", double(s.positions)).set("channels", double(s.channels));
}

struct Moments {
  std::vector<double> mean, variance, magnitude, spread;  // means of x, (x - mean)^2, |x|, |x - mean|
};

Moments moments_of(const Shape& s, const std::vector<float>& x) {
  const auto channel_means = [&](auto f) {
    std::vector<double> means(std::size_t(s.channels), 0);
    for (Size i = 0; i < s.floats(); i++) {
      means[std::size_t(i % s.channels)] += f(double(x[std::size_t(i)]), i % s.channels) / double(s.count());
    }
    return means;
  };
  Moments m;
  m.mean = channel_means([](double value, Size) { return value; });
  m.magnitude = channel_means([](double value, Size) { return std::fabs(value); });
  const auto distance = [&](double value, Size c) { return std::fabs(value - m.mean[std::size_t(c)]); };
  m.spread = channel_means(distance);
  m.variance = channel_means([&](double value, Size c) { return distance(value, c) * distance(value, c); });
  return m;
}

std::vector<float> as_floats(const std::vector<double>& values) { return {values.begin(), values.end()}; }

/// Channels of different means and deviations.
std::vector<float> spread_floats(Random& random, const Shape& s) {
  std::vector<float> x = random_floats(random, s.floats());
  for (Size i = 0; i < s.floats(); i++) {
    const Size c = i % s.channels;
    x[std::size_t(i)] = x[std::size_t(i)] * float(1 + c % 3) + float(c % 5 - 2);
  }
  return x;
}

}  // namespace

TEST(channel_moments) {
  Random random(131);
  double worst = 0;
  each_shape([&](const Shape& s, int number) {
    OpCase c = norm_case("channel_moments", s, number);
    c.batch("x", spread_floats(random, s)).whole_result("mean", s.channels).whole_result("variance", s.channels);
    const Moments m = moments_of(s, c.input("x"));
    Expected means, variances;
    for (std::size_t i = 0; i < m.mean.size(); i++) {
      const double error = product_bound(m.magnitude[i], s.count());
      means.add(m.mean[i], error);
      // Around a mean that is wrong by e the squares are larger by e^2.
      variances.add(m.variance[i], product_bound(m.variance[i], s.count()) + 2 * error * m.spread[i] + error * error);
    }
    c.run([&](const Results& r, const Kernels&) {
      worst = std::fmax(worst, check_close("mean", r["mean"].data(), means));
      worst = std::fmax(worst, check_close("variance", r["variance"].data(), variances));
    });
  });
  note("largest error %.2f of its bound", worst);
}

// Sums of squares would lose a deviation of 1 beside a mean of 30000 to rounding.
TEST(channel_moments_far_from_zero) {
  Random random(132);
  const Shape s{8, 1000, 3};
  OpCase c = norm_case("channel_moments", s, 0);
  std::vector<float> x = random_floats(random, s.floats());
  for (float& value : x) value += 30000;
  c.batch("x", x).whole_result("mean", s.channels).whole_result("variance", s.channels);
  const Moments m = moments_of(s, x);
  Expected variances;
  for (double variance : m.variance) variances.add(variance, 1e-3 * variance);
  c.run([&](const Results& r, const Kernels&) { check_close("variance", r["variance"].data(), variances); });
}

TEST(batch_norm) {
  Random random(133);
  double worst = 0;
  each_shape([&](const Shape& s, int number) {
    OpCase c = norm_case("batch_norm", s, number);
    c.set("epsilon", kEpsilon).batch("x", spread_floats(random, s)).batch_result("y", s.positions * s.channels);
    // Every choice of what may be absent.
    const bool with_mean = number & 1, with_gamma = number & 2, with_beta = number & 4;
    c.whole("variance", random_floats(random, s.channels, 0, 2));
    if (with_mean) c.whole("mean", random_floats(random, s.channels));
    if (with_gamma) c.whole("gamma", random_floats(random, s.channels, -2, 2));
    if (with_beta) c.whole("beta", random_floats(random, s.channels));
    if (number % 2) c.over("y", "x");
    c.rows_independent = true;
    Expected expected;
    for (Size i = 0; i < s.floats(); i++) {
      const auto of_channel = [&](const char* name) { return double(c.input(name)[std::size_t(i % s.channels)]); };
      const double mean = with_mean ? of_channel("mean") : 0, beta = with_beta ? of_channel("beta") : 0;
      const double factor = (with_gamma ? of_channel("gamma") : 1) / std::sqrt(of_channel("variance") + kEpsilon);
      const double product = (double(c.input("x")[std::size_t(i)]) - mean) * factor;
      expected.add(product + beta, kRoundoff * (4 * std::fabs(product) + std::fabs(beta)) + 0x1p-126);
    }
    c.run(
        [&](const Results& r, const Kernels&) { worst = std::fmax(worst, check_close("y", r["y"].data(), expected)); });
  });
  note("largest error %.2f of its bound", worst);
}

TEST(batch_norm_backward) {
  Random random(134);
  double worst = 0;
  each_shape([&](const Shape& s, int number) {
    OpCase c = norm_case("batch_norm_backward", s, number);
    c.set("epsilon", kEpsilon).batch("x", spread_floats(random, s)).batch("dy", random_floats(random, s.floats()));
    const Moments m = moments_of(s, c.input("x"));
    c.whole("mean", as_floats(m.mean)).whole("variance", as_floats(m.variance));
    const bool with_gamma = number % 2;
    if (with_gamma) c.whole("gamma", random_floats(random, s.channels, -2, 2));
    c.batch_result("dx", s.positions * s.channels).whole_result("dgamma", s.channels);
    c.whole_result("dbeta", s.channels);
    if (number % 3 == 0) c.over("dx", "dy");
    // As in the paper: x^ = (x - mean) / deviation; with g = dy gamma, dx = (g - mean of g - x^ mean of g x^) /
    // deviation.
    const auto channel = [&](Size i) { return std::size_t(i % s.channels); };
    const auto normal = [&](Size i) {
      const std::size_t at = channel(i);
      return (double(c.input("x")[std::size_t(i)]) - double(c.input("mean")[at])) /
             std::sqrt(double(c.input("variance")[at]) + kEpsilon);
    };
    Sums dbeta(s.channels), dgamma(s.channels);
    for (Size i = 0; i < s.floats(); i++) {
      const double dy = double(c.input("dy")[std::size_t(i)]);
      dbeta.add(Size(channel(i)), dy, 1), dgamma.add(Size(channel(i)), dy, normal(i));
    }
    Expected inputs;
    const double n = double(s.count());
    for (Size i = 0; i < s.floats(); i++) {
      const std::size_t at = channel(i);
      const double factor =
          (with_gamma ? double(c.input("gamma")[at]) : 1) / std::sqrt(double(c.input("variance")[at]) + kEpsilon);
      const double dy = double(c.input("dy")[std::size_t(i)]), x = normal(i);
      const double error = product_bound(dbeta.magnitudes[at] + std::fabs(x) * dgamma.magnitudes[at], s.count()) / n +
                           6 * kRoundoff * std::fabs(dy);
      inputs.add(factor * (dy - dbeta.values[at] / n - x * dgamma.values[at] / n), std::fabs(factor) * error + 1e-30);
    }
    const Expected shifts = activated(dbeta, {}, Activation::linear, 0, s.count());
    const Expected scales = activated(dgamma, {}, Activation::linear, 0, s.count());
    c.run([&](const Results& r, const Kernels&) {
      worst = std::fmax(worst, check_close("dx", r["dx"].data(), inputs));
      worst = std::fmax(worst, check_close("dbeta", r["dbeta"].data(), shifts));
      worst = std::fmax(worst, check_close("dgamma", r["dgamma"].data(), scales));
    });
  });
  note("largest error %.2f of its bound", worst);
}

TEST(update_moments) {
  Random random(135);
  for (double momentum : {0.0, 0.1, 0.99, 1.0}) {
    each_shape([&](const Shape& s, int number) {
      OpCase c = norm_case("update_moments", s, number);
      c.set("momentum", momentum);
      c.whole("batch_mean", random_floats(random, s.channels)).changing("mean", random_floats(random, s.channels));
      c.whole("batch_variance", random_floats(random, s.channels, 0, 2));
      c.changing("variance", random_floats(random, s.channels, 0, 2));
      // The unbiased estimate; of a single number there is none, and its variance stays as it is.
      const double n = double(s.count()), unbiased = s.count() > 1 ? n / (n - 1) : 1;
      Expected means, variances;
      for (std::size_t i = 0; i < std::size_t(s.channels); i++) {
        const double mean = double(c.input("mean")[i]), variance = double(c.input("variance")[i]);
        means.add(mean + momentum * (double(c.input("batch_mean")[i]) - mean), kRoundoff);
        variances.add(variance + momentum * (unbiased * double(c.input("batch_variance")[i]) - variance),
                      2 * kRoundoff * (1 + unbiased));
      }
      c.run([&](const Results& r, const Kernels&) {
        check_close("mean", r["mean"].data(), means);
        check_close("variance", r["variance"].data(), variances);
      });
    });
  }
}

}  // namespace hebb::test
