// cachemodel: how many loads run at a time while the cache cannot be read, and what they leave.
// SPDX-License-Identifier: MIT
#include <cachemodel/cached_function.hpp>
#include <cachemodel/executor.hpp>
#include <cachemodel/models.hpp>
#include <cachemodel/secondary_keys.hpp>

#include "support/catch.hpp"
#include "support/crew.hpp"
#include "support/load_rig.hpp"

#include "load_limit.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace cachemodel;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using Strings = std::vector<std::string>;

namespace load_limit_test {

/// A source whose answers wait until a test lets them go.
class Gate {
 public:
    void close() {
        const std::lock_guard lock{mutex_};
        is_open_ = false;
    }
    void open() {
        const std::lock_guard lock{mutex_};
        is_open_ = true;
        changed_.notify_all();
    }
    void pass() {
        {
            std::unique_lock lock{mutex_};
            inside_ += 1;
            most_ = std::max(most_, inside_);
            changed_.notify_all();
            support::await("a gate opens", changed_, lock, [&] { return is_open_; });
        }
        std::this_thread::yield();  // others may come in meanwhile, open as it is
        const std::lock_guard lock{mutex_};
        inside_ -= 1;
    }
    void wait_for_inside(int count) {
        std::unique_lock lock{mutex_};
        support::await("loads run", changed_, lock, [&] { return inside_ == count; });
    }
    int inside() {
        const std::lock_guard lock{mutex_};
        return inside_;
    }
    int most() {
        const std::lock_guard lock{mutex_};
        return most_;
    }

 private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool is_open_ = true;
    int inside_ = 0;
    int most_ = 0;
};

struct Row {
    static constexpr ModelOptions cache_options{.expires = 1min, .load_backoff = 0s};
    Key<std::string> name;

    void from_miss(Gate& gate) { gate.pass(); }
};
/// Which its source gives at once.
struct Free {
    static constexpr ModelOptions cache_options{.lease_wait = 5min, .load_backoff = 0s};
    Key<std::string> name;

    void from_miss(Gate&) {}
};
/// The same, and its callers have much patience.
struct InTwoSteps {
    static constexpr ModelOptions cache_options{
        .load_timeout = 5min, .lease_wait = 5min, .load_backoff = 0s};
    Key<std::string> name;

    void from_miss(Gate&) {}
    void complete(Gate&) {}
};
struct Plain {
    Key<std::string> name;
};
/// Which the source finds by its name, too.
struct Named {
    static constexpr ModelOptions cache_options{.expires = 1min, .load_backoff = 0s};
    Key<int> id;
    Field<std::string> name;
    using secondary_keys = SecondaryKeys<By<&Named::name>>;

    void from_miss(Gate&) { name = "n" + std::to_string(*id); }
    static std::optional<Named> from_miss_by(By<&Named::name>, const std::string& text,
                                             Gate& gate) {
        gate.pass();
        return Named{.id = std::stoi(text.substr(1))};
    }
};

std::function<int(int)> doing;
int work(int number) { return doing(number); }
int other_work(int number) { return doing(number); }

/// A cache that lets two loads run while it cannot be read.
struct Rig : support::LoadRig {
    Rig() { scripted->go_down(); }
    ~Rig() { doing = {}; }

    Gate gate;
    Cache two{recording,
              {.lease_wait = 20ms, .loads_without_cache = 2, .executor = executor, .clock = clock}};
    Models<Row, Gate&> rows{two, gate};
};

/// Threads that each load a row, and end before their test does.
class Loaders {
 public:
    explicit Loaders(Rig& rig) : rig_(rig) {}
    ~Loaders() { join(); }
    Loaders(const Loaders&) = delete;
    Loaders& operator=(const Loaders&) = delete;

    void load(const std::string& name) {
        threads_.emplace_back([this, name] {
            try {
                (void)rig_.rows.get(name);
                loaded += 1;
            } catch (const BackendError&) {
                refused += 1;
            }
        });
    }
    void join() {
        rig_.gate.open();
        for (auto& thread : threads_) thread.join();
        threads_.clear();
    }

