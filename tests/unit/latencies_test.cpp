// cachemodel: tests of how long calls of backends, and loads, have taken.
// SPDX-License-Identifier: MIT
#include <cachemodel/latencies.hpp>

#include <cachemodel/cached_function.hpp>
#include <cachemodel/models.hpp>
#include <cachemodel/observer.hpp>

#include "support/catch.hpp"
#include "support/load_rig.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

using namespace cachemodel;
using namespace std::chrono_literals;
using support::Table;

namespace latencies_test {

struct Price {
    static constexpr ModelOptions cache_options{.lease_wait = 0s, .load_backoff = 0s};
    Key<std::string> name;
    Field<int> cents;

    void from_miss(Table& table) { cents = table.row(name); }
    void complete(testing::TurnableClock& clock) { clock.advance(3ms); }
};

struct Number {
    static constexpr ModelOptions cache_options{.lease_wait = 0s, .load_backoff = 0s};
    Key<int> id;
    int value = 0;

    static std::vector<Number> from_miss_many(std::span<const Number> wanted,
                                              testing::TurnableClock& clock) {
        clock.advance(40ms);
        return {wanted.begin(), wanted.end()};
    }
};

testing::TurnableClock* clock_of_function = nullptr;
int slow_twice(int n) {
    clock_of_function->advance(2s);
    return 2 * n;
}

/// How many of that class, and none of another.
std::uint64_t all_within(const LatencyHistogram& taken, std::chrono::nanoseconds bound) {
    for (std::size_t i = 0; i < taken.bounds.size(); ++i) {
        if (taken.bounds[i] == bound) return taken.counts[i] == taken.count() ? taken.count() : 0;
    }
    return 0;
}

/// Each call of its backend takes 2 ms.
struct Rig : support::LoadRig {
    Rig() {
        scripted->before_each_call([this](testing::Verb) { clock.advance(2ms); });
    }
};

}  // namespace latencies_test

using namespace latencies_test;

TEST_CASE("classes end at 1, 2, 5 and 10 and so on, from a microsecond to 20 s",
          "[latencies][unit]") {
    const auto& bounds = LatencyHistogram::bounds;
    CHECK(bounds.size() == 23);
    CHECK(bounds[0] == 1us);
    CHECK(bounds[1] == 2us);
    CHECK(bounds[2] == 5us);
    CHECK(bounds[3] == 10us);
    CHECK(bounds[9] == 1ms);
    CHECK(bounds[17] == 500ms);
    CHECK(bounds[22] == 20s);
    CHECK(LatencyHistogram{}.count() == 0);
}

TEST_CASE("each time is counted in the class that it is no longer than", "[latencies][unit]") {
    support::LoadRig rig;
    const auto takes = [&](std::chrono::nanoseconds time) {
        rig.scripted->before_each_call([&rig, time](testing::Verb) { rig.clock.advance(time); });
        (void)rig.cache.get<int>("k");
    };
    takes(0ns);
    takes(1us);
    takes(1001ns);
    takes(20s);
    takes(20s + 1ns);
    const LatencyHistogram reads = rig.cache.latencies().reads;
    CHECK(reads.counts[0] == 2);
    CHECK(reads.counts[1] == 1);
    CHECK(reads.counts[22] == 1);
    CHECK(reads.counts[23] == 1);
    CHECK(reads.count() == 5);
    CHECK(reads.sum == 40s + 2us + 2ns);
}

TEST_CASE_METHOD(Rig, "calls that read and calls that write are told apart", "[latencies][unit]") {
    (void)cache.get<int>("k");
    (void)cache.contains("k");
    CHECK(all_within(cache.latencies().reads, 2ms) == 2);
    CHECK(cache.latencies().reads.sum == 4ms);
    CHECK(cache.latencies().writes.count() == 0);
    cache.set("k", 1);
    cache.add("k", 1);
    cache.incr("k");
    cache.touch("k");
    cache.erase("k");
    CHECK(all_within(cache.latencies().writes, 2ms) == 5);
    CHECK(cache.latencies().reads.count() == 2);
    scripted->go_down(BackendFault::timeout);
    CHECK(cache.get<int>("k").failed());
    CHECK(cache.latencies().reads.count() == 3);  // what failed took its time, too
    CHECK(cache.with_prefix("p").latencies().reads.count() == 3);
    CHECK(cache.latencies().loads.count() == 0);
}

TEST_CASE_METHOD(Rig, "a load is timed whatever comes of it, and each of its steps",
                 "[latencies][unit]") {
    table.before_answer = [this] { clock.advance(20ms); };
    const Models<Price, Table&, testing::TurnableClock&> prices{cache, table, clock};
    CHECK(prices.get("tea").cents == 100);
    executor->run_all();
    const LatencyHistogram two_steps = cache.latencies().loads;
    CHECK(two_steps.count() == 2);
    CHECK(two_steps.sum == 23ms);
    CHECK(prices.find("gold").absent());
    table.is_broken = true;
    CHECK_THROWS_AS(prices.find("salt"), std::runtime_error);
    CHECK(cache.latencies().loads.count() == 4);
    CHECK(cache.latencies().loads.sum == 63ms);
    CHECK(prices.get("tea").cents == 100);
    CHECK(cache.latencies().loads.count() == 4);
}

TEST_CASE_METHOD(Rig, "what is loaded together took as long as all of it", "[latencies][unit]") {
    const Models<Number, testing::TurnableClock&> numbers{cache, clock};
    (void)numbers.get_many({1, 2, 3});
    CHECK(all_within(cache.latencies().loads, 50ms) == 3);
    CHECK(cache.latencies().loads.sum == 120ms);
}

TEST_CASE_METHOD(Rig, "functions of cached calls and of get_or_set are loads",
                 "[latencies][unit]") {
    clock_of_function = &clock;
    const CachedFunction<&slow_twice> twice{cache, {.lease_wait = 0s}};
    CHECK(twice(2) == 4);
    CHECK(twice(2) == 4);
    CHECK(all_within(cache.latencies().loads, 2s) == 1);
    (void)cache.get_or_set("k", [&] {
        clock.advance(2s);
        return 1;
    });
    CHECK_THROWS_AS(cache.get_or_set("l",
                                     [&]() -> int {
                                         clock.advance(2s);
                                         throw std::runtime_error{"no"};
                                     }),
                    std::runtime_error);
    CHECK(all_within(cache.latencies().loads, 2s) == 3);
}

TEST_CASE_METHOD(Rig, "of a backend of this process one call in 61 is timed", "[latencies][unit]") {
    scripted->capabilities_to_claim().shared = false;
    for (int i = 0; i < 61; ++i) (void)cache.get<int>("k");
    CHECK(cache.latencies().reads.count() == 1);
    (void)cache.get<int>("k");
    CHECK(cache.latencies().reads.count() == 2);
    cache.observe(std::make_shared<Observer>());  // for whom the clock is read anyway
    for (int i = 0; i < 10; ++i) (void)cache.get<int>("k");
    CHECK(cache.latencies().reads.count() == 12);
}
