// cachemodel: loads that take longer than their leases, and tasks that wait for those of others.
// SPDX-License-Identifier: MIT
#include <cachemodel/cached_function.hpp>
#include <cachemodel/models.hpp>
#include <cachemodel/testing/manual_executor.hpp>

#include "support/catch.hpp"
#include "support/crew.hpp"
#include "support/lease_rig.hpp"

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

using namespace cachemodel;
using namespace std::chrono_literals;
using support::await;
using support::Barrier;
using support::Crew;
using Rig = support::LeaseRig;
using Source = support::LeasedSource;
template <class M>
using Holder = support::LeaseHolder<M>;
using testing::ManualExecutor;
using testing::Verb;

// A lease goes by the clock of the caches, which a test turns; waiting goes by the machine's. Of
// 40 s that one would wait, a lease lasts 30 s.

namespace outlasted_leases_test {

/// What a program without loaders reads.
struct PriceRow {
    static constexpr ModelOptions cache_options{.name = "Price"};

    Key<std::string> name;
    Field<int> cents;
};
struct Price {
    static constexpr ModelOptions cache_options{
        .lease_wait = 40s, .load_backoff = 0s, .name = "Price"};

    Key<std::string> name;
    Field<int> cents;

    void from_miss(Source& source) { cents = source.ask(); }
};
struct Fallback {
    static constexpr ModelOptions cache_options{.expires = 10s,
                                                .stale_if_error = 1h,
                                                .lease_wait = 40s,
                                                .load_backoff = 0s,
                                                .name = "Price"};

    Key<std::string> name;
    Field<int> cents;

    void from_miss(Source& source) { cents = source.ask(); }
};
/// Its callers have patience, but not without end.
struct Timed {
    static constexpr ModelOptions cache_options{
        .load_timeout = 50s, .lease_wait = 40s, .load_backoff = 0s, .name = "Price"};

    Key<std::string> name;
    Field<int> cents;

    void from_miss(Source& source) { cents = source.ask(); }
};
struct InTwoSteps {
    static constexpr ModelOptions cache_options{.lease_wait = 40s, .load_backoff = 0s};

    Key<std::string> name;
    Field<int> first;
    Field<int> second;

    void from_miss(Source& source) { first = source.ask(); }
    void complete(Source& source) { second = source.ask(); }
};
/// Its callers wait for no more than moments.
struct Impatient {
    static constexpr ModelOptions cache_options{.lease_wait = 40ms, .load_backoff = 0s};

    Key<std::string> name;
    Field<int> first;
    Field<int> second;

    void from_miss(Source& source) { first = source.ask(); }
    void complete(Source& source) { second = source.ask(); }
};
struct InTwoStepsRow {
    static constexpr ModelOptions cache_options{.name = "outlasted_leases_test::InTwoSteps"};

    Key<std::string> name;
    Field<int> first;
    Field<int> second;
};

/// One struct, of two releases.
struct Old {
    static constexpr ModelOptions cache_options{.expires = 10s, .name = "Changed"};

    Key<std::string> name;
    Field<int> cents;
};
struct New {
    static constexpr ModelOptions cache_options{
        .expires = 10s, .lease_wait = 40s, .load_backoff = 0s, .name = "Changed"};

    Key<std::string> name;
    Field<int> cents;
    Field<int> tax;

    void from_miss(Source& source) { cents = source.ask(); }
};

Source* source_of_calls = nullptr;
int price_of(const std::string&) { return source_of_calls->ask(); }

}  // namespace outlasted_leases_test

using namespace outlasted_leases_test;

TEST_CASE("a load that outlasts its lease stores over the lease that took it over",
          "[leases][threads]") {
    Rig rig;
    Holder<Price> holder{rig};
    rig.clock.advance(30s);
    const Cache process = rig.process();
    const Models<Price, Source&> prices{process, rig.other_source};
    const Models<PriceRow> stored{rig.process()};
    rig.other_source.answer = [&] {
        CHECK(holder.let_go());
        CHECK(stored.get("tea").cents == 7);
        return 8;
    };
    CHECK(prices.get("tea").cents == 8);
    CHECK(stored.get("tea").cents == 7);
    CHECK(holder.cache().statistics().overtaken_loads == 0);
    CHECK(process.statistics().overtaken_loads == 1);
}

