// cachemodel: equal cached calls at once, from many threads.
// SPDX-License-Identifier: MIT
#include <cachemodel/cached_function.hpp>
#include <cachemodel/cached_method.hpp>
#include <cachemodel/testing/recording_backend.hpp>
#include <cachemodel/testing/scripted_backend.hpp>
#include <cachemodel/testing/turnable_clock.hpp>

#include "support/catch.hpp"
#include "support/crew.hpp"
#include "support/decorators.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <numeric>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "cache_core.hpp"
#include "flights.hpp"

using namespace cachemodel;
using namespace std::chrono_literals;
using testing::Verb;

namespace flights_test {

using support::await;
using support::Crew;
using support::require_in_time;
using Gate = support::Barrier;

/// What the slow method asks.
class Source {
 public:
    /// The price of `id`, asked for the `run`th time.
    std::function<int(int id, int run)> answer = [](int id, int) { return id * 10; };

    int ask(int id) {
        int run = 0;
        {
            const std::lock_guard lock{mutex_};
            run = ++runs_[id];
        }
        return answer(id, run);
    }
    int runs(int id) const {
        const std::lock_guard lock{mutex_};
        const auto found = runs_.find(id);
        return found == runs_.end() ? 0 : found->second;
    }
    int runs() const {
        const std::lock_guard lock{mutex_};
        int sum = 0;
        for (const auto& [id, runs] : runs_) sum += runs;
        return sum;
    }

 private:
    mutable std::mutex mutex_;
    std::map<int, int> runs_;
};

struct Item {
    int id;
    Source* source;
    int price() const { return source->ask(id); }
};

using Price = CachedMethod<&Item::price, &Item::id>;

/// Of this process alone: no leases are taken, and nobody else removes anything. Nor does a load
/// take too long to be joined, however slow the machine is: its time stands still.
struct Rig {
    Rig() { scripted->capabilities_to_claim().shared = false; }

    testing::TurnableClock clock;
    std::shared_ptr<testing::ScriptedBackend> scripted =
        std::make_shared<testing::ScriptedBackend>(clock);
    std::shared_ptr<testing::RecordingBackend> recording =
        std::make_shared<testing::RecordingBackend>(scripted);
    Cache cache{recording, {.lease_wait = 0s, .clock = clock}};
    Source source{};
    Price price{cache};

    Item item(int id = 1) { return {id, &source}; }
    std::vector<Item> items(std::vector<int> ids) {
        std::vector<Item> all;
        for (const int id : ids) all.push_back(item(id));
        return all;
    }
    std::size_t trips(Verb verb) const { return recording->log().trips(verb); }
    /// Round trips that were to store results.
    std::size_t stores() const { return trips(Verb::add) + trips(Verb::compare_and_set); }
    /// Whether an invalidation of an item was the last word.
    bool is_removed(int id = 1) { return price.peek(item(id)).reason() == MissReason::removed; }

    void await_misses(std::uint64_t count) const {
        await("enough callers have found nothing",
              [&] { return cache.statistics().misses() >= count; });
    }
    /// The computation of an item that is under way, whatever it is based on.
    std::shared_ptr<detail::Flight> flight(int id = 1) {
        auto boarding = cache.core().call_flights.board(cache.final_key(price.key_for(item(id))),
                                                        typeid(int), {.now = {}, .epoch = {}});
        require_in_time(!boarding.leads, "a computation is under way");
        return std::move(boarding.flight);
    }
    /// Waits until so many callers take part in the computation besides its leader. Each of them
    /// holds it twice, as it boards and as it waits; it is also held by the table of all
    /// computations, by its leader, and here.
    void await_passengers(long count, int id = 1) {
        const auto found = flight(id);
        await("enough callers wait", [&] { return found.use_count() >= 2 * count + 3; });
    }
};

/// Holds back the answer to the first read, once it has been read.
class LateBackend final : public support::Decorator {
 public:
    using Decorator::Decorator;

    void get_many(std::span<const std::string_view> keys, ReadSink& sink) override {
        Decorator::get_many(keys, sink);
        if (!was_read_.exchange(true)) late.pass();
    }

    Gate late;

 private:
    std::atomic<bool> was_read_{false};
};

void check_that_it_runs_once(int callers) {
    Rig rig;
    rig.source.answer = [&](int, int) {
        rig.await_misses(static_cast<std::uint64_t>(callers));
        return 7;
    };
    std::atomic<int> right{0};
    Crew crew;
    for (int i = 0; i < callers; ++i) {
        crew.start([&] { right += rig.price(rig.item()) == 7 ? 1 : 0; });
    }
    CHECK(crew.join() == 0);
    CHECK(right == callers);
    CHECK(rig.source.runs() == 1);
    const Statistics statistics = rig.price.statistics();
    CHECK(statistics.loads == 1);
    CHECK(statistics.stores == 1);
    // Who came just after the result was stored has read it.
    CHECK(statistics.joined + statistics.hits == static_cast<std::uint64_t>(callers) - 1);
    CHECK(rig.stores() == 1);
    CHECK(rig.price(rig.item()) == 7);
    CHECK(rig.source.runs() == 1);
}

/// Of functions that share a name.
Gate* both_run = nullptr;
int number(int) {
    both_run->meet(2);
    return 7;
}
std::string text(int) {
    both_run->meet(2);
    return "seven";
}

/// Where a result stands that was computed and not stored yet.
std::atomic<Gate*> before_store{nullptr};
bool pass_before_store(const int&) {
    if (Gate* const gate = before_store.exchange(nullptr)) gate->pass();
    return false;
}

}  // namespace flights_test

using namespace flights_test;

// ---- one runs, the others wait

TEST_CASE("50 equal calls at once run the method once", "[flights][threads]") {
    check_that_it_runs_once(50);
}

TEST_CASE("1,000 equal calls at once run the method once", "[flights][threads]") {
    check_that_it_runs_once(1000);
}

TEST_CASE("all that wait for a call get its result without another read", "[flights][threads]") {
    Rig rig;
    rig.source.answer = [&](int, int) {
        rig.await_passengers(7);
        return 7;
    };
    std::atomic<int> sum{0};
    Crew crew;
    for (int i = 0; i < 8; ++i) crew.start([&] { sum += rig.price(rig.item()); });
    CHECK(crew.join() == 0);
    CHECK(sum == 56);
    CHECK(rig.price.statistics().joined == 7);
    CHECK(rig.cache.statistics().joined == 7);
    CHECK(rig.trips(Verb::get) == 8);
    CHECK(rig.stores() == 1);
}

