// Convolution, channels last, forward. In general a product over the image itself: the patches (output pixel, kernel
// element) are never written out, the kernel reads element (i, p) at image[pixel_offset[i] + patch_offset[p]].
#include "conv2d.h"

#include "winograd.h"

namespace hebb {
namespace {

constexpr Size kPixelBlock = 384;   // output pixels of a task, where an image is split
constexpr Size kFewFilters = 8;     // up to so many, one channel's convolution is vectorised over pixels
constexpr Size kBandPixels = 2048;  // pixels of the frame that such a convolution works on at once

WinogradConvolution winograd_form(const conv2d_args& a, Size images) {
  return {images, a.height, a.width, a.channels, a.output_height, a.output_width, a.filters, a.pad_top, a.pad_left, a.x,
          a.w,    false,    a.y,     a.b,        a.activation,    float(a.slope)};
}

bool use_winograd(const conv2d_args& a, const Kernels& kernels) {
  return is_solid(a) && a.kernel_height == 3 && a.kernel_width == 3 && a.stride_height == 1 && a.stride_width == 1 &&
         winograd_pays(kernels, winograd_form(a, 1));
}

bool use_pixel_vectors(const conv2d_args& a) {
  return is_solid(a) && a.channels == 1 && a.stride_height == 1 && a.stride_width == 1 && a.filters <= kFewFilters;
}

Size band_rows(const conv2d_args& a) {
  return std::min(a.output_height, std::max<Size>(1, kBandPixels / window_frame(a).width));
}

/// One channel and few filters: y^T(filter, pixel) = sum over p of w^T(filter, p) x(pixel + offset(p)), over whole rows
/// of the frame; what its last columns give is left out when the result is transposed.
void convolve_pixel_vectors(const conv2d_args& a, Step& step) {
  const Kernels& kernels = *step.kernels;
  const Frame frame = window_frame(a);
  std::int32_t* patch = as_offsets(step.shared_scratch);
  patch_offsets(a, frame.width, 1, patch);
  const Size rows = band_rows(a), bands = (a.output_height + rows - 1) / rows;
  parallel_for(int(step.rows * bands), step.rows * output_pixels(a) < kElementwiseTask ? 1 : step.threads,
               [&](int task, int thread) {
                 const Size image = task / bands, first = task % bands * rows,
                            count = std::min(rows, a.output_height - first);
                 float* results = step.scratch_of(thread);
                 float* scratch = results + a.filters * rows * frame.width;
                 const Size pixels = (count - 1) * frame.width + a.output_width;
                 GemmBlock g{};
                 g.m = a.filters, g.n = pixels, g.k = patch_size(a);
                 g.a = a.w, g.row_stride = 1, g.column_stride = a.filters;
                 g.b = framed(a, a.x + image * input_pixels(a), scratch) + first * frame.width, g.b_offsets = patch;
                 g.c = results, g.c_stride = rows * frame.width;
                 g.activation = a.activation, g.slope = float(a.slope);
                 if (a.b) {
                   for (Size f = 0; f < a.filters; f++) std::fill_n(results + f * g.c_stride, pixels, a.b[f]);
                   g.accumulate = true;
                 }
                 kernels.gemm(g);
                 for (Size y = 0; y < count; y++) {
                   float* to = a.y + (image * output_pixels(a) + (first + y) * a.output_width) * a.filters;
                   const float* from = results + y * frame.width;
                   if (a.filters == 1) {
                     std::memcpy(to, from, std::size_t(a.output_width) * sizeof(float));
                   } else {
                     kernels.pack_transposed(a.filters, a.output_width, from, g.c_stride, to, a.filters);
                   }
                 }
               });
}

}  // namespace

// y(pixel, filter) = sum over p of x(pixel, p) w(p, filter).
void run(const conv2d_args& a, Step& step) {
  const Kernels& kernels = *step.kernels;
  if (is_pointwise(a)) {
    Product p{step.rows * output_pixels(a),
              a.filters,
              a.channels,
              a.x,
              a.channels,
              1,
              a.w,
              false,
              a.y,
              a.b,
              a.activation,
              float(a.slope)};
    if (step.kept && !step.kept_is_filled) pack_whole(kernels, a.channels, a.filters, a.w, step.kept);
    p.packed = step.kept;
    return multiply(p, step);
  }
  if (use_winograd(a, kernels)) return convolve(winograd_form(a, step.rows), step);
  if (use_pixel_vectors(a)) return convolve_pixel_vectors(a, step);

  const Frame frame = window_frame(a);
  const Size k = patch_size(a), pixels = output_pixels(a);
  const Size channels = group_channels(a), filters = group_filters(a), weights = packed_floats(kernels, k, filters);
  const bool depthwise = is_depthwise(a);
  float* panels = step.kept ? step.kept : step.shared_scratch;
  std::int32_t* patch = as_offsets(step.shared_scratch + (depthwise ? 0 : a.groups * weights));
  std::int32_t* pixel = patch + k;
  for (Size group = 0; group < a.groups && !depthwise && !step.kept_is_filled; group++) {
    pack_panels(kernels, k, filters, a.w + group * filters, a.filters, 1, panels + group * weights);
  }
  patch_offsets(a, frame.width, a.channels, patch);
  pixel_offsets(a.output_height, a.output_width, a.stride_height, a.stride_width, frame.width, a.channels, pixel);

  const Size block = needs_frame(a) ? pixels : kPixelBlock;
  const Size tasks = (pixels + block - 1) / block;
  parallel_for(int(step.rows * tasks), step.threads, [&](int task, int thread) {
    const Size image = task / tasks, first = task % tasks * block;
    GemmBlock g{};
    g.m = std::min(block, pixels - first), g.n = filters, g.k = k;
    g.a = framed(a, a.x + image * input_pixels(a) * a.channels, step.scratch_of(thread));
    g.row_offsets = pixel + first, g.column_offsets = patch;
    g.c = a.y + (image * pixels + first) * a.filters, g.c_stride = a.filters;
    g.bias = a.b, g.activation = a.activation, g.slope = float(a.slope);
    if (depthwise) {
      g.n = a.filters, g.b = a.w, g.b_stride = a.filters;
      return kernels.depthwise(g);
    }
    g.b = panels, g.b_stride = kernels.tile_columns, g.panel_stride = k * kernels.tile_columns, g.b_padded = true;
    for (Size group = 0; group < a.groups; group++) {
      kernels.gemm(g);
      g.a += channels, g.b += weights, g.c += filters;
      if (g.bias) g.bias += filters;
    }
  });
}

ScratchNeed scratch(const conv2d_args& a, const Kernels& kernels, Size rows) {
  if (is_pointwise(a)) {
    ScratchNeed need = multiply_scratch(kernels, rows * output_pixels(a), a.filters, a.channels);
    need.kept = packed_floats(kernels, a.channels, a.filters);
    return need;
  }
  if (use_winograd(a, kernels)) return convolve_scratch(kernels, winograd_form(a, 1));
  if (use_pixel_vectors(a)) {
    return {patch_size(a), a.filters * band_rows(a) * window_frame(a).width + frame_floats(a)};
  }
  const Size weights = is_depthwise(a) ? 0 : a.groups * packed_floats(kernels, patch_size(a), group_filters(a));
  return {weights + patch_size(a) + output_pixels(a), frame_floats(a), weights};
}

}  // namespace hebb
