// cachemodel: removals and saves against loads that began before them, in all orders.
// SPDX-License-Identifier: MIT
#include <cachemodel/models.hpp>
#include <cachemodel/testing/manual_executor.hpp>

#include "support/catch.hpp"
#include "support/decorators.hpp"
#include "support/price_rig.hpp"
#include "support/scheduler.hpp"

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

using namespace cachemodel;
using namespace std::chrono_literals;
using support::cached_price;
using support::nothing_cached;
using support::Orders;
using support::orders_of;
using support::Price;
using support::PriceRig;
using support::PriceRow;
using support::PriceTable;
using testing::ManualExecutor;

// No leases: what keeps an older load out is how it stores what it brought, and nothing else.

namespace removals_test {

constexpr auto plain = [] {
    return ModelOptions{.lease_wait = 0s, .load_backoff = 0s, .name = "Price"};
};
constexpr auto with_stale = [] {
    return ModelOptions{.expires = 10s,
                        .stale_while_refresh = 20s,
                        .lease_wait = 0s,
                        .load_backoff = 0s,
                        .name = "Price"};
};
constexpr auto with_missing = [] {
    return ModelOptions{
        .remember_missing = 1min, .lease_wait = 0s, .load_backoff = 0s, .name = "Price"};
};

/// Loaded many at a time.
struct ManyPrices {
    static constexpr ModelOptions cache_options = plain();

    Key<std::string> name;
    Field<int> cents;

    static std::vector<ManyPrices> from_miss_many(std::span<const ManyPrices> wanted,
                                                  PriceTable& table) {
        const int price = table.read();
        std::vector<ManyPrices> found;
        for (const auto& each : wanted) found.push_back({.name = each.name, .cents = price});
        return found;
    }
};

/// Loaded in two steps.
struct LatePrice {
    static constexpr ModelOptions cache_options = plain();

    Key<std::string> name;
    Field<int> cents;

    void from_miss(PriceTable& table) { cents = table.read(); }
    void complete(PriceTable& table) { cents = table.read(); }
};

/// A table that does something before it answers what it has read.
struct SlowTable {
    int price = 1;
    std::function<void()> before_answer = {};

    int read() {
        const int read = price;
        if (before_answer) std::exchange(before_answer, {})();
        return read;
    }
};
struct SlowPrice {
    static constexpr ModelOptions cache_options = plain();

    Key<std::string> name;
    Field<int> cents;

    void from_miss(SlowTable& table) { cents = table.read(); }
};

/// Keeps lifetimes in whole seconds, and ends entries up to one of them early.
class HastyBackend final : public support::Decorator {
 public:
    explicit HastyBackend(std::shared_ptr<Backend> backend) : Decorator(std::move(backend)) {
        capabilities_ = Decorator::capabilities();
        capabilities_.lifetime_resolution = 1s;
    }
    const Capabilities& capabilities() const noexcept override { return capabilities_; }
    void store_many(Store how, std::span<const Entry> entries,
                    std::span<Outcome> outcomes) override {
        std::vector<Entry> hasty{entries.begin(), entries.end()};
        for (auto& each : hasty) {
            if (!each.lifetime.is_never()) each.lifetime = each.lifetime.duration() - 999ms;
        }
        Decorator::store_many(how, hasty, outcomes);
    }

 private:
    Capabilities capabilities_;
};

using Plain = Models<Price<plain>, PriceTable&>;
using Stale = Models<Price<with_stale>, PriceTable&>;
using Known = Models<Price<with_missing>, PriceTable&>;

template <class Door>
int get(const Door& door) {
    return *door.get("tea").cents;
}
template <class Door>
int find(const Door& door) {
    const auto found = door.find("tea");
    return found.found() ? *found->cents : 0;
}

/// Changes the table, and removes what was stored before.
template <class Door>
void change_and_remove(PriceRig& rig, const Door& door) {
    const int price = rig.table.change();
    door.remove("tea");
    rig.ended(price);
}
template <class Door>
void change_and_save(PriceRig& rig, const Door& door) {
    const int price = rig.table.change();
    door.save({.name = "tea", .cents = price});
    rig.ended(price);
}

}  // namespace removals_test

using namespace removals_test;

