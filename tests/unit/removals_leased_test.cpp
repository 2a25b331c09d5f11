// cachemodel: removals against loads with and without leases, also where what they leave is lost.
// SPDX-License-Identifier: MIT
#include <cachemodel/models.hpp>
#include <cachemodel/testing/manual_executor.hpp>

#include "support/catch.hpp"
#include "support/decorators.hpp"
#include "support/price_rig.hpp"
#include "support/scheduler.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

using namespace cachemodel;
using namespace std::chrono_literals;
using support::cached_price;
using support::Orders;
using support::orders_of;
using support::Price;
using support::PriceRig;
using support::PriceRow;
using support::PriceTable;
using testing::ManualExecutor;

// The clock of the caches stands still, so that a lease, which goes by it, lasts until the clock is
// turned. Waiting for another's lease goes by the machine's clock: a backend lets it be over after
// one look, always. A load is: read the cache, claim a lease, look, read the source, store; and
// look again where that was declined.

namespace removals_leased_test {

constexpr auto patience = 1400us;

constexpr auto without_lease = [] {
    return ModelOptions{.lease_wait = 0s, .load_backoff = 0s, .name = "Price"};
};
constexpr auto with_lease = [] {
    return ModelOptions{.lease_wait = patience, .load_backoff = 0s, .name = "Price"};
};
constexpr auto with_lease_and_stale = [] {
    return ModelOptions{.expires = 10s,
                        .stale_while_refresh = 20s,
                        .lease_wait = patience,
                        .load_backoff = 0s,
                        .name = "Price"};
};
using Unleased = Models<Price<without_lease>, PriceTable&>;
using Leased = Models<Price<with_lease>, PriceTable&>;
using LeasedStale = Models<Price<with_lease_and_stale>, PriceTable&>;

/// An actor who reads a second time, and something else than what he has just written, as who does
/// not have the lease, has it answered when his patience is at an end.
class PatientBackend final : public support::Decorator {
 public:
    using Decorator::Decorator;

    void store_many(Store how, std::span<const Entry> entries,
                    std::span<Outcome> outcomes) override {
        Decorator::store_many(how, entries, outcomes);
        written() = entries.front().value;
    }
    void get_many(std::span<const std::string_view> keys, ReadSink& sink) override {
        Comparing comparing{sink, written()};
        Decorator::get_many(keys, comparing);
        written().clear();
        const bool is_look = Orders::has_actor() && std::exchange(has_read(), true);
        if (!is_look || comparing.is_own) return;
        const auto end = std::chrono::steady_clock::now() + patience;
        while (std::chrono::steady_clock::now() < end) {  // awake, or another would take its turn
        }
    }

 private:
    struct Comparing final : ReadSink {
        Comparing(ReadSink& target, std::string_view written) : sink(target), own(written) {}
        void found(std::size_t index, std::string_view value,
                   std::uint64_t token) noexcept override {
            is_own = value == own;
            sink.found(index, value, token);
        }
        void absent(std::size_t index) noexcept override { sink.absent(index); }
        void failed(std::size_t index, const Failure& failure) noexcept override {
            sink.failed(index, failure);
        }
        ReadSink& sink;
        std::string_view own;
        bool is_own = false;
    };

    static bool& has_read() {
        static thread_local bool before = false;
        return before;
    }
    static std::string& written() {
        static thread_local std::string bytes;
        return bytes;
    }
};

struct Rig : PriceRig {
    Rig()
        : PriceRig([](std::shared_ptr<Backend> plain) {
              return std::make_shared<PatientBackend>(std::move(plain));
          }) {}

    void change_and_remove(const Leased& door) {
        const int price = table.change();
        door.remove("tea");
        ended(price);
    }
    /// The next call changes the table, too, so that both are one step.
    void change_with_removal() {
        const auto noting = backend->before_call;
        const auto remover = std::this_thread::get_id();
        backend->before_call = [this, noting, remover] {
            if (std::this_thread::get_id() == remover) table.price = 2;
            noting();
        };
    }
    /// As a server does that needs the memory.
    void evict() {
        Orders::step();
        store->lose("*");
    }
};

template <class Door>
int get(const Door& door) {
    return *door.get("tea").cents;
}

}  // namespace removals_leased_test

using namespace removals_leased_test;

