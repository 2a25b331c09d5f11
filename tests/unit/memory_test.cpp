// cachemodel: the backends in this process, beyond the contract of all backends.
// SPDX-License-Identifier: MIT
#include "support/allocations.hpp"
#include "support/backend_calls.hpp"
#include "support/catch.hpp"
#include "support/decorators.hpp"

#include <cachemodel/backends/memory.hpp>
#include <cachemodel/backends/null.hpp>
#include <cachemodel/cache_url.hpp>
#include <cachemodel/testing/turnable_clock.hpp>

#include <atomic>
#include <chrono>
#include <memory>
#include <new>
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

struct CountingSink final : ReadSink {
    void found(std::size_t, std::string_view value, std::uint64_t) noexcept override {
        bytes += value.size();
    }
    void absent(std::size_t) noexcept override {}
    void failed(std::size_t, const Failure&) noexcept override {}

    std::size_t bytes = 0;
};

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

TEST_CASE("memory stays within its bytes, whatever is written", "[memory][eviction]") {
    constexpr std::size_t bound = 1 << 20;
    const auto shards = GENERATE(std::size_t{1}, std::size_t{4}, std::size_t{16});
    MemoryBackend backend{{.max_bytes = bound, .shards = shards}};
    std::mt19937 random{20'301};
    std::size_t most = 0;
    int lost = 0;
    for (int i = 0; i < 20'000; ++i) {
        const auto key = key_number(static_cast<int>(random() % 10'000));
        // First many tiny entries, which want a large index, then large ones and all kinds.
        const std::size_t size = i < 8'000    ? random() % 10
                                 : i < 9'000  ? random() % 60'000
                                 : i < 16'000 ? random() % 300
                                              : random() % 3'000;
        if (!set(backend, key, std::string(size, 'x')).done()) ++lost;
        if (!is_there(backend, key)) ++lost;
        most = std::max(most, backend.usage().bytes);
    }
    CHECK(lost == 0);
    CHECK(most <= bound);
    CHECK(most > bound * 3 / 4);
}

TEST_CASE("keys count as bytes, too", "[memory][eviction]") {
    MemoryBackend backend{{.max_bytes = 100'000}};
    for (int i = 0; i < 100; ++i) {
        REQUIRE(set(backend, std::string(10'000, 'k') + key_number(i), "").done());
    }
    CHECK(backend.usage().entries == 9);
    CHECK(backend.usage().bytes <= 100'000);
}

TEST_CASE("the bytes that memory counts are those that it takes from the heap",
          "[memory][eviction]") {
    MemoryBackend backend{{.max_bytes = 64 << 20, .shards = 1}};
    // Header 48, key 16, value 200, malloc's own 8, rounded up to 16: 272. The index: 16 bytes for
    // a slot and 2 for ghosts, 2048 slots for 1000 entries, 32 for the two blocks.
    for (int i = 0; i < 1000; ++i) {
        const auto number = std::to_string(100'000 + i);
        REQUIRE(set(backend, "0123456789" + number, std::string(200, 'x')).done());
    }
    CHECK(backend.usage().entries == 1000);
    CHECK(backend.usage().bytes == 1000 * 272 + 2048 * 18 + 32);
}

TEST_CASE("memory stays within its number of entries", "[memory][eviction]") {
    SECTION("30") {
        MemoryBackend backend{{.max_entries = 30}};
        for (int i = 0; i < 49; ++i) {
            REQUIRE(set(backend, key_number(i), "v").done());
            CHECK(is_there(backend, key_number(i)));
            CHECK(backend.usage().entries <= 30);
        }
        CHECK(backend.usage().entries == 30);
        CHECK(backend.usage().evicted == 19);
    }
    SECTION("one") {
        MemoryBackend backend{{.max_entries = 1}};
        for (int i = 0; i < 10; ++i) {
            REQUIRE(set(backend, key_number(i), "v").done());
            CHECK(is_there(backend, key_number(i)));
            CHECK(backend.usage().entries == 1);
        }
    }
}

TEST_CASE("replacing an entry in a full memory evicts nobody", "[memory][eviction]") {
    MemoryBackend backend{{.max_entries = 10}};
    for (int i = 0; i < 10; ++i) REQUIRE(set(backend, key_number(i), "v").done());
    for (int i = 0; i < 10; ++i) REQUIRE(set(backend, key_number(i), "w").done());
    for (int i = 0; i < 10; ++i) CHECK(get(backend, key_number(i)).found("w"));
    CHECK(backend.usage().evicted == 0);
}

TEST_CASE("replacing an entry by a larger one makes room for it", "[memory][eviction]") {
    MemoryBackend backend{{.max_bytes = 20'000}};
    for (int i = 0; i < 9; ++i)
        REQUIRE(set(backend, key_number(i), std::string(2'000, 'x')).done());
    const std::string large(19'000, 'y');
    REQUIRE(set(backend, "key0", large).done());
    CHECK(get(backend, "key0").found(large));
    CHECK(backend.usage().entries == 1);
    CHECK(backend.usage().bytes <= 20'000);
    REQUIRE(set(backend, "key0", "small").done());
    CHECK(get(backend, "key0").found("small"));
}

TEST_CASE("expired entries make room before live ones do", "[memory][eviction][expiry]") {
    TurnableClock clock;
    MemoryBackend backend{{.max_entries = 10}, clock};
    for (int i = 0; i < 5; ++i) REQUIRE(set(backend, key_number(i), "live", 1h).done());
    for (int i = 5; i < 10; ++i) REQUIRE(set(backend, key_number(i), "brief", 1s).done());
    clock.advance(1s);
    for (int i = 10; i < 15; ++i) REQUIRE(set(backend, key_number(i), "new", 1h).done());
    for (int i = 0; i < 5; ++i) CHECK(is_there(backend, key_number(i)));
    for (int i = 10; i < 15; ++i) CHECK(is_there(backend, key_number(i)));
    CHECK(backend.usage().evicted == 0);
    REQUIRE(set(backend, "one more", "new").done());
    CHECK(backend.usage().evicted == 1);
}

TEST_CASE("entries that expire again and again leave room for those that stay",
          "[memory][eviction][expiry]") {
    TurnableClock clock;
    // In one shard: how many keys each of several gets is chance.
    MemoryBackend backend{{.max_entries = 1000, .shards = 1}, clock};
    for (int i = 0; i < 500; ++i) REQUIRE(set(backend, "stays" + key_number(i), "v").done());
    for (int i = 0; i < 20'000; ++i) {
        REQUIRE(set(backend, key_number(i), "v", 100ms).done());
        clock.advance(1ms);
    }
    int there = 0;
    for (int i = 0; i < 500; ++i) there += is_there(backend, "stays" + key_number(i)) ? 1 : 0;
    CHECK(there == 500);
}

TEST_CASE("entries that are in use survive a flood of keys that nobody asks for again",
          "[memory][eviction]") {
    MemoryBackend backend{{.max_entries = 100}};
    for (int i = 0; i < 50; ++i) REQUIRE(set(backend, "used" + key_number(i), "v").done());
    for (int i = 0; i < 50; ++i) {
        CHECK(is_there(backend, "used" + key_number(i)));
        CHECK(is_there(backend, "used" + key_number(i)));
    }
    for (int i = 0; i < 10'000; ++i) REQUIRE(set(backend, key_number(i), "v").done());
    for (int i = 0; i < 50; ++i) CHECK(is_there(backend, "used" + key_number(i)));
}

TEST_CASE("an entry that comes back soon after it was evicted is kept for longer",
          "[memory][eviction]") {
    MemoryBackend backend{{.max_entries = 100}};
    REQUIRE(set(backend, "back", "v").done());
    for (int i = 0; i < 100; ++i) REQUIRE(set(backend, key_number(i), "v").done());
    REQUIRE_FALSE(is_there(backend, "back"));
    REQUIRE(set(backend, "back", "v").done());
    for (int i = 1000; i < 1095; ++i) REQUIRE(set(backend, key_number(i), "v").done());
    for (int i = 2000; i < 2095; ++i) REQUIRE(set(backend, key_number(i), "v").done());
    CHECK(is_there(backend, "back"));
}

TEST_CASE("the largest value of a memory depends on its shards", "[memory][size]") {
    const auto largest = [](const MemoryOptions& options) {
        return MemoryBackend{options}.capabilities().largest_value;
    };
    constexpr std::size_t mib = 1 << 20;
    // 288 bytes of index and its 32, 64 of header, 16 to round.
    CHECK(largest({.max_bytes = 4096}) == 4096 - 400);
    CHECK(largest({.max_bytes = 1 * mib}) == 1 * mib - 400);
    CHECK(largest({.max_bytes = 7 * mib}) == 7 * mib - 400);
    CHECK(largest({.max_bytes = 8 * mib}) == 4 * mib - 400);
    CHECK(largest({.max_bytes = 63 * mib}) == 63 * mib / 8 - 400);
    CHECK(largest({.max_bytes = 64 * mib}) == 4 * mib - 400);
    CHECK(largest({.max_bytes = 1024 * mib}) == 64 * mib - 400);
    CHECK(largest({.max_bytes = 4096 * mib}) == 64 * mib - 400);
    CHECK(largest({.max_bytes = 64 * mib, .shards = 1}) == 64 * mib - 400);
    CHECK(largest({.max_bytes = 64 * mib, .max_entries = 10}) == 64 * mib - 400);
}

TEST_CASE("a key that alone is too large for a memory is refused", "[memory][size]") {
    MemoryBackend backend{{.max_bytes = 4096}};
    const std::string key(5000, 'k');
    const auto outcome = set(backend, key, "");
    REQUIRE(outcome.failed());
    CHECK_THROWS_AS(outcome.failure().rethrow(), ValueTooLarge);
    CHECK(get(backend, key).absent());
}

TEST_CASE("a too large value says its size and the limit under its key", "[memory][size]") {
    MemoryBackend backend{{.max_bytes = 4096}};
    const auto outcome = set(backend, "four", std::string(4000, 'x'));
    REQUIRE(outcome.failed());
    CHECK(outcome.failure().message() == "value too large: 4000 bytes, the limit is 3692");
    CHECK(set(backend, "four", std::string(3692, 'x')).done());
    CHECK(set(backend, "four", std::string(3693, 'x')).failed());
    CHECK(get(backend, "four").absent());
}

TEST_CASE("a hit in memory allocates nothing", "[memory][allocation]") {
    MemoryBackend backend;
    REQUIRE(set(backend, "endless", std::string(200, 'x')).done());
    REQUIRE(set(backend, "mortal", std::string(200, 'x'), 1h).done());
    const std::vector<std::string_view> keys{"endless", "mortal", "absent", "endless"};
    CountingSink sink;
    const auto before = allocations_of_this_thread();
    backend.get_many(keys, sink);
    CHECK(allocations_of_this_thread() == before);
    CHECK(sink.bytes == 600);
}

TEST_CASE("memory that runs out leaves the old entry or none, and the store in order",
          "[memory][allocation]") {
    // Until the index has to grow, which takes two blocks more, a set takes one.
    const auto entries_before = GENERATE(0, 11, 12, 13, 24);
    MemoryBackend backend{{.max_bytes = 1 << 20}};
    for (int i = 0; i < entries_before; ++i) {
        REQUIRE(set(backend, key_number(i), "old").done());
    }
    const std::string value(100, 'x');
    const std::vector<Entry> entries{{"key0", value, never}, {"fresh", value, never}};
    bool stored = false;
    std::size_t failures = 0;
    for (; !stored; ++failures) {
        REQUIRE(failures < 10);
        std::vector<Outcome> outcomes(2);
        bool ran_out = false;
        {
            const FailingAllocations failing{failures};
            try {
                backend.store_many(Store::set, entries, outcomes);
                stored = true;
            } catch (const std::bad_alloc&) {
                ran_out = true;
            }
        }
        CHECK(ran_out != stored);
        const auto old = get(backend, "key0");
        CHECK((old.found(value) || old.found("old") || old.absent()));
        const auto fresh = get(backend, "fresh");
        CHECK((fresh.found(value) || fresh.absent()));
        // Nobody holds a lock, and nothing else was lost.
        for (int i = 1; i < entries_before; ++i) CHECK(get(backend, key_number(i)).found("old"));
        CHECK(set(backend, "other", "value").done());
        CHECK(remove(backend, "other").done());
    }
    CHECK(failures >= 2);
    CHECK(get(backend, "key0").found(value));
    CHECK(get(backend, "fresh").found(value));
}

TEST_CASE("memory that runs out in a full store loses no more than what had to go",
          "[memory][allocation]") {
    MemoryBackend backend{{.max_bytes = 20'000}};
    int number = 0;
    for (; backend.usage().evicted == 0; ++number) {
        REQUIRE(set(backend, key_number(number), std::string(300, 'x')).done());
    }
    const auto full = backend.usage().entries;
    for (std::size_t successes = 0; successes < 4; ++successes) {
        const FailingAllocations failing{successes};
        try {
            static_cast<void>(set(backend, "next", "a value"));
        } catch (const std::bad_alloc&) {
        }
    }
    CHECK(backend.usage().entries + 1 >= full);
    CHECK(backend.usage().bytes <= 20'000);
    REQUIRE(set(backend, "next", "a value").done());
    CHECK(get(backend, "next").found("a value"));
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

TEST_CASE("null keeps nothing and declines what needs an entry", "[null][contract]") {
    NullBackend backend;
    CHECK(set(backend, "k", "v").done());
    CHECK(get(backend, "k").absent());
    CHECK(add(backend, "k", "v").done());
    CHECK(add(backend, "k", "v").done());
    CHECK(compare_and_set(backend, "k", "v", 1).declined());
    CHECK(remove(backend, "k").declined());
    CHECK(touch(backend, "k", 1h).declined());
    const auto reads = get_many(backend, {"k", "l", "k"});
    for (const auto& read : reads) CHECK(read.absent());
    CHECK(remove_many(backend, {"k", "l"}).at(1).declined());
    CHECK(get_many(backend, {}).empty());
    backend.clear();
    backend.close();
    CHECK(set(backend, "k", "v").done());
    CHECK_FALSE(backend.capabilities().shared);
    CHECK_FALSE(backend.capabilities().compare_and_set);
}

TEST_CASE("a null URL names nothing", "[null][config]") {
    const auto open_url = [](std::string_view text) {
        auto url = CacheUrl::parse(text);
        auto backend = open_null(url, Clock::machine());
        url.expect_all_taken();
        return backend;
    };
    CHECK(get(*open_url("null://"), "k").absent());
    CHECK_THROWS_AS(open_url("null://host"), ConfigError);
    CHECK_THROWS_AS(open_url("null:///path"), ConfigError);
    CHECK_THROWS_AS(open_url("null://?max_bytes=1MiB"), ConfigError);
}

TEST_CASE("decorators go wrong in their one way", "[support]") {
    TurnableClock clock;
    const auto memory = std::make_shared<MemoryBackend>(MemoryOptions{}, clock);
    REQUIRE(set(*memory, "k", "a value").done());
    REQUIRE(set(*memory, "other", "another value").done());
    SECTION("down") {
        DownBackend backend{memory, BackendFault::timeout};
        const auto read = get(backend, "k");
        REQUIRE(read.failed());
        CHECK(read.failure->fault() == BackendFault::timeout);
        CHECK(set(backend, "k", "w").failed());
        CHECK(remove(backend, "k").failed());
        CHECK(touch(backend, "k", 1h).failed());
        CHECK_THROWS_AS(backend.clear(), BackendError);
        CHECK(get(*memory, "k").found("a value"));
    }
    SECTION("slow") {
        SlowBackend backend{memory, clock, 300ms};
        const auto before = clock.steady();
        CHECK(get(backend, "k").found("a value"));
        CHECK(set(backend, "k", "w").done());
        CHECK(clock.steady() - before == 600ms);
    }
    SECTION("truncating") {
        TruncatingBackend backend{memory, 3};
        CHECK(get(backend, "k").found("a v"));
        CHECK(get(backend, "absent").absent());
    }
    SECTION("lying") {
        LyingBackend backend{memory, "other"};
        CHECK(get(backend, "k").found("another value"));
        CHECK(get(backend, "absent").found("another value"));
    }
    SECTION("evicting") {
        EvictingBackend backend{memory, 2};
        CHECK(set(backend, "first", "v").done());
        CHECK(set(backend, "second", "v").done());
        CHECK(get(backend, "first").found("v"));
        CHECK(get(backend, "second").absent());
    }
    SECTION("full") {
        FullBackend backend{memory};
        const auto outcome = set(backend, "k", "w");
        REQUIRE(outcome.failed());
        CHECK(outcome.failure().fault() == BackendFault::full);
        CHECK(get(backend, "k").found("a value"));
        CHECK(remove(backend, "k").done());
    }
}
