// What the columns of a source are like, over some of its rows: what normalisation is worked out from.
#pragma once
#include <vector>

#include "ops/op.h"

namespace hebb {

/// By element of a row. The deviation is that of the rows themselves (divided by their number).
struct Moments {
  std::vector<double> min, max, mean, deviation;
};

/// In double, each column by itself in the order of the rows: the same bits on any number of threads.
/// @param order rows to take, at least one, all within the source
Moments column_moments(const Source& source, const std::vector<std::uint32_t>& order, int threads);

}  // namespace hebb
