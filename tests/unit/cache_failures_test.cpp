// cachemodel: what a cache does when its backend fails, and which failures it may keep to itself.
// SPDX-License-Identifier: MIT
#include <cachemodel/cache.hpp>

#include <cachemodel/backends/memory.hpp>
#include <cachemodel/error.hpp>
#include <cachemodel/testing/scripted_backend.hpp>
#include <cachemodel/testing/turnable_clock.hpp>

#include "support/catch.hpp"
#include "support/decorators.hpp"

#include <chrono>
#include <limits>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace cachemodel;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using testing::Verb;
using Pairs = std::vector<std::pair<std::string, int>>;

namespace {

struct Ignored {
    std::string cache;
    Operation operation;
    std::string message;
    bool operator==(const Ignored&) const = default;
};

class Listener final : public Observer {
 public:
    void ignored_error(const IgnoredError& error) override {
        ignored.push_back({std::string{error.cache}, error.operation, error.failure.message()});
    }
    /// What was told since the last call.
    std::vector<Ignored> take() { return std::exchange(ignored, {}); }
    std::vector<Ignored> ignored;
};

std::shared_ptr<Backend> down(BackendFault fault = BackendFault::unavailable) {
    return std::make_shared<support::DownBackend>(std::make_shared<MemoryBackend>(), fault);
}

/// A cache that keeps errors to itself, and somebody who listens.
struct Ignoring {
    explicit Ignoring(std::shared_ptr<Backend> backend)
        : cache{std::move(backend), {.ignore_errors = true, .name = "pages"}} {
        cache.observe(listener);
    }
    /// Exactly one error was told.
    void expect(Operation operation) {
        CHECK(listener->take() == std::vector<Ignored>{{"pages", operation, "unavailable: down"}});
    }
    Cache cache;
    std::shared_ptr<Listener> listener = std::make_shared<Listener>();
};

}  // namespace

TEST_CASE("a backend that is down is a failure of its kind, for every verb", "[cache][failure]") {
    for (const auto fault : {BackendFault::unavailable, BackendFault::timeout, BackendFault::auth,
                             BackendFault::permission, BackendFault::protocol}) {
        const Cache cache{down(fault)};
        const auto fails = [&](auto call) {
            try {
                call();
            } catch (const BackendError& e) {
                return e.fault() == fault;
            }
            return false;
        };
        CHECK(cache.get<int>("k").failed());
        CHECK(cache.get<int>("k").failure().fault() == fault);
        CHECK(fails([&] { (void)*cache.get<int>("k"); }));
        CHECK(cache.get_raw("k").failed());
        CHECK(fails([&] { cache.get_or("k", 1); }));
        CHECK(fails([&] { cache.set("k", 1); }));
        CHECK(fails([&] { cache.set("k", 1, 0s); }));
        CHECK(fails([&] { cache.set_raw("k", "1"); }));
        CHECK(fails([&] { cache.add("k", 1); }));
        CHECK(fails([&] { cache.add("k", 1, 0s); }));
        CHECK(fails([&] { cache.erase("k"); }));
        CHECK(fails([&] { cache.contains("k"); }));
        CHECK(fails([&] { cache.touch("k"); }));
        CHECK(fails([&] { cache.touch("k", 0s); }));
        CHECK(fails([&] { cache.incr("k"); }));
        CHECK(fails([&] { cache.incr("k", 1, 1); }));
        CHECK(fails([&] { cache.decr("k"); }));
        CHECK(fails([&] { cache.incr_version("k"); }));
        CHECK(fails([&] { cache.clear(); }));
        CHECK(fails([&] { cache.clear_prefix(); }));
        for (const auto& each : cache.get_many<int>({"k", "j"})) CHECK(each.failed());
        for (const auto& each : cache.set_many(Pairs{{"k", 1}, {"j", 2}})) CHECK(each.failed());
        for (const auto& each : cache.add_many(Pairs{{"k", 1}, {"j", 2}})) CHECK(each.failed());
        for (const auto& each : cache.delete_many({"k", "j"})) CHECK(each.failed());
        CHECK(cache.get_or_set("k", 5) == 5);
        CHECK_NOTHROW(cache.close());
        CHECK(cache.statistics().ignored_errors == 0);
    }
}

