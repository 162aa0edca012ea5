// Transposing matrices, block by block in registers.

namespace hebb::HEBB_ISA {

/// Rows i and on, as many as a vector T has lanes, of x to columns of y. Whole: all columns of a block are there, and
/// whole vectors may be stored, because what they write too much is written again with the next columns.
template <class T, bool Whole>
static inline void transpose_block(Size present, Size count, const float* x, Size x_stride, float* y, Size width,
                                   Size wide) {
  constexpr int L = lanes<T>;
  T block[L];
  HEBB_UNROLL
  for (int r = 0; r < L; r++) {
    const float* row = x + r * x_stride;
    block[r] = r >= present ? broadcast_as<T>(0.0f) : Whole ? load<T>(row) : load_part<T>(row, count);
    if (L == W) __builtin_prefetch(row + L * x_stride);  // rows are too short for the hardware to see them coming
  }
  transpose(block);
  HEBB_UNROLL
  for (int c = 0; c < L; c++) {
    if (Whole) {
      store<T>(y + c * width, block[c]);
    } else if (c < count) {
      store_part<T>(y + c * width, block[c], wide);
    }
  }
}

template <class T>
static inline void transpose_rows(Size rows, Size columns, const float* x, Size x_stride, float* y, Size width,
                                  Size i) {
  constexpr int L = lanes<T>;
  const Size present = rows - i < L ? rows - i : L, wide = width - i < L ? width - i : L;
  x += i * x_stride, y += i;
  for (Size p = 0; p < columns; p += L, x += L, y += L * width) {
    const bool inside = i + L <= width || (i == 0 && (p + L - 1) * width + L <= columns * width);
    if (p + L <= columns && inside) {
      transpose_block<T, true>(present, L, x, x_stride, y, width, L);
    } else {
      transpose_block<T, false>(present, columns - p < L ? columns - p : L, x, x_stride, y, width, wide);
    }
  }
}

static void pack_transposed(Size rows, Size columns, const float* x, Size x_stride, float* y, Size width) {
  if (width <= lanes<H>) return transpose_rows<H>(rows, columns, x, x_stride, y, width, 0);
  for (Size i = 0; i < width; i += W) transpose_rows<V>(rows, columns, x, x_stride, y, width, i);
}

}  // namespace hebb::HEBB_ISA
