// cachemodel: the backend that keeps nothing.
// SPDX-License-Identifier: MIT
#include "support/backend_calls.hpp"
#include "support/catch.hpp"

#include <cachemodel/backends/null.hpp>
#include <cachemodel/cache_url.hpp>
#include <cachemodel/clock.hpp>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

using namespace cachemodel;
using namespace cachemodel::support;
using namespace std::chrono_literals;

TEST_CASE("null keeps nothing and declines what needs an entry", "[null][contract]") {
    NullBackend backend;
    CHECK(set(backend, "k", "v").done());
    CHECK(get(backend, "k").absent());
    CHECK(add(backend, "k", "v").done());
    CHECK(add(backend, "k", "v").done());
    CHECK(compare_and_set(backend, "k", "v", 1).declined());
    CHECK(remove(backend, "k").declined());
    CHECK(touch(backend, "k", 1h).declined());
    const auto reads = get_many(backend, {"k", "l", "k"});
    for (const auto& read : reads) CHECK(read.absent());
    CHECK(remove_many(backend, {"k", "l"}).at(1).declined());
    CHECK(get_many(backend, {}).empty());
    backend.clear();
    backend.close();
    CHECK(set(backend, "k", "v").done());
}

TEST_CASE("a null URL names nothing", "[null][config]") {
    const auto open_url = [](std::string_view text) {
        auto url = CacheUrl::parse(text);
        auto backend = open_null(url, Clock::machine());
        url.expect_all_taken();
        return backend;
    };
    CHECK(get(*open_url("null://"), "k").absent());
    CHECK_THROWS_AS(open_url("null://host"), ConfigError);
    CHECK_THROWS_AS(open_url("null:///path"), ConfigError);
    CHECK_THROWS_AS(open_url("null://?max_bytes=1MiB"), ConfigError);
}

TEST_CASE("null does nothing at all with many keys", "[null][contract]") {
    NullBackend backend;
    const std::vector<Entry> entries{{"k", "v", never}, {"l", "", 1ns}, {"k", "w", 1h}};
    std::vector<Outcome> outcomes(3, Failure{BackendFault::protocol, "unanswered"});
    for (const auto how : {Store::set, Store::add}) {
        backend.store_many(how, entries, outcomes);
        for (const auto& outcome : outcomes) CHECK(outcome.done());
    }
    backend.store_many(Store::compare_and_set, entries, outcomes);
    for (const auto& outcome : outcomes) CHECK(outcome.declined());
    for (const auto& read : get_many(backend, {"k", "l", "k"})) CHECK(read.absent());
    for (const auto& read : peek_many(backend, {"k", "l", "k"})) CHECK(read.absent());
    for (const auto& outcome : remove_many(backend, {"k", "l"})) CHECK(outcome.declined());
    const std::vector<std::string_view> keys{"k", "l"};
    backend.touch_many(keys, never, {outcomes.data(), 2});
    CHECK(outcomes[0].declined());
    CHECK(outcomes[1].declined());
}

TEST_CASE("null has nothing to count, to tell or to list", "[null][contract]") {
    NullBackend backend;
    CHECK(set(backend, "n", "5").done());
    CHECK(increment(backend, "n", 1).declined());
    CHECK(increment(backend, "n", 0).declined());
    CHECK(remaining_lifetime(backend, "n").declined());
    CHECK(list_keys(backend, "").empty());
    CHECK(backend.facts().empty());
}

TEST_CASE("null says what it can do", "[null][capabilities]") {
    const Capabilities can = NullBackend{}.capabilities();
    CHECK(can.lifetime_resolution == 1ns);
    CHECK(can.longest_key == Capabilities::unlimited);
    CHECK(can.largest_value == Capabilities::unlimited);
    CHECK_FALSE(can.portable_keys_only);
    CHECK_FALSE(can.shared);
    CHECK_FALSE(can.persistent);
    CHECK_FALSE(can.compare_and_set);
    CHECK(can.atomic_increment);
    CHECK_FALSE(can.counters_stop_at_zero);
    CHECK(can.tells_lifetimes);
    CHECK(can.lists_keys);
}

TEST_CASE("null takes any key and any value", "[null][contract]") {
    NullBackend backend;
    const std::string huge(20'000, '\0');
    CHECK(set(backend, huge, huge).done());
    CHECK(add(backend, "\xff\n ", "").done());
    CHECK(get(backend, huge).absent());
}
