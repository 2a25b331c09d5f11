// cachemodel: changing stored models that have loaders: past their end, or failing.
// SPDX-License-Identifier: MIT
#include <cachemodel/models.hpp>

#include "support/catch.hpp"
#include "support/crew.hpp"
#include "support/load_rig.hpp"

#include <atomic>
#include <chrono>
#include <memory>
#include <string>

using namespace cachemodel;
using namespace std::chrono_literals;
using support::await;
using support::Barrier;
using support::Crew;
using support::LoadRig;
using support::Table;

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

struct Rig : LoadRig {
    Models<Price, Table&> prices{cache, table};
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
