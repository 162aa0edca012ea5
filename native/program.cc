#include "program.h"

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <cstring>

namespace hebb {

Floats allocate_floats(Size count) {
  if (count < 0 || std::size_t(count) > std::size_t(-1) / 8) return nullptr;
  const std::size_t bytes = (std::size_t(count) * sizeof(float) + 127) / 64 * 64;
  void* memory = nullptr;
  if (posix_memalign(&memory, 64, bytes) != 0) return nullptr;
  std::memset(memory, 0, bytes);
  return Floats(static_cast<float*>(memory), [](float* p) { std::free(p); });
}

// Each op's run function lives in ops/*.cc.
#define OP(name, parameters, operands, constraints) void run(const name##_args& args, Step& step);
#include "ops.def"

namespace {

/// Floats that a program keeps of what it works out of its parameters, at most: transformed weights are four times as
/// many.
constexpr Size kMostKept = 1 << 24;

template <class Args>
class InstructionOf final : public Instruction {
 public:
  void run(Step& step) const override { hebb::run(args, step); }
  ScratchNeed scratch(const Kernels& kernels, Size rows) const override { return hebb::scratch(args, kernels, rows); }
  Args args;
};

constexpr double kLargestDim = 2147483647.0;

}  // namespace

/// Reads a program's code and checks each instruction against the list of ops and the memory there is.
class Loader {
 public:
  /// @param arena, parameters where the operands will lie; they are not looked at
  Loader(const ProgramSpec& spec, Program& program, float* arena, float* parameters)
      : spec_(spec), program_(program), arena_(arena), parameters_(parameters), rows(double(spec.rows)) {}

  std::string load() {
    while (error_.empty() && at_ < spec_.code.size()) {
      const double code = next();
      const auto& ops = op_list();
      if (!(code >= 0 && code < double(ops.size())) || code != std::floor(code)) {
        fail("no op has the code " + number(code));
        break;
      }
      op_ = &ops[std::size_t(code)];
      // A truncated last instruction: all that follows would read past the end.
      if (at_ + op_->parameters.size() + 2 * op_->operands.size() > spec_.code.size()) {
        fail("the code ends within the instruction");
        break;
      }
      load_op(int(code));
    }
    return error_;
  }

 private:
  double next() { return spec_.code[at_++]; }

  static std::string number(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.17g", value);
    return text;
  }

  void fail(const std::string& text) {
    if (!error_.empty()) return;
    error_ = "instruction " + std::to_string(program_.instructions_.size());
    if (op_) error_ += std::string(" (") + op_->name + ")";
    error_ += ": " + text;
  }

  double whole(const char* name, double least, double most) {
    const double value = next();
    if (value >= least && value <= most && value == std::floor(value)) return value;
    fail(std::string(name) + " must be a whole number from " + number(least) + " to " + number(most) + ", got " +
         number(value));
    return least;
  }

  double real(const char* name) {
    const double value = next();
    if (std::isfinite(value) && std::fabs(value) <= 3.4e38) return value;
    fail(std::string(name) + " must be a finite number, got " + number(value));
    return 0;
  }

  float* operand(const char* name, double floats, bool optional) {
    const double space = next(), offset = next();
    if (space == double(Space::none)) {
      if (!optional) fail(std::string("operand ") + name + " is missing");
      return nullptr;
    }
    const bool in_arena = space == double(Space::arena);
    if (!in_arena && space != double(Space::parameters)) {
      fail(std::string("operand ") + name + " is in no known space: " + number(space));
      return nullptr;
    }
    const double available = double(in_arena ? spec_.arena_floats : spec_.parameter_floats);
    if (!(offset >= 0) || offset != std::floor(offset) || !(offset + floats <= available)) {
      fail(std::string("operand ") + name + " takes " + number(floats) + " floats from " + number(offset) + " of " +
           (in_arena ? "an arena" : "parameters") + " of " + number(available));
      return nullptr;
    }
    if (std::strcmp(name, "w") == 0) weights_are_parameters_ = !in_arena;
    return (in_arena ? arena_ : parameters_) + Size(offset);
  }

