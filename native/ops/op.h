// An op's arguments as plain structs, made from ops.def, and what a running instruction may use.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "../kernels/kernels.h"
#include "../thread_pool.h"

namespace hebb {

/// Rows of a dataset, bound to a slot of a run.
struct Source {
  enum class Type { uint8, float32, int32 };
  const unsigned char* data = nullptr;
  Type type = Type::float32;
  Size rows = 0, elements = 0;
};

constexpr int kSlots = 3;  // inputs, targets and weights of rows
constexpr int kValues = 4;

/// What holds while one step runs.
struct Step {
  const Kernels* kernels = nullptr;
  int threads = 1;
  Size rows = 0;
  Source sources[kSlots];
  const std::uint32_t* order = nullptr;         // (rows) indices into the sources
  std::uint32_t seed = 0, epoch = 0, step = 0;  // step: counted from 0 over the whole training
  double learning_rate = 0;
  double values[kValues] = {};
  /// Of the instruction alone, in a program whose parameters stay as they are: what it works out of them once.
  float* kept = nullptr;
  bool kept_is_filled = false;
  float* shared_scratch = nullptr;
  float* thread_scratch = nullptr;  // (threads, thread_scratch_floats)
  Size thread_scratch_floats = 0;

  float* scratch_of(int thread) const { return thread_scratch + thread * thread_scratch_floats; }
};

/// Scratch memory in floats that an instruction wants: once, and for each thread, shared by all instructions of a
/// program; and for itself, where it can keep what it works out of the parameters.
struct ScratchNeed {
  Size shared = 0, per_thread = 0, kept = 0;
};

// One struct an op: its parameters and operands under their names.
#define DIM(name) Size name;
#define INDEX(name) Size name;
#define REAL(name) double name;
#define ACTIVATION(name) Activation name;
#define SLOT(name) int name;
#define VALUE(name) int name;
#define IN(name, floats) const float* name;
#define IN_OPTIONAL(name, floats) const float* name;
#define OUT(name, floats) float* name;
#define INOUT(name, floats) float* name;
#define INOUT_OPTIONAL(name, floats) float* name;
#define OP(name, parameters, operands, constraints) \
  struct name##_args {                              \
    parameters operands                             \
  };
#include "../ops.def"

/// A checked instruction, ready to run.
class Instruction {
 public:
  virtual ~Instruction() = default;
  virtual void run(Step& step) const = 0;
  virtual ScratchNeed scratch(const Kernels& kernels, Size rows) const = 0;
  const char* name = "";
  /// Its weights are parameters, in a program whose parameters stay as they are.
  bool weights_stay = false;
};

/// Ops that need scratch memory have an overload; the rest need none.
template <class Args>
ScratchNeed scratch(const Args&, const Kernels&, Size /*rows*/) {
  return {};
}
ScratchNeed scratch(const dense_args& args, const Kernels& kernels, Size rows);
ScratchNeed scratch(const dense_backward_input_args& args, const Kernels& kernels, Size rows);
ScratchNeed scratch(const dense_backward_weight_args& args, const Kernels& kernels, Size rows);
ScratchNeed scratch(const dense_sgd_args& args, const Kernels& kernels, Size rows);
ScratchNeed scratch(const bias_gradient_args& args, const Kernels& kernels, Size rows);
ScratchNeed scratch(const conv2d_args& args, const Kernels& kernels, Size rows);
ScratchNeed scratch(const conv2d_backward_input_args& args, const Kernels& kernels, Size rows);
ScratchNeed scratch(const conv2d_backward_weight_args& args, const Kernels& kernels, Size rows);
ScratchNeed scratch(const prelu_slope_gradient_args& args, const Kernels& kernels, Size rows);
ScratchNeed scratch(const channel_moments_args& args, const Kernels& kernels, Size rows);
ScratchNeed scratch(const batch_norm_args& args, const Kernels& kernels, Size rows);
ScratchNeed scratch(const batch_norm_backward_args& args, const Kernels& kernels, Size rows);
ScratchNeed scratch(const layer_norm_backward_args& args, const Kernels& kernels, Size rows);

/// Elements per task of an elementwise op.
constexpr Size kElementwiseTask = 1 << 15;
/// Below so many elements one thread does it all: they fit its cache, and fetching them from another's costs more.
constexpr Size kElementwiseSerial = 1 << 18;

/// Splits [0, n) into equal tasks by n alone and calls f(first, count).
template <class F>
void for_each_range(const Step& step, Size n, F f) {
  const int tasks = n < kElementwiseSerial ? 1 : int((n + kElementwiseTask - 1) / kElementwiseTask);
  parallel_for(tasks, step.threads, [&](int task, int) {
    const Size first = task * kElementwiseTask;
    f(first, tasks == 1 || first + kElementwiseTask > n ? n - first : kElementwiseTask);
  });
}

}  // namespace hebb
