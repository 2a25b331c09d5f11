// cachemodel: loads that callers do not wait for to the end, second steps, and doors that go away.
// SPDX-License-Identifier: MIT
#include <cachemodel/cached_function.hpp>
#include <cachemodel/caches.hpp>
#include <cachemodel/executor.hpp>
#include <cachemodel/models.hpp>
#include <cachemodel/testing/manual_executor.hpp>
#include <cachemodel/testing/scripted_backend.hpp>
#include <cachemodel/testing/turnable_clock.hpp>

#include "support/catch.hpp"
#include "support/crew.hpp"

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace cachemodel;
using namespace std::chrono_literals;
using support::await;
using support::Barrier;
using support::Crew;
using testing::ManualExecutor;
using testing::ScriptedBackend;
using testing::TurnableClock;

namespace background_loads_test {

/// Where models come from.
struct Source {
    std::function<int(const std::string&)> answer = [](const std::string&) { return 1; };
    /// What a second step does.
    std::function<int(const std::string&)> rest = [](const std::string&) { return 2; };
    std::atomic<int> asked{0};

    int ask(const std::string& name) {
        ++asked;
        return answer(name);
    }
};

/// Whose callers have little patience.
struct Report {
    static constexpr ModelOptions cache_options{.load_timeout = 50ms, .load_backoff = 0s};

    Key<std::string> name;
    Field<int> pages;

    void from_miss(Source& source) { pages = source.ask(*name); }
};

/// Whose callers have more of it than a test.
struct Slow {
    static constexpr ModelOptions cache_options{.load_timeout = 30s, .load_backoff = 0s};

    Key<std::string> name;
    Field<int> pages;

    void from_miss(Source& source) { pages = source.ask(*name); }
};
/// Whose loader needs a slow one.
struct Digest {
    static constexpr ModelOptions cache_options{.load_timeout = 30s, .load_backoff = 0s};

    Key<std::string> name;
    Field<int> pages;

    void from_miss(Source& source, Cache& cache) {
        source.ask("digest");
        pages = 10 + *Models<Slow, Source&>{cache, source}.get(*name).pages;
    }
};

/// Whose loader has a second step.
struct Profile {
    static constexpr ModelOptions cache_options{.lease_wait = 0s, .load_backoff = 0s};

    Key<std::string> name;
    Field<int> essential;
    Field<std::optional<int>> rest;

    void from_miss(Source& source) { essential = source.ask(*name); }
    void complete(Source& source) { rest = source.rest(*name); }
};

/// The same, and it is left alone when that fails.
struct Patient {
    static constexpr ModelOptions cache_options{.lease_wait = 0s, .load_backoff = 10s};

    Key<std::string> name;
    Field<int> essential;
    Field<std::optional<int>> rest;

    void from_miss(Source& source) { essential = source.ask(*name); }
    void complete(Source& source) { rest = source.rest(*name); }
};

/// Served stale, and refreshed in the background.
struct Price {
    static constexpr ModelOptions cache_options{
        .expires = 10s, .stale_while_refresh = 20s, .lease_wait = 0s, .load_backoff = 0s};
    Key<std::string> name;
    Field<int> cents;

    void from_miss(Source& source) { cents = source.ask(*name); }
};

/// What a program without loaders reads.
struct ProfileRow {
    static constexpr ModelOptions cache_options{.name = "background_loads_test::Profile"};

    Key<std::string> name;
    Field<int> essential;
    Field<std::optional<int>> rest;
};

struct Rig {
    explicit Rig(std::shared_ptr<Executor> executor_) : executor(std::move(executor_)) {}

    TurnableClock clock;
    std::shared_ptr<ScriptedBackend> backend = std::make_shared<ScriptedBackend>(clock);
    std::shared_ptr<Executor> executor;
    Cache cache{backend, {.executor = executor, .seed = 1, .clock = clock}};
    Source source;
};

std::shared_ptr<ThreadPool> pool(std::size_t threads) {
    return std::make_shared<ThreadPool>(ThreadPoolOptions{.threads = threads});
}

}  // namespace background_loads_test

using namespace background_loads_test;

// ---- callers with a deadline

TEST_CASE("callers wait for a load as long as its model says, and the load goes on",
          "[flights][deadline][threads]") {
    Rig rig{pool(2)};
    const Models<Report, Source&> reports{rig.cache, rig.source};
    Barrier barrier;
    rig.source.answer = [&](const std::string&) {
        barrier.pass();
        return 7;
    };
    std::atomic<int> late{0};
    Crew crew;
    for (int i = 0; i < 8; ++i) {
        crew.start([&, i] {
            try {
                if (i % 2 == 0) {
                    (void)reports.get("may");
                } else {
                    reports.get_many({"may"}).front().failure().rethrow();
                }
            } catch (const LoadTimeout&) {
                ++late;
            }
        });
    }
    CHECK(crew.join() == 0);
    CHECK(late == 8);
    CHECK(rig.source.asked == 1);
    CHECK(rig.cache.statistics().load_timeouts == 8);

    barrier.open();
    await("the load is stored", [&] { return rig.cache.statistics().stores == 1; });
    CHECK(reports.get("may").pages == 7);
    CHECK(rig.source.asked == 1);
}

