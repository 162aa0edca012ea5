// NEON of 64-bit ARM: 32 registers of 4 floats; a 12 x 8 tile takes 24 of them.
#include "kernels.h"

#if defined(__aarch64__)
#include <arm_neon.h>

#define HEBB_ISA neon
#define HEBB_WIDTH 4
#define HEBB_TILE_ROWS 12
#define HEBB_NARROW_TILE_ROWS 16
#define HEBB_WINOGRAD_CHANNELS 32
#define HEBB_ROW_VECTORS 24

namespace hebb {

extern const Kernels neon_kernels;

namespace neon {

typedef float V __attribute__((vector_size(16)));
typedef int I __attribute__((vector_size(16)));
typedef V H;

template <class T>
static inline T broadcast_as(float x) {
  return V(vdupq_n_f32(x));
}
static inline V fma(V a, V b, V c) { return V(vfmaq_f32(float32x4_t(c), float32x4_t(a), float32x4_t(b))); }
/// Products of the low halves of 64-bit lanes.
template <class L>
static inline L multiply_low(L a, L b) {
  return L(vmull_u32(vmovn_u64(uint64x2_t(a)), vmovn_u64(uint64x2_t(b))));
}
static inline V square_root(V x) { return V(vsqrtq_f32(float32x4_t(x))); }
// No masked loads here: pairs and single floats.
template <class T>
static inline T load_first_as(const float* p, Size n) {
  if (n >= 4) return V(vld1q_f32(p));
  float32x2_t low = vdup_n_f32(0), high = low;
  if (n >= 2) {
    low = vld1_f32(p);
    if (n == 3) high = vld1_lane_f32(p + 2, high, 0);
  } else if (n == 1) {
    low = vld1_lane_f32(p, low, 0);
  }
  return V(vcombine_f32(low, high));
}
static inline void store_first(float* p, V v, Size n) {
  const float32x4_t all = float32x4_t(v);
  if (n >= 4) return vst1q_f32(p, all);
  if (n >= 2) vst1_f32(p, vget_low_f32(all));
  if (n == 3) vst1q_lane_f32(p + 2, all, 2);
  if (n == 1) vst1q_lane_f32(p, all, 0);
}

}  // namespace neon
}  // namespace hebb

#include "kernels.inl.h"
#endif