TEST_CASE("a call that found nothing just before another one stored looks again, and does not run",
          "[flights][threads]") {
    Rig rig;
    const auto late = std::make_shared<LateBackend>(rig.recording);
    const Price price{Cache{late}};
    std::atomic<int> result{0};
    Crew crew;
    crew.start([&] { result = price(rig.item()); });
    await("the first call has found nothing", [&] { return rig.trips(Verb::get) == 1; });

    SECTION("what was stored is there") {
        CHECK(price(rig.item()) == 10);
        late->late.open();
        CHECK(crew.join() == 0);
        CHECK(result == 10);
        CHECK(rig.source.runs() == 1);
        CHECK(rig.trips(Verb::get) == 3);
        CHECK(rig.stores() == 1);
        CHECK(price.statistics().hits == 1);
    }
    SECTION("what was stored has been removed again") {
        CHECK(price(rig.item()) == 10);
        price.invalidate(rig.item());
        rig.source.answer = [](int, int) { return 11; };
        late->late.open();
        CHECK(crew.join() == 0);
        CHECK(result == 11);
        CHECK(rig.source.runs() == 2);
        CHECK(price.peek(rig.item()).value_or(0) == 11);
    }
    SECTION("a prefetch stored it") {
        CHECK(*price.prefetch(rig.items({2, 1}))[1] == 10);
        late->late.open();
        CHECK(crew.join() == 0);
        CHECK(result == 10);
        CHECK(rig.source.runs(1) == 1);
    }
    SECTION("nothing was stored, and so nobody looks") {
        late->late.open();
        CHECK(crew.join() == 0);
        CHECK(result == 10);
        CHECK(rig.source.runs() == 1);
        CHECK(rig.trips(Verb::get) == 1);
    }
}

TEST_CASE("a prefetch that found nothing just before a call stored looks again, and does not run",
          "[flights][threads]") {
    Rig rig;
    const auto late = std::make_shared<LateBackend>(rig.recording);
    const Price price{Cache{late}};
    std::vector<int> results;
    Crew crew;
    crew.start([&] {
        for (const auto& lookup : price.prefetch(rig.items({1, 2}))) results.push_back(*lookup);
    });
    await("the prefetch has found nothing", [&] { return rig.trips(Verb::get) == 1; });
    CHECK(price(rig.item(1)) == 10);
    late->late.open();
    CHECK(crew.join() == 0);
    CHECK(results == std::vector{10, 20});
    CHECK(rig.source.runs(1) == 1);
    CHECK(rig.source.runs(2) == 1);
}

TEST_CASE("what the method throws reaches all that wait for it, and nobody later",
          "[flights][failure][threads]") {
    Rig rig;
    rig.source.answer = [&](int, int run) -> int {
        if (run > 1) return 5;
        rig.await_passengers(9);
        throw std::domain_error{"no price"};
    };
    std::atomic<int> failures{0};
    std::atomic<int> afterwards{0};
    Crew crew;
    for (int i = 0; i < 10; ++i) {
        crew.start([&] {
            try {
                (void)rig.price(rig.item());
            } catch (const std::domain_error& error) {
                failures += error.what() == std::string_view{"no price"} ? 1 : 0;
            }
            // At once, while the others are still being told.
            afterwards += rig.price(rig.item());
        });
    }
    CHECK(crew.join() == 0);
    CHECK(failures == 10);
    CHECK(afterwards == 50);
    CHECK(rig.source.runs() == 2);
    CHECK(rig.price.statistics().load_failures == 1);
    CHECK(rig.price.statistics().stores == 1);
}

TEST_CASE("a computation that failed cannot be joined, though its leader is still leaving",
          "[flights][failure][threads]") {
    detail::Flights flights;
    auto first = flights.board("key", typeid(int), {.now = {}});
    REQUIRE(first.leads);
    detail::Flights::Lead lead{flights, std::move(first.flight), 0};
    const auto waiting = flights.board("key", typeid(int), {.now = {}});
    REQUIRE_FALSE(waiting.leads);
    lead.fail(std::make_exception_ptr(std::domain_error{"no price"}));

    const detail::Passage passage{waiting.flight, typeid(int)};
    CHECK(passage.kind() == detail::Passage::Kind::failed);
    CHECK_THROWS_AS(std::rethrow_exception(passage.error()), std::domain_error);
    auto later = flights.board("key", typeid(int), {.now = {}});
    CHECK(later.leads);
    detail::Flights::Lead next{flights, std::move(later.flight), 0};
    next.give(std::make_shared<const int>(1), detail::SteadyTime::max());
    CHECK_FALSE(flights.board("key", typeid(int), {.now = {}}).leads);
}

TEST_CASE("a thread that waits for a computation which is given up goes on by itself",
          "[flights][failure][threads]") {
    detail::Flights flights;
    auto first = flights.board("key", typeid(int), {.now = {}});
    const auto waiting = flights.board("key", typeid(int), {.now = {}});
    { const detail::Flights::Lead lead{flights, std::move(first.flight), 0}; }
    const detail::Passage passage{waiting.flight, typeid(int)};
    CHECK(passage.kind() == detail::Passage::Kind::alone);
    CHECK(flights.board("key", typeid(int), {.now = {}}).leads);
}

TEST_CASE("what a thread has ended itself is nothing new to it, and what others have ended is",
          "[flights][threads]") {
    detail::Flights flights;
    detail::Flights others;
    const auto land = [](detail::Flights& home, detail::Flights::Runway runway) {
        const detail::Flights::Lead lead{home, home.board("key", typeid(int), {}).flight, runway};
    };
    const auto land_elsewhere = [&](detail::Flights& home) {
        Crew crew;
        crew.start([&] { land(home, 3); });
        CHECK(crew.join() == 0);
    };
    const auto before = flights.landings(3);
    SECTION("nothing") { CHECK(flights.landings(3) == before); }
    SECTION("its own, there and elsewhere") {
        land(flights, 3);
        land(flights, 4);
        CHECK(flights.landings(3) == before);
        land(others, 4);
        CHECK(flights.landings(3) == before);
    }
    SECTION("that of another thread") {
        land_elsewhere(flights);
        CHECK(flights.landings(3) != before);
    }
    SECTION("that of another thread, and as many of its own in another cache") {
        land_elsewhere(flights);
        land(others, 3);
        CHECK(flights.landings(3) != before);
    }
    SECTION("the same the other way round") {
        land(others, 3);
        land_elsewhere(flights);
        CHECK(flights.landings(3) != before);
    }
    SECTION("that of another thread, among its own here and in another cache") {
        land(flights, 3);
        land(others, 3);
        land_elsewhere(flights);
        land(others, 3);
        land(flights, 3);
        CHECK(flights.landings(3) != before);
        const auto then = flights.landings(3);
        land(flights, 3);
        CHECK(flights.landings(3) == then);
    }
    SECTION("that of another thread in another cache") {
        land_elsewhere(others);
        CHECK(flights.landings(3) == before);
    }
}

