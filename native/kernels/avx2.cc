// AVX2 with FMA: 16 registers of 8 floats; a 6 x 16 tile takes 12 of them.
#include "kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define HEBB_ISA avx2
#define HEBB_WIDTH 8
#define HEBB_TILE_ROWS 6
#define HEBB_NARROW_TILE_ROWS 12
#define HEBB_WINOGRAD_CHANNELS 32
#define HEBB_ROW_VECTORS 13

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif

namespace hebb::avx2 {

typedef float V __attribute__((vector_size(32)));
typedef int I __attribute__((vector_size(32)));
typedef float H __attribute__((vector_size(16)));

template <class T>
static inline T broadcast_as(float x);
template <>
inline V broadcast_as<V>(float x) {
  return V(_mm256_set1_ps(x));
}
template <>
inline H broadcast_as<H>(float x) {
  return H(_mm_set1_ps(x));
}
static inline V fma(V a, V b, V c) { return V(_mm256_fmadd_ps(a, b, c)); }
static inline H fma(H a, H b, H c) { return H(_mm_fmadd_ps(a, b, c)); }
/// Products of the low halves of 64-bit lanes.
template <class L>
static inline L multiply_low(L a, L b) {
  return L(_mm256_mul_epu32(__m256i(a), __m256i(b)));
}
static inline V square_root(V x) { return V(_mm256_sqrt_ps(x)); }
static inline __m256i first_mask(Size n) {
  const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(int(n)), lanes);
}
template <class T>
static inline T load_first_as(const float* p, Size n);
template <>
inline V load_first_as<V>(const float* p, Size n) {
  return V(_mm256_maskload_ps(p, first_mask(n)));
}
template <>
inline H load_first_as<H>(const float* p, Size n) {
  return H(_mm_maskload_ps(p, _mm256_castsi256_si128(first_mask(n))));
}
static inline void store_first(float* p, V v, Size n) { _mm256_maskstore_ps(p, first_mask(n), v); }
static inline void store_first(float* p, H v, Size n) { _mm_maskstore_ps(p, _mm256_castsi256_si128(first_mask(n)), v); }

}  // namespace hebb::avx2

#include "kernels.inl.h"

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif
