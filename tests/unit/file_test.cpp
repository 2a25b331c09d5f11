// cachemodel: the file backend, beyond the contract of all backends.
// SPDX-License-Identifier: MIT
#include "support/backend_calls.hpp"
#include "support/bytes.hpp"
#include "support/catch.hpp"
#include "support/file_store.hpp"

#include <cachemodel/backends/file.hpp>
#include <cachemodel/cache_url.hpp>
#include <cachemodel/testing/turnable_clock.hpp>

#define XXH_INLINE_ALL  // there is nothing to link
#include <xxhash.h>

#include <chrono>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <vector>

using namespace cachemodel;
using namespace cachemodel::support;
using cachemodel::testing::TurnableClock;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;

namespace {

std::shared_ptr<Backend> open(std::string_view text) {
    auto url = CacheUrl::parse(text);
    auto backend = open_file(url, Clock::machine());
    url.expect_all_taken();
    return backend;
}

std::string fact(Backend& backend, std::string_view name) {
    for (const auto& fact : backend.facts()) {
        if (fact.name == name) return fact.value;
    }
    return "";
}

/// "bob" is "hello" and never expires, with the token 0x7055c61a53834318.
const std::string golden_entry = from_hex(
    "89636d66696c650a 01000000 03000000"
    "0500000000000000 184383531ac65570"
    "550cd79d6fed7758 fe09a06f7a0b441c"
    "ffffffffffffff7f 6fb80cf4b0a40f99"
    "626f6268656c6c6f");

}  // namespace

TEST_CASE("a file:// URL names the directory and takes the options", "[file][url]") {
    const FileStore store;
    const auto url = "file://" + store.path().string();
    auto backend = open(url + "?max_entries=2&cull_frequency=1&deadline=1s");
    CHECK_FALSE(std::filesystem::exists(store.path()));
    CHECK(set(*backend, "a", "1").done());
    CHECK(set(*backend, "b", "2").done());
    CHECK(set(*backend, "c", "3").done());
    CHECK(list_keys(*backend) == std::vector<std::string>{"c"});

    CHECK_THROWS_WITH(open("file://localhost/var/cache"), Contains("absolute path"));
    CHECK_THROWS_WITH(open("file://cache"), Contains("absolute path"));
    CHECK_THROWS_WITH(open("file://"), Contains("absolute path"));
    CHECK_THROWS_AS(open("file://user@/var/cache"), ConfigError);
    CHECK_THROWS_WITH(open(url + "?max_entries=0"), Contains("max_entries"));
    CHECK_THROWS_WITH(open(url + "?max_entries=-1"), Contains("max_entries"));
    CHECK_THROWS_WITH(open(url + "?cull_frequency=many"), Contains("cull_frequency"));
    CHECK_THROWS_WITH(open(url + "?deadline=0s"), Contains("deadline"));
    CHECK_THROWS_WITH(open(url + "?max_entrys=5"), Contains("max_entrys"));
}

TEST_CASE("options of files that make no sense are refused by name", "[file][url]") {
    CHECK_THROWS_WITH(FileBackend({.directory = ""}), Contains("directory"));
    CHECK_THROWS_WITH(FileBackend({.directory = "cache"}), Contains("directory"));
    CHECK_THROWS_WITH(FileBackend({.directory = std::string{"/a\0b", 4}}), Contains("directory"));
    CHECK_THROWS_WITH(FileBackend({.directory = "/a", .max_entries = 0}), Contains("max_entries"));
    CHECK_THROWS_WITH(FileBackend({.directory = "/a", .deadline = 0s}), Contains("deadline"));
    CHECK_THROWS_WITH(FileBackend({.directory = "/a", .deadline = 2h}), Contains("deadline"));
    CHECK_THROWS_AS(FileBackend({.directory = "/dev/null/cache"}), ConfigError);
    CHECK_THROWS_AS(FileBackend({.directory = "/dev/null"}), ConfigError);
}

