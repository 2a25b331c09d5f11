// cachemodel: what a cache does on every backend that keeps entries, as one specification.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/cache.hpp>
#include <cachemodel/testing/turnable_clock.hpp>

#include <chrono>
#include <cstddef>
#include <functional>

namespace cachemodel::contract {

/// What the contract has to know of the cache under test, beyond its capabilities.
struct CacheContractOptions {
    /// Lets this much time pass for values: turns the cache's clock, or really waits.
    std::function<void(std::chrono::nanoseconds)> pass;
    /// A lifetime that a value keeps to the millisecond. Where the backend's unit is coarser, it is
    /// no whole number of units, so that the value carries its own end.
    std::chrono::milliseconds lifetime{1500};

    /// The same for integers and raw bytes, of which only the backend knows the end.
    std::function<void(std::chrono::nanoseconds)> pass_in_backend;
    /// A lifetime that an integer surely has left after a few calls. It is over after that long and
    /// one and a half of the backend's units.
    std::chrono::milliseconds counter_lifetime{1500};

    /// Keys of the largest call.
    std::size_t many = 1500;
    /// How often each of eight threads counts.
    std::size_t increments = 10'000;
};

/// For a cache and a backend that go by this clock.
CacheContractOptions turning(testing::TurnableClock& clock);

/// Checks the cache in sections of the calling test case. It must be empty, have no prefix, version
/// 1 and the timeout of 300 s, and be the only one that uses its backend.
void cache_contract(const Cache& cache, const CacheContractOptions& options);

/// The part that uses threads, for test cases tagged [threads].
void cache_contract_of_threads(const Cache& cache, const CacheContractOptions& options = {});

}  // namespace cachemodel::contract
