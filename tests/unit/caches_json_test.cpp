// cachemodel: tests of named caches from a JSON document.
// SPDX-License-Identifier: MIT
#include <cachemodel/caches_json.hpp>

#include <cachemodel/backends/memcached.hpp>
#include <cachemodel/backends/memory.hpp>
#include <cachemodel/backends/null.hpp>
#include <cachemodel/cache_url.hpp>
#include <cachemodel/caches.hpp>
#include <cachemodel/error.hpp>
#include <cachemodel/schemes.hpp>

#include "cache_core.hpp"
#include "support/catch.hpp"

#include <caches_json_url.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

using namespace cachemodel;
using namespace std::chrono_literals;
using namespace std::string_literals;
using Names = std::vector<std::string>;

namespace {

/// What the backend of the scheme `probe` was opened with last.
struct Seen {
    std::string url;
    std::string user;
    std::string password;
    std::string path;
    Names hosts;
    std::string size;
    bool is_on = false;
} seen;

std::shared_ptr<Backend> open_probe(CacheUrl& url, const Clock&) {
    seen = {url.redacted(), url.user(), url.password(), url.path(), {}, {}, false};
    for (const auto& host : url.hosts()) {
        seen.hosts.push_back(host.name + '|' +
                             (host.port ? std::to_string(*host.port) : std::string{}));
    }
    seen.size = url.take_text("size", "");
    seen.is_on = url.take_flag("on", false);
    return std::make_shared<NullBackend>();
}

const bool probe_is_registered = register_scheme("probe", &open_probe);

/// The message of the `ConfigError` for a document.
std::string refusal_of(std::string_view document) {
    try {
        configure_caches(document);
    } catch (const ConfigError& error) {
        return error.what();
    }
    return "it was accepted";
}

/// The same for a cache "c" with these members.
std::string refusal_with(const std::string& members) {
    return refusal_of("{\"c\": {" + members + "}}");
}

const Seen& opened_at(const std::string& location) {
    configure_caches(R"({"c": {"BACKEND": "probe", "LOCATION": )" + location + "}}");
    return seen;
}

std::string url_of(std::string scheme, Names locations,
                   detail::DescribedCache::Options options = {}) {
    return detail::url_of({std::move(scheme), std::move(locations), {}, {}, std::move(options)});
}

}  // namespace

TEST_CASE("a document configures every cache that it names", "[caches_json][unit]") {
    const ScopedCaches scope;
    REQUIRE(probe_is_registered);
    const auto warnings = configure_caches(R"({
        "default": {"BACKEND": "memory", "LOCATION": "json-default", "TIMEOUT": 60,
                    "KEY_PREFIX": "shop", "VERSION": 2, "KEY_FUNCTION": "digest",
                    "OPTIONS": {"MAX_BYTES": "1MiB", "MAX_ENTRIES": 100, "SHARDS": 1}},
        "off": "null://?version=7"
    })");
    CHECK(warnings.empty());
    CHECK(caches().names() == Names{"default", "off"});

    const Cache cache = caches()["default"];
    CHECK(cache.prefix() == "shop");
    CHECK(cache.version() == 2);
    CHECK(cache.timeout() == Lifetime{60s});
    CHECK(cache.name() == "default");
    CHECK(cache.final_key("a b") ==
          "shop:2:sha256-c8687a08aa5d6ed2044328fa6a697ab8e96dc34291e8c2034ae8c38e6fcc6d65");
    const auto* const memory = dynamic_cast<const MemoryBackend*>(&cache.backend());
    REQUIRE(memory != nullptr);
    CHECK(memory->options() ==
          MemoryOptions{.max_bytes = 1048576, .max_entries = 100, .shards = 1});
    CHECK(Cache::open("memory://json-default?max_bytes=1MiB&max_entries=100&shards=1")
              .backend()
              .capabilities()
              .largest_value == memory->capabilities().largest_value);
    CHECK(caches()["off"].version() == 7);
}

TEST_CASE("a document configures nothing when any part of it is wrong", "[caches_json][unit]") {
    const ScopedCaches scope;
    caches().configure("a", "null://?version=5");
    CHECK(refusal_of(R"({"a": {"BACKEND": "memory"}, "b": {"BACKEND": "memory"},
                         "z": {"BACKEND": "nothing"}})")
              .starts_with("cache \"z\": BACKEND: URL scheme nothing: there is no such backend"));
    CHECK(caches().names() == Names{"a"});
    CHECK(caches()["a"].version() == 5);

    configure_caches(R"({"a": {"BACKEND": "memory"}})");
    CHECK(caches()["a"].version() == 1);
    configure_caches("{}");
    CHECK(caches().names() == Names{"a"});
}

TEST_CASE("a document that is configured again gives the same caches anew", "[caches_json][unit]") {
    const ScopedCaches scope;
    constexpr auto document = R"({"c": {"BACKEND": "memory", "LOCATION": "json-again",
                                        "KEY_PREFIX": "p", "OPTIONS": {"SHARDS": 1}}})";
    configure_caches(document);
    const Cache before = caches()["c"];
    before.set("k", 1);
    configure_caches(document);
    const Cache after = caches()["c"];
    CHECK(after.prefix() == "p");
    CHECK(after.get<int>("k").value_or(0) == 1);  // the store of that name
    configure_caches(R"({"c": "null://"})");
    CHECK_FALSE(caches()["c"].contains("k"));
    CHECK(before.get<int>("k").value_or(0) == 1);
}

