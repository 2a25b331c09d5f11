// cachemodel: the contract of backends: counting.
// SPDX-License-Identifier: MIT
#include "contract/sections.hpp"

#include "support/backend_calls.hpp"
#include "support/catch.hpp"

#include <cachemodel/error.hpp>

#include <chrono>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cachemodel::contract {

using namespace support;

namespace {

constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t least = std::numeric_limits<std::int64_t>::min();

/// Whether `key` holds `digits`.
bool holds(Backend& backend, const ContractOptions& options, std::string_view key,
           std::string_view digits) {
    Read read = get(backend, key);
    if (options.counts_as_memcached) {
        while (read.value.ends_with(' ')) read.value.pop_back();
    }
    return read.found(digits);
}

std::string new_counter(Backend& backend, std::string_view digits) {
    auto key = new_key("counter");
    CHECK(set(backend, key, digits).done());
    return key;
}

void counting(Backend& backend, const ContractOptions& options) {
    SECTION("a counter goes up and down, and reads agree with it") {
        const auto key = new_counter(backend, "41");
        const std::vector<std::pair<std::int64_t, std::int64_t>> steps{
            {1, 42},
            {10, 52},
            {-10, 42},
            {-1, 41},
            {-10, 31},
            {10, 41},
            {59, 100},
            {-1, 99},
            {-90, 9},
            {-9, 0},
            {1, 1},
            {999, 1000},
            {0, 1000},
            {-995, 5},
            {123, 128},
            {0, 128},
            {8589934592, 8589934720},
        };
        for (const auto& [delta, sum] : steps) {
            INFO("plus " << delta);
            const auto counted = increment(backend, key, delta);
            INFO(counted);
            CHECK(counted.is(sum));
            CHECK(holds(backend, options, key, std::to_string(sum)));
        }
    }
    SECTION("a counter steps over 32 bits, by deltas of more than 32 bits, too") {
        const auto key = new_counter(backend, "0");
        CHECK(increment(backend, key, 8'589'934'592).is(8'589'934'592));
        CHECK(holds(backend, options, key, "8589934592"));
        CHECK(increment(backend, key, -8'589'934'591).is(1));
        CHECK(increment(backend, key, 4'294'967'295).is(4'294'967'296));
        CHECK(holds(backend, options, key, "4294967296"));
        CHECK(increment(backend, key, 1'000'000'000'000'000'000).is(1'000'000'004'294'967'296));
    }
    SECTION("a counter reaches the largest number") {
        const auto key = new_counter(backend, "9223372036854775806");
        CHECK(increment(backend, key, 1).is(most));
        CHECK(increment(backend, key, 0).is(most));
        CHECK(holds(backend, options, key, "9223372036854775807"));
        CHECK(increment(backend, key, -most).is(0));
        CHECK(increment(backend, key, most).is(most));
    }
    SECTION("adding nothing changes nothing") {
        const auto key = new_counter(backend, "7");
        CHECK(increment(backend, key, 0).is(7));
        CHECK(get(backend, key).found("7"));
    }
    SECTION("what is not there is not counted") {
        const auto key = new_key("counter");
        CHECK(increment(backend, key, 1).declined());
        CHECK(increment(backend, key, 0).declined());
        CHECK(increment(backend, key, -1).declined());
        CHECK(increment(backend, key, least).declined());
        CHECK(get(backend, key).absent());
        CHECK(set(backend, key, "1").done());
        CHECK(remove(backend, key).done());
        CHECK(increment(backend, key, 1).declined());
        CHECK(get(backend, key).absent());
    }
    SECTION("counting is like any other write to those that add, touch, set and remove") {
        const auto key = new_key("counter");
        CHECK(add(backend, key, "1").done());
        CHECK(increment(backend, key, 1).is(2));
        CHECK(add(backend, key, "1").declined());
        CHECK(touch(backend, key, std::chrono::hours{1}).done());
        CHECK(increment(backend, key, 1).is(3));
        CHECK(set(backend, key, "10").done());
        CHECK(increment(backend, key, 1).is(11));
        CHECK(remove(backend, key).done());
        CHECK(get(backend, key).absent());
    }
    SECTION("counters are told apart, and leave their neighbours alone") {
        const auto one = new_counter(backend, "37");
        const auto other = one + "0";
        CHECK(set(backend, other, "42").done());
        CHECK(increment(backend, one, 1).is(38));
        CHECK(increment(backend, other, 1).is(43));
        CHECK(get(backend, one).found("38"));
        CHECK(get(backend, other).found("43"));
    }
    if (!backend.capabilities().compare_and_set) return;
    SECTION("counting changes the token") {
        const auto key = new_counter(backend, "1");
        const auto before = get(backend, key).token;
        CHECK(increment(backend, key, 1).is(2));
        CHECK(compare_and_set(backend, key, "100", before).declined());
        CHECK(get(backend, key).found("2"));
        CHECK(compare_and_set(backend, key, "100", get(backend, key).token).done());
        CHECK(increment(backend, key, 1).is(101));
    }
}

void below_zero(Backend& backend, const ContractOptions& options) {
    if (backend.capabilities().counters_stop_at_zero) {
        SECTION("a counter stops at zero") {
            const auto key = new_counter(backend, "1");
            CHECK(increment(backend, key, -3).is(0));
            CHECK(holds(backend, options, key, "0"));
            CHECK(increment(backend, key, least).is(0));
            CHECK(increment(backend, key, 5).is(5));
        }
        SECTION("a number below zero is read, and not counted") {
            const auto key = new_counter(backend, "-5");
            CHECK(fails_with<NotAnInteger>(increment(backend, key, 1).outcome));
            CHECK(get(backend, key).found("-5"));
        }
        return;
    }
    SECTION("a counter goes below zero and comes back") {
        const auto key = new_counter(backend, "1");
        CHECK(increment(backend, key, -3).is(-2));
        CHECK(get(backend, key).found("-2"));
        CHECK(increment(backend, key, -98).is(-100));
        CHECK(get(backend, key).found("-100"));
        CHECK(increment(backend, key, 1).is(-99));
        CHECK(get(backend, key).found("-99"));
        CHECK(increment(backend, key, 99).is(0));
        CHECK(get(backend, key).found("0"));
        CHECK(increment(backend, new_counter(backend, "-5"), 1).is(-4));
    }
    SECTION("a counter reaches the smallest number") {
        const auto key = new_counter(backend, "0");
        CHECK(increment(backend, key, least).is(least));
        CHECK(increment(backend, key, 0).is(least));
        CHECK(get(backend, key).found("-9223372036854775808"));
        CHECK(increment(backend, key, most).is(-1));
        CHECK(increment(backend, key, most).is(most - 1));
        CHECK(increment(backend, new_counter(backend, "9223372036854775807"), least).is(-1));
    }
    SECTION("a sum below the smallest number overflows, and the entry stays") {
        const std::vector<std::pair<std::string, std::int64_t>> sums{
            {"-9223372036854775808", -1},
            {"-1", least},
            {"-9223372036854775808", least},
            {"-9223372036854775000", -809},
        };
        for (const auto& [digits, delta] : sums) {
            INFO(digits << " plus " << delta);
            const auto key = new_counter(backend, digits);
            CHECK(fails_with<Overflow>(increment(backend, key, delta).outcome));
            CHECK(get(backend, key).found(digits));
        }
    }
}

void refusals(Backend& backend, const ContractOptions& options) {
    SECTION("what is no integer is not counted, and stays") {
        std::vector<std::string> payloads{
            "hi",
            "1.5",
            "",
            "-",
            "--5",
            "12abc",
            "0x10",
            "true",
            "1e3",
            "a 5",
            std::string{"\xCA\x01\x00"
                        "5",
                        4},
            std::string{"\0", 1},
        };
        if (!options.counts_as_memcached) {
            payloads.insert(payloads.end(), {" 5", "+5", "5 6", "\n5"});
        }
        for (const auto& payload : payloads) {
            INFO("payload \"" << payload << '"');
            const auto key = new_counter(backend, payload);
            CHECK(fails_with<NotAnInteger>(increment(backend, key, 1).outcome));
            CHECK(fails_with<NotAnInteger>(increment(backend, key, 0).outcome));
            CHECK(fails_with<NotAnInteger>(increment(backend, key, -1).outcome));
            CHECK(get(backend, key).found(payload));
        }
    }
    SECTION("a sum above the largest number overflows, and the entry stays") {
        const std::vector<std::pair<std::string, std::int64_t>> sums{
            {"9223372036854775807", 1},
            {"1", most},
            {"9223372036854775807", most},
            {"9223372036854775000", 808},
        };
        for (const auto& [digits, delta] : sums) {
            INFO(digits << " plus " << delta);
            const auto key = new_counter(backend, digits);
            CHECK(fails_with<Overflow>(increment(backend, key, delta).outcome));
            if (!options.counts_as_memcached) CHECK(get(backend, key).found(digits));
        }
    }
    SECTION("a stored number above the largest one overflows, and stays") {
        for (const std::string digits : {"18446744073709551615", "9223372036854775808"}) {
            INFO(digits);
            const auto key = new_counter(backend, digits);
            CHECK(get(backend, key).found(digits));
            CHECK(fails_with<Overflow>(increment(backend, key, 0).outcome));
            CHECK(get(backend, key).found(digits));
        }
        const auto key = new_counter(backend, "18446744073709551615");
        CHECK(fails_with<Overflow>(increment(backend, key, -1).outcome));
        if (!options.counts_as_memcached) CHECK(get(backend, key).found("18446744073709551615"));
    }
}

}  // namespace

void counters(Backend& backend, const ContractOptions& options) {
    if (!backend.capabilities().atomic_increment) return;
    counting(backend, options);
    below_zero(backend, options);
    refusals(backend, options);
}

}  // namespace cachemodel::contract
