// The portable table: four-wide vectors that any compiler lowers to what the baseline has, and no fused multiply-add.
#include "kernels.h"

#define HEBB_ISA scalar
#define HEBB_WIDTH 4
#define HEBB_TILE_ROWS 6
#define HEBB_NARROW_TILE_ROWS 6
#define HEBB_WINOGRAD_CHANNELS 32
#define HEBB_ROW_VECTORS 8

namespace hebb::scalar {

typedef float V __attribute__((vector_size(16)));
typedef int I __attribute__((vector_size(16)));
typedef V H;

template <class T>
static inline T broadcast_as(float x) {
  return V{x, x, x, x};
}
static inline V fma(V a, V b, V c) { return a * b + c; }
/// Products of the low halves of 64-bit lanes.
template <class L>
static inline L multiply_low(L a, L b) {
  return (a & 0xffffffff) * (b & 0xffffffff);
}
static inline V square_root(V x) {
  for (int i = 0; i < HEBB_WIDTH; i++) x[i] = __builtin_sqrtf(x[i]);
  return x;
}
template <class T>
static inline T load_first_as(const float* p, Size n) {
  V v = {};
  for (int i = 0; i < HEBB_WIDTH; i++) {
    if (i < n) v[i] = p[i];
  }
  return v;
}
static inline void store_first(float* p, V v, Size n) {
  for (int i = 0; i < HEBB_WIDTH; i++) {
    if (i < n) p[i] = v[i];
  }
}

}  // namespace hebb::scalar

#include "kernels.inl.h"
