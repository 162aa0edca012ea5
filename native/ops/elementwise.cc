// Gathers, activations and dropout.
#include <cstring>

#include "op.h"

namespace hebb {

constexpr std::uint32_t kDropoutPurpose = 3;  // src/native.ts names it, too

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

}  // namespace hebb
