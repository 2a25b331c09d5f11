// cachemodel: what is counted of loads, and what observers are told of them.
// SPDX-License-Identifier: MIT
#include <cachemodel/cached_function.hpp>
#include <cachemodel/models.hpp>
#include <cachemodel/observer.hpp>
#include <cachemodel/prometheus.hpp>

#include "support/catch.hpp"
#include "support/load_rig.hpp"

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace cachemodel;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using support::Table;
using Strings = std::vector<std::string>;

namespace load_counters_test {

struct Price {
    static constexpr ModelOptions cache_options{.expires = 10s,
                                                .stale_while_refresh = 20s,
                                                .stale_if_error = 1h,
                                                .remember_missing = 5s,
                                                .lease_wait = 20ms,
                                                .load_backoff = 1min,
                                                .name = "price"};
    Key<std::string> name;
    Field<int> cents;

    void from_miss(Table& table) { cents = table.row(name); }
};
struct Hasty {
    static constexpr ModelOptions cache_options{
        .load_timeout = 10ms, .lease_wait = 0s, .load_backoff = 0s, .name = "hasty"};
    Key<std::string> name;

    void from_miss(Table& table) { (void)table.row(name); }
};

/// What was done to the backend, in order.
class Told final : public Observer {
 public:
    void round_trip(const RoundTrip& trip) override {
        operations.push_back(std::string{to_string(trip.operation)});
        failed += trip.failed;
    }
    Strings take() { return std::exchange(operations, {}); }

    Strings operations;
    std::size_t failed = 0;
};

int twice(int number) { return 2 * number; }

std::function<void()> during_slowly;
int slowly(int number) {
    during_slowly();
    return number;
}

struct Number {
    static constexpr ModelOptions cache_options{.lease_wait = 0s, .name = "number"};
    Key<int> id;
    int value = 0;

    static std::vector<Number> from_miss_many(std::span<const Number> wanted,
                                              const std::function<void()>& during) {
        during();
        return {wanted.begin(), wanted.end()};
    }
};

struct Parted {
    static constexpr ModelOptions cache_options{
        .lease_wait = 0s, .load_backoff = 0s, .name = "parted"};
    Key<int> id;
    int value = 0;

    void from_miss(const std::function<void()>& during) { during(); }
    void complete(const std::function<void()>& during) { during(); }
};

struct Rig : support::LoadRig {
    Models<Price, Table&> prices{cache, table};
};

}  // namespace load_counters_test

using namespace load_counters_test;

TEST_CASE("a lease costs two round trips besides the read and the write", "[observer][loads]") {
    Rig rig;
    const auto told = std::make_shared<Told>();
    rig.cache.observe(told);
    (void)rig.prices.get("tea");
    CHECK(told->take() == Strings{"get", "add", "get", "compare and set"});
    (void)rig.prices.get("tea");
    CHECK(told->take() == Strings{"get"});
    rig.clock.advance(15s);
    (void)rig.prices.get("tea");
    CHECK(told->take() == Strings{"get"});
    CHECK(rig.executor->run_all() == 1);
    CHECK(told->take() == Strings{"compare and set", "get", "compare and set"});
    CHECK(rig.counted().round_trips == 9);
}

TEST_CASE("a load that stores nothing gives its lease back", "[observer][loads]") {
    Rig rig;
    const auto told = std::make_shared<Told>();
    rig.cache.observe(told);
    rig.table.is_broken = true;
    CHECK_THROWS(rig.prices.get("tea"));
    CHECK(told->take() == Strings{"get", "add", "get", "compare and set"});
    rig.table.is_broken = false;
    rig.clock.advance(2s);
    CHECK(rig.prices.get("tea").cents == 100);
}

TEST_CASE("without other processes a load costs a read and a write", "[observer][loads]") {
    Rig rig;
    const Models<Hasty, Table&> models{rig.cache, rig.table};
    const auto told = std::make_shared<Told>();
    rig.cache.observe(told);
    rig.executor->refuse();
    (void)models.get("tea");
    CHECK(told->take() == Strings{"get", "add"});
    rig.scripted->fail_next(1);
    (void)models.get("tea");
    CHECK(told->take() == Strings{"get"});
    CHECK(told->failed == 1);
}

TEST_CASE("a result that cannot be removed is counted for its function",
          "[cached_function][statistics]") {
    Rig rig;
    const CachedFunction<&twice> call{rig.cache};
    (void)call(1);
    rig.scripted->fail_next(1);
    CHECK_THROWS_AS(call.invalidate(1), BackendError);
    CHECK(call.statistics().removal_failures == 1);
    CHECK(rig.counted().removal_failures == 1);
    call.invalidate(1);
    CHECK(call.statistics().removal_failures == 1);
    CHECK(call.statistics().removals == 1);
}

