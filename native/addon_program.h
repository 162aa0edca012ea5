// A program as JavaScript sees it. Arguments become plain values here, before anything leaves the JavaScript thread.
#pragma once
#include <napi.h>

#include <algorithm>

#include "addon_memory.h"
#include "program.h"

namespace hebb {

/// Runs of a checked list of ops; see native.ts for what each method takes and gives.
class ProgramObject : public Napi::ObjectWrap<ProgramObject> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(
        env, "Program",
        {InstanceMethod<&ProgramObject::train>("train"), InstanceMethod<&ProgramObject::profile>("profile"),
         InstanceMethod<&ProgramObject::predict>("predict"),
         InstanceMethod<&ProgramObject::predict_async>("predictAsync"), InstanceMethod<&ProgramObject::run>("run"),
         InstanceMethod<&ProgramObject::read>("read"), InstanceMethod<&ProgramObject::write>("write"),
         InstanceMethod<&ProgramObject::cancel>("cancel"), InstanceMethod<&ProgramObject::dispose>("dispose"),
         StaticMethod<&ProgramObject::measure>("measure")});
  }

  /// {code, rows, arena, parameterFloats, isa, constant?} → {shared, perThread, kept}: floats of memory beside the
  /// arena that the program would take.
  static Napi::Value measure(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    if (!info[0].IsObject()) return fail(env, "measure takes an object"), env.Undefined();
    const Napi::Object object = info[0].As<Napi::Object>();
    ProgramSpec spec;
    if (!read_code(object, &spec)) return env.Undefined();
    spec.parameter_floats = Size(whole(object, "parameterFloats", 0, kMostFloats));
    if (env.IsExceptionPending()) return env.Undefined();
    std::string error;
    const ScratchNeed need = Program::measure(spec, &error);
    if (!error.empty()) return fail(env, error), env.Undefined();
    Napi::Object result = Napi::Object::New(env);
    result.Set("shared", double(need.shared));
    result.Set("perThread", double(need.per_thread));
    result.Set("kept", double(need.kept));
    return result;
  }

  explicit ProgramObject(const Napi::CallbackInfo& info) : ObjectWrap(info) {
    const Napi::Env env = info.Env();
    if (!info[0].IsObject()) {
      fail(env, "Program takes an object");
      return;
    }
    const Napi::Object object = info[0].As<Napi::Object>();
    ProgramSpec spec;
    if (!read_code(object, &spec)) return;
    threads_ = int(whole(object, "threads", 1, 1024));
    input_ = region(object, "input");
    output_ = region(object, "output");
    if (env.IsExceptionPending()) return;
    for (const Region& r : {input_, output_}) {
      if (double(r.offset) + double(r.elements) * double(spec.rows) > double(spec.arena_floats)) {
        fail(env, "the input or output lies outside of the arena");
        return;
      }
    }
    Memory* parameters = Memory::from(object.Get("parameters"));
    if (!parameters) {
      fail(env, "parameters must be a Memory that has not been disposed of");
      return;
    }
    spec.parameters = parameters->data, spec.parameter_floats = parameters->count;
    std::string error;
    program_ = Program::create(std::move(spec), &error);
    if (!program_) fail(env, error);
  }

 private:
  /// What a program is before it has memory. @return false with an exception pending
  static bool read_code(const Napi::Object& object, ProgramSpec* spec) {
    const Napi::Env env = object.Env();
    bool fits;
    const auto code = typed_array<double>(object.Get("code"), napi_float64_array, "code", &fits);
    if (!fits) return false;
    spec->code.assign(code.Data(), code.Data() + code.ElementLength());
    spec->rows = Size(whole(object, "rows", 1, 2147483647.0));
    spec->arena_floats = Size(whole(object, "arena", 0, kMostFloats));
    const Napi::Value constant = object.Get("constant");
    spec->constant = constant.IsBoolean() && constant.As<Napi::Boolean>().Value();
    const Napi::Value isa = object.Get("isa");
    const std::string name = isa.IsString() ? isa.As<Napi::String>().Utf8Value() : "";
    spec->kernels = select_kernels(name.empty() ? nullptr : name.c_str());
    if (!spec->kernels) fail(env, "this CPU has no instruction set '" + name + "' that Hebb knows");
    return !env.IsExceptionPending();
  }

  struct Region {
    Size offset = 0, elements = 0;
  };

  static Region region(const Napi::Object& object, const char* key) {
    const Napi::Value value = object.Get(key);
    if (!value.IsObject()) return {};
    const Napi::Object r = value.As<Napi::Object>();
    return {Size(whole(r, "offset", 0, kMostFloats)), Size(whole(r, "elements", 1, 2147483647.0))};
  }

  bool alive(const Napi::CallbackInfo& info) {
    if (!program_) fail(info.Env(), "the program has been disposed of");
    return program_ != nullptr;
  }

  /// Runs off the event loop; keeps the program alive until it is done.
  class Work : public Napi::AsyncWorker {
   public:
    Work(Napi::Env env, std::shared_ptr<Program> program)
        : AsyncWorker(env), program_(std::move(program)), promise_(Napi::Promise::Deferred::New(env)) {}
    Napi::Promise promise() { return promise_.Promise(); }

   protected:
    virtual Napi::Value result(Napi::Env env) = 0;
    void OnOK() override { promise_.Resolve(result(Env())); }
    void OnError(const Napi::Error& error) override { promise_.Reject(error.Value()); }
    std::shared_ptr<Program> program_;

   private:
    Napi::Promise::Deferred promise_;
  };

  class TrainWork final : public Work {
   public:
    TrainWork(Napi::Env env, std::shared_ptr<Program> program, TrainRequest request, bool timed)
        : Work(env, std::move(program)), request_(std::move(request)), timed_(timed) {}
    void Execute() override {
      std::lock_guard lock(program_->mutex());
      if (timed_) nanoseconds_.assign(std::size_t(program_->size()), 0.0);
      steps_ = program_->train(request_, &values_, timed_ ? &nanoseconds_ : nullptr);
      cancelled_ = program_->cancelled.exchange(false);
    }
    Napi::Value result(Napi::Env env) override {
      Napi::Object object = Napi::Object::New(env);
      object.Set("steps", double(steps_));
      object.Set("cancelled", cancelled_);
      object.Set("values", array(env, values_));
      if (timed_) object.Set("nanoseconds", array(env, nanoseconds_));
      return object;
    }

   private:
    static Napi::Float64Array array(Napi::Env env, const std::vector<double>& numbers) {
      auto result = Napi::Float64Array::New(env, numbers.size());
      std::copy(numbers.begin(), numbers.end(), result.Data());
      return result;
    }

    TrainRequest request_;
    const bool timed_;
    std::vector<double> values_, nanoseconds_;
    Size steps_ = 0;
    bool cancelled_ = false;
  };

  class PredictWork final : public Work {
   public:
    PredictWork(Napi::Env env, std::shared_ptr<Program> program, std::vector<float> data, Region in, Region out,
                Size rows, int threads)
        : Work(env, std::move(program)), data_(std::move(data)), in_(in), out_(out), rows_(rows), threads_(threads) {}
    void Execute() override {
      std::lock_guard lock(program_->mutex());
      std::copy(data_.begin(), data_.end(), program_->arena() + in_.offset);
      program_->run(0, program_->size(), rows_, threads_);
      const float* from = program_->arena() + out_.offset;
      data_.assign(from, from + rows_ * out_.elements);
    }
    Napi::Value result(Napi::Env env) override {
      auto output = Napi::Float32Array::New(env, data_.size());
      std::copy(data_.begin(), data_.end(), output.Data());
      return output;
    }

   private:
    std::vector<float> data_;
    Region in_, out_;
    Size rows_;
    int threads_;
  };

  /// Rows of a prediction's input array; 0 after throwing.
  Size input_rows(const Napi::CallbackInfo& info, Napi::Float32Array* input) {
    if (!alive(info)) return 0;
    bool fits;
    *input = typed_array<float>(info[0], napi_float32_array, "the input", &fits);
    if (!fits) return 0;
    const Size length = Size(input->ElementLength());
    if (input_.elements == 0 || output_.elements == 0 || length == 0 || length % input_.elements != 0 ||
        length / input_.elements > program_->rows()) {
      fail(info.Env(), "the input must have 1 to " + std::to_string(program_->rows()) + " rows of " +
                           std::to_string(input_.elements) + " elements, got " + std::to_string(length) + " elements");
      return 0;
    }
    return length / input_.elements;
  }

  /// predict(input: Float32Array, output?: Float32Array): Float32Array, the output that was given or a new one
  Napi::Value predict(const Napi::CallbackInfo& info) {
    Napi::Float32Array input, output;
    const Size rows = input_rows(info, &input);
    if (rows == 0) return info.Env().Undefined();
    const Size floats = rows * output_.elements;
    if (info.Length() < 2 || info[1].IsUndefined()) {
      output = Napi::Float32Array::New(info.Env(), std::size_t(floats));
    } else {
      bool fits;
      output = typed_array<float>(info[1], napi_float32_array, "the output", &fits);
      if (!fits) return info.Env().Undefined();
      if (Size(output.ElementLength()) != floats) {
        return fail(info.Env(), "the output must have " + std::to_string(floats) + " elements, got " +
                                    std::to_string(output.ElementLength()));
      }
    }
    std::lock_guard lock(program_->mutex());
    std::copy_n(input.Data(), input.ElementLength(), program_->arena() + input_.offset);
    program_->run(0, program_->size(), rows, threads_);
    std::copy_n(program_->arena() + output_.offset, floats, output.Data());
    return output;
  }

  /// predictAsync(input: Float32Array): Promise<Float32Array>
  Napi::Value predict_async(const Napi::CallbackInfo& info) {
    Napi::Float32Array input;
    const Size rows = input_rows(info, &input);
    if (rows == 0) return info.Env().Undefined();
    std::vector<float> data(input.Data(), input.Data() + input.ElementLength());
    auto* work = new PredictWork(info.Env(), program_, std::move(data), input_, output_, rows, threads_);
    work->Queue();
    return work->promise();
  }

  /// train({sources, order, batch, firstStep, learningRates, seed, epoch, globalStep, budgetMs, values}):
  /// Promise<{steps, cancelled, values}>
  Napi::Value train(const Napi::CallbackInfo& info) { return start_training(info, false); }

  /// profile(request of train): what train gives, and nanoseconds by instruction.
  Napi::Value profile(const Napi::CallbackInfo& info) { return start_training(info, true); }

  Napi::Value start_training(const Napi::CallbackInfo& info, bool timed) {
    const Napi::Env env = info.Env();
    if (!alive(info)) return env.Undefined();
    if (!info[0].IsObject()) return fail(env, "train takes an object");
    const Napi::Object object = info[0].As<Napi::Object>();
    TrainRequest request;
    const Napi::Value sources = object.Get("sources");
    if (!sources.IsArray()) return fail(env, "sources must be an array");
    for (int i = 0; i < kSlots; i++) {
      if (!read_source(sources.As<Napi::Array>().Get(std::uint32_t(i)), &request.sources[i], &request.owners[i]))
        return env.Undefined();
    }
    bool fits;
    const auto order = typed_array<std::uint32_t>(object.Get("order"), napi_uint32_array, "order", &fits);
    if (!fits) return env.Undefined();
    request.order.assign(order.Data(), order.Data() + order.ElementLength());
    const auto rates = typed_array<double>(object.Get("learningRates"), napi_float64_array, "learningRates", &fits);
    if (!fits) return env.Undefined();
    request.learning_rates.assign(rates.Data(), rates.Data() + rates.ElementLength());
    request.batch = Size(whole(object, "batch", 1, 2147483647.0));
    request.first_step = Size(whole(object, "firstStep", 0, 4294967295.0));
    request.seed = std::uint32_t(whole(object, "seed", 0, 4294967295.0));
    request.epoch = std::uint32_t(whole(object, "epoch", 0, 4294967295.0));
    request.global_step = std::uint32_t(whole(object, "globalStep", 0, 4294967295.0));
    request.budget_ms = whole(object, "budgetMs", 0, 1e9);
    request.values = int(whole(object, "values", 0, kValues));
    request.threads = threads_;
    if (env.IsExceptionPending()) return env.Undefined();
    const std::string misfit = program_->check(request);
    if (!misfit.empty()) return fail(env, misfit);
    auto* work = new TrainWork(env, program_, std::move(request), timed);
    work->Queue();
    return work->promise();
  }

  /// run({from, to, rows}): runs instructions [from, to) on what the arena holds. For debugging and tests.
  Napi::Value run(const Napi::CallbackInfo& info) {
    if (!alive(info)) return info.Env().Undefined();
    if (!info[0].IsObject()) return fail(info.Env(), "run takes an object");
    const Napi::Object object = info[0].As<Napi::Object>();
    const Size from = Size(whole(object, "from", 0, double(program_->size())));
    const Size to = Size(whole(object, "to", 0, double(program_->size())));
    const Size rows = Size(whole(object, "rows", 1, double(program_->rows())));
    if (info.Env().IsExceptionPending()) return info.Env().Undefined();
    std::lock_guard lock(program_->mutex());
    program_->run(from, to, rows, threads_);
    return info.Env().Undefined();
  }

  /// read(offset, count): Float32Array, a copy of a part of the arena.
  Napi::Value read(const Napi::CallbackInfo& info) {
    if (!alive(info)) return info.Env().Undefined();
    const double offset = info[0].IsNumber() ? info[0].As<Napi::Number>().DoubleValue() : NAN;
    const double count = info[1].IsNumber() ? info[1].As<Napi::Number>().DoubleValue() : NAN;
    if (!(offset >= 0 && count >= 0 && offset + count <= double(program_->arena_floats()))) {
      return fail(info.Env(), "read past the end of the arena");
    }
    std::lock_guard lock(program_->mutex());
    auto output = Napi::Float32Array::New(info.Env(), std::size_t(count));
    std::copy_n(program_->arena() + Size(offset), Size(count), output.Data());
    return output;
  }

  /// write(offset, values: Float32Array): puts values into the arena.
  Napi::Value write(const Napi::CallbackInfo& info) {
    if (!alive(info)) return info.Env().Undefined();
    const double offset = info[0].IsNumber() ? info[0].As<Napi::Number>().DoubleValue() : NAN;
    bool fits;
    const auto values = typed_array<float>(info[1], napi_float32_array, "the values", &fits);
    if (!fits) return info.Env().Undefined();
    if (!(offset >= 0 && offset + double(values.ElementLength()) <= double(program_->arena_floats()))) {
      return fail(info.Env(), "write past the end of the arena");
    }
    std::lock_guard lock(program_->mutex());
    std::copy_n(values.Data(), values.ElementLength(), program_->arena() + Size(offset));
    return info.Env().Undefined();
  }

  /// Ends a run that is under way after its current instruction; a step that was not finished changes no parameter.
  void cancel(const Napi::CallbackInfo&) {
    if (program_) program_->cancelled.store(true);
  }

  void dispose(const Napi::CallbackInfo&) { program_.reset(); }

  std::shared_ptr<Program> program_;
  Region input_, output_;
  int threads_ = 1;
};

}  // namespace hebb
