// cachemodel: work that nobody waits for, and the threads that do it.
// SPDX-License-Identifier: MIT
#include <cachemodel/cachemodel.hpp>

#include <cachemodel/testing/manual_executor.hpp>

#include "support/catch.hpp"
#include "support/forked.hpp"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

// The thread sanitizer ends a process that was forked off several threads and makes one of its own.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define CACHEMODEL_NO_THREADS_AFTER_FORK
#endif
#elif defined(__SANITIZE_THREAD__)
#define CACHEMODEL_NO_THREADS_AFTER_FORK
#endif

using namespace cachemodel;
using namespace cachemodel::support;
using namespace std::chrono_literals;

namespace executor_test {

/// Does one thing when it is run, and another when it is destroyed.
class Job final : public Task {
 public:
    explicit Job(
        std::function<void()> work, std::function<void()> at_end = [] {})
        : work_(std::move(work)), at_end_(std::move(at_end)) {}
    ~Job() override { at_end_(); }
    Job(const Job&) = delete;
    Job& operator=(const Job&) = delete;

    void run() noexcept override { work_(); }

 private:
    std::function<void()> work_;
    std::function<void()> at_end_;
};

bool submit(
    Executor& executor, std::function<void()> work, std::function<void()> at_end = [] {}) {
    std::unique_ptr<Task> task = std::make_unique<Job>(std::move(work), std::move(at_end));
    return executor.submit(task);
}

/// Runs `work` there and waits for what it gives.
template <class Work>
auto ask(Executor& executor, Work work) {
    const auto packaged = std::make_shared<std::packaged_task<decltype(work())()>>(std::move(work));
    auto answer = packaged->get_future();
    if (!submit(executor, [packaged] { (*packaged)(); })) throw Error("refused");
    return answer.get();
}

/// What tasks wait at until the test lets them go on.
class Barrier {
 public:
    ~Barrier() { open(); }

    /// A task that is held up; returns when it has begun.
    void hold_up(Executor& executor) {
        auto began = std::make_shared<std::promise<void>>();
        if (!submit(executor, [began, opened = opened_] {
                began->set_value();
                opened.wait();
            })) {
            throw Error("refused");
        }
        began->get_future().wait();
    }
    void open() {
        if (!std::exchange(is_open_, true)) opening_.set_value();
    }

 private:
    bool is_open_ = false;
    std::promise<void> opening_;
    std::shared_future<void> opened_{opening_.get_future()};
};

/// Sets a flag when the thread ends that has it.
struct AtThreadEnd {
    std::atomic<bool>* flag = nullptr;
    ~AtThreadEnd() {
        if (flag == nullptr) return;
        std::this_thread::sleep_for(5ms);  // who does not wait for it comes too early
        *flag = true;
    }
};
thread_local AtThreadEnd at_thread_end;

}  // namespace executor_test

using namespace executor_test;

TEST_CASE("a pool runs a task in a thread of its own", "[executor][threads]") {
    ThreadPool pool;
    CHECK(ask(pool, [] { return std::this_thread::get_id(); }) != std::this_thread::get_id());
}

TEST_CASE("a pool has the size that was asked for", "[executor][threads]") {
    // [pool]
    const auto executor = std::make_shared<ThreadPool>(
        ThreadPoolOptions{.threads = 2, .longest_queue = 10, .patience = 1s});
    // [/pool]
    Barrier barrier;
    barrier.hold_up(*executor);
    barrier.hold_up(*executor);
    for (int i = 0; i < 10; ++i) CHECK(submit(*executor, [] {}));
    CHECK_FALSE(submit(*executor, [] {}));
}

TEST_CASE("a pool without threads is an error", "[executor]") {
    CHECK_THROWS_AS(ThreadPool({.threads = 0}), ConfigError);
}

