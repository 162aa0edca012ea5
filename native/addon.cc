// The whole N-API surface. Arguments become plain values here, before anything leaves the JavaScript thread; what does
// not fit throws a TypeError or RangeError. No C++ exceptions cross.
#include <napi.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <algorithm>
#include <cmath>

#include "addon_memory.h"
#include "addon_moments.h"
#include "addon_program.h"
#include "random.h"

namespace hebb {
namespace {

constexpr const char* kKernelVersion = "2";  // grows when any kernel gives other bits than before

/// randomBits(seed, purpose, epoch, step, first, count): Uint32Array
Napi::Value random_bits(const Napi::CallbackInfo& info) {
  double numbers[6];
  for (int i = 0; i < 6; i++) {
    numbers[i] = info[std::size_t(i)].IsNumber() ? info[std::size_t(i)].As<Napi::Number>().DoubleValue() : NAN;
    const double most = i == 4 ? 17179869183.0 : i == 5 ? 1073741824.0 : 4294967295.0;  // 2^34 positions a stream
    if (!(numbers[i] >= 0 && numbers[i] <= most) || numbers[i] != std::floor(numbers[i])) {
      return fail(info.Env(), "randomBits takes six whole numbers; number " + std::to_string(i) + " is out of range");
    }
  }
  auto output = Napi::Uint32Array::New(info.Env(), std::size_t(numbers[5]));
  const PhiloxKey key{std::uint32_t(numbers[0]), std::uint32_t(numbers[1])};
  const std::uint64_t first = std::uint64_t(numbers[4]), count = std::uint64_t(numbers[5]);
  std::uint32_t bits[4];
  for (std::uint64_t i = 0; i < count; i++) {
    const std::uint64_t position = first + i;
    if (i == 0 || position % 4 == 0) {
      philox(key, {std::uint32_t(position / 4), std::uint32_t(numbers[3]), std::uint32_t(numbers[2]), 0}, bits);
    }
    output[std::size_t(i)] = bits[position % 4];
  }
  return output;
}

/// What the addon is: kernel version, instruction sets that this CPU has (best first), activations and ops by code.
Napi::Object describe(Napi::Env env) {
  Napi::Object info = Napi::Object::New(env);
  info.Set("kernelVersion", kKernelVersion);
  Napi::Array isas = Napi::Array::New(env);
  for (int i = 0; const char* name = supported_kernels(i); i++) isas.Set(std::uint32_t(i), name);
  info.Set("isas", isas);
  Napi::Array activations = Napi::Array::New(env);
  std::uint32_t code = 0;
  for (const char* name : {"linear", "relu", "leakyRelu", "sigmoid", "tanh", "step", "elu", "selu", "softplus",
                           "hardSigmoid", "gelu", "silu"}) {
    activations.Set(code++, name);
  }
  static_assert(int(Activation::count) == 12);
  info.Set("activations", activations);
  Napi::Array ops = Napi::Array::New(env);
  for (const OpInfo& op : op_list()) {
    Napi::Object object = Napi::Object::New(env);
    object.Set("name", op.name);
    Napi::Array parameters = Napi::Array::New(env), operands = Napi::Array::New(env);
    for (const auto& p : op.parameters) {
      Napi::Object o = Napi::Object::New(env);
      o.Set("name", p.name);
      o.Set("kind", p.kind);
      parameters.Set(parameters.Length(), o);
    }
    for (const auto& p : op.operands) {
      Napi::Object o = Napi::Object::New(env);
      o.Set("name", p.name);
      o.Set("reads", p.reads);
      o.Set("writes", p.writes);
      o.Set("optional", p.optional);
      operands.Set(operands.Length(), o);
    }
    object.Set("parameters", parameters);
    object.Set("operands", operands);
    ops.Set(ops.Length(), object);
  }
  info.Set("ops", ops);
  return info;
}

/// returnFreedMemory(): malloc gives back to the system what is freed, see mallopt(3).
void return_freed_memory(const Napi::CallbackInfo&) {
#ifdef __GLIBC__
  mallopt(M_ARENA_MAX, 1);
  // Set by hand, these stay: otherwise they grow with the largest piece that was ever freed.
  mallopt(M_MMAP_THRESHOLD, 1 << 17);
  mallopt(M_TRIM_THRESHOLD, 1 << 20);
#endif
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  exports.Set("info", describe(env));
  exports.Set("Memory", Memory::define(env));
  exports.Set("MappedFile", MappedFile::define(env));
  exports.Set("Program", ProgramObject::define(env));
  exports.Set("returnFreedMemory", Napi::Function::New(env, return_freed_memory, "returnFreedMemory"));
  exports.Set("moments", Napi::Function::New(env, MomentsWork::start, "moments"));
  exports.Set("randomBits", Napi::Function::New(env, random_bits, "randomBits"));
  return exports;
}

}  // namespace

Napi::Object register_hebb(Napi::Env env, Napi::Object exports) { return init(env, exports); }

}  // namespace hebb

static Napi::Object hebb_init(Napi::Env env, Napi::Object exports) { return hebb::register_hebb(env, exports); }
NODE_API_MODULE(hebb, hebb_init)
