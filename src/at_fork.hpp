// cachemodel: what stands still while the process forks, so that a child finds it whole.
// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <mutex>
#include <new>
#include <shared_mutex>

namespace cachemodel::detail {

/// Takes part in every fork of the process.
///
/// A child has the one thread that forked. Locks that others held stay locked there; and its memory
/// is no picture of one moment, as the others go on while it is copied. So whatever a child is to
/// use must stand still from before the fork until after it.
class AtFork {
 public:
    AtFork(const AtFork&) = delete;
    AtFork& operator=(const AtFork&) = delete;

 protected:
    AtFork() noexcept = default;
    ~AtFork() = default;

    /// For the object that is whole, and while it still is. Not while anything is held that a fork
    /// waits for.
    void join_forks() noexcept;
    void leave_forks() noexcept;

 private:
    friend class Forks;

    // In the order of joining, by the thread that forks. None of them may join or leave.
    virtual void before_fork() noexcept {}
    virtual void after_fork() noexcept {}  ///< in the parent
    virtual void in_child() noexcept {}

    AtFork* previous_ = nullptr;
    AtFork* next_ = nullptr;
};

/// The forks of this process.
class Forks {
 public:
    static bool is_under_way() noexcept { return is_under_way_.load(std::memory_order_relaxed); }
    static void wait() noexcept;

 private:
    friend class AtFork;
    struct List;

    static List& list() noexcept;
    static void prepare() noexcept;
    static void go_on() noexcept;
    static void begin_child() noexcept;
    static void end() noexcept;

    static inline std::atomic<bool> is_under_way_{false};
    static const bool is_registered_early_;
};

/// A mutex that a child of `fork` finds free, and what it guards whole. `fork` waits for its owner,
/// who therefore runs none of the user's code, and wants no other one meanwhile.
template <class Mutex>
class ForkSafe final : AtFork {
 public:
    ForkSafe() noexcept { join_forks(); }
    ~ForkSafe() { leave_forks(); }

    void lock() {
        mutex_.lock();
        // Who forks has passed here and saw to it that this is seen.
        while (Forks::is_under_way()) {
            mutex_.unlock();
            Forks::wait();
            mutex_.lock();
        }
    }
    void unlock() { mutex_.unlock(); }

    // Who shares it changes nothing that a child could find half done.
    void lock_shared() { mutex_.lock_shared(); }
    void unlock_shared() { mutex_.unlock_shared(); }

 private:
    // Held one after the other: there may be thousands, and the thread sanitizer bears 64 at once.
    void before_fork() noexcept override {
        if constexpr (requires { mutex_.lock_shared(); }) {
            const std::shared_lock passing{mutex_};  // readers without end would keep a writer out
        } else {
            const std::lock_guard passing{mutex_};
        }
    }

    // Threads that this process does not have may be about to step back, or be counted as waiting.
    void in_child() noexcept override { new (&mutex_) Mutex; }

    Mutex mutex_;
};

}  // namespace cachemodel::detail
