// cachemodel: the contract of caches: how long entries live, and touching them.
// SPDX-License-Identifier: MIT
#include "contract/cache_sections.hpp"

#include "support/catch.hpp"

#include <cachemodel/error.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

namespace cachemodel::contract::of_caches {

using namespace std::chrono_literals;

namespace {

using Days = std::chrono::duration<std::int64_t, std::ratio<86400>>;

/// An entry that expires by its own end, and is then met by `verb` for the first time.
template <class Verb>
void after_its_end(const Cache& cache, const CacheContractOptions& options, Verb verb) {
    REQUIRE(cache.set("k", "old", options.lifetime));
    REQUIRE(cache.get<std::string>("k").found());
    options.pass(options.lifetime);
    verb();
}

}  // namespace

void lifetimes(const Cache& cache, const CacheContractOptions& options) {
    const auto half = options.lifetime / 2;

    SECTION("an entry lives as long as it was given, and no longer") {
        CHECK(cache.set("k", "v", options.lifetime));
        CHECK(cache.add("a", "v", options.lifetime));
        options.pass(half);
        CHECK(cache.get<std::string>("k").found());
        CHECK(cache.contains("a"));
        options.pass(half);
        CHECK(cache.get<std::string>("k").absent());
        CHECK_FALSE(cache.contains("a"));
    }
    SECTION("after its end nothing takes an entry for one") {
        after_its_end(cache, options, [&] { CHECK(cache.get<std::string>("k").absent()); });
        after_its_end(cache, options, [&] { CHECK_FALSE(cache.contains("k")); });
        after_its_end(cache, options, [&] { CHECK_FALSE(cache.touch("k", 100s)); });
        CHECK(cache.get<std::string>("k").absent());
        after_its_end(cache, options, [&] { CHECK_THROWS_AS(cache.incr("k"), Missing); });
        after_its_end(cache, options, [&] { CHECK(cache.incr("k", 1, 5) == 5); });
        after_its_end(cache, options, [&] { CHECK(cache.get_raw("k").absent()); });
        after_its_end(cache, options, [&] { CHECK_THROWS_AS(cache.incr_version("k"), Missing); });
        after_its_end(cache, options, [&] { CHECK(cache.add("k", "new")); });
        CHECK(*cache.get<std::string>("k") == "new");
        CHECK(cache.erase("k"));
        after_its_end(cache, options, [&] {
            cache.set("live", "v");
            const auto read = cache.get_many<std::string>({"live", "k"});
            CHECK(read[0].found());
            CHECK(read[1].absent());
        });
    }
    SECTION("another set gives another lifetime") {
        CHECK(cache.set("k", "v", options.lifetime));
        CHECK(cache.set("k", "v", never));
        CHECK(cache.set("back", "v", never));
        CHECK(cache.set("back", "v", options.lifetime));
        options.pass(options.lifetime);
        CHECK(cache.get<std::string>("k").found());
        CHECK(cache.get<std::string>("back").absent());
    }
    SECTION("an addition that is declined leaves the lifetime as it was") {
        CHECK(cache.set("k", "v", options.lifetime));
        CHECK_FALSE(cache.add("k", "other", never));
        options.pass(options.lifetime);
        CHECK(cache.get<std::string>("k").absent());
    }
    SECTION("without a lifetime the cache's timeout holds") {
        const Cache brief = cache.with_timeout(options.lifetime);
        const std::map<std::string, std::string> pairs{{"m", "v"}};
        CHECK(brief.set("k", "v"));
        CHECK(brief.add("a", "v"));
        CHECK(brief.set_many(pairs)[0].done());
        CHECK(brief.get_or_set("g", [] { return std::string{"v"}; }) == "v");
        CHECK(brief.set("never", "v", never));
        CHECK(brief.add("added", "v", never));
        CHECK(cache.set("long", "v", options.lifetime));
        CHECK(cache.touch("long"));
        options.pass(options.lifetime);
        for (const char* key : {"k", "a", "m", "g"}) {
            INFO(key);
            CHECK_FALSE(cache.contains(key));
        }
        CHECK(cache.contains("never"));
        CHECK(cache.contains("added"));
        CHECK(cache.contains("long"));
    }
    SECTION("a lifetime that is over removes, or only looks") {
        for (const Lifetime over : {Lifetime{0s}, Lifetime{-1s}, Lifetime{-5ms}}) {
            CHECK(cache.set("k", "old"));
            CHECK(cache.set("k", "new", over));
            CHECK(cache.get<std::string>("k").absent());
            CHECK(cache.add("a", 1, over));
            CHECK_FALSE(cache.contains("a"));
            CHECK(cache.set("b", "live"));
            CHECK_FALSE(cache.add("b", "other", over));
            CHECK(*cache.get<std::string>("b") == "live");
            const std::map<std::string, int> pairs{{"b", 1}};
            CHECK(cache.set_many(pairs, over)[0].done());
            CHECK_FALSE(cache.contains("b"));
        }
    }
    SECTION("every lifetime that is not over is one to be read in") {
        const std::array all{
            Lifetime{1s},
            Lifetime{100200ms},
            Lifetime{Days{30}},
            Lifetime{Days{30} + 1s},
            Lifetime{Days{31}},
            Lifetime{Days{365}},
            Lifetime{Days{7300}},
            Lifetime{Days{3'650'000}},
            Lifetime{never},
            Lifetime{std::chrono::nanoseconds::max()},
            Lifetime{std::chrono::seconds::max()},
            Lifetime{std::chrono::duration<double>{1e300}},
        };
        for (std::size_t i = 0; i < all.size(); ++i) {
            INFO("lifetime number " << i);
            const std::string key = "set" + std::to_string(i);
            CHECK(cache.set(key, "v", all[i]));
            CHECK(cache.get<std::string>(key).found());
            CHECK(cache.touch(key, all[i]));
            CHECK(cache.get<std::string>(key).found());
            CHECK(cache.add("added" + std::to_string(i), 1, all[i]));
            CHECK(*cache.get<int>("added" + std::to_string(i)) == 1);
        }
        // So short that it may be over at once; an error or for ever it is not.
        CHECK(cache.set("shortest", "v", 10us));
        CHECK_FALSE(cache.get<std::string>("shortest").failed());
        options.pass(options.lifetime);
        CHECK(cache.get<std::string>("shortest").absent());
    }
}

void touches(const Cache& cache, const CacheContractOptions& options) {
    const auto half = options.lifetime / 2;

    SECTION("a touch gives another lifetime, longer or shorter") {
        CHECK(cache.set("longer", "v", options.lifetime));
        CHECK(cache.set("shorter", "v", 100s));
        CHECK(cache.set("default", "v", options.lifetime));
        CHECK(cache.set("never", "v", options.lifetime));
        options.pass(half);
        CHECK(cache.touch("longer", options.lifetime));
        CHECK(cache.touch("shorter", half));
        CHECK(cache.touch("default"));
        CHECK(cache.touch("never", never));
        options.pass(half);
        CHECK(*cache.get<std::string>("longer") == "v");
        CHECK(cache.get<std::string>("shorter").absent());
        CHECK(cache.get<std::string>("default").found());
        CHECK(cache.get<std::string>("never").found());
        options.pass(half);
        CHECK(cache.get<std::string>("longer").absent());
        CHECK(cache.get<std::string>("default").found());
    }
    SECTION("a touch says whether something was there") {
        CHECK(cache.set("k", "v", never));
        CHECK(cache.touch("k", never));
        CHECK(cache.touch("k", never));
        CHECK(cache.touch("k", 10s));
        CHECK_FALSE(cache.touch("nothing", 10s));
        CHECK_FALSE(cache.touch("nothing", never));
        CHECK_FALSE(cache.touch("nothing"));
        CHECK_FALSE(cache.touch("nothing", 0s));
        CHECK_FALSE(cache.contains("nothing"));
    }
    SECTION("a touch with a lifetime that is over removes") {
        for (const Lifetime over : {Lifetime{0s}, Lifetime{-1s}}) {
            CHECK(cache.set("k", "v"));
            CHECK(cache.touch("k", over));
            CHECK(cache.get<std::string>("k").absent());
        }
    }
    SECTION("a touch is of one version") {
        const Cache second = cache.with_version(2);
        CHECK(cache.set("k", "1", 100s));
        CHECK(second.set("k", "2", 100s));
        CHECK(second.touch("k", options.lifetime));
        options.pass(options.lifetime);
        CHECK(cache.get<std::string>("k").found());
        CHECK(second.get<std::string>("k").absent());
    }
}

}  // namespace cachemodel::contract::of_caches