TEST_CASE("names of members and options are read in any case", "[caches_json][unit]") {
    const ScopedCaches scope;
    configure_caches(R"({"c": {"Backend": "Probe", "location": "Host:1", "Timeout": 1.5,
                               "key_prefix": "p", "options": {"SIZE": "Big", "on": true}}})");
    CHECK(seen.hosts == Names{"Host|1"});
    CHECK(seen.size == "Big");
    CHECK(seen.is_on);
    CHECK(caches()["c"].timeout() == Lifetime{1500ms});
    CHECK(caches()["c"].prefix() == "p");
}

TEST_CASE("Django's dotted names stand for our backends", "[caches_json][unit]") {
    CHECK(detail::scheme_of("django.core.cache.backends.locmem.LocMemCache") == "memory");
    CHECK(detail::scheme_of("django.core.cache.backends.dummy.DummyCache") == "null");
    CHECK(detail::scheme_of("django.core.cache.backends.filebased.FileBasedCache") == "file");
    CHECK(detail::scheme_of("django.core.cache.backends.db.DatabaseCache") == "sqlite");
    CHECK(detail::scheme_of("django.core.cache.backends.memcached.PyMemcacheCache") == "memcached");
    CHECK(detail::scheme_of("django.core.cache.backends.memcached.PyLibMCCache") == "memcached");
    CHECK(detail::scheme_of("django.core.cache.backends.redis.RedisCache") == "redis");
    CHECK(detail::scheme_of("django_redis.cache.RedisCache") == "redis");

    const ScopedCaches scope;
    configure_caches(R"({
        "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache",
                    "LOCATION": "unique-snowflake", "OPTIONS": {"MAX_ENTRIES": "1000"}},
        "off": {"BACKEND": "django.core.cache.backends.dummy.DummyCache", "LOCATION": ""},
        "far": {"BACKEND": "django.core.cache.backends.memcached.PyMemcacheCache",
                "LOCATION": "127.0.0.1:11211"}
    })");
    CHECK(dynamic_cast<MemoryBackend*>(&caches()["default"].backend()) != nullptr);
    CHECK(dynamic_cast<NullBackend*>(&caches()["off"].backend()) != nullptr);
    CHECK(dynamic_cast<MemcachedBackend*>(&caches()["far"].backend()) != nullptr);
}

TEST_CASE("servers are a text, a list, separated by commas or semicolons", "[caches_json][unit]") {
    const ScopedCaches scope;
    const Names two{"s1|", "s2|11211"};
    CHECK(opened_at(R"(["s1", "s2:11211"])").hosts == two);
    CHECK(opened_at(R"("s1;s2:11211")").hosts == two);
    CHECK(opened_at(R"("s1,s2:11211")").hosts == two);
    CHECK(opened_at(R"("s1, s2:11211")").hosts == two);
    CHECK(opened_at(R"(["s1;s2:11211", "s3"])").hosts == Names{"s1|", "s2|11211", "s3|"});
    CHECK(opened_at("[]").hosts.empty());
}

