// cachemodel: a cache that is switched off: every verb, on the backend that keeps nothing.
// SPDX-License-Identifier: MIT
#include <cachemodel/backends/null.hpp>

#include <cachemodel/cache.hpp>
#include <cachemodel/error.hpp>

#include "support/catch.hpp"

#include <chrono>
#include <string>
#include <utility>
#include <vector>

using namespace cachemodel;
using namespace std::chrono_literals;
using Pairs = std::vector<std::pair<std::string, int>>;

TEST_CASE("a cache that is switched off takes everything and has nothing", "[null][cache]") {
    const Cache cache = Cache::open("null://");
    CHECK(cache.set("k", "v"));
    CHECK(cache.get<std::string>("k").absent());
    CHECK(cache.get_or("k", "default") == "default");
    CHECK(cache.set_raw("r", "bytes"));
    CHECK(cache.get_raw("r").absent());
    CHECK(cache.add("k", 1));
    CHECK(cache.add("k", 1));
    CHECK(cache.add("k", 1, 0s));
    CHECK(cache.set("k", 1, 0s));
    CHECK_FALSE(cache.erase("k"));
    CHECK_FALSE(cache.touch("k"));
    CHECK_FALSE(cache.touch("k", never));
    CHECK_FALSE(cache.touch("k", 0s));
    CHECK_FALSE(cache.contains("k"));
    CHECK(cache.clear());
    CHECK(cache.clear_prefix() == 0);
    CHECK_NOTHROW(cache.close());
}

TEST_CASE("a cache that is switched off counts and moves nothing", "[null][cache]") {
    const Cache cache = Cache::open("null://");
    CHECK(cache.set("n", 1));
    CHECK_THROWS_AS(cache.incr("n"), Missing);
    CHECK_THROWS_AS(cache.decr("n"), Missing);
    CHECK_THROWS_AS(cache.incr_version("n"), Missing);
    CHECK_THROWS_AS(cache.decr_version("n"), Missing);
    CHECK(cache.incr("n", 1, 7) == 7);
    CHECK(cache.incr("n", 1, 7) == 7);
}

TEST_CASE("a cache that is switched off answers many as one", "[null][cache]") {
    const Cache cache = Cache::open("null://");
    for (const auto& each : cache.set_many(Pairs{{"a", 1}, {"b", 2}})) CHECK(each.done());
    for (const auto& each : cache.add_many(Pairs{{"a", 1}, {"a", 2}})) CHECK(each.done());
    for (const auto& each : cache.get_many<int>({"a", "b"})) CHECK(each.absent());
    for (const auto& each : cache.delete_many({"a", "b"})) CHECK(each.declined());
    CHECK(cache.statistics().misses() == 2);
}

TEST_CASE("a cache that is switched off refuses what every cache refuses", "[null][cache]") {
    const Cache cache = Cache::open("null://?key_warnings=error");
    CHECK_THROWS_AS(cache.set("a b", 1), InvalidKey);
    CHECK_THROWS_AS(cache.get<int>("a b"), InvalidKey);
    CHECK_THROWS_AS(Cache::open("null://?key_prefix=a:b"), ConfigError);
    CHECK_THROWS_AS(Cache::open("null://?max_entries=1"), ConfigError);
}
