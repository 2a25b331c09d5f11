// cachemodel: counters of a cache: beginnings, lifetimes, and backends that do not count.
// SPDX-License-Identifier: MIT
#include <cachemodel/cache.hpp>

#include <cachemodel/error.hpp>
#include <cachemodel/testing/recording_backend.hpp>
#include <cachemodel/testing/scripted_backend.hpp>
#include <cachemodel/testing/turnable_clock.hpp>

#include "support/catch.hpp"

#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>

using namespace cachemodel;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using testing::Verb;

namespace {

constexpr std::int64_t least = std::numeric_limits<std::int64_t>::min();

struct Fixture {
    testing::TurnableClock clock;
    std::shared_ptr<testing::ScriptedBackend> backend =
        std::make_shared<testing::ScriptedBackend>(clock);
    std::shared_ptr<testing::RecordingBackend> recording =
        std::make_shared<testing::RecordingBackend>(backend);
    Cache cache{recording, {.clock = clock}};
};

/// One whose backend does not count.
struct ByHand : Fixture {
    ByHand() { backend->capabilities_to_claim().atomic_increment = false; }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "counting is one trip, and keeps the lifetime", "[cache][counters]") {
    CHECK(cache.set("n", 1, 10s));
    clock.advance(5s);
    recording->log().reset();
    CHECK(cache.incr("n") == 2);
    CHECK(recording->log().trips() == 1);
    CHECK(recording->log().trips(Verb::increment) == 1);
    CHECK((backend->lifetime_left(":1:n") == Lifetime{5s}));
    CHECK(cache.incr("n", 0) == 2);
    CHECK((backend->lifetime_left(":1:n") == Lifetime{5s}));
    clock.advance(5s);
    CHECK_THROWS_AS(cache.incr("n"), Missing);

    CHECK(cache.set("endless", 1, never));
    CHECK(cache.incr("endless") == 2);
    clock.advance(1000h);
    CHECK(*cache.get<int>("endless") == 2);
}

TEST_CASE_METHOD(Fixture, "what is missing is named, escaped", "[cache][counters]") {
    try {
        cache.incr("a\nb");
        FAIL("nothing was missing");
    } catch (const Missing& e) {
        CHECK(e.key() == R"(a\x0ab)");
        CHECK_THAT(e.what(), Contains(R"(a\x0ab)"));
    }
}

TEST_CASE_METHOD(Fixture, "a beginning is stored for the cache's timeout, once",
                 "[cache][counters]") {
    CHECK(cache.with_timeout(60s).incr("n", 5, 10) == 10);
    CHECK((backend->lifetime_left(":1:n") == Lifetime{60s}));
    clock.advance(30s);
    CHECK(cache.with_timeout(60s).incr("n", 5, 10) == 15);
    CHECK((backend->lifetime_left(":1:n") == Lifetime{30s}));
    CHECK(*backend->stored(":1:n") == "15");
    // Somebody else begins in between.
    CHECK(cache.erase("n"));
    bool began = false;
    backend->before_each_call([&](Verb verb) {
        if (verb == Verb::add && !std::exchange(began, true)) backend->plant(":1:n", "100");
    });
    CHECK(cache.incr("n", 5, 10) == 105);
    CHECK(cache.with_timeout(0s).incr("over", 1, 7) == 7);
    CHECK_FALSE(cache.contains("over"));
    CHECK_THROWS_AS((cache.set("text", "x"), cache.incr("text", 1, 1)), NotAnInteger);
}

TEST_CASE_METHOD(Fixture, "a number that has no opposite cannot be subtracted",
                 "[cache][counters]") {
    CHECK(cache.set("n", 0));
    CHECK_THROWS_AS(cache.decr("n", least), Overflow);
    CHECK(cache.incr("n", least) == least);
    CHECK_THROWS_AS(cache.decr_version("n", least), Overflow);
    CHECK_THROWS_AS(cache.incr_version("n", least), Overflow);
}

TEST_CASE_METHOD(ByHand, "counting by hand compares, and keeps the lifetime where it is told",
                 "[cache][counters]") {
    CHECK(cache.set("n", 41, 10s));
    recording->log().reset();
    CHECK(cache.incr("n") == 42);
    CHECK(recording->log().trips(Verb::get) == 1);
    CHECK(recording->log().trips(Verb::remaining_lifetime) == 1);
    CHECK(recording->log().trips(Verb::compare_and_set) == 1);
    CHECK((backend->lifetime_left(":1:n") == Lifetime{10s}));
    CHECK(*backend->stored(":1:n") == "42");
    CHECK_THROWS_AS(cache.incr("none"), Missing);
    CHECK(cache.set("text", "42"));
    CHECK_THROWS_AS(cache.incr("text"), NotAnInteger);
    CHECK(cache.set("most", std::numeric_limits<std::int64_t>::max()));
    CHECK_THROWS_AS(cache.incr("most"), Overflow);

    // Without it, the cache's timeout.
    backend->capabilities_to_claim().tells_lifetimes = false;
    CHECK(cache.incr("n") == 43);
    CHECK((backend->lifetime_left(":1:n") == Lifetime{300s}));
}

TEST_CASE_METHOD(ByHand, "counting by hand loses nothing that is counted in between",
                 "[cache][counters]") {
    CHECK(cache.set("n", 1));
    int others = 3;
    backend->before_each_call([&](Verb verb) {
        if (verb == Verb::compare_and_set && others-- > 0) {
            backend->plant(":1:n", std::to_string(10 * (3 - others)));
        }
    });
    CHECK(cache.incr("n") == 31);
    // An entry that goes meanwhile is missing, not made anew.
    backend->before_each_call([&](Verb verb) {
        if (verb == Verb::compare_and_set) backend->lose("*");
    });
    CHECK_THROWS_AS(cache.incr("n"), Missing);
    CHECK(backend->keys().empty());
    CHECK(cache.set("n", 1, 10s));
    backend->before_each_call([&](Verb verb) {
        if (verb == Verb::remaining_lifetime) clock.advance(10s);
    });
    CHECK_THROWS_AS(cache.incr("n"), Missing);
    CHECK(backend->keys().empty());
}

TEST_CASE_METHOD(ByHand, "counting by hand gives up a counter that changes all the time",
                 "[cache][counters][failure]") {
    CHECK(cache.set("n", 1));
    backend->before_each_call([&](Verb verb) {
        if (verb == Verb::compare_and_set) backend->plant(":1:n", "5");
    });
    CHECK_THROWS_WITH(cache.incr("n"), Contains("changed all the time"));
}

TEST_CASE_METHOD(ByHand, "counting by hand where nothing compares writes what it read",
                 "[cache][counters]") {
    backend->capabilities_to_claim() = {};
    CHECK_FALSE(cache.capabilities().atomic_increment);
    CHECK(cache.set("n", 1));
    recording->log().reset();
    CHECK(cache.incr("n", 2) == 3);
    CHECK(recording->log().trips() == 2);
    CHECK(*cache.get<int>("n") == 3);
}

TEST_CASE_METHOD(ByHand, "counting fails where the backend does", "[cache][counters][failure]") {
    CHECK(cache.set("n", 1));
    for (const Verb broken : {Verb::get, Verb::remaining_lifetime, Verb::compare_and_set}) {
        backend->before_each_call([&](Verb verb) {
            if (verb == broken) backend->fail_next(1);
        });
        CHECK_THROWS_AS(cache.incr("n"), BackendError);
        CHECK(*backend->stored(":1:n") == "1");
    }
}

TEST_CASE_METHOD(Fixture, "a counter that stops at zero begins at zero or above",
                 "[cache][counters]") {
    backend->capabilities_to_claim().counters_stop_at_zero = true;
    CHECK_THROWS_AS(cache.incr("n", 1, -3), Overflow);
    CHECK_FALSE(backend->stored(":1:n").has_value());
    CHECK(cache.incr("n", 1, 0) == 0);
    CHECK(cache.incr("n", 1, -3) == 1);
}

TEST_CASE_METHOD(Fixture, "a bypass counts nothing", "[cache][counters]") {
    CHECK(cache.set("n", 1));
    CHECK_THROWS_AS(cache.bypass().incr("n"), Missing);
    CHECK(cache.bypass().incr("n", 1, 7) == 7);
    CHECK(*cache.get<int>("n") == 1);
    CHECK(cache.statistics().counts == 0);
}

TEST_CASE_METHOD(Fixture, "a moved entry takes its lifetime along, or gets the timeout",
                 "[cache][versions]") {
    CHECK(cache.set("a", "v", 10s));
    clock.advance(5s);
    CHECK(cache.incr_version("a") == 2);
    CHECK((backend->lifetime_left(":2:a") == Lifetime{5s}));
    CHECK(cache.set("n", 7, never));
    CHECK(cache.incr_version("n", 3) == 4);
    CHECK((backend->lifetime_left(":4:n") == Lifetime{never}));
    CHECK(*backend->stored(":4:n") == "7");

    backend->capabilities_to_claim().tells_lifetimes = false;
    CHECK(cache.set("b", "v", 10s));
    CHECK(cache.incr_version("b") == 2);
    CHECK((backend->lifetime_left(":2:b") == Lifetime{300s}));
    CHECK(backend->keys() == std::vector<std::string>{":2:a", ":2:b", ":4:n"});
}

TEST_CASE_METHOD(Fixture, "a move that fails half-way loses nothing",
                 "[cache][versions][failure]") {
    CHECK(cache.set("a", "v"));
    for (const Verb broken : {Verb::get, Verb::remaining_lifetime, Verb::set, Verb::remove}) {
        backend->before_each_call([&](Verb verb) {
            if (verb == broken) backend->fail_next(1);
        });
        CHECK_THROWS_AS(cache.incr_version("a"), BackendError);
        backend->before_each_call({});
        CHECK(*cache.get<std::string>("a") == "v");
    }
    CHECK(*cache.with_version(2).get<std::string>("a") == "v");
}
