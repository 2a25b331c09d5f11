// cachemodel: callers that do not wait for ever, and loads that go on without them.
// SPDX-License-Identifier: MIT
#include <cachemodel/cached_function.hpp>
#include <cachemodel/cached_method.hpp>
#include <cachemodel/executor.hpp>
#include <cachemodel/models.hpp>

#include "support/catch.hpp"
#include "support/crew.hpp"
#include "support/load_rig.hpp"

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

using namespace cachemodel;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using support::Table;
using Strings = std::vector<std::string>;

namespace load_timeout_test {

constexpr ModelOptions impatient{.expires = 10s,
                                 .stale_if_error = 1min,
                                 .load_timeout = 20ms,
                                 .lease_wait = 0s,
                                 .load_backoff = 0s};

struct Price {
    static constexpr ModelOptions cache_options = impatient;
    Key<std::string> name;
    Field<int> cents;

    void from_miss(Table& table) { cents = table.row(name); }
};
/// Is made of a price.
struct Menu {
    static constexpr ModelOptions cache_options = impatient;
    Key<int> id;
    Field<int> cents;

    void from_miss(const Models<Price, Table&>& prices) { cents = prices.get("tea").cents + 1; }
};

/// Does what a test says.
std::function<int(const std::string&)> doing;
int work(const std::string& name) { return doing(name); }
int measure(std::string_view text) { return doing(std::string{text}); }

struct Ticket {
    std::string number;
    std::unique_ptr<int> seat = {};
    int price() const { return doing(number); }
};

constexpr CallOptions<int> hasty() {
    return {.expires = 10s,
            .stale_if_error = 1min,
            .load_timeout = 20ms,
            .lease_wait = 0s,
            .load_backoff = 0s};
}

struct Rig : support::LoadRig {
    Models<Price, Table&> prices{cache, table};

    ~Rig() { doing = {}; }
};

}  // namespace load_timeout_test

using namespace load_timeout_test;

TEST_CASE("a load that takes too long is a LoadTimeout with key and time, and goes on",
          "[models][load_timeout]") {
    Rig rig;
    try {
        (void)rig.prices.get("tea");
        FAIL("it did not wait");
    } catch (const LoadTimeout& error) {
        CHECK_THAT(error.what(), Contains(rig.prices.key_for("tea")));
        CHECK_THAT(error.what(), Contains("20ms"));
    }
    CHECK(rig.table.asked.empty());
    CHECK(rig.executor->run_all() == 1);
    CHECK(rig.prices.get("tea").cents == 100);
    CHECK(rig.table.asked.size() == 1);
    for (const Statistics& counted : {rig.counted(), rig.prices.statistics()}) {
        CHECK(counted.load_timeouts == 1);
        CHECK(counted.loads == 1);
        CHECK(counted.load_failures == 0);
        CHECK(counted.stores == 1);
        CHECK(counted.hits == 1);
        CHECK(counted.refreshes == 0);
    }
}

TEST_CASE("while a load goes on, others wait for it too, each for its own time",
          "[models][load_timeout]") {
    Rig rig;
    CHECK_THROWS_AS(rig.prices.get("tea"), LoadTimeout);
    CHECK_THROWS_AS(rig.prices.find("tea"), LoadTimeout);
    const auto many = rig.prices.get_many(Strings{"tea"});
    CHECK(many[0].failed());
    CHECK_THROWS_AS(many[0].failure().rethrow(), LoadTimeout);
    CHECK(rig.executor->size() == 1);
    CHECK(rig.counted().load_timeouts == 3);
}

TEST_CASE("instead of a load that takes too long a stale value is served",
          "[models][load_timeout][stale]") {
    Rig rig;
    rig.prices.save({.name = "tea", .cents = 90});
    rig.clock.advance(15s);
    const auto stale = rig.prices.find("tea");
    CHECK(stale->cents == 90);
    CHECK(stale.stale());
    CHECK(rig.counted().load_timeouts == 1);
    CHECK(rig.counted().stale_served == 1);
    CHECK(rig.executor->run_all() == 1);
    const auto loaded = rig.prices.find("tea");
    CHECK(loaded->cents == 100);
    CHECK_FALSE(loaded.stale());
}

