// cachemodel: for how long backends keep what is served stale, and what a cache says for all.
// SPDX-License-Identifier: MIT
#include <cachemodel/models.hpp>

#include "support/catch.hpp"
#include "support/load_rig.hpp"

#include <chrono>
#include <string>

using namespace cachemodel;
using namespace std::chrono_literals;
using support::Table;

namespace stale_lifetimes_test {

struct Price {
    static constexpr ModelOptions cache_options{
        .expires = 1500ms, .stale_while_refresh = 2s, .stale_if_error = 4s, .load_backoff = 0s};
    Key<std::string> name;
    Field<int> cents;

    void from_miss(Table& table) { cents = table.row(name); }
};

struct Brief {
    static constexpr ModelOptions cache_options{.expires = 10s, .stale_while_refresh = 2s};
    Key<std::string> name;
    Field<int> cents;

    void from_miss(Table& table) { cents = table.row(name); }
};

/// What is kept for more than 30 days, memcached takes for a date.
struct Deed {
    static constexpr ModelOptions cache_options{
        .expires = 24h * 40, .stale_while_refresh = 24h * 20, .stale_if_error = 24h * 365 * 200};
    Key<std::string> name;
    Field<int> cents;

    void from_miss(Table& table) { cents = table.row(name); }
};

/// Says nothing but how long it is fresh.
struct Plain {
    static constexpr ModelOptions cache_options{.expires = 10s};
    Key<std::string> name;
    Field<int> cents;

    void from_miss(Table& table) { cents = table.row(name); }
};
struct Eternal {
    Key<std::string> name;
    Field<int> cents;

    void from_miss(Table& table) { cents = table.row(name); }
};
/// Without a source nothing can be loaded again.
struct Note {
    static constexpr ModelOptions cache_options{.expires = 10s};
    Key<std::string> name;
    Field<int> cents;
};
/// Wants no part of what its cache says.
struct Strict {
    static constexpr ModelOptions cache_options{
        .expires = 10s, .stale_while_refresh = 0s, .stale_if_error = 0s};
    Key<std::string> name;
    Field<int> cents;

    void from_miss(Table& table) { cents = table.row(name); }
};

using support::LoadRig;

}  // namespace stale_lifetimes_test

using namespace stale_lifetimes_test;

TEST_CASE("an entry is kept for its lifetime and the longer of its windows", "[models][stale]") {
    LoadRig rig;
    const Models<Price, Table&> prices{rig.cache, rig.table};
    (void)prices.get("tea");
    CHECK(rig.fresh_for() == 1500ms);
    CHECK(rig.kept_for() == Lifetime{5500ms});
    prices.save({.name = "tea", .cents = 1}, 250ms);
    CHECK(rig.fresh_for() == 250ms);
    CHECK(rig.kept_for() == Lifetime{4250ms});
    CHECK(prices.touch("tea", 3s));
    CHECK(rig.fresh_for() == 3s);
    CHECK(rig.kept_for() == Lifetime{7s});
    prices.save({.name = "tea", .cents = 1}, never);
    CHECK_FALSE(rig.fresh_for());
    CHECK(rig.kept_for() == Lifetime{never});
}

TEST_CASE("on a backend of whole seconds the windows of models end to the millisecond",
          "[models][stale]") {
    LoadRig rig;
    rig.scripted->capabilities_to_claim().lifetime_resolution = 1s;
    const Models<Price, Table&> prices{rig.cache, rig.table};
    (void)prices.get("tea");
    CHECK(rig.fresh_for() == 1500ms);
    // It may drop an entry up to a second early.
    CHECK(rig.kept_for() == Lifetime{7s});
    rig.clock.advance(1500ms - 1ms);
    CHECK_FALSE(prices.find("tea").stale());
    rig.clock.advance(1ms);
    CHECK(prices.find("tea").stale());
    CHECK(rig.executor->drop_one());
    rig.clock.advance(2s - 1ms);
    CHECK(prices.find("tea").stale());
    CHECK(rig.executor->drop_one());
    rig.table.is_broken = true;
    rig.clock.advance(1ms);
    CHECK(prices.find("tea").stale());
    CHECK(rig.executor->size() == 0);
    rig.clock.advance(2s - 1ms);
    CHECK(prices.find("tea").stale());
    rig.clock.advance(1ms);
    CHECK_THROWS_WITH(prices.find("tea"), "the table is broken");
}

TEST_CASE("a lease on a stale value keeps it for as long as a load may take", "[models][stale]") {
    LoadRig rig;
    const Models<Price, Table&> prices{rig.cache, rig.table};
    (void)prices.get("tea");
    rig.clock.advance(2s);
    (void)prices.get("tea");
    rig.table.before_answer = [&] {
        CHECK(rig.fresh_for() == -500ms);
        CHECK(rig.kept_for() == Lifetime{35s});
        // Others see that it is being loaded, and begin nothing.
        const Cache other{rig.recording, {.executor = rig.executor, .clock = rig.clock}};
        CHECK(Models<Price, Table&>{other, rig.table}.find("tea").stale());
        CHECK(rig.executor->size() == 0);
    };
    CHECK(rig.executor->run_all() == 1);
    rig.table.before_answer = {};
    CHECK(rig.fresh_for() == 1500ms);
    CHECK(rig.kept_for() == Lifetime{5500ms});
}

