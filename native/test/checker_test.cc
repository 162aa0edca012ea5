// The program checker: whatever does not fit is refused with a text, and nothing crashes.
#include <cstring>
#include <limits>
#include <utility>

#include "recorder.h"
#include "test.h"

namespace hebb::test {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN(), kInfinity = std::numeric_limits<double>::infinity();
constexpr double kLargest = 2147483647.0;
constexpr Size kArena = 64, kParameters = 8, kRows = 2;

/// Every dim 1, every real number 0.5 and all else 0: the smallest instruction of any op, with its operands at the
/// start of the arena.
std::vector<double> smallest(std::size_t op) {
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

ProgramSpec spec_of(std::vector<double> code) {
  ProgramSpec spec;
  spec.code = std::move(code), spec.rows = kRows, spec.arena_floats = kArena;
  spec.parameters = allocate_floats(kParameters), spec.parameter_floats = kParameters;
  spec.kernels = instruction_sets()[0];
  return spec;
}

/// The checker's answer to a code; empty where it is taken.
std::string answer(std::vector<double> code) {
  std::string error;
  const auto program = Program::create(spec_of(std::move(code)), &error);
  EXPECT((program != nullptr) == error.empty());
  return error;
}

void refused(std::vector<double> code, const char* expected) {
  const std::string error = answer(std::move(code));
  check(error.find(expected) != std::string::npos, __FILE__, __LINE__, expected, error.empty() ? "taken" : error);
}

/// Values that no parameter of a kind may have.
std::vector<double> wrong_values(const std::string& kind) {
  std::vector<double> wrong{kNan, kInfinity, -kInfinity};
  if (kind == "real") {
    wrong.insert(wrong.end(), {1e39, -1e39, 1e300});
    return wrong;
  }
  wrong.insert(wrong.end(), {-1, 0.5, -0.5, kLargest + 1, 0x1p32, 0x1p53, 0x1p63, 1e300, -1e300});
  if (kind == "dim") wrong.push_back(0);
  if (kind == "activation") wrong.push_back(double(Activation::count));
  if (kind == "slot") wrong.push_back(kSlots);
  if (kind == "value") wrong.push_back(kValues);
  return wrong;
}

}  // namespace

TEST(checker_takes_the_smallest_instruction_of_each_op) {
  for (std::size_t op = 0; op < op_list().size(); op++) {
    describe_case("%s", op_list()[op].name);
    const std::string error = answer(smallest(op));
    check(error.empty(), __FILE__, __LINE__, "taken", error);
  }
}

TEST(checker_refuses_wrong_parameters) {
  for (std::size_t op = 0; op < op_list().size(); op++) {
    const OpInfo& info = op_list()[op];
    for (std::size_t i = 0; i < info.parameters.size(); i++) {
      for (double value : wrong_values(info.parameters[i].kind)) {
        describe_case("%s, %s = %g", info.name, info.parameters[i].name, value);
        auto code = smallest(op);
        code[1 + i] = value;
        refused(code, info.parameters[i].name);
      }
    }
  }
}

TEST(checker_refuses_wrong_operands) {
  for (std::size_t op = 0; op < op_list().size(); op++) {
    const OpInfo& info = op_list()[op];
    for (std::size_t i = 0; i < info.operands.size(); i++) {
      const std::size_t space = 1 + info.parameters.size() + 2 * i, offset = space + 1;
      const auto with = [&](std::size_t at, double value) {
        auto code = smallest(op);
        code[at] = value;
        describe_case("%s, operand %s, %s = %g", info.name, info.operands[i].name, at == space ? "space" : "offset",
                      value);
        return code;
      };
      for (double value : {-1.0, 0.5, 3.0, 1e300, kNan, kInfinity}) refused(with(space, value), "is in no known space");
      for (double value :
           {-1.0, 0.5, double(kArena), kArena + 1.0, kLargest, 0x1p53, 0x1p63, 1e300, -1e300, kNan, kInfinity}) {
        refused(with(offset, value), "floats from");
      }
      auto parameters = with(space, double(Space::parameters));
      EXPECT(answer(parameters).empty());
      parameters[offset] = double(kParameters);
      refused(parameters, "of parameters of 8");
      if (info.operands[i].optional) {
        EXPECT(answer(with(space, double(Space::none))).empty());
      } else {
        refused(with(space, double(Space::none)), "is missing");
      }
    }
  }
}

TEST(checker_refuses_wrong_and_truncated_code) {
  for (double code : {-1.0, 0.5, double(op_list().size()), 1e300, kNan, kInfinity, -kInfinity, 0x1p53}) {
    describe_case("code %g", code);
    refused({code}, "no op has the code");
  }
  for (std::size_t op = 0; op < op_list().size(); op++) {
    const auto code = smallest(op);
    for (std::size_t length = 1; length < code.size(); length++) {
      describe_case("%s, %zu of %zu numbers", op_list()[op].name, length, code.size());
      const std::vector<double> part(code.begin(), code.begin() + std::ptrdiff_t(length));
      refused(part, "the code ends within");
      auto second = code;
      second.insert(second.end(), part.begin(), part.end());
      refused(second, "instruction 1");
    }
  }
  EXPECT(answer({}).empty());
}

// What ops.def demands of parameters beside their own ranges.
TEST(checker_refuses_what_does_not_fit_together) {
  const auto with = [](const char* op, std::vector<std::pair<const char*, double>> values) {
    const std::size_t number = op_code(op);
    auto code = smallest(number);
    std::string text = op;
    for (const auto& [name, value] : values) {
      std::size_t i = 0;
      while (std::strcmp(op_list()[number].parameters[i].name, name)) i++;
      code[1 + i] = value;
      text += std::string(", ") + name + " = " + std::to_string(value);
    }
    describe_case("%s", text.c_str());
    return code;
  };
  for (const char* op : {"conv2d", "conv2d_backward_input", "conv2d_backward_weight"}) {
    refused(with(op, {{"pad_top", 1}}), "the padding must be smaller");
    refused(with(op, {{"pad_left", 1}}), "the padding must be smaller");
    refused(with(op, {{"kernel_width", 2}, {"dilation_width", 3}, {"pad_left", 4}}), "the padding must be smaller");
    EXPECT(answer(with(op, {{"kernel_width", 2}, {"dilation_width", 3}, {"pad_left", 3}})).empty());
    refused(with(op, {{"output_height", 2}}), "output_height reaches past");
    refused(with(op, {{"output_width", 2}}), "output_width reaches past");
    refused(with(op, {{"output_width", 2}, {"width", 3}, {"stride_width", 3}}), "output_width reaches past");
    EXPECT(answer(with(op, {{"output_width", 2}, {"width", 3}, {"stride_width", 2}})).empty());
    refused(with(op, {{"channels", 3}, {"filters", 4}, {"groups", 2}}), "groups must divide");
    refused(with(op, {{"channels", 4}, {"filters", 3}, {"groups", 2}}), "groups must divide");
    refused(with(op, {{"groups", 2}}), "groups must divide");
    refused(with(op, {{"dilation_height", 20000}}), "the image is too large");
    refused(with(op, {{"dilation_height", 10000}, {"dilation_width", 10000}, {"channels", 30}}),
            "the image is too large");
  }
  for (const char* op : {"max_pool2d", "max_pool2d_backward", "average_pool2d", "average_pool2d_backward"}) {
    refused(with(op, {{"pad_top", 1}}), "the padding must be smaller");
    refused(with(op, {{"pad_left", 1}}), "the padding must be smaller");
    refused(with(op, {{"output_height", 2}}), "output_height reaches past");
    refused(with(op, {{"output_width", 2}}), "output_width reaches past");
  }
  for (const char* op : {"dropout", "spatial_dropout"}) {
    refused(with(op, {{"rate", 1}}), "the rate must be");
    refused(with(op, {{"rate", 0.99999999}}), "the rate must be");  // as a float 1
    refused(with(op, {{"rate", -0.01}}), "the rate must be");
    EXPECT(answer(with(op, {{"rate", 0}})).empty());
  }
  // An activation that is an op of its own is no part of a product.
  for (const char* op : {"dense", "conv2d", "activate", "activate_backward", "activate_backward_input"}) {
    const bool product = !std::strcmp(op, "dense") || !std::strcmp(op, "conv2d");
    for (int kind = 0; kind < int(Activation::count); kind++) {
      const auto code = with(op, {{"activation", kind}});
      if (product && kind >= int(Activation::fused_count)) {
        refused(code, "this activation is an op of its own");
      } else {
        EXPECT(answer(code).empty());
      }
    }
  }
  refused(with("slice", {{"offset", 1}}), "the part must lie within");
  refused(with("slice", {{"width", 4}, {"offset", 2}, {"channels", 3}}), "the part must lie within");
  EXPECT(answer(with("slice", {{"width", 4}, {"offset", 2}, {"channels", 2}})).empty());
  for (const char* op : {"batch_norm", "batch_norm_backward", "layer_norm", "layer_norm_backward"}) {
    for (double epsilon : {0.0, -0.1}) refused(with(op, {{"epsilon", epsilon}}), "epsilon must be above 0");
  }
  for (const char* op : {"clip_value", "clip_norm", "max_norm"}) {
    for (double limit : {0.0, -0.1}) refused(with(op, {{"limit", limit}}), "the limit must be above 0");
  }
  for (double momentum : {-0.1, 1.1}) refused(with("update_moments", {{"momentum", momentum}}), "from 0 to 1");
  refused(with("gaussian_noise", {{"stddev", -0.1}}), "the deviation must be at least 0");
  for (double delta : {0.0, -1.0}) refused(with("huber", {{"delta", delta}}), "delta must be above 0");
  for (const char* factor : {"l1", "l2"}) refused(with("regularize", {{factor, -0.1}}), "the factors must be");
  refused(with("sgd", {{"nesterov", 2}}), "nesterov is 0 or 1");
  EXPECT(answer(with("sgd", {{"nesterov", 1}})).empty());
  for (double decay : {1.0, -0.1}) refused(with("rmsprop", {{"decay", decay}}), "the decay must be");
  for (const char* beta : {"beta1", "beta2"}) {
    refused(with("adam", {{beta, 1}}), "beta1 and beta2 must be");
    refused(with("adam", {{beta, -0.01}}), "beta1 and beta2 must be");
  }
  for (const char* op : {"embedding", "embedding_backward"}) {
    for (double vocabulary : {16777216.0, 16777217.0}) {
      ProgramSpec large = spec_of(with(op, {{"vocabulary", vocabulary}}));
      for (std::size_t at = 4; at < large.code.size(); at += 2) large.code[at] = double(Space::parameters);
      large.parameter_floats = 1 << 25;  // what the checker believes; nothing runs
      std::string error;
      EXPECT(bool(Program::create(large, &error)) == (vocabulary < 16777217));
      EXPECT(error.empty() || error.find("at most 2^24") != std::string::npos);
    }
  }
  ProgramSpec spec = spec_of(with("dense_sgd", {}));
  spec.rows = 385, spec.arena_floats = 1000;
  std::string error;
  EXPECT(!Program::create(spec, &error) && error.find("at most 384 rows") != std::string::npos);
}

// Sizes whose product passes 2^31, 2^53 and 2^63: whatever the checker takes must run in the memory that there is.
TEST(checker_refuses_sizes_that_overflow) {
  const double large[] = {65536, 46341, 1 << 24, 1073741824, kLargest};
  for (std::size_t op = 0; op < op_list().size(); op++) {
    const OpInfo& info = op_list()[op];
    for (std::size_t i = 0; i < info.parameters.size(); i++) {
      for (std::size_t j = i; j < info.parameters.size(); j++) {
        for (double size : large) {
          auto code = smallest(op);
          for (std::size_t at : {i, j}) {
            if (!std::strcmp(info.parameters[at].kind, "dim") || !std::strcmp(info.parameters[at].kind, "index"))
              code[1 + at] = size;
          }
          describe_case("%s, %s and %s = %g", info.name, info.parameters[i].name, info.parameters[j].name, size);
          std::string error;
          const auto program = Program::create(spec_of(std::move(code)), &error);
          EXPECT((program != nullptr) == error.empty());
          if (program) program->run(0, 1, kRows, 2);
        }
      }
    }
    auto all = smallest(op);
    bool sized = false;
    for (std::size_t i = 0; i < info.parameters.size(); i++) {
      if (!std::strcmp(info.parameters[i].kind, "dim")) all[1 + i] = kLargest, sized = true;
    }
    describe_case("%s, all dims the largest", info.name);
    if (sized) EXPECT(!answer(all).empty());
  }
}

TEST(memory_that_cannot_be_is_refused) {
  for (Size count :
       {Size(-1), std::numeric_limits<Size>::min(), std::numeric_limits<Size>::max(), Size(1) << 62, Size(1) << 61}) {
    describe_case("%td floats", count);
    EXPECT(allocate_floats(count) == nullptr);
    ProgramSpec spec = spec_of({});
    spec.arena_floats = count;
    std::string error;
    EXPECT(Program::create(spec, &error) == nullptr);
    EXPECT(error.find("no memory for an arena") != std::string::npos);
  }
  const Floats floats = allocate_floats(0);
  EXPECT(floats != nullptr && reinterpret_cast<std::uintptr_t>(floats.get()) % 64 == 0);
}

TEST(only_known_instruction_sets_are_selected) {
  for (const char* name : {"", "sse9", "avx", "AVX2", "scalar ", "avx512f"}) {
    describe_case("'%s'", name);
    EXPECT(select_kernels(name) == nullptr);
  }
  EXPECT(select_kernels(nullptr) == select_kernels(supported_kernels(0)));
  EXPECT(select_kernels("scalar") == &scalar_kernels);
  EXPECT(supported_kernels(1000) == nullptr);
  for (int i = 0; const char* name = supported_kernels(i); i++) EXPECT(!std::strcmp(select_kernels(name)->name, name));
}

TEST(requests_that_do_not_fit_are_refused) {
  const std::size_t gather = op_code("gather"), classes = op_code("gather_classes");
  // Slot 0: rows of 3 elements; slot 1: classes.
  std::vector<double> code{double(gather), 0, 3, 1, 0, double(Space::arena), 0};
  const std::vector<double> second{double(classes), 1, 4, double(Space::arena), 8};
  code.insert(code.end(), second.begin(), second.end());
  std::string error;
  const auto program = Program::create(spec_of(code), &error);
  if (!EXPECT(program != nullptr)) return;
  std::vector<double> two_ways{double(gather), 1, 3, 1, 0, double(Space::arena), 0};
  two_ways.insert(two_ways.end(), second.begin(), second.end());
  refused(two_ways, "gathered in two ways");

  const std::vector<float> rows(3 * 5, 0.5f);
  const std::vector<std::int32_t> labels{0, 1, 2, 3};
  TrainRequest good;
  good.sources[0] = {reinterpret_cast<const unsigned char*>(rows.data()), Source::Type::float32, 5, 3};
  good.sources[1] = {reinterpret_cast<const unsigned char*>(labels.data()), Source::Type::int32, 4, 1};
  good.order = {0, 3, 1, 2, 3}, good.batch = 2, good.learning_rates = {0.1, 0.1, 0.1}, good.budget_ms = 1e9;
  EXPECT(program->check(good).empty());
  std::vector<double> values;
  EXPECT(program->train(good, &values) == 3);  // the last of one row
  const auto misfit = [&](const char* expected, auto change) {
    TrainRequest request = good;
    change(request);
    const std::string text = program->check(request);
    check(text.find(expected) != std::string::npos, __FILE__, __LINE__, expected, text.empty() ? "taken" : text);
  };
  misfit("the batch must have", [](TrainRequest& r) { r.batch = 0; });
  misfit("the batch must have", [](TrainRequest& r) { r.batch = kRows + 1; });
  misfit("the batch must have", [](TrainRequest& r) { r.batch = std::numeric_limits<Size>::max(); });
  misfit("past the end of the order", [](TrainRequest& r) { r.first_step = 4; });
  misfit("past the end of the order", [](TrainRequest& r) { r.first_step = -1; });
  misfit("fewer learning rates", [](TrainRequest& r) { r.learning_rates = {0.1, 0.1}; });
  misfit("slot 0 has no source", [](TrainRequest& r) { r.sources[0] = {}; });
  misfit("slot 0 takes rows of 3", [](TrainRequest& r) { r.sources[0].elements = 4; });
  misfit("slot 0 has the wrong type", [](TrainRequest& r) { r.sources[0].type = Source::Type::int32; });
  misfit("slot 1 has the wrong type", [](TrainRequest& r) { r.sources[1].type = Source::Type::uint8; });
  misfit("row 4 of a source of 4", [](TrainRequest& r) { r.order[4] = 4; });
  misfit("row 4294967295", [](TrainRequest& r) { r.order[0] = 4294967295u; });

  // Slices: from any step on, and none where all steps are done.
  TrainRequest rest = good;
  rest.first_step = 2;
  EXPECT(program->check(rest).empty() && program->train(rest, &values) == 1);
  rest.first_step = 3;
  EXPECT(program->check(rest).empty() && program->train(rest, &values) == 0);
  program->cancelled = true;
  EXPECT(program->train(good, &values) == 0);
}

}  // namespace hebb::test