TEST_CASE("a caller with a deadline gets what comes in time", "[flights][deadline][threads]") {
    Rig rig{pool(2)};
    const Models<Slow, Source&> reports{rig.cache, rig.source};
    rig.source.answer = [](const std::string&) { return 7; };
    CHECK(reports.get("may").pages == 7);
    rig.source.answer = [](const std::string&) -> int { throw std::runtime_error("no paper"); };
    CHECK_THROWS_WITH(reports.get("june"), "no paper");
    rig.source.answer = [](const std::string&) -> int { throw Missing{}; };
    CHECK(reports.find("july").absent());
}

TEST_CASE("a deadline in an executor without room is that of the load itself",
          "[flights][deadline]") {
    const auto executor = std::make_shared<ManualExecutor>();
    executor->refuse();
    Rig rig{executor};
    const Models<Slow, Source&> reports{rig.cache, rig.source};
    rig.source.answer = [](const std::string&) { return 7; };
    CHECK(reports.get("may").pages == 7);
    CHECK(rig.cache.statistics().refused_tasks == 1);
}

TEST_CASE("a load that is given up with its executor is done by who waits for it",
          "[flights][deadline][threads]") {
    const auto executor = std::make_shared<ManualExecutor>();
    Rig rig{executor};
    const Models<Slow, Source&> reports{rig.cache, rig.source};
    Crew crew;
    std::atomic<int> pages{0};
    crew.start([&] { pages = *reports.get("may").pages; });
    // Whatever it submits is given up, until it loads by itself.
    await("it has its answer", [&] {
        (void)executor->drop_one();
        return pages != 0;
    });
    CHECK(crew.join() == 0);
    CHECK(pages == 1);
    CHECK(rig.source.asked == 1);
}

TEST_CASE("a load in a pool does not wait for one that stands in line behind it",
          "[flights][deadline][threads]") {
    Rig rig{pool(1)};
    const Models<Digest, Source&, Cache&> digests{rig.cache, rig.source, rig.cache};
    const Models<Slow, Source&> reports{rig.cache, rig.source};
    Barrier barrier;
    rig.source.answer = [&](const std::string& name) {
        if (name == "digest") barrier.pass();
        return 1;
    };
    std::atomic<int> pages{0};
    Crew crew;
    crew.start([&] { pages += *digests.get("may").pages; });
    barrier.await_arrivals(1);
    // The only thread of the pool is busy with what needs this one.
    crew.start([&] { pages += *reports.get("may").pages; });
    await("both have found nothing", [&] { return rig.cache.statistics().misses() == 2; });
    std::this_thread::sleep_for(20ms);  // that it stands in line, shows nowhere
    barrier.open();
    const auto begin = std::chrono::steady_clock::now();
    CHECK(crew.join() == 0);
    CHECK(pages == 11 + 1);
    CHECK(std::chrono::steady_clock::now() - begin < 4s);
}

// ---- second steps

TEST_CASE("callers get what a loader brings first, and the cache gets all of it",
          "[loaders][complete]") {
    const auto executor = std::make_shared<ManualExecutor>();
    Rig rig{executor};
    const Models<Profile, Source&> profiles{rig.cache, rig.source};
    const Models<ProfileRow> rows{rig.cache};
    const Profile first = profiles.get("ada");
    CHECK(first.essential == 1);
    CHECK_FALSE(first.rest->has_value());
    CHECK(rows.find("ada").absent());
    // Nobody loads it a second time meanwhile.
    const Profile second = profiles.get("ada");
    CHECK(second.essential == 1);
    CHECK_FALSE(second.rest->has_value());
    CHECK(rig.source.asked == 1);

    CHECK(executor->run_all() == 1);
    const auto row = rows.find("ada");
    REQUIRE(row.found());
    CHECK(row->essential == 1);
    CHECK(row->rest == 2);
    CHECK(profiles.get("ada").rest == 2);
    CHECK(rig.source.asked == 1);
    CHECK(rig.cache.statistics().loads == 1);
    CHECK(rig.cache.statistics().stores == 1);
}