TEST_CASE("a removal beats a load of another process, in all orders", "[removals][threads]") {
    Orders orders;
    while (orders.next()) {
        PriceRig rig;
        const Plain loading{rig.process(), rig.table};
        const Plain removing{rig.process(), rig.table};
        const Models<PriceRow> rows{rig.process()};
        orders.play({{3, [&] { rig.read([&] { return get(loading); }); }},
                     {3, [&] {
                          change_and_remove(rig, removing);
                          rig.read([&] { return cached_price(rows); });
                      }}});
        INFO(orders.shown());
        CHECK(rig.outdated == 0);
        CHECK(cached_price(rows) >= 2);
    }
    CHECK(orders.count() == orders_of({3, 3}));
}

TEST_CASE("a removal beats loads of two other processes, in all orders", "[removals][threads]") {
    Orders orders;
    while (orders.next()) {
        PriceRig rig;
        const Plain first{rig.process(), rig.table};
        const Plain second{rig.process(), rig.table};
        const Plain removing{rig.process(), rig.table};
        const Models<PriceRow> rows{rig.process()};
        orders.play({{3, [&] { rig.read([&] { return get(first); }); }},
                     {3, [&] { rig.read([&] { return get(second); }); }},
                     {3, [&] {
                          change_and_remove(rig, removing);
                          rig.read([&] { return cached_price(rows); });
                      }}});
        INFO(orders.shown());
        CHECK(rig.outdated == 0);
        CHECK(cached_price(rows) >= 2);
    }
    CHECK(orders.count() == orders_of({3, 3, 3}));
}

TEST_CASE("whoever loads after a removal loads what is new, and it stays, in all orders",
          "[removals][threads]") {
    Orders orders;
    while (orders.next()) {
        PriceRig rig;
        const Plain loading{rig.process(), rig.table};
        const Plain removing{rig.process(), rig.table};
        const Models<PriceRow> rows{rig.process()};
        orders.play({{3, [&] { rig.read([&] { return get(loading); }); }},
                     {6, [&] {
                          change_and_remove(rig, removing);
                          rig.read([&] { return get(removing); });
                          rig.read([&] { return cached_price(rows); });
                      }}});
        INFO(orders.shown());
        CHECK(rig.outdated == 0);
        // Of two loads that began after it, or of one, something is stored.
        CHECK(cached_price(rows) == 2);
    }
    CHECK(orders.count() == orders_of({3, 6}));
}

TEST_CASE("each of two removals beats the loads before it, in all orders", "[removals][threads]") {
    Orders orders;
    while (orders.next()) {
        PriceRig rig;
        const Plain loading{rig.process(), rig.table};
        const Plain first{rig.process(), rig.table};
        const Plain second{rig.process(), rig.table};
        const Models<PriceRow> rows{rig.process()};
        const auto remove_and_read = [&](const Plain& door) {
            change_and_remove(rig, door);
            rig.read([&] { return cached_price(rows); });
        };
        orders.play({{3, [&] { rig.read([&] { return get(loading); }); }},
                     {3, [&] { remove_and_read(first); }},
                     {3, [&] { remove_and_read(second); }}});
        INFO(orders.shown());
        CHECK(rig.outdated == 0);
        CHECK(cached_price(rows) >= 3);
    }
    CHECK(orders.count() == orders_of({3, 3, 3}));
}

TEST_CASE("a save beats loads of two other processes, in all orders", "[removals][threads]") {
    Orders orders;
    while (orders.next()) {
        PriceRig rig;
        const Plain first{rig.process(), rig.table};
        const Plain second{rig.process(), rig.table};
        const Plain saving{rig.process(), rig.table};
        const Models<PriceRow> rows{rig.process()};
        orders.play({{3, [&] { rig.read([&] { return get(first); }); }},
                     {3, [&] { rig.read([&] { return get(second); }); }},
                     {3, [&] {
                          change_and_save(rig, saving);
                          rig.read([&] { return cached_price(rows); });
                      }}});
        INFO(orders.shown());
        CHECK(rig.outdated == 0);
        CHECK(cached_price(rows) == 2);
    }
    CHECK(orders.count() == orders_of({3, 3, 3}));
}

