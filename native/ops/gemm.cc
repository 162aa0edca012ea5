#include "gemm.h"

#include <algorithm>

namespace hebb {
namespace {

constexpr Size kDepthBlock = 384;        // rows of B packed at once: a panel of them stays in the first-level cache
constexpr Size kColumnBlock = 64;        // columns of a task
constexpr Size kRowBlock = 240;          // rows of a task; B is packed again for each of them
constexpr Size kDirectRows = 24;         // up to so many rows packing costs more than it saves
constexpr Size kDirectDepth = 128;       // and so it does for a B this low
constexpr Size kDotRows = 4;             // up to so many rows a transposed B is multiplied by dot products
constexpr double kSerialWork = 1 << 18;  // multiply-adds below which threads cost more than they give

Size blocks(Size n, Size block) { return (n + block - 1) / block; }
Size least(Size a, Size b) { return a < b ? a : b; }

/// One task of a packed product: rows [i, i + m), columns [j, j + n).
void packed_block(const Product& p, const Kernels& kernels, Size i, Size m, Size j, Size n, float* panels) {
  for (Size d = 0; d < p.k; d += kDepthBlock) {
    const Size depth = least(kDepthBlock, p.k - d);
    const bool last = d + depth == p.k;
    if (p.b_transposed) {
      pack_panels(kernels, depth, n, p.b + j * p.k + d, 1, p.k, panels);
    } else {
      pack_panels(kernels, depth, n, p.b + d * p.n + j, p.n, 1, panels);
    }
    GemmBlock block{};
    block.m = m, block.n = n, block.k = depth;
    block.a = p.a + i * p.row_stride + d * p.column_stride;
    block.row_stride = p.row_stride, block.column_stride = p.column_stride;
    block.b = panels, block.b_stride = kernels.tile_columns, block.panel_stride = depth * kernels.tile_columns;
    block.b_padded = true;
    block.c = p.c + i * p.n + j, block.c_stride = p.n;
    block.accumulate = d > 0;
    block.bias = last && p.bias ? p.bias + j : nullptr;
    block.activation = last ? p.activation : Activation::linear, block.slope = p.slope;
    kernels.gemm(block);
  }
}

}  // namespace

void pack_panels(const Kernels& kernels, Size k, Size n, const float* b, Size row_stride, Size column_stride,
                 float* to) {
  const Size width = kernels.tile_columns;
  for (Size j = 0; j < n; j += width, to += k * width) {
    const Size columns = least(width, n - j);
    if (columns < width) std::fill(to, to + k * width, 0.0f);
    const float* from = b + j * column_stride;
    if (column_stride == 1) {
      for (Size p = 0; p < k; p++) {
        for (Size c = 0; c < columns; c++) to[p * width + c] = from[p * row_stride + c];
      }
    } else {
      for (Size c = 0; c < columns; c++) {
        for (Size p = 0; p < k; p++) to[p * width + c] = from[c * column_stride + p * row_stride];
      }
    }
  }
}

void multiply(const Product& p, Step& step) {
  const Kernels& kernels = *step.kernels;
  const bool serial = double(p.m) * double(p.n) * double(p.k) < kSerialWork;
  if (p.b_transposed && p.m <= kDotRows && !p.bias && p.activation == Activation::linear) {
    const Size block = serial ? p.n : kColumnBlock;
    parallel_for(int(blocks(p.n, block)), step.threads, [&](int task, int) {
      const Size j = task * block;
      kernels.gemm_dot(p.m, least(block, p.n - j), p.k, p.a, p.row_stride, p.b + j * p.k, p.k, p.c + j, p.n);
    });
    return;
  }
  const bool direct = !p.b_transposed && (p.m <= kDirectRows || p.k <= kDirectDepth);
  const Size row_block = serial ? p.m : kRowBlock;
  const Size column_block = serial && direct ? p.n : kColumnBlock;
  const Size column_tasks = blocks(p.n, column_block);
  parallel_for(int(blocks(p.m, row_block) * column_tasks), serial ? 1 : step.threads, [&](int task, int thread) {
    const Size i = task / column_tasks * row_block, j = task % column_tasks * column_block;
    const Size m = least(row_block, p.m - i), n = least(column_block, p.n - j);
    if (!direct) return packed_block(p, kernels, i, m, j, n, step.scratch_of(thread));
    GemmBlock block{};
    block.m = m, block.n = n, block.k = p.k;
    block.a = p.a + i * p.row_stride, block.row_stride = p.row_stride, block.column_stride = p.column_stride;
    block.b = p.b + j, block.b_stride = p.n, block.panel_stride = kernels.tile_columns;
    block.c = p.c + i * p.n + j, block.c_stride = p.n;
    block.bias = p.bias ? p.bias + j : nullptr;
    block.activation = p.activation, block.slope = p.slope;
    kernels.gemm(block);
  });
}

ScratchNeed multiply_scratch(const Kernels& kernels, Size n, Size k) {
  return {0, packed_floats(kernels, least(k, kDepthBlock), least(n, kColumnBlock))};
}

void run(const dense_args& a, Step& step) {
  multiply({step.rows, a.units, a.inputs, a.x, a.inputs, 1, a.w, false, a.y, a.b, a.activation, float(a.slope)}, step);
}
ScratchNeed scratch(const dense_args& a, const Kernels& kernels, Size) {
  return multiply_scratch(kernels, a.units, a.inputs);
}

void run(const dense_backward_input_args& a, Step& step) {
  multiply({step.rows, a.inputs, a.units, a.dy, a.units, 1, a.w, true, a.dx}, step);
}
ScratchNeed scratch(const dense_backward_input_args& a, const Kernels& kernels, Size) {
  return multiply_scratch(kernels, a.inputs, a.units);
}

void run(const dense_backward_weight_args& a, Step& step) {
  multiply({a.inputs, a.units, step.rows, a.x, 1, a.inputs, a.dy, false, a.dw}, step);
}
ScratchNeed scratch(const dense_backward_weight_args& a, const Kernels& kernels, Size rows) {
  return multiply_scratch(kernels, a.units, rows);
}

void run(const bias_gradient_args& a, Step& step) {
  step.kernels->column_sums(step.rows * a.positions, a.units, a.dy, a.db);
}

}  // namespace hebb
