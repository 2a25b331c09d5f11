// cachemodel: what is told of files that cannot be used.
// SPDX-License-Identifier: MIT
#include "support/backend_calls.hpp"
#include "support/catch.hpp"
#include "support/file_store.hpp"

#include <cachemodel/backends/file.hpp>
#include <cachemodel/cache.hpp>
#include <cachemodel/cached_function.hpp>
#include <cachemodel/models.hpp>

#include <array>
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace cachemodel;
using namespace cachemodel::support;

namespace file_damage_test {

struct User {
    Key<std::string> username;
    Field<std::string> email;
};

std::string greeting(const std::string& name) { return "hello " + name; }

/// Reads, does something, and only then has what it has read.
struct Source {
    int price = 1;
    std::function<void()> before_answer = {};

    int read() {
        const int read = price;
        if (before_answer) std::exchange(before_answer, {})();
        return read;
    }
};
template <int lease_wait_in_seconds>
struct Price {
    static constexpr ModelOptions cache_options{
        .lease_wait = std::chrono::seconds{lease_wait_in_seconds}, .name = "Price"};

    Key<std::string> name;
    Field<int> cents;

    void from_miss(Source& source) { cents = source.read(); }
};

/// A way to spoil a file, and what is told of it.
struct Damage {
    std::string_view what;
    std::optional<std::size_t> changed_at;  ///< a byte that changes
    std::optional<std::size_t> size;        ///< otherwise all that is left
    MissReason reason;
};

// 64 bytes of head, then the key, then the value.
constexpr std::array damages{
    Damage{"magic", 0, {}, MissReason::foreign},
    Damage{"last byte of the magic", 7, {}, MissReason::foreign},
    Damage{"version", 8, {}, MissReason::unknown_format},
    Damage{"length of the key", 12, {}, MissReason::corrupt},
    Damage{"length of the value", 16, {}, MissReason::corrupt},
    Damage{"token", 24, {}, MissReason::corrupt},
    Damage{"check of the head", 32, {}, MissReason::corrupt},
    Damage{"check of the value", 40, {}, MissReason::corrupt},
    Damage{"expiry", 48, {}, MissReason::corrupt},
    Damage{"check of the expiry", 56, {}, MissReason::corrupt},
    Damage{"key", 64, {}, MissReason::corrupt},
    Damage{"value", 68, {}, MissReason::corrupt},
    Damage{"nothing left", {}, 0, MissReason::corrupt},
    Damage{"some of the magic left", {}, 5, MissReason::corrupt},
    Damage{"some of the head left", {}, 50, MissReason::corrupt},
    Damage{"some of the value left", {}, 68, MissReason::corrupt},
};

std::string spoilt(std::string bytes, const Damage& damage) {
    if (damage.changed_at) bytes.at(*damage.changed_at) ^= 0x10;
    if (damage.size) bytes.resize(*damage.size);
    return bytes;
}

/// The only file of an entry.
std::filesystem::path only_entry(const FileStore& store) {
    std::vector<std::filesystem::path> found;
    for (const auto& file : store.files()) {
        if (file.filename().string().size() == 75) found.push_back(file);
    }
    REQUIRE(found.size() == 1);
    return found.front();
}

Cache cache_in(const FileStore& store) {
    return Cache{std::make_shared<FileBackend>(FileOptions{.directory = store.path()})};
}

}  // namespace file_damage_test

using namespace file_damage_test;

TEST_CASE("a file that cannot be used is absent, and it is told why", "[file][corruption]") {
    const FileStore store;
    FileBackend backend{{.directory = store.path()}};
    REQUIRE(set(backend, "bob", "hello").done());
    const auto whole = bytes_of(store.bob());
    CHECK(get(backend, "alice").absent_because(MissReason::nothing_stored));

    for (const Damage& damage : damages) {
        INFO(damage.what);
        write_bytes(store.bob(), spoilt(whole, damage));
        CHECK(get(backend, "bob").absent_because(damage.reason));
        CHECK(peek(backend, "bob").absent_because(damage.reason));
    }
    write_bytes(store.bob(), whole + "!");
    CHECK(get(backend, "bob").absent_because(MissReason::corrupt));
    write_bytes(store.bob(), "not ours");
    CHECK(get(backend, "bob").absent_because(MissReason::foreign));

    write_bytes(store.bob(), whole);
    const auto reads = get_many(backend, {"bob", "alice"});
    CHECK(reads[0].found("hello"));
    CHECK(reads[1].absent_because(MissReason::nothing_stored));
}

