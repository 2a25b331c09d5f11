// cachemodel: what a cache tells its observer, and what it counts.
// SPDX-License-Identifier: MIT
#include <cachemodel/observer.hpp>

#include <cachemodel/cache.hpp>
#include <cachemodel/caches.hpp>
#include <cachemodel/error.hpp>
#include <cachemodel/models.hpp>
#include <cachemodel/prometheus.hpp>
#include <cachemodel/testing/scripted_backend.hpp>
#include <cachemodel/testing/turnable_clock.hpp>

#include "support/catch.hpp"
#include "support/decorators.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace cachemodel;
using namespace std::chrono_literals;
using Pairs = std::vector<std::pair<std::string, int>>;

namespace atlas {

struct City {
    Key<std::string> name;
    int people = 0;
};
struct Street {
    Key<int> number;
    std::string name;
};

}  // namespace atlas

namespace {

using atlas::City;
using atlas::Street;

struct Told {
    Operation operation;
    std::size_t keys = 0;
    std::size_t done = 0;
    std::size_t declined = 0;
    std::size_t failed = 0;

    bool operator==(const Told&) const = default;
    friend std::ostream& operator<<(std::ostream& out, const Told& told) {
        return out << to_string(told.operation) << ' ' << told.keys << ": " << told.done << ' '
                   << told.declined << ' ' << told.failed;
    }
};
using All = std::vector<Told>;

class Listener final : public Observer {
 public:
    void round_trip(const RoundTrip& trip) override {
        told.push_back({trip.operation, trip.keys, trip.done, trip.declined, trip.failed});
        caches.insert(std::string{trip.cache});
        durations.push_back(trip.duration);
    }
    All take() { return std::exchange(told, {}); }

    All told;
    std::set<std::string> caches;
    std::vector<std::chrono::nanoseconds> durations;
};

/// The machine's clock, and how often it was read.
class CountingClock final : public Clock {
 public:
    std::chrono::steady_clock::time_point steady() const noexcept override {
        ++reads;
        return Clock::machine().steady();
    }
    std::chrono::system_clock::time_point wall() const noexcept override {
        ++reads;
        return Clock::machine().wall();
    }
    mutable std::atomic<int> reads{0};
};

struct Fixture {
    std::shared_ptr<testing::ScriptedBackend> backend =
        std::make_shared<testing::ScriptedBackend>();
    std::shared_ptr<Listener> listener = std::make_shared<Listener>();
    Cache cache{backend, {.name = "pages"}};
};

}  // namespace

TEST_CASE_METHOD(Fixture, "every trip is told, with what came of its keys", "[observer]") {
    cache.observe(listener);
    CHECK(cache.set("a", "v"));
    CHECK(listener->take() == All{{Operation::set, 1, 1, 0, 0}});
    CHECK_FALSE(cache.add("a", "v"));
    CHECK(listener->take() == All{{Operation::add, 1, 0, 1, 0}});
    CHECK(cache.get<std::string>("a").found());
    CHECK(cache.get<std::string>("x").absent());
    CHECK(listener->take() == All{{Operation::get, 1, 1, 0, 0}, {Operation::get, 1, 0, 1, 0}});
    CHECK(cache.contains("a"));
    CHECK(listener->take() == All{{Operation::peek, 1, 1, 0, 0}});
    CHECK(cache.touch("a"));
    CHECK_FALSE(cache.touch("x"));
    CHECK(listener->take() == All{{Operation::touch, 1, 1, 0, 0}, {Operation::touch, 1, 0, 1, 0}});

    backend->fail_keys("*b");
    CHECK(cache.set_many(Pairs{{"a", 1}, {"b", 2}, {"c", 3}})[1].failed());
    CHECK(cache.get_many<int>({"a", "b", "c", "d"})[1].failed());
    CHECK(cache.delete_many({"a", "b", "d"})[1].failed());
    CHECK(listener->take() == All{{Operation::set, 3, 2, 0, 1},
                                  {Operation::get, 4, 2, 1, 1},
                                  {Operation::remove, 3, 1, 1, 1}});

    CHECK(cache.incr("c") == 4);
    CHECK_THROWS_AS(cache.incr("x"), Missing);
    CHECK(listener->take() ==
          All{{Operation::increment, 1, 1, 0, 0}, {Operation::increment, 1, 0, 1, 0}});
    CHECK(cache.incr_version("c") == 2);
    CHECK(listener->take() == All{{Operation::get, 1, 1, 0, 0},
                                  {Operation::remaining_lifetime, 1, 1, 0, 0},
                                  {Operation::set, 1, 1, 0, 0},
                                  {Operation::remove, 1, 1, 0, 0}});
    CHECK(cache.with_prefix("p").set("k", 1));
    CHECK(cache.with_prefix("p").clear_prefix() == 1);
    CHECK(cache.clear());
    CHECK(listener->take() == All{{Operation::set, 1, 1, 0, 0},
                                  {Operation::list_keys, 0, 1, 0, 0},
                                  {Operation::remove, 1, 1, 0, 0},
                                  {Operation::clear, 0, 0, 0, 0}});
    CHECK(listener->caches == std::set<std::string>{"pages"});
}

