// cachemodel: what the source is known not to have.
// SPDX-License-Identifier: MIT
#include <cachemodel/cache_model.hpp>
#include <cachemodel/models.hpp>
#include <cachemodel/reference.hpp>

#include "support/catch.hpp"
#include "support/load_rig.hpp"

#include <chrono>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

using namespace cachemodel;
using namespace std::chrono_literals;
using support::Table;
using Strings = std::vector<std::string>;

namespace known_missing_test {

constexpr ModelOptions remembering{
    .expires = 1min, .remember_missing = 10s, .lease_wait = 0s, .load_backoff = 0s};

struct Price {
    static constexpr ModelOptions cache_options = remembering;
    Key<std::string> name;
    Field<int> cents;

    void from_miss(Table& table) { cents = table.row(name); }
};
struct Batched {
    static constexpr ModelOptions cache_options = remembering;
    Key<std::string> name;
    Field<int> cents;

    static std::vector<Batched> from_miss_many(std::span<const Batched> wanted, Table& table) {
        std::vector<Batched> found;
        for (const auto& each : wanted) table.asked.push_back(each.name);
        for (const auto& each : wanted) {
            if (table.is_broken) throw std::runtime_error("the table is broken");
            const auto row = table.rows.find(each.name);
            if (row != table.rows.end()) found.push_back({.name = each.name, .cents = row->second});
        }
        return found;
    }
};
/// Needs something else that may be missing.
struct Menu {
    static constexpr ModelOptions cache_options = remembering;
    Key<int> id;
    Field<int> cents;

    void from_miss(Table& table, const Models<Price, Table&>& prices) {
        table.asked.emplace_back("menu");
        cents = prices.get("gin").cents;
    }
};
struct Offer {
    Key<int> id;
    Reference<Price> price;
};
/// Remembers for as long as its cache says, and that is no longer than it lives itself.
struct Plain {
    static constexpr ModelOptions cache_options{.expires = 5s, .lease_wait = 0s};
    Key<std::string> name;
    Field<int> cents;

    void from_miss(Table& table) { cents = table.row(name); }
};

struct Rig : support::LoadRig {
    Models<Price, Table&> prices{cache, table};
};

}  // namespace known_missing_test

using namespace known_missing_test;

TEST_CASE("what the source has not is not asked for again for a while", "[models][missing]") {
    Rig rig;
    CHECK(rig.prices.find("gin").absent());
    rig.table.rows["gin"] = 500;
    const auto remembered = rig.prices.find("gin");
    CHECK(remembered.absent());
    CHECK(remembered.reason() == MissReason::known_missing);
    CHECK_THROWS_AS(rig.prices.get("gin"), CacheModel<Price>::Missing);
    CHECK(rig.prices.get_many(Strings{"gin"})[0].absent());
    rig.clock.advance(10s - 1ms);
    CHECK(rig.prices.find("gin").absent());
    CHECK(rig.table.asked.size() == 1);
    rig.clock.advance(1ms);
    CHECK(rig.prices.get("gin").cents == 500);
    CHECK(rig.table.asked.size() == 2);
    for (const Statistics& counted : {rig.counted(), rig.prices.statistics()}) {
        CHECK(counted.source_misses == 1);
        CHECK(counted.misses(MissReason::known_missing) == 4);
        CHECK(counted.loads == 1);
        CHECK(counted.stores == 2);
        CHECK(counted.load_failures == 0);
    }
}

TEST_CASE("what is remembered as missing ends to the millisecond on a backend of whole seconds",
          "[models][missing]") {
    Rig rig;
    rig.scripted->capabilities_to_claim().lifetime_resolution = 1s;
    (void)rig.prices.find("gin");
    rig.clock.advance(10s - 1ms);
    CHECK(rig.prices.find("gin").absent());
    CHECK(rig.table.asked.size() == 1);
    rig.clock.advance(1ms);
    CHECK(rig.prices.find("gin").absent());
    CHECK(rig.table.asked.size() == 2);
}

TEST_CASE("a save ends at once that something is remembered as missing", "[models][missing]") {
    Rig rig;
    (void)rig.prices.find("gin");
    rig.prices.save({.name = "gin", .cents = 400});
    CHECK(rig.prices.get("gin").cents == 400);
    CHECK(rig.table.asked.size() == 1);
}

TEST_CASE("a save while the source is asked is not followed by a remembered absence",
          "[models][missing]") {
    Rig rig;
    rig.table.before_answer = [&] { rig.prices.save({.name = "gin", .cents = 400}); };
    CHECK(rig.prices.find("gin").absent());
    CHECK(rig.prices.get("gin").cents == 400);
    CHECK(rig.counted().overtaken_loads == 1);
}

TEST_CASE("a removal ends that something is remembered as missing", "[models][missing]") {
    Rig rig;
    (void)rig.prices.find("gin");
    rig.table.rows["gin"] = 500;
    rig.prices.remove("gin");
    CHECK(rig.prices.get("gin").cents == 500);
}

TEST_CASE("what is remembered as missing is created by get_or_create", "[models][missing]") {
    Rig rig;
    (void)rig.prices.find("gin");
    const auto [gin, created] = rig.prices.get_or_create({.name = "gin", .cents = 1});
    CHECK(created);
    rig.prices.save(gin);
    CHECK(rig.prices.get("gin").cents == 1);
}