TEST_CASE("of many, each is late for itself, or stale", "[models][load_timeout]") {
    Rig rig;
    rig.prices.save({.name = "milk", .cents = 40});
    rig.clock.advance(15s);
    rig.prices.save({.name = "rum", .cents = 900});
    const auto found = rig.prices.get_many(Strings{"tea", "milk", "rum"});
    CHECK_THROWS_WITH(found[0].failure().rethrow(), Contains(rig.prices.key_for("tea")));
    CHECK(found[1].stale());
    CHECK(found[2]->cents == 900);
    CHECK(rig.executor->size() == 1);
    CHECK(rig.executor->run_all() == 1);
    CHECK(rig.table.asked == Strings{"tea", "milk"});
}

TEST_CASE("what the executor has no room for is loaded in the caller's thread, and counted",
          "[models][load_timeout]") {
    Rig rig;
    rig.executor->refuse();
    CHECK(rig.prices.get("tea").cents == 100);
    CHECK(rig.prices.find("gin").absent());
    rig.table.is_broken = true;
    CHECK_THROWS_WITH(rig.prices.get("rum"), "the table is broken");
    CHECK(rig.counted().refused_tasks == 3);
    CHECK(rig.counted().load_timeouts == 0);
    CHECK(rig.counted().loads == 1);
}

TEST_CASE("a load that ends in time gives its caller what it brought",
          "[models][load_timeout][threads]") {
    support::LoadRig rig;
    const auto pool = std::make_shared<ThreadPool>();
    const Cache cache{
        rig.scripted,
        {.load_timeout = 1min, .load_backoff = 0s, .executor = pool, .clock = rig.clock}};
    const CachedFunction<&work> call{cache};
    std::thread::id worker;
    doing = [&](const std::string& name) {
        worker = std::this_thread::get_id();
        if (name == "rum") throw std::runtime_error("not for you");
        return 7;
    };
    CHECK(call("tea") == 7);
    CHECK(worker != std::this_thread::get_id());
    CHECK_THROWS_WITH(call("rum"), "not for you");
    CHECK(call.statistics().loads == 1);
    CHECK(call.statistics().load_failures == 1);
    CHECK(call.statistics().joined == 0);
    CHECK(call.statistics().load_timeouts == 0);
    CHECK(pool->shutdown(30s));  // what it runs uses all of this
    doing = {};
}

TEST_CASE("a load that the executor gives up is done by who waits for it",
          "[models][load_timeout][threads]") {
    support::LoadRig rig;
    const Cache cache{rig.scripted,
                      {.load_timeout = 1min, .executor = rig.executor, .clock = rig.clock}};
    const CachedFunction<&work> call{cache};
    const auto caller = std::this_thread::get_id();
    doing = [&](const std::string&) { return std::this_thread::get_id() == caller ? 7 : 8; };
    std::thread dropping{[&] {
        while (!rig.executor->drop_one()) std::this_thread::yield();
        while (!rig.executor->drop_one()) std::this_thread::yield();
        while (!rig.executor->drop_one()) std::this_thread::yield();
    }};
    CHECK(call("tea") == 7);
    dropping.join();
    doing = {};
}

TEST_CASE("a call that is late runs on with copies, and is stored",
          "[cached_function][load_timeout]") {
    Rig rig;
    const CachedFunction<&measure> call{rig.cache, hasty()};
    Strings seen;
    doing = [&](const std::string& text) {
        seen.push_back(text);
        return static_cast<int>(text.size());
    };
    {
        std::string text = "four";
        CHECK_THROWS_AS(call(text), LoadTimeout);
        text = "gone";
    }
    CHECK(rig.executor->run_all() == 1);
    CHECK(seen == Strings{"four"});
    CHECK(call("four") == 4);
    CHECK(call.statistics().load_timeouts == 1);
    CHECK(call.statistics().loads == 1);
}

TEST_CASE("a late call is answered by its stale result", "[cached_function][load_timeout]") {
    Rig rig;
    const CachedFunction<&work> call{rig.cache, hasty()};
    int result = 1;
    doing = [&](const std::string&) { return result; };
    CHECK(call.refresh("tea") == 1);
    result = 2;
    rig.clock.advance(15s);
    CHECK(call("tea") == 1);
    CHECK(rig.executor->run_all() == 1);
    CHECK(call("tea") == 2);
    CHECK(call.statistics().load_timeouts == 1);
    CHECK(call.statistics().stale_served == 1);
}