TEST_CASE_METHOD(Fixture, "a call that throws is told as failed for every key",
                 "[observer][failure]") {
    cache.observe(listener);
    backend->throw_next(std::bad_alloc{});
    CHECK_THROWS_AS(cache.get_many<int>({"a", "b"}), std::bad_alloc);
    CHECK(listener->take() == All{{Operation::get, 2, 0, 0, 2}});
    backend->go_down();
    CHECK_THROWS_AS(cache.clear(), BackendError);
    CHECK_THROWS_AS(cache.clear_prefix(), BackendError);
    CHECK(listener->take() ==
          All{{Operation::clear, 0, 0, 0, 1}, {Operation::list_keys, 0, 0, 0, 1}});
}

TEST_CASE("a trip takes the time that its backend takes", "[observer]") {
    testing::TurnableClock clock;
    const Cache cache{std::make_shared<support::SlowBackend>(
                          std::make_shared<testing::ScriptedBackend>(clock), clock, 30ms),
                      {.clock = clock}};
    const auto listener = std::make_shared<Listener>();
    cache.observe(listener);
    CHECK(cache.set("k", 1));
    CHECK(*cache.get<int>("k") == 1);
    CHECK(cache.incr("k") == 2);
    CHECK(cache.clear());
    CHECK(listener->durations == std::vector<std::chrono::nanoseconds>(4, 30ms));
}

TEST_CASE("without an observer the clock is hardly read for a backend of this process",
          "[observer]") {
    const CountingClock clock;
    const auto backend = std::make_shared<testing::ScriptedBackend>();
    backend->capabilities_to_claim().shared = false;
    const Cache cache{backend, {.clock = clock}};
    CHECK(cache.set("n", 1));
    CHECK(clock.reads == 2);  // the first of many is timed
    CHECK(*cache.get<int>("n") == 1);
    CHECK(cache.incr("n") == 2);
    CHECK(cache.erase("n"));
    CHECK(clock.reads == 2);
    cache.observe(std::make_shared<Listener>());
    CHECK(cache.get<int>("n").absent());
    CHECK(clock.reads == 4);
    cache.observe(nullptr);
    CHECK(cache.get<int>("n").absent());
    CHECK(clock.reads == 4);
}

TEST_CASE_METHOD(Fixture, "an observer that throws is counted, and changes nothing", "[observer]") {
    class Throwing final : public Observer {
     public:
        void round_trip(const RoundTrip&) override { throw std::domain_error{"broken"}; }
        void key_warning(const KeyWarning&) override { throw 1; }
        void ignored_error(const IgnoredError&) override { throw std::bad_alloc{}; }
    };
    const Cache ignoring{backend, {.ignore_errors = true}};
    ignoring.observe(std::make_shared<Throwing>());
    CHECK(ignoring.set("k", "v"));
    CHECK(*ignoring.get<std::string>("k") == "v");
    CHECK(ignoring.statistics().observer_failures == 2);
    CHECK(ignoring.set("a b", "v"));
    CHECK(ignoring.statistics().observer_failures == 4);
    backend->go_down();
    CHECK_FALSE(ignoring.set("k", "v"));
    CHECK(ignoring.statistics().observer_failures == 6);
    CHECK(ignoring.statistics().key_warnings == 1);
    CHECK(ignoring.statistics().ignored_errors == 1);
}

TEST_CASE("an observer may use the cache that it observes", "[observer]") {
    class Using final : public Observer {
     public:
        explicit Using(const Cache& observed) : cache_(&observed) {}
        void round_trip(const RoundTrip&) override {
            if (std::exchange(is_using_, true)) return;
            found = cache_->get<int>("k").found();
            cache_->observe(std::make_shared<Listener>());
        }
        bool found = false;

     private:
        const Cache* cache_;  // a handle would keep the cache alive, and that the observer
        bool is_using_ = false;
    };
    const Cache observed = Cache::open("memory://?shards=1");
    const auto own = std::make_shared<Using>(observed);
    observed.observe(own);
    CHECK(observed.set("k", 1));
    CHECK(own->found);
}

