// cachemodel: caches, their views, names and counters, and the answers of reads.
// SPDX-License-Identifier: MIT
#include <cachemodel/cache.hpp>

#include <cachemodel/backends/memory.hpp>
#include <cachemodel/caches.hpp>
#include <cachemodel/lookup.hpp>
#include <cachemodel/testing/recording_backend.hpp>
#include <cachemodel/testing/scripted_backend.hpp>
#include <cachemodel/testing/turnable_clock.hpp>

#include "support/backend_calls.hpp"
#include "support/catch.hpp"

#include <atomic>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

using namespace cachemodel;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using Catch::Matchers::Equals;
using Keys = std::vector<std::string>;

namespace {

Outcome set(const Cache& cache, std::string_view key, std::string_view value,
            Lifetime lifetime = never) {
    const Entry entry{key, value, lifetime};
    Outcome outcome;
    cache.store_many(Store::set, {&entry, 1}, {&outcome, 1});
    return outcome;
}

support::Read get(const Cache& cache, std::string_view key) {
    support::ReadKeeper keeper{1};
    cache.read_many({&key, 1}, keeper);
    return keeper.reads.front();
}

Outcome remove(const Cache& cache, std::string_view key) {
    Outcome outcome;
    cache.remove_many({&key, 1}, {&outcome, 1});
    return outcome;
}

Outcome touch(const Cache& cache, std::string_view key, Lifetime lifetime) {
    Outcome outcome;
    cache.touch_many({&key, 1}, lifetime, {&outcome, 1});
    return outcome;
}

}  // namespace

TEST_CASE("the key that the backend sees is prefix, version and key", "[cache]") {
    const Cache cache = Cache::open("memory://");
    CHECK(cache.final_key("k") == ":1:k");
    CHECK(cache.final_key("") == ":1:");
    CHECK(cache.with_prefix("site1").final_key("k") == "site1:1:k");
    CHECK(cache.with_version(4294967295).final_key("k") == ":4294967295:k");
    CHECK(cache.with_prefix("site1").with_version(2).final_key("a:b") == "site1:2:a:b");
    CHECK(Cache::open("memory://?key_prefix=shop&version=7").final_key("k") == "shop:7:k");
    CHECK(cache.bypass().final_key("k") == ":1:k");

    const auto backend = std::make_shared<testing::ScriptedBackend>();
    const Cache shop{backend, {.key_prefix = "shop", .version = 3}};
    CHECK(set(shop, "a", "1").done());
    CHECK(set(shop, "a key much longer than what fits into a small string", "2").done());
    CHECK(backend->keys() ==
          Keys{"shop:3:a", "shop:3:a key much longer than what fits into a small string"});
}

TEST_CASE("a prefix is at most 40 bytes of visible ASCII without a colon", "[cache]") {
    const Cache cache = Cache::open("memory://");
    CHECK_NOTHROW(cache.with_prefix(std::string(40, 'p')));
    CHECK_NOTHROW(cache.with_prefix(""));
    CHECK_NOTHROW(cache.with_prefix("!~"));
    const std::vector<std::string> wrong{std::string(41, 'p'), "a:b", "a b", "a\n", "\x7f", "ü",
                                         std::string(1, '\0')};
    for (const auto& prefix : wrong) {
        INFO(prefix);
        CHECK_THROWS_AS(cache.with_prefix(prefix), ConfigError);
        CHECK_THROWS_AS((Cache{std::make_shared<MemoryBackend>(), {.key_prefix = prefix}}),
                        ConfigError);
    }
    CHECK_THROWS_WITH(Cache::open("memory://?key_prefix=a:b"), Contains("key_prefix"));
}

