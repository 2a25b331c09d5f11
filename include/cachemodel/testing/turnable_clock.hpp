// cachemodel: a clock that stands still until a test turns it.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/clock.hpp>

#include <atomic>
#include <chrono>

namespace cachemodel::testing {

/// A clock that stands still until a test turns it, so that no test has to sleep.
///
/// Starts at 2030-01-01 00:00:00 UTC, its steady time at one hour. Pass it where a `Clock` is
/// taken, and keep it as long as what it was passed to.
///
/// Thread safety: may be called concurrently.
class TurnableClock final : public Clock {
 public:
    std::chrono::steady_clock::time_point steady() const noexcept override {
        return std::chrono::steady_clock::time_point{std::chrono::nanoseconds{steady_.load()}};
    }
    std::chrono::system_clock::time_point wall() const noexcept override {
        return std::chrono::system_clock::time_point{std::chrono::nanoseconds{wall_.load()}};
    }

    /// Lets time pass, on both clocks.
    void advance(std::chrono::nanoseconds duration) noexcept {
        steady_ += duration.count();
        wall_ += duration.count();
    }

    /// Sets the wall clock right, forwards or backwards, as an administrator does. No time passes.
    void adjust_wall(std::chrono::nanoseconds by) noexcept { wall_ += by.count(); }

 private:
    std::atomic<std::chrono::nanoseconds::rep> steady_{3'600'000'000'000};
    std::atomic<std::chrono::nanoseconds::rep> wall_{1'893'456'000'000'000'000};
};

}  // namespace cachemodel::testing
