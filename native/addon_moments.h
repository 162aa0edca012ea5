// The moments of a source's columns for JavaScript, worked out off the event loop.
#pragma once
#include <napi.h>

#include <algorithm>

#include "addon_memory.h"
#include "moments.h"

namespace hebb {

class MomentsWork final : public Napi::AsyncWorker {
 public:
  /// moments(source, rows: Uint32Array, threads): Promise<{min, max, mean, deviation}>, a Float64Array each
  static Napi::Value start(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    Source source;
    std::shared_ptr<void> owner;
    if (!read_source(info[0], &source, &owner)) return env.Undefined();
    bool fits;
    const auto rows = typed_array<std::uint32_t>(info[1], napi_uint32_array, "the rows", &fits);
    if (!fits) return env.Undefined();
    std::vector<std::uint32_t> order(rows.Data(), rows.Data() + rows.ElementLength());
    if (!source.data || source.type == Source::Type::int32) return fail(env, "moments are those of numbers");
    const auto outside = [&](std::uint32_t row) { return Size(row) >= source.rows; };
    if (order.empty() || std::any_of(order.begin(), order.end(), outside)) {
      return fail(env, "moments take one or more rows of the source");
    }
    const double threads = info[2].IsNumber() ? info[2].As<Napi::Number>().DoubleValue() : NAN;
    if (!(threads >= 1 && threads <= 1024)) return fail(env, "moments take 1 to 1024 threads");
    auto* work = new MomentsWork(env, source, std::move(owner), std::move(order), int(threads));
    work->Queue();
    return work->promise_.Promise();
  }

 private:
  MomentsWork(Napi::Env env, const Source& source, std::shared_ptr<void> owner, std::vector<std::uint32_t> order,
              int threads)
      : AsyncWorker(env),
        source_(source),
        owner_(std::move(owner)),
        order_(std::move(order)),
        threads_(threads),
        promise_(Napi::Promise::Deferred::New(env)) {}
  void Execute() override { moments_ = column_moments(source_, order_, threads_); }
  void OnOK() override {
    Napi::Object result = Napi::Object::New(Env());
    const auto set = [&](const char* name, const std::vector<double>& values) {
      auto array = Napi::Float64Array::New(Env(), values.size());
      std::copy(values.begin(), values.end(), array.Data());
      result.Set(name, array);
    };
    set("min", moments_.min), set("max", moments_.max), set("mean", moments_.mean);
    set("deviation", moments_.deviation);
    promise_.Resolve(result);
  }
  void OnError(const Napi::Error& error) override { promise_.Reject(error.Value()); }

  const Source source_;
  const std::shared_ptr<void> owner_;
  const std::vector<std::uint32_t> order_;
  const int threads_;
  Moments moments_;
  Napi::Promise::Deferred promise_;
};

}  // namespace hebb