TEST_CASE("a cache that cannot be opened names what is wrong", "[cache]") {
    CHECK_THROWS_WITH(Cache::open("memory"), Contains("memory"));
    CHECK_THROWS_WITH(Cache::open("nonsense://host"), Contains("nonsense"));
    CHECK_THROWS_WITH(Cache::open("memory://?max_byte=1MiB"), Contains("max_byte"));
    CHECK_THROWS_WITH(Cache::open("null://?version=-1"), Contains("version"));
    CHECK_THROWS_WITH(Cache::open("null://?version=4294967296"), Contains("version"));
    CHECK_THROWS_WITH(Cache::open("null://?version=two"), Contains("version"));
    CHECK_THROWS_AS((Cache{std::shared_ptr<Backend>{}}), ConfigError);
}

TEST_CASE("views share backend and counters, and differ in the entries that they see", "[cache]") {
    const Cache cache = Cache::open("memory://");
    const Cache site1 = cache.with_prefix("site1");
    const Cache next = cache.with_version(2);
    CHECK(set(cache, "k", "plain").done());
    CHECK(set(site1, "k", "of site1").done());
    CHECK(set(next, "k", "of version 2").done());
    CHECK(get(cache, "k").found("plain"));
    CHECK(get(site1, "k").found("of site1"));
    CHECK(get(next, "k").found("of version 2"));
    CHECK(get(next.with_version(1), "k").found("plain"));
    CHECK(get(site1.with_prefix(""), "k").found("plain"));
    CHECK(remove(site1, "k").done());
    CHECK(remove(site1, "k").declined());
    CHECK(get(cache, "k").found());

    CHECK(cache == cache.with_prefix(""));
    CHECK_FALSE(cache == site1);
    CHECK_FALSE(cache == next);
    CHECK_FALSE(cache == cache.bypass());
    CHECK_FALSE(cache == Cache::open("memory://"));
    CHECK(site1.statistics().stores == 3);

    cache.clear();
    CHECK(get(next, "k").absent());
}

TEST_CASE("a bypass neither reads nor stores, and lets removals through", "[cache]") {
    const auto recording =
        std::make_shared<testing::RecordingBackend>(std::make_shared<testing::ScriptedBackend>());
    const Cache cache{recording};
    const Cache bypass = cache.bypass();
    CHECK(bypass.is_bypass());
    CHECK_FALSE(cache.is_bypass());
    CHECK(set(cache, "k", "v").done());
    recording->log().reset();

    CHECK(get(bypass, "k").absent());
    CHECK(set(bypass, "k", "other").done());
    CHECK(touch(bypass, "k", 1h).declined());
    CHECK(recording->log().calls().empty());
    CHECK(get(cache, "k").found("v"));
    CHECK(remove(bypass, "k").done());
    CHECK(get(cache, "k").absent());

    // A lifetime that is over is a removal.
    CHECK(set(cache, "k", "v").done());
    CHECK(set(bypass, "k", "other", 0s).done());
    CHECK(get(cache, "k").absent());
    CHECK(set(cache, "k", "v").done());
    CHECK(touch(bypass, "k", 0s).done());
    CHECK(get(cache, "k").absent());
}

TEST_CASE("an add or a compare-and-set whose lifetime is over removes nothing", "[cache]") {
    const auto backend = std::make_shared<testing::ScriptedBackend>();
    const Cache cache{backend};
    CHECK(set(cache, "k", "v").done());
    for (const Store how : {Store::add, Store::compare_and_set}) {
        const std::vector<Entry> entries{{"k", "other", 0s}};
        std::vector<Outcome> outcomes(1);
        cache.store_many(how, entries, outcomes);
        CHECK(outcomes[0].declined());
        CHECK(get(cache, "k").found("v"));
    }
}

