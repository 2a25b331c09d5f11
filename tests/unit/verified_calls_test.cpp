// cachemodel: results of cached calls that are computed as well, to be compared.
// SPDX-License-Identifier: MIT
#include <cachemodel/cached_form_method.hpp>
#include <cachemodel/cached_function.hpp>
#include <cachemodel/cached_method.hpp>
#include <cachemodel/observer.hpp>

#include "support/call_load_rig.hpp"
#include "support/catch.hpp"

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

using namespace cachemodel;
using namespace std::chrono_literals;
using Strings = std::vector<std::string>;

namespace verified_calls_test {

using support::CallLoadRig;
using support::Query;
using support::Shop;

int price_of_view(std::string_view name) { return CallLoadRig::source->row(std::string{name}); }

/// Refers to what is not its own.
struct Stall {
    const std::string* name = nullptr;

    int price() const { return CallLoadRig::source->row(*name); }
};

std::unordered_set<int> numbers(int buckets) {
    std::unordered_set<int> set;
    set.rehash(CallLoadRig::source->asked.empty() ? 0 : 997);
    for (int i = 0; i < 20; ++i)
        set.insert(1000 * (CallLoadRig::source->asked.empty() ? i : 19 - i));
    CallLoadRig::source->asked.push_back(std::to_string(buckets));
    return set;
}

/// Everything that it is told of mismatches, as text.
class Listener final : public Observer {
 public:
    void mismatch(const Mismatch& mismatch) override {
        std::string text = std::string{mismatch.name} + '|' + std::string{mismatch.key} + '|';
        for (const auto member : mismatch.members) text += ' ' + std::string{member};
        told.push_back(text);
    }

    Strings told;
};

struct Rig : CallLoadRig {
    Rig() { cache.observe(listener); }

    std::shared_ptr<Listener> listener = std::make_shared<Listener>();
};

template <class Result>
constexpr CallOptions<Result> options() {
    return {.expires = 10s, .stale_while_refresh = 10s, .verify = 1};
}

/// One cached function of each kind, called for tea.
template <class Call, class... First>
void check_kind(First... first) {
    Rig rig;
    const Call call{rig.cache, options<int>()};
    CHECK(call(first...) == 100);
    CHECK(rig.executor->size() == 0);
    CHECK(call(first...) == 100);
    CHECK(call(first...) == 100);
    CHECK(rig.table.asked.size() == 1);
    CHECK(rig.executor->run_all() == 1);
    CHECK(rig.table.asked.size() == 2);
    for (const Statistics& counted : {rig.counted(), call.statistics()}) {
        CHECK(counted.verified == 1);
        CHECK(counted.mismatches == 0);
        CHECK(counted.stores == 1);
        CHECK(counted.refreshes == 0);
    }

    rig.table.rows["tea"] = 120;
    CHECK(call(first...) == 100);
    CHECK(rig.executor->run_all() == 1);
    for (const Statistics& counted : {rig.counted(), call.statistics()}) {
        CHECK(counted.verified == 1);
        CHECK(counted.mismatches == 1);
        CHECK(counted.removals == 1);
    }
    const std::string key = call.key_for(first...);
    CHECK(rig.listener->told == Strings{key.substr(0, key.find('@')) + '|' + key + "| result"});
    CHECK(call.peek(first...).absent());
    CHECK(call(first...) == 120);
}

}  // namespace verified_calls_test

using namespace verified_calls_test;

TEST_CASE("a result that is verified is computed as well, in the background",
          "[verification][call]") {
    SECTION("of a function") { check_kind<CachedFunction<&support::price>>(std::string{"tea"}); }
    SECTION("with a view") { check_kind<CachedFunction<&price_of_view>>(std::string{"tea"}); }
    SECTION("of a method") {
        check_kind<CachedMethod<&Shop::price, &Shop::name>>(Shop{"corner"}, std::string{"tea"});
    }
    SECTION("of a form") { check_kind<CachedFormMethod<&Query::found>>(Query{"tea"}); }
}

