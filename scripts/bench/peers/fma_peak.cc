// The FMA peak: what multiply-adds in registers alone reach, the physical limit of every product. x86 only.
// Reads a request a line, {"seconds": S, "threads": N}, and answers {"peer", "isa", "threads", "gflops"}.
//   g++ -O2 -pthread fma_peak.cc
#include <immintrin.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

// Twelve chains hide the latency of four cycles in two units.
#define CHAINS(F) F(a0) F(a1) F(a2) F(a3) F(a4) F(a5) F(a6) F(a7) F(a8) F(a9) F(a10) F(a11)
constexpr int kChains = 12;

#define DEFINE_CHAINS(name, target_name, vector, set)                                                              \
  __attribute__((target(target_name), noinline)) void name(long turns) {                                           \
    vector a0 = set(0), a1 = a0, a2 = a0, a3 = a0, a4 = a0, a5 = a0, a6 = a0, a7 = a0, a8 = a0, a9 = a0, a10 = a0, \
           a11 = a0, x = set(1.0000001f), y = set(0.9999f);                                                        \
    for (long i = 0; i < turns; i++) {                                                                             \
      CHAINS(TURN)                                                                                                 \
    }                                                                                                              \
  }
#define TURN(a) asm volatile("vfmadd231ps %1, %2, %0" : "+v"(a) : "v"(x), "v"(y));
DEFINE_CHAINS(avx512, "avx512f", __m512, _mm512_set1_ps)
#undef TURN
#define TURN(a) asm volatile("vfmadd231ps %1, %2, %0" : "+x"(a) : "x"(x), "x"(y));
DEFINE_CHAINS(avx2, "avx2,fma", __m256, _mm256_set1_ps)

struct Isa {
  const char* name;
  int floats;
  void (*run)(long turns);
};

/// GFLOP/s of the best block in a window. A block of one thread takes about a millisecond, so that some go undisturbed
/// on a busy machine; with more it is longer, for starting threads takes time as well.
double measure(const Isa& isa, int threads, double seconds) {
  const long turns = threads == 1 ? 400000 : 4000000;
  double best = 0;
  const auto end = Clock::now() + std::chrono::duration<double>(seconds);
  do {
    const auto start = Clock::now();
    std::vector<std::thread> others;
    for (int t = 1; t < threads; t++) others.emplace_back(isa.run, turns);
    isa.run(turns);
    for (auto& other : others) other.join();
    const double took = std::chrono::duration<double>(Clock::now() - start).count();
    best = std::max(best, threads * double(turns) * kChains * 2 * isa.floats / took / 1e9);
  } while (Clock::now() < end);
  return best;
}

double number(const char* line, const char* key, double otherwise) {
  const char* at = std::strstr(line, key);
  return at ? std::atof(at + std::strlen(key)) : otherwise;
}

}  // namespace

int main() {
  std::vector<Isa> isas;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) isas.push_back({"avx2", 8, avx2});
  if (__builtin_cpu_supports("avx512f")) isas.push_back({"avx512", 16, avx512});
  if (isas.empty()) return std::fprintf(stderr, "this CPU has no FMA\n"), 1;
  std::puts("{\"peer\": \"fma-peak\"}");
  std::fflush(stdout);
  char line[4096];
  while (std::fgets(line, sizeof line, stdin)) {
    const double seconds = number(line, "\"seconds\":", 0.2);
    const int threads = int(number(line, "\"threads\":", 1));
    const Isa* best = nullptr;
    double gflops = 0;
    for (const Isa& isa : isas) {
      const double reached = measure(isa, threads, seconds / double(isas.size()));
      if (reached > gflops) gflops = reached, best = &isa;
    }
    std::printf("{\"peer\": \"fma-peak\", \"isa\": \"%s\", \"threads\": %d, \"gflops\": %.2f}\n", best->name, threads,
                gflops);
    std::fflush(stdout);
  }
}
