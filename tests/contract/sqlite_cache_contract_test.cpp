// cachemodel: the contract of caches, held by SQLite.
// SPDX-License-Identifier: MIT
#include "contract/cache_contract.hpp"

#include "support/catch.hpp"
#include "support/process.hpp"

#include <cachemodel/backends/sqlite.hpp>
#include <cachemodel/testing/turnable_clock.hpp>

#include <chrono>
#include <memory>

using namespace cachemodel;
using namespace cachemodel::contract;
using namespace std::chrono_literals;
using cachemodel::support::TemporaryDirectory;
using cachemodel::testing::TurnableClock;

namespace {

constexpr auto patience = 30s;

}  // namespace

TEST_CASE("a cache on sqlite keeps the contract of caches", "[cache][sqlite][contract]") {
    const TemporaryDirectory directory;
    TurnableClock clock;
    const Cache cache{
        std::make_shared<SqliteBackend>(
            SqliteOptions{.path = directory.path() / "cache.db", .deadline = patience}, clock),
        {.clock = clock}};
    const auto advance = [&](std::chrono::nanoseconds time) { clock.advance(time); };
    cache_contract(cache, {.pass = advance, .pass_in_backend = advance});
}

TEST_CASE("a cache on sqlite keeps the contract of caches among threads",
          "[cache][sqlite][contract][threads]") {
    const TemporaryDirectory directory;
    const Cache cache{std::make_shared<SqliteBackend>(
        SqliteOptions{.path = directory.path() / "cache.db", .deadline = patience})};
    cache_contract_of_threads(cache, {.increments = 200});
}
