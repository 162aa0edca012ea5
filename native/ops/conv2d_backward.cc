// The gradients of a convolution with respect to its input and its weights.
#include "conv2d.h"
#include "winograd.h"

namespace hebb {
namespace {

/// The gradient as a convolution of dy with the kernel turned and its channels and filters exchanged.
WinogradConvolution winograd_form(const conv2d_backward_input_args& a, Size images) {
  return {images,        a.output_height, a.output_width, a.filters, a.height, a.width, a.channels,
          2 - a.pad_top, 2 - a.pad_left,  a.dy,           a.w,       true,     a.dx};
}

bool use_winograd(const conv2d_backward_input_args& a, const Kernels& kernels) {
  return is_solid(a) && a.kernel_height == 3 && a.kernel_width == 3 && a.stride_height == 1 && a.stride_width == 1 &&
         winograd_pays(kernels, winograd_form(a, 1));
}

/// Whether each output pixel's gradient is spread over its window, rather than each input's gathered: with a stride,
/// gathering meets mostly zeros, and with few channels most lanes of a vector would be empty.
bool use_spreading(const conv2d_backward_input_args& a, const Kernels& kernels) {
  return !is_solid(a) || a.stride_height > 1 || a.stride_width > 1 || a.channels < kernels.width;
}

/// What one product spreads: a kernel row's elements, as far as they lie side by side, of one group.
struct Run {
  Size taps, in_row;  // taps of a run, runs of a kernel row
  Size classes;       // output columns so far apart have runs that do not overlap
  Size columns;       // taps * channels of a group

