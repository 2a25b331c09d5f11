// cachemodel: the counters behind Statistics.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/statistics.hpp>

#include <array>
#include <atomic>
#include <cstdint>

namespace cachemodel::detail {

/// One counter; ordered against nothing else.
class Counter {
 public:
    void operator+=(std::uint64_t by) noexcept { count_.fetch_add(by, std::memory_order_relaxed); }
    /// Counts one more; how many there were before.
    std::uint64_t next() noexcept { return count_.fetch_add(1, std::memory_order_relaxed); }
    std::uint64_t read() const noexcept { return count_.load(std::memory_order_relaxed); }

 private:
    std::atomic<std::uint64_t> count_{0};
};

struct Counters {
    Counter round_trips;
    Counter bytes_read;
    Counter bytes_written;
    Counter hits;
    Counter read_failures;
    Counter stores;
    Counter store_failures;
    Counter removals;
    Counter removal_failures;
    Counter touch_failures;
    Counter loads;
    Counter load_failures;
    Counter source_misses;
    Counter stale_served;
    Counter refreshes;
    Counter refused_tasks;
    Counter lease_waits;
    Counter load_timeouts;
    Counter backed_off;
    Counter refused_loads;
    Counter overtaken_loads;
    Counter joined;
    Counter kept_out;
    Counter verified;
    Counter mismatches;
    Counter counts;
    Counter count_failures;
    Counter type_mismatches;
    Counter key_warnings;
    Counter ignored_errors;
    Counter observer_failures;
    std::array<Counter, miss_reason_count> misses;

    void count_miss(MissReason reason) noexcept { misses[static_cast<std::size_t>(reason)] += 1; }

    Statistics read() const noexcept {
        Statistics statistics{
            .round_trips = round_trips.read(),
            .bytes_read = bytes_read.read(),
            .bytes_written = bytes_written.read(),
            .hits = hits.read(),
            .read_failures = read_failures.read(),
            .stores = stores.read(),
            .store_failures = store_failures.read(),
            .removals = removals.read(),
            .removal_failures = removal_failures.read(),
            .touch_failures = touch_failures.read(),
            .loads = loads.read(),
            .load_failures = load_failures.read(),
            .source_misses = source_misses.read(),
            .stale_served = stale_served.read(),
            .refreshes = refreshes.read(),
            .refused_tasks = refused_tasks.read(),
            .lease_waits = lease_waits.read(),
            .load_timeouts = load_timeouts.read(),
            .backed_off = backed_off.read(),
            .refused_loads = refused_loads.read(),
            .overtaken_loads = overtaken_loads.read(),
            .joined = joined.read(),
            .kept_out = kept_out.read(),
            .verified = verified.read(),
            .mismatches = mismatches.read(),
            .counts = counts.read(),
            .count_failures = count_failures.read(),
            .type_mismatches = type_mismatches.read(),
            .key_warnings = key_warnings.read(),
            .ignored_errors = ignored_errors.read(),
            .observer_failures = observer_failures.read(),
            .misses_by_reason = {},
        };
        for (std::size_t i = 0; i < miss_reason_count; ++i) {
            statistics.misses_by_reason[i] = misses[i].read();
        }
        return statistics;
    }
};

}  // namespace cachemodel::detail
