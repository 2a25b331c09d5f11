// cachemodel: invalidations and refreshes against calls that began before them, in all orders.
// SPDX-License-Identifier: MIT
#include <cachemodel/cached_function.hpp>
#include <cachemodel/testing/manual_executor.hpp>

#include "support/catch.hpp"
#include "support/price_rig.hpp"
#include "support/scheduler.hpp"

#include <chrono>
#include <memory>
#include <string>

using namespace cachemodel;
using namespace std::chrono_literals;
using support::nothing_cached;
using support::Orders;
using support::orders_of;
using support::PriceRig;
using support::PriceTable;
using testing::ManualExecutor;

namespace removals_of_calls_test {

const PriceTable* table = nullptr;

int price_of(const std::string&) { return table->read(); }

using PriceOf = CachedFunction<&price_of>;

const CallOptions<int> plain{.lease_wait = 0s, .load_backoff = 0s};
const CallOptions<int> with_stale{
    .expires = 10s, .stale_while_refresh = 20s, .lease_wait = 0s, .load_backoff = 0s};

struct Rig : PriceRig {
    Rig() { removals_of_calls_test::table = &table; }
};

int cached(const PriceOf& price) { return price.peek("tea").value_or(nothing_cached); }

void change_and_invalidate(Rig& rig, const PriceOf& price) {
    const int changed = rig.table.change();
    price.invalidate("tea");
    rig.ended(changed);
}

}  // namespace removals_of_calls_test

using namespace removals_of_calls_test;

TEST_CASE("an invalidation beats calls of two other processes, in all orders",
          "[removals][cached_function][threads]") {
    Orders orders;
    while (orders.next()) {
        Rig rig;
        const PriceOf first{rig.process(), plain};
        const PriceOf second{rig.process(), plain};
        const PriceOf other{rig.process(), plain};
        orders.play({{3, [&] { rig.read([&] { return first("tea"); }); }},
                     {3, [&] { rig.read([&] { return second("tea"); }); }},
                     {3, [&] {
                          change_and_invalidate(rig, other);
                          rig.read([&] { return cached(other); });
                      }}});
        INFO(orders.shown());
        CHECK(rig.outdated == 0);
        CHECK(cached(other) >= 2);
    }
    CHECK(orders.count() == orders_of({3, 3, 3}));
}

TEST_CASE("whoever calls after an invalidation gets what is new, in all orders",
          "[removals][cached_function][threads]") {
    Orders orders;
    while (orders.next()) {
        Rig rig;
        const PriceOf calling{rig.process(), plain};
        const PriceOf other{rig.process(), plain};
        orders.play({{3, [&] { rig.read([&] { return calling("tea"); }); }},
                     {6, [&] {
                          change_and_invalidate(rig, other);
                          rig.read([&] { return other("tea"); });
                          rig.read([&] { return cached(other); });
                      }}});
        INFO(orders.shown());
        CHECK(rig.outdated == 0);
        CHECK(cached(other) == 2);
    }
    CHECK(orders.count() == orders_of({3, 6}));
}

TEST_CASE("an invalidation beats a refresh of another process, in all orders",
          "[removals][cached_function][refresh][threads]") {
    Orders orders;
    while (orders.next()) {
        Rig rig;
        const PriceOf refreshing{rig.process(), plain};
        const PriceOf other{rig.process(), plain};
        orders.play({{5, [&] { (void)refreshing.refresh("tea"); }},
                     {6, [&] {
                          change_and_invalidate(rig, other);
                          rig.read([&] { return other("tea"); });
                          rig.read([&] { return cached(other); });
                      }}});
        INFO(orders.shown());
        CHECK(rig.outdated == 0);
        CHECK(cached(other) >= 2);
    }
    CHECK(orders.count() == orders_of({5, 6}));
}

TEST_CASE("an invalidation beats a refresh of what is there, however short the time, in all orders",
          "[removals][cached_function][refresh][threads]") {
    Orders orders;
    while (orders.next()) {
        Rig rig;  // whose clock stands still
        const PriceOf refreshing{rig.process(), plain};
        const PriceOf other{rig.process(), plain};
        (void)other("tea");
        orders.play({{5, [&] { (void)refreshing.refresh("tea"); }},
                     {6, [&] {
                          change_and_invalidate(rig, other);
                          rig.read([&] { return other("tea"); });
                          rig.read([&] { return cached(other); });
                      }}});
        INFO(orders.shown());
        CHECK(rig.outdated == 0);
        CHECK(cached(other) >= 2);
    }
    CHECK(orders.count() == orders_of({5, 6}));
}

TEST_CASE("a refresh beats a call of another process, in all orders",
          "[removals][cached_function][refresh][threads]") {
    Orders orders;
    while (orders.next()) {
        Rig rig;
        const PriceOf calling{rig.process(), plain};
        const PriceOf refreshing{rig.process(), plain};
        orders.play({{3, [&] { rig.read([&] { return calling("tea"); }); }},
                     {7, [&] {
                          const int price = rig.table.change();
                          (void)refreshing.refresh("tea");
                          rig.ended(price);
                          rig.read([&] { return cached(refreshing); });
                      }}});
        INFO(orders.shown());
        CHECK(rig.outdated == 0);
        CHECK(cached(refreshing) >= 2);
    }
    CHECK(orders.count() == orders_of({3, 7}));
}

TEST_CASE("an invalidation beats a refresh in the background, in all orders",
          "[removals][cached_function][stale][threads]") {
    Orders orders;
    while (orders.next()) {
        Rig rig;
        const auto pool = std::make_shared<ManualExecutor>();
        const PriceOf calling{rig.process(pool), with_stale};
        const PriceOf other{rig.process(), with_stale};
        (void)calling("tea");
        rig.clock.advance(15s);
        orders.play({{3,
                      [&] {
                          rig.read([&] { return calling("tea"); });
                          pool->run_all();
                      }},
                     {6, [&] {
                          change_and_invalidate(rig, other);
                          rig.read([&] { return other("tea"); });
                          rig.read([&] { return cached(other); });
                      }}});
        INFO(orders.shown());
        CHECK(rig.outdated == 0);
        CHECK(cached(other) == 2);
    }
    CHECK(orders.count() == orders_of({3, 6}));
}
