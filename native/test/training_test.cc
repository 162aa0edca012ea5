// A small network trained for 50 steps: the same bits with any number of threads, and on every instruction set nearly
// the loss curve of the scalar table.
#include <map>

#include "recorder.h"
#include "values.h"

namespace hebb::test {
namespace {

constexpr Size kRows = 16, kSide = 8, kClasses = 4, kSamples = 200, kSteps = 50;
constexpr Size kFilters = 16, kUnits = 24, kPooled = kSide / 2 * (kSide / 2) * kFilters;
// Rounding errors of a step are about 1e-7 of a weight; 50 steps of descent carry them on and multiply them.
constexpr double kLossAgreement = 1e-4;

struct Layer {
  std::map<std::string, double> sizes;
  Recorder::Place w, b, dw, db;
  Size weights, units;
};

std::map<std::string, double> window(Size channels, Size filters) {
  return {{"height", kSide},    {"width", kSide},    {"output_height", kSide},       {"output_width", kSide},
          {"kernel_height", 3}, {"kernel_width", 3}, {"stride_height", 1},           {"stride_width", 1},
          {"pad_top", 1},       {"pad_left", 1},     {"channels", double(channels)}, {"filters", double(filters)}};
}

/// conv 3 x 3, conv 3 x 3, max pool, dense, dense; softmax cross-entropy; SGD with momentum. Layers' parameters stand
/// in one block, their gradients in another of the same order.
Recorder network() {
  Recorder r;
  std::vector<Layer> layers;
  const auto add = [&](std::map<std::string, double> sizes, Size weights, Size units) {
    Layer layer{
        std::move(sizes), r.parameter(weights), r.parameter(units), r.tensor(weights), r.tensor(units), weights, units};
    layer.sizes["activation"] = double(Activation::relu);
    layers.push_back(std::move(layer));
  };
  add(window(1, kFilters), 9 * kFilters, kFilters);
  add(window(kFilters, kFilters), 9 * kFilters * kFilters, kFilters);
  add({{"inputs", kPooled}, {"units", kUnits}}, kPooled * kUnits, kUnits);
  add({{"inputs", kUnits}, {"units", kClasses}}, kUnits * kClasses, kClasses);
  layers[3].sizes["activation"] = double(Activation::linear);
  const Size elements = r.parameter_floats;
  const auto velocity = r.parameter(elements), gradients = layers[0].dw;

  const Size pixels = kSide * kSide, maps = pixels * kFilters;
  const auto x = r.tensor(kRows * pixels), t = r.tensor(kRows * kClasses);
  const auto y0 = r.tensor(kRows * maps), y1 = r.tensor(kRows * maps), pooled = r.tensor(kRows * kPooled);
  const auto y2 = r.tensor(kRows * kUnits), logits = r.tensor(kRows * kClasses);
  const auto d_logits = r.tensor(kRows * kClasses), d2 = r.tensor(kRows * kUnits), d_pooled = r.tensor(kRows * kPooled);
  const auto d1 = r.tensor(kRows * maps), d0 = r.tensor(kRows * maps);

  r.record("gather", {{"slot", 0}, {"elements", double(pixels)}, {"scale", 1}}, {{"y", x}});
  r.record("gather_classes", {{"slot", 1}, {"classes", kClasses}}, {{"y", t}});
  r.record("conv2d", layers[0].sizes, {{"x", x}, {"w", layers[0].w}, {"b", layers[0].b}, {"y", y0}});
  r.record("conv2d", layers[1].sizes, {{"x", y0}, {"w", layers[1].w}, {"b", layers[1].b}, {"y", y1}});
  std::map<std::string, double> pool{{"height", kSide},
                                     {"width", kSide},
                                     {"channels", kFilters},
                                     {"output_height", kSide / 2},
                                     {"output_width", kSide / 2}};
  for (const char* name : {"size_height", "size_width", "stride_height", "stride_width"}) pool[name] = 2;
  r.record("max_pool2d", pool, {{"x", y1}, {"y", pooled}});
  r.record("dense", layers[2].sizes, {{"x", pooled}, {"w", layers[2].w}, {"b", layers[2].b}, {"y", y2}});
  r.record("dense", layers[3].sizes, {{"x", y2}, {"w", layers[3].w}, {"b", layers[3].b}, {"y", logits}});
  r.record("softmax_cross_entropy", {{"classes", kClasses}}, {{"x", logits}, {"t", t}, {"dx", d_logits}});

  const auto dense_backward = [&](const Layer& layer, Recorder::Place input, Recorder::Place dy, Recorder::Place dx) {
    r.record("dense_backward_weight", {{"inputs", layer.sizes.at("inputs")}, {"units", double(layer.units)}},
             {{"x", input}, {"dy", dy}, {"dw", layer.dw}});
    r.record("bias_gradient", {{"positions", 1}, {"units", double(layer.units)}}, {{"dy", dy}, {"db", layer.db}});
    r.record("dense_backward_input", {{"inputs", layer.sizes.at("inputs")}, {"units", double(layer.units)}},
             {{"dy", dy}, {"w", layer.w}, {"dx", dx}});
  };
  const auto relu_backward = [&](Size n, Recorder::Place y, Recorder::Place d) {
    r.record("activate_backward", {{"elements", double(n)}, {"activation", double(Activation::relu)}},
             {{"y", y}, {"dy", d}, {"dx", d}});
  };
  const auto conv_gradients = [&](const Layer& layer, Recorder::Place input, Recorder::Place dy) {
    r.record("conv2d_backward_weight", window(Size(layer.sizes.at("channels")), kFilters),
             {{"x", input}, {"dy", dy}, {"dw", layer.dw}});
    r.record("bias_gradient", {{"positions", double(pixels)}, {"units", kFilters}}, {{"dy", dy}, {"db", layer.db}});
  };
  dense_backward(layers[3], y2, d_logits, d2);
  relu_backward(kUnits, y2, d2);
  dense_backward(layers[2], pooled, d2, d_pooled);
  r.record("max_pool2d_backward", pool, {{"x", y1}, {"y", pooled}, {"dy", d_pooled}, {"dx", d1}});
  relu_backward(maps, y1, d1);
  conv_gradients(layers[1], y0, d1);
  r.record("conv2d_backward_input", window(kFilters, kFilters), {{"dy", d1}, {"w", layers[1].w}, {"dx", d0}});
  relu_backward(maps, y0, d0);
  conv_gradients(layers[0], x, d0);
  r.record("sgd", {{"elements", double(elements)}, {"momentum", 0.9}},
           {{"w", {Space::parameters, 0}}, {"gradient", gradients}, {"velocity", velocity}});
  return r;
}

struct Trained {
  std::vector<double> losses;
  std::vector<float> weights;
};

/// Images of noise with a bright quarter; which one is the class.
Trained train(const Kernels& kernels, int threads, Size steps) {
  const Recorder r = network();
  Random random(111);
  ProgramSpec spec;
  spec.code = r.code, spec.rows = kRows, spec.arena_floats = r.arena_floats, spec.kernels = &kernels;
  spec.parameters = allocate_floats(r.parameter_floats), spec.parameter_floats = r.parameter_floats;
  const Floats parameters = spec.parameters;
  for (Size i = 0; i < r.parameter_floats / 2; i++) parameters[i] = float(random.real(-0.2, 0.2));
  std::vector<float> images;
  std::vector<std::int32_t> labels;
  for (Size i = 0; i < kSamples; i++) {
    labels.push_back(std::int32_t(random.whole(0, kClasses - 1)));
    for (Size p = 0; p < kSide * kSide; p++) {
      const Size quarter = p / kSide / (kSide / 2) * 2 + p % kSide / (kSide / 2);
      images.push_back(float(random.real(0, 1) + (quarter == labels.back() ? 0.4 : 0)));
    }
  }
  TrainRequest request;
  request.sources[0] = {reinterpret_cast<const unsigned char*>(images.data()), Source::Type::float32, kSamples,
                        kSide * kSide};
  request.sources[1] = {reinterpret_cast<const unsigned char*>(labels.data()), Source::Type::int32, kSamples, 1};
  for (Size i = 0; i < steps * kRows - 3; i++) request.order.push_back(std::uint32_t(i % kSamples));
  request.batch = kRows, request.learning_rates = {0.02}, request.budget_ms = 1e9, request.threads = threads,
  request.values = 1;
  std::string error;
  const auto program = Program::create(spec, &error);
  Trained trained;
  if (!check(program && program->check(request).empty(), __FILE__, __LINE__, "the network is taken", error))
    return trained;
  EXPECT(program->train(request, &trained.losses) == steps);
  trained.weights.assign(parameters.get(), parameters.get() + r.parameter_floats);
  return trained;
}

}  // namespace

TEST(training_agrees_on_all_threads_and_instruction_sets) {
  describe_case("50 steps");
  const Trained expected = train(scalar_kernels, 1, kSteps);
  EXPECT(expected.losses.size() == std::size_t(kSteps));
  EXPECT(expected.losses.back() < 0.5 * expected.losses.front());
  note("loss %.3f to %.3f;", expected.losses.front(), expected.losses.back());
  for (const Kernels* kernels : instruction_sets()) {
    const Trained one = train(*kernels, 1, kSteps);
    double difference = 0;
    for (std::size_t i = 0; i < one.losses.size(); i++) {
      difference = std::fmax(difference, std::fabs(one.losses[i] - expected.losses[i]));
    }
    describe_case("50 steps on %s", kernels->name);
    EXPECT(one.losses.size() == expected.losses.size() && difference <= kLossAgreement);
    note("%s differs by %.1e", kernels->name, difference);
    const Size steps = (kSteps + thinning() - 1) / thinning();
    const Trained alone = train(*kernels, 1, steps);
    for (int threads : {2, 3, 8}) {
      describe_case("%td steps on %s with %d threads", steps, kernels->name, threads);
      const Trained together = train(*kernels, threads, steps);
      EXPECT(together.losses == alone.losses);
      check_same_bits("weights", together.weights.data(), alone.weights.data(), Size(alone.weights.size()));
    }
  }
}

}  // namespace hebb::test
