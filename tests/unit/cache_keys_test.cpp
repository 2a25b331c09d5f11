// cachemodel: keys of a cache: key functions, which keys are portable, and what is said of others.
// SPDX-License-Identifier: MIT
#include <cachemodel/cache.hpp>

#include <cachemodel/backends/memory.hpp>
#include <cachemodel/backends/null.hpp>
#include <cachemodel/error.hpp>
#include <cachemodel/key_functions.hpp>
#include <cachemodel/models.hpp>
#include <cachemodel/testing/recording_backend.hpp>
#include <cachemodel/testing/scripted_backend.hpp>

#include "support/bytes.hpp"
#include "support/catch.hpp"

#include <array>
#include <chrono>
#include <map>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace cachemodel;
using namespace std::chrono_literals;
using namespace std::string_literals;
using Catch::Matchers::Contains;
using Catch::Matchers::Equals;
using Keys = std::vector<std::string>;

namespace {

class Warned final : public Observer {
 public:
    void key_warning(const KeyWarning& warning) override {
        keys.emplace_back(warning.final_key);
        operations.push_back(warning.operation);
        caches.emplace_back(warning.cache);
    }
    Keys keys;
    std::vector<Operation> operations;
    Keys caches;
};

/// A backend that takes only portable keys, and what it was asked.
struct Strict {
    Strict() {
        const auto scripted = std::make_shared<testing::ScriptedBackend>();
        scripted->capabilities_to_claim().portable_keys_only = true;
        backend = std::make_shared<testing::RecordingBackend>(scripted);
    }
    std::shared_ptr<testing::RecordingBackend> backend;
};

std::string throwing(std::string_view, std::uint32_t, std::string_view key) {
    if (key == "bad") throw std::domain_error{"no such key"};
    return std::string{key};
}

}  // namespace

TEST_CASE("the final key is prefix, version and key, byte by byte", "[cache][keys]") {
    CHECK(plain_keys("p", 2, "k") == "p:2:k");
    CHECK(plain_keys("", 1, "k") == ":1:k");
    CHECK(plain_keys("", 1, "") == ":1:");
    CHECK(plain_keys("p", 4294967295, "a\0b"s) == "p:4294967295:a\0b"s);
    CHECK(Cache::open("null://").final_key("k") == ":1:k");
    CHECK(Cache::open("null://?key_prefix=p&version=2").final_key("k") == "p:2:k");
    CHECK(Cache::open("null://?key_prefix=p&key_function=plain").final_key("a:b") == "p:1:a:b");
}

TEST_CASE("of all bytes those up to the space, and DEL, are not portable", "[cache][keys]") {
    for (int byte = 0; byte < 256; ++byte) {
        INFO("byte " << byte);
        const bool offends = byte <= 0x20 || byte == 0x7f;
        const std::string key = "k"s + static_cast<char>(byte);
        CHECK(is_portable_key(key) == !offends);
        CHECK(is_portable_key(static_cast<char>(byte) + "k"s) == !offends);

        const Strict strict;
        const Cache cache{strict.backend};
        if (offends) {
            CHECK_THROWS_AS(cache.set(key, 1), InvalidKey);
            CHECK(strict.backend->log().calls().empty());
        } else {
            CHECK(cache.set(key, 1));
            CHECK(*cache.get<int>(key) == 1);
        }
    }
}

TEST_CASE("a portable key has 1 to 250 bytes, prefix and version included", "[cache][keys]") {
    CHECK_FALSE(is_portable_key(""));
    CHECK(is_portable_key("k"));
    CHECK(is_portable_key(std::string(249, 'k')));
    CHECK(is_portable_key(std::string(250, 'k')));
    CHECK_FALSE(is_portable_key(std::string(251, 'k')));
    // Bytes count, not characters.
    CHECK(is_portable_key(support::repeated("\u00e9", 125)));
    CHECK_FALSE(is_portable_key(support::repeated("\u00e9", 126)));

    const Strict strict;
    const Cache cache{strict.backend};
    CHECK(cache.set(std::string(247, 'k'), 1));
    CHECK_THROWS_AS(cache.set(std::string(248, 'k'), 1), InvalidKey);
    CHECK(cache.with_prefix("four").set(std::string(243, 'k'), 1));
    CHECK_THROWS_AS(cache.with_prefix("four").set(std::string(244, 'k'), 1), InvalidKey);
    CHECK_THROWS_AS(cache.with_version(10).set(std::string(247, 'k'), 1), InvalidKey);
}

