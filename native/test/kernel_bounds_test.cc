// Every kernel that works element by element, on memory that ends where its operands end: no lane of the last vector
// may be read or written beyond. What they compute is compared with the scalar table's.
#include <functional>
#include <memory>

#include "guarded_memory.h"
#include "naive.h"

namespace hebb::test {
namespace {

constexpr double kAgreement = 64 * kRoundoff;  // of numbers about 1

/// Runs `kernel` with a table and outputs of `sizes`, filled with the same numbers, for each instruction set.
void compare_with_scalar(const char* name, Size n, const std::vector<Size>& sizes,
                         const std::function<void(const Kernels&, const std::vector<float*>&)>& kernel) {
  std::vector<std::vector<float>> expected;
  const auto outputs = [&](const Kernels& kernels, const auto& take) {
    std::vector<std::unique_ptr<GuardedFloats>> memory;
    std::vector<float*> pointers;
    Random random(80);
    for (Size size : sizes) {
      memory.push_back(std::make_unique<GuardedFloats>(random_floats(random, size, 0, 1)));
      pointers.push_back(memory.back()->data());
    }
    kernel(kernels, pointers);
    for (std::size_t i = 0; i < sizes.size(); i++) take(i, pointers[i]);
  };
  outputs(scalar_kernels,
          [&](std::size_t i, const float* values) { expected.emplace_back(values, values + sizes[i]); });
  for (const Kernels* kernels : instruction_sets()) {
    describe_case("%s of %td [%s]", name, n, kernels->name);
    outputs(*kernels, [&](std::size_t i, const float* values) {
      Expected close;
      for (float value : expected[i]) close.add(double(value), kAgreement * std::fmax(1, std::fabs(double(value))));
      check_close(("output " + std::to_string(i)).c_str(), values, close);
    });
  }
}

}  // namespace

TEST(elementwise_kernels_stay_within_their_operands) {
  Random random(81);
  for (Size n = 1; n <= 70; n++) {
    if (!take_case()) continue;
    const GuardedFloats x(random_floats(random, n)), y(random_floats(random, n, 0, 1)),
        t(random_floats(random, n, 0, 1));
    const auto one = [&](const char* name, auto kernel) { compare_with_scalar(name, n, {n}, kernel); };
    using Out = const std::vector<float*>&;
    for (int kind = 0; kind < int(Activation::count); kind++) {
      one("activate", [&](const Kernels& k, Out o) { k.activate(Activation(kind), 0.5f, n, x.data(), o[0]); });
      one("activate_backward_input", [&](const Kernels& k, Out o) {
        k.activate_backward_input(Activation(kind), 0.5f, n, t.data(), x.data(), o[0]);
      });
      one("activate_backward",
          [&](const Kernels& k, Out o) { k.activate_backward(Activation(kind), 0.5f, n, y.data(), x.data(), o[0]); });
    }
    one("affine", [&](const Kernels& k, Out o) { k.affine(n, x.data(), 1.5f, -2, o[0]); });
    one("scaled_difference", [&](const Kernels& k, Out o) { k.scaled_difference(n, x.data(), t.data(), 3, o[0]); });
    one("softmax", [&](const Kernels& k, Out o) { k.softmax(1, n, x.data(), o[0]); });
    one("softmax_backward", [&](const Kernels& k, Out o) { k.softmax_backward(1, n, y.data(), x.data(), o[0]); });
    one("dropout", [&](const Kernels& k, Out o) { k.dropout(n, x.data(), o[0], 0.5f, 1, 2, 3, 4, 5, n); });
    one("sgd", [&](const Kernels& k, Out o) { k.sgd(n, o[0], x.data(), 0.5f); });
    for (bool nesterov : {false, true}) {
      compare_with_scalar("sgd_momentum", n, {n, n}, [&](const Kernels& k, Out o) {
        k.sgd_momentum(n, o[0], x.data(), o[1], 0.5f, 0.9f, nesterov);
      });
    }
    for (bool with_velocity : {false, true}) {
      compare_with_scalar("rmsprop", n, {n, n, n}, [&](const Kernels& k, Out o) {
        k.rmsprop(n, o[0], x.data(), o[1], with_velocity ? o[2] : nullptr, 0.01f, 0.9f, 0.1f, 1e-7f, 0.5f);
      });
    }
    compare_with_scalar("adagrad", n, {n, n},
                        [&](const Kernels& k, Out o) { k.adagrad(n, o[0], x.data(), o[1], 0.1f, 1e-7f); });
    compare_with_scalar("adam", n, {n, n, n}, [&](const Kernels& k, Out o) {
      k.adam(n, o[0], x.data(), o[1], o[2], {0.01f, 0.9f, 0.999f, 0.1f, 0.001f, 1e-7f, 1.5f, 0.99f});
    });
    compare_with_scalar("softmax_cross_entropy", n, {n, 1, 1, 1, 1}, [&](const Kernels& k, Out o) {
      k.softmax_cross_entropy(n, x.data(), t.data(), 0.5f, o[0], o[1], o[2], o[3], o[4]);
    });
    for (Size m : {1, 3, 70}) {
      const GuardedFloats rows(random_floats(random, m * n));
      one("column_sums", [&](const Kernels& k, Out o) { k.column_sums(m, n, rows.data(), o[0]); });
    }
    Guarded<std::uint8_t> bytes(n);
    for (Size i = 0; i < n; i++) bytes[i] = std::uint8_t(random.bits());
    one("affine_uint8", [&](const Kernels& k, Out o) { k.affine_uint8(n, bytes.data(), 1 / 255.0f, -0.5f, o[0]); });
  }
}

TEST(pooling_kernels_stay_within_their_operands) {
  Random random(82);
  for (int i = 0; i < 300; i++) {
    const Geometry g = random_geometry(random, 100, 4, 3);
    const Size channels = random.whole(1, 40);
    if (!take_case()) continue;
    const PoolGeometry pool{g.height,       g.width,         channels,       g.output_height,
                            g.output_width, g.kernel_height, g.kernel_width, g.stride_height,
                            g.stride_width, g.pad_top,       g.pad_left};
    const Size in = g.pixels() * channels, out = g.output_pixels() * channels;
    const GuardedFloats x(random_wholes(random, in, 3)), y(out), dy(random_floats(random, out));
    scalar_kernels.max_pool(pool, x.data(), y.data());
    compare_with_scalar("max_pool", out, {out},
                        [&](const Kernels& k, const std::vector<float*>& o) { k.max_pool(pool, x.data(), o[0]); });
    compare_with_scalar("max_pool_backward", in, {in}, [&](const Kernels& k, const std::vector<float*>& o) {
      k.max_pool_backward(pool, x.data(), y.data(), dy.data(), o[0]);
    });
  }
}

}  // namespace hebb::test
