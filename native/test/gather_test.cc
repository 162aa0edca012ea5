// Gathers of mini-batches from sources.
#include <cstring>

#include "naive.h"
#include "op_case.h"

namespace hebb::test {
namespace {

constexpr Size kSourceRows = 11;

const Size kSizes[] = {1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 100, 784};

void use_source(OpCase& c, int slot, const std::vector<unsigned char>& bytes, Source::Type type, Size elements) {
  // One element in: a dataset's file has rows at any multiple of an element.
  const Size element = type == Source::Type::uint8 ? 1 : 4;
  c.request.sources[slot] = {bytes.data() + element, type, kSourceRows, elements};
  c.training_only = true;
}

template <class T>
std::vector<unsigned char> as_bytes(const std::vector<T>& values) {
  std::vector<unsigned char> bytes((values.size() + 1) * sizeof(T), 0xa5);
  std::memcpy(bytes.data() + sizeof(T), values.data(), values.size() * sizeof(T));
  return bytes;
}

template <class F>
void each_batch(Random& random, F f) {
  for (Size rows : {1, 2, 5, 16, 70}) {
    for (Size elements : kSizes) {
      if (!take_case()) continue;
      std::vector<std::uint32_t> order;
      for (Size r = 0; r < rows; r++) order.push_back(std::uint32_t(random.whole(0, kSourceRows - 1)));
      f(rows, elements, order);
    }
  }
}

}  // namespace

TEST(gather) {
  Random random(61);
  for (bool bytewise : {true, false}) {
    each_batch(random, [&](Size rows, Size elements, std::vector<std::uint32_t> order) {
      describe_case("gather (%td, %td) of %s", rows, elements, bytewise ? "uint8" : "float32");
      const int slot = int(rows % kSlots);
      const double scale = random.real(-2, 2), offset = random.real(-1, 1);
      std::vector<float> numbers = random_floats(random, kSourceRows * elements);
      std::vector<std::uint8_t> small(numbers.size());
      for (std::size_t i = 0; i < small.size(); i++) small[i] = std::uint8_t(random.bits());
      const auto bytes = bytewise ? as_bytes(small) : as_bytes(numbers);
      OpCase c("gather", rows, rows % 3);
      c.set("slot", slot).set("elements", double(elements)).set("scale", scale).set("offset", offset);
      c.batch_result("y", elements);
      c.request.order = order;
      use_source(c, slot, bytes, bytewise ? Source::Type::uint8 : Source::Type::float32, elements);
      Expected expected;
      for (std::uint32_t row : order) {
        for (Size i = 0; i < elements; i++) {
          const std::size_t from = std::size_t(Size(row) * elements + i);
          const double product = (bytewise ? double(small[from]) : double(numbers[from])) * scale;
          expected.add(product + offset, 3 * kRoundoff * (std::fabs(product) + std::fabs(offset)));
        }
      }
      c.run([&](const Results& r, const Kernels&) { check_close("y", r["y"].data(), expected); });
    });
  }
}

TEST(gather_classes) {
  Random random(62);
  each_batch(random, [&](Size rows, Size classes, std::vector<std::uint32_t> order) {
    describe_case("gather_classes (%td, %td)", rows, classes);
    std::vector<std::int32_t> indices(std::size_t(kSourceRows), 0);
    // Indices out of range leave a row of zeros.
    for (std::int32_t& index : indices) index = std::int32_t(random.whole(-1, classes));
    const auto bytes = as_bytes(indices);
    OpCase c("gather_classes", rows, rows % 3);
    c.set("slot", 1).set("classes", double(classes)).batch_result("y", classes);
    c.request.order = order;
    use_source(c, 1, bytes, Source::Type::int32, 1);
    Expected expected;
    for (std::uint32_t row : order) {
      for (Size i = 0; i < classes; i++) {
        expected.add(classes == 1 ? double(indices[row]) : double(i == Size(indices[row])), 0);
      }
    }
    c.run([&](const Results& r, const Kernels&) { check_close("y", r["y"].data(), expected); });
  });
}

}  // namespace hebb::test
