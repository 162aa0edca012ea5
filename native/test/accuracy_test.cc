// Errors of the exponential and of activations made of it in ulp, or where these are differences that rounding eats, as
// they stand; over floats of all magnitudes, against the C library's in double precision. Bounds are those that
// native/kernels/activation.inl.h states.
#include <cstdio>
#include <cstring>
#include <limits>

#include "guarded_memory.h"
#include "naive.h"

namespace hebb::test {
namespace {

constexpr double kExponentialUlp = 2, kTanhUlp = 3;
constexpr double kSigmoidUlp = 4;  // the exponential's 2, made no larger by 1 / (1 + e), and two roundings
constexpr double kSiluUlp = 5, kSoftplusUlp = 4;
// Of numbers below 1: elu and selu are e^x - 1 below zero, so they err by what the exponential does, times alpha.
constexpr double kEluError = 1.5e-7, kSeluError = 2.7e-7, kHardSigmoidError = 1.2e-7;
// x times the normal distribution function, which errs by half of the error function's 4e-7; beyond 6 it is 0 or 1.
constexpr double kGeluError = 2e-7;
constexpr Size kChunk = 4096;
constexpr std::uint32_t kPatternStep = 251;  // a prime: all low bits come up

float from_bits(std::uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

/// |got - exact| in units of the last place of a float of exact's size.
double ulps(float got, double exact) {
  const double magnitude = std::fmax(std::fabs(exact), 0x1p-126);
  return std::fabs(double(got) - exact) / std::ldexp(1.0, std::ilogb(magnitude) - 23);
}

/// Calls f(floats) with chunks of all finite floats from -most to most, one bit pattern in kPatternStep.
template <class F>
void sweep(float most, F f) {
  std::vector<float> chunk;
  const std::uint32_t step = kPatternStep * std::uint32_t(thinning());
  for (std::uint32_t sign : {0u, 0x80000000u}) {
    for (std::uint32_t bits = 0; from_bits(bits) <= most; bits += step) {
      chunk.push_back(from_bits(bits | sign));
      if (Size(chunk.size()) == kChunk) f(chunk), chunk.clear();
    }
  }
  f(chunk);
}

struct Worst {
  double error = 0;
  float at = 0;
};

/// @param error of what was got, beside the exact number at x
template <class F>
void compare(Worst& worst, const float* got, const std::vector<float>& x, const std::vector<double>& exact, F error) {
  for (std::size_t i = 0; i < x.size(); i++) {
    // Below the smallest normal number there are no more bits to be right, above the largest there is infinity.
    if (std::fabs(exact[i]) < 0x1p-126 && std::fabs(got[i]) <= 0x1p-126f) continue;
    if (std::fabs(exact[i]) > double(std::numeric_limits<float>::max()) && std::isinf(got[i])) continue;
    const double e = error(got[i], exact[i], x[i]);
    if (!(e <= worst.error)) worst = {e, x[i]};
  }
}

void compare(Worst& worst, const float* got, const std::vector<float>& x, const std::vector<double>& exact) {
  compare(worst, got, x, exact, [](float y, double value, float) { return ulps(y, value); });
}

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g", value);
  return text;
}

void check_worst(const char* function, const Kernels& kernels, const Worst& worst, double bound) {
  describe_case("%s, x = %.9g [%s]", function, double(worst.at), kernels.name);
  check(worst.error <= bound, __FILE__, __LINE__, "within the stated error",
        number(worst.error) + " of " + number(bound));
  note("%s %.3g", kernels.name, worst.error);
}

/// elu with an alpha of 1; `error` is compare's.
template <class F>
void check_activation(const char* name, Activation kind, double bound, F error) {
  std::vector<Worst> worst(instruction_sets().size());
  sweep(std::numeric_limits<float>::max(), [&](const std::vector<float>& x) {
    std::vector<double> exact;
    for (float value : x) exact.push_back(activation(kind, 1, double(value)));
    for (std::size_t i = 0; i < worst.size(); i++) {
      std::vector<float> y(x.size());
      instruction_sets()[i]->activate(kind, 1, Size(x.size()), x.data(), y.data());
      compare(worst[i], y.data(), x, exact, error);
    }
  });
  for (std::size_t i = 0; i < worst.size(); i++) check_worst(name, *instruction_sets()[i], worst[i], bound);
}

/// In ulp of the exact number.
void check_ulps(const char* name, Activation kind, double bound) {
  check_activation(name, kind, bound, [](float y, double exact, float) { return ulps(y, exact); });
}

/// As it stands, of a number up to 1, and as a part of one above.
double plain_error(float y, double exact, float) {
  return std::fabs(double(y) - exact) / std::fmax(1, std::fabs(exact));
}

}  // namespace

TEST(accuracy_of_tanh) { check_ulps("tanh", Activation::tanh, kTanhUlp); }

TEST(accuracy_of_sigmoid) { check_ulps("sigmoid", Activation::sigmoid, kSigmoidUlp); }

// Where the sigmoid is under the smallest normal number, x times it is lost.
TEST(accuracy_of_silu) {
  check_activation("silu", Activation::silu, kSiluUlp, [](float y, double exact, float x) {
    return std::fabs(exact) < std::fabs(double(x)) * 0x1p-126 && y == 0 ? 0 : ulps(y, exact);
  });
}

TEST(accuracy_of_softplus) { check_ulps("softplus", Activation::softplus, kSoftplusUlp); }

TEST(accuracy_of_elu) { check_activation("elu", Activation::elu, kEluError, plain_error); }

TEST(accuracy_of_selu) { check_activation("selu", Activation::selu, kSeluError, plain_error); }

TEST(accuracy_of_hard_sigmoid) {
  check_activation("hardSigmoid", Activation::hardSigmoid, kHardSigmoidError, plain_error);
}

TEST(accuracy_of_gelu) {
  check_activation("gelu", Activation::gelu, kGeluError,
                   [](float y, double exact, float x) { return std::fabs(double(y) - exact) / std::fabs(double(x)); });
}

// Softmax cross-entropy over numbers of which none is above 0 and the first is 0 gives e^x itself where the targets add
// up to the sum of the exponentials.
TEST(accuracy_of_exponential) {
  std::vector<Worst> worst(instruction_sets().size());
  sweep(90, [&](const std::vector<float>& all) {
    std::vector<float> x{0};
    for (float value : all) {
      if (value < 0) x.push_back(value);
    }
    const Size n = Size(x.size());
    std::vector<double> exact;
    for (float value : x) exact.push_back(std::exp(double(value)));
    for (std::size_t i = 0; i < worst.size(); i++) {
      std::vector<float> t(x.size()), y(x.size());
      float max, sum, dot, total;
      instruction_sets()[i]->softmax_cross_entropy(n, x.data(), t.data(), 1, y.data(), &max, &sum, &dot, &total);
      t[0] = sum;
      instruction_sets()[i]->softmax_cross_entropy(n, x.data(), t.data(), 1, y.data(), &max, &sum, &dot, &total);
      y[0] = 1;
      compare(worst[i], y.data(), x, exact);
    }
  });
  for (std::size_t i = 0; i < worst.size(); i++) {
    check_worst("exponential", *instruction_sets()[i], worst[i], kExponentialUlp);
  }
}

TEST(activations_at_special_values) {
  const float infinity = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> x{nan,     -nan,     infinity, -infinity, 0.0f, -0.0f, 1e-45f,
                             3.4e38f, -3.4e38f, 88.7f,    -88.7f,    200,  -200};
  for (const Kernels* kernels : instruction_sets()) {
    for (int kind = 0; kind < int(Activation::count); kind++) {
      // In every lane of a vector, and in the rest that no whole vector takes.
      for (Size shift = 0; shift < 40; shift++) {
        std::vector<float> padded(std::size_t(shift), 1.0f);
        padded.insert(padded.end(), x.begin(), x.end());
        const GuardedFloats from(padded), to(Size(padded.size()));
        kernels->activate(Activation(kind), 0.5f, from.size(), from.data(), to.data());
        Expected expected;
        for (float value : padded) {
          double y = activation(Activation(kind), 0.5, double(value));
          if (std::fabs(y) > double(std::numeric_limits<float>::max())) y = std::copysign(double(infinity), y);
          expected.add(y, activation_bound(Activation(kind), 0.5, double(value), 0));
        }
        describe_case("activation %d of special values from place %td on [%s]", kind, shift, kernels->name);
        check_close("y", to.data(), expected);
      }
    }
  }
}

}  // namespace hebb::test
