// cachemodel: options, bounds and counters of the SQLite backend, in memory.
// SPDX-License-Identifier: MIT
#include <cachemodel/backends/sqlite.hpp>

#include <cachemodel/cache.hpp>
#include <cachemodel/cache_url.hpp>
#include <cachemodel/error.hpp>
#include <cachemodel/testing/turnable_clock.hpp>

#include "support/backend_calls.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

using namespace cachemodel;
using namespace cachemodel::support;
using cachemodel::testing::TurnableClock;
using namespace std::chrono_literals;

namespace {

SqliteOptions options_of(std::string_view text) {
    auto url = CacheUrl::parse(text);
    auto options = sqlite_options(url);
    url.expect_all_taken();
    return options;
}

/// What a ConfigError says; empty where there is none.
std::string complaint_about(SqliteOptions options) {
    try {
        SqliteBackend{std::move(options)};
        return {};
    } catch (const ConfigError& error) {
        return error.what();
    }
}

std::string complaint_about(std::string_view url) {
    try {
        static_cast<void>(options_of(url));
        return {};
    } catch (const ConfigError& error) {
        return error.what();
    }
}

bool mentions(const std::string& text, std::string_view word) {
    return text.find(word) != std::string::npos;
}

class KeyKeeper final : public KeySink {
 public:
    void key(std::string_view key) override { keys.emplace_back(key); }
    std::vector<std::string> keys;
};

std::vector<std::string> keys_of(Backend& backend, std::string_view prefix = {}) {
    KeyKeeper keeper;
    backend.list_keys(prefix, keeper);
    std::sort(keeper.keys.begin(), keeper.keys.end());
    return keeper.keys;
}

std::string fact(Backend& backend, std::string_view name) {
    for (const auto& fact : backend.facts()) {
        if (fact.name == name) return fact.value;
    }
    return "no such fact";
}

/// A clock, and a backend in memory that goes by it. It is never short of time.
struct Rig {
    explicit Rig(SqliteOptions options = {}) : backend(in_memory(std::move(options)), clock) {}

    static SqliteOptions in_memory(SqliteOptions options) {
        options.path = ":memory:";
        options.deadline = 1min;
        return options;
    }

    std::size_t entries() { return std::stoul(fact(backend, "entries")); }
    Outcome increment(std::string_view key, std::int64_t delta) {
        return backend.increment(key, delta, value);
    }

    TurnableClock clock;
    SqliteBackend backend;
    std::int64_t value = -99;
};

}  // namespace

