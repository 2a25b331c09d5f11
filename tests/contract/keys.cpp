// cachemodel: the contract of backends: what may be a key, and which keys are the same.
// SPDX-License-Identifier: MIT
#include "contract/sections.hpp"

#include "support/backend_calls.hpp"
#include "support/catch.hpp"

#include <cachemodel/error.hpp>

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace cachemodel::contract {

using namespace support;

namespace {

void told_apart(Backend& backend) {
    SECTION("keys that resemble each other are different keys") {
        const auto base = new_key("k");
        const std::vector<std::string> names{
            base,       base + "x",        base + "xx",   base + "X",        base + "\xc3\xa9",
            base + "e", base + "\xcc\x81", base + "\xff", base + "\x80\xfe", base + "/",
            base + ":", base + "%20",      base + "'",    base + "\\",       base + "*",
        };
        for (std::size_t i = 0; i < names.size(); ++i) {
            CHECK(add(backend, names[i], "value " + std::to_string(i)).done());
        }
        for (std::size_t i = 0; i < names.size(); ++i) {
            INFO("key " << names[i]);
            CHECK(get(backend, names[i]).found("value " + std::to_string(i)));
        }
        CHECK(remove(backend, names[1]).done());
        CHECK(get(backend, names[0]).found("value 0"));
        CHECK(get(backend, names[2]).found("value 2"));
    }
    SECTION("no byte of a key has a meaning of its own") {
        const auto key = new_key("#/:*(<+=>)&$%@?;'\"`~-\\{}[]|^../../etc/passwd,%00%0a");
        CHECK(set(backend, key, "v").done());
        CHECK(get(backend, key).found("v"));
        CHECK(touch(backend, key, never).done());
        CHECK(remove(backend, key).done());
        CHECK(get(backend, key).absent());
    }
    SECTION("a key is exactly its bytes, not what stands behind them") {
        const auto buffer = new_key("whole");
        const auto part = std::string_view{buffer}.substr(0, buffer.size() - 2);
        CHECK(set(backend, part, "part").done());
        CHECK(get(backend, buffer).absent());
        CHECK(set(backend, buffer, "whole").done());
        CHECK(get(backend, part).found("part"));
        CHECK(get(backend, std::string{part}).found("part"));
    }
}

void lengths(Backend& backend) {
    SECTION("keys up to 250 bytes long work and are compared to their last byte") {
        auto key = new_key("");
        key.resize(250, 'k');
        auto other = key;
        other.back() = 'l';
        CHECK(set(backend, key, "one").done());
        CHECK(get(backend, other).absent());
        CHECK(set(backend, other, "two").done());
        CHECK(get(backend, key).found("one"));
    }
    SECTION("the longest key that is claimed works, and none above it") {
        const std::size_t longest = backend.capabilities().longest_key;
        if (longest > std::size_t{16} << 20) return;
        auto key = new_key("");
        key.resize(longest, 'k');
        CHECK(set(backend, key, "").done());
        CHECK(get(backend, key).found(""));
        CHECK(remove(backend, key).done());
        key += 'k';
        CHECK(set(backend, key, "").failed());
        CHECK_FALSE(get(backend, key).found());
    }
}

/// Does everything with `key` that can be done; it is not there before nor afterwards.
void use(Backend& backend, const std::string& key) {
    const Capabilities& can = backend.capabilities();
    CHECK(get(backend, key).absent());
    CHECK(remove(backend, key).declined());
    CHECK(touch(backend, key, never).declined());
    CHECK(add(backend, key, "one").done());
    CHECK(add(backend, key, "two").declined());
    CHECK(get_many(backend, {key, key + "x", key}).at(2).found("one"));
    CHECK(peek(backend, key).found("one"));
    CHECK(touch(backend, key, std::chrono::hours{1}).done());
    CHECK(set(backend, key, "3").done());
    CHECK(get(backend, key).found("3"));
    if (can.compare_and_set) {
        CHECK(compare_and_set(backend, key, "4", get(backend, key).token).done());
        CHECK(get(backend, key).found("4"));
        CHECK(set(backend, key, "3").done());
    }
    if (can.atomic_increment) {
        CHECK(increment(backend, key, 1).is(4));
        CHECK(get(backend, key).found("4"));
    }
    if (can.tells_lifetimes) CHECK(remaining_lifetime(backend, key).outcome.done());
    if (can.lists_keys) CHECK(list_keys(backend, key) == std::vector<std::string>{key});
    CHECK(remove(backend, key).done());
    CHECK(get(backend, key).absent());
}

void odd_keys(Backend& backend) {
    using namespace std::string_literals;
    SECTION("any bytes make a key, for every call") {
        for (const auto& end :
             {"\0"s, "\0\0"s, "a\0b"s, " "s, " a"s, "\n"s, "\r\n"s, "\t"s, "\x7f"s, "\x1b[0m"s,
              "\xff\xfe"s, "\xc3"s, "x 0 0 1\r\nA\r\nset admin 0 0 1\r\n1"s,
              "with spaces and \xe6\xb8\x85"s, std::string(300, 'k')}) {
            const auto key = new_key("odd") + end;
            INFO("key ends in " << end);
            use(backend, key);
        }
    }
    SECTION("keys that differ in what text hides are different keys") {
        const auto base = new_key("odd");
        const std::vector<std::string> names{
            base,       base + "\0"s,  base + "\0\0"s, base + "\0a"s, base + "\0b"s,
            base + " ", base + "  ",   base + "\n",    base + "\t",   base + "\r\n",
            " " + base, base + "\xff", base + "\xfe",
        };
        for (std::size_t i = 0; i < names.size(); ++i) {
            CHECK(add(backend, names[i], std::to_string(i)).done());
        }
        const auto reads = get_many(backend, names);
        for (std::size_t i = 0; i < names.size(); ++i) CHECK(reads[i].found(std::to_string(i)));
        CHECK(remove(backend, names[1]).done());
        CHECK(get(backend, names[0]).found("0"));
        CHECK(get(backend, names[2]).found("2"));
        CHECK(get(backend, names[3]).found("3"));
    }
    SECTION("a key of 20 KB is kept whole, and its neighbour is another one") {
        if (backend.capabilities().longest_key <= 20'480) return;
        auto key = new_key("");
        key.resize(20'480, 'k');
        CHECK(set(backend, key, "one").done());
        CHECK(get(backend, key + "x").absent());
        auto other = key;
        other.back() = 'l';
        CHECK(get(backend, other).absent());
        CHECK(set(backend, other, "two").done());
        const auto reads = get_many(backend, {other, key, key + "x"});
        CHECK(reads[0].found("two"));
        CHECK(reads[1].found("one"));
        CHECK(reads[2].absent());
        if (backend.capabilities().lists_keys) {
            CHECK(list_keys(backend, key) == std::vector<std::string>{key});
        }
        CHECK(remove(backend, key).done());
        CHECK(get(backend, other).found("two"));
    }
}

void refused_keys(Backend& backend) {
    using namespace std::string_literals;
    SECTION("keys that could be taken for something else are refused by every call") {
        const auto base = new_key("refused");
        const auto neighbour = base + "a";
        CHECK(set(backend, base, "old").done());
        for (const auto& key :
             {base + " ", base + "\0"s, base + "\n", base + "\r\n", base + "\t", base + "\x7f",
              base + " 0 0 1\r\nA\r\nset " + neighbour + " 0 0 1\r\n1"}) {
            INFO("key " << key);
            const auto reads = get_many(backend, {key, base});
            CHECK(reads[0].failed());
            CHECK(reads[1].found("old"));
            CHECK(fails_with<InvalidKey>(set(backend, key, "v")));
            CHECK(fails_with<InvalidKey>(add(backend, key, "v")));
            CHECK(fails_with<InvalidKey>(remove(backend, key)));
            CHECK(fails_with<InvalidKey>(touch(backend, key, never)));
            if (backend.capabilities().atomic_increment) {
                CHECK(fails_with<InvalidKey>(increment(backend, key, 1).outcome));
            }
        }
        CHECK(get(backend, base).found("old"));
        CHECK(get(backend, neighbour).absent());
    }
}

}  // namespace

void keys(Backend& backend) {
    told_apart(backend);
    lengths(backend);
    if (backend.capabilities().portable_keys_only) {
        refused_keys(backend);
    } else {
        odd_keys(backend);
    }
}

}  // namespace cachemodel::contract