TEST_CASE("entries whose lifetime is over are removed, the others are stored", "[cache]") {
    const testing::TurnableClock clock;
    const auto backend = std::make_shared<testing::ScriptedBackend>(clock);
    const Cache cache{backend};
    CHECK(set(cache, "a", "old").done());
    CHECK(set(cache, "c", "old").done());
    const std::vector<Entry> entries{
        {"a", "1", 0s}, {"b", "2", never}, {"c", "3", -1s}, {"d", "4", 1h}};
    std::vector<Outcome> outcomes(4, Outcome{Failure{BackendFault::protocol, "unanswered"}});
    cache.store_many(Store::set, entries, outcomes);
    for (const Outcome& outcome : outcomes) CHECK(outcome.done());
    CHECK(backend->keys() == Keys{":1:b", ":1:d"});
    CHECK((backend->lifetime_left(":1:d") == Lifetime{1h}));

    // What cannot be removed is a failure at its own place.
    backend->fail_keys("*a");
    cache.store_many(Store::set, entries, outcomes);
    CHECK(outcomes[0].failed());
    CHECK(outcomes[1].done());
    CHECK(outcomes[2].done());
    CHECK(outcomes[3].done());
    // And so is what cannot be stored.
    backend->come_back();
    backend->fail_keys("*b");
    cache.store_many(Store::set, entries, outcomes);
    CHECK(outcomes[0].done());
    CHECK(outcomes[1].failed());
    CHECK(outcomes[3].done());
}

TEST_CASE("a call on no keys reaches no backend", "[cache][statistics]") {
    const auto recording =
        std::make_shared<testing::RecordingBackend>(std::make_shared<testing::ScriptedBackend>());
    const Cache cache{recording};
    support::ReadKeeper keeper{0};
    cache.read_many({}, keeper);
    cache.store_many(Store::set, {}, {});
    cache.remove_many({}, {});
    cache.touch_many({}, 1h, {});
    CHECK(recording->log().calls().empty());
    CHECK(cache.statistics().round_trips == 0);
}

TEST_CASE("bytes in and out are counted by call and by key", "[cache][statistics]") {
    const auto backend = std::make_shared<testing::ScriptedBackend>();
    const Cache cache{backend};
    const std::vector<Entry> entries{{"a", "1", never}, {"b", "2", never}, {"c", "3", never}};
    std::vector<Outcome> outcomes(3);
    backend->fail_keys("*b");
    cache.store_many(Store::set, entries, outcomes);
    CHECK(cache.statistics().round_trips == 1);
    CHECK(cache.statistics().stores == 2);
    CHECK(cache.statistics().store_failures == 1);

    const std::vector<std::string_view> keys{"a", "b", "x"};
    support::ReadKeeper keeper{3};
    cache.read_many(keys, keeper);
    CHECK(keeper.reads[0].found("1"));
    CHECK(keeper.reads[1].failed());
    CHECK(keeper.reads[2].absent());
    CHECK(cache.statistics().round_trips == 2);
    CHECK(cache.statistics().read_failures == 1);

    cache.remove_many(keys, outcomes);
    CHECK(outcomes[0].done());
    CHECK(outcomes[1].failed());
    CHECK(outcomes[2].declined());
    CHECK(cache.statistics().round_trips == 3);
    CHECK(cache.statistics().removals == 1);

    CHECK(touch(cache, "c", 1h).done());
    CHECK(cache.statistics().round_trips == 4);
    cache.clear();
    CHECK(cache.statistics().round_trips == 5);
    CHECK(cache.with_prefix("p").bypass().statistics().round_trips == 5);
    CHECK(cache.statistics().hits == 0);
    CHECK(cache.statistics().misses() == 0);
}

TEST_CASE("misses add up over their reasons", "[statistics]") {
    Statistics statistics;
    statistics.misses_by_reason[static_cast<std::size_t>(MissReason::corrupt)] = 2;
    statistics.misses_by_reason[static_cast<std::size_t>(MissReason::broken_reference)] = 3;
    CHECK(statistics.misses(MissReason::corrupt) == 2);
    CHECK(statistics.misses(MissReason::broken_reference) == 3);
    CHECK(statistics.misses(MissReason::expired) == 0);
    CHECK(statistics.misses() == 5);
}

