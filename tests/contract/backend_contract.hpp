// cachemodel: what every backend that keeps entries must do, as one specification.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/backend.hpp>

#include <chrono>
#include <functional>

namespace cachemodel::contract {

/// How time passes for the backend under test.
struct ContractOptions {
    /// Lets this much time pass: turns the clock, or really waits.
    std::function<void(std::chrono::nanoseconds)> pass;
    /// The shortest lifetime of which an entry is surely still there when it is read at once.
    std::chrono::nanoseconds short_lifetime = std::chrono::seconds{2};
};

/// Checks the backend in sections of the calling test case. Call it with a backend that may already
/// hold entries: all keys of one run are new. One section waits for twice `short_lifetime` and a
/// resolution.
void backend_contract(Backend& backend, const ContractOptions& options);

/// The part that uses threads, for test cases tagged [threads].
void backend_contract_of_threads(Backend& backend);

/// What remains of the contract where everything is removed: not for servers that others use.
void backend_contract_of_clear(Backend& backend);

}  // namespace cachemodel::contract
