// cachemodel: loaders that failed, and are left alone for a while.
// SPDX-License-Identifier: MIT
#include "load_backoff.hpp"

#include <cachemodel/cached_function.hpp>
#include <cachemodel/models.hpp>

#include "support/catch.hpp"
#include "support/load_rig.hpp"

#include <chrono>
#include <exception>
#include <functional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

using namespace cachemodel;
using namespace std::chrono_literals;
using support::Table;
using Strings = std::vector<std::string>;

namespace load_backoff_test {

struct Price {
    static constexpr ModelOptions cache_options{.expires = 10s, .lease_wait = 0s};
    Key<std::string> name;
    Field<int> cents;

    void from_miss(Table& table) { cents = table.row(name); }
};
struct Lasting {
    static constexpr ModelOptions cache_options{.expires = 10s,
                                                .stale_while_refresh = 20s,
                                                .stale_if_error = 1h,
                                                .lease_wait = 0s,
                                                .load_backoff = 10s};
    Key<std::string> name;
    Field<int> cents;

    void from_miss(Table& table) { cents = table.row(name); }
};
struct Insisting {
    static constexpr ModelOptions cache_options{
        .expires = 10s, .lease_wait = 0s, .load_backoff = 0s};
    Key<std::string> name;
    Field<int> cents;

    void from_miss(Table& table) { cents = table.row(name); }
};
struct Batched {
    static constexpr ModelOptions cache_options{.expires = 10s, .lease_wait = 0s};
    Key<std::string> name;

    static std::vector<Batched> from_miss_many(std::span<const Batched> wanted, Table& table) {
        for (const auto& each : wanted) (void)table.row(each.name);
        return {wanted.begin(), wanted.end()};
    }
};
/// Fails as a test says.
struct Other {
    static constexpr ModelOptions cache_options{.expires = 10s, .lease_wait = 0s};
    Key<int> id;

    void from_miss(const std::function<void()>& action) { action(); }
};

support::Table* source = nullptr;
int price(const std::string& name) { return source->row(name); }

struct Rig : support::LoadRig {
    Rig() {
        source = &table;
        table.is_broken = true;
    }
    ~Rig() { source = nullptr; }

    void check_fails() { CHECK_THROWS_WITH(prices.get("tea"), "the table is broken"); }

    Models<Price, Table&> prices{cache, table};
};

std::exception_ptr error_of(int number) {
    return std::make_exception_ptr(std::runtime_error(std::to_string(number)));
}

}  // namespace load_backoff_test

using namespace load_backoff_test;

TEST_CASE("a loader that fails once is asked again at once, and after the second time later",
          "[models][load_backoff]") {
    Rig rig;
    rig.check_fails();
    rig.check_fails();
    CHECK(rig.table.take_asked() == 2);
    rig.check_fails();
    rig.clock.advance(499ms);
    rig.check_fails();
    CHECK(rig.prices.get_many(Strings{"tea"})[0].failed());
    CHECK(rig.table.asked.empty());
    for (const Statistics& counted : {rig.counted(), rig.prices.statistics()}) {
        CHECK(counted.backed_off == 3);
        CHECK(counted.load_failures == 2);
        CHECK(counted.source_misses == 0);
    }
    rig.clock.advance(501ms);
    rig.check_fails();
    CHECK(rig.table.asked.size() == 1);
}

TEST_CASE("each time a loader is left alone for twice as long, up to 30 times the first",
          "[models][load_backoff]") {
    Rig rig;
    rig.check_fails();
    for (const std::chrono::milliseconds pause : {1s, 2s, 4s, 8s, 16s, 30s, 30s}) {
        rig.check_fails();
        CHECK(rig.table.take_asked() > 0);
        rig.clock.advance(pause / 2 - 1ms);
        rig.check_fails();
        CHECK(rig.table.take_asked() == 0);
        rig.clock.advance(pause / 2 + 1ms);
    }
}

TEST_CASE("the pauses of several keys differ", "[models][load_backoff]") {
    Rig rig;
    Strings names;
    for (int i = 0; i < 100; ++i) names.push_back(std::to_string(i));
    (void)rig.prices.get_many(names);
    (void)rig.prices.get_many(names);
    rig.clock.advance(750ms);
    rig.table.asked.clear();
    (void)rig.prices.get_many(names);
    CHECK(rig.table.asked.size() > 30);
    CHECK(rig.table.asked.size() < 70);
}

TEST_CASE("a load that succeeds ends it", "[models][load_backoff]") {
    Rig rig;
    rig.check_fails();
    rig.check_fails();
    rig.clock.advance(1s);
    rig.table.is_broken = false;
    CHECK(rig.prices.get("tea").cents == 100);
    rig.table.is_broken = true;
    rig.clock.advance(10s);
    rig.table.asked.clear();
    rig.check_fails();
    rig.check_fails();
    CHECK(rig.table.asked.size() == 2);
}