TEST_CASE("a URL gives the options of sqlite", "[sqlite][url]") {
    const auto plain = options_of("sqlite:///var/cache/app.db");
    CHECK(plain.path == "/var/cache/app.db");
    CHECK(plain.table == "cachemodel_entries");
    CHECK(plain.deadline == 250ms);
    CHECK(plain.max_entries == 100'000);
    CHECK(plain.cull_frequency == 3);
    CHECK(plain.auto_create);
    CHECK(plain.connections == 8);
    CHECK(plain.max_value == SqliteOptions::unlimited);

    const auto full = options_of(
        "sqlite:///var/my%20cache/a%23b.db?table=my%20%22table%22&deadline=2s&max_entries=30"
        "&cull_frequency=0&auto_create=false&connections=2&max_value=64KiB");
    CHECK(full.path == "/var/my cache/a#b.db");
    CHECK(full.table == "my \"table\"");
    CHECK(full.deadline == 2s);
    CHECK(full.max_entries == 30);
    CHECK(full.cull_frequency == 0);
    CHECK_FALSE(full.auto_create);
    CHECK(full.connections == 2);
    CHECK(full.max_value == 65536);

    CHECK(options_of("sqlite:///:memory:").path == ":memory:");
    CHECK(options_of("sqlite:///x?auto_create=1").auto_create);
    CHECK_FALSE(options_of("sqlite:///x?auto_create=0").auto_create);
}

TEST_CASE("a URL that makes no sense for sqlite is a ConfigError", "[sqlite][url]") {
    CHECK(mentions(complaint_about("sqlite://app.db"), "absolute"));
    CHECK(mentions(complaint_about("sqlite://cache/app.db"), "absolute"));
    CHECK_FALSE(mentions(complaint_about("sqlite://me:secret@host/app.db"), "secret"));
    CHECK(mentions(complaint_about("sqlite://me:secret@host/app.db"), "user"));
    CHECK(mentions(complaint_about("sqlite:///x?auto_create=maybe"), "auto_create=maybe"));
    CHECK(mentions(complaint_about("sqlite:///x?max_entries=0"), "max_entries"));
    CHECK(mentions(complaint_about("sqlite:///x?cull_frequency=-1"), "cull_frequency"));
    CHECK(mentions(complaint_about("sqlite:///x?connections=0"), "connections"));
    CHECK(mentions(complaint_about("sqlite:///x?deadline=0ms"), "deadline"));
    CHECK(mentions(complaint_about("sqlite:///x?max_value=1023"), "max_value"));
    CHECK(mentions(complaint_about("sqlite:///x?tabel=y"), "tabel"));
    CHECK_THROWS_AS(Cache::open("sqlite://"), ConfigError);
    CHECK_THROWS_AS(Cache::open("sqlite:///"), ConfigError);
    CHECK_THROWS_AS(Cache::open("sqlite:///var/cache/"), ConfigError);
    CHECK_THROWS_AS(Cache::open("sqlite:///x?table="), ConfigError);
}

TEST_CASE("options of sqlite that make no sense are named", "[sqlite]") {
    CHECK(mentions(complaint_about({.path = ""}), "path"));
    CHECK(mentions(complaint_about({.path = "cache/app.db"}), "cache/app.db"));
    CHECK(mentions(complaint_about({.path = std::string{"/a\0b", 4}}), "zero byte"));
    CHECK(mentions(complaint_about({.path = "/a", .table = ""}), "table"));
    CHECK(mentions(complaint_about({.path = "/a", .table = std::string(129, 't')}), "table"));
    CHECK(mentions(complaint_about({.path = "/a", .table = std::string{"a\0b", 3}}), "zero byte"));
    CHECK(mentions(complaint_about({.path = "/a", .table = "SQLite_x"}), "SQLite_x"));
    CHECK(mentions(complaint_about({.path = "/a", .deadline = 0ms}), "deadline"));
    CHECK(mentions(complaint_about({.path = "/a", .deadline = 2h}), "deadline"));
    CHECK(mentions(complaint_about({.path = "/a", .max_entries = 0}), "max_entries"));
    CHECK(mentions(complaint_about({.path = "/a", .connections = 0}), "connections"));
    CHECK(mentions(complaint_about({.path = "/a", .connections = 1001}), "connections"));
    CHECK(mentions(complaint_about({.path = "/a", .max_value = 1}), "max_value"));
    CHECK(complaint_about({.path = "/a", .table = std::string(128, 't')}).empty());
}

TEST_CASE("linking the component makes the scheme sqlite known", "[sqlite][url]") {
    const auto cache = Cache::open("sqlite:///:memory:?key_prefix=app&deadline=10s");
    const std::string_view key = "key";
    const Entry entry{key, "value", never};
    std::vector<Outcome> outcomes(1);
    cache.store_many(Store::set, {&entry, 1}, outcomes);
    CHECK(outcomes[0].done());
    ReadKeeper keeper{1};
    cache.read_many({&key, 1}, keeper);
    CHECK(keeper.reads[0].found("value"));
}

TEST_CASE("sqlite states what it can", "[sqlite]") {
    const Rig rig;
    const auto& in_memory = rig.backend.capabilities();
    CHECK_FALSE(in_memory.shared);
    CHECK_FALSE(in_memory.persistent);
    CHECK(in_memory.lifetime_resolution == 1ms);
    CHECK(in_memory.compare_and_set);
    CHECK(in_memory.token_per_write);
    CHECK(in_memory.atomic_increment);
    CHECK_FALSE(in_memory.counters_stop_at_zero);
    CHECK(in_memory.tells_lifetimes);
    CHECK(in_memory.lists_keys);
    CHECK_FALSE(in_memory.portable_keys_only);

    const SqliteBackend file{{.path = "/nowhere/at/all", .max_value = 5000}};
    CHECK(file.capabilities().shared);
    CHECK(file.capabilities().persistent);
    CHECK(file.capabilities().largest_value == 5000);
}

TEST_CASE("the statements that make the table can be read without executing them", "[sqlite]") {
    CHECK(SqliteBackend::create_table_sql({.path = "/nowhere/app.db", .table = "x\"y"}) ==
          "CREATE TABLE \"x\"\"y\" (\n"
          "    key BLOB NOT NULL PRIMARY KEY,\n"
          "    value BLOB NOT NULL,\n"
          "    expires_at INTEGER,  -- milliseconds since 1970-01-01 UTC, NULL is never\n"
          "    written_at INTEGER NOT NULL,\n"
          "    token INTEGER NOT NULL\n"
          ");\n"
          "CREATE INDEX \"x\"\"y_cachemodel_culling\" ON \"x\"\"y\" "
          "(expires_at, written_at);\n");
}

TEST_CASE("a database in memory belongs to one backend and stays when it is closed", "[sqlite]") {
    Rig rig;
    Rig other;
    CHECK(set(rig.backend, "key", "value").done());
    CHECK(get(other.backend, "key").absent());
    rig.backend.close();
    CHECK(get(rig.backend, "key").found("value"));
    CHECK_FALSE(rig.backend.create_table());
    CHECK(get(rig.backend, "key").found("value"));
}

TEST_CASE("sqlite takes any bytes as keys, however long", "[sqlite]") {
    Rig rig;
    const std::vector<std::string> keys{
        std::string{"\0", 1},
        std::string{"a\0b", 3},
        "a\nb",
        "\xff\xfe",
        " ",
        "'; DROP TABLE x; --",
        std::string(300, 'k'),
        std::string(20'000, 'k'),
        "",
    };
    for (const auto& key : keys) CHECK(add(rig.backend, key, "value of " + key).done());
    for (const auto& key : keys) CHECK(get(rig.backend, key).found("value of " + key));
    CHECK(get(rig.backend, std::string(20'000, 'k') + "x").absent());
    CHECK(get(rig.backend, std::string(255, 'k')).absent());
    CHECK(keys_of(rig.backend).size() == keys.size());
}

TEST_CASE("a value of 10 MiB comes back from sqlite", "[sqlite]") {
    Rig rig;
    std::string value(10 << 20, '\0');
    std::uint32_t state = 1;
    for (auto& byte : value)
        byte = static_cast<char>((state = state * 1664525U + 1013904223U) >> 24);
    CHECK(set(rig.backend, "large", value).done());
    // Not with found(value): it would print the bytes.
    CHECK((get(rig.backend, "large").value == value));
}

TEST_CASE("40,000 keys are one call for sqlite", "[sqlite]") {
    Rig rig;
    std::vector<std::string> keys;
    for (int i = 0; i < 40'000; ++i) keys.push_back("key " + std::to_string(i));
    std::vector<Entry> entries;
    for (std::size_t i = 0; i < keys.size(); i += 2) entries.push_back({keys[i], keys[i], never});
    std::vector<Outcome> outcomes(entries.size());
    rig.backend.store_many(Store::set, entries, outcomes);
    CHECK(std::all_of(outcomes.begin(), outcomes.end(), [](auto& each) { return each.done(); }));

    const auto reads = get_many(rig.backend, keys);
    std::size_t right = 0;
    for (std::size_t i = 0; i < keys.size(); ++i) {
        if (i % 2 == 0 ? reads[i].found(keys[i]) : reads[i].absent()) ++right;
    }
    CHECK(right == 40'000);
    CHECK(keys_of(rig.backend).size() == 20'000);

    const auto removed = remove_many(rig.backend, keys);
    CHECK(std::count_if(removed.begin(), removed.end(), [](auto& each) { return each.done(); }) ==
          20'000);
    CHECK(rig.entries() == 0);
}

TEST_CASE("a sink may use the backend that it reads from", "[sqlite]") {
    Rig rig;
    CHECK(set(rig.backend, "a", "1").done());
    struct Sink final : ReadSink {
        explicit Sink(Backend& used) : backend(used) {}
        void found(std::size_t, std::string_view value, std::uint64_t) noexcept override {
            written = set(backend, "b", std::string{value} + "2").done();
            read = get(backend, "b").value;
        }
        void absent(std::size_t) noexcept override {}
        void failed(std::size_t, const Failure&) noexcept override {}
        Backend& backend;
        bool written = false;
        std::string read;
    } sink{rig.backend};
    const std::string_view key = "a";
    rig.backend.get_many({&key, 1}, sink);
    CHECK(sink.written);
    CHECK(sink.read == "12");
}

TEST_CASE("an entry of sqlite ends exactly at its time, for every verb", "[sqlite][expiry]") {
    Rig rig;
    CHECK(set(rig.backend, "k", "1", 10s).done());
    rig.clock.advance(9'999ms);
    CHECK(get(rig.backend, "k").found("1"));
    CHECK(add(rig.backend, "k", "2").declined());
    CHECK(keys_of(rig.backend).size() == 1);
    rig.clock.advance(999'999ns);
    CHECK(get(rig.backend, "k").found("1"));
    rig.clock.advance(1ns);
    CHECK(get(rig.backend, "k").absent());
    CHECK(keys_of(rig.backend).empty());
    CHECK(rig.increment("k", 1).declined());
    CHECK(touch(rig.backend, "k", 1h).declined());
    CHECK(get(rig.backend, "k").absent());
    Lifetime left;
    CHECK(rig.backend.remaining_lifetime("k", left).declined());
    CHECK(rig.entries() == 1);  // it is still stored
    CHECK(remove(rig.backend, "k").declined());
    CHECK(rig.entries() == 0);
    CHECK(set(rig.backend, "k", "1", 10s).done());
    rig.clock.advance(10s);
    CHECK(add(rig.backend, "k", "2", 10s).done());
    CHECK(get(rig.backend, "k").found("2"));
}

TEST_CASE("sqlite keeps short and odd lifetimes, rounded up to milliseconds", "[sqlite][expiry]") {
    Rig rig;
    CHECK(set(rig.backend, "short", "v", 50ms).done());
    CHECK(set(rig.backend, "tiny", "v", 10us).done());
    rig.clock.advance(10us);
    CHECK(get(rig.backend, "tiny").found("v"));
    rig.clock.advance(10ms);
    CHECK(get(rig.backend, "short").found("v"));
    CHECK(get(rig.backend, "tiny").absent());
    rig.clock.advance(90ms);
    CHECK(get(rig.backend, "short").absent());

    CHECK(set(rig.backend, "far", "v", std::chrono::nanoseconds::max() - 1ns).done());
    CHECK(set(rig.backend, "never", "v", std::chrono::hours::max()).done());
    rig.clock.advance(24h * 365 * 20);
    CHECK(get(rig.backend, "far").found("v"));
    CHECK(get(rig.backend, "never").found("v"));
}

TEST_CASE("sqlite tells how long an entry has left", "[sqlite][expiry]") {
    Rig rig;
    Lifetime left;
    CHECK(rig.backend.remaining_lifetime("k", left).declined());
    CHECK(set(rig.backend, "k", "v", 10s).done());
    CHECK(rig.backend.remaining_lifetime("k", left).done());
    CHECK(left == 10s);
    rig.clock.advance(4s + 1ns);
    CHECK(rig.backend.remaining_lifetime("k", left).done());
    CHECK(left == 5'999ms);
    rig.clock.advance(5'999ms);
    CHECK(rig.backend.remaining_lifetime("k", left).done());
    CHECK(left == 1ms);
    CHECK(set(rig.backend, "k", "v", never).done());
    CHECK(rig.backend.remaining_lifetime("k", left).done());
    CHECK(left == never);
    // What was stored at an odd moment has no more than it was given.
    rig.clock.advance(1'234'567ns);
    CHECK(set(rig.backend, "k", "v", 3s).done());
    CHECK(rig.backend.remaining_lifetime("k", left).done());
    CHECK(left == 3s);
}

TEST_CASE("sqlite counts with all of 64 bits and keeps the lifetime", "[sqlite][counters]") {
    Rig rig;
    CHECK(rig.increment("n", 1).declined());
    CHECK(rig.increment("n", 0).declined());
    CHECK(get(rig.backend, "n").absent());
    CHECK(rig.value == -99);

    CHECK(set(rig.backend, "n", "41", 10s).done());
    const auto token = get(rig.backend, "n").token;
    rig.clock.advance(5s);
    CHECK(rig.increment("n", 1).done());
    CHECK(rig.value == 42);
    CHECK(rig.increment("n", -44).done());
    CHECK(rig.value == -2);
    CHECK(rig.increment("n", 0).done());
    CHECK(rig.value == -2);
    CHECK(get(rig.backend, "n").found("-2"));
    CHECK(get(rig.backend, "n").token != token);
    rig.clock.advance(5s);
    CHECK(get(rig.backend, "n").absent());

    CHECK(set(rig.backend, "n", "1", never).done());
    CHECK(rig.increment("n", std::int64_t{1} << 33).done());
    CHECK(rig.value == 8589934593);
    rig.clock.advance(24h * 365);
    CHECK(get(rig.backend, "n").found("8589934593"));
}

TEST_CASE("a counter of sqlite that would overflow, or is none, stays as it is",
          "[sqlite][counters]") {
    constexpr auto least = std::numeric_limits<std::int64_t>::min();
    Rig rig;
    CHECK(set(rig.backend, "n", "9223372036854775807", never).done());
    const auto too_much = rig.increment("n", 1);
    REQUIRE(too_much.failed());
    CHECK_THROWS_AS(too_much.failure().rethrow(), Overflow);
    CHECK(get(rig.backend, "n").found("9223372036854775807"));

    CHECK(set(rig.backend, "n", "-9223372036854775808", never).done());
    const auto too_little = rig.increment("n", -1);
    REQUIRE(too_little.failed());
    CHECK_THROWS_AS(too_little.failure().rethrow(), Overflow);
    CHECK(set(rig.backend, "n", "-1", never).done());
    const auto far_too_little = rig.increment("n", least);
    REQUIRE(far_too_little.failed());
    CHECK_THROWS_AS(far_too_little.failure().rethrow(), Overflow);
    CHECK(get(rig.backend, "n").found("-1"));

    CHECK(set(rig.backend, "n", "hi", 1h).done());
    const auto no_number = rig.increment("n", 1);
    REQUIRE(no_number.failed());
    CHECK_THROWS_AS(no_number.failure().rethrow(), NotAnInteger);
    CHECK(get(rig.backend, "n").found("hi"));
    CHECK(rig.value == -99);
}

TEST_CASE("a full table of sqlite drops a share and never holds more than its bound",
          "[sqlite][culling]") {
    struct Case {
        std::size_t max_entries, cull_frequency;
        int written;
        std::size_t left;
    };
    const Case each = GENERATE(Case{30, 3, 49, 29},  // 30, then 21 and on, 30, then 21 and on
                               Case{30, 0, 49, 19},  // 30, then 1 and on
                               Case{30, 1, 49, 19},  // the same
                               Case{2, 3, 10, 2},    // a third of two is one
                               Case{1, 3, 10, 1}, Case{50, 100, 70, 50});
    Rig rig{{.max_entries = each.max_entries, .cull_frequency = each.cull_frequency}};
    for (int i = 0; i < each.written; ++i) {
        const auto key = "key " + std::to_string(i);
        CHECK(set(rig.backend, key, "v", 1000s).done());
        CHECK(rig.entries() <= each.max_entries);
        CHECK(get(rig.backend, key).found("v"));
    }
    CHECK(rig.entries() == each.left);
}

TEST_CASE("the bound of sqlite holds in the middle of a batch", "[sqlite][culling]") {
    Rig rig{{.max_entries = 30}};
    std::vector<std::string> keys;
    std::vector<Entry> entries;
    for (int i = 0; i < 200; ++i) keys.push_back("key " + std::to_string(i));
    for (const auto& key : keys) entries.push_back({key, "v", 1000s});
    std::vector<Outcome> outcomes(entries.size());
    const auto how = GENERATE(Store::set, Store::add);
    rig.backend.store_many(how, entries, outcomes);
    CHECK(std::all_of(outcomes.begin(), outcomes.end(), [](auto& each) { return each.done(); }));
    CHECK(rig.entries() <= 30);
    CHECK(rig.entries() > 20);
    CHECK(get(rig.backend, "key 199").found("v"));
}

TEST_CASE("what overwrites in a full table of sqlite evicts nobody", "[sqlite][culling]") {
    Rig rig{{.max_entries = 10}};
    for (int i = 0; i < 10; ++i) CHECK(set(rig.backend, std::to_string(i), "0", 1000s).done());
    CHECK(set(rig.backend, "3", "new", 1000s).done());
    CHECK(add(rig.backend, "4", "new", 1000s).declined());
    CHECK(compare_and_set(rig.backend, "5", "new", get(rig.backend, "5").token).done());
    CHECK(rig.increment("6", 1).done());
    CHECK(touch(rig.backend, "7", 1h).done());
    CHECK(rig.entries() == 10);
}

TEST_CASE("a full table of sqlite drops first what has expired", "[sqlite][culling]") {
    Rig rig{{.max_entries = 10}};
    for (int i = 0; i < 5; ++i) CHECK(set(rig.backend, "over" + std::to_string(i), "v", 1s).done());
    for (int i = 0; i < 5; ++i) CHECK(set(rig.backend, "live" + std::to_string(i), "v", 1h).done());
    rig.clock.advance(1s);
    CHECK(set(rig.backend, "new", "v", 1h).done());
    CHECK(keys_of(rig.backend) ==
          std::vector<std::string>{"live0", "live1", "live2", "live3", "live4", "new"});
    CHECK(rig.entries() == 6);
}

TEST_CASE("sqlite drops what ends next, and of what never ends what was written first",
          "[sqlite][culling]") {
    Rig rig{{.max_entries = 6, .cull_frequency = 2}};
    // Not in the order of the keys.
    for (const auto* key : {"c", "a", "b"}) {
        CHECK(set(rig.backend, key, "v", never).done());
        rig.clock.advance(1ms);
    }
    CHECK(set(rig.backend, "x", "v", 3h).done());
    CHECK(set(rig.backend, "y", "v", 1h).done());
    CHECK(set(rig.backend, "z", "v", 2h).done());
    CHECK(set(rig.backend, "c", "again", never).done());

    CHECK(set(rig.backend, "new", "v", 1min).done());
    CHECK(keys_of(rig.backend) == std::vector<std::string>{"a", "b", "c", "new"});
    for (const auto* key : {"d", "e"}) CHECK(set(rig.backend, key, "v", never).done());
    CHECK(set(rig.backend, "f", "v", never).done());  // three of six go: new, a, b
    CHECK(keys_of(rig.backend) == std::vector<std::string>{"c", "d", "e", "f"});
}

TEST_CASE("keys that nobody reads again do not fill the table of sqlite", "[sqlite][culling]") {
    Rig rig;
    for (int i = 0; i < 5000; ++i) {
        CHECK(set(rig.backend, "once " + std::to_string(i), "v", 1s).done());
        rig.clock.advance(10ms);
    }
    // A hundred are alive at a time, and as many more wait to be dropped.
    CHECK(rig.entries() < 300);
    CHECK(rig.entries() >= 100);
}

TEST_CASE("sqlite refuses a value that is too large and drops the old one", "[sqlite][sizes]") {
    Rig rig{{.max_value = 1024}};
    const std::string large(1025, 'x');
    CHECK(set(rig.backend, "k", "old").done());
    CHECK(add(rig.backend, "k", large).failed());
    CHECK(compare_and_set(rig.backend, "k", large, get(rig.backend, "k").token).failed());
    CHECK(get(rig.backend, "k").found("old"));
    const auto refused = set(rig.backend, "k", large);
    REQUIRE(refused.failed());
    try {
        refused.failure().rethrow();
    } catch (const ValueTooLarge& error) {
        CHECK(error.size() == 1025);
        CHECK(error.limit() == 1024);
    }
    CHECK_THROWS_AS(refused.failure().rethrow(), ValueTooLarge);
    CHECK(get(rig.backend, "k").absent());
    CHECK(set(rig.backend, "k", std::string(1024, 'x')).done());
}

TEST_CASE("sqlite lists the living keys with a prefix, whatever bytes it has", "[sqlite][keys]") {
    Rig rig;
    const std::string zero{"\0", 1};
    for (const auto& key : {std::string{"a%1"}, std::string{"a_1"}, std::string{"ab1"},
                            std::string{"A%1"}, std::string{"a"}, "a" + zero, std::string{"b"},
                            std::string{"\xff"}, std::string{"\xff\xff z"}, "a'" + zero}) {
        CHECK(set(rig.backend, key, "v").done());
    }
    CHECK(set(rig.backend, "a%over", "v", 1s).done());
    rig.clock.advance(1s);
    CHECK(keys_of(rig.backend, "a%") == std::vector<std::string>{"a%1"});
    CHECK(keys_of(rig.backend, "a_") == std::vector<std::string>{"a_1"});
    CHECK(keys_of(rig.backend, "a") ==
          std::vector<std::string>{"a", "a" + zero, "a%1", "a'" + zero, "a_1", "ab1"});
    CHECK(keys_of(rig.backend, "a'") == std::vector<std::string>{"a'" + zero});
    CHECK(keys_of(rig.backend, "\xff") == std::vector<std::string>{"\xff", "\xff\xff z"});
    CHECK(keys_of(rig.backend, "\xff\xff") == std::vector<std::string>{"\xff\xff z"});
    CHECK(keys_of(rig.backend, "c").empty());
    CHECK(keys_of(rig.backend).size() == 10);
}

TEST_CASE("a sink that throws ends the listing, and one that removes does not disturb it",
          "[sqlite][keys]") {
    Rig rig;
    std::vector<std::string> keys;
    for (int i = 0; i < 2500; ++i) keys.push_back("key " + std::to_string(i));
    for (const auto& key : keys) CHECK(set(rig.backend, key, "v").done());

    struct Thrower final : KeySink {
        void key(std::string_view) override {
            if (++count == 1500) throw std::runtime_error{"enough"};
        }
        int count = 0;
    } thrower;
    CHECK_THROWS_WITH(rig.backend.list_keys("key", thrower), "enough");
    CHECK(thrower.count == 1500);

    struct Remover final : KeySink {
        explicit Remover(Backend& used) : backend(used) {}
        void key(std::string_view key) override {
            if (remove(backend, key).done()) ++removed;
        }
        Backend& backend;
        int removed = 0;
    } remover{rig.backend};
    rig.backend.list_keys("key", remover);
    CHECK(remover.removed == 2500);
    CHECK(rig.entries() == 0);
}

TEST_CASE("sqlite states facts about itself", "[sqlite]") {
    Rig rig;
    CHECK(set(rig.backend, "k", "v").done());
    CHECK(fact(rig.backend, "entries") == "1");
    CHECK(fact(rig.backend, "path") == ":memory:");
    CHECK(fact(rig.backend, "table") == "cachemodel_entries");
    CHECK(fact(rig.backend, "journal_mode") == "memory");
    CHECK(fact(rig.backend, "sqlite_version").starts_with("3."));
    CHECK(std::stoul(fact(rig.backend, "bytes")) >= 4096);
}
