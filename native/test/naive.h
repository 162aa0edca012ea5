// Definitions of what ops compute, in double precision and without any thought of speed; written from ops.def and
// textbooks alone, not from the kernels.
#pragma once
#include <vector>

#include "op_case.h"
#include "values.h"

namespace hebb::test {

/// Sums of products with the sums of their absolute values.
struct Sums {
  std::vector<double> values, magnitudes;
  explicit Sums(Size n) : values(static_cast<std::size_t>(n)), magnitudes(static_cast<std::size_t>(n)) {}
  void add(Size i, double a, double b) {
    values[std::size_t(i)] += a * b;
    magnitudes[std::size_t(i)] += std::fabs(a * b);
  }
};

/// Images and windows of a convolution or pooling, as in ops.def.
struct Geometry {
  Size height, width, channels, filters, output_height, output_width;
  Size kernel_height, kernel_width, stride_height, stride_width, pad_top, pad_left;
  Size dilation_height = 1, dilation_width = 1, groups = 1;

  Size pixels() const { return height * width; }
  Size output_pixels() const { return output_height * output_width; }
  Size taps() const { return kernel_height * kernel_width; }
  Size group_channels() const { return channels / groups; }
  Size group_filters() const { return filters / groups; }
  Size weights() const { return taps() * group_channels() * filters; }
  bool winograd() const {
    return taps() == 9 && kernel_height == 3 && stride_height == 1 && stride_width == 1 && dilation_height == 1 &&
           dilation_width == 1 && groups == 1;
  }
  void describe(const char* op, Size rows) const;
  /// Sets the parameters of a convolution.
  void set(OpCase& c) const;

  /// Calls f(output pixel, input pixel, tap) for every position of every window that lies within the image.
  template <class F>
  void each_position(F f) const {
    for (Size oy = 0; oy < output_height; oy++) {
      for (Size ox = 0; ox < output_width; ox++) {
        for (Size ky = 0; ky < kernel_height; ky++) {
          for (Size kx = 0; kx < kernel_width; kx++) {
            const Size y = oy * stride_height + ky * dilation_height - pad_top;
            const Size x = ox * stride_width + kx * dilation_width - pad_left;
            if (y < 0 || y >= height || x < 0 || x >= width) continue;
            f(oy * output_width + ox, y * width + x, ky * kernel_width + kx);
          }
        }
      }
    }
  }
};

/// Windows of any kernel, stride, padding and output size that ops.def allows; channels and filters are the caller's.
Geometry random_geometry(Random& random, Size most_pixels, Size most_kernel, Size most_stride, Size most_dilation = 1);

double activation(Activation kind, double slope, double x);
/// How far a result at x may lie, where the argument itself may be wrong by `bound_of_argument`.
double activation_bound(Activation kind, double slope, double x, double bound_of_argument);
/// Of those whose output tells it: f'(x), from y = f(x).
bool has_derivative_from_output(Activation kind);
double activation_derivative(Activation kind, double slope, double y);
/// f'(x) from x, and how far it may lie.
double activation_derivative_at(Activation kind, double slope, double x);
double activation_derivative_bound(Activation kind, double slope, double x);

/// activation(sums + bias) by columns, with bounds; bias may be empty.
Expected activated(const Sums& sums, const std::vector<float>& bias, Activation kind, double slope, Size depth,
                   double factor = 1);

}  // namespace hebb::test
