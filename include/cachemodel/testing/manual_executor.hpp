// cachemodel: an executor that runs a task when a test says so.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/executor.hpp>

#include <cstddef>
#include <deque>
#include <limits>
#include <memory>
#include <mutex>
#include <utility>

namespace cachemodel::testing {

/// An executor that keeps its tasks until a test runs them, in the thread of the test.
///
/// Thread safety: may be called concurrently, also from within its tasks.
class ManualExecutor final : public Executor {
 public:
    /// Takes at most `capacity` tasks at a time.
    explicit ManualExecutor(std::size_t capacity = std::numeric_limits<std::size_t>::max())
        : capacity_(capacity) {}

    [[nodiscard]] bool submit(std::unique_ptr<Task>& task) override {
        const std::scoped_lock lock{mutex_};
        if (is_refusing_ || tasks_.size() >= capacity_) {
            refused_ += 1;
            return false;
        }
        tasks_.push_back(nullptr);
        tasks_.back() = std::move(task);
        return true;
    }

    /// Takes no tasks from now on, or takes them again. Those that it has stay.
    void refuse(bool refuses = true) {
        const std::scoped_lock lock{mutex_};
        is_refusing_ = refuses;
    }

    /// Runs the task that was taken first. False when there is none.
    bool run_one() {
        const auto task = take();
        if (task) task->run();
        return task != nullptr;
    }

    /// Runs tasks until there are none, those too that tasks submit meanwhile. Returns how many.
    std::size_t run_all() {
        std::size_t count = 0;
        while (run_one()) ++count;
        return count;
    }

    /// Gives up the task that was taken first, as an executor does that ends. False when there is
    /// none.
    bool drop_one() { return take() != nullptr; }

    /// How many tasks wait to be run.
    std::size_t size() const {
        const std::scoped_lock lock{mutex_};
        return tasks_.size();
    }

    /// How many tasks were refused.
    std::size_t refused() const {
        const std::scoped_lock lock{mutex_};
        return refused_;
    }

 private:
    std::unique_ptr<Task> take() {
        const std::scoped_lock lock{mutex_};
        if (tasks_.empty()) return nullptr;
        auto task = std::move(tasks_.front());
        tasks_.pop_front();
        return task;
    }

    mutable std::mutex mutex_;
    std::deque<std::unique_ptr<Task>> tasks_;
    const std::size_t capacity_;
    bool is_refusing_ = false;
    std::size_t refused_ = 0;
};

}  // namespace cachemodel::testing