TEST_CASE("a server has an address, and a port if it wants", "[caches_json][unit]") {
    const ScopedCaches scope;
    CHECK(opened_at(R"("localhost")").hosts == Names{"localhost|"});
    CHECK(opened_at(R"("localhost:1")").hosts == Names{"localhost|1"});
    CHECK(opened_at(R"("[::1]")").hosts == Names{"::1|"});
    CHECK(opened_at(R"("[::1]:1")").hosts == Names{"::1|1"});
    CHECK(opened_at(R"("127.0.0.1")").hosts == Names{"127.0.0.1|"});
    CHECK(opened_at(R"("127.0.0.1:1")").hosts == Names{"127.0.0.1|1"});
    for (const auto location : {R"("unix:/run/x y")", R"("unix:///run/x y")", R"("/run/x y")"}) {
        CHECK(opened_at(location).path == "/run/x y");
        CHECK(seen.hosts.empty());
    }

    const auto refused = [](const std::string& location) {
        return refusal_with(R"("BACKEND": "probe", "LOCATION": )" + location);
    };
    CHECK(refused(R"("::1:11211")") ==
          "cache \"c\": LOCATION: host 1 has more than one colon; an IPv6 address stands in "
          "brackets");
    CHECK(refused(R"(["a", "b:0"])") ==
          "cache \"c\": LOCATION: the port of host 2 (b) is not a number from 1 to 65535");
    CHECK(refused(R"("a:65536")") ==
          "cache \"c\": LOCATION: the port of host 1 (a) is not a number from 1 to 65535");
    CHECK(refused(R"("a,,b")") == "cache \"c\": LOCATION: host 2 of the list is empty");
    CHECK(refused(R"([""])") == "cache \"c\": LOCATION: host 1 of the list is empty");
    CHECK(refused(R"("unix:run/x")") ==
          "cache \"c\": LOCATION: the path of a socket is not absolute");
    CHECK(refused(R"(["/run/x", "b"])") ==
          "cache \"c\": LOCATION: a socket must be the only server");
    for (const auto location : {R"("a?size=1")", R"("a/1")", R"("u:secret@a")", R"("a b")"}) {
        CHECK(refused(location) ==
              "cache \"c\": LOCATION: a name has a character that is not a letter, a digit, -, . "
              "or _; a path begins with a slash");
    }
    CHECK(refused(R"("a\u0000b")") == "cache \"c\": LOCATION: it has a control character");
    CHECK(refused("1") == "cache \"c\": LOCATION: it is not a text or a list of texts");
    CHECK(refused(R"(["a", null])") ==
          "cache \"c\": LOCATION: it is not a text or a list of texts");
}

TEST_CASE("each backend's location becomes a URL", "[caches_json][unit]") {
    CHECK(url_of("memcached", {"a;b:1"}) == "memcached://a,b:1");
    CHECK(url_of("memcached", {"unix:/run/a b.sock"}) == "memcached:///run/a%20b.sock");
    CHECK(url_of("redis", {"a"}) == "redis://a");
    CHECK(url_of("redis", {"a:1"}, {{"db", {"OPTIONS.DB", "3"}}}) == "redis://a:1/3");
    CHECK(url_of("redis", {"/run/r"}, {{"db", {"OPTIONS.DB", "3"}}}) == "redis+unix:///run/r?db=3");
    CHECK(url_of("redis", {"unix:///run/r"}) == "redis+unix:///run/r");
    CHECK(url_of("redis", {"unix:///run/r?db=5"}, {{"timeout", {"TIMEOUT", "5"}}}) ==
          "redis+unix:///run/r?db=5&timeout=5");
    const auto unclear = [](std::string scheme, std::string location,
                            detail::DescribedCache::Options options = {}) {
        try {
            return url_of(std::move(scheme), {std::move(location)}, std::move(options));
        } catch (const ConfigError& error) {
            return std::string{error.what()};
        }
    };
    CHECK(unclear("redis", "unix:/run/r?dbb=5") ==
          "LOCATION: behind the ? of a socket stands db=NUMBER, and that for redis alone");
    CHECK(unclear("memcached", "unix:/run/m?db=5") ==
          "LOCATION: behind the ? of a socket stands db=NUMBER, and that for redis alone");
    CHECK(unclear("redis", "unix:/run/r?db=5", {{"db", {"OPTIONS.db", "3"}}}) ==
          "OPTIONS.db: LOCATION names a database, too");
    CHECK(url_of("redis", {"redis://:pw@h:6379/1"}) == "redis://:pw@h:6379/1");
    CHECK(url_of("redis", {"redis+unix:///run/r?db=1"}, {{"timeout", {"TIMEOUT", "5"}}}) ==
          "redis+unix:///run/r?db=1&timeout=5");
    CHECK(url_of("redis", {"rediss://h"}) == "rediss://h");
    CHECK(url_of("redis", {"redis://h"}, {{"db", {"OPTIONS.DB", "10"}}}) == "redis://h/10");
    CHECK(url_of("redis", {"redis://h/?deadline=1s"}, {{"db", {"OPTIONS.DB", "10"}}}) ==
          "redis://h/10?deadline=1s");
    CHECK(url_of("redis", {"redis+unix:///run/r"}, {{"db", {"OPTIONS.DB", "10"}}}) ==
          "redis+unix:///run/r?db=10");
    CHECK(url_of("file", {"/var/tmp/a cache?#%,;"}) == "file:///var/tmp/a%20cache%3F%23%25%2C%3B");
    CHECK(url_of("sqlite", {"/var/c.db"}, {{"table", {"OPTIONS.TABLE", "a&b=c"}}}) ==
          "sqlite:///var/c.db?table=a%26b%3Dc");
    CHECK(url_of("sqlite", {":memory:"}) == "sqlite:///:memory:");
    CHECK(url_of("memory", {}) == "memory://");

    const auto refused = [](const std::string& scheme, const Names& locations) -> std::string {
        try {
            return url_of(scheme, locations);
        } catch (const ConfigError& error) {
            return error.what();
        }
    };
    CHECK(refused("file", {"var/cache"}) ==
          "LOCATION: file needs the absolute path of a directory");
    CHECK(refused("file", {}) == "LOCATION: file needs the absolute path of a directory");
    CHECK(refused("sqlite", {"my_cache_table"}) ==
          "LOCATION: sqlite needs the absolute path of a database file; its table is named in "
          "OPTIONS.TABLE");
    CHECK(refused("redis", {}) == "LOCATION: no server is given");
    for (const auto& several : {Names{"a", "b"}, Names{"a,b"}, Names{"redis://a", "redis://b"},
                                Names{"redis://a/1;redis://b/1"}, Names{"redis://a, redis://b"}}) {
        CHECK(refused("redis", several) ==
              "LOCATION: redis takes one server, and none beside it to read from");
    }
    CHECK(refused("memcached", {"memcached://a", "memcached://b"}) ==
          "LOCATION: a URL stands alone; several servers are listed without a scheme");
    CHECK(unclear("redis", "redis://h/1", {{"db", {"OPTIONS.DB", "3"}}}) ==
          "OPTIONS.DB: LOCATION names a database, too");
    CHECK(refused("redis", {"memcached://a"}) ==
          "LOCATION: the scheme of its URL is not BACKEND's, which is redis");
    CHECK(refused("file", {"sqlite:///a"}) ==
          "LOCATION: the scheme of its URL is not BACKEND's, which is file");
}

TEST_CASE("user and password are encoded into the URL and read back", "[caches_json][unit]") {
    const ScopedCaches scope;
    configure_caches(R"({"c": {"BACKEND": "probe", "LOCATION": "h:1",
        "OPTIONS": {"USERNAME": "u@x", "PASSWORD": "p@ss:/?#%&é"}}})");
    CHECK(seen.user == "u@x");
    CHECK(seen.password == "p@ss:/?#%&é");
    CHECK(seen.url == "probe://u%40x:***@h:1");

    configure_caches(R"({"c": {"BACKEND": "probe", "LOCATION": "probe://h:1?size=2",
        "TIMEOUT": 5, "OPTIONS": {"PASSWORD": 1234}}})");
    CHECK(seen.password == "1234");
    CHECK(seen.url == "probe://:***@h:1?size=2&timeout=5");
    CHECK(caches()["c"].timeout() == Lifetime{5s});

    CHECK(refusal_with(R"("BACKEND": "probe", "LOCATION": "probe://:a@h",
                          "OPTIONS": {"PASSWORD": "secret"})") ==
          "cache \"c\": OPTIONS.PASSWORD: LOCATION has a user or a password, too");
}

