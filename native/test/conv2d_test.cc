// The convolution ops against loops over output pixels, window positions, channels and filters.
#include <algorithm>

#include "naive.h"
#include "op_case.h"

namespace hebb::test {
namespace {

// A 3 x 3 convolution with stride 1 may be computed by Winograd's minimal filtering, which adds and subtracts
// neighbouring numbers before it multiplies and after: its errors are larger than those of the direct sum by a constant
// (Barabasz, Anderson, Soodhalter, Gregg: "Error analysis and improving the accuracy of Winograd convolution", ACM TOMS
// 46, 2020), and results of one tile share them, however few products a result at the border has of its own.
constexpr double kWinogradFactor = 8;
constexpr double kMostWork = 6e5;  // multiply-adds of a random shape

struct Shape {
  Size rows;
  Geometry g;
};

double work(const Shape& s) { return double(s.rows) * double(s.g.output_pixels()) * double(s.g.weights()); }

std::vector<Shape> shapes() {
  std::vector<Shape> list;
  Random random(11);
  // Each kernel with each stride and each padding, in one dimension and in the other.
  for (Size kernel = 1; kernel <= 7; kernel++) {
    for (Size stride = 1; stride <= 4; stride++) {
      for (Size padding = 0; padding < kernel; padding++) {
        Geometry g{9, 11, 1 + padding % 3, 5, 0, 0, kernel, 8 - kernel, stride, 5 - stride, padding, (8 - kernel) / 2};
        g.output_height = (g.height + g.pad_top - 1) / g.stride_height + 1;
        g.output_width = (g.width + g.pad_left - 1) / g.stride_width + 1;
        list.push_back({1 + kernel % 3, g});
      }
    }
  }
  // Square 3 x 3 kernels with stride 1, as most networks have: image sides around tiles of 2, 4 and 6 outputs, channels
  // and filters around vectors and panels.
  const std::vector<Size> widths{1, 2, 3, 5, 8, 15, 16, 17, 31, 32, 33, 47, 48, 49, 64, 65, 70};
  for (Size side : {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 28}) {
    for (Size padding = 0; padding < 3; padding++) {
      if (side + padding < 3) continue;
      for (int i = 0; i < 4; i++) {
        Geometry g{side,    side + i % 2, random.one_of(widths), random.one_of(widths), 0, 0, 3, 3, 1, 1,
                   padding, padding};
        g.output_height = side + 2 * (padding > 0) - 2, g.output_width = g.width + g.output_height - side;
        const Shape s{random.whole(1, 5), g};
        if (work(s) < kMostWork) list.push_back(s);
      }
    }
  }
  for (Size channels : {32, 33, 48, 64, 70}) {
    for (Size filters : {31, 32, 64, 65, 70}) {
      list.push_back({channels % 3 + 1, {8, 7, channels, filters, 8, 7, 3, 3, 1, 1, 1, 1}});
    }
  }
  // More pixels than a task has.
  list.push_back({2, {28, 28, 1, 6, 28, 28, 5, 5, 1, 1, 2, 2}});
  list.push_back({3, {28, 29, 3, 8, 26, 27, 3, 3, 1, 1, 0, 0}});
  list.push_back({1, {40, 41, 2, 3, 40, 41, 1, 1, 1, 1, 0, 0}});
  list.push_back({2, {33, 31, 3, 17, 17, 16, 3, 3, 2, 2, 1, 1}});
  list.push_back({9, {12, 12, 6, 16, 8, 8, 5, 5, 1, 1, 0, 0}});
  // Anything; half of it with gaps between the kernel's elements or in groups, down to a filter a channel.
  for (int i = 0; i < 900; i++) {
    Shape s{random.whole(1, 6), random_geometry(random, 200, 7, 4, i % 4 == 1 ? 3 : 1)};
    s.g.channels = random.one_of(widths), s.g.filters = random.one_of(widths);
    if (i % 4 >= 2) {
      s.g.groups = i % 8 == 3 ? s.g.channels : random.whole(2, 5);
      s.g.channels = i % 8 == 3 ? s.g.groups : s.g.groups * random.whole(1, 17);
      s.g.filters = s.g.groups * (i % 8 == 3 ? random.whole(1, 2) : random.whole(1, 17));
      s.g.dilation_height = i % 3 ? 1 : 2;
      s.g.pad_top = std::min(s.g.pad_top, s.g.kernel_height - 1);
    }
    if (work(s) < kMostWork) list.push_back(s);
  }
  for (Size channels : {2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 64, 70}) {
    for (Size stride : {1, 2}) {
      Geometry g{9, 10, channels, channels, 9 / stride, 10 / stride, 3, 3, stride, stride, 1, 1};
      g.groups = channels;
      list.push_back({3, g});
    }
  }
  // Large batches of small images.
  for (Size rows : {7, 16, 33, 64, 70}) list.push_back({rows, {5, 5, 3, 9, 5, 5, 3, 3, 1, 1, 1, 1}});
  return list;
}

OpCase conv_case(const char* op, const Shape& s, int number) {
  const Geometry& g = s.g;
  OpCase c(op, s.rows, number % 3);
  g.set(c);
  return c;
}

/// Calls f(x index, w index, y index) for every product of the convolution.
template <class F>
void each_product(const Shape& s, F f) {
  const Geometry& g = s.g;
  const Size group_channels = g.channels / g.groups, group_filters = g.filters / g.groups;
  for (Size r = 0; r < s.rows; r++) {
    g.each_position([&](Size output, Size input, Size tap) {
      for (Size c = 0; c < g.channels; c++) {
        const Size group = c / group_channels, x = (r * g.pixels() + input) * g.channels + c;
        const Size w = (tap * group_channels + c % group_channels) * g.filters;
        const Size y = (r * g.output_pixels() + output) * g.filters;
        for (Size filter = group * group_filters; filter < (group + 1) * group_filters; filter++) {
          f(x, w + filter, y + filter);
        }
      }
    });
  }
}

double at(const std::vector<float>& values, Size i) { return double(values[std::size_t(i)]); }

/// Runs f(shape, number, numbers in) over all shapes; `exact` asks for whole numbers, whose sums no rounding touches.
template <class F>
void each_shape(std::uint64_t seed, F f) {
  Random random(seed);
  int number = 0;
  for (const Shape& s : shapes()) {
    const bool exact = number++ % 3 == 0;
    if (!take_case()) continue;
    f(s, number, exact,
      [&](Size size) { return exact ? random_wholes(random, size, 4) : random_floats(random, size); });
  }
}

double factor_of(const Geometry& g) { return g.winograd() ? kWinogradFactor : 1; }

/// Of sums (images, places, channels): each channel's largest magnitude for all places of an image, where tiles share
/// errors.
void share_magnitudes(Sums& sums, const Geometry& g, Size images, Size places, Size channels) {
  if (!g.winograd()) return;
  for (Size image = 0; image < images; image++) {
    for (Size c = 0; c < channels; c++) {
      double* magnitudes = sums.magnitudes.data() + image * places * channels + c;
      double largest = 0;
      for (Size i = 0; i < places; i++) largest = std::fmax(largest, magnitudes[i * channels]);
      for (Size i = 0; i < places; i++) magnitudes[i * channels] = largest;
    }
  }
}

}  // namespace

TEST(conv2d) {
  double worst = 0, worst_winograd = 0;
  each_shape(12, [&](const Shape& s, int number, bool exact, auto fill) {
    const Geometry& g = s.g;
    const Activation kind = Activation(number % int(Activation::fused_count));
    const bool with_bias = number % 5 != 0;
    g.describe("conv2d", s.rows);
    OpCase c = conv_case("conv2d", s, number);
    c.set("activation", double(kind)).set("slope", 0.25);
    c.batch("x", fill(s.rows * g.pixels() * g.channels)).whole("w", fill(g.weights()));
    c.batch_result("y", g.output_pixels() * g.filters);
    if (with_bias) c.whole("b", fill(g.filters));
    c.rows_independent = true;
    Sums sums(s.rows * g.output_pixels() * g.filters);
    each_product(s, [&](Size x, Size w, Size y) { sums.add(y, at(c.input("x"), x), at(c.input("w"), w)); });
    share_magnitudes(sums, g, s.rows, g.output_pixels(), g.filters);
    Expected expected = activated(sums, with_bias ? c.input("b") : std::vector<float>{}, kind, 0.25,
                                  g.taps() * g.channels, factor_of(g));
    const bool exactly = exact && !g.winograd() && kind != Activation::sigmoid && kind != Activation::tanh;
    if (exactly) std::fill(expected.bounds.begin(), expected.bounds.end(), 0.0);
    c.run([&](const Results& r, const Kernels&) {
      double& to = g.winograd() ? worst_winograd : worst;
      to = std::fmax(to, check_close("y", r["y"].data(), expected));
    });
  });
  note("largest error %.2f of its bound, of 3 x 3 kernels %.2f", worst, worst_winograd);
}

TEST(conv2d_backward_input) {
  double worst = 0, worst_winograd = 0;
  each_shape(13, [&](const Shape& s, int number, bool exact, auto fill) {
    const Geometry& g = s.g;
    g.describe("conv2d_backward_input", s.rows);
    OpCase c = conv_case("conv2d_backward_input", s, number);
    c.batch("dy", fill(s.rows * g.output_pixels() * g.filters)).whole("w", fill(g.weights()));
    c.batch_result("dx", g.pixels() * g.channels);
    Sums sums(s.rows * g.pixels() * g.channels);
    each_product(s, [&](Size x, Size w, Size y) { sums.add(x, at(c.input("dy"), y), at(c.input("w"), w)); });
    share_magnitudes(sums, g, s.rows, g.pixels(), g.channels);
    Expected expected = activated(sums, {}, Activation::linear, 0, g.taps() * g.filters, factor_of(g));
    if (exact && !g.winograd()) std::fill(expected.bounds.begin(), expected.bounds.end(), 0.0);
    c.run([&](const Results& r, const Kernels&) {
      double& to = g.winograd() ? worst_winograd : worst;
      to = std::fmax(to, check_close("dx", r["dx"].data(), expected));
    });
  });
  note("largest error %.2f of its bound, of 3 x 3 kernels %.2f", worst, worst_winograd);
}

TEST(conv2d_backward_weight) {
  double worst = 0, worst_winograd = 0;
  each_shape(14, [&](const Shape& s, int number, bool exact, auto fill) {
    const Geometry& g = s.g;
    g.describe("conv2d_backward_weight", s.rows);
    OpCase c = conv_case("conv2d_backward_weight", s, number);
    c.batch("x", fill(s.rows * g.pixels() * g.channels)).batch("dy", fill(s.rows * g.output_pixels() * g.filters));
    c.whole_result("dw", g.weights());
    Sums sums(g.weights());
    each_product(s, [&](Size x, Size w, Size y) { sums.add(w, at(c.input("x"), x), at(c.input("dy"), y)); });
    share_magnitudes(sums, g, 1, g.taps(), g.channels * g.filters);
    Expected expected = activated(sums, {}, Activation::linear, 0, s.rows * g.output_pixels(), factor_of(g));
    if (exact && !g.winograd()) std::fill(expected.bounds.begin(), expected.bounds.end(), 0.0);
    c.run([&](const Results& r, const Kernels&) {
      double& to = g.winograd() ? worst_winograd : worst;
      to = std::fmax(to, check_close("dw", r["dw"].data(), expected));
    });
  });
  note("largest error %.2f of its bound, of 3 x 3 kernels %.2f", worst, worst_winograd);
}

}  // namespace hebb::test