TEST_CASE("a method that runs out of memory fails those that wait, and leaves nothing behind",
          "[flights][failure][threads]") {
    Rig rig;
    rig.source.answer = [&](int, int run) -> int {
        if (run > 1) return 5;
        rig.await_passengers(3);
        throw std::bad_alloc{};
    };
    std::atomic<int> failures{0};
    Crew crew;
    for (int i = 0; i < 4; ++i) {
        crew.start([&] {
            try {
                (void)rig.price(rig.item());
            } catch (const std::bad_alloc&) {
                ++failures;
            }
        });
    }
    CHECK(crew.join() == 0);
    CHECK(failures == 4);
    CHECK(rig.scripted->keys().empty());
    CHECK(rig.price(rig.item()) == 5);
    CHECK(rig.price.statistics().stores == 1);
}

// ---- what shares, and what does not

TEST_CASE("calls with other keys run beside each other", "[flights][threads]") {
    Rig rig;
    Gate all_run;
    rig.source.answer = [&](int id, int) {
        all_run.meet(5);
        return id;
    };
    std::atomic<int> sum{0};
    Crew crew;
    for (int id = 1; id <= 5; ++id) {
        crew.start([&, id] { sum += rig.price(rig.item(id)); });
    }
    CHECK(crew.join() == 0);
    CHECK(sum == 15);
    CHECK(rig.source.runs() == 5);
}

TEST_CASE("two objects for one method share what is under way on one cache", "[flights][threads]") {
    Rig rig;
    const Price other{rig.cache, {.expires = 1h}};
    rig.source.answer = [&](int, int) {
        rig.await_passengers(1);
        return 7;
    };
    std::atomic<int> sum{0};
    Crew crew;
    crew.start([&] { sum += rig.price(rig.item()); });
    crew.start([&] { sum += other(rig.item()); });
    CHECK(crew.join() == 0);
    CHECK(sum == 14);
    CHECK(rig.source.runs() == 1);
    CHECK(rig.price.statistics().joined + other.statistics().joined == 1);
}

TEST_CASE("nothing under way is shared between caches, prefixes, versions and names",
          "[flights][threads]") {
    const auto check_apart = [](const std::function<Price(const Rig&)>& make_other) {
        Rig rig;
        const Price other = make_other(rig);
        Gate both;
        rig.source.answer = [&](int, int) {
            both.meet(2);
            return 7;
        };
        std::atomic<int> sum{0};
        Crew crew;
        crew.start([&] { sum += rig.price(rig.item()); });
        crew.start([&] { sum += other(rig.item()); });
        CHECK(crew.join() == 0);
        CHECK(sum == 14);
        CHECK(rig.source.runs() == 2);
    };
    check_apart(
        [](const Rig&) { return Price{Cache{std::make_shared<testing::ScriptedBackend>()}}; });
    check_apart([](const Rig& rig) { return Price{Cache{rig.recording}}; });
    check_apart([](const Rig& rig) { return Price{rig.cache.with_prefix("other")}; });
    check_apart([](const Rig& rig) { return Price{rig.cache.with_version(2)}; });
    check_apart([](const Rig& rig) { return Price{rig.cache, {.version = 2}}; });
    check_apart([](const Rig& rig) { return Price{rig.cache, {.name = "other"}}; });
    check_apart([](const Rig& rig) { return Price{rig.cache.bypass()}; });
}

TEST_CASE("a cache that is gone around shares nothing under way", "[flights][threads]") {
    Rig rig;
    const Price around{rig.cache.bypass()};
    Gate all;
    rig.source.answer = [&](int, int) {
        all.meet(4);
        return 7;
    };
    std::atomic<int> sum{0};
    Crew crew;
    crew.start([&] { sum += around(rig.item()); });
    crew.start([&] { sum += around.refresh(rig.item()); });
    crew.start([&] { sum += *around.prefetch({rig.item()})[0]; });
    crew.start([&] { sum += rig.price.bypass(rig.item()); });
    CHECK(crew.join() == 0);
    CHECK(sum == 28);
    CHECK(rig.source.runs() == 4);
    CHECK(rig.recording->log().trips() == 0);
}

TEST_CASE("functions of one name with different results never take each other's",
          "[flights][threads]") {
    Rig rig;
    const CachedFunction<&number> numbers{rig.cache, {.name = "same"}};
    const CachedFunction<&text> texts{rig.cache, {.name = "same"}};
    REQUIRE(numbers.key_for(1) == texts.key_for(1));
    Gate both;
    both_run = &both;
    std::atomic<int> right{0};
    Crew crew;
    crew.start([&] { right += numbers(1) == 7 ? 1 : 0; });
    crew.start([&] { right += texts(1) == "seven" ? 1 : 0; });
    CHECK(crew.join() == 0);
    CHECK(right == 2);
    // Nor from the cache, one after the other.
    CHECK(numbers(2) == 7);
    CHECK(texts(2) == "seven");
    CHECK(numbers(2) == 7);
    CHECK(texts.peek(2).absent());
    CHECK(texts.refresh(2) == "seven");
    CHECK(numbers.peek(2).absent());
}

TEST_CASE("equal calls at once run the method once while the cache is down",
          "[flights][failure][threads]") {
    Rig rig;
    rig.scripted->go_down();
    // All ask before one of them runs: who comes later cannot tell what was removed since then.
    Gate all_ask;
    rig.scripted->before_each_call([&](Verb verb) {
        if (verb == Verb::get) all_ask.meet(20);
    });
    rig.source.answer = [&](int, int) {
        rig.await_passengers(19);
        return 7;
    };
    std::atomic<int> sum{0};
    Crew crew;
    for (int i = 0; i < 20; ++i) crew.start([&] { sum += rig.price(rig.item()); });
    CHECK(crew.join() == 0);
    CHECK(sum == 140);
    CHECK(rig.source.runs() == 1);
    CHECK(rig.price.statistics().read_failures == 20);
    CHECK(rig.stores() == 0);
}

