// Augmentation: what is drawn is Philox's (random.h), turned here by the C library; pixels by a naive loop in double.
#include <cstring>

#include "naive.h"
#include "op_case.h"
#include "random.h"

namespace hebb::test {
namespace {

constexpr std::uint32_t kAugmentPurpose = 7;
enum Stream : std::uint32_t { kShift, kRotation, kZoom, kFlips, kCrop, kCutout, kJitter, kPartner, kNoise, kShare };

void draw_request(OpCase& c, Random& random) {
  c.training_only = true;
  c.request.seed = std::uint32_t(random.bits()), c.request.epoch = std::uint32_t(random.whole(0, 9));
  c.request.global_step = std::uint32_t(random.bits());
}

/// Number i of a row's stream, in (0, 1).
double drawn(const TrainRequest& request, Size row, std::uint32_t stream, int i) {
  std::uint32_t bits[4];
  philox({request.seed, kAugmentPurpose}, {std::uint32_t(row), request.global_step, request.epoch, stream}, bits);
  return (double(bits[i]) + 0.5) * 0x1p-32;
}

double within(double u, double least, double most) { return least + (most - least) * u; }

struct Image {
  Size height, width, channels;
  Size floats() const { return height * width * channels; }
};

const Image kImages[] = {{1, 1, 1}, {2, 3, 1}, {8, 8, 1}, {5, 9, 3}, {28, 28, 1}, {16, 7, 4}, {64, 64, 3}};

OpCase image_case(const char* op, const Image& image, Size rows, Random& random) {
  OpCase c(op, rows, rows % 3);
  c.set("height", double(image.height)).set("width", double(image.width)).set("channels", double(image.channels));
  c.batch("x", random_floats(random, rows * image.floats())).batch_result("y", image.floats());
  draw_request(c, random);
  return c;
}

struct Warp {
  double flip_vertical = 0, flip_horizontal = 0, zoom_least = 1, zoom_most = 1, turns_least = 0, turns_most = 0;
  double shift_height = 0, shift_width = 0, crop_height = 0, crop_width = 0, fill = 0;
};

void set_warp(OpCase& c, const Warp& w) {
  c.set("flip_vertical", w.flip_vertical).set("flip_horizontal", w.flip_horizontal);
  c.set("zoom_least", w.zoom_least).set("zoom_most", w.zoom_most);
  c.set("turns_least", w.turns_least).set("turns_most", w.turns_most);
  c.set("shift_height", w.shift_height).set("shift_width", w.shift_width);
  c.set("crop_height", w.crop_height).set("crop_width", w.crop_width).set("fill", w.fill);
}

/// Where a pixel of the result comes from: out of the result's plane through each map, undone one after the other.
void source_of(const OpCase& c, const Warp& w, const Image& image, Size row, double* v, double* h) {
  const auto u = [&](std::uint32_t stream, int i) { return drawn(c.request, row, stream, i); };
  const auto whole = [](double u, double most) { return std::floor(u * (2 * most + 1)) - most; };
  const double middle_v = double(image.height - 1) / 2, middle_h = double(image.width - 1) / 2;
  *v -= middle_v + within(u(kShift, 0), -w.shift_height, w.shift_height) + whole(u(kCrop, 0), w.crop_height);
  *h -= middle_h + within(u(kShift, 1), -w.shift_width, w.shift_width) + whole(u(kCrop, 1), w.crop_width);
  // An angle anticlockwise to the eye: rows count downwards.
  const double angle = 2 * std::acos(-1.0) * within(u(kRotation, 0), w.turns_least, w.turns_most);
  const double up = -*v, right = *h;
  const double turned_right = std::cos(angle) * right + std::sin(angle) * up;
  const double turned_up = std::cos(angle) * up - std::sin(angle) * right;
  const double zoom = within(u(kZoom, 0), w.zoom_least, w.zoom_most);
  *v = -turned_up / zoom * (u(kFlips, 0) < w.flip_vertical ? -1 : 1) + middle_v;
  *h = turned_right / zoom * (u(kFlips, 1) < w.flip_horizontal ? -1 : 1) + middle_h;
}

/// The image read at a place between pixels, `fill` around it.
double read_at(const OpCase& c, const Image& image, double fill, Size row, Size channel, double v, double h) {
  const Size low_v = Size(std::floor(v)), low_h = Size(std::floor(h));
  double sum = 0;
  for (Size i : {low_v, low_v + 1}) {
    for (Size j : {low_h, low_h + 1}) {
      const bool inside = i >= 0 && i < image.height && j >= 0 && j < image.width;
      const Size at = row * image.floats() + (i * image.width + j) * image.channels + channel;
      const double share = (1 - std::fabs(v - double(i))) * (1 - std::fabs(h - double(j)));
      sum += share * (inside ? double(c.input("x")[std::size_t(at)]) : fill);
    }
  }
  return sum;
}

}  // namespace

TEST(gather_affine_and_affine_each) {
  Random random(331);
  constexpr Size kSourceRows = 7;
  for (bool bytewise : {true, false}) {
    for (Size elements : {1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 100, 784}) {
      for (Size rows : {1, 3, 16}) {
        if (!take_case()) continue;
        describe_case("gather_affine (%td, %td) of %s", rows, elements, bytewise ? "uint8" : "float32");
        const auto numbers = random_floats(random, kSourceRows * elements);
        const auto scale = random_floats(random, elements), offset = random_floats(random, elements);
        std::vector<unsigned char> bytes(numbers.size() * 4);
        if (bytewise) {
          for (auto& byte : bytes) byte = std::uint8_t(random.bits());
        } else {
          std::memcpy(bytes.data(), numbers.data(), bytes.size());
        }
        OpCase c("gather_affine", rows, rows % 3);
        c.set("slot", 0).set("elements", double(elements)).whole("scale", scale).whole("offset", offset);
        c.batch_result("y", elements);
        for (Size r = 0; r < rows; r++) c.request.order.push_back(std::uint32_t(random.whole(0, kSourceRows - 1)));
        c.request.sources[0] = {bytes.data(), bytewise ? Source::Type::uint8 : Source::Type::float32, kSourceRows,
                                elements};
        c.training_only = true;
        std::vector<float> gathered;
        Expected expected;
        for (std::uint32_t row : c.request.order) {
          for (Size i = 0; i < elements; i++) {
            const std::size_t from = std::size_t(Size(row) * elements + i), at = std::size_t(i);
            gathered.push_back(bytewise ? float(bytes[from]) : numbers[from]);
            const double product = double(gathered.back()) * double(scale[at]), b = double(offset[at]);
            expected.add(product + b, 3 * kRoundoff * (std::fabs(product) + std::fabs(b)));
          }
        }
        std::map<std::string, std::vector<float>> bits;
        c.run([&](const Results& r, const Kernels& kernels) {
          check_close("y", r["y"].data(), expected);
          bits[kernels.name] = r["y"];
        });
        // Predictions have the same bits from rows that are there already, in place or not.
        OpCase each("affine_each", rows, rows % 3);
        each.set("elements", double(elements)).batch("x", gathered).whole("scale", scale).whole("offset", offset);
        each.batch_result("y", elements);
        if (elements % 2) each.over("y", "x");
        each.rows_independent = true;
        each.run([&](const Results& r, const Kernels& kernels) { EXPECT(r["y"] == bits[kernels.name]); });
      }
    }
  }
}

TEST(warp2d) {
  Random random(332);
  double worst = 0;
  const Warp warps[] = {
      {.shift_height = 3.7, .shift_width = 1.2},
      {.turns_least = -0.1, .turns_most = 0.1, .fill = 0.25},
      {.zoom_least = 0.5, .zoom_most = 2},
      {.flip_vertical = 0.5, .flip_horizontal = 0.5},
      {.flip_vertical = 0.3,
       .flip_horizontal = 0.7,
       .zoom_least = 0.7,
       .zoom_most = 1.3,
       .turns_least = -1,
       .turns_most = 1,
       .shift_height = 2,
       .shift_width = 20,
       .crop_height = 3,
       .crop_width = 1,
       .fill = -0.5},
  };
  for (const Image& image : kImages) {
    for (const Warp& w : warps) {
      const Size rows = image.floats() > 10000 ? 3 : 1 + random.whole(0, 15);
      if (!take_case()) continue;
      describe_case("warp2d (%td, %td, %td, %td)", rows, image.height, image.width, image.channels);
      OpCase c = image_case("warp2d", image, rows, random);
      set_warp(c, w);
      Expected expected;
      for (Size row = 0; row < rows; row++) {
        for (Size i = 0; i < image.height; i++) {
          for (Size j = 0; j < image.width; j++) {
            double v = double(i), h = double(j);
            source_of(c, w, image, row, &v, &h);
            for (Size channel = 0; channel < image.channels; channel++) {
              // Shares are floats; coordinates differ by a few 1e-15 of the image's size.
              expected.add(read_at(c, image, w.fill, row, channel, v, h), 12 * kRoundoff + 1e-12);
            }
          }
        }
      }
      c.run([&](const Results& r, const Kernels&) {
        worst = std::fmax(worst, check_close("y", r["y"].data(), expected));
      });
    }
  }
  note("largest error %.2f of its bound", worst);
}

// Whole pixels, flips and quarters of a turn only move pixels: to the bit.
TEST(warp2d_moves_whole_pixels_exactly) {
  Random random(333);
  const auto check = [&](const char* what, const Image& image, const Warp& w, auto from) {
    const Size rows = 40;
    describe_case("%s (%td, %td, %td)", what, image.height, image.width, image.channels);
    OpCase c = image_case("warp2d", image, rows, random);
    set_warp(c, w);
    std::vector<float> expected;
    for (Size row = 0; row < rows; row++) {
      for (Size i = 0; i < image.height; i++) {
        for (Size j = 0; j < image.width; j++) {
          Size v = i, h = j;
          from(c, row, &v, &h);
          const bool inside = v >= 0 && v < image.height && h >= 0 && h < image.width;
          for (Size channel = 0; channel < image.channels; channel++) {
            const Size at = row * image.floats() + (v * image.width + h) * image.channels + channel;
            expected.push_back(inside ? c.input("x")[std::size_t(at)] : float(w.fill));
          }
        }
      }
    }
    c.run([&](const Results& r, const Kernels&) { EXPECT(r["y"] == expected); });
  };
  for (const Image& image : {Image{8, 8, 1}, Image{9, 9, 2}, Image{28, 28, 1}}) {
    check("crop", image, {.crop_height = 4, .crop_width = 2, .fill = 0.5}, [](OpCase& c, Size row, Size* v, Size* h) {
      *v -= Size(std::floor(drawn(c.request, row, kCrop, 0) * 9)) - 4;
      *h -= Size(std::floor(drawn(c.request, row, kCrop, 1) * 5)) - 2;
    });
    check("flips", image, {.flip_vertical = 0.5, .flip_horizontal = 0.25}, [&](OpCase& c, Size row, Size* v, Size* h) {
      if (drawn(c.request, row, kFlips, 0) < 0.5) *v = image.height - 1 - *v;
      if (drawn(c.request, row, kFlips, 1) < 0.25) *h = image.width - 1 - *h;
    });
    check("a quarter", image, {.turns_least = 0.25, .turns_most = 0.25}, [&](OpCase&, Size, Size* v, Size* h) {
      // Anticlockwise: what is on the right comes to the top.
      const Size row = *v;
      *v = *h, *h = image.width - 1 - row;
    });
    check("a half", image, {.turns_least = -0.5, .turns_most = -0.5},
          [&](OpCase&, Size, Size* v, Size* h) { *v = image.height - 1 - *v, *h = image.width - 1 - *h; });
    check("nothing", image, {}, [](OpCase&, Size, Size*, Size*) {});
  }
}

TEST(cutout2d) {
  Random random(334);
  for (const Image& image : kImages) {
    for (Size box_height : {1, 4, 30}) {
      for (double probability : {0.0, 0.6, 1.0}) {
        const Size rows = image.floats() > 10000 ? 3 : 20, box_width = 1 + random.whole(0, 8);
        if (!take_case()) continue;
        describe_case("cutout2d (%td, %td, %td), %td x %td", image.height, image.width, image.channels, box_height,
                      box_width);
        OpCase c = image_case("cutout2d", image, rows, random);
        c.set("box_height", double(box_height)).set("box_width", double(box_width));
        c.set("probability", probability).set("fill", 0.75);
        if (box_width % 2) c.over("y", "x");
        std::vector<float> expected = c.input("x");
        for (Size row = 0; row < rows; row++) {
          if (drawn(c.request, row, kCutout, 0) >= probability) continue;
          const Size v = Size(drawn(c.request, row, kCutout, 1) * double(image.height)),
                     h = Size(drawn(c.request, row, kCutout, 2) * double(image.width));
          for (Size i = 0; i < image.height; i++) {
            for (Size j = 0; j < image.width; j++) {
              const Size from_top = i - (v - box_height / 2), from_left = j - (h - box_width / 2);
              if (from_top < 0 || from_top >= box_height || from_left < 0 || from_left >= box_width) continue;
              const Size at = row * image.floats() + (i * image.width + j) * image.channels;
              for (Size k = at; k < at + image.channels; k++) expected[std::size_t(k)] = 0.75f;
            }
          }
        }
        c.run([&](const Results& r, const Kernels&) { EXPECT(r["y"] == expected); });
      }
    }
  }
}

TEST(jitter) {
  Random random(335);
  for (double contrast : {0.0, 0.3, 1.0}) {
    for (double brightness : {0.0, 0.4, 30.0}) {
      for (Size channels : {1, 3, 17}) {
        for (Size positions : {1, 2, 784, 5000}) {
          const Size rows = positions * channels > 10000 ? 3 : 9;
          if (!take_case()) continue;
          describe_case("jitter (%td, %td, %td), %g and %g", rows, positions, channels, contrast, brightness);
          OpCase c("jitter", rows, rows % 3);
          c.set("positions", double(positions)).set("channels", double(channels));
          c.set("contrast", contrast).set("brightness", brightness);
          c.batch("x", random_floats(random, rows * positions * channels)).batch_result("y", positions * channels);
          if (positions % 2 == 0) c.over("y", "x");
          draw_request(c, random);
          Expected expected;
          for (Size row = 0; row < rows; row++) {
            const double factor = within(drawn(c.request, row, kJitter, 0), 1 - contrast, 1 + contrast);
            const double more = within(drawn(c.request, row, kJitter, 1), -brightness, brightness);
            for (Size i = 0; i < positions * channels; i++) {
              const auto x = [&](Size p) {
                return double(c.input("x")[std::size_t((row * positions + p) * channels + i % channels)]);
              };
              double mean = 0;
              for (Size p = 0; p < positions; p++) mean += x(p) / double(positions);
              const double y = (x(i / channels) - mean) * factor + mean + more;
              expected.add(
                  y, 4 * kRoundoff * (2 * std::fabs(x(i / channels)) + std::fabs(mean) + std::fabs(more)) + 1e-13);
            }
          }
          c.run([&](const Results& r, const Kernels&) { check_close("y", r["y"].data(), expected); });
        }
      }
    }
  }
}

namespace {

/// As the op says, by the C library.
double share_of(const TrainRequest& request, Size row, double alpha) {
  for (std::uint32_t block = 0; block < 64; block++) {
    for (int i = 0; i < 4; i += 2) {
      const double a = std::log(drawn(request, row, kShare + block, i)) / alpha;
      const double b = std::log(drawn(request, row, kShare + block, i + 1)) / alpha;
      if (std::exp(a) + std::exp(b) <= 1) return 1 / (1 + std::exp(b - a));
    }
  }
  return 0.5;
}

}  // namespace

TEST(mixup) {
  Random random(336);
  for (double alpha : {0.01, 0.2, 1.0, 2.0}) {
    for (Size rows : {1, 2, 3, 17, 64}) {
      for (Size elements : {1, 10, 784}) {
        if (!take_case()) continue;
        describe_case("mixup (%td, %td), alpha %g", rows, elements, alpha);
        OpCase c("mixup", rows, rows % 3);
        c.set("elements", double(elements)).set("alpha", alpha);
        c.batch("x", random_floats(random, rows * elements)).batch_result("y", elements);
        draw_request(c, random);
        Expected expected;
        for (Size row = 0; row < rows; row++) {
          const Size step = rows < 2 ? 0 : 1 + Size(drawn(c.request, row, kPartner, 0) * double(rows - 1));
          const double share = share_of(c.request, row, alpha);
          for (Size i = 0; i < elements; i++) {
            const auto x = [&](Size r) { return double(c.input("x")[std::size_t(r % rows * elements + i)]); };
            const double own = x(row), other = x(row + step);
            expected.add(share * own + (1 - share) * other,
                         6 * kRoundoff * (std::fabs(own) + std::fabs(other)) + 1e-12);
          }
        }
        c.run([&](const Results& r, const Kernels&) { check_close("y", r["y"].data(), expected); });
      }
    }
  }
}

TEST(noise) {
  Random random(337);
  const std::vector<float> quantiles = random_floats(random, 65536);
  for (double deviation : {0.0, 0.1, 30.0}) {
    for (Size elements : {1, 3, 7, 8, 64, 784, 12289}) {
      const Size rows = elements > 1000 ? 5 : 1 + random.whole(0, 9);
      if (!take_case()) continue;
      describe_case("noise (%td, %td), deviation %g", rows, elements, deviation);
      OpCase c("noise", rows, rows % 3);
      c.set("elements", double(elements)).set("deviation", deviation).whole("quantiles", quantiles);
      c.batch("x", random_floats(random, rows * elements)).batch_result("y", elements);
      if (elements % 2) c.over("y", "x");
      draw_request(c, random);
      Expected expected;
      for (Size i = 0; i < rows * elements; i++) {
        std::uint32_t bits[4];
        philox({c.request.seed, kAugmentPurpose},
               {std::uint32_t(i / 8), c.request.global_step, c.request.epoch, kNoise}, bits);
        const std::uint32_t half = bits[i / 2 % 4] >> (i % 2 * 16) & 0xffff;
        const double more = deviation * double(quantiles[half]), x = double(c.input("x")[std::size_t(i)]);
        expected.add(x + more, kRoundoff * (3 * std::fabs(more) + std::fabs(x + more)));
      }
      c.run([&](const Results& r, const Kernels&) { check_close("y", r["y"].data(), expected); });
    }
  }
}

// Moments within five of their deviations: a Beta(alpha, alpha) has the mean 1/2 and the variance 1 / (4 (2 alpha +
// 1)).
TEST(mixup_s_shares_are_beta) {
  const Size rows = 40000;
  for (double alpha : {0.1, 0.5, 1.0, 2.0}) {
    describe_case("alpha %g", alpha);
    OpCase c("mixup", rows);
    c.set("elements", 2).set("alpha", alpha).batch_result("y", 2);
    // Zeros and ones in turn: a mixture of both tells its share.
    std::vector<float> x(std::size_t(2 * rows), 0.0f);
    for (Size r = 0; r < rows; r++) x[std::size_t(2 * r)] = r % 2 ? 1.0f : 0.0f;
    c.batch("x", x);
    c.request.seed = 5, c.request.epoch = 1, c.request.global_step = 9;
    const std::vector<float> y = c.step(*instruction_sets()[0], 2)["y"];
    double sum = 0, squares = 0, ends = 0;
    Size mixed = 0;
    for (Size r = 0; r < rows; r++) {
      const double share = share_of(c.request, r, alpha);
      const Size partner = (r + 1 + Size(drawn(c.request, r, kPartner, 0) * double(rows - 1))) % rows;
      EXPECT(partner != r);
      if (partner % 2 == r % 2) continue;
      const double told = r % 2 ? double(y[std::size_t(2 * r)]) : 1 - double(y[std::size_t(2 * r)]);
      EXPECT(std::fabs(told - share) < 1e-6);
      sum += told, squares += (told - 0.5) * (told - 0.5), ends += told < 0.5, mixed++;
    }
    const double n = double(mixed), variance = 0.25 / (2 * alpha + 1);
    EXPECT(n > 0.48 * double(rows) && n < 0.52 * double(rows));
    EXPECT(std::fabs(sum / n - 0.5) < 5 * std::sqrt(variance / n));
    EXPECT(std::fabs(squares / n - variance) < 5 * 0.125 / std::sqrt(n));
    EXPECT(std::fabs(ends / n - 0.5) < 5 * 0.5 / std::sqrt(n));
  }
}

// Rows, steps, epochs and seeds have nothing in common, and each row is turned by another angle.
TEST(augmentation_is_drawn_for_each_row_step_epoch_and_seed) {
  const Size rows = 5000;
  const auto draw = [&](std::uint32_t seed, std::uint32_t epoch, std::uint32_t step) {
    OpCase c("jitter", rows);
    c.set("positions", 1).set("channels", 1).set("contrast", 0).set("brightness", 1);
    c.batch("x", std::vector<float>(std::size_t(rows), 0.0f)).batch_result("y", 1);
    c.request.seed = seed, c.request.epoch = epoch, c.request.global_step = step;
    return c.step(*instruction_sets()[0], 2)["y"];
  };
  const auto correlation = [](const std::vector<float>& a, const std::vector<float>& b, std::size_t shift) {
    double sum = 0;
    for (std::size_t i = 0; i + shift < a.size(); i++) sum += 3 * double(a[i]) * double(b[i + shift]);
    return sum / double(a.size());
  };
  const std::vector<float> numbers = draw(1, 2, 3);
  const double deviation = 1 / std::sqrt(double(rows));
  describe_case("uniform from -1 to 1");
  double sum = 0;
  for (float x : numbers) sum += double(x), EXPECT(x > -1 && x < 1);
  EXPECT(std::fabs(sum / double(rows)) < 5 * deviation * 0.58);
  EXPECT(std::fabs(correlation(numbers, numbers, 0) - 1) < 5 * deviation);
  for (std::size_t shift : {1, 2, 4}) EXPECT(std::fabs(correlation(numbers, numbers, shift)) < 5 * deviation);
  for (const auto& other : {draw(2, 2, 3), draw(1, 3, 3), draw(1, 2, 4)}) {
    EXPECT(std::fabs(correlation(numbers, other, 0)) < 5 * deviation);
  }
}

}  // namespace hebb::test
