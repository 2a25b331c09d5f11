// cachemodel: where work is done that nobody waits for.
// SPDX-License-Identifier: MIT
#include <cachemodel/executor.hpp>

#include <cachemodel/error.hpp>

#include "at_fork.hpp"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <list>
#include <mutex>
#include <new>
#include <thread>
#include <utility>

namespace cachemodel {

namespace {

/// The pool that the calling thread belongs to.
thread_local const void* own_pool = nullptr;

/// Threads that are made meanwhile have all signals blocked but those for faults, which a process
/// that has a handler for them wants to see wherever they happen.
class SignalsBlocked {
 public:
    SignalsBlocked() noexcept {
        sigset_t blocked;
        ::sigfillset(&blocked);
        for (const int fault : {SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP}) {
            ::sigdelset(&blocked, fault);
        }
        ::pthread_sigmask(SIG_SETMASK, &blocked, &before_);
    }
    ~SignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    SignalsBlocked(const SignalsBlocked&) = delete;
    SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
    sigset_t before_;
};

std::chrono::steady_clock::time_point after(std::chrono::nanoseconds patience) noexcept {
    const auto now = std::chrono::steady_clock::now();
    return now + std::min(patience, std::chrono::steady_clock::time_point::max() - now);
}

}  // namespace

/// What the threads share with the pool, and keep when it is gone.
class ThreadPool::State final : detail::AtFork {
 public:
    explicit State(const ThreadPoolOptions& options) : options_(options), of_parent_{} {
        join_forks();
    }
    ~State() { leave_forks(); }
    State(const State&) = delete;
    State& operator=(const State&) = delete;

    bool submit(std::unique_ptr<Task>& task, const std::shared_ptr<State>& self) noexcept;
    ThreadPoolUsage usage() noexcept;
    bool shutdown(std::chrono::nanoseconds patience);
    /// Lets the threads go that `shutdown` did not see end.
    void abandon() noexcept;

 private:
    void work() noexcept;
    bool start_thread(const std::shared_ptr<State>& self) noexcept;

    // Held by `fork`: in a child it is free, and what it guards is whole.
    void before_fork() noexcept override { mutex_.lock(); }
    void after_fork() noexcept override { mutex_.unlock(); }
    void in_child() noexcept override;

