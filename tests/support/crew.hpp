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

// What does not come within this time is a test that failed, and none that hangs.
inline constexpr std::chrono::seconds longest_wait{60};

inline void require_in_time(bool happened, const char* what) {
    if (happened) return;
    std::cerr << "did not happen: " << what << std::endl;
    std::abort();  // threads that wait for each other cannot be joined
}

template <class Condition>
void await(const char* what, Condition condition) {
    const auto end = std::chrono::steady_clock::now() + longest_wait;
    while (!condition()) {
        require_in_time(std::chrono::steady_clock::now() < end, what);
        std::this_thread::yield();
    }
}

/// Holds whoever comes until it is opened.
class Barrier {
 public:
    void pass() {
        std::unique_lock lock{mutex_};
        ++arrivals_;
        changed_.notify_all();
        require_in_time(changed_.wait_for(lock, longest_wait, [&] { return is_open_; }),
                        "a barrier opens");
    }
    void open() {
        const std::lock_guard lock{mutex_};
        is_open_ = true;
        changed_.notify_all();
    }
    void await_arrivals(int count) {
        std::unique_lock lock{mutex_};
        require_in_time(changed_.wait_for(lock, longest_wait, [&] { return arrivals_ >= count; }),
                        "somebody comes to a barrier");
    }
    /// Lets nobody through before all are there.
    void meet(int count) {
        std::unique_lock lock{mutex_};
        if (++arrivals_ >= count) is_open_ = true;
        changed_.notify_all();
        require_in_time(changed_.wait_for(lock, longest_wait, [&] { return is_open_; }),
                        "all meet");
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
            require_in_time(
                changed_.wait_for(lock, longest_wait, [&] { return ended_ == threads_.size(); }),
                "threads end");
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
