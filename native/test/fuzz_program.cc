// A libFuzzer target: bytes become a program and a request to train it. The checker takes or refuses them; what it
// takes runs on every instruction set, under sanitizers, within the memory that it named. Most instructions are nearly
// right, so that what lies behind the checker is reached; some are raw numbers.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "program.h"

namespace hebb::test {
namespace {

constexpr Size kMostArena = 16384, kMostRawArena = 1024, kMostParameters = 4096;
constexpr int kMostInstructions = 6, kMostOrder = 20;

class Bytes {
 public:
  Bytes(const std::uint8_t* data, std::size_t size) : data_(data), end_(data + size) {}
  bool empty() const { return data_ == end_; }
  unsigned byte() { return empty() ? 0 : *data_++; }
  Size below(Size n) { return Size((byte() << 8 | byte()) % unsigned(n)); }
  double raw() {
    std::uint64_t bits = 0;
    for (int i = 0; i < 8; i++) bits = bits << 8 | byte();
    double value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
  }
  /// Mostly small; now and then a size around vectors and tiles, or a number that no parameter should be.
  double dim() {
    const unsigned b = byte();
    const double strange[] = {0, -1, 0.5, 2147483647, 2147483648.0, 65536, 1e18, -1e300, std::nan(""), 46341};
    if (b >= 250) return strange[byte() % std::size(strange)];
    return b < 160 ? 1 + b % 6 : 1 + b % 40;
  }
  double real() {
    const unsigned b = byte();
    const double strange[] = {1e38, -1e38, 1e39, 0.9999999999, 1e-40, std::numeric_limits<double>::infinity(), -0.0};
    return b >= 240 ? strange[byte() % std::size(strange)] : double(b) / 128 - 0.5;
  }

