// Losses, their gradients, and what is counted.
#include <algorithm>
#include <limits>

#include "naive.h"
#include "op_case.h"

namespace hebb::test {
namespace {

template <class F>
void each_size(F f) {
  for (Size rows : {1, 2, 5, 16, 70}) {
    for (Size elements : {1, 2, 3, 7, 8, 9, 10, 15, 16, 17, 31, 33, 100, 1000}) {
      if (take_case()) f(rows, elements);
    }
  }
}

OpCase loss_case(const char* op, Size rows, Size elements, std::vector<float> x, std::vector<float> t) {
  OpCase c(op, rows, rows % 3);
  c.set("value", double(elements % kValues));
  c.batch("x", std::move(x)).batch("t", std::move(t));
  c.training_only = true;
  return c;
}

/// The value stands in its place, and the other places are zero.
void check_value(const Results& results, Size elements, double expected, double bound) {
  EXPECT(results.values.size() == std::size_t(kValues));
  for (Size i = 0; i < Size(results.values.size()); i++) {
    const double value = results.values[std::size_t(i)];
    if (i == elements % kValues) {
      check(std::fabs(value - expected) <= bound, __FILE__, __LINE__, "the value agrees",
            std::to_string(value) + ", expected " + std::to_string(expected));
    } else {
      EXPECT(value == 0);
    }
  }
}

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
    each_size([&](Size rows, Size classes) {
      const bool one_hot = rows % 2;
      describe_case("softmax_cross_entropy (%td, %td) of numbers up to %g, one-hot %d", rows, classes, range, one_hot);
      OpCase c = loss_case("softmax_cross_entropy", rows, classes, random_floats(random, rows * classes, -range, range),
                           targets(random, rows, classes, one_hot));
      c.set("classes", double(classes)).batch_result("dx", classes);
      double value = 0, value_bound = 0;
      Expected gradient;
      for (Size r = 0; r < rows; r++) {
        const float *x = c.input("x").data() + r * classes, *t = c.input("t").data() + r * classes;
        const double max = double(*std::max_element(x, x + classes));
        double sum = 0, total = 0, dot = 0;
        for (Size i = 0; i < classes; i++) {
          sum += std::exp(double(x[i]) - max), total += double(t[i]), dot += double(t[i]) * double(x[i]);
          value_bound += std::fabs(double(t[i]) * double(x[i]));
        }
        value += total * (std::log(sum) + max) - dot;
        value_bound += total * (std::fabs(max) + std::log(sum) + 1);
        for (Size i = 0; i < classes; i++) {
          const double share = total * std::exp(double(x[i]) - max) / sum, rounded = max - double(x[i]);
          const double error = share * (10 + rounded + 2 * std::sqrt(double(classes))) + 3 * double(t[i]);
          gradient.add((share - double(t[i])) / double(rows), kRoundoff * error / double(rows) + 0x1p-126);
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
    each_size([&](Size rows, Size elements) {
      describe_case("binary_cross_entropy (%td, %td) of numbers up to %g", rows, elements, range);
      std::vector<float> t = random_floats(random, rows * elements, 0, 1);
      if (rows % 2) {
        for (float& target : t) target = std::round(target);
      }
      OpCase c = loss_case("binary_cross_entropy", rows, elements,
                           random_floats(random, rows * elements, -range, range), std::move(t));
      c.set("elements", double(elements)).batch_result("dx", elements);
      const double n = double(rows * elements);
      double value = 0;
      Expected gradient;
      for (std::size_t i = 0; i < c.input("x").size(); i++) {
        const double z = double(c.input("x")[i]), target = double(c.input("t")[i]), y = 1 / (1 + std::exp(-z));
        // -t log(y) - (1 - t) log(1 - y), where log(y) = -log(1 + e^-z)
        const double log_y = z > -50 ? -std::log1p(std::exp(-z)) : z, log_rest = z < 50 ? -std::log1p(std::exp(z)) : -z;
        value -= target * log_y + (1 - target) * log_rest;
        gradient.add((y - target) / n, kRoundoff * (8 * y + 3 * target) / n + 0x1p-126);
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
  each_size([&](Size rows, Size elements) {
    describe_case("squared_error (%td, %td)", rows, elements);
    const double scale = rows % 2 ? 0.5 : 1 / double(elements);
    OpCase c = loss_case("squared_error", rows, elements, random_floats(random, rows * elements, -3, 3),
                         random_floats(random, rows * elements));
    c.set("elements", double(elements)).set("value_scale", scale).batch_result("dx", elements);
    double value = 0;
    Expected gradient;
    for (std::size_t i = 0; i < c.input("x").size(); i++) {
      const double difference = double(c.input("x")[i]) - double(c.input("t")[i]);
      value += difference * difference * scale / double(rows);
      const double slope = 2 * scale * difference / double(rows);
      gradient.add(slope, 4 * kRoundoff * std::fabs(slope));
    }
    c.run([&](const Results& r, const Kernels&) {
      check_value(r, elements, value, 1e-12 * (1 + value));
      check_close("dx", r["dx"].data(), gradient);
    });
  });
}

TEST(count_correct) {
  Random random(44);
  each_size([&](Size rows, Size elements) {
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
