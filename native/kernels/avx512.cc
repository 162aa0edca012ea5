// AVX-512: 32 registers of 16 floats. A 10 x 32 tile takes 20 of them: with more rows their addresses no longer fit the
// general registers, which costs more than it gives.
#include "kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define HEBB_ISA avx512
#define HEBB_WIDTH 16
#define HEBB_TILE_ROWS 10
#define HEBB_NARROW_TILE_ROWS 9
#define HEBB_WINOGRAD_CHANNELS 32
#define HEBB_ROW_VECTORS 28

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,avx2,fma"))), \
                             apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")
#endif

namespace hebb::avx512 {

typedef float V __attribute__((vector_size(64)));
typedef int I __attribute__((vector_size(64)));
typedef float H __attribute__((vector_size(32)));

template <class T>
static inline T broadcast_as(float x);
template <>
inline V broadcast_as<V>(float x) {
  return V(_mm512_set1_ps(x));
}
template <>
inline H broadcast_as<H>(float x) {
  return H(_mm256_set1_ps(x));
}
static inline V fma(V a, V b, V c) { return V(_mm512_fmadd_ps(a, b, c)); }
static inline H fma(H a, H b, H c) { return H(_mm256_fmadd_ps(a, b, c)); }
/// Products of the low halves of 64-bit lanes.
template <class L>
static inline L multiply_low(L a, L b) {
  return L(_mm512_maskz_mul_epu32(0xff, __m512i(a), __m512i(b)));
}
static inline V square_root(V x) { return V(_mm512_maskz_sqrt_ps(0xffff, x)); }
static inline unsigned first_mask(Size n) { return (1u << n) - 1; }
template <class T>
static inline T load_first_as(const float* p, Size n);
template <>
inline V load_first_as<V>(const float* p, Size n) {
  return V(_mm512_maskz_loadu_ps(__mmask16(first_mask(n)), p));
}
template <>
inline H load_first_as<H>(const float* p, Size n) {
  return H(_mm256_maskz_loadu_ps(__mmask8(first_mask(n)), p));
}
static inline void store_first(float* p, V v, Size n) { _mm512_mask_storeu_ps(p, __mmask16(first_mask(n)), v); }
static inline void store_first(float* p, H v, Size n) { _mm256_mask_storeu_ps(p, __mmask8(first_mask(n)), v); }

}  // namespace hebb::avx512

#include "kernels.inl.h"

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif
