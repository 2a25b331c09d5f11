// cachemodel: locks among threads and processes that are not waited for without end.
// SPDX-License-Identifier: MIT
#pragma once

#include "backends/file_system.hpp"

#include <chrono>
#include <utility>

namespace cachemodel::file {

/// A lock that is held. It belongs to the open file, not to the process, so that threads exclude
/// each other too: each opens the file for itself.
class HeldLock {
 public:
    HeldLock() noexcept = default;
    explicit HeldLock(const Descriptor& file) noexcept : number_(file.number()) {}
    HeldLock(HeldLock&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
    HeldLock& operator=(HeldLock&& other) noexcept {
        std::swap(number_, other.number_);
        return *this;
    }
    /// Unlocks, rather than leave it to the closing: a child of `fork` may have the file open too.
    ~HeldLock();

    bool is_held() const noexcept { return number_ != -1; }

 private:
    int number_ = -1;
};

/// How much longer a call may wait for others.
class Patience {
 public:
    explicit Patience(std::chrono::nanoseconds left) noexcept : left_(left) {}

    /// Waits until nobody else holds the lock of `file`, which must outlive what is returned.
    ///
    /// Errors: `DiskError` with `timeout`.
    HeldLock lock(const Descriptor& file);

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

/// Not held where somebody else holds it.
///
/// Errors: `DiskError`.
HeldLock try_lock(const Descriptor& file);

}  // namespace cachemodel::file
