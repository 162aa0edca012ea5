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

/// Pixels from a window's first element to its last.
template <class Args>
Size window_height(const Args& a) {
  return (a.kernel_height - 1) * a.dilation_height + 1;
}
template <class Args>
Size window_width(const Args& a) {
  return (a.kernel_width - 1) * a.dilation_width + 1;
}

/// The part of a padded image that windows of this size and stride touch.
template <class Args>
Frame input_frame(const Args& a) {
  return {(a.output_height - 1) * a.stride_height + window_height(a),
          (a.output_width - 1) * a.stride_width + window_width(a), a.channels};
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
Size group_channels(const Args& a) {
  return a.channels / a.groups;
}
template <class Args>
Size group_filters(const Args& a) {
  return a.filters / a.groups;
}
/// Elements that a filter sees at one place.
template <class Args>
Size patch_size(const Args& a) {
  return a.kernel_height * a.kernel_width * group_channels(a);
}
template <class Args>
Size input_pixels(const Args& a) {
  return a.height * a.width;
}
template <class Args>
Size output_pixels(const Args& a) {
  return a.output_height * a.output_width;
}

/// Neither groups nor gaps between the kernel's elements.
template <class Args>
bool is_solid(const Args& a) {
  return a.groups == 1 && a.dilation_height == 1 && a.dilation_width == 1;
}

/// One filter a channel, which sees that channel alone.
template <class Args>
bool is_depthwise(const Args& a) {
  return a.groups > 1 && a.groups == a.channels && a.groups == a.filters;
}

/// One weight a channel and filter, on every pixel: a product of matrices as it stands.
template <class Args>
bool is_pointwise(const Args& a) {
  return a.groups == 1 && a.kernel_height == 1 && a.kernel_width == 1 && a.stride_height == 1 && a.stride_width == 1 &&
         a.output_height == a.height && a.output_width == a.width;
}

/// The frame with image x(height, width, channels) from (top, left) on, its pixels a stride apart, and zeros elsewhere;
/// what does not fit is left out.
inline void copy_into_frame(const float* x, Size height, Size width, Size top, Size left, const Frame& f, float* frame,
                            Size stride_height = 1, Size stride_width = 1) {
  std::memset(frame, 0, std::size_t(f.floats()) * sizeof(float));
  const Size rows = std::min(height, (f.height - top + stride_height - 1) / stride_height);
  const Size columns = std::min(width, (f.width - left + stride_width - 1) / stride_width);
  const Size run = stride_width == 1 ? columns : 1;
  for (Size y = 0; y < rows; y++) {
    for (Size c = 0; c < columns; c += run) {
      std::memcpy(frame + ((top + y * stride_height) * f.width + left + c * stride_width) * f.channels,
                  x + (y * width + c) * f.channels, std::size_t(run * f.channels) * sizeof(float));
    }
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

/// Offsets of a window's elements (kernel row, kernel column, channel) from its corner, in an image of this width.
template <class Args>
void patch_offsets(const Args& a, Size width, Size channels, std::int32_t* to) {
  for (Size y = 0; y < a.kernel_height; y++) {
    for (Size x = 0; x < a.kernel_width; x++) {
      const Size pixel = y * a.dilation_height * width + x * a.dilation_width;
      for (Size c = 0; c < channels / a.groups; c++) *to++ = std::int32_t(pixel * channels + c);
    }
  }
}

inline std::int32_t* as_offsets(float* scratch) { return reinterpret_cast<std::int32_t*>(scratch); }

}  // namespace hebb
