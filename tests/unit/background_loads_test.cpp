// cachemodel: loads that callers do not wait for to the end, second steps, and doors that go away.
// SPDX-License-Identifier: MIT
#include <cachemodel/cached_function.hpp>
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

/// Served stale, and refreshed in the background.
struct Price {
    static constexpr ModelOptions cache_options{.expires = 10s,
                                                .stale_while_refresh = 20s,
                                                .lease_wait = 0s,
                                                .load_backoff = 0s};
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
