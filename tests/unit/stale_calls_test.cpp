// cachemodel: cached calls past their lifetime: served stale, refreshed in the background.
// SPDX-License-Identifier: MIT
#include <cachemodel/cached_form_method.hpp>
#include <cachemodel/cached_function.hpp>
#include <cachemodel/cached_method.hpp>

#include "support/call_load_rig.hpp"
#include "support/catch.hpp"
#include "support/crew.hpp"

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

using namespace cachemodel;
using namespace std::chrono_literals;
using support::Barrier;
using support::Crew;
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

/// Two refreshes in threads of their own, of which both have asked the source and wait for it.
class TwoRefreshes {
 public:
    TwoRefreshes(Rig& rig, const Price& call) {
        rig.table.before_answer = [&] {
            const auto number = rig.table.asked.size();
            if (number == 2) return earlier_.pass();
            if (number == 3) return later_.pass();
            if (before_next) before_next();
        };
        of_earlier_.start([&] { (void)call.refresh("tea"); });
        earlier_.await_arrivals(1);
        of_later_.start([&] { (void)call.refresh("tea"); });
        later_.await_arrivals(1);
    }

    void let_earlier() { earlier_.open(); }
    void let_later() { later_.open(); }
    /// How many have thrown, none or one.
    int end_earlier() { return end(earlier_, of_earlier_); }
    int end_later() { return end(later_, of_later_); }

    std::function<void()> before_next = {};  ///< what the next question to the source waits for

 private:
    static int end(Barrier& barrier, Crew& crew) {
        barrier.open();
        return crew.join();
    }

    Barrier earlier_;
    Barrier later_;
    Crew of_earlier_;
    Crew of_later_;
};

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

TEST_CASE("a refresh that was asked for stores over what is stale", "[cached_function][stale]") {
    Rig rig;
    const Price call{rig.cache, options<int>()};
    (void)call("tea");
    rig.clock.advance(15s);
    rig.table.rows["tea"] = 200;
    CHECK(call.refresh("tea") == 200);
    CHECK_FALSE(call.peek("tea").stale());
    CHECK(call("tea") == 200);
    CHECK(rig.executor->size() == 0);
}

TEST_CASE("a refresh that was asked for and throws leaves the stale result",
          "[cached_function][stale]") {
    Rig rig;
    const Price call{rig.cache, options<int>()};
    (void)call("tea");
    rig.clock.advance(15s);
    rig.table.is_broken = true;
    CHECK_THROWS_WITH(call.refresh("tea"), "the table is broken");
    CHECK(call("tea") == 100);
}

TEST_CASE("a refresh that waits stores nothing over one that was asked for",
          "[cached_function][stale]") {
    Rig rig;
    const Price call{rig.cache, options<int>()};
    (void)call("tea");
    rig.clock.advance(15s);
    CHECK(call("tea") == 100);
    rig.table.rows["tea"] = 200;
    CHECK(call.refresh("tea") == 200);
    rig.table.rows["tea"] = 300;
    rig.executor->run_all();
    CHECK(call("tea") == 200);
}

TEST_CASE("a refresh that was asked for prevails over one that a reader begins meanwhile",
          "[cached_function][stale][threads]") {
    Rig rig;
    const Price call{rig.cache, options<int>()};
    const Price elsewhere{Cache{rig.recording, {.clock = rig.clock}}, options<int>()};
    const auto read_in_a_thread = [&](int expected) {
        Crew crew;
        std::atomic<int> read{0};
        crew.start([&] { read = call("tea"); });
        CHECK(crew.join() == 0);
        CHECK(read == expected);
    };
    (void)call("tea");
    rig.clock.advance(15s);
    rig.table.rows["tea"] = 200;
    SECTION("of what the refresh has found") {
        rig.table.before_answer = [&] { read_in_a_thread(100); };
        CHECK(call.refresh("tea") == 200);
        rig.table.before_answer = {};
        rig.executor->drop_one();
        CHECK(call.peek("tea").value_or(0) == 200);
    }
    SECTION("of what another process has stored since then, who knows from when") {
        int answers = 0;
        rig.table.before_answer = [&] {
            if (++answers > 1) return;
            CHECK(elsewhere.refresh("tea") == 200);
            rig.clock.advance(15s);
            read_in_a_thread(200);
            rig.table.rows["tea"] = 300;
        };
        CHECK(call.refresh("tea") == 300);
        rig.table.before_answer = {};
        rig.executor->drop_one();
        CHECK(call.peek("tea").absent());
        CHECK(call("tea") == 300);
    }
}

