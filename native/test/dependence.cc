#include "dependence.h"

#include <limits>

namespace hebb::test {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN(), kInfinity = std::numeric_limits<float>::infinity();

/// All numbers that a run left, values as well.
std::vector<double> all_numbers(const Results& results) {
  std::vector<double> numbers = results.values;
  for (const auto& [name, values] : results.operands) numbers.insert(numbers.end(), values.begin(), values.end());
  return numbers;
}

void check_spread(const Dependence& d, const char* input, Size at, const Kernels& kernels,
                  const std::vector<double>& base) {
  const auto numbers_with = [&](float value) {
    OpCase c = d.c;
    c.input(input)[std::size_t(at)] = value;
    return all_numbers(c.step(kernels, 1));
  };
  const float value = d.c.input(input)[std::size_t(at)];
  const auto higher = numbers_with(value + 100), lower = numbers_with(value - 100), nans = numbers_with(kNan);
  const auto infinities = d.linear ? numbers_with(kInfinity) : std::vector<double>{};
  Size lost = -1, lost_infinity = -1, spread = -1;
  for (std::size_t i = 0; i < base.size(); i++) {
    const bool depends = base[i] != higher[i] || base[i] != lower[i];
    if (depends && !std::isnan(nans[i])) lost = Size(i);
    if (depends && d.linear && std::isfinite(infinities[i])) lost_infinity = Size(i);
    if (!depends && d.independent && nans[i] != base[i]) spread = Size(i);
  }
  const auto tell = [](Size i) { return "result " + std::to_string(i); };
  check(lost < 0, __FILE__, __LINE__, "NaN reaches every result that depends on it", tell(lost));
  check(lost_infinity < 0, __FILE__, __LINE__, "infinity reaches every result that depends on it", tell(lost_infinity));
  check(spread < 0, __FILE__, __LINE__, "NaN reaches no other result", tell(spread));
}

}  // namespace

OpCase elementwise(const char* op, Random& random, Size elements, const std::vector<const char*>& inputs,
                   const char* result) {
  OpCase c(op, 3);
  c.set("elements", double(elements));
  for (const char* input : inputs) c.batch(input, random_floats(random, 3 * elements, 0.25, 0.75));
  if (result) c.batch_result(result, elements);
  return c;
}

void check_dependences(const std::vector<Dependence>& list, std::uint64_t seed) {
  Random random(seed);
  for (const Dependence& d : list) {
    for (const Kernels* kernels : instruction_sets()) {
      if (!take_case()) continue;
      describe_case("%s [%s]", d.c.op(), kernels->name);
      const std::vector<double> base = all_numbers(d.c.step(*kernels, 1));
      for (const char* input : d.inputs) {
        const Size last = Size(d.c.input(input).size()) - 1;
        for (Size at : {Size(0), last, last / 2, random.whole(0, last), random.whole(0, last)}) {
          describe_case("%s, NaN in %s[%td] of %td [%s]", d.c.op(), input, at, last + 1, kernels->name);
          check_spread(d, input, at, *kernels, base);
        }
      }
    }
  }
}

}  // namespace hebb::test
