// cachemodel: the memory backend, beyond the contract of all backends.
// SPDX-License-Identifier: MIT
#include "support/backend_calls.hpp"
#include "support/catch.hpp"

#include <cachemodel/backends/memory.hpp>
#include <cachemodel/cache_url.hpp>
#include <cachemodel/testing/turnable_clock.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

using namespace cachemodel;
using namespace cachemodel::support;
using cachemodel::testing::TurnableClock;
using namespace std::chrono_literals;

namespace {

bool is_there(Backend& backend, const std::string& key) { return get(backend, key).found(); }

std::string key_number(int number) { return "key" + std::to_string(number); }

std::shared_ptr<Backend> open(std::string_view text, const Clock& clock = Clock::machine()) {
    auto url = CacheUrl::parse(text);
    auto backend = open_memory(url, clock);
    url.expect_all_taken();
    return backend;
}

}  // namespace

TEST_CASE("an entry in memory is over exactly at its end, for every verb", "[memory][expiry]") {
    TurnableClock clock;
    MemoryBackend backend{{}, clock};
    REQUIRE(set(backend, "k", "v", 10s).done());
    REQUIRE(set(backend, "compared", "v", 10s).done());
    const auto token = get(backend, "compared").token;

    clock.advance(10s - 1ns);
    CHECK(get(backend, "k").found("v"));
    CHECK(add(backend, "k", "w").declined());

    clock.advance(1ns);
    SECTION("get") { CHECK(get(backend, "k").absent()); }
    SECTION("add") {
        CHECK(add(backend, "k", "w").done());
        CHECK(get(backend, "k").found("w"));
    }
    SECTION("remove") { CHECK(remove(backend, "k").declined()); }
    SECTION("touch") {
        CHECK(touch(backend, "k", 10s).declined());
        CHECK(get(backend, "k").absent());
    }
    SECTION("compare-and-set") {
        CHECK(compare_and_set(backend, "compared", "w", token).declined());
        CHECK(get(backend, "compared").absent());
    }
}

