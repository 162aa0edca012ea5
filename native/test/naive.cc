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

namespace {

// Klambauer et al.: "Self-normalizing neural networks", 2017, section 2.
constexpr double kSeluAlpha = 1.6732632423543772, kSeluScale = 1.0507009873554805;
// Beside roundings, of the normal distribution function: half of what the error function errs (activation.inl.h).
constexpr double kNormalShareError = 2e-7;

/// The normal distribution function and its density.
double normal_share(double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); }
double normal_density(double x) { return std::exp(-x * x / 2) / std::sqrt(2 * std::acos(-1.0)); }

double logistic(double x) { return 1 / (1 + std::exp(-x)); }

}  // namespace

double activation(Activation kind, double slope, double x) {
  if (std::isnan(x)) return kind == Activation::step ? 0 : x;  // no comparison with NaN holds
  switch (kind) {
    case Activation::relu:
      return x > 0 ? x : 0;
    case Activation::leakyRelu:
      return x < 0 ? slope * x : x;
    case Activation::sigmoid:
      return logistic(x);
    case Activation::tanh:
      return std::tanh(x);
    case Activation::step:
      return x > 0 ? 1 : 0;
    case Activation::elu:
      return x > 0 ? x : slope * std::expm1(x);
    case Activation::selu:
      return kSeluScale * (x > 0 ? x : kSeluAlpha * std::expm1(x));
    case Activation::softplus:
      return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x));
    case Activation::hardSigmoid:
      return std::min(std::max(x / 6 + 0.5, 0.0), 1.0);
    case Activation::gelu:
      return x * normal_share(x);
    case Activation::silu:
      return x * logistic(x);
    default:
      return x;
  }
}

double activation_bound(Activation kind, double slope, double x, double bound_of_argument) {
  const double y = std::fabs(activation(kind, slope, x));
  const double steepest = kind == Activation::leakyRelu || kind == Activation::elu ? std::max(1.0, std::fabs(slope))
                          : kind == Activation::selu                               ? kSeluScale * kSeluAlpha
                                                                                   : 1.2;  // silu's is 1.1, gelu's 1.13
  const auto own = [&]() -> double {
    switch (kind) {
      case Activation::sigmoid:
      case Activation::tanh:
      case Activation::softplus:
        return 8 * kRoundoff * y;  // 4 ulp at the least
      case Activation::silu:
        return 10 * kRoundoff * y + (std::isinf(x) ? 0 : 0x1p-126 * std::fabs(x));
      // Below zero they are e^x - 1: what the exponential errs stays where the difference is small.
      case Activation::elu:
        return 2 * kRoundoff * y + (x > 0 ? 0 : 3 * kRoundoff * std::fabs(slope));
      case Activation::selu:
        return 3 * kRoundoff * y + (x > 0 ? 0 : 3 * kRoundoff * kSeluScale * kSeluAlpha);
      case Activation::hardSigmoid:
        return 2 * kRoundoff;
      case Activation::gelu:
        return 2 * kRoundoff * y + (x > -6 ? kNormalShareError * std::fabs(x) : kNormalShareError);
      default:
        return 2 * kRoundoff * y;
    }
  };
  // Products that fall under the smallest normal number are flushed.
  return steepest * bound_of_argument + own() + 0x1p-126;
}

bool has_derivative_from_output(Activation kind) { return kind != Activation::gelu && kind != Activation::silu; }

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
    case Activation::elu:
      return y > 0 ? 1 : y + slope;
    case Activation::selu:
      return y > 0 ? kSeluScale : y + kSeluScale * kSeluAlpha;
    case Activation::softplus:
      return -std::expm1(-y);
    case Activation::hardSigmoid:
      return y > 0 && y < 1 ? 1.0 / 6 : 0;
    default:
      return 1;
  }
}

double activation_derivative_at(Activation kind, double slope, double x) {
  switch (kind) {
    case Activation::elu:
      return x > 0 ? 1 : slope * std::exp(x);
    case Activation::selu:
      return kSeluScale * (x > 0 ? 1 : kSeluAlpha * std::exp(x));
    case Activation::softplus:
      return logistic(x);
    case Activation::hardSigmoid:
      return std::fabs(x) < 3 ? 1.0 / 6 : 0;
    case Activation::gelu:
      return normal_share(x) + x * normal_density(x);
    case Activation::silu:
      return logistic(x) * (1 + x * (1 - logistic(x)));
    default:
      return activation_derivative(kind, slope, activation(kind, slope, x));
  }
}

double activation_derivative_bound(Activation kind, double slope, double x) {
  switch (kind) {
    // At its corners the sum of x / 6 and 0.5 rounds to either side.
    case Activation::hardSigmoid:
      return std::fabs(std::fabs(x) - 3) < 1e-6 ? 0.2 : 4 * kRoundoff;
    case Activation::elu:
      return 8 * kRoundoff * std::max(1.0, std::fabs(slope));
    case Activation::gelu:
      return kNormalShareError + 8 * kRoundoff;
    case Activation::silu:
      return 8 * kRoundoff * (1 + std::fabs(x));
    default:
      return 16 * kRoundoff;
  }
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
    expected.add(y, at_step ? 1 : activation_bound(kind, slope, x, kind == Activation::step ? 0 : bound));
  }
  return expected;
}

}  // namespace hebb::test