TEST_CASE("a removal comes between leases that follow on each other", "[leases][threads]") {
    Rig rig;
    Holder<Price> holder{rig};
    rig.clock.advance(30s);
    const Models<Price, Source&> prices{rig.process(), rig.other_source};
    const Models<PriceRow> stored{rig.process()};
    SECTION("while the second load runs") {
        rig.other_source.answer = [&] {
            CHECK(stored.remove("tea"));
            CHECK(holder.let_go());
            return 8;
        };
        CHECK(prices.get("tea").cents == 8);
        CHECK(stored.find("tea").reason() == MissReason::nothing_stored);
    }
    SECTION("before the second load") {
        Models<Price, Source&>{rig.process(), rig.source}.remove("tea");
        rig.other_source.answer = [&] {
            CHECK(holder.let_go());
            CHECK_FALSE(stored.exists("tea"));
            return 8;
        };
        CHECK(prices.get("tea").cents == 8);
        CHECK(stored.get("tea").cents == 8);
    }
    SECTION("a save") {
        rig.other_source.answer = [&] {
            stored.save({.name = "tea", .cents = 9});
            CHECK(holder.let_go());
            return 8;
        };
        CHECK(prices.get("tea").cents == 8);
        CHECK(stored.get("tea").cents == 9);
    }
    SECTION("an eviction, after which another load begins") {
        const Models<Price, Source&> third{rig.process(), rig.other_source};
        rig.other_source.answer = [&] {
            if (rig.other_source.asked == 2) {
                CHECK(holder.let_go());
                CHECK_FALSE(stored.exists("tea"));
                return 6;
            }
            rig.store->lose("*");
            CHECK(third.get("tea").cents == 6);
            return 8;
        };
        CHECK(prices.get("tea").cents == 8);
        CHECK(stored.get("tea").cents == 6);
    }
}

TEST_CASE("a load over a stale value that outlasts its lease is stored all the same",
          "[leases][stale][threads]") {
    Rig rig;
    const Models<PriceRow> stored{rig.process()};
    Models<Fallback, Source&>{rig.process(), rig.source}.save({.name = "tea", .cents = 1});
    rig.clock.advance(10s);
    Holder<Fallback> holder{rig};
    rig.clock.advance(30s);
    const Models<Fallback, Source&> prices{rig.process(), rig.other_source};
    rig.other_source.answer = [&] {
        CHECK(holder.let_go());
        CHECK(stored.get("tea").cents == 7);
        return 8;
    };
    CHECK(prices.get("tea").cents == 8);
    CHECK(stored.get("tea").cents == 7);
}

TEST_CASE("a call that outlasts its lease is stored over the next lease",
          "[leases][cached_function][threads]") {
    Rig rig;
    source_of_calls = &rig.source;
    const CachedFunction<&price_of> first{rig.process(), {.lease_wait = 40s, .load_backoff = 0s}};
    const CachedFunction<&price_of> second{rig.process(), {.lease_wait = 40s, .load_backoff = 0s}};
    Barrier barrier;
    Crew crew;
    bool is_stored = false;
    rig.source.answer = [&] {
        if (rig.source.asked == 1) {
            barrier.pass();
            return 1;
        }
        barrier.open();
        CHECK(crew.join() == 0);
        is_stored = first.peek("tea").found();
        return 5;
    };
    crew.start([&] { (void)first("tea"); });
    barrier.await_arrivals(1);
    rig.clock.advance(30s);
    CHECK(second("tea") == 5);
    CHECK(is_stored);
    CHECK(second.statistics().overtaken_loads == 1);
}

TEST_CASE("while a second step runs, callers of its process get the first one's part at once",
          "[leases][complete][threads]") {
    Rig rig;
    const auto executor = std::make_shared<ManualExecutor>();
    const Cache process = rig.process(executor);
    const Models<InTwoSteps, Source&> models{process, rig.source};
    const Models<InTwoStepsRow> rows{rig.process()};
    CHECK(models.get("tea").first == 1);
    Barrier second_step;
    rig.source.answer = [&] {
        second_step.pass();
        return 2;
    };
    Crew crew;
    crew.start([&] { (void)executor->run_all(); });
    second_step.await_arrivals(1);
    CHECK(models.get("tea").first == 1);
    rig.clock.advance(30s);  // the lease is over, and nobody has taken it
    CHECK(models.get("tea").first == 1);
    CHECK(process.statistics().joined == 2);
    CHECK(rig.source.asked == 2);
    CHECK_FALSE(rows.exists("tea"));
    second_step.open();
    CHECK(crew.join() == 0);
    CHECK(rows.get("tea").second == 2);
}

