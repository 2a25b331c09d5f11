// cachemodel: the histograms behind Latencies.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/latencies.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "counters.hpp"

namespace cachemodel::detail {

/// One histogram; no number of it is ordered against another.
class LatencyCounter {
 public:
    void add(std::chrono::nanoseconds took) noexcept {
        const auto& bounds = LatencyHistogram::bounds;
        const auto bound = std::lower_bound(bounds.begin(), bounds.end(), took);
        counts_[static_cast<std::size_t>(bound - bounds.begin())] += 1;
        sum_ += static_cast<std::uint64_t>(took.count());
    }

    LatencyHistogram read() const noexcept {
        LatencyHistogram histogram;
        for (std::size_t i = 0; i < counts_.size(); ++i) histogram.counts[i] = counts_[i].read();
        histogram.sum = std::chrono::nanoseconds{static_cast<std::int64_t>(sum_.read())};
        return histogram;
    }

 private:
    std::array<Counter, LatencyHistogram{}.counts.size()> counts_;
    Counter sum_;
};

struct LatencyCounters {
    LatencyCounter reads;
    LatencyCounter writes;
    LatencyCounter loads;

    Latencies read() const noexcept { return {reads.read(), writes.read(), loads.read()}; }
};

}  // namespace cachemodel::detail
