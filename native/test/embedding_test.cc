// Rows of a table by index, and what they learn: indices are floats, and any float may come.
#include <cstring>
#include <limits>

#include "naive.h"
#include "op_case.h"
#include "recorder.h"

namespace hebb::test {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN(), kInfinity = std::numeric_limits<float>::infinity();

struct Shape {
  Size rows, positions, vocabulary, dimensions;
  Size indices() const { return rows * positions; }
};

/// The nearest row of the table; half way between two the later one, and the first for what is no number.
Size row_of(float x, Size vocabulary) {
  if (std::isnan(x)) return 0;
  const double nearest = std::floor(double(x) + 0.5);
  return nearest < 0 ? 0 : nearest > double(vocabulary - 1) ? vocabulary - 1 : Size(nearest);
}

/// Indices that the table has, and now and then what it has not.
std::vector<float> indices(Random& random, const Shape& s) {
  const float last = float(s.vocabulary - 1);
  const std::vector<float> strange{-1,        -0.4f,      -1e30f,      1e30f, last + 1, last + 0.4f, kNan,  -kNan,
                                   kInfinity, -kInfinity, 0.49999997f, 0.5f,  last / 2, -0.0f,       1e-45f};
  std::vector<float> x;
  for (Size i = 0; i < s.indices(); i++) {
    x.push_back(random.whole(0, 3) ? float(random.whole(0, s.vocabulary - 1)) : random.one_of(strange));
  }
  return x;
}

template <class F>
void each_shape(F f) {
  for (Size dimensions : {1, 2, 3, 7, 8, 9, 16, 33}) {
    for (Size vocabulary : {1, 2, 5, 100, 3001}) {
      for (Size positions : {1, 7, 40}) {
        if (take_case()) f(Shape{1 + (dimensions + vocabulary) % 5, positions, vocabulary, dimensions});
      }
    }
  }
  if (take_case()) f(Shape{7, 300, 2000, 40});  // over several tasks
}

OpCase embedding_case(const char* op, const Shape& s, Random& random) {
  describe_case("%s (%td, %td) of (%td, %td)", op, s.rows, s.positions, s.vocabulary, s.dimensions);
  OpCase c(op, s.rows, s.positions % 3);
  c.set("positions", double(s.positions)).set("vocabulary", double(s.vocabulary));
  return c.set("dimensions", double(s.dimensions)).batch("x", indices(random, s));
}

}  // namespace

TEST(embedding) {
  Random random(161);
  each_shape([&](const Shape& s) {
    OpCase c = embedding_case("embedding", s, random);
    c.whole("w", random_floats(random, s.vocabulary * s.dimensions)).batch_result("y", s.positions * s.dimensions);
    c.rows_independent = true;
    std::vector<float> expected;
    for (float x : c.input("x")) {
      const float* row = c.input("w").data() + row_of(x, s.vocabulary) * s.dimensions;
      expected.insert(expected.end(), row, row + s.dimensions);
    }
    c.run([&](const Results& r, const Kernels&) {
      check_same_bits("y", r["y"].data(), expected.data(), Size(expected.size()));
    });
  });
}

TEST(embedding_backward) {
  Random random(162);
  each_shape([&](const Shape& s) {
    OpCase c = embedding_case("embedding_backward", s, random);
    c.batch("dy", random_floats(random, s.indices() * s.dimensions));
    c.whole_result("dw", s.vocabulary * s.dimensions);
    Sums sums(s.vocabulary * s.dimensions);
    for (Size i = 0; i < s.indices() * s.dimensions; i++) {
      const Size row = row_of(c.input("x")[std::size_t(i / s.dimensions)], s.vocabulary);
      sums.add(row * s.dimensions + i % s.dimensions, double(c.input("dy")[std::size_t(i)]), 1);
    }
    const Expected expected = activated(sums, {}, Activation::linear, 0, s.indices());
    c.run([&](const Results& r, const Kernels&) { check_close("dw", r["dw"].data(), expected); });
  });
}

// Above 2^23 a float has no halves left: adding one would round an odd index to its even neighbour.
TEST(embedding_of_large_vocabularies) {
  constexpr Size kVocabulary = (1 << 23) + 6;
  const std::vector<float> x{8388606.5f, 8388607.5f, 8388608, 8388609, 8388610, 8388611, 8388613, 8388614, 1e9f};
  const Size rows = Size(x.size());
  Recorder r;
  const auto inputs = r.tensor(rows), y = r.tensor(rows), w = r.parameter(kVocabulary);
  r.record("embedding", {{"vocabulary", double(kVocabulary)}}, {{"x", inputs}, {"w", w}, {"y", y}});
  ProgramSpec spec;
  spec.code = r.code, spec.rows = rows, spec.arena_floats = r.arena_floats, spec.kernels = instruction_sets()[0];
  spec.parameters = allocate_floats(kVocabulary), spec.parameter_floats = kVocabulary;
  const Floats table = spec.parameters;
  for (Size i = 0; i < kVocabulary; i++) table[i] = float(i);
  std::string error;
  const auto program = Program::create(spec, &error);
  if (!check(program != nullptr, __FILE__, __LINE__, "the checker takes the program", error)) return;
  std::memcpy(program->arena() + inputs.offset, x.data(), x.size() * sizeof(float));
  program->run(0, 1, rows, 1);
  for (Size i = 0; i < rows; i++) {
    describe_case("row %.1f of %td", double(x[std::size_t(i)]), kVocabulary);
    EXPECT(program->arena()[y.offset + i] == float(row_of(x[std::size_t(i)], kVocabulary)));
  }
}

}  // namespace hebb::test
