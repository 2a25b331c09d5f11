// cachemodel: stale values that cannot be read, or are too old by the time they are wanted.
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
#include <stdexcept>
#include <string>
#include <vector>

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

namespace stale_fallbacks_test {

struct OldPrice {
    static constexpr ModelOptions cache_options{
        .expires = 10s, .stale_if_error = 1h, .lease_wait = 40s, .name = "Price"};

    Key<std::string> name;
    Field<int> cents;

    void from_miss(Source& source) { cents = source.ask(); }
};
/// Of a later release.
struct Price {
    static constexpr ModelOptions cache_options{.expires = 10s,
                                                .stale_if_error = 1h,
                                                .lease_wait = 40s,
                                                .load_backoff = 0s,
                                                .name = "Price"};

    Key<std::string> name;
    Field<int> cents;
    Field<int> tax;

    void from_miss(Source& source) {
        cents = source.ask();
        tax = 3;
    }
};
struct TimedPrice {
    static constexpr ModelOptions cache_options{.expires = 10s,
                                                .stale_if_error = 1h,
                                                .load_timeout = 50s,
                                                .lease_wait = 40s,
                                                .load_backoff = 0s,
                                                .name = "Price"};

    Key<std::string> name;
    Field<int> cents;
    Field<int> tax;

    void from_miss(Source& source) {
        cents = source.ask();
        tax = 3;
    }
};

struct OldQuote {
    int cents = 0;
};
struct Quote {
    int cents = 0;
    int tax = 0;
};
Source* source_of_calls = nullptr;
OldQuote old_quote_of(const std::string&) { return {source_of_calls->ask()}; }
Quote quote_of(const std::string&) { return {source_of_calls->ask(), 3}; }

}  // namespace stale_fallbacks_test

using namespace stale_fallbacks_test;

TEMPLATE_TEST_CASE("who cannot read the stale value waits for the other process",
                   "[leases][stale][threads]", Price, TimedPrice) {
    Rig rig;
    Models<OldPrice, Source&>{rig.process(), rig.source}.save({.name = "tea", .cents = 1});
    rig.clock.advance(10s);
    Holder<Price> holder{rig};
    const Cache process = rig.process();
    const Models<TestType, Source&> prices{process, rig.other_source};
    std::atomic<int> sum{0};
    Crew crew;
    crew.start([&] {
        const auto price = prices.get("tea");
        sum += *price.cents + *price.tax;
    });
    crew.start([&] {
        const auto answers = prices.get_many({"tea", "milk"});
        sum += *answers[0]->cents + *answers[0]->tax + *answers[1]->cents + *answers[1]->tax;
    });
    await("somebody waits", [&] { return process.statistics().lease_waits >= 1; });
    CHECK(holder.let_go());
    CHECK(crew.join() == 0);
    CHECK(sum == 7 + 3 + 7 + 3 + 1 + 3);
    CHECK(rig.other_source.asked == 1);  // for milk
    CHECK(process.statistics().stale_served == 0);
}

TEST_CASE("calls that cannot read a stale result wait for the other process",
          "[leases][stale][cached_function][threads]") {
    Rig rig;
    source_of_calls = &rig.source;
    const Lifetime window = GENERATE(Lifetime{0s}, Lifetime{30min});
    const auto options_of = [&](auto options) {
        options.expires = 10s;
        options.stale_while_refresh = window;
        options.stale_if_error = 1h;
        options.lease_wait = 40s;
        options.load_backoff = 0s;
        options.name = "quote";
        return options;
    };
    using OldFunction = CachedFunction<&old_quote_of>;
    using Function = CachedFunction<&quote_of>;
    CHECK(OldFunction{rig.process(), options_of(CallOptions<OldQuote>{})}("tea").cents == 1);
    rig.clock.advance(10s);
    Barrier loading;
    rig.source.answer = [&] {
        loading.pass();
        return 7;
    };
    const Function first{rig.process(), options_of(CallOptions<Quote>{})};
    Crew holder;
    holder.start([&] { (void)first("tea"); });
    loading.await_arrivals(1);

    const Cache process = rig.process();
    const Function quote{process, options_of(CallOptions<Quote>{})};
    std::atomic<int> sum{0};
    Crew crew;
    crew.start([&] {
        const Quote result = quote("tea");
        sum += result.cents + result.tax;
    });
    crew.start([&] {
        const auto results = quote.prefetch({"tea"});
        sum += results[0]->cents + results[0]->tax;
    });
    await("somebody waits", [&] { return process.statistics().lease_waits >= 1; });
    loading.open();
    CHECK(holder.join() == 0);
    CHECK(crew.join() == 0);
    CHECK(sum == 2 * (7 + 3));
    CHECK(rig.source.asked == 2);
}

TEST_CASE("what is too old when its load has failed is not served", "[stale][failure]") {
    Rig rig;
    source_of_calls = &rig.source;
    const Models<Price, Source&> prices{rig.process(), rig.source};
    const CachedFunction<&quote_of> quote{
        rig.process(), {.expires = 10s, .stale_if_error = 1h, .load_backoff = 0s}};
    CHECK(prices.get("tea").cents == 1);
    CHECK(quote("tea").cents == 1);
    rig.clock.advance(10s + 58min);
    rig.source.answer = [&]() -> int {
        rig.clock.advance(1min);
        throw std::runtime_error("no prices");
    };
    // Each load takes a minute, and the second one ends when the hour is over.
    SECTION("of models") {
        CHECK(prices.find("tea").stale());
        CHECK_THROWS_WITH(prices.get("tea"), "no prices");
    }
    SECTION("of calls") {
        CHECK(quote("tea").cents == 1);
        CHECK_THROWS_WITH(quote("tea"), "no prices");
    }
}

TEST_CASE("a value that has no room leaves no older one behind", "[stale][failure]") {
    Rig rig;
    const Models<Price, Source&> prices{rig.process(), rig.source};
    CHECK(prices.get("tea").cents == 1);
    rig.clock.advance(10s);
    rig.source.answer = [&] {
        rig.store->fail_next(1, BackendFault::value_too_large);
        return 2;
    };
    CHECK(prices.get("tea").cents == 2);
    rig.source.answer = []() -> int { throw std::runtime_error("no prices"); };
    CHECK_THROWS_WITH(prices.get("tea"), "no prices");
}

TEST_CASE("what an executor has no room for is not loaded where a stale value will do",
          "[stale][executor]") {
    Rig rig;
    const auto executor = std::make_shared<ManualExecutor>();
    const Cache process = rig.process(executor);
    const Models<TimedPrice, Source&> prices{process, rig.source};
    executor->refuse();
    CHECK(prices.get("tea").cents == 1);  // nothing else will do
    rig.clock.advance(10s);
    CHECK(prices.find("tea").stale());
    CHECK(rig.source.asked == 1);
    CHECK(process.statistics().refused_tasks == 2);
}
