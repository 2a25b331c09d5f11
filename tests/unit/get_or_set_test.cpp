// cachemodel: values that a cache makes where they are missing, once for all who ask.
// SPDX-License-Identifier: MIT
#include <cachemodel/cache.hpp>

#include <cachemodel/backends/memory.hpp>
#include <cachemodel/backends/null.hpp>
#include <cachemodel/cached_function.hpp>
#include <cachemodel/error.hpp>
#include <cachemodel/testing/recording_backend.hpp>
#include <cachemodel/testing/scripted_backend.hpp>
#include <cachemodel/testing/turnable_clock.hpp>

#include "support/catch.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace cachemodel;
using namespace std::chrono_literals;
using testing::Verb;

namespace {

struct Fixture {
    testing::TurnableClock clock;
    std::shared_ptr<testing::ScriptedBackend> backend =
        std::make_shared<testing::ScriptedBackend>(clock);
    std::shared_ptr<testing::RecordingBackend> recording =
        std::make_shared<testing::RecordingBackend>(backend);
    Cache cache{recording, {.clock = clock}};
    int made = 0;

    std::string make() { return "made " + std::to_string(++made); }
    auto maker() {
        return [this] { return make(); };
    }
};

/// Opens once, and all who wait go on.
class Gate {
 public:
    void open() {
        const std::lock_guard lock{mutex_};
        is_open_ = true;
        changed_.notify_all();
    }
    /// Whether it was opened within a minute.
    bool wait() {
        std::unique_lock lock{mutex_};
        return changed_.wait_for(lock, 60s, [&] { return is_open_; });
    }

 private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool is_open_ = false;
};

Gate inside;
Gate may_go_on;
int five() { return 5; }
int hundredfold(int number) { return number * 100; }
int slow_hundredfold(int number) {
    inside.open();
    may_go_on.wait();
    return number * 100;
}

}  // namespace

TEST_CASE_METHOD(Fixture, "a hit is one read, and nothing is made or written",
                 "[cache][get_or_set]") {
    CHECK(cache.set("k", "v"));
    recording->log().reset();
    CHECK(cache.get_or_set("k", maker()) == "v");
    CHECK(made == 0);
    CHECK(recording->log().trips() == 1);
    CHECK(recording->log().trips(Verb::get) == 1);
    CHECK(cache.statistics().loads == 0);
    CHECK(cache.statistics().hits == 1);
}

TEST_CASE_METHOD(Fixture, "a miss is a read and an addition", "[cache][get_or_set]") {
    CHECK(cache.get_or_set("k", maker(), 60s) == "made 1");
    CHECK(recording->log().trips(Verb::get) == 1);
    CHECK(recording->log().trips(Verb::add) == 1);
    CHECK(recording->log().trips() == 2);
    CHECK((backend->lifetime_left(":1:k") == Lifetime{60s}));
    CHECK(cache.get_or_set("j", maker()) == "made 2");
    CHECK((backend->lifetime_left(":1:j") == Lifetime{300s}));
    CHECK(cache.statistics().loads == 2);
}

TEST_CASE_METHOD(Fixture, "functions of every kind make values, and values are themselves",
                 "[cache][get_or_set]") {
    class Functor {
     public:
        int operator()() { return ++calls_; }
        int calls() const { return calls_; }

     private:
        int calls_ = 0;
    } functor;
    CHECK(cache.get_or_set("functor", functor) == 1);
    CHECK(cache.get_or_set("functor", functor) == 1);
    CHECK(functor.calls() == 1);
    int (*const function)() = [] { return 5; };
    CHECK(cache.get_or_set("function", function) == 5);
    CHECK(cache.get_or_set("by its name", five) == 5);
    const auto constant = [] { return std::string_view{"view"}; };
    static_assert(std::is_same_v<decltype(cache.get_or_set("v", constant)), std::string>);
    CHECK(cache.get_or_set("v", constant) == "view");
    CHECK(cache.get_or_set("value", std::vector<int>{1, 2}) == std::vector<int>{1, 2});
    const std::string text = "lvalue";
    CHECK(cache.get_or_set("text", text) == "lvalue");
    CHECK(cache.get_or_set("moved", [value = std::make_unique<int>(3)] { return *value; }) == 3);
    CHECK(cache.get_or_set("null", nullptr) == nullptr);
    CHECK(cache.get<std::nullptr_t>("null").found());
}

TEST_CASE_METHOD(Fixture, "what throws leaves nothing behind", "[cache][get_or_set]") {
    const auto fail = [&]() -> std::string { throw std::domain_error{"no source"}; };
    CHECK_THROWS_AS(cache.get_or_set("k", fail), std::domain_error);
    CHECK(backend->keys().empty());
    CHECK(cache.statistics().load_failures == 1);
    CHECK(cache.statistics().loads == 0);
    CHECK(cache.get_or_set("k", maker()) == "made 1");
}

