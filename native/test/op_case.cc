#include "op_case.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "scratch_spoiler.h"

namespace hebb::test {
namespace {

constexpr Size kGuard = 19;                       // floats between operands; odd, so that they are not aligned
constexpr std::uint32_t kGuardBits = 0x7fa5a5a5;  // a NaN: whoever reads it shows it
const int kThreadCounts[] = {1, 2, 3, 8};

float guard_value() {
  float value;
  std::memcpy(&value, &kGuardBits, sizeof value);
  return value;
}

/// A mistake in a test itself: counted only where it is one.
void require(bool holds, const char* what, const std::string& detail) {
  if (!holds) check(false, __FILE__, __LINE__, what, detail);
}

bool is_guard(const float* p) { return !std::memcmp(p, &kGuardBits, sizeof kGuardBits); }

}  // namespace

/// A program made of the case for one instruction set, and its memory.
class OpCase::Running {
 public:
  /// @param spoil_scratch after each run
  /// @param constant the program keeps what it works out of its parameters
  Running(const OpCase& c, const Layout& layout, const Kernels& kernels, bool spoil_scratch = false,
          bool constant = false)
      : c_(c), layout_(layout) {
    parameters_ = allocate_floats(layout.parameter_floats);
    ProgramSpec spec;
    spec.code = c.code(layout), spec.rows = c.rows_ + c.spare_, spec.arena_floats = layout.arena_floats;
    if (spoil_scratch) append_spoiler(&spec);
    spec.constant = constant;
    spec.parameters = parameters_, spec.parameter_floats = layout.parameter_floats, spec.kernels = &kernels;
    std::string error;
    program_ = Program::create(spec, &error);
    check(program_ != nullptr, __FILE__, __LINE__, "the checker takes the program", error);
  }

  bool made() const { return program_ != nullptr; }

  /// One training step of the case's rows.
  Results train(int threads) {
    TrainRequest request = c_.request;
    request.batch = c_.rows_, request.threads = threads, request.values = kValues;
    if (request.order.empty()) request.order.assign(std::size_t(c_.rows_), 0);
    fill([](float value) { return value; });
    Results results;
    const std::string misfit = program_->check(request);
    if (!check(misfit.empty(), __FILE__, __LINE__, "the request fits the program", misfit)) return results;
    EXPECT(program_->train(request, &results.values) == 1);
    read(&results, c_.rows_);
    return results;
  }

  Results predict(int threads) {
    fill([](float value) { return value; });
    program_->run(0, 1, c_.rows_, threads);
    Results results;
    read(&results, c_.rows_);
    return results;
  }

  /// Leaves NaN wherever the op writes on its way: in scratch memory, if it relies on what an earlier run left there.
  void run_on_nans() {
    fill([](float) { return std::numeric_limits<float>::quiet_NaN(); });
    program_->run(0, 1, c_.rows_, 3);
  }

  Results predict_row(Size row) {
    fill([](float value) { return value; });
    for (const auto& [name, operand] : c_.operands_) {
      if (operand.role != Role::input || !operand.batch) continue;
      std::copy_n(operand.values.data() + row * operand.row_floats, operand.row_floats, at(name));
    }
    program_->run(0, 1, 1, 1);
    Results results;
    read(&results, 1, false);
    return results;
  }

 private:
  float* at(const std::string& name) const {
    const Place& place = layout_.places.at(name);
    return (place.space == Space::arena ? program_->arena() : parameters_.get()) + place.offset;
  }

  template <class F>
  void fill(F change) {
    std::fill_n(program_->arena(), program_->arena_floats(), guard_value());
    std::fill_n(parameters_.get(), layout_.parameter_floats, guard_value());
    for (const auto& [name, operand] : c_.operands_) {
      std::transform(operand.values.begin(), operand.values.end(), at(name), change);
    }
  }

  /// Takes the results; what lies outside of them must be as fill() left it.
  void read(Results* results, Size rows, bool check_inputs = true) const {
    for (const auto& [name, operand] : c_.operands_) {
      if (operand.role == Role::input) {
        const bool written_over = std::any_of(c_.operands_.begin(), c_.operands_.end(),
                                              [&over = name](const auto& other) { return other.second.over == over; });
        if (check_inputs && !written_over) {
          check_same_bits((name + ", which is only read,").c_str(), at(name), operand.values.data(),
                          Size(operand.values.size()));
        }
        continue;
      }
      const float* from = at(name);
      results->operands[name].assign(from, from + operand.row_floats * (operand.batch ? rows : 1));
    }
    check_guards(program_->arena(), layout_.arena_floats, Space::arena, rows);
    check_guards(parameters_.get(), layout_.parameter_floats, Space::parameters, rows);
  }