TEST_CASE("a result that cannot be stored is given to all that wait",
          "[flights][failure][threads]") {
    Rig rig;
    rig.scripted->before_each_call([&](Verb verb) {
        if (verb == Verb::add) rig.scripted->throw_next(std::bad_alloc{});
    });
    rig.source.answer = [&](int, int run) {
        if (run == 1) rig.await_passengers(4);
        return run;
    };
    std::atomic<int> sum{0};
    Crew crew;
    for (int i = 0; i < 5; ++i) crew.start([&] { sum += rig.price(rig.item()); });
    CHECK(crew.join() == 0);
    CHECK(sum == 5);
    CHECK(rig.price.statistics().store_failures == 1);
    rig.scripted->before_each_call({});
    CHECK(rig.price(rig.item()) == 2);
    CHECK(rig.price.peek(rig.item()).value_or(0) == 2);
}

// ---- calls that reach themselves

TEST_CASE("a call that reaches itself goes on without the cache", "[flights][recursion][threads]") {
    Rig rig;
    SECTION("by a call") {
        rig.source.answer = [&](int, int run) { return run == 1 ? rig.price(rig.item()) + 1 : 5; };
        CHECK(rig.price(rig.item()) == 6);
        CHECK(rig.source.runs() == 2);
    }
    SECTION("by a refresh within a refresh") {
        rig.source.answer = [&](int, int run) {
            return run == 1 ? rig.price.refresh(rig.item()) + 1 : 5;
        };
        CHECK(rig.price.refresh(rig.item()) == 6);
        CHECK(rig.source.runs() == 2);
    }
    SECTION("by a prefetch") {
        rig.source.answer = [&](int, int run) {
            return run == 1 ? *rig.price.prefetch({rig.item()})[0] + 1 : 5;
        };
        CHECK(rig.price(rig.item()) == 6);
        CHECK(rig.source.runs() == 2);
    }
    SECTION("by way of another one") {
        rig.source.answer = [&](int id, int run) {
            if (id == 2) return rig.price(rig.item(1)) + 10;
            return run == 1 ? rig.price(rig.item(2)) + 1 : 5;
        };
        CHECK(rig.price(rig.item(1)) == 16);
        CHECK(rig.source.runs(1) == 2);
        CHECK(rig.source.runs(2) == 1);
        CHECK(rig.price.peek(rig.item(2)).value_or(0) == 15);
    }
    // The outer result was stored, and the inner one was not.
    CHECK(rig.price.peek(rig.item()).value_or(0) != 5);
    CHECK(rig.price.peek(rig.item()).found());
}

TEST_CASE("a call that reaches itself again and again is an error, and leaves nothing behind",
          "[flights][recursion][failure][threads]") {
    Rig rig;
    SECTION("by a call") {
        rig.source.answer = [&](int, int) { return rig.price(rig.item()); };
        CHECK_THROWS_AS(rig.price(rig.item()), RecursiveLoad);
        CHECK(rig.source.runs() == 2);
    }
    SECTION("by a refresh") {
        rig.source.answer = [&](int, int) { return rig.price.refresh(rig.item()); };
        CHECK_THROWS_AS(rig.price.refresh(rig.item()), RecursiveLoad);
        CHECK(rig.source.runs() == 2);
    }
    SECTION("by a prefetch") {
        rig.source.answer = [&](int, int) { return *rig.price.prefetch({rig.item()})[0]; };
        CHECK_THROWS_AS(rig.price(rig.item()), RecursiveLoad);
        CHECK(rig.source.runs() == 2);
    }
    SECTION("in a circle of three") {
        rig.source.answer = [&](int id, int) { return rig.price(rig.item(id % 3 + 1)); };
        CHECK_THROWS_AS(rig.price(rig.item()), RecursiveLoad);
        CHECK(rig.source.runs(1) == 2);
    }
    CHECK(rig.scripted->keys().empty());
    rig.source.answer = [](int, int) { return 5; };
    CHECK(rig.price(rig.item()) == 5);
    CHECK(rig.price.statistics().stores == 1);
}

TEST_CASE("two threads that need each other's results do not wait for ever",
          "[flights][recursion][threads]") {
    Rig rig;
    Gate both;
    SECTION("the second to ask goes on by itself") {
        rig.source.answer = [&](int id, int run) {
            if (run > 1) return 5;
            both.meet(2);
            return rig.price(rig.item(3 - id)) + 1;
        };
        std::array<std::atomic<int>, 2> results{};
        Crew crew;
        crew.start([&] { results[0] = rig.price(rig.item(1)); });
        crew.start([&] { results[1] = rig.price(rig.item(2)); });
        CHECK(crew.join() == 0);
        CHECK(std::min(results[0], results[1]) == 6);
        CHECK(std::max(results[0], results[1]) == 7);
        CHECK(rig.source.runs() == 3);
    }
    SECTION("where they always need each other it is an error for both") {
        rig.source.answer = [&](int id, int run) {
            if (run == 1) both.meet(2);
            return rig.price(rig.item(3 - id));
        };
        std::atomic<int> recursions{0};
        Crew crew;
        for (const int id : {1, 2}) {
            crew.start([&, id] {
                try {
                    (void)rig.price(rig.item(id));
                } catch (const RecursiveLoad&) {
                    ++recursions;
                }
            });
        }
        CHECK(crew.join() == 0);
        CHECK(recursions == 2);
        CHECK(rig.scripted->keys().empty());
    }
    SECTION("through two caches") {
        const Price other{Cache{std::make_shared<testing::ScriptedBackend>()}};
        rig.source.answer = [&](int id, int run) {
            if (run > 1) return 5;
            both.meet(2);
            return (id == 1 ? other(rig.item(2)) : rig.price(rig.item(1))) + 1;
        };
        std::atomic<int> sum{0};
        Crew crew;
        crew.start([&] { sum += rig.price(rig.item(1)); });
        crew.start([&] { sum += other(rig.item(2)); });
        CHECK(crew.join() == 0);
        CHECK(sum == 13);
    }
}

