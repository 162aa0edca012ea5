// Memory that JavaScript and programs share, as N-API objects; and how arguments are read.
#pragma once
#include <fcntl.h>
#include <napi.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstring>
#include <memory>
#include <string>

#include "program.h"

namespace hebb {

constexpr napi_type_tag kMemoryTag = {0x6865626200000001, 0x6d656d6f72790001};
constexpr napi_type_tag kFileTag = {0x6865626200000001, 0x66696c6500000001};

inline Napi::Value fail(Napi::Env env, const std::string& text) {
  if (!env.IsExceptionPending()) Napi::RangeError::New(env, text).ThrowAsJavaScriptException();
  return env.Undefined();
}

/// A whole number from `least` to `most` under `key` of an object; throws and returns `least` where there is none.
inline double whole(const Napi::Object& object, const char* key, double least, double most) {
  const Napi::Value value = object.Get(key);
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : NAN;
  if (number >= least && number <= most && number == std::floor(number)) return number;
  fail(object.Env(), std::string(key) + " must be a whole number from " + std::to_string(std::int64_t(least)) + " to " +
                         std::to_string(std::int64_t(most)));
  return least;
}

template <class T>
Napi::TypedArrayOf<T> typed_array(const Napi::Value& value, napi_typedarray_type type, const char* what, bool* fits) {
  *fits = value.IsTypedArray() && value.As<Napi::TypedArray>().TypedArrayType() == type;
  if (!*fits) fail(value.Env(), std::string(what) + " must be a typed array of the right type");
  return *fits ? value.As<Napi::TypedArrayOf<T>>() : Napi::TypedArrayOf<T>();
}

constexpr double kMost = 9007199254740991.0;
constexpr double kMostFloats = 1099511627776.0;

/// Floats outside of JavaScript's heap, aligned, that programs share; `floats` shows them to JavaScript.
class Memory : public Napi::ObjectWrap<Memory> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "Memory",
                       {InstanceAccessor<&Memory::view>("floats"), InstanceMethod<&Memory::dispose>("dispose")});
  }
  explicit Memory(const Napi::CallbackInfo& info) : ObjectWrap(info) {
    const double floats = info[0].IsNumber() ? info[0].As<Napi::Number>().DoubleValue() : NAN;
    if (!(floats >= 0 && floats <= kMostFloats) || floats != std::floor(floats)) {
      fail(info.Env(), "Memory takes a number of floats");
      return;
    }
    count = Size(floats);
    data = allocate_floats(count);
    if (!data) {
      fail(info.Env(), "no memory for " + std::to_string(count) + " floats");
      return;
    }
    info.This().As<Napi::Object>().TypeTag(&kMemoryTag);
  }
  static Memory* from(const Napi::Value& value) {
    if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&kMemoryTag)) return nullptr;
    Memory* memory = Unwrap(value.As<Napi::Object>());
    return memory && memory->data ? memory : nullptr;
  }
  Floats data;
  Size count = 0;

 private:
  Napi::Value view(const Napi::CallbackInfo& info) {
    if (!data) return fail(info.Env(), "the memory has been disposed of");
    auto* owner = new Floats(data);
    auto buffer = Napi::ArrayBuffer::New(
        info.Env(), data.get(), std::size_t(count) * sizeof(float),
        [](Napi::Env, void*, Floats* floats) { delete floats; }, owner);
    return Napi::Float32Array::New(info.Env(), std::size_t(count), buffer, 0);
  }
  void dispose(const Napi::CallbackInfo&) { data.reset(); }
};