TEST_CASE("a second step that throws leaves nothing stored, and its callers what they have",
          "[loaders][complete][failure]") {
    const auto executor = std::make_shared<ManualExecutor>();
    Rig rig{executor};
    const Models<Profile, Source&> profiles{rig.cache, rig.source};
    rig.source.rest = [](const std::string&) -> int { throw std::runtime_error("no details"); };
    CHECK(profiles.get("ada").essential == 1);
    executor->run_all();
    CHECK(rig.backend->keys().empty());
    CHECK(rig.cache.statistics().load_failures == 1);

    rig.source.rest = [](const std::string&) { return 3; };
    CHECK(profiles.get("ada").essential == 1);
    executor->run_all();
    CHECK(rig.source.asked == 2);
    CHECK(profiles.get("ada").rest == 3);
}

TEST_CASE("without room in the executor the second step is done before the call returns",
          "[loaders][complete]") {
    const auto executor = std::make_shared<ManualExecutor>();
    executor->refuse();
    Rig rig{executor};
    const Models<Profile, Source&> profiles{rig.cache, rig.source};
    const Models<ProfileRow> rows{rig.cache};
    CHECK(profiles.get("ada").essential == 1);
    CHECK(rows.find("ada")->rest == 2);
    CHECK(rig.cache.statistics().refused_tasks == 1);
    for (const auto& each : profiles.get_many({"bob", "cay"})) CHECK(each->essential == 1);
    CHECK(rows.find("bob")->rest == 2);
    CHECK(rows.find("cay")->rest == 2);
}

TEST_CASE("a second step that is given up leaves nothing stored", "[loaders][complete]") {
    const auto executor = std::make_shared<ManualExecutor>();
    Rig rig{executor};
    const Models<Profile, Source&> profiles{rig.cache, rig.source};
    CHECK(profiles.get("ada").essential == 1);
    CHECK(executor->drop_one());
    CHECK(rig.backend->keys().empty());
    CHECK(profiles.get("ada").essential == 1);
    CHECK(rig.source.asked == 2);
    executor->run_all();
    CHECK(profiles.get("ada").rest == 2);
}

TEST_CASE("a second step that fails twice in a row is left alone for a while",
          "[loaders][complete][failure]") {
    const auto executor = std::make_shared<ManualExecutor>();
    Rig rig{executor};
    int tried = 0;
    rig.source.rest = [&](const std::string&) -> int {
        ++tried;
        throw std::runtime_error("no rest");
    };
    const Models<Patient, Source&> patients{rig.cache, rig.source};
    for (int i = 0; i < 5; ++i) {
        CHECK(patients.get("ada").essential == 1);
        executor->run_all();
    }
    CHECK(tried == 2);
    CHECK(rig.cache.statistics().backed_off == 3);
    rig.clock.advance(20s);
    rig.source.rest = [](const std::string&) { return 2; };
    CHECK(patients.get("ada").essential == 1);
    executor->run_all();
    CHECK(patients.get("ada").rest == 2);
}

TEST_CASE("a second step does not begin once its door has gone", "[loaders][complete]") {
    const auto executor = std::make_shared<ManualExecutor>();
    Rig rig{executor};
    int completed = 0;
    rig.source.rest = [&](const std::string&) { return ++completed; };
    {
        const Models<Profile, Source&> profiles{rig.cache, rig.source};
        CHECK(profiles.get("ada").essential == 1);
    }
    CHECK(executor->run_all() == 1);
    CHECK(completed == 0);
    CHECK(rig.backend->keys().empty());
}

TEST_CASE("callers of many threads get what a loader brings first, and it is completed once",
          "[loaders][complete][threads]") {
    Rig rig{pool(2)};
    Barrier before_rest;
    std::atomic<int> completed{0};
    rig.source.rest = [&](const std::string&) {
        before_rest.pass();
        return ++completed;
    };
    const Models<Profile, Source&> profiles{rig.cache, rig.source};
    std::atomic<int> right{0};
    Crew crew;
    for (int i = 0; i < 20; ++i) {
        crew.start([&] {
            const Profile profile = profiles.get("ada");
            right += profile.essential == 1 && !profile.rest->has_value() ? 1 : 0;
        });
    }
    CHECK(crew.join() == 0);
    CHECK(right == 20);
    CHECK(rig.source.asked == 1);
    before_rest.open();
    await("all of it is stored", [&] { return rig.cache.statistics().stores == 1; });
    CHECK(profiles.get("ada").rest == 1);
    CHECK(completed == 1);
}

// ---- doors that go away

TEST_CASE("the last door to go away waits for loads that use its contexts",
          "[models][lender][threads]") {
    Rig rig{pool(2)};
    Barrier loading;
    std::atomic<bool> is_loaded{false};
    auto source = std::make_unique<Source>();
    auto door = std::make_unique<Models<Price, Source&>>(rig.cache, *source);
    CHECK(door->get("tea").cents == 1);
    rig.clock.advance(15s);
    source->answer = [&](const std::string&) {
        loading.pass();
        is_loaded = true;
        return 2;
    };
    CHECK(door->find("tea").stale());  // and is refreshed
    loading.await_arrivals(1);
    auto copy = std::make_unique<Models<Price, Source&>>(*door);
    door.reset();  // it is not the last one: nothing to wait for

    std::atomic<bool> is_leaving{false};
    bool was_loaded = false;
    Crew crew;
    crew.start([&] {
        is_leaving = true;
        copy.reset();
        was_loaded = is_loaded;
        source.reset();  // nobody uses it any more
    });
    await("it is about to go", [&] { return is_leaving.load(); });
    CHECK_FALSE(is_loaded);
    loading.open();
    CHECK(crew.join() == 0);
    CHECK(was_loaded);
}

