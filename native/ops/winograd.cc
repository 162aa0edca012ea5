#include "winograd.h"

#include <algorithm>
#include <cstring>

#include "gemm.h"

namespace hebb {
namespace {

constexpr Size kTile = 4, kWindow = 6, kPoints = kWindow * kWindow;
constexpr Size kChunkFloats = 80 << 10;  // transformed inputs and products of a task stay in the second-level cache
constexpr Size kMostTiles = 60;
constexpr Size kTilesOfTask = 8;
constexpr Size kMostChunks = 4;  // that threads share when they sum gradients

Size blocks(Size n, Size block) { return (n + block - 1) / block; }

struct Plan {
  Size tile_rows, tile_columns;  // of an image
  Size chunk;                    // tiles of a task
  Size input_stride, product_stride;
  Size weights;  // packed, of one of the 36 points

  /// @param chunks a task has the tiles of so many
  Plan(const Kernels& kernels, const WinogradConvolution& c, Size chunks = 1) {
    tile_rows = blocks(c.output_height, kTile), tile_columns = blocks(c.output_width, kTile);
    const Size fit = kChunkFloats / (kPoints * (c.channels + c.filters));
    chunk =
        std::max<Size>(kernels.tile_rows, std::min(fit, kMostTiles) / kernels.tile_rows * kernels.tile_rows) * chunks;
    // An odd number of cache lines: the 36 rows that a transform writes do not push each other out.
    input_stride = (chunk * c.channels + 15) / 16 * 16 + 16, product_stride = (chunk * c.filters + 15) / 16 * 16 + 16;
    weights = packed_floats(kernels, c.channels, c.filters);
  }
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

/// Part of an image (height, width, channels), size x size from (top, left) on; copied to `edge`, where zeros stand for
/// what lies outside, if anything does.
struct Window {
  const float* at;
  Size row_stride;
};
Window window(const float* image, Size height, Size width, Size channels, Size top, Size left, Size size, float* edge) {
  if (top >= 0 && left >= 0 && top + size <= height && left + size <= width) {
    return {image + (top * width + left) * channels, width * channels};
  }
  std::memset(edge, 0, std::size_t(size * size * channels) * sizeof(float));
  const Size x0 = std::max<Size>(left, 0), x1 = std::min(left + size, width);
  for (Size y = std::max<Size>(top, 0); x0 < x1 && y < std::min(top + size, height); y++) {
    std::memcpy(edge + ((y - top) * size + x0 - left) * channels, image + (y * width + x0) * channels,
                std::size_t((x1 - x0) * channels) * sizeof(float));
  }
  return {edge, size * channels};
}

/// Where a tile of the batch lies.
struct Place {
  Size image, y, x;  // of its first output
  Place(const Plan& plan, Size tile) {
    const Size per_image = plan.tile_rows * plan.tile_columns;
    image = tile / per_image;
    y = tile % per_image / plan.tile_columns * kTile, x = tile % plan.tile_columns * kTile;
  }
};

/// The inputs of a tile, transformed: 36 rows of channels at `to`, plan.input_stride apart.
void transform_input(const Kernels& kernels, const WinogradConvolution& c, const Plan& plan, const Place& place,
                     float* to, float* edge) {
  const Window in = window(c.x + place.image * c.height * c.width * c.channels, c.height, c.width, c.channels,
                           place.y - c.pad_top, place.x - c.pad_left, kWindow, edge);
  kernels.winograd_input(c.channels, in.at, in.row_stride, to, plan.input_stride);
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
  float* weights = step.kept ? step.kept : step.shared_scratch;
  if (!step.kept_is_filled) {
    transform_weights(kernels, c, plan, weights, step.shared_scratch + kPoints * plan.weights);
  }

  const Size tiles = c.images * plan.tile_rows * plan.tile_columns;
  parallel_for(int(blocks(tiles, plan.chunk)), step.threads, [&](int task, int thread) {
    const Size first = task * plan.chunk, count = std::min(plan.chunk, tiles - first);
    float* inputs = step.scratch_of(thread);
    float* products = inputs + kPoints * plan.input_stride;
    float* edge = products + kPoints * plan.product_stride;
    for (Size t = 0; t < count; t++) {
      transform_input(kernels, c, plan, Place(plan, first + t), inputs + t * c.channels, edge);
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
      const Place p(plan, first + t);
      g.c = c.y + ((p.image * c.output_height + p.y) * c.output_width + p.x) * c.filters;
      kernels.winograd_output(g, products + t * c.filters, plan.product_stride, c.output_width * c.filters,
                              std::min(kTile, c.output_height - p.y), std::min(kTile, c.output_width - p.x));
    }
  });
}

ScratchNeed convolve_scratch(const Kernels& kernels, const WinogradConvolution& c) {
  const Plan plan(kernels, c);
  return {kPoints * (plan.weights + c.channels * c.filters),
          kPoints * (plan.input_stride + plan.product_stride + c.channels), kPoints * plan.weights};
}

// The transpose of the forward pass's linear maps: dw = G^T (sum over tiles of (B^T x B) (A dy A^T)) G, the products
// over channels and filters. A chunk of tiles is transformed, then its products are added to their 36 sums; every sum
// is one chain over all tiles, wherever chunks end and whoever adds to it.
void convolve_weight_gradient(const WinogradConvolution& c, const float* dy, float* dw, Step& step) {
  const Kernels& kernels = *step.kernels;
  const Plan plan(kernels, c, std::min<Size>(step.threads, kMostChunks));
  const Size tiles = c.images * plan.tile_rows * plan.tile_columns, plane = c.channels * c.filters;
  float* sums = step.shared_scratch;
  float* inputs = sums + kPoints * plane;
  float* gradients = inputs + kPoints * plan.input_stride;
  for (Size first = 0; first < tiles; first += plan.chunk) {
    const Size count = std::min(plan.chunk, tiles - first);
    parallel_for(int(blocks(count, kTilesOfTask)), step.threads, [&](int task, int thread) {
      float* edge = step.scratch_of(thread);
      for (Size t = task * kTilesOfTask; t < std::min(count, (task + 1) * kTilesOfTask); t++) {
        const Place p(plan, first + t);
        transform_input(kernels, c, plan, p, inputs + t * c.channels, edge);
        const Window out = window(dy + p.image * c.output_height * c.output_width * c.filters, c.output_height,
                                  c.output_width, c.filters, p.y, p.x, kTile, edge);
        kernels.winograd_gradient(c.filters, out.at, out.row_stride, gradients + t * c.filters, plan.product_stride);
      }
    });
    parallel_for(int(kPoints), step.threads, [&](int point, int) {
      GemmBlock g{};
      g.m = c.channels, g.n = c.filters, g.k = count;
      g.a = inputs + point * plan.input_stride, g.row_stride = 1, g.column_stride = c.channels;
      g.b = gradients + point * plan.product_stride, g.b_stride = c.filters, g.panel_stride = kernels.tile_columns;
      g.c = sums + point * plane, g.c_stride = c.filters;
      g.accumulate = first > 0;
      kernels.gemm(g);
    });
  }
  kernels.winograd_weight_gradient(c.channels, c.filters, sums, dw);
}

ScratchNeed convolve_weight_gradient_scratch(const Kernels& kernels, const WinogradConvolution& c) {
  const Plan plan(kernels, c, kMostChunks);
  return {kPoints * (c.channels * c.filters + plan.input_stride + plan.product_stride),
          kPoints * std::max(c.channels, c.filters)};
}

}  // namespace hebb
