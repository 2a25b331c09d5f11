// cachemodel: lifetimes that end earlier by chance, so that not all end together.
// SPDX-License-Identifier: MIT
#include <cachemodel/cached_function.hpp>
#include <cachemodel/models.hpp>

#include "support/catch.hpp"
#include "support/load_rig.hpp"

#include <algorithm>
#include <chrono>
#include <set>
#include <string>
#include <vector>

using namespace cachemodel;
using namespace std::chrono_literals;
using support::Table;

namespace jitter_test {

struct Price {
    static constexpr ModelOptions cache_options{
        .expires = 100s, .stale_while_refresh = 10s, .jitter = 0.1, .lease_wait = 0s};
    Key<std::string> name;
    Field<int> cents;

    void from_miss(Table& table) { cents = table.row(name); }
};
/// Nothing but the backend knows its end.
struct Plain {
    static constexpr ModelOptions cache_options{.expires = 100s, .jitter = 0.1, .lease_wait = 0s};
    Key<int> id;

    void from_miss() {}
};

int twice(int number) { return 2 * number; }

using support::LoadRig;

/// How long each entry lives, sorted.
std::vector<Lifetime> lifetimes(LoadRig& rig) {
    std::vector<Lifetime> all;
    for (const auto& key : rig.scripted->keys()) {
        all.push_back(rig.scripted->lifetime_left(key).value());
    }
    std::ranges::sort(all);
    return all;
}

/// That 1000 lifetimes are spread over the last tenth of 100 s.
void check_spread(const std::vector<Lifetime>& sorted) {
    CHECK(sorted.size() == 1000);
    CHECK(sorted.front() >= Lifetime{90s});
    CHECK(sorted.front() < Lifetime{90200ms});
    CHECK(sorted[500] > Lifetime{94s});
    CHECK(sorted[500] < Lifetime{96s});
    CHECK(sorted.back() > Lifetime{99800ms});
    CHECK(sorted.back() < Lifetime{100s});
    CHECK(std::set<Lifetime>{sorted.begin(), sorted.end()}.size() > 990);
}

}  // namespace jitter_test

using namespace jitter_test;

TEST_CASE("a seed decides by how much an entry ends earlier", "[models][jitter]") {
    // The first share of seed 1 is 0.56656…: a tenth of it is 5.665… s of 100 s.
    LoadRig rig;
    const Models<Price, Table&> prices{rig.cache, rig.table};
    (void)prices.get("tea");
    CHECK(rig.fresh_for() == 94334ms);
    CHECK(rig.kept_for() > Lifetime{104334ms});
    CHECK(rig.kept_for() < Lifetime{104335ms});
    rig.clock.advance(94334ms - 1ms);
    CHECK_FALSE(prices.find("tea").stale());
    rig.clock.advance(1ms);
    CHECK(prices.find("tea").stale());
}

TEST_CASE("loaded models end earlier, each by another part of the share that may be",
          "[models][jitter]") {
    LoadRig rig;
    const Models<Plain> models{rig.cache};
    for (int id = 0; id < 1000; ++id) (void)models.get(id);
    check_spread(lifetimes(rig));
}

TEST_CASE("models that are saved together do not end together", "[models][jitter]") {
    LoadRig rig;
    const Models<Plain> models{rig.cache};
    std::vector<Plain> many;
    for (int id = 0; id < 1000; ++id) many.push_back({.id = id});
    (void)models.save_many(many);
    check_spread(lifetimes(rig));
}

TEST_CASE("results of calls end earlier, each by another part of the share that may be",
          "[cached_function][jitter]") {
    LoadRig rig;
    const CachedFunction<&twice> call{rig.cache,
                                      {.expires = 100s, .jitter = 0.1, .lease_wait = 0s}};
    for (int i = 0; i < 500; ++i) (void)call(i);
    for (int i = 500; i < 1000; ++i) (void)call.refresh(i);
    check_spread(lifetimes(rig));
}

TEST_CASE("jitter of a cache is that of what says nothing else", "[models][jitter]") {
    LoadRig rig;
    const Cache cache{rig.recording, {.jitter = 0.1, .lease_wait = 0s, .clock = rig.clock}};
    const CachedFunction<&twice> call{cache, {.expires = 100s}};
    for (int i = 0; i < 1000; ++i) (void)call(i);
    check_spread(lifetimes(rig));
    CHECK(rig.scripted->lose("*") == 1000);
    const CachedFunction<&twice> exact{cache, {.expires = 100s, .jitter = 0}};
    (void)exact(1);
    CHECK(rig.kept_for() == Lifetime{100s});
    CHECK(rig.scripted->lose("*") == 1);
    const CachedFunction<&twice> eternal{cache};
    (void)eternal(1);
    CHECK(rig.kept_for() == Lifetime{never});
}

TEST_CASE("a lifetime that was asked for is not changed by jitter", "[models][jitter]") {
    LoadRig rig;
    const Models<Plain> models{rig.cache};
    models.save({.id = 1}, 100s);
    CHECK(rig.kept_for() == Lifetime{100s});
    models.save({.id = 1}, never);
    CHECK(rig.kept_for() == Lifetime{never});
    (void)models.save_many(std::vector<Plain>{{.id = 1}}, 50s);
    CHECK(rig.kept_for() == Lifetime{50s});
    CHECK(models.touch(1, 100s));
    CHECK(rig.kept_for() == Lifetime{100s});
}

TEST_CASE("each refresh draws another end", "[models][jitter]") {
    LoadRig rig;
    const Models<Price, Table&> prices{rig.cache, rig.table};
    (void)prices.get("tea");
    rig.clock.advance(100s);
    (void)prices.get("tea");
    CHECK(rig.executor->run_all() == 1);
    // The second share is 0.74578….
    CHECK(rig.fresh_for() == 92542ms);
}