  void check_guards(const float* memory, Size floats, Space space, Size rows) const {
    std::vector<bool> used(static_cast<std::size_t>(floats));
    for (const auto& [name, operand] : c_.operands_) {
      const Place& place = layout_.places.at(name);
      if (place.space != space) continue;
      const Size written =
          operand.role != Role::result ? Size(operand.values.size()) : operand.row_floats * (operand.batch ? rows : 1);
      std::fill_n(used.begin() + place.offset, written, true);
    }
    Size first = -1;
    for (Size i = 0; i < floats && first < 0; i++) {
      if (!used[std::size_t(i)] && !is_guard(memory + i)) first = i;
    }
    check(first < 0, __FILE__, __LINE__, "nothing outside of the results is written",
          "float " + std::to_string(first) + " of " + std::to_string(floats));
  }

  const OpCase& c_;
  const Layout& layout_;
  Floats parameters_;
  std::unique_ptr<Program> program_;
};

OpCase::OpCase(const char* op, Size rows, Size spare) : rows_(rows), spare_(spare) {
  const auto& ops = op_list();
  for (std::size_t i = 0; i < ops.size(); i++) {
    if (!std::strcmp(ops[i].name, op)) op_ = &ops[i], op_code_ = double(i);
  }
  require(op_ != nullptr, "ops.def has the op", op);
}

OpCase& OpCase::set(const char* parameter, double value) {
  parameters_[parameter] = value;
  return *this;
}

OpCase& OpCase::add(const char* operand, Role role, bool batch, Size row_floats, std::vector<float> values) {
  operands_[operand] = {role, batch, row_floats, std::move(values), {}};
  return *this;
}

OpCase& OpCase::batch(const char* operand, std::vector<float> values) {
  const Size row_floats = Size(values.size()) / rows_;
  return add(operand, Role::input, true, row_floats, std::move(values));
}

OpCase& OpCase::whole(const char* operand, std::vector<float> values) {
  const Size floats = Size(values.size());
  return add(operand, Role::input, false, floats, std::move(values));
}

OpCase& OpCase::batch_result(const char* operand, Size floats_of_a_row) {
  return add(operand, Role::result, true, floats_of_a_row, {});
}

OpCase& OpCase::whole_result(const char* operand, Size floats) { return add(operand, Role::result, false, floats, {}); }

OpCase& OpCase::changing(const char* operand, std::vector<float> values) {
  const Size floats = Size(values.size());
  return add(operand, Role::changing, false, floats, std::move(values));
}

OpCase& OpCase::over(const char* result, const char* input) {
  operands_.at(result).over = input;
  return *this;
}

Results OpCase::step(const Kernels& kernels, int threads) const {
  const Layout layout = this->layout();
  Running running(*this, layout, kernels);
  return running.made() ? running.train(threads) : Results{};
}

Results OpCase::prediction(const Kernels& kernels, int threads) const {
  const Layout layout = this->layout();
  Running running(*this, layout, kernels);
  return running.made() ? running.predict(threads) : Results{};
}

std::set<std::string>& OpCase::tested_ops() {
  static std::set<std::string> ops;
  return ops;
}

OpCase::Layout OpCase::layout() const {
  Layout layout;
  layout.arena_floats = kGuard, layout.parameter_floats = kGuard;
  for (const auto& [name, operand] : operands_) {
    if (!operand.over.empty()) continue;
    const Space space = operand.batch || operand.role == Role::result ? Space::arena : Space::parameters;
    Size& end = space == Space::arena ? layout.arena_floats : layout.parameter_floats;
    const Size floats = operand.row_floats * (operand.batch ? rows_ + spare_ : 1);
    layout.places[name] = {space, end, floats};
    end += floats + kGuard;
  }
  for (const auto& [name, operand] : operands_) {
    if (!operand.over.empty()) layout.places[name] = layout.places.at(operand.over);
  }
  return layout;
}

std::vector<double> OpCase::code(const Layout& layout) const {
  std::vector<double> code{op_code_};
  std::size_t given = 0;
  for (const auto& parameter : op_->parameters) {
    const auto found = parameters_.find(parameter.name);
    require(found != parameters_.end(), "the test sets every parameter", parameter.name);
    code.push_back(found == parameters_.end() ? 0 : found->second);
    given += found != parameters_.end();
  }
  require(given == parameters_.size(), "the op has every parameter that the test sets", op_->name);
  given = 0;
  for (const auto& operand : op_->operands) {
    const auto place = layout.places.find(operand.name);
    const bool absent = place == layout.places.end();
    require(!absent || operand.optional, "the test gives every operand", operand.name);
    given += !absent;
    code.push_back(double(absent ? Space::none : place->second.space));
    code.push_back(absent ? 0 : double(place->second.offset));
  }
  require(given == operands_.size(), "the op has every operand that the test gives", op_->name);
  return code;
}

/// An operand that ends one float past its memory must be refused: so the checker's sizes are at least the test's, and
/// the program that was taken shows that they are no more.
void OpCase::check_sizes_are_needed(const Layout& layout, const Kernels& kernels) const {
  for (const auto& [name, place] : layout.places) {
    Layout cut = layout;
    const Size memory = place.space == Space::arena ? layout.arena_floats : layout.parameter_floats;
    cut.places[name].offset = memory - place.floats + 1;
    ProgramSpec spec;
    spec.code = code(cut), spec.rows = rows_ + spare_, spec.arena_floats = layout.arena_floats;
    spec.parameters = allocate_floats(1), spec.parameter_floats = layout.parameter_floats, spec.kernels = &kernels;
    std::string error;
    check(!Program::create(spec, &error), __FILE__, __LINE__, "an operand past the end is refused", name);
  }
}

void OpCase::run(const std::function<void(const Results&, const Kernels&)>& compare) const {
  if (!op_) return;
  tested_ops().insert(op_->name);
  const Layout layout = this->layout();
  for (const Kernels* kernels : instruction_sets()) {
    describe_variant("[%s]", kernels->name);
    if (kernels == instruction_sets()[0]) check_sizes_are_needed(layout, *kernels);
    Running running(*this, layout, *kernels);
    if (!running.made()) continue;
    if (!training_only) running.run_on_nans();
    const auto same = [&](const Results& a, const Results& b) {
      for (const auto& [name, values] : a.operands) {
        check_same_bits(name.c_str(), b.operands.at(name).data(), values.data(), Size(values.size()));
      }
      for (std::size_t i = 0; i < a.values.size() && i < b.values.size(); i++) {
        EXPECT(!std::memcmp(&a.values[i], &b.values[i], sizeof(double)));
      }
    };
    const Results results = running.train(1);
    if (results.values.empty()) continue;  // refused, and told so
    compare(results, *kernels);
    for (int threads : kThreadCounts) {
      if (threads == 1) continue;
      describe_variant("[%s, %d threads]", kernels->name, threads);
      same(results, running.train(threads));
    }
    if (kernels == instruction_sets()[0]) {
      describe_variant("[%s, over stale scratch memory]", kernels->name);
      Running spoilt(*this, layout, *kernels, true);
      if (!spoilt.made()) continue;
      spoilt.train(1);
      same(results, spoilt.train(1));
    }
    if (training_only) continue;
    describe_variant("[%s, as a prediction]", kernels->name);
    same(results, running.predict(2));
    describe_variant("[%s, with kept weights]", kernels->name);
    Running constant(*this, layout, *kernels, true, true);
    if (constant.made()) {
      for (int threads : {1, 3}) same(results, constant.predict(threads));
      if (rows_independent) {
        const Results alone = constant.predict_row(rows_ - 1);
        for (const auto& [name, values] : alone.operands) {
          check_same_bits(name.c_str(), values.data(),
                          results.operands.at(name).data() + (rows_ - 1) * Size(values.size()), Size(values.size()));
        }
      }
    }
    if (!rows_independent) continue;
    for (Size row : std::set<Size>{0, rows_ / 2, rows_ - 1}) {
      describe_variant("[%s, row %td alone]", kernels->name, row);
      const Results alone = running.predict_row(row);
      for (const auto& [name, values] : alone.operands) {
        check_same_bits(name.c_str(), values.data(), results.operands.at(name).data() + row * Size(values.size()),
                        Size(values.size()));
      }
    }
  }
}

}  // namespace hebb::test