TEST_CASE("an observer may use the cache of a warning, and of an ignored error", "[observer]") {
    class Using final : public Observer {
     public:
        explicit Using(const Cache& observed) : cache_(&observed) {}
        void key_warning(const KeyWarning&) override { use(); }
        void ignored_error(const IgnoredError&) override { use(); }
        int found = 0;

     private:
        void use() {
            if (cache_->get<int>("k").found()) ++found;
        }
        const Cache* cache_;
    };
    const auto backend = std::make_shared<testing::ScriptedBackend>();
    const Cache observed{backend, {.ignore_errors = true}};
    CHECK(observed.set("k", 1));
    const auto own = std::make_shared<Using>(observed);
    observed.observe(own);
    CHECK(observed.set("a key", 1));
    CHECK(own->found == 1);
    backend->fail_next(1);
    CHECK_FALSE(observed.set("k", 2));
    CHECK(own->found == 2);
    observed.observe(nullptr);
}

TEST_CASE("what is cached is in no event, message or metric", "[observer][failure]") {
    class Notes final : public Observer {
     public:
        void round_trip(const RoundTrip& trip) override {
            text.append(trip.cache).append(to_string(trip.operation));
        }
        void key_warning(const KeyWarning& warning) override { text.append(warning.final_key); }
        void ignored_error(const IgnoredError& error) override {
            text.append(error.failure.message());
        }
        std::string text;
    };
    const std::string value = "hunter2";
    const auto backend = std::make_shared<testing::ScriptedBackend>();
    const auto notes = std::make_shared<Notes>();
    std::string& text = notes->text;
    const Cache cache{backend, {.name = "pages"}};
    cache.observe(notes);
    const auto note = [&](auto call) {
        try {
            call();
        } catch (const std::exception& e) {
            text += e.what();
        }
    };
    const auto use = [&](const Cache& used) {
        note([&] { used.set("a key", value); });
        note([&] { used.set("n", std::int64_t{4711}); });
        note([&] { used.set_raw("raw", value); });
        note([&] { used.add("a key", value); });
        note([&] { (void)used.set_many(Pairs{{"m", 4711}}); });
        note([&] { (void)used.get_or("a key", 1); });
        note([&] { (void)used.get_or("n", value); });
        note([&] { (void)used.get_or_set("a key", 1); });
        note([&] { text += used.get<std::vector<int>>("a key").failure().message(); });
        note([&] { (void)*used.get<std::string>("raw"); });
        note([&] { used.incr("a key"); });
        note([&] { used.incr("raw"); });
        note([&] { used.incr("n", std::numeric_limits<std::int64_t>::max()); });
    };
    use(cache);
    backend->go_down();
    use(cache);
    const Cache ignoring{backend, {.ignore_errors = true, .name = "pages"}};
    ignoring.observe(notes);
    use(ignoring);
    text += prometheus_text(cache) + prometheus_text(ignoring);
    CHECK(text.find("a\\x20key") != std::string::npos);
    CHECK(text.find("not an integer") != std::string::npos);
    CHECK(text.find(value) == std::string::npos);
    CHECK(text.find("4711") == std::string::npos);
}

TEST_CASE_METHOD(Fixture, "the last observer is told, by all views, under their name",
                 "[observer]") {
    const auto second = std::make_shared<Listener>();
    cache.observe(listener);
    CHECK(cache.with_version(2).set("k", 1));
    CHECK(listener->take().size() == 1);
    cache.observe(second);
    CHECK(cache.with_prefix("p").set("k", 1));
    CHECK(listener->take().empty());
    CHECK(second->take().size() == 1);
    cache.observe(nullptr);
    CHECK(cache.set("k", 1));
    CHECK(second->take().empty());

    const ScopedCaches scoped;
    caches().configure("sessions", cache);
    cache.observe(second);
    CHECK(caches()["sessions"].set("k", 1));
    CHECK(second->caches == std::set<std::string>{"pages", "sessions"});
}

