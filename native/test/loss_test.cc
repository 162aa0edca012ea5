// Losses, their gradients, and what is counted.
#include <algorithm>
#include <limits>

#include "loss_case.h"

namespace hebb::test {
namespace {

/// Rows of zeros and a one, or of any shares that add up to about one.
std::vector<float> targets(Random& random, Size rows, Size classes, bool one_hot) {
  std::vector<float> t(std::size_t(rows * classes));
  for (Size r = 0; r < rows; r++) {
    if (one_hot) {
      t[std::size_t(r * classes + random.whole(0, classes - 1))] = 1;
    } else {
      for (Size i = 0; i < classes; i++) t[std::size_t(r * classes + i)] = float(random.real(0, 2.0 / double(classes)));
    }
  }
  return t;
}

}  // namespace

TEST(softmax_cross_entropy) {
  Random random(41);
  double worst = 0;
  for (double range : {1.0, 20.0, 300.0}) {
    each_loss_size([&](Size rows, Size classes) {
      const bool one_hot = rows % 2;
      describe_case("softmax_cross_entropy (%td, %td) of numbers up to %g, one-hot %d", rows, classes, range, one_hot);
      OpCase c = loss_case("softmax_cross_entropy", rows, classes, random_floats(random, rows * classes, -range, range),
                           targets(random, rows, classes, one_hot));
      c.set("classes", double(classes)).batch_result("dx", classes);
      const std::vector<double> weights = weigh_rows(c, random, rows, classes);
      double value = 0, value_bound = 0;
      Expected gradient;
      for (Size r = 0; r < rows; r++) {
        const float *x = c.input("x").data() + r * classes, *t = c.input("t").data() + r * classes;
        const double max = double(*std::max_element(x, x + classes));
        const double weight = weights[std::size_t(r)];
        double sum = 0, total = 0, dot = 0;
        for (Size i = 0; i < classes; i++) {
          sum += std::exp(double(x[i]) - max), total += double(t[i]), dot += double(t[i]) * double(x[i]);
          value_bound += weight * std::fabs(double(t[i]) * double(x[i]));
        }
        value += weight * (total * (std::log(sum) + max) - dot);
        value_bound += weight * total * (std::fabs(max) + std::log(sum) + 1);
        for (Size i = 0; i < classes; i++) {
          const double share = total * std::exp(double(x[i]) - max) / sum, rounded = max - double(x[i]);
          const double error = share * (11 + rounded + 2 * std::sqrt(double(classes))) + 4 * double(t[i]);
          const double scale = weight / double(rows);
          gradient.add(scale * (share - double(t[i])), scale * kRoundoff * error + (1 + scale) * 0x1p-126);
        }
      }
      const double bound = kRoundoff * value_bound * (8 + std::sqrt(double(classes))) / double(rows);
      c.run([&](const Results& r, const Kernels&) {
        check_value(r, classes, value / double(rows), bound);
        worst = std::fmax(worst, check_close("dx", r["dx"].data(), gradient));
      });
    });
  }
  note("largest error %.2f of its bound", worst);
}

// A class that is impossible (a logit of minus infinity) and not the target costs nothing.
TEST(softmax_cross_entropy_of_impossible_classes) {
  const float infinity = std::numeric_limits<float>::infinity();
  OpCase c = loss_case("softmax_cross_entropy", 2, 4, {-infinity, 1, 1, -infinity, 0, -infinity, -infinity, -infinity},
                       {0, 0, 1, 0, 1, 0, 0, 0});
  c.set("classes", 4).batch_result("dx", 4);
  Expected gradient;
  for (double dx : {0.0, 0.25, -0.25, 0.0, 0.0, 0.0, 0.0, 0.0}) gradient.add(dx, 1e-7);
  describe_case("softmax_cross_entropy of impossible classes");
  c.run([&](const Results& r, const Kernels&) {
    check_value(r, 4, std::log(2.0) / 2, 1e-6);
    check_close("dx", r["dx"].data(), gradient);
  });
}

TEST(binary_cross_entropy) {
  Random random(42);
  double worst = 0;
  for (double range : {3.0, 200.0}) {
    each_loss_size([&](Size rows, Size elements) {
      describe_case("binary_cross_entropy (%td, %td) of numbers up to %g", rows, elements, range);
      std::vector<float> t = random_floats(random, rows * elements, 0, 1);
      if (rows % 2) {
        for (float& target : t) target = std::round(target);
      }
      OpCase c = loss_case("binary_cross_entropy", rows, elements,
                           random_floats(random, rows * elements, -range, range), std::move(t));
      c.set("elements", double(elements)).batch_result("dx", elements);
      const std::vector<double> weights = weigh_rows(c, random, rows, elements);
      const double n = double(rows * elements);
      double value = 0;
      Expected gradient;
      for (std::size_t i = 0; i < c.input("x").size(); i++) {
        const double z = double(c.input("x")[i]), target = double(c.input("t")[i]), y = 1 / (1 + std::exp(-z));
        // -t log(y) - (1 - t) log(1 - y), where log(y) = -log(1 + e^-z)
        const double log_y = z > -50 ? -std::log1p(std::exp(-z)) : z, log_rest = z < 50 ? -std::log1p(std::exp(z)) : -z;
        const double weight = weights[i / std::size_t(elements)];
        value -= weight * (target * log_y + (1 - target) * log_rest);
        gradient.add(weight * (y - target) / n,
                     weight * kRoundoff * (9 * y + 4 * target) / n + (1 + weight) * 0x1p-126);
      }
      c.run([&](const Results& r, const Kernels&) {
        check_value(r, elements, value / n, 1e-12 * (1 + value / n));
        worst = std::fmax(worst, check_close("dx", r["dx"].data(), gradient));
      });
    });
  }
  note("largest error %.2f of its bound", worst);
}

TEST(squared_error) {
  Random random(43);
  each_loss_size([&](Size rows, Size elements) {
    describe_case("squared_error (%td, %td)", rows, elements);
    const double scale = rows % 2 ? 0.5 : 1 / double(elements);
    OpCase c = loss_case("squared_error", rows, elements, random_floats(random, rows * elements, -3, 3),
                         random_floats(random, rows * elements));
    c.set("elements", double(elements)).set("value_scale", scale).batch_result("dx", elements);
    const std::vector<double> weights = weigh_rows(c, random, rows, elements);
    double value = 0;
    Expected gradient;
    for (std::size_t i = 0; i < c.input("x").size(); i++) {
      const double difference = double(c.input("x")[i]) - double(c.input("t")[i]);
      const double weight = weights[i / std::size_t(elements)];
      value += weight * difference * difference * scale / double(rows);
      const double slope = weight * 2 * scale * difference / double(rows);
      gradient.add(slope, 5 * kRoundoff * std::fabs(slope));
    }
    c.run([&](const Results& r, const Kernels&) {
      check_value(r, elements, value, 1e-12 * (1 + value));
      check_close("dx", r["dx"].data(), gradient);
    });
  });
}

TEST(count_correct) {
  Random random(44);
  each_loss_size([&](Size rows, Size elements) {
    describe_case("count_correct (%td, %td)", rows, elements);
    const bool one_hot = rows % 2;
    const double threshold = random.real(-0.5, 0.5);
    // Few different numbers, so that several elements are the largest: then the first counts.
    OpCase c = loss_case("count_correct", rows, elements, random_wholes(random, rows * elements, 3),
                         elements == 1 ? random_floats(random, rows, 0, 1) : targets(random, rows, elements, one_hot));
    c.set("elements", double(elements)).set("threshold", threshold);
    double correct = 0;
    for (Size r = 0; r < rows; r++) {
      const float *x = c.input("x").data() + r * elements, *t = c.input("t").data() + r * elements;
      const bool same_class = std::max_element(x, x + elements) - x == std::max_element(t, t + elements) - t;
      correct += elements == 1 ? (double(*x) > threshold) == (double(*t) > 0.5) : same_class;
    }
    c.run([&](const Results& r, const Kernels&) { check_value(r, elements, correct, 0); });
  });
}

}  // namespace hebb::test
