#include "op.h"

namespace hebb {
namespace {

template <class Args>
PoolGeometry geometry(const Args& a) {
  return {a.height,     a.width,         a.channels,     a.output_height, a.output_width, a.size_height,
          a.size_width, a.stride_height, a.stride_width, a.pad_top,       a.pad_left};
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

}  // namespace hebb