TEST_CASE("what cannot be copied runs in the caller's thread, for as long as it takes",
          "[cached_method][load_timeout]") {
    Rig rig;
    const CachedMethod<&Ticket::price, &Ticket::number> price{rig.cache, hasty()};
    doing = [](const std::string& number) { return std::stoi(number); };
    CHECK(price(Ticket{"7"}) == 7);
    CHECK(rig.executor->size() == 0);
    CHECK(price.statistics().refused_tasks == 0);
}

TEST_CASE("prefetch waits as long as a call", "[cached_function][load_timeout][prefetch]") {
    Rig rig;
    const CachedFunction<&work> call{rig.cache, hasty()};
    doing = [](const std::string& text) { return static_cast<int>(text.size()); };
    const auto late = call.prefetch(Strings{"one", "three"});
    CHECK_THROWS_AS(late[0].failure().rethrow(), LoadTimeout);
    CHECK_THROWS_AS(late[1].failure().rethrow(), LoadTimeout);
    CHECK(rig.executor->run_all() == 1);
    const auto found = call.prefetch(Strings{"one", "three"});
    CHECK(*found[0] == 3);
    CHECK(*found[1] == 5);
}

TEST_CASE("a refresh that is asked for is waited for", "[cached_function][load_timeout]") {
    Rig rig;
    const CachedFunction<&work> call{rig.cache, hasty()};
    doing = [](const std::string&) { return 7; };
    CHECK(call.refresh("tea") == 7);
    CHECK(rig.executor->size() == 0);
}

TEST_CASE("a bypass loads in the caller's thread", "[models][load_timeout]") {
    Rig rig;
    const Models<Price, Table&> around{rig.cache.bypass(), rig.table};
    CHECK(around.get("tea").cents == 100);
    CHECK(rig.executor->size() == 0);
}

TEST_CASE("what a task needs loaded, it loads itself", "[models][load_timeout]") {
    Rig rig;
    const Models<Menu, const Models<Price, Table&>&> menus{rig.cache, rig.prices};
    CHECK_THROWS_AS(menus.get(1), LoadTimeout);

    SECTION("where nobody loads it") {}
    SECTION("where it waits for the executor too") {
        CHECK_THROWS_AS(rig.prices.get("tea"), LoadTimeout);
    }
    CHECK(rig.executor->run_one());
    CHECK(menus.get(1).cents == 101);
    CHECK(rig.prices.get("tea").cents == 100);
    rig.executor->run_all();
    CHECK(rig.prices.get("tea").cents == 100);
}

TEST_CASE("a pool of one thread does loads inside of loads", "[models][load_timeout][threads]") {
    support::LoadRig rig;
    const auto pool = std::make_shared<ThreadPool>(ThreadPoolOptions{.threads = 1});
    const Cache cache{rig.scripted, {.executor = pool, .clock = rig.clock}};
    auto patient = hasty();
    patient.load_timeout = 1min;
    const CachedFunction<&work> outer{cache, patient};
    const CachedFunction<&measure> inner{cache, patient};
    doing = [&](const std::string& text) {
        return text == "inner" ? 7 : inner(std::string{"inner"}) + 1;
    };
    CHECK(outer("outer") == 8);
    CHECK(pool->shutdown(30s));  // what it runs uses the clock
    doing = {};
}

TEST_CASE("a result of a loader that took longer than a load may is not stored",
          "[models][load_timeout]") {
    Rig rig;
    CHECK_THROWS_AS(rig.prices.get("tea"), LoadTimeout);
    rig.clock.advance(1h);  // how long it waits for its turn is of no matter
    SECTION("to the last moment it is") {
        rig.table.before_answer = [&] { rig.clock.advance(30s); };
        CHECK(rig.executor->run_all() == 1);
        CHECK(rig.scripted->keys().size() == 1);
        CHECK(rig.counted().overtaken_loads == 0);
    }
    SECTION("after it it is not") {
        rig.table.before_answer = [&] { rig.clock.advance(30s + 1ns); };
        CHECK(rig.executor->run_all() == 1);
        CHECK(rig.scripted->keys().empty());
        CHECK(rig.counted().overtaken_loads == 1);
    }
}