TEST_CASE("a cache that fails to be emptied throws", "[cache][failure]") {
    const auto backend = std::make_shared<testing::ScriptedBackend>();
    const Cache cache{backend};
    backend->go_down();
    CHECK_THROWS_AS(cache.clear(), BackendError);
    backend->come_back();
    CHECK_NOTHROW(cache.clear());
    CHECK_NOTHROW(cache.close());
}

// ---- the registry

TEST_CASE("the default cache is memory of this process unless it is configured", "[caches]") {
    const ScopedCaches scoped;
    const Cache first = caches()["default"];
    CHECK(set(first, "k", "v").done());
    CHECK(get(caches()["default"], "k").found("v"));
    CHECK(caches()["default"] == first);
    CHECK_FALSE(first.capabilities().shared);

    caches().configure("default", "null://");
    CHECK(get(caches()["default"], "k").absent());
    CHECK(set(caches()["default"], "k", "v").done());
    CHECK(get(caches()["default"], "k").absent());
    // A handle to the old one goes on.
    CHECK(get(first, "k").found("v"));
}

TEST_CASE("a name that is not configured is an error that names those that are", "[caches]") {
    const ScopedCaches scoped;
    CHECK_THROWS_WITH(caches()["sessions"],
                      Equals("no cache is named \"sessions\"; configured: none"));
    caches().configure("pages", "memory://");
    caches().configure("users", Cache::open("null://"));
    CHECK_THROWS_WITH(caches()["sessions"],
                      Equals("no cache is named \"sessions\"; configured: \"pages\" \"users\""));
    CHECK_THROWS_AS(caches()["sessions"], ConfigError);
    CHECK_NOTHROW(caches()["pages"]);
}

TEST_CASE("a cache has a name, and errors show it escaped", "[caches]") {
    const ScopedCaches scoped;
    CHECK_THROWS_WITH(caches().configure("", "memory://"), Equals("a named cache needs a name"));
    CHECK(caches().names().empty());
    caches().configure("x\ty", "null://");
    CHECK_THROWS_WITH(caches()["a\nb\x1b[31m"],
                      Equals("no cache is named \"a\\x0ab\\x1b[31m\"; configured: \"x\\x09y\""));
}

TEST_CASE("a URL that makes no sense leaves the registry as it was", "[caches]") {
    const ScopedCaches scoped;
    caches().configure("pages", "memory://");
    const Cache pages = caches()["pages"];
    CHECK_THROWS_AS(caches().configure("pages", "memory://?nonsense=1"), ConfigError);
    CHECK_THROWS_AS(caches().configure("new", "nonsense://"), ConfigError);
    CHECK(caches()["pages"] == pages);
    CHECK_THROWS_AS(caches()["new"], ConfigError);
}

TEST_CASE("scoped caches begin empty, and what was before comes back", "[caches]") {
    const ScopedCaches outer;
    caches().configure("pages", "memory://");
    const Cache pages = caches()["pages"];
    const Cache fallback = caches()["default"];
    {
        const ScopedCaches inner;
        CHECK_THROWS_AS(caches()["pages"], ConfigError);
        CHECK_FALSE(caches()["default"] == fallback);
        caches().configure("pages", "null://");
        CHECK_FALSE(caches()["pages"] == pages);
    }
    CHECK(caches()["pages"] == pages);
    CHECK(caches()["default"] == fallback);
}

TEST_CASE("the registry may be used and configured by many threads", "[caches][threads]") {
    const ScopedCaches scoped;
    std::vector<std::thread> threads;
    std::atomic<int> wrong{0};
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([i, &wrong] {
            for (int round = 0; round < 200; ++round) {
                if (i == 0) caches().configure("default", "memory://");
                const Cache cache = caches()["default"];
                if (!set(cache, "k", "v").done() || !get(cache, "k").found("v")) ++wrong;
            }
        });
    }
    for (auto& thread : threads) thread.join();
    CHECK(wrong == 0);
}

