// Matrix products with blocking and packing, for the dense and convolution ops.
#pragma once
#include "op.h"

namespace hebb {

/// Floats of B(k, n) packed into panels of tile_columns, zero-padded.
inline Size packed_floats(const Kernels& kernels, Size k, Size n) {
  return (n + kernels.tile_columns - 1) / kernels.tile_columns * kernels.tile_columns * k;
}

/// Packs k rows and n columns of B, where element (p, j) is b[p * row_stride + j * column_stride], into panels.
void pack_panels(const Kernels& kernels, Size k, Size n, const float* b, Size row_stride, Size column_stride,
                 float* to);

/// C(m, n) = activation(op(A)(m, k) op(B)(k, n) + bias); element (i, p) of op(A) is a[i * row_stride + p *
/// column_stride], and (p, j) of op(B) is b[p * n + j], or b[j * k + p] where b_transposed. C is dense.
struct Product {
  Size m, n, k;
  const float* a;
  Size row_stride, column_stride;
  const float* b;
  bool b_transposed;
  float* c;
  const float* bias = nullptr;
  Activation activation = Activation::linear;
  float slope = 0;
  /// B as pack_whole writes it, where that is at hand.
  const float* packed = nullptr;
  /// Instead: C + update_scale * (the product); k is at most kMostUpdateDepth.
  bool update = false;
  float update_scale = 0;
};
constexpr Size kMostUpdateDepth = 384;
/// Packs B(k, n) for products of any number of rows; `to` has packed_floats(k, n).
void pack_whole(const Kernels& kernels, Size k, Size n, const float* b, float* to);
void multiply(const Product& product, Step& step);
ScratchNeed multiply_scratch(const Kernels& kernels, Size m, Size n, Size k);

}  // namespace hebb