    std::atomic<int> loaded{0};
    std::atomic<int> refused{0};

 private:
    Rig& rig_;
    std::vector<std::thread> threads_;
};

}  // namespace load_limit_test

using namespace load_limit_test;

TEST_CASE("while the cache cannot be read, only so many loads run at a time",
          "[models][load_limit][threads]") {
    Rig rig;
    rig.gate.close();
    Loaders loaders{rig};
    loaders.load("a");
    loaders.load("b");
    rig.gate.wait_for_inside(2);
    try {
        (void)rig.rows.get("c");
        FAIL("a third one runs");
    } catch (const BackendError& error) {
        CHECK(error.fault() == BackendFault::unavailable);
        CHECK_THAT(error.what(), Contains("as many loads as may run without it"));
    }
    CHECK(rig.rows.get_many(Strings{"d", "e"})[1].failed());
    CHECK(rig.rows.find("c").failed());
    loaders.join();
    CHECK(loaders.loaded == 2);
    CHECK(rig.rows.find("c").found());
    CHECK(rig.gate.most() == 2);
    for (const Statistics& counted : {rig.two.statistics(), rig.rows.statistics()}) {
        CHECK(counted.refused_loads == 4);
        CHECK(counted.loads == 3);
        CHECK(counted.load_failures == 0);
        CHECK(counted.stores == 0);
        CHECK(counted.read_failures == 7);
    }
}

TEST_CASE("who waits for a place among the loads gets the next one",
          "[models][load_limit][threads]") {
    Rig rig;
    const Cache one{rig.recording,
                    {.lease_wait = 1min, .loads_without_cache = 1, .clock = rig.clock}};
    rig.rows = Models<Row, Gate&>{one, rig.gate};
    rig.gate.close();
    Loaders loaders{rig};
    loaders.load("0");
    rig.gate.wait_for_inside(1);
    for (int i = 1; i < 20; ++i) loaders.load(std::to_string(i));
    support::await("all want to load", [&] { return rig.rows.statistics().read_failures == 20; });
    const auto opened = std::chrono::steady_clock::now();
    loaders.join();
    CHECK(loaders.loaded == 20);
    CHECK(rig.gate.most() == 1);
    // Nobody waited to the end of the time that a place is waited for.
    CHECK(std::chrono::steady_clock::now() - opened < 30s);
}

TEST_CASE("while the cache cannot be read, only so many lookups by a secondary key ask the source",
          "[models][secondary_keys][load_limit][threads]") {
    Rig rig;
    const Models<Named, Gate&> named{rig.two, rig.gate};
    rig.gate.close();
    support::Crew crew;
    std::atomic<int> found{0};
    crew.start([&] { found += named.find_by<&Named::name>("n1").found() ? 1 : 0; });
    crew.start([&] {
        for (const auto& each : named.get_many_by<&Named::name>({"n2", "n3"})) {
            found += each.found() ? 1 : 0;
        }
    });
    rig.gate.wait_for_inside(2);
    try {
        (void)named.get_by<&Named::name>("n4");
        FAIL("a third one asks");
    } catch (const BackendError& error) {
        CHECK(error.fault() == BackendFault::unavailable);
        CHECK_THAT(error.what(), Contains("as many loads as may run without it"));
        CHECK_THAT(error.what(), Contains("loads_without_cache is 2"));
    }
    const auto refused = named.get_many_by<&Named::name>({"n5", "n6"});
    CHECK(refused[0].failed());
    CHECK(refused[1].failed());
    rig.gate.open();
    CHECK(crew.join() == 0);
    CHECK(found == 3);
    CHECK(named.find_by<&Named::name>("n4").found());
    CHECK(rig.gate.most() == 2);
    for (const Statistics& counted : {rig.two.statistics(), named.statistics()}) {
        CHECK(counted.refused_loads == 3);
        CHECK(counted.load_failures == 0);
        CHECK(counted.loads == 4);
    }
}

