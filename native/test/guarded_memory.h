// Memory whose every float beyond its end is unreadable: a kernel that reads or writes past it ends the test there.
#pragma once
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "values.h"

namespace hebb::test {

/// `count` values that end where a page without access begins; so they begin at any multiple of their size.
template <class T>
class Guarded {
 public:
  explicit Guarded(Size count) : count_(count) {
    const std::size_t page = std::size_t(sysconf(_SC_PAGESIZE)), bytes = std::size_t(count) * sizeof(T);
    bytes_ = (bytes + page - 1) / page * page + page;
    void* memory = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) std::abort();
    base_ = static_cast<unsigned char*>(memory);
    if (mprotect(base_ + bytes_ - page, page, PROT_NONE) != 0) std::abort();
    data_ = reinterpret_cast<T*>(base_ + bytes_ - page - bytes);
  }
  explicit Guarded(const std::vector<T>& values) : Guarded(Size(values.size())) {
    std::copy(values.begin(), values.end(), data_);
  }
  ~Guarded() { munmap(base_, bytes_); }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;

  T* data() const { return data_; }
  Size size() const { return count_; }
  T& operator[](Size i) const { return data_[i]; }

 private:
  Size count_;
  std::size_t bytes_;
  unsigned char* base_;
  T* data_;
};

using GuardedFloats = Guarded<float>;

}  // namespace hebb::test