 private:
  const std::uint8_t *data_, *end_;
};

bool is(const char* a, const char* b) { return !std::strcmp(a, b); }

/// What the gather of a slot takes, so that the request can bring it.
struct Wanted {
  Size elements = 1;
  bool classes = false;
};

struct Input {
  ProgramSpec spec;
  Wanted wanted[kSlots];
};

/// Makes windows fit their image and parts their whole: most random ones do not.
void fit_geometry(const OpInfo& op, std::vector<double>& values) {
  const auto at = [&](const std::string& name) -> double* {
    for (std::size_t i = 0; i < op.parameters.size(); i++) {
      if (name == op.parameters[i].name) return &values[i];
    }
    return nullptr;
  };
  for (const auto& [side, pad] : {std::pair("height", "pad_top"), std::pair("width", "pad_left")}) {
    double* kernel = at(std::string("kernel_") + side);
    if (!kernel) kernel = at(std::string("size_") + side);
    if (!kernel) break;
    *kernel = std::fmod(*kernel, 8);
    double &padding = *at(pad), &stride = *at(std::string("stride_") + side);
    double* dilation = at(std::string("dilation_") + side);
    if (dilation) *dilation = std::fmax(1, std::fmod(*dilation, 4));
    const double reach = (*kernel - 1) * (dilation ? *dilation : 1) + 1;
    if (padding >= reach) padding = std::fmod(padding, std::fmax(1, reach));
    const double most = std::floor((*at(side) + padding - 1) / stride) + 1;
    double& output = *at(std::string("output_") + side);
    if (output > most) output = most;
  }
  if (double* offset = at("offset"); offset && at("width")) {  // of a slice
    *offset = std::fmod(*offset, *at("width"));
    *at("channels") = std::fmin(*at("channels"), *at("width") - *offset);
  }
  if (double* groups = at("groups")) {
    *groups = std::fmax(1, std::fmod(*groups, 5));
    for (const char* name : {"channels", "filters"}) *at(name) = std::ceil(*at(name) / *groups) * *groups;
  }
}

void add_instruction(Bytes& bytes, Input& input) {
  auto& code = input.spec.code;
  const std::size_t number = bytes.byte() % op_list().size();
  const OpInfo& op = op_list()[number];
  std::vector<double> values;
  for (const auto& parameter : op.parameters) {
    const bool dim = is(parameter.kind, "dim");
    values.push_back(dim ? bytes.dim() : is(parameter.kind, "real") ? bytes.real() : double(bytes.byte() % 8));
    if (is(parameter.kind, "slot")) values.back() = std::fmod(values.back(), kSlots);
    if (is(parameter.kind, "activation")) values.back() = double(bytes.byte() % (unsigned(Activation::count) + 1));
    if (is(parameter.name, "nesterov")) values.back() = std::fmod(values.back(), 3);
  }
  fit_geometry(op, values);
  if (is(op.name, "gather"))
    input.wanted[int(values[0]) % kSlots] = {Size(std::fmin(4096, std::fmax(1, values[1]))), false};
  if (is(op.name, "gather_classes")) input.wanted[int(values[0]) % kSlots] = {1, true};
  code.push_back(double(number));
  code.insert(code.end(), values.begin(), values.end());
  for (const auto& operand : op.operands) {
    const unsigned choice = bytes.byte();
    const Space space = operand.optional && choice % 2 ? Space::none
                        : choice % 8 == 7              ? Space::parameters
                                                       : Space::arena;
    const Size memory = space == Space::parameters ? input.spec.parameter_floats : input.spec.arena_floats;
    code.push_back(double(space));
    // Often near the start, where more fits; sometimes near the end or past it.
    code.push_back(choice >= 128 ? double(bytes.below(memory / 8 + 1)) : double(bytes.below(memory + 2)));
  }
}

Input read_program(Bytes& bytes) {
  Input input;
  ProgramSpec& spec = input.spec;
  const bool raw = bytes.byte() % 8 == 0;
  spec.rows = 1 + bytes.byte() % 8;
  spec.arena_floats = bytes.below((raw ? kMostRawArena : kMostArena) + 1);
  spec.parameter_floats = bytes.below(raw ? kMostRawArena : kMostParameters);
  const int instructions = int(bytes.byte() % kMostInstructions) + 1;
  for (int i = 0; i < instructions && !bytes.empty(); i++) {
    if (raw && bytes.byte() % 2) {
      for (unsigned n = bytes.byte() % 32; n > 0; n--)
        spec.code.push_back(bytes.byte() % 2 ? bytes.raw() : double(bytes.byte() % 32));
    } else {
      add_instruction(bytes, input);
    }
  }
  return input;
}

/// Rows for the slots, each in memory of just their size.
void read_request(Bytes& bytes, const Input& input, TrainRequest& request) {
  for (int slot = 0; slot < kSlots; slot++) {
    const unsigned choice = bytes.byte();
    if (choice % 16 == 0) continue;
    const Wanted& wanted = input.wanted[slot];
    Source& source = request.sources[slot];
    source.type = wanted.classes || choice % 16 == 1 ? Source::Type::int32
                  : choice % 2                       ? Source::Type::uint8
                                                     : Source::Type::float32;
    source.elements = choice % 16 == 2 ? 1 + bytes.byte() : wanted.elements;
    source.rows = 1 + bytes.byte() % 8;
    const std::size_t size = std::size_t(source.rows * source.elements) * (source.type == Source::Type::uint8 ? 1 : 4);
    auto* data = static_cast<unsigned char*>(std::malloc(size));
    for (std::size_t i = 0; i < size; i++) data[i] = static_cast<unsigned char>(i % 4 ? i * 37 : bytes.byte());
    request.owners[slot] = std::shared_ptr<void>(data, std::free);
    source.data = data;
  }
  const int length = int(bytes.byte() % kMostOrder);
  for (int i = 0; i < length; i++) request.order.push_back(bytes.byte() % 8);
  request.batch = bytes.byte() % 10;
  request.first_step = bytes.byte() % 4;
  for (unsigned n = bytes.byte() % 8; n > 0; n--) request.learning_rates.push_back(bytes.real());
  request.seed = bytes.byte(), request.epoch = bytes.byte(), request.global_step = bytes.byte() << 24;
  request.budget_ms = 1e9;
  request.threads = 1 + bytes.byte() % 4;
  request.values = int(bytes.byte() % (kValues + 1));
}

void require(bool holds) {
  if (!holds) std::abort();
}

/// Numbers of all kinds, NaN and denormals among them.
void fill(float* to, Size n, unsigned seed) {
  for (Size i = 0; i < n; i++) {
    seed = seed * 1664525 + 1013904223;
    if (seed >> 28 == 0) {
      std::memcpy(to + i, &seed, sizeof seed);
    } else {
      to[i] = float(int(seed >> 8) - (1 << 23)) / float(1 << 22);
    }
  }
}

/// @return whether the program was taken
bool run_on(const Kernels& kernels, Input input, const TrainRequest& request, unsigned seed) {
  ProgramSpec& spec = input.spec;
  spec.kernels = &kernels;
  spec.parameters = allocate_floats(spec.parameter_floats);
  fill(spec.parameters.get(), spec.parameter_floats, seed);
  const Size rows = spec.rows, arena_floats = spec.arena_floats;
  std::string error;
  const auto program = Program::create(std::move(spec), &error);
  require((program != nullptr) == error.empty());
  if (!program) return false;
  fill(program->arena(), arena_floats, seed + 1);
  if (program->check(request).empty()) {
    std::vector<double> values;
    const Size steps = program->train(request, &values);
    require(Size(values.size()) == steps * request.values);
  }
  program->run(0, program->size(), rows, request.threads);
  program->run(0, program->size(), 1, 1);
  return true;
}

}  // namespace
}  // namespace hebb::test

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hebb;
  test::Bytes bytes(data, size);
  const test::Input input = test::read_program(bytes);
  TrainRequest request;
  test::read_request(bytes, input, request);
  const unsigned seed = bytes.byte();
  const bool taken = test::run_on(scalar_kernels, input, request, seed);
  for (int i = 0; const char* name = supported_kernels(i); i++) {
    if (std::strcmp(name, "scalar")) test::require(test::run_on(*select_kernels(name), input, request, seed) == taken);
  }
  return 0;
}
