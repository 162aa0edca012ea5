// Numbers that tests draw, and how results are compared.
#pragma once
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "test.h"

namespace hebb::test {

/// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", OOPSLA 2014): a seed, the same
/// numbers.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t bits() {
    std::uint64_t z = state_ += 0x9E3779B97F4A7C15;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9, z = (z ^ z >> 27) * 0x94D049BB133111EB;
    return z ^ z >> 31;
  }
  /// A whole number from `least` to `most`.
  Size whole(Size least, Size most) { return least + Size(bits() % std::uint64_t(most - least + 1)); }
  double real(double low, double high) { return low + (high - low) * double(bits() >> 11) * 0x1p-53; }
  template <class T>
  T one_of(const std::vector<T>& list) {
    return list[std::size_t(whole(0, Size(list.size()) - 1))];
  }

 private:
  std::uint64_t state_;
};

inline std::vector<float> random_floats(Random& random, Size n, double low = -1, double high = 1) {
  std::vector<float> values(static_cast<std::size_t>(n));
  for (float& value : values) value = float(random.real(low, high));
  return values;
}

/// Whole numbers so small that their products and sums are exact in float: any wrong element shows, and no rounding
/// hides it.
inline std::vector<float> random_wholes(Random& random, Size n, Size most = 8) {
  std::vector<float> values(static_cast<std::size_t>(n));
  for (float& value : values) value = float(random.whole(-most, most));
  return values;
}

/// What a naive loop in double precision says, and how far from it a result may lie.
struct Expected {
  std::vector<double> values, bounds;
  void add(double value, double bound) { values.push_back(value), bounds.push_back(bound); }
};

constexpr double kRoundoff = 0x1p-24;  // of one float operation

/// How far a sum of k products in floats may be from the exact one, where `magnitude` is the sum of their absolute
/// values. Each of k additions errs by at most kRoundoff times the partial sum; as the errors' signs differ, they grow
/// as sqrt(k) (Higham, Mary: "A new approach to probabilistic rounding error analysis", SIAM J. Sci. Comput. 41, 2019).
inline double product_bound(double magnitude, Size k) { return (3 + std::sqrt(double(k))) * kRoundoff * magnitude; }

/// Result by result within its bound; NaN where NaN is expected, and the same infinity. One check.
/// @return the largest error as a part of its bound
double check_close(const char* name, const float* got, const Expected& expected);

/// One check.
bool check_same_bits(const char* name, const float* got, const float* expected, Size n);

}  // namespace hebb::test
