// Matrix products: tiles of C that stay in registers.

namespace hebb::HEBB_ISA {

constexpr int kRows = HEBB_TILE_ROWS;
constexpr int kNarrowRows = HEBB_NARROW_TILE_ROWS;
constexpr int kRowVectors = HEBB_ROW_VECTORS;
constexpr int kPanel = 2 * W;

/// How a tile finds its rows of A: each by a pointer, side by side (a transposed A), or each element by two tables.
/// The last is for images of one channel: A's rows side by side, B's found by a table.
enum class Access { rows, adjacent, table, image };

template <class T>
static inline T load_part(const float* p, Size n) {
  return n < lanes<T> ? load_first_as<T>(p, n) : load<T>(p);
}
template <class T>
static inline void store_part(float* p, T v, Size n) {
  if (n < lanes<T>) {
    store_first(p, v, n);
  } else {
    store<T>(p, v);
  }
}

/// relu or leakyRelu; NaN stays what it is.
template <class T>
static inline T rectified(T x, const GemmBlock& g) {
  if (g.activation == Activation::relu) return x <= T{} ? T{} : x;
  return x <= T{} ? x * broadcast_as<T>(g.slope) : x;
}

static inline bool costs_little(Activation kind) {
  return kind == Activation::linear || kind == Activation::relu || kind == Activation::leakyRelu;
}

/// What follows the last product: bias, the activations that cost next to nothing, or the update; then M rows of N
/// vectors of C are stored, the last of each row only as far as C is wide.
template <class T, int M, int N>
static inline void finish(const GemmBlock& g, T (&sums)[M][N], const float* bias, float* const (&c)[M], Size last) {
  constexpr int L = lanes<T>;
  if (g.bias) {
    HEBB_UNROLL
    for (int v = 0; v < N; v++) {
      const T b = load_part<T>(bias + v * L, v == N - 1 ? last : L);
      HEBB_UNROLL
      for (int r = 0; r < M; r++) sums[r][v] += b;
    }
  }
  if (g.activation == Activation::relu || g.activation == Activation::leakyRelu) {
    HEBB_UNROLL
    for (int r = 0; r < M; r++) {
      HEBB_UNROLL
      for (int v = 0; v < N; v++) sums[r][v] = rectified(sums[r][v], g);
    }
  }
  if (g.update) {
    const T scale = broadcast_as<T>(g.update_scale);
    HEBB_UNROLL
    for (int r = 0; r < M; r++) {
      HEBB_UNROLL
      for (int v = 0; v < N; v++) {
        sums[r][v] = fma(scale, sums[r][v], load_part<T>(c[r] + v * L, v == N - 1 ? last : L));
      }
    }
  }
  HEBB_UNROLL
  for (int r = 0; r < M; r++) {
    HEBB_UNROLL
    for (int v = 0; v < N; v++) store_part<T>(c[r] + v * L, sums[r][v], v == N - 1 ? last : L);
  }
}

/// M rows by N vectors T of C in registers. Mask: B's last vector is read only as far as C is wide.
template <class T, int M, int N, bool Mask, Access A>
static void tile(const GemmBlock& g, Size i, Size j) {
  constexpr int L = lanes<T>;
  const float* a[M];
  HEBB_UNROLL
  for (int r = 0; r < M; r++) {
    a[r] = g.a + (A == Access::table ? Size(g.row_offsets[i + r]) : (i + r) * g.row_stride);
  }
  const float* b = A == Access::image ? g.b + j : g.b + j / kPanel * g.panel_stride;
  const Size last = g.n - j < N * L ? g.n - j - (N - 1) * L : L;  // columns of the last vector
  float* c[M];
  HEBB_UNROLL
  for (int r = 0; r < M; r++) c[r] = g.c + j + (g.c_row_offsets ? Size(g.c_row_offsets[i + r]) : (i + r) * g.c_stride);
  constexpr Size kDeep = 64;
  if (g.k >= kDeep) {  // C is wanted when the products are done
    HEBB_UNROLL
    for (int r = 0; r < M; r++) {
      __builtin_prefetch(c[r], 1);
      __builtin_prefetch(c[r] + (N - 1) * L, 1);
    }
  }
  T acc[M][N];
  HEBB_UNROLL
  for (int r = 0; r < M; r++) {
    HEBB_UNROLL
    for (int v = 0; v < N; v++) {
      acc[r][v] = !g.accumulate ? broadcast_as<T>(0.0f) : load_part<T>(c[r] + v * L, v == N - 1 ? last : L);
    }
  }
  const Size b_stride = g.b_stride, column_stride = g.column_stride;
  const float* column = a[0];
  for (Size p = 0; p < g.k; p++) {
    constexpr bool side_by_side = A == Access::adjacent || A == Access::image;
    const Size offset = A == Access::table ? Size(g.column_offsets[p]) : A == Access::rows ? p * column_stride : 0;
    if (A == Access::image) b = g.b + j + g.b_offsets[p];
    T bv[N];
    HEBB_UNROLL
    for (int v = 0; v < N; v++) bv[v] = Mask && v == N - 1 ? load_first_as<T>(b + v * L, last) : load<T>(b + v * L);
    if (A != Access::image) b += b_stride;
    HEBB_UNROLL
    for (int r = 0; r < M; r++) {
      const T x = broadcast_as<T>(side_by_side ? column[r] : a[r][offset]);
      HEBB_UNROLL
      for (int v = 0; v < N; v++) acc[r][v] = fma(x, bv[v], acc[r][v]);
    }
    if (side_by_side) column += column_stride;
  }
  finish<T>(g, acc, g.bias + j, c, last);
}

/// All rows of N vectors of columns, in `tiles` tiles of M rows or one less.
template <class T, int M, int N, bool Mask, Access A>
static inline void even_tiles(const GemmBlock& g, Size j, Size tiles) {
  if constexpr (M > 1) {
    if (tiles * (M - 1) >= g.m) return even_tiles<T, M - 1, N, Mask, A>(g, j, tiles);
  }
  const Size large = (g.m - tiles * (M - 1)) * M;  // rows in tiles of M
  Size i = 0;
  for (; i < large; i += M) tile<T, M, N, Mask, A>(g, i, j);
  if constexpr (M > 1) {
    for (; i < g.m; i += M - 1) tile<T, M - 1, N, Mask, A>(g, i, j);
  }
}

template <class T, int M, int N, Access A>
static inline void strip(const GemmBlock& g, Size j) {
  const Size tiles = (g.m + M - 1) / M;
  if (!g.b_padded && g.n - j < N * lanes<T>) return even_tiles<T, M, N, true, A>(g, j, tiles);
  even_tiles<T, M, N, false, A>(g, j, tiles);
}

template <Access A>
static void strips(const GemmBlock& g) {
  if (lanes<H> < W && g.n <= lanes<H>) return strip<H, kNarrowRows, 1, A>(g, 0);
  Size j = 0;
  for (; g.n - j > W; j += kPanel) strip<V, kRows, 2, A>(g, j);
  if (j < g.n) strip<V, kNarrowRows, 1, A>(g, j);
}

/// Row by row, N vectors of C in registers: B is read once a row and in order.
template <int N>
static void whole_rows(const GemmBlock& g, Size j) {
  const Size last = g.n - j < N * W ? g.n - j - (N - 1) * W : W;
  const Size rows = g.m, k = g.k, column_stride = g.column_stride, b_stride = g.b_stride;
  const auto one_row = [&](Size i) {
    const float* a = g.a + i * g.row_stride;
    const float* b = g.b + j;
    float* const c[1] = {g.c + i * g.c_stride + j};
    V acc[1][N];
    HEBB_UNROLL
    for (int v = 0; v < N; v++) {
      acc[0][v] = !g.accumulate ? broadcast(0.0f) : load_part<V>(c[0] + v * W, v == N - 1 ? last : W);
    }
    for (Size p = 0; p < k; p++, b += b_stride) {
      const V x = broadcast(a[p * column_stride]);
      HEBB_UNROLL
      for (int v = 0; v < N - 1; v++) acc[0][v] = fma(x, load(b + v * W), acc[0][v]);
      acc[0][N - 1] = fma(x, load_first(b + (N - 1) * W, last), acc[0][N - 1]);
    }
    finish<V>(g, acc, g.bias + j, c, last);
  };
  // A load has to wait where a store to a part of the same vector is under way, as one is where a row ends and the next
  // begins: then four parts of C take turns.
  const Size part = last < W ? (rows + 3) / 4 : rows;
  for (Size first = 0; first < part; first++) {
    for (Size i = first; i < rows; i += part) one_row(i);
  }
}

template <int N>
static inline void whole_rows_of(const GemmBlock& g, Size j, Size vectors) {
  if (vectors == N) return whole_rows<N>(g, j);
  if constexpr (N > 1) whole_rows_of<N - 1>(g, j, vectors);
}

/// For one row, or where the way through C takes longer than the products.
static void rows_in_order(const GemmBlock& g) {
  const Size vectors = (g.n + W - 1) / W, passes = (vectors + kRowVectors - 1) / kRowVectors;
  const Size each = (vectors + passes - 1) / passes;
  for (Size done = 0; done < vectors; done += each) {
    whole_rows_of<kRowVectors>(g, done * W, vectors - done < each ? vectors - done : each);
  }
}

/// The dear activations go over C again while it is near, rather than into every tile's code.
static void activate_rows(const GemmBlock& g) {
  if (costs_little(g.activation)) return;
  for (Size i = 0; i < g.m; i++) {
    float* c = g.c + (g.c_row_offsets ? Size(g.c_row_offsets[i]) : i * g.c_stride);
    activate(g.activation, g.slope, g.n, c, c);
  }
}

static void gemm(const GemmBlock& g) {
  constexpr Size kShallow = 4;
  const bool plain = !g.row_offsets && !g.c_row_offsets && !g.b_offsets && g.panel_stride == kPanel;
  if (plain && (g.m == 1 || g.k <= kShallow)) {
    rows_in_order(g);
  } else if (g.b_offsets) {
    strips<Access::image>(g);
  } else if (g.row_offsets) {
    strips<Access::table>(g);
  } else if (g.row_stride == 1) {
    strips<Access::adjacent>(g);
  } else {
    strips<Access::rows>(g);
  }
  activate_rows(g);
}

/// M rows of one vector of channels, from row i and channel j on.
template <int M>
static void channel_tile(const GemmBlock& g, Size i, Size j) {
  const Size count = g.n - j < W ? g.n - j : W;
  const float* a[M];
  float* c[M];
  V sums[M][1];
  HEBB_UNROLL
  for (int r = 0; r < M; r++) {
    a[r] = g.a + g.row_offsets[i + r] + j;
    c[r] = g.c + (i + r) * g.c_stride + j;
    sums[r][0] = g.accumulate ? load_part<V>(c[r], count) : broadcast(0.0f);
  }
  const float* b = g.b + j;
  for (Size p = 0; p < g.k; p++, b += g.b_stride) {
    const Size offset = g.column_offsets[p];
    const V weights = load_part<V>(b, count);
    HEBB_UNROLL
    for (int r = 0; r < M; r++) sums[r][0] = fma(load_part<V>(a[r] + offset, count), weights, sums[r][0]);
  }
  finish<V>(g, sums, g.bias + j, c, count);
}

template <int M>
static inline void remaining_channel_tile(const GemmBlock& g, Size i, Size j) {
  if (g.m - i == M) return channel_tile<M>(g, i, j);
  if constexpr (M > 1) remaining_channel_tile<M - 1>(g, i, j);
}

static void depthwise(const GemmBlock& g) {
  constexpr int kTile = 8;
  for (Size j = 0; j < g.n; j += W) {
    Size i = 0;
    for (; i + kTile <= g.m; i += kTile) channel_tile<kTile>(g, i, j);
    if (i < g.m) remaining_channel_tile<kTile - 1>(g, i, j);
  }
  activate_rows(g);
}

}  // namespace hebb::HEBB_ISA