TEST_CASE("when a refresh has ended nothing older is left, though another one goes on",
          "[cached_function][refresh][threads]") {
    Rig rig;
    const Price call{rig.cache, options<int>()};
    CHECK(call("tea") == 100);
    rig.table.rows["tea"] = 200;
    TwoRefreshes two{rig, call};
    CHECK(two.end_earlier() == 0);
    CHECK(call.peek("tea").value_or(0) == 200);
    SECTION("which stores what it brings") {
        rig.table.rows["tea"] = 300;
        CHECK(two.end_later() == 0);
        CHECK(call.peek("tea").value_or(0) == 300);
    }
    SECTION("which fails") {
        rig.table.is_broken = true;
        CHECK(two.end_later() == 1);
        CHECK(call.peek("tea").value_or(0) == 200);
    }
    CHECK(rig.counted().removals == 0);
}

TEST_CASE("of refreshes in two processes none stores over what a later one has made sure of",
          "[cached_function][refresh][threads]") {
    Rig rig;
    const Price call{rig.cache, options<int>()};
    const Price elsewhere{Cache{rig.recording, {.clock = rig.clock}}, options<int>()};
    CHECK(call("tea") == 100);
    TwoRefreshes two{rig, call};
    const auto refresh_elsewhere = [&] {
        CHECK(elsewhere.refresh("tea") == 200);
        rig.table.rows["tea"] = 100;  // as the others have read before
    };
    SECTION("while the first of them ends") {
        two.before_next = [&] {
            CHECK(two.end_earlier() == 0);
            rig.table.rows["tea"] = 200;
        };
        refresh_elsewhere();
        CHECK(two.end_later() == 0);
    }
    SECTION("before they end") {
        rig.table.rows["tea"] = 200;
        refresh_elsewhere();
        CHECK(two.end_later() == 0);
        CHECK(two.end_earlier() == 0);
    }
    CHECK(call.peek("tea").absent());
}

TEST_CASE("a refresh of what is not there stores nothing once the cache has forgotten it",
          "[cached_function][refresh][leases]") {
    Rig rig;
    const CallOptions<int> leased{.expires = 10s, .lease_wait = 40s};
    const Price call{rig.cache, leased};
    const Price elsewhere{Cache{rig.recording, {.clock = rig.clock}}, leased};
    rig.table.before_answer = [&] {
        if (rig.table.asked.size() > 1) return;
        rig.scripted->lose("*");
        rig.table.rows["tea"] = 200;
        SECTION("and another one was stored") {
            CHECK(elsewhere.refresh("tea") == 200);
            rig.scripted->lose("*");
        }
        SECTION("") {}
        rig.table.rows["tea"] = 100;
    };
    CHECK(call.refresh("tea") == 100);
    CHECK(call.peek("tea").absent());
}

TEST_CASE("a refresh of what is not there does not store over a lease of a later load",
          "[cached_function][refresh][leases][threads]") {
    Rig rig;
    const CallOptions<int> leased{.expires = 10s, .lease_wait = 40s};
    const Price call{rig.cache, leased};
    const Price elsewhere{Cache{rig.recording, {.clock = rig.clock}}, leased};
    bool is_forgotten = false;
    SECTION("after a newer result has come to its end") {}
    SECTION("after everything was forgotten") { is_forgotten = true; }
    Barrier loading;
    Crew crew;
    rig.table.before_answer = [&] {
        const auto number = rig.table.asked.size();
        if (number == 3) loading.pass();
        if (number != 1) return;
        rig.table.rows["tea"] = 200;
        CHECK(elsewhere.refresh("tea") == 200);
        if (is_forgotten) rig.scripted->lose("*");
        rig.clock.advance(10s);
        crew.start([&] { CHECK_NOTHROW(elsewhere("tea")); });
        loading.await_arrivals(1);
        rig.table.rows["tea"] = 100;  // as it was when this one asked
    };
    CHECK(call.refresh("tea") == 100);
    CHECK(call.peek("tea").absent());
    rig.table.rows["tea"] = 200;
    loading.open();
    CHECK(crew.join() == 0);
    CHECK(call("tea") == 200);
}

