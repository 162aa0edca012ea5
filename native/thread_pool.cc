#include "thread_pool.h"

#include <pthread.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>

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

/// Looks for an event a while before its thread sleeps. Between two regions of one program lie microseconds, less than
/// a sleep and a wake take; but where threads share a core, looking keeps the event from happening. So one that looked
/// in vain a few times in a row looks briefly, and only now and then as long as before.
class Lookout {
 public:
  explicit Lookout(int microseconds) : patience_(microseconds) {}
  template <class Event>
  bool sees(Event event) {
    using Clock = std::chrono::steady_clock;
    const bool brief = in_vain_ >= kInVain && in_vain_ % kRetry != 0;
    const Clock::time_point end = Clock::now() + (brief ? std::chrono::microseconds(1) : patience_);
    do {
      for (int i = 0; i < 16; i++) {
        if (event()) {
          in_vain_ = 0;
          return true;
        }
        relax();
      }
    } while (Clock::now() < end);
    in_vain_++;
    return false;
  }

 private:
  static constexpr unsigned kInVain = 4, kRetry = 64;
  const std::chrono::microseconds patience_;
  unsigned in_vain_ = 0;
};

class ThreadPool {
 public:
  void run(int tasks, int threads, void (*task)(void*, int, int), void* context) {
    threads = threads < tasks ? threads : tasks;
    if (threads > kMostThreads) threads = kMostThreads;
    if (threads < 2 || tasks > kMostTasks || busy_.exchange(true)) {
      for (int i = 0; i < tasks; i++) task(context, i, 0);
      return;
    }
    // Where the system gives no more threads, the others do that one's share.
    while (workers_ < threads - 1 && start_worker(workers_ + 1)) workers_++;
    task_ = task, context_ = context;
    done_.store(0, std::memory_order_relaxed);
    for (int t = 0; t < threads; t++) {
      seats_[t].share.store(pack(std::int64_t(tasks) * t / threads, std::int64_t(tasks) * (t + 1) / threads, threads));
    }
    open_.store((open_.load(std::memory_order_relaxed) / kThreadCounts + 1) * kThreadCounts + std::uint64_t(threads));
    for (int t = 1; t < threads && t <= workers_; t++) {
      if (seats_[t].asleep.load()) wake(seats_[t]);
    }
    drain(0, threads);
    // Only tasks under way are waited for: a worker that never woke, for want of a free core, holds nobody up.
    const auto finished = [&] { return done_.load() == tasks; };
    if (!lookout_.sees(finished)) {
      std::unique_lock lock(seats_[0].mutex);
      seats_[0].asleep.store(true);
      seats_[0].wake.wait(lock, finished);
      seats_[0].asleep.store(false);
    }
    busy_.store(false);
  }

 private:
  // Each thread has a share of the region's tasks, always the same of the same number: so it finds in its cache what it
  // wrote there a step before. Who has done its own takes from the back of others'. A share is one word: first and end
  // of what is left, and how many threads may take part. A claim is a compare-and-swap on it, so whoever succeeds has a
  // task of the region that is open now, and that region's task_ and context_ stay until the claimed task is done.
  static constexpr int kMostTasks = (1 << 24) - 1, kMostThreads = 1024;
  static constexpr std::uint64_t kThreadCounts = 2048;
  struct alignas(64) Seat {
    std::atomic<std::uint64_t> share{0};
    // Asleep, its thread waits for `wake`: a worker for a region, thread 0 for the last task.
    alignas(64) std::atomic<bool> asleep{false};
    std::mutex mutex;
    std::condition_variable wake;
  };
  static std::uint64_t pack(std::int64_t first, std::int64_t end, int threads) {
    return std::uint64_t(threads) << 48 | std::uint64_t(end) << 24 | std::uint64_t(first);
  }
  static int first_of(std::uint64_t share) { return int(share & kMostTasks); }
  static int end_of(std::uint64_t share) { return int(share >> 24 & kMostTasks); }
  static int threads_of(std::uint64_t share) { return int(share >> 48); }

  bool start_worker(int thread) {
    struct Start {
      ThreadPool* pool;
      int thread;
    };
    // Not std::thread: it has no way to say that there is no thread to be had but an exception.
    const auto begin = [](void* argument) -> void* {
      const Start start = *static_cast<Start*>(argument);
      delete static_cast<Start*>(argument);
      start.pool->work(start.thread);
      return nullptr;
    };
    auto* start = new Start{this, thread};
    pthread_t handle;
    if (pthread_create(&handle, nullptr, begin, start) != 0) {
      delete start;
      return false;
    }
    pthread_detach(handle);
    return true;
  }

  /// Wakes a worker, unless it holds its mutex and has no core to give it back: that one misses a region, no more.
  static void wake(Seat& seat) {
    // Whoever has had the mutex knows that the worker is either before its look at open_ or already waiting.
    for (int i = 0; i < 1000; i++) {
      if (seat.mutex.try_lock()) {
        seat.mutex.unlock();
        break;
      }
      relax();
    }
    seat.wake.notify_one();
  }

  void drain(int thread, int threads) {
    for (int t = 0; t < threads; t++) {
      const int owner = (thread + t) % threads;
      std::atomic<std::uint64_t>& share = seats_[owner].share;
      std::uint64_t left = share.load(std::memory_order_acquire);
      while (first_of(left) < end_of(left) && thread < threads_of(left)) {
        const int index = owner == thread ? first_of(left) : end_of(left) - 1;
        const std::uint64_t rest = owner == thread ? left + 1 : left - (std::uint64_t(1) << 24);
        if (!share.compare_exchange_weak(left, rest, std::memory_order_acq_rel, std::memory_order_acquire)) continue;
        task_(context_, index, thread);
        done_.fetch_add(1);
        left = share.load(std::memory_order_acquire);
      }
    }
  }

  void work(int thread) {
    FlushDenormals flush;
    Seat& seat = seats_[thread];
    Lookout lookout(100);
    std::uint64_t seen = 0;
    const auto opened = [&] {
      const std::uint64_t open = open_.load();
      return open != seen && thread < int(open % kThreadCounts);
    };
    for (;;) {
      if (!lookout.sees(opened)) {
        std::unique_lock lock(seat.mutex);
        seat.asleep.store(true);
        seat.wake.wait(lock, opened);
        seat.asleep.store(false);
      }
      seen = open_.load();
      drain(thread, int(seen % kThreadCounts));
      if (seats_[0].asleep.load()) {
        { std::lock_guard lock(seats_[0].mutex); }
        seats_[0].wake.notify_one();
      }
    }
  }

  // Read by all, written when a region opens: how many have opened, times kThreadCounts, plus the last one's threads.
  alignas(64) std::atomic<std::uint64_t> open_{0};
  void (*task_)(void*, int, int) = nullptr;
  void* context_ = nullptr;
  alignas(64) std::atomic<int> done_{0};
  // A region is under way; not a mutex, because a nested parallel_for asks on a thread that is in one.
  alignas(64) std::atomic<bool> busy_{false};
  int workers_ = 0;
  Lookout lookout_{200};
  Seat seats_[kMostThreads];
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
