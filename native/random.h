// Philox 4x32-10, a counter-based generator: a random number is a pure function of its key and counter, so there is no
// state to save. Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011, section 4.
#pragma once
#include <cstdint>

namespace hebb {

// static: each instruction set compiles its own copy, and none may be linked into the rest.

struct PhiloxKey {
  std::uint32_t seed, purpose;
};

struct PhiloxCounter {
  std::uint32_t block, step, epoch, stream;
};

static inline void philox(PhiloxKey key, PhiloxCounter counter, std::uint32_t out[4]) {
  std::uint32_t k0 = key.seed, k1 = key.purpose;
  std::uint32_t c0 = counter.block, c1 = counter.step, c2 = counter.epoch, c3 = counter.stream;
  for (int round = 0; round < 10; round++) {
    std::uint64_t p0 = std::uint64_t{0xD2511F53} * c0, p1 = std::uint64_t{0xCD9E8D57} * c2;
    std::uint32_t h0 = std::uint32_t(p0 >> 32), h1 = std::uint32_t(p1 >> 32);
    c0 = h1 ^ c1 ^ k0, c1 = std::uint32_t(p1);
    c2 = h0 ^ c3 ^ k1, c3 = std::uint32_t(p0);
    k0 += 0x9E3779B9, k1 += 0xBB67AE85;
  }
  out[0] = c0, out[1] = c1, out[2] = c2, out[3] = c3;
}

}  // namespace hebb
