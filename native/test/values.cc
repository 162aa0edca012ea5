#include "values.h"

#include <cstdio>
#include <cstring>

namespace hebb::test {

double check_close(const char* name, const float* got, const Expected& expected) {
  double worst = 0;
  for (std::size_t i = 0; i < expected.values.size(); i++) {
    const double value = double(got[i]), want = expected.values[i], bound = expected.bounds[i];
    bool holds;
    if (std::isnan(want)) {
      holds = std::isnan(value);
    } else if (std::isinf(want)) {
      holds = value == want;
    } else {
      const double error = std::fabs(value - want);
      holds = error <= bound;
      if (holds && bound > 0 && error / bound > worst) worst = error / bound;
    }
    if (!holds) {
      char text[160];
      std::snprintf(text, sizeof text, "%s[%zu] of %zu is %.9g, expected %.9g within %.3g", name, i,
                    expected.values.size(), value, want, bound);
      check(false, __FILE__, __LINE__, "results agree with the naive loop", text);
      return worst;
    }
  }
  check(true, __FILE__, __LINE__, "");
  return worst;
}

bool check_same_bits(const char* name, const float* got, const float* expected, Size n) {
  if (n == 0 || !std::memcmp(got, expected, std::size_t(n) * sizeof(float))) {
    return check(true, __FILE__, __LINE__, "");
  }
  Size i = 0;
  while (!std::memcmp(got + i, expected + i, sizeof(float))) i++;
  char text[160];
  std::snprintf(text, sizeof text, "%s[%td] of %td is %.9g, expected %.9g", name, i, n, double(got[i]),
                double(expected[i]));
  return check(false, __FILE__, __LINE__, "same bits", text);
}

}  // namespace hebb::test
