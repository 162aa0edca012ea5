#include "moments.h"

#include <algorithm>
#include <cmath>

#include "thread_pool.h"

namespace hebb {
namespace {

constexpr Size kColumns = 64;  // of a task: a cache line of bytes or four of floats, in each row

/// Sums over the distances from the first row: however far that is from the mean, its square is one of the squares that
/// are summed, so that no more than log2(rows) of the 53 bits can cancel. Sums over bytes are exact.
template <class T>
void columns_of(const Source& source, const std::vector<std::uint32_t>& order, Size first, Size n, Moments* moments) {
  const T* data = reinterpret_cast<const T*>(source.data) + first;
  const T* origin = data + Size(order[0]) * source.elements;
  double sums[kColumns] = {}, squares[kColumns] = {};
  T least[kColumns], most[kColumns];
  std::copy_n(origin, n, least);
  std::copy_n(origin, n, most);
  double from[kColumns];
  std::copy_n(origin, n, from);
  for (std::uint32_t row : order) {
    const T* x = data + Size(row) * source.elements;
    for (Size i = 0; i < n; i++) {
      const double distance = double(x[i]) - from[i];
      sums[i] += distance;
      squares[i] += distance * distance;
      least[i] = x[i] < least[i] ? x[i] : least[i];
      most[i] = x[i] > most[i] ? x[i] : most[i];
    }
  }
  const double rows = double(order.size());
  for (Size i = 0; i < n; i++) {
    const std::size_t at = std::size_t(first + i);
    const double mean = sums[i] / rows, variance = squares[i] / rows - mean * mean;
    moments->min[at] = double(least[i]), moments->max[at] = double(most[i]);
    moments->mean[at] = from[i] + mean;
    moments->deviation[at] = variance > 0 ? std::sqrt(variance) : 0;
  }
}

}  // namespace

Moments column_moments(const Source& source, const std::vector<std::uint32_t>& order, int threads) {
  const std::size_t elements = std::size_t(source.elements);
  Moments moments;
  for (auto* values : {&moments.min, &moments.max, &moments.mean, &moments.deviation}) values->resize(elements);
  const int tasks = int((source.elements + kColumns - 1) / kColumns);
  parallel_for(tasks, threads, [&](int task, int) {
    const Size first = task * kColumns, n = std::min(kColumns, source.elements - first);
    if (source.type == Source::Type::uint8) {
      columns_of<std::uint8_t>(source, order, first, n, &moments);
    } else {
      columns_of<float>(source, order, first, n, &moments);
    }
  });
  return moments;
}

}  // namespace hebb
