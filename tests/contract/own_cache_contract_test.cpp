// cachemodel: the contract of caches, held by the backend that the guide shows how to write.
// SPDX-License-Identifier: MIT
#include "../../examples/own_backend.hpp"

#include "contract/cache_contract.hpp"
#include "support/catch.hpp"

#include <cachemodel/testing/turnable_clock.hpp>

#include <chrono>
#include <memory>

using namespace cachemodel;
using cachemodel::testing::TurnableClock;

TEST_CASE("a cache on a map keeps the contract of caches", "[cache][own][contract]") {
    TurnableClock clock;
    const Cache cache{std::make_shared<own::MapBackend>(100'000, clock), {.clock = clock}};
    contract::cache_contract(cache, contract::turning(clock));
}

TEST_CASE("a cache on a map keeps the contract of caches among threads",
          "[cache][own][contract][threads]") {
    const Cache cache{std::make_shared<own::MapBackend>(100'000, Clock::machine())};
    contract::cache_contract_of_threads(cache);
}
