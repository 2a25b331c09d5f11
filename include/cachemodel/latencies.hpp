// cachemodel: how long the calls of a cache's backend, and its loads, have taken.
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace cachemodel {

namespace detail {

constexpr std::array<std::chrono::nanoseconds, 23> latency_bounds() {
    std::array<std::chrono::nanoseconds, 23> ends{};
    std::chrono::nanoseconds decade = std::chrono::microseconds{1};
    for (std::size_t i = 0; i < ends.size(); ++i) {
        constexpr int steps[] = {1, 2, 5};
        ends[i] = steps[i % 3] * decade;
        if (i % 3 == 2) decade *= 10;
    }
    return ends;
}

}  // namespace detail

/// How long something took, each time, in classes that end at 1, 2, 5, 10, 20, 50 µs and so on.
///
/// Thread safety: that of a plain value.
struct LatencyHistogram {
    /// How long at most what is in each class took, up to 20 s. What took longer is in one more.
    static constexpr std::array<std::chrono::nanoseconds, 23> bounds = detail::latency_bounds();

    /// How many there are in each class, and last in the one without an end.
    std::array<std::uint64_t, bounds.size() + 1> counts{};
    std::chrono::nanoseconds sum{};  ///< of all together

    std::uint64_t count() const noexcept {
        std::uint64_t all = 0;
        for (const auto in_class : counts) all += in_class;
        return all;
    }
};

/// What a cache, all its views included, has taken the time of since it was opened, by the steady
/// time of its clock.
///
/// Of backends that are not shared (`Capabilities::shared`), such as memory, one call in 61 is
/// timed, and each one while there is an observer: to read the clock takes them a good part of what
/// a call takes.
///
/// Thread safety: that of a plain value.
struct Latencies {
    LatencyHistogram reads;   ///< calls of the backend that read values
    LatencyHistogram writes;  ///< those that store, remove, touch or count
    /// For each object the loader, for each result the function, whatever came of it. Those loaded
    /// together took as long as all of them did; a second step, and a question to the source by a
    /// secondary key, count for themselves.
    LatencyHistogram loads;
};

}  // namespace cachemodel
