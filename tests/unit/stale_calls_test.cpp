// cachemodel: cached calls past their lifetime: served stale, refreshed in the background.
// SPDX-License-Identifier: MIT
#include <cachemodel/cached_form_method.hpp>
#include <cachemodel/cached_function.hpp>
#include <cachemodel/cached_method.hpp>

#include "support/call_load_rig.hpp"
#include "support/catch.hpp"

#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

using namespace cachemodel;
using namespace std::chrono_literals;
using Strings = std::vector<std::string>;

namespace stale_calls_test {

using Rig = support::CallLoadRig;
using support::Query;
using support::Shop;

template <class Result>
constexpr CallOptions<Result> options() {
    return {.expires = 10s,
            .stale_while_refresh = 20s,
            .stale_if_error = 1min,
            .lease_wait = 0s,
            .load_backoff = 0s};
}

using Price = CachedFunction<&support::price>;
using PriceIn = CachedMethod<&Shop::price, &Shop::name>;
using Found = CachedFormMethod<&Query::found>;

/// One cached function of each kind, called for tea.
template <class Call, class... First>
void check_kind(First... first) {
    Rig rig;
    const Call call{rig.cache, options<int>()};
    CHECK(call(first...) == 100);
    rig.table.rows["tea"] = 200;
    rig.clock.advance(10s - 1ms);
    CHECK(call(first...) == 100);
    CHECK_FALSE(call.peek(first...).stale());
    CHECK(rig.executor->size() == 0);
    rig.clock.advance(1ms);
    CHECK(call(first...) == 100);
    CHECK(call(first...) == 100);
    CHECK(call.peek(first...).stale());
    CHECK(*call.peek(first...) == 100);
    CHECK(rig.table.asked.size() == 1);
    CHECK(rig.executor->run_all() == 1);
    CHECK(rig.table.asked.size() == 2);
    CHECK(call(first...) == 200);
    CHECK_FALSE(call.peek(first...).stale());

    rig.table.is_broken = true;
    rig.clock.advance(30s);
    CHECK(call.peek(first...).absent());
    CHECK(call(first...) == 200);
    CHECK(rig.table.asked.size() == 3);
    CHECK(rig.executor->size() == 0);
    rig.clock.advance(40s);
    CHECK_THROWS_WITH(call(first...), "the table is broken");
    for (const Statistics& counted : {rig.counted(), call.statistics()}) {
        CHECK(counted.refreshes == 1);
        CHECK(counted.stale_served == 5);
        CHECK(counted.loads == 2);
        CHECK(counted.load_failures == 2);
    }
}

}  // namespace stale_calls_test

using namespace stale_calls_test;

TEST_CASE("a cached function serves what is stale, and is run again in the background",
          "[cached_function][stale]") {
    check_kind<Price>("tea");
}

TEST_CASE("a cached method serves what is stale, and is run again in the background",
          "[cached_method][stale]") {
    check_kind<PriceIn>(Shop{"corner"}, "tea");
}

TEST_CASE("a cached method of a form serves what is stale, and is run again in the background",
          "[cached_form_method][stale]") {
    check_kind<Found>(Query{"tea"});
}

TEST_CASE("peek asks for no refresh, and runs nothing", "[cached_function][stale]") {
    Rig rig;
    const Price call{rig.cache, options<int>()};
    (void)call("tea");
    rig.clock.advance(15s);
    CHECK(call.peek("tea").stale());
    CHECK(rig.executor->size() == 0);
    CHECK(rig.table.asked.size() == 1);
}

TEST_CASE("prefetch says of each result whether it is stale, and refreshes those in one task",
          "[cached_function][stale][prefetch]") {
    Rig rig;
    rig.table.rows = {{"tea", 100}, {"milk", 50}, {"rum", 900}};
    const Price call{rig.cache, options<int>()};
    (void)call.prefetch(Strings{"tea", "rum"});
    rig.clock.advance(12s);
    (void)call("milk");
    rig.table.rows["tea"] = rig.table.rows["gin"] = 7;
    rig.table.asked.clear();
    const auto found = call.prefetch(Strings{"tea", "milk", "gin", "ale", "rum", "tea"});
    CHECK(found[0].stale());
    CHECK(*found[0] == 100);
    CHECK_FALSE(found[1].stale());
    CHECK_FALSE(found[2].stale());
    CHECK(*found[2] == 7);
    CHECK(found[3].failed());
    CHECK(found[4].stale());
    CHECK(found[5].stale());
    CHECK(rig.table.asked == Strings{"gin", "ale"});
    CHECK(rig.executor->run_all() == 1);
    CHECK(rig.table.asked == Strings{"gin", "ale", "tea", "rum"});
    CHECK(call("tea") == 7);
}

TEST_CASE("a refresh that throws leaves the stale result", "[cached_function][stale]") {
    Rig rig;
    const Price call{rig.cache, options<int>()};
    (void)call("tea");
    rig.clock.advance(15s);
    rig.table.is_broken = true;
    (void)call("tea");
    CHECK(rig.executor->run_all() == 1);
    CHECK(call.peek("tea").stale());
    CHECK(call("tea") == 100);
    CHECK(rig.counted().load_failures == 1);
    // Another one is begun.
    rig.table.is_broken = false;
    CHECK(rig.executor->run_all() == 1);
    CHECK_FALSE(call.peek("tea").stale());
}