TEST_CASE("a refresh whose later one has failed still gives way to what removes its result",
          "[cached_function][refresh][threads]") {
    const bool is_cleared = GENERATE(false, true);
    Rig rig;
    Capabilities& capabilities = rig.scripted->capabilities_to_claim();
    SECTION("of several processes") {}
    SECTION("of one process") { capabilities.shared = false; }
    SECTION("of one process, without compare-and-set") {
        capabilities.shared = capabilities.compare_and_set = false;
    }
    const Cache cache{rig.recording, {.clock = rig.clock}};
    const Price call{cache, options<int>()};
    CHECK(call("tea") == 100);
    TwoRefreshes two{rig, call};
    rig.table.is_broken = true;
    CHECK(two.end_later() == 1);
    rig.table.is_broken = false;
    if (is_cleared) {
        cache.clear();
    } else {
        call.invalidate("tea");
    }
    CHECK(two.end_earlier() == 0);
    CHECK(call.peek("tea").absent());
}

TEST_CASE("a refresh whose later one has failed gives way to the next one",
          "[cached_function][refresh][threads]") {
    Rig rig;
    Capabilities& capabilities = rig.scripted->capabilities_to_claim();
    SECTION("with compare-and-set") {}
    SECTION("without compare-and-set") { capabilities.compare_and_set = false; }
    const Cache cache{rig.recording, {.clock = rig.clock}};
    const Price call{cache, options<int>()};
    CHECK(call("tea") == 100);
    TwoRefreshes two{rig, call};
    rig.table.is_broken = true;
    CHECK(two.end_later() == 1);
    rig.table.is_broken = false;
    rig.table.rows["tea"] = 200;
    CHECK(call.refresh("tea") == 200);
    rig.table.rows["tea"] = 100;
    CHECK(two.end_earlier() == 0);
    CHECK(call.peek("tea").value_or(0) == 200);
}

TEST_CASE("an earlier refresh that is slow to store leaves the last word to the later one",
          "[cached_function][refresh][threads]") {
    const bool has_tokens = GENERATE(false, true);
    Rig rig;
    rig.scripted->capabilities_to_claim().compare_and_set = has_tokens;
    rig.scripted->capabilities_to_claim().shared = false;
    const Cache cache{rig.recording, {.clock = rig.clock}};
    const Price call{cache, options<int>()};
    CHECK(call("tea") == 100);
    Barrier storing;
    std::atomic<int> stores{0};
    const auto how = has_tokens ? testing::Verb::compare_and_set : testing::Verb::set;
    rig.scripted->before_each_call([&](testing::Verb verb) {
        if (verb == how && ++stores == 1) storing.pass();
    });
    TwoRefreshes two{rig, call};
    two.let_earlier();
    storing.await_arrivals(1);
    rig.table.rows["tea"] = 200;
    two.let_later();
    // It waits for the other one. Nothing tells that it does; if it did not it would be done soon.
    std::this_thread::sleep_for(50ms);
    rig.scripted->lose("*");
    storing.open();
    CHECK(two.end_earlier() == 0);
    CHECK(two.end_later() == 0);
    CHECK(call.peek("tea").value_or(0) == 200);
}

TEST_CASE("a refresh stores nothing once a later one has removed what it could not store over",
          "[cached_function][refresh][threads]") {
    const bool has_tokens = GENERATE(false, true);
    Rig rig;
    rig.scripted->capabilities_to_claim().compare_and_set = has_tokens;
    rig.scripted->capabilities_to_claim().shared = false;
    const Cache cache{rig.recording, {.clock = rig.clock}};
    auto refusing = options<int>();
    refusing.unless = [](const int& cents) { return cents == 200; };
    const Price call{cache, refusing};
    CHECK(call("tea") == 100);
    TwoRefreshes two{rig, call};
    rig.table.rows["tea"] = 200;
    CHECK(two.end_later() == 0);
    CHECK(call.peek("tea").absent());
    rig.scripted->lose("*");      // and with it the removal
    rig.table.rows["tea"] = 100;  // as the earlier one has read before
    CHECK(two.end_earlier() == 0);
    CHECK(call.peek("tea").absent());
}