TEST_CASE("a circle of many threads is opened in one place", "[flights][recursion][threads]") {
    constexpr int count = 8;
    Rig rig;
    Gate all;
    rig.source.answer = [&](int id, int run) {
        if (run > 1) return 100;
        all.meet(count);
        return rig.price(rig.item(id % count + 1)) + 1;
    };
    std::atomic<int> largest{0};
    Crew crew;
    for (int id = 1; id <= count; ++id) {
        crew.start([&, id] {
            const int result = rig.price(rig.item(id));
            int seen = largest;
            while (seen < result && !largest.compare_exchange_weak(seen, result)) {
            }
        });
    }
    CHECK(crew.join() == 0);
    CHECK(largest == 100 + count);
    CHECK(rig.source.runs() == count + 1);
}

// ---- invalidation and refresh against a call that runs

TEST_CASE("a call that began before an invalidation does not store, and is not joined later",
          "[flights][invalidate][threads]") {
    Rig rig;
    Gate gate;
    std::atomic<int> result{0};
    Crew crew;
    SECTION("its method runs") {
        rig.source.answer = [&](int, int run) {
            if (run == 1) gate.pass();
            return run;
        };
        crew.start([&] { result = rig.price(rig.item()); });
        gate.await_arrivals(1);
        rig.price.invalidate(rig.item());
        SECTION("a later call runs the method and stores") {
            CHECK(rig.price(rig.item()) == 2);
            gate.open();
            CHECK(crew.join() == 0);
            CHECK(rig.price.peek(rig.item()).value_or(0) == 2);
        }
        SECTION("without a later call nothing is stored") {
            gate.open();
            CHECK(crew.join() == 0);
            CHECK(rig.stores() == 0);
            CHECK(rig.is_removed());
        }
        SECTION("a later call that runs still is joined when the older one has ended") {
            Gate second;
            rig.source.answer = [&](int, int run) {
                if (run == 2) second.pass();
                return run;
            };
            std::atomic<int> later{0};
            crew.start([&] { later += rig.price(rig.item()); });
            second.await_arrivals(1);
            crew.start([&] { later += rig.price(rig.item()); });
            gate.open();
            await("the first call has ended", [&] { return result == 1; });
            rig.await_passengers(1);
            second.open();
            CHECK(crew.join() == 0);
            CHECK(later == 4);
            CHECK(rig.source.runs() == 2);
            CHECK(rig.price.peek(rig.item()).value_or(0) == 2);
        }
        CHECK(result == 1);
    }
    SECTION("its result is computed and not stored yet") {
        const Price price{rig.cache, {.unless = pass_before_store}};
        rig.source.answer = [](int, int run) { return run; };
        before_store = &gate;
        crew.start([&] { result = price(rig.item()); });
        gate.await_arrivals(1);
        price.invalidate(rig.item());
        CHECK(price(rig.item()) == 2);
        gate.open();
        CHECK(crew.join() == 0);
        CHECK(result == 1);
        CHECK(price.peek(rig.item()).value_or(0) == 2);
        CHECK(rig.stores() == 1);
    }
    SECTION("a prefetch has computed some of its results") {
        rig.source.answer = [&](int id, int run) {
            if (id == 3) gate.pass();
            return 10 * id + run;
        };
        crew.start([&] { result = *rig.price.prefetch(rig.items({1, 2, 3}))[0]; });
        gate.await_arrivals(1);
        rig.price.invalidate(rig.item(1));
        CHECK(rig.price(rig.item(2)) == 21);  // from the prefetch
        SECTION("what was invalidated is not stored") {
            gate.open();
            CHECK(crew.join() == 0);
            CHECK(rig.price.peek(rig.item(1)).absent());
        }
        SECTION("and does not replace what a later call stored") {
            CHECK(rig.price(rig.item(1)) == 12);
            gate.open();
            CHECK(crew.join() == 0);
            CHECK(rig.price.peek(rig.item(1)).value_or(0) == 12);
        }
        CHECK(result == 11);
        CHECK(rig.price.peek(rig.item(2)).value_or(0) == 21);
        CHECK(rig.price.peek(rig.item(3)).value_or(0) == 31);
    }
}

TEST_CASE("a call that has only looked before an invalidation computes the new result",
          "[flights][invalidate][threads]") {
    Rig rig;
    const auto late = std::make_shared<LateBackend>(rig.recording);
    std::atomic<int> result{0};
    Crew crew;
    const auto invalidate_meanwhile = [&](const Price& price) {
        crew.start([&] { result = price(rig.item()); });
        await("the call has looked", [&] { return rig.trips(Verb::get) == 1; });
        price.invalidate(rig.item());
        rig.source.answer = [](int, int) { return 11; };
        late->late.open();
        CHECK(crew.join() == 0);
        CHECK(result == 11);
    };
    SECTION("and stores it, as it looks again to take a lease") {
        rig.scripted->capabilities_to_claim().shared = true;
        const Price price{Cache{late}};
        invalidate_meanwhile(price);
        CHECK(price.peek(rig.item()).value_or(0) == 11);
    }
    SECTION("and without leases stores nothing, as it could be older") {
        const Price price{Cache{late}};
        invalidate_meanwhile(price);
        CHECK(price.peek(rig.item()).reason() == MissReason::removed);
        CHECK(price.statistics().overtaken_loads == 1);
        CHECK(price(rig.item()) == 11);
        CHECK(price.peek(rig.item()).value_or(0) == 11);
    }
}

namespace flights_test {

/// A rig whose first store is held.
struct StoringRig : Rig {
    StoringRig() {
        source.answer = [](int, int run) { return run; };
        scripted->before_each_call([this](Verb verb) {
            const bool stores = verb == Verb::add || verb == Verb::compare_and_set;
            if (stores && !held.exchange(true)) storing.pass();
        });
    }
    /// Waits until the computation under way is another one than `earlier`, or there is none.
    void await_end_of_joining(const std::shared_ptr<detail::Flight>& earlier) {
        await("nobody can join any more", [&] {
            auto boarding = cache.core().call_flights.board(cache.final_key(price.key_for(item())),
                                                            typeid(int), {.now = {}, .epoch = {}});
            if (boarding.leads) {
                const detail::Flights::Lead given_up{cache.core().call_flights,
                                                     std::move(boarding.flight), 0};
                return true;
            }
            return boarding.flight != earlier;
        });
    }

    Gate storing;
    std::atomic<bool> held{false};
};

}  // namespace flights_test

