// cachemodel: the contract of caches: which keys there are.
// SPDX-License-Identifier: MIT
#include "contract/cache_sections.hpp"

#include "support/bytes.hpp"
#include "support/catch.hpp"

#include <cachemodel/error.hpp>

#include <array>
#include <chrono>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cachemodel::contract::of_caches {

using namespace std::chrono_literals;
using namespace std::string_literals;

namespace {

/// Every verb with this key.
void works(const Cache& cache, std::string_view key) {
    CHECK(cache.set(key, "v"));
    CHECK(*cache.get<std::string>(key) == "v");
    CHECK(cache.get_or(key, "other") == "v");
    CHECK(cache.contains(key));
    CHECK_FALSE(cache.add(key, "other"));
    CHECK(cache.touch(key, 60s));
    CHECK(*cache.get_many<std::string>({key})[0] == "v");
    CHECK(cache.set_many(std::vector{std::pair{key, 1}})[0].done());
    CHECK(cache.incr(key) == 2);
    CHECK(cache.decr(key) == 1);
    CHECK(cache.get_or_set(key, 5) == 1);
    CHECK(cache.erase(key));
    CHECK(cache.delete_many({key})[0].declined());
}

/// Every verb refuses this key, also among others, and nothing is written.
void is_refused(const Cache& cache, std::string_view key) {
    CHECK_THROWS_AS(cache.get<int>(key), InvalidKey);
    CHECK_THROWS_AS(cache.get_or(key, 1), InvalidKey);
    CHECK_THROWS_AS(cache.set(key, 1), InvalidKey);
    CHECK_THROWS_AS(cache.set(key, 1, 0s), InvalidKey);
    CHECK_THROWS_AS(cache.add(key, 1), InvalidKey);
    CHECK_THROWS_AS(cache.erase(key), InvalidKey);
    CHECK_THROWS_AS(cache.contains(key), InvalidKey);
    CHECK_THROWS_AS(cache.touch(key), InvalidKey);
    CHECK_THROWS_AS(cache.incr(key), InvalidKey);
    CHECK_THROWS_AS(cache.incr(key, 1, 1), InvalidKey);
    CHECK_THROWS_AS(cache.decr(key), InvalidKey);
    CHECK_THROWS_AS(cache.incr_version(key), InvalidKey);
    CHECK_THROWS_AS(cache.get_or_set(key, 1), InvalidKey);
    CHECK_THROWS_AS(cache.get_raw(key), InvalidKey);
    CHECK_THROWS_AS(cache.set_raw(key, "v"), InvalidKey);
    CHECK_THROWS_AS(cache.get_many<int>({"ok", key}), InvalidKey);
    CHECK_THROWS_AS(cache.delete_many({"ok", key}), InvalidKey);
    const std::vector<std::pair<std::string_view, int>> pairs{{"new", 1}, {key, 2}};
    CHECK_THROWS_AS(cache.set_many(pairs), InvalidKey);
    CHECK_THROWS_AS(cache.add_many(pairs), InvalidKey);
    CHECK_FALSE(cache.contains("new"));
}

}  // namespace

void keys(const Cache& cache) {
    SECTION("keys in any script work") {
        works(cache, "I\u00f1t\u00ebrn\u00e2ti\u00f4n\u00e0liz\u00e6ti\u00f8n");
        works(cache, "\u043a\u043b\u044e\u0447");
        works(cache, "\u6e05");
        works(cache, "\xff\xfe");
    }
    SECTION("characters that mean something elsewhere mean nothing here") {
        works(cache, R"(#/:*(<+=>)&$%@?;'"`~-\{}[]|^)");
        works(cache, "../../etc/passwd");
        works(cache, "/abs");
        works(cache, "a/../../b");
        works(cache, R"(..\..\x)");
        works(cache, "CON");
        works(cache, "%41%2e%00");
        works(cache, "';drop/**/table/**/cache;--");
        CHECK(cache.set("a*", 1));
        CHECK(cache.set("ab", 2));
        CHECK(cache.set("a?", 3));
        CHECK(cache.set("A", 4));
        CHECK(cache.erase("a*"));
        CHECK(*cache.get<int>("ab") == 2);
        CHECK(*cache.get<int>("a?") == 3);
        CHECK(cache.get<int>("%41").absent());
    }
    SECTION("the empty key is a key of its own") {
        CHECK(cache.get<int>("").absent());
        works(cache, "");
        CHECK(cache.set("", 1));
        CHECK(cache.get<int>(":").absent());
        CHECK(cache.with_version(2).get<int>("").absent());
        CHECK(cache.clear());
    }
    SECTION("a key is the bytes of a view, in the middle of others") {
        const std::string buffer = "xxkeyxx";
        const std::string_view key = std::string_view{buffer}.substr(2, 3);
        CHECK(cache.set(key, 1));
        CHECK(*cache.get<int>("key") == 1);
        CHECK(cache.get<int>("keyxx").absent());
    }
    SECTION("a final key of 250 bytes works everywhere") {
        const std::string longest(247, 'k');  // and ":1:"
        works(cache, longest);
        works(cache, longest.substr(1));
    }
    SECTION("a key that is not portable works, or is refused before anything is done") {
        const std::array strange{
            "key with spaces and \u6e05"s,
            "x 0 0 1\r\nA\r\nset admin 0 0 1\r\n1"s,
            "a\nb"s,
            "tab\t"s,
            "\x7f"s,
            "k\0"s,
            "k\0k"s,
            std::string(248, 'k'),
            support::repeated("\u00e9", 126),
            std::string(20'000, 'k'),
        };
        CHECK(cache.set("a", 1));
        CHECK(cache.set("k", 2));
        for (const auto& key : strange) {
            INFO(key.substr(0, 40));
            if (cache.capabilities().portable_keys_only) {
                is_refused(cache, key);
            } else {
                works(cache, key);
                CHECK(cache.set(key, "v"));
                CHECK(cache.get<std::string>(key + "x").absent());
            }
        }
        CHECK_FALSE(cache.contains("admin"));
        CHECK(*cache.get<int>("a") == 1);
        CHECK(*cache.get<int>("k") == 2);
    }
}

}  // namespace cachemodel::contract::of_caches
