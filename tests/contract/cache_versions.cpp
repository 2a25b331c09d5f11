// cachemodel: the contract of caches: prefixes and versions.
// SPDX-License-Identifier: MIT
#include "contract/cache_sections.hpp"

#include "support/catch.hpp"

#include <cachemodel/error.hpp>

#include <chrono>
#include <string>

namespace cachemodel::contract::of_caches {

using namespace std::chrono_literals;

namespace {

void apart(const Cache& cache) {
    const Cache second = cache.with_version(2);

    SECTION("each version has its own entries") {
        CHECK(second.set("a", 42));
        CHECK(cache.get<int>("a").absent());
        CHECK_FALSE(cache.contains("a"));
        CHECK(*second.get<int>("a") == 42);
        CHECK(second.contains("a"));
        CHECK_FALSE(second.add("a", 37));
        CHECK(cache.add("a", 37));
        CHECK(*cache.get<int>("a") == 37);
        CHECK(*second.get<int>("a") == 42);
        CHECK(cache.erase("a"));
        CHECK(*second.get<int>("a") == 42);
        CHECK(cache.get_or_set("b", 42) == 42);
        CHECK(second.get<int>("b").absent());
        CHECK(second.get_or_set("b", 1979) == 1979);
        CHECK(*cache.get<int>("b") == 42);
    }
    SECTION("each prefix has its own entries, which clear_prefix removes where keys are listed") {
        const Cache shop = cache.with_prefix("shop");
        CHECK(cache.set("k", "plain"));
        CHECK(shop.set("k", "of the shop"));
        CHECK(shop.with_version(2).set("k", "of its version 2"));
        CHECK(cache.with_prefix("shop2").set("k", "of another"));
        CHECK(*cache.get<std::string>("k") == "plain");
        CHECK(*shop.get<std::string>("k") == "of the shop");
        if (cache.capabilities().lists_keys) {
            CHECK(shop.clear_prefix() == 2);
            CHECK(shop.clear_prefix() == 0);
            CHECK(shop.get<std::string>("k").absent());
            CHECK(shop.with_version(2).get<std::string>("k").absent());
        } else {
            CHECK_THROWS_AS(shop.clear_prefix(), BackendError);
            CHECK(shop.contains("k"));
        }
        CHECK(*cache.get<std::string>("k") == "plain");
        CHECK(*cache.with_prefix("shop2").get<std::string>("k") == "of another");
    }
    SECTION("a prefix with characters that mean something to servers is only itself") {
        for (const char* prefix : {"*", "a*", "[ab]", "a?", "a%", "a_", "a'", "\"a\"", "a;--"}) {
            INFO(prefix);
            const Cache view = cache.with_prefix(prefix);
            CHECK(cache.with_prefix("a").set("k", 1));
            CHECK(cache.with_prefix("ab").set("k", 2));
            CHECK(view.set("k", 3));
            CHECK(*view.get<int>("k") == 3);
            if (cache.capabilities().lists_keys) CHECK(view.clear_prefix() == 1);
            CHECK(*cache.with_prefix("a").get<int>("k") == 1);
            CHECK(*cache.with_prefix("ab").get<int>("k") == 2);
        }
    }
}

void moving(const Cache& cache, const CacheContractOptions& options) {
    const Cache second = cache.with_version(2);

    SECTION("an entry moves to another version and back") {
        CHECK(cache.set("a", "42"));
        CHECK(cache.incr_version("a") == 2);
        CHECK(cache.get<std::string>("a").absent());
        CHECK(*second.get<std::string>("a") == "42");
        CHECK(second.decr_version("a") == 1);
        CHECK(*cache.get<std::string>("a") == "42");
        CHECK(second.get<std::string>("a").absent());
        CHECK(cache.incr_version("a", 9) == 10);
        CHECK(*cache.with_version(10).get<std::string>("a") == "42");

        CHECK(cache.set("n", 7));
        CHECK(cache.incr_version("n") == 2);
        CHECK(second.incr("n") == 8);
    }
    SECTION("it overwrites what is there") {
        CHECK(cache.set("a", 1));
        CHECK(second.set("a", 2));
        CHECK(cache.incr_version("a") == 2);
        CHECK(*second.get<int>("a") == 1);
        CHECK(cache.get<int>("a").absent());
    }
    SECTION("a move by nothing loses nothing, and what is not there cannot move") {
        CHECK(cache.set("a", 1));
        CHECK(cache.incr_version("a", 0) == 1);
        CHECK(*cache.get<int>("a") == 1);
        CHECK_THROWS_AS(cache.incr_version("x"), Missing);
        CHECK_THROWS_AS(cache.incr_version("x", 0), Missing);
        CHECK_THROWS_AS(cache.decr_version("x"), Missing);
        CHECK_THROWS_AS(cache.incr_version("a", -2), Overflow);
        CHECK_THROWS_AS(cache.incr_version("a", 4294967295), Overflow);
        CHECK(*cache.get<int>("a") == 1);
    }
    SECTION("what is left of its lifetime goes with a value, where it or the backend knows it") {
        const auto& can = cache.capabilities();
        // A value carries its own end where the backend's unit is coarse.
        const bool is_known = can.tells_lifetimes || can.lifetime_resolution > 1ms;
        const auto half = options.lifetime / 2;
        CHECK(cache.set("a", "v", options.lifetime));
        options.pass(half);
        CHECK(cache.incr_version("a") == 2);
        CHECK(second.get<std::string>("a").found());
        options.pass(half);
        CHECK(second.get<std::string>("a").found() != is_known);
    }
    SECTION("what never ends does not end in another version, where the backend knows it") {
        const Cache brief = cache.with_timeout(options.lifetime);
        CHECK(brief.set("a", "v", never));
        CHECK(brief.incr_version("a") == 2);
        options.pass(options.lifetime);
        CHECK(second.get<std::string>("a").found() == cache.capabilities().tells_lifetimes);
    }
}

}  // namespace

void versions(const Cache& cache, const CacheContractOptions& options) {
    apart(cache);
    moving(cache, options);
}

}  // namespace cachemodel::contract::of_caches
