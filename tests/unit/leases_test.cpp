// cachemodel: one load for several processes, by leases.
// SPDX-License-Identifier: MIT
#include <cachemodel/cached_function.hpp>
#include <cachemodel/models.hpp>
#include <cachemodel/testing/manual_executor.hpp>
#include <cachemodel/testing/recording_backend.hpp>
#include <cachemodel/testing/scripted_backend.hpp>
#include <cachemodel/testing/turnable_clock.hpp>

#include "support/catch.hpp"
#include "support/crew.hpp"
#include "support/lease_rig.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace cachemodel;
using namespace std::chrono_literals;
using support::await;
using support::Barrier;
using support::Crew;
using Rig = support::LeaseRig;
using Source = support::LeasedSource;
template <class M>
using Holder = support::LeaseHolder<M>;
using testing::ManualExecutor;
using testing::RecordingBackend;
using testing::ScriptedBackend;
using testing::TurnableClock;
using testing::Verb;

// A lease goes by the clock of the caches, which a test turns; waiting goes by the machine's. Of 40
// s that one would wait, a lease lasts 30 s.

namespace leases_test {

/// Who waits for it would wait longer than any test.
struct Price {
    static constexpr ModelOptions cache_options{.lease_wait = 40s, .load_backoff = 0s};

    Key<std::string> name;
    Field<int> cents;

    void from_miss(Source& source) { cents = source.ask(); }
};
struct Refreshed {
    static constexpr ModelOptions cache_options{
        .expires = 10s, .stale_while_refresh = 20s, .lease_wait = 40s, .load_backoff = 0s};

    Key<std::string> name;
    Field<int> cents;

    void from_miss(Source& source) { cents = source.ask(); }
};
struct Fallback {
    static constexpr ModelOptions cache_options{
        .expires = 10s, .stale_if_error = 1h, .lease_wait = 40s, .load_backoff = 0s};

    Key<std::string> name;
    Field<int> cents;

    void from_miss(Source& source) { cents = source.ask(); }
};
/// Who waits for it does so for 60 ms, a lease lasts 45 ms.
struct Urgent {
    static constexpr ModelOptions cache_options{.lease_wait = 60ms, .load_backoff = 0s};

    Key<std::string> name;
    Field<int> cents;

    void from_miss(Source& source) { cents = source.ask(); }
};

}  // namespace leases_test

using namespace leases_test;

TEST_CASE("a load with a lease is read, promise, second look and store", "[leases]") {
    Rig rig;
    const Models<Price, Source&> prices{rig.process(), rig.source};
    CHECK(prices.get("tea").cents == 1);
    CHECK(rig.verbs() == std::vector{Verb::get, Verb::add, Verb::get, Verb::compare_and_set});
    rig.backend->log().reset();
    CHECK(prices.remove("tea"));
    CHECK(prices.get("tea").cents == 1);
    CHECK(rig.verbs() == std::vector{Verb::set, Verb::get, Verb::compare_and_set, Verb::get,
                                     Verb::compare_and_set});
}

TEST_CASE("after a second look that failed nothing is written", "[leases][failure]") {
    Rig rig;
    const Cache cache = rig.process();
    const Models<Price, Source&> prices{cache, rig.source};
    int reads = 0;
    rig.store->before_each_call([&](Verb verb) {
        if (verb == Verb::get && ++reads == 2) rig.store->fail_next(1);
    });
    CHECK(prices.get("tea").cents == 1);
    CHECK(rig.verbs() == std::vector{Verb::get, Verb::add, Verb::get});
    CHECK(rig.source.asked == 1);
    CHECK(cache.statistics().stores == 0);
}

TEST_CASE("after a promise that failed nothing more is asked of the cache", "[leases][failure]") {
    Rig rig;
    const Cache cache = rig.process();
    const Models<Price, Source&> prices{cache, rig.source};
    rig.store->before_each_call([&](Verb verb) {
        if (verb == Verb::add) rig.store->fail_next(1);
    });
    CHECK(prices.get("tea").cents == 1);
    CHECK(rig.verbs() == std::vector{Verb::get, Verb::add});
    CHECK(rig.source.asked == 1);
    CHECK(cache.statistics().stores == 0);
}

TEST_CASE("no leases are taken in memory that no other process sees", "[leases]") {
    Rig rig;
    rig.store->capabilities_to_claim().shared = false;
    const Models<Price, Source&> prices{rig.process(), rig.source};
    CHECK(prices.get("tea").cents == 1);
    CHECK(rig.verbs() == std::vector{Verb::get, Verb::add});
}