    const ThreadPoolOptions options_;
    // Nothing of the user's runs under it, no task's destructor either.
    std::mutex mutex_;
    std::condition_variable submitted_;
    std::condition_variable ended_;
    std::list<std::unique_ptr<Task>> waiting_;  ///< none once it is shut down
    std::list<std::thread> threads_;            ///< neither joined nor detached yet
    std::size_t alive_ = 0;                     ///< threads that have not left `work`
    std::size_t running_ = 0;                   ///< tasks
    bool is_shut_down_ = false;
    bool is_joining_ = false;
    std::uint64_t generation_ = 0;  ///< how many forks away from the process that made it
    struct OfParent {
        std::list<std::unique_ptr<Task>> tasks;
        std::list<std::thread> threads;
    };
    union {
        OfParent of_parent_;  ///< what a child has in memory and must not touch; never destroyed
    };
};

bool ThreadPool::State::submit(std::unique_ptr<Task>& task,
                               const std::shared_ptr<State>& self) noexcept {
    std::list<std::unique_ptr<Task>> place;
    try {
        place.emplace_back();
    } catch (const std::bad_alloc&) {
        return false;
    }
    const std::lock_guard lock{mutex_};
    if (is_shut_down_) return false;
    // Those for whom a thread is free, or can be started, do not count as waiting.
    const auto unserved = waiting_.size() + running_;
    if (unserved >= options_.threads && unserved - options_.threads >= options_.longest_queue) {
        return false;
    }
    const bool finds_free_thread = waiting_.size() < alive_ - running_;
    if (!finds_free_thread && alive_ < options_.threads && !start_thread(self) && alive_ == 0) {
        return false;
    }
    waiting_.splice(waiting_.end(), place);
    waiting_.back() = std::move(task);
    submitted_.notify_one();
    return true;
}

bool ThreadPool::State::start_thread(const std::shared_ptr<State>& self) noexcept {
    const SignalsBlocked for_it;
    try {
        threads_.emplace_back([self] { self->work(); });
    } catch (const std::exception&) {
        return false;
    }
    alive_ += 1;
    return true;
}

void ThreadPool::State::work() noexcept {
    own_pool = this;
    ::pthread_setname_np(::pthread_self(), "cachemodel");
    std::unique_lock lock{mutex_};
    const auto generation = generation_;
    for (;;) {
        submitted_.wait(lock, [&] { return is_shut_down_ || !waiting_.empty(); });
        if (waiting_.empty()) break;
        auto task = std::move(waiting_.front());
        waiting_.pop_front();
        running_ += 1;
        lock.unlock();
        task->run();
        task.reset();
        lock.lock();
        if (generation != generation_) return;  // it forked, and this is the child
        running_ -= 1;
    }
    alive_ -= 1;
    if (alive_ == 0) ended_.notify_all();
}

ThreadPoolUsage ThreadPool::State::usage() noexcept {
    const std::lock_guard lock{mutex_};
    return {.running = running_, .waiting = waiting_.size()};
}

bool ThreadPool::State::shutdown(std::chrono::nanoseconds patience) {
    const auto end = after(patience);
    std::list<std::unique_ptr<Task>> given_up;
    std::unique_lock lock{mutex_};
    is_shut_down_ = true;
    given_up.swap(waiting_);
    submitted_.notify_all();
    lock.unlock();
    given_up.clear();
    if (own_pool == this) return false;

    lock.lock();
    if (!ended_.wait_until(lock, end, [&] { return alive_ == 0 && !is_joining_; })) return false;
    std::list<std::thread> threads;
    threads.swap(threads_);
    is_joining_ = true;
    // Not under the mutex: the destructors of their thread_local objects may still submit.
    lock.unlock();
    for (auto& thread : threads) thread.join();
    lock.lock();
    is_joining_ = false;
    ended_.notify_all();
    return true;
}

void ThreadPool::State::abandon() noexcept {
    const std::lock_guard lock{mutex_};
    for (auto& thread : threads_) thread.detach();
    threads_.clear();
}

void ThreadPool::State::in_child() noexcept {
    // Put away, without an allocation: threads that are not there can be neither joined nor
    // detached, and may be counted as waiting; what a task's destructor gives back, the parent
    // still needs.
    of_parent_.tasks.splice(of_parent_.tasks.end(), waiting_);
    of_parent_.threads.splice(of_parent_.threads.end(), threads_);
    new (&submitted_) std::condition_variable;
    new (&ended_) std::condition_variable;
    alive_ = 0;
    running_ = 0;
    is_joining_ = false;
    generation_ += 1;
    mutex_.unlock();
}

ThreadPool::ThreadPool(const ThreadPoolOptions& options) : patience_(options.patience) {
    if (options.threads == 0) throw ConfigError("a thread pool needs at least one thread");
    state_ = std::make_shared<State>(options);
}

ThreadPool::~ThreadPool() {
    shutdown(patience_);
    state_->abandon();
}

bool ThreadPool::submit(std::unique_ptr<Task>& task) noexcept {
    return state_->submit(task, state_);
}

ThreadPoolUsage ThreadPool::usage() const noexcept { return state_->usage(); }

bool ThreadPool::shutdown(std::chrono::nanoseconds patience) { return state_->shutdown(patience); }

namespace {

/// Never destroyed: other objects of static duration may use it until the very end.
class DefaultExecutor final : public Executor {
 public:
    bool submit(std::unique_ptr<Task>& task) override {
        // Only now, so that it goes before what was made until now. Whoever else submits meanwhile
        // need not wait for it.
        if (!ends_at_exit_.exchange(true)) {
            static_cast<void>(std::atexit([] {
                auto& self = static_cast<DefaultExecutor&>(*default_executor());
                self.pool_.shutdown(ThreadPoolOptions{}.patience);
            }));
        }
        return pool_.submit(task);
    }
    ThreadPoolUsage usage() const noexcept { return pool_.usage(); }

 private:
    std::atomic<bool> ends_at_exit_{false};
    ThreadPool pool_;
};

}  // namespace

const std::shared_ptr<Executor>& default_executor() {
    static const auto& executor =
        *new const std::shared_ptr<Executor>(std::make_shared<DefaultExecutor>());
    return executor;
}

ThreadPoolUsage default_executor_usage() noexcept {
    return static_cast<const DefaultExecutor&>(*default_executor()).usage();
}

// Made before `main`: in a child that is forked while another thread makes it, it is never made.
[[maybe_unused]] static const auto& early_executor = default_executor();

}  // namespace cachemodel
