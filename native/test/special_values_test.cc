// NaN, infinity and denormal numbers, as IEEE 754 has them: what is wrong with a number must show in all that depends
// on it, or a network that diverged would look healthy.
#include <cstring>

#include "dependence.h"
#include "naive.h"

namespace hebb::test {
namespace {

void add_dense(std::vector<Dependence>& list, Random& random, Size rows, Size inputs, Size units) {
  const auto floats = [&](Size n) { return random_floats(random, n, 0.5, 1); };
  const auto with_sizes = [&](const char* op) {
    OpCase c(op, rows);
    c.set("inputs", double(inputs)).set("units", double(units));
    return c;
  };
  OpCase forward = with_sizes("dense");
  forward.set("activation", double(Activation::relu)).set("slope", 0);
  forward.batch("x", floats(rows * inputs)).whole("w", floats(inputs * units)).whole("b", floats(units));
  list.push_back({forward.batch_result("y", units), {"x", "w", "b"}, true, true});
  OpCase input = with_sizes("dense_backward_input");
  input.batch("dy", floats(rows * units)).whole("w", floats(inputs * units)).batch_result("dx", inputs);
  list.push_back({input, {"dy", "w"}, true, true});
  OpCase weight = with_sizes("dense_backward_weight");
  weight.batch("x", floats(rows * inputs)).batch("dy", floats(rows * units)).whole_result("dw", inputs * units);
  list.push_back({weight, {"x", "dy"}, true, true});
}

void add_convolutions(std::vector<Dependence>& list, Random& random, const Geometry& g) {
  const Size rows = 2, x = rows * g.pixels() * g.channels, y = rows * g.output_pixels() * g.filters;
  const Size weights = g.weights();
  const auto floats = [&](Size n) { return random_floats(random, n, 0.5, 1); };
  const auto with_sizes = [&](const char* op) {
    OpCase c(op, rows);
    g.set(c);
    return c;
  };
  // Winograd's tiles mix neighbours, and zeros around an image are multiplied by weights, whatever these are.
  const bool independent = !g.winograd() && g.pad_top + g.pad_left == 0;
  OpCase forward = with_sizes("conv2d");
  forward.set("activation", double(Activation::linear)).set("slope", 0);
  forward.batch("x", floats(x)).whole("w", floats(weights)).whole("b", floats(g.filters));
  list.push_back({forward.batch_result("y", y / rows), {"x", "w", "b"}, true, independent});
  OpCase input = with_sizes("conv2d_backward_input");
  input.batch("dy", floats(y)).whole("w", floats(weights)).batch_result("dx", x / rows);
  list.push_back({input, {"dy", "w"}, true, false});
  OpCase weight = with_sizes("conv2d_backward_weight");
  weight.batch("x", floats(x)).batch("dy", floats(y)).whole_result("dw", weights);
  list.push_back({weight, {"x", "dy"}, true, false});
}

void add_elementwise(std::vector<Dependence>& list, Random& random, Size n) {
  for (int number = 0; number < int(Activation::count); number++) {
    const Activation kind = Activation(number);
    if (kind == Activation::step) continue;  // it only chooses
    const auto with_kind = [&](OpCase c) { return c.set("activation", double(kind)).set("slope", 0.5); };
    list.push_back({with_kind(elementwise("activate", random, n, {"x"}, "y")), {"x"}, false, true});
    if (has_derivative_from_output(kind)) {
      list.push_back({with_kind(elementwise("activate_backward", random, n, {"y", "dy"}, "dx")), {"dy"}, false, true});
    }
    OpCase input = with_kind(elementwise("activate_backward_input", random, n, {"x", "dy"}, "dx"));
    list.push_back({input, {"dy"}, false, true});
    const bool chooses = kind == Activation::linear || kind == Activation::relu || kind == Activation::leakyRelu ||
                         kind == Activation::hardSigmoid;
    if (!chooses) list.push_back({input, {"x"}, false, true});
  }
  list.push_back({elementwise("affine", random, n, {"x"}, "y").set("scale", 2).set("offset", 1), {"x"}, true, true});
  list.push_back({elementwise("dropout", random, n, {"x"}, "y").set("rate", 0.5).set("layer", 0), {"x"}, true, true});
  OpCase softmax("softmax", 3), gradient("softmax_backward", 3);
  softmax.set("positions", 2)
      .set("classes", double(n))
      .batch("x", random_floats(random, 6 * n))
      .batch_result("y", 2 * n);
  list.push_back({softmax, {"x"}, false, true});
  gradient.set("positions", 2).set("classes", double(n)).batch("y", random_floats(random, 6 * n, 0.1, 0.2));
  gradient.batch("dy", random_floats(random, 6 * n)).batch_result("dx", 2 * n);
  list.push_back({gradient, {"y", "dy"}, false, true});
  OpCase bias("bias_gradient", 3);
  bias.set("positions", 2).set("units", double(n)).batch("dy", random_floats(random, 6 * n)).whole_result("db", n);
  list.push_back({bias, {"dy"}, true, true});
}

void add_pooling(std::vector<Dependence>& list, Random& random, Size channels) {
  for (const char* op : {"max_pool2d", "max_pool2d_backward", "average_pool2d", "average_pool2d_backward"}) {
    OpCase c(op, 2);
    for (const char* name : {"height", "width"}) c.set(name, 6);
    for (const char* name : {"output_height", "output_width", "size_height", "size_width"}) c.set(name, 3);
    for (const char* name : {"stride_height", "stride_width"}) c.set(name, 2);
    c.set("channels", double(channels)).set("pad_top", 1).set("pad_left", 1);
    if (!std::strcmp(op, "average_pool2d_backward")) {
      c.batch("dy", random_floats(random, 2 * 9 * channels)).batch_result("dx", 36 * channels);
      list.push_back({c, {"dy"}, true, true});
      continue;
    }
    c.batch("x", random_floats(random, 2 * 36 * channels));
    if (!std::strcmp(op, "average_pool2d")) {
      list.push_back({c.batch_result("y", 9 * channels), {"x"}, true, true});
      continue;
    }
    if (!std::strcmp(op, "max_pool2d")) {
      list.push_back({c.batch_result("y", 9 * channels), {"x"}, false, true});
      continue;
    }
    c.batch("y", list.back().c.step(scalar_kernels, 1)["y"])
        .batch("dy", random_floats(random, 2 * 9 * channels))
        .batch_result("dx", 36 * channels);
    list.push_back({c, {"dy"}, true, true});
  }
}

std::vector<Dependence> dependences() {
  std::vector<Dependence> list;
  Random random(91);
  for (Size rows : {1, 3, 40}) add_dense(list, random, rows, 37, 21);
  add_dense(list, random, 30, 70, 150);
  add_convolutions(list, random, {9, 9, 1, 4, 9, 9, 5, 5, 1, 1, 2, 2});
  add_convolutions(list, random, {9, 9, 3, 20, 5, 5, 3, 3, 2, 2, 1, 1});
  add_convolutions(list, random, {8, 8, 3, 5, 7, 7, 2, 2, 1, 1, 0, 0});
  add_convolutions(list, random, {6, 6, 20, 19, 6, 6, 1, 1, 1, 1, 0, 0});
  add_convolutions(list, random, {9, 10, 64, 33, 9, 10, 3, 3, 1, 1, 1, 1});
  add_convolutions(list, random, {9, 8, 19, 19, 9, 8, 3, 3, 1, 1, 1, 1, 1, 1, 19});
  add_convolutions(list, random, {9, 8, 6, 9, 7, 6, 3, 3, 1, 1, 1, 1, 2, 2, 3});
  for (Size n : {3, 21}) add_elementwise(list, random, n), add_pooling(list, random, n);
  return list;
}

}  // namespace

TEST(nan_and_infinity_reach_what_depends_on_them) { check_dependences(dependences(), 92); }

TEST(denormals_are_flushed_in_training_and_prediction) {
  const Size elements = 200000;  // with 2 rows: over several tasks and threads
  OpCase leaky("activate", 2);
  leaky.set("elements", double(elements)).set("activation", double(Activation::leakyRelu)).set("slope", 0.25);
  leaky.batch("x", std::vector<float>(std::size_t(2 * elements), -2e-38f)).batch_result("y", elements);
  OpCase dense("dense", 2);
  dense.set("inputs", 1).set("units", 3).set("activation", 0).set("slope", 0);
  dense.batch("x", {1e-20f, 1e-20f}).whole("w", {1e-20f, 1e-20f, 1e-20f}).batch_result("y", 3);
  OpCase affine("affine", 2);
  affine.set("elements", 1).set("scale", 1e10).set("offset", 0).batch("x", {1e-39f, 1e-40f}).batch_result("y", 1);
  const volatile float tiny = 1e-39f;
  for (const Kernels* kernels : instruction_sets()) {
    for (const OpCase* c : {&leaky, &dense, &affine}) {
      for (int threads : {1, 8}) {
        describe_case("%s of denormals, %d threads [%s]", c->op(), threads, kernels->name);
        bool flushed = true;
        const Results trained = c->step(*kernels, threads), predicted = c->prediction(*kernels, threads);
        for (float y : trained["y"]) flushed &= y == 0;
        for (float y : predicted["y"]) flushed &= y == 0;
        EXPECT(flushed);
        EXPECT(tiny * 1.0f != 0);  // the caller's own arithmetic is as it was
      }
    }
  }
}

}  // namespace hebb::test
