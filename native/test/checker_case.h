// Codes for the checker, and what it says to them.
#pragma once
#include <cstring>
#include <string>
#include <vector>

#include "recorder.h"
#include "test.h"

namespace hebb::test {

/// The largest operand of a fixed size is a table of so many floats.
constexpr Size kTable = 1 << 16;
constexpr Size kArena = kTable + 64, kParameters = kTable + 8, kRows = 2;

/// Every dim 1, every real number 0.5 and all else 0: the smallest instruction of any op, with its operands at the
/// start of the arena.
inline std::vector<double> smallest(std::size_t op) {
  std::vector<double> code{double(op)};
  for (const auto& parameter : op_list()[op].parameters) {
    const auto is = [&](const char* kind) { return !std::strcmp(parameter.kind, kind); };
    code.push_back(is("dim") ? 1 : is("real") ? 0.5 : 0);
  }
  for (std::size_t i = 0; i < op_list()[op].operands.size(); i++) {
    code.push_back(double(Space::arena)), code.push_back(0);
  }
  return code;
}

inline ProgramSpec spec_of(std::vector<double> code) {
  ProgramSpec spec;
  spec.code = std::move(code), spec.rows = kRows, spec.arena_floats = kArena;
  spec.parameters = allocate_floats(kParameters), spec.parameter_floats = kParameters;
  spec.kernels = instruction_sets()[0];
  return spec;
}

/// The checker's answer to a code; empty where it is taken.
inline std::string answer(std::vector<double> code) {
  std::string error;
  const auto program = Program::create(spec_of(std::move(code)), &error);
  EXPECT((program != nullptr) == error.empty());
  return error;
}

inline void refused(std::vector<double> code, const char* expected) {
  const std::string error = answer(std::move(code));
  check(error.find(expected) != std::string::npos, __FILE__, __LINE__, expected, error.empty() ? "taken" : error);
}

}  // namespace hebb::test
