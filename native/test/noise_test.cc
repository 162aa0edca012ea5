// Spatial dropout and Gaussian noise: their random numbers are those of Philox (random.h), turned here by the C
// library.
#include "naive.h"
#include "op_case.h"
#include "random.h"

namespace hebb::test {
namespace {

constexpr std::uint32_t kDropoutPurpose = 3, kNoisePurpose = 6;

/// Any seed, epoch and step.
void draw_request(OpCase& c, Random& random) {
  c.training_only = true;
  c.request.seed = std::uint32_t(random.bits()), c.request.epoch = std::uint32_t(random.whole(0, 9));
  c.request.global_step = std::uint32_t(random.bits());
}

/// The normal number of one element, by Box and Muller's first form: the block gives two elements a pair each.
double normal_number(const TrainRequest& request, std::uint32_t layer, Size i) {
  std::uint32_t bits[4];
  philox({request.seed, kNoisePurpose}, {std::uint32_t(i / 2), request.global_step, request.epoch, layer}, bits);
  const double u = (double(bits[i % 2 * 2]) + 1) * 0x1p-32, turns = double(bits[i % 2 * 2 + 1]) * 0x1p-32;
  return std::sqrt(-2 * std::log(u)) * std::cos(2 * std::acos(-1.0) * turns);
}

}  // namespace

TEST(spatial_dropout) {
  Random random(171);
  for (double rate : {0.0, 0.1, 0.5, 0.99}) {
    for (Size channels : {1, 2, 3, 4, 5, 7, 8, 9, 17, 33, 300}) {
      for (Size positions : {1, 2, 49, 301}) {
        const Size rows = 1 + (channels + positions) % 5;
        if (!take_case()) continue;
        describe_case("spatial_dropout (%td, %td, %td), rate %g", rows, positions, channels, rate);
        OpCase c("spatial_dropout", rows, rows % 3);
        const std::uint32_t layer = std::uint32_t(random.whole(0, 5));
        c.set("positions", double(positions)).set("channels", double(channels)).set("rate", rate);
        c.set("layer", double(layer)).batch("x", random_floats(random, rows * positions * channels, 1, 2));
        c.batch_result("y", positions * channels);
        if (channels % 2) c.over("y", "x");
        draw_request(c, random);
        Expected expected;
        for (Size i = 0; i < rows * positions * channels; i++) {
          // One number for each channel of each row, whatever the position.
          const Size number = i / channels / positions * channels + i % channels;
          std::uint32_t bits[4];
          philox({c.request.seed, kDropoutPurpose},
                 {std::uint32_t(number / 4), c.request.global_step, c.request.epoch, layer}, bits);
          const bool keep = double(bits[number % 4]) >= double(float(rate)) * 0x1p32;
          const double y = keep ? double(c.input("x")[std::size_t(i)]) / (1 - rate) : 0;
          expected.add(y, y * kRoundoff * (3 + 1 / (1 - rate)));
        }
        c.run([&](const Results& r, const Kernels&) { check_close("y", r["y"].data(), expected); });
      }
    }
  }
}

TEST(gaussian_noise) {
  Random random(172);
  double worst = 0;
  const auto check_noise = [&](Size rows, Size elements, double stddev) {
    if (!take_case()) return;
    describe_case("gaussian_noise (%td, %td), deviation %g", rows, elements, stddev);
    OpCase c("gaussian_noise", rows, rows % 3);
    const std::uint32_t layer = std::uint32_t(random.whole(0, 5));
    c.set("elements", double(elements)).set("stddev", stddev).set("layer", double(layer));
    c.batch("x", random_floats(random, rows * elements)).batch_result("y", elements);
    if (elements % 2) c.over("y", "x");
    draw_request(c, random);
    Expected expected;
    for (Size i = 0; i < rows * elements; i++) {
      const double noise = stddev * normal_number(c.request, layer, i),
                   y = double(c.input("x")[std::size_t(i)]) + noise;
      // The noise is rounded to a float and so is the sum; the two logarithms and cosines differ by a few 1e-16.
      expected.add(y, kRoundoff * (std::fabs(noise) + std::fabs(y)) + 1e-14 * stddev);
    }
    c.run(
        [&](const Results& r, const Kernels&) { worst = std::fmax(worst, check_close("y", r["y"].data(), expected)); });
  };
  for (double stddev : {0.0, 0.1, 1.0, 100.0}) {
    for (Size elements : {1, 2, 3, 5, 8, 17, 100, 1000}) check_noise(1 + elements % 4, elements, stddev);
  }
  check_noise(3, 100003, 0.5);  // over the size from which threads share the work
  note("largest error %.2f of its bound", worst);
}

// Without an x the float is the noise itself, rounded once: so much do its own logarithm and cosine agree with the C
// library's, over the tails and all quarters of the circle.
TEST(gaussian_noise_is_the_c_library_s_within_an_ulp) {
  const Size n = 1000000 / thinning();
  OpCase c("gaussian_noise", 1);
  c.set("elements", double(n)).set("stddev", 1).set("layer", 2).batch("x", std::vector<float>(std::size_t(n)));
  c.batch_result("y", n);
  c.request.seed = 7, c.request.epoch = 1, c.request.global_step = 12;
  describe_case("%td numbers", n);
  const std::vector<float> noise = c.step(*instruction_sets()[0], 2)["y"];
  double worst = 0;
  for (Size i = 0; i < n; i++) {
    const double exact = normal_number(c.request, 2, i);
    const double ulp = std::ldexp(1.0, std::ilogb(std::fmax(std::fabs(exact), 1e-9)) - 23);
    worst = std::fmax(worst, std::fabs(double(noise[std::size_t(i)]) - exact) / ulp);
  }
  EXPECT(worst <= 0.51);
  note("largest error %.4f ulp", worst);
}

// Moments of many numbers within five of their deviations, and nothing that neighbours, layers, steps, epochs or seeds
// have in common.
TEST(gaussian_noise_is_normal_and_independent) {
  constexpr Size kNumbers = 400000;
  const auto draw = [&](std::uint32_t seed, std::uint32_t epoch, std::uint32_t step, double layer) {
    OpCase c("gaussian_noise", 1);
    c.set("elements", double(kNumbers)).set("stddev", 1).set("layer", layer);
    c.batch("x", std::vector<float>(std::size_t(kNumbers))).batch_result("y", kNumbers);
    c.request.seed = seed, c.request.epoch = epoch, c.request.global_step = step;
    return c.step(*instruction_sets()[0], 2)["y"];
  };
  const auto mean = [](const std::vector<float>& a, const std::vector<float>& b, Size shift) {
    double sum = 0;
    for (std::size_t i = 0; i + std::size_t(shift) < a.size(); i++) {
      sum += double(a[i]) * double(b[i + std::size_t(shift)]);
    }
    return sum / double(Size(a.size()) - shift);
  };
  const std::vector<float> noise = draw(1, 2, 3, 4), ones(noise.size(), 1.0f);
  std::vector<float> squares, cubes, within;
  for (float x : noise) squares.push_back(x * x), cubes.push_back(x * x * x), within.push_back(std::fabs(x) < 1);
  const double deviation = 1 / std::sqrt(double(kNumbers));
  describe_case("moments of %td numbers", kNumbers);
  EXPECT(std::fabs(mean(noise, ones, 0)) < 5 * deviation);
  EXPECT(std::fabs(mean(squares, ones, 0) - 1) < 5 * std::sqrt(2.0) * deviation);
  EXPECT(std::fabs(mean(cubes, ones, 0)) < 5 * std::sqrt(15.0) * deviation);
  EXPECT(std::fabs(mean(squares, squares, 0) - 3) < 5 * std::sqrt(96.0) * deviation);
  EXPECT(std::fabs(mean(within, ones, 0) - std::erf(std::sqrt(0.5))) < 5 * 0.466 * deviation);
  for (Size shift : {1, 2, 3, 4}) {
    describe_case("numbers %td apart", shift);
    EXPECT(std::fabs(mean(noise, noise, shift)) < 5 * deviation);
    EXPECT(std::fabs(mean(squares, squares, shift) - 1) < 5 * std::sqrt(8.0) * deviation);
  }
  const std::vector<std::vector<float>> others{draw(2, 2, 3, 4), draw(1, 3, 3, 4), draw(1, 2, 4, 4), draw(1, 2, 3, 5)};
  for (const auto& other : others) {
    describe_case("another seed, epoch, step or layer");
    EXPECT(std::fabs(mean(noise, other, 0)) < 5 * deviation);
  }
}

}  // namespace hebb::test