TEST_CASE("an invalidation does not wait for a call that is storing, and is the last word",
          "[flights][invalidate][threads]") {
    StoringRig rig;
    rig.scripted->capabilities_to_claim().shared = true;
    Crew crew;
    crew.start([&] { (void)rig.price(rig.item()); });
    rig.storing.await_arrivals(1);
    rig.price.invalidate(rig.item());
    CHECK(rig.is_removed());
    SECTION("with nobody in between") {
        rig.storing.open();
        CHECK(crew.join() == 0);
        CHECK(rig.is_removed());
    }
    SECTION("with a later call in between") {
        CHECK(rig.price(rig.item()) == 2);
        rig.storing.open();
        CHECK(crew.join() == 0);
        CHECK(rig.price.peek(rig.item()).value_or(0) == 2);
    }
}

TEST_CASE(
    "without compare-and-set, or in one process, an invalidation waits for a call that is storing",
    "[flights][invalidate][threads]") {
    const bool has_tokens = GENERATE(false, true);
    StoringRig rig;
    rig.scripted->capabilities_to_claim().compare_and_set = has_tokens;
    std::atomic<int> result{0};
    std::atomic<bool> is_invalidated{false};
    Crew crew;
    crew.start([&] { result = rig.price(rig.item()); });
    rig.storing.await_arrivals(1);
    CHECK(rig.price(rig.item()) == 1);  // who comes before the invalidation takes part
    const auto storing = rig.flight();
    crew.start([&] {
        rig.price.invalidate(rig.item());
        is_invalidated = true;
    });
    rig.await_end_of_joining(storing);
    CHECK(rig.trips(Verb::set) == 0);
    CHECK_FALSE(is_invalidated);
    SECTION("with nobody in between") {
        rig.storing.open();
        CHECK(crew.join() == 0);
        CHECK(rig.source.runs() == 1);
    }
    SECTION("with a later call in between") {
        CHECK(rig.price(rig.item()) == 2);
        rig.storing.open();
        CHECK(crew.join() == 0);
    }
    SECTION("with another invalidation, which must not be done before") {
        std::atomic<bool> done{false};
        std::atomic<int> afterwards{0};
        crew.start([&] {
            rig.price.invalidate(rig.item());
            done = true;
            afterwards = rig.price(rig.item());
        });
        CHECK_FALSE(done);
        rig.storing.open();
        CHECK(crew.join() == 0);
        CHECK(afterwards == 2);
        return;
    }
    CHECK(result == 1);
    CHECK(is_invalidated);
    CHECK(rig.is_removed());
}

TEST_CASE("a refresh waits for a call that is storing, and its own result stays",
          "[flights][refresh][threads]") {
    StoringRig rig;
    std::atomic<int> result{0};
    std::atomic<int> refreshed{0};
    Crew crew;
    crew.start([&] { result = rig.price(rig.item()); });
    rig.storing.await_arrivals(1);
    const auto storing = rig.flight();
    crew.start([&] { refreshed = rig.price.refresh(rig.item()); });
    rig.await_end_of_joining(storing);

    SECTION("with nobody in between") {
        rig.storing.open();
        CHECK(crew.join() == 0);
        CHECK(rig.price.peek(rig.item()).value_or(0) == 2);
    }
    SECTION("an invalidation in between waits too, and nothing stays") {
        const auto refreshing = rig.flight();
        crew.start([&] { rig.price.invalidate(rig.item()); });
        rig.await_end_of_joining(refreshing);
        rig.storing.open();
        CHECK(crew.join() == 0);
        CHECK(rig.is_removed());
    }
    SECTION("a refresh in between waits too, for the first one") {
        std::atomic<int> last{0};
        crew.start([&] { last = rig.price.refresh(rig.item()); });
        std::this_thread::sleep_for(20ms);  // that it waits, shows nowhere
        rig.storing.open();
        CHECK(crew.join() == 0);
        CHECK(last == 3);
        CHECK(rig.price.peek(rig.item()).value_or(0) == 3);
    }
    CHECK(result == 1);
    CHECK(refreshed == 2);
}

TEST_CASE("a call that began before a refresh does not store, and is not joined later",
          "[flights][refresh][threads]") {
    Rig rig;
    Gate first;
    Gate second;
    std::atomic<int> result{0};
    Crew crew;
    SECTION("its method runs") {
        rig.source.answer = [&](int, int run) {
            if (run == 1) first.pass();
            return run;
        };
        crew.start([&] { result = rig.price(rig.item()); });
        first.await_arrivals(1);
        CHECK(rig.price.refresh(rig.item()) == 2);
        first.open();
        CHECK(crew.join() == 0);
        CHECK(rig.stores() == 1);
        CHECK(rig.price.peek(rig.item()).value_or(0) == 2);
    }
    SECTION("its result is computed and not stored yet") {
        const Price price{rig.cache, {.unless = pass_before_store}};
        rig.source.answer = [](int, int run) { return run; };
        before_store = &first;
        crew.start([&] { result = price(rig.item()); });
        first.await_arrivals(1);
        CHECK(price.refresh(rig.item()) == 2);
        first.open();
        CHECK(crew.join() == 0);
        CHECK(rig.stores() == 1);
        CHECK(price.peek(rig.item()).value_or(0) == 2);
    }
    SECTION("the refresh runs longer: later calls join it, and only it stores") {
        rig.source.answer = [&](int, int run) {
            (run == 1 ? first : second).pass();
            return run;
        };
        std::atomic<int> refreshed{0};
        std::atomic<int> later{0};
        crew.start([&] { result = rig.price(rig.item()); });
        first.await_arrivals(1);
        crew.start([&] { refreshed = rig.price.refresh(rig.item()); });
        second.await_arrivals(1);
        crew.start([&] { later = rig.price(rig.item()); });
        rig.await_passengers(1);
        first.open();
        await("the first call has ended", [&] { return result == 1; });
        CHECK(rig.stores() == 0);
        second.open();
        CHECK(crew.join() == 0);
        CHECK(refreshed == 2);
        CHECK(later == 2);
        CHECK(rig.source.runs() == 2);
        CHECK(rig.price.peek(rig.item()).value_or(0) == 2);
    }
    SECTION("the refresh fails: the old entry stays, and the older call stores nothing") {
        rig.source.answer = [&](int, int run) -> int {
            if (run == 1) first.pass();
            if (run == 2) throw std::domain_error{"no price"};
            return run;
        };
        crew.start([&] { result = rig.price(rig.item()); });
        first.await_arrivals(1);
        CHECK_THROWS_AS(rig.price.refresh(rig.item()), std::domain_error);
        first.open();
        CHECK(crew.join() == 0);
        CHECK(rig.scripted->keys().empty());
        CHECK(rig.price(rig.item()) == 3);
    }
    CHECK(result == 1);
}

