// cachemodel: many models at once, and what they refer to, of which some are stale.
// SPDX-License-Identifier: MIT
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

namespace stale_many_test {

constexpr ModelOptions options{.expires = 10s,
                               .stale_while_refresh = 20s,
                               .stale_if_error = 1min,
                               .lease_wait = 0s,
                               .load_backoff = 0s};

struct Price {
    static constexpr ModelOptions cache_options = options;
    Key<std::string> name;
    Field<int> cents;

    void from_miss(Table& table) { cents = table.row(name); }
};

struct Batched {
    static constexpr ModelOptions cache_options = options;
    Key<std::string> name;
    Field<int> cents;

    static std::vector<Batched> from_miss_many(std::span<const Batched> wanted, Table& table) {
        table.asked.emplace_back();
        std::vector<Batched> found;
        for (const auto& each : wanted) {
            table.asked.back() += *each.name + " ";
            if (table.is_broken) throw std::runtime_error("the table is broken");
            const auto row = table.rows.find(each.name);
            if (row != table.rows.end()) found.push_back({.name = each.name, .cents = row->second});
        }
        return found;
    }
};

struct Offer {
    Key<int> id;
    Reference<Price> price;
};

struct Rig : support::LoadRig {
    Rig() { table.rows = {{"tea", 100}, {"milk", 50}, {"rum", 900}}; }
};

}  // namespace stale_many_test

using namespace stale_many_test;

TEST_CASE("of many models each is served as it is: fresh, stale, loaded or absent",
          "[models][stale]") {
    Rig rig;
    const Models<Price, Table&> prices{rig.cache, rig.table};
    (void)prices.get("tea");
    rig.clock.advance(12s);
    (void)prices.get("milk");
    rig.table.rows["tea"] = rig.table.rows["milk"] = rig.table.rows["rum"] = 7;
    rig.table.asked.clear();
    rig.log().reset();
    const auto found = prices.get_many(Strings{"milk", "tea", "rum", "gin", "tea"});
    CHECK(found[0]->cents == 50);
    CHECK_FALSE(found[0].stale());
    CHECK(found[1]->cents == 100);
    CHECK(found[1].stale());
    CHECK(found[2]->cents == 7);
    CHECK_FALSE(found[2].stale());
    CHECK(found[3].absent());
    CHECK(found[4]->cents == 100);
    CHECK(found[4].stale());
    CHECK(rig.table.asked == Strings{"rum", "gin"});
    // One read for all of them, and one write for what was loaded.
    CHECK(rig.log().trips() == 2);
    CHECK(rig.executor->run_all() == 1);
    CHECK(rig.table.asked == Strings{"rum", "gin", "tea"});
    CHECK(prices.get("tea").cents == 7);
}

TEST_CASE("all that is stale among many is refreshed by one task, with one batch",
          "[models][stale]") {
    Rig rig;
    const Models<Batched, Table&> prices{rig.cache, rig.table};
    (void)prices.get_many(Strings{"tea", "milk", "rum"});
    CHECK(rig.table.take_asked() == 1);
    rig.clock.advance(15s);
    (void)prices.get_many(Strings{"tea", "milk"});
    (void)prices.get_many(Strings{"milk", "rum"});
    CHECK(rig.executor->size() == 2);
    CHECK(rig.executor->run_all() == 2);
    CHECK(rig.table.asked == Strings{"tea milk ", "rum "});
    CHECK(rig.counted().refreshes == 3);
}

TEST_CASE("a batch that fails leaves each its stale value, and the others their failure",
          "[models][stale]") {
    Rig rig;
    const Models<Batched, Table&> prices{rig.cache, rig.table};
    (void)prices.get_many(Strings{"tea", "milk"});
    rig.clock.advance(40s);
    rig.table.is_broken = true;
    const auto found = prices.get_many(Strings{"tea", "rum", "milk"});
    CHECK(found[0].stale());
    CHECK(found[0]->cents == 100);
    CHECK(found[1].failed());
    CHECK(found[2].stale());
    CHECK(found[2]->cents == 50);
    CHECK(rig.counted().stale_served == 2);
}

TEST_CASE("a reference leads to a stale model as to a fresh one, and it is refreshed",
          "[models][stale][references]") {
    Rig rig;
    const Models<Offer, Table&> offers{rig.cache, rig.table};
    offers.save({.id = 1, .price = Reference<Price>::to("tea")});
    CHECK(offers.get(1).price->cents == 100);
    rig.table.rows["tea"] = 200;
    rig.clock.advance(15s);
    const auto offer = offers.find(1);
    CHECK(offer->price->cents == 100);
    // It says nothing of what it refers to.
    CHECK_FALSE(offer.stale());
    CHECK(offers.get(1).price->cents == 100);
    CHECK(rig.executor->run_all() == 1);
    CHECK(offers.get(1).price->cents == 200);
}

TEST_CASE("a reference leads to a stale model where it cannot be loaded",
          "[models][stale][references]") {
    Rig rig;
    const Models<Offer, Table&> offers{rig.cache, rig.table};
    offers.save({.id = 1, .price = Reference<Price>::to("tea")});
    (void)offers.get(1);
    rig.clock.advance(40s);
    rig.table.is_broken = true;
    CHECK(offers.get(1).price->cents == 100);
    rig.clock.advance(30s);
    CHECK(offers.get_many(std::vector{1})[0].failed());
}

TEST_CASE("a refresh through a reference outlives the objects that it was asked for by",
          "[models][stale][references]") {
    Rig rig;
    const Models<Offer, Table&> offers{rig.cache, rig.table};
    {
        const std::vector<Offer> many = {{.id = 1, .price = Reference<Price>::to("tea")},
                                         {.id = 2, .price = Reference<Price>::to("milk")}};
        (void)offers.save_many(many);
        (void)offers.get_many(std::vector{1, 2});
        rig.clock.advance(15s);
        (void)offers.get_many(std::vector{1, 2});
    }
    rig.table.rows["tea"] = 200;
    CHECK(rig.executor->run_all() == 1);
    CHECK(offers.get(1).price->cents == 200);
}