TEST_CASE("no leases are taken where the backend has no compare-and-set", "[leases]") {
    Rig rig;
    rig.store->capabilities_to_claim().compare_and_set = false;
    const Models<Price, Source&> prices{rig.process(), rig.source};
    CHECK(prices.get("tea").cents == 1);
    CHECK(rig.verbs() == std::vector{Verb::get, Verb::add});
    // Nor does anybody wait.
    rig.store->lose("*");
    const Holder<Price> holder{rig};
    const Models<Price, Source&> others{rig.process(), rig.other_source};
    CHECK(others.get("tea").cents == 1);
    CHECK(rig.other_source.asked == 1);
}

TEST_CASE("who waits for another process takes what it stores", "[leases][threads]") {
    Rig rig;
    Holder<Price> holder{rig};
    const Cache process = rig.process();
    const Models<Price, Source&> prices{process, rig.other_source};
    std::atomic<int> price{0};
    Crew crew;
    crew.start([&] { price = *prices.get("tea").cents; });
    await("it waits", [&] { return process.statistics().lease_waits == 1; });
    CHECK(price == 0);
    CHECK(holder.let_go());
    CHECK(crew.join() == 0);
    CHECK(price == 7);
    CHECK(rig.other_source.asked == 0);
    CHECK(process.statistics().loads == 0);
    CHECK(process.statistics().hits == 1);
}

TEST_CASE("a stale value that another process refreshes is served at once",
          "[leases][stale][threads]") {
    Rig rig;
    const auto pool = std::make_shared<ManualExecutor>();
    const auto other_pool = std::make_shared<ManualExecutor>();
    const Models<Refreshed, Source&> first{rig.process(pool), rig.source};
    const Models<Refreshed, Source&> second{rig.process(other_pool), rig.other_source};
    CHECK(first.get("tea").cents == 1);
    rig.clock.advance(15s);
    CHECK(first.find("tea").stale());
    Barrier loading;
    rig.source.answer = [&] {
        loading.pass();
        return 2;
    };
    Crew crew;
    crew.start([&] { pool->run_all(); });
    loading.await_arrivals(1);

    rig.backend->log().reset();
    const auto found = second.find("tea");
    CHECK(found->cents == 1);
    CHECK(found.stale());
    CHECK(other_pool->size() == 0);
    CHECK(rig.verbs() == std::vector{Verb::get});
    loading.open();
    CHECK(crew.join() == 0);
    CHECK_FALSE(second.find("tea").stale());
    CHECK(second.get("tea").cents == 2);
    CHECK(rig.other_source.asked == 0);
}

TEST_CASE("a value for want of a better one is served at once while another process loads",
          "[leases][stale][threads]") {
    Rig rig;
    const Models<Fallback, Source&> prices{rig.process(), rig.other_source};
    CHECK(prices.get("tea").cents == 1);
    rig.clock.advance(15s);
    Holder<Fallback> holder{rig};
    const auto found = prices.find("tea");
    CHECK(found->cents == 1);
    CHECK(found.stale());
    CHECK(rig.other_source.asked == 1);
    CHECK(holder.let_go());
    CHECK(prices.get("tea").cents == 7);
}

TEST_CASE("a refresh in the background leaves alone what another process refreshes",
          "[leases][stale][threads]") {
    Rig rig;
    const auto pool = std::make_shared<ManualExecutor>();
    const auto other_pool = std::make_shared<ManualExecutor>();
    const Models<Refreshed, Source&> first{rig.process(pool), rig.source};
    const Models<Refreshed, Source&> second{rig.process(other_pool), rig.other_source};
    CHECK(first.get("tea").cents == 1);
    rig.clock.advance(15s);
    // Both have seen it stale before either has begun.
    CHECK(first.find("tea").stale());
    CHECK(second.find("tea").stale());
    rig.source.answer = [&] {
        CHECK(other_pool->run_all() == 1);  // it neither waits nor loads
        return 2;
    };
    CHECK(pool->run_all() == 1);
    CHECK(rig.source.asked == 2);
    CHECK(rig.other_source.asked == 0);
    CHECK(second.get("tea").cents == 2);
}

TEST_CASE("a refresh in the background does not ask the source for what cannot be stored",
          "[leases][stale][failure]") {
    Rig rig;
    const auto executor = std::make_shared<ManualExecutor>();
    const Cache cache = rig.process(executor);
    const Models<Refreshed, Source&> prices{cache, rig.source};
    CHECK(prices.get("tea").cents == 1);
    rig.clock.advance(15s);
    CHECK(prices.find("tea").stale());
    rig.store->go_down();
    CHECK(executor->run_all() == 1);
    CHECK(rig.source.asked == 1);
    CHECK(cache.statistics().refreshes == 0);
    rig.store->come_back();
    CHECK(prices.find("tea").stale());
    CHECK(executor->run_all() == 1);
    CHECK(rig.source.asked == 2);
}

