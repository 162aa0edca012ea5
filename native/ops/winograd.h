// Convolutions of 3 x 3 and stride 1 in Winograd's form.
#pragma once
#include "op.h"

namespace hebb {

/// y(images, output_height, output_width, filters) of x(images, height, width, channels) and 3 x 3 weights; positions
/// outside of the image count as zero.
struct WinogradConvolution {
  Size images, height, width, channels, output_height, output_width, filters, pad_top, pad_left;
  const float* x;
  /// w(3, 3, channels, filters); where turned, w(3, 3, filters, channels), turned by 180 degrees.
  const float* w;
  bool turned;
  float* y;
  const float* bias = nullptr;
  Activation activation = Activation::linear;
  float slope = 0;
};

/// Whether this form is the quicker one. Depends on one image's shape alone, never on how many there are.
bool winograd_pays(const Kernels& kernels, const WinogradConvolution& c);
void convolve(const WinogradConvolution& c, Step& step);
ScratchNeed convolve_scratch(const Kernels& kernels, const WinogradConvolution& c);

/// dw(3, 3, channels, filters) = the gradient of the weights, from x and dy(images, output_height, output_width,
/// filters).
void convolve_weight_gradient(const WinogradConvolution& c, const float* dy, float* dw, Step& step);
ScratchNeed convolve_weight_gradient_scratch(const Kernels& kernels, const WinogradConvolution& c);

}  // namespace hebb
