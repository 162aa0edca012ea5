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
    threads = threads < tasks ? threads : tasks;
    if (threads > kMostThreads) threads = kMostThreads;
    if (tasks > kMostTasks || !region_.try_lock()) {
      for (int i = 0; i < tasks; i++) task(context, i, 0);
      return;
    }
    std::lock_guard region(region_, std::adopt_lock);
    while (int(workers_.size()) < threads - 1) {
      const int thread = int(workers_.size()) + 1;
      workers_.emplace_back([this, thread] { work(thread); });
    }
    task_ = task, context_ = context;
    done_.store(0, std::memory_order_relaxed);
    for (int t = 0; t < threads; t++) {
      shares_[t].open.store(pack(std::int64_t(tasks) * t / threads, std::int64_t(tasks) * (t + 1) / threads, threads));
    }
    if (sleeping_.load() > 0) {
      // Taken so that a worker is either before its look at the shares or already waiting.
      { std::lock_guard lock(mutex_); }
      wake_.notify_all();
    }
    drain(0, threads);
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
  // Each thread has a share of the region's tasks, always the same of the same number: so it finds in its cache what it
  // wrote there a step before. Who has done its own takes from the back of others'. A share is one word: first and end
  // of what is left, and how many threads may take part. A claim is a compare-and-swap on it, so whoever succeeds has a
  // task of the region that is open now, and that region's task_ and context_ stay until the claimed task is done.
  static constexpr int kMostTasks = (1 << 24) - 1, kMostThreads = 1024;
  struct alignas(64) Share {
    std::atomic<std::uint64_t> open{0};
  };
  static std::uint64_t pack(std::int64_t first, std::int64_t end, int threads) {
    return std::uint64_t(threads) << 48 | std::uint64_t(end) << 24 | std::uint64_t(first);
  }
  static int first_of(std::uint64_t open) { return int(open & kMostTasks); }
  static int end_of(std::uint64_t open) { return int(open >> 24 & kMostTasks); }
  static int threads_of(std::uint64_t open) { return int(open >> 48); }

  bool has_work(int thread) const {
    const int threads = threads_of(shares_[0].open.load());
    if (thread >= threads) return false;
    for (int t = 0; t < threads; t++) {
      const std::uint64_t open = shares_[t].open.load();
      if (first_of(open) < end_of(open)) return true;
    }
    return false;
  }

  void drain(int thread, int threads) {
    for (int t = 0; t < threads; t++) {
      const int owner = (thread + t) % threads;
      std::atomic<std::uint64_t>& share = shares_[owner].open;
      std::uint64_t open = share.load(std::memory_order_acquire);
      while (first_of(open) < end_of(open) && thread < threads_of(open)) {
        const int index = owner == thread ? first_of(open) : end_of(open) - 1;
        const std::uint64_t left = owner == thread ? open + 1 : open - (std::uint64_t(1) << 24);
        if (!share.compare_exchange_weak(open, left, std::memory_order_acq_rel, std::memory_order_acquire)) continue;
        task_(context_, index, thread);
        done_.fetch_add(1, std::memory_order_release);
        open = share.load(std::memory_order_acquire);
      }
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
      drain(thread, threads_of(shares_[0].open.load(std::memory_order_acquire)));
    }
  }

  std::mutex region_, mutex_;
  std::condition_variable wake_;
  std::vector<std::thread> workers_;
  Share shares_[kMostThreads];
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