TEST_CASE(
    "a lookup by a secondary key asks for what the cache could tell about, and past the "
    "cache, without a limit",
    "[models][secondary_keys][load_limit][threads]") {
    Rig rig;
    const Models<Named, Gate&> named{rig.two, rig.gate};
    rig.gate.close();
    Loaders loaders{rig};
    loaders.load("a");
    loaders.load("b");
    rig.gate.wait_for_inside(2);
    support::Crew crew;
    SECTION("the cache could tell about one of two") {
        rig.scripted->come_back();
        rig.scripted->fail_keys("*n1*");
        std::vector<Lookup<Named>> found;
        crew.start([&] { found = named.get_many_by<&Named::name>({"n1", "n2"}); });
        rig.gate.wait_for_inside(3);
        loaders.join();
        CHECK(crew.join() == 0);
        CHECK(found[1].found());
        CHECK(rig.gate.most() == 3);
    }
    SECTION("past the cache") {
        const Models<Named, Gate&> around{rig.two.bypass(), rig.gate};
        std::atomic<bool> found{false};
        crew.start([&] { found = around.find_by<&Named::name>("n1").found(); });
        rig.gate.wait_for_inside(3);
        loaders.join();
        CHECK(crew.join() == 0);
        CHECK(found);
    }
}

TEST_CASE("a lookup by a secondary key inside of a load waits for no second place",
          "[models][secondary_keys][load_limit]") {
    Rig rig;
    const Cache one{rig.recording,
                    {.lease_wait = 20ms, .loads_without_cache = 1, .clock = rig.clock}};
    const Models<Named, Gate&> named{one, rig.gate};
    const CachedFunction<&work> call{one};
    doing = [&](int number) {
        return *named.get_by<&Named::name>("n" + std::to_string(number)).id;
    };
    CHECK(call(7) == 7);
    CHECK(one.statistics().refused_loads == 0);
}

TEST_CASE("while the cache can be read, any number of loads runs",
          "[models][load_limit][threads]") {
    Rig rig;
    rig.scripted->come_back();
    rig.gate.close();
    Loaders loaders{rig};
    for (int i = 0; i < 8; ++i) loaders.load(std::to_string(i));
    rig.gate.wait_for_inside(8);
    loaders.join();
    CHECK(loaders.loaded == 8);
    CHECK(rig.two.statistics().refused_loads == 0);
}

TEST_CASE(
    "what the cache could tell about is stored before the others of the same call get a place",
    "[models][load_limit][threads]") {
    Rig rig;
    rig.scripted->come_back();
    rig.scripted->fail_keys("*lost*");
    rig.scripted->capabilities_to_claim().shared = false;  // so there are no leases
    rig.gate.close();
    Loaders loaders{rig};
    loaders.load("lost 1");
    loaders.load("lost 2");
    rig.gate.wait_for_inside(2);
    const Cache patient = rig.two.with_executor(std::make_shared<ThreadPool>());
    support::Crew crew;
    const auto get_both = [&](const auto& door) {
        std::atomic<bool> found{false};
        crew.start([&] {
            const auto both = door.get_many(Strings{"lost 3", "there"});
            found = both[0].found() && both[1].found();
        });
        support::await("one is stored", [&] { return !rig.scripted->keys().empty(); });
        CHECK(rig.gate.inside() == 2);
        loaders.join();
        CHECK(crew.join() == 0);
        CHECK(found);
    };
    SECTION("in the caller's thread") { get_both(Models<Free, Gate&>{patient, rig.gate}); }
    SECTION("in two steps, by a task") { get_both(Models<InTwoSteps, Gate&>{patient, rig.gate}); }
}

TEST_CASE("a place that is left while somebody waits, and waits again meanwhile, comes back",
          "[load_limit]") {
    detail::LoadLimit limit{1};
    const auto is_free = [&] {
        bool is_given = false;
        std::thread{[&] {
            const detail::LoadLimit::Place other{limit, std::chrono::steady_clock::now()};
            is_given = other.is_given();
        }}.join();
        return is_given;
    };
    {
        const detail::LoadLimit::Place place{limit, std::chrono::steady_clock::now()};
        CHECK_FALSE(is_free());
        {
            const detail::LoadLimit::Waiting waiting;
            CHECK(is_free());
            {
                const detail::LoadLimit::Waiting again;
                CHECK(is_free());
            }
            CHECK(is_free());
        }
        CHECK_FALSE(is_free());
    }
    CHECK(is_free());
}

