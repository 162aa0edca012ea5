// NaN and infinity in what layers beyond products do, in losses and in optimisers: a network that diverged must not
// look healthy.
#include <cstring>

#include "dependence.h"
#include "naive.h"

namespace hebb::test {
namespace {

/// A case of 3 rows of 2 positions, with an input of so many channels and what each channel has.
OpCase channelwise(const char* op, Random& random, Size channels, const std::vector<const char*>& inputs,
                   const std::vector<const char*>& of_channels) {
  OpCase c(op, 3);
  c.set("positions", 2).set("channels", double(channels));
  for (const char* input : inputs) c.batch(input, random_floats(random, 6 * channels));
  for (const char* operand : of_channels) c.whole(operand, random_floats(random, channels, 1, 2));
  return c;
}

void add_channelwise(std::vector<Dependence>& list, Random& random, Size n) {
  const auto make = [&](const char* op, const std::vector<const char*>& inputs,
                        const std::vector<const char*>& of_channels) {
    return channelwise(op, random, n, inputs, of_channels);
  };
  list.push_back({make("add_bias", {"x"}, {"b"}).batch_result("y", 2 * n), {"x", "b"}, true, true});
  list.push_back({make("prelu", {"x"}, {"slope"}).batch_result("y", 2 * n), {"x", "slope"}, true, true});
  list.push_back(
      {make("prelu_backward", {"x", "dy"}, {"slope"}).batch_result("dx", 2 * n), {"dy", "slope"}, true, true});
  list.push_back({make("prelu_slope_gradient", {"x", "dy"}, {}).whole_result("dslope", n), {"x", "dy"}, false, true});
  OpCase moments = make("channel_moments", {"x"}, {});
  list.push_back({moments.whole_result("mean", n).whole_result("variance", n), {"x"}, true, true});
  OpCase norm = make("batch_norm", {"x"}, {"mean", "variance", "gamma", "beta"});
  norm.set("epsilon", 1e-3).batch_result("y", 2 * n);
  list.push_back({norm, {"x", "mean", "variance", "gamma", "beta"}, false, true});
  OpCase norm_gradient = make("batch_norm_backward", {"x", "dy"}, {"mean", "variance", "gamma"});
  norm_gradient.set("epsilon", 1e-3).batch_result("dx", 2 * n).whole_result("dgamma", n).whole_result("dbeta", n);
  list.push_back({norm_gradient, {"x", "dy", "mean", "variance", "gamma"}, false, true});
  OpCase update = make("update_moments", {}, {"batch_mean", "batch_variance"});
  update.set("momentum", 0.5).changing("mean", random_floats(random, n)).changing("variance", random_floats(random, n));
  list.push_back({update, {"batch_mean", "batch_variance", "mean", "variance"}, true, true});
  OpCase layer = make("layer_norm", {"x"}, {"gamma", "beta"}).set("epsilon", 1e-3).batch_result("y", 2 * n);
  list.push_back({layer, {"x", "gamma", "beta"}, false, true});
  OpCase layer_gradient = make("layer_norm_backward", {"x", "dy"}, {"gamma"});
  layer_gradient.set("epsilon", 1e-3).batch_result("dx", 2 * n).whole_result("dgamma", n).whole_result("dbeta", n);
  list.push_back({layer_gradient, {"x", "dy", "gamma"}, false, true});
  OpCase dropout = make("spatial_dropout", {"x"}, {}).set("rate", 0.5).set("layer", 0).batch_result("y", 2 * n);
  list.push_back({dropout, {"x"}, true, true});
}

void add_moves(std::vector<Dependence>& list, Random& random, Size n) {
  for (const char* op : {"add", "multiply"}) {
    list.push_back({elementwise(op, random, n, {"a", "b"}, "y"), {"a", "b"}, true, true});
  }
  OpCase noise = elementwise("gaussian_noise", random, n, {"x"}, "y").set("stddev", 0.5).set("layer", 0);
  list.push_back({noise, {"x"}, true, true});
  const auto sized = [&](const char* op, std::vector<std::pair<const char*, double>> sizes) {
    OpCase c(op, 2);
    for (const auto& [name, size] : sizes) c.set(name, size);
    return c;
  };
  const auto floats = [&](Size count) { return random_floats(random, 2 * count); };
  OpCase joined = sized("concatenate", {{"positions", 2}, {"a_channels", double(n)}, {"b_channels", 3}});
  joined.batch("a", floats(2 * n)).batch("b", floats(6)).batch_result("y", 2 * n + 6);
  list.push_back({joined, {"a", "b"}, true, true});
  OpCase part = sized("slice", {{"positions", 2}, {"width", double(n)}, {"offset", 1}, {"channels", 2}});
  list.push_back({part.batch("x", floats(2 * n)).batch_result("y", 4), {"x"}, true, true});
  const std::vector<std::pair<const char*, double>> image{{"height", 3}, {"width", 2}, {"channels", double(n)}};
  const auto image_case = [&](const char* op, bool factors) {
    OpCase c = sized(op, image);
    if (factors) return c.set("factor_height", 2).set("factor_width", 3);
    return c.set("top", 1).set("bottom", 0).set("left", 2).set("right", 1);
  };
  OpCase up = image_case("upsample2d", true), down = image_case("upsample2d_backward", true);
  list.push_back({up.batch("x", floats(6 * n)).batch_result("y", 36 * n), {"x"}, true, true});
  list.push_back({down.batch("dy", floats(36 * n)).batch_result("dx", 6 * n), {"dy"}, true, true});
  OpCase pad = image_case("pad2d", false), crop = image_case("crop2d", false);
  list.push_back({pad.batch("x", floats(6 * n)).batch_result("y", 20 * n), {"x"}, true, true});
  list.push_back({crop.batch("x", floats(20 * n)).batch_result("y", 6 * n), {"x"}, true, true});
  OpCase table = sized("embedding", {{"positions", 3}, {"vocabulary", 4}, {"dimensions", double(n)}});
  OpCase learned = sized("embedding_backward", {{"positions", 3}, {"vocabulary", 4}, {"dimensions", double(n)}});
  table.batch("x", {0, 1, 3, 1, 0, 3}).whole("w", floats(2 * n)).batch_result("y", 3 * n);
  list.push_back({table, {"w"}, true, true});
  learned.batch("x", {0, 1, 3, 1, 0, 3}).batch("dy", floats(3 * n)).whole_result("dw", 4 * n);
  list.push_back({learned, {"dy"}, true, true});
}

void add_losses(std::vector<Dependence>& list, Random& random, Size n) {
  for (const char* op :
       {"binary_cross_entropy", "squared_error", "absolute_error", "huber", "hinge", "perceptron_error"}) {
    OpCase c = elementwise(op, random, n, {"x", "t"}, "dx");
    c.set("value", 1);
    if (!std::strcmp(op, "squared_error")) c.set("value_scale", 0.5);
    if (!std::strcmp(op, "huber")) c.set("delta", 0.1);
    list.push_back({c, {"x", "t"}, false, true});
    c.batch("weights", random_floats(random, 3, 1, 2));
    list.push_back({c, {"x", "t", "weights"}, false, true});
  }
  OpCase loss("softmax_cross_entropy", 3);
  loss.set("classes", double(n)).set("value", 0).batch_result("dx", n);
  loss.batch("x", random_floats(random, 3 * n)).batch("t", random_floats(random, 3 * n, 0.1, 0.5));
  list.push_back({loss, {"x", "t"}, false, true});
  loss.batch("weights", random_floats(random, 3, 1, 2));
  list.push_back({loss, {"x", "t", "weights"}, false, true});
  OpCase weights("regularize", 1);
  weights.set("elements", double(n)).set("l1", 0.5).set("l2", 0.25).set("value", 2);
  weights.whole("w", random_floats(random, n)).changing("gradient", random_floats(random, n));
  list.push_back({weights, {"w", "gradient"}, true, true});
}

void add_optimisers(std::vector<Dependence>& list, Random& random, Size n) {
  OpCase sgd("sgd", 1), adam("adam", 1);
  sgd.set("elements", double(n))
      .set("momentum", 0.5)
      .set("nesterov", n % 2)
      .whole("gradient", random_floats(random, n));
  sgd.changing("w", random_floats(random, n)).changing("velocity", random_floats(random, n));
  sgd.request.learning_rates = {0.1};
  list.push_back({sgd, {"gradient", "w", "velocity"}, true, true});
  adam.set("elements", double(n)).set("beta1", 0.5).set("beta2", 0.5).set("epsilon", 1e-7).set("weight_decay", 0.5);
  adam.whole("gradient", random_floats(random, n)).changing("w", random_floats(random, n));
  adam.changing("m", random_floats(random, n)).changing("v", random_floats(random, n, 1, 2));
  adam.request.learning_rates = {0.1};
  list.push_back({adam, {"gradient", "w", "m", "v"}, false, true});
  OpCase rmsprop("rmsprop", 1), adagrad("adagrad", 1);
  rmsprop.set("elements", double(n)).set("decay", 0.5).set("epsilon", 1e-7).set("momentum", 0.5);
  rmsprop.whole("gradient", random_floats(random, n)).changing("w", random_floats(random, n));
  rmsprop.changing("square", random_floats(random, n, 1, 2)).changing("velocity", random_floats(random, n));
  rmsprop.request.learning_rates = {0.1};
  list.push_back({rmsprop, {"gradient", "w", "square", "velocity"}, false, true});
  adagrad.set("elements", double(n)).set("epsilon", 1e-7).whole("gradient", random_floats(random, n));
  adagrad.changing("w", random_floats(random, n)).changing("sum", random_floats(random, n, 1, 2));
  adagrad.request.learning_rates = {0.1};
  list.push_back({adagrad, {"gradient", "w", "sum"}, false, true});
  for (const char* op : {"clip_value", "clip_norm"}) {
    OpCase clip(op, 1);
    clip.set("elements", double(n)).set("limit", 0.5).changing("gradient", random_floats(random, n));
    list.push_back({clip, {"gradient"}, false, true});
  }
  OpCase columns("max_norm", 1);
  columns.set("inputs", 3).set("units", double(n)).set("limit", 0.5).changing("w", random_floats(random, 3 * n));
  list.push_back({columns, {"w"}, false, true});
}

}  // namespace

TEST(nan_and_infinity_reach_what_layers_losses_and_optimisers_do) {
  std::vector<Dependence> list;
  Random random(93);
  for (Size n : {3, 21}) {
    add_channelwise(list, random, n), add_moves(list, random, n);
    add_losses(list, random, n), add_optimisers(list, random, n);
  }
  check_dependences(list, 94);
}

}  // namespace hebb::test