// ---- lookups

namespace {

std::shared_ptr<const detail::Nothing> nothing(std::optional<Failure> failure = {}) {
    return std::make_shared<const detail::Nothing>(detail::Nothing{
        .model = "User",
        .key = "User@1/id=1",
        .reason = MissReason::expired,
        .broken = {},
        .failure = std::move(failure),
        .make_missing =
            [](const detail::Nothing& why) {
                return std::make_exception_ptr(Missing{why.model, why.key, why.broken});
            },
    });
}

}  // namespace

TEST_CASE("a lookup that found something gives its value", "[lookup]") {
    Lookup<std::string> lookup{"value"};
    CHECK(lookup.found());
    CHECK_FALSE(lookup.absent());
    CHECK_FALSE(lookup.failed());
    CHECK(*lookup == "value");
    CHECK(lookup->size() == 5);
    lookup->append("!");
    CHECK(lookup.value_or("other") == "value!");
    CHECK_FALSE(lookup.broken_reference().has_value());
    CHECK_THROWS_AS(lookup.failure(), std::bad_optional_access);
    CHECK_THROWS_AS(lookup.reason(), std::bad_optional_access);
    static_assert(std::is_same_v<decltype(*std::move(lookup)), std::string>);
    const std::string moved = *std::move(lookup);
    CHECK(moved == "value!");
    static_assert(!std::is_convertible_v<Lookup<int>, bool>);
    static_assert(!std::is_constructible_v<bool, Lookup<int>>);
}

TEST_CASE("a lookup without a value throws what get would throw", "[lookup]") {
    const Lookup<std::string> absent{nothing()};
    CHECK(absent.absent());
    CHECK_FALSE(absent.found());
    CHECK_FALSE(absent.failed());
    CHECK(absent.reason() == MissReason::expired);
    CHECK_THROWS_AS(*absent, Missing);
    CHECK_THROWS_WITH(absent->size(), Contains("User@1/id=1"));
    CHECK(absent.value_or("other") == "other");
    CHECK_THROWS_AS(absent.failure(), std::bad_optional_access);

    const Lookup<std::string> failed{nothing(Failure{BackendFault::timeout, "too slow"})};
    CHECK(failed.failed());
    CHECK_THROWS_AS(failed.reason(), std::bad_optional_access);
    CHECK_FALSE(failed.absent());
    CHECK(failed.failure().fault() == BackendFault::timeout);
    CHECK_THAT(failed.failure().message(), Contains("too slow"));
    CHECK_THROWS_AS(*failed, BackendError);
    CHECK(failed.value_or("other") == "other");

    const Lookup<std::string> copy = failed;
    CHECK(copy.failed());
    CHECK(Lookup<int>{nothing()}.map<long>().absent());
    CHECK(*Lookup<int>{3}.map<long>() == 3);
}

TEST_CASE("a lookup may hold what can only be moved", "[lookup]") {
    Lookup<std::unique_ptr<int>> lookup{std::make_unique<int>(3)};
    CHECK(**lookup == 3);
    const auto taken = *std::move(lookup);
    CHECK(*taken == 3);
}

TEST_CASE("every reason of a miss has a name of its own", "[lookup]") {
    std::set<std::string_view> names;
    for (std::size_t i = 0; i < miss_reason_count; ++i) {
        names.insert(to_string(static_cast<MissReason>(i)));
    }
    CHECK(names.size() == miss_reason_count);
    CHECK(names.count("unknown") == 0);
    CHECK(to_string(MissReason::member_absent) == "member absent");
    CHECK(to_string(MissReason::removed) == "removed");
    CHECK(to_string(MissReason::being_loaded) == "being loaded");
    CHECK(to_string(MissReason::known_missing) == "known missing");
    CHECK(to_string(MissReason::other_object) == "other object");
    CHECK(to_string(static_cast<MissReason>(miss_reason_count)) == "unknown");
}
