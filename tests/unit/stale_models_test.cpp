// cachemodel: models past their lifetime: served stale, refreshed, remembered as missing.
// SPDX-License-Identifier: MIT
#include <cachemodel/models.hpp>

#include "support/catch.hpp"
#include "support/load_rig.hpp"

#include <chrono>
#include <memory>
#include <string>

using namespace cachemodel;
using namespace std::chrono_literals;
using support::Table;

namespace stale_models_test {

struct Price {
    static constexpr ModelOptions cache_options{.expires = 10s,
                                                .stale_while_refresh = 20s,
                                                .stale_if_error = 1min,
                                                .lease_wait = 0s,
                                                .load_backoff = 0s};
    Key<std::string> name;
    Field<int> cents;

    void from_miss(Table& table) { cents = table.row(name); }
};

struct Rig : support::LoadRig {
    Models<Price, Table&> prices{cache, table};
};

}  // namespace stale_models_test

using namespace stale_models_test;

TEST_CASE("what is stale is served at once, and loaded again once in the background",
          "[models][stale]") {
    Rig rig;
    CHECK(rig.prices.get("tea").cents == 100);
    rig.table.rows["tea"] = 200;
    rig.clock.advance(10s);
    const auto stale = rig.prices.find("tea");
    CHECK(stale->cents == 100);
    CHECK(stale.stale());
    CHECK(rig.prices.find("tea")->cents == 100);
    CHECK(rig.table.asked.size() == 1);
    CHECK(rig.executor->size() == 1);

    CHECK(rig.executor->run_all() == 1);
    CHECK(rig.table.asked.size() == 2);
    const auto fresh = rig.prices.find("tea");
    CHECK(fresh->cents == 200);
    CHECK_FALSE(fresh.stale());
    CHECK(rig.cache.statistics().stale_served == 2);
    CHECK(rig.cache.statistics().refreshes == 1);
}

TEST_CASE("an entry is fresh until the very end of its lifetime", "[models][stale]") {
    Rig rig;
    (void)rig.prices.get("tea");
    rig.clock.advance(10s - 1ms);
    CHECK_FALSE(rig.prices.find("tea").stale());
    rig.clock.advance(1ms);
    CHECK(rig.prices.find("tea").stale());
}

TEST_CASE("beyond the time for refreshes a caller waits for the load", "[models][stale]") {
    Rig rig;
    (void)rig.prices.get("tea");
    rig.table.rows["tea"] = 200;
    rig.clock.advance(30s);
    CHECK(rig.prices.get("tea").cents == 200);
    CHECK(rig.executor->size() == 0);
}

TEST_CASE("a stale value is served where the loader fails, for as long as the options say",
          "[models][stale]") {
    Rig rig;
    (void)rig.prices.get("tea");
    rig.table.is_broken = true;
    rig.clock.advance(30s);
    const auto stale = rig.prices.find("tea");
    CHECK(stale->cents == 100);
    CHECK(stale.stale());
    CHECK(rig.table.asked.size() == 2);
    rig.clock.advance(40s - 1ms);
    CHECK(rig.prices.get("tea").cents == 100);
    rig.clock.advance(1ms);
    CHECK_THROWS_WITH(rig.prices.get("tea"), "the table is broken");
}

TEST_CASE("what the source has no more is not served stale", "[models][stale]") {
    Rig rig;
    (void)rig.prices.get("tea");
    rig.table.rows.clear();
    rig.clock.advance(15s);
    CHECK(rig.prices.find("tea").found());
    rig.executor->run_all();
    CHECK(rig.prices.find("tea").absent());
}

TEST_CASE("a removal ends stale values at once", "[models][stale]") {
    Rig rig;
    (void)rig.prices.get("tea");
    rig.clock.advance(15s);
    CHECK(rig.prices.find("tea").stale());
    rig.table.rows["tea"] = 300;
    CHECK(rig.prices.remove("tea"));
    // The refresh that began before it stores nothing.
    rig.executor->run_all();
    CHECK(rig.cache.statistics().stores == 1);
    const auto loaded = rig.prices.find("tea");
    CHECK(loaded->cents == 300);
    CHECK_FALSE(loaded.stale());
}

TEST_CASE("an executor without room leaves the stale value, and is counted", "[models][stale]") {
    Rig rig;
    (void)rig.prices.get("tea");
    rig.clock.advance(15s);
    rig.executor->refuse();
    CHECK(rig.prices.find("tea").stale());
    CHECK(rig.cache.statistics().refused_tasks == 1);
    rig.executor->refuse(false);
    CHECK(rig.prices.find("tea").stale());
    CHECK(rig.executor->run_all() == 1);
    CHECK_FALSE(rig.prices.find("tea").stale());
}

TEST_CASE("a refresh that fails leaves the stale value", "[models][stale]") {
    Rig rig;
    (void)rig.prices.get("tea");
    rig.clock.advance(15s);
    rig.table.is_broken = true;
    CHECK(rig.prices.find("tea").stale());
    rig.executor->run_all();
    CHECK(rig.prices.find("tea").stale());
    CHECK(rig.cache.statistics().load_failures == 1);
}

TEST_CASE("a lifetime begins when the loader is done", "[models][stale]") {
    Rig rig;
    rig.table.before_answer = [&] { rig.clock.advance(5s); };
    (void)rig.prices.get("tea");
    rig.clock.advance(10s - 1ms);
    CHECK_FALSE(rig.prices.find("tea").stale());
    rig.clock.advance(1ms);
    CHECK(rig.prices.find("tea").stale());
}