TEST_CASE("what is counted of loads is told to Prometheus, of caches and of models",
          "[prometheus][loads]") {
    support::LoadRig rig;
    const Cache cache{rig.recording,
                      {.loads_without_cache = 1,
                       .executor = rig.executor,
                       .name = "counted",
                       .clock = rig.clock}};
    const Models<Price, Table&> prices{cache, rig.table};
    const Models<Hasty, Table&> hasty{cache, rig.table};
    const auto check = [&](const std::string& metric, int of_cache, int of_price) {
        const std::string text = prometheus_text(cache);
        CHECK_THAT(text, Contains("cachemodel_" + metric + "_total{cache=\"counted\"} " +
                                  std::to_string(of_cache) + "\n"));
        CHECK_THAT(text, Contains("cachemodel_model_" + metric +
                                  "_total{cache=\"counted\",model=\"price\"} " +
                                  std::to_string(of_price) + "\n"));
    };
    (void)prices.get("tea");
    (void)prices.find("gin");
    (void)prices.find("gin");
    check("source_misses", 1, 1);
    CHECK_THAT(prometheus_text(cache),
               Contains("cachemodel_model_misses_total{cache=\"counted\",model=\"price\",reason="
                        "\"known_missing\"} 1\n"));
    rig.clock.advance(15s);
    rig.executor->refuse();
    (void)prices.get("tea");
    rig.executor->refuse(false);
    (void)prices.get("tea");
    check("refused_tasks", 1, 1);
    check("stale_served", 2, 2);
    CHECK(rig.executor->run_all() == 1);
    check("refreshes", 1, 1);
    check("loads", 2, 2);
    CHECK_THROWS_AS(hasty.get("rum"), LoadTimeout);
    check("load_timeouts", 1, 0);
    CHECK(rig.executor->drop_one());
    rig.clock.advance(1min);
    rig.table.is_broken = true;
    for (int i = 0; i < 3; ++i) (void)prices.get("tea");
    check("load_failures", 2, 2);
    check("backed_off", 1, 1);
    check("stale_served", 5, 5);
    CHECK_THAT(prometheus_text(cache),
               Contains("cachemodel_model_misses_total{cache=\"counted\",model=\"price\",reason="
                        "\"expired\"} 3\n"));
}

TEST_CASE_METHOD(support::LoadRig, "a load is under way for as long as its function runs",
                 "[loads][counters]") {
    const CachedFunction<&slowly> slow{cache, {.expires = 10s, .lease_wait = 0s}};
    std::vector<std::size_t> seen;
    during_slowly = [&] {
        seen.push_back(cache.loads_under_way());
        slow.invalidate(1);  // nobody can join it any more
        seen.push_back(cache.loads_under_way());
        seen.push_back(cache.with_prefix("p").get_or_set("k", [&] {
            cache.with_prefix("p").erase("k");
            return cache.loads_under_way();
        }));
    };
    CHECK(slow(1) == 1);
    CHECK(seen == std::vector<std::size_t>{1, 1, 2});
    CHECK(cache.loads_under_way() == 0);
    during_slowly = [] { throw std::runtime_error("no"); };
    CHECK_THROWS_AS(slow(2), std::runtime_error);
    CHECK(cache.loads_under_way() == 0);
}

TEST_CASE_METHOD(support::LoadRig, "loads that pass by the cache are under way, too",
                 "[loads][counters]") {
    const Cache past = cache.bypass();
    std::vector<std::size_t> seen;
    const std::function<void()> during = [&] { seen.push_back(cache.loads_under_way()); };
    during_slowly = during;
    (void)CachedFunction<&slowly>{past}(1);
    (void)past.get_or_set("k", [&] {
        during();
        return 1;
    });
    (void)Models<Parted, const std::function<void()>&>{past, during}.get(1);
    CHECK(seen == std::vector<std::size_t>{1, 1, 1, 1});
    CHECK(cache.loads_under_way() == 0);
}

TEST_CASE_METHOD(support::LoadRig, "each object of a load of many is under way",
                 "[loads][counters]") {
    std::size_t seen = 0;
    const std::function<void()> during = [&] { seen = cache.loads_under_way(); };
    (void)Models<Number, const std::function<void()>&>{cache, during}.get_many({1, 2, 3});
    CHECK(seen == 3);
    CHECK(cache.loads_under_way() == 0);
}

TEST_CASE_METHOD(support::LoadRig, "what waits for a thread is not under way",
                 "[loads][counters]") {
    bool fails = false;
    std::size_t seen = 0;
    const std::function<void()> during = [&] {
        seen = cache.loads_under_way();
        if (fails) throw std::runtime_error("no");
    };
    const Models<Parted, const std::function<void()>&> parted{cache, during};
    (void)parted.get(1);
    CHECK(seen == 1);
    CHECK(executor->size() == 1);  // the second step
    CHECK(cache.loads_under_way() == 0);
    seen = 0;
    fails = true;
    executor->run_all();
    CHECK(seen == 1);
    CHECK(cache.loads_under_way() == 0);
    CHECK(cache.latencies().loads.count() == 2);
}