TEST_CASE("the threads of a pool have a name and leave signals to others", "[executor][threads]") {
    ThreadPool pool;
    const auto name = ask(pool, [] {
        char text[16] = {};
        ::pthread_getname_np(::pthread_self(), text, sizeof text);
        return std::string{text};
    });
    CHECK(name == "cachemodel");

    const auto current = [] {
        sigset_t mask;
        ::pthread_sigmask(SIG_SETMASK, nullptr, &mask);
        return mask;
    };
    const auto there = ask(pool, current);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGCHLD, SIGPIPE, SIGALRM}) {
        CHECK(::sigismember(&there, signal) == 1);
    }
    for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL}) {
        CHECK(::sigismember(&there, fault) == 0);
    }
    const auto here = current();
    CHECK(::sigismember(&here, SIGTERM) == 0);
}

TEST_CASE("tasks begin in the order in which they were taken", "[executor][threads]") {
    ThreadPool pool{{.threads = 1}};
    std::vector<int> begun;
    Barrier barrier;
    barrier.hold_up(pool);
    for (int i = 1; i <= 5; ++i) {
        CHECK(submit(pool, [&begun, i] { begun.push_back(i); }));
    }
    barrier.open();
    ask(pool, [] { return 0; });
    CHECK(begun == std::vector{1, 2, 3, 4, 5});
}

TEST_CASE("a pool runs as many tasks at a time as it has threads, and no more",
          "[executor][threads]") {
    ThreadPool pool{{.threads = 3, .longest_queue = 300}};
    {
        Barrier barrier;
        for (int i = 0; i < 3; ++i) barrier.hold_up(pool);  // each returns when its task has begun
    }
    std::atomic<int> running{0};
    std::atomic<int> most{0};
    std::atomic<int> left{300};
    std::promise<void> done;
    for (int i = 0; i < 300; ++i) {
        CHECK(submit(pool, [&] {
            const int now = ++running;
            int before = most;
            while (before < now && !most.compare_exchange_weak(before, now)) {
            }
            std::this_thread::yield();
            --running;
            if (--left == 0) done.set_value();
        }));
    }
    done.get_future().wait();
    CHECK(most >= 1);
    CHECK(most <= 3);
}

TEST_CASE("a full pool refuses a task and leaves it to the caller", "[executor][threads]") {
    bool ran = false;
    std::promise<void> last;
    ThreadPool pool{{.threads = 2, .longest_queue = 3}};
    Barrier barrier;
    barrier.hold_up(pool);
    barrier.hold_up(pool);
    CHECK(submit(pool, [] {}));
    CHECK(submit(pool, [] {}));
    CHECK(submit(pool, [&] { last.set_value(); }));
    CHECK(pool.usage().running == 2);
    CHECK(pool.usage().waiting == 3);

    std::unique_ptr<Task> task = std::make_unique<Job>([&] { ran = true; });
    CHECK_FALSE(pool.submit(task));
    REQUIRE(task != nullptr);
    task->run();
    CHECK(ran);

    barrier.open();
    last.get_future().wait();
    CHECK(pool.submit(task));
    CHECK(task == nullptr);
}

TEST_CASE("a pool without a queue takes what can run at once", "[executor][threads]") {
    ThreadPool pool{{.threads = 2, .longest_queue = 0}};
    Barrier barrier;
    barrier.hold_up(pool);
    CHECK(ask(pool, [] { return 1; }) == 1);
    while (!submit(pool, [] {})) std::this_thread::yield();  // the thread is about to be free
    Barrier other;
    while (true) {
        try {
            other.hold_up(pool);
            break;
        } catch (const Error&) {
            std::this_thread::yield();
        }
    }
    CHECK_FALSE(submit(pool, [] {}));
}

TEST_CASE("a task submits further tasks, and finds the pool full", "[executor][threads]") {
    ThreadPool pool{{.threads = 1, .longest_queue = 2}};
    std::promise<void> done;
    const auto taken = ask(pool, [&] {
        return std::vector<bool>{submit(pool, [] {}), submit(pool, [&] { done.set_value(); }),
                                 submit(pool, [] {})};
    });
    CHECK(taken == std::vector<bool>{true, true, false});
    done.get_future().wait();
}