TEST_CASE("a source that has none ends it, too", "[models][load_backoff]") {
    Rig rig;
    rig.table.rows.clear();
    rig.check_fails();
    rig.table.is_broken = false;
    CHECK(rig.prices.find("tea").absent());
    rig.table.is_broken = true;
    rig.check_fails();
    rig.check_fails();
    CHECK(rig.table.asked.size() == 4);
}

TEST_CASE("a failure of long ago says nothing about now", "[models][load_backoff]") {
    Rig rig;
    rig.check_fails();
    rig.clock.advance(30s + 1ms);
    rig.check_fails();
    rig.check_fails();
    CHECK(rig.table.asked.size() == 3);
}

TEST_CASE("only the keys whose load failed are left alone", "[models][load_backoff]") {
    Rig rig;
    rig.check_fails();
    rig.check_fails();
    rig.table.is_broken = false;
    rig.table.rows["rum"] = 900;
    const auto found = rig.prices.get_many(Strings{"tea", "rum"});
    CHECK_THROWS_WITH(found[0].failure().rethrow(), "the table is broken");
    CHECK(found[1]->cents == 900);
    // What is saved is there at once.
    rig.prices.save({.name = "tea", .cents = 90});
    CHECK(rig.prices.get("tea").cents == 90);
}

TEST_CASE("with a load_backoff of 0 a loader is asked every time", "[models][load_backoff]") {
    Rig rig;
    const Models<Insisting, Table&> prices{rig.cache, rig.table};
    for (int i = 0; i < 5; ++i) CHECK_THROWS(prices.get("tea"));
    CHECK(rig.table.asked.size() == 5);
    CHECK(rig.counted().backed_off == 0);
}

TEST_CASE("what is stale is served while its loader is left alone, and nothing is refreshed",
          "[models][load_backoff][stale]") {
    Rig rig;
    const Models<Lasting, Table&> prices{rig.cache, rig.table};
    prices.save({.name = "tea", .cents = 90});
    rig.clock.advance(15s);
    CHECK(prices.get("tea").cents == 90);
    CHECK(rig.executor->run_all() == 1);
    CHECK(prices.get("tea").cents == 90);
    CHECK(rig.executor->run_all() == 1);
    CHECK(rig.table.take_asked() == 2);
    // Within the window nobody begins a refresh; beyond it, nobody asks.
    rig.clock.advance(4999ms);
    CHECK(prices.find("tea").stale());
    CHECK(rig.executor->size() == 0);
    CHECK(rig.counted().backed_off == 0);
    rig.clock.advance(15001ms);
    CHECK(prices.find("tea").stale());
    CHECK(rig.table.take_asked() == 1);
    CHECK(prices.find("tea").stale());
    CHECK(rig.table.take_asked() == 0);
    CHECK(rig.counted().backed_off == 1);
}

TEST_CASE("what is missing, or needs itself, does not make a loader be left alone",
          "[models][load_backoff]") {
    Rig rig;
    std::function<void()> action;
    const Models<Other, const std::function<void()>&> others{rig.cache, action};
    int asked = 0;
    SECTION("the source has none") {
        action = [&] {
            ++asked;
            throw Missing{};
        };
        for (int i = 0; i < 4; ++i) CHECK(others.find(1).absent());
    }
    SECTION("something else is missing") {
        action = [&] {
            ++asked;
            throw Missing{"price", "gin"};
        };
        for (int i = 0; i < 4; ++i) CHECK(others.find(1).failed());
    }
    SECTION("it asks for what it is to load") {
        action = [&] {
            ++asked;
            (void)others.get(1);
        };
        for (int i = 0; i < 4; ++i) CHECK_THROWS_AS(others.find(1), RecursiveLoad);
    }
    CHECK(asked == 4);
    CHECK(rig.counted().backed_off == 0);
}

TEST_CASE("a batch that fails leaves each of its keys alone", "[models][load_backoff]") {
    Rig rig;
    const Models<Batched, Table&> models{rig.cache, rig.table};
    for (int i = 0; i < 2; ++i) (void)models.get_many(Strings{"tea", "rum"});
    CHECK(rig.table.take_asked() == 2);
    CHECK(models.get_many(Strings{"rum", "ale"})[0].failed());
    CHECK(rig.table.asked == Strings{"ale"});
    CHECK(rig.counted().backed_off == 1);
}

