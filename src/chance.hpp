// cachemodel: what is left to chance.
// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>

#include "at_fork.hpp"

namespace cachemodel::detail {

/// Random numbers that no enemy guesses at: for jitter and for telling owners apart.
///
/// Thread safety: may be called concurrently.
class Chance final : AtFork {
 public:
    /// The same seed gives the same shares, in children of this process too.
    explicit Chance(std::optional<std::uint64_t> seed) noexcept;
    ~Chance() { leave_forks(); }

    /// Any number, but none that somebody else draws, here or in another process: whatever the
    /// seed, as what is told apart by it must be. 0 is as good as never.
    std::uint64_t number() noexcept;
    /// Above 0, and 1 at most.
    double share() noexcept;
    /// Between half of it and all of it.
    std::chrono::nanoseconds about(std::chrono::nanoseconds duration) noexcept;

 private:
    using State = std::atomic<std::uint64_t>;

    static std::uint64_t next(State& state) noexcept;
    void in_child() noexcept override;

    const bool is_seeded_;
    State numbers_;
    State shares_;
};

}  // namespace cachemodel::detail