TEST_CASE("files state what they can do", "[file]") {
    const FileStore store;
    const FileBackend backend{{.directory = store.path()}};
    const Capabilities& can = backend.capabilities();
    CHECK(can.lifetime_resolution == 1ms);
    CHECK(can.longest_key == 4'294'967'295);
    CHECK(can.largest_value == Capabilities::unlimited);
    CHECK_FALSE(can.portable_keys_only);
    CHECK(can.shared);
    CHECK(can.persistent);
    CHECK(can.compare_and_set);
    CHECK(can.token_per_write);
    CHECK(can.atomic_increment);
    CHECK_FALSE(can.counters_stop_at_zero);
    CHECK(can.tells_lifetimes);
    CHECK(can.lists_keys);
}

TEST_CASE("a file's bytes are those of format version 1", "[file][format]") {
    const FileStore store;
    TurnableClock clock;
    FileBackend backend{{.directory = store.path()}, clock};

    SECTION("written by hand they are found") {
        write_bytes(store.bob(), golden_entry);
        std::filesystem::permissions(store.path(), std::filesystem::perms::owner_all);
        const auto read = get(backend, "bob");
        CHECK(read.found("hello"));
        CHECK(read.token == 0x7055c61a53834318);
        CHECK(list_keys(backend) == std::vector<std::string>{"bob"});
    }
    SECTION("an entry that is set looks so, but for its token and what depends on it") {
        REQUIRE(set(backend, "bob", "hello", 1s).done());
        const auto bytes = bytes_of(store.bob());
        REQUIRE(bytes.size() == 72);
        CHECK(to_hex(bytes.substr(0, 24)) == "89636d66696c650a01000000030000000500000000000000");
        // 2030-01-01 00:00:01 UTC is 1,893,456,001,000 milliseconds.
        CHECK(to_hex(bytes.substr(48, 8)) == "e8b7c5dab8010000");
        CHECK(bytes.substr(64) == "bobhello");
    }
}

TEST_CASE("a truncated file is nothing, whatever is missing", "[file][corruption]") {
    const FileStore store;
    FileBackend backend{{.directory = store.path()}};
    REQUIRE(set(backend, "bob", "hello").done());
    const auto whole = bytes_of(store.bob());
    for (std::size_t size = 0; size < whole.size(); ++size) {
        INFO("cut to " << size << " bytes");
        write_bytes(store.bob(), whole.substr(0, size));
        CHECK(get(backend, "bob").absent());
        CHECK(touch(backend, "bob", 1h).declined());
        CHECK(list_keys(backend).empty());
        Lifetime left;
        CHECK(backend.remaining_lifetime("bob", left).declined());
        std::int64_t count = 0;
        CHECK(backend.increment("bob", 1, count).declined());
        CHECK(compare_and_set(backend, "bob", "new", get(backend, "bob").token).declined());
        CHECK(bytes_of(store.bob()).size() == size);
        if (size % 2 == 0) {
            CHECK(add(backend, "bob", "added").done());
            CHECK(get(backend, "bob").found("added"));
        } else {
            CHECK(set(backend, "bob", "written").done());
            CHECK(get(backend, "bob").found("written"));
        }
    }
    write_bytes(store.bob(), whole + "!");
    CHECK(get(backend, "bob").absent());
    CHECK(remove(backend, "bob").declined());
    CHECK_FALSE(std::filesystem::exists(store.bob()));
}

TEST_CASE("a file with any bit changed is nothing", "[file][corruption]") {
    const FileStore store;
    FileBackend backend{{.directory = store.path()}};
    REQUIRE(set(backend, "bob", "hello", 1h).done());
    const auto whole = bytes_of(store.bob());
    for (std::size_t bit = 0; bit < 8 * whole.size(); ++bit) {
        INFO("bit " << bit);
        auto changed = whole;
        changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << bit % 8));
        write_bytes(store.bob(), changed);
        CHECK(get(backend, "bob").absent());
    }
    CHECK(add(backend, "bob", "again").done());
    CHECK(get(backend, "bob").found("again"));
}

TEST_CASE("lengths that are not the file's are not believed", "[file][corruption]") {
    const FileStore store;
    FileBackend backend{{.directory = store.path()}};
    REQUIRE(set(backend, "bob", "hello").done());
    const auto whole = bytes_of(store.bob());
    for (const auto* const length :
         {"ffffffffffffffff", "fffffffffffffff7", "0000000000000080", "0000000000010000"}) {
        auto changed = whole;
        changed.replace(16, 8, from_hex(length));
        write_bytes(store.bob(), changed);
        CHECK(get(backend, "bob").absent());
    }
    auto changed = whole;
    changed.replace(12, 4, from_hex("ffffffff"));
    write_bytes(store.bob(), changed);
    CHECK(get(backend, "bob").absent());
}

