#include "thread_pool.h"

#include <atomic>
#include <condition_variable>
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
    int helpers = (threads < tasks ? threads : tasks) - 1;
    while (int(workers_.size()) < helpers) {
      int thread = int(workers_.size()) + 1;
      unsigned seen = generation_.load(std::memory_order_relaxed);
      workers_.emplace_back([this, thread, seen] { work(thread, seen); });
    }
    task_ = task, context_ = context, tasks_ = tasks, helpers_ = helpers;
    next_.store(0, std::memory_order_relaxed);
    // Every worker of the pool passes through each generation, so that none can meet the next region's task too early.
    pending_.store(int(workers_.size()), std::memory_order_relaxed);
    {
      std::lock_guard lock(mutex_);
      generation_.fetch_add(1, std::memory_order_release);
    }
    if (sleeping_.load(std::memory_order_acquire) > 0) wake_.notify_all();
    drain(0);
    for (int spin = 0; pending_.load(std::memory_order_acquire) != 0; spin++) {
      if (spin < kSpins) {
        relax();
      } else {
        std::this_thread::yield();
      }
    }
  }

 private:
  void drain(int thread) {
    for (int i; (i = next_.fetch_add(1, std::memory_order_relaxed)) < tasks_;) task_(context_, i, thread);
  }

  void work(int thread, unsigned seen) {
    FlushDenormals flush;
    for (;;) {
      for (int spin = 0; generation_.load(std::memory_order_acquire) == seen && spin < kSpins; spin++) relax();
      if (generation_.load(std::memory_order_acquire) == seen) {
        std::unique_lock lock(mutex_);
        sleeping_.fetch_add(1, std::memory_order_release);
        wake_.wait(lock, [&] { return generation_.load(std::memory_order_acquire) != seen; });
        sleeping_.fetch_sub(1, std::memory_order_release);
      }
      seen++;
      if (thread <= helpers_) drain(thread);
      pending_.fetch_sub(1, std::memory_order_release);
    }
  }

  std::mutex region_, mutex_;
  std::condition_variable wake_;
  std::vector<std::thread> workers_;
  std::atomic<unsigned> generation_{0};
  std::atomic<int> next_{0}, pending_{0}, sleeping_{0};
  void (*task_)(void*, int, int) = nullptr;
  void* context_ = nullptr;
  int tasks_ = 0, helpers_ = 0;
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