TEST_CASE("no error of a document quotes a password", "[caches_json][unit]") {
    const ScopedCaches scope;
    for (
        const auto* const document : {
            R"({"c": {"BACKEND": "redis", "LOCATION": "redis://:hunter2@h:x/1"}})",
            R"({"c": {"BACKEND": "probe", "LOCATION": "probe://:hunter2@h@i"}})",
            R"({"c": {"BACKEND": "probe", "LOCATION": "u:hunter2@h"}})",
            R"({"c": {"BACKEND": "probe", "LOCATION": "h", "OPTIONS": {"PASSWORD": "hunter2\n"}}})",
            R"({"c": {"BACKEND": "memcached", "LOCATION": "h", "OPTIONS": {"PASSWORD": "hunter2"}}})",
            R"({"c": {"BACKEND": "memory", "OPTIONS": {"PASSWORD": "hunter2"}}})",
            R"({"c": {"BACKEND": "memory", "PASSWORD": "hunter2"}})",
            R"({"c": {"BACKEND": "probe", "LOCATION": "probe://:hunter2@h?bad=1"}})",
            R"({"c": "probe://:hunter2@h?bad=1"})",
            R"({"c": {"OPTIONS": {"PASSWORD": "hunter2" "x"}}})",
            R"({"c": {"OPTIONS": {"PASSWORD": hunter2}}})",
        }) {
        const auto message = refusal_of(document);
        INFO(message);
        CHECK(message != "it was accepted");
        CHECK(message.find("hunter") == std::string::npos);
    }
}

TEST_CASE("a timeout is seconds, a text as in a URL, or null for never", "[caches_json][unit]") {
    const ScopedCaches scope;
    const auto timeout = [](const std::string& value) {
        configure_caches(R"({"c": {"BACKEND": "null", "TIMEOUT": )" + value + "}}");
        return caches()["c"].timeout();
    };
    CHECK(timeout("60") == Lifetime{60s});
    CHECK(timeout("1.5") == Lifetime{1500ms});
    CHECK(timeout("\"1\"") == Lifetime{1s});
    CHECK(timeout("\"15min\"") == Lifetime{15min});
    CHECK(timeout("\"never\"").is_never());
    CHECK(timeout("null").is_never());
    CHECK(timeout("0").is_over());
    CHECK(configure_caches(R"({"c": {"BACKEND": "null", "TIMEOUT": -1}})") ==
          Names{"cache \"c\": TIMEOUT=-1: what is stored has expired at once"});
    CHECK(caches()["c"].timeout().is_over());
    configure_caches(R"({"c": {"BACKEND": "null"}})");
    CHECK(caches()["c"].timeout() == Lifetime{300s});

    constexpr auto expected =
        ": expected is a number of seconds such as 60 or 1.5, a duration such as 15min, or never";
    CHECK(refusal_with(R"("BACKEND": "null", "TIMEOUT": "abc")") ==
          "cache \"c\": TIMEOUT=abc"s + expected);
    CHECK(refusal_with(R"("BACKEND": "null", "TIMEOUT": "")") ==
          "cache \"c\": TIMEOUT="s + expected);
    CHECK(refusal_with(R"("BACKEND": "null", "TIMEOUT": true)") ==
          "cache \"c\": TIMEOUT=true"s + expected);
    CHECK(refusal_with(R"("BACKEND": "null", "TIMEOUT": [60])") ==
          "cache \"c\": TIMEOUT: it is not a text, a number or a bool");
}

