// What moves and joins tensors: sums, products, parts, frames, repeated pixels, rows of a table. What only moves must
// keep its bits.
#include <limits>

#include "naive.h"
#include "op_case.h"

namespace hebb::test {
namespace {

constexpr Size kSeveralTasks = 100003;  // with 3 rows: over the size from which threads share the work

template <class F>
void each_size(F f) {
  for (Size rows : {1, 2, 3, 7}) {
    for (Size elements : {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 65, 1000}) {
      if (take_case()) f(rows, elements);
    }
  }
  if (take_case()) f(3, kSeveralTasks);
}

/// Element by element of a and b, with the bits of one float operation.
void check_pairs(const char* op, std::uint64_t seed, float (*f)(float, float)) {
  Random random(seed);
  each_size([&](Size rows, Size elements) {
    describe_case("%s (%td, %td)", op, rows, elements);
    OpCase c(op, rows, rows % 3);
    c.set("elements", double(elements)).batch("a", random_floats(random, rows * elements));
    c.batch("b", random_floats(random, rows * elements)).batch_result("y", elements);
    if (elements % 3) c.over("y", elements % 3 == 1 ? "a" : "b");
    c.rows_independent = true;
    std::vector<float> expected;
    for (std::size_t i = 0; i < c.input("a").size(); i++) expected.push_back(f(c.input("a")[i], c.input("b")[i]));
    c.run([&](const Results& r, const Kernels&) {
      check_same_bits("y", r["y"].data(), expected.data(), Size(expected.size()));
    });
  });
}

/// A result that holds elements of x as they are: from(i) is where element i comes from, negative for a zero.
template <class F>
void check_moved(OpCase& c, Size row_floats, Size rows, F from) {
  c.batch_result("y", row_floats);
  c.rows_independent = true;
  std::vector<float> expected;
  for (Size i = 0; i < rows * row_floats; i++) {
    const Size at = from(i);
    expected.push_back(at < 0 ? 0 : c.input("x")[std::size_t(at)]);
  }
  c.run([&](const Results& r, const Kernels&) {
    check_same_bits("y", r["y"].data(), expected.data(), Size(expected.size()));
  });
}

struct Image {
  Size rows, height, width, channels;
};

Image random_image(Random& random, int number) {
  if (number == 0) return {5, 40, 41, 9};  // over several tasks
  return {random.whole(1, 4), random.whole(1, 9), random.whole(1, 9), random.one_of<Size>({1, 2, 3, 7, 8, 9, 17, 33})};
}

OpCase image_case(const char* op, const Image& s, int number) {
  OpCase c(op, s.rows, number % 3);
  return c.set("height", double(s.height)).set("width", double(s.width)).set("channels", double(s.channels));
}

}  // namespace

TEST(add) {
  check_pairs("add", 151, [](float a, float b) { return a + b; });
}

TEST(multiply) {
  check_pairs("multiply", 152, [](float a, float b) { return a * b; });
}

TEST(add_bias) {
  Random random(153);
  each_size([&](Size rows, Size channels) {
    const Size positions = channels > 1000 ? 1 : 1 + channels % 4;
    describe_case("add_bias (%td, %td, %td)", rows, positions, channels);
    OpCase c("add_bias", rows, rows % 3);
    c.set("positions", double(positions)).set("channels", double(channels));
    c.batch("x", random_floats(random, rows * positions * channels)).whole("b", random_floats(random, channels));
    c.batch_result("y", positions * channels);
    if (channels % 2) c.over("y", "x");
    c.rows_independent = true;
    std::vector<float> expected = c.input("x");
    for (std::size_t i = 0; i < expected.size(); i++) expected[i] += c.input("b")[i % std::size_t(channels)];
    c.run([&](const Results& r, const Kernels&) {
      check_same_bits("y", r["y"].data(), expected.data(), Size(expected.size()));
    });
  });
}

TEST(concatenate) {
  Random random(154);
  for (int number = 0; number < 120; number++) {
    const Size rows = number ? random.whole(1, 5) : 5, positions = number ? random.whole(1, 30) : 1000;
    const Size left = random.whole(1, 40), right = random.whole(1, 40), width = left + right;
    if (!take_case()) continue;
    describe_case("concatenate (%td, %td, %td + %td)", rows, positions, left, right);
    OpCase c("concatenate", rows, number % 3);
    c.set("positions", double(positions)).set("a_channels", double(left)).set("b_channels", double(right));
    c.batch("a", random_floats(random, rows * positions * left));
    c.batch("b", random_floats(random, rows * positions * right)).batch_result("y", positions * width);
    c.rows_independent = true;
    std::vector<float> expected;
    for (Size i = 0; i < rows * positions * width; i++) {
      const Size p = i / width, channel = i % width;
      expected.push_back(channel < left ? c.input("a")[std::size_t(p * left + channel)]
                                        : c.input("b")[std::size_t(p * right + channel - left)]);
    }
    c.run([&](const Results& r, const Kernels&) {
      check_same_bits("y", r["y"].data(), expected.data(), Size(expected.size()));
    });
  }
}

TEST(slice) {
  Random random(155);
  for (int number = 0; number < 120; number++) {
    const Size rows = number ? random.whole(1, 5) : 5, positions = number ? random.whole(1, 30) : 1000;
    const Size width = random.whole(1, 60), channels = random.whole(1, width);
    const Size offset = number % 4 == 0 ? width - channels : random.whole(0, width - channels);
    if (!take_case()) continue;
    describe_case("slice (%td, %td, %td), %td from %td", rows, positions, width, channels, offset);
    OpCase c("slice", rows, number % 3);
    c.set("positions", double(positions)).set("width", double(width)).set("offset", double(offset));
    c.set("channels", double(channels)).batch("x", random_floats(random, rows * positions * width));
    check_moved(c, positions * channels, rows, [&](Size i) { return i / channels * width + offset + i % channels; });
  }
}

TEST(upsample2d) {
  Random random(156);
  for (int number = 0; number < 120; number++) {
    const Image s = random_image(random, number);
    const Size down = random.whole(1, 4), right = random.whole(1, 4);
    if (!take_case()) continue;
    describe_case("upsample2d %td x (%td, %td, %td) by %td, %td", s.rows, s.height, s.width, s.channels, down, right);
    OpCase c = image_case("upsample2d", s, number);
    c.set("factor_height", double(down)).set("factor_width", double(right));
    c.batch("x", random_floats(random, s.rows * s.height * s.width * s.channels));
    const Size width = s.width * right, height = s.height * down;
    check_moved(c, height * width * s.channels, s.rows, [&](Size i) {
      const Size channel = i % s.channels, x = i / s.channels % width, y = i / s.channels / width % height;
      const Size row = i / s.channels / width / height;
      return ((row * s.height + y / down) * s.width + x / right) * s.channels + channel;
    });
  }
}

TEST(upsample2d_backward) {
  Random random(157);
  for (int number = 0; number < 120; number++) {
    const Image s = random_image(random, number);
    const Size down = random.whole(1, 4), right = random.whole(1, 4);
    if (!take_case()) continue;
    describe_case("upsample2d_backward %td x (%td, %td, %td) by %td, %td", s.rows, s.height, s.width, s.channels, down,
                  right);
    OpCase c = image_case("upsample2d_backward", s, number);
    c.set("factor_height", double(down)).set("factor_width", double(right));
    const Size in = s.height * s.width * s.channels, width = s.width * right, height = s.height * down;
    c.batch("dy", random_floats(random, s.rows * in * down * right)).batch_result("dx", in);
    c.rows_independent = true;
    Sums sums(s.rows * in);
    for (Size i = 0; i < s.rows * in * down * right; i++) {
      const Size channel = i % s.channels, x = i / s.channels % width, y = i / s.channels / width % height;
      const Size row = i / s.channels / width / height;
      sums.add(((row * s.height + y / down) * s.width + x / right) * s.channels + channel,
               double(c.input("dy")[std::size_t(i)]), 1);
    }
    const Expected expected = activated(sums, {}, Activation::linear, 0, down * right);
    c.run([&](const Results& r, const Kernels&) { check_close("dx", r["dx"].data(), expected); });
  }
}

TEST(frames_are_put_around_images_and_taken_off) {
  Random random(158);
  for (int number = 0; number < 160; number++) {
    const Image s = random_image(random, number);
    const Size top = random.whole(0, 3), bottom = random.whole(0, 3), left = random.whole(0, 3),
               right = random.whole(0, 3);
    if (!take_case()) continue;
    const Size width = left + s.width + right, height = top + s.height + bottom;
    for (const char* op : {"pad2d", "crop2d"}) {
      describe_case("%s %td x (%td, %td, %td), %td, %td, %td, %td", op, s.rows, s.height, s.width, s.channels, top,
                    bottom, left, right);
      OpCase c = image_case(op, s, number);
      c.set("top", double(top)).set("bottom", double(bottom)).set("left", double(left)).set("right", double(right));
      const bool pad = op[0] == 'p';
      c.batch("x", random_floats(random, s.rows * s.channels * (pad ? s.height * s.width : height * width)));
      if (pad) {
        check_moved(c, height * width * s.channels, s.rows, [&](Size i) {
          const Size pixel = i / s.channels, x = pixel % width - left, y = pixel / width % height - top;
          if (x < 0 || x >= s.width || y < 0 || y >= s.height) return Size(-1);
          return ((pixel / width / height * s.height + y) * s.width + x) * s.channels + i % s.channels;
        });
      } else {
        check_moved(c, s.height * s.width * s.channels, s.rows, [&](Size i) {
          const Size pixel = i / s.channels, x = pixel % s.width + left, y = pixel / s.width % s.height + top;
          return ((pixel / s.width / s.height * height + y) * width + x) * s.channels + i % s.channels;
        });
      }
    }
  }
}

}  // namespace hebb::test