  explicit Run(const conv2d_backward_input_args& a) {
    taps = a.groups == 1 && a.dilation_width == 1 ? a.kernel_width : 1;
    in_row = a.kernel_width / taps;
    classes = (taps + a.stride_width - 1) / a.stride_width;
    columns = taps * group_channels(a);
  }
};

/// dx(run of pixel) += dy(pixel, filter) w^T(filter, (tap, channel)), for one run of the kernel, one group and one
/// class of output columns after the other, so that no two rows of a product meet.
void spread(const conv2d_backward_input_args& a, Step& step) {
  const Kernels& kernels = *step.kernels;
  const Frame frame = window_frame(a);
  const Run run(a);
  const Size pixels = output_pixels(a), filters = group_filters(a), channels = group_channels(a);
  const Size runs = a.kernel_height * run.in_row, weights = packed_floats(kernels, filters, run.columns);
  float* panels = step.shared_scratch;  // (groups, runs, weights)
  std::int32_t* from = as_offsets(panels + a.groups * runs * weights);
  std::int32_t* to = from + pixels;
  std::int32_t* filter = to + pixels;
  for (Size group = 0; group < a.groups; group++) {
    for (Size r = 0; r < runs; r++) {
      pack_panels(kernels, filters, run.columns, a.w + r * run.columns * a.filters + group * filters, 1, a.filters,
                  panels + (group * runs + r) * weights);
    }
  }
  for (Size f = 0; f < filters; f++) filter[f] = std::int32_t(f);
  Size listed = 0;
  for (Size c = 0; c < run.classes; c++) {
    for (Size y = 0; y < a.output_height; y++) {
      for (Size x = c; x < a.output_width; x += run.classes, listed++) {
        from[listed] = std::int32_t((y * a.output_width + x) * a.filters);
        to[listed] = std::int32_t((y * a.stride_height * frame.width + x * a.stride_width) * a.channels);
      }
    }
  }

  const bool apart = needs_frame(a);
  parallel_for(int(step.rows), step.threads, [&](int image, int thread) {
    float* dx = a.dx + image * input_pixels(a) * a.channels;
    float* sums = apart ? step.scratch_of(thread) : dx;
    std::memset(sums, 0, std::size_t(frame.floats()) * sizeof(float));
    GemmBlock g{};
    g.n = run.columns, g.k = filters;
    g.column_offsets = filter;
    g.b_stride = kernels.tile_columns, g.panel_stride = filters * kernels.tile_columns, g.b_padded = true;
    g.accumulate = true;
    Size first = 0;
    for (Size c = 0; c < run.classes && c < a.output_width; c++) {
      g.m = a.output_height * ((a.output_width - c + run.classes - 1) / run.classes);
      g.row_offsets = from + first, g.c_row_offsets = to + first;
      first += g.m;
      for (Size group = 0; group < a.groups; group++) {
        g.a = a.dy + image * pixels * a.filters + group * filters;
        for (Size r = 0; r < runs; r++) {
          const Size y = r / run.in_row * a.dilation_height, x = r % run.in_row * a.dilation_width;
          g.b = panels + (group * runs + r) * weights;
          g.c = sums + (y * frame.width + x) * a.channels + group * channels;
          kernels.gemm(g);
        }
      }
    }
    if (!apart) return;
    const Size rows = std::min(a.height, frame.height - a.pad_top);
    const Size columns = std::min(a.width, frame.width - a.pad_left);
    std::memset(dx, 0, std::size_t(input_pixels(a) * a.channels) * sizeof(float));
    for (Size y = 0; y < rows; y++) {
      std::memcpy(dx + y * a.width * a.channels, sums + ((a.pad_top + y) * frame.width + a.pad_left) * a.channels,
                  std::size_t(columns * a.channels) * sizeof(float));
    }
  });
}

/// dy framed by zeros, where each input finds the outputs that it had part in.
Frame gradient_frame(const conv2d_backward_input_args& a) {
  return {a.height + window_height(a) - 1, a.width + window_width(a) - 1, a.filters};
}

Size gathered_weights(const conv2d_backward_input_args& a, const Kernels& kernels) {
  const Size taps = a.kernel_height * a.kernel_width;
  return is_depthwise(a) ? taps * a.channels : packed_floats(kernels, taps * a.filters, a.channels);
}

/// dx as the correlation of the framed dy, spread by the stride, with the turned kernel: without a stride, or channel
/// by channel.
void gather(const conv2d_backward_input_args& a, Step& step) {
  const Kernels& kernels = *step.kernels;
  const bool depthwise = is_depthwise(a);
  const Frame frame = gradient_frame(a);
  const Size taps = a.kernel_height * a.kernel_width, k = taps * group_filters(a), pixels = input_pixels(a);
  const Size width = kernels.tile_columns, plane = group_channels(a) * a.filters;
  float* weights = step.shared_scratch;
  std::int32_t* patch = as_offsets(weights + gathered_weights(a, kernels));
  std::int32_t* pixel = patch + k;
  // Row (tap, filter), column channel of B is w(last tap - tap, channel, filter).
  for (Size tap = 0; tap < taps; tap++) {
    const float* w = a.w + (taps - 1 - tap) * plane;
    if (depthwise) std::memcpy(weights + tap * plane, w, std::size_t(plane) * sizeof(float));
    for (Size j = 0; j < a.channels && !depthwise; j += width) {
      pack_panels(kernels, a.filters, std::min(width, a.channels - j), w + j * a.filters, 1, a.filters,
                  weights + j * k + tap * a.filters * width);
    }
  }
  patch_offsets(a, frame.width, a.filters, patch);
  pixel_offsets(a.height, a.width, 1, 1, frame.width, a.filters, pixel);
  const Size top = window_height(a) - 1 - a.pad_top, left = window_width(a) - 1 - a.pad_left;
  parallel_for(int(step.rows), step.threads, [&](int image, int thread) {
    float* border = step.scratch_of(thread);
    copy_into_frame(a.dy + image * output_pixels(a) * a.filters, a.output_height, a.output_width, top, left, frame,
                    border, a.stride_height, a.stride_width);
    GemmBlock g{};
    g.m = pixels, g.n = a.channels, g.k = k;
    g.a = border, g.row_offsets = pixel, g.column_offsets = patch;
    g.c = a.dx + image * pixels * a.channels, g.c_stride = a.channels;
    g.b = weights;
    if (depthwise) {
      g.b_stride = a.channels;
      return kernels.depthwise(g);
    }
    g.b_stride = width, g.panel_stride = k * width, g.b_padded = true;
    kernels.gemm(g);
  });
}

}  // namespace

void run(const conv2d_backward_input_args& a, Step& step) {
  if (is_pointwise(a)) {
    return multiply({step.rows * input_pixels(a), a.channels, a.filters, a.dy, a.filters, 1, a.w, true, a.dx}, step);
  }
  if (use_winograd(a, *step.kernels)) return convolve(winograd_form(a, step.rows), step);
  if (!is_depthwise(a) && use_spreading(a, *step.kernels)) return spread(a, step);
  gather(a, step);
}

ScratchNeed scratch(const conv2d_backward_input_args& a, const Kernels& kernels, Size rows) {
  if (is_pointwise(a)) return multiply_scratch(kernels, rows * input_pixels(a), a.channels, a.filters);
  if (use_winograd(a, kernels)) return convolve_scratch(kernels, winograd_form(a, 1));
  if (!is_depthwise(a) && use_spreading(a, kernels)) {
    const Run run(a);
    const Size weights = packed_floats(kernels, group_filters(a), run.columns);
    return {a.groups * a.kernel_height * run.in_row * weights + 2 * output_pixels(a) + group_filters(a),
            frame_floats(a)};
  }
  const Size k = a.kernel_height * a.kernel_width * group_filters(a);
  return {gathered_weights(a, kernels) + k + input_pixels(a), gradient_frame(a).floats()};
}

namespace {

WinogradConvolution winograd_form(const conv2d_backward_weight_args& a, Size images) {
  WinogradConvolution c{};
  c.images = images, c.height = a.height, c.width = a.width, c.channels = a.channels;
  c.output_height = a.output_height, c.output_width = a.output_width, c.filters = a.filters;
  c.pad_top = a.pad_top, c.pad_left = a.pad_left, c.x = a.x;
  return c;
}

bool use_winograd(const conv2d_backward_weight_args& a, const Kernels& kernels) {
  return is_solid(a) && a.kernel_height == 3 && a.kernel_width == 3 && a.stride_height == 1 && a.stride_width == 1 &&
         winograd_pays(kernels, winograd_form(a, 1));
}

/// One channel and one filter: each weight is a dot product of the image and dy, whose rows get the image's width.
bool use_dots(const conv2d_backward_weight_args& a) {
  return is_solid(a) && a.channels == 1 && a.filters == 1 && a.stride_height == 1 && a.stride_width == 1;
}

void correlate(const conv2d_backward_weight_args& a, Step& step) {
  const Frame frame = window_frame(a);
  const Frame spaced{a.output_height, frame.width, 1};
  const Size length = (a.output_height - 1) * frame.width + a.output_width;
  float* dy = step.scratch_of(0);
  float* scratch = dy + spaced.floats();
  float* dots = scratch + frame_floats(a);
  std::fill_n(a.dw, patch_size(a), 0.0f);
  for (Size image = 0; image < step.rows; image++) {
    copy_into_frame(a.dy + image * output_pixels(a), a.output_height, a.output_width, 0, 0, spaced, dy);
    const float* x = framed(a, a.x + image * input_pixels(a), scratch);
    for (Size y = 0; y < a.kernel_height; y++) {
      step.kernels->gemm_dot(1, a.kernel_width, length, dy, 0, x + y * frame.width, 1, dots, 0);
      for (Size e = 0; e < a.kernel_width; e++) a.dw[y * a.kernel_width + e] += dots[e];
    }
  }
}

}  // namespace

// dw(p, filter) = sum over images and pixels of x(pixel, p) dy(pixel, filter): the forward pass's tables, exchanged.
void run(const conv2d_backward_weight_args& a, Step& step) {
  const Kernels& kernels = *step.kernels;
  const Frame frame = window_frame(a);
  const Size m = patch_size(a), pixels = output_pixels(a);
  if (is_pointwise(a)) {
    return multiply({m, a.filters, step.rows * pixels, a.x, 1, m, a.dy, false, a.dw}, step);
  }
  if (use_dots(a)) return correlate(a, step);
  if (use_winograd(a, kernels)) return convolve_weight_gradient(winograd_form(a, step.rows), a.dy, a.dw, step);
  std::int32_t* patch = as_offsets(step.shared_scratch);
  std::int32_t* pixel = patch + m;
  patch_offsets(a, frame.width, a.channels, patch);
  pixel_offsets(a.output_height, a.output_width, a.stride_height, a.stride_width, frame.width, a.channels, pixel);

  // Each task goes through all images, and frames each again where they need it: so a task for each thread and no
  // more. Every element of dw is one chain over images and pixels, whoever owns it.
  const Size block = (m + step.threads - 1) / step.threads;
  parallel_for(int((m + block - 1) / block), step.threads, [&](int task, int thread) {
    const Size first = task * block;
    GemmBlock g{};
    g.m = std::min(block, m - first), g.n = group_filters(a), g.k = pixels;
    g.row_offsets = patch + first, g.column_offsets = pixel;
    g.b_stride = a.filters, g.panel_stride = kernels.tile_columns;
    g.c_stride = a.filters;
    for (Size image = 0; image < step.rows; image++) {
      g.a = framed(a, a.x + image * input_pixels(a) * a.channels, step.scratch_of(thread));
      g.b = a.dy + image * pixels * a.filters;
      g.c = a.dw + first * a.filters;
      g.accumulate = image > 0;
      if (is_depthwise(a)) {
        g.n = a.filters;
        kernels.depthwise(g);
        continue;
      }
      for (Size group = 0; group < a.groups; group++) {
        kernels.gemm(g);
        g.a += group_channels(a), g.b += group_filters(a), g.c += group_filters(a);
      }
    }
  });
}

ScratchNeed scratch(const conv2d_backward_weight_args& a, const Kernels& kernels, Size rows) {
  if (is_pointwise(a)) return multiply_scratch(kernels, patch_size(a), a.filters, rows * output_pixels(a));
  if (use_dots(a)) return {0, a.output_height * window_frame(a).width + frame_floats(a) + a.kernel_width};
  if (use_winograd(a, kernels)) return convolve_weight_gradient_scratch(kernels, winograd_form(a, 1));
  return {patch_size(a) + output_pixels(a), frame_floats(a)};
}

}  // namespace hebb
