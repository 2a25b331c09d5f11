// cachemodel: the contract of caches, held by files and by SQLite.
// SPDX-License-Identifier: MIT
#include "contract/cache_contract.hpp"

#include "support/catch.hpp"
#include "support/process.hpp"

#include <cachemodel/testing/turnable_clock.hpp>

#include <string>

using namespace cachemodel;
using namespace cachemodel::contract;
using cachemodel::support::TemporaryDirectory;
using cachemodel::testing::TurnableClock;

namespace {

/// A loaded machine gets time to answer.
std::string url_in(const TemporaryDirectory& directory, const std::string& scheme) {
    return scheme + "://" + (directory.path() / "cache").string() + "?deadline=30s";
}

}  // namespace

TEST_CASE("a cache on the disk keeps the contract of caches", "[cache][file][sqlite][contract]") {
    const auto scheme = GENERATE(as<std::string>{}, "file", "sqlite");
    INFO(scheme);
    const TemporaryDirectory directory;
    TurnableClock clock;
    cache_contract(Cache::open(url_in(directory, scheme), clock), turning(clock));
}

TEST_CASE("a cache on the disk keeps the contract of caches among threads",
          "[cache][file][sqlite][contract][threads]") {
    const auto scheme = GENERATE(as<std::string>{}, "file", "sqlite");
    INFO(scheme);
    const TemporaryDirectory directory;
    cache_contract_of_threads(Cache::open(url_in(directory, scheme)), {.increments = 200});
}