TEST_CASE_METHOD(Fixture, "a predicate keeps values out, and what it throws is the caller's",
                 "[cache][get_or_set]") {
    const auto odd = [](int number) { return number % 2 == 1; };
    CHECK(cache.get_or_set("k", 3, 60s, odd) == 3);
    CHECK_FALSE(cache.contains("k"));
    CHECK(cache.get_or_set("k", 4, 60s, odd) == 4);
    CHECK(*cache.get<int>("k") == 4);
    // It is not asked about what is there.
    CHECK(cache.set("k", 5));
    CHECK(cache.get_or_set("k", 7, 60s, odd) == 5);
    CHECK(cache.statistics().kept_out == 1);
    const auto broken = [](int) -> bool { throw std::domain_error{"cannot say"}; };
    CHECK_THROWS_AS(cache.get_or_set("j", 1, 60s, broken), std::domain_error);
    CHECK_FALSE(cache.contains("j"));
    CHECK(cache.get_or_set("j", 2) == 2);
}

TEST_CASE_METHOD(Fixture, "with a lifetime that is over nothing is stored or removed",
                 "[cache][get_or_set]") {
    CHECK(cache.get_or_set("k", maker(), 0s) == "made 1");
    CHECK(cache.get_or_set("k", maker(), -1s) == "made 2");
    CHECK(cache.with_timeout(0s).get_or_set("k", maker()) == "made 3");
    CHECK(recording->log().trips() == recording->log().trips(Verb::get));
}

TEST_CASE_METHOD(Fixture, "what another process has stored meanwhile is returned",
                 "[cache][get_or_set]") {
    const Cache other{backend, {.clock = clock}};
    backend->before_each_call([&](Verb verb) {
        if (verb == Verb::add) CHECK(other.set("k", "of another"));
    });
    CHECK(cache.get_or_set("k", maker()) == "of another");
    CHECK(made == 1);
    CHECK(*cache.get<std::string>("k") == "of another");

    // What it has stored is of another type, or is gone again: then it is what was made.
    CHECK(cache.erase("k"));
    backend->before_each_call([&](Verb verb) {
        if (verb == Verb::add) backend->plant(":1:k", "42");
    });
    CHECK(cache.get_or_set("k", maker()) == "made 2");
    CHECK(*cache.get<int>("k") == 42);
    CHECK(cache.erase("k"));
    int reads = 0;
    backend->before_each_call([&](Verb verb) {
        if (verb == Verb::add) CHECK(other.set("k", "of another"));
        if (verb == Verb::get && ++reads == 2) backend->lose("*");
    });
    CHECK(cache.get_or_set("k", maker()) == "made 3");
}

TEST_CASE("a value is not taken for the result of a call, whatever its key",
          "[cache][get_or_set][threads]") {
    const Cache cache = Cache::open("memory://");
    {
        const CachedFunction<&hundredfold> call{cache, {.name = "hundredfold"}};
        Gate is_made;
        Gate is_called;
        int value = 0;
        std::thread maker{[&] {
            value = cache.get_or_set(call.key_for(1), [&] {
                is_made.open();
                is_called.wait();
                return 7;
            });
        }};
        is_made.wait();
        const int called = call(1);
        is_called.open();
        maker.join();
        CHECK(called == 100);
        CHECK(value == 7);
    }
    const CachedFunction<&slow_hundredfold> call{cache, {.name = "slow"}};
    int called = 0;
    std::thread caller{[&] { called = call(1); }};
    inside.wait();
    const int value = cache.get_or_set(call.key_for(1), [] { return 7; });
    may_go_on.open();
    caller.join();
    CHECK(called == 100);
    CHECK(value == 7);
}

TEST_CASE_METHOD(Fixture, "entries that cannot be used are written over", "[cache][get_or_set]") {
    backend->plant(":1:k", "<html>");
    CHECK(cache.get_or_set("k", maker()) == "made 1");
    CHECK(*cache.get<std::string>("k") == "made 1");
    CHECK(recording->log().trips(Verb::set) == 1);
}

TEST_CASE_METHOD(Fixture, "a backend that is down makes no difference to the caller",
                 "[cache][get_or_set][failure]") {
    backend->go_down();
    CHECK(cache.get_or_set("k", maker()) == "made 1");
    CHECK(made == 1);
    // What could not be read is not written: somebody may have stored something newer.
    CHECK(recording->log().trips(Verb::add) + recording->log().trips(Verb::set) == 0);
    backend->come_back();
    backend->fail_next(1);
    CHECK(cache.get_or_set("k", maker()) == "made 2");
    CHECK(backend->keys().empty());
    backend->before_each_call([&](Verb verb) {
        if (verb == Verb::add) backend->fail_next(1, BackendFault::full);
    });
    CHECK(cache.get_or_set("k", maker()) == "made 3");
    CHECK(cache.statistics().read_failures == 2);
    CHECK(cache.statistics().store_failures == 1);
    CHECK(cache.statistics().ignored_errors == 0);
}