TEST_CASE("of two refreshes of what is not there both are stored, the later one last",
          "[cached_function][refresh][leases][threads]") {
    Rig rig;
    const Price call{rig.cache, {.expires = 10s, .lease_wait = 40s}};
    rig.table.rows["milk"] = 1;
    CHECK(call("milk") == 1);  // the first question to the source
    TwoRefreshes two{rig, call};
    SECTION("the earlier one ends first") {
        CHECK(two.end_earlier() == 0);
        CHECK(call.peek("tea").value_or(0) == 100);
        rig.table.rows["tea"] = 200;
        CHECK(two.end_later() == 0);
    }
    SECTION("the later one ends first") {
        rig.table.rows["tea"] = 200;
        CHECK(two.end_later() == 0);
        rig.table.rows["tea"] = 100;
        CHECK(two.end_earlier() == 0);
    }
    CHECK(call.peek("tea").value_or(0) == 200);
    CHECK(rig.counted().removals == 0);
}

TEST_CASE("without compare-and-set a refresh of what is removed does not outlast the next removal",
          "[cached_function][refresh]") {
    Rig rig;
    rig.scripted->capabilities_to_claim().compare_and_set = false;
    const Price call{Cache{rig.recording, {.clock = rig.clock}}, options<int>()};
    const Price elsewhere{Cache{rig.recording, {.clock = rig.clock}}, options<int>()};
    CHECK(call("tea") == 100);
    elsewhere.invalidate("tea");
    rig.table.before_answer = [&] { elsewhere.invalidate("tea"); };
    CHECK(call.refresh("tea") == 100);
    CHECK(call.peek("tea").absent());
}

TEST_CASE("other processes wait for a refresh of what is not there",
          "[cached_function][refresh][leases][threads]") {
    Rig rig;
    const CallOptions<int> leased{.expires = 10s, .lease_wait = 40s};
    const Price call{rig.cache, leased};
    const Cache other{rig.recording, {.clock = rig.clock}};
    const Price elsewhere{other, leased};
    std::atomic<int> price{0};
    Crew crew;
    rig.table.before_answer = [&] {
        crew.start([&] { price = elsewhere("tea"); });
        support::await("it waits", [&] { return other.statistics().lease_waits == 1; });
    };
    CHECK(call.refresh("tea") == 100);
    CHECK(crew.join() == 0);
    CHECK(price == 100);
    CHECK(rig.table.asked.size() == 1);
}

TEST_CASE(
    "a call that began before a refresh of another process stores nothing, whichever ends first",
    "[cached_function][refresh][leases][threads]") {
    Rig rig;
    const CallOptions<int> leased{.expires = 10s, .lease_wait = 40s};
    const Price call{rig.cache, leased};
    const Price elsewhere{Cache{rig.recording, {.clock = rig.clock}}, leased};
    const bool is_over_removal = GENERATE(false, true);
    if (is_over_removal) elsewhere.invalidate("tea");
    Barrier calling;
    Crew crew;
    bool call_ends_first = false;
    SECTION("the call") { call_ends_first = true; }
    SECTION("the refresh") {}
    rig.table.before_answer = [&] {
        if (rig.table.asked.size() == 1) return calling.pass();
        if (call_ends_first) {
            calling.open();
            CHECK(crew.join() == 0);
        }
        rig.table.rows["tea"] = 200;
    };
    crew.start([&] { (void)elsewhere("tea"); });
    calling.await_arrivals(1);
    CHECK(call.refresh("tea") == 200);
    calling.open();
    CHECK(crew.join() == 0);
    CHECK(call.peek("tea").value_or(0) == 200);
}

TEST_CASE("a refresh that throws gives back its lease, and leaves what was there",
          "[cached_function][refresh][leases]") {
    Rig rig;
    const Cache other{rig.recording, {.clock = rig.clock}};
    Lifetime expires = never;
    SECTION("for some time") { expires = 10s; }
    SECTION("for ever") {}
    const CallOptions<int> leased{.expires = expires, .lease_wait = 40s, .load_backoff = 0s};
    const Price call{rig.cache, leased};
    const Price elsewhere{other, leased};
    const auto fails = [&] {
        rig.table.is_broken = true;
        CHECK_THROWS_WITH(call.refresh("tea"), "the table is broken");
        rig.table.is_broken = false;
    };
    fails();
    CHECK(elsewhere("tea") == 100);
    CHECK(other.statistics().lease_waits == 0);
    rig.table.before_answer = [&] { CHECK(elsewhere("tea") == 100); };
    fails();
    CHECK(elsewhere("tea") == 100);
    CHECK(rig.table.asked.size() == 3);
    rig.clock.advance(10s);
    CHECK(elsewhere.peek("tea").found() == expires.is_never());
}

