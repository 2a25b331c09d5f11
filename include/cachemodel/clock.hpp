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

    virtual std::chrono::steady_clock::time_point steady() const noexcept = 0;
    virtual std::chrono::system_clock::time_point wall() const noexcept = 0;

    /// The machine's clocks. Lives as long as the process.
    static const Clock& machine() noexcept;
};

}  // namespace cachemodel