TEST_CASE("a cache that keeps nothing makes every value", "[cache][get_or_set][null]") {
    const Cache cache = Cache::open("null://");
    int made = 0;
    CHECK(cache.get_or_set("k", [&] { return ++made; }) == 1);
    CHECK(cache.get_or_set("k", [&] { return ++made; }) == 2);
}

TEST_CASE_METHOD(Fixture, "a bypass makes every value, and stores none", "[cache][get_or_set]") {
    CHECK(cache.set("k", "v"));
    recording->log().reset();
    CHECK(cache.bypass().get_or_set("k", maker()) == "made 1");
    CHECK(recording->log().calls().empty());
}

TEST_CASE_METHOD(Fixture, "a value that needs another one makes it; one that needs itself does not",
                 "[cache][get_or_set]") {
    const auto bar = [&] { return cache.get_or_set("bar", maker()) + "!"; };
    CHECK(cache.get_or_set("foo", bar) == "made 1!");
    CHECK(*cache.get<std::string>("bar") == "made 1");

    const auto itself = [&] { return cache.get_or_set("self", [&] { return make(); }); };
    CHECK_THROWS_AS(cache.get_or_set("self", itself), RecursiveLoad);
    CHECK_FALSE(cache.contains("self"));
    CHECK(cache.get_or_set("self", maker()) == "made 2");
    // In another version it is another value.
    const Cache second = cache.with_version(2);
    const auto of_the_second = [&] { return second.get_or_set("v", maker()) + "?"; };
    CHECK(cache.get_or_set("v", of_the_second) == "made 3?");
}

TEST_CASE("many threads that ask for one value make it once", "[cache][get_or_set][threads]") {
    const Cache cache = Cache::open("memory://");
    constexpr int askers = 32;
    std::atomic<int> made{0};
    std::atomic<int> asking{0};
    std::atomic<int> wrong{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < askers; ++i) {
        threads.emplace_back([&] {
            ++asking;
            const auto value = cache.get_or_set("k", [&] {
                while (asking < askers) std::this_thread::yield();
                return ++made;
            });
            if (value != 1) ++wrong;
        });
    }
    for (auto& thread : threads) thread.join();
    CHECK(made == 1);
    CHECK(wrong == 0);
    CHECK(*cache.get<int>("k") == 1);
    CHECK(cache.statistics().loads == 1);
}

TEST_CASE("those who wait for a value that fails get the failure, and the next one tries again",
          "[cache][get_or_set][threads]") {
    const Cache cache = Cache::open("memory://");
    Gate leads;
    Gate may_fail;
    std::thread leader{[&] {
        const auto fail = [&]() -> int {
            leads.open();
            may_fail.wait();
            throw std::domain_error{"no source"};
        };
        CHECK_THROWS_AS(cache.get_or_set("k", fail), std::domain_error);
    }};
    REQUIRE(leads.wait());
    std::atomic<int> asking{0};
    std::atomic<int> failed{0};
    std::atomic<int> made{0};
    std::vector<std::thread> waiters;
    for (int i = 0; i < 8; ++i) {
        waiters.emplace_back([&] {
            ++asking;
            try {
                // One that comes after the failure makes it.
                (void)cache.get_or_set("k", [&] { return ++made, 7; });
            } catch (const std::domain_error&) {
                ++failed;
            }
        });
    }
    while (asking < 8) std::this_thread::yield();
    may_fail.open();
    leader.join();
    for (auto& waiter : waiters) waiter.join();
    CHECK(made <= 1);
    CHECK((failed == 8 || made == 1));
    CHECK(cache.get_or_set("k", 7) == 7);
}

TEST_CASE("two values are made at the same time", "[cache][get_or_set][threads]") {
    const Cache cache = Cache::open("memory://?shards=1");
    Gate first;
    Gate second;
    // Each waits for the other one: one after the other they would never end.
    std::atomic<bool> met_first{false};
    std::atomic<bool> met_second{false};
    std::thread other{[&] {
        (void)cache.get_or_set("a", [&] {
            first.open();
            met_first = second.wait();
            return 1;
        });
    }};
    (void)cache.get_or_set("b", [&] {
        second.open();
        met_second = first.wait();
        return 2;
    });
    other.join();
    CHECK(met_first);
    CHECK(met_second);
    CHECK(*cache.get<int>("a") == 1);
}
