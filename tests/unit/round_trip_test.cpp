// cachemodel: tests of the time that a round trip takes, and of its bytes.
// SPDX-License-Identifier: MIT
#include <cachemodel/observer.hpp>

#include <cachemodel/cache.hpp>
#include <cachemodel/cached_function.hpp>
#include <cachemodel/error.hpp>
#include <cachemodel/models.hpp>
#include <cachemodel/statistics.hpp>
#include <cachemodel/testing/scripted_backend.hpp>
#include <cachemodel/testing/turnable_clock.hpp>

#include "support/catch.hpp"

#include <chrono>
#include <cstddef>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace cachemodel;
using namespace std::chrono_literals;
using namespace std::string_view_literals;
using Bytes = std::vector<std::size_t>;
using Pairs = std::vector<std::pair<std::string, int>>;

namespace round_trip_test {

struct Item {
    static constexpr ModelOptions cache_options{.name = "item"};
    Key<int> id;
    Field<std::string> name;

    void from_miss() { name = "lamp"; }
};

int twice(int number) { return 2 * number; }

class Keeper final : public Observer {
 public:
    void round_trip(const RoundTrip& trip) override {
        durations.push_back(trip.duration);
        bytes.push_back(trip.bytes);
    }
    Bytes take() { return std::exchange(bytes, {}); }

    std::vector<std::chrono::nanoseconds> durations;
    Bytes bytes;
};

struct Fixture {
    Fixture() { cache.observe(keeper); }

    std::shared_ptr<testing::ScriptedBackend> backend =
        std::make_shared<testing::ScriptedBackend>();
    std::shared_ptr<Keeper> keeper = std::make_shared<Keeper>();
    Cache cache{backend};
};

}  // namespace round_trip_test

using namespace round_trip_test;

TEST_CASE("how long a round trip took is told by the cache's clock", "[observer][unit]") {
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

TEST_CASE_METHOD(Fixture, "the bytes of what a trip finds or stores are told and counted",
                 "[observer][statistics][unit]") {
    CHECK(cache.set("a", 12345));  // integers are stored as their digits
    CHECK_FALSE(cache.add("a", 1));
    CHECK(cache.set_raw("raw", "any\0thing"sv));
    CHECK(cache.set_raw("empty", ""));
    CHECK(keeper->take() == Bytes{5, 0, 9, 0});
    CHECK(*cache.get<int>("a") == 12345);
    CHECK(cache.get<int>("x").absent());
    CHECK(cache.contains("a"));
    CHECK(cache.get_raw("empty").found());
    CHECK(keeper->take() == Bytes{5, 0, 5, 0});
    CHECK(cache.with_prefix("p").set("a", 77));
    CHECK(keeper->take() == Bytes{2});
    CHECK(cache.statistics().bytes_written == 16);
    CHECK(cache.statistics().bytes_read == 10);
}

TEST_CASE_METHOD(Fixture, "the bytes of a call on many keys are of those that were done",
                 "[observer][statistics][unit]") {
    backend->fail_keys("*b");
    CHECK(cache.set_many(Pairs{{"a", 1}, {"b", 22}, {"c", 333}})[1].failed());
    CHECK(keeper->take() == Bytes{4});
    CHECK(cache.get_many<int>({"a", "b", "c", "d"})[1].failed());
    CHECK(keeper->take() == Bytes{4});
    CHECK(cache.statistics().bytes_written == 4);
    CHECK(cache.statistics().bytes_read == 4);
}

TEST_CASE_METHOD(Fixture, "bytes that turn out to be a miss were read all the same",
                 "[observer][statistics][unit]") {
    backend->plant(":1:k", "<html>");
    CHECK(cache.get<std::string>("k").absent());
    CHECK(keeper->take() == Bytes{6});
    CHECK(cache.statistics().bytes_read == 6);
}

TEST_CASE_METHOD(Fixture, "what has no value to read or to write has no bytes",
                 "[observer][statistics][unit]") {
    backend->plant(":1:n", "12");
    CHECK(cache.incr("n") == 13);
    CHECK(cache.touch("n"));
    CHECK(cache.with_prefix("p").clear_prefix() == 0);
    CHECK(cache.erase("n"));
    CHECK(cache.clear());
    CHECK(keeper->take() == Bytes{0, 0, 0, 0, 0});
    CHECK(cache.statistics().bytes_written == 0);
    CHECK(cache.statistics().bytes_read == 0);
}

TEST_CASE_METHOD(Fixture, "what fails, or nobody knows of, has no bytes",
                 "[observer][statistics][failure]") {
    backend->plant(":1:n", "12");
    backend->fail_next(2);
    CHECK(cache.get<int>("n").failed());
    CHECK_THROWS_AS(cache.set("n", 1), BackendError);
    backend->lose_next_answers(1);
    CHECK_THROWS_AS(cache.set("n", 1), BackendError);
    backend->throw_next(std::bad_alloc{});
    CHECK_THROWS_AS(cache.set("n", 1), std::bad_alloc);
    CHECK(keeper->take() == Bytes{0, 0, 0, 0});
    CHECK(cache.statistics().bytes_written == 0);
    CHECK(cache.statistics().bytes_read == 0);
}

TEST_CASE_METHOD(Fixture, "leases, and what a removal leaves, are bytes too",
                 "[observer][statistics][unit]") {
    const std::string key = ":1:item@1/id=1";
    const Models<Item> items{cache};
    CHECK(items.get(1).name == "lamp");
    CHECK(backend->stored(key).value().size() == 46);
    CHECK(keeper->take() == Bytes{0, 59, 59, 46});  // a miss, the lease, a look at it, the object
    CHECK(items.get(1).name == "lamp");
    CHECK(items.remove(1));
    CHECK(backend->stored(key).value().size() == 43);
    CHECK(keeper->take() == Bytes{46, 43});
    CHECK(cache.statistics().bytes_written == 148);
    CHECK(cache.statistics().bytes_read == 105);

    // Where there is no room for it nothing is left, and nothing was written.
    backend->fail_next(1, BackendFault::full);
    CHECK(items.remove(1));
    CHECK_FALSE(backend->stored(key));
    CHECK(keeper->take() == Bytes{0, 0});
    CHECK(cache.statistics().bytes_written == 148);
}

TEST_CASE_METHOD(Fixture, "models and cached functions count no bytes of their own",
                 "[statistics][unit]") {
    const Models<Item> items{cache};
    CHECK(items.get(1).name == "lamp");
    CHECK(items.get(1).name == "lamp");
    const CachedFunction<&twice> cached{cache};
    CHECK(cached(4) == 8);
    CHECK(cached(4) == 8);
    CHECK(items.statistics().hits == 1);
    CHECK(items.statistics().bytes_read == 0);
    CHECK(items.statistics().bytes_written == 0);
    CHECK(cached.statistics().hits == 1);
    CHECK(cached.statistics().bytes_read == 0);
    CHECK(cached.statistics().bytes_written == 0);
}
