// cachemodel: how long a cache keeps values, and what lifetimes its backend is given for that.
// SPDX-License-Identifier: MIT
#include <cachemodel/cache.hpp>

#include <cachemodel/backends/memory.hpp>
#include <cachemodel/error.hpp>
#include <cachemodel/testing/recording_backend.hpp>
#include <cachemodel/testing/scripted_backend.hpp>
#include <cachemodel/testing/turnable_clock.hpp>

#include "support/catch.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

using namespace cachemodel;
using namespace std::chrono_literals;
using testing::Verb;

namespace {

using Days = std::chrono::duration<std::int64_t, std::ratio<86400>>;

struct Fixture {
    testing::TurnableClock clock;
    std::shared_ptr<testing::ScriptedBackend> backend =
        std::make_shared<testing::ScriptedBackend>(clock);
    std::shared_ptr<testing::RecordingBackend> recording =
        std::make_shared<testing::RecordingBackend>(backend);
    Cache cache{recording, {.clock = clock}};

    Lifetime left(std::string_view key) { return backend->lifetime_left(key).value(); }
};

/// One whose backend keeps whole seconds, may be one of them early, and tells no lifetimes.
struct WholeSeconds : Fixture {
    WholeSeconds() {
        backend->capabilities_to_claim().lifetime_resolution = 1s;
        backend->capabilities_to_claim().tells_lifetimes = false;
    }
};

Cache in_memory(const std::string& options, const Clock& clock) {
    return Cache::open("memory://" + options, clock);
}

}  // namespace

TEST_CASE("without a timeout values live for 300 s", "[cache][lifetimes]") {
    testing::TurnableClock clock;
    const Cache cache = in_memory("", clock);
    CHECK((cache.timeout() == Lifetime{300s}));
    CHECK((CacheOptions{}.timeout == Lifetime{300s}));
    CHECK(cache.set("k", "v"));
    clock.advance(299s);
    CHECK(cache.get<std::string>("k").found());
    clock.advance(1s);
    CHECK(cache.get<std::string>("k").absent());
}

TEST_CASE("the timeout of a URL is that of values without a lifetime", "[cache][lifetimes]") {
    testing::TurnableClock clock;
    const Cache minute = in_memory("?timeout=60", clock);
    CHECK(minute.set("k", "v"));
    clock.advance(59s);
    CHECK(minute.contains("k"));
    clock.advance(2s);
    CHECK_FALSE(minute.contains("k"));

    const Cache endless = in_memory("?timeout=never", clock);
    CHECK(endless.set("k", "v"));
    clock.advance(Days{3650});
    CHECK(endless.contains("k"));

    for (const char* over : {"?timeout=0", "?timeout=-1"}) {
        const Cache nothing = in_memory(over, clock);
        CHECK(nothing.set("k", "v"));
        CHECK(nothing.get<std::string>("k").absent());
        CHECK(nothing.add("k", "v"));
        CHECK_FALSE(nothing.contains("k"));
        CHECK(nothing.set("k", "v", 1h));
        CHECK(nothing.contains("k"));
    }
    const Cache fraction = in_memory("?timeout=1.5", clock);
    CHECK(fraction.set("k", "v"));
    clock.advance(1499ms);
    CHECK(fraction.contains("k"));
    clock.advance(1ms);
    CHECK_FALSE(fraction.contains("k"));
}

TEST_CASE("never, a lifetime and the timeout are three different things", "[cache][lifetimes]") {
    testing::TurnableClock clock;
    const Cache cache = in_memory("?timeout=1", clock);
    const std::map<std::string, int> pairs{{"many", 1}};
    CHECK(cache.set("set", 1, never));
    CHECK(cache.add("add", 1, never));
    CHECK(cache.set_many(pairs, never)[0].done());
    CHECK(cache.set("touched", 1));
    CHECK(cache.touch("touched", never));
    CHECK(cache.get_or_set("made", 1, never) == 1);
    CHECK(cache.set("default", 1));
    clock.advance(2s);
    for (const char* key : {"set", "add", "many", "touched", "made"}) {
        INFO(key);
        CHECK(cache.contains(key));
    }
    CHECK_FALSE(cache.contains("default"));
}