TEST_CASE("a call that cannot be copied whole is not verified", "[verification][call]") {
    Rig rig;
    const std::string tea = "tea";
    const CachedMethod<&Stall::price> call{rig.cache, options<int>()};
    CHECK(call(Stall{&tea}) == 100);
    CHECK(call(Stall{&tea}) == 100);
    CHECK(rig.executor->size() == 0);
    CHECK(rig.table.asked.size() == 1);
}

TEST_CASE("neither a peek nor a stale result nor a call around the cache is verified",
          "[verification][call]") {
    Rig rig;
    const CachedFunction<&support::price> call{rig.cache, options<int>()};
    (void)call("tea");
    CHECK(*call.peek("tea") == 100);
    CHECK(call.bypass("tea") == 100);
    CHECK(CachedFunction<&support::price>{rig.cache.bypass(), options<int>()}("tea") == 100);
    CHECK(rig.executor->size() == 0);
    rig.clock.advance(10s);
    CHECK(call("tea") == 100);
    CHECK(rig.executor->run_all() == 1);
    CHECK(rig.counted().refreshes == 1);
    CHECK(rig.counted().verified == 0);
}

TEST_CASE("a function that throws says nothing about a result", "[verification][call]") {
    Rig rig;
    const CachedFunction<&support::price> call{rig.cache, options<int>()};
    (void)call("tea");
    rig.table.is_broken = true;
    CHECK(call("tea") == 100);
    CHECK(rig.executor->run_all() == 1);
    CHECK(call.statistics().load_failures == 1);
    CHECK(call.statistics().mismatches == 0);
    CHECK(call("tea") == 100);
}

TEST_CASE("a result that was refreshed meanwhile stays, and is no mismatch",
          "[verification][call]") {
    Rig rig;
    const CachedFunction<&support::price> call{rig.cache, options<int>()};
    (void)call("tea");
    rig.table.rows["tea"] = 120;
    (void)call("tea");
    CHECK(call.refresh("tea") == 120);
    rig.table.rows["tea"] = 130;
    rig.executor->run_all();
    CHECK(call.statistics().mismatches == 0);
    CHECK(*call.peek("tea") == 120);
}

TEST_CASE("where the executor has no room no result is verified", "[verification][call]") {
    Rig rig;
    const CachedFunction<&support::price> call{rig.cache, options<int>()};
    (void)call("tea");
    rig.executor->refuse();
    CHECK(call("tea") == 100);
    CHECK(rig.table.asked.size() == 1);
    CHECK(call.statistics().refused_tasks == 1);
}

TEST_CASE("a result without an order is equal in any order", "[verification][call]") {
    Rig rig;
    const CachedFunction<&numbers> call{rig.cache, options<std::unordered_set<int>>()};
    const auto first = call(1);
    const auto hit = call(1);
    const auto again = numbers(1);
    REQUIRE(std::vector<int>(hit.begin(), hit.end()) !=
            std::vector<int>(again.begin(), again.end()));
    CHECK(rig.executor->run_all() == 1);
    CHECK(call.statistics().verified == 1);
}

TEST_CASE("calls that are prefetched are verified together", "[verification][call]") {
    Rig rig;
    rig.table.rows["milk"] = 90;
    const CachedFunction<&support::price> call{rig.cache, options<int>()};
    const Strings both{"tea", "milk"};
    (void)call.prefetch(both);
    (void)call.prefetch(both);
    CHECK(rig.executor->run_all() == 1);
    CHECK(call.statistics().verified == 2);
}

TEST_CASE("a cache says how many results are verified of calls that do not",
          "[verification][call]") {
    Rig rig;
    const Cache strict{rig.recording, {.verify = 1, .executor = rig.executor, .clock = rig.clock}};
    const CachedFunction<&support::price> silent{strict};
    (void)silent("tea");
    (void)silent("tea");
    CHECK(rig.executor->run_all() == 1);
    CHECK(silent.statistics().verified == 1);
    const CachedFunction<&support::price> never_verified{strict, {.verify = 0}};
    (void)never_verified("tea");
    CHECK(rig.executor->size() == 0);
}