  void slot_need(int slot, Size elements, bool classes) {
    auto& need = program_.slots_[slot];
    if (need && (need->elements != elements || need->classes != classes)) fail("the slot is gathered in two ways");
    need = Program::SlotNeed{elements, classes};
  }
  template <class Args>
  void note_slots(const Args&) {}
  void note_slots(const gather_args& args) { slot_need(args.slot, args.elements, false); }
  void note_slots(const gather_affine_args& args) { slot_need(args.slot, args.elements, false); }
  void note_slots(const gather_classes_args& args) { slot_need(args.slot, 1, true); }

#define DIM(name)                                   \
  const double name = whole(#name, 1, kLargestDim); \
  args.name = Size(name);
#define INDEX(name)                                 \
  const double name = whole(#name, 0, kLargestDim); \
  args.name = Size(name);
#define REAL(name)                                  \
  [[maybe_unused]] const double name = real(#name); \
  args.name = name;
#define ACTIVATION(name) args.name = Activation(int(whole(#name, 0, double(Activation::count) - 1)));
#define SLOT(name) args.name = int(whole(#name, 0, kSlots - 1));
#define VALUE(name) args.name = int(whole(#name, 0, kValues - 1));
#define IN(name, floats) args.name = operand(#name, floats, false);
#define IN_OPTIONAL(name, floats) args.name = operand(#name, floats, true);
#define OUT(name, floats) args.name = operand(#name, floats, false);
#define INOUT(name, floats) args.name = operand(#name, floats, false);
#define INOUT_OPTIONAL(name, floats) args.name = operand(#name, floats, true);
#define CHECK(condition, text) \
  if (!(condition)) fail(text);
#define OP(op, parameters, operands, constraints)                                 \
  void load_##op() {                                                              \
    auto instruction = std::make_unique<InstructionOf<op##_args>>();              \
    weights_are_parameters_ = false;                                              \
    auto& args = instruction->args;                                               \
    parameters operands constraints note_slots(args);                             \
    instruction->name = #op;                                                      \
    instruction->weights_stay = spec_.constant && weights_are_parameters_;        \
    if (error_.empty()) program_.instructions_.push_back(std::move(instruction)); \
  }
#include "ops.def"

  void load_op(int code) {
    int i = 0;
#define OP(op, parameters, operands, constraints) \
  if (code == i++) return load_##op();
#include "ops.def"
  }

  const ProgramSpec& spec_;
  Program& program_;
  float *const arena_, *const parameters_;
  const OpInfo* op_ = nullptr;
  std::size_t at_ = 0;
  std::string error_;
  bool weights_are_parameters_ = false;
  const double rows;  // named as ops.def names it
};

const std::vector<OpInfo>& op_list() {
#define DIM(name) {#name, "dim"},
#define INDEX(name) {#name, "index"},
#define REAL(name) {#name, "real"},
#define ACTIVATION(name) {#name, "activation"},
#define SLOT(name) {#name, "slot"},
#define VALUE(name) {#name, "value"},
#define IN(name, floats) {#name, true, false, false},
#define IN_OPTIONAL(name, floats) {#name, true, false, true},
#define OUT(name, floats) {#name, false, true, false},
#define INOUT(name, floats) {#name, true, true, false},
#define INOUT_OPTIONAL(name, floats) {#name, true, true, true},
#define OP(name, parameters, operands, constraints) {#name, {parameters}, {operands}},
  static const std::vector<OpInfo> list = {
#include "ops.def"
  };
  return list;
}

std::vector<Size> Program::kept_sizes() const {
  std::vector<Size> sizes;
  Size left = kMostKept;
  for (const auto& instruction : instructions_) {
    Size size = instruction->weights_stay ? (instruction->scratch(*kernels_, rows_).kept + 15) / 16 * 16 : 0;
    if (size > left) size = 0;
    left -= size;
    sizes.push_back(size);
  }
  return sizes;
}

ScratchNeed Program::need() const {
  ScratchNeed most;
  for (const auto& instruction : instructions_) {
    const ScratchNeed need = instruction->scratch(*kernels_, rows_);
    if (need.shared > most.shared) most.shared = need.shared;
    if (need.per_thread > most.per_thread) most.per_thread = need.per_thread;
  }
  for (Size size : kept_sizes()) most.kept += size;
  // Threads on neighbouring scratch must not share a cache line.
  most.per_thread = (most.per_thread + 31) / 16 * 16;
  return most;
}

ScratchNeed Program::measure(const ProgramSpec& spec, std::string* error) {
  Program program;
  program.rows_ = spec.rows;
  program.kernels_ = spec.kernels;
  float nowhere;
  *error = Loader(spec, program, &nowhere, &nowhere).load();
  return error->empty() ? program.need() : ScratchNeed{};
}

std::unique_ptr<Program> Program::create(ProgramSpec spec, std::string* error) {
  auto program = std::make_unique<Program>();
  program->arena_ = allocate_floats(spec.arena_floats);
  if (!program->arena_) {
    *error = "no memory for an arena of " + std::to_string(spec.arena_floats) + " floats";
    return nullptr;
  }
  program->arena_floats_ = spec.arena_floats;
  program->parameters_ = spec.parameters;
  program->rows_ = spec.rows;
  program->kernels_ = spec.kernels;
  *error = Loader(spec, *program, program->arena_.get(), program->parameters_.get()).load();
  if (!error->empty()) return nullptr;
  program->scratch_ = program->need();
  program->shared_scratch_ = allocate_floats(program->scratch_.shared);
  program->thread_scratch_ = allocate_floats(program->scratch_.per_thread);
  program->scratch_threads_ = 1;
  if (!program->shared_scratch_ || !program->thread_scratch_) {
    *error = "no memory for " + std::to_string(program->scratch_.shared + program->scratch_.per_thread) +
             " floats of scratch";
    return nullptr;
  }
  program->keep();
  return program;
}

void Program::keep() {
  if (scratch_.kept == 0) return;
  kept_ = allocate_floats(scratch_.kept);
  if (!kept_) return;  // with less memory than hoped for it is worked out each time
  float* place = kept_.get();
  for (Size size : kept_sizes()) {
    kept_places_.push_back(size == 0 ? nullptr : place);
    place += size;
  }
  kept_is_filled_.assign(instructions_.size(), false);
}

void Program::prepare(Step& step, int threads) {
  if (threads > scratch_threads_) {
    Floats scratch = allocate_floats(scratch_.per_thread * threads);
    // With less memory than hoped for, run on as many threads as there is scratch.
    if (scratch) thread_scratch_ = scratch, scratch_threads_ = threads;
  }
  step.threads = threads < scratch_threads_ ? threads : scratch_threads_;
  step.kernels = kernels_;
  step.shared_scratch = shared_scratch_.get();
  step.thread_scratch = thread_scratch_.get();
  step.thread_scratch_floats = scratch_.per_thread;
}

std::string Program::check(const TrainRequest& request) const {
  if (request.batch < 1 || request.batch > rows_) return "the batch must have 1 to " + std::to_string(rows_) + " rows";
  const Size steps = (Size(request.order.size()) + request.batch - 1) / request.batch;
  if (request.first_step < 0 || request.first_step > steps) return "first step past the end of the order";
  if (request.learning_rates.size() > 1 && Size(request.learning_rates.size()) < steps - request.first_step) {
    return "fewer learning rates than steps";
  }
  Size rows = -1;
  for (int i = 0; i < kSlots; i++) {
    if (!slots_[i]) continue;
    const Source& source = request.sources[i];
    const std::string slot = "slot " + std::to_string(i);
    if (!source.data) return slot + " has no source";
    if (source.elements != slots_[i]->elements) {
      return slot + " takes rows of " + std::to_string(slots_[i]->elements) + " elements, got " +
             std::to_string(source.elements);
    }
    if ((source.type == Source::Type::int32) != slots_[i]->classes) return slot + " has the wrong type";
    if (rows < 0 || source.rows < rows) rows = source.rows;
  }
  for (std::uint32_t index : request.order) {
    if (rows >= 0 && Size(index) >= rows) {
      return "row " + std::to_string(index) + " of a source of " + std::to_string(rows) + " rows";
    }
  }
  return {};
}

bool Program::run_step(Step& step) {
  for (const auto& instruction : instructions_) {
    if (cancelled.load(std::memory_order_relaxed)) return false;
    instruction->run(step);
  }
  return true;
}

bool Program::run_step_timed(Step& step, std::vector<double>& nanoseconds) {
  auto before = std::chrono::steady_clock::now();
  for (std::size_t i = 0; i < instructions_.size(); i++) {
    if (cancelled.load(std::memory_order_relaxed)) return false;
    instructions_[i]->run(step);
    const auto after = std::chrono::steady_clock::now();
    nanoseconds[i] += std::chrono::duration<double, std::nano>(after - before).count();
    before = after;
  }
  return true;
}

Size Program::train(const TrainRequest& request, std::vector<double>* values, std::vector<double>* nanoseconds) {
  FlushDenormals flush;
  Step step;
  prepare(step, request.threads);
  for (int i = 0; i < kSlots; i++) step.sources[i] = request.sources[i];
  step.seed = request.seed, step.epoch = request.epoch;
  const auto start = std::chrono::steady_clock::now();
  const Size total = (Size(request.order.size()) + request.batch - 1) / request.batch;
  Size done = 0;
  for (Size s = request.first_step; s < total; s++) {
    const Size first = s * request.batch, left = Size(request.order.size()) - first;
    step.order = request.order.data() + first;
    step.rows = left < request.batch ? left : request.batch;
    step.step = request.global_step + std::uint32_t(done);
    const auto& rates = request.learning_rates;
    step.learning_rate = rates.empty() ? 0 : rates.size() == 1 ? rates[0] : rates[std::size_t(done)];
    for (double& value : step.values) value = 0;
    if (!(nanoseconds ? run_step_timed(step, *nanoseconds) : run_step(step))) return done;
    values->insert(values->end(), step.values, step.values + request.values);
    done++;
    const std::chrono::duration<double, std::milli> elapsed = std::chrono::steady_clock::now() - start;
    if (elapsed.count() >= request.budget_ms) break;
  }
  return done;
}

void Program::run(Size from, Size to, Size rows, int threads) {
  FlushDenormals flush;
  Step step;
  prepare(step, threads);
  step.rows = rows;
  for (std::size_t i = std::size_t(from); i < std::size_t(to); i++) {
    if (!kept_places_.empty()) {
      step.kept = kept_places_[i];
      step.kept_is_filled = step.kept && kept_is_filled_[i];
      kept_is_filled_[i] = true;
    }
    instructions_[i]->run(step);
  }
}

}  // namespace hebb
