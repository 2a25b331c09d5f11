// cachemodel: the time, so that tests can turn it.
// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>

namespace cachemodel {

/// Where caches and backends in this process read the time.
///
/// Lifetimes kept in this process follow `steady()`; what is written down for other processes
/// follows `wall()`. A test passes a `testing::TurnableClock` instead.
///
/// Thread safety: may be called concurrently.
class Clock {
 public:
    virtual ~Clock() = default;

    /// The time that never goes back and that nobody sets: for what lasts, in this process.
    virtual std::chrono::steady_clock::time_point steady() const noexcept = 0;
    /// The time of day, which may be set: for what other processes read too.
    virtual std::chrono::system_clock::time_point wall() const noexcept = 0;

    /// The machine's clocks. Lives as long as the process.
    static const Clock& machine() noexcept;
};

}  // namespace cachemodel
