// cachemodel: locks among threads and processes that are not waited for without end.
// SPDX-License-Identifier: MIT
#pragma once

#include "backends/file_system.hpp"

#include <chrono>
#include <condition_variable>
#include <functional>
#include <list>
#include <mutex>
#include <utility>

namespace cachemodel::file {

/// The threads of this process that want the same lock, in the order in which they came. Only the
/// first of them asks for the lock: the system has no order for those who ask again and again, and
/// who has just unlocked would mostly be faster.
///
/// Thread safety: may be called concurrently.
class Queue {
 public:
    /// False where the turn of this thread has not come until `end`.
    bool enter(std::chrono::steady_clock::time_point end);
    /// Lets the next one go on.
    void leave() noexcept;

 private:
    void call_next() noexcept;

    std::mutex mutex_;
    bool is_taken_ = false;
    std::list<std::condition_variable> waiting_;
};

/// The turn of a thread, which ends with this object.
class Turn {
 public:
    Turn() noexcept = default;
    /// That of who has entered.
    explicit Turn(Queue& queue) noexcept : queue_(&queue) {}
    Turn(Turn&& other) noexcept : queue_(std::exchange(other.queue_, nullptr)) {}
    Turn& operator=(Turn&& other) noexcept {
        std::swap(queue_, other.queue_);
        return *this;
    }
    ~Turn() {
        if (queue_ != nullptr) queue_->leave();
    }

 private:
    Queue* queue_ = nullptr;
};

/// A lock that is held. It belongs to the open file, not to the process, so that threads exclude
/// each other too: each opens the file for itself. A child of `fork` holds none, whatever becomes
/// of its parent.
class HeldLock {
 public:
    HeldLock() noexcept = default;
    explicit HeldLock(Descriptor file) noexcept : file_(std::move(file)) {}
    HeldLock(HeldLock&&) noexcept = default;
    HeldLock& operator=(HeldLock&& other) noexcept {
        std::swap(turn_, other.turn_);
        std::swap(file_, other.file_);
        return *this;
    }
    /// Unlocks, rather than leave it to the closing: a child of `fork` may still have the file
    /// open.
    ~HeldLock();

    bool is_held() const noexcept { return file_.is_open(); }
    const Descriptor& file() const noexcept { return file_; }
    /// Ends the turn once this has unlocked.
    void keep(Turn turn) noexcept { turn_ = std::move(turn); }

 private:
    Turn turn_;
    Descriptor file_;
};

/// How much longer a call may wait for others.
class Patience {
 public:
    explicit Patience(std::chrono::nanoseconds left) noexcept : left_(left) {}

    /// Waits for its turn in `queue`, where the threads of this process wait for the lock of
    /// `directory`, and then until no other process holds that. The queue must outlive what is
    /// returned.
    ///
    /// Errors: `DiskError` with `timeout`.
    HeldLock lock(Queue& queue, const Descriptor& directory);
    /// The same for the file that `open()` opens once the turn has come.
    HeldLock lock(Queue& queue, const std::function<Descriptor()>& open);

    /// Lets others go on for a moment.
    ///
    /// Errors: `DiskError` with `timeout` when that was one moment too many.
    void pause(std::chrono::nanoseconds time);

    /// Does `work` that others have made necessary again, after a moment. All of its time counts,
    /// not only what it waits.
    ///
    /// Errors: `DiskError` with `timeout` before the work, or what that throws.
    template <class Work>
    void repeat(Work work) {
        pause(pause_before_repeating);
        const auto end = std::chrono::steady_clock::now() + left_;
        work();
        left_ = end - std::chrono::steady_clock::now();
    }

 private:
    static constexpr std::chrono::microseconds pause_before_repeating{50};

    std::chrono::nanoseconds left_;
};

/// Not held where somebody else holds it. Passes by all who wait.
///
/// Errors: `DiskError`.
HeldLock try_lock(const Descriptor& directory);

}  // namespace cachemodel::file