TEST_CASE("a cache that ignores errors answers as if nothing were there, and tells each of them",
          "[cache][failure][observer]") {
    Ignoring ignoring{down()};
    const Cache& cache = ignoring.cache;
    // A lookup, and the outcomes of many, say themselves that they failed, and are told all the
    // same.
    CHECK(cache.get<int>("k").failed());
    ignoring.expect(Operation::get);
    CHECK(cache.get_raw("k").failed());
    ignoring.expect(Operation::get);
    for (const auto& each : cache.get_many<int>({"k", "j"})) CHECK(each.failed());
    ignoring.expect(Operation::get);
    for (const auto& each : cache.set_many(Pairs{{"k", 1}, {"j", 2}})) CHECK(each.failed());
    ignoring.expect(Operation::set);
    for (const auto& each : cache.add_many(Pairs{{"k", 1}})) CHECK(each.failed());
    ignoring.expect(Operation::add);
    for (const auto& each : cache.delete_many({"k", "j"})) CHECK(each.failed());
    ignoring.expect(Operation::remove);

    CHECK(cache.get_or("k", 7) == 7);
    ignoring.expect(Operation::get);
    CHECK_FALSE(cache.set("k", 1));
    ignoring.expect(Operation::set);
    CHECK_FALSE(cache.set("k", 1, 0s));
    ignoring.expect(Operation::set);
    CHECK_FALSE(cache.set_raw("k", "1"));
    ignoring.expect(Operation::set);
    CHECK_FALSE(cache.add("k", 1));
    ignoring.expect(Operation::add);
    CHECK_FALSE(cache.erase("k"));
    ignoring.expect(Operation::remove);
    CHECK_FALSE(cache.contains("k"));
    ignoring.expect(Operation::peek);
    CHECK_FALSE(cache.touch("k"));
    ignoring.expect(Operation::touch);
    CHECK_FALSE(cache.touch("k", 0s));
    ignoring.expect(Operation::touch);
    CHECK_THROWS_AS(cache.incr("k"), Missing);
    ignoring.expect(Operation::increment);
    CHECK_THROWS_AS(cache.decr("k"), Missing);
    ignoring.expect(Operation::increment);
    CHECK(cache.incr("k", 1, 3) == 3);
    ignoring.expect(Operation::increment);
    CHECK_THROWS_AS(cache.incr_version("k"), Missing);
    ignoring.expect(Operation::get);
    CHECK(cache.get_or_set("k", 5) == 5);
    ignoring.expect(Operation::get);
    CHECK_FALSE(cache.clear());
    ignoring.expect(Operation::clear);
    CHECK(cache.clear_prefix() == 0);
    ignoring.expect(Operation::list_keys);
    CHECK(cache.statistics().ignored_errors == 22);
}

TEST_CASE("a store without room fails what is written, not what is read", "[cache][failure]") {
    const auto memory = std::make_shared<MemoryBackend>();
    CHECK(Cache{memory}.set("k", "v"));
    Ignoring ignoring{std::make_shared<support::FullBackend>(memory)};
    CHECK(*ignoring.cache.get<std::string>("k") == "v");
    CHECK_FALSE(ignoring.cache.set("k", "other"));
    CHECK(ignoring.listener->take().size() == 1);
    CHECK(*ignoring.cache.get<std::string>("k") == "v");
    // What was made is returned, and that it was not stored is told once.
    CHECK(ignoring.cache.get_or_set("new", 5) == 5);
    CHECK(ignoring.listener->take() ==
          std::vector<Ignored>{{"pages", Operation::add, "full: no memory left"}});
    CHECK_THROWS_AS((Cache{std::make_shared<support::FullBackend>(memory)}.set("k", 1)),
                    BackendError);
    CHECK(ignoring.cache.erase("k"));
}

TEST_CASE("steps of one verb that fail are told once, and kept back", "[cache][failure]") {
    const auto backend = std::make_shared<testing::ScriptedBackend>();
    Ignoring ignoring{backend};
    const Cache& cache = ignoring.cache;
    const auto told = [&] {
        const auto all = ignoring.listener->take();
        return all.size() == 1 ? all.front().message : std::to_string(all.size()) + " errors";
    };
    const auto break_at = [&](Verb broken) {
        backend->before_each_call([backend = backend.get(), broken](Verb verb) {
            if (verb == broken) backend->fail_next(1);
        });
    };
    CHECK(cache.set("k", "v"));
    break_at(Verb::remaining_lifetime);
    CHECK_THROWS_AS(cache.incr_version("k"), Missing);
    CHECK(told() == "timeout: as scripted");
    break_at(Verb::set);
    CHECK_THROWS_AS(cache.incr_version("k"), Missing);
    CHECK(told() == "timeout: as scripted");
    break_at(Verb::add);
    CHECK(cache.incr("begun", 1, 7) == 7);
    CHECK(told() == "timeout: as scripted");

    backend->capabilities_to_claim().atomic_increment = false;
    CHECK(cache.set("n", 1));
    for (const Verb broken : {Verb::get, Verb::remaining_lifetime, Verb::compare_and_set}) {
        break_at(broken);
        CHECK_THROWS_AS(cache.incr("n"), Missing);
        CHECK(told() == "timeout: as scripted");
    }
    break_at(Verb::remove);
    CHECK(cache.with_prefix("p").set("k", 1));
    CHECK(cache.with_prefix("p").clear_prefix() == 0);
    CHECK(told() == "timeout: as scripted");
}

TEST_CASE("many keys that cannot be removed are told once", "[cache][failure][observer]") {
    const auto backend = std::make_shared<testing::ScriptedBackend>();
    const Cache cache{backend, {.key_prefix = "p", .ignore_errors = true}};
    const auto listener = std::make_shared<Listener>();
    cache.observe(listener);
    for (const auto* key : {"a1", "a2", "b1", "b2", "b3"}) CHECK(cache.set(key, 1));
    backend->fail_keys("p:1:a*");
    CHECK(cache.clear_prefix() == 3);
    CHECK(listener->take().size() == 1);
    CHECK(cache.statistics().ignored_errors == 1);
    CHECK(cache.statistics().removal_failures == 2);
}

