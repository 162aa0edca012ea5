// Convolution, channels last, as matrix products over the image itself. The patches (output pixel, kernel element) are
// never written out: the kernel reads element (i, p) at image[pixel_offset[i] + patch_offset[p]]. Only an image with
// padding is first copied into a frame of zeros, one image a thread.
#include <algorithm>
#include <cstring>

#include "gemm.h"

namespace hebb {
namespace {

constexpr Size kPixelBlock = 384;  // output pixels of a task, where an image is split

struct Frame {
  Size height, width, channels;
  Size floats() const { return height * width * channels; }
};

/// The part of a padded image that windows of this size and stride touch.
template <class Args>
Frame input_frame(const Args& a) {
  return {(a.output_height - 1) * a.stride_height + a.kernel_height,
          (a.output_width - 1) * a.stride_width + a.kernel_width, a.channels};
}

template <class Args>
bool needs_padding(const Args& a) {
  const Frame f = input_frame(a);
  return a.pad_top > 0 || a.pad_left > 0 || f.height > a.height || f.width > a.width;
}

/// The frame with image x(height, width, channels) at (top, left), zeros around; what does not fit is left out.
void copy_into_frame(const float* x, Size height, Size width, Size top, Size left, const Frame& f, float* frame) {
  std::memset(frame, 0, std::size_t(f.floats()) * sizeof(float));
  const Size rows = std::min(height, f.height - top), columns = std::min(width, f.width - left);
  for (Size y = 0; y < rows; y++) {
    std::memcpy(frame + ((top + y) * f.width + left) * f.channels, x + y * width * f.channels,
                std::size_t(columns * f.channels) * sizeof(float));
  }
}

/// Offsets of the top left corners of windows, row by row.
void pixel_offsets(Size rows, Size columns, Size stride_y, Size stride_x, Size width, Size channels, std::int32_t* to) {
  for (Size y = 0; y < rows; y++) {
    for (Size x = 0; x < columns; x++) *to++ = std::int32_t((y * stride_y * width + x * stride_x) * channels);
  }
}

/// Offsets of a window's elements (kernel row, kernel column, channel) from its corner.
void patch_offsets(Size kernel_height, Size kernel_width, Size width, Size channels, std::int32_t* to) {
  for (Size y = 0; y < kernel_height; y++) {
    for (Size e = 0; e < kernel_width * channels; e++) *to++ = std::int32_t(y * width * channels + e);
  }
}

std::int32_t* as_offsets(float* scratch) { return reinterpret_cast<std::int32_t*>(scratch); }

template <class Args>
Size patch_size(const Args& a) {
  return a.kernel_height * a.kernel_width * a.channels;
}
template <class Args>
Size output_pixels(const Args& a) {
  return a.output_height * a.output_width;
}
template <class Args>
Size frame_floats(const Args& a) {
  return needs_padding(a) ? input_frame(a).floats() : 0;
}

/// The gradient's frame in conv2d_backward_input: dy spread by the stride, with a border of kernel - 1.
Frame gradient_frame(const conv2d_backward_input_args& a) {
  return {a.height + a.kernel_height - 1, a.width + a.kernel_width - 1, a.filters};
}

}  // namespace

// y(pixel, filter) = sum over p of x(pixel, p) w(p, filter).
void run(const conv2d_args& a, Step& step) {
  const Kernels& kernels = *step.kernels;
  const bool padded = needs_padding(a);
  const Frame frame = padded ? input_frame(a) : Frame{a.height, a.width, a.channels};
  const Size k = patch_size(a), pixels = output_pixels(a);
  float* panels = step.shared_scratch;
  std::int32_t* patch = as_offsets(panels + packed_floats(kernels, k, a.filters));
  std::int32_t* pixel = patch + k;
  pack_panels(kernels, k, a.filters, a.w, a.filters, 1, panels);
  patch_offsets(a.kernel_height, a.kernel_width, frame.width, a.channels, patch);
  pixel_offsets(a.output_height, a.output_width, a.stride_height, a.stride_width, frame.width, a.channels, pixel);

  const Size block = padded ? pixels : kPixelBlock;
  const Size tasks = (pixels + block - 1) / block;
  parallel_for(int(step.rows * tasks), step.threads, [&](int task, int thread) {
    const Size image = task / tasks, first = task % tasks * block;
    const float* x = a.x + image * a.height * a.width * a.channels;
    if (padded) {
      float* to = step.scratch_of(thread);
      copy_into_frame(x, a.height, a.width, a.pad_top, a.pad_left, frame, to);
      x = to;
    }
    GemmBlock g{};
    g.m = std::min(block, pixels - first), g.n = a.filters, g.k = k;
    g.a = x, g.row_offsets = pixel + first, g.column_offsets = patch;
    g.b = panels, g.b_stride = kernels.tile_columns, g.panel_stride = k * kernels.tile_columns, g.b_padded = true;
    g.c = a.y + (image * pixels + first) * a.filters, g.c_stride = a.filters;
    g.bias = a.b, g.activation = a.activation, g.slope = float(a.slope);
    kernels.gemm(g);
  });
}
ScratchNeed scratch(const conv2d_args& a, const Kernels& kernels, Size) {
  return {packed_floats(kernels, patch_size(a), a.filters) + patch_size(a) + output_pixels(a), frame_floats(a)};
}

// dx is the correlation of dy, spread by the stride and framed by zeros, with the kernel turned by 180 degrees and its
// channels and filters exchanged.
void run(const conv2d_backward_input_args& a, Step& step) {
  const Kernels& kernels = *step.kernels;
  const Frame frame = gradient_frame(a);
  const Size taps = a.kernel_height * a.kernel_width, k = taps * a.filters, pixels = a.height * a.width;
  const Size width = kernels.tile_columns;
  float* panels = step.shared_scratch;
  std::int32_t* patch = as_offsets(panels + packed_floats(kernels, k, a.channels));
  std::int32_t* pixel = patch + k;
  // Row (tap, filter), column channel of B is w(last tap - tap, channel, filter).
  const Size columns = (a.channels + width - 1) / width * width;
  for (Size j = 0; j < columns; j += width) {
    float* panel = panels + j * k;
    for (Size tap = 0; tap < taps; tap++) {
      const float* w = a.w + (taps - 1 - tap) * a.channels * a.filters;
      for (Size f = 0; f < a.filters; f++) {
        for (Size c = 0; c < width; c++) {
          *panel++ = j + c < a.channels ? w[(j + c) * a.filters + f] : 0.0f;
        }
      }
    }
  }
  patch_offsets(a.kernel_height, a.kernel_width, frame.width, a.filters, patch);
  pixel_offsets(a.height, a.width, 1, 1, frame.width, a.filters, pixel);

  const Size top = a.kernel_height - 1 - a.pad_top, left = a.kernel_width - 1 - a.pad_left;
  parallel_for(int(step.rows), step.threads, [&](int image, int thread) {
    float* spread = step.scratch_of(thread);
    const float* dy = a.dy + image * output_pixels(a) * a.filters;
    std::memset(spread, 0, std::size_t(frame.floats()) * sizeof(float));
    for (Size y = 0; y < a.output_height && top + y * a.stride_height < frame.height; y++) {
      float* to = spread + ((top + y * a.stride_height) * frame.width + left) * a.filters;
      const float* from = dy + y * a.output_width * a.filters;
      const Size fit = std::min(a.output_width, (frame.width - left + a.stride_width - 1) / a.stride_width);
      if (a.stride_width == 1) {
        std::memcpy(to, from, std::size_t(fit * a.filters) * sizeof(float));
        continue;
      }
      for (Size x = 0; x < fit; x++) {
        std::memcpy(to + x * a.stride_width * a.filters, from + x * a.filters, std::size_t(a.filters) * sizeof(float));
      }
    }
    GemmBlock g{};
    g.m = pixels, g.n = a.channels, g.k = k;
    g.a = spread, g.row_offsets = pixel, g.column_offsets = patch;
    g.b = panels, g.b_stride = width, g.panel_stride = k * width, g.b_padded = true;
    g.c = a.dx + image * pixels * a.channels, g.c_stride = a.channels;
    kernels.gemm(g);
  });
}
ScratchNeed scratch(const conv2d_backward_input_args& a, const Kernels& kernels, Size) {
  const Size k = a.kernel_height * a.kernel_width * a.filters;
  return {packed_floats(kernels, k, a.channels) + k + a.height * a.width, gradient_frame(a).floats()};
}

// dw(p, filter) = sum over images and pixels of x(pixel, p) dy(pixel, filter): the same table of offsets, transposed.
void run(const conv2d_backward_weight_args& a, Step& step) {
  const Kernels& kernels = *step.kernels;
  const bool padded = needs_padding(a);
  const Frame frame = padded ? input_frame(a) : Frame{a.height, a.width, a.channels};
  const Size m = patch_size(a), pixels = output_pixels(a);
  std::int32_t* patch = as_offsets(step.shared_scratch);
  std::int32_t* pixel = patch + m;
  patch_offsets(a.kernel_height, a.kernel_width, frame.width, a.channels, patch);
  pixel_offsets(a.output_height, a.output_width, a.stride_height, a.stride_width, frame.width, a.channels, pixel);

  // Each task goes through all images, and frames each again where they are padded: so a task for each thread and no
  // more. Every element of dw is one chain over images and pixels, whoever owns it.
  const Size tiles = (m + kernels.tile_rows - 1) / kernels.tile_rows;
  const Size block = (tiles + step.threads - 1) / step.threads * kernels.tile_rows;
  parallel_for(int((m + block - 1) / block), step.threads, [&](int task, int thread) {
    const Size first = task * block;
    GemmBlock g{};
    g.m = std::min(block, m - first), g.n = a.filters, g.k = pixels;
    g.row_offsets = patch + first, g.column_offsets = pixel;
    g.b_stride = a.filters, g.panel_stride = kernels.tile_columns;
    g.c = a.dw + first * a.filters, g.c_stride = a.filters;
    for (Size image = 0; image < step.rows; image++) {
      g.a = a.x + image * a.height * a.width * a.channels;
      if (padded) {
        float* to = step.scratch_of(thread);
        copy_into_frame(g.a, a.height, a.width, a.pad_top, a.pad_left, frame, to);
        g.a = to;
      }
      g.b = a.dy + image * pixels * a.filters;
      g.accumulate = image > 0;
      kernels.gemm(g);
    }
  });
}
ScratchNeed scratch(const conv2d_backward_weight_args& a, const Kernels&, Size) {
  return {patch_size(a) + output_pixels(a), frame_floats(a)};
}

}  // namespace hebb
