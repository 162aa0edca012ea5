// Augmentation: images moved, turned and covered, brightness and contrast, mixtures of rows.
#include <algorithm>
#include <cmath>

#include "../random.h"
#include "op.h"
#include "portable_math.h"

namespace hebb {
namespace {

constexpr std::uint32_t kAugmentPurpose = 7;  // src/native.ts names it, too

/// What a row's numbers are drawn for: streams of their own, so that one does not depend on whether another is drawn.
enum Stream : std::uint32_t { kShift, kRotation, kZoom, kFlips, kCrop, kCutout, kJitter, kPartner, kNoise, kShare };
/// Blocks of the share, two attempts each.
constexpr std::uint32_t kShareBlocks = 64;

/// Four numbers of a row, each in (0, 1).
struct Draw {
  double numbers[4];
  Draw(const Step& step, Size row, std::uint32_t stream) {
    std::uint32_t bits[4];
    philox({step.seed, kAugmentPurpose}, {std::uint32_t(row), step.step, step.epoch, stream}, bits);
    for (int i = 0; i < 4; i++) numbers[i] = (double(bits[i]) + 0.5) / 4294967296.0;
  }
  /// Number i, moved to (least, most).
  double within(int i, double least, double most) const { return least + (most - least) * numbers[i]; }
  /// Number i as a whole number from 0 to n - 1.
  Size whole(int i, Size n) const { return std::min(n - 1, Size(numbers[i] * double(n))); }
};

/// Calls f(row) for each row of the batch, on one thread where there is little to do.
template <class F>
void each_row(Step& step, Size floats, F f) {
  parallel_for(int(step.rows), step.rows * floats < kElementwiseTask ? 1 : step.threads,
               [&](int row, int) { f(Size(row)); });
}

/// From a pixel of the result, (row, column), to where it is read: at + across * column + down * row.
struct Plane {
  double at, across, down;
};

/// What of a line of the image is read, and with which share, where a coordinate lies between two places.
struct Between {
  Size low;
  float share;  // of the next
};

Between between(double at) {
  const Size low = Size(at + 1) - 1;  // the floor of what is above -1
  return {low, float(at - double(low))};
}

void warp(const warp2d_args& a, const Plane& vertical, const Plane& horizontal, const float* x, float* y) {
  const Size channels = a.channels, line = a.width * channels;
  const double height = double(a.height), width = double(a.width);
  const float fill = float(a.fill);
  for (Size row = 0; row < a.height; row++) {
    const double first_v = vertical.at + vertical.down * double(row);
    const double first_h = horizontal.at + horizontal.down * double(row);
    for (Size column = 0; column < a.width; column++, y += channels) {
      const double v = first_v + vertical.across * double(column), h = first_h + horizontal.across * double(column);
      if (!(v > -1 && v < height && h > -1 && h < width)) {
        for (Size c = 0; c < channels; c++) y[c] = fill;
        continue;
      }
      const Between i = between(v), j = between(h);
      const bool above = i.low >= 0, below = i.low + 1 < a.height, left = j.low >= 0, right = j.low + 1 < a.width;
      const Size at = i.low * line + j.low * channels;  // may lie outside: only what is inside is read
      for (Size c = at; c < at + channels; c++) {
        const float p00 = above && left ? x[c] : fill, p01 = above && right ? x[c + channels] : fill;
        const float p10 = below && left ? x[c + line] : fill, p11 = below && right ? x[c + line + channels] : fill;
        const float upper = p00 + j.share * (p01 - p00), lower = p10 + j.share * (p11 - p10);
        y[c - at] = upper + i.share * (lower - upper);
      }
    }
  }
}

/// The share of a row in its mixture. Jöhnk: "Erzeugung von betaverteilten und gammaverteilten Zufallszahlen", Metrika
/// 8, 1964: of U^(1 / alpha) and V^(1 / alpha), where their sum is at most 1, the first is the share of the sum.
double beta_share(const Step& step, Size row, double alpha) {
  for (std::uint32_t block = 0; block < kShareBlocks; block++) {
    const Draw draw(step, row, kShare + block);
    for (int i = 0; i < 4; i += 2) {
      const double a = natural_log(draw.numbers[i]) / alpha, b = natural_log(draw.numbers[i + 1]) / alpha;
      if (exponential(a) + exponential(b) > 1) continue;
      const double most = std::max(a, b);  // both may be too small for a number
      return exponential(a - most) / (exponential(a - most) + exponential(b - most));
    }
  }
  return 0.5;  // one row in 10^10, with the largest alpha
}

}  // namespace

void run(const warp2d_args& a, Step& step) {
  const Size image = a.height * a.width * a.channels;
  const double middle_v = double(a.height - 1) / 2, middle_h = double(a.width - 1) / 2;
  each_row(step, image, [&](Size row) {
    const Draw flips(step, row, kFlips), zooms(step, row, kZoom), rotations(step, row, kRotation),
        shifts(step, row, kShift), crops(step, row, kCrop);
    const double zoom = zooms.within(0, a.zoom_least, a.zoom_most);
    const double scale_v = (flips.numbers[0] < a.flip_vertical ? -1 : 1) / zoom;
    const double scale_h = (flips.numbers[1] < a.flip_horizontal ? -1 : 1) / zoom;
    double turns = rotations.within(0, a.turns_least, a.turns_most);
    turns -= std::floor(turns);
    if (!(turns < 1)) turns = 0;  // what is just below 0
    const double cosine = cosine_of_turns(turns), sine = sine_of_turns(turns);
    const double shift_v = shifts.within(0, -a.shift_height, a.shift_height) +
                           double(crops.whole(0, 2 * a.crop_height + 1) - a.crop_height);
    const double shift_h =
        shifts.within(1, -a.shift_width, a.shift_width) + double(crops.whole(1, 2 * a.crop_width + 1) - a.crop_width);
    // Backwards: the shift, the rotation and the scale are undone, around the middle. Rows count downwards.
    const double v = -middle_v - shift_v, h = -middle_h - shift_h;
    const Plane vertical{scale_v * (sine * h + cosine * v) + middle_v, scale_v * sine, scale_v * cosine};
    const Plane horizontal{scale_h * (cosine * h - sine * v) + middle_h, scale_h * cosine, -scale_h * sine};
    warp(a, vertical, horizontal, a.x + row * image, a.y + row * image);
  });
}

// DeVries, Taylor: "Improved regularization of convolutional neural networks with cutout", arXiv 1708.04552, section 3.
void run(const cutout2d_args& a, Step& step) {
  const Size line = a.width * a.channels, image = a.height * line;
  each_row(step, image, [&](Size row) {
    const Draw draw(step, row, kCutout);
    const float* x = a.x + row * image;
    float* y = a.y + row * image;
    if (y != x) std::copy_n(x, image, y);
    if (!(draw.numbers[0] < a.probability)) return;
    const Size top = draw.whole(1, a.height) - a.box_height / 2, left = draw.whole(2, a.width) - a.box_width / 2;
    const Size first = std::max<Size>(0, left), end = std::min(a.width, left + a.box_width);
    for (Size i = std::max<Size>(0, top); i < std::min(a.height, top + a.box_height); i++) {
      for (Size e = first * a.channels; e < end * a.channels; e++) y[i * line + e] = float(a.fill);
    }
  });
}

void run(const jitter_args& a, Step& step) {
  const Size floats = a.positions * a.channels;
  each_row(step, floats, [&](Size row) {
    const Draw draw(step, row, kJitter);
    const double factor = draw.within(0, 1 - a.contrast, 1 + a.contrast);
    const double brighter = draw.within(1, -a.brightness, a.brightness);
    const float* x = a.x + row * floats;
    float* y = a.y + row * floats;
    for (Size c = 0; c < a.channels; c++) {
      double sum = 0;
      if (a.contrast > 0) {
        for (Size i = c; i < floats; i += a.channels) sum += double(x[i]);
      }
      const float scale = float(factor), offset = float(sum / double(a.positions) * (1 - factor) + brighter);
      for (Size i = c; i < floats; i += a.channels) y[i] = x[i] * scale + offset;
    }
  });
}

// By a table: a logarithm and a cosine for each element would take longer than the training of a small network.
void run(const noise_args& a, Step& step) {
  each_row(step, 8 * a.elements, [&](Size row) {  // 8: what an element costs beside that of other ops
    const float* x = a.x + row * a.elements;
    float* y = a.y + row * a.elements;
    const float deviation = float(a.deviation);
    std::uint32_t bits[4];
    for (Size e = 0; e < a.elements; e++) {
      // A block has eight numbers of 16 bits; those of a row follow each other.
      const Size number = row * a.elements + e;
      if (e == 0 || number % 8 == 0) {
        philox({step.seed, kAugmentPurpose}, {std::uint32_t(number / 8), step.step, step.epoch, kNoise}, bits);
      }
      const std::uint32_t word = bits[number % 8 / 2];
      y[e] = x[e] + deviation * a.quantiles[number % 2 ? word >> 16 : word & 0xffff];
    }
  });
}

// Zhang, Cisse, Dauphin, Lopez-Paz: "mixup: Beyond empirical risk minimization", ICLR 2018, section 2.
void run(const mixup_args& a, Step& step) {
  each_row(step, a.elements, [&](Size row) {
    const Size others = step.rows - 1;
    const Size partner = others == 0 ? row : (row + 1 + Draw(step, row, kPartner).whole(0, others)) % step.rows;
    const float share = float(beta_share(step, row, a.alpha));
    const float *own = a.x + row * a.elements, *other = a.x + partner * a.elements;
    float* y = a.y + row * a.elements;
    for (Size e = 0; e < a.elements; e++) y[e] = share * own[e] + (1 - share) * other[e];
  });
}

}  // namespace hebb
