// cachemodel: observers that need what they are told about.
// SPDX-License-Identifier: MIT
#include <cachemodel/observer.hpp>

#include <cachemodel/cached_function.hpp>
#include <cachemodel/models.hpp>
#include <cachemodel/testing/scripted_backend.hpp>

#include "support/catch.hpp"
#include "support/crew.hpp"
#include "support/decorators.hpp"

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace cachemodel;
using namespace std::chrono_literals;
using support::Barrier;
using support::Crew;
using Strings = std::vector<std::string>;

namespace observer_loads_test {

struct Item {
    static constexpr ModelOptions cache_options{.expires = 1h};
    static inline std::atomic<int> loads{0};

    Key<int> id;
    Field<int> run;

    void from_miss() { run = ++loads; }
};

std::atomic<int> runs{0};
int run_number(int) { return ++runs; }

/// Does something, once, when it is told what it waits for.
class Acting final : public Observer {
 public:
    explicit Acting(std::function<bool(const RoundTrip&)> is_it, std::function<void()> act)
        : is_it_(std::move(is_it)), act_(std::move(act)) {}
    Acting(Operation operation, std::function<void()> act)
        : Acting([operation](const RoundTrip& trip) { return trip.operation == operation; },
                 std::move(act)) {}

    void round_trip(const RoundTrip& trip) override {
        if (is_it_(trip) && !has_acted.exchange(true)) act_();
    }

    std::atomic<bool> has_acted{false};

 private:
    std::function<bool(const RoundTrip&)> is_it_;
    std::function<void()> act_;
};

/// What it is told, as text.
class Listener final : public Observer {
 public:
    void round_trip(const RoundTrip& trip) override {
        told.push_back(std::string{trip.cache} + ' ' + std::string{to_string(trip.operation)} +
                       ' ' + std::to_string(trip.keys) + ' ' + std::to_string(trip.done));
        if (during_trip) during_trip(trip);
    }
    void key_warning(const KeyWarning& warning) override {
        told.push_back(std::string{warning.cache} + ' ' +
                       std::string{to_string(warning.operation)} + " of " +
                       std::string{warning.final_key});
        if (during_warning) during_warning(warning);
    }

    Strings told;
    std::function<void(const RoundTrip&)> during_trip;
    std::function<void(const KeyWarning&)> during_warning;
};

/// A scripted backend of this process alone: no leases are taken.
std::shared_ptr<testing::ScriptedBackend> own_backend() {
    auto backend = std::make_shared<testing::ScriptedBackend>();
    backend->capabilities_to_claim().shared = false;
    return backend;
}

/// Holds whoever adds something.
class SlowAdding final : public support::Decorator {
 public:
    using Decorator::Decorator;

    void store_many(Store how, std::span<const Entry> entries,
                    std::span<Outcome> outcomes) override {
        if (how == Store::add) adding.pass();
        Decorator::store_many(how, entries, outcomes);
    }

    Barrier adding;
};

/// In a thread, so that one that waits for ever fails the test.
void run_in_time(const std::function<void()>& work) {
    Crew crew;
    crew.start(work);
    CHECK(crew.join() == 0);
}

std::string keys_with_spaces(std::string_view, std::uint32_t, std::string_view key) {
    return "of one: " + std::string{key};
}

}  // namespace observer_loads_test

using namespace observer_loads_test;

TEST_CASE("an observer may remove what it is told was stored", "[observer][threads]") {
    const Cache cache = Cache::open("memory://");
    const Models<Item> items{cache};
    const auto acting = std::make_shared<Acting>(Operation::add, [&] { items.remove(1); });
    cache.observe(acting);
    Item::loads = 0;
    run_in_time([&] { CHECK(*items.get(1).run == 1); });
    CHECK(acting->has_acted);
    CHECK(*items.get(1).run == 2);
    cache.observe(nullptr);
}

TEST_CASE("an observer may save what it is told was stored", "[observer][threads]") {
    const Cache cache = Cache::open("memory://");
    const Models<Item> items{cache};
    const auto acting =
        std::make_shared<Acting>(Operation::add, [&] { items.save({.id = 1, .run = 77}); });
    cache.observe(acting);
    Item::loads = 0;
    run_in_time([&] { CHECK(*items.get(1).run == 1); });
    CHECK(acting->has_acted);
    CHECK(*items.get(1).run == 77);
    cache.observe(nullptr);
}