TEST_CASE("no task is taken for which no thread can be started", "[executor][threads]") {
    pthread_attr_t usual;
    ::pthread_getattr_default_np(&usual);
    pthread_attr_t huge = usual;
    ::pthread_attr_setstacksize(&huge, std::size_t{1} << 50);  // more than there are addresses
    ThreadPool pool;
    std::unique_ptr<Task> task = std::make_unique<Job>([] {});

    REQUIRE(::pthread_setattr_default_np(&huge) == 0);
    const bool taken = pool.submit(task);
    REQUIRE(::pthread_setattr_default_np(&usual) == 0);
    CHECK_FALSE(taken);
    CHECK(task != nullptr);
    CHECK(pool.submit(task));

    ThreadPool with_a_thread;
    Barrier barrier;
    barrier.hold_up(with_a_thread);
    REQUIRE(::pthread_setattr_default_np(&huge) == 0);
    const bool taken_to_wait = submit(with_a_thread, [] {});
    REQUIRE(::pthread_setattr_default_np(&usual) == 0);
    CHECK(taken_to_wait);  // the thread that there is will come to it
}

// ---- the end of a pool

TEST_CASE("shutdown waits for a running task and for its thread", "[executor][threads]") {
    ThreadPool pool;
    std::promise<void> began;
    std::promise<void> opening;
    std::atomic<bool> is_done{false};
    std::atomic<bool> thread_has_ended{false};
    REQUIRE(submit(pool, [&] {
        at_thread_end.flag = &thread_has_ended;
        began.set_value();
        opening.get_future().wait();
        std::this_thread::sleep_for(5ms);  // who does not wait for it comes too early
        is_done = true;
    }));
    began.get_future().wait();
    const auto end = [&] { return pool.shutdown(1min) && is_done && thread_has_ended; };
    auto one = std::async(std::launch::async, end);
    auto other = std::async(std::launch::async, end);
    opening.set_value();
    CHECK(one.get());
    CHECK(other.get());
    CHECK_FALSE(submit(pool, [] {}));
}

TEST_CASE("shutdown of a pool that had nothing to do is done at once", "[executor]") {
    ThreadPool pool;
    CHECK(pool.shutdown(0s));
    CHECK(pool.shutdown(0s));
    CHECK_FALSE(submit(pool, [] {}));
}

TEST_CASE("shutdown waits no longer than it may", "[executor][threads]") {
    ThreadPool pool;
    Barrier barrier;
    barrier.hold_up(pool);
    CHECK_FALSE(pool.shutdown(1ms));
    CHECK_FALSE(pool.shutdown(0s));
    CHECK_FALSE(pool.shutdown(std::chrono::nanoseconds::min()));
    barrier.open();
    CHECK(pool.shutdown(std::chrono::nanoseconds::max()));
}

TEST_CASE("a running task goes on without its pool", "[executor][threads]") {
    std::promise<void> done;
    Barrier barrier;
    auto pool = std::make_unique<ThreadPool>(ThreadPoolOptions{.threads = 2, .patience = 1ms});
    barrier.hold_up(*pool);
    std::promise<void> opening;
    std::promise<void> began;
    REQUIRE(submit(*pool, [&] {
        began.set_value();
        opening.get_future().wait();
        done.set_value();
    }));
    began.get_future().wait();
    pool.reset();
    opening.set_value();
    done.get_future().wait();
}

TEST_CASE("shutdown destroys tasks that wait, and they may use the pool", "[executor][threads]") {
    ThreadPool pool{{.threads = 1}};
    Barrier barrier;
    barrier.hold_up(pool);
    int ran = 0;
    std::vector<bool> taken_at_end;
    for (int i = 0; i < 3; ++i) {
        CHECK(submit(
            pool, [&] { ++ran; }, [&] { taken_at_end.push_back(submit(pool, [&] { ++ran; })); }));
    }
    CHECK_FALSE(pool.shutdown(0s));
    CHECK(taken_at_end == std::vector<bool>{false, false, false});
    barrier.open();
    CHECK(pool.shutdown(1min));
    CHECK(ran == 0);
}

TEST_CASE("a task may shut its own pool down", "[executor][threads]") {
    ThreadPool pool{{.threads = 1}};
    CHECK_FALSE(ask(pool, [&] { return pool.shutdown(1min); }));
    CHECK_FALSE(submit(pool, [] {}));
    CHECK(pool.shutdown(1min));
}