TEST_CASE("what is remembered as missing does not exist, and cannot be touched",
          "[models][missing]") {
    Rig rig;
    (void)rig.prices.find("gin");
    CHECK_FALSE(rig.prices.exists("gin"));
    CHECK_FALSE(rig.prices.touch("gin", 1h));
    rig.clock.advance(10s);
    rig.table.rows["gin"] = 500;
    CHECK(rig.prices.get("gin").cents == 500);
}

TEST_CASE("among many, what is remembered as missing is not asked for", "[models][missing]") {
    Rig rig;
    const Models<Batched, Table&> models{rig.cache, rig.table};
    (void)models.get_many(Strings{"gin", "tea", "ale"});
    CHECK(rig.table.take_asked() == 3);
    const auto found = models.get_many(Strings{"ale", "rum", "tea", "gin"});
    CHECK(found[0].absent());
    CHECK(found[1].absent());
    CHECK(found[2]->cents == 100);
    CHECK(found[3].absent());
    CHECK(rig.table.asked == Strings{"rum"});
}

TEST_CASE("a batch that broke off is remembered by nobody", "[models][missing]") {
    Rig rig;
    const Models<Batched, Table&> models{rig.cache, rig.table};
    rig.table.is_broken = true;
    CHECK(models.get_many(Strings{"gin", "tea"})[0].failed());
    rig.table.is_broken = false;
    CHECK(models.find("tea").found());
    CHECK(models.find("gin").absent());
    CHECK(rig.table.asked == Strings{"gin", "tea", "tea", "gin"});
}

TEST_CASE("an exception of a loader is not remembered as an absence", "[models][missing]") {
    Rig rig;
    rig.table.is_broken = true;
    CHECK_THROWS_WITH(rig.prices.find("tea"), "the table is broken");
    rig.table.is_broken = false;
    CHECK(rig.prices.find("tea").found());
}

TEST_CASE("a Missing of something else is not remembered as an absence", "[models][missing]") {
    Rig rig;
    const Models<Menu, Table&, const Models<Price, Table&>&> menus{rig.cache, rig.table,
                                                                   rig.prices};
    CHECK_THROWS_AS(menus.get(1), CacheModel<Price>::Missing);
    CHECK(rig.table.asked == Strings{"menu", "gin"});
    CHECK_THROWS_AS(menus.get(1), CacheModel<Price>::Missing);
    // The price is, for itself.
    CHECK(rig.table.asked == Strings{"menu", "gin", "menu"});
    CHECK(menus.get_many(std::vector{1})[0].failed());
}

TEST_CASE("a cache that could not be read remembers nothing", "[models][missing]") {
    Rig rig;
    rig.scripted->fail_next(1);
    CHECK(rig.prices.find("gin").absent());
    CHECK(rig.scripted->keys().empty());
    CHECK(rig.prices.find("gin").absent());
    CHECK(rig.table.asked.size() == 2);
    CHECK(rig.scripted->keys().size() == 1);
}

TEST_CASE("a failed read is no absence, whatever is remembered", "[models][missing]") {
    Rig rig;
    (void)rig.prices.find("gin");
    rig.table.is_broken = true;
    rig.scripted->go_down();
    CHECK_THROWS_WITH(rig.prices.find("gin"), "the table is broken");
    CHECK(rig.prices.get_many(Strings{"gin"})[0].failed());
}

TEST_CASE("a bypass asks the source, and remembers nothing", "[models][missing]") {
    Rig rig;
    const Models<Price, Table&> around{rig.cache.bypass(), rig.table};
    CHECK(around.find("gin").absent());
    CHECK(rig.scripted->keys().empty());
    (void)rig.prices.find("gin");
    rig.table.rows["gin"] = 500;
    CHECK(around.get("gin").cents == 500);
    CHECK(rig.prices.find("gin").absent());
}

TEST_CASE("a reference to what is remembered as missing is broken, and asks nobody",
          "[models][missing][references]") {
    Rig rig;
    const Models<Offer, Table&> offers{rig.cache, rig.table};
    offers.save({.id = 1, .price = Reference<Price>::to("gin")});
    CHECK(offers.find(1).absent());
    const auto again = offers.find(1);
    CHECK(again.absent());
    CHECK(again.broken_reference().has_value());
    CHECK(rig.table.asked.size() == 1);
}

TEST_CASE("what one call wants twice is asked for once, and is missing both times",
          "[models][missing]") {
    Rig rig;
    const auto found = rig.prices.get_many(Strings{"gin", "gin"});
    CHECK(found[0].absent());
    CHECK(found[1].absent());
    CHECK(rig.table.asked == Strings{"gin"});
    CHECK(rig.counted().source_misses == 1);
}

TEST_CASE("a cache remembers for all its models, and no longer than these live",
          "[models][missing]") {
    support::LoadRig rig;
    const Cache cache{rig.recording, {.remember_missing = 30s, .clock = rig.clock}};
    const Models<Plain, Table&> plain{cache, rig.table};
    (void)plain.find("gin");
    rig.clock.advance(5s - 1ms);
    CHECK(plain.find("gin").absent());
    CHECK(rig.table.asked.size() == 1);
    rig.clock.advance(1ms);
    CHECK(plain.find("gin").absent());
    CHECK(rig.table.asked.size() == 2);
}

TEST_CASE("without remember_missing the source is asked each time", "[models][missing]") {
    support::LoadRig rig;
    const Models<Plain, Table&> plain{rig.cache, rig.table};
    (void)plain.find("gin");
    (void)plain.find("gin");
    CHECK(rig.table.asked.size() == 2);
    CHECK(rig.scripted->keys().empty());
}
