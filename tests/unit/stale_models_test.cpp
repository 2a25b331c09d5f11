// cachemodel: models past their lifetime: served stale, refreshed, remembered as missing.
// SPDX-License-Identifier: MIT
#include <cachemodel/models.hpp>
#include <cachemodel/testing/manual_executor.hpp>
#include <cachemodel/testing/scripted_backend.hpp>
#include <cachemodel/testing/turnable_clock.hpp>

#include "support/catch.hpp"

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

using namespace cachemodel;
using namespace std::chrono_literals;
using testing::ManualExecutor;
using testing::ScriptedBackend;
using testing::TurnableClock;

namespace stale_models_test {

struct Table {
    std::map<std::string, int> rows;
    std::vector<std::string> asked = {};
    std::function<void()> before_answer = {};
    bool is_broken = false;

    int row(const std::string& name) {
        asked.push_back(name);
        if (before_answer) before_answer();
        if (is_broken) throw std::runtime_error("the table is broken");
        const auto found = rows.find(name);
        if (found == rows.end()) throw Missing{};
        return found->second;
    }
};

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

struct Rig {
    TurnableClock clock;
    std::shared_ptr<ScriptedBackend> backend = std::make_shared<ScriptedBackend>(clock);
    std::shared_ptr<ManualExecutor> executor = std::make_shared<ManualExecutor>();
    Cache cache{backend, {.executor = executor, .seed = 1, .clock = clock}};
    Table table{{{"tea", 100}}};
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
