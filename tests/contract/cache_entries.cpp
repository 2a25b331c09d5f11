// cachemodel: the contract of caches: entries come and go, and null is an entry.
// SPDX-License-Identifier: MIT
#include "contract/cache_sections.hpp"

#include "support/catch.hpp"

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace cachemodel::contract::of_caches {

using namespace std::chrono_literals;
using namespace std::string_literals;

void entries(const Cache& cache) {
    SECTION("what is set is found, and what is not is absent") {
        CHECK(cache.set("k", "v"));
        const auto found = cache.get<std::string>("k");
        REQUIRE(found.found());
        CHECK(*found == "v");

        const auto nothing = cache.get<std::string>("nope");
        CHECK(nothing.absent());
        CHECK_FALSE(nothing.failed());
        CHECK(nothing.reason() == MissReason::nothing_stored);
        CHECK(cache.get_or("nope", "bang!") == "bang!");
        CHECK(cache.get_or("k", "bang!") == "v");
    }
    SECTION("what is set last stays") {
        CHECK(cache.set("k", "bar"));
        CHECK(cache.set("k", "baz"));
        CHECK(*cache.get<std::string>("k") == "baz");
        CHECK(cache.erase("k"));
        CHECK(cache.get<std::string>("k").absent());
    }
    SECTION("an addition needs a free key, and changes nothing otherwise") {
        CHECK(cache.add("k", "value"));
        CHECK(*cache.get<std::string>("k") == "value");
        CHECK_FALSE(cache.add("k", "newvalue"));
        CHECK_FALSE(cache.add("k", "newvalue", never));
        CHECK(*cache.get<std::string>("k") == "value");
        CHECK(cache.erase("k"));
        CHECK(cache.add("k", "after all"));
        CHECK(*cache.get<std::string>("k") == "after all");
    }
    SECTION("an entry is erased once, and its neighbour stays") {
        CHECK(cache.set("k", "v"));
        CHECK(cache.set("k2", "v2"));
        CHECK(cache.erase("k"));
        CHECK_FALSE(cache.contains("k"));
        CHECK_FALSE(cache.erase("k"));
        CHECK_FALSE(cache.erase("never_there"));
        CHECK(*cache.get<std::string>("k2") == "v2");
    }
    SECTION("a cache contains what is there, whatever it is") {
        CHECK(cache.set("a", "value"));
        CHECK(cache.set("b", "value", never));
        CHECK(cache.set("n", nullptr));
        CHECK(cache.set("i", 0));
        CHECK(cache.contains("a"));
        CHECK(cache.contains("b"));
        CHECK(cache.contains("n"));
        CHECK(cache.contains("i"));
        CHECK_FALSE(cache.contains("x"));
        CHECK(cache.statistics().hits == 0);
    }
    SECTION("keys are told apart by case and by every byte at their end") {
        CHECK(cache.set("case_Key", 1));
        CHECK(cache.get<int>("CASE_KEY").absent());
        CHECK(cache.get<int>("case_key").absent());
        CHECK(cache.get<int>("case_Ke").absent());
        CHECK(cache.get<int>("case_Key1").absent());
        CHECK(cache.get<int>("case_Key:").absent());
        if (!cache.capabilities().portable_keys_only) {
            CHECK(cache.get<int>("case_Key ").absent());
            CHECK(cache.get<int>("case_Key\0"s).absent());
            CHECK(cache.get<int>(" case_Key").absent());
        }
        CHECK(*cache.get<int>("case_Key") == 1);
    }
    SECTION("clear removes the entries of all prefixes and versions, and from an empty cache") {
        CHECK(cache.clear());
        CHECK(cache.set("k", 1));
        CHECK(cache.with_version(2).set("k", 2));
        CHECK(cache.with_prefix("p").set("k", 3));
        CHECK(cache.clear());
        CHECK(cache.get<int>("k").absent());
        CHECK(cache.with_version(2).get<int>("k").absent());
        CHECK(cache.with_prefix("p").get<int>("k").absent());
        CHECK(cache.set("k", 4));
        CHECK(*cache.get<int>("k") == 4);
    }
    SECTION("a closed cache goes on") {
        CHECK(cache.set("k", 1));
        cache.close();
        cache.close();
        CHECK_FALSE(cache.get<int>("k").failed());
        CHECK(cache.set("k", 2));
        CHECK(*cache.get<int>("k") == 2);
    }
    SECTION("raw bytes are stored as they are") {
        CHECK(cache.set_raw("r", "<html>"));
        CHECK(*cache.get_raw("r") == "<html>");
        CHECK(cache.set_raw("r", ""));
        CHECK(cache.get_raw("r")->empty());
        CHECK(cache.get_raw("nothing").absent());
        // They are no value of any type, so that nothing is found there.
        CHECK(cache.set_raw("r", "<html>"));
        CHECK(cache.get<std::string>("r").absent());
        CHECK(cache.get<std::string>("r").reason() == MissReason::foreign);
        CHECK(cache.touch("r", 1h));
        CHECK(*cache.get_raw("r") == "<html>");
        CHECK(cache.incr_version("r") == cache.version() + 1);
        CHECK(cache.get_raw("r").absent());
        CHECK(*cache.with_version(cache.version() + 1).get_raw("r") == "<html>");
    }
}

void nulls(const Cache& cache) {
    using Text = std::optional<std::string>;

    SECTION("null is found, as null, and is no miss") {
        CHECK(cache.set("n", nullptr));
        const auto null = cache.get<Text>("n");
        REQUIRE(null.found());
        CHECK_FALSE(null->has_value());
        CHECK(cache.get<std::nullptr_t>("n").found());
        CHECK(cache.get_or("n", Text{"d"}) == std::nullopt);
        CHECK(cache.get_or("missing", Text{"d"}) == "d");
        CHECK(cache.contains("n"));
        CHECK(cache.erase("n"));
        CHECK(cache.get<Text>("n").absent());
    }
    SECTION("an empty optional is null, and null is no text and no number") {
        CHECK(cache.set("n", Text{}));
        CHECK(cache.get<std::nullptr_t>("n").found());
        CHECK(cache.get<std::optional<int>>("n").found());
        CHECK(cache.get<std::string>("n").failed());
        CHECK(cache.get<int>("n").failed());
        CHECK(cache.set("n", Text{"text"}));
        CHECK(*cache.get<std::string>("n") == "text");
        CHECK(cache.get<std::nullptr_t>("n").failed());
    }
    SECTION("a read of many finds null where it is stored, and nothing elsewhere") {
        CHECK(cache.set("x", nullptr));
        CHECK(cache.set("y", 1));
        const auto all = cache.get_many<std::optional<int>>({"x", "y", "z"});
        REQUIRE(all.size() == 3);
        CHECK(all[0].found());
        CHECK_FALSE(all[0]->has_value());
        CHECK(*all[1] == 1);
        CHECK(all[2].absent());
    }
    SECTION("null cannot be counted, and stays") {
        CHECK(cache.set("n", nullptr));
        CHECK_THROWS_AS(cache.incr("n"), NotAnInteger);
        CHECK(cache.get<std::nullptr_t>("n").found());
    }
    SECTION("null moves to another version") {
        CHECK(cache.set("n", nullptr));
        CHECK(cache.incr_version("n") == 2);
        CHECK(cache.with_version(2).get<std::nullptr_t>("n").found());
        CHECK(cache.get<std::nullptr_t>("n").absent());
    }
    SECTION("null that is made is stored") {
        int made = 0;
        const auto make = [&] {
            ++made;
            return Text{};
        };
        CHECK(cache.get_or_set("n", make) == std::nullopt);
        CHECK(cache.get_or_set("n", make) == std::nullopt);
        CHECK(made == 1);
        const auto keep_out = [](const Text& text) { return !text; };
        CHECK(cache.get_or_set("other", make, 60s, keep_out) == std::nullopt);
        CHECK(made == 2);
        CHECK_FALSE(cache.contains("other"));
    }
    SECTION("null, empty text, an empty list, zero and false are five values") {
        CHECK(cache.set("null", nullptr));
        CHECK(cache.set("text", ""));
        CHECK(cache.set("list", std::vector<int>{}));
        CHECK(cache.set("zero", 0));
        CHECK(cache.set("false", false));
        CHECK(cache.get<std::nullptr_t>("null").found());
        CHECK(cache.get<std::string>("text")->empty());
        CHECK(cache.get<std::vector<int>>("list")->empty());
        CHECK(*cache.get<int>("zero") == 0);
        CHECK(*cache.get<bool>("false") == false);
        CHECK(cache.get<int>("false").failed());
        CHECK(cache.get<bool>("zero").failed());
        CHECK(cache.get<std::string>("list").failed());
        CHECK(cache.get<std::vector<int>>("text").failed());
        CHECK(cache.get<int>("text").failed());
    }
}

}  // namespace cachemodel::contract::of_caches