TEST_CASE("lifetimes in memory are exact from one nanosecond to centuries", "[memory][expiry]") {
    TurnableClock clock;
    MemoryBackend backend{{}, clock};
    REQUIRE(set(backend, "tiny", "v", 1ns).done());
    REQUIRE(set(backend, "short", "v", 50ms).done());
    REQUIRE(set(backend, "century", "v", 24h * 36'500).done());
    REQUIRE(set(backend, "endless", "v", never).done());
    REQUIRE(set(backend, "overflowing", "v", std::chrono::nanoseconds::max() - 1ns).done());
    CHECK(is_there(backend, "tiny"));
    clock.advance(1ns);
    CHECK_FALSE(is_there(backend, "tiny"));
    clock.advance(50ms - 2ns);
    CHECK(is_there(backend, "short"));
    clock.advance(1ns);
    CHECK_FALSE(is_there(backend, "short"));
    clock.advance(24h * 36'499);
    CHECK(is_there(backend, "century"));
    clock.advance(24h);
    CHECK_FALSE(is_there(backend, "century"));
    CHECK(is_there(backend, "endless"));
    CHECK(is_there(backend, "overflowing"));
}

TEST_CASE("reading does not prolong an entry's life, touching does from that moment on",
          "[memory][expiry]") {
    TurnableClock clock;
    MemoryBackend backend{{}, clock};
    REQUIRE(set(backend, "read", "v", 10s).done());
    REQUIRE(set(backend, "touched", "v", 10s).done());
    clock.advance(5s);
    CHECK(is_there(backend, "read"));
    CHECK(touch(backend, "touched", 10s).done());
    clock.advance(5s);
    CHECK_FALSE(is_there(backend, "read"));
    CHECK(is_there(backend, "touched"));
    clock.advance(5s);
    CHECK_FALSE(is_there(backend, "touched"));
}

TEST_CASE("lifetimes in memory follow the machine's clock unless another is given",
          "[memory][expiry]") {
    MemoryBackend backend;
    REQUIRE(set(backend, "over", "v", 1ns).done());
    REQUIRE(set(backend, "long", "v", 1h).done());
    CHECK(get_many(backend, {"long", "over"}).at(1).absent());
    CHECK(get_many(backend, {"over", "long"}).at(1).found("v"));
    CHECK(touch(backend, "long", 1ns).done());
    CHECK(get(backend, "long").absent());
}

TEST_CASE("an adjusted wall clock does not change lifetimes in memory", "[memory][expiry]") {
    TurnableClock clock;
    MemoryBackend backend{{}, clock};
    REQUIRE(set(backend, "k", "v", 10s).done());
    clock.adjust_wall(24h);
    CHECK(is_there(backend, "k"));
    clock.adjust_wall(-48h);
    clock.advance(10s);
    CHECK_FALSE(is_there(backend, "k"));
}

TEST_CASE("an expired entry gives its memory back when it is met", "[memory][expiry]") {
    TurnableClock clock;
    MemoryBackend backend{{}, clock};
    REQUIRE(set(backend, "k", "v", 10s).done());
    CHECK(backend.usage().entries == 1);
    clock.advance(10s);
    CHECK(get(backend, "k").absent());
    CHECK(backend.usage().entries == 0);
}

TEST_CASE("no lock is held while a value is handed out", "[memory]") {
    // A reader that writes to the store from within its sink would wait for itself for ever.
    struct WritingSink final : ReadSink {
        explicit WritingSink(Backend& target) : backend(target) {}
        void found(std::size_t, std::string_view value, std::uint64_t) noexcept override {
            static_cast<void>(set(backend, "k", "overwritten"));
            backend.clear();
            seen = value;
        }
        void absent(std::size_t) noexcept override { backend.clear(); }
        void failed(std::size_t, const Failure&) noexcept override {}

        Backend& backend;
        std::string seen;
    };
    MemoryBackend backend{{.shards = 1}};
    REQUIRE(set(backend, "k", "first value").done());
    WritingSink sink{backend};
    const std::vector<std::string_view> keys{"k", "k"};
    backend.get_many(keys, sink);
    CHECK(sink.seen == "first value");
    CHECK(get(backend, "k").absent());
}

TEST_CASE("every write in memory gets a token of its own", "[memory]") {
    MemoryBackend one;
    MemoryBackend other;
    REQUIRE(set(one, "k", "v").done());
    const auto first = get(one, "k").token;
    CHECK(first != 0);
    CHECK(get(one, "k").token == first);
    REQUIRE(touch(one, "k", 1h).done());
    CHECK(get(one, "k").token == first);
    REQUIRE(set(one, "k", "v").done());
    CHECK(get(one, "k").token != first);
    REQUIRE(set(other, "k", "v").done());
    CHECK(compare_and_set(other, "k", "w", get(one, "k").token).declined());
}

TEST_CASE("options of a memory that make no sense are refused", "[memory][config]") {
    CHECK_THROWS_AS(MemoryBackend({.max_bytes = 0}), ConfigError);
    CHECK_THROWS_WITH(MemoryBackend({.max_bytes = 4095}),
                      "memory: max_bytes is 4095, it must be at least 4096");
    CHECK_THROWS_WITH(MemoryBackend({.max_bytes = 10'000, .shards = 4}),
                      "memory: max_bytes is 10000, it must be at least 16384");
    CHECK_THROWS_WITH(MemoryBackend({.max_entries = 0}),
                      "memory: max_entries is 0, it must be at least 1");
    CHECK_THROWS_WITH(MemoryBackend({.max_entries = 7, .shards = 8}),
                      "memory: max_entries is 7, it must be at least 8");
    CHECK_THROWS_WITH(MemoryBackend({.max_bytes = 1 << 30, .shards = 1025}),
                      "memory: shards is 1025, it must be at most 1024");
}

TEST_CASE("a memory URL takes its options", "[memory][config]") {
    const auto options = [](std::string_view url) {
        return dynamic_cast<MemoryBackend&>(*open(url)).options();
    };
    CHECK(options("memory://") == MemoryOptions{});
    CHECK(options("memory://?max_bytes=1MiB") == MemoryOptions{.max_bytes = 1 << 20});
    CHECK(options("memory://?max_bytes=32MiB&max_entries=5000&shards=2") ==
          MemoryOptions{.max_bytes = 32 << 20, .max_entries = 5000, .shards = 2});
    CHECK_THROWS_AS(open("memory://?max_bytes=4095"), ConfigError);
    CHECK_THROWS_AS(open("memory://?max_entries=0"), ConfigError);
    CHECK_THROWS_AS(open("memory://?shards=0"), ConfigError);
    CHECK_THROWS_AS(open("memory://?max_byte=1MiB"), ConfigError);
    CHECK_THROWS_AS(open("memory://name:80"), ConfigError);
    CHECK_THROWS_AS(open("memory://user@name"), ConfigError);
    CHECK_THROWS_AS(open("memory://one,two"), ConfigError);
    CHECK_THROWS_AS(open("memory://name/path"), ConfigError);
    CHECK_THROWS_AS(open("memory:///path"), ConfigError);
}

TEST_CASE("memories of one name are one store while any of them lives", "[memory][config]") {
    auto first = open("memory://shared?max_bytes=1MiB");
    auto second = open("memory://shared?max_bytes=1MiB");
    REQUIRE(set(*first, "k", "v").done());
    CHECK(get(*second, "k").found("v"));
    CHECK(get(*open("memory://other"), "k").absent());
    first.reset();
    CHECK(get(*second, "k").found("v"));
    CHECK_THROWS_WITH(open("memory://shared"), "memory://shared is open with other options");
    const TurnableClock clock;
    CHECK_THROWS_WITH(open("memory://shared?max_bytes=1MiB", clock),
                      "memory://shared is open with another clock");
    second.reset();
    CHECK(get(*open("memory://shared"), "k").absent());
}

TEST_CASE("memories without a name are private", "[memory][config]") {
    const auto first = open("memory://");
    const auto second = open("memory://");
    REQUIRE(set(*first, "k", "v").done());
    CHECK(get(*second, "k").absent());
}

TEST_CASE("a counter in memory keeps its life to the nanosecond", "[memory][counter]") {
    TurnableClock clock;
    MemoryBackend backend{{}, clock};
    REQUIRE(set(backend, "n", "1", 10s).done());
    clock.advance(5s);
    CHECK(increment(backend, "n", 4).is(5));
    CHECK(remaining_lifetime(backend, "n").is(5s));
    clock.advance(5s - 1ns);
    CHECK(increment(backend, "n").is(6));
    CHECK(remaining_lifetime(backend, "n").is(1ns));
    clock.advance(1ns);
    CHECK(increment(backend, "n").declined());
    CHECK(remaining_lifetime(backend, "n").declined());
    CHECK(get(backend, "n").absent());
}

TEST_CASE("remaining lifetimes in memory are exact", "[memory][expiry]") {
    TurnableClock clock;
    MemoryBackend backend{{}, clock};
    REQUIRE(set(backend, "k", "v", 1h + 7ns).done());
    REQUIRE(set(backend, "endless", "v").done());
    REQUIRE(set(backend, "overflowing", "v", std::chrono::nanoseconds::max() - 1ns).done());
    CHECK(remaining_lifetime(backend, "k").is(1h + 7ns));
    clock.advance(1h);
    CHECK(remaining_lifetime(backend, "k").is(7ns));
    CHECK(touch(backend, "k", 3s).done());
    CHECK(remaining_lifetime(backend, "k").is(3s));
    CHECK(remaining_lifetime(backend, "endless").is(never));
    CHECK(remaining_lifetime(backend, "overflowing").is(never));
}

TEST_CASE("who reads a counter in memory sees one number, whatever is counted meanwhile",
          "[memory][counter]") {
    struct CountingOn final : ReadSink {
        explicit CountingOn(Backend& target) : backend(target) {}
        void found(std::size_t, std::string_view value, std::uint64_t) noexcept override {
            for (int i = 0; i < 1000; ++i) static_cast<void>(increment(backend, "n"));
            seen = value;
        }
        void absent(std::size_t) noexcept override {}
        void failed(std::size_t, const Failure&) noexcept override {}

        Backend& backend;
        std::string seen;
    };
    MemoryBackend backend;
    REQUIRE(set(backend, "n", "1").done());
    CountingOn sink{backend};
    const std::string_view key = "n";
    backend.get_many({&key, 1}, sink);
    CHECK(sink.seen == "1");
    CHECK(get(backend, "n").found("1001"));
}

TEST_CASE("memory says what it can do", "[memory][capabilities]") {
    const Capabilities can = MemoryBackend{}.capabilities();
    CHECK(can.lifetime_resolution == 1ns);
    CHECK(can.largest_value == (4 << 20) - 352);
    CHECK(can.longest_key == (4 << 20) - 352);
    CHECK_FALSE(can.portable_keys_only);
    CHECK_FALSE(can.shared);
    CHECK_FALSE(can.persistent);
    CHECK(can.compare_and_set);
    CHECK(can.token_per_write);
    CHECK(can.atomic_increment);
    CHECK_FALSE(can.counters_stop_at_zero);
    CHECK(can.tells_lifetimes);
    CHECK(can.lists_keys);
}

TEST_CASE("memory states how much it holds", "[memory][facts]") {
    MemoryBackend backend{{.max_bytes = 8192, .max_entries = 2}};
    for (int i = 0; i < 5; ++i) REQUIRE(set(backend, key_number(i), "v").done());
    const auto facts = backend.facts();
    const auto fact = [&](std::size_t at) { return facts.at(at).name + "=" + facts[at].value; };
    REQUIRE(facts.size() == 4);
    CHECK(fact(0) == "entries=2");
    // Two entries of 96 bytes each: the header's 72, key and value 5, malloc's 8. The index: 256.
    CHECK(fact(1) == "bytes=448");
    CHECK(fact(2) == "evicted=3");
    CHECK(fact(3) == "max_bytes=8192");
    for (const auto& [subject, name, value] : facts) CHECK(subject.empty());
}

TEST_CASE("keys in memory are listed once each, over all shards", "[memory][listing]") {
    MemoryBackend backend{{.shards = 16}};
    std::vector<std::string> expected;
    for (int i = 10'000; i < 15'000; ++i) {
        REQUIRE(set(backend, key_number(i), "v").done());
        expected.push_back(key_number(i));
    }
    CHECK(list_keys(backend, "key") == expected);
    CHECK(list_keys(backend, "key1234") ==
          std::vector<std::string>{"key12340", "key12341", "key12342", "key12343", "key12344",
                                   "key12345", "key12346", "key12347", "key12348", "key12349"});
}

TEST_CASE("who is told a key may clear the memory, and is told the rest of what was there",
          "[memory][listing]") {
    struct Clearing final : KeySink {
        explicit Clearing(Backend& target) : backend(target) {}
        void key(std::string_view key) override {
            backend.clear();
            seen.emplace_back(key);
        }
        Backend& backend;
        std::vector<std::string> seen;
    };
    MemoryBackend backend{{.shards = 1}};
    for (int i = 0; i < 3; ++i) REQUIRE(set(backend, key_number(i), "v").done());
    Clearing clearing{backend};
    backend.list_keys("", clearing);
    std::ranges::sort(clearing.seen);
    CHECK(clearing.seen == std::vector<std::string>{"key0", "key1", "key2"});
    CHECK(backend.usage().entries == 0);
}

TEST_CASE("100,000 keys in one call are 100,000 answers", "[memory]") {
    MemoryBackend backend;
    std::vector<std::string> keys;
    std::vector<Entry> entries;
    for (int i = 0; i < 100'000; ++i) keys.push_back(key_number(i));
    for (const auto& key : keys) entries.push_back({key, key, never});
    std::vector<Outcome> outcomes(entries.size());
    backend.store_many(Store::set, entries, outcomes);
    CHECK(std::ranges::count_if(outcomes, &Outcome::done) == 100'000);
    const auto reads = get_many(backend, keys);
    int wrong = 0;
    for (std::size_t i = 0; i < keys.size(); ++i) wrong += reads[i].found(keys[i]) ? 0 : 1;
    CHECK(wrong == 0);
    CHECK(std::ranges::count_if(remove_many(backend, keys), &Outcome::done) == 100'000);
    CHECK(backend.usage().entries == 0);
}

TEST_CASE("readers, writers and evictions go on at once", "[memory][threads]") {
    TurnableClock clock;
    MemoryBackend backend{{.max_bytes = 200'000, .shards = 2}, clock};
    std::atomic<int> wrong{0};
    std::vector<std::thread> threads;
    for (int number = 0; number < 4; ++number) {
        threads.emplace_back([&, number] {
            std::mt19937 random{static_cast<std::uint32_t>(number)};
            for (int i = 0; i < 5'000; ++i) {
                const auto key = key_number(static_cast<int>(random() % 400));
                const auto read = get(backend, key);
                // Every value begins with its key, so that a mixed-up one shows.
                if (read.found() ? !read.value.starts_with(key + "=") : !read.absent()) ++wrong;
                switch (random() % 8) {
                    case 0:
                        static_cast<void>(remove(backend, key));
                        break;
                    case 1:
                        static_cast<void>(touch(backend, key, 5ms));
                        break;
                    case 2:
                        clock.advance(1ms);
                        break;
                    case 3:
                        static_cast<void>(compare_and_set(backend, key, key + "=", read.token));
                        break;
                    default:
                        if (!set(backend, key, key + "=" + std::string(random() % 2000, 'x'), 20ms)
                                 .done()) {
                            ++wrong;
                        }
                }
                if (i % 1000 == 999 && number == 0) backend.clear();
                if (i % 100 == 0 && backend.usage().bytes > 200'000) ++wrong;
            }
        });
    }
    for (auto& thread : threads) thread.join();
    CHECK(wrong == 0);
}

TEST_CASE("eight threads that count to 10,000 each make 80,000", "[memory][counter][threads]") {
    MemoryBackend backend;
    REQUIRE(set(backend, "n", "0").done());
    std::atomic<int> failures{0};
    std::vector<std::thread> threads;
    for (int number = 0; number < 8; ++number) {
        threads.emplace_back([&] {
            for (int i = 0; i < 10'000; ++i) {
                if (!increment(backend, "n").outcome.done()) ++failures;
            }
        });
    }
    for (auto& thread : threads) thread.join();
    CHECK(failures == 0);
    CHECK(get(backend, "n").found("80000"));
}

TEST_CASE("a listing holds every key that stays, whatever others write and remove meanwhile",
          "[memory][listing][threads]") {
    MemoryBackend backend;
    std::vector<std::string> staying;
    for (int i = 1000; i < 2000; ++i) {
        staying.push_back("stays" + std::to_string(i));
        REQUIRE(set(backend, staying.back(), "1").done());
    }
    std::atomic<bool> is_over{false};
    std::atomic<int> wrong{0};
    std::vector<std::thread> threads;
    for (int number = 0; number < 3; ++number) {
        threads.emplace_back([&, number] {
            std::mt19937 random{static_cast<std::uint32_t>(number)};
            for (int i = 0; !is_over; ++i) {
                const auto key = "churn" + std::to_string(random() % 5000);
                if (i % 3 == 0) {
                    if (remove(backend, key).failed()) ++wrong;
                } else if (!set(backend, key, "v").done()) {
                    ++wrong;
                }
                // These are replaced, and are there at every moment.
                if (!increment(backend, staying[random() % 1000]).outcome.done()) ++wrong;
            }
        });
    }
    for (int round = 0; round < 20; ++round) {
        if (list_keys(backend, "stays") != staying) ++wrong;
        for (const auto& key : list_keys(backend, "churn")) {
            if (!key.starts_with("churn")) ++wrong;
        }
    }
    is_over = true;
    for (auto& thread : threads) thread.join();
    CHECK(wrong == 0);
}

TEST_CASE("by the machine's clock an entry is there until its end, and not longer",
          "[memory][expiry]") {
    // Whoever has a second left is judged by the clock's last tick, whoever has less by the clock.
    constexpr auto life = 1050ms;
    MemoryBackend backend;
    const auto before = std::chrono::steady_clock::now();
    CHECK(set(backend, "k", "v", life).done());
    const auto after = std::chrono::steady_clock::now();
    bool is_there = true;
    while (is_there) {
        const auto begin = std::chrono::steady_clock::now();
        is_there = get(backend, "k").found();
        const auto end = std::chrono::steady_clock::now();
        if (is_there) {
            REQUIRE(begin < after + life);
        } else {
            CHECK(end >= before + life);
        }
    }
}
