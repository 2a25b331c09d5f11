// cachemodel: the contract of backends: many threads at once.
// SPDX-License-Identifier: MIT
#include "contract/sections.hpp"

#include "support/backend_calls.hpp"
#include "support/catch.hpp"

#include <cachemodel/error.hpp>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace cachemodel::contract {

using namespace support;

namespace {

template <class Work>
void in_threads(std::size_t count, Work work) {
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < count; ++i) threads.emplace_back(work, i);
    for (auto& thread : threads) thread.join();
}

bool is_all_of_one_letter(std::string_view value) {
    return std::ranges::all_of(value, [&](char letter) { return letter == value.front(); });
}

void writing(Backend& backend) {
    SECTION("readers never see a part of one value and a part of another") {
        const std::vector<std::string> keys{new_key("torn"), new_key("torn"), new_key("torn")};
        std::atomic<int> torn{0};
        std::atomic<int> failures{0};
        in_threads(8, [&](std::size_t number) {
            const char letter = static_cast<char>('a' + number);
            for (std::size_t i = 0; i < 200; ++i) {
                const auto& key = keys[i % keys.size()];
                if (number % 2 == 0) {
                    // Lengths differ, so that memory is given back and taken again.
                    if (!set(backend, key, std::string(100 + 700 * number + i, letter)).done()) {
                        ++failures;
                    }
                    if (i % 20 == 0 && remove(backend, key).failed()) ++failures;
                } else {
                    for (const auto& read : get_many(backend, keys)) {
                        if (read.failed() || read.answers != 1) ++failures;
                        if (!is_all_of_one_letter(read.value)) ++torn;
                    }
                }
            }
        });
        CHECK(torn == 0);
        CHECK(failures == 0);
    }
    SECTION("each thread reads its own writes") {
        std::atomic<int> wrong{0};
        in_threads(8, [&](std::size_t number) {
            const auto key = new_key("own");
            for (int i = 0; i < 200; ++i) {
                const auto value = std::to_string(number) + ":" + std::to_string(i);
                if (!set(backend, key, value).done()) ++wrong;
                if (!get(backend, key).found(value)) ++wrong;
            }
        });
        CHECK(wrong == 0);
    }
    SECTION("of two long values that are written in turn none is ever mixed") {
        constexpr std::size_t length = 65'536;
        const auto key = new_key("mixed");
        CHECK(set(backend, key, std::string(length, 'a')).done());
        std::atomic<int> mixed{0};
        std::atomic<int> failures{0};
        in_threads(6, [&](std::size_t number) {
            const std::string value(length, number == 0 ? 'a' : 'b');
            for (int i = 0; i < 100; ++i) {
                if (number < 2) {
                    if (!set(backend, key, value).done()) ++failures;
                    continue;
                }
                const auto read = get(backend, key);
                if (!read.found()) ++failures;
                if (read.value.size() != length || !is_all_of_one_letter(read.value)) ++mixed;
            }
        });
        CHECK(mixed == 0);
        CHECK(failures == 0);
    }
    SECTION("of 32 who add a key at once one wins, and its value stays") {
        constexpr std::size_t thread_count = 32;
        std::vector<std::string> keys;
        for (int round = 0; round < 20; ++round) keys.push_back(new_key("winner"));
        std::vector<std::vector<std::size_t>> winners(keys.size(),
                                                      std::vector<std::size_t>(thread_count));
        std::atomic<int> failures{0};
        std::atomic<std::size_t> ready{0};
        in_threads(thread_count, [&](std::size_t number) {
            ++ready;
            while (ready < thread_count) std::this_thread::yield();
            for (std::size_t round = 0; round < keys.size(); ++round) {
                const auto outcome = add(backend, keys[round], std::to_string(number));
                if (outcome.done()) winners[round][number] = 1;
                if (outcome.failed()) ++failures;
            }
        });
        CHECK(failures == 0);
        for (std::size_t round = 0; round < keys.size(); ++round) {
            CHECK(std::ranges::count(winners[round], std::size_t{1}) == 1);
            const auto winner = std::ranges::find(winners[round], std::size_t{1});
            CHECK(get(backend, keys[round]).found(std::to_string(winner - winners[round].begin())));
        }
    }
    SECTION("whatever 16 threads do with a key, it holds what one of them wrote there") {
        const std::vector<std::string> keys{new_key("mix"), new_key("mix"), new_key("mix"),
                                            new_key("mix"), new_key("mix")};
        std::atomic<int> wrong{0};
        in_threads(16, [&](std::size_t number) {
            std::mt19937 random{static_cast<std::mt19937::result_type>(number)};
            for (int i = 0; i < 200; ++i) {
                const auto& key = keys[random() % keys.size()];
                const auto value = key + "=" + std::to_string(random());
                switch (random() % 7) {
                    case 0:
                        if (!set(backend, key, value).done()) ++wrong;
                        break;
                    case 1:
                        if (add(backend, key, value).failed()) ++wrong;
                        break;
                    case 2:
                        if (remove(backend, key).failed()) ++wrong;
                        break;
                    case 3:
                        if (touch(backend, key, std::chrono::hours{1}).failed()) ++wrong;
                        break;
                    case 4: {
                        const auto reads = get_many(backend, keys);
                        for (std::size_t k = 0; k < keys.size(); ++k) {
                            const bool right =
                                reads[k].absent() ||
                                (reads[k].found() && reads[k].value.starts_with(keys[k] + "="));
                            if (!right) ++wrong;
                        }
                        break;
                    }
                    case 5: {
                        if (!backend.capabilities().atomic_increment) break;
                        const auto outcome = increment(backend, key, 1).outcome;
                        if (!outcome.declined() && !fails_with<NotAnInteger>(outcome)) ++wrong;
                        break;
                    }
                    default: {
                        const auto read = peek(backend, key);
                        if (!read.absent() && !(read.found() && read.value.starts_with(key))) {
                            ++wrong;
                        }
                    }
                }
            }
        });
        CHECK(wrong == 0);
    }
}

