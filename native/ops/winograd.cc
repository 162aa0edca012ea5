#include "winograd.h"

#include <algorithm>
#include <cstring>

#include "gemm.h"

namespace hebb {
namespace {

constexpr Size kTile = 4, kWindow = 6, kPoints = kWindow * kWindow;
constexpr Size kChunkFloats = 80 << 10;  // transformed inputs and products of a task stay in the second-level cache
constexpr Size kMostTiles = 60;

Size blocks(Size n, Size block) { return (n + block - 1) / block; }

struct Plan {
  Size tile_rows, tile_columns;  // of an image
  Size chunk;                    // tiles of a task
  Size input_stride, product_stride;
  Size weights;  // packed, of one of the 36 points

  Plan(const Kernels& kernels, const WinogradConvolution& c) {
    tile_rows = blocks(c.output_height, kTile), tile_columns = blocks(c.output_width, kTile);
    const Size fit = kChunkFloats / (kPoints * (c.channels + c.filters));
    chunk = std::max<Size>(kernels.tile_rows, std::min(fit, kMostTiles) / kernels.tile_rows * kernels.tile_rows);
    // An odd number of cache lines: the 36 rows that a transform writes do not push each other out.
    input_stride = (chunk * c.channels + 15) / 16 * 16 + 16, product_stride = (chunk * c.filters + 15) / 16 * 16 + 16;
    weights = packed_floats(kernels, c.channels, c.filters);
  }
  Size edge(const WinogradConvolution& c) const { return kPoints * c.channels; }
};

void transform_weights(const Kernels& kernels, const WinogradConvolution& c, const Plan& plan, float* packed,
                       float* plain) {
  const Size plane = c.channels * c.filters;
  kernels.winograd_weight(c.turned ? c.filters : c.channels, c.turned ? c.channels : c.filters, c.w, c.turned, plain);
  for (Size point = 0; point < kPoints; point++) {
    const float* from = plain + point * plane;
    if (c.turned) {
      pack_panels(kernels, c.channels, c.filters, from, 1, c.channels, packed + point * plan.weights);
    } else {
      pack_panels(kernels, c.channels, c.filters, from, c.filters, 1, packed + point * plan.weights);
    }
  }
}

/// The 6 x 6 inputs of a tile, copied to where zeros stand for what lies outside of the image.
void copy_edge(const WinogradConvolution& c, const float* image, Size top, Size left, float* to) {
  std::memset(to, 0, std::size_t(kPoints * c.channels) * sizeof(float));
  const Size x0 = std::max<Size>(left, 0), x1 = std::min(left + kWindow, c.width);
  if (x1 <= x0) return;
  for (Size y = std::max<Size>(top, 0); y < std::min(top + kWindow, c.height); y++) {
    std::memcpy(to + ((y - top) * kWindow + x0 - left) * c.channels, image + (y * c.width + x0) * c.channels,
                std::size_t((x1 - x0) * c.channels) * sizeof(float));
  }
}

}  // namespace

bool winograd_pays(const Kernels& kernels, const WinogradConvolution& c) {
  const Size tiles = blocks(c.output_height, kTile) * blocks(c.output_width, kTile);
  return c.channels >= kernels.winograd_channels && c.filters >= kernels.winograd_channels &&
         2 * c.output_height * c.output_width >= tiles * kTile * kTile;
}

void convolve(const WinogradConvolution& c, Step& step) {
  const Kernels& kernels = *step.kernels;
  const Plan plan(kernels, c);
  float* weights = step.shared_scratch;
  transform_weights(kernels, c, plan, weights, weights + kPoints * plan.weights);

  const Size per_image = plan.tile_rows * plan.tile_columns, tiles = c.images * per_image;
  parallel_for(int(blocks(tiles, plan.chunk)), step.threads, [&](int task, int thread) {
    const Size first = task * plan.chunk, count = std::min(plan.chunk, tiles - first);
    float* inputs = step.scratch_of(thread);
    float* products = inputs + kPoints * plan.input_stride;
    float* edge = products + kPoints * plan.product_stride;
    for (Size t = 0; t < count; t++) {
      const Size tile = (first + t) % per_image;
      const Size top = tile / plan.tile_columns * kTile - c.pad_top;
      const Size left = tile % plan.tile_columns * kTile - c.pad_left;
      const float* image = c.x + (first + t) / per_image * c.height * c.width * c.channels;
      const bool inside = top >= 0 && left >= 0 && top + kWindow <= c.height && left + kWindow <= c.width;
      if (!inside) copy_edge(c, image, top, left, edge);
      kernels.winograd_input(c.channels, inside ? image + (top * c.width + left) * c.channels : edge,
                             (inside ? c.width : kWindow) * c.channels, inputs + t * c.channels, plan.input_stride);
    }
    GemmBlock g{};
    g.m = count, g.n = c.filters, g.k = c.channels;
    g.row_stride = c.channels, g.column_stride = 1;
    g.b_stride = kernels.tile_columns, g.panel_stride = c.channels * kernels.tile_columns, g.b_padded = true;
    g.c_stride = c.filters;
    for (Size point = 0; point < kPoints; point++) {
      g.a = inputs + point * plan.input_stride, g.b = weights + point * plan.weights;
      g.c = products + point * plan.product_stride;
      kernels.gemm(g);
    }
    g.bias = c.bias, g.activation = c.activation, g.slope = c.slope;
    for (Size t = 0; t < count; t++) {
      const Size tile = (first + t) % per_image;
      const Size y = tile / plan.tile_columns * kTile, x = tile % plan.tile_columns * kTile;
      g.c = c.y + (((first + t) / per_image * c.output_height + y) * c.output_width + x) * c.filters;
      kernels.winograd_output(g, products + t * c.filters, plan.product_stride, c.output_width * c.filters,
                              std::min(kTile, c.output_height - y), std::min(kTile, c.output_width - x));
    }
  });
}

ScratchNeed convolve_scratch(const Kernels& kernels, const WinogradConvolution& c) {
  const Plan plan(kernels, c);
  return {kPoints * (plan.weights + c.channels * c.filters),
          kPoints * (plan.input_stride + plan.product_stride) + plan.edge(c)};
}

}  // namespace hebb
