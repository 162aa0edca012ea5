// One op alone in a program, run in every way that must give the same bits and compared with what a naive loop says.
#pragma once
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "program.h"
#include "values.h"

namespace hebb::test {

/// What a run left behind: operands that were written, by name, and the step's values.
struct Results {
  std::map<std::string, std::vector<float>> operands;
  std::vector<double> values;
  const std::vector<float>& operator[](const char* name) const { return operands.at(name); }
};

class OpCase {
 public:
  /// @param rows of the batch; the program is made for `spare` more, which must stay untouched
  OpCase(const char* op, Size rows, Size spare = 0);

  OpCase& set(const char* parameter, double value);
  /// Operands: `values` for the batch or, with whole(), for the whole program (weights).
  OpCase& batch(const char* operand, std::vector<float> values);
  OpCase& whole(const char* operand, std::vector<float> values);
  OpCase& batch_result(const char* operand, Size floats_of_a_row);
  OpCase& whole_result(const char* operand, Size floats);
  /// An operand that is read and written.
  OpCase& changing(const char* operand, std::vector<float> values);
  /// Puts a result over an input of the same size.
  OpCase& over(const char* result, const char* input);

  /// What a step has beside its operands (sources, seed, learning rate…): request.order is filled where it is empty.
  TrainRequest request;
  /// Results depend on the request: the op is run as a training step only.
  bool training_only = false;
  /// A row alone has the bits that it has among others.
  bool rows_independent = false;

  /// Runs the case on every instruction set with 1, 2, 3 and 8 threads, as a training step and as a prediction, with
  /// rows alone and over stale scratch memory; checks that bits agree and that nothing else was touched, and hands the
  /// results to `compare` once an instruction set.
  void run(const std::function<void(const Results&, const Kernels&)>& compare) const;

  /// One training step on one instruction set.
  Results step(const Kernels& kernels, int threads) const;
  Results prediction(const Kernels& kernels, int threads) const;

  const std::vector<float>& input(const char* operand) const { return operands_.at(operand).values; }
  std::vector<float>& input(const char* operand) { return operands_.at(operand).values; }
  const char* op() const { return op_ ? op_->name : ""; }

  /// Ops for which a case has run.
  static std::set<std::string>& tested_ops();

 private:
  enum class Role { input, result, changing };
  struct Operand {
    Role role = Role::input;
    bool batch = false;
    Size row_floats = 0;  // floats of a row, or of all where not `batch`
    std::vector<float> values;
    std::string over;
  };
  struct Place {
    Space space;
    Size offset, floats;
  };
  struct Layout {
    std::map<std::string, Place> places;
    Size arena_floats = 0, parameter_floats = 0;
  };
  class Running;

  OpCase& add(const char* operand, Role role, bool batch, Size row_floats, std::vector<float> values);
  Layout layout() const;
  std::vector<double> code(const Layout& layout) const;
  void check_sizes_are_needed(const Layout& layout, const Kernels& kernels) const;

  const OpInfo* op_ = nullptr;
  double op_code_ = 0;
  Size rows_, spare_;
  std::map<std::string, double> parameters_;
  std::map<std::string, Operand> operands_;
};

}  // namespace hebb::test
