#include <algorithm>

#include "op.h"

namespace hebb {
namespace {

template <class Args>
PoolGeometry geometry(const Args& a) {
  return {a.height,     a.width,         a.channels,     a.output_height, a.output_width, a.size_height,
          a.size_width, a.stride_height, a.stride_width, a.pad_top,       a.pad_left};
}

/// Calls f(output pixel, first and last row and column of the window within the image) for each window.
template <class Args, class F>
void each_window(const Args& a, F f) {
  for (Size oy = 0; oy < a.output_height; oy++) {
    const Size top = oy * a.stride_height - a.pad_top;
    for (Size ox = 0; ox < a.output_width; ox++) {
      const Size left = ox * a.stride_width - a.pad_left;
      f(oy * a.output_width + ox, std::max<Size>(top, 0), std::min(top + a.size_height, a.height),
        std::max<Size>(left, 0), std::min(left + a.size_width, a.width));
    }
  }
}

}  // namespace

void run(const max_pool2d_args& a, Step& step) {
  const PoolGeometry g = geometry(a);
  const Size in = a.height * a.width * a.channels, out = a.output_height * a.output_width * a.channels;
  parallel_for(int(step.rows), step.rows * in < kElementwiseTask ? 1 : step.threads,
               [&](int image, int) { step.kernels->max_pool(g, a.x + image * in, a.y + image * out); });
}

void run(const max_pool2d_backward_args& a, Step& step) {
  const PoolGeometry g = geometry(a);
  const Size in = a.height * a.width * a.channels, out = a.output_height * a.output_width * a.channels;
  parallel_for(int(step.rows), step.rows * in < kElementwiseTask ? 1 : step.threads, [&](int image, int) {
    step.kernels->max_pool_backward(g, a.x + image * in, a.y + image * out, a.dy + image * out, a.dx + image * in);
  });
}

void run(const average_pool2d_args& a, Step& step) {
  const Size in = a.height * a.width * a.channels, out = a.output_height * a.output_width * a.channels;
  parallel_for(int(step.rows), step.rows * in < kElementwiseTask ? 1 : step.threads, [&](int image, int) {
    const float* x = a.x + image * in;
    each_window(a, [&](Size pixel, Size top, Size bottom, Size left, Size right) {
      float* y = a.y + image * out + pixel * a.channels;
      std::fill_n(y, a.channels, 0.0f);
      for (Size row = top; row < bottom; row++) {
        for (Size column = left; column < right; column++) {
          const float* from = x + (row * a.width + column) * a.channels;
          for (Size c = 0; c < a.channels; c++) y[c] += from[c];
        }
      }
      const float share = 1 / float((bottom - top) * (right - left));
      for (Size c = 0; c < a.channels; c++) y[c] *= share;
    });
  });
}

void run(const average_pool2d_backward_args& a, Step& step) {
  const Size in = a.height * a.width * a.channels, out = a.output_height * a.output_width * a.channels;
  parallel_for(int(step.rows), step.rows * in < kElementwiseTask ? 1 : step.threads, [&](int image, int) {
    float* dx = a.dx + image * in;
    std::fill_n(dx, in, 0.0f);
    each_window(a, [&](Size pixel, Size top, Size bottom, Size left, Size right) {
      const float* dy = a.dy + image * out + pixel * a.channels;
      const float share = 1 / float((bottom - top) * (right - left));
      for (Size row = top; row < bottom; row++) {
        for (Size column = left; column < right; column++) {
          float* to = dx + (row * a.width + column) * a.channels;
          for (Size c = 0; c < a.channels; c++) to[c] += dy[c] * share;
        }
      }
    });
  });
}

}  // namespace hebb
