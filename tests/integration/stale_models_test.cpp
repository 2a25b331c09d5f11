// cachemodel: models that are served stale, on a real memcached.
// SPDX-License-Identifier: MIT
#include <cachemodel/backends/memcached.hpp>
#include <cachemodel/models.hpp>
#include <cachemodel/testing/manual_executor.hpp>
#include <cachemodel/testing/turnable_clock.hpp>

#include "support/catch.hpp"
#include "support/memcached_server.hpp"

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>

using namespace cachemodel;
using namespace std::chrono_literals;
using support::RealMemcached;

namespace stale_models_integration {

struct Source {
    int cents = 100;
    bool is_broken = false;
};

template <const ModelOptions& options>
struct Price {
    static constexpr ModelOptions cache_options = options;
    Key<std::string> name;
    Field<int> cents;

    void from_miss(Source& source) {
        if (source.is_broken) throw std::runtime_error("the source is broken");
        cents = source.cents;
    }
};
constexpr ModelOptions minutes{.expires = 100s,
                               .stale_while_refresh = 20s,
                               .stale_if_error = 200s,
                               .load_backoff = 0s,
                               .name = "Minutes"};
constexpr ModelOptions fractions{
    .expires = 1500ms, .stale_while_refresh = 2s, .load_backoff = 0s, .name = "Fractions"};
constexpr ModelOptions months{
    .expires = 24h * 40, .stale_while_refresh = 24h * 20, .load_backoff = 0s, .name = "Months"};
constexpr ModelOptions plain{.expires = 1h, .load_backoff = 0s, .name = "Plain"};

/// A server, and a cache whose time and tasks stand still while the server's go on.
struct Rig {
    RealMemcached server;
    testing::TurnableClock clock;
    std::shared_ptr<testing::ManualExecutor> executor = std::make_shared<testing::ManualExecutor>();
    Cache cache{std::make_shared<MemcachedBackend>(MemcachedOptions{.servers = {server.address()}}),
                {.executor = executor, .clock = clock}};
    Source source;

    template <class M>
    void check_kept_for(const M& models, std::chrono::seconds expected) const {
        const auto key = cache.final_key(models.key_for("tea"));
        const std::string answer = server.ask("mg " + key + " t\r\n", "\r\n");
        REQUIRE(answer.starts_with("HD t"));
        const std::chrono::seconds left{std::stol(answer.substr(4))};
        CHECK(left <= expected);
        CHECK(left >= expected - 3s);
    }
};

}  // namespace stale_models_integration

using namespace stale_models_integration;

TEST_CASE("memcached keeps a model for its lifetime and what it may be served after that",
          "[memcached][stale]") {
    Rig rig;
    const Models<Price<minutes>, Source&> prices{rig.cache, rig.source};
    (void)prices.get("tea");
    rig.check_kept_for(prices, 300s);
    CHECK(prices.touch("tea", 500s));
    rig.check_kept_for(prices, 700s);
    prices.save({.name = "tea", .cents = 100}, 50s);
    rig.check_kept_for(prices, 250s);

    const Models<Price<fractions>, Source&> of_fractions{rig.cache, rig.source};
    (void)of_fractions.get("tea");
    rig.check_kept_for(of_fractions, 5s);

    const Models<Price<months>, Source&> of_months{rig.cache, rig.source};
    (void)of_months.get("tea");
    rig.check_kept_for(of_months, 24h * 60);
    rig.clock.advance(24h * 40);
    CHECK(of_months.find("tea").stale());
    CHECK(rig.executor->run_all() == 1);
    CHECK_FALSE(of_months.find("tea").stale());
    rig.check_kept_for(of_months, 24h * 60);
}

TEST_CASE("on memcached a model is stale to the millisecond, and refreshed once",
          "[memcached][stale]") {
    Rig rig;
    const Models<Price<minutes>, Source&> prices{rig.cache, rig.source};
    (void)prices.get("tea");
    rig.source.cents = 200;
    rig.clock.advance(100s - 1ms);
    CHECK_FALSE(prices.find("tea").stale());
    rig.clock.advance(1ms);
    CHECK(prices.find("tea").stale());
    CHECK(prices.get("tea").cents == 100);
    CHECK(rig.executor->run_all() == 1);
    CHECK(prices.get("tea").cents == 200);
    CHECK_FALSE(prices.find("tea").stale());
    rig.check_kept_for(prices, 300s);

    rig.clock.advance(120s);
    rig.source.is_broken = true;
    CHECK(prices.find("tea").stale());
    // The lease that the failed load had leaves the entry its time.
    rig.check_kept_for(prices, 180s);
    rig.clock.advance(180s - 1ms);
    CHECK(prices.find("tea").stale());
    rig.clock.advance(1ms);
    CHECK_THROWS_WITH(prices.get("tea"), "the source is broken");
}

TEST_CASE("two caches on one memcached begin one refresh", "[memcached][stale]") {
    Rig rig;
    const Models<Price<minutes>, Source&> prices{rig.cache, rig.source};
    const auto executor = std::make_shared<testing::ManualExecutor>();
    const Cache other{
        std::make_shared<MemcachedBackend>(MemcachedOptions{.servers = {rig.server.address()}}),
        {.executor = executor, .clock = rig.clock}};
    Source of_other{.cents = 300};
    const Models<Price<minutes>, Source&> same{other, of_other};
    (void)prices.get("tea");
    rig.clock.advance(110s);
    CHECK(prices.find("tea").stale());
    CHECK(same.find("tea").stale());
    CHECK(executor->run_all() == 1);
    // The other one has loaded it meanwhile.
    CHECK(rig.executor->run_all() == 1);
    CHECK(prices.get("tea").cents == 300);
    CHECK(rig.cache.statistics().loads == 1);
}

TEST_CASE("the URL of a memcached says how stale models may be served", "[memcached][stale]") {
    const RealMemcached server;
    const Cache cache = Cache::open(server.url() + "?stale_while_refresh=30s");
    Source source{.cents = 200};
    const Models<Price<plain>, Source&> prices{cache, source};
    prices.save({.name = "tea", .cents = 100}, 1ns);
    const auto stale = prices.find("tea");
    CHECK(stale.stale());
    CHECK(stale->cents == 100);
}
