// cachemodel: cached calls that are refreshed, among calls, invalidations and other refreshes.
// SPDX-License-Identifier: MIT
#include <cachemodel/cached_function.hpp>

#include "support/call_load_rig.hpp"
#include "support/catch.hpp"
#include "support/crew.hpp"

#include <atomic>
#include <chrono>
#include <functional>
#include <string>
#include <thread>

using namespace cachemodel;
using namespace std::chrono_literals;
using support::Barrier;
using support::Crew;

namespace refreshed_calls_test {

using Price = CachedFunction<&support::price>;

constexpr CallOptions<int> unleased{.expires = 10s,
                                    .stale_while_refresh = 20s,
                                    .stale_if_error = 1min,
                                    .lease_wait = 0s,
                                    .load_backoff = 0s};
constexpr CallOptions<int> leased{.expires = 10s, .lease_wait = 40s, .load_backoff = 0s};
/// Its results tell their end, so that they stay while they are leased.
constexpr CallOptions<int> lasting{
    .expires = 10s, .stale_if_error = 1min, .lease_wait = 40s, .load_backoff = 0s};

/// Two processes that share a server.
struct Rig : support::CallLoadRig {
    Cache other = process();

    /// Another process, which takes the server for what it claims to be by now.
    Cache process() { return Cache{recording, {.executor = executor, .seed = 2, .clock = clock}}; }
};

/// Refreshes of two processes, in threads of their own, of which both have asked the source and
/// wait for it.
class TwoRefreshes {
 public:
    TwoRefreshes(Rig& rig, const Price& earlier, const Price& later) {
        const auto before = rig.table.asked.size();
        rig.table.before_answer = [this, &rig, before] {
            const auto number = rig.table.asked.size() - before;
            if (number == 1) return earlier_.pass();
            if (number == 2) return later_.pass();
            if (before_next) before_next();
        };
        of_earlier_.start([&] { (void)earlier.refresh("tea"); });
        earlier_.await_arrivals(1);
        of_later_.start([&] { (void)later.refresh("tea"); });
        later_.await_arrivals(1);
    }

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

}  // namespace refreshed_calls_test

using namespace refreshed_calls_test;

TEST_CASE("a refresh that was asked for stores over what is stale", "[cached_function][refresh]") {
    Rig rig;
    const Price call{rig.cache, unleased};
    (void)call("tea");
    rig.clock.advance(15s);
    rig.table.rows["tea"] = 200;
    CHECK(call.refresh("tea") == 200);
    CHECK_FALSE(call.peek("tea").stale());
    CHECK(call("tea") == 200);
    CHECK(rig.executor->size() == 0);
}

TEST_CASE("a refresh that was asked for and throws leaves the stale result",
          "[cached_function][refresh]") {
    Rig rig;
    const Price call{rig.cache, unleased};
    (void)call("tea");
    rig.clock.advance(15s);
    rig.table.is_broken = true;
    CHECK_THROWS_WITH(call.refresh("tea"), "the table is broken");
    CHECK(call("tea") == 100);
}

TEST_CASE("a refresh that waits stores nothing over one that was asked for",
          "[cached_function][refresh]") {
    Rig rig;
    const Price call{rig.cache, unleased};
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
          "[cached_function][refresh][threads]") {
    Rig rig;
    const Price call{rig.cache, unleased};
    const Price elsewhere{rig.other, unleased};
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

TEST_CASE("refreshes at once run one after another, and those who wait share the next one",
          "[cached_function][refresh][threads]") {
    constexpr int later_ones = 7;
    const bool is_there = GENERATE(false, true);
    Rig rig;
    Capabilities& capabilities = rig.scripted->capabilities_to_claim();
    CallOptions<int> options = unleased;
    SECTION("among processes") {}
    SECTION("among processes with leases") { options.lease_wait = 40s; }
    SECTION("in one process") { capabilities.shared = false; }
    SECTION("in one process, without compare-and-set") {
        capabilities.shared = capabilities.compare_and_set = false;
    }
    const Cache cache = rig.process();
    const Price call{cache, options};
    if (is_there) CHECK(call("tea") == 100);
    rig.table.asked.clear();
    Barrier first_one;
    rig.table.before_answer = [&] {
        if (rig.table.asked.size() == 1) return first_one.pass();
        rig.table.rows["tea"] += 100;
    };
    Crew crew;
    std::atomic<int> of_first{0};
    crew.start([&] { of_first = call.refresh("tea"); });
    first_one.await_arrivals(1);
    std::atomic<int> begun{0};
    std::atomic<int> of_later{0};
    for (int i = 0; i < later_ones; ++i) {
        crew.start([&] {
            ++begun;
            of_later += call.refresh("tea");
        });
    }
    support::await("all refresh", [&] { return begun == later_ones; });
    std::this_thread::sleep_for(20ms);  // that they wait, shows nowhere
    first_one.open();
    CHECK(crew.join() == 0);
    CHECK(of_first == 100);
    CHECK(of_later == later_ones * 200);
    CHECK(rig.table.asked.size() == 2);
    CHECK(call.peek("tea").value_or(0) == 200);
    CHECK(cache.statistics().joined == later_ones - 1);
    CHECK(cache.statistics().removals == 0);
}

TEST_CASE("what a refresh throws gets none that waits for it, but all that share its run",
          "[cached_function][refresh][threads]") {
    Rig rig;
    const Price call{rig.cache, leased};
    Barrier first_one;
    rig.table.before_answer = [&] {
        const auto number = rig.table.asked.size();
        if (number == 1) first_one.pass();
        rig.table.is_broken = number == 2;
    };
    Crew crew;
    crew.start([&] { (void)call.refresh("tea"); });
    first_one.await_arrivals(1);
    std::atomic<int> begun{0};
    Crew later_ones;
    for (int i = 0; i < 3; ++i) {
        later_ones.start([&] {
            ++begun;
            (void)call.refresh("tea");
        });
    }
    support::await("all refresh", [&] { return begun == 3; });
    std::this_thread::sleep_for(20ms);  // that they wait, shows nowhere
    first_one.open();
    CHECK(crew.join() == 0);
    CHECK(later_ones.join() == 3);
    CHECK(rig.table.asked.size() == 2);
    CHECK(call.peek("tea").value_or(0) == 100);
    CHECK(call.refresh("tea") == 100);
}

TEST_CASE("a refresh waits no longer for another one than that may store its result",
          "[cached_function][refresh][threads]") {
    Rig rig;
    const bool is_leased = GENERATE(false, true);
    const Price call{rig.cache, is_leased ? leased : unleased};
    Barrier first_one;
    rig.table.before_answer = [&] {
        if (rig.table.asked.size() == 1) first_one.pass();
    };
    Crew crew;
    std::atomic<int> of_first{0};
    crew.start([&] { of_first = call.refresh("tea"); });
    first_one.await_arrivals(1);
    rig.clock.advance(30s);
    rig.table.rows["tea"] = 200;
    CHECK(call.refresh("tea") == 200);
    CHECK(call.peek("tea").value_or(0) == 200);
    rig.table.rows["tea"] = 100;  // as the first one has read before
    first_one.open();
    CHECK(crew.join() == 0);
    CHECK(of_first == 100);
    CHECK(call.peek("tea").absent());
}

TEST_CASE("refreshes that need each other do not wait for each other",
          "[cached_function][refresh][threads]") {
    Rig rig;
    rig.table.rows["milk"] = 50;
    const Price call{rig.cache, leased};
    Barrier of_tea;
    std::atomic<int> asked{0};
    rig.table.before_answer = [&] {
        const auto number = ++asked;
        if (number > 2) return;
        if (number == 1) of_tea.pass();
        CHECK(call.refresh(number == 1 ? "milk" : "tea") == (number == 1 ? 50 : 100));
    };
    Crew crew;
    crew.start([&] { CHECK(call.refresh("tea") == 100); });
    of_tea.await_arrivals(1);
    crew.start([&] { CHECK(call.refresh("milk") == 50); });
    support::await("both have begun", [&] { return asked == 2; });
    std::this_thread::sleep_for(20ms);  // that it waits, shows nowhere
    of_tea.open();
    CHECK(crew.join() == 0);
    CHECK(asked == 4);
}

TEST_CASE("a refresh in what another call waits for prevails over that call",
          "[cached_function][refresh][threads]") {
    const CallOptions<int> options = GENERATE(unleased, leased);
    const bool is_refresh = GENERATE(false, true);
    Rig rig;
    rig.table.rows["milk"] = 50;
    const Price call{rig.cache, options};
    Barrier of_tea;
    Barrier of_milk;
    std::atomic<int> asked{0};
    rig.table.before_answer = [&] {
        const auto number = ++asked;
        if (number == 1) {
            of_tea.pass();
            CHECK(call("milk") == 50);
            rig.table.rows["tea"] = 100;  // as it was when this one asked
        }
        if (number == 2) {
            of_milk.pass();
            rig.table.rows["tea"] = 200;
            CHECK(call.refresh("tea") == 200);
        }
    };
    Crew crew;
    crew.start([&] { CHECK((is_refresh ? call.refresh("tea") : call("tea")) == 100); });
    of_tea.await_arrivals(1);
    crew.start([&] { CHECK(call("milk") == 50); });
    of_milk.await_arrivals(1);
    of_tea.open();
    std::this_thread::sleep_for(20ms);  // that it waits for milk, shows nowhere
    of_milk.open();
    CHECK(crew.join() == 0);
    CHECK(call.peek("tea").absent());
}

TEST_CASE("a refresh inside of a computation that was superseded prevails over those that go on",
          "[cached_function][refresh][threads]") {
    const bool is_shared = GENERATE(false, true);
    Rig rig;
    rig.scripted->capabilities_to_claim().shared = is_shared;
    const Price call{rig.process(), unleased};
    Barrier of_other;
    Crew crew;
    std::atomic<int> asked{0};
    rig.table.before_answer = [&] {
        const auto number = ++asked;
        if (number == 2) {
            of_other.pass();
            rig.table.rows["tea"] = 100;  // as it was when this one asked
        }
        if (number != 1) return;
        call.invalidate("tea");
        crew.start([&] { CHECK(call("tea") == 100); });
        of_other.await_arrivals(1);
        rig.table.rows["tea"] = 200;
        CHECK(call.refresh("tea") == 200);
    };
    CHECK(call("tea") == 200);
    of_other.open();
    CHECK(crew.join() == 0);
    CHECK(call.peek("tea").absent());
}

TEST_CASE("an equal result of another process is told from what a refresh has read",
          "[cached_function][refresh][leases]") {
    Rig rig;
    const Price call{rig.cache, lasting};
    const Price elsewhere{rig.other, lasting};
    CHECK(call("tea") == 100);
    rig.table.before_answer = [&] {
        if (rig.table.asked.size() != 2) return;
        CHECK(elsewhere.refresh("tea") == 100);  // in the same millisecond as the first one
        rig.table.rows["tea"] = 200;             // as this one has read before
    };
    CHECK(call.refresh("tea") == 200);
    CHECK(call.peek("tea").absent());
}

TEST_CASE("a call does not join a refresh that began before what it has read was stored",
          "[cached_function][refresh][leases][threads]") {
    Rig rig;
    const Price call{rig.cache, lasting};
    const Price elsewhere{rig.other, lasting};
    CHECK(call("tea") == 100);
    Barrier refreshing;
    rig.table.before_answer = [&] {
        if (rig.table.asked.size() == 2) refreshing.pass();
    };
    Crew crew;
    crew.start([&] { (void)call.refresh("tea"); });
    refreshing.await_arrivals(1);
    rig.table.rows["tea"] = 200;
    CHECK(elsewhere.refresh("tea") == 200);  // in the same millisecond as the first one
    rig.clock.advance(11s);
    std::atomic<int> read{0};
    Crew calling;
    calling.start([&] { read = call("tea"); });
    support::await("the call ends", [&] { return read != 0; });
    CHECK(read == 200);
    rig.table.rows["tea"] = 100;  // as the refresh has read before
    refreshing.open();
    CHECK(crew.join() == 0);
}

TEST_CASE("a call whose lease has gone at once stores nothing",
          "[cached_function][refresh][leases]") {
    Rig rig;
    const Price call{rig.cache, leased};
    const Price elsewhere{rig.other, leased};
    bool is_inside = false;
    const auto comes_and_goes = [&] {
        is_inside = true;
        rig.table.rows["tea"] = 200;
        CHECK(elsewhere.refresh("tea") == 200);
        rig.clock.advance(12s);
        rig.table.rows["tea"] = 100;  // as the call reads it, or has read it
        is_inside = false;
    };
    int trips = 0;
    rig.scripted->before_each_call([&](testing::Verb) {
        if (!is_inside && ++trips == 3) comes_and_goes();  // a read, a lease, and now a look
    });
    rig.table.before_answer = [&] {
        if (rig.table.asked.size() == 2) comes_and_goes();
    };
    CHECK(call("tea") == 100);
    CHECK(call.peek("tea").absent());
}

TEST_CASE("of refreshes in two processes the one that ends last leaves nothing of unknown age",
          "[cached_function][refresh][threads]") {
    Rig rig;
    const Price call{rig.cache, unleased};
    const Price elsewhere{rig.other, unleased};
    const bool is_there = GENERATE(false, true);
    if (is_there) CHECK(call("tea") == 100);
    rig.table.rows["tea"] = 200;
    TwoRefreshes two{rig, call, elsewhere};
    CHECK(two.end_earlier() == 0);
    CHECK(call.peek("tea").value_or(0) == 200);
    SECTION("it brings something") {
        rig.table.rows["tea"] = 300;
        CHECK(two.end_later() == 0);
        CHECK(call.peek("tea").absent());
    }
    SECTION("it fails") {
        rig.table.is_broken = true;
        CHECK(two.end_later() == 1);
        CHECK(call.peek("tea").value_or(0) == 200);
    }
}

TEST_CASE("of refreshes in processes none stores over what came in between",
          "[cached_function][refresh][threads]") {
    Rig rig;
    const CallOptions<int> options = GENERATE(unleased, leased);
    const Price first{rig.cache, options};
    const Price second{rig.other, options};
    const Price third{rig.process(), options};
    const bool is_there = GENERATE(false, true);
    if (is_there) CHECK(first("tea") == 100);
    TwoRefreshes two{rig, first, second};
    SECTION("another refresh, during which the first of them ends") {
        two.before_next = [&] {
            CHECK(two.end_earlier() == 0);
            rig.table.rows["tea"] = 200;
        };
        CHECK(third.refresh("tea") == 200);
        rig.table.rows["tea"] = 100;  // as the others have read before
        CHECK(two.end_later() == 0);
    }
    SECTION("another refresh, and the later of them ends first") {
        rig.table.rows["tea"] = 200;
        CHECK(third.refresh("tea") == 200);
        rig.table.rows["tea"] = 100;
        CHECK(two.end_later() == 0);
        CHECK(two.end_earlier() == 0);
    }
    SECTION("a removal") {
        third.invalidate("tea");
        CHECK(two.end_earlier() == 0);
        CHECK(two.end_later() == 0);
    }
    SECTION("a removal between their ends") {
        CHECK(two.end_later() == 0);
        third.invalidate("tea");
        CHECK(two.end_earlier() == 0);
    }
    SECTION("a removal, and what was loaded then") {
        third.invalidate("tea");
        rig.table.rows["tea"] = 200;
        CHECK(third("tea") == 200);
        rig.table.rows["tea"] = 100;
        CHECK(two.end_earlier() == 0);
        CHECK(two.end_later() == 0);
    }
    CHECK(first.peek("tea").absent());
}

TEST_CASE("a refresh stores nothing over what removes its result meanwhile",
          "[cached_function][refresh]") {
    const bool is_there = GENERATE(false, true);
    const bool is_cleared = GENERATE(false, true);
    Rig rig;
    Capabilities& capabilities = rig.scripted->capabilities_to_claim();
    SECTION("among processes") {}
    SECTION("in one process") { capabilities.shared = false; }
    SECTION("in one process, without compare-and-set") {
        capabilities.shared = capabilities.compare_and_set = false;
    }
    const Cache cache = rig.process();
    const Price call{cache, unleased};
    if (is_there) CHECK(call("tea") == 100);
    rig.table.before_answer = [&] {
        if (is_cleared) {
            cache.clear();
        } else {
            call.invalidate("tea");
        }
    };
    CHECK(call.refresh("tea") == 100);
    CHECK(call.peek("tea").absent());
}

TEST_CASE("a refresh of what is not there stores nothing once the cache has forgotten it",
          "[cached_function][refresh][leases]") {
    Rig rig;
    const Price call{rig.cache, leased};
    const Price elsewhere{rig.other, leased};
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
    const Price call{rig.cache, leased};
    const Price elsewhere{rig.other, leased};
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

TEST_CASE("without compare-and-set a refresh of what is removed does not outlast the next removal",
          "[cached_function][refresh]") {
    Rig rig;
    rig.scripted->capabilities_to_claim().compare_and_set = false;
    const Price call{rig.process(), unleased};
    const Price elsewhere{rig.process(), unleased};
    CHECK(call("tea") == 100);
    elsewhere.invalidate("tea");
    rig.table.before_answer = [&] { elsewhere.invalidate("tea"); };
    CHECK(call.refresh("tea") == 100);
    CHECK(call.peek("tea").absent());
}

TEST_CASE("other processes wait for a refresh of what is not there",
          "[cached_function][refresh][leases][threads]") {
    Rig rig;
    const Price call{rig.cache, leased};
    const Price elsewhere{rig.other, leased};
    std::atomic<int> price{0};
    Crew crew;
    rig.table.before_answer = [&] {
        crew.start([&] { price = elsewhere("tea"); });
        support::await("it waits", [&] { return rig.other.statistics().lease_waits == 1; });
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
    const Price call{rig.cache, leased};
    const Price elsewhere{rig.other, leased};
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
    Lifetime expires = never;
    SECTION("for some time") { expires = 10s; }
    SECTION("for ever") {}
    const CallOptions<int> options{.expires = expires, .lease_wait = 40s, .load_backoff = 0s};
    const Price call{rig.cache, options};
    const Price elsewhere{rig.other, options};
    const auto fails = [&] {
        rig.table.is_broken = true;
        CHECK_THROWS_WITH(call.refresh("tea"), "the table is broken");
        rig.table.is_broken = false;
    };
    fails();
    CHECK(elsewhere("tea") == 100);
    CHECK(rig.other.statistics().lease_waits == 0);
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
    const Cache cache = rig.process();
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
    const Cache cache = rig.process();
    const Price call{cache, unleased};
    CHECK(call("tea") == 100);
    rig.table.rows["tea"] = 200;
    CHECK(call.refresh("tea") == 200);
    CHECK(call.peek("tea").value_or(0) == 200);
    CHECK(cache.statistics().store_failures == 0);
    CHECK(cache.statistics().removals == 0);
}

TEST_CASE("those who find nothing during a refresh share one load",
          "[cached_function][refresh][threads]") {
    Rig rig;
    const Price call{rig.cache, unleased};
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
          "[cached_function][refresh][threads]") {
    Rig rig;
    const Price call{rig.cache, unleased};
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
