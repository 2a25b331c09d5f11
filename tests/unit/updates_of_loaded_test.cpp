// cachemodel: changing stored models that have loaders: past their end, failing, and in two steps.
// SPDX-License-Identifier: MIT
#include <cachemodel/models.hpp>
#include <cachemodel/secondary_keys.hpp>

#include "support/catch.hpp"
#include "support/crew.hpp"
#include "support/load_rig.hpp"

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>

using namespace cachemodel;
using namespace std::chrono_literals;
using support::await;
using support::Barrier;
using support::Crew;
using support::LoadRig;
using support::Table;
using testing::Verb;

namespace updates_of_loaded_test {

struct Price {
    static constexpr ModelOptions cache_options{.expires = 10s,
                                                .stale_while_refresh = 20s,
                                                .stale_if_error = 1min,
                                                .lease_wait = 50ms,
                                                .load_backoff = 0s};
    Key<std::string> name;
    Field<int> cents;
    Field<int> changes;

    void from_miss(Table& table) { cents = table.row(name); }
};

void count_change(Price& price) { *price.changes += 1; }

/// Refreshed early, where its load was slow.
struct Soup {
    static constexpr ModelOptions cache_options{.expires = 10s, .early_refresh = 1};

    Key<std::string> name;
    Field<int> cents;

    void from_miss(Table& table) { cents = table.row(name); }
};

struct Essay {
    static constexpr ModelOptions cache_options{.lease_wait = 0s};

    Key<std::string> name;
    Field<std::string> text;

    void from_miss(Table& table) { text = std::to_string(table.row(name)); }
};

/// Found by its title, too.
struct Titled {
    static constexpr ModelOptions cache_options{.lease_wait = 0s};

    Key<std::string> name;
    Field<std::string> title;
    using secondary_keys = SecondaryKeys<By<&Titled::title>>;

    void from_miss(Table& table) { title = std::to_string(table.row(name)); }
};

/// What its second step does.
struct Rest {
    std::function<int()> answer = [] { return 2; };
    std::atomic<int> asked{0};
    std::atomic<bool> is_met{false};
};

/// Thrown in one thread and caught in another one.
struct NoRest {};

/// Loaded in two steps.
struct Dish {
    static constexpr ModelOptions cache_options{.lease_wait = 0s, .load_backoff = 0s};

    Key<std::string> name;
    Field<int> cents;
    Field<std::optional<int>> rest;
    Field<int> changes;

    void from_miss(Table& table) { cents = table.row(name); }
    void complete(Rest& other) {
        ++other.asked;
        rest = other.answer();
    }
};
/// What the loader of one and the second step of the other need of each other.
struct Sauce;
struct Meal {
    static constexpr ModelOptions cache_options{.lease_wait = 0s, .load_backoff = 0s};

    Key<int> id;
    Field<int> first;
    Field<int> second;

    void from_miss(Rest& rest) { first = rest.answer(); }
    void complete(Rest& rest, Cache& cache);
};
struct Sauce {
    static constexpr ModelOptions cache_options{.lease_wait = 0s, .load_backoff = 0s};

    Key<int> id;
    Field<int> spice;

    void from_miss(Rest& rest, Cache& cache) {
        const Models<Meal, Rest&, Cache&> meals{cache, rest, cache};
        spice = meals.update(1, [](Meal& meal) { *meal.first += 1; }).first;
    }
};
inline void Meal::complete(Rest& rest, Cache& cache) {
    rest.asked += 1;
    await("a sauce is asked for", [&] { return rest.asked != 1 || rest.is_met; });
    second = Models<Sauce, Rest&, Cache&>{cache, rest, cache}.get(1).spice;
}

/// Whose callers have more patience than a test.
struct Roast {
    static constexpr ModelOptions cache_options{.load_timeout = 30s, .load_backoff = 0s};

    Key<std::string> name;
    Field<int> cents;
    Field<std::optional<int>> rest;

