// Moments of columns against long double in two passes.
#include "moments.h"

#include <algorithm>
#include <cmath>

#include "test.h"
#include "values.h"

namespace hebb::test {
namespace {

template <class T>
void check_moments(Source::Type type, const std::vector<T>& values, Size elements,
                   const std::vector<std::uint32_t>& order) {
  const Size rows = Size(values.size()) / elements;
  const Source source{reinterpret_cast<const unsigned char*>(values.data()), type, rows, elements};
  const Moments found = column_moments(source, order, 1);
  for (int threads : {2, 3, 8}) {
    const Moments again = column_moments(source, order, threads);
    EXPECT(again.mean == found.mean && again.deviation == found.deviation);
    EXPECT(again.min == found.min && again.max == found.max);
  }
  for (Size i = 0; i < elements; i++) {
    const std::size_t at = std::size_t(i);
    long double sum = 0, squares = 0;
    double least = INFINITY, most = -INFINITY;
    for (std::uint32_t row : order) {
      const double x = double(values[std::size_t(Size(row) * elements + i)]);
      sum += x, least = std::fmin(least, x), most = std::fmax(most, x);
    }
    const long double n = (long double)order.size(), mean = sum / n;
    for (std::uint32_t row : order) {
      const long double distance = (long double)values[std::size_t(Size(row) * elements + i)] - mean;
      squares += distance * distance;
    }
    const double deviation = double(std::sqrt(squares / n));
    EXPECT(found.min[at] == least && found.max[at] == most);
    EXPECT(std::fabs(found.mean[at] - double(mean)) <= 1e-12 * (deviation + std::fabs(double(mean))));
    EXPECT(std::fabs(found.deviation[at] - deviation) <= 1e-10 * deviation);
    if (least == most) EXPECT(found.deviation[at] == 0 && found.mean[at] == least);
  }
}

}  // namespace

TEST(moments_of_columns) {
  Random random(341);
  for (Size elements : {1, 3, 63, 64, 65, 784}) {
    for (Size rows : {1, 2, 50, 400}) {
      if (!take_case()) continue;
      describe_case("(%td, %td)", rows, elements);
      std::vector<std::uint32_t> some;
      for (Size r = 0; r < rows; r++) {
        if (r == 0 || random.whole(0, 3) > 0) some.push_back(std::uint32_t(r));
      }
      std::vector<std::uint8_t> bytes(std::size_t(rows * elements));
      for (auto& byte : bytes) byte = std::uint8_t(random.bits());
      // A constant column among them.
      for (Size r = 0; r < rows; r++) bytes[std::size_t(r * elements)] = 7;
      check_moments(Source::Type::uint8, bytes, elements, some);
      // Far from 0, and the first row far from all others.
      std::vector<float> floats = random_floats(random, rows * elements);
      for (float& x : floats) x = x * 1e-3f + 1000;
      for (Size i = 0; i < elements; i++) floats[std::size_t(i)] = -1e4f;
      check_moments(Source::Type::float32, floats, elements, some);
    }
  }
}

}  // namespace hebb::test