TEST_CASE("a function that throws is left alone as a loader is, unless it is to be refreshed",
          "[cached_function][load_backoff]") {
    Rig rig;
    const CachedFunction<&price> call{rig.cache, {.expires = 10s, .lease_wait = 0s}};
    const auto check_fails = [&] { CHECK_THROWS_WITH(call("tea"), "the table is broken"); };
    check_fails();
    check_fails();
    check_fails();
    CHECK(rig.table.take_asked() == 2);
    CHECK(call.prefetch(Strings{"tea"})[0].failed());
    CHECK(call.peek("tea").absent());
    CHECK(rig.table.take_asked() == 0);
    CHECK(call.statistics().backed_off == 2);
    CHECK(rig.counted().backed_off == 2);
    CHECK_THROWS_WITH(call.bypass("tea"), "the table is broken");
    rig.table.is_broken = false;
    CHECK(call.refresh("tea") == 100);
    CHECK(call("tea") == 100);
    CHECK(rig.table.take_asked() == 2);
}

TEST_CASE("a call that fails is left alone for as long as its cache says",
          "[cached_function][load_backoff]") {
    Rig rig;
    const Cache cache{rig.recording, {.lease_wait = 0s, .load_backoff = 1h, .clock = rig.clock}};
    const CachedFunction<&price> call{cache};
    for (int i = 0; i < 3; ++i) CHECK_THROWS(call("tea"));
    CHECK(rig.table.take_asked() == 2);
    rig.clock.advance(30min - 1ms);
    CHECK_THROWS(call("tea"));
    CHECK(rig.table.take_asked() == 0);
    rig.clock.advance(30min + 1ms);
    CHECK_THROWS(call("tea"));
    CHECK(rig.table.take_asked() == 1);
}

TEST_CASE("a bypass is not kept from a loader, nor does it say anything about one",
          "[models][load_backoff]") {
    Rig rig;
    const Models<Price, Table&> around{rig.cache.bypass(), rig.table};
    for (int i = 0; i < 3; ++i) CHECK_THROWS(around.get("tea"));
    CHECK(rig.table.take_asked() == 3);
    rig.check_fails();
    rig.check_fails();
    CHECK(rig.table.take_asked() == 2);
    CHECK_THROWS(around.get("tea"));
    CHECK(rig.table.take_asked() == 1);
}

TEST_CASE("the failures of 10,000 keys are remembered, and no more", "[load_backoff]") {
    detail::LoadBackoff backoff;
    detail::Chance chance{1};
    const detail::LoadBackoff::Time now{1h};
    const auto fail = [&](int id, detail::LoadBackoff::Time when) {
        backoff.add(std::to_string(id), error_of(id), when, 1min, chance);
    };
    const auto remembered = [&](int from, int to, detail::LoadBackoff::Time when) {
        int count = 0;
        for (int id = from; id < to; ++id) {
            count += backoff.find(std::to_string(id), when) ? 1 : 0;
        }
        return count;
    };
    for (int id = 0; id < 10'000; ++id) {
        fail(id, now);
        fail(id, now);
    }
    CHECK(remembered(0, 10'000, now) == 10'000);

    SECTION("another one takes the place of any of them") {
        fail(10'000, now);
        fail(10'000, now);
        CHECK(remembered(10'000, 10'001, now) == 1);
        CHECK(remembered(0, 10'000, now) == 9'999);
    }
    SECTION("those that may be asked again go first") {
        for (int id = 0; id < 100; ++id) fail(id, now);  // twice as long
        const auto later = now + 1min;
        fail(10'000, later);
        fail(10'000, later);
        CHECK(remembered(0, 100, later) == 100);
        CHECK(remembered(10'000, 10'001, later) == 1);
        for (int id = 20'000; id < 29'899; ++id) {
            fail(id, later);
            fail(id, later);
        }
        CHECK(remembered(20'000, 29'899, later) == 9'899);
        CHECK(remembered(0, 100, later) == 100);
    }
}

TEST_CASE("what is found is what was thrown last", "[load_backoff]") {
    detail::LoadBackoff backoff;
    detail::Chance chance{1};
    const detail::LoadBackoff::Time now{1h};
    CHECK(backoff.find("a", now) == nullptr);
    backoff.add("a", error_of(1), now, 1s, chance);
    CHECK(backoff.find("a", now) == nullptr);
    backoff.add("a", error_of(2), now, 1s, chance);
    CHECK_THROWS_WITH(std::rethrow_exception(backoff.find("a", now)), "2");
    CHECK(backoff.find("b", now) == nullptr);
    CHECK(backoff.find("a", now + 1s) == nullptr);
    backoff.erase("a");
    CHECK(backoff.find("a", now) == nullptr);
    backoff.add("c", error_of(3), now, 0s, chance);
    backoff.add("c", error_of(3), now, 0s, chance);
    CHECK(backoff.find("c", now) == nullptr);
}
