// The thread pool: every task exactly once, whoever calls it, from wherever, with however many threads.
#include "thread_pool.h"

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include "values.h"

namespace hebb::test {
namespace {

/// How often each task ran, and whether every thread number was in its range.
class Tally {
 public:
  Tally(int tasks, int threads)
      : counts_(new std::atomic<int>[std::size_t(tasks)]()), tasks_(tasks), threads_(threads) {}
  void count(int index, int thread) {
    counts_[std::size_t(index)].fetch_add(1, std::memory_order_relaxed);
    if (thread < 0 || thread >= threads_) strange_threads_.fetch_add(1);
  }
  bool each_once() const {
    for (int i = 0; i < tasks_; i++) {
      if (counts_[std::size_t(i)].load() != 1) return false;
    }
    return strange_threads_.load() == 0;
  }

 private:
  std::unique_ptr<std::atomic<int>[]> counts_;
  int tasks_, threads_;
  std::atomic<int> strange_threads_{0};
};

void run_and_check(int tasks, int threads) {
  Tally tally(tasks, threads);
  parallel_for(tasks, threads, [&](int index, int thread) { tally.count(index, thread); });
  EXPECT(tally.each_once());
}

void busy_work(int amount) {
  volatile int sink = 0;
  for (int i = 0; i < amount; i++) sink = sink + i;
}

}  // namespace

TEST(pool_runs_every_task_once) {
  for (int threads : {1, 2, 3, 5, 8, 33, 200}) {
    for (int tasks : {0, 1, 2, 3, 7, 8, 9, 100, 1001}) {
      if (!take_case()) continue;
      describe_case("%d tasks on %d threads", tasks, threads);
      run_and_check(tasks, threads);
    }
  }
  describe_case("more tasks than a share can count");
  std::atomic<long> ran{0};
  parallel_for((1 << 24) / thinning() + 5, 3, [&](int, int) { ran.fetch_add(1, std::memory_order_relaxed); });
  EXPECT(ran.load() == (1 << 24) / thinning() + 5);
}

TEST(pool_runs_many_tiny_regions) {
  Random random(101);
  int wrong = 0;
  for (int i = 0; i < 200000 / thinning(); i++) {
    const int tasks = int(random.whole(2, 9)), threads = int(random.whole(2, 8));
    std::atomic<std::uint64_t> mask{0};
    parallel_for(tasks, threads, [&](int index, int) { mask.fetch_add(std::uint64_t(1) << (8 * (index % 8))); });
    std::uint64_t expected = 0;
    for (int t = 0; t < tasks; t++) expected += std::uint64_t(1) << (8 * (t % 8));
    wrong += mask.load() != expected;
  }
  EXPECT(wrong == 0);
}

// Workers that have gone to sleep are woken, and a caller that waits for the last task is.
TEST(pool_wakes_who_sleeps) {
  for (int i = 0; i < 200 / thinning() + 20; i++) {
    describe_case("region %d", i);
    std::this_thread::sleep_for(std::chrono::microseconds(50 * (i % 8)));
    Tally tally(16, 4);
    parallel_for(16, 4, [&](int index, int thread) {
      if (index % 5 == 3) std::this_thread::sleep_for(std::chrono::microseconds(700));
      tally.count(index, thread);
    });
    EXPECT(tally.each_once());
  }
}

// Tasks that wait for each other end only where that many threads work.
TEST(pool_threads_work_at_the_same_time) {
  using Clock = std::chrono::steady_clock;
  for (int threads : {2, 3, 4}) {
    std::atomic<int> arrived{0}, alone{0};
    parallel_for(threads, threads, [&](int, int) {
      arrived.fetch_add(1);
      const auto end = Clock::now() + std::chrono::seconds(20);
      while (arrived.load() < threads && Clock::now() < end) std::this_thread::yield();
      if (arrived.load() < threads) alone.fetch_add(1);
    });
    describe_case("%d threads", threads);
    EXPECT(alone.load() == 0);
  }
}

// While one thread number has a task, no other task has it: scratch memory is told apart by it.
TEST(pool_gives_a_thread_number_to_one_task_at_a_time) {
  for (int threads : {2, 3, 8}) {
    std::vector<std::atomic<int>> in_use(static_cast<std::size_t>(threads));
    std::atomic<int> shared{0};
    for (int i = 0; i < 2000 / thinning(); i++) {
      parallel_for(24, threads, [&](int index, int thread) {
        if (in_use[std::size_t(thread)].fetch_add(1) != 0) shared.fetch_add(1);
        busy_work(index * 10);
        in_use[std::size_t(thread)].fetch_sub(1);
      });
    }
    describe_case("%d threads", threads);
    EXPECT(shared.load() == 0);
  }
}

TEST(pool_takes_nested_regions) {
  for (int threads : {2, 4, 9}) {
    Tally outer(20, threads), inner(20 * 30, threads), innermost(20 * 30 * 2, threads);
    parallel_for(20, threads, [&](int i, int thread) {
      outer.count(i, thread);
      parallel_for(30, threads, [&](int j, int inner_thread) {
        inner.count(i * 30 + j, inner_thread);
        parallel_for(2, threads, [&](int k, int t) { innermost.count((i * 30 + j) * 2 + k, t); });
      });
    });
    EXPECT(outer.each_once() && inner.each_once() && innermost.each_once());
  }
}

TEST(pool_takes_regions_from_several_threads_at_once) {
  constexpr int kCallers = 5;
  std::atomic<int> wrong{0};
  std::vector<std::thread> callers;
  for (int caller = 0; caller < kCallers; caller++) {
    callers.emplace_back([&, caller] {
      for (int i = 0; i < 4000 / thinning(); i++) {
        const int tasks = 1 + (i + caller) % 40;
        Tally tally(tasks, 4);
        parallel_for(tasks, 4, [&](int index, int thread) { tally.count(index, thread); });
        if (!tally.each_once()) wrong.fetch_add(1);
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT(wrong.load() == 0);
}

// What tasks wrote is there when the region is done, without any synchronisation of theirs.
TEST(pool_regions_are_ordered) {
  std::vector<int> before(64), after(64);
  const int rounds = 20000 / thinning();
  for (int round = 0; round < rounds; round++) {
    parallel_for(64, 4, [&](int index, int) { after[std::size_t(index)] = before[std::size_t(63 - index)] + 1; });
    std::swap(before, after);
  }
  bool same = true;
  for (int value : before) same &= value == rounds;
  EXPECT(same);
}

TEST(pool_threads_flush_denormals) {
  const volatile float tiny = 1e-39f;
  const auto all_threads = [](auto task) {
    constexpr int kThreads =
        230;  // more than any test before: a thread begins with its creator's mode, here one that keeps
    parallel_for(2 * kThreads, kThreads, [&](int, int) {
      task();
      std::this_thread::sleep_for(std::chrono::microseconds(500));  // so that each has its turn
    });
  };
  all_threads([] {});
  std::atomic<int> kept{0};
  {
    FlushDenormals flush;
    all_threads([&] {
      if (tiny * 1.0f != 0) kept.fetch_add(1);
    });
  }
  EXPECT(kept.load() == 0);
  EXPECT(tiny * 1.0f != 0);
}

}  // namespace hebb::test
