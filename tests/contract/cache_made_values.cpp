// cachemodel: the contract of caches: values that are made where they are missing.
// SPDX-License-Identifier: MIT
#include "contract/cache_sections.hpp"

#include "support/catch.hpp"

#include <cachemodel/error.hpp>

#include <chrono>
#include <stdexcept>
#include <string>

namespace cachemodel::contract::of_caches {

using namespace std::chrono_literals;

void made_values(const Cache& cache, const CacheContractOptions& options) {
    int made = 0;
    const auto make = [&] { return "made " + std::to_string(++made); };

    SECTION("what is not there is made once and stored; what is there is not made") {
        CHECK(cache.get_or_set("k", make) == "made 1");
        CHECK(cache.get_or_set("k", make) == "made 1");
        CHECK(*cache.get<std::string>("k") == "made 1");
        CHECK(made == 1);
        CHECK(cache.get_or_set("p", 42) == 42);
        CHECK(cache.get_or_set("p", 43) == 42);
        CHECK(*cache.get<int>("p") == 42);
        CHECK(cache.get_or_set("text", "literal") == "literal");
        CHECK(*cache.get<std::string>("text") == "literal");
    }
    SECTION("a value that is found keeps its lifetime") {
        CHECK(cache.set("k", "v", 100s));
        CHECK(cache.get_or_set("k", make, options.lifetime) == "v");
        options.pass(options.lifetime);
        CHECK(*cache.get<std::string>("k") == "v");
        CHECK(made == 0);
    }
    SECTION("a value that is made has the lifetime that is given, and is made again after it") {
        CHECK(cache.get_or_set("k", make, options.lifetime) == "made 1");
        CHECK(cache.get_or_set("k", make, options.lifetime) == "made 1");
        options.pass(options.lifetime);
        CHECK(cache.get_or_set("k", make, options.lifetime) == "made 2");
        CHECK(*cache.get<std::string>("k") == "made 2");
    }
    SECTION("with a lifetime that is over nothing is stored") {
        CHECK(cache.get_or_set("k", make, 0s) == "made 1");
        CHECK(cache.get_or_set("k", make, -1s) == "made 2");
        CHECK_FALSE(cache.contains("k"));
    }
    SECTION("what throws stores nothing, and is asked again") {
        const auto fail = [&]() -> std::string {
            ++made;
            throw std::runtime_error{"the source is down"};
        };
        CHECK_THROWS_WITH(cache.get_or_set("k", fail), "the source is down");
        CHECK_FALSE(cache.contains("k"));
        CHECK_THROWS_WITH(cache.get_or_set("k", fail), "the source is down");
        CHECK(cache.get_or_set("k", make) == "made 3");
    }
    SECTION("what was stored meanwhile is returned, and stays") {
        const auto late = [&] {
            cache.set("k", "of another");
            return std::string{"mine"};
        };
        CHECK(cache.get_or_set("k", late) == "of another");
        CHECK(*cache.get<std::string>("k") == "of another");
    }
    SECTION("an entry of another type is an error, and is kept") {
        CHECK(cache.set("k", 7));
        CHECK_THROWS_AS(cache.get_or_set("k", make), TypeMismatch);
        CHECK(*cache.get<int>("k") == 7);
        CHECK(made == 0);
    }
    SECTION("what cannot be used is written anew") {
        CHECK(cache.set_raw("k", "<html>"));
        CHECK(cache.get_or_set("k", make) == "made 1");
        CHECK(*cache.get<std::string>("k") == "made 1");
    }
}

}  // namespace cachemodel::contract::of_caches
