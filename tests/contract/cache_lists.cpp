// cachemodel: the contract of caches: many values in one call.
// SPDX-License-Identifier: MIT
#include "contract/cache_sections.hpp"

#include "support/catch.hpp"

#include <cachemodel/error.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace cachemodel::contract::of_caches {

using namespace std::chrono_literals;

namespace {

using Keys = std::vector<std::string>;
using Pairs = std::vector<std::pair<std::string, int>>;

std::size_t done(const std::vector<Outcome>& outcomes) {
    return static_cast<std::size_t>(std::ranges::count_if(outcomes, &Outcome::done));
}

}  // namespace

void lists(const Cache& cache, const CacheContractOptions& options) {
    SECTION("a read of many answers each key in its place") {
        CHECK(done(cache.set_many(Pairs{{"a", 1}, {"b", 2}, {"c", 3}, {"d", 4}})) == 4);
        const auto three = cache.get_many<int>({"d", "a", "c"});
        REQUIRE(three.size() == 3);
        CHECK(*three[0] == 4);
        CHECK(*three[1] == 1);
        CHECK(*three[2] == 3);
        const auto some = cache.get_many<int>({"a", "b", "e"});
        CHECK(*some[1] == 2);
        CHECK(some[2].absent());
        const auto twice = cache.get_many<int>({"a", "e", "a", "a", "e"});
        REQUIRE(twice.size() == 5);
        CHECK(*twice[0] == 1);
        CHECK(twice[1].absent());
        CHECK(*twice[2] == 1);
        CHECK(*twice[3] == 1);
        CHECK(twice[4].absent());
    }
    SECTION("a call on no keys answers nothing") {
        CHECK(cache.get_many<int>(Keys{}).empty());
        CHECK(cache.set_many(Pairs{}).empty());
        CHECK(cache.add_many(Pairs{}).empty());
        CHECK(cache.delete_many(Keys{}).empty());
    }
    SECTION("of two values under one key the last one stays") {
        CHECK(done(cache.set_many(Pairs{{"k", 1}, {"j", 3}, {"k", 2}})) == 3);
        CHECK(*cache.get<int>("k") == 2);
        CHECK(*cache.get<int>("j") == 3);
    }
    SECTION("an addition of many fills what is free") {
        CHECK(cache.set("b", 20));
        const auto outcomes = cache.add_many(Pairs{{"a", 1}, {"b", 2}, {"c", 3}});
        CHECK(outcomes[0].done());
        CHECK(outcomes[1].declined());
        CHECK(outcomes[2].done());
        CHECK(*cache.get<int>("a") == 1);
        CHECK(*cache.get<int>("b") == 20);
    }
    SECTION("a removal of many says what was there, and leaves the rest") {
        CHECK(done(cache.set_many(Pairs{{"key1", 1}, {"key2", 2}, {"key3", 3}})) == 3);
        const auto outcomes = cache.delete_many({"key1", "none", "key2", "key1"});
        REQUIRE(outcomes.size() == 4);
        CHECK(done(outcomes) == 2);
        CHECK(outcomes[1].declined());
        CHECK_FALSE(cache.contains("key1"));
        CHECK(*cache.get<int>("key3") == 3);
    }
    SECTION("many are of one version") {
        const Cache second = cache.with_version(2);
        CHECK(done(second.set_many(Pairs{{"a", 1}, {"b", 2}})) == 2);
        CHECK(cache.get_many<int>({"a", "b"})[0].absent());
        CHECK(*second.get_many<int>({"a", "b"})[1] == 2);
        CHECK(done(cache.delete_many({"a", "b"})) == 0);
        CHECK(done(second.delete_many({"a", "b"})) == 2);
    }
    SECTION("many live as long as they are given") {
        CHECK(done(cache.set_many(std::map<std::string, std::string>{{"a", "1"}, {"b", "2"}},
                                  options.lifetime)) == 2);
        CHECK(done(cache.set_many(std::map<std::string, std::string>{{"never", "3"}}, never)) == 1);
        CHECK(done(cache.add_many(std::map<std::string, std::string>{{"c", "4"}},
                                  options.lifetime)) == 1);
        CHECK(cache.get_many<std::string>({"a", "b", "c"})[2].found());
        options.pass(options.lifetime);
        for (const auto& each : cache.get_many<std::string>({"a", "b", "c"})) CHECK(each.absent());
        CHECK(cache.get<std::string>("never").found());
    }
    SECTION("more than a thousand keys are one call") {
        Pairs pairs;
        Keys keys;
        for (std::size_t i = 0; i < options.many; ++i) {
            pairs.emplace_back("many" + std::to_string(i), static_cast<int>(i));
            keys.push_back(pairs.back().first);
        }
        const Pairs before = pairs;
        CHECK(done(cache.set_many(pairs)) == options.many);
        const auto read = cache.get_many<int>(keys);
        std::size_t wrong = 0;
        for (std::size_t i = 0; i < read.size(); ++i) {
            if (!read[i].found() || *read[i] != static_cast<int>(i)) ++wrong;
        }
        CHECK(read.size() == options.many);
        CHECK(wrong == 0);
        CHECK(done(cache.delete_many(keys)) == options.many);
        CHECK(done(cache.delete_many(keys)) == 0);
        CHECK(pairs == before);
    }
}

}  // namespace cachemodel::contract::of_caches
