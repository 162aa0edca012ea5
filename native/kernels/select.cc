#include <cstring>

#include "kernels.h"

namespace hebb {

#if defined(__aarch64__)
extern const Kernels neon_kernels;
#endif

namespace {

struct Candidate {
  const Kernels* kernels;
  bool (*supported)();
};

// Best first; __builtin_cpu_supports asks whether the operating system saves the registers, too.
const Candidate candidates[] = {
#if defined(__x86_64__)
    {&avx512_kernels,
     [] {
       return bool(__builtin_cpu_supports("avx512f")) && bool(__builtin_cpu_supports("avx512vl")) &&
              bool(__builtin_cpu_supports("avx512bw")) && bool(__builtin_cpu_supports("avx512dq")) &&
              bool(__builtin_cpu_supports("fma"));
     }},
    {&avx2_kernels, [] { return bool(__builtin_cpu_supports("avx2")) && bool(__builtin_cpu_supports("fma")); }},
#elif defined(__aarch64__)
    {&neon_kernels, [] { return true; }},  // every 64-bit ARM has it
#endif
    {&scalar_kernels, [] { return true; }},
};

}  // namespace

const Kernels* select_kernels(const char* name) {
  for (const Candidate& candidate : candidates) {
    if (candidate.supported() && (!name || !std::strcmp(name, candidate.kernels->name))) return candidate.kernels;
  }
  return nullptr;
}

const char* supported_kernels(int i) {
  for (const Candidate& candidate : candidates) {
    if (candidate.supported() && i-- == 0) return candidate.kernels->name;
  }
  return nullptr;
}

}  // namespace hebb
