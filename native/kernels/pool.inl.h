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

static void max_pool(const PoolGeometry& g, const float* x, float* y) {
  each_vector(g.channels, [&](Size c, auto get, auto put) {
    V best = broadcast(0.0f);
    each_window(
        g, [&](Size) { best = broadcast(-__builtin_inff()); },
        [&](Size, Size in) {
          const V v = get(x + in + c);
          best = choose(I(v > best) | I(v != v), v, best);
        },
        [&](Size out) { put(y + out + c, best); });
  });
}

static void max_pool_backward(const PoolGeometry& g, const float* x, const float* y, const float* dy, float* dx) {
  __builtin_memset(dx, 0, std::size_t(g.height * g.width * g.channels) * sizeof(float));
  each_vector(g.channels, [&](Size c, auto get, auto put) {
    V best = broadcast(0.0f), gradient = best;
    I found = {};
    each_window(
        g, [&](Size out) { best = get(y + out + c), gradient = get(dy + out + c), found = I{}; },
        [&](Size, Size in) {
          const I hit = I(get(x + in + c) == best) & ~found;
          found |= hit;
          put(dx + in + c, get(dx + in + c) + choose(hit, gradient, broadcast(0.0f)));
        },
        [](Size) {});
  });
}

}  // namespace hebb::HEBB_ISA
