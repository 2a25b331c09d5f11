// cachemodel: the contract of caches, held in memory and by the backends for tests.
// SPDX-License-Identifier: MIT
#include "contract/cache_contract.hpp"

#include "support/catch.hpp"

#include <cachemodel/backends/memory.hpp>
#include <cachemodel/testing/recording_backend.hpp>
#include <cachemodel/testing/scripted_backend.hpp>
#include <cachemodel/testing/turnable_clock.hpp>

#include <chrono>
#include <memory>

using namespace cachemodel;
using namespace cachemodel::contract;
using namespace std::chrono_literals;
using cachemodel::testing::RecordingBackend;
using cachemodel::testing::ScriptedBackend;
using cachemodel::testing::TurnableClock;

TEST_CASE("a cache in memory keeps the contract of caches", "[cache][memory][contract]") {
    TurnableClock clock;
    const Cache cache{std::make_shared<MemoryBackend>(MemoryOptions{}, clock), {.clock = clock}};
    cache_contract(cache, turning(clock));
}

TEST_CASE("a cache in memory keeps the contract of caches among threads",
          "[cache][memory][contract][threads]") {
    cache_contract_of_threads(Cache::open("memory://"));
}

TEST_CASE("a cache on a scripted backend, recorded, keeps the contract of caches",
          "[cache][testing][contract]") {
    TurnableClock clock;
    const Cache cache{std::make_shared<RecordingBackend>(std::make_shared<ScriptedBackend>(clock)),
                      {.clock = clock}};
    cache_contract(cache, turning(clock));
}

TEST_CASE("a cache on a backend that keeps whole seconds keeps the contract of caches",
          "[cache][testing][contract]") {
    TurnableClock clock;
    const auto backend = std::make_shared<ScriptedBackend>(clock);
    backend->capabilities_to_claim().lifetime_resolution = 1s;
    backend->capabilities_to_claim().tells_lifetimes = false;
    cache_contract(Cache{backend, {.clock = clock}}, turning(clock));
}

TEST_CASE("a cache on a backend that compares and does not count keeps the contract of caches",
          "[cache][testing][contract]") {
    TurnableClock clock;
    const auto backend = std::make_shared<ScriptedBackend>(clock);
    backend->capabilities_to_claim().atomic_increment = false;
    cache_contract(Cache{backend, {.clock = clock}}, turning(clock));
}

TEST_CASE("a cache on a backend that can only what it must keeps the contract of caches",
          "[cache][testing][contract]") {
    TurnableClock clock;
    const auto backend = std::make_shared<ScriptedBackend>(clock);
    backend->capabilities_to_claim() = {};
    cache_contract(Cache{backend, {.clock = clock}}, turning(clock));
}

TEST_CASE("a cache that counts by hand keeps the contract of caches among threads",
          "[cache][testing][contract][threads]") {
    const auto backend = std::make_shared<ScriptedBackend>();
    backend->capabilities_to_claim().atomic_increment = false;
    cache_contract_of_threads(Cache{backend});
}
