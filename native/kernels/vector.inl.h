// Vectors of this instruction set's width, and what all kernels do with them.

// Loops over registers must vanish: an array that is indexed at run time lives in memory.
#if defined(__clang__)
#define HEBB_UNROLL _Pragma("unroll")
#else
#define HEBB_UNROLL _Pragma("GCC unroll 32")
#endif

namespace hebb::HEBB_ISA {

constexpr int W = HEBB_WIDTH;

typedef std::uint32_t U __attribute__((vector_size(sizeof(V))));
typedef std::uint64_t Wide __attribute__((vector_size(sizeof(V))));

template <class T>
constexpr int lanes = int(sizeof(T) / sizeof(float));

template <class T>
struct UnalignedOf {
  typedef float type __attribute__((vector_size(sizeof(T)), aligned(4), may_alias));
};

template <class T = V>
static inline T load(const float* p) {
  return T(*reinterpret_cast<const typename UnalignedOf<T>::type*>(p));
}
template <class T>
static inline void store(float* p, T v) {
  *reinterpret_cast<typename UnalignedOf<T>::type*>(p) = typename UnalignedOf<T>::type(v);
}
static inline V broadcast(float x) { return broadcast_as<V>(x); }
static inline V load_first(const float* p, Size n) { return load_first_as<V>(p, n); }
static inline V choose(I mask, V yes, V no) { return V((mask & I(yes)) | (~mask & I(no))); }
static inline V maximum(V a, V b) { return choose(I(a > b), a, b); }

/// Calls f(offset, load, store) for whole vectors and once for the rest of n elements.
template <class F>
static inline void each_vector(Size n, F f) {
  Size i = 0;
  for (; i + W <= n; i += W)
    f(
        i, [](const float* p) { return load(p); }, [](float* p, V v) { store(p, v); });
  if (Size rest = n - i) {
    f(
        i, [rest](const float* p) { return load_first(p, rest); }, [rest](float* p, V v) { store_first(p, v, rest); });
  }
}

template <class T>
struct IntsOf {
  typedef int type __attribute__((vector_size(sizeof(T))));
};

/// Lanes of two vectors, taken by a constant mask (from `lanes` on of b).
template <class T>
static inline T shuffle(T a, T b, typename IntsOf<T>::type mask) {
#if defined(__clang__)
  T result = {};
  HEBB_UNROLL
  for (int i = 0; i < lanes<T>; i++) result[i] = mask[i] < lanes<T> ? a[mask[i]] : b[mask[i] - lanes<T>];
  return result;
#else
  return __builtin_shuffle(a, b, mask);
#endif
}

/// Lanes with bit D clear of both, then lanes with bit D set of both: what a transposition exchanges at distance D.
template <int D, class T>
static inline void exchange(T& a, T& b) {
  typename IntsOf<T>::type low = {}, high = {};
  HEBB_UNROLL
  for (int i = 0; i < lanes<T>; i++) {
    low[i] = i & D ? lanes<T> + i - D : i, high[i] = i & D ? lanes<T> + i : i + D;
  }
  const T first = shuffle(a, b, low);
  b = shuffle(a, b, high);
  a = first;
}

/// Exchanges rows and columns of as many vectors as they have lanes.
template <class T, int D = lanes<T> / 2>
static inline void transpose(T* rows) {
  HEBB_UNROLL
  for (int i = 0; i < lanes<T>; i++) {
    if (!(i & D)) exchange<D>(rows[i], rows[i + D]);
  }
  if constexpr (D > 1) transpose<T, D / 2>(rows);
}

/// Lane i of vectors[0] becomes the sum of the lanes of vectors[i], each by the same tree.
template <int D = W / 2>
static inline void sum_each(V* vectors) {
  HEBB_UNROLL
  for (int i = 0; i < D; i++) {
    exchange<D>(vectors[i], vectors[i + D]);
    vectors[i] += vectors[i + D];
  }
  if constexpr (D > 1) sum_each<D / 2>(vectors);
}

}  // namespace hebb::HEBB_ISA