TEST_CASE("a removal beats a load that has a lease, in all orders", "[removals][leases][threads]") {
    Orders orders;
    while (orders.next()) {
        Rig rig;
        const Leased loading{rig.process(), rig.table};
        const Leased removing{rig.process(), rig.table};
        const Models<PriceRow> rows{rig.process()};
        orders.play({{6, [&] { rig.read([&] { return get(loading); }); }},
                     {3, [&] {
                          rig.change_and_remove(removing);
                          rig.read([&] { return cached_price(rows); });
                      }}});
        INFO(orders.shown());
        CHECK(rig.outdated == 0);
        CHECK(cached_price(rows) >= 2);
    }
    CHECK(orders.count() == orders_of({6, 3}));
}

TEST_CASE("a removal beats a load that has a lease and one that has waited for it, in all orders",
          "[removals][leases][threads]") {
    std::uint64_t waits = 0;
    Orders orders;
    while (orders.next()) {
        Rig rig;
        const Cache first_process = rig.process();
        const Cache second_process = rig.process();
        const Leased first{first_process, rig.table};
        const Leased second{second_process, rig.table};
        const Leased removing{rig.process(), rig.table};
        const Models<PriceRow> rows{rig.process()};
        // Who reads the source later than he could reads nothing older.
        rig.table.is_read_in_a_step = false;
        orders.play({{7, [&] { rig.read([&] { return get(first); }); }, false},
                     {7, [&] { rig.read([&] { return get(second); }); }, false},
                     {1, [&] {
                          rig.change_with_removal();
                          removing.remove("tea");
                          rig.ended(2);
                      }}});
        INFO(orders.shown());
        CHECK(rig.outdated == 0);
        CHECK(cached_price(rows) >= 2);
        waits += first_process.statistics().lease_waits + second_process.statistics().lease_waits;
    }
    CHECK(waits > 0);
    CHECK(orders.count() == 792);
}

TEST_CASE("a removal beats a refresh in the background that has a lease, in all orders",
          "[removals][leases][stale][threads]") {
    Orders orders;
    while (orders.next()) {
        Rig rig;
        const auto pool = std::make_shared<ManualExecutor>();
        const LeasedStale refreshing{rig.process(pool), rig.table};
        const Leased removing{rig.process(), rig.table};
        const Models<PriceRow> rows{rig.process()};
        (void)get(refreshing);
        rig.clock.advance(15s);
        orders.play({{6,
                      [&] {
                          rig.read([&] { return get(refreshing); });
                          pool->run_all();
                      }},
                     {3, [&] {
                          rig.change_and_remove(removing);
                          rig.read([&] { return cached_price(rows); });
                      }}});
        INFO(orders.shown());
        CHECK(rig.outdated == 0);
        CHECK(cached_price(rows) >= 2);
    }
    CHECK(orders.count() == orders_of({6, 3}));
}

// What the documentation says of `lease_wait` 0.
TEST_CASE("without leases a removal that is evicted lets older loads store what they have",
          "[removals][leases][threads]") {
    std::size_t outdated = 0;
    Orders orders;
    while (orders.next()) {
        Rig rig;
        const Unleased loading{rig.process(), rig.table};
        const Leased removing{rig.process(), rig.table};
        const Models<PriceRow> rows{rig.process()};
        orders.play({{3, [&] { rig.read([&] { return get(loading); }); }},
                     {3, [&] {
                          rig.change_and_remove(removing);
                          rig.evict();
                      }}});
        outdated += cached_price(rows) == 1 ? 1 : 0;
    }
    CHECK(orders.count() == orders_of({3, 3}));
    // The load has read the old price before the change, and stores it after the eviction.
    CHECK(outdated == 1);
}

TEST_CASE("with leases a removal that is evicted beats older loads all the same, in all orders",
          "[removals][leases][threads]") {
    Orders orders;
    while (orders.next()) {
        Rig rig;
        const Leased loading{rig.process(), rig.table};
        const Leased removing{rig.process(), rig.table};
        const Models<PriceRow> rows{rig.process()};
        orders.play({{6, [&] { rig.read([&] { return get(loading); }); }},
                     {4, [&] {
                          rig.change_and_remove(removing);
                          rig.evict();
                          rig.read([&] { return cached_price(rows); });
                      }}});
        INFO(orders.shown());
        CHECK(rig.outdated == 0);
        CHECK(cached_price(rows) >= 2);
    }
    CHECK(orders.count() == orders_of({6, 4}));
}
