// cachemodel: the soak: what a thread does everything with: dice, a watch, and the tally.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/error.hpp>

#include "soak/models.hpp"
#include "soak/tally.hpp"
#include "soak/verdict.hpp"
#include "soak/world.hpp"

#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace cachemodel::soak {

/// Which one of how many.
struct Share {
    std::uint32_t number;
    std::uint32_t of;
};

/// Thread safety: one thread at a time.
class Hand {
 public:
    Hand(World& world, std::uint32_t seed, Share process, Share thread)
        : world_(world), process_(process), thread_(thread), random_(seed) {}

    World& world() const noexcept { return world_; }
    Source& source() const noexcept { return world_.source; }
    const Outages& outages() const noexcept { return world_.outages; }

    std::uint32_t dice(std::uint32_t sides) {
        return static_cast<std::uint32_t>(random_() % sides);
    }
    /// Some are asked for much more often than others.
    int some_id();
    std::vector<int> some_ids();
    /// One of few: for what goes wrong only where many do the same at once.
    int some_hot_id() { return static_cast<int>(dice(10)); }
    /// Sorted, each once.
    std::vector<int> some_different_ids();
    /// Of those that only this process uses.
    int some_id_of_process() { return some_id_of(process_); }
    /// Of those that only this thread changes.
    int some_id_of_thread() { return some_id_of(thread_); }

    /// Makes the call and counts it; when it was made. What it throws is wrong, unless the source
    /// did.
    template <class Call>
    Interval timed(Operation operation, const Call& call) const {
        const auto begin = now();
        try {
            call();
        } catch (...) {
            count(operation, -1, Answer::failed, judge_caught(operation));
        }
        const auto end = now();
        world_.tally.call(operation, end - begin);
        return {begin, end};
    }
    /// Counts the answer about one thing; what is wrong with it is told.
    void count(Operation operation, int id, Answer right, const Verdict& verdict = {}) const;
    /// The source may fail. That the cache does must not show where there is a loader.
    void count_failure(Operation operation, int id, const Failure& failure) const;

 private:
    static Verdict judge_caught(Operation operation);
    int some_id_of(Share share);

    World& world_;
    const Share process_;
    const Share thread_;
    std::mt19937 random_;
};

}  // namespace cachemodel::soak