TEST_CASE("loads that have not begun when the last door goes away never do",
          "[models][lender][threads]") {
    Rig rig{pool(1)};
    Barrier loading;
    auto source = std::make_unique<Source>();
    auto door = std::make_unique<Models<Price, Source&>>(rig.cache, *source);
    for (const auto& each : door->get_many({"tea", "milk", "salt"})) CHECK(each.found());
    rig.clock.advance(15s);
    std::atomic<int> asked_again{0};
    source->answer = [&](const std::string&) {
        ++asked_again;
        loading.pass();
        return 2;
    };
    CHECK(door->find("tea").stale());
    loading.await_arrivals(1);
    // The only thread of the pool is busy.
    CHECK(door->find("milk").stale());
    CHECK(door->find("salt").stale());
    Crew crew;
    crew.start([&] { door.reset(); });
    loading.open();
    CHECK(crew.join() == 0);
    const int asked_in_time = asked_again;
    source.reset();
    CHECK(std::static_pointer_cast<ThreadPool>(rig.executor)->shutdown(30s));
    // Those may have begun that the open barrier let through before the door was closed.
    CHECK(asked_again == asked_in_time);
}

TEST_CASE("a refresh does not begin once its door has gone", "[models][lender]") {
    const auto executor = std::make_shared<ManualExecutor>();
    Rig rig{executor};
    {
        const Models<Price, Source&> prices{rig.cache, rig.source};
        CHECK(prices.get("tea").cents == 1);
        rig.clock.advance(15s);
        CHECK(prices.find("tea").stale());
    }
    CHECK(executor->run_all() == 1);
    CHECK(rig.source.asked == 1);
}

TEST_CASE("a load that stands in line does not keep its executor", "[models][executor]") {
    TurnableClock clock;
    Source source;
    std::weak_ptr<ManualExecutor> executor;
    {
        const auto own = std::make_shared<ManualExecutor>();
        executor = own;
        const Cache cache{std::make_shared<ScriptedBackend>(clock),
                          {.executor = own, .clock = clock}};
        const Models<Price, Source&> prices{cache, source};
        CHECK(prices.get("tea").cents == 1);
        clock.advance(15s);
        CHECK(prices.find("tea").stale());
        CHECK(own->size() == 1);
    }
    CHECK(executor.expired());
}

TEST_CASE("a door that goes away in a load of its own does not wait for itself",
          "[models][lender][threads]") {
    Rig rig{pool(1)};
    Source source;
    auto door = std::make_unique<Models<Price, Source&>>(rig.cache, source);
    CHECK(door->get("tea").cents == 1);
    rig.clock.advance(15s);
    std::atomic<bool> is_over{false};
    Barrier may_begin;
    source.answer = [&](const std::string&) {
        may_begin.pass();
        door.reset();
        is_over = true;
        return 2;
    };
    CHECK(door->find("tea").stale());
    may_begin.await_arrivals(1);
    may_begin.open();
    await("the load is over", [&] { return is_over.load(); });
    CHECK(std::static_pointer_cast<ThreadPool>(rig.executor)->shutdown(30s));
    CHECK(rig.cache.statistics().refreshes == 1);
}

TEST_CASE("whatever has opened a cache, a view of it has its loads done by another executor",
          "[cache][caches][executor]") {
    const ScopedCaches scope;
    const auto executor = std::make_shared<ManualExecutor>();
    Source source;
    // How many tasks a load gives to it.
    const auto tasks = [&](const Cache& cache) {
        (void)Models<Profile, Source&>{cache, source}.get("may");
        return executor->run_all();
    };
    const Cache opened = Cache::open("memory://");
    const Cache view = opened.with_executor(executor);
    CHECK(tasks(view.with_prefix("of-the-view")) == 1);
    CHECK(tasks(opened.with_prefix("of-the-cache")) == 0);
    CHECK(tasks(view.with_executor(nullptr).with_prefix("of-neither")) == 0);
    CHECK(view == opened);

    caches().configure("pages", "memory://");
    for (const Cache& cache : caches().all()) {
        caches().configure(cache.name(), cache.with_executor(executor));
    }
    CHECK(tasks(caches()["pages"]) == 1);
    CHECK(caches()["pages"].name() == "pages");
}
