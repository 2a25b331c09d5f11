// cachemodel: entries that are loaded again before their end, by chance.
// SPDX-License-Identifier: MIT
#include <cachemodel/cached_function.hpp>
#include <cachemodel/models.hpp>

#include "support/catch.hpp"
#include "support/load_rig.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

using namespace cachemodel;
using namespace std::chrono_literals;
using support::Table;

namespace early_refresh_test {

constexpr ModelOptions early{
    .expires = 100s, .early_refresh = 1, .lease_wait = 0s, .load_backoff = 0s};

struct Price {
    static constexpr ModelOptions cache_options = early;
    Key<std::string> name;
    Field<int> cents;

    void from_miss(Table& table) { cents = table.row(name); }
};

/// A second step of loading takes 7 s more.
struct Detailed {
    static constexpr ModelOptions cache_options = early;
    Key<std::string> name;
    Field<int> cents;

    void from_miss(Table& table) { cents = table.row(name); }
    void complete(testing::TurnableClock& clock) { clock.advance(7s); }
};

template <const ModelOptions& options>
struct Numbered {
    static constexpr ModelOptions cache_options = options;
    Key<int> id;
    Field<int> value;

    static std::vector<Numbered> from_miss_many(std::span<const Numbered> wanted, Table& table) {
        if (table.before_answer) table.before_answer();
        return {wanted.begin(), wanted.end()};
    }
};
constexpr ModelOptions twice_as_early{
    .expires = 100s, .early_refresh = 2, .lease_wait = 0s, .load_backoff = 0s};
constexpr ModelOptions short_lived{
    .expires = 20s, .early_refresh = 1, .lease_wait = 0s, .load_backoff = 0s};

/// Its loads take a second.
struct Rig : support::LoadRig {
    explicit Rig(std::uint64_t seed = 1)
        : cache{recording, {.executor = executor, .seed = seed, .clock = clock}} {
        takes(1s);
    }
    void takes(std::chrono::nanoseconds time) {
        table.before_answer = [this, time] { clock.advance(time); };
    }

