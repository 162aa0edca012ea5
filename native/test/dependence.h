// What is wrong with a number must show in all that depends on it: cases of ops with the inputs of which that is asked.
#pragma once
#include <vector>

#include "op_case.h"

namespace hebb::test {

/// A case and those of its inputs whose NaN must reach the results. Inputs that only choose (y of a relu's gradient, x
/// of a maximum's) are left out: no comparison with NaN holds, so it chooses something.
struct Dependence {
  OpCase c;
  std::vector<const char*> inputs;
  bool linear;       // an infinity reaches the results, too
  bool independent;  // and what does not depend on the number keeps its bits
};

/// A case of 3 rows of `elements` numbers from 0.25 to 0.75 in each input.
OpCase elementwise(const char* op, Random& random, Size elements, const std::vector<const char*>& inputs,
                   const char* result);

/// Puts NaN and infinity into each of these inputs, in several places, on every instruction set.
void check_dependences(const std::vector<Dependence>& list, std::uint64_t seed);

}  // namespace hebb::test
