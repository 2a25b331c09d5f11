// cachemodel: the contract, held by the backend that the guide shows how to write.
// SPDX-License-Identifier: MIT
#include "../../examples/own_backend.hpp"

#include "contract/backend_contract.hpp"
#include "support/backend_calls.hpp"
#include "support/catch.hpp"

#include <cachemodel/schemes.hpp>
#include <cachemodel/testing/turnable_clock.hpp>

#include <chrono>
#include <memory>
#include <string_view>

using namespace cachemodel;
using cachemodel::testing::TurnableClock;
using namespace std::chrono_literals;

namespace {

std::shared_ptr<Backend> open(std::string_view text) {
    auto url = CacheUrl::parse(text);
    auto backend = find_scheme(url.scheme())(url, Clock::machine());
    url.expect_all_taken();
    return backend;
}

}  // namespace

// [contract]
TEST_CASE("a map keeps the contract of backends", "[own][contract]") {
    TurnableClock clock;
    own::MapBackend backend{100'000, clock};
    const contract::ContractOptions options{
        .pass = [&](std::chrono::nanoseconds time) { clock.advance(time); },
        .short_lifetime = 20ms};
    contract::backend_contract(backend, options);
    contract::backend_contract_of_clear(backend);
}

TEST_CASE("a map keeps the contract of backends among threads", "[own][contract][threads]") {
    own::MapBackend backend{100'000, Clock::machine()};
    contract::backend_contract_of_threads(backend);
    contract::backend_contract_of_clear_among_threads(backend);
}
// [/contract]

TEST_CASE("a map says that it cannot count, and counts nothing", "[own][contract]") {
    own::MapBackend backend{10, Clock::machine()};
    CHECK_FALSE(backend.capabilities().atomic_increment);
    CHECK_FALSE(backend.capabilities().compare_and_set);
    REQUIRE(support::set(backend, "n", "1").done());
    const auto counted = support::increment(backend, "n");
    REQUIRE(counted.outcome.failed());
    CHECK(counted.outcome.failure().fault() == BackendFault::unsupported);
    CHECK(support::get(backend, "n").found("1"));
}

TEST_CASE("a registered scheme is given the whole URL", "[own][config]") {
    register_scheme("map", &own::open_map);
    const auto backend = open("map://?max_entries=2");
    CHECK(support::set(*backend, "one", "v").done());
    CHECK(support::set(*backend, "two", "v").done());
    const auto third = support::set(*backend, "three", "v");
    REQUIRE(third.failed());
    CHECK(third.failure().fault() == BackendFault::full);
    CHECK(support::set(*backend, "two", "w").done());
    CHECK(support::remove(*backend, "one").done());
    CHECK(support::set(*backend, "three", "v").done());

    CHECK_THROWS_AS(open("map://?max_entry=2"), ConfigError);
    CHECK_THROWS_AS(open("map://?max_entries=0"), ConfigError);
    CHECK_THROWS_WITH(open("map://name"), "map:// takes neither a host nor a path: map://name");
    CHECK_THROWS_WITH(open("map:///path"), "map:// takes neither a host nor a path: map:///path");
}