    Cache cache;
};

/// How many of 2,000 entries are loaded again so long before their end, when loading them took
/// `cost`.
template <const ModelOptions& options>
std::uint64_t refreshed(std::chrono::nanoseconds before_end, std::chrono::nanoseconds cost) {
    Rig rig{2};
    rig.takes(cost);
    const Models<Numbered<options>, Table&> models{rig.cache, rig.table};
    std::vector<int> ids;
    for (int id = 0; id < 2'000; ++id) ids.push_back(id);
    (void)models.get_many(ids);
    rig.clock.advance(options.expires.duration() - before_end);
    (void)models.get_many(ids);
    rig.executor->run_all();
    CHECK(rig.cache.statistics().hits == 2'000);
    CHECK(rig.cache.statistics().stale_served == 0);
    return rig.cache.statistics().refreshes;
}

testing::TurnableClock* call_clock = nullptr;
int slow(int number) {
    call_clock->advance(1s);
    return number;
}

}  // namespace early_refresh_test

using namespace early_refresh_test;

TEST_CASE("a seed and the time that a load took decide when an entry is refreshed",
          "[models][early_refresh]") {
    // The first share of seed 1 is 0.56656…, and its negative logarithm 0.56816….
    Rig before;
    const Models<Price, Table&> prices{before.cache, before.table};
    (void)prices.get("tea");
    before.clock.advance(100s - 569ms);
    (void)prices.get("tea");
    CHECK(before.executor->size() == 0);

    Rig rig;
    const Models<Price, Table&> others{rig.cache, rig.table};
    (void)others.get("tea");
    CHECK(rig.envelope().load_cost == 1s);
    rig.clock.advance(100s - 568ms);
    rig.table.rows["tea"] = 200;
    const auto found = others.find("tea");
    CHECK(found->cents == 100);
    CHECK_FALSE(found.stale());
    CHECK(rig.executor->size() == 1);
    // It is stored although what it replaces has gone before it is done.
    CHECK(rig.executor->run_all() == 1);
    CHECK(rig.fresh_for() == 100s);
    CHECK(others.get("tea").cents == 200);
    CHECK(rig.table.asked.size() == 2);
    CHECK(rig.cache.statistics().refreshes == 1);
    CHECK(rig.cache.statistics().stale_served == 0);
}

TEST_CASE("the nearer the end of an entry, the likelier it is refreshed",
          "[models][early_refresh]") {
    // Each share is e to the minus of time left over time taken.
    const auto at_three = refreshed<early>(3s, 1s);
    CHECK(at_three > 70);
    CHECK(at_three < 130);
    const auto at_one = refreshed<early>(1s, 1s);
    CHECK(at_one > 660);
    CHECK(at_one < 810);
    const auto at_a_tenth = refreshed<early>(100ms, 1s);
    CHECK(at_a_tenth > 1760);
    CHECK(at_a_tenth < 1860);
    CHECK(refreshed<early>(50s, 1s) == 0);
}

TEST_CASE("a higher early_refresh is as good as a slower load", "[models][early_refresh]") {
    const auto twice = refreshed<twice_as_early>(2s, 1s);
    CHECK(twice > 660);
    CHECK(twice < 810);
    CHECK(twice == refreshed<early>(2s, 2s));
}

TEST_CASE("a load that took very long counts as a quarter of the lifetime",
          "[models][early_refresh]") {
    CHECK(refreshed<short_lived>(10s, 20s) == refreshed<short_lived>(10s, 5s));
    CHECK(refreshed<short_lived>(10s, 5s) > refreshed<short_lived>(10s, 4s));
}

TEST_CASE("a load that took no time counts as a millisecond", "[models][early_refresh]") {
    CHECK(refreshed<early>(1ms, 0s) == refreshed<early>(1ms, 1ms));
    CHECK(refreshed<early>(1ms, 0s) > 660);
}

TEST_CASE("what nobody has loaded is not refreshed early", "[models][early_refresh]") {
    Rig rig;
    const Models<Numbered<early>, Table&> models{rig.cache, rig.table};
    for (int id = 0; id < 1000; ++id) models.save({.id = id});
    rig.clock.advance(100s - 1ms);
    for (int id = 0; id < 1000; ++id) (void)models.get(id);
    CHECK(rig.executor->size() == 0);
}

TEST_CASE("without early_refresh nothing is refreshed early", "[cached_function][early_refresh]") {
    Rig rig;
    call_clock = &rig.clock;
    const CachedFunction<&slow> call{rig.cache, {.expires = 100s, .lease_wait = 0s}};
    (void)call(1);
    rig.clock.advance(100s - 1ms);
    for (int i = 0; i < 1000; ++i) (void)call(1);
    CHECK(rig.executor->size() == 0);
    CHECK(call.statistics().hits == 1000);
}

TEST_CASE("one refresh at a time is begun early", "[models][early_refresh]") {
    Rig rig;
    const Models<Price, Table&> prices{rig.cache, rig.table};
    (void)prices.get("tea");
    rig.clock.advance(100s - 1ms);
    for (int i = 0; i < 100; ++i) (void)prices.get("tea");
    CHECK(rig.executor->run_all() == 1);
    CHECK(rig.table.asked.size() == 2);
}

TEST_CASE("another process that refreshes is left alone", "[cached_function][early_refresh]") {
    Rig rig;
    call_clock = &rig.clock;
    const CallOptions<int> options{.expires = 100s, .early_refresh = 1};
    const CachedFunction<&slow> call{rig.cache, options};
    const CachedFunction<&slow> of_another{Cache{rig.recording, {.clock = rig.clock}}, options};
    (void)call(1);
    rig.clock.advance(100s - 1ms);
    (void)call(1);
    bool is_leased = false;
    rig.scripted->before_each_call([&](testing::Verb verb) {
        if (verb != testing::Verb::get) return;
        is_leased = true;
        for (int i = 0; i < 100; ++i) CHECK(of_another(1) == 1);
    });
    CHECK(rig.executor->run_one());
    rig.scripted->before_each_call({});
    CHECK(is_leased);
    CHECK(of_another.statistics().refreshes == 0);
    CHECK(of_another.statistics().loads == 0);
    CHECK(of_another.statistics().hits == 100);
}

TEST_CASE("an early refresh that fails leaves the entry, which is fresh",
          "[models][early_refresh]") {
    Rig rig;
    const Models<Price, Table&> prices{rig.cache, rig.table};
    (void)prices.get("tea");
    rig.clock.advance(100s - 568ms);
    (void)prices.get("tea");
    rig.table.is_broken = true;
    rig.takes(0s);
    CHECK(rig.executor->run_all() == 1);
    CHECK_FALSE(prices.find("tea").stale());
    CHECK(rig.cache.statistics().load_failures == 1);
    rig.clock.advance(567ms);
    CHECK(prices.get("tea").cents == 100);
    rig.clock.advance(1ms);
    CHECK_THROWS_WITH(prices.get("tea"), "the table is broken");
}

TEST_CASE("an executor without room for an early refresh is counted", "[models][early_refresh]") {
    Rig rig;
    const Models<Price, Table&> prices{rig.cache, rig.table};
    (void)prices.get("tea");
    rig.clock.advance(100s - 568ms);
    rig.executor->refuse();
    CHECK(prices.get("tea").cents == 100);
    CHECK(prices.statistics().refused_tasks == 1);
    CHECK(rig.table.asked.size() == 1);
}

TEST_CASE("calls are refreshed early too, by the time that the function took",
          "[cached_function][early_refresh]") {
    Rig rig;
    call_clock = &rig.clock;
    const CachedFunction<&slow> call{rig.cache,
                                     {.expires = 100s, .early_refresh = 1, .lease_wait = 0s}};
    CHECK(call(1) == 1);
    CHECK(rig.envelope().load_cost == 1s);
    rig.clock.advance(100s - 568ms);
    CHECK(call(1) == 1);
    CHECK_FALSE(call.peek(1).stale());
    CHECK(rig.executor->run_all() == 1);
    CHECK(rig.fresh_for() == 100s);
    CHECK(call.statistics().refreshes == 1);
}

TEST_CASE("the time of each load of many is its own", "[models][early_refresh]") {
    Rig rig;
    const Models<Price, Table&> prices{rig.cache, rig.table};
    rig.table.rows = {{"first", 1}, {"second", 2}};
    rig.table.before_answer = [&] { rig.clock.advance(rig.table.asked.size() * 1s); };
    (void)prices.get_many(std::vector<std::string>{"first", "second"});
    CHECK(rig.scripted->lose("*first*") == 1);
    CHECK(rig.envelope().load_cost == 2s);
}

TEST_CASE("a touched entry keeps what its load took", "[models][early_refresh]") {
    Rig rig;
    const Models<Price, Table&> prices{rig.cache, rig.table};
    (void)prices.get("tea");
    CHECK(prices.touch("tea", 50s));
    CHECK(rig.envelope().load_cost == 1s);
    rig.clock.advance(50s - 568ms);
    (void)prices.get("tea");
    CHECK(rig.executor->size() == 1);
}

TEST_CASE("a backend that ends entries early has them a little longer", "[models][early_refresh]") {
    Rig rig;
    rig.scripted->capabilities_to_claim().lifetime_resolution = 1s;
    const Cache cache{rig.recording, {.executor = rig.executor, .seed = 1, .clock = rig.clock}};
    const Models<Price, Table&> prices{cache, rig.table};
    (void)prices.get("tea");
    CHECK(rig.fresh_for() == 100s);
    CHECK(rig.kept_for() == Lifetime{101s});
}

TEST_CASE("a load in two steps takes as long as both", "[models][early_refresh]") {
    Rig rig;
    const Models<Detailed, Table&, testing::TurnableClock&> models{rig.cache, rig.table, rig.clock};
    (void)models.get("tea");
    rig.clock.advance(20s);  // nothing but waiting
    CHECK(rig.executor->run_all() == 1);
    CHECK(rig.envelope().load_cost == 8s);
}