TEST_CASE("an entry is over at its deadline, for every verb", "[cache][lifetimes]") {
    testing::TurnableClock clock;
    const Cache cache = in_memory("", clock);
    const auto begin = [&](std::chrono::nanoseconds passed) {
        cache.set("k", "v", 10s);
        cache.set("n", 1, 10s);
        clock.advance(passed);
    };
    for (const auto passed : {9999ms, 10000ms, 10001ms}) {
        const bool lives = passed < 10s;
        INFO(passed.count());
        begin(passed);
        CHECK(cache.get<std::string>("k").found() == lives);
        begin(passed);
        CHECK(cache.contains("k") == lives);
        begin(passed);
        CHECK(cache.add("k", "new") == !lives);
        begin(passed);
        CHECK(cache.touch("k") == lives);
        begin(passed);
        CHECK(cache.erase("k") == lives);
        begin(passed);
        if (lives) {
            CHECK(cache.incr("n") == 2);
        } else {
            CHECK_THROWS_AS(cache.incr("n"), Missing);
        }
    }
    begin(10s - 1ns);
    CHECK(cache.contains("k"));
    clock.advance(1ns);
    CHECK_FALSE(cache.contains("k"));
}

TEST_CASE("lifetimes below a second, and beyond all clocks, are kept", "[cache][lifetimes]") {
    testing::TurnableClock clock;
    const Cache cache = in_memory("", clock);
    CHECK(cache.set("k", "v", 50ms));
    clock.advance(10ms);
    CHECK(cache.contains("k"));
    clock.advance(90ms);
    CHECK_FALSE(cache.contains("k"));
    const std::array<Lifetime, 5> huge{
        std::chrono::nanoseconds::max(), std::chrono::seconds::max(), std::chrono::hours::max(),
        std::chrono::duration<double>{1e300},
        std::chrono::duration<double>{std::numeric_limits<double>::infinity()}};
    for (const Lifetime lifetime : huge) {
        CHECK(cache.set("k", "v", lifetime));
        CHECK(cache.touch("k", lifetime));
        clock.advance(Days{365 * 50});
        CHECK(cache.contains("k"));
    }
}

TEST_CASE_METHOD(WholeSeconds, "a lifetime is given to the backend in units that outlast it",
                 "[cache][lifetimes]") {
    struct Mapped {
        Lifetime wanted;
        Lifetime given;
    };
    const std::vector<Mapped> all{
        {never, never},
        {10us, 2s},
        {300ms, 2s},
        {1s, 2s},
        {1500ms, 3s},
        {2s, 2s},
        {2001ms, 4s},
        {100200ms, 102s},
        {Days{30}, Days{30}},
        {Days{30} + 1s, Days{30} + 1s},
        {Days{365}, Days{365}},
        {Days{7300}, Days{7300}},
        {Days{3'650'000}, never},
    };
    for (const auto& [wanted, given] : all) {
        INFO(wanted.duration().count() << " ns");
        CHECK(cache.set("set", "v", wanted));
        CHECK((left(":1:set") == given));
        cache.erase("add");
        CHECK(cache.add("add", "v", wanted));
        CHECK((left(":1:add") == given));
        CHECK(cache.set("touch", "v", never));
        CHECK(cache.touch("touch", wanted));
        CHECK((left(":1:touch") == given));
        const std::map<std::string, std::string> pairs{{"many", "v"}};
        CHECK(cache.set_many(pairs, wanted)[0].done());
        CHECK((left(":1:many") == given));
        // A millisecond is the least that an entry can say of its own end.
        CHECK(cache.get<std::string>("set").found() == (wanted >= Lifetime{1ms}));
    }
    // Integers have no place for an end of their own: the backend rounds.
    CHECK(cache.set("n", 1, 300ms));
    CHECK((left(":1:n") == Lifetime{300ms}));
    CHECK(cache.set("n", 1, 1s));
    CHECK((left(":1:n") == Lifetime{1s}));
    // What is over is never sent.
    recording->log().reset();
    CHECK(cache.set("set", "v", 0s));
    CHECK(cache.set("set", "v", -1s));
    CHECK(recording->log().trips(Verb::set) == 0);
    CHECK(recording->log().trips(Verb::remove) == 2);
}

