// Sizes of the CPU's caches, as far as the system tells.
#pragma once
#include <cstddef>

#if defined(__APPLE__)
#include <sys/sysctl.h>
#elif defined(__unix__)
#include <unistd.h>
#endif

namespace hebb {

/// Bytes of a core's second-level cache; 512 KiB where the system does not say.
inline std::ptrdiff_t second_level_cache() {
  constexpr std::ptrdiff_t kUsual = 512 << 10;
#if defined(__APPLE__)
  long long bytes = 0;
  std::size_t size = sizeof bytes;
  if (sysctlbyname("hw.l2cachesize", &bytes, &size, nullptr, 0) == 0 && bytes > 0) return std::ptrdiff_t(bytes);
#elif defined(_SC_LEVEL2_CACHE_SIZE)
  const long bytes = sysconf(_SC_LEVEL2_CACHE_SIZE);
  if (bytes > 0) return bytes;
#endif
  return kUsual;
}

}  // namespace hebb
