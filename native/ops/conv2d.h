// What the three passes of a convolution share: frames of zeros around an image, and tables of offsets into it.
#pragma once
#include <algorithm>
#include <cstring>

#include "gemm.h"

namespace hebb {

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
bool needs_frame(const Args& a) {
  const Frame f = input_frame(a);
  return a.pad_top > 0 || a.pad_left > 0 || f.height > a.height || f.width > a.width;
}

/// Where the windows lie: the frame, or the image itself where no frame is needed.
template <class Args>
Frame window_frame(const Args& a) {
  return needs_frame(a) ? input_frame(a) : Frame{a.height, a.width, a.channels};
}
template <class Args>
Size frame_floats(const Args& a) {
  return needs_frame(a) ? input_frame(a).floats() : 0;
}

template <class Args>
Size patch_size(const Args& a) {
  return a.kernel_height * a.kernel_width * a.channels;
}
template <class Args>
Size input_pixels(const Args& a) {
  return a.height * a.width;
}
template <class Args>
Size output_pixels(const Args& a) {
  return a.output_height * a.output_width;
}

/// One weight a channel and filter, on every pixel: a product of matrices as it stands.
template <class Args>
bool is_pointwise(const Args& a) {
  return a.kernel_height == 1 && a.kernel_width == 1 && a.stride_height == 1 && a.stride_width == 1 &&
         a.output_height == a.height && a.output_width == a.width;
}

/// The frame with image x(height, width, channels) at (top, left), zeros around; what does not fit is left out.
inline void copy_into_frame(const float* x, Size height, Size width, Size top, Size left, const Frame& f,
                            float* frame) {
  std::memset(frame, 0, std::size_t(f.floats()) * sizeof(float));
  const Size rows = std::min(height, f.height - top), columns = std::min(width, f.width - left);
  for (Size y = 0; y < rows; y++) {
    std::memcpy(frame + ((top + y) * f.width + left) * f.channels, x + y * width * f.channels,
                std::size_t(columns * f.channels) * sizeof(float));
  }
}

/// An image as windows see it: framed in `scratch`, or where it lies.
template <class Args>
const float* framed(const Args& a, const float* x, float* scratch) {
  if (!needs_frame(a)) return x;
  copy_into_frame(x, a.height, a.width, a.pad_top, a.pad_left, input_frame(a), scratch);
  return scratch;
}

/// Offsets of the top left corners of windows, row by row.
inline void pixel_offsets(Size rows, Size columns, Size stride_y, Size stride_x, Size width, Size channels,
                          std::int32_t* to) {
  for (Size y = 0; y < rows; y++) {
    for (Size x = 0; x < columns; x++) *to++ = std::int32_t((y * stride_y * width + x * stride_x) * channels);
  }
}

/// Offsets of a window's elements (kernel row, kernel column, channel) from its corner.
inline void patch_offsets(Size kernel_height, Size kernel_width, Size width, Size channels, std::int32_t* to) {
  for (Size y = 0; y < kernel_height; y++) {
    for (Size e = 0; e < kernel_width * channels; e++) *to++ = std::int32_t(y * width * channels + e);
  }
}

inline std::int32_t* as_offsets(float* scratch) { return reinterpret_cast<std::int32_t*>(scratch); }

}  // namespace hebb
