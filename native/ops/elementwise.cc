// Gathers, activations, dropout and noise.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "../random.h"
#include "op.h"
#include "portable_math.h"

namespace hebb {

constexpr std::uint32_t kDropoutPurpose = 3, kNoisePurpose = 6;  // src/native.ts names them, too

void run(const gather_args& a, Step& step) {
  const Source& source = step.sources[a.slot];
  if (!source.data || !step.order) return;  // a run without data: the caller filled the arena
  for (Size r = 0; r < step.rows; r++) {
    const Size first = Size(step.order[r]) * a.elements;
    float* y = a.y + r * a.elements;
    if (source.type == Source::Type::uint8) {
      step.kernels->affine_uint8(a.elements, source.data + first, float(a.scale), float(a.offset), y);
    } else {
      step.kernels->affine(a.elements, reinterpret_cast<const float*>(source.data) + first, float(a.scale),
                           float(a.offset), y);
    }
  }
}

void run(const gather_affine_args& a, Step& step) {
  const Source& source = step.sources[a.slot];
  if (!source.data || !step.order) return;
  for (Size r = 0; r < step.rows; r++) {
    const Size first = Size(step.order[r]) * a.elements;
    float* y = a.y + r * a.elements;
    if (source.type == Source::Type::uint8) {
      step.kernels->affine_each_uint8(a.elements, source.data + first, a.scale, a.offset, y);
    } else {
      step.kernels->affine_each(a.elements, reinterpret_cast<const float*>(source.data) + first, a.scale, a.offset, y);
    }
  }
}

void run(const gather_classes_args& a, Step& step) {
  const Source& source = step.sources[a.slot];
  if (!source.data || !step.order) return;
  for (Size r = 0; r < step.rows; r++) {
    std::int32_t index;
    std::memcpy(&index, source.data + Size(step.order[r]) * sizeof index, sizeof index);
    float* y = a.y + r * a.classes;
    if (a.classes == 1) {
      *y = float(index);
      continue;
    }
    std::memset(y, 0, std::size_t(a.classes) * sizeof(float));
    if (index >= 0 && index < a.classes) y[index] = 1;
  }
}

void run(const affine_args& a, Step& step) {
  step.kernels->affine(step.rows * a.elements, a.x, float(a.scale), float(a.offset), a.y);
}

void run(const affine_each_args& a, Step& step) {
  for (Size r = 0; r < step.rows; r++) {
    step.kernels->affine_each(a.elements, a.x + r * a.elements, a.scale, a.offset, a.y + r * a.elements);
  }
}

void run(const activate_args& a, Step& step) {
  for_each_range(step, step.rows * a.elements, [&](Size first, Size n) {
    step.kernels->activate(a.activation, float(a.slope), n, a.x + first, a.y + first);
  });
}

void run(const activate_backward_args& a, Step& step) {
  for_each_range(step, step.rows * a.elements, [&](Size first, Size n) {
    step.kernels->activate_backward(a.activation, float(a.slope), n, a.y + first, a.dy + first, a.dx + first);
  });
}

void run(const softmax_args& a, Step& step) { step.kernels->softmax(step.rows * a.positions, a.classes, a.x, a.y); }

void run(const softmax_backward_args& a, Step& step) {
  step.kernels->softmax_backward(step.rows * a.positions, a.classes, a.y, a.dy, a.dx);
}

void run(const dropout_args& a, Step& step) {
  for_each_range(step, step.rows * a.elements, [&](Size first, Size n) {
    step.kernels->dropout(n, a.x + first, a.y + first, float(a.rate), step.seed, kDropoutPurpose, step.step, step.epoch,
                          std::uint32_t(a.layer), first);
  });
}

void run(const activate_backward_input_args& a, Step& step) {
  for_each_range(step, step.rows * a.elements, [&](Size first, Size n) {
    step.kernels->activate_backward_input(a.activation, float(a.slope), n, a.x + first, a.dy + first, a.dx + first);
  });
}

// Tompson et al.: "Efficient object localization using convolutional networks", CVPR 2015, section 3.2.
void run(const spatial_dropout_args& a, Step& step) {
  constexpr Size kChannels = 256;  // at a time, so that their factors stand by
  const float scale = 1.0f / (1.0f - float(a.rate));
  const std::uint32_t threshold = std::uint32_t(double(float(a.rate)) * 4294967296.0);
  const Size image = a.positions * a.channels;
  parallel_for(int(step.rows), step.rows * image < kElementwiseSerial ? 1 : step.threads, [&](int row, int) {
    float factors[kChannels];
    for (Size first = 0; first < a.channels; first += kChannels) {
      const Size n = std::min(kChannels, a.channels - first);
      for (Size c = 0; c < n; c++) {
        const Size number = row * a.channels + first + c;
        std::uint32_t bits[4];
        philox({step.seed, kDropoutPurpose}, {std::uint32_t(number / 4), step.step, step.epoch, std::uint32_t(a.layer)},
               bits);
        factors[c] = bits[number % 4] >= threshold ? scale : 0.0f;
      }
      for (Size p = 0; p < a.positions; p++) {
        const Size at = row * image + p * a.channels + first;
        for (Size c = 0; c < n; c++) a.y[at + c] = factors[c] == 0 ? 0.0f : a.x[at + c] * factors[c];
      }
    }
  });
}

// Box, Muller: "A note on the generation of random normal deviates", Annals of Mathematical Statistics 29, 1958.
void run(const gaussian_noise_args& a, Step& step) {
  // A number costs so much that threads pay off early. A task begins at an even element.
  constexpr Size kTask = 1 << 12;
  const Size total = step.rows * a.elements;
  parallel_for(int((total + kTask - 1) / kTask), step.threads, [&](int task, int) {
    const Size first = task * kTask;
    std::uint32_t bits[4];
    for (Size i = first; i < std::min(total, first + kTask); i++) {
      // A block has the two numbers of an even element and two for the next.
      if (i == first || i % 2 == 0) {
        philox({step.seed, kNoisePurpose}, {std::uint32_t(i / 2), step.step, step.epoch, std::uint32_t(a.layer)}, bits);
      }
      const double u = (double(bits[i % 2 * 2]) + 1) / 4294967296.0, turns = double(bits[i % 2 * 2 + 1]) / 4294967296.0;
      a.y[i] = a.x[i] + float(a.stddev * std::sqrt(-2 * natural_log(u)) * cosine_of_turns(turns));
    }
  });
}

}  // namespace hebb
