// cachemodel: what the memory backend holds, how much, and what makes room.
// SPDX-License-Identifier: MIT
#include "support/allocations.hpp"
#include "support/backend_calls.hpp"
#include "support/catch.hpp"

#include <cachemodel/backends/memory.hpp>
#include <cachemodel/testing/turnable_clock.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <new>
#include <numeric>
#include <random>
#include <string>
#include <string_view>
#include <vector>

using namespace cachemodel;
using namespace cachemodel::support;
using cachemodel::testing::TurnableClock;
using namespace std::chrono_literals;

namespace {

bool is_there(Backend& backend, const std::string& key) { return get(backend, key).found(); }

std::string key_number(int number) { return "key" + std::to_string(number); }

struct CountingSink final : ReadSink {
    void found(std::size_t, std::string_view value, std::uint64_t) noexcept override {
        bytes += value.size();
    }
    void absent(std::size_t) noexcept override {}
    void failed(std::size_t, const Failure&) noexcept override {}

    std::size_t bytes = 0;
};

}  // namespace

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
    // Header 72, key 16, value 200, malloc's own 8, rounded up to 16: 304. The index: 12 bytes for
    // a slot and 2 for ghosts, 2048 slots for 1000 entries, 32 for the two blocks.
    for (int i = 0; i < 1000; ++i) {
        const auto number = std::to_string(100'000 + i);
        REQUIRE(set(backend, "0123456789" + number, std::string(200, 'x')).done());
    }
    CHECK(backend.usage().entries == 1000);
    CHECK(backend.usage().bytes == 1000 * 304 + 2048 * 14 + 32);
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

TEST_CASE("no live entry leaves while an expired one is there", "[memory][eviction][expiry]") {
    const int expired = GENERATE(1, 10, 100);
    const auto options =
        GENERATE(values<MemoryOptions>({{.max_entries = 1000, .shards = 1},
                                        // The header 72, key 7, value 200, malloc's 8: 288.
                                        {.max_bytes = 1000 * 288 + 2048 * 14 + 32, .shards = 1}}));
    enum class Brief { as_written, shortened, not_lengthened };
    const auto brief = GENERATE(Brief::as_written, Brief::shortened, Brief::not_lengthened);

    TurnableClock clock;
    MemoryBackend backend{options, clock};
    std::vector<int> numbers(1000);
    std::iota(numbers.begin(), numbers.end(), 0);
    std::shuffle(numbers.begin(), numbers.end(), std::mt19937{41});
    const std::string value(200, 'x');
    const auto key = [](int number) { return "k" + std::to_string(100'000 + number); };
    const auto lifetime_of = [&](int number) -> Lifetime {
        if (number < expired) return 1s;
        return number % 2 == 0 ? Lifetime{1h + number * 1s} : Lifetime{never};
    };
    for (const int number : numbers) {
        const Lifetime first = brief == Brief::shortened        ? Lifetime{1h - number * 1s}
                               : brief == Brief::not_lengthened ? Lifetime{1s}
                                                                : lifetime_of(number);
        REQUIRE(set(backend, key(number), value, first).done());
    }
    if (brief != Brief::as_written) {
        for (const int number : numbers) {
            REQUIRE(touch(backend, key(number), lifetime_of(number)).done());
        }
    }
    REQUIRE(backend.usage().entries == 1000);
    clock.advance(2s);

    for (int i = 0; i < expired; ++i) REQUIRE(set(backend, key(1000 + i), value).done());
    CHECK(backend.usage().evicted == 0);
    int there = 0;
    for (int i = expired; i < 1000 + expired; ++i) there += is_there(backend, key(i)) ? 1 : 0;
    CHECK(there == 1000);
    REQUIRE(set(backend, key(5000), value).done());
    CHECK(backend.usage().evicted == 1);
}

TEST_CASE("whatever was done to entries before, expired ones leave first",
          "[memory][eviction][expiry]") {
    const auto options = GENERATE(values<MemoryOptions>(
        {{.max_entries = 60, .shards = 1}, {.max_bytes = 10'000, .shards = 1}}));
    TurnableClock clock;
    MemoryBackend backend{options, clock};
    std::mt19937 random{4'711};
    std::uint64_t evicted = 0;
    int evicting_writes = 0;
    int left_behind = 0;
    const auto any_lifetime = [&]() -> Lifetime {
        const auto number = static_cast<int>(random() % 40);
        return number == 0 ? Lifetime{never} : Lifetime{number * 1ms};
    };
    for (int i = 0; i < 20'000; ++i) {
        const auto key = key_number(static_cast<int>(random() % 150));
        switch (random() % 8) {
            case 0:
                clock.advance(1ms);
                break;
            case 1:
                static_cast<void>(touch(backend, key, any_lifetime()));
                break;
            case 2:
                static_cast<void>(increment(backend, key, 99));
                break;
            case 3:
                static_cast<void>(remove(backend, key));
                break;
            case 4:
                static_cast<void>(set(backend, key, std::string(random() % 400, '1')));
                break;
            default:
                static_cast<void>(set(backend, key, "1", any_lifetime()));
        }
        if (i % 5'000 == 4'999) backend.clear();
        const auto usage = backend.usage();
        if (usage.evicted == evicted) continue;
        evicted = usage.evicted;
        ++evicting_writes;
        // A listing has the living only.
        if (list_keys(backend, "").size() != usage.entries) ++left_behind;
    }
    CHECK(left_behind == 0);
    CHECK(evicting_writes > 20);
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
    // 224 bytes of index and its 32, 80 of header, 16 to round.
    CHECK(largest({.max_bytes = 4096}) == 4096 - 352);
    CHECK(largest({.max_bytes = 1 * mib}) == 1 * mib - 352);
    CHECK(largest({.max_bytes = 7 * mib}) == 7 * mib - 352);
    CHECK(largest({.max_bytes = 8 * mib}) == 4 * mib - 352);
    CHECK(largest({.max_bytes = 63 * mib}) == 63 * mib / 8 - 352);
    CHECK(largest({.max_bytes = 64 * mib}) == 4 * mib - 352);
    CHECK(largest({.max_bytes = 1024 * mib}) == 64 * mib - 352);
    CHECK(largest({.max_bytes = 4096 * mib}) == 64 * mib - 352);
    CHECK(largest({.max_bytes = 64 * mib, .shards = 1}) == 64 * mib - 352);
    CHECK(largest({.max_bytes = 64 * mib, .max_entries = 10}) == 64 * mib - 352);
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
    CHECK(outcome.failure().message() == "value too large: 4000 bytes, the limit is 3740");
    CHECK(set(backend, "four", std::string(3740, 'x')).done());
    CHECK(set(backend, "four", std::string(3741, 'x')).failed());
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

TEST_CASE("looking at an entry does not keep it, using it does", "[memory][eviction]") {
    const auto survivors_of = [](auto look) {
        MemoryBackend backend{{.max_entries = 100}};
        for (int i = 0; i < 50; ++i) REQUIRE(set(backend, "seen" + key_number(i), "1").done());
        for (int i = 0; i < 150; ++i) look(backend, "seen" + key_number(i % 50));
        for (int i = 0; i < 10'000; ++i) REQUIRE(set(backend, key_number(i), "v").done());
        return list_keys(backend, "seen").size();
    };
    CHECK(survivors_of([](Backend& b, const std::string& key) { CHECK(get(b, key).found()); }) ==
          50);
    CHECK(survivors_of(
              [](Backend& b, const std::string& key) { CHECK(touch(b, key, 1h).done()); }) == 50);
    CHECK(survivors_of([](Backend& b, const std::string& key) {
              CHECK(increment(b, key).outcome.done());
          }) == 50);
    CHECK(survivors_of([](Backend& b, const std::string& key) { CHECK(peek(b, key).found()); }) ==
          0);
    CHECK(survivors_of([](Backend& b, const std::string& key) {
              CHECK(remaining_lifetime(b, key).is(never));
          }) == 0);
    CHECK(survivors_of([](Backend& b, const std::string& key) {
              CHECK_FALSE(list_keys(b, key).empty());
          }) == 0);
}

TEST_CASE("counting in a full memory evicts nobody, unless the number needs room",
          "[memory][eviction]") {
    SECTION("by entries") {
        MemoryBackend backend{{.max_entries = 10}};
        for (int i = 0; i < 10; ++i) REQUIRE(set(backend, key_number(i), "9").done());
        for (int i = 0; i < 10; ++i) CHECK(increment(backend, key_number(i)).is(10));
        CHECK(backend.usage().entries == 10);
        CHECK(backend.usage().evicted == 0);
    }
    SECTION("by bytes") {
        MemoryBackend backend{{.max_bytes = 4096}};
        // The index takes 256; the header 72 and malloc's 8 stand beside every key and value.
        for (int i = 0; i < 9; ++i) {
            REQUIRE(set(backend, key_number(i), std::string(300, 'x')).done());  // 384
        }
        REQUIRE(set(backend, "f", std::string(207, 'x')).done());  // 288
        REQUIRE(set(backend, "n", "999999999999998").done());      // 96
        REQUIRE(backend.usage().bytes == 4096);
        CHECK(increment(backend, "n").is(999'999'999'999'999));
        CHECK(backend.usage().bytes == 4096);
        CHECK(backend.usage().evicted == 0);
        CHECK(increment(backend, "n").is(1'000'000'000'000'000));  // 112
        CHECK(backend.usage().bytes <= 4096);
        CHECK(backend.usage().evicted == 1);
        CHECK(get(backend, "n").found("1000000000000000"));
    }
}

TEST_CASE("a value that is too large makes nobody leave", "[memory][size]") {
    MemoryBackend backend{{.max_bytes = 20'000}};
    for (int i = 0; i < 50; ++i) REQUIRE(set(backend, key_number(i), "v").done());
    CHECK(set(backend, "large", std::string(20'000, 'x')).failed());
    CHECK(set(backend, std::string(20'000, 'k'), "v").failed());
    CHECK(backend.usage().entries == 50);
    CHECK(backend.usage().evicted == 0);
}

TEST_CASE("memory that runs out leaves a counter as it was", "[memory][allocation]") {
    MemoryBackend backend;
    REQUIRE(set(backend, "n", "9", 1h).done());
    {
        const FailingAllocations failing{0};
        std::int64_t value = 77;
        bool ran_out = false;
        try {
            static_cast<void>(backend.increment("n", 1, value));
        } catch (const std::bad_alloc&) {
            ran_out = true;
        }
        CHECK(ran_out);
        CHECK(value == 77);
    }
    CHECK(get(backend, "n").found("9"));
    CHECK(increment(backend, "n").is(10));
}

TEST_CASE("a peek in memory allocates nothing", "[memory][allocation]") {
    MemoryBackend backend;
    REQUIRE(set(backend, "k", std::string(200, 'x'), 1h).done());
    const std::vector<std::string_view> keys{"k", "absent"};
    CountingSink sink;
    const auto before = allocations_of_this_thread();
    backend.peek_many(keys, sink);
    Lifetime left;
    const bool told = backend.remaining_lifetime("k", left).done();
    CHECK(allocations_of_this_thread() == before);
    CHECK(sink.bytes == 200);
    CHECK(told);
}