TEST_CASE("a removal beats a refresh in the background, and what is stale is not read after it",
          "[removals][stale][threads]") {
    Orders orders;
    while (orders.next()) {
        PriceRig rig;
        const auto pool = std::make_shared<ManualExecutor>();
        const Stale refreshing{rig.process(pool), rig.table};
        const Stale removing{rig.process(), rig.table};
        const Models<PriceRow> rows{rig.process()};
        (void)get(refreshing);
        rig.clock.advance(15s);
        orders.play({{3,
                      [&] {
                          rig.read([&] { return get(refreshing); });
                          pool->run_all();
                      }},
                     {6, [&] {
                          change_and_remove(rig, removing);
                          rig.read([&] { return get(removing); });
                          rig.read([&] { return cached_price(rows); });
                      }}});
        INFO(orders.shown());
        CHECK(rig.outdated == 0);
        CHECK(cached_price(rows) == 2);
    }
    CHECK(orders.count() == orders_of({3, 6}));
}

TEST_CASE("a removal beats refreshes in the background of two processes, in all orders",
          "[removals][stale][threads]") {
    Orders orders;
    while (orders.next()) {
        PriceRig rig;
        const auto first_pool = std::make_shared<ManualExecutor>();
        const auto second_pool = std::make_shared<ManualExecutor>();
        const Stale first{rig.process(first_pool), rig.table};
        const Stale second{rig.process(second_pool), rig.table};
        const Stale removing{rig.process(), rig.table};
        (void)get(first);
        rig.clock.advance(15s);
        const auto read_and_refresh = [&](const Stale& door, ManualExecutor& pool) {
            rig.read([&] { return get(door); });
            pool.run_all();
        };
        orders.play({{3, [&] { read_and_refresh(first, *first_pool); }},
                     {3, [&] { read_and_refresh(second, *second_pool); }},
                     {2, [&] { change_and_remove(rig, removing); }}});
        INFO(orders.shown());
        CHECK(rig.outdated == 0);
        const auto found = removing.find("tea");
        CHECK(found->cents == 2);
        CHECK_FALSE(found.stale());
    }
    CHECK(orders.count() == orders_of({3, 3, 2}));
}

TEST_CASE("a save beats a refresh in the background, in all orders", "[removals][stale][threads]") {
    Orders orders;
    while (orders.next()) {
        PriceRig rig;
        const auto pool = std::make_shared<ManualExecutor>();
        const Stale refreshing{rig.process(pool), rig.table};
        const Stale saving{rig.process(), rig.table};
        const Models<PriceRow> rows{rig.process()};
        (void)get(refreshing);
        rig.clock.advance(15s);
        orders.play({{3,
                      [&] {
                          rig.read([&] { return get(refreshing); });
                          pool->run_all();
                      }},
                     {3, [&] {
                          change_and_save(rig, saving);
                          rig.read([&] { return cached_price(rows); });
                      }}});
        INFO(orders.shown());
        CHECK(rig.outdated == 0);
        CHECK(cached_price(rows) == 2);
    }
    CHECK(orders.count() == orders_of({3, 3}));
}

TEST_CASE("what the source has none of is not remembered once it was saved, in all orders",
          "[removals][missing][threads]") {
    Orders orders;
    while (orders.next()) {
        PriceRig rig;
        rig.table.price = std::nullopt;
        const Known first{rig.process(), rig.table};
        const Known second{rig.process(), rig.table};
        const Known saving{rig.process(), rig.table};
        orders.play({{3, [&] { rig.read([&] { return find(first); }); }},
                     {3, [&] { rig.read([&] { return find(second); }); }},
                     {3, [&] {
                          change_and_save(rig, saving);
                          rig.read([&] { return find(saving); });
                      }}});
        INFO(orders.shown());
        CHECK(rig.outdated == 0);
        CHECK(find(first) == 1);
    }
    CHECK(orders.count() == orders_of({3, 3, 3}));
}

TEST_CASE("what the source has none of is not remembered once it was removed, in all orders",
          "[removals][missing][threads]") {
    Orders orders;
    while (orders.next()) {
        PriceRig rig;
        rig.table.price = std::nullopt;
        const Known loading{rig.process(), rig.table};
        const Known removing{rig.process(), rig.table};
        orders.play({{3, [&] { rig.read([&] { return find(loading); }); }},
                     {6, [&] {
                          change_and_remove(rig, removing);
                          rig.read([&] { return find(removing); });
                          rig.read([&] { return find(removing); });
                      }}});
        INFO(orders.shown());
        CHECK(rig.outdated == 0);
        CHECK(find(loading) == 1);
    }
    CHECK(orders.count() == orders_of({3, 6}));
}

