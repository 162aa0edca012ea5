// Runs the tests of the native core: runner [--filter TEXT] [--isa NAME] [--every N] [--list].
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "op_case.h"
#include "test.h"

namespace hebb::test {
namespace {

constexpr int kPrintedFailures = 10;  // of each test

long checks = 0, failures = 0, printed = 0, cases = 0;
int every = 1;
const char* isa = nullptr;
char case_text[512], variant_text[128], notes[1024];

void format_into(char* to, std::size_t size, const char* format, va_list arguments) {
  std::vsnprintf(to, size, format, arguments);
}

/// A read or write outside of guarded memory: says in which case, with nothing that a signal handler may not use.
void crashed(int signal_number) {
  const char* const texts[] = {"\ncrashed in: ", case_text, " ", variant_text, "\n"};
  for (const char* text : texts) {
    if (write(2, text, std::strlen(text)) < 0) break;
  }
  signal(signal_number, SIG_DFL);
  raise(signal_number);
}

/// An op that has no test is one that nobody would miss when it breaks.
void check_all_ops_were_tested() {
  for (const OpInfo& op : op_list()) {
    describe_case("op %s", op.name);
    check(OpCase::tested_ops().count(op.name) > 0, __FILE__, __LINE__, "every op of ops.def has a test");
  }
}

bool run_test(const Test& test) {
  const long checks_before = checks, failures_before = failures;
  printed = 0, cases = 0, case_text[0] = variant_text[0] = notes[0] = 0;
  const auto start = std::chrono::steady_clock::now();
  test.run();
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  const bool good = failures == failures_before;
  std::printf("%s %-44s %7ld checks %6.2f s%s\n", good ? "ok  " : "FAIL", test.name, checks - checks_before,
              seconds.count(), notes);
  std::fflush(stdout);
  return good;
}

int run_all(const char* filter, bool list) {
  int passed = 0, failed = 0;
  std::vector<Test> all = tests();
  if (!filter) all.push_back({"every_op_has_a_test", check_all_ops_were_tested});
  for (const Test& test : all) {
    if (filter && !std::strstr(test.name, filter)) continue;
    if (list) {
      std::puts(test.name);
      continue;
    }
    (run_test(test) ? passed : failed)++;
  }
  if (!list) std::printf("%d tests passed, %d failed, %ld checks, %ld failures\n", passed, failed, checks, failures);
  return failed == 0 && (list || passed > 0) ? 0 : 1;
}

}  // namespace

std::vector<Test>& tests() {
  static std::vector<Test> all;
  return all;
}

bool check(bool holds, const char* file, int line, const char* condition, const std::string& detail) {
  checks++;
  if (holds) return true;
  failures++;
  if (printed++ < kPrintedFailures) {
    std::printf("%s:%d: %s%s%s\n    in: %s %s\n", file, line, condition, detail.empty() ? "" : ": ", detail.c_str(),
                case_text, variant_text);
  }
  return false;
}

void describe_case(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  format_into(case_text, sizeof case_text, format, arguments);
  va_end(arguments);
  variant_text[0] = 0;
}

void describe_variant(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  format_into(variant_text, sizeof variant_text, format, arguments);
  va_end(arguments);
}

void note(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const std::size_t used = std::strlen(notes);
  std::snprintf(notes + used, sizeof notes - used, "  ");
  if (used + 2 < sizeof notes) format_into(notes + used + 2, sizeof notes - used - 2, format, arguments);
  va_end(arguments);
}

bool take_case() {
  // Scattered: cases take turns at activations, padding and so on, and each N-th would always meet the same of them.
  return (std::uint32_t(cases++) * 2654435761u >> 16) % std::uint32_t(every) == 0;
}

int thinning() { return every; }

const std::vector<const Kernels*>& instruction_sets() {
  static const std::vector<const Kernels*> all = [] {
    std::vector<const Kernels*> list;
    for (int i = 0; const char* name = supported_kernels(i); i++) {
      if (!isa || !std::strcmp(name, isa)) list.push_back(select_kernels(name));
    }
    return list;
  }();
  return all;
}

}  // namespace hebb::test

int main(int count, char** arguments) {
  using namespace hebb::test;
  const char* filter = nullptr;
  bool list = false;
  for (int i = 1; i < count; i++) {
    const auto is = [&](const char* name) { return !std::strcmp(arguments[i], name); };
    const char* value = i + 1 < count ? arguments[i + 1] : nullptr;
    if (is("--list")) {
      list = true;
    } else if (value && is("--filter")) {
      filter = value, i++;
    } else if (value && is("--isa")) {
      isa = value, i++;
    } else if (value && is("--every") && std::atoi(value) > 0) {
      every = std::atoi(value), i++;
    } else {
      std::fprintf(stderr, "runner [--filter TEXT] [--isa NAME] [--every N] [--list]; '%s' is none of these\n",
                   arguments[i]);
      return 2;
    }
  }
  if (instruction_sets().empty()) {
    std::fprintf(stderr, "this CPU has no instruction set '%s' that Hebb knows\n", isa);
    return 2;
  }
  std::setvbuf(stdout, nullptr, _IOLBF, 0);  // what was found before a crash is told
  signal(SIGSEGV, crashed);
  signal(SIGBUS, crashed);
  std::printf("instruction sets:");
  for (const hebb::Kernels* kernels : instruction_sets()) std::printf(" %s", kernels->name);
  std::printf("\n");
  return run_all(filter, list);
}