TEST_CASE("a lease on a stale value outlives the time for which that may be served",
          "[models][stale]") {
    LoadRig rig;
    const Models<Brief, Table&> prices{rig.cache, rig.table};
    (void)prices.get("tea");
    rig.clock.advance(12s - 1ms);
    CHECK(prices.find("tea").stale());
    Table of_another{{{"tea", 200}}};
    const Cache another{rig.recording, {.lease_wait = 20ms, .clock = rig.clock}};
    rig.table.before_answer = [&] {
        rig.clock.advance(1100ms);
        CHECK(Models<Brief, Table&>{another, of_another}.get("tea").cents == 200);
    };
    CHECK(rig.executor->run_all() == 1);
    CHECK(another.statistics().lease_waits == 1);
    CHECK(another.statistics().misses(MissReason::expired) == 1);
}

TEST_CASE("a refresh is stored although what it replaces has gone meanwhile", "[models][stale]") {
    LoadRig rig;
    const Cache cache{rig.recording,
                      {.lease_wait = 0s, .executor = rig.executor, .clock = rig.clock}};
    const Models<Brief, Table&> prices{cache, rig.table};
    (void)prices.get("tea");
    rig.clock.advance(12s - 1ms);
    CHECK(prices.find("tea").stale());
    rig.table.rows["tea"] = 200;
    rig.table.before_answer = [&] { rig.clock.advance(25s); };
    CHECK(rig.executor->run_all() == 1);
    CHECK(rig.fresh_for() == 10s);
    CHECK(prices.get("tea").cents == 200);
    CHECK(rig.table.asked.size() == 2);
}

TEST_CASE("a refresh whose entry has gone does not bring back what was removed",
          "[models][stale]") {
    LoadRig rig;
    const Cache cache{rig.recording,
                      {.lease_wait = 0s, .executor = rig.executor, .clock = rig.clock}};
    const Models<Brief, Table&> prices{cache, rig.table};
    const Models<Brief, Table&> of_another{rig.cache, rig.table};
    (void)prices.get("tea");
    rig.clock.advance(12s - 1ms);
    CHECK(prices.find("tea").stale());
    rig.table.before_answer = [&] {
        rig.clock.advance(1s);
        of_another.remove("tea");
        rig.clock.advance(24s);
    };
    CHECK(rig.executor->run_all() == 1);
    CHECK_FALSE(prices.exists("tea"));
    CHECK(cache.statistics().overtaken_loads == 1);
}

TEST_CASE("a lease whose load failed leaves the stale value as it was", "[models][stale]") {
    LoadRig rig;
    const Models<Price, Table&> prices{rig.cache, rig.table};
    (void)prices.get("tea");
    rig.clock.advance(2s);
    rig.table.is_broken = true;
    (void)prices.get("tea");
    CHECK(rig.executor->run_all() == 1);
    CHECK(rig.fresh_for() == -500ms);
    CHECK(rig.kept_for() == Lifetime{3500ms});
    CHECK(prices.find("tea").stale());
    CHECK(rig.executor->size() == 1);
}

TEST_CASE("lifetimes of months and windows of centuries are kept as they are", "[models][stale]") {
    LoadRig rig;
    rig.scripted->capabilities_to_claim().lifetime_resolution = 1s;
    const Models<Deed, Table&> deeds{rig.cache, rig.table};
    (void)deeds.get("tea");
    CHECK(rig.fresh_for() == 24h * 40);
    rig.clock.advance(24h * 40 - 1ms);
    CHECK_FALSE(deeds.find("tea").stale());
    rig.clock.advance(1ms);
    CHECK(deeds.find("tea").stale());
    CHECK(rig.executor->drop_one());
    rig.clock.advance(24h * 20);
    CHECK(rig.table.take_asked() == 1);
    rig.table.is_broken = true;
    CHECK(deeds.find("tea").stale());
    CHECK(rig.table.take_asked() == 1);
    rig.clock.advance(24h * 365 * 100);
    CHECK(deeds.find("tea").stale());
}

TEST_CASE("what a cache says holds for models with a loader that say nothing else",
          "[models][stale]") {
    LoadRig rig;
    const Cache cache{rig.recording,
                      {.stale_while_refresh = 30s, .executor = rig.executor, .clock = rig.clock}};
    const Models<Plain, Table&> plain{cache, rig.table};
    const Models<Strict, Table&> strict{cache, rig.table};
    const Models<Eternal, Table&> eternal{cache, rig.table};
    const Models<Note> notes{cache};
    (void)plain.get("tea");
    (void)strict.get("tea");
    (void)eternal.get("tea");
    notes.save({.name = "tea", .cents = 1});
    rig.clock.advance(40s - 1ms);
    CHECK(plain.find("tea").stale());
    CHECK_FALSE(strict.find("tea").stale());
    CHECK(notes.find("tea").absent());
    CHECK_FALSE(eternal.find("tea").stale());
    CHECK(rig.table.take_asked() == 4);
    rig.executor->drop_one();
    rig.clock.advance(1ms);
    CHECK_FALSE(plain.find("tea").stale());
    CHECK(rig.table.take_asked() == 1);
}

TEST_CASE("a URL says how stale entries may be served", "[models][stale]") {
    Table table{{{"tea", 100}}};
    const Cache cache = Cache::open("memory://?stale_while_refresh=30s&stale_if_error=1min");
    const Models<Plain, Table&> plain{cache, table};
    plain.save({.name = "tea", .cents = 1}, 1ns);
    const auto found = plain.find("tea");
    CHECK(found.stale());
    CHECK(found->cents == 1);
}