TEST_CASE("an observer may wait for a thread that removes what is being stored",
          "[observer][threads]") {
    const auto backend = std::make_shared<SlowAdding>(own_backend());
    const Cache cache{backend};
    const Models<Item> items{cache};
    std::mutex users;
    const auto acting =
        std::make_shared<Acting>(Operation::add, [&] { const std::lock_guard lock{users}; });
    cache.observe(acting);
    Crew crew;
    crew.start([&] { (void)items.get(1); });
    backend->adding.await_arrivals(1);
    crew.start([&] {
        const std::lock_guard lock{users};
        backend->adding.open();
        items.remove(1);
    });
    CHECK(crew.join() == 0);
    CHECK(acting->has_acted);
    CHECK_FALSE(items.exists(1));
    cache.observe(nullptr);
}

TEST_CASE("an observer may invalidate the call whose result it is told was stored",
          "[observer][threads]") {
    const Cache cache = Cache::open("memory://");
    const CachedFunction<&run_number> number{cache};
    runs = 0;
    SECTION("by a call") {
        const auto acting = std::make_shared<Acting>(Operation::add, [&] { number.invalidate(5); });
        cache.observe(acting);
        run_in_time([&] { CHECK(number(5) == 1); });
        CHECK(acting->has_acted);
    }
    SECTION("by a refresh") {
        const auto acting = std::make_shared<Acting>(Operation::add, [&] { number.invalidate(5); });
        cache.observe(acting);
        run_in_time([&] { CHECK(number.refresh(5) == 1); });
        CHECK(acting->has_acted);
    }
    SECTION("by a refresh that replaces another one") {
        CHECK(number(5) == 1);
        const auto acting =
            std::make_shared<Acting>(Operation::compare_and_set, [&] { number.invalidate(5); });
        cache.observe(acting);
        runs = 0;
        run_in_time([&] { CHECK(number.refresh(5) == 1); });
        CHECK(acting->has_acted);
    }
    CHECK(number.peek(5).absent());
    CHECK(number(5) == 2);
    cache.observe(nullptr);
}

TEST_CASE("what is told late is told whole, once, and in its order", "[observer]") {
    const Cache cache{own_backend(), {.name = "a cache whose name is long enough"}};
    const auto listener = std::make_shared<Listener>();
    cache.observe(listener);
    const Models<Item> items{cache};
    (void)items.get(1);
    (void)items.get(1);
    CHECK(listener->told == Strings{
                                "a cache whose name is long enough get 1 0",
                                "a cache whose name is long enough add 1 1",
                                "a cache whose name is long enough get 1 1",
                            });
}

TEST_CASE("what an observer does while it is told late is told too", "[observer][threads]") {
    const Cache cache{own_backend()};
    const Models<Item> items{cache};
    const auto listener = std::make_shared<Listener>();
    listener->during_trip = [&](const RoundTrip& trip) {
        if (trip.operation == Operation::add && trip.done == 1) (void)items.get(2);
        if (listener->told.size() > 100) listener->during_trip = nullptr;
    };
    cache.observe(listener);
    run_in_time([&] { (void)items.get(1); });
    CHECK(listener->told == Strings{" get 1 0", " add 1 1", " get 1 0", " add 1 1", " get 1 1"});
    cache.observe(nullptr);
}

TEST_CASE("an observer that throws late is counted, and told the rest", "[observer]") {
    const Cache cache{own_backend()};
    const auto listener = std::make_shared<Listener>();
    listener->during_trip = [](const RoundTrip&) { throw 1; };
    cache.observe(listener);
    const Models<Item> items{cache};
    (void)items.get(1);
    CHECK(listener->told == Strings{" get 1 0", " add 1 1"});
    CHECK(cache.statistics().observer_failures == 2);
}

TEST_CASE("an observer may remove that of whose key it is warned", "[observer][threads]") {
    const Cache cache{own_backend(), {.key_function = &keys_with_spaces, .name = "shelf"}};
    const Models<Item> items{cache};
    const auto listener = std::make_shared<Listener>();
    listener->during_warning = [&](const KeyWarning& warning) {
        if (warning.operation != Operation::add) return;
        listener->during_warning = nullptr;
        items.remove(1);
    };
    cache.observe(listener);
    run_in_time([&] { (void)items.get(1); });
    const std::string key = " of of\\x20one:\\x20observer_loads_test::Item@1/id=1";
    CHECK(listener->told == Strings{
                                "shelf get" + key,
                                "shelf get 1 0",
                                "shelf add" + key,
                                "shelf remove" + key,
                                "shelf remove 1 1",
                                "shelf add 1 1",
                            });
    CHECK_FALSE(items.exists(1));
    cache.observe(nullptr);
}