TEST_CASE("a task may destroy its own pool", "[executor][threads]") {
    const bool by_its_destructor = GENERATE(false, true);
    std::promise<void> is_gone;
    std::promise<void> has_ended;
    std::atomic<int> given_up{0};
    Barrier barrier;
    std::shared_ptr<ThreadPool> pool{new ThreadPool{{.threads = 2}}, [&](ThreadPool* last) {
                                         delete last;
                                         is_gone.set_value();
                                     }};
    auto& same = *pool;
    barrier.hold_up(same);
    std::promise<void> opening;
    REQUIRE(submit(same, [&, owner = std::move(pool)]() mutable {
        opening.get_future().wait();
        if (!by_its_destructor) owner.reset();
    }));
    REQUIRE(submit(
        same, [] {}, [&] { ++given_up; }));
    opening.set_value();
    is_gone.get_future().wait();
    CHECK(given_up == 1);
}

TEST_CASE("each task runs or is given up, once, while a pool is used and ends",
          "[executor][threads]") {
    constexpr int threads = 4;
    constexpr int rounds = 2000;
    std::atomic<int> submitted{0};
    std::atomic<int> taken{0};
    std::atomic<int> refused{0};
    std::atomic<int> ran{0};
    std::atomic<int> destroyed{0};
    {
        ThreadPool pool{{.threads = 3, .longest_queue = 10}};
        std::vector<std::thread> callers;
        for (int i = 0; i < threads; ++i) {
            callers.emplace_back([&] {
                for (int round = 0; round < rounds; ++round) {
                    const bool is_taken = submit(
                        pool, [&] { ++ran; }, [&] { ++destroyed; });
                    ++(is_taken ? taken : refused);
                    ++submitted;
                }
            });
        }
        while (submitted < threads * rounds / 2 || ran == 0) std::this_thread::yield();
        CHECK(pool.shutdown(1min));
        const int ran_until_then = ran;
        for (auto& caller : callers) caller.join();
        CHECK(ran == ran_until_then);
    }
    CHECK(taken + refused == threads * rounds);
    CHECK(destroyed == threads * rounds);
    CHECK(ran <= taken);
}

// ---- the library's own pool

TEST_CASE("the default executor runs 4 tasks at a time while 256 wait", "[executor][threads]") {
    const auto& executor = default_executor();
    CHECK(&executor == &default_executor());
    {
        Barrier barrier;
        for (int i = 0; i < 4; ++i) barrier.hold_up(*executor);
        std::promise<void> last;
        for (int i = 0; i < 255; ++i) CHECK(submit(*executor, [] {}));
        CHECK(submit(*executor, [&] { last.set_value(); }));
        CHECK_FALSE(submit(*executor, [] {}));
        barrier.open();
        last.get_future().wait();
    }
}

// ---- fork

TEST_CASE("a child has none of its parent's tasks, and a pool that is empty",
          "[executor][fork][threads]") {
    ThreadPool pool{{.threads = 1, .longest_queue = 1}};
    Barrier barrier;
    barrier.hold_up(pool);
    std::atomic<int> ran{0};
    std::atomic<int> destroyed{0};
    REQUIRE(submit(
        pool, [&] { ++ran; }, [&] { ++destroyed; }));
    CHECK_FALSE(submit(pool, [] {}));

    const auto starts_anew = [&] {
        ::alarm(10);
#ifndef CACHEMODEL_NO_THREADS_AFTER_FORK
        if (ask(pool, [] { return 7; }) != 7) return false;
#endif
        return pool.shutdown(5s) && ran == 0 && destroyed == 0;
    };
    Forked child{starts_anew};
    CHECK(child.succeeded());
    Forked other{[&] {
        Forked child_of_child{starts_anew};
        return child_of_child.succeeded() && starts_anew();
    }};
    CHECK(other.succeeded());

    CHECK(ran == 0);
    barrier.open();
    while (destroyed == 0) std::this_thread::yield();
    CHECK(ran == 1);
    CHECK(pool.shutdown(1min));
}

