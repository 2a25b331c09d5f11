// cachemodel: the registry of named caches: names, use, and closing.
// SPDX-License-Identifier: MIT
#include <cachemodel/caches.hpp>

#include <cachemodel/error.hpp>
#include <cachemodel/testing/recording_backend.hpp>
#include <cachemodel/testing/scripted_backend.hpp>

#include "support/catch.hpp"

#include <chrono>
#include <memory>
#include <string>
#include <vector>

using namespace cachemodel;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using testing::RecordingBackend;
using testing::ScriptedBackend;
using testing::Verb;
using Names = std::vector<std::string>;

namespace {

std::shared_ptr<RecordingBackend> recording() {
    return std::make_shared<RecordingBackend>(std::make_shared<ScriptedBackend>());
}

Names names_of(const std::vector<Cache>& all) {
    Names names;
    for (const auto& cache : all) names.push_back(cache.name());
    return names;
}

}  // namespace

TEST_CASE("a name stands for one cache", "[caches]") {
    const ScopedCaches scoped;
    caches().configure("pages", "memory://?timeout=60");
    CHECK(caches()["pages"] == caches()["pages"]);
    CHECK(&caches()["pages"].backend() == &caches()["pages"].backend());
    CHECK(caches()["pages"].name() == "pages");
    CHECK((caches()["pages"].timeout() == Lifetime{60s}));
    CHECK(caches()["pages"].set("k", 1));
    CHECK(*caches()["pages"].get<int>("k") == 1);
    CHECK(caches()["pages"].with_version(2).name() == "pages");
    // A cache that is given has the name of the registry, whatever its own.
    caches().configure("other", Cache{recording(), {.name = "mine"}});
    CHECK(caches()["other"].name() == "other");
}

TEST_CASE("without any configuration there is a default cache in memory", "[caches]") {
    const ScopedCaches scoped;
    CHECK(caches().names().empty());
    CHECK(default_cache().set("k", 1));
    CHECK(default_cache() == caches()["default"]);
    CHECK(*caches()["default"].get<int>("k") == 1);
    CHECK(default_cache().name() == "default");
    CHECK((default_cache().timeout() == Lifetime{300s}));
    CHECK(default_cache().final_key("k") == ":1:k");
    CHECK(caches().names() == Names{"default"});
}

TEST_CASE("the names that are configured are listed, and those that were used", "[caches]") {
    const ScopedCaches scoped;
    caches().configure("pages", "memory://");
    caches().configure("default", "null://");
    CHECK(caches().names() == Names{"default", "pages"});
    CHECK(caches().used().empty());
    (void)caches()["pages"];
    CHECK(names_of(caches().used()) == Names{"pages"});
    (void)default_cache();
    CHECK(names_of(caches().used()) == Names{"default", "pages"});
    // What takes the place of a cache has not been used.
    caches().configure("pages", "null://");
    CHECK(names_of(caches().used()) == Names{"default"});
}

TEST_CASE("only caches that were used are closed, and they go on", "[caches]") {
    const ScopedCaches scoped;
    const auto first = recording();
    const auto second = recording();
    caches().configure("first", Cache{first});
    caches().configure("second", Cache{second});
    caches().close_all();
    CHECK(first->log().calls().empty());
    CHECK(caches()["first"].set("k", 1));
    caches().close_all();
    caches().close_all();
    CHECK(first->log().trips(Verb::close) == 2);
    CHECK(second->log().calls().empty());
    CHECK(*caches()["first"].get<int>("k") == 1);
}

TEST_CASE("a handle goes on when its name is configured anew", "[caches]") {
    const ScopedCaches scoped;
    caches().configure("pages", "memory://");
    const Cache before = caches()["pages"];
    CHECK(before.set("k", 1));
    caches().configure("pages", "memory://?version=2");
    CHECK_FALSE(caches()["pages"] == before);
    CHECK(caches()["pages"].get<int>("k").absent());
    CHECK(*before.get<int>("k") == 1);
    CHECK(before.final_key("k") == ":1:k");
    CHECK(caches()["pages"].final_key("k") == ":2:k");
}

TEST_CASE("one URL configures the same cache again and again", "[caches]") {
    const ScopedCaches scoped;
    const std::string url = "memory://shared?timeout=60&key_prefix=p&version=3";
    caches().configure("first", url);
    caches().configure("second", url);
    CHECK(url == "memory://shared?timeout=60&key_prefix=p&version=3");
    CHECK(caches()["first"].set("k", 1));
    CHECK(*caches()["second"].get<int>("k") == 1);
}

TEST_CASE("two names of one store share what has the same final key", "[caches]") {
    const ScopedCaches scoped;
    caches().configure("v1", "memory://one");
    caches().configure("v2", "memory://one?version=2&timeout=60");
    caches().configure("prefixed", "memory://one?key_prefix=p");
    CHECK(caches()["v1"].set("k", "1"));
    CHECK(caches()["v2"].set("k", "2"));
    CHECK(caches()["prefixed"].set("k", "p"));
    CHECK(*caches()["v1"].get<std::string>("k") == "1");
    CHECK(*caches()["v1"].with_version(2).get<std::string>("k") == "2");
    CHECK(*caches()["v2"].with_version(1).get<std::string>("k") == "1");
    CHECK(*caches()["v1"].with_prefix("p").get<std::string>("k") == "p");
    CHECK(caches()["v2"].clear());
    CHECK(caches()["v1"].get<std::string>("k").absent());
}

TEST_CASE("what nobody knows is named, and so is what is known", "[caches]") {
    const ScopedCaches scoped;
    CHECK_THROWS_WITH(caches()["nope"], Contains("nope"));
    CHECK_THROWS_AS(caches()["nope"], ConfigError);
    CHECK_THROWS_AS(caches()[""], ConfigError);
    CHECK_THROWS_WITH(caches().configure("a", "foo://"),
                      Contains("foo") && Contains("memory") && Contains("null"));
    CHECK_THROWS_WITH(caches().configure("a", "memory://?timout=60"),
                      Contains("timout") && Contains("timeout"));
    CHECK_THROWS_WITH(caches().configure("a", "foo://:secret@host"), !Contains("secret"));
    CHECK(caches().names().empty());
}
