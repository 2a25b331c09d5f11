// cachemodel: the contract of backends: they can what they say, and say what they cannot.
// SPDX-License-Identifier: MIT
#include "contract/sections.hpp"

#include "support/backend_calls.hpp"
#include "support/catch.hpp"

#include <chrono>

namespace cachemodel::contract {

using namespace support;

namespace {

bool is_unsupported(const Outcome& outcome) {
    return outcome.failed() && outcome.failure().fault() == BackendFault::unsupported;
}

}  // namespace

void capabilities(Backend& backend) {
    const Capabilities can = backend.capabilities();
    SECTION("capabilities make sense, and are the same every time") {
        CHECK(can.lifetime_resolution >= std::chrono::nanoseconds{1});
        CHECK(can.lifetime_resolution <= std::chrono::seconds{1});
        CHECK(can.longest_key >= 250);
        CHECK(can.largest_value >= 200'000);
        if (can.counters_stop_at_zero) CHECK(can.atomic_increment);
        static_cast<void>(get(backend, new_key("any")));
        CHECK(backend.capabilities().largest_value == can.largest_value);
        CHECK(backend.capabilities().lifetime_resolution == can.lifetime_resolution);
    }
    SECTION("what a backend cannot do fails as unsupported, and changes nothing") {
        const auto key = new_key("5");
        CHECK(set(backend, key, "5").done());
        if (!can.compare_and_set) {
            const auto token = get(backend, key).token;
            CHECK(is_unsupported(compare_and_set(backend, key, "6", token)));
            CHECK(is_unsupported(compare_and_set(backend, new_key("none"), "6", 0)));
        }
        if (!can.atomic_increment) CHECK(is_unsupported(increment(backend, key).outcome));
        if (!can.tells_lifetimes) CHECK(is_unsupported(remaining_lifetime(backend, key).outcome));
        if (!can.lists_keys) {
            try {
                static_cast<void>(list_keys(backend, key));
                FAIL("keys were listed");
            } catch (const BackendError& error) {
                CHECK(error.fault() == BackendFault::unsupported);
            }
        }
        CHECK(get(backend, key).found("5"));
    }
    SECTION("every fact has a name") {
        for (const Fact& fact : backend.facts()) {
            INFO("of \"" << fact.subject << "\": " << fact.name << " = " << fact.value);
            CHECK_FALSE(fact.name.empty());
        }
    }
}

}  // namespace cachemodel::contract