TEST_CASE("the message about a key shows its bytes escaped, and where it is cut", "[cache][keys]") {
    const Strict strict;
    const Cache cache{strict.backend};
    CHECK_THROWS_WITH(cache.get<int>("a b\r\n\x7f\\\"\xc3\xa9"),
                      Equals(R"(the final key ":1:a\x20b\x0d\x0a\x7f\x5c\x22\xc3\xa9" of 13 )"
                             "bytes is not 1 to 250 bytes without spaces and control characters"));
    CHECK_THROWS_WITH(cache.get<int>(std::string(300, 'k')),
                      Contains(std::string(247, 'k') + "...\" of 303 bytes"));
}

TEST_CASE("a key that is not portable is reported once by each verb, and used",
          "[cache][keys][observer]") {
    const auto warned = std::make_shared<Warned>();
    const Cache cache{std::make_shared<MemoryBackend>(), {.name = "pages"}};
    cache.observe(warned);
    const std::string key = "key with spaces and \u6e05";
    const std::string shown = R"(:1:key\x20with\x20spaces\x20and\x20\xe6\xb8\x85)";
    const auto expect_one = [&](Operation operation) {
        CHECK(warned->keys == Keys{shown});
        CHECK(warned->operations == std::vector{operation});
        CHECK(warned->caches == Keys{"pages"});
        *warned = {};
    };
    const std::vector<std::pair<std::string, int>> pairs{{"fine", 1}, {key, 2}};

    CHECK(cache.add(key, 1));
    expect_one(Operation::add);
    CHECK_FALSE(cache.add(key, 1, 0s));
    expect_one(Operation::add);
    CHECK(*cache.get<int>(key) == 1);
    expect_one(Operation::get);
    CHECK(cache.set(key, 1));
    expect_one(Operation::set);
    CHECK(cache.incr(key) == 2);
    expect_one(Operation::increment);
    CHECK(cache.decr(key) == 1);
    expect_one(Operation::increment);
    CHECK(cache.touch(key));
    expect_one(Operation::touch);
    CHECK(cache.contains(key));
    expect_one(Operation::peek);
    CHECK(cache.get_many<int>({"fine", key})[1].found());
    expect_one(Operation::get);
    CHECK(cache.set_many(pairs)[1].done());
    expect_one(Operation::set);
    CHECK(cache.add_many(pairs)[1].declined());
    expect_one(Operation::add);
    CHECK(cache.delete_many({"fine", key})[1].done());
    expect_one(Operation::remove);
    CHECK_FALSE(cache.erase(key));
    expect_one(Operation::remove);
    CHECK(cache.set(key, 1, 0s));
    expect_one(Operation::remove);
    CHECK_FALSE(cache.touch(key, 0s));
    expect_one(Operation::remove);
    CHECK(cache.get_raw(key).absent());
    expect_one(Operation::get);
    CHECK(cache.incr(key, 1, 5) == 5);
    expect_one(Operation::increment);
    CHECK(cache.incr_version(key) == 2);
    expect_one(Operation::get);
    CHECK(cache.get_or_set(key, 7) == 7);
    expect_one(Operation::get);
    CHECK(cache.statistics().key_warnings == 19);
}

