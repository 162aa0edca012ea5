// Pooling, an image at a time.

namespace hebb::HEBB_ISA {

/// Calls f(output pixel, input pixel) for every position of every window that lies within the image; start(output
/// pixel) comes before and end(output pixel) after the positions of each window.
template <class Start, class Visit, class End>
static inline void each_window(const PoolGeometry& g, Start start, Visit visit, End end) {
  for (Size oy = 0; oy < g.output_height; oy++) {
    const Size top = oy * g.stride_height - g.pad_top;
    const Size y0 = top < 0 ? 0 : top, y1 = top + g.size_height < g.height ? top + g.size_height : g.height;
    for (Size ox = 0; ox < g.output_width; ox++) {
      const Size left = ox * g.stride_width - g.pad_left;
      const Size x0 = left < 0 ? 0 : left, x1 = left + g.size_width < g.width ? left + g.size_width : g.width;
      const Size out = (oy * g.output_width + ox) * g.channels;
      start(out);
      for (Size y = y0; y < y1; y++) {
        for (Size x = x0; x < x1; x++) visit(out, (y * g.width + x) * g.channels);
      }
      end(out);
    }
  }
}

/// Windows of 2 x 2 side by side, the usual case.
static inline bool halves(const PoolGeometry& g) {
  return g.size_height == 2 && g.size_width == 2 && g.stride_height == 2 && g.stride_width == 2 && g.pad_top == 0 &&
         g.pad_left == 0 && 2 * g.output_height <= g.height && 2 * g.output_width <= g.width;
}

/// Calls f(output pixel, offsets of the window's four inputs).
template <class F>
static inline void each_half(const PoolGeometry& g, F f) {
  const Size row = g.width * g.channels;
  for (Size oy = 0; oy < g.output_height; oy++) {
    Size out = oy * g.output_width * g.channels, in = 2 * oy * row;
    for (Size ox = 0; ox < g.output_width; ox++, out += g.channels, in += 2 * g.channels) {
      const Size window[4] = {in, in + g.channels, in + row, in + row + g.channels};
      f(out, window);
    }
  }
}

/// The larger; NaN where one of them is.
template <class T>
static inline T larger(T best, T v) {
  return (v > best) | (v != v) ? v : best;
}

/// Few channels fill no vector: the larger of two rows first, in whole vectors, then of neighbours in that row.
static inline void max_pool_halves_narrow(const PoolGeometry& g, const float* x, float* y, float* larger_row) {
  constexpr int L = lanes<H>;
  const Size row = g.width * g.channels, used = 2 * g.output_width * g.channels;
  for (Size oy = 0; oy < g.output_height; oy++, x += 2 * row) {
    each_vector(used, [=](Size i, auto get, auto put) { put(larger_row + i, larger(get(x + i), get(x + row + i))); });
    const float* from = larger_row;
    for (Size left = g.output_width * g.channels; left > 0; left -= g.channels, from += 2 * g.channels) {
      const H best = larger(load<H>(from), load<H>(from + g.channels));
      // A whole vector where the next pixels' results come over what it writes too much.
      store_part<H>(y, best, left < L ? g.channels : L);
      y += g.channels;
    }
  }
}

static inline void max_pool_halves(const PoolGeometry& g, const float* x, float* y) {
  constexpr Size kLongestRow = 4096;
  float larger_row[kLongestRow + W];
  if (g.channels <= lanes<H> && g.width * g.channels <= kLongestRow) {
    return max_pool_halves_narrow(g, x, y, larger_row);
  }
  each_half(g, [&](Size out, const Size* in) {
    for (Size c = 0; c < g.channels; c += W) {
      const Size count = g.channels - c < W ? g.channels - c : W;
      V best = load_part<V>(x + in[0] + c, count);
      HEBB_UNROLL
      for (int i = 1; i < 4; i++) best = larger(best, load_part<V>(x + in[i] + c, count));
      store_part<V>(y + out + c, best, count);
    }
  });
}

template <class T>
static inline void max_pool_backward_halves(const PoolGeometry& g, const float* x, const float* y, const float* dy,
                                            float* dx) {
  each_half(g, [&](Size out, const Size* in) {
    for (Size c = 0; c < g.channels; c += lanes<T>) {
      const Size count = g.channels - c < lanes<T> ? g.channels - c : lanes<T>;
      const T best = load_part<T>(y + out + c, count);
      T gradient = load_part<T>(dy + out + c, count);
      HEBB_UNROLL
      for (int i = 0; i < 4; i++) {
        const auto hit = load_part<T>(x + in[i] + c, count) == best;
        store_part<T>(dx + in[i] + c, hit ? gradient : T{}, count);
        gradient = hit ? T{} : gradient;
      }
    }
  });
}

static void max_pool(const PoolGeometry& g, const float* x, float* y) {
  if (halves(g)) return max_pool_halves(g, x, y);
  each_vector(g.channels, [&](Size c, auto get, auto put) {
    V best = broadcast(0.0f);
    each_window(
        g, [&](Size) { best = broadcast(-__builtin_inff()); },
        [&](Size, Size in) { best = larger(best, get(x + in + c)); }, [&](Size out) { put(y + out + c, best); });
  });
}

static void max_pool_backward(const PoolGeometry& g, const float* x, const float* y, const float* dy, float* dx) {
  const bool all = halves(g) && 2 * g.output_height == g.height && 2 * g.output_width == g.width;
  if (!all) __builtin_memset(dx, 0, std::size_t(g.height * g.width * g.channels) * sizeof(float));
  if (halves(g)) {
    return g.channels <= lanes<H> ? max_pool_backward_halves<H>(g, x, y, dy, dx)
                                  : max_pool_backward_halves<V>(g, x, y, dy, dx);
  }
  each_vector(g.channels, [&](Size c, auto get, auto put) {
    V best = broadcast(0.0f), gradient = best;
    each_window(
        g, [&](Size out) { best = get(y + out + c), gradient = get(dy + out + c); },
        [&](Size, Size in) {
          const I hit = I(get(x + in + c) == best);
          put(dx + in + c, get(dx + in + c) + choose(hit, gradient, broadcast(0.0f)));
          gradient = choose(hit, broadcast(0.0f), gradient);
        },
        [](Size) {});
  });
}

}  // namespace hebb::HEBB_ISA
