// Pooling and its gradients against loops over windows.
#include <limits>

#include "naive.h"
#include "op_case.h"

namespace hebb::test {
namespace {

struct Shape {
  Size rows;
  Geometry g;
};

std::vector<Shape> shapes() {
  std::vector<Shape> list;
  const std::vector<Size> channels{1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 70};
  // The usual pooling: windows side by side.
  for (Size c : channels) list.push_back({3, {14, 13, c, c, 7, 6, 2, 2, 2, 2, 0, 0}});
  list.push_back({40, {28, 28, 6, 6, 14, 14, 2, 2, 2, 2, 0, 0}});  // on several threads
  list.push_back({2, {7, 7, 20, 20, 1, 1, 7, 7, 1, 1, 0, 0}});
  Random random(21);
  for (int i = 0; i < 600; i++) {
    Shape s{random.whole(1, 5), random_geometry(random, 250, 5, 4)};
    s.g.channels = s.g.filters = random.one_of(channels);
    list.push_back(s);
  }
  return list;
}

OpCase pool_case(const char* op, const Shape& s, int number) {
  const Geometry& g = s.g;
  OpCase c(op, s.rows, number % 3);
  c.set("height", double(g.height)).set("width", double(g.width)).set("channels", double(g.channels));
  c.set("output_height", double(g.output_height)).set("output_width", double(g.output_width));
  c.set("size_height", double(g.kernel_height)).set("size_width", double(g.kernel_width));
  c.set("stride_height", double(g.stride_height)).set("stride_width", double(g.stride_width));
  c.set("pad_top", double(g.pad_top)).set("pad_left", double(g.pad_left));
  return c;
}

struct Pooled {
  std::vector<float> maxima;
  std::vector<Size> first;  // where each maximum is met first
};

Pooled pool(const Shape& s, const std::vector<float>& x) {
  const Geometry& g = s.g;
  const Size outputs = s.rows * g.output_pixels() * g.channels;
  Pooled pooled{std::vector<float>(std::size_t(outputs)), std::vector<Size>(std::size_t(outputs), -1)};
  for (Size r = 0; r < s.rows; r++) {
    g.each_position([&](Size output, Size input, Size) {
      for (Size c = 0; c < g.channels; c++) {
        const std::size_t to = std::size_t((r * g.output_pixels() + output) * g.channels + c);
        const Size from = (r * g.pixels() + input) * g.channels + c;
        const float value = x[std::size_t(from)];
        if (pooled.first[to] < 0 || value > pooled.maxima[to]) pooled.maxima[to] = value, pooled.first[to] = from;
      }
    });
  }
  return pooled;
}

template <class F>
void each_shape(std::uint64_t seed, F f) {
  Random random(seed);
  int number = 0;
  for (const Shape& s : shapes()) {
    number++;
    if (!take_case()) continue;
    // Few whole numbers, so that most windows hold their maximum several times; and numbers below zero alone.
    const Size floats = s.rows * s.g.pixels() * s.g.channels;
    f(s, number, random,
      number % 3 == 0   ? random_wholes(random, floats, 2)
      : number % 3 == 1 ? random_floats(random, floats, -9, -1)
                        : random_floats(random, floats));
  }
}

/// How many positions of each output pixel's window lie within the image.
std::vector<double> window_sizes(const Shape& s) {
  std::vector<double> counts(std::size_t(s.g.output_pixels()), 0);
  s.g.each_position([&](Size output, Size, Size) { counts[std::size_t(output)]++; });
  return counts;
}

/// Calls f(output element, input element, output pixel) for all that an output is the mean of.
template <class F>
void each_share(const Shape& s, F f) {
  for (Size r = 0; r < s.rows; r++) {
    s.g.each_position([&](Size output, Size input, Size) {
      for (Size c = 0; c < s.g.channels; c++) {
        f((r * s.g.output_pixels() + output) * s.g.channels + c, (r * s.g.pixels() + input) * s.g.channels + c, output);
      }
    });
  }
}

}  // namespace

TEST(max_pool2d) {
  each_shape(22, [&](const Shape& s, int number, Random&, std::vector<float> x) {
    s.g.describe("max_pool2d", s.rows);
    const Pooled pooled = pool(s, x);
    OpCase c = pool_case("max_pool2d", s, number);
    c.batch("x", std::move(x)).batch_result("y", s.g.output_pixels() * s.g.channels);
    c.rows_independent = true;
    c.run([&](const Results& r, const Kernels&) {
      check_same_bits("y", r["y"].data(), pooled.maxima.data(), Size(pooled.maxima.size()));
    });
  });
}

TEST(max_pool2d_backward) {
  double worst = 0;
  each_shape(23, [&](const Shape& s, int number, Random& random, std::vector<float> x) {
    s.g.describe("max_pool2d_backward", s.rows);
    const Pooled pooled = pool(s, x);
    const std::vector<float> dy = random_floats(random, Size(pooled.maxima.size()));
    Sums sums(Size(x.size()));
    for (std::size_t i = 0; i < dy.size(); i++) sums.add(pooled.first[i], double(dy[i]), 1);
    OpCase c = pool_case("max_pool2d_backward", s, number);
    const Size outputs = s.g.output_pixels() * s.g.channels;
    c.batch("x", std::move(x))
        .batch("y", pooled.maxima)
        .batch("dy", dy)
        .batch_result("dx", s.g.pixels() * s.g.channels);
    const Expected expected = activated(sums, {}, Activation::linear, 0, outputs);
    c.run([&](const Results& r, const Kernels&) {
      worst = std::fmax(worst, check_close("dx", r["dx"].data(), expected));
    });
  });
  note("largest error %.2f of its bound", worst);
}

// Means over what of each window lies within the image.
TEST(average_pool2d) {
  double worst = 0;
  each_shape(24, [&](const Shape& s, int number, Random&, std::vector<float> x) {
    s.g.describe("average_pool2d", s.rows);
    const std::vector<double> counts = window_sizes(s);
    Sums sums(s.rows * s.g.output_pixels() * s.g.channels);
    each_share(s, [&](Size output, Size input, Size pixel) {
      sums.add(output, double(x[std::size_t(input)]), 1 / counts[std::size_t(pixel)]);
    });
    OpCase c = pool_case("average_pool2d", s, number);
    c.batch("x", std::move(x)).batch_result("y", s.g.output_pixels() * s.g.channels);
    c.rows_independent = true;
    const Expected expected = activated(sums, {}, Activation::linear, 0, s.g.taps());
    c.run(
        [&](const Results& r, const Kernels&) { worst = std::fmax(worst, check_close("y", r["y"].data(), expected)); });
  });
  note("largest error %.2f of its bound", worst);
}

TEST(average_pool2d_backward) {
  double worst = 0;
  each_shape(25, [&](const Shape& s, int number, Random& random, const std::vector<float>& x) {
    s.g.describe("average_pool2d_backward", s.rows);
    const std::vector<double> counts = window_sizes(s);
    const std::vector<float> dy = random_floats(random, s.rows * s.g.output_pixels() * s.g.channels);
    Sums sums(Size(x.size()));
    each_share(s, [&](Size output, Size input, Size pixel) {
      sums.add(input, double(dy[std::size_t(output)]), 1 / counts[std::size_t(pixel)]);
    });
    OpCase c = pool_case("average_pool2d_backward", s, number);
    c.batch("dy", dy).batch_result("dx", s.g.pixels() * s.g.channels);
    c.rows_independent = true;
    const Expected expected = activated(sums, {}, Activation::linear, 0, s.g.taps());
    c.run([&](const Results& r, const Kernels&) {
      worst = std::fmax(worst, check_close("dx", r["dx"].data(), expected));
    });
  });
  note("largest error %.2f of its bound", worst);
}

}  // namespace hebb::test