TEST_CASE("a cache that keeps nothing reports keys all the same", "[cache][keys][observer]") {
    const auto warned = std::make_shared<Warned>();
    const Cache cache = Cache::open("null://");
    cache.observe(warned);
    (void)cache.get<int>("a b");
    CHECK(cache.set("a b", 1));
    CHECK(cache.add("a b", 1));
    CHECK_FALSE(cache.erase("a b"));
    CHECK_FALSE(cache.touch("a b"));
    CHECK_FALSE(cache.contains("a b"));
    CHECK(warned->keys.size() == 6);
    CHECK(cache.statistics().key_warnings == 6);
}

TEST_CASE("reports on keys can be left out, or be errors", "[cache][keys]") {
    const auto warned = std::make_shared<Warned>();
    const Cache quiet = Cache::open("memory://?key_warnings=ignore");
    quiet.observe(warned);
    CHECK(quiet.set("a b", 1));
    CHECK(quiet.statistics().key_warnings == 0);
    CHECK(warned->keys.empty());

    const Cache warning = Cache::open("memory://?key_warnings=warn");
    CHECK(warning.set("a b", 1));
    CHECK(warning.statistics().key_warnings == 1);

    const auto backend =
        std::make_shared<testing::RecordingBackend>(std::make_shared<testing::ScriptedBackend>());
    const Cache strict{backend, {.key_warnings = KeyWarnings::error}};
    CHECK_THROWS_AS(strict.set("a b", 1), InvalidKey);
    CHECK_THROWS_AS(strict.get_many<int>({"ok", "a b"}), InvalidKey);
    CHECK(backend->log().calls().empty());
    CHECK(strict.set("ab", 1));
    CHECK(strict.statistics().key_warnings == 0);
    // What a backend cannot take is no matter of taste.
    const Strict portable;
    const Cache ignoring{portable.backend, {.key_warnings = KeyWarnings::ignore}};
    CHECK_THROWS_AS(ignoring.set("a b", 1), InvalidKey);
}

TEST_CASE("one's own policy says which keys are in order, within those that the backend takes",
          "[cache][keys]") {
    const auto anything = [](std::string_view) { return true; };
    const auto short_ones = [](std::string_view key) { return key.size() < 8; };
    const Cache lax{std::make_shared<MemoryBackend>(), {.key_policy = anything}};
    const std::string key = std::string(300, 'k') + " \n";
    CHECK(lax.set(key, 1));
    CHECK(*lax.get<int>(key) == 1);
    CHECK(lax.statistics().key_warnings == 0);

    const Cache narrow{std::make_shared<MemoryBackend>(),
                       {.key_policy = short_ones, .key_warnings = KeyWarnings::error}};
    CHECK(narrow.set("abcd", 1));
    CHECK_THROWS_AS(narrow.set("abcde", 1), InvalidKey);

    const Strict strict;
    const Cache portable{strict.backend, {.key_policy = anything}};
    CHECK_THROWS_AS(portable.set("a b", 1), InvalidKey);
    CHECK_THROWS_AS((Cache{strict.backend, {.key_policy = nullptr}}), ConfigError);
}

TEST_CASE("a key function of one's own makes the keys, of all caches that have it",
          "[cache][keys]") {
    const auto custom = [](std::string_view prefix, std::uint32_t version, std::string_view key) {
        return "CUSTOM-" + std::string{prefix} + "-" + std::to_string(version) + "-" +
               std::string{key};
    };
    const auto backend = std::make_shared<testing::ScriptedBackend>();
    const Cache first{backend, {.key_prefix = "p", .version = 2, .key_function = custom}};
    const Cache second{backend, {.key_prefix = "p", .version = 2, .key_function = custom}};
    const Cache third{backend, {.key_prefix = "p", .version = 2}};
    CHECK(first.set("k", "v"));
    CHECK(backend->keys() == Keys{"CUSTOM-p-2-k"});
    CHECK(first.final_key("k") == "CUSTOM-p-2-k");
    CHECK(*second.get<std::string>("k") == "v");
    CHECK(third.get<std::string>("k").absent());
    CHECK(second.delete_many({"k", "j"})[0].done());
    CHECK_THROWS_AS(first.clear_prefix(), BackendError);
    CHECK_THROWS_AS((Cache{backend, {.key_function = nullptr}}), ConfigError);
}