TEST_CASE("who waits for the load of another thread leaves it his place",
          "[models][cached_function][load_limit][threads]") {
    Rig rig;
    const Cache one{rig.recording,
                    {.lease_wait = 10s, .loads_without_cache = 1, .clock = rig.clock}};
    const Models<Named, Gate&> named{one, rig.gate};
    const CachedFunction<&work> call{one};
    doing = [&](int number) {
        rig.gate.pass();
        return *named.get(number).id;
    };
    rig.gate.close();
    support::Crew crew;
    std::atomic<int> found{0};
    crew.start([&] { found += call(7) == 7 ? 1 : 0; });
    rig.gate.wait_for_inside(1);
    crew.start([&] { found += named.find(7).found() ? 1 : 0; });
    support::await("both want it", [&] { return one.statistics().read_failures >= 2; });
    std::this_thread::sleep_for(5ms);  // that it waits for a place, shows nowhere
    rig.gate.open();
    CHECK(crew.join() == 0);
    CHECK(found == 2);
    CHECK(one.statistics().refused_loads == 0);
}

TEST_CASE("a load inside of a load waits for no second place", "[cached_function][load_limit]") {
    Rig rig;
    const Cache one{rig.recording,
                    {.lease_wait = 20ms, .loads_without_cache = 1, .clock = rig.clock}};
    const CachedFunction<&work> outer{one};
    const CachedFunction<&other_work> inner{one};
    doing = [&](int number) { return number == 0 ? 7 : inner(number - 1) + 1; };
    CHECK(outer(1) == 8);
    CHECK(one.statistics().refused_loads == 0);
}

TEST_CASE("a load in the background inside of a load waits for no second place",
          "[cached_function][load_limit][threads]") {
    Rig rig;
    const auto pool = std::make_shared<ThreadPool>();
    const Cache one{
        rig.recording,
        {.lease_wait = 20ms, .loads_without_cache = 1, .executor = pool, .clock = rig.clock}};
    const CachedFunction<&work> outer{one};
    const CachedFunction<&other_work> inner{one, {.load_timeout = 1min}};
    std::thread::id worker;
    doing = [&](int number) {
        if (number == 1) return inner(0) + 1;
        worker = std::this_thread::get_id();
        return 7;
    };
    CHECK(outer(1) == 8);
    CHECK(worker != std::this_thread::get_id());
    CHECK(one.statistics().refused_loads == 0);
    CHECK(pool->shutdown(30s));  // what it runs uses the clock
}

TEST_CASE("a load that throws leaves its place to others", "[cached_function][load_limit]") {
    Rig rig;
    const CachedFunction<&work> call{rig.two, {.load_backoff = 0s}};
    doing = [](int) -> int { throw std::runtime_error("broken"); };
    for (int i = 0; i < 5; ++i) CHECK_THROWS_WITH(call(i), "broken");
    doing = [](int number) { return number; };
    CHECK(call(7) == 7);
    CHECK(call.statistics().refused_loads == 0);
}

TEST_CASE("values that are made while the cache cannot be read are no more at a time than loads",
          "[cache][get_or_set][load_limit][threads]") {
    Rig rig;
    rig.gate.close();
    Loaders loaders{rig};
    loaders.load("a");
    std::thread maker{[&] { (void)rig.two.get_or_set("b", [&] { return rig.gate.pass(), 1; }); }};
    rig.gate.wait_for_inside(2);
    const auto make = [&] { return rig.gate.pass(), 2; };
    try {
        (void)rig.two.get_or_set("c", make);
        FAIL("a third one runs");
    } catch (const BackendError& error) {
        CHECK(error.fault() == BackendFault::unavailable);
        CHECK_THAT(error.what(), Contains("as many loads as may run without it"));
    }
    CHECK(rig.rows.find("c").failed());
    CHECK(rig.two.statistics().refused_loads == 2);
    CHECK(rig.two.statistics().load_failures == 0);
    loaders.join();
    maker.join();
    CHECK(rig.two.get_or_set("c", make) == 2);
    CHECK(rig.gate.most() == 2);
    CHECK(rig.two.statistics().loads == 3);
}