/// A file mapped read-only.
class MappedFile : public Napi::ObjectWrap<MappedFile> {
 public:
  struct Mapping {
    const unsigned char* data = nullptr;
    std::size_t bytes = 0;
    ~Mapping() {
      if (data) munmap(const_cast<unsigned char*>(data), bytes);
    }
  };
  static Napi::Function define(Napi::Env env) {
    return DefineClass(
        env, "MappedFile",
        {InstanceAccessor<&MappedFile::bytes>("bytes"), InstanceMethod<&MappedFile::dispose>("dispose")});
  }
  explicit MappedFile(const Napi::CallbackInfo& info) : ObjectWrap(info) {
    if (!info[0].IsString()) {
      fail(info.Env(), "MappedFile takes a path");
      return;
    }
    const std::string path = info[0].As<Napi::String>().Utf8Value();
    const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (file < 0 || fstat(file, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size == 0) {
      const char* why = file < 0 ? std::strerror(errno) : "not a file with content";
      if (file >= 0) close(file);
      fail(info.Env(), "cannot map " + path + ": " + why);
      return;
    }
    auto mapped = std::make_shared<Mapping>();
    void* data = mmap(nullptr, std::size_t(status.st_size), PROT_READ, MAP_SHARED, file, 0);
    close(file);
    if (data == MAP_FAILED) {
      fail(info.Env(), "cannot map " + path + ": " + std::strerror(errno));
      return;
    }
    mapped->data = static_cast<const unsigned char*>(data), mapped->bytes = std::size_t(status.st_size);
    mapping = mapped;
    info.This().As<Napi::Object>().TypeTag(&kFileTag);
  }
  static MappedFile* from(const Napi::Value& value) {
    if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&kFileTag)) return nullptr;
    MappedFile* file = Unwrap(value.As<Napi::Object>());
    return file && file->mapping ? file : nullptr;
  }
  std::shared_ptr<Mapping> mapping;

 private:
  Napi::Value bytes(const Napi::CallbackInfo& info) {
    if (!mapping) return fail(info.Env(), "the file has been disposed of");
    return Napi::Number::New(info.Env(), double(mapping->bytes));
  }
  void dispose(const Napi::CallbackInfo&) { mapping.reset(); }
};

/// {memory, offset, type, rows, elements} → a source; false after throwing. Offset is in bytes.
inline bool read_source(const Napi::Value& value, Source* source, std::shared_ptr<void>* owner) {
  if (value.IsUndefined()) return true;
  if (!value.IsObject()) return fail(value.Env(), "a source must be an object"), false;
  const Napi::Object object = value.As<Napi::Object>();
  const Napi::Value memory = object.Get("memory");
  const unsigned char* data = nullptr;
  double bytes = 0;
  if (MappedFile* file = MappedFile::from(memory)) {
    data = file->mapping->data, bytes = double(file->mapping->bytes), *owner = file->mapping;
  } else if (Memory* floats = Memory::from(memory)) {
    data = reinterpret_cast<const unsigned char*>(floats->data.get()), bytes = double(floats->count) * 4,
    *owner = floats->data;
  } else {
    return fail(value.Env(), "a source's memory must be a Memory or MappedFile that has not been disposed of"), false;
  }
  const Napi::Value type_value = object.Get("type");
  const std::string type = type_value.IsString() ? type_value.As<Napi::String>().Utf8Value() : "";
  const double element = type == "uint8" ? 1 : type == "float32" || type == "int32" ? 4 : 0;
  if (element == 0) return fail(value.Env(), "a source's type must be uint8, float32 or int32"), false;
  source->type = type == "uint8" ? Source::Type::uint8 : type == "int32" ? Source::Type::int32 : Source::Type::float32;
  const double offset = whole(object, "offset", 0, kMost);
  const double rows = whole(object, "rows", 0, 4294967295.0), elements = whole(object, "elements", 1, 2147483647.0);
  if (value.Env().IsExceptionPending()) return false;
  if (offset + rows * elements * element > bytes || std::fmod(offset, element) != 0) {
    return fail(value.Env(), "a source reaches past the end of its memory"), false;
  }
  source->data = data + std::size_t(offset), source->rows = Size(rows), source->elements = Size(elements);
  return true;
}

}  // namespace hebb