TEST_CASE("a file of nothing but a length is not believed", "[file][corruption]") {
    const FileStore store;
    FileBackend backend{{.directory = store.path()}};
    REQUIRE(set(backend, "bob", "hello").done());
    auto changed = bytes_of(store.bob());
    SECTION("of the value") {
        changed.replace(16, 8, from_hex("fdffffff07000000"));  // 32 GiB in all, with a sound head
        const auto fixed = changed.substr(0, 32);
        const auto check = XXH3_64bits_withSeed("bob", 3, XXH3_64bits(fixed.data(), fixed.size()));
        std::memcpy(changed.data() + 32, &check, sizeof check);
        const auto expiry = XXH3_64bits_withSeed(changed.data() + 48, 8, check);
        std::memcpy(changed.data() + 56, &expiry, sizeof expiry);
        write_bytes(store.bob(), changed);
        std::filesystem::resize_file(store.bob(), (std::uintmax_t{1} << 35) + 64);
    }
    SECTION("of the key") {
        changed.replace(12, 4, from_hex("ffffffff"));
        write_bytes(store.bob(), changed);
        std::filesystem::resize_file(store.bob(), 64 + std::uintmax_t{0xffff'ffff} + 5);
    }
    const auto begin = std::chrono::steady_clock::now();
    CHECK(get(backend, "bob").absent());
    CHECK(touch(backend, "bob", 1h).declined());
    CHECK(list_keys(backend).empty());
    CHECK(std::chrono::steady_clock::now() - begin < 1s);
    CHECK(add(backend, "bob", "again").done());
    CHECK(get(backend, "bob").found("again"));
}

TEST_CASE("a sound entry under another key's name is nothing", "[file][corruption]") {
    const FileStore store;
    FileBackend backend{{.directory = store.path()}};
    REQUIRE(set(backend, "alice", "hers").done());
    REQUIRE(set(backend, "bob", "his").done());
    std::filesystem::path alice;
    for (const auto& file : store.files()) {
        if (bytes_of(file).ends_with("alicehers")) alice = file;
    }
    std::filesystem::copy_file(alice, store.bob(),
                               std::filesystem::copy_options::overwrite_existing);
    CHECK(get(backend, "bob").absent());
    CHECK(get(backend, "alice").found("hers"));
    CHECK(list_keys(backend) == std::vector<std::string>{"alice"});
}

TEST_CASE("a file is over exactly at its end, for every verb", "[file][expiry]") {
    const FileStore store;
    TurnableClock clock;
    FileBackend backend{{.directory = store.path()}, clock};
    for (const auto* const key : {"k", "touched", "removed", "counted", "asked"}) {
        REQUIRE(set(backend, key, "1", 10s).done());
    }
    const auto token = get(backend, "k").token;
    Lifetime left;
    std::int64_t count = 0;

    clock.advance(10s - 1ns);
    CHECK(get(backend, "k").found("1"));
    CHECK(add(backend, "k", "2").declined());
    CHECK(backend.remaining_lifetime("asked", left).done());
    CHECK(left == Lifetime{1ms});
    CHECK(list_keys(backend).size() == 5);

    clock.advance(1ns);
    CHECK(touch(backend, "touched", 1h).declined());
    CHECK(get(backend, "touched").absent());
    CHECK(backend.increment("counted", 1, count).declined());
    CHECK(backend.remaining_lifetime("asked", left).declined());
    CHECK(list_keys(backend).empty());
    CHECK(compare_and_set(backend, "k", "2", token).declined());
    CHECK(remove(backend, "removed").declined());
    CHECK(add(backend, "k", "2").done());
    CHECK(get(backend, "k").found("2"));
}

TEST_CASE("files follow the wall clock, in whole milliseconds rounded up", "[file][expiry]") {
    const FileStore store;
    TurnableClock clock;
    FileBackend backend{{.directory = store.path()}, clock};
    REQUIRE(set(backend, "tiny", "v", 1ns).done());
    REQUIRE(set(backend, "short", "v", 50ms).done());
    REQUIRE(set(backend, "huge", "v", std::chrono::hours{24 * 365 * 291}).done());
    CHECK(get(backend, "tiny").found("v"));
    clock.advance(1ms);
    CHECK(get(backend, "tiny").absent());
    clock.adjust_wall(49ms);
    CHECK(get(backend, "short").absent());
    clock.adjust_wall(std::chrono::hours{24 * 365 * 100});
    CHECK(get(backend, "huge").found("v"));
}

TEST_CASE("reading, removing and adding reclaim what has expired", "[file][expiry]") {
    const FileStore store;
    TurnableClock clock;
    FileBackend backend{{.directory = store.path()}, clock};
    for (const auto* const key : {"read", "removed", "added"}) {
        REQUIRE(set(backend, key, "v", 1s).done());
    }
    CHECK(store.entries() == 3);
    clock.advance(1s);
    CHECK(get(backend, "read").absent());
    CHECK(store.entries() == 2);
    CHECK(remove(backend, "removed").declined());
    CHECK(store.entries() == 1);
    CHECK(add(backend, "added", "again", 1s).done());
    CHECK(store.entries() == 1);
    CHECK(fact(backend, "entries") == "1");
}

TEST_CASE("a counter in a file keeps its lifetime and changes its token", "[file][counters]") {
    const FileStore store;
    TurnableClock clock;
    FileBackend backend{{.directory = store.path()}, clock};
    REQUIRE(set(backend, "n", "9223372036854775806", 10s).done());
    REQUIRE(set(backend, "endless", "5").done());
    REQUIRE(set(backend, "text", "hello", 10s).done());
    const auto token = get(backend, "n").token;
    std::int64_t count = 0;
    CHECK(backend.increment("n", 1, count).done());
    CHECK(count == INT64_MAX);
    CHECK(get(backend, "n").found("9223372036854775807"));
    CHECK(get(backend, "n").token != token);
    CHECK_THROWS_AS(backend.increment("n", 1, count).failure().rethrow(), Overflow);
    CHECK_THROWS_AS(backend.increment("text", 1, count).failure().rethrow(), NotAnInteger);
    CHECK(get(backend, "text").found("hello"));
    CHECK(backend.increment("endless", -8, count).done());
    CHECK(count == -3);
    CHECK(backend.increment("nobody", 1, count).declined());
    CHECK(get(backend, "nobody").absent());
    clock.advance(10s);
    CHECK(get(backend, "n").absent());
    CHECK(get(backend, "endless").found("-3"));
}

TEST_CASE("files tell how long an entry has left", "[file][expiry]") {
    const FileStore store;
    TurnableClock clock;
    FileBackend backend{{.directory = store.path()}, clock};
    Lifetime left;
    CHECK(backend.remaining_lifetime("k", left).declined());
    REQUIRE(set(backend, "k", "v", 10s).done());
    clock.advance(4s);
    CHECK(backend.remaining_lifetime("k", left).done());
    CHECK(left == Lifetime{6s});
    CHECK(touch(backend, "k", never).done());
    CHECK(backend.remaining_lifetime("k", left).done());
    CHECK(left.is_never());
    CHECK(touch(backend, "k", never).done());
}

TEST_CASE("every write of a file has a token of its own", "[file][tokens]") {
    const FileStore store;
    FileBackend backend{{.directory = store.path()}};
    std::set<std::uint64_t> tokens;
    for (int i = 0; i < 100; ++i) {
        REQUIRE(set(backend, i % 2 == 0 ? "a" : "b", "same").done());
        tokens.insert(get(backend, i % 2 == 0 ? "a" : "b").token);
    }
    CHECK(tokens.size() == 100);
    CHECK_FALSE(tokens.contains(0));
    const auto token = get(backend, "a").token;
    CHECK(touch(backend, "a", 1h).done());
    CHECK(get(backend, "a").token == token);
}

TEST_CASE("keys never become paths", "[file][keys]") {
    const FileStore store;
    FileBackend backend{{.directory = store.path() / "inner"}};
    const std::string twenty_kilobytes(20'000, 'k');
    const std::vector<std::string> keys{"../../etc/passwd",
                                        "/abs",
                                        "a/../../b",
                                        "..\\..\\x",
                                        "CON",
                                        ".",
                                        "..",
                                        "",
                                        std::string{"nul\0byte", 8},
                                        std::string{"nul", 3},
                                        std::string(300, 'x'),
                                        twenty_kilobytes,
                                        twenty_kilobytes + "x",
                                        "\xff\xfe\n"};
    for (const auto& key : keys) CHECK(add(backend, key, "value of " + key).done());
    for (const auto& key : keys) CHECK(get(backend, key).found("value of " + key));
    auto sorted = keys;
    std::ranges::sort(sorted);
    CHECK(list_keys(backend) == sorted);
    CHECK(get(backend, twenty_kilobytes + "y").absent());

    CHECK(store.entries() == keys.size());
    CHECK(store.files().size() == keys.size() + 1);  // and the counts
    for (const auto& file : store.files()) {
        CHECK(file.parent_path().string().starts_with((store.path() / "inner").string()));
    }
    for (const auto& key : keys) CHECK(remove(backend, key).done());
    CHECK(store.entries() == 0);
}

TEST_CASE("files list the keys that are alive under a prefix", "[file][keys]") {
    const FileStore store;
    TurnableClock clock;
    FileBackend backend{{.directory = store.path()}, clock};
    CHECK(list_keys(backend).empty());
    for (const auto* const key : {"a:1", "a:2", "b:1", "a*", "bob"}) {
        REQUIRE(set(backend, key, "v").done());
    }
    REQUIRE(set(backend, "a:gone", "v", 1s).done());
    write_bytes(store.bob(), "broken");
    write_bytes(store.bob().parent_path() / "notes.txt", "foreign");
    clock.advance(1s);
    CHECK(list_keys(backend, "a:") == std::vector<std::string>{"a:1", "a:2"});
    CHECK(list_keys(backend, "a*") == std::vector<std::string>{"a*"});
    CHECK(list_keys(backend) == std::vector<std::string>{"a*", "a:1", "a:2", "b:1"});

    struct Impatient final : KeySink {
        void key(std::string_view) override { throw std::runtime_error{"enough"}; }
    } sink;
    CHECK_THROWS_WITH(backend.list_keys("", sink), "enough");
}

TEST_CASE("files state facts about themselves", "[file]") {
    const FileStore store;
    FileBackend backend{{.directory = store.path()}};
    CHECK(fact(backend, "entries") == "0");
    REQUIRE(set(backend, "bob", "hello").done());
    REQUIRE(set(backend, "alice", "hello").done());
    CHECK(fact(backend, "entries") == "2");
    CHECK(fact(backend, "bytes") == "146");  // 64 for each, and keys and values
    CHECK(fact(backend, "directory") == store.path());
}

TEST_CASE("clear removes our files and no others", "[file][clear]") {
    const FileStore store;
    FileBackend backend{{.directory = store.path()}};
    CHECK_NOTHROW(backend.clear());
    CHECK_FALSE(std::filesystem::exists(store.path()));

    REQUIRE(set(backend, "bob", "v").done());
    REQUIRE(set(backend, "alice", "v").done());
    const auto shelf = store.bob().parent_path();
    write_bytes(store.path() / "README", "foreign");
    write_bytes(store.path() / "sub" / "file.cachemodel", "foreign");
    write_bytes(shelf / "notes.cachemodel", "foreign");
    write_bytes(shelf / "draft-notes.cachemodel", "foreign");
    write_bytes(shelf / "draft-0123456789abcdef0123456789abcdef.cachemodel", "of a killed writer");
    write_bytes(store.bob(), "broken");
    backend.clear();
    CHECK(store.entries() == 0);
    CHECK(bytes_of(store.path() / "README") == "foreign");
    CHECK(bytes_of(store.path() / "sub" / "file.cachemodel") == "foreign");
    CHECK(bytes_of(shelf / "notes.cachemodel") == "foreign");
    CHECK(bytes_of(shelf / "draft-notes.cachemodel") == "foreign");
    CHECK(store.drafts() == 1);  // the foreign one
    CHECK(set(backend, "bob", "again").done());
    CHECK(get(backend, "bob").found("again"));
}

TEST_CASE("clear tells what it could not remove, and removes everything else", "[file][clear]") {
    const FileStore store;
    FileBackend backend{{.directory = store.path(), .max_entries = 40}};
    for (int i = 0; i < 40; ++i) REQUIRE(set(backend, std::to_string(i), "v").done());
    REQUIRE(remove(backend, "0").done());
    write_bytes(store.bob() / "file", "foreign");
    const auto shelf = store.bob().parent_path();
    write_bytes(shelf / (std::string(64, '0') + ".cachemodel"), "broken");
    std::filesystem::create_directory(shelf / (std::string(64, 'f') + ".cachemodel"));
    write_bytes(shelf / ("draft-" + std::string(32, 'a') + ".cachemodel"), "of a killed writer");
    CHECK_THROWS_MATCHES(
        backend.clear(), BackendError,
        Catch::Message("unavailable: file cache " + store.path().string() + ": cannot remove " +
                       std::string{file_of_bob} + ": Directory not empty"));
    CHECK(store.files().size() == 2);  // the foreign one and the counts
    CHECK(bytes_of(store.bob() / "file") == "foreign");
    CHECK(list_keys(backend).empty());
    CHECK(fact(backend, "entries") == "0");
    // Nothing is left of the old count.
    for (int i = 0; i < 40; ++i) REQUIRE(set(backend, std::to_string(i), "v").done());
    CHECK(store.entries() == 40);
}
