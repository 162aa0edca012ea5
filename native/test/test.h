// A small test framework: tests register themselves, checks are counted, and a failure names the case that it fell in.
#pragma once
#include <string>
#include <vector>

#include "kernels/kernels.h"

namespace hebb::test {

struct Test {
  const char* name;
  void (*run)();
};
std::vector<Test>& tests();

struct Registration {
  Registration(const char* name, void (*run)()) { tests().push_back({name, run}); }
};
#define TEST(name)                                                      \
  static void name();                                                   \
  static const ::hebb::test::Registration register_##name(#name, name); \
  static void name()

/// Counts a check; where it does not hold, prints the place, the case and `detail`. @return whether it holds
bool check(bool holds, const char* file, int line, const char* condition, const std::string& detail = {});
#define EXPECT(...) ::hebb::test::check(bool(__VA_ARGS__), __FILE__, __LINE__, #__VA_ARGS__)

/// Says what is being tested, for failures and crashes; the part after it tells variants of the case apart.
[[gnu::format(printf, 1, 2)]] void describe_case(const char* format, ...);
[[gnu::format(printf, 1, 2)]] void describe_variant(const char* format, ...);

/// Whether the next case of a sweep runs: all do, or with --every N each N-th (for sanitizers and emulators).
bool take_case();
/// The N of --every, otherwise 1.
int thinning();

/// The instruction sets of this CPU, best first; with --isa that one.
const std::vector<const Kernels*>& instruction_sets();

/// Adds a line to what the test prints beside its name.
[[gnu::format(printf, 1, 2)]] void note(const char* format, ...);

}  // namespace hebb::test