    void from_miss(Table& table) { cents = table.row(name); }
    void complete(Rest& other) { rest = other.answer(); }
};
/// Whose callers have little.
struct Snack {
    static constexpr ModelOptions cache_options{.load_timeout = 50ms, .load_backoff = 0s};

    Key<std::string> name;
    Field<int> cents;
    Field<std::optional<int>> rest;

    void from_miss(Table& table) { cents = table.row(name); }
    void complete(Rest& other) { rest = other.answer(); }
};

struct Rig : LoadRig {
    Models<Price, Table&> prices{cache, table};
};

/// Of dishes whose second steps run in a pool.
struct DishRig : LoadRig {
    explicit DishRig(std::shared_ptr<Executor> pool = std::make_shared<ThreadPool>())
        : pooled{recording, {.executor = std::move(pool), .seed = 1, .clock = clock}} {}

    Cache pooled;
    Rest rest;
    Models<Dish, Table&, Rest&> dishes{pooled, table, rest};
    Models<Roast, Table&, Rest&> roasts{pooled, table, rest};
    Models<Snack, Table&, Rest&> snacks{pooled, table, rest};

    Dish change() {
        return dishes.update("tea", [](Dish& dish) { *dish.changes += 1; });
    }
};

}  // namespace updates_of_loaded_test

using namespace updates_of_loaded_test;

// ---- past its end

TEST_CASE("what is stale is loaded before it is updated", "[updates][stale][unit]") {
    Rig rig;
    CHECK(rig.prices.update("tea", count_change).cents == 100);
    rig.table.rows["tea"] = 200;
    rig.clock.advance(10s);
    const Price price = rig.prices.update("tea", count_change);
    CHECK(price.cents == 200);
    CHECK(price.changes == 1);  // of what the source says
    CHECK(rig.table.asked.size() == 2);
    CHECK(rig.executor->size() == 0);
    const auto found = rig.prices.find("tea");
    CHECK(found->cents == 200);
    CHECK_FALSE(found.stale());
    CHECK(rig.fresh_for() == 10s);
}

TEST_CASE("updates do not make an entry live longer than it would have", "[updates][stale][unit]") {
    Rig rig;
    (void)rig.prices.get("tea");
    rig.table.rows["tea"] = 200;
    for (int i = 0; i < 3; ++i) {
        rig.clock.advance(3s);
        CHECK(rig.prices.update("tea", count_change).cents == 100);
    }
    CHECK(rig.fresh_for() == 1s);
    rig.clock.advance(1s);
    CHECK(rig.prices.find("tea").stale());
    CHECK(rig.prices.update("tea", count_change).cents == 200);
}

TEST_CASE("an updated entry is refreshed early like the one that was loaded",
          "[updates][stale][unit]") {
    LoadRig rig;
    const Models<Soup, Table&> soups{rig.cache, rig.table};
    rig.table.before_answer = [&] { rig.clock.advance(700ms); };
    (void)soups.get("tea");
    soups.update("tea", [](Soup& soup) { soup.cents = 90; });
    CHECK(rig.envelope().load_cost == 700ms);
    CHECK(rig.fresh_for() == 10s);
}

TEST_CASE("an update does the work of a refresh that has not begun", "[updates][stale][unit]") {
    Rig rig;
    (void)rig.prices.get("tea");
    rig.clock.advance(10s);
    CHECK(rig.prices.find("tea").stale());
    CHECK(rig.executor->size() == 1);
    CHECK(rig.prices.update("tea", count_change).changes == 1);
    CHECK(rig.executor->run_all() == 1);
    CHECK(rig.table.asked.size() == 2);
    CHECK(rig.prices.get("tea").changes == 1);
}