TEST_CASE("options of loads stand in OPTIONS, as in a URL, or as numbers", "[caches_json][unit]") {
    const ScopedCaches scope;
    configure_caches(R"({"c": {"BACKEND": "memory", "OPTIONS": {
        "STALE_WHILE_REFRESH": "30s", "STALE_IF_ERROR": "never", "REMEMBER_MISSING": 1.5,
        "EARLY_REFRESH": 1, "JITTER": 0.1, "LOAD_TIMEOUT": "2s", "LEASE_WAIT": 0,
        "LOAD_BACKOFF": "0.5", "VERIFY": 0.01, "LOADS_WITHOUT_CACHE": 8}}})");
    const auto& rules = caches()["c"].view().load_rules;
    CHECK(rules.stale_while_refresh == Lifetime{30s});
    CHECK(rules.stale_if_error.is_never());
    CHECK(rules.remember_missing == Lifetime{1500ms});
    CHECK(rules.early_refresh == 1);
    CHECK(rules.jitter == 0.1);
    CHECK(rules.load_timeout == Lifetime{2s});
    CHECK(rules.lease_wait.is_over());
    CHECK(rules.load_backoff == Lifetime{500ms});
    CHECK(rules.verify == 0.01);
    CHECK(caches()["c"].core().load_settings.loads_without_cache == 8);
    configure_caches(
        R"({"d": {"BACKEND": "memory", "TIMEOUT": null, "OPTIONS": {"LOAD_TIMEOUT": null}}})");
    CHECK(caches()["d"].view().load_rules.load_timeout.is_never());
    CHECK(caches()["d"].timeout().is_never());

    const auto refused = [](const std::string& options) {
        return refusal_with(R"("BACKEND": "memory", "OPTIONS": {)" + options + "}");
    };
    CHECK(refused(R"("JITTER": 1)") ==
          "cache \"c\": OPTIONS.JITTER=1: expected is a number such as 2 or 0.1, from 0 to less "
          "than 1");
    CHECK(refused(R"("Lease_Wait": "never")") ==
          "cache \"c\": OPTIONS.Lease_Wait=never: expected is a number of seconds such as 60 or "
          "1.5 or a duration such as 15min, from 0s to 1d");
    CHECK(refused(R"("STALE_IF_ERROR": null)") ==
          "cache \"c\": OPTIONS.STALE_IF_ERROR: it is not a text, a number or a bool");
    CHECK(refused(R"("LOADS_WITHOUT_CACHE": 0)") ==
          "cache \"c\": OPTIONS.LOADS_WITHOUT_CACHE=0: expected is a whole number from 1 to "
          "4294967295");
    CHECK(configure_caches(R"({"c": {"BACKEND": "memory", "LENIENT": true, "OPTIONS": {
              "EARLY_REFRESH": -1}}})") ==
          Names{"cache \"c\": OPTIONS.EARLY_REFRESH=-1: expected is a number such as 2 or 0.1, "
                "from 0 to less than 1000"});
    CHECK(caches()["c"].view().load_rules.early_refresh == 0);
}

TEST_CASE("a misspelt member or option is an error that names what may be meant",
          "[caches_json][unit]") {
    const ScopedCaches scope;
    CHECK(
        refusal_of(R"({"sessions": {"BACKEND": "memory", "OPTIONS": {"MAX_ENTRYS": 5}}})") ==
        "cache \"sessions\": OPTIONS.MAX_ENTRYS: there is no option named max_entrys; "
        "max_entrys may be meant as max_entries; it takes clear, decoded, decoded_expires, "
        "early_refresh, ignore_errors, "
        "jitter, key_function, key_prefix, key_warnings, lease_wait, lenient, load_backoff, "
        "load_timeout, loads_without_cache, max_bytes, max_entries, mismatch_is_miss, "
        "remember_missing, shards, stale_if_error, stale_while_refresh, timeout, verify, version");
    CHECK(
        refusal_with(R"("BACKEND": "probe", "OPTIONS": {"ALPHA": 1, "BETA": 2})")
            .starts_with(
                "cache \"c\": OPTIONS.ALPHA, OPTIONS.BETA: there are no options named alpha, beta; "
                "it takes clear, "));
    CHECK(refusal_with(R"("BACKEND": "memory", "TIMOUT": 60)") ==
          "cache \"c\": TIMOUT: there is no option named timout; timout may be meant as timeout; "
          "it takes backend, key_function, key_prefix, lenient, location, options, timeout, "
          "version; options of the backend stand in OPTIONS");
    CHECK(refusal_with(R"("BACKEND": "memory", "MAX_ENTRIES": 60)") ==
          "cache \"c\": MAX_ENTRIES: there is no option named max_entries; it takes backend, "
          "key_function, key_prefix, lenient, location, options, timeout, version; options of the "
          "backend stand in OPTIONS");
    CHECK(refusal_with(R"("BACKEND": "memory", "OPTIONS": {"TIMEOUT": 60})") ==
          "cache \"c\": OPTIONS.TIMEOUT: it stands beside OPTIONS, not in it");
    CHECK(refusal_with(R"("BACKEND": "memory", "OPTIONS": {"a&b=c": 60})") ==
          "cache \"c\": OPTIONS.\"a&b=c\": a name is made of letters, digits, _, - and .");
    CHECK(refusal_with(R"("BACKEND": "memory", "": 60)") ==
          "cache \"c\": \"\": a name is made of letters, digits, _, - and .");
}