TEST_CASE("a removal of several beats loads of several, in all orders",
          "[removals][batch][threads]") {
    const std::vector<std::string> both{"tea", "coffee"};
    Orders orders;
    while (orders.next()) {
        PriceRig rig;
        const Models<ManyPrices, PriceTable&> first{rig.process(), rig.table};
        const Models<ManyPrices, PriceTable&> second{rig.process(), rig.table};
        const Models<ManyPrices, PriceTable&> removing{rig.process(), rig.table};
        const Models<PriceRow> rows{rig.process()};
        const auto oldest_of = [&](const auto& answers) {
            int oldest = nothing_cached;
            for (const auto& each : answers) {
                if (each.found()) oldest = std::min(oldest, *each->cents);
            }
            return oldest;
        };
        orders.play({{3, [&] { rig.read([&] { return oldest_of(first.get_many(both)); }); }},
                     // Only one of them, so that their loads do not coincide.
                     {3, [&] { rig.read([&] { return oldest_of(second.get_many({"tea"})); }); }},
                     {3, [&] {
                          const int price = rig.table.change();
                          (void)removing.remove_many(both);
                          rig.ended(price);
                          rig.read([&] { return oldest_of(rows.get_many(both)); });
                      }}});
        INFO(orders.shown());
        CHECK(rig.outdated == 0);
        CHECK(cached_price(rows, "tea") >= 2);
        CHECK(cached_price(rows, "coffee") >= 2);
    }
    CHECK(orders.count() == orders_of({3, 3, 3}));
}

TEST_CASE("a removal of one leaves the other of a load that began before it, in all orders",
          "[removals][batch][threads]") {
    const std::vector<std::string> both{"tea", "coffee"};
    Orders orders;
    while (orders.next()) {
        PriceRig rig;
        const Plain loading{rig.process(), rig.table};
        const Plain removing{rig.process(), rig.table};
        const Models<PriceRow> rows{rig.process()};
        orders.play({{5,
                      [&] {
                          rig.read([&] {
                              const auto answers = loading.get_many(both);
                              return *answers[0]->cents;
                          });
                      }},
                     {3, [&] {
                          change_and_remove(rig, removing);
                          rig.read([&] { return cached_price(rows); });
                      }}});
        INFO(orders.shown());
        CHECK(rig.outdated == 0);
        CHECK(cached_price(rows, "tea") >= 2);
        CHECK(cached_price(rows, "coffee") <= 2);
    }
    CHECK(orders.count() == orders_of({5, 3}));
}

TEST_CASE("a removal beats the second step of a load, in all orders", "[removals][threads]") {
    Orders orders;
    while (orders.next()) {
        PriceRig rig;
        const auto pool = std::make_shared<ManualExecutor>();
        const Models<LatePrice, PriceTable&> loading{rig.process(pool), rig.table};
        const Plain removing{rig.process(), rig.table};
        const Models<PriceRow> rows{rig.process()};
        orders.play({{4,
                      [&] {
                          rig.read([&] { return get(loading); });
                          pool->run_all();
                      }},
                     {3, [&] {
                          change_and_remove(rig, removing);
                          rig.read([&] { return cached_price(rows); });
                      }}});
        INFO(orders.shown());
        CHECK(rig.outdated == 0);
        CHECK(cached_price(rows) >= 2);
    }
    CHECK(orders.count() == orders_of({4, 3}));
}

TEST_CASE("a removal is there for longer than any load whose result is stored",
          "[removals][lifetime]") {
    testing::TurnableClock clock;
    const auto store = std::make_shared<testing::ScriptedBackend>(clock);
    const auto hasty = std::make_shared<HastyBackend>(store);
    SlowTable table;
    const Models<SlowPrice, SlowTable&> loading{Cache{hasty, {.clock = clock}}, table};
    const Models<SlowPrice, SlowTable&> removing{Cache{hasty, {.clock = clock}}, table};
    table.before_answer = [&] {
        table.price = 2;
        CHECK(removing.remove("tea"));
        clock.advance(30s);
    };
    CHECK(loading.get("tea").cents == 1);
    CHECK(removing.get("tea").cents == 2);
}