TEST_CASE("every operation has a name", "[observer]") {
    CHECK(to_string(Operation::get) == "get");
    CHECK(to_string(Operation::peek) == "peek");
    CHECK(to_string(Operation::set) == "set");
    CHECK(to_string(Operation::add) == "add");
    CHECK(to_string(Operation::compare_and_set) == "compare and set");
    CHECK(to_string(Operation::remove) == "remove");
    CHECK(to_string(Operation::touch) == "touch");
    CHECK(to_string(Operation::increment) == "increment");
    CHECK(to_string(Operation::remaining_lifetime) == "remaining lifetime");
    CHECK(to_string(Operation::list_keys) == "list keys");
    CHECK(to_string(Operation::clear) == "clear");
}

TEST_CASE_METHOD(Fixture, "a sequence of calls has exact numbers", "[statistics]") {
    CHECK(cache.set("a", "text"));                                 // trip 1, store 1
    CHECK(cache.set_many(Pairs{{"b", 1}, {"c", 2}}).size() == 2);  // trip 2, stores 2 and 3
    CHECK(cache.get<std::string>("a").found());                    // trip 3, hit 1
    CHECK(cache.get_many<int>({"b", "c", "x"}).size() == 3);       // trip 4, hits 2 and 3, a miss
    CHECK(cache.contains("a"));                                    // trip 5
    CHECK_FALSE(cache.contains("x"));                              // trip 6
    CHECK_FALSE(cache.add("a", "v"));                              // trip 7
    CHECK(cache.incr("b") == 2);                                   // trip 8, count 1
    CHECK(cache.get<int>("a").failed());                           // trip 9, mismatch 1
    CHECK(cache.delete_many({"b", "x"}).size() == 2);              // trip 10, removal 1
    CHECK(cache.get_or_set("d", 4) == 4);                          // trips 11, 12, a miss, a load
    CHECK(cache.get_or_set("d", 5) == 4);                          // trip 13, hit 4
    CHECK(cache.touch("a"));                                       // trip 14
    backend->plant(":1:e", "<html>");
    CHECK(cache.get<int>("e").absent());  // trip 15, a foreign miss
    CHECK(cache.erase("a"));              // trip 16, removal 2
    CHECK(cache.clear());                 // trip 17
    backend->fail_next(5);
    CHECK(cache.get<int>("a").failed());               // trip 18, a read failure
    CHECK_THROWS_AS(cache.set("a", 1), BackendError);  // trip 19, a store failure
    CHECK_THROWS_AS(cache.erase("a"), BackendError);   // trip 20, a removal failure
    CHECK_THROWS_AS(cache.touch("a"), BackendError);   // trip 21, a touch failure
    CHECK_THROWS_AS(cache.incr("a"), BackendError);    // trip 22, a count failure

    const Statistics all = cache.statistics();
    CHECK(all.round_trips == 22);
    CHECK(all.hits == 4);
    CHECK(all.misses(MissReason::nothing_stored) == 2);
    CHECK(all.misses(MissReason::foreign) == 1);
    CHECK(all.misses() == 3);
    CHECK(all.read_failures == 1);
    CHECK(all.stores == 4);
    CHECK(all.store_failures == 1);
    CHECK(all.removals == 2);
    CHECK(all.removal_failures == 1);
    CHECK(all.touch_failures == 1);
    CHECK(all.loads == 1);
    CHECK(all.load_failures == 0);
    CHECK(all.counts == 1);
    CHECK(all.count_failures == 1);
    CHECK(all.type_mismatches == 1);
    CHECK(all.key_warnings == 0);
    CHECK(all.ignored_errors == 0);
    CHECK(all.observer_failures == 0);
}

TEST_CASE_METHOD(Fixture, "models are counted by themselves too", "[statistics]") {
    Models<City> cities{cache};
    Models<Street> streets{cache};
    cities.save(City{.name = "Rome", .people = 3});
    streets.save(Street{.number = 1, .name = "First"});
    CHECK(cities.find("Rome").found());
    CHECK(cities.find("Paris").absent());
    CHECK(cities.find("Rome").found());

    CHECK(cities.statistics().hits == 2);
    CHECK(cities.statistics().misses(MissReason::nothing_stored) == 1);
    CHECK(cities.statistics().stores == 1);
    CHECK(streets.statistics().hits == 0);
    CHECK(streets.statistics().stores == 1);
    CHECK(cache.statistics().hits == 2);
    CHECK(cache.statistics().stores == 2);

    const auto all = cache.model_statistics();
    REQUIRE(all.size() == 2);
    CHECK(all[0].model == "atlas::City");
    CHECK(all[0].statistics.hits == 2);
    CHECK(all[1].model == "atlas::Street");
    CHECK(all[1].statistics.stores == 1);
    CHECK(Cache::open("null://").model_statistics().empty());
}
