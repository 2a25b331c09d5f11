// cachemodel: a number that threads wait for, until another one changes it.
// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace cachemodel::net {

/// A futex. A condition variable would do as well, but its mutex has to be taken once more by each
/// thread that is woken, one after the other; and `std::atomic::wait` has no time limit.
///
/// Thread safety: may be called concurrently.
class WaitWord {
 public:
    std::uint32_t load() const noexcept { return word_.load(std::memory_order_acquire); }
    /// Wakes nobody.
    void store(std::uint32_t value) noexcept { word_.store(value, std::memory_order_release); }

    /// Waits while it is `value`, at most until `limit`; false when that has passed. It may return
    /// earlier for no reason.
    bool wait(std::uint32_t value, std::chrono::steady_clock::time_point limit) noexcept;
    void wake_one() noexcept;
    void wake_all() noexcept;

 private:
    std::atomic<std::uint32_t> word_{0};
};

}  // namespace cachemodel::net