TEST_CASE("an update waits for a refresh that is under way", "[updates][stale][unit][threads]") {
    LoadRig rig;
    const Cache pooled{rig.recording,
                       {.executor = std::make_shared<ThreadPool>(), .clock = rig.clock}};
    const Models<Price, Table&> prices{pooled, rig.table};
    (void)prices.get("tea");
    rig.clock.advance(10s);
    Barrier refreshing;
    rig.table.before_answer = [&] { refreshing.pass(); };
    rig.table.rows["tea"] = 200;
    CHECK(prices.find("tea").stale());
    refreshing.await_arrivals(1);
    Crew crew;
    std::atomic<int> changed{0};
    const auto misses = pooled.statistics().misses();
    crew.start([&] { changed = *prices.update("tea", count_change).cents; });
    await("the update looks for it", [&] { return pooled.statistics().misses() > misses; });
    CHECK(changed == 0);
    refreshing.open();
    CHECK(crew.join() == 0);
    CHECK(changed == 200);
    CHECK(rig.table.asked.size() == 2);
}

// ---- loaders that fail

TEST_CASE("an update of what its loader cannot bring throws what the loader throws",
          "[updates][stale][failure][unit]") {
    Rig rig;
    (void)rig.prices.get("tea");
    rig.table.is_broken = true;
    int runs = 0;
    const auto count_run = [&](Price&) { ++runs; };
    for (const auto age : {10s, 30s}) {  // to be refreshed, and to be served if its load fails
        rig.clock.advance(age);
        rig.table.take_asked();
        CHECK_THROWS_WITH(rig.prices.update("tea", count_run), "the table is broken");
        CHECK(rig.table.take_asked() == 1);
    }
    CHECK(runs == 0);
    // It is there as before.
    const auto found = rig.prices.find("tea");
    CHECK(found->cents == 100);
    CHECK(found.stale());
    rig.clock.advance(30s);
    CHECK_THROWS_WITH(rig.prices.update("tea", count_run), "the table is broken");
    CHECK_THROWS_WITH(rig.prices.update("milk", count_run), "the table is broken");
}

TEST_CASE("an update of what the source has no more finds nothing, stale or not",
          "[updates][stale][unit]") {
    Rig rig;
    (void)rig.prices.get("tea");
    rig.table.rows.clear();
    rig.clock.advance(10s);
    CHECK_THROWS_AS(rig.prices.update("tea", count_change), Missing);
    CHECK(rig.prices.find("tea").absent());
}

// ---- waiting until it is stored

TEST_CASE("an update waits until another thread has stored what it brings",
          "[updates][unit][threads]") {
    LoadRig rig;
    rig.scripted->capabilities_to_claim().shared = false;  // so there are no leases
    Barrier storing;
    rig.scripted->before_each_call([&](Verb verb) {
        if (verb == Verb::add) storing.pass();
    });
    const Models<Price, Table&> prices{Cache{rig.scripted, {.clock = rig.clock}}, rig.table};
    Crew crew;
    std::atomic<int> changes{0};
    crew.start([&] { (void)prices.get("tea"); });
    storing.await_arrivals(1);
    crew.start([&] { changes = *prices.update("tea", count_change).changes; });
    await("the update has its result", [&] { return prices.statistics().joined >= 1; });
    std::this_thread::sleep_for(20ms);  // that it waits for more, shows nowhere
    storing.open();
    CHECK(crew.join() == 0);
    CHECK(changes == 1);
    CHECK(rig.table.asked.size() == 1);
}