TEST_CASE("an invalidation during a refresh keeps its result out", "[flights][refresh][threads]") {
    Rig rig;
    Gate gate;
    CHECK(rig.price(rig.item()) == 10);
    rig.source.answer = [&](int, int) {
        gate.pass();
        return 11;
    };
    std::atomic<int> refreshed{0};
    Crew crew;
    crew.start([&] { refreshed = rig.price.refresh(rig.item()); });
    gate.await_arrivals(1);
    rig.price.invalidate(rig.item());
    gate.open();
    CHECK(crew.join() == 0);
    CHECK(refreshed == 11);
    CHECK(rig.is_removed());
}

TEST_CASE("a method may invalidate and refresh what it computes",
          "[flights][invalidate][threads]") {
    Rig rig;
    SECTION("an invalidation keeps the result out") {
        rig.source.answer = [&](int, int run) {
            rig.price.invalidate(rig.item());
            return run;
        };
        CHECK(rig.price(rig.item()) == 1);
        CHECK(rig.stores() == 0);
        CHECK(rig.is_removed());
    }
    SECTION("a refresh inside goes on without the cache") {
        rig.source.answer = [&](int, int run) {
            return run == 1 ? rig.price.refresh(rig.item()) + 10 : run;
        };
        CHECK(rig.price(rig.item()) == 12);
        CHECK(rig.price.peek(rig.item()).value_or(0) == 12);
    }
    SECTION("a refresh inside of itself needs none of the places for loads without a cache") {
        const Cache cache{rig.recording, {.loads_without_cache = 1}};
        const Price price{cache};
        rig.scripted->go_down();
        Gate gate;
        rig.source.answer = [&](int id, int run) {
            if (id == 2) gate.pass();
            return id == 1 && run == 1 ? price.refresh(rig.item()) + 10 : run;
        };
        Crew crew;
        crew.start([&] { (void)price(rig.item(2)); });  // takes the only place
        gate.await_arrivals(1);
        rig.scripted->come_back();
        CHECK(price(rig.item()) == 12);
        gate.open();
        CHECK(crew.join() == 0);
        CHECK(price.statistics().refused_loads == 0);
    }
    SECTION("a prefetch refreshes what it has computed before") {
        rig.source.answer = [&](int id, int run) {
            return id == 2 ? rig.price.refresh(rig.item(1)) : run;
        };
        const auto results = rig.price.prefetch(rig.items({1, 2}));
        CHECK(*results[0] == 1);
        CHECK(*results[1] == 2);
        CHECK(rig.price.peek(rig.item(1)).value_or(0) == 2);
    }
}

// ---- prefetch

TEST_CASE("two prefetches over one range in opposite order compute each result once",
          "[flights][prefetch][threads]") {
    constexpr int count = 40;
    Rig rig;
    rig.source.answer = [&](int id, int) {
        rig.await_misses(2 * count);  // both have found nothing
        return 10 * id;
    };
    std::vector<int> ids(count);
    std::iota(ids.begin(), ids.end(), 1);
    const auto forwards = rig.items(ids);
    std::reverse(ids.begin(), ids.end());
    const auto backwards = rig.items(ids);
    std::atomic<int> sum{0};
    Crew crew;
    for (const auto* const order : {&forwards, &backwards}) {
        crew.start([&, order] {
            const auto results = rig.price.prefetch(*order);
            for (std::size_t i = 0; i < results.size(); ++i) {
                if (*results[i] == 10 * (*order)[i].id) sum += 1;
            }
        });
    }
    CHECK(crew.join() == 0);
    CHECK(sum == 2 * count);
    CHECK(rig.source.runs() == count);
    CHECK(rig.price.statistics().stores == count);
}

TEST_CASE("prefetches and single calls over one range compute each result once",
          "[flights][prefetch][threads]") {
    constexpr int count = 25;
    Rig rig;
    Gate all;
    std::vector<int> ids(count);
    std::iota(ids.begin(), ids.end(), 1);
    std::atomic<int> right{0};
    Crew crew;
    for (unsigned seed = 1; seed <= 6; ++seed) {
        std::shuffle(ids.begin(), ids.end(), std::mt19937{seed});
        crew.start([&, order = rig.items(ids), is_single = seed % 3 == 0] {
            all.meet(6);
            if (is_single) {
                for (const Item& item : order) {
                    right += rig.price(item) == 10 * item.id ? 1 : 0;
                }
                return;
            }
            const auto results = rig.price.prefetch(order);
            for (std::size_t i = 0; i < results.size(); ++i) {
                right += *results[i] == 10 * order[i].id ? 1 : 0;
            }
        });
    }
    CHECK(crew.join() == 0);
    CHECK(right == 6 * count);
    CHECK(rig.source.runs() == count);
    CHECK(rig.price.statistics().stores == count);
}

TEST_CASE("a single call takes what a prefetch has computed and not stored yet",
          "[flights][prefetch][threads]") {
    Rig rig;
    Gate gate;
    rig.source.answer = [&](int id, int) {
        if (id == 2) gate.pass();
        return 10 * id;
    };
    std::atomic<int> sum{0};
    Crew crew;
    crew.start([&] {
        for (const auto& result : rig.price.prefetch(rig.items({1, 2}))) sum += *result;
    });
    gate.await_arrivals(1);
    CHECK(rig.price(rig.item(1)) == 10);
    crew.start([&] { sum += rig.price(rig.item(2)); });
    rig.await_passengers(1, 2);
    CHECK(rig.stores() == 0);
    gate.open();
    CHECK(crew.join() == 0);
    CHECK(sum == 50);
    CHECK(rig.source.runs() == 2);
    CHECK(rig.stores() == 1);
}