void counting(Backend& backend, const ContractOptions& options) {
    if (backend.capabilities().atomic_increment) {
        SECTION("counting in many threads loses no step, and gives every number once") {
            constexpr std::size_t thread_count = 8;
            const std::size_t total = thread_count * options.increments;
            const auto key = new_key("counter");
            CHECK(set(backend, key, "0").done());
            std::vector<std::atomic<int>> given(total + 1);
            std::atomic<std::size_t> failures{0};
            in_threads(thread_count, [&](std::size_t) {
                for (std::size_t i = 0; i < options.increments; ++i) {
                    const auto counted = increment(backend, key, 1);
                    const bool fits = counted.outcome.done() && counted.value >= 1 &&
                                      static_cast<std::size_t>(counted.value) <= total;
                    if (fits) {
                        ++given[static_cast<std::size_t>(counted.value)];
                    } else {
                        ++failures;
                    }
                }
            });
            CHECK(failures == 0);
            CHECK(std::all_of(given.begin() + 1, given.end(),
                              [](const auto& times) { return times == 1; }));
            CHECK(get(backend, key).found(std::to_string(total)));
        }
    }
    if (backend.capabilities().compare_and_set) {
        SECTION("counting by compare-and-set loses no step") {
            const auto key = new_key("counter");
            CHECK(set(backend, key, "0").done());
            std::atomic<int> failures{0};
            in_threads(8, [&](std::size_t) {
                for (int i = 0; i < 25;) {
                    const auto read = get(backend, key);
                    int count = 0;
                    std::from_chars(read.value.data(), read.value.data() + read.value.size(),
                                    count);
                    const auto outcome =
                        compare_and_set(backend, key, std::to_string(count + 1), read.token);
                    if (outcome.done()) ++i;
                    if (outcome.failed() || !read.found()) {
                        ++failures;
                        return;
                    }
                }
            });
            CHECK(failures == 0);
            CHECK(get(backend, key).found("200"));
        }
    }
}

}  // namespace

void backend_contract_of_threads(Backend& backend, const ContractOptions& options) {
    writing(backend);
    counting(backend, options);
}

void backend_contract_of_clear_among_threads(Backend& backend) {
    SECTION("clearing while others read and write breaks nothing, and the last clear is final") {
        const std::vector<std::string> keys{new_key("swept"), new_key("swept"), new_key("swept")};
        std::atomic<int> wrong{0};
        in_threads(6, [&](std::size_t number) {
            for (int i = 0; i < 100; ++i) {
                if (number == 0) {
                    backend.clear();
                } else if (number < 3) {
                    for (const auto& key : keys) {
                        if (!set(backend, key, key + " value").done()) ++wrong;
                    }
                } else {
                    const auto reads = get_many(backend, keys);
                    for (std::size_t k = 0; k < keys.size(); ++k) {
                        if (!reads[k].absent() && !reads[k].found(keys[k] + " value")) ++wrong;
                    }
                }
            }
        });
        CHECK(wrong == 0);
        backend.clear();
        for (const auto& read : get_many(backend, keys)) CHECK(read.absent());
        if (backend.capabilities().lists_keys) CHECK(list_keys(backend, "").empty());
        CHECK(add(backend, keys[0], "after").done());
        CHECK(get(backend, keys[0]).found("after"));
    }
}

}  // namespace cachemodel::contract
