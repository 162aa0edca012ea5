// GemmBlock directly: every element of C must have the bits of one chain of multiply-adds in the order of p, however A
// is addressed and B laid out, and nothing outside of the operands may be touched.
#include <cstring>

#include "guarded_memory.h"
#include "naive.h"

namespace hebb::test {
namespace {

constexpr float kUntouched = -12345.0f;  // between the rows of C

enum class Layout { rows, transposed, offsets };

struct Shape {
  Size m, n, k;
};

std::vector<Shape> shapes(const Kernels& kernels) {
  std::vector<Shape> list;
  Random random(71);
  const Size tile = kernels.tile_rows, panel = kernels.tile_columns, width = kernels.width;
  for (Size m : {Size(1), Size(2), Size(3), tile - 1, tile, tile + 1, 2 * tile - 1, 2 * tile + 1}) {
    for (Size n : {Size(1), Size(2), width / 2, width / 2 + 1, width - 1, width, width + 1, panel - 1, panel, panel + 1,
                   panel + width, 2 * panel - 1, 3 * panel + 1}) {
      list.push_back({m, n, random.whole(1, 40)});
    }
  }
  for (int i = 0; i < 400; i++) list.push_back({random.whole(1, 45), random.whole(1, 140), random.whole(1, 90)});
  // One row alone, through all widths: it has a path of its own.
  for (Size n = 1; n <= 70; n++) list.push_back({1, n * 7, n});
  for (Size k : {383, 384, 385, 1000}) list.push_back({7, 33, k});
  return list;
}

/// One way to multiply: operands in guarded memory, and what C must become.
struct Case {
  Shape s;
  Layout layout;
  bool padded_b, image_b, c_offsets, accumulate, with_bias, update;
  Activation kind;
  bool fused;  // the instruction set has a fused multiply-add

