// parallel_for over a fixed number of tasks, and nothing else. Which thread runs a task never changes what it computes.
#pragma once
#include <memory>
#include <type_traits>

namespace hebb {

/// Calls task(context, index, thread) for each index in [0, tasks) on up to `threads` threads, the caller among them,
/// and returns when all are done. `thread` is in [0, threads) and tells per-thread scratch memory apart. Where another
/// parallel_for is under way in this process, the caller runs all tasks itself.
void parallel_for_raw(int tasks, int threads, void (*task)(void* context, int index, int thread), void* context);

template <class Task>
void parallel_for(int tasks, int threads, Task&& task) {
  using Plain = std::remove_reference_t<Task>;
  if (tasks == 1 || threads == 1) {
    for (int i = 0; i < tasks; i++) task(i, 0);
    return;
  }
  parallel_for_raw(
      tasks, threads, [](void* context, int index, int thread) { (*static_cast<Plain*>(context))(index, thread); },
      const_cast<void*>(static_cast<const void*>(std::addressof(task))));
}

/// While one lives, the thread that made it treats denormal numbers as zero. Restores what was before.
class FlushDenormals {
 public:
  FlushDenormals();
  ~FlushDenormals();
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;

 private:
  unsigned long saved_;
};

}  // namespace hebb
