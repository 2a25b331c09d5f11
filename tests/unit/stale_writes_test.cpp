// cachemodel: what writing verbs do to models that are served stale.
// SPDX-License-Identifier: MIT
#include <cachemodel/models.hpp>

#include "support/catch.hpp"
#include "support/load_rig.hpp"

#include <chrono>
#include <string>

using namespace cachemodel;
using namespace std::chrono_literals;
using support::Table;

namespace stale_writes_test {

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

    bool is_stale() { return prices.find("tea").stale(); }
};

}  // namespace stale_writes_test

using namespace stale_writes_test;

TEST_CASE("a saved model is served stale for as long as a loaded one", "[models][stale]") {
    Rig rig;
    rig.prices.save({.name = "tea", .cents = 90});
    rig.clock.advance(10s - 1ms);
    CHECK_FALSE(rig.is_stale());
    rig.clock.advance(1ms);
    CHECK(rig.is_stale());
    CHECK(rig.executor->drop_one());
    rig.clock.advance(20s);
    rig.table.is_broken = true;
    CHECK(rig.prices.get("tea").cents == 90);
    rig.clock.advance(40s);
    CHECK_THROWS(rig.prices.get("tea"));
    CHECK(rig.scripted->keys().empty());
}

TEST_CASE("a lifetime given to save is how long it is fresh, and it is kept stale after that",
          "[models][stale]") {
    Rig rig;
    rig.prices.save({.name = "tea", .cents = 90}, 2s);
    rig.clock.advance(2s - 1ms);
    CHECK_FALSE(rig.is_stale());
    rig.clock.advance(1ms);
    CHECK(rig.is_stale());
    CHECK(rig.executor->drop_one());
    rig.clock.advance(20s);
    CHECK_FALSE(rig.is_stale());
    CHECK(rig.prices.get("tea").cents == 100);
}

TEST_CASE("what is saved for ever is never stale", "[models][stale]") {
    Rig rig;
    rig.prices.save({.name = "tea", .cents = 90}, never);
    rig.clock.advance(24h * 10'000);
    const auto found = rig.prices.find("tea");
    CHECK(found->cents == 90);
    CHECK_FALSE(found.stale());
    CHECK(rig.table.asked.empty());
}

TEST_CASE("what is saved for no time at all is not served stale either", "[models][stale]") {
    Rig rig;
    (void)rig.prices.get("tea");
    rig.prices.save({.name = "tea", .cents = 90}, 0s);
    CHECK_FALSE(rig.prices.exists("tea"));
    rig.table.is_broken = true;
    CHECK_THROWS_WITH(rig.prices.get("tea"), "the table is broken");
}

TEST_CASE("a save while a refresh waits is not overwritten by it", "[models][stale]") {
    Rig rig;
    (void)rig.prices.get("tea");
    rig.clock.advance(15s);
    CHECK(rig.is_stale());
    rig.prices.save({.name = "tea", .cents = 90});
    rig.executor->run_all();
    CHECK(rig.prices.get("tea").cents == 90);
    // It is in vain, and does not even ask.
    CHECK(rig.table.asked.size() == 1);
}

TEST_CASE("a save while a refresh runs is not overwritten by it", "[models][stale]") {
    Rig rig;
    (void)rig.prices.get("tea");
    rig.clock.advance(15s);
    CHECK(rig.is_stale());
    rig.table.before_answer = [&] { rig.prices.save({.name = "tea", .cents = 90}); };
    rig.executor->run_all();
    CHECK(rig.prices.get("tea").cents == 90);
    CHECK(rig.counted().overtaken_loads == 1);
}

TEST_CASE("exists is true of what is served at once, and only of that", "[models][stale]") {
    Rig rig;
    CHECK_FALSE(rig.prices.exists("tea"));
    (void)rig.prices.get("tea");
    CHECK(rig.prices.exists("tea"));
    rig.clock.advance(30s - 1ms);
    CHECK(rig.prices.exists("tea"));
    rig.clock.advance(1ms);
    CHECK_FALSE(rig.prices.exists("tea"));
    CHECK(rig.executor->size() == 0);
    CHECK(rig.table.asked.size() == 1);
}

TEST_CASE("touch gives a fresh model another end, and it is kept stale after that",
          "[models][stale]") {
    Rig rig;
    (void)rig.prices.get("tea");
    rig.clock.advance(5s);
    CHECK(rig.prices.touch("tea", 1min));
    rig.clock.advance(1min - 1ms);
    CHECK_FALSE(rig.is_stale());
    rig.clock.advance(1ms);
    CHECK(rig.is_stale());
    CHECK(rig.executor->drop_one());
    rig.clock.advance(20s - 1ms);
    CHECK(rig.is_stale());
    CHECK(rig.executor->drop_one());
    rig.table.is_broken = true;
    rig.clock.advance(40s);
    CHECK(rig.prices.get("tea").cents == 100);
    rig.clock.advance(1ms);
    CHECK_THROWS_WITH(rig.prices.get("tea"), "the table is broken");
}

TEST_CASE("touch does not make fresh what is stale", "[models][stale]") {
    Rig rig;
    (void)rig.prices.get("tea");
    rig.clock.advance(15s);
    CHECK_FALSE(rig.prices.touch("tea", 1min));
    CHECK(rig.is_stale());
}

TEST_CASE("what is touched for ever is never stale", "[models][stale]") {
    Rig rig;
    (void)rig.prices.get("tea");
    CHECK(rig.prices.touch("tea", never));
    rig.clock.advance(24h * 10'000);
    CHECK_FALSE(rig.is_stale());
    CHECK(rig.table.asked.size() == 1);
}

TEST_CASE("touch for no time at all leaves nothing to be served stale", "[models][stale]") {
    Rig rig;
    (void)rig.prices.get("tea");
    CHECK(rig.prices.touch("tea", 0s));
    CHECK_FALSE(rig.prices.exists("tea"));
    rig.table.is_broken = true;
    CHECK_THROWS_WITH(rig.prices.get("tea"), "the table is broken");
}

TEST_CASE("get_or_create finds what is served stale, and has it refreshed by nobody",
          "[models][stale]") {
    Rig rig;
    (void)rig.prices.get("tea");
    rig.clock.advance(30s - 1ms);
    const auto stored = rig.prices.get_or_create({.name = "tea", .cents = 1});
    CHECK_FALSE(stored.created);
    CHECK(stored.model.cents == 100);
    rig.clock.advance(1ms);
    const auto created = rig.prices.get_or_create({.name = "tea", .cents = 1});
    CHECK(created.created);
    CHECK(created.model.cents == 1);
    CHECK(rig.executor->size() == 0);
    CHECK(rig.table.asked.size() == 1);
}

TEST_CASE("a renamed model is gone under its old keys, stale or not", "[models][stale]") {
    Rig rig;
    (void)rig.prices.get("tea");
    rig.clock.advance(15s);
    rig.table.rows.clear();
    rig.prices.rename("tea", {.name = "chai", .cents = 120});
    CHECK(rig.prices.get("chai").cents == 120);
    CHECK(rig.prices.find("tea").absent());
}
