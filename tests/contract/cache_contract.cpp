// cachemodel: the contract of caches: all of it, and what threads do at the same time.
// SPDX-License-Identifier: MIT
#include "contract/cache_contract.hpp"

#include "contract/cache_sections.hpp"
#include "support/catch.hpp"

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

namespace cachemodel::contract {

using namespace std::chrono_literals;

CacheContractOptions turning(testing::TurnableClock& clock) {
    const auto advance = [&clock](std::chrono::nanoseconds time) { clock.advance(time); };
    return {.pass = advance, .pass_in_backend = advance};
}

void cache_contract(const Cache& cache, const CacheContractOptions& options) {
    of_caches::entries(cache);
    of_caches::nulls(cache);
    of_caches::types(cache);
    of_caches::bytes(cache);
    of_caches::lifetimes(cache, options);
    of_caches::touches(cache, options);
    of_caches::counters(cache, options);
    of_caches::lists(cache, options);
    of_caches::versions(cache, options);
    of_caches::keys(cache);
    of_caches::made_values(cache, options);
}

namespace {

/// Runs `work(number)` in that many threads at the same time.
template <class Work>
void in_threads(int count, Work work) {
    std::vector<std::thread> threads;
    threads.reserve(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) threads.emplace_back([&work, i] { work(i); });
    for (auto& thread : threads) thread.join();
}

void one_handle(const Cache& cache) {
    SECTION("one cache is used by many threads, and reads give what somebody wrote") {
        std::atomic<int> wrong{0};
        in_threads(16, [&](int number) {
            const std::string mine = "value of " + std::to_string(number);
            for (int round = 0; round < 60; ++round) {
                const std::string key = "key" + std::to_string((number + round) % 5);
                try {
                    cache.set(key, mine);
                    const auto read = cache.get<std::string>(key);
                    if (read.failed() || (read.found() && !read->starts_with("value of "))) ++wrong;
                    cache.add(key, mine, 10s);
                    cache.touch(key, 20s);
                    (void)cache.contains(key);
                    if (round % 7 == 0) cache.erase(key);
                    for (const auto& each : cache.get_many<std::string>({"key0", "key1", key})) {
                        if (each.failed() || (each.found() && !each->starts_with("value of "))) {
                            ++wrong;
                        }
                    }
                } catch (const std::exception&) {
                    ++wrong;
                }
            }
        });
        CHECK(wrong == 0);
    }
}

void locks(const Cache& cache) {
    SECTION("of many that add under one key one wins, and its value stays") {
        for (int round = 0; round < 5; ++round) {
            const std::string key = "lock" + std::to_string(round);
            std::atomic<int> winners{0};
            std::atomic<int> winner{-1};
            in_threads(32, [&](int number) {
                if (!cache.add(key, "thread " + std::to_string(number))) return;
                ++winners;
                winner = number;
            });
            CHECK(winners == 1);
            CHECK(*cache.get<std::string>(key) == "thread " + std::to_string(winner.load()));
        }
    }
    SECTION("an entry that is added is a lock that one thread holds at a time") {
        std::atomic<int> inside{0};
        std::atomic<int> together{0};
        std::atomic<int> done{0};
        in_threads(8, [&](int number) {
            for (int round = 0; round < 5; ++round) {
                while (!cache.add("mutex", number, 60s)) std::this_thread::yield();
                if (++inside != 1) ++together;
                --inside;
                ++done;
                cache.erase("mutex");
            }
        });
        CHECK(together == 0);
        CHECK(done == 40);
    }
}

void counts(const Cache& cache, const CacheContractOptions& options) {
    const auto& can = cache.capabilities();
    if (!can.atomic_increment && !can.compare_and_set) return;
    SECTION("no increment of many threads is lost") {
        cache.set("n", 0);
        // By hand each attempt may have to be repeated.
        const std::size_t rounds = can.atomic_increment ? options.increments : 50;
        in_threads(8, [&](int) {
            for (std::size_t i = 0; i < rounds; ++i) cache.incr("n");
        });
        CHECK(*cache.get<std::size_t>("n") == 8 * rounds);
    }
}

void mixtures(const Cache& cache) {
    SECTION("readers never see the bytes of two values mixed") {
        const std::string a(64 << 10, 'a');
        const std::string b(64 << 10, 'b');
        cache.set("k", a);
        std::atomic<bool> is_over{false};
        std::atomic<int> mixed{0};
        std::vector<std::thread> readers;
        readers.reserve(2);
        for (int i = 0; i < 2; ++i) {
            readers.emplace_back([&] {
                while (!is_over) {
                    const auto read = cache.get<std::string>("k");
                    if (!read.found() || (*read != a && *read != b)) ++mixed;
                }
            });
        }
        in_threads(2, [&](int number) {
            for (int round = 0; round < 50; ++round) cache.set("k", number == 0 ? a : b);
        });
        is_over = true;
        for (auto& reader : readers) reader.join();
        CHECK(mixed == 0);
    }
}

}  // namespace

void cache_contract_of_threads(const Cache& cache, const CacheContractOptions& options) {
    one_handle(cache);
    locks(cache);
    counts(cache, options);
    mixtures(cache);
}

}  // namespace cachemodel::contract
