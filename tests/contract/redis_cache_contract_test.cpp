// cachemodel: the contract of caches, held by Redis.
// SPDX-License-Identifier: MIT
#include "contract/cache_contract.hpp"

#include "support/catch.hpp"
#include "support/decorators.hpp"
#include "support/redis_server.hpp"

#include <cachemodel/backends/redis.hpp>
#include <cachemodel/testing/turnable_clock.hpp>

#include <chrono>
#include <memory>
#include <thread>
#include <utility>

using namespace cachemodel;
using namespace cachemodel::contract;
using namespace std::chrono_literals;
using cachemodel::support::RealRedis;
using cachemodel::testing::TurnableClock;

namespace {

/// Says that it keeps whole seconds, so that values carry their own end, which the clock of the
/// cache reaches at once. Integers have to be waited for.
class WholeSeconds final : public support::Decorator {
 public:
    explicit WholeSeconds(std::shared_ptr<Backend> backend)
        : Decorator(std::move(backend)), capabilities_(Decorator::capabilities()) {
        capabilities_.lifetime_resolution = 1s;
    }
    const Capabilities& capabilities() const noexcept override { return capabilities_; }

 private:
    Capabilities capabilities_;
};

}  // namespace

TEST_CASE("a cache on Redis keeps the contract of caches", "[cache][redis][contract]") {
    RealRedis server;
    TurnableClock clock;
    const Cache cache{
        std::make_shared<WholeSeconds>(std::make_shared<RedisBackend>(server.options())),
        {.clock = clock}};
    cache_contract(cache,
                   {.pass = [&](std::chrono::nanoseconds time) { clock.advance(time); },
                    .pass_in_backend =
                        [](std::chrono::nanoseconds time) { std::this_thread::sleep_for(time); },
                    .counter_lifetime = 700ms});
}

TEST_CASE("a cache on Redis keeps the contract of caches among threads",
          "[cache][redis][contract][threads]") {
    RealRedis server;
    const Cache cache{std::make_shared<RedisBackend>(server.options())};
    cache_contract_of_threads(cache, {.increments = 1000});
}
