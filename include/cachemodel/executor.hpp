// cachemodel: where work is done that nobody waits for.
// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>

namespace cachemodel {

/// Work that nobody waits for.
///
/// Whoever has a task runs it once, or destroys it: a task that is destroyed without having run has
/// been given up.
///
/// Thread safety: made, run and destroyed in any thread, by one at a time.
class Task {
 public:
    virtual ~Task() = default;

    /// Does the work. Errors are its own affair.
    virtual void run() noexcept = 0;

 protected:
    Task() = default;
    Task(const Task&) = delete;
    Task& operator=(const Task&) = delete;
};

/// Runs tasks in threads of its own, a bounded number of them at a time.
///
/// Derive from it to have them run by the threads of a program that has some already. Keep it for
/// as long as its tasks run: one of them may be the last that knows of it for a moment, so that it
/// would be destroyed by a thread of its own.
///
/// Thread safety: may be called concurrently, also from within its tasks.
/// Example: examples/asio_executor.cpp#adapter
class Executor {
 public:
    virtual ~Executor() = default;

    /// Takes `task` to run it later, never within this call. Or returns false and leaves the task
    /// where it is, when there are too many already or no more are taken. Waits for nothing.
    ///
    /// A task that was taken may still be given up, when the executor ends.
    ///
    /// Errors: may throw, which counts as false.
    [[nodiscard]] virtual bool submit(std::unique_ptr<Task>& task) = 0;

 protected:
    Executor() = default;
    Executor(const Executor&) = delete;
    Executor& operator=(const Executor&) = delete;
};

/// How large a `ThreadPool` is.
///
/// Thread safety: that of a plain value.
struct ThreadPoolOptions {
    /// How many tasks run at a time. At least 1.
    std::size_t threads = 4;
    /// How many tasks may wait while all threads are busy. With 0, a task is taken only if it can
    /// run at once.
    std::size_t longest_queue = 256;
    /// How long the destructor waits for tasks that are running.
    std::chrono::nanoseconds patience = std::chrono::seconds{5};
};

/// What a `ThreadPool` is at work on.
///
/// Thread safety: that of a plain value.
struct ThreadPoolUsage {
    std::size_t running = 0;  ///< tasks
    std::size_t waiting = 0;  ///< tasks, for a thread that is free
};

/// An executor with a fixed number of threads and a bounded queue.
///
/// Tasks begin in the order in which they were taken. A thread is started when a task finds none
/// that is free, and then stays. The threads are named "cachemodel" and have all signals blocked
/// but those that their own faults raise; programs that a task starts inherit that.
///
/// A child of `fork` has none of these threads: there the pool is empty and starts anew. Tasks that
/// waited or ran in the parent stay the parent's; the child neither runs nor destroys them. A task
/// that forks ends its thread in the child when it returns.
///
/// Thread safety: may be called concurrently, also from within its tasks.
class ThreadPool final : public Executor {
 public:
    /// Starts no thread yet.
    ///
    /// Errors: `ConfigError` where there are to be no threads.
    explicit ThreadPool(const ThreadPoolOptions& options = {});
    /// Does what `shutdown` does. Tasks that are still running afterwards run to their end.
    ~ThreadPool() override;

    /// Errors: none; where the first thread cannot be started, or memory is short, it returns
    /// false.
    [[nodiscard]] bool submit(std::unique_ptr<Task>& task) noexcept override;

    /// What there is at this moment.
    ThreadPoolUsage usage() const noexcept;

    /// Takes no more tasks, destroys those that wait, and waits for those that are running, for at
    /// most `patience`. Returns whether all threads have ended.
    ///
    /// May be called again. From within a task of this pool it does not wait, and returns false.
    bool shutdown(std::chrono::nanoseconds patience);

 private:
    class State;

    std::shared_ptr<State> state_;  ///< the threads own it too
    std::chrono::nanoseconds patience_;
};

/// The pool that caches use which were given no executor of their own: a `ThreadPool` of the usual
/// size.
///
/// When the process exits it is shut down, with a patience of 5 s, and takes no more tasks from
/// then on. That is before objects of static duration are destroyed, if they were made before its
/// first task was submitted.
///
/// Lifetime: that of the process.
const std::shared_ptr<Executor>& default_executor();

/// What that pool is at work on.
///
/// Thread safety: may be called concurrently.
ThreadPoolUsage default_executor_usage() noexcept;

}  // namespace cachemodel