TEST_CASE("a value that makes no sense is an error that names the member", "[caches_json][unit]") {
    const ScopedCaches scope;
    const auto refused = [](const std::string& members) {
        return refusal_with(R"("BACKEND": "memory", )" + members);
    };
    CHECK(refused(R"("OPTIONS": {"MAX_ENTRIES": "x"})") ==
          "cache \"c\": OPTIONS.MAX_ENTRIES=x: expected is a whole number from 1 to "
          "18446744073709551615");
    CHECK(refused(R"("OPTIONS": {"Max_Entries": 1.5})") ==
          "cache \"c\": OPTIONS.Max_Entries=1.5: expected is a whole number from 1 to "
          "18446744073709551615");
    CHECK(refused(R"("OPTIONS": {"IGNORE_ERRORS": null})") ==
          "cache \"c\": OPTIONS.IGNORE_ERRORS: it is not a text, a number or a bool");
    CHECK(refused(R"("OPTIONS": {"IGNORE_ERRORS": {}})") ==
          "cache \"c\": OPTIONS.IGNORE_ERRORS: it is not a text, a number or a bool");
    CHECK(refused(R"("OPTIONS": [])") == "cache \"c\": OPTIONS: it is no object");
    CHECK(refused(R"("VERSION": -1)") ==
          "cache \"c\": VERSION=-1: expected is a whole number from 0 to 4294967295");
    CHECK(refused(R"("KEY_PREFIX": "a:b")") ==
          "cache \"c\": KEY_PREFIX: \"a:b\" is not at most 40 bytes of visible ASCII without a "
          "colon");
    CHECK(refused(R"("KEY_PREFIX": "a\nb")") ==
          "cache \"c\": KEY_PREFIX: it has a control character");
    CHECK(refused(R"("KEY_FUNCTION": "nope")")
              .starts_with(
                  "cache \"c\": KEY_FUNCTION: key function nope: there is none; known are "));
    CHECK(refused(R"("LENIENT": "yes")") == "cache \"c\": LENIENT: it is not a bool");
    CHECK(refusal_with("") == "cache \"c\": BACKEND: it is missing");
    CHECK(refusal_with(R"("BACKEND": "a\nb")")
              .starts_with("cache \"c\": BACKEND: URL scheme a\\x0ab: there is no such backend"));
    CHECK(refusal_with(R"("BACKEND": 1)") == "cache \"c\": BACKEND: it is not a text");
    CHECK(refusal_with(R"("BACKEND": "memcached")") == "cache \"c\": LOCATION: no server is given");
    CHECK(refusal_with(R"("BACKEND": "null", "LOCATION": "a")") ==
          "cache \"c\": LOCATION: null:// takes neither a host, nor a user, nor a path: null://a");
    CHECK(refusal_with(R"("BACKEND": "probe", "LOCATION": "probe://h?timeout=1", "TIMEOUT": 2)") ==
          "cache \"c\": TIMEOUT is given twice");
    CHECK(refusal_with(R"("BACKEND": "probe", "LOCATION": "probe://h?on=abc")") ==
          "cache \"c\": LOCATION: option on=abc: expected is true or false");
    CHECK(refusal_with(R"("BACKEND": "probe", "LOCATION": "probe://h?on")") ==
          "cache \"c\": LOCATION: option \"on\" has no value; options are written name=value");
    CHECK(refusal_with(R"("BACKEND": "probe", "LOCATION": "probe://h?&on=1")") ==
          "cache \"c\": LOCATION: option 1 has no name");
    CHECK(refusal_with(R"("BACKEND": "probe", "LOCATION": "probe://h?a+b=1")") ==
          "cache \"c\": LOCATION: the name of option 1 has a character that is not a letter, a "
          "digit, _, - or "
          ".");
}

TEST_CASE("what a backend refuses is told of the member that says it", "[caches_json][unit]") {
    const ScopedCaches scope;
    const auto refused = [](const std::string& members) {
        const auto message = refusal_with(members);
        const std::string begin{"cache \"c\": "};
        return message.starts_with(begin) ? message.substr(begin.size()) : "not of c: " + message;
    };
    // user and password
    constexpr auto nowhere = ": there is no server that it could be meant for";
    CHECK(refused(R"("BACKEND": "memory", "OPTIONS": {"PASSWORD": "x"})") ==
          "OPTIONS.PASSWORD"s + nowhere);
    CHECK(refused(R"("BACKEND": "null", "OPTIONS": {"username": "x"})") ==
          "OPTIONS.username"s + nowhere);
    CHECK(refused(R"("BACKEND": "memory", "LOCATION": "n", "OPTIONS": {"PASSWORD": "x"})") ==
          "OPTIONS.PASSWORD: memory:// takes one name, without a port, a user or a path: "
          "memory://:***@n");
    CHECK(refused(R"("BACKEND": "memcached", "LOCATION": "h", "OPTIONS": {"PASSWORD": "x"})") ==
          "OPTIONS.PASSWORD: memcached: its text protocol cannot send a user or a password");
    CHECK(refused(R"("BACKEND": "memcached", "LOCATION": "memcached://u@h")") ==
          "LOCATION: memcached: its text protocol cannot send a user or a password");
    CHECK(refused(R"("BACKEND": "file", "LOCATION": "/tmp/x", "OPTIONS": {"PASSWORD": "x"})") ==
          "OPTIONS.PASSWORD: file:// takes an absolute path after three slashes and nothing else: "
          "file://:***@/tmp/x");
    CHECK(refused(R"("BACKEND": "sqlite", "LOCATION": "/tmp/x", "OPTIONS": {"USERNAME": "x"})")
              .starts_with("OPTIONS.USERNAME: sqlite: "));
    CHECK(refused(R"("BACKEND": "redis", "LOCATION": "h", "OPTIONS": {"USERNAME": "x"})") ==
          "OPTIONS.USERNAME: redis: a user is given without a password");
    // places
    CHECK(refused(R"("BACKEND": "memory", "LOCATION": "a,b")") ==
          "LOCATION: memory:// takes one name, without a port, a user or a path: memory://a,b");
    CHECK(refused(R"("BACKEND": "null", "LOCATION": "/a")") ==
          "LOCATION: null:// takes neither a host, nor a user, nor a path: null:///a");
    CHECK(refused(R"("BACKEND": "memcached", "LOCATION": ["h:1", "h:1"])") ==
          "LOCATION: memcached: a server is given twice: h:1");
    CHECK(refused(R"("BACKEND": "memcached", "LOCATION": "memcached://h/path")")
              .starts_with("LOCATION: memcached: the URL has both a host, h, and a path, /path"));
    CHECK(refused(R"("BACKEND": "redis", "LOCATION": "/)" + std::string(200, 'x') + '"')
              .starts_with("LOCATION: redis: the path of a socket is longer than the system "));
    CHECK(refused(R"("BACKEND": "redis", "LOCATION": "redis://")")
              .starts_with("LOCATION: redis: the URL has no host"));
    CHECK(refused(R"("BACKEND": "sqlite", "LOCATION": "/tmp/")") ==
          "LOCATION: sqlite: path is not the absolute path of a file: \"/tmp/\"");
    CHECK(refused(R"("BACKEND": "file", "LOCATION": "/dev/null")")
              .starts_with("LOCATION: file cache /dev/null: "));
    CHECK(refused(R"("BACKEND": "file", "LOCATION": "file://h/tmp")")
              .starts_with("LOCATION: file:// takes an absolute path"));
    CHECK(refused(R"("BACKEND": "rediss", "LOCATION": "h")")
              .starts_with("BACKEND: redis: rediss:// is TLS"));
    CHECK(refused(R"("BACKEND": "redis", "LOCATION": "rediss://h")")
              .starts_with("LOCATION: redis: rediss:// is TLS"));
    CHECK(refused(R"("BACKEND": "probe", "LOCATION": "probe://a#b")")
              .starts_with("LOCATION: it has a fragment"));
    const Cache shared = Cache::open("memory://json-shared");
    CHECK(refused(R"("BACKEND": "memory", "LOCATION": "json-shared", "OPTIONS": {"SHARDS": 3})") ==
          "LOCATION: memory://json-shared is open with other options");
    // options
    CHECK(refused(R"("BACKEND": "redis", "LOCATION": "h", "OPTIONS": {"DB": "x"})") ==
          "OPTIONS.DB: redis: the database \"x\" is not a number from 0 to 2147483647");
    CHECK(refused(R"("BACKEND": "redis", "LOCATION": "redis://h", "OPTIONS": {"db": -1})") ==
          "OPTIONS.db: redis: the database \"-1\" is not a number from 0 to 2147483647");
    CHECK(refused(R"("BACKEND": "redis", "LOCATION": "redis://h/x")") ==
          "LOCATION: redis: the database \"x\" is not a number from 0 to 2147483647");
    CHECK(refused(R"("BACKEND": "redis", "LOCATION": "redis+unix:///r?db=1",
                     "OPTIONS": {"DB": 2})") == "OPTIONS.DB is given twice");
    CHECK(refused(R"("BACKEND": "memcached", "LOCATION": "h", "OPTIONS": {"WEIGHTS": "a,b"})") ==
          "OPTIONS.WEIGHTS is \"a,b\"; expected is one number from 1 to 1000, for the only host");
    CHECK(refused(R"("BACKEND": "memcached", "LOCATION": "g,h", "OPTIONS": {"WEIGHTS": 1})") ==
          "OPTIONS.WEIGHTS is \"1\"; expected are 2 numbers from 1 to 1000 with commas between "
          "them, one for each host");
    CHECK(refused(R"("BACKEND": "memory", "OPTIONS": {"SHARDS": 8, "Max_Entries": 3})") ==
          "OPTIONS.Max_Entries: memory: max_entries is 3, it must be at least 8");
    CHECK(refused(R"("BACKEND": "sqlite", "LOCATION": "/tmp/x", "OPTIONS": {"TABLE": ""})") ==
          "OPTIONS.TABLE: sqlite: table is not a name of 1 to 128 bytes");
}

TEST_CASE("what a scheme of one's own refuses is told of the cache", "[caches_json][unit]") {
    const ScopedCaches scope;
    register_scheme("grumpy", [](CacheUrl&, const Clock&) -> std::shared_ptr<Backend> {
        throw ConfigError("the value of everything is option x=1");
    });
    CHECK(refusal_with(R"("BACKEND": "grumpy", "OPTIONS": {"X": 1})") ==
          "cache \"c\": the value of everything is option x=1");
}

TEST_CASE("a document that is not what it should be is refused as a whole", "[caches_json][unit]") {
    const ScopedCaches scope;
    CHECK(refusal_of("") == "caches: malformed JSON at line 1, column 1");
    CHECK(refusal_of("{\"a\": \"null://\",\n  }") == "caches: malformed JSON at line 2, column 3");
    CHECK(refusal_of("{\"a\":\n\"null://\"\n") == "caches: malformed JSON at line 3, column 1");
    CHECK(refusal_of("{} {}") == "caches: malformed JSON at line 1, column 4");
    CHECK(refusal_of("{\"a\": \"\xff\"}") == "caches: malformed JSON at line 1, column 8");
    CHECK(refusal_of("// a\n{}") == "caches: malformed JSON at line 1, column 1");
    CHECK(refusal_of(R"({"a": 1e999})") == "caches: a number of the document is out of range");
    CHECK(refusal_of("[]") == "caches: the document is not an object of caches by their names");
    CHECK(refusal_of("null") == "caches: the document is not an object of caches by their names");
    CHECK(refusal_of(R"({"a": 1})") == "cache \"a\": it is neither an object nor a URL");
    CHECK(refusal_of(R"({"": "null://"})") == "cache \"\": the name is empty");
    CHECK(refusal_of(R"({"a\n\"": 1})") == "cache \"a\\n\\\"\": it is neither an object nor a URL");
    CHECK(refusal_of(R"({"a": "null"})") ==
          "cache \"a\": cache URL: it does not begin with a scheme, such as memory://");
    CHECK(refusal_of(std::string(100'000, '[')) ==
          "caches: malformed JSON at line 1, column 100001");
}

TEST_CASE("nothing may be said twice", "[caches_json][unit]") {
    const ScopedCaches scope;
    CHECK(refusal_of(R"({"a": "null://", "a": "memory://"})") ==
          "caches: the document has \"a\" twice in one object");
    CHECK(refusal_with(R"("BACKEND": "null", "BACKEND": "null")") ==
          "caches: the document has \"BACKEND\" twice in one object");
    CHECK(refusal_with(R"("BACKEND": "null", "Backend": "null")") ==
          "cache \"c\": Backend: it is given twice, in upper and in lower case");
    CHECK(refusal_with(R"("BACKEND": "probe", "OPTIONS": {"size": 1, "SIZE": 1})") ==
          "cache \"c\": OPTIONS.size: it is given twice, in upper and in lower case");
    CHECK(refusal_with(R"("BACKEND": "null", "LENIENT": true, "OPTIONS": {"LENIENT": true})") ==
          "cache \"c\": OPTIONS.LENIENT: it stands beside OPTIONS, too");
    configure_caches(R"({"a": {"BACKEND": "null"}, "A": {"BACKEND": "null"}})");
    CHECK(caches().names() == Names{"A", "a"});
}

TEST_CASE("a lenient cache has warnings in the place of errors", "[caches_json][unit]") {
    const ScopedCaches scope;
    const auto warnings = configure_caches(R"({"c": {
        "BACKEND": "null", "LENIENT": true, "TIMEOUT": "abc", "VERSION": [], "TIMOUT": 5,
        "OPTIONS": {"MAX_ENTRYS": "x", "KEY_PREFIX": "p", "VERSION": 3}}})");
    REQUIRE(warnings.size() == 6);
    CHECK(warnings[0] == "cache \"c\": OPTIONS.KEY_PREFIX: it stands beside OPTIONS, not in it");
    CHECK(warnings[1] == "cache \"c\": OPTIONS.VERSION: it stands beside OPTIONS, not in it");
    CHECK(warnings[2] == "cache \"c\": VERSION: it is not a text, a number or a bool");
    CHECK(warnings[3] ==
          "cache \"c\": TIMOUT: there is no option named timout; timout may be meant as timeout; "
          "it takes backend, key_function, key_prefix, lenient, location, options, timeout, "
          "version; options of the backend stand in OPTIONS");
    CHECK(warnings[4] ==
          "cache \"c\": TIMEOUT=abc: expected is a number of seconds such as 60 or 1.5, a duration "
          "such as 15min, or never");
    CHECK(warnings[5] ==
          "cache \"c\": OPTIONS.MAX_ENTRYS: there is no option named max_entrys; it takes clear, "
          "decoded, decoded_expires, early_refresh, ignore_errors, jitter, key_function, "
          "key_prefix, key_warnings, "
          "lease_wait, lenient, load_backoff, load_timeout, loads_without_cache, mismatch_is_miss, "
          "remember_missing, stale_if_error, stale_while_refresh, timeout, verify, version");
    CHECK(caches()["c"].timeout() == Lifetime{300s});
    CHECK(caches()["c"].version() == 1);
    CHECK(caches()["c"].prefix().empty());

    CHECK(configure_caches(R"({"d": "null://?lenient=true&timout=1"})").size() == 1);
    CHECK(configure_caches(R"({"e": {"BACKEND": "null", "OPTIONS": {"LENIENT": true, "X": 1}}})")
              .size() == 1);
}

TEST_CASE("leniency is for no key function, no prefix and no weights", "[caches_json][unit]") {
    const ScopedCaches scope;
    const auto refused = [](const std::string& members) {
        return refusal_with(R"("LENIENT": true, )" + members);
    };
    CHECK(refused(R"("BACKEND": "null", "KEY_FUNCTION": "nope")")
              .starts_with("cache \"c\": KEY_FUNCTION: key function nope: there is none"));
    CHECK(refused(R"("BACKEND": "null", "KEY_PREFIX": "a:b")") ==
          "cache \"c\": KEY_PREFIX: \"a:b\" is not at most 40 bytes of visible ASCII without a "
          "colon");
    CHECK(refused(R"("BACKEND": "memcached", "LOCATION": "h", "OPTIONS": {"WEIGHTS": "a"})")
              .starts_with("cache \"c\": OPTIONS.WEIGHTS is \"a\"; expected is "));
    CHECK(refused(R"("BACKEND": "redis", "LOCATION": "h", "OPTIONS": {"DB": "x"})")
              .starts_with("cache \"c\": OPTIONS.DB: redis: the database "));
    CHECK(refused(R"("BACKEND": "sqlite", "LOCATION": "/x", "OPTIONS": {"TABLE": ""})")
              .starts_with("cache \"c\": OPTIONS.TABLE: sqlite: table "));
    CHECK(refused(R"("BACKEND": "memory", "OPTIONS": {"SHARDS": 9, "MAX_ENTRIES": 1})")
              .starts_with("cache \"c\": OPTIONS.MAX_ENTRIES: memory: max_entries is 1"));
}
