// cachemodel: what every backend that keeps entries must do, as one specification.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/backend.hpp>

#include <chrono>
#include <cstddef>
#include <functional>

namespace cachemodel::contract {

/// What the contract has to know of the backend under test, beyond its capabilities.
struct ContractOptions {
    /// Lets this much time pass: turns the clock, or really waits.
    std::function<void(std::chrono::nanoseconds)> pass;
    /// The shortest lifetime of which an entry is surely still there when it is read at once.
    std::chrono::nanoseconds short_lifetime = std::chrono::seconds{2};
    /// The server counts in its own way, which nobody in front of it can help. memcached takes
    /// " 5" and "+5" for numbers, which we never write; it goes on beyond 2^63 before anybody can
    /// object; and it pads a number that lost a digit with spaces.
    bool counts_as_memcached = false;
    /// How many random values are written and read. Fewer for slow backends.
    std::size_t random_values = 10'000;
    /// How often each of eight threads counts. Fewer for slow backends.
    std::size_t increments = 10'000;
};

/// Checks the backend in sections of the calling test case. Call it with a backend that may already
/// hold entries: all keys of one run are new. One section waits for twice `short_lifetime` and a
/// resolution.
///
/// The empty key is left out: a cache refuses it before a backend sees it.
void backend_contract(Backend& backend, const ContractOptions& options);

/// The part that uses threads, for test cases tagged [threads].
void backend_contract_of_threads(Backend& backend, const ContractOptions& options = {});

/// What remains of the contract where everything is removed: not for servers that others use.
void backend_contract_of_clear(Backend& backend);

/// The part of that which uses threads.
void backend_contract_of_clear_among_threads(Backend& backend);

}  // namespace cachemodel::contract