TEMPLATE_TEST_CASE("a removal beats a load that found a file that cannot be used",
                   "[file][corruption][removals]", Price<0>, Price<2>) {
    const FileStore store;
    Source source;
    const Models<TestType, Source&> loading{cache_in(store), source};
    const Models<TestType, Source&> removing{cache_in(store), source};
    CHECK(removing.get("tea").cents == 1);
    write_bytes(only_entry(store), "not ours");
    source.before_answer = [&] {
        source.price = 2;
        CHECK(removing.remove("tea"));
    };
    CHECK(loading.get("tea").cents == 1);
    CHECK(removing.get("tea").cents == 2);
    CHECK(loading.find("tea")->cents == 2);
}

TEST_CASE("a file that cannot be used is replaced by the next load", "[file][corruption]") {
    const FileStore store;
    Source source;
    const Models<Price<2>, Source&> prices{cache_in(store), source};
    CHECK(prices.get("tea").cents == 1);
    write_bytes(only_entry(store), "not ours");
    source.price = 2;
    CHECK(prices.get("tea").cents == 2);
    source.price = 3;
    CHECK(prices.get("tea").cents == 2);
}

TEST_CASE("an entry under another key's name is told to be another's", "[file][corruption]") {
    const FileStore store;
    FileBackend backend{{.directory = store.path()}};
    // Keys of the same length and of another one.
    for (const std::string key : {"eve", "alice"}) {
        REQUIRE(set(backend, key, "hers").done());
        const auto file = only_entry(store);
        auto bytes = bytes_of(file);
        std::filesystem::create_directories(store.bob().parent_path());
        std::filesystem::permissions(store.bob().parent_path(), std::filesystem::perms::owner_all);
        std::filesystem::rename(file, store.bob());
        CHECK(get(backend, "bob").absent_because(MissReason::other_key));
        CHECK(get(backend, key).absent_because(MissReason::nothing_stored));
        bytes.at(65) ^= 1;
        write_bytes(store.bob(), bytes);
        CHECK(get(backend, "bob").absent_because(MissReason::corrupt));
        std::filesystem::remove(store.bob());
    }
}

TEST_CASE("what has expired, and what is no plain file, is nothing stored", "[file][corruption]") {
    const FileStore store;
    FileBackend backend{{.directory = store.path()}};
    REQUIRE(set(backend, "bob", "hello", std::chrono::nanoseconds{1}).done());
    while (get(backend, "bob").found()) continue;
    CHECK(get(backend, "bob").absent_because(MissReason::nothing_stored));
    std::filesystem::create_directory(store.bob());
    CHECK(get(backend, "bob").absent_because(MissReason::nothing_stored));
    std::filesystem::remove(store.bob());
    std::filesystem::create_symlink("elsewhere", store.bob());
    CHECK(get(backend, "bob").absent_because(MissReason::nothing_stored));
}

TEST_CASE("a cache tells and counts why a file could not be used", "[file][corruption]") {
    for (const Damage& damage : damages) {
        INFO(damage.what);
        const FileStore store;
        const Cache cache = cache_in(store);
        REQUIRE(cache.set("bob", std::string{"hello"}));
        const auto file = only_entry(store);
        write_bytes(file, spoilt(bytes_of(file), damage));

        const auto answer = cache.get<std::string>("bob");
        CHECK(answer.absent());
        CHECK(answer.reason() == damage.reason);
        CHECK(cache.get_raw("bob").reason() == damage.reason);
        CHECK(cache.statistics().misses(damage.reason) == 2);
        CHECK(cache.statistics().misses() == 2);
        // It is in nobody's way.
        CHECK(cache.get_or_set("bob", [] { return std::string{"again"}; }) == "again");
        CHECK(*cache.get<std::string>("bob") == "again");
    }
}

TEST_CASE("models tell and count why a file could not be used", "[file][corruption]") {
    for (const Damage& damage : damages) {
        INFO(damage.what);
        const FileStore store;
        const Cache cache = cache_in(store);
        const Models<User> users{cache};
        users.save({.username = "bob", .email = "bob@example.org"});
        const auto file = only_entry(store);
        write_bytes(file, spoilt(bytes_of(file), damage));

        const auto answer = users.find("bob");
        CHECK(answer.absent());
        CHECK(answer.reason() == damage.reason);
        CHECK(users.statistics().misses(damage.reason) == 1);
        CHECK(users.statistics().misses() == 1);
    }
}

TEST_CASE("a cached function counts why a file could not be used", "[file][corruption]") {
    for (const Damage& damage : damages) {
        INFO(damage.what);
        const FileStore store;
        const Cache cache = cache_in(store);
        const CachedFunction<&greeting> greet{cache};
        CHECK(greet("bob") == "hello bob");
        const auto file = only_entry(store);
        write_bytes(file, spoilt(bytes_of(file), damage));

        CHECK(greet("bob") == "hello bob");
        CHECK(greet.statistics().misses(MissReason::nothing_stored) == 1);
        CHECK(greet.statistics().misses(damage.reason) == 1);
        CHECK(greet("bob") == "hello bob");
        CHECK(greet.statistics().hits == 1);
    }
}