TEST_CASE("a Missing that a function throws is a failure like any other",
          "[cached_function][stale]") {
    Rig rig;
    const Price call{rig.cache, options<int>()};
    (void)call("tea");
    rig.clock.advance(40s);
    rig.table.rows.clear();
    CHECK(call("tea") == 100);
    CHECK(rig.counted().source_misses == 0);
    CHECK(rig.counted().load_failures == 1);
}

TEST_CASE("a result that is to be kept out is not kept by a refresh, nor what was there before",
          "[cached_function][stale]") {
    Rig rig;
    auto but_not_200 = options<int>();
    but_not_200.unless = [](const int& cents) { return cents == 200; };
    const Price call{rig.cache, but_not_200};
    (void)call("tea");
    rig.clock.advance(15s);
    rig.table.rows["tea"] = 200;
    CHECK(call("tea") == 100);
    CHECK(rig.executor->run_all() == 1);
    CHECK(call.peek("tea").absent());
    CHECK(call("tea") == 200);
    CHECK(rig.counted().kept_out == 2);
}

TEST_CASE("a predicate that throws during a refresh leaves the stale result",
          "[cached_function][stale]") {
    Rig rig;
    auto refusing = options<int>();
    refusing.unless = [](const int& cents) {
        if (cents == 200) throw std::runtime_error("not this one");
        return false;
    };
    const Price call{rig.cache, refusing};
    (void)call("tea");
    rig.clock.advance(15s);
    rig.table.rows["tea"] = 200;
    (void)call("tea");
    CHECK(rig.executor->run_all() == 1);
    CHECK(call.peek("tea").stale());
    rig.clock.advance(20s);
    CHECK(call("tea") == 100);
    rig.clock.advance(40s);
    CHECK_THROWS_WITH(call("tea"), "not this one");
}

TEST_CASE("an invalidation ends stale results at once, and keeps out the refresh that runs",
          "[cached_function][stale]") {
    Rig rig;
    const Price call{rig.cache, options<int>()};
    (void)call("tea");
    rig.clock.advance(15s);
    CHECK(call("tea") == 100);
    rig.table.before_answer = [&] {
        call.invalidate("tea");
        CHECK(call.peek("tea").absent());
    };
    rig.executor->run_all();
    rig.table.before_answer = {};
    CHECK(call.peek("tea").absent());
    rig.table.is_broken = true;
    CHECK_THROWS_WITH(call("tea"), "the table is broken");
    CHECK(rig.counted().overtaken_loads == 1);
}

TEST_CASE("a bypassed call neither uses nor refreshes what is stale", "[cached_function][stale]") {
    Rig rig;
    const Price call{rig.cache, options<int>()};
    (void)call("tea");
    rig.clock.advance(15s);
    rig.table.rows["tea"] = 200;
    const Price around{rig.cache.bypass(), options<int>()};
    CHECK(around("tea") == 200);
    CHECK(rig.executor->size() == 0);
    CHECK(call("tea") == 100);
}

TEST_CASE("calls take from their cache what they do not say", "[cached_function][stale]") {
    Rig rig;
    const Cache cache{rig.recording,
                      {.stale_while_refresh = 30s, .executor = rig.executor, .clock = rig.clock}};
    const Price call{cache, {.expires = 10s}};
    const CachedFunction<&support::price> eternal{cache, {.name = "eternal"}};
    const CachedFunction<&support::price> strict{
        cache, {.expires = 10s, .stale_while_refresh = 0s, .name = "strict"}};
    (void)call("tea");
    (void)eternal("tea");
    (void)strict("tea");
    rig.table.rows["tea"] = 200;
    rig.clock.advance(40s - 1ms);
    CHECK(call("tea") == 100);
    CHECK(eternal("tea") == 100);
    CHECK_FALSE(eternal.peek("tea").stale());
    CHECK(strict("tea") == 200);
}

TEST_CASE("an executor without room leaves the stale result, and is counted",
          "[cached_function][stale]") {
    Rig rig;
    const Price call{rig.cache, options<int>()};
    (void)call("tea");
    rig.clock.advance(15s);
    rig.executor->refuse();
    CHECK(call("tea") == 100);
    CHECK(rig.table.asked.size() == 1);
    CHECK(call.statistics().refused_tasks == 1);
    CHECK(rig.counted().refused_tasks == 1);
    rig.executor->refuse(false);
    CHECK(call("tea") == 100);
    CHECK(rig.executor->size() == 1);
}

TEST_CASE("windows of calls end to the millisecond on a backend of whole seconds",
          "[cached_function][stale]") {
    Rig rig;
    rig.scripted->capabilities_to_claim().lifetime_resolution = 1s;
    const Price call{rig.cache, {.expires = 1500ms, .stale_while_refresh = 2s, .load_backoff = 0s}};
    (void)call("tea");
    rig.clock.advance(1500ms - 1ms);
    CHECK_FALSE(call.peek("tea").stale());
    rig.clock.advance(1ms);
    CHECK(call.peek("tea").stale());
    rig.clock.advance(2s - 1ms);
    CHECK(call.peek("tea").stale());
    rig.clock.advance(1ms);
    CHECK(call.peek("tea").absent());
}
