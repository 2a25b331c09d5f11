// cachemodel: tests of the registry of URL schemes.
// SPDX-License-Identifier: MIT
#include <cachemodel/schemes.hpp>

#include <cachemodel/backend.hpp>
#include <cachemodel/cache_url.hpp>
#include <cachemodel/clock.hpp>
#include <cachemodel/error.hpp>

#include "support/catch.hpp"

#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace {

using cachemodel::Backend;
using cachemodel::CacheUrl;
using cachemodel::Clock;
using cachemodel::ConfigError;
using cachemodel::find_scheme;
using cachemodel::register_scheme;

std::shared_ptr<Backend> open_nothing(CacheUrl&, const Clock&) { return nullptr; }
std::shared_ptr<Backend> open_another(CacheUrl& url, const Clock&) {
    url.expect_all_taken();
    return nullptr;
}

template <class Action>
std::string refusal(Action action) {
    try {
        action();
    } catch (const ConfigError& e) {
        return e.what();
    }
    return "it was accepted";
}

}  // namespace

TEST_CASE("memory and null are there without being registered", "[schemes][unit]") {
    for (const char* text : {"memory://", "null://"}) {
        INFO(text);
        auto url = CacheUrl::parse(text);
        CHECK(find_scheme(url.scheme())(url, Clock::machine()) != nullptr);
        CHECK_NOTHROW(url.expect_all_taken());
    }
}

TEST_CASE("a registered scheme is found, and may be registered again", "[schemes][unit]") {
    CHECK(register_scheme("test+again", &open_nothing));
    CHECK(register_scheme("test+again", &open_nothing));
    CHECK(find_scheme("test+again") == &open_nothing);
}

TEST_CASE("a scheme has one function", "[schemes][unit]") {
    CHECK(register_scheme("test-taken", &open_nothing));
    CHECK(refusal([] { register_scheme("test-taken", &open_another); }) ==
          "URL scheme test-taken: another function opens it already");
    CHECK(refusal([] { register_scheme("memory", &open_another); }) ==
          "URL scheme memory: another function opens it already");
    CHECK(find_scheme("test-taken") == &open_nothing);
}

TEST_CASE("what no URL could name cannot be registered", "[schemes][unit]") {
    for (const char* wrong : {"", "Upper", "1st", "a_b", "a b", "a:", "m\xc3\xa9m"}) {
        INFO(wrong);
        CHECK_THROWS_AS(register_scheme(wrong, &open_nothing), ConfigError);
    }
    CHECK(refusal([] { register_scheme("test-null", nullptr); }) ==
          "URL scheme test-null: there is no function to open it");
    CHECK_THROWS_AS(find_scheme("test-null"), ConfigError);
}

TEST_CASE("an unknown scheme is an error that lists those that are known", "[schemes][unit]") {
    using Catch::Matchers::Contains;
    using Catch::Matchers::StartsWith;
    const auto message = refusal([] { find_scheme("mamory"); });
    CHECK_THAT(message, StartsWith("URL scheme mamory: there is no such backend; known are "));
    CHECK_THAT(message, Contains("memory, null"));
    CHECK_THAT(message, !Contains("link"));
}

TEST_CASE("a misspelt scheme is shown with the one that may be meant", "[schemes][unit]") {
    using Catch::Matchers::EndsWith;
    CHECK_THAT(refusal([] { find_scheme("memchached"); }),
               EndsWith("; memchached may be meant as memcached"));
    CHECK_THAT(refusal([] { find_scheme("mamory"); }), EndsWith("; mamory may be meant as memory"));
    CHECK_THAT(refusal([] { find_scheme("couchbase"); }), !Catch::Matchers::Contains("meant"));
}

TEST_CASE("a scheme that only says why it cannot be opened is not offered", "[schemes][unit]") {
    using Catch::Matchers::Contains;
    CHECK(find_scheme("rediss") == find_scheme("redis"));
    const auto message = refusal([] { find_scheme("mamory"); });
    CHECK_THAT(message, Contains("redis, redis+unix, sqlite"));
    CHECK_THAT(message, !Contains("rediss"));
}

TEST_CASE("schemes are registered and found by many threads at once", "[schemes][unit][threads]") {
    std::atomic<int> wrong{0};
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 4; ++thread) {
        threads.emplace_back([&wrong] {
            for (int i = 0; i < 200; ++i) {
                const std::string scheme = "test" + std::to_string(i);
                if (!register_scheme(scheme, &open_nothing)) ++wrong;
                if (find_scheme(scheme) != &open_nothing) ++wrong;
            }
        });
    }
    for (auto& thread : threads) thread.join();
    CHECK(wrong == 0);
}
