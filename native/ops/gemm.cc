#include "gemm.h"

#include <algorithm>
#include <cstring>

#include "../cache.h"

namespace hebb {
namespace {

constexpr Size kDepthBlock = 640;        // rows of B packed at once: a panel of them stays near
constexpr Size kColumnBlock = 1024;      // most columns packed at once
constexpr Size kDotColumns = 128;        // columns of a task of dot products
constexpr Size kDirectTiles = 12;        // a B that so few tiles of rows go through is used as it stands,
constexpr Size kDirectFloats = 1 << 14;  // and so is one that stays near anyway
constexpr Size kDotRows = 4;             // up to so many rows a transposed B is multiplied by dot products
constexpr double kSerialWork = 1 << 18;  // multiply-adds below which threads cost more than they give

// An update is made once the whole sum is there.
static_assert(kDepthBlock >= kMostUpdateDepth);

Size blocks(Size n, Size block) { return (n + block - 1) / block; }
Size least(Size a, Size b) { return a < b ? a : b; }

/// Rows of A that share the second-level cache with a panel of B; whole tiles of any instruction set.
Size row_block() {
  constexpr Size kTiles = 120;  // divided by 6, 8, 10 and 12
  static const Size rows =
      std::clamp(second_level_cache() * 6 / 10 / (kDepthBlock * Size(sizeof(float))) / kTiles, Size(1), Size(4)) *
      kTiles;
  return rows;
}

/// Lines this far apart fall on the same few places of a cache, and push each other out of it.
bool collides(Size stride) { return stride % 256 == 0; }
constexpr Size kCopyRow = kDepthBlock + 16;
Size copy_column() { return row_block() + 20; }

/// A(m, k) of the block, copied to where its lines do not collide.
void copy_block(GemmBlock& block, float* to) {
  if (block.column_stride == 1) {
    for (Size r = 0; r < block.m; r++) {
      std::memcpy(to + r * kCopyRow, block.a + r * block.row_stride, std::size_t(block.k) * sizeof(float));
    }
    block.row_stride = kCopyRow;
  } else {
    for (Size p = 0; p < block.k; p++) {
      std::memcpy(to + p * copy_column(), block.a + p * block.column_stride, std::size_t(block.m) * sizeof(float));
    }
    block.column_stride = copy_column();
  }
  block.a = to;
}

/// One task of a packed product: rows [i, i + m), columns [j, j + n).
void packed_block(const Product& p, const Kernels& kernels, Size i, Size m, Size j, Size n, float* panels) {
  const bool copy = m > kernels.tile_rows && n > kernels.tile_columns && collides(p.row_stride * p.column_stride);
  for (Size d = 0; d < p.k; d += kDepthBlock) {
    const Size depth = least(kDepthBlock, p.k - d);
    const bool last = d + depth == p.k;
    const float* b = panels;
    if (p.packed) {
      b = p.packed + packed_floats(kernels, d, p.n) + j * depth;
    } else if (p.b_transposed) {
      pack_panels(kernels, depth, n, p.b + j * p.k + d, 1, p.k, panels);
    } else {
      pack_panels(kernels, depth, n, p.b + d * p.n + j, p.n, 1, panels);
    }
    for (Size r = i; r < i + m; r += row_block()) {
      GemmBlock block{};
      block.m = least(row_block(), i + m - r), block.n = n, block.k = depth;
      block.a = p.a + r * p.row_stride + d * p.column_stride;
      block.row_stride = p.row_stride, block.column_stride = p.column_stride;
      if (copy) copy_block(block, panels + packed_floats(kernels, depth, n));
      block.b = b, block.b_stride = kernels.tile_columns, block.panel_stride = depth * kernels.tile_columns;
      block.b_padded = true;
      block.c = p.c + r * p.n + j, block.c_stride = p.n;
      block.accumulate = d > 0;
      block.bias = last && p.bias ? p.bias + j : nullptr;
      block.activation = last ? p.activation : Activation::linear, block.slope = p.slope;
      block.update = p.update, block.update_scale = p.update_scale;
      kernels.gemm(block);
    }
  }
}

/// How a product is cut into tasks. As no element depends on it, it may follow the number of threads: some more tasks
/// than threads, so that the quicker ones take over; where each packs its part of B, no fewer rows and columns than pay
/// for that.
struct Cut {
  Size rows, columns;
  Size row_tasks, column_tasks;
};
Cut cut(const Kernels& kernels, Size m, Size n, bool direct, int threads) {
  const Size wanted = threads == 1 ? 1 : 2 * threads, panel = kernels.tile_columns;
  const Size least_panels = direct ? 1 : 2, least_rows = (direct ? 1 : 4) * kernels.tile_rows;
  Cut c;
  c.columns = wanted == 1 ? n : std::max(least_panels, blocks(n, panel) / wanted) * panel;
  c.columns = least(kColumnBlock, c.columns);
  c.column_tasks = blocks(n, c.columns);
  c.rows = wanted == 1 ? m : least(m, std::max(least_rows, blocks(m, blocks(wanted, c.column_tasks))));
  c.row_tasks = blocks(m, c.rows);
  return c;
}

}  // namespace

void pack_panels(const Kernels& kernels, Size k, Size n, const float* b, Size row_stride, Size column_stride,
                 float* to) {
  const Size width = kernels.tile_columns;
  for (Size j = 0; j < n; j += width, to += k * width) {
    const Size columns = least(width, n - j);
    const float* from = b + j * column_stride;
    if (column_stride != 1) {
      kernels.pack_transposed(columns, k, from, column_stride, to, width);
      continue;
    }
    if (columns < width) std::fill(to, to + k * width, 0.0f);
    for (Size p = 0; p < k; p++)
      std::memcpy(to + p * width, from + p * row_stride, std::size_t(columns) * sizeof(float));
  }
}

void pack_whole(const Kernels& kernels, Size k, Size n, const float* b, float* to) {
  for (Size d = 0; d < k; d += kDepthBlock) {
    pack_panels(kernels, least(kDepthBlock, k - d), n, b + d * n, n, 1, to + packed_floats(kernels, d, n));
  }
}

void multiply(const Product& p, Step& step) {
  const Kernels& kernels = *step.kernels;
  const bool serial = double(p.m) * double(p.n) * double(p.k) < kSerialWork;
  if (p.b_transposed && p.m <= kDotRows && !p.bias && p.activation == Activation::linear) {
    const Size block = serial ? p.n : kDotColumns;
    parallel_for(int(blocks(p.n, block)), step.threads, [&](int task, int) {
      const Size j = task * block;
      kernels.gemm_dot(p.m, least(block, p.n - j), p.k, p.a, p.row_stride, p.b + j * p.k, p.k, p.c + j, p.n);
    });
    return;
  }
  const bool direct =
      !p.packed && !p.b_transposed &&
      (p.m <= kDirectTiles * kernels.tile_rows || p.n <= kernels.tile_columns || p.k * p.n <= kDirectFloats);
  const Cut c = cut(kernels, p.m, p.n, direct || p.packed, serial ? 1 : step.threads);
  parallel_for(int(c.row_tasks * c.column_tasks), serial ? 1 : step.threads, [&](int task, int thread) {
    const Size i = task / c.column_tasks * c.rows, j = task % c.column_tasks * c.columns;
    const Size m = least(c.rows, p.m - i), n = least(c.columns, p.n - j);
    if (!direct) return packed_block(p, kernels, i, m, j, n, step.scratch_of(thread));
    GemmBlock block{};
    block.m = m, block.n = n, block.k = p.k;
    block.a = p.a + i * p.row_stride, block.row_stride = p.row_stride, block.column_stride = p.column_stride;
    block.b = p.b + j, block.b_stride = p.n, block.panel_stride = kernels.tile_columns;
    block.c = p.c + i * p.n + j, block.c_stride = p.n;
    block.bias = p.bias ? p.bias + j : nullptr;
    block.activation = p.activation, block.slope = p.slope;
    block.update = p.update, block.update_scale = p.update_scale;
    kernels.gemm(block);
  });
}

ScratchNeed multiply_scratch(const Kernels& kernels, Size m, Size n, Size k) {
  const Size copy = std::max(least(m, row_block()) * kCopyRow, least(k, kDepthBlock) * copy_column());
  return {0, packed_floats(kernels, least(k, kDepthBlock), least(n, kColumnBlock)) + copy};
}

void run(const dense_args& a, Step& step) {
  Product p{step.rows, a.units, a.inputs, a.x, a.inputs, 1, a.w, false, a.y, a.b, a.activation, float(a.slope)};
  if (step.kept && !step.kept_is_filled) pack_whole(*step.kernels, a.inputs, a.units, a.w, step.kept);
  p.packed = step.kept;
  multiply(p, step);
}
ScratchNeed scratch(const dense_args& a, const Kernels& kernels, Size rows) {
  ScratchNeed need = multiply_scratch(kernels, rows, a.units, a.inputs);
  need.kept = packed_floats(kernels, a.inputs, a.units);
  return need;
}

void run(const dense_backward_input_args& a, Step& step) {
  multiply({step.rows, a.inputs, a.units, a.dy, a.units, 1, a.w, true, a.dx}, step);
}
ScratchNeed scratch(const dense_backward_input_args& a, const Kernels& kernels, Size rows) {
  return multiply_scratch(kernels, rows, a.inputs, a.units);
}

void run(const dense_backward_weight_args& a, Step& step) {
  multiply({a.inputs, a.units, step.rows, a.x, 1, a.inputs, a.dy, false, a.dw}, step);
}
ScratchNeed scratch(const dense_backward_weight_args& a, const Kernels& kernels, Size rows) {
  return multiply_scratch(kernels, a.inputs, a.units, rows);
}

void run(const dense_sgd_args& a, Step& step) {
  Product p{a.inputs, a.units, step.rows, a.x, 1, a.inputs, a.dy, false, a.w};
  p.update = true, p.update_scale = -float(step.learning_rate);
  multiply(p, step);
}
ScratchNeed scratch(const dense_sgd_args& a, const Kernels& kernels, Size rows) {
  return multiply_scratch(kernels, a.inputs, a.units, rows);
}

namespace {

/// Parts of the rows that are summed apart, then together in order: by shape alone.
constexpr Size kPartFloats = 1 << 16, kMostParts = 16;
Size part_count(Size rows, Size columns) {
  return std::clamp(rows * columns / kPartFloats, Size(1), least(kMostParts, rows));
}

}  // namespace

void run(const bias_gradient_args& a, Step& step) {
  const Kernels& kernels = *step.kernels;
  const Size rows = step.rows * a.positions, parts = part_count(rows, a.units), part = blocks(rows, parts);
  if (parts == 1) return kernels.column_sums(rows, a.units, a.dy, a.db);
  float* sums = step.shared_scratch;  // (parts, units)
  parallel_for(int(parts), step.threads, [&](int p, int) {
    const Size first = least(p * part, rows), count = least(part, rows - first);
    kernels.column_sums(count, a.units, a.dy + first * a.units, sums + p * a.units);
  });
  kernels.column_sums(parts, a.units, sums, a.db);
}
ScratchNeed scratch(const bias_gradient_args& a, const Kernels&, Size rows) {
  const Size parts = part_count(rows * a.positions, a.units);
  return {parts == 1 ? 0 : parts * a.units, 0};
}

}  // namespace hebb