TEST_CASE("what a key function throws reaches the caller, and nothing is done", "[cache][keys]") {
    const auto backend =
        std::make_shared<testing::RecordingBackend>(std::make_shared<testing::ScriptedBackend>());
    const Cache cache{backend, {.key_function = &throwing, .ignore_errors = true}};
    const std::vector<std::pair<std::string, int>> pairs{{"fine", 1}, {"bad", 2}};
    CHECK_THROWS_WITH(cache.get<int>("bad"), "no such key");
    CHECK_THROWS_WITH(cache.set("bad", 1), "no such key");
    CHECK_THROWS_WITH(cache.add("bad", 1), "no such key");
    CHECK_THROWS_WITH(cache.erase("bad"), "no such key");
    CHECK_THROWS_WITH(cache.touch("bad"), "no such key");
    CHECK_THROWS_WITH(cache.contains("bad"), "no such key");
    CHECK_THROWS_WITH(cache.incr("bad"), "no such key");
    CHECK_THROWS_WITH(cache.get_or_set("bad", 1), "no such key");
    CHECK_THROWS_WITH(cache.get_many<int>({"fine", "bad"}), "no such key");
    CHECK_THROWS_WITH((void)cache.set_many(pairs), "no such key");
    CHECK_THROWS_WITH((void)cache.delete_many({"fine", "bad"}), "no such key");
    CHECK(backend->log().calls().empty());
    CHECK(cache.set("fine", 1));
}

TEST_CASE("an empty final key, or one that is not portable, is refused whoever made it",
          "[cache][keys]") {
    const auto empty = [](std::string_view, std::uint32_t, std::string_view) { return ""s; };
    const auto injecting = [](std::string_view, std::uint32_t, std::string_view) {
        return "k\r\nflush_all"s;
    };
    const auto anything = [](std::string_view) { return true; };
    const Cache cache{std::make_shared<MemoryBackend>(),
                      {.key_function = empty,
                       .key_policy = anything,
                       .key_warnings = KeyWarnings::ignore,
                       .ignore_errors = true}};
    CHECK_THROWS_AS(cache.set("k", 1), InvalidKey);
    CHECK_THROWS_AS(cache.get<int>("k"), InvalidKey);
    CHECK_THROWS_AS(cache.erase("k"), InvalidKey);
    const Strict strict;
    const Cache injected{strict.backend, {.key_function = injecting}};
    CHECK_THROWS_AS(injected.get<int>("k"), InvalidKey);
    CHECK_THROWS_AS(Cache::open("memory://?key_prefix=p%3A1"), ConfigError);
    CHECK_THROWS_AS((Cache{strict.backend, {.key_prefix = "p\r\nflush_all"}}), ConfigError);
}

TEST_CASE("key functions are known by name", "[cache][keys]") {
    CHECK(find_key_function("plain") == &plain_keys);
    CHECK(find_key_function("digest") == &digest_long_keys);
    CHECK(register_key_function("throwing", &throwing));
    CHECK(register_key_function("throwing", &throwing));
    CHECK_THROWS_AS(register_key_function("throwing", &plain_keys), ConfigError);
    CHECK_THROWS_AS(register_key_function("plain", &throwing), ConfigError);
    CHECK_THROWS_AS(register_key_function("", &throwing), ConfigError);
    CHECK_THROWS_AS(register_key_function("none", nullptr), ConfigError);
    CHECK(Cache::open("null://?key_function=throwing").final_key("x") == "x");
    CHECK_THROWS_WITH(Cache::open("null://?key_function=nonsense"),
                      Contains("nonsense") && Contains("digest, plain, throwing"));
    CHECK_THROWS_WITH(find_key_function("x\ny"),
                      Contains("key function x\\x0ay: there is none") && !Contains("\n"));
    CHECK_THROWS_WITH(register_key_function("x\ny", nullptr), "key function x\\x0ay: it is null");
}