TEST_CASE("a late load that fails is backed off from, and told to nobody",
          "[models][load_timeout]") {
    Rig rig;
    CHECK_THROWS_AS(rig.prices.get("tea"), LoadTimeout);
    rig.table.is_broken = true;
    CHECK(rig.executor->run_all() == 1);
    CHECK(rig.counted().load_failures == 1);
    rig.table.is_broken = false;
    CHECK_THROWS_AS(rig.prices.get("tea"), LoadTimeout);
    CHECK(rig.executor->run_all() == 1);
    CHECK(rig.prices.get("tea").cents == 100);
}

TEST_CASE("a caller who takes part in two loads waits no longer than for one",
          "[models][load_timeout][failure][threads]") {
    support::LoadRig rig;
    const auto pool = std::make_shared<ThreadPool>();
    const Cache cache{rig.scripted, {.load_timeout = 1s, .executor = pool, .clock = rig.clock}};
    const CachedFunction<&work> call{cache};
    support::Barrier first;
    support::Barrier never_opened;
    std::atomic<int> runs{0};
    doing = [&](const std::string&) {
        (++runs == 1 ? first : never_opened).pass();
        return 7;
    };
    rig.scripted->go_down();
    support::Crew crew;
    crew.start([&] { (void)call("tea"); });
    first.await_arrivals(1);
    // Who asks after a load began cannot know, without the cache, whether it is new enough.
    crew.start([&] {
        std::this_thread::sleep_for(800ms);
        first.open();
    });
    const auto begin = std::chrono::steady_clock::now();
    CHECK_THROWS_AS(call("tea"), LoadTimeout);
    CHECK(std::chrono::steady_clock::now() - begin < 1700ms);
    CHECK(crew.join() == 0);
    never_opened.open();
    CHECK(pool->shutdown(30s));  // what it runs uses all of this
    doing = {};
}

TEST_CASE("a refresh during which the old result ends prevails over a call that began before it",
          "[cached_function][refresh]") {
    constexpr CallOptions<int> options{
        .expires = 1s, .stale_while_refresh = 2s, .lease_wait = 0s, .load_backoff = 0s};
    Rig rig;
    const Cache other{rig.recording, {.clock = rig.clock}};  // as another process
    const CachedFunction<&work> here{rig.cache, options};
    const CachedFunction<&work> elsewhere{other, options};
    int runs = 0;
    doing = [&](const std::string&) {
        const int run = ++runs;
        if (run == 2) CHECK(elsewhere.refresh("tea") == 3);
        if (run == 3) rig.clock.advance(2s);
        return run;
    };
    CHECK(here("tea") == 1);
    rig.clock.advance(1s);
    CHECK(here("tea") == 1);
    CHECK(rig.executor->run_all() == 1);
    CHECK(runs == 3);
    CHECK(elsewhere.peek("tea").value_or(0) == 3);
    CHECK(here.statistics().overtaken_loads == 1);
}

TEST_CASE("what may have been removed during a refresh is removed", "[cached_function][refresh]") {
    Rig rig;
    const CachedFunction<&work> call{rig.cache, {.expires = 1s, .lease_wait = 0s}};
    int runs = 0;
    doing = [&](const std::string&) {
        if (++runs == 2) rig.clock.advance(1s);
        return runs;
    };
    CHECK(call("tea") == 1);
    CHECK(call.refresh("tea") == 2);
    CHECK(call.statistics().removals == 1);
    CHECK(rig.cache.statistics().removals == 1);
    CHECK(rig.cache.statistics().stores == 1);
    CHECK(call.peek("tea").absent());
    CHECK(call("tea") == 3);
    CHECK(call.peek("tea").found());
}

TEST_CASE("who may not take what a load brings that does not end loads it within its own time",
          "[models][load_timeout][threads]") {
    Rig rig;
    rig.scripted->go_down();
    const auto pool = std::make_shared<ThreadPool>();
    const Cache pooled{rig.recording, {.executor = pool, .clock = rig.clock}};
    const Models<Price, Table&> prices{pooled, rig.table};
    rig.table.rows["cake"] = 300;
    support::Barrier second;
    rig.table.before_answer = [&] {
        if (rig.table.asked.size() > 1) second.pass();
    };
    support::Crew crew;
    crew.start([&] { (void)prices.get_many(Strings{"tea", "cake"}); });
    second.await_arrivals(1);
    CHECK_THROWS_AS(prices.get("tea"), LoadTimeout);
    second.open();
    CHECK(crew.join() == 0);
    CHECK(pool->shutdown(30s));
    CHECK(pooled.statistics().refused_tasks == 0);
}
