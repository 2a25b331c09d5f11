// cachemodel: the contract of caches, held by memcached.
// SPDX-License-Identifier: MIT
#include "contract/cache_contract.hpp"

#include "support/catch.hpp"
#include "support/memcached_server.hpp"

#include <cachemodel/backends/memcached.hpp>
#include <cachemodel/testing/turnable_clock.hpp>

#include <chrono>
#include <memory>
#include <thread>

using namespace cachemodel;
using namespace cachemodel::contract;
using namespace std::chrono_literals;
using cachemodel::support::RealMemcached;
using cachemodel::testing::TurnableClock;

namespace {

constexpr auto patience = 10s;

}  // namespace

TEST_CASE("a cache on memcached keeps the contract of caches", "[cache][memcached][contract]") {
    RealMemcached server;
    // Values carry their own end, which the clock of the cache reaches at once. Integers do not:
    // they have to be waited for.
    TurnableClock clock;
    const Cache cache{std::make_shared<MemcachedBackend>(
                          MemcachedOptions{.servers = {server.address()}, .deadline = patience}),
                      {.clock = clock}};
    cache_contract(cache,
                   {.pass = [&](std::chrono::nanoseconds time) { clock.advance(time); },
                    .pass_in_backend =
                        [](std::chrono::nanoseconds time) { std::this_thread::sleep_for(time); },
                    .counter_lifetime = 2s});
}

TEST_CASE("a cache on memcached keeps the contract of caches among threads",
          "[cache][memcached][contract][threads]") {
    RealMemcached server;
    const Cache cache{std::make_shared<MemcachedBackend>(
        MemcachedOptions{.servers = {server.address()}, .deadline = patience})};
    cache_contract_of_threads(cache, {.increments = 1000});
}