TEST_CASE("a refresh that finds the work of another process done does not do it again",
          "[leases][stale]") {
    Rig rig;
    const auto pool = std::make_shared<ManualExecutor>();
    const auto other_pool = std::make_shared<ManualExecutor>();
    const Models<Refreshed, Source&> first{rig.process(pool), rig.source};
    const Models<Refreshed, Source&> second{rig.process(other_pool), rig.other_source};
    CHECK(first.get("tea").cents == 1);
    rig.clock.advance(15s);
    CHECK(first.find("tea").stale());
    CHECK(second.find("tea").stale());
    CHECK(pool->run_all() == 1);
    rig.clock.advance(1s);
    CHECK(other_pool->run_all() == 1);
    CHECK(rig.source.asked == 2);
    CHECK(rig.other_source.asked == 0);
}

TEST_CASE("those who wait for another process do not look again all at the same time",
          "[leases][deadline][threads]") {
    std::mutex mutex;
    std::map<std::thread::id, std::vector<std::chrono::steady_clock::time_point>> looks;
    Rig rig;
    const Holder<Urgent> holder{rig};
    rig.store->before_each_call([&](Verb verb) {
        if (verb != Verb::get) return;
        const std::lock_guard lock{mutex};
        looks[std::this_thread::get_id()].push_back(std::chrono::steady_clock::now());
    });
    Crew crew;
    for (int i = 0; i < 8; ++i) {
        crew.start([&, cache = rig.process()] {
            (void)Models<Urgent, Source&>{cache, rig.other_source}.get("tea");
        });
    }
    CHECK(crew.join() == 0);
    // Without chance the pauses would be 10 ms and 20 ms, or longer on a busy machine.
    int shorter = 0;
    for (const auto& [thread, at] : looks) {
        if (at.size() < 4) continue;  // it came when another one had waited long enough
        if (at[2] - at[1] < 10ms) ++shorter;
        if (at[3] - at[2] < 20ms) ++shorter;
    }
    CHECK(shorter > 0);
}

TEST_CASE("who has waited for another process long enough loads by itself",
          "[leases][deadline][threads]") {
    Rig rig;
    Holder<Urgent> holder{rig};
    const Cache process = rig.process();
    const Models<Urgent, Source&> prices{process, rig.other_source};
    const auto begin = std::chrono::steady_clock::now();
    CHECK(prices.get("tea").cents == 1);
    CHECK(std::chrono::steady_clock::now() - begin >= 60ms);
    CHECK(rig.other_source.asked == 1);
    CHECK(process.statistics().lease_waits == 1);
    // What it brought is stored, and what comes later is not.
    CHECK(prices.get("tea").cents == 1);
    CHECK(rig.other_source.asked == 1);
    CHECK(holder.let_go());
    CHECK(holder.price() == 7);
    CHECK(prices.get("tea").cents == 1);
    CHECK(holder.cache().statistics().overtaken_loads == 1);
}

TEST_CASE("a lease is over after three quarters of the wait, and then another process takes it",
          "[leases][threads]") {
    Rig rig;
    Holder<Price> holder{rig};
    const std::string of_holder = rig.stored();
    const Models<Price, Source&> prices{rig.process(), rig.other_source};
    rig.clock.advance(30s - 1ms);
    rig.other_source.answer = [&] {
        CHECK(rig.stored() != of_holder);  // there is a new lease
        return 2;
    };
    std::atomic<int> price{0};
    Crew crew;
    crew.start([&] { price = *prices.get("tea").cents; });
    await("it has looked at the lease some times",
          [&] { return rig.backend->log().trips(Verb::get) >= 6; });
    CHECK(price == 0);
    CHECK(rig.other_source.asked == 0);
    rig.clock.advance(1ms);
    CHECK(crew.join() == 0);
    CHECK(price == 2);
    // The first one has its own price, but stores it no more.
    CHECK(holder.let_go());
    CHECK(holder.price() == 7);
    CHECK(prices.get("tea").cents == 2);
}

TEST_CASE("a loader that fails gives its lease back at once", "[leases][failure]") {
    Rig rig;
    const Models<Price, Source&> prices{rig.process(), rig.source};
    const Models<Price, Source&> others{rig.process(), rig.other_source};
    rig.source.answer = []() -> int { throw std::runtime_error("no prices"); };
    CHECK_THROWS_WITH(prices.get("tea"), "no prices");
    CHECK(rig.verbs() == std::vector{Verb::get, Verb::add, Verb::get, Verb::compare_and_set});
    CHECK(others.get("tea").cents == 1);
    CHECK(others.get("tea").cents == 1);
    CHECK(rig.other_source.asked == 1);
}

