#include "naive.h"

#include <algorithm>

namespace hebb::test {

void Geometry::describe(const char* op, Size rows) const {
  describe_case(
      "%s %td x (%td, %td, %td) -> (%td, %td, %td), kernel %td x %td, stride %td x %td, padding %td, %td, dilation %td "
      "x "
      "%td, groups %td",
      op, rows, height, width, channels, output_height, output_width, filters, kernel_height, kernel_width,
      stride_height, stride_width, pad_top, pad_left, dilation_height, dilation_width, groups);
}

void Geometry::set(OpCase& c) const {
  c.set("height", double(height)).set("width", double(width)).set("channels", double(channels));
  c.set("filters", double(filters)).set("output_height", double(output_height));
  c.set("output_width", double(output_width)).set("kernel_height", double(kernel_height));
  c.set("kernel_width", double(kernel_width)).set("stride_height", double(stride_height));
  c.set("stride_width", double(stride_width)).set("pad_top", double(pad_top)).set("pad_left", double(pad_left));
  c.set("dilation_height", double(dilation_height)).set("dilation_width", double(dilation_width));
  c.set("groups", double(groups));
}

Geometry random_geometry(Random& random, Size most_pixels, Size most_kernel, Size most_stride, Size most_dilation) {
  Geometry g{};
  do {
    g.height = random.whole(1, 20), g.width = random.whole(1, 20);
  } while (g.height * g.width > most_pixels);
  g.kernel_height = random.whole(1, most_kernel), g.kernel_width = random.whole(1, most_kernel);
  g.stride_height = random.whole(1, most_stride), g.stride_width = random.whole(1, most_stride);
  g.dilation_height = random.whole(1, most_dilation), g.dilation_width = random.whole(1, most_dilation);
  g.pad_top = random.whole(0, (g.kernel_height - 1) * g.dilation_height);
  g.pad_left = random.whole(0, (g.kernel_width - 1) * g.dilation_width);
  // The last window begins within the image; half of the cases have as many windows as fit so, the rest any number.
  const Size most_rows = (g.height + g.pad_top - 1) / g.stride_height + 1;
  const Size most_columns = (g.width + g.pad_left - 1) / g.stride_width + 1;
  g.output_height = random.whole(0, 1) ? most_rows : random.whole(1, most_rows);
  g.output_width = random.whole(0, 1) ? most_columns : random.whole(1, most_columns);
  return g;
}

double activation(Activation kind, double slope, double x) {
  if (std::isnan(x)) return kind == Activation::step ? 0 : x;  // no comparison with NaN holds
  switch (kind) {
    case Activation::relu:
      return x > 0 ? x : 0;
    case Activation::leakyRelu:
      return x < 0 ? slope * x : x;
    case Activation::sigmoid:
      return 1 / (1 + std::exp(-x));
    case Activation::tanh:
      return std::tanh(x);
    case Activation::step:
      return x > 0 ? 1 : 0;
    default:
      return x;
  }
}

double activation_derivative(Activation kind, double slope, double y) {
  switch (kind) {
    case Activation::relu:
      return y > 0 ? 1 : 0;
    case Activation::leakyRelu:
      return y < 0 ? slope : 1;
    case Activation::sigmoid:
      return y * (1 - y);
    case Activation::tanh:
      return 1 - y * y;
    case Activation::step:
      return 0;
    default:
      return 1;
  }
}

double activation_bound(Activation kind, double slope, double y, double bound_of_argument) {
  const double steepest = kind == Activation::leakyRelu ? std::max(1.0, std::fabs(slope)) : 1;
  const bool computed = kind == Activation::sigmoid || kind == Activation::tanh;
  // 8 roundings are 4 ulp at the least; products that fall under the smallest normal number are flushed.
  return steepest * bound_of_argument + (computed ? 8 : 2) * kRoundoff * std::fabs(y) + 0x1p-126;
}

Expected activated(const Sums& sums, const std::vector<float>& bias, Activation kind, double slope, Size depth,
                   double factor) {
  Expected expected;
  for (std::size_t i = 0; i < sums.values.size(); i++) {
    const double b = bias.empty() ? 0 : double(bias[i % bias.size()]);
    const double x = sums.values[i] + b;
    const double bound = factor * product_bound(sums.magnitudes[i] + std::fabs(b), depth);
    const double y = activation(kind, slope, x);
    // Where x is nearer to the step than rounding can tell, both results are right.
    const bool at_step = kind == Activation::step && std::fabs(x) <= bound;
    expected.add(y, at_step ? 1 : activation_bound(kind, slope, y, kind == Activation::step ? 0 : bound));
  }
  return expected;
}

}  // namespace hebb::test