TEST_CASE("a prefetch takes what single calls are computing, and what they throw",
          "[flights][prefetch][failure][threads]") {
    Rig rig;
    rig.source.answer = [&](int id, int) -> int {
        if (id == 3) return 30;
        rig.await_passengers(1, id);
        if (id == 2) throw std::domain_error{"no price"};
        return 10;
    };
    Gate both;
    std::atomic<int> result{0};
    Crew crew;
    crew.start([&] { result = rig.price(rig.item(1)); });
    crew.start([&] {
        try {
            (void)rig.price(rig.item(2));
        } catch (const std::domain_error&) {
            both.open();
        }
    });
    await("both run", [&] { return rig.source.runs() == 2; });
    const auto results = rig.price.prefetch(rig.items({1, 2, 3}));
    both.pass();
    CHECK(crew.join() == 0);
    CHECK(result == 10);
    CHECK(*results[0] == 10);
    CHECK(results[1].failure().message() == "no price");
    CHECK(*results[2] == 30);
    CHECK(rig.source.runs() == 3);
    CHECK(rig.price.statistics().joined == 1);
}

TEST_CASE("prefetches whose methods need each other's results do not wait for ever",
          "[flights][prefetch][recursion][threads]") {
    Rig rig;
    Gate both;
    rig.source.answer = [&](int id, int run) {
        if (run > 1 || id > 2) return 5;
        both.meet(2);
        return *rig.price.prefetch(rig.items({3 - id, id + 2}))[0] + 1;
    };
    std::array<std::atomic<int>, 2> results{};
    Crew crew;
    crew.start([&] { results[0] = *rig.price.prefetch(rig.items({1, 5}))[0]; });
    crew.start([&] { results[1] = *rig.price.prefetch(rig.items({2, 6}))[0]; });
    CHECK(crew.join() == 0);
    CHECK(std::min(results[0], results[1]) == 6);
    CHECK(std::max(results[0], results[1]) == 7);
}

// ---- everything at once

TEST_CASE("no call ever gives a result that is older than the last invalidation before it",
          "[flights][invalidate][threads]") {
    constexpr int keys = 4;
    constexpr int workers = 6;
    constexpr int steps = 400;
    Rig rig;
    // The truth about each key only grows. `settled` is what it was when it was last invalidated.
    std::array<std::atomic<int>, keys> truth{};
    std::array<std::atomic<int>, keys> settled{};
    std::array<std::mutex, keys> changing;
    rig.source.answer = [&](int id, int run) {
        const int value = truth.at(static_cast<std::size_t>(id));
        if (run % 5 == 0) std::this_thread::yield();
        if (run % 17 == 0) throw std::domain_error{"no price"};
        return value;
    };
    const Price around{rig.cache.bypass()};
    std::atomic<int> too_old{0};
    std::atomic<int> too_new{0};
    Crew crew;
    for (unsigned worker = 0; worker < workers; ++worker) {
        crew.start([&, worker] {
            std::mt19937 random{worker};
            for (int step = 0; step < steps; ++step) {
                const auto key = static_cast<std::size_t>(random() % keys);
                const Item item = rig.item(static_cast<int>(key));
                const int oldest = settled.at(key);
                const auto check = [&](int result) {
                    if (result < oldest) ++too_old;
                    if (result > truth.at(key)) ++too_new;
                };
                try {
                    switch (random() % 12) {
                        case 0: {
                            const std::lock_guard lock{changing.at(key)};
                            const int now = ++truth.at(key);
                            rig.price.invalidate(item);
                            settled.at(key) = now;
                            break;
                        }
                        case 1: {
                            check(rig.price.refresh(item));
                            break;
                        }
                        case 2:
                            check(rig.price.peek(item).value_or(oldest));
                            break;
                        case 3:
                            check(rig.price.bypass(item));
                            break;
                        case 4:
                            check(around(item));
                            break;
                        case 5: {
                            std::vector<int> ids{0, 1, 2, 3};
                            std::shuffle(ids.begin(), ids.end(), random);
                            std::vector<int> floors;
                            for (const int id : ids) {
                                floors.push_back(settled.at(static_cast<std::size_t>(id)));
                            }
                            const auto results = rig.price.prefetch(rig.items(ids));
                            for (std::size_t i = 0; i < results.size(); ++i) {
                                if (results[i].value_or(floors[i]) < floors[i]) ++too_old;
                            }
                            break;
                        }
                        case 6:
                            rig.scripted->fail_next(1);
                            break;
                        default:
                            check(rig.price(item));
                    }
                } catch (const std::domain_error&) {
                    // The source may have no price.
                } catch (const BackendError&) {
                    // Nor need an invalidation succeed: then nothing is settled.
                }
            }
        });
    }
    CHECK(crew.join() == 0);
    CHECK(too_old == 0);
    CHECK(too_new == 0);
    for (int id = 0; id < keys; ++id) {
        rig.scripted->come_back();
        rig.source.answer = [&](int of, int) {
            return truth.at(static_cast<std::size_t>(of)).load();
        };
        rig.price.invalidate(rig.item(id));
        CHECK(rig.price(rig.item(id)) == truth.at(static_cast<std::size_t>(id)));
    }
}

namespace flights_test {

/// A result whose converter does something besides.
struct Watched {
    int value = 0;

    static inline std::function<void(int value)> on_encode;
};

}  // namespace flights_test

template <>
struct cachemodel::detail::ExternalCodec<flights_test::Watched> {
    static constexpr bool may_be_null = false;

    static void encode(CborWriter& writer, const flights_test::Watched& watched) {
        if (flights_test::Watched::on_encode) flights_test::Watched::on_encode(watched.value);
        writer.signed_integer(watched.value);
    }
    static bool decode(CborReader& reader, flights_test::Watched& watched) {
        return reader.integer(watched.value);
    }
};

namespace flights_test {

testing::TurnableClock* watched_clock = nullptr;

Watched watch(int id) {
    watched_clock->advance(20ms);
    return {id};
}

}  // namespace flights_test

TEST_CASE("an invalidation does not wait for converters that a prefetch runs",
          "[flights][prefetch][threads]") {
    testing::TurnableClock clock;
    watched_clock = &clock;
    const Cache cache{std::make_shared<testing::ScriptedBackend>(clock), {.clock = clock}};
    const CachedFunction<&watch> watched{cache};
    std::atomic<bool> invalidated{false};
    Crew crew;
    Watched::on_encode = [&](int value) {
        // The first result has been computed, and is not stored yet.
        if (value != 2) return;
        crew.start([&] {
            watched.invalidate(1);
            invalidated = true;
        });
        await("the first one is invalidated", [&] { return invalidated.load(); });
    };
    (void)watched.prefetch({1, 2, 3});
    CHECK(crew.join() == 0);
    Watched::on_encode = {};
    CHECK(invalidated);
    CHECK(watched.peek(1).absent());
    CHECK(watched.peek(2).found());
}