  void describe() const {
    describe_case(
        "gemm m %td, n %td, k %td, layout %d, padded B %d, C by offsets %d, accumulate %d, bias %d, update %d, "
        "activation %d",
        s.m, s.n, s.k, int(layout), padded_b, c_offsets, accumulate, with_bias, update, int(kind));
  }
};

/// Offsets of k rows or columns, in no order, with gaps, none twice.
std::vector<std::int32_t> offsets(Random& random, Size count, Size step) {
  std::vector<std::int32_t> list;
  for (Size i = 0; i < count; i++) list.push_back(std::int32_t(i * step));
  for (Size i = count - 1; i > 0; i--) std::swap(list[std::size_t(i)], list[std::size_t(random.whole(0, i))]);
  return list;
}

float chain_step(bool fused, float a, float b, float c) { return fused ? std::fmaf(a, b, c) : a * b + c; }

void run(const Case& c, const Kernels& kernels, Random& random) {
  const auto [m, n, k] = c.s;
  GemmBlock g{};
  g.m = m, g.n = n, g.k = k;

  // A: gaps between rows hold NaN, so that an element read from the wrong place shows.
  const Size gap = random.whole(0, 5);
  std::vector<std::int32_t> rows, columns;
  if (c.layout == Layout::offsets) rows = offsets(random, m, k + gap), columns = offsets(random, k, 1);
  g.row_stride = c.layout == Layout::transposed ? 1 : k + gap;
  g.column_stride = c.layout == Layout::transposed ? m + gap : 1;
  const auto a_at = [&](Size i, Size p) {
    return rows.empty() ? i * g.row_stride + p * g.column_stride : Size(rows[std::size_t(i)] + columns[std::size_t(p)]);
  };
  const GuardedFloats a(a_at(m - 1, k - 1) + 1 > (m - 1) * (k + gap) + k || c.layout == Layout::transposed
                            ? a_at(m - 1, k - 1) + 1
                            : (m - 1) * (k + gap) + k);
  std::fill_n(a.data(), a.size(), NAN);
  for (Size i = 0; i < m; i++) {
    for (Size p = 0; p < k; p++) a[a_at(i, p)] = float(random.real(-1, 1));
  }
  g.a = a.data();
  const Guarded<std::int32_t> row_table(rows), column_table(columns);
  if (c.layout == Layout::offsets) g.row_offsets = row_table.data(), g.column_offsets = column_table.data();

  // B: panels with zeros behind column n, or a matrix whose last row ends with column n.
  const Size panel = kernels.tile_columns, panels = (n + panel - 1) / panel;
  g.b_padded = c.padded_b;
  g.b_stride = c.padded_b ? panel : n + random.whole(0, 3);
  g.panel_stride = c.padded_b ? k * panel + random.whole(0, 3) : panel;
  // By offsets B's rows overlap, as those of an image's patches do: a step is shorter than a row.
  const std::vector<std::int32_t> b_rows = c.image_b ? offsets(random, k, 1 + n / 3) : std::vector<std::int32_t>{};
  const Guarded<std::int32_t> b_table(b_rows);
  if (c.image_b) g.b_offsets = b_table.data();
  const auto b_at = [&](Size p, Size j) {
    return c.image_b ? b_rows[std::size_t(p)] + j : j / panel * g.panel_stride + p * g.b_stride + j % panel;
  };
  const GuardedFloats b(c.padded_b  ? (panels - 1) * g.panel_stride + k * panel
                        : c.image_b ? (k - 1) * (1 + n / 3) + n
                                    : b_at(k - 1, n - 1) + 1);
  std::fill_n(b.data(), b.size(), NAN);
  for (Size p = 0; p < k; p++) {
    for (Size j = 0; j < (c.padded_b ? panels * panel : n); j++) b[b_at(p, j)] = j < n ? float(random.real(-1, 1)) : 0;
  }
  g.b = b.data();

  const std::vector<float> biases = random_floats(random, n);
  const GuardedFloats bias(biases);
  if (c.with_bias) g.bias = bias.data();
  g.activation = c.kind, g.slope = 0.25f, g.accumulate = c.accumulate;
  g.update = c.update, g.update_scale = c.update ? -0.125f : 0;

  g.c_stride = n + random.whole(0, 5);
  const std::vector<std::int32_t> c_rows = c.c_offsets ? offsets(random, m, g.c_stride) : std::vector<std::int32_t>{};
  const Guarded<std::int32_t> c_table(c_rows);
  if (c.c_offsets) g.c_row_offsets = c_table.data();
  const auto c_at = [&](Size i) { return c.c_offsets ? Size(c_rows[std::size_t(i)]) : i * g.c_stride; };
  const GuardedFloats result((m - 1) * g.c_stride + n);
  std::fill_n(result.data(), result.size(), kUntouched);
  std::vector<float> before(std::size_t(m * n));
  for (Size i = 0; i < m; i++) {
    for (Size j = 0; j < n; j++) {
      before[std::size_t(i * n + j)] = result[c_at(i) + j] = c.accumulate || c.update ? float(random.real(-1, 1)) : NAN;
    }
  }
  g.c = result.data();
  kernels.gemm(g);

  // sigmoid and tanh have bounds of their own, in accuracy_test.cc; all else must agree to the bit.
  const bool computed = c.kind == Activation::sigmoid || c.kind == Activation::tanh;
  Size wrong = -1;
  std::vector<bool> touched(static_cast<std::size_t>(result.size()));
  for (Size i = 0; i < m; i++) {
    for (Size j = 0; j < n; j++) {
      const float old = before[std::size_t(i * n + j)];
      float sum = c.accumulate ? old : 0;
      for (Size p = 0; p < k; p++) sum = chain_step(c.fused, a[a_at(i, p)], b[b_at(p, j)], sum);
      if (c.with_bias) sum += biases[std::size_t(j)];
      const float got = result[c_at(i) + j];
      touched[std::size_t(c_at(i) + j)] = true;
      if (computed) {
        const double expected = activation(c.kind, 0, double(sum));
        if (!(std::fabs(double(got) - expected) <= 8 * kRoundoff * std::fabs(expected)) && wrong < 0) wrong = i * n + j;
        continue;
      }
      float expected = float(activation(c.kind, 0.25, double(sum)));
      if (c.update) expected = chain_step(c.fused, g.update_scale, expected, old);
      if (got != expected && wrong < 0) wrong = i * n + j;
    }
  }
  check(wrong < 0, __FILE__, __LINE__, "bits of a chain of multiply-adds", "element " + std::to_string(wrong));
  bool untouched = true;
  for (Size i = 0; i < result.size(); i++) untouched &= touched[std::size_t(i)] || result[i] == kUntouched;
  EXPECT(untouched);
}

}  // namespace

TEST(gemm_kernel) {
  for (const Kernels* kernels : instruction_sets()) {
    const bool fused = std::strcmp(kernels->name, "scalar") != 0;
    Random random(72);
    for (const Shape& s : shapes(*kernels)) {
      for (Layout layout : {Layout::rows, Layout::transposed, Layout::offsets}) {
        for (bool padded : {false, true}) {
          if (!take_case()) continue;
          Case c{};
          c.s = s, c.layout = layout, c.padded_b = padded, c.fused = fused;
          c.image_b = layout == Layout::transposed && !padded && random.whole(0, 1) == 1;
          c.c_offsets = random.whole(0, 2) == 0, c.with_bias = random.whole(0, 1) == 1;
          const Size rest = random.whole(0, 3);
          if (rest == 0) c.accumulate = true;
          if (rest == 1) c.update = true, c.with_bias = false;
          if (rest >= 2) c.kind = Activation(random.whole(0, int(Activation::fused_count) - 1));
          c.describe();
          describe_variant("[%s]", kernels->name);
          run(c, *kernels, random);
        }
      }
    }
  }
}

TEST(gemm_dot_kernel) {
  double worst = 0;
  for (const Kernels* kernels : instruction_sets()) {
    Random random(73);
    for (int i = 0; i < 600; i++) {
      if (!take_case()) continue;
      const Size m = random.whole(1, 6), n = random.whole(1, 70), k = random.whole(1, i % 10 ? 70 : 800);
      const Size x_stride = k + random.whole(0, 3), w_stride = k + random.whole(0, 3),
                 y_stride = n + random.whole(0, 3);
      describe_case("gemm_dot m %td, n %td, k %td [%s]", m, n, k, kernels->name);
      const GuardedFloats x(random_floats(random, (m - 1) * x_stride + k)),
          w(random_floats(random, (n - 1) * w_stride + k));
      const GuardedFloats y(std::vector<float>(std::size_t((m - 1) * y_stride + n), kUntouched));
      kernels->gemm_dot(m, n, k, x.data(), x_stride, w.data(), w_stride, y.data(), y_stride);
      for (Size row = 0; row < m; row++) {
        Sums sums(n);
        for (Size j = 0; j < n; j++) {
          for (Size p = 0; p < k; p++) sums.add(j, double(x[row * x_stride + p]), double(w[j * w_stride + p]));
        }
        const Expected expected = activated(sums, {}, Activation::linear, 0, k);
        worst = std::fmax(worst, check_close("y", y.data() + row * y_stride, expected));
        bool untouched = true;
        for (Size j = n; j < y_stride && row < m - 1; j++) untouched &= y[row * y_stride + j] == kUntouched;
        EXPECT(untouched);
      }
    }
  }
  note("largest error %.2f of its bound", worst);
}

TEST(pack_transposed_kernel) {
  for (const Kernels* kernels : instruction_sets()) {
    Random random(74);
    for (int i = 0; i < 400; i++) {
      if (!take_case()) continue;
      const Size width = kernels->width * random.whole(1, 2), rows = random.whole(1, width),
                 columns = random.whole(1, 70);
      const Size stride = columns + random.whole(0, 3);
      describe_case("pack_transposed (%td, %td) to a width of %td [%s]", rows, columns, width, kernels->name);
      const GuardedFloats x(random_floats(random, (rows - 1) * stride + columns));
      const GuardedFloats y(std::vector<float>(std::size_t(columns * width), kUntouched));
      kernels->pack_transposed(rows, columns, x.data(), stride, y.data(), width);
      bool same = true;
      for (Size p = 0; p < columns; p++) {
        for (Size r = 0; r < width; r++) same &= y[p * width + r] == (r < rows ? x[r * stride + p] : 0);
      }
      EXPECT(same);
    }
  }
}

}  // namespace hebb::test
