// Parameters that are right one by one, but not together.
#include <cstring>
#include <utility>

#include "checker_case.h"
#include "naive.h"

namespace hebb::test {

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
      } else if (!std::strcmp(op, "activate_backward") && !has_derivative_from_output(Activation(kind))) {
        refused(code, "does not tell its derivative");
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

}  // namespace hebb::test