TEST_CASE("a value that needs another one, or is made by a load, waits for no second place",
          "[cache][get_or_set][load_limit]") {
    Rig rig;
    const Cache one{rig.recording,
                    {.lease_wait = 20ms, .loads_without_cache = 1, .clock = rig.clock}};
    const auto inner = [&] { return one.get_or_set("inner", 7); };
    CHECK(one.get_or_set("outer", [&] { return inner() + 1; }) == 8);
    const CachedFunction<&work> call{one};
    doing = [&](int number) { return number + inner(); };
    CHECK(call(1) == 8);
    CHECK(one.get_or_set("outer", [&] { return call(1) + 1; }) == 9);
    CHECK(one.statistics().refused_loads == 0);
}

TEST_CASE("a cache that keeps its errors to itself makes values late, and not never",
          "[cache][get_or_set][load_limit][threads]") {
    Rig rig;
    const Cache quiet{
        rig.recording,
        {.lease_wait = 20ms, .loads_without_cache = 1, .ignore_errors = true, .clock = rig.clock}};
    rig.gate.close();
    std::thread maker{[&] { (void)quiet.get_or_set("a", [&] { return rig.gate.pass(), 1; }); }};
    rig.gate.wait_for_inside(1);
    CHECK(quiet.get_or_set("b", 2) == 2);
    CHECK(quiet.statistics().refused_loads == 1);
    CHECK(quiet.statistics().ignored_errors == 2);  // one for each read
    rig.gate.open();
    maker.join();
}

TEST_CASE("any number of values is made past the cache, or while it can be read",
          "[cache][get_or_set][load_limit][threads]") {
    Rig rig;
    const bool bypasses = GENERATE(false, true);
    if (!bypasses) rig.scripted->come_back();
    const Cache cache = bypasses ? rig.two.bypass() : rig.two;
    rig.gate.close();
    std::vector<std::thread> makers;
    for (int i = 0; i < 4; ++i) {
        makers.emplace_back([&, key = std::to_string(i)] {
            (void)cache.get_or_set(key, [&] { return rig.gate.pass(), 1; });
        });
    }
    rig.gate.wait_for_inside(4);
    rig.gate.open();
    for (auto& maker : makers) maker.join();
    CHECK(rig.two.statistics().refused_loads == 0);
}

TEST_CASE("nothing is written back after a read that failed", "[models][load_limit]") {
    Rig rig;
    const auto check_nothing_written = [&] {
        CHECK(rig.log().trips() == rig.log().trips(testing::Verb::get));
        CHECK(rig.scripted->keys().empty());
        rig.log().reset();
    };
    rig.scripted->come_back();
    rig.scripted->fail_next(1);
    CHECK(rig.rows.get("tea").name == "tea");
    check_nothing_written();
    rig.scripted->fail_keys("*lost*");
    (void)rig.rows.get_many(Strings{"lost"});
    check_nothing_written();

    doing = [](int number) { return number; };
    const CachedFunction<&work> call{rig.two, {.expires = 10s}};
    rig.scripted->fail_next(1);
    CHECK(call(7) == 7);
    check_nothing_written();
    // Once it can be read again, it is.
    CHECK(call(7) == 7);
    CHECK(call(7) == 7);
    CHECK(call.statistics().stores == 1);
    CHECK(call.statistics().read_failures == 1);
}

TEST_CASE("a read that failed is no absence where there is no loader", "[models][load_limit]") {
    Rig rig;
    const Models<Plain> plain{rig.two};
    CHECK(plain.find("tea").failed());
    CHECK_THROWS_AS(plain.get("tea"), BackendError);
    CHECK(plain.get_many(Strings{"tea"})[0].failed());
    CHECK_THROWS_AS(plain.exists("tea"), BackendError);
    CHECK_THROWS_AS(plain.get_or_create({.name = "tea"}), BackendError);
    CHECK(rig.two.statistics().misses() == 0);
    const CachedFunction<&work> call{rig.two};
    CHECK(call.peek(1).failed());
}
