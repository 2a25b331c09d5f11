// cachemodel: threads of one test, and what they wait at. No wait is without end.
// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdlib>
#include <iostream>
#include <mutex>
#include <thread>
#include <vector>

namespace cachemodel::support {

// What does not come within this time is a test that failed, and none that hangs. A machine that
// stands still meanwhile, for however long, takes no more than one of these seconds away.
inline constexpr int longest_wait_in_seconds = 60;

inline void require_in_time(bool happened, const char* what) {
    if (happened) return;
    std::cerr << "did not happen: " << what << std::endl;
    std::abort();  // threads that wait for each other cannot be joined
}

template <class Condition>
void await(const char* what, Condition condition) {
    for (int second = 0; second < longest_wait_in_seconds; ++second) {
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{1};
        while (std::chrono::steady_clock::now() < end) {
            if (condition()) return;
            std::this_thread::yield();
        }
    }
    require_in_time(condition(), what);
}
template <class Condition>
void await(const char* what, std::condition_variable& changed, std::unique_lock<std::mutex>& lock,
           Condition condition) {
    for (int second = 0; second < longest_wait_in_seconds; ++second) {
        if (changed.wait_for(lock, std::chrono::seconds{1}, condition)) return;
    }
    require_in_time(false, what);
}

/// Holds whoever comes until it is opened.
class Barrier {
 public:
    void pass() {
        std::unique_lock lock{mutex_};
        ++arrivals_;
        changed_.notify_all();
        await("a barrier opens", changed_, lock, [&] { return is_open_; });
    }
    void open() {
        const std::lock_guard lock{mutex_};
        is_open_ = true;
        changed_.notify_all();
    }
    void await_arrivals(int count) {
        std::unique_lock lock{mutex_};
        await("somebody comes to a barrier", changed_, lock, [&] { return arrivals_ >= count; });
    }
    /// Lets nobody through before all are there.
    void meet(int count) {
        std::unique_lock lock{mutex_};
        if (++arrivals_ >= count) is_open_ = true;
        changed_.notify_all();
        await("all meet", changed_, lock, [&] { return is_open_; });
    }

 private:
    std::mutex mutex_;
    std::condition_variable changed_;
    int arrivals_ = 0;
    bool is_open_ = false;
};

/// Threads of one test. They have ended when `join` returns.
class Crew {
 public:
    Crew() = default;
    ~Crew() { join(); }
    Crew(const Crew&) = delete;
    Crew& operator=(const Crew&) = delete;

    template <class Work>
    void start(Work work) {
        threads_.emplace_back([this, work] {
            try {
                work();
            } catch (...) {
                ++failures_;
            }
            const std::lock_guard lock{mutex_};
            ++ended_;
            changed_.notify_all();
        });
    }
    /// How many were left by an exception.
    int join() {
        {
            std::unique_lock lock{mutex_};
            await("threads end", changed_, lock, [&] { return ended_ == threads_.size(); });
        }
        for (auto& thread : threads_) {
            if (thread.joinable()) thread.join();
        }
        return failures_;
    }

 private:
    std::vector<std::thread> threads_;
    std::atomic<int> failures_{0};
    std::mutex mutex_;
    std::condition_variable changed_;
    std::size_t ended_ = 0;
};

}  // namespace cachemodel::support