TEST_CASE("the part is taken also while another process completes the same",
          "[leases][complete][threads]") {
    Rig rig;
    const auto executor = std::make_shared<ManualExecutor>();
    const auto other_executor = std::make_shared<ManualExecutor>();
    const Cache process = rig.process(executor);
    const Cache other = rig.process(other_executor);
    const Models<InTwoSteps, Source&> models{process, rig.source};
    const Models<InTwoSteps, Source&> others{other, rig.other_source};
    const Models<InTwoStepsRow> rows{rig.process()};
    CHECK(models.get("tea").first == 1);
    rig.clock.advance(30s);
    CHECK(others.get("tea").first == 1);  // it has taken the lease over
    CHECK(models.get("tea").first == 1);
    CHECK(others.get("tea").first == 1);
    for (const Cache& each : {process, other}) {
        CHECK(each.statistics().joined == 1);
        CHECK(each.statistics().loads == 1);
    }
    rig.source.answer = [] { return 2; };
    CHECK(executor->run_all() == 1);
    CHECK(rows.get("tea").second == 2);
    CHECK(other_executor->run_all() == 1);
    CHECK(rows.get("tea").second == 2);
}

TEST_CASE("a part is not taken after a removal, whoever has the lease of its load",
          "[leases][complete]") {
    Rig rig;
    const auto process = [&] { return rig.process(std::make_shared<ManualExecutor>()); };
    const Models<Impatient, Source&> models{process(), rig.source};
    const Models<Impatient, Source&> others{process(), rig.other_source};
    const Models<Impatient, Source&> third{process(), rig.other_source};
    CHECK(models.get("tea").first == 1);
    rig.clock.advance(30s);
    CHECK(others.get("tea").first == 1);
    rig.source.answer = rig.other_source.answer = [] { return 3; };
    SECTION("which is there") { CHECK(third.remove("tea")); }
    SECTION("which has gone with all else, and others load it again") {
        rig.store->lose("*");
        CHECK(third.get("tea").first == 3);
        rig.clock.advance(30s);
    }
    CHECK(models.get("tea").first == 3);
}

TEST_CASE("a second step that is given up gives its lease back", "[leases][complete]") {
    Rig rig;
    const auto executor = std::make_shared<ManualExecutor>();
    const Cache other = rig.process();
    const Models<InTwoSteps, Source&> models{rig.process(executor), rig.source};
    const Models<InTwoSteps, Source&> others{other, rig.other_source};
    CHECK(models.get("tea").first == 1);
    CHECK(executor->drop_one());
    CHECK(others.get("tea").first == 1);
    CHECK(other.statistics().lease_waits == 0);
    CHECK(rig.other_source.asked >= 1);
}

TEST_CASE("a task that waits for another process lets other tasks go first",
          "[leases][executor][threads]") {
    Rig rig;
    Holder<Timed> holder{rig};
    const Cache process =
        rig.process(std::make_shared<ThreadPool>(ThreadPoolOptions{.threads = 1}));
    const Models<Timed, Source&> prices{process, rig.other_source};
    std::atomic<int> price{0};
    Crew crew;
    crew.start([&] { price = *prices.get("tea").cents; });
    await("it waits", [&] { return process.statistics().lease_waits == 1; });
    CHECK(prices.get("milk").cents == 1);
    CHECK(price == 0);
    CHECK(holder.let_go());
    CHECK(crew.join() == 0);
    CHECK(price == 7);
    CHECK(rig.other_source.asked == 1);
}

TEST_CASE("what does not say when it ends keeps its end under a lease", "[leases][failure]") {
    Rig rig;
    const Models<Old> old{rig.process()};
    const Models<New, Source&> models{rig.process(), rig.source};
    bool has_come = false;
    rig.store->before_each_call([&](Verb verb) {
        // Between the first read and the promise.
        if (verb == Verb::add && !std::exchange(has_come, true)) {
            old.save({.name = "tea", .cents = 5});
        }
    });
    rig.source.answer = []() -> int { throw std::runtime_error("no prices"); };
    CHECK_THROWS_WITH(models.get("tea"), "no prices");
    CHECK(has_come);
    rig.clock.advance(10s);
    CHECK_FALSE(old.exists("tea"));
    rig.clock.advance(1min);
    CHECK(rig.store->keys().empty());
}
