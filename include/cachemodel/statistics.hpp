// cachemodel: what a cache, or a cached function, has counted.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/lookup.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace cachemodel {

/// What a cache, all its views included, has counted since it was opened; or a cached function.
///
/// Each number is exact; together they are no snapshot of one moment.
///
/// A question to the source by a secondary key (`from_miss_by`) is no load of an object: it is not
/// in `loads`, nor for its model in `stores` and `store_failures`, though a cache counts each entry
/// that is written. It is in all other numbers of loads, as `load_failures`, `source_misses`,
/// `joined` and `lease_waits`, and in `Latencies::loads`.
///
/// Only caches count bytes. These are of entries as the backend gets them: with the envelope, but
/// without the final key and whatever the backend adds. Leases, what a removal leaves, and what
/// turns out to be a miss are in them, too; what is declined or fails is not, nor what the backend
/// itself does to a counter.
///
/// Thread safety: that of a plain value.
struct Statistics {
    std::uint64_t round_trips = 0;     ///< calls of the backend, whatever their number of keys
    std::uint64_t bytes_read = 0;      ///< of entries that the backend handed out
    std::uint64_t bytes_written = 0;   ///< of entries that the backend took
    std::uint64_t hits = 0;            ///< entries found and used
    std::uint64_t decoded_hits = 0;    ///< decoded objects given out, without asking the backend
    std::uint64_t read_failures = 0;   ///< keys that the backend could not tell about
    std::uint64_t stores = 0;          ///< entries written
    std::uint64_t store_failures = 0;  ///< entries that could not be written
    std::uint64_t removals = 0;        ///< entries removed; what has a loader, even where none was
    std::uint64_t removal_failures = 0;  ///< keys that could not be removed
    std::uint64_t touch_failures = 0;    ///< keys that the backend could not touch
    std::uint64_t loads = 0;            ///< objects that a loader, results that a function supplied
    std::uint64_t load_failures = 0;    ///< objects or results for which one of these threw
    std::uint64_t source_misses = 0;    ///< objects that a loader says do not exist
    std::uint64_t stale_served = 0;     ///< entries past their end that were served all the same
    std::uint64_t refreshes = 0;        ///< loads in the background, before or after that end
    std::uint64_t refused_tasks = 0;    ///< loads that the executor had no room for
    std::uint64_t lease_waits = 0;      ///< misses that waited for another process
    std::uint64_t load_timeouts = 0;    ///< callers that waited for a load in vain
    std::uint64_t backed_off = 0;       ///< misses of a loader that is left alone for a while
    std::uint64_t refused_loads = 0;    ///< beyond `CacheOptions::loads_without_cache`
    std::uint64_t overtaken_loads = 0;  ///< results not stored, as something newer is there
    std::uint64_t joined = 0;           ///< misses that took the result of an equal load under way
    std::uint64_t kept_out = 0;         ///< results that a predicate `unless` kept out of the cache
    std::uint64_t verified = 0;         ///< hits that the source, asked as well, confirmed
    std::uint64_t mismatches = 0;       ///< hits that differ from what the source says by then
    std::uint64_t counts = 0;           ///< counters that were incremented or decremented
    std::uint64_t count_failures = 0;   ///< keys that the backend could not count
    std::uint64_t type_mismatches = 0;  ///< entries of another type than was asked for
    std::uint64_t key_warnings = 0;     ///< keys used that not every backend would take
    std::uint64_t ignored_errors = 0;   ///< errors that `CacheOptions::ignore_errors` kept back
    std::uint64_t observer_failures = 0;  ///< calls of the observer that threw
    std::array<std::uint64_t, miss_reason_count> misses_by_reason{};

    /// Keys under which nothing was found that could be used, for this reason.
    std::uint64_t misses(MissReason reason) const noexcept {
        return misses_by_reason[static_cast<std::size_t>(reason)];
    }
    /// The same, for any reason.
    std::uint64_t misses() const noexcept {
        std::uint64_t sum = 0;
        for (const auto count : misses_by_reason) sum += count;
        return sum;
    }
};

/// What a cache holds of decoded objects: see `CacheOptions::decoded`.
///
/// Thread safety: that of a plain value.
struct DecodedUsage {
    std::size_t entries = 0;    ///< objects, with those that are given out no more and not gone yet
    std::size_t bytes = 0;      ///< that they are taken to need
    std::size_t max_bytes = 0;  ///< the option; 0 where no objects are kept
    std::uint64_t evicted = 0;  ///< objects that had to make room before their end
};

/// What one model has counted in a cache.
///
/// Thread safety: that of a plain value.
struct ModelStatistics {
    std::string model;  ///< its name, as it is: not escaped as in keys
    Statistics statistics;
};

}  // namespace cachemodel