TEST_CASE("an update does not wait for what is loaded after the one that it is about",
          "[updates][unit][threads]") {
    LoadRig rig;
    rig.scripted->capabilities_to_claim().shared = false;  // so there are no leases
    rig.table.rows["cake"] = 300;
    Barrier first;
    Barrier second;
    rig.table.before_answer = [&] {
        (rig.table.asked.size() == 1 ? first : second).pass();
        rig.clock.advance(1s);
    };
    const Models<Price, Table&> prices{Cache{rig.scripted, {.clock = rig.clock}}, rig.table};
    Crew crew;
    crew.start([&] { (void)prices.get_many({"tea", "cake"}); });
    first.await_arrivals(1);
    std::atomic<int> changes{0};
    crew.start([&] { changes = *prices.update("tea", count_change).changes; });
    await("the update looks for it", [&] { return prices.statistics().misses() == 3; });
    std::this_thread::sleep_for(5ms);  // that it waits, shows nowhere
    first.open();
    await("it is changed", [&] { return changes == 1; });
    second.open();
    CHECK(crew.join() == 0);
    CHECK(rig.table.asked.size() == 2);
    CHECK(prices.statistics().overtaken_loads == 0);
}

TEST_CASE("a save of what has no room leaves nothing, though a load is being stored",
          "[models][unit][threads]") {
    LoadRig rig;
    rig.scripted->capabilities_to_claim().shared = false;  // so there are no leases
    rig.scripted->capabilities_to_claim().largest_value = 1'000;
    Barrier storing;
    rig.scripted->before_each_call([&](Verb verb) {
        if (verb == Verb::add) storing.pass();
    });
    const Models<Essay, Table&> essays{rig.cache, rig.table};
    Crew crew;
    crew.start([&] { (void)essays.get("tea"); });
    storing.await_arrivals(1);
    std::atomic<bool> is_refused{false};
    crew.start([&] {
        try {
            essays.save({.name = "tea", .text = std::string(2'000, 'x')});
        } catch (const ValueTooLarge&) {
            is_refused = true;
        }
    });
    await("it has no room", [&] { return rig.counted().store_failures == 1; });
    CHECK_FALSE(is_refused);
    storing.open();
    CHECK(crew.join() == 0);
    CHECK(is_refused);
    CHECK(rig.scripted->keys().empty());
}

TEST_CASE("a save of which only a secondary key has no room keeps the model",
          "[models][secondary_keys][unit][threads]") {
    LoadRig rig;
    rig.scripted->capabilities_to_claim().shared = false;
    rig.table.rows["cake"] = 300;
    Barrier storing;
    rig.scripted->before_each_call([&](Verb verb) {
        if (verb == Verb::add) storing.pass();
    });
    rig.scripted->fail_keys("*novel*", BackendFault::full);
    const Models<Titled, Table&> titled{rig.cache, rig.table};
    Crew crew;
    crew.start([&] { (void)titled.get("cake"); });  // a load is under way
    storing.await_arrivals(1);
    CHECK_THROWS_AS(titled.save({.name = "tea", .title = "novel"}), BackendError);
    CHECK(titled.exists("tea"));
    storing.open();
    CHECK(crew.join() == 0);
}

TEST_CASE("a removal and a save do not wait for what is being stored, and prevail",
          "[models][unit][threads]") {
    LoadRig rig;
    rig.scripted->capabilities_to_claim().shared = false;
    Barrier storing;
    rig.scripted->before_each_call([&](Verb verb) {
        if (verb == Verb::add) storing.pass();
    });
    const Models<Essay, Table&> essays{rig.cache, rig.table};
    Crew crew;
    crew.start([&] { (void)essays.get("tea"); });
    storing.await_arrivals(1);
    SECTION("a removal") {
        CHECK(essays.remove("tea"));
        storing.open();
        CHECK(crew.join() == 0);
        CHECK_FALSE(essays.exists("tea"));
    }
    SECTION("a save") {
        essays.save({.name = "tea", .text = "newer"});
        storing.open();
        CHECK(crew.join() == 0);
        CHECK(essays.get("tea").text == "newer");
    }
    CHECK(essays.statistics().overtaken_loads == 1);
}

// ---- in two steps

TEST_CASE("an update of what is loaded in two steps takes both", "[updates][complete][unit]") {
    DishRig rig{std::make_shared<testing::ManualExecutor>()};
    const Dish dish = rig.change();
    CHECK(dish.cents == 100);
    CHECK(dish.rest == 2);
    CHECK(dish.changes == 1);
    CHECK(rig.dishes.get("tea").changes == 1);
    CHECK(rig.table.asked.size() == 1);
    CHECK(rig.rest.asked == 1);
}

TEST_CASE("what a second step throws leaves update, and nothing is stored",
          "[updates][complete][failure][unit]") {
    DishRig rig{std::make_shared<testing::ManualExecutor>()};
    rig.rest.answer = []() -> int { throw std::runtime_error("no rest"); };
    CHECK_THROWS_WITH(rig.change(), "no rest");
    CHECK(rig.table.asked.size() == 1);
    CHECK(rig.scripted->keys().empty());
    CHECK(rig.pooled.statistics().load_failures == 1);
}

TEST_CASE("what is loaded in part is saved over nothing, neither before nor after it is completed",
          "[updates][complete][unit]") {
    const auto executor = std::make_shared<testing::ManualExecutor>();
    DishRig rig{executor};
    const auto save_mine = [&](Lookup<Dish>& mine) {
        mine->cents = 1;
        rig.dishes.save_if_unchanged(mine);
    };
    auto first = rig.dishes.find("tea");
    auto joined = rig.dishes.find("tea");
    auto many = rig.dishes.get_many({"tea", "tea"});
    CHECK(rig.table.asked.size() == 1);
    for (Lookup<Dish>* each : {&first, &joined, &many[0], &many[1]}) {
        CHECK_FALSE((*each)->rest->has_value());
        CHECK_THROWS_AS(save_mine(*each), Conflict);
        CHECK_THROWS_AS(rig.dishes.save_if_unchanged(*each, 0s), Conflict);
    }
    CHECK(rig.scripted->keys().empty());
    CHECK(executor->run_all() == 1);
    CHECK(rig.dishes.get("tea").rest == 2);
    CHECK_THROWS_AS(save_mine(first), Conflict);
    CHECK_THROWS_AS(save_mine(joined), Conflict);

    auto whole = rig.dishes.find("tea");
    save_mine(whole);
    CHECK(rig.dishes.get("tea").cents == 1);
    CHECK(rig.dishes.get("tea").rest == 2);
}

TEST_CASE("what is loaded in part is saved over nothing where it will never be completed",
          "[updates][complete][unit]") {
    const auto executor = std::make_shared<testing::ManualExecutor>();
    DishRig rig{executor};
    std::optional<Lookup<Dish>> mine;
    SECTION("as the cache failed") {
        rig.scripted->go_down();
        mine = rig.dishes.find("tea");
        rig.scripted->come_back();
    }
    SECTION("as the executor gave it up") {
        mine = rig.dishes.find("tea");
        CHECK(executor->drop_one());
    }
    SECTION("as it was loaded beside a load of the same that needs it") {
        rig.table.rows["milk"] = 50;
        rig.table.before_answer = [&] {
            rig.table.before_answer = {};
            mine = rig.dishes.find("milk");
        };
        (void)rig.dishes.get_many({"tea", "milk"});
    }
    REQUIRE(mine);
    CHECK(mine->found());
    CHECK_THROWS_AS(rig.dishes.save_if_unchanged(*mine), Conflict);
    CHECK(rig.scripted->keys().empty());
}

TEST_CASE("an update waits for a second step that is under way",
          "[updates][complete][unit][threads]") {
    DishRig rig;
    Barrier completing;
    const bool fails = GENERATE(false, true);
    rig.rest.answer = [&] {
        completing.pass();
        if (fails) throw NoRest{};
        return 3;
    };
    CHECK_FALSE(rig.dishes.get("tea").rest->has_value());
    completing.await_arrivals(1);
    Crew crew;
    std::atomic<int> rest{0};
    std::atomic<bool> has_failed{false};
    crew.start([&] {
        try {
            rest = rig.change().rest->value();
        } catch (const NoRest&) {
            has_failed = true;
        }
    });
    await("the update has a part", [&] { return rig.pooled.statistics().joined >= 1; });
    std::this_thread::sleep_for(20ms);  // that it waits for more, shows nowhere
    completing.open();
    CHECK(crew.join() == 0);
    CHECK(has_failed == fails);
    CHECK(rest == (fails ? 0 : 3));
    CHECK(rig.table.asked.size() == 1);
    CHECK(rig.rest.asked == 1);
}

TEST_CASE("an update does not wait for ever for a second step that does not begin",
          "[updates][complete][unit]") {
    const auto executor = std::make_shared<testing::ManualExecutor>();
    DishRig rig{executor};
    CHECK_FALSE(rig.dishes.get("tea").rest->has_value());
    CHECK(executor->size() == 1);
    // The executor may need this very thread.
    CHECK(rig.change().rest == 2);
    CHECK(rig.table.asked.size() == 2);
    executor->run_all();
    CHECK(rig.dishes.get("tea").changes == 1);
}

TEST_CASE("a second step that updates what it completes is needed for that itself",
          "[updates][complete][unit]") {
    DishRig rig{std::make_shared<testing::ManualExecutor>()};
    int refused = 0;
    rig.rest.answer = [&] {
        try {
            (void)rig.change();
        } catch (const RecursiveLoad&) {
            ++refused;
        }
        return 2;
    };
    CHECK(rig.change().changes == 1);
    CHECK(refused == 1);
    CHECK(rig.rest.asked == 1);
}

TEST_CASE("with a load_timeout an update waits for both steps",
          "[updates][complete][deadline][unit][threads]") {
    DishRig rig;
    const auto raise = [](Roast& roast) { *roast.cents += 1; };
    CHECK(rig.roasts.update("tea", raise).rest == 2);
    CHECK(rig.roasts.get("tea").cents == 101);
    CHECK(rig.roasts.remove("tea"));
    rig.rest.answer = []() -> int { throw NoRest{}; };
    CHECK_THROWS_AS(rig.roasts.update("tea", raise), NoRest);
    CHECK_FALSE(rig.roasts.exists("tea"));
}

TEST_CASE("with a load_timeout an update waits for both steps no longer than that",
          "[updates][complete][deadline][unit][threads]") {
    DishRig rig;
    Barrier completing;
    rig.rest.answer = [&] {
        completing.pass();
        return 3;
    };
    CHECK_THROWS_AS(rig.snacks.update("tea", [](Snack&) {}), LoadTimeout);
    CHECK(rig.pooled.statistics().load_timeouts == 1);
    completing.open();
    await("it is stored", [&] { return rig.snacks.exists("tea"); });
    CHECK(rig.snacks.update("tea", [](Snack& snack) { *snack.cents += 1; }).rest == 3);
}

TEST_CASE("an update in a loader that a second step waits for closes no circle",
          "[updates][complete][threads]") {
    LoadRig rig;
    const auto pool = std::make_shared<ThreadPool>();
    Cache cache{rig.recording, {.executor = pool, .seed = 1, .clock = rig.clock}};
    Rest rest;
    const Models<Meal, Rest&, Cache&> meals{cache, rest, cache};
    const Models<Sauce, Rest&, Cache&> sauces{cache, rest, cache};
    CHECK(meals.get(1).first == 2);
    await("its second step runs", [&] { return rest.asked == 1; });
    const auto begin = std::chrono::steady_clock::now();
    Crew crew;
    crew.start([&] { (void)sauces.get(1); });
    await("the sauce is being loaded", [&] { return rig.log().trips() >= 3; });
    rest.is_met = true;
    (void)crew.join();  // who needs himself has an error
    CHECK(pool->shutdown(30s));
    CHECK(std::chrono::steady_clock::now() - begin < 20s);
}
