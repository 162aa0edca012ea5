// A program: a flat list of instructions over named memory, checked once when it is made and then run many times.
// No branches, no loops, no views: replay has no checks.
#pragma once
#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "ops/op.h"

namespace hebb {

/// Aligned floats with one owner count; programs keep the memory that they address alive.
using Floats = std::shared_ptr<float[]>;
/// Zeroed memory at a 64-byte boundary; null where the system has not so much.
Floats allocate_floats(Size count);

struct OpInfo {
  struct Parameter {
    const char *name, *kind;
  };
  struct Operand {
    const char* name;
    bool reads, writes, optional;
  };
  const char* name;
  std::vector<Parameter> parameters;
  std::vector<Operand> operands;
};

/// The list of ops, in the order of their codes.
const std::vector<OpInfo>& op_list();

/// Memory that operands address: arena (one a program) and parameters (shared by the programs of a network).
enum class Space : int { none, arena, parameters };

struct ProgramSpec {
  /// Instruction after instruction: op code; its parameters; for each operand its space and its offset in floats.
  std::vector<double> code;
  Size rows = 0;  // of the largest batch
  Size arena_floats = 0;
  Floats parameters;
  Size parameter_floats = 0;
  const Kernels* kernels = nullptr;
  /// The parameters stay as they are from the first run on: what instructions work out of them is kept.
  bool constant = false;
};

/// A run over a list of rows: step s takes rows order[s * batch] and on, the last one what is left.
struct TrainRequest {
  Source sources[kSlots];
  std::shared_ptr<void> owners[kSlots];  // keep the sources' memory alive
  std::vector<std::uint32_t> order;
  Size batch = 0;
  Size first_step = 0;                 // within the order
  std::vector<double> learning_rates;  // by step from first_step on, or one for all
  std::uint32_t seed = 0, epoch = 0;
  std::uint32_t global_step = 0;  // of first_step, counted from 0 over the whole training
  double budget_ms = 0;           // stop after the step that passes this; at least one step runs
  int threads = 1;
  int values = 0;
};

class Program {
 public:
  /// What the instructions of a program want of scratch memory; the program is checked, but nothing is allocated.
  /// @return with a message in `error` where the checker refuses it
  static ScratchNeed measure(const ProgramSpec& spec, std::string* error);
  /// @return the program, or null with a message that names the instruction and what is wrong with it
  static std::unique_ptr<Program> create(ProgramSpec spec, std::string* error);

  /// Runs steps until the order ends, the budget is used or `cancelled` is seen. Appends request.values numbers a step.
  /// @param nanoseconds where given, size() sums that each instruction adds its time to; the results are the same
  /// @return number of whole steps that ran
  Size train(const TrainRequest& request, std::vector<double>* values, std::vector<double>* nanoseconds = nullptr);
  /// Runs instructions [from, to) on what the arena holds. @param rows at most rows()
  void run(Size from, Size to, Size rows, int threads);

  /// Why a request does not fit this program; empty where it does.
  std::string check(const TrainRequest& request) const;

  /// Taken by whoever runs or reads the program; a second run waits.
  std::mutex& mutex() { return mutex_; }
  std::atomic<bool> cancelled{false};

  Size rows() const { return rows_; }
  Size size() const { return Size(instructions_.size()); }
  const char* name(Size i) const { return instructions_[std::size_t(i)]->name; }
  float* arena() { return arena_.get(); }
  Size arena_floats() const { return arena_floats_; }

 private:
  /// What the gather of a slot needs of its source.
  struct SlotNeed {
    Size elements = 0;
    bool classes = false;
  };
  ScratchNeed need() const;
  /// Floats that each instruction keeps: none beyond the limit for all.
  std::vector<Size> kept_sizes() const;
  void keep();
  void prepare(Step& step, int threads);
  /// Runs all instructions; false where `cancelled` was seen before the last.
  bool run_step(Step& step);
  /// As run_step, and adds the time of each instruction: a loop of its own, so that training does not pay for it.
  bool run_step_timed(Step& step, std::vector<double>& nanoseconds);

  std::vector<std::unique_ptr<Instruction>> instructions_;
  std::optional<SlotNeed> slots_[kSlots];
  Floats arena_, parameters_, shared_scratch_, thread_scratch_, kept_;
  /// Where each instruction keeps something; null where it does not. Empty in a program that keeps nothing.
  std::vector<float*> kept_places_;
  std::vector<bool> kept_is_filled_;
  Size rows_ = 0, arena_floats_ = 0;
  ScratchNeed scratch_;
  int scratch_threads_ = 0;
  const Kernels* kernels_ = nullptr;
  std::mutex mutex_;

  friend class Loader;
};

}  // namespace hebb