TEST_CASE("a refresh is stored also where what was there ends meanwhile",
          "[cached_function][refresh]") {
    Rig rig;
    CallOptions<int> ending{.expires = 10s, .lease_wait = 40s};
    SECTION("among processes") { ending.stale_if_error = 500ms; }
    SECTION("in one process") { rig.scripted->capabilities_to_claim().shared = false; }
    const Cache cache{rig.recording, {.clock = rig.clock}};
    const Price call{cache, ending};
    CHECK(call("tea") == 100);
    rig.clock.advance(9s);
    rig.table.rows["tea"] = 200;
    rig.table.before_answer = [&] { rig.clock.advance(2s); };
    CHECK(call.refresh("tea") == 200);
    CHECK(call.peek("tea").value_or(0) == 200);
}

TEST_CASE("a refresh stores over what is there on a backend without compare-and-set",
          "[cached_function][refresh]") {
    Rig rig;
    rig.scripted->capabilities_to_claim().compare_and_set = false;
    const Cache cache{rig.recording, {.clock = rig.clock}};
    const Price call{cache, options<int>()};
    CHECK(call("tea") == 100);
    rig.table.rows["tea"] = 200;
    CHECK(call.refresh("tea") == 200);
    CHECK(call.peek("tea").value_or(0) == 200);
    CHECK(cache.statistics().store_failures == 0);
    CHECK(cache.statistics().removals == 0);
}

TEST_CASE("what another process removes during two refreshes stays removed",
          "[cached_function][refresh][threads]") {
    Rig rig;
    const Price call{rig.cache, options<int>()};
    const Price elsewhere{Cache{rig.recording, {.clock = rig.clock}}, options<int>()};
    CHECK(call("tea") == 100);
    TwoRefreshes two{rig, call};
    elsewhere.invalidate("tea");
    CHECK(two.end_earlier() == 0);
    CHECK(two.end_later() == 0);
    CHECK(call.peek("tea").absent());
}

TEST_CASE("an earlier refresh leaves what a later one has stored",
          "[cached_function][refresh][threads]") {
    Rig rig;
    const Price call{rig.cache, options<int>()};
    CHECK(call("tea") == 100);
    Barrier earlier;
    rig.table.before_answer = [&] {
        if (rig.table.asked.size() == 2) earlier.pass();
    };
    Crew crew;
    crew.start([&] { (void)call.refresh("tea"); });
    earlier.await_arrivals(1);
    rig.table.rows["tea"] = 200;
    CHECK(call.refresh("tea") == 200);
    earlier.open();
    CHECK(crew.join() == 0);
    CHECK(call.peek("tea").value_or(0) == 200);
    CHECK(rig.counted().overtaken_loads == 1);
}

TEST_CASE("those who find nothing during a refresh share one load",
          "[cached_function][refresh][threads]") {
    Rig rig;
    const Price call{rig.cache, options<int>()};
    CHECK(call("tea") == 100);
    Barrier refreshing;
    Barrier loading;
    rig.table.before_answer = [&] { (rig.table.asked.size() == 2 ? refreshing : loading).pass(); };
    Crew crew;
    crew.start([&] { (void)call.refresh("tea"); });
    refreshing.await_arrivals(1);
    rig.clock.advance(2min);  // what was there has gone
    std::atomic<int> sum{0};
    for (int i = 0; i < 8; ++i) crew.start([&] { sum += call("tea"); });
    loading.await_arrivals(1);
    support::await("all look for it", [&] { return rig.counted().misses() == 9; });
    std::this_thread::sleep_for(5ms);  // that they wait, shows nowhere
    loading.open();
    refreshing.open();
    CHECK(crew.join() == 0);
    CHECK(sum == 800);
    CHECK(rig.table.asked.size() == 3);
    CHECK(rig.counted().joined == 7);
}

TEST_CASE("a call during a refresh that follows on an invalidation joins it",
          "[cached_function][stale][threads]") {
    Rig rig;
    const Price call{rig.cache, options<int>()};
    call.invalidate("tea");
    Crew crew;
    std::atomic<int> read{0};
    rig.table.before_answer = [&] {
        if (rig.table.asked.size() > 1) return;
        crew.start([&] { read = call("tea"); });
        support::await("it looks for a result", [&] { return rig.counted().misses() == 1; });
        std::this_thread::sleep_for(5ms);  // that it waits, shows nowhere
    };
    CHECK(call.refresh("tea") == 100);
    CHECK(crew.join() == 0);
    CHECK(read == 100);
    CHECK(rig.table.asked.size() == 1);
    CHECK(rig.counted().joined == 1);
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
