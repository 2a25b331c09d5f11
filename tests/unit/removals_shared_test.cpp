// cachemodel: removals against loads that several threads of a process share, in all orders.
// SPDX-License-Identifier: MIT
#include <cachemodel/cached_function.hpp>
#include <cachemodel/models.hpp>

#include "support/catch.hpp"
#include "support/price_rig.hpp"
#include "support/scheduler.hpp"

#include <chrono>
#include <cstddef>
#include <string>

using namespace cachemodel;
using namespace std::chrono_literals;
using support::cached_price;
using support::Orders;
using support::orders_of;
using support::Price;
using support::PriceRig;
using support::PriceRow;
using support::PriceTable;

// Who waits for another's load takes no step meanwhile, so there are fewer orders than the steps
// would have it. A load is: l1 read the cache, l2 read the source, l3 store; and l4, for a second
// look or for nothing. Whoever else loads has steps m1 to m4, or r3 to r6 after r1 change, r2
// remove. A flight has its result when l2 is done.

namespace removals_shared_test {

constexpr auto plain = [] {
    return ModelOptions{.lease_wait = 0s, .load_backoff = 0s, .name = "Price"};
};
using Plain = Models<Price<plain>, PriceTable&>;

int get(const Plain& door) { return *door.get("tea").cents; }

void change_and_remove(PriceRig& rig, const Plain& door) {
    const int price = rig.table.change();
    door.remove("tea");
    rig.ended(price);
}

const PriceTable* table = nullptr;
int price_of(const std::string&) { return table->read(); }
using PriceOf = CachedFunction<&price_of>;

}  // namespace removals_shared_test

using namespace removals_shared_test;

TEST_CASE("who reads after another process removed joins no load that began before",
          "[removals][flights][threads]") {
    std::size_t joined = 0;
    Orders orders;
    while (orders.next()) {
        PriceRig rig;
        const Cache process = rig.process();
        const Plain door{process, rig.table};
        const Plain removing{rig.process(), rig.table};
        const Models<PriceRow> rows{rig.process()};
        orders.play({{4, [&] { rig.read([&] { return get(door); }); }},
                     {6, [&] {
                          change_and_remove(rig, removing);
                          rig.read([&] { return get(door); });
                      }}});
        INFO(orders.shown());
        CHECK(rig.outdated == 0);
        CHECK(cached_price(rows) == 2);
        joined += process.statistics().joined;
    }
    CHECK(joined > 0);
    // Not r1 r2 l1 r3 r4 … l2: it waits for l2 before r4. Not r1 r2 r3 l1 l2 … r4, likewise. What
    // is left of either goes on in 5! / (2! 3!) ways.
    CHECK(orders.count() == orders_of({4, 6}) - 2 * orders_of({2, 3}));
}

TEST_CASE("who reads after his own process removed joins no load that began before",
          "[removals][flights][threads]") {
    std::size_t joined = 0;
    Orders orders;
    while (orders.next()) {
        PriceRig rig;
        const Cache process = rig.process();
        const Plain door{process, rig.table};
        const Models<PriceRow> rows{rig.process()};
        orders.play({{4, [&] { rig.read([&] { return get(door); }); }},
                     {6, [&] {
                          change_and_remove(rig, door);
                          rig.read([&] { return get(door); });
                      }}});
        INFO(orders.shown());
        CHECK(rig.outdated == 0);
        CHECK(cached_price(rows) == 2);
        joined += process.statistics().joined;
    }
    CHECK(joined > 0);
    // As before: a removal does not wait for what is being stored.
    CHECK(orders.count() == orders_of({4, 6}) - 2 * orders_of({2, 3}));
}

TEST_CASE("of two threads none joins a load of the other that began before a removal",
          "[removals][flights][threads]") {
    std::size_t joined = 0;
    Orders orders;
    while (orders.next()) {
        PriceRig rig;
        const Cache process = rig.process();
        const Plain door{process, rig.table};
        const Plain removing{rig.process(), rig.table};
        const Models<PriceRow> rows{rig.process()};
        orders.play({{4, [&] { rig.read([&] { return get(door); }); }},
                     {4, [&] { rig.read([&] { return get(door); }); }},
                     {2, [&] { change_and_remove(rig, removing); }}});
        INFO(orders.shown());
        CHECK(rig.outdated == 0);
        CHECK(cached_price(rows) >= 2);
        joined += process.statistics().joined;
    }
    CHECK(joined > 0);
    // Not l1 m1 m2 … l2, which goes on in 5! / (2! 3!) ways, with r1 and r2 anywhere, but for r2
    // between l1 and m1: then one does not join the other. And the same with l and m exchanged.
    CHECK(orders.count() == orders_of({4, 4, 2}) - 2 * orders_of({2, 3}) * (orders_of({8, 2}) - 2));
}

TEST_CASE("who calls after another process invalidated joins no call that began before",
          "[removals][flights][cached_function][threads]") {
    std::size_t joined = 0;
    Orders orders;
    while (orders.next()) {
        PriceRig rig;
        table = &rig.table;
        const Cache process = rig.process();
        const PriceOf price{process, {.lease_wait = 0s}};
        const PriceOf other{rig.process(), {.lease_wait = 0s}};
        orders.play({{4, [&] { rig.read([&] { return price("tea"); }); }},
                     {6, [&] {
                          const int changed = rig.table.change();
                          other.invalidate("tea");
                          rig.ended(changed);
                          rig.read([&] { return price("tea"); });
                      }}});
        INFO(orders.shown());
        CHECK(rig.outdated == 0);
        CHECK(other.peek("tea").value_or(0) == 2);
        joined += process.statistics().joined;
    }
    CHECK(joined > 0);
    CHECK(orders.count() == orders_of({4, 6}) - 2 * orders_of({2, 3}));
}
