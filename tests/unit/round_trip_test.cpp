// cachemodel: tests of the time that a round trip takes.
// SPDX-License-Identifier: MIT
#include <cachemodel/observer.hpp>

#include <cachemodel/cache.hpp>
#include <cachemodel/testing/scripted_backend.hpp>
#include <cachemodel/testing/turnable_clock.hpp>

#include "support/catch.hpp"

#include <chrono>
#include <memory>
#include <vector>

using namespace cachemodel;
using namespace std::chrono_literals;

TEST_CASE("how long a round trip took is told by the cache's clock", "[observer][unit]") {
    class Keeper final : public Observer {
     public:
        void round_trip(const RoundTrip& trip) override { durations.push_back(trip.duration); }
        std::vector<std::chrono::nanoseconds> durations;
    };
    testing::TurnableClock clock;
    const auto backend = std::make_shared<testing::ScriptedBackend>(clock);
    const Cache cache{backend, {.clock = clock}};
    const auto keeper = std::make_shared<Keeper>();
    cache.observe(keeper);

    CHECK(cache.get<int>("k").absent());
    backend->before_each_call([&](testing::Verb) { clock.advance(40ms); });
    cache.set("k", 1);
    CHECK(keeper->durations == std::vector<std::chrono::nanoseconds>{0ns, 40ms});
}
