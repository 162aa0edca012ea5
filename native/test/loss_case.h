// What tests of losses share: sizes, weights of rows, and where the value stands.
#pragma once
#include "naive.h"
#include "op_case.h"

namespace hebb::test {

template <class F>
void each_loss_size(F f) {
  for (Size rows : {1, 2, 5, 16, 70}) {
    for (Size elements : {1, 2, 3, 7, 8, 9, 10, 15, 16, 17, 31, 33, 100, 1000}) {
      if (take_case()) f(rows, elements);
    }
  }
}

inline OpCase loss_case(const char* op, Size rows, Size elements, std::vector<float> x, std::vector<float> t) {
  OpCase c(op, rows, rows % 3);
  c.set("value", double(elements % kValues));
  c.batch("x", std::move(x)).batch("t", std::move(t));
  c.training_only = true;
  return c;
}

/// What each row counts: in two of three cases what the op is given, some of it nothing; in the third it is given
/// none, which is 1.
inline std::vector<double> weigh_rows(OpCase& c, Random& random, Size rows, Size elements) {
  if ((rows + elements) % 3 == 0) return std::vector<double>(std::size_t(rows), 1);
  std::vector<float> weights = random_floats(random, rows, 0, 3);
  for (float& weight : weights) weight = random.whole(0, 4) ? weight : 0;
  c.batch("weights", weights);
  return {weights.begin(), weights.end()};
}

/// The value stands in its place, and the other places are zero.
inline void check_value(const Results& results, Size elements, double expected, double bound) {
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

}  // namespace hebb::test
