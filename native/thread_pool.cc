#include "thread_pool.h"

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#if defined(__x86_64__) || defined(__i386__)
#include <xmmintrin.h>
#endif

namespace hebb {
namespace {

inline void relax() {
#if defined(__x86_64__) || defined(__i386__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Between two regions of one program lie microseconds: a worker looks that long for the next one before it sleeps.
constexpr int kSpins = 2000;

class ThreadPool {
 public:
  void run(int tasks, int threads, void (*task)(void*, int, int), void* context) {
    if (!region_.try_lock()) {
      for (int i = 0; i < tasks; i++) task(context, i, 0);
      return;
    }
    std::lock_guard region(region_, std::adopt_lock);
    const int helpers = (threads < tasks ? threads : tasks) - 1;
    while (int(workers_.size()) < helpers) {
      const int thread = int(workers_.size()) + 1;
      workers_.emplace_back([this, thread] { work(thread); });
    }
    task_ = task, context_ = context;
    done_.store(0, std::memory_order_relaxed);
    open_.store(pack(tasks, helpers + 1));
    if (sleeping_.load() > 0) {
      // Taken so that a worker is either before its look at open_ or already waiting.
      { std::lock_guard lock(mutex_); }
      wake_.notify_all();
    }
    drain(0);
    // Only tasks under way are waited for: a worker that never woke, for want of a free core, holds nobody up.
    for (int spin = 0; done_.load(std::memory_order_acquire) != tasks; spin++) {
      if (spin < kSpins) {
        relax();
      } else {
        std::this_thread::yield();
      }
    }
  }

 private:
  // The region that is open, in one word: how many of its tasks are left, and how many threads may take them. A claim
  // is a compare-and-swap on it, so whoever succeeds has a task of the region that is open now, and that region's task_
  // and context_ stay until the claimed task is done.
  static std::uint64_t pack(int tasks, int threads) { return std::uint64_t(threads) << 32 | std::uint32_t(tasks); }
  static int tasks_left(std::uint64_t open) { return int(std::uint32_t(open)); }
  static int threads_of(std::uint64_t open) { return int(open >> 32); }

  bool has_work(int thread) const {
    const std::uint64_t open = open_.load();
    return tasks_left(open) > 0 && thread < threads_of(open);
  }

  void drain(int thread) {
    std::uint64_t open = open_.load(std::memory_order_acquire);
    while (tasks_left(open) > 0 && thread < threads_of(open)) {
      if (!open_.compare_exchange_weak(open, open - 1, std::memory_order_acq_rel, std::memory_order_acquire)) continue;
      task_(context_, tasks_left(open) - 1, thread);
      done_.fetch_add(1, std::memory_order_release);
      open = open_.load(std::memory_order_acquire);
    }
  }

  void work(int thread) {
    FlushDenormals flush;
    for (;;) {
      for (int spin = 0; spin < kSpins && !has_work(thread); spin++) relax();
      if (!has_work(thread)) {
        std::unique_lock lock(mutex_);
        sleeping_.fetch_add(1);
        wake_.wait(lock, [&] { return has_work(thread); });
        sleeping_.fetch_sub(1);
      }
      drain(thread);
    }
  }

  std::mutex region_, mutex_;
  std::condition_variable wake_;
  std::vector<std::thread> workers_;
  std::atomic<std::uint64_t> open_{0};
  std::atomic<int> done_{0}, sleeping_{0};
  void (*task_)(void*, int, int) = nullptr;
  void* context_ = nullptr;
};

// Never destroyed: at process exit the workers may be asleep, and joining them from a static destructor can hang.
ThreadPool& pool() {
  static ThreadPool* instance = new ThreadPool;
  return *instance;
}

}  // namespace

void parallel_for_raw(int tasks, int threads, void (*task)(void*, int, int), void* context) {
  pool().run(tasks, threads, task, context);
}

#if defined(__x86_64__) || defined(__i386__)
FlushDenormals::FlushDenormals() : saved_(_mm_getcsr()) { _mm_setcsr(unsigned(saved_) | 0x8040); }
FlushDenormals::~FlushDenormals() { _mm_setcsr(unsigned(saved_)); }
#elif defined(__aarch64__)
FlushDenormals::FlushDenormals() {
  asm volatile("mrs %0, fpcr" : "=r"(saved_));
  asm volatile("msr fpcr, %0" : : "r"(saved_ | (1ul << 24)));
}
FlushDenormals::~FlushDenormals() { asm volatile("msr fpcr, %0" : : "r"(saved_)); }
#else
FlushDenormals::FlushDenormals() : saved_(0) {}
FlushDenormals::~FlushDenormals() {}
#endif

}  // namespace hebb