TEST_CASE_METHOD(WholeSeconds, "a fraction of a unit is kept all the same", "[cache][lifetimes]") {
    CHECK(cache.set("k", "v", 300ms));
    clock.advance(299ms);
    CHECK(*cache.get<std::string>("k") == "v");
    clock.advance(1ms);
    CHECK(backend->stored(":1:k").has_value());
    CHECK(cache.get<std::string>("k").reason() == MissReason::expired);
    CHECK_FALSE(cache.contains("k"));
    CHECK_FALSE(cache.touch("k", 100s));
    CHECK(cache.get<std::string>("k").absent());
    CHECK_THROWS_AS(cache.incr_version("k"), Missing);
    CHECK(cache.get_many<std::string>({"k"})[0].absent());
    CHECK(cache.statistics().misses(MissReason::expired) == 3);
}

TEST_CASE_METHOD(WholeSeconds, "what is over makes way for an addition although it is still kept",
                 "[cache][lifetimes]") {
    CHECK(cache.set("k", "old", 300ms));
    CHECK_FALSE(cache.add("k", "early"));
    clock.advance(300ms);
    REQUIRE(backend->stored(":1:k").has_value());
    CHECK(cache.add("k", "new"));
    CHECK(*cache.get<std::string>("k") == "new");
    CHECK((left(":1:k") == Lifetime{300s}));
    CHECK_FALSE(cache.add("k", "late"));

    // One of two that both saw it expired.
    CHECK(cache.set("k", "old", 300ms));
    clock.advance(300ms);
    bool came = false;
    backend->before_each_call([&](Verb verb) {
        if (verb == Verb::compare_and_set && !std::exchange(came, true)) {
            const Cache other{backend, {.clock = clock}};
            CHECK(other.set("k", "of another"));
        }
    });
    CHECK_FALSE(cache.add("k", "mine"));
    CHECK(*cache.get<std::string>("k") == "of another");
    backend->before_each_call({});

    CHECK(cache.set("a", "old", 300ms));
    clock.advance(300ms);
    const std::map<std::string, std::string> pairs{{"a", "new"}, {"k", "new"}, {"x", "new"}};
    const auto outcomes = cache.add_many(pairs);
    CHECK(outcomes[0].done());
    CHECK(outcomes[1].declined());
    CHECK(outcomes[2].done());
    CHECK(*cache.get<std::string>("a") == "new");
    CHECK(cache.add("a", "never", 0s) == false);
    CHECK(cache.get_or_set("a", "made") == "new");
}

TEST_CASE_METHOD(WholeSeconds, "what another stores over what has ended is no loss of its own",
                 "[cache][get_or_set][lifetimes]") {
    CHECK(cache.set("k", "old", 1500ms));
    clock.advance(1600ms);
    REQUIRE(backend->stored(":1:k").has_value());
    const Cache other{backend, {.clock = clock}};
    const auto late = [&] {
        CHECK(other.set("k", "of another"));
        return std::string{"mine"};
    };
    CHECK(cache.get_or_set("k", late) == "of another");
    CHECK(*cache.get<std::string>("k") == "of another");
}

