// The program checker: whatever does not fit is refused with a text, and nothing crashes.
#include <cstring>
#include <limits>

#include "checker_case.h"

namespace hebb::test {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN(), kInfinity = std::numeric_limits<double>::infinity();
constexpr double kLargest = 2147483647.0;

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
      refused(parameters, ("of parameters of " + std::to_string(kParameters)).c_str());
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
