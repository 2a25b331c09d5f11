// cachemodel: the contract of backends: writes that depend on what is there.
// SPDX-License-Identifier: MIT
#include "contract/sections.hpp"

#include "support/backend_calls.hpp"
#include "support/catch.hpp"

#include <string>
#include <vector>

namespace cachemodel::contract {

using namespace support;
using namespace std::chrono_literals;

void conditional_writes(Backend& backend) {
    SECTION("add stores where nothing is and declines where something is") {
        const auto key = new_key("add");
        CHECK(add(backend, key, "first").done());
        CHECK(add(backend, key, "second").declined());
        CHECK(get(backend, key).found("first"));
        CHECK(remove(backend, key).done());
        CHECK(add(backend, key, "third").done());
        CHECK(get(backend, key).found("third"));
    }
    SECTION("remove tells whether there was something") {
        const auto key = new_key("remove");
        CHECK(remove(backend, key).declined());
        CHECK(set(backend, key, "value").done());
        CHECK(remove(backend, key).done());
        CHECK(get(backend, key).absent());
        CHECK(remove(backend, key).declined());
    }
    SECTION("touch tells whether there was something and changes no value") {
        const auto key = new_key("touch");
        CHECK(touch(backend, key, 1h).declined());
        CHECK(get(backend, key).absent());
        CHECK(set(backend, key, "value").done());
        CHECK(touch(backend, key, 1h).done());
        CHECK(touch(backend, key, never).done());
        CHECK(touch(backend, key, 24h * 365).done());
        CHECK(get(backend, key).found("value"));
    }
    if (!backend.capabilities().compare_and_set) return;
    SECTION("compare-and-set stores where the entry is still the one that was read") {
        const auto key = new_key("compare");
        CHECK(set(backend, key, "one").done());
        const auto read = get(backend, key);
        CHECK(compare_and_set(backend, key, "two", read.token).done());
        CHECK(get(backend, key).found("two"));
    }
    if (backend.capabilities().token_per_write) {
        SECTION("compare-and-set declines where the entry was written again, to the same value") {
            const auto key = new_key("compare");
            CHECK(set(backend, key, "one").done());
            const auto token = get(backend, key).token;
            CHECK(set(backend, key, "one").done());
            CHECK(compare_and_set(backend, key, "two", token).declined());
            CHECK(get(backend, key).found("one"));
            CHECK(remove(backend, key).done());
            CHECK(set(backend, key, "one").done());
            CHECK(compare_and_set(backend, key, "two", token).declined());
            CHECK(get(backend, key).found("one"));
        }
    }
    SECTION("compare-and-set declines where the entry has changed") {
        const auto key = new_key("compare");
        CHECK(set(backend, key, "zero").done());
        const auto token = get(backend, key).token;
        CHECK(set(backend, key, "one").done());
        CHECK(compare_and_set(backend, key, "two", token).declined());
        CHECK(get(backend, key).found("one"));
        const auto second = get(backend, key).token;
        CHECK(compare_and_set(backend, key, "two", second).done());
        CHECK(compare_and_set(backend, key, "three", second).declined());
        CHECK(get(backend, key).found("two"));
    }
    SECTION("compare-and-set declines where the entry is gone, or gone and back") {
        const auto key = new_key("compare");
        CHECK(compare_and_set(backend, key, "two", 12345).declined());
        CHECK(get(backend, key).absent());
        CHECK(set(backend, key, "one").done());
        const auto token = get(backend, key).token;
        CHECK(remove(backend, key).done());
        CHECK(compare_and_set(backend, key, "two", token).declined());
        CHECK(get(backend, key).absent());
        CHECK(set(backend, key, "back").done());
        CHECK(compare_and_set(backend, key, "two", token).declined());
        CHECK(get(backend, key).found("back"));
    }
    SECTION("reading leaves the token as it is") {
        const auto key = new_key("compare");
        CHECK(set(backend, key, "one").done());
        const auto token = get(backend, key).token;
        CHECK(get(backend, key).token == token);
        CHECK(compare_and_set(backend, key, "two", token).done());
    }
    SECTION("an empty value is compared like any other") {
        const auto key = new_key("compare");
        CHECK(set(backend, key, "").done());
        const auto token = get(backend, key).token;
        CHECK(compare_and_set(backend, key, "x", token).done());
        CHECK(compare_and_set(backend, key, "", get(backend, key).token).done());
        CHECK(get(backend, key).found(""));
    }
    SECTION("compare-and-set without a token overwrites nothing") {
        const auto key = new_key("compare");
        CHECK(set(backend, key, "one").done());
        CHECK(compare_and_set(backend, key, "two", 0).declined());
        CHECK(get(backend, key).found("one"));
    }
    SECTION("a token belongs to its key") {
        const auto key = new_key("compare");
        const auto other = new_key("compare");
        CHECK(set(backend, key, "one").done());
        CHECK(set(backend, other, "other").done());
        CHECK(compare_and_set(backend, key, "two", get(backend, other).token).declined());
        CHECK(get(backend, key).found("one"));
    }
    SECTION("tokens of a batch read belong to their keys") {
        const auto key = new_key("compare");
        const auto other = new_key("compare");
        CHECK(set(backend, key, "one").done());
        CHECK(set(backend, other, "two").done());
        const auto reads = get_many(backend, {other, new_key("none"), key});
        const auto outcomes = store_many(
            backend, Store::compare_and_set,
            {{key, "three", never, reads[2].token}, {other, "x", never, reads[2].token}});
        CHECK(outcomes[0].done());
        CHECK(outcomes[1].declined());
        CHECK(get(backend, key).found("three"));
        CHECK(get(backend, other).found("two"));
    }
}

}  // namespace cachemodel::contract
