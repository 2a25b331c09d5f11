// cachemodel: what is left to chance.
// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>

namespace cachemodel::detail {

/// Random numbers that no enemy guesses at: for jitter and for telling owners apart.
///
/// Thread safety: may be called concurrently.
class Chance {
 public:
    /// The same seed gives the same numbers.
    explicit Chance(std::optional<std::uint64_t> seed) noexcept;

    /// Any number; 0 is as good as never.
    std::uint64_t number() noexcept;
    /// Above 0, and 1 at most.
    double share() noexcept;
    /// Between half of it and all of it.
    std::chrono::nanoseconds about(std::chrono::nanoseconds duration) noexcept;

 private:
    std::atomic<std::uint64_t> state_;
};

}  // namespace cachemodel::detail