TEST_CASE("a child need not wait for a pool that its parent shuts down",
          "[executor][fork][threads]") {
    ThreadPool pool;
    Barrier barrier;
    barrier.hold_up(pool);
    auto ending = std::async(std::launch::async, [&] { return pool.shutdown(1min); });
    while (submit(pool, [] {})) std::this_thread::yield();
    std::this_thread::sleep_for(5ms);  // by now it waits
    Forked child{[&] {
        ::alarm(10);
        return !submit(pool, [] {}) && pool.shutdown(0s) && pool.shutdown(0s) && pool.shutdown(0s);
    }};
    CHECK(child.succeeded());
    barrier.open();
    CHECK(ending.get());
}

#ifndef CACHEMODEL_NO_THREADS_AFTER_FORK

TEST_CASE("a child uses the default executor while its parent's is busy",
          "[executor][fork][threads]") {
    Barrier barrier;
    for (int i = 0; i < 4; ++i) barrier.hold_up(*default_executor());
    Forked child{[] {
        ::alarm(10);
        return ask(*default_executor(), [] { return 7; }) == 7;
    }};
    CHECK(child.succeeded());
}

#ifndef CACHEMODEL_NO_FORK_AMONG_ALLOCATIONS

TEST_CASE("children find a pool sound, whatever threads of the parent do with it",
          "[executor][fork][threads]") {
    ThreadPool pool{{.threads = 3, .longest_queue = 10}};
    std::atomic<bool> is_ending{false};
    std::vector<std::thread> callers;
    for (int i = 0; i < 3; ++i) {
        callers.emplace_back([&] {
            while (!is_ending) static_cast<void>(submit(pool, [] {}));
        });
    }
    int sound = 0;
    for (int i = 0; i < 100; ++i) {
        Forked child{[&] {
            ::alarm(10);
            return ask(pool, [] { return 7; }) == 7 && pool.shutdown(5s);
        }};
        sound += child.succeeded();
    }
    is_ending = true;
    for (auto& caller : callers) caller.join();
    CHECK(sound == 100);
}

#endif
#endif

// ---- for tests of users

TEST_CASE("a manual executor runs tasks when it is told to", "[executor]") {
    // [manual]
    testing::ManualExecutor executor;
    std::string done;
    CHECK(submit(executor, [&] { done += 'a'; }));
    CHECK(submit(executor, [&] { done += 'b'; }));
    CHECK(executor.size() == 2);
    CHECK(executor.run_one());
    CHECK(done == "a");
    CHECK(executor.run_all() == 1);
    CHECK(done == "ab");
    // [/manual]
    CHECK(executor.size() == 0);
    CHECK_FALSE(executor.run_one());
    CHECK(executor.run_all() == 0);
}

TEST_CASE("a manual executor runs what tasks submit", "[executor]") {
    testing::ManualExecutor executor;
    std::string done;
    CHECK(submit(executor, [&] {
        done += 'a';
        CHECK(submit(executor, [&] { done += 'c'; }));
    }));
    CHECK(submit(executor, [&] { done += 'b'; }));
    CHECK(executor.run_all() == 3);
    CHECK(done == "abc");
}

TEST_CASE("a manual executor refuses when it is full or told to", "[executor]") {
    testing::ManualExecutor executor{2};
    CHECK(submit(executor, [] {}));
    executor.refuse();
    CHECK_FALSE(submit(executor, [] {}));
    executor.refuse(false);
    CHECK(submit(executor, [] {}));

    std::unique_ptr<Task> task = std::make_unique<Job>([] {});
    CHECK_FALSE(executor.submit(task));
    CHECK(task != nullptr);
    CHECK(executor.refused() == 2);
    CHECK(executor.run_one());
    CHECK(executor.submit(task));
    CHECK(task == nullptr);
    CHECK(executor.size() == 2);
}

TEST_CASE("a manual executor gives tasks up", "[executor]") {
    std::string done;
    {
        testing::ManualExecutor executor;
        CHECK_FALSE(executor.drop_one());
        for (const char name : {'a', 'b', 'c'}) {
            CHECK(submit(
                executor, [&done, name] { done += name; },
                [&done, name] { done += static_cast<char>(name - 'a' + 'A'); }));
        }
        CHECK(executor.drop_one());
        CHECK(done == "A");
        CHECK(executor.run_one());
        CHECK(done == "AbB");
    }
    CHECK(done == "AbBC");
}
