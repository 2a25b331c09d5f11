// cachemodel: the contract of caches: integers that count.
// SPDX-License-Identifier: MIT
#include "contract/cache_sections.hpp"

#include "support/catch.hpp"

#include <cachemodel/error.hpp>

#include <chrono>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace cachemodel::contract::of_caches {

using namespace std::chrono_literals;

namespace {

constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t least = std::numeric_limits<std::int64_t>::min();

struct Digits {
    int first = 12;
};

void counting(const Cache& cache) {
    SECTION("a counter goes up and down, and reads agree") {
        CHECK(cache.set("n", 41));
        CHECK(cache.incr("n") == 42);
        CHECK(*cache.get<int>("n") == 42);
        CHECK(cache.incr("n", 10) == 52);
        CHECK(cache.incr("n", -10) == 42);
        CHECK(cache.decr("n") == 41);
        CHECK(cache.decr("n", 10) == 31);
        CHECK(cache.decr("n", -10) == 41);
        CHECK(*cache.get<int>("n") == 41);
        CHECK(cache.incr("n", 0) == 41);
        CHECK(cache.decr("n", 32) == 9);
        CHECK(*cache.get<int>("n") == 9);
        CHECK(*cache.get<std::uint8_t>("n") == 9);
        CHECK(cache.incr("n", 991) == 1000);
        CHECK(cache.get<std::uint8_t>("n").failed());
    }
    SECTION("what is not there is not counted, unless a beginning is given") {
        CHECK_THROWS_AS(cache.incr("n"), Missing);
        CHECK_THROWS_AS(cache.incr("n", -1), Missing);
        CHECK_THROWS_AS(cache.incr("n", 0), Missing);
        CHECK_THROWS_AS(cache.decr("n"), Missing);
        CHECK_FALSE(cache.contains("n"));
        CHECK(cache.incr("n", 5, 10) == 10);
        CHECK(cache.incr("n", 5, 10) == 15);
        CHECK(*cache.get<int>("n") == 15);
    }
    SECTION("only integers count, and what does not stays") {
        CHECK(cache.set("text", "12"));
        CHECK(cache.set("hi", "hi"));
        CHECK(cache.set("spaced", " 5"));
        CHECK(cache.set("signed", "+5"));
        CHECK(cache.set("fraction", 1.0));
        CHECK(cache.set("bool", true));
        CHECK(cache.set("null", nullptr));
        CHECK(cache.set("struct", Digits{}));
        CHECK(cache.set("list", std::vector<int>{1}));
        for (const char* key :
             {"text", "hi", "spaced", "signed", "fraction", "bool", "null", "struct", "list"}) {
            INFO(key);
            CHECK_THROWS_AS(cache.incr(key), NotAnInteger);
            CHECK_THROWS_AS(cache.decr(key), NotAnInteger);
            CHECK_THROWS_AS(cache.incr(key, 1, 1), NotAnInteger);
        }
        CHECK(*cache.get<std::string>("text") == "12");
        CHECK(*cache.get<std::string>("spaced") == " 5");
        CHECK(*cache.get<double>("fraction") == 1.0);
        CHECK(*cache.get<bool>("bool"));
        CHECK(cache.get<Digits>("struct")->first == 12);
    }
    SECTION("an integer of any type counts") {
        CHECK(cache.set("a", std::int8_t{1}));
        CHECK(cache.set("b", std::uint16_t{1}));
        CHECK(cache.set("c", 'A'));
        CHECK(cache.add("d", 1ULL));
        CHECK(cache.get_or_set("e", 1) == 1);
        CHECK(cache.incr("a") == 2);
        CHECK(cache.incr("b") == 2);
        CHECK(cache.incr("c") == 66);
        CHECK(cache.incr("d") == 2);
        CHECK(cache.incr("e") == 2);
    }
    SECTION("a difference of more than 32 bits is added in full") {
        CHECK(cache.set("n", 0));
        CHECK(cache.incr("n", std::int64_t{1} << 33) == 8'589'934'592);
        CHECK(*cache.get<std::int64_t>("n") == 8'589'934'592);
        CHECK(cache.decr("n", std::int64_t{1} << 33) == 0);
    }
    SECTION("a counter is of one version and prefix") {
        const Cache second = cache.with_version(2);
        CHECK(cache.set("n", 37));
        CHECK(second.set("n", 42));
        CHECK(cache.incr("n") == 38);
        CHECK(second.incr("n") == 43);
        CHECK_THROWS_AS(cache.with_prefix("p").incr("n"), Missing);
        CHECK(*cache.get<int>("n") == 38);
    }
}

void bounds(const Cache& cache) {
    if (cache.capabilities().counters_stop_at_zero) {
        SECTION("a counter stops at zero, and a number below does not count") {
            CHECK(cache.set("n", 1));
            CHECK(cache.decr("n", 3) == 0);
            CHECK(*cache.get<int>("n") == 0);
            CHECK(cache.set("below", -5));
            CHECK(*cache.get<int>("below") == -5);
            CHECK_THROWS_AS(cache.incr("below"), NotAnInteger);
            CHECK(*cache.get<int>("below") == -5);
        }
        return;
    }
    SECTION("a counter goes below zero") {
        CHECK(cache.set("n", 1));
        CHECK(cache.decr("n", 3) == -2);
        CHECK(*cache.get<int>("n") == -2);
        CHECK(cache.incr("n", 3) == 1);
    }
    SECTION("a counter does not leave its range, and stays where it is") {
        CHECK(cache.set("most", most));
        CHECK_THROWS_AS(cache.incr("most"), Overflow);
        CHECK(*cache.get<std::int64_t>("most") == most);
        CHECK(cache.set("least", least));
        CHECK_THROWS_AS(cache.decr("least"), Overflow);
        CHECK(*cache.get<std::int64_t>("least") == least);
        CHECK(cache.incr("least", most) == -1);
        CHECK(cache.set("n", -1));
        CHECK_THROWS_AS(cache.decr("n", least), Overflow);
        CHECK(*cache.get<int>("n") == -1);
        CHECK(cache.set("unsigned", std::numeric_limits<std::uint64_t>::max()));
        CHECK_THROWS_AS(cache.incr("unsigned"), Overflow);
        CHECK(*cache.get<std::uint64_t>("unsigned") == std::numeric_limits<std::uint64_t>::max());
    }
}

void ends(const Cache& cache, const CacheContractOptions& options) {
    SECTION("a counter ends when it was to end, however often it is counted and looked at") {
        // Without an end of their own, integers of a backend that tells no lifetimes and does not
        // count get the cache's timeout when they are counted.
        const auto& can = cache.capabilities();
        const bool keeps = can.atomic_increment || can.tells_lifetimes;
        CHECK(cache.set("ending", 1, options.counter_lifetime));
        CHECK(cache.incr("ending") == 2);
        CHECK(cache.incr("ending", 0) == 2);
        CHECK(cache.set("endless", 1, never));
        CHECK(cache.incr("endless") == 2);
        CHECK(cache.set("shortened", 1));
        CHECK(cache.touch("shortened", options.counter_lifetime));
        CHECK(cache.set("prolonged", 1, options.counter_lifetime));
        CHECK(cache.touch("prolonged"));
        CHECK(cache.set("plain", 1, options.counter_lifetime));
        CHECK(cache.set_raw("raw", "bytes", options.counter_lifetime));
        CHECK(cache.get_raw("raw").found());
        CHECK(*cache.get<int>("plain") == 1);

        options.pass_in_backend(options.counter_lifetime + can.lifetime_resolution * 3 / 2);
        CHECK(cache.get<int>("ending").found() != keeps);
        CHECK(cache.get<int>("endless").found());
        CHECK(cache.get<int>("shortened").absent());
        CHECK(*cache.get<int>("prolonged") == 1);
        CHECK(cache.get<int>("plain").absent());
        CHECK(cache.get_raw("raw").absent());
        CHECK_FALSE(cache.contains("plain"));
        CHECK_FALSE(cache.touch("plain"));
        CHECK_THROWS_AS(cache.incr("plain"), Missing);
        CHECK(cache.add("plain", 7));
        CHECK(cache.incr("plain") == 8);
    }
}

}  // namespace

void counters(const Cache& cache, const CacheContractOptions& options) {
    counting(cache);
    bounds(cache);
    ends(cache, options);
}

}  // namespace cachemodel::contract::of_caches
