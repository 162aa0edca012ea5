// Records instructions by the names of ops.def.
#pragma once
#include <cstring>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "program.h"

namespace hebb::test {

/// Code of the op called `name`.
inline std::size_t op_code(const char* name) {
  std::size_t op = 0;
  while (std::strcmp(op_list()[op].name, name)) op++;
  return op;
}

struct Recorder {
  struct Place {
    Space space;
    Size offset;
  };
  std::vector<double> code;
  Size arena_floats = 0, parameter_floats = 0;

  Place tensor(Size floats) { return {Space::arena, std::exchange(arena_floats, arena_floats + floats)}; }
  Place parameter(Size floats) {
    return {Space::parameters, std::exchange(parameter_floats, parameter_floats + floats)};
  }

  /// Sizes that are not named are 1, other parameters 0, and operands absent.
  void record(const char* name, const std::map<std::string, double>& parameters,
              const std::map<std::string, Place>& operands) {
    const OpInfo& op = op_list()[op_code(name)];
    code.push_back(double(op_code(name)));
    for (const auto& parameter : op.parameters) {
      const auto found = parameters.find(parameter.name);
      const double usual = std::strcmp(parameter.kind, "dim") ? 0 : 1;
      code.push_back(found == parameters.end() ? usual : found->second);
    }
    for (const auto& operand : op.operands) {
      const auto found = operands.find(operand.name);
      const Place place = found == operands.end() ? Place{Space::none, 0} : found->second;
      code.push_back(double(place.space)), code.push_back(double(place.offset));
    }
  }
};

}  // namespace hebb::test