TEST_CASE("long and strange keys can be digested", "[cache][keys]") {
    const auto digest = [](std::string_view key) { return digest_long_keys("p", 2, key); };
    // What is portable stays as it is.
    CHECK(digest("k") == "p:2:k");
    CHECK(digest(std::string(245, 'k')) == "p:2:" + std::string(245, 'k'));
    CHECK(digest(std::string(246, 'k')) == "p:2:" + std::string(246, 'k'));
    // The SHA-256 of "a b".
    CHECK(digest("a b") ==
          "p:2:sha256-c8687a08aa5d6ed2044328fa6a697ab8e96dc34291e8c2034ae8c38e6fcc6d65");
    const std::set<std::string> all{digest(std::string(247, 'k')),
                                    digest(std::string(248, 'k')),
                                    digest(std::string(10'000, 'k')),
                                    digest(std::string(999, 'x') + 'a'),
                                    digest(std::string(999, 'x') + 'b'),
                                    digest("a b"),
                                    digest("a\nb"),
                                    digest("a\0b"s),
                                    digest("a\0c"s)};
    CHECK(all.size() == 9);
    for (const auto& key : all) {
        CHECK(is_portable_key(key));
        CHECK(key.size() == 4 + 7 + 64);
    }
    // Nobody can choose a key that another one is digested to.
    const std::string digested = digest("a b").substr(4);
    CHECK(digest(digested) != "p:2:" + digested);
    CHECK(digest(digest(digested).substr(4)) != digest(digested));
    CHECK(digest("sha256-short") == "p:2:sha256-short");

    const Strict strict;
    const Cache cache{strict.backend, {.key_function = &digest_long_keys}};
    CHECK(cache.set("a key with spaces", 1));
    CHECK(*cache.get<int>("a key with spaces") == 1);
    CHECK(cache.get<int>("a key with space").absent());
    CHECK(cache.incr("a key with spaces") == 2);
    CHECK(cache.set("text\n", "v"));
    CHECK(*cache.get<std::string>("text\n") == "v");
}

TEST_CASE("a key function without the version keeps one entry for all of them",
          "[cache][keys][versions]") {
    const Cache cache{std::make_shared<MemoryBackend>(),
                      {.key_function = [](std::string_view, std::uint32_t, std::string_view key) {
                          return std::string{key};
                      }}};
    CHECK(cache.set("cart", "42 items"));
    CHECK(cache.set("n", 1));
    CHECK(cache.incr_version("cart") == 2);
    CHECK(cache.decr_version("n") == 0);
    CHECK(*cache.get<std::string>("cart") == "42 items");
    CHECK(*cache.with_version(2).get<std::string>("cart") == "42 items");
    CHECK(*cache.get<int>("n") == 1);
    CHECK_THROWS_AS(cache.incr_version("nothing"), Missing);
}

TEST_CASE("models and values share keys, and are never taken for each other", "[cache][keys]") {
    struct Note {
        Key<int> id;
        Field<std::string> text;
    };
    const Cache cache{std::make_shared<MemoryBackend>()};
    const Models<Note> notes{cache};
    notes.save({.id = 1, .text = "kept"});
    const std::string key = notes.key_for(1);

    const auto read = cache.get<std::map<std::string, std::string>>(key);
    CHECK(read.absent());
    CHECK(read.reason() == MissReason::other_key);
    CHECK_FALSE(cache.contains(key));
    CHECK_FALSE(cache.add(key, "text"));

    CHECK(cache.set(key, std::map<std::string, std::string>{{"text", "forged"}}));
    const auto found = notes.find(1);
    CHECK(found.absent());
    CHECK(found.reason() == MissReason::other_key);
}
