// What an op finds in scratch memory is not its own: another op of the program may have left anything there.
#pragma once
#include "recorder.h"

namespace hebb::test {

/// Appends a convolution of what the caller writes behind the arena's floats so far: NaN spreads from there to wherever
/// ops have their scratch memory, shared and per thread.
inline void append_spoiler(ProgramSpec* spec) {
  constexpr Size kSide = 14, kChannels = 4, kFilters = 9;
  const Size image = kSide * kSide * spec->rows;
  Recorder r;
  r.arena_floats = spec->arena_floats;
  std::map<std::string, double> sizes{{"channels", kChannels}, {"filters", kFilters}, {"pad_top", 1}, {"pad_left", 1}};
  for (const char* name : {"height", "width", "output_height", "output_width"}) sizes[name] = kSide;
  for (const char* name : {"kernel_height", "kernel_width"}) sizes[name] = 3;
  const auto x = r.tensor(image * kChannels), w = r.tensor(9 * kChannels * kFilters), y = r.tensor(image * kFilters);
  r.record("conv2d", sizes, {{"x", x}, {"w", w}, {"y", y}});
  spec->code.insert(spec->code.end(), r.code.begin(), r.code.end());
  spec->arena_floats = r.arena_floats;
}

}  // namespace hebb::test