TEST_CASE("a source that has none gives the lease back at once", "[leases][missing]") {
    Rig rig;
    const Models<Price, Source&> prices{rig.process(), rig.source};
    const Models<Price, Source&> others{rig.process(), rig.other_source};
    rig.source.answer = []() -> int { throw Missing{}; };
    CHECK(prices.find("tea").absent());
    CHECK(others.get("tea").cents == 1);
}

TEST_CASE("those who wait for a loader that fails load in its place",
          "[leases][failure][threads]") {
    Rig rig;
    Holder<Price> holder{rig};
    const Cache process = rig.process();
    const Models<Price, Source&> prices{process, rig.other_source};
    std::atomic<int> price{0};
    Crew crew;
    crew.start([&] { price = *prices.get("tea").cents; });
    await("it waits", [&] { return process.statistics().lease_waits == 1; });
    CHECK_FALSE(holder.let_go(true));
    CHECK(crew.join() == 0);
    CHECK(price == 1);
    CHECK(rig.other_source.asked == 1);
}

TEST_CASE("a loader that fails does not give back a lease that another process has taken over",
          "[leases][failure][threads]") {
    Rig rig;
    Holder<Price> first{rig};
    rig.clock.advance(30s);
    Barrier loading;
    rig.other_source.answer = [&] {
        loading.pass();
        return 2;
    };
    const Models<Price, Source&> second{rig.process(), rig.other_source};
    std::atomic<int> price{0};
    Crew crew;
    crew.start([&] { price = *second.get("tea").cents; });
    loading.await_arrivals(1);
    const std::string of_second = rig.stored();
    CHECK_FALSE(first.let_go(true));
    CHECK(rig.stored() == of_second);
    loading.open();
    CHECK(crew.join() == 0);
    CHECK(price == 2);
    CHECK(second.get("tea").cents == 2);
}

TEST_CASE("who finds after all that another process has stored it does not load", "[leases]") {
    Rig rig;
    const Models<Price, Source&> others{rig.process(), rig.other_source};
    const Models<Price, Source&> prices{rig.process(), rig.source};
    bool has_come = false;
    rig.store->before_each_call([&](Verb verb) {
        // Between the first read and the promise.
        if (verb != Verb::add || std::exchange(has_come, true)) return;
        CHECK(others.get("tea").cents == 1);
    });
    CHECK(prices.get("tea").cents == 1);
    CHECK(has_come);
    CHECK(rig.source.asked == 0);
    CHECK(rig.other_source.asked == 1);
}

TEST_CASE(
    "what nobody else loads is loaded and stored at once, together, and then the rest awaited",
    "[leases][batch][threads]") {
    Rig rig;
    Holder<Price> holder{rig};
    const Cache process = rig.process();
    const Models<Price, Source&> prices{process, rig.other_source};
    const Models<Price> stored{rig.process()};
    std::atomic<int> found{0};
    Crew crew;
    crew.start([&] {
        const auto answers = prices.get_many({"milk", "tea", "salt"});
        found = *answers[0]->cents + *answers[1]->cents + *answers[2]->cents;
    });
    await("two are stored", [&] { return stored.exists("milk") && stored.exists("salt"); });
    CHECK(process.statistics().lease_waits == 1);
    CHECK(rig.other_source.asked == 2);
    CHECK(found == 0);
    CHECK(holder.let_go());
    CHECK(crew.join() == 0);
    CHECK(found == 1 + 7 + 1);
    CHECK(rig.other_source.asked == 2);
}

namespace leases_test {

Source* source_of_calls = nullptr;
int price_of(const std::string&) { return source_of_calls->ask(); }

}  // namespace leases_test

TEST_CASE("a call with a lease is read, promise, second look and store",
          "[leases][cached_function]") {
    Rig rig;
    source_of_calls = &rig.source;
    const CachedFunction<&price_of> price{rig.process(), {.lease_wait = 40s, .load_backoff = 0s}};
    CHECK(price("tea") == 1);
    CHECK(rig.verbs() == std::vector{Verb::get, Verb::add, Verb::get, Verb::compare_and_set});
    rig.backend->log().reset();
    rig.source.answer = []() -> int { throw std::runtime_error("no prices"); };
    CHECK_THROWS_WITH(price("milk"), "no prices");
    CHECK(rig.verbs() == std::vector{Verb::get, Verb::add, Verb::get, Verb::compare_and_set});
    rig.source.answer = [] { return 3; };
    CHECK(price("milk") == 3);
}