TEST_CASE("the time for refreshes ends to the millisecond", "[models][stale]") {
    Rig rig;
    (void)rig.prices.get("tea");
    rig.clock.advance(30s - 1ms);
    CHECK(rig.prices.find("tea").stale());
    CHECK(rig.table.take_asked() == 1);
    CHECK(rig.executor->drop_one());
    rig.clock.advance(1ms);
    CHECK_FALSE(rig.prices.find("tea").stale());
    CHECK(rig.table.take_asked() == 1);
    CHECK(rig.executor->size() == 0);
}

TEST_CASE("a refresh that is given up lets the next caller begin another one", "[models][stale]") {
    Rig rig;
    (void)rig.prices.get("tea");
    rig.clock.advance(15s);
    CHECK(rig.prices.find("tea").stale());
    CHECK(rig.executor->drop_one());
    CHECK(rig.prices.find("tea").stale());
    CHECK(rig.executor->run_all() == 1);
    CHECK_FALSE(rig.prices.find("tea").stale());
    CHECK(rig.table.asked.size() == 2);
}

TEST_CASE("a refreshed entry is fresh for its whole lifetime, and stale again after it",
          "[models][stale]") {
    Rig rig;
    (void)rig.prices.get("tea");
    rig.clock.advance(15s);
    (void)rig.prices.get("tea");
    rig.executor->run_all();
    rig.clock.advance(10s - 1ms);
    CHECK_FALSE(rig.prices.find("tea").stale());
    rig.clock.advance(1ms);
    CHECK(rig.prices.find("tea").stale());
    CHECK(rig.executor->size() == 1);
}

TEST_CASE("where the source recovers, a stale value is replaced by the call that finds out",
          "[models][stale]") {
    Rig rig;
    (void)rig.prices.get("tea");
    rig.table.is_broken = true;
    rig.clock.advance(40s);
    CHECK(rig.prices.find("tea").stale());
    rig.table.is_broken = false;
    rig.table.rows["tea"] = 200;
    const auto loaded = rig.prices.find("tea");
    CHECK(loaded->cents == 200);
    CHECK_FALSE(loaded.stale());
}

TEST_CASE("what the source has no more is not served instead of the loss of it",
          "[models][stale]") {
    Rig rig;
    (void)rig.prices.get("tea");
    rig.table.rows.clear();
    rig.clock.advance(40s);
    CHECK(rig.prices.find("tea").absent());
    rig.table.is_broken = true;
    CHECK_THROWS_WITH(rig.prices.find("tea"), "the table is broken");
}

TEST_CASE("a cache that fails has nothing stale", "[models][stale]") {
    Rig rig;
    (void)rig.prices.get("tea");
    rig.clock.advance(15s);
    rig.scripted->go_down();
    const auto loaded = rig.prices.find("tea");
    CHECK_FALSE(loaded.stale());
    rig.table.is_broken = true;
    CHECK_THROWS_WITH(rig.prices.find("tea"), "the table is broken");
    rig.scripted->come_back();
    // Nothing was written back after the read that failed.
    CHECK(rig.prices.find("tea").stale());
}

TEST_CASE("what is damaged is not served stale", "[models][stale]") {
    Rig rig;
    (void)rig.prices.get("tea");
    const auto key = rig.scripted->keys().at(0);
    auto bytes = rig.scripted->stored(key).value();
    bytes.back() = static_cast<char>(bytes.back() + 1);
    rig.scripted->plant(key, bytes);
    rig.table.is_broken = true;
    rig.clock.advance(15s);
    CHECK_THROWS_WITH(rig.prices.find("tea"), "the table is broken");
    CHECK(rig.executor->size() == 0);
}

TEST_CASE("a door that bypasses the cache serves nothing stale", "[models][stale]") {
    Rig rig;
    (void)rig.prices.get("tea");
    rig.table.rows["tea"] = 200;
    rig.clock.advance(15s);
    const Models<Price, Table&> around{rig.cache.bypass(), rig.table};
    CHECK(around.find("tea")->cents == 200);
    CHECK_FALSE(around.find("tea").stale());
    CHECK(rig.prices.find("tea")->cents == 100);
}

TEST_CASE("a door that went before its refresh began is not used by it", "[models][stale]") {
    support::LoadRig rig;
    {
        auto table = std::make_unique<Table>(Table{{{"tea", 100}}});
        const Models<Price, Table&> prices{rig.cache, *table};
        (void)prices.get("tea");
        rig.clock.advance(15s);
        CHECK(prices.find("tea").stale());
    }
    CHECK(rig.executor->run_all() == 1);
    CHECK(rig.counted().refreshes == 0);
    // Whoever comes later begins another one.
    const Models<Price, Table&> prices{rig.cache, rig.table};
    CHECK(prices.find("tea").stale());
    CHECK(rig.executor->run_all() == 1);
    CHECK(rig.table.asked.size() == 1);
    CHECK_FALSE(prices.find("tea").stale());
}

TEST_CASE("hits, misses and stale values are counted apart", "[models][stale]") {
    Rig rig;
    (void)rig.prices.get("tea");
    (void)rig.prices.get("tea");
    rig.clock.advance(15s);
    (void)rig.prices.get("tea");
    rig.executor->run_all();
    rig.table.is_broken = true;
    rig.clock.advance(45s);
    (void)rig.prices.get("tea");
    for (const Statistics& counted : {rig.counted(), rig.prices.statistics()}) {
        CHECK(counted.hits == 2);
        CHECK(counted.misses(MissReason::nothing_stored) == 1);
        CHECK(counted.misses(MissReason::expired) == 1);
        CHECK(counted.stale_served == 2);
        CHECK(counted.loads == 2);
        CHECK(counted.refreshes == 1);
        CHECK(counted.load_failures == 1);
        CHECK(counted.stores == 2);
    }
}
