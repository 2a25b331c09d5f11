// cachemodel: the backends that go wrong, on which other tests rely.
// SPDX-License-Identifier: MIT
#include "support/decorators.hpp"
#include "support/backend_calls.hpp"
#include "support/catch.hpp"

#include <cachemodel/backends/memory.hpp>
#include <cachemodel/testing/turnable_clock.hpp>

#include <chrono>
#include <memory>

using namespace cachemodel;
using namespace cachemodel::support;
using cachemodel::testing::TurnableClock;
using namespace std::chrono_literals;

TEST_CASE("decorators go wrong in their one way", "[support]") {
    TurnableClock clock;
    const auto memory = std::make_shared<MemoryBackend>(MemoryOptions{}, clock);
    REQUIRE(set(*memory, "k", "a value").done());
    REQUIRE(set(*memory, "other", "another value", 1h).done());
    REQUIRE(set(*memory, "n", "1").done());
    SECTION("down") {
        DownBackend backend{memory, BackendFault::timeout};
        const auto read = get(backend, "k");
        REQUIRE(read.failed());
        CHECK(read.failure->fault() == BackendFault::timeout);
        CHECK(set(backend, "k", "w").failed());
        CHECK(remove(backend, "k").failed());
        CHECK(touch(backend, "k", 1h).failed());
        CHECK(peek(backend, "k").failed());
        CHECK(increment(backend, "n").outcome.failed());
        CHECK(remaining_lifetime(backend, "k").outcome.failed());
        CHECK_THROWS_AS(list_keys(backend, ""), BackendError);
        CHECK_THROWS_AS(backend.facts(), BackendError);
        CHECK_THROWS_AS(backend.clear(), BackendError);
        CHECK(get(*memory, "k").found("a value"));
        CHECK(get(*memory, "n").found("1"));
    }
    SECTION("slow") {
        SlowBackend backend{memory, clock, 300ms};
        const auto before = clock.steady();
        CHECK(get(backend, "k").found("a value"));
        CHECK(set(backend, "k", "w").done());
        CHECK(clock.steady() - before == 600ms);
        CHECK(peek(backend, "k").found("w"));
        CHECK(increment(backend, "n").is(2));
        CHECK(remaining_lifetime(backend, "n").is(never));
        CHECK(list_keys(backend, "").size() == 3);
        CHECK(backend.facts().size() == 4);
        CHECK(clock.steady() - before == 2100ms);
    }
    SECTION("truncating") {
        TruncatingBackend backend{memory, 3};
        CHECK(get(backend, "k").found("a v"));
        CHECK(peek(backend, "k").found("a v"));
        CHECK(get(backend, "absent").absent());
    }
    SECTION("lying") {
        LyingBackend backend{memory, "other"};
        CHECK(get(backend, "k").found("another value"));
        CHECK(get(backend, "absent").found("another value"));
        CHECK(peek(backend, "k").found("another value"));
        CHECK(remaining_lifetime(backend, "k").is(1h));
    }
    SECTION("evicting") {
        EvictingBackend backend{memory, 2};
        CHECK(set(backend, "first", "v").done());
        CHECK(set(backend, "second", "v").done());
        CHECK(get(backend, "first").found("v"));
        CHECK(get(backend, "second").absent());
        CHECK(increment(backend, "n").is(2));
        CHECK(get(backend, "n").found("2"));
        CHECK(increment(backend, "n").is(3));
        CHECK(get(backend, "n").absent());
    }
    SECTION("full") {
        FullBackend backend{memory};
        const auto outcome = set(backend, "k", "w");
        REQUIRE(outcome.failed());
        CHECK(outcome.failure().fault() == BackendFault::full);
        CHECK(get(backend, "k").found("a value"));
        CHECK(increment(backend, "n").outcome.failure().fault() == BackendFault::full);
        CHECK(get(backend, "n").found("1"));
        CHECK(remove(backend, "k").done());
    }
}