TEST_CASE("what the program does wrong is not ignored", "[cache][failure]") {
    const auto backend = std::make_shared<testing::ScriptedBackend>();
    backend->capabilities_to_claim().portable_keys_only = true;
    backend->capabilities_to_claim().lists_keys = false;
    Ignoring ignoring{backend};
    const Cache& cache = ignoring.cache;
    CHECK_THROWS_AS(cache.get<int>("a b"), InvalidKey);
    CHECK_THROWS_AS(cache.set("a b", 1), InvalidKey);
    CHECK(cache.set("text", "x"));
    CHECK_THROWS_AS(cache.get_or("text", 1), TypeMismatch);
    CHECK_THROWS_AS(cache.get_or_set("text", 1), TypeMismatch);
    CHECK_THROWS_AS(cache.incr("text"), NotAnInteger);
    CHECK(cache.set("n", std::numeric_limits<std::int64_t>::max()));
    CHECK_THROWS_AS(cache.incr("n"), Overflow);
    CHECK_THROWS_AS(cache.incr_version("n", -2), Overflow);
    CHECK_THROWS_AS(cache.incr("none"), Missing);
    CHECK_THROWS_AS(cache.clear_prefix(), BackendError);
    CHECK_THROWS_AS(cache.with_prefix("a:b"), ConfigError);
    CHECK(ignoring.listener->take().empty());
    CHECK(cache.statistics().ignored_errors == 0);
}

TEST_CASE("errors are ignored or not by each URL", "[cache][failure]") {
    CHECK(Cache::open("null://?ignore_errors=true").set("k", 1));
    CHECK_THROWS_AS(Cache::open("null://?ignore_errors=maybe"), ConfigError);
}

TEST_CASE("what a backend throws reaches the caller, whatever is ignored", "[cache][failure]") {
    const auto backend = std::make_shared<testing::ScriptedBackend>();
    Ignoring ignoring{backend};
    backend->throw_next(std::domain_error{"a fault of the backend"});
    CHECK_THROWS_WITH(ignoring.cache.set("k", 1), "a fault of the backend");
    backend->throw_next(std::bad_alloc{});
    CHECK_THROWS_AS(ignoring.cache.get<int>("k"), std::bad_alloc);
    backend->throw_next(std::bad_alloc{});
    CHECK_THROWS_AS(ignoring.cache.set("k", 1), std::bad_alloc);
    CHECK(ignoring.cache.set("k", 1));
}

TEST_CASE("an answer that was cut, or is another key's, is no value", "[cache][failure]") {
    const auto memory = std::make_shared<MemoryBackend>();
    const Cache sound{memory};
    CHECK(sound.set("k", "a value of some length"));
    CHECK(sound.set("other", "another"));
    for (std::size_t length = 0; length < 30; ++length) {
        const Cache cut{std::make_shared<support::TruncatingBackend>(memory, length)};
        CHECK(cut.get<std::string>("k").absent());
        CHECK_FALSE(cut.contains("k"));
    }
    const Cache lied{std::make_shared<support::LyingBackend>(memory, ":1:other")};
    CHECK(lied.get<std::string>("k").reason() == MissReason::other_key);
    CHECK_FALSE(lied.contains("k"));
    CHECK(lied.get_or_set("k", "made") == "made");
    CHECK(lied.get_many<std::string>({"k", "other"})[0].absent());
    CHECK(*lied.get_many<std::string>({"k", "other"})[1] == "another");
}

TEST_CASE("what is lost as soon as it is stored is missing, and what was made is returned",
          "[cache][failure]") {
    const Cache cache{
        std::make_shared<support::EvictingBackend>(std::make_shared<MemoryBackend>())};
    CHECK(cache.set("k", "v"));
    CHECK(cache.get<std::string>("k").absent());
    CHECK(cache.add("k", "v"));
    CHECK(cache.get_or_set("k", "made") == "made");
    CHECK_THROWS_AS(cache.incr("k"), Missing);
    CHECK(cache.incr("k", 1, 3) == 3);
}

TEST_CASE("a cache that must not be emptied is not", "[cache][failure]") {
    const Cache cache = Cache::open("memory://?clear=forbid");
    CHECK(cache.set("k", 1));
    CHECK_THROWS_WITH(cache.clear(), Contains("clear=forbid"));
    CHECK_THROWS_AS(cache.clear(), ConfigError);
    CHECK_THROWS_AS(cache.with_prefix("p").clear(), ConfigError);
    CHECK(cache.contains("k"));
    CHECK(cache.with_prefix("p").set("k", 1));
    CHECK(cache.with_prefix("p").clear_prefix() == 1);
    CHECK(Cache::open("memory://?clear=allow").clear());
    CHECK_THROWS_AS(Cache::open("memory://?clear=no"), ConfigError);
    const Cache ignoring = Cache::open("memory://?clear=forbid&ignore_errors=true");
    CHECK_THROWS_AS(ignoring.clear(), ConfigError);
}