TEST_CASE_METHOD(WholeSeconds, "bytes of other programs can be touched and moved",
                 "[cache][lifetimes]") {
    CHECK(cache.set_raw("raw", "<html>", 10s));
    CHECK(cache.touch("raw", 100s));
    CHECK((left(":1:raw") == Lifetime{100s}));
    CHECK_FALSE(cache.touch("none", 100s));
    CHECK(cache.incr_version("raw") == 2);
    CHECK(cache.get_raw("raw").absent());
    CHECK(*cache.with_version(2).get_raw("raw") == "<html>");
}

TEST_CASE_METHOD(WholeSeconds, "a touch gives an integer the lifetime that a set does",
                 "[cache][lifetimes]") {
    CHECK(cache.set("n", 1, 1500ms));
    CHECK((left(":1:n") == Lifetime{1500ms}));
    CHECK(cache.touch("n", 2500ms));
    CHECK((left(":1:n") == Lifetime{2500ms}));
    CHECK(cache.touch("n", 1s));
    CHECK((left(":1:n") == Lifetime{1s}));
}

TEST_CASE_METHOD(WholeSeconds, "a touch rewrites an entry that carries its end, and only those",
                 "[cache][lifetimes]") {
    CHECK(cache.set("whole", "v", 100s));
    recording->log().reset();
    CHECK(cache.touch("whole", 50s));
    CHECK(recording->log().trips(Verb::compare_and_set) == 0);
    CHECK((left(":1:whole") == Lifetime{50s}));
    CHECK(cache.touch("whole", 1500ms));
    CHECK(recording->log().trips(Verb::compare_and_set) == 1);
    CHECK((left(":1:whole") == Lifetime{3s}));
    clock.advance(1s);
    CHECK(cache.touch("whole", 100s));
    clock.advance(99s);
    CHECK(*cache.get<std::string>("whole") == "v");
    clock.advance(1s);
    CHECK(cache.get<std::string>("whole").absent());

    // Whoever writes meanwhile is not overwritten.
    CHECK(cache.set("k", "old", 1500ms));
    bool came = false;
    backend->before_each_call([&](Verb verb) {
        if (verb == Verb::compare_and_set && !std::exchange(came, true)) {
            const Cache other{backend, {.clock = clock}};
            CHECK(other.set("k", "of another"));
        }
    });
    CHECK(cache.touch("k", 2500ms));
    CHECK(*cache.get<std::string>("k") == "of another");
}

TEST_CASE_METHOD(WholeSeconds, "an entry that carries its end takes it to another version",
                 "[cache][lifetimes][versions]") {
    CHECK(cache.set("k", "v", 10500ms));
    clock.advance(5s);
    CHECK(cache.incr_version("k") == 2);
    CHECK((left(":2:k") == Lifetime{7s}));
    clock.advance(5499ms);
    CHECK(cache.with_version(2).contains("k"));
    clock.advance(1ms);
    CHECK_FALSE(cache.with_version(2).contains("k"));
}

TEST_CASE_METHOD(Fixture, "a backend that keeps milliseconds is given every lifetime as it is",
                 "[cache][lifetimes]") {
    backend->capabilities_to_claim().lifetime_resolution = 1ms;
    for (const Lifetime lifetime :
         {Lifetime{10us}, Lifetime{300ms}, Lifetime{1500ms}, Lifetime{Days{40}}, Lifetime{never}}) {
        CHECK(cache.set("k", "v", lifetime));
        CHECK((left(":1:k") == lifetime));
        CHECK(cache.touch("k", lifetime));
        CHECK((left(":1:k") == lifetime));
    }
    recording->log().reset();
    CHECK_FALSE(cache.add("k", "other"));
    CHECK(cache.add("a", "v", 0s));
    CHECK_FALSE(cache.add("k", "v", -1s));
    CHECK(recording->log().trips(Verb::add) == 1);
    CHECK(recording->log().trips(Verb::get) == 2);
    CHECK(recording->log().trips() == 3);
    CHECK(*cache.get<std::string>("k") == "v");
}
