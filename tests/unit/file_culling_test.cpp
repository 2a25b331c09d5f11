// cachemodel: how the file backend keeps within its bound.
// SPDX-License-Identifier: MIT
#include "support/backend_calls.hpp"
#include "support/catch.hpp"
#include "support/file_store.hpp"

#include <cachemodel/backends/file.hpp>
#include <cachemodel/testing/turnable_clock.hpp>

#include <chrono>
#include <filesystem>
#include <iterator>
#include <string>
#include <vector>

using namespace cachemodel;
using namespace cachemodel::support;
using cachemodel::testing::TurnableClock;
using namespace std::chrono_literals;

namespace {

std::string key_number(int number) { return "key" + std::to_string(number); }

/// The file that holds this key's entry, which ends with key and value.
std::filesystem::path file_of(const FileStore& store, const std::string& key) {
    for (const auto& file : store.files()) {
        const auto bytes = bytes_of(file);
        if (bytes.size() > 64 && bytes.substr(64).starts_with(key + "=")) return file;
    }
    return {};
}

bool set_number(Backend& backend, int number, Lifetime lifetime = never) {
    const auto key = key_number(number);
    return set(backend, key, "=" + key, lifetime).done();
}

}  // namespace

TEST_CASE("a full directory loses a third, and never holds more than it may", "[file][culling]") {
    const FileStore store;
    FileBackend backend{{.directory = store.path(), .max_entries = 30, .cull_frequency = 3}};
    for (int i = 0; i < 49; ++i) {
        CHECK(set_number(backend, i, 1000s));
        CHECK(store.entries() <= 30);
        CHECK(get(backend, key_number(i)).found());
    }
    CHECK(store.entries() == 29);
}

TEST_CASE("a cull frequency of 0 or 1 drops everything but the new entry", "[file][culling]") {
    for (const std::size_t frequency : {0U, 1U}) {
        const FileStore store;
        FileBackend backend{
            {.directory = store.path(), .max_entries = 30, .cull_frequency = frequency}};
        for (int i = 0; i < 30; ++i) CHECK(set_number(backend, i));
        CHECK(store.entries() == 30);
        CHECK(set_number(backend, 30));
        CHECK(list_keys(backend) == std::vector<std::string>{"key30"});
        for (int i = 31; i < 49; ++i) CHECK(set_number(backend, i));
        CHECK(store.entries() == 19);
    }
}

TEST_CASE("at least one entry makes room, however few there are", "[file][culling]") {
    const FileStore store;
    for (const std::size_t most : {1U, 2U}) {
        FileBackend backend{
            {.directory = store.path(), .max_entries = most, .cull_frequency = 1000}};
        for (int i = 0; i < 10; ++i) {
            CHECK(set_number(backend, i));
            CHECK(get(backend, key_number(i)).found());
            CHECK(store.entries() <= most);
        }
    }
}

TEST_CASE("writing over an entry evicts nobody", "[file][culling]") {
    const FileStore store;
    FileBackend backend{{.directory = store.path(), .max_entries = 5, .cull_frequency = 1}};
    for (int i = 0; i < 5; ++i) REQUIRE(set_number(backend, i));
    CHECK(set_number(backend, 0));
    CHECK(add(backend, key_number(1), "x").declined());
    CHECK(compare_and_set(backend, key_number(2), "x", get(backend, key_number(2)).token).done());
    CHECK(touch(backend, key_number(3), 1h).done());
    CHECK(store.entries() == 5);
    CHECK(remove(backend, key_number(4)).done());
    CHECK(set_number(backend, 5));
    CHECK(store.entries() == 5);
}

TEST_CASE("what has expired or is broken makes room before what is alive", "[file][culling]") {
    const FileStore store;
    TurnableClock clock;
    FileBackend backend{{.directory = store.path(), .max_entries = 10, .cull_frequency = 3}, clock};
    for (int i = 0; i < 5; ++i) REQUIRE(set_number(backend, i));
    for (int i = 5; i < 9; ++i) REQUIRE(set_number(backend, i, 1s));
    REQUIRE(set_number(backend, 9));
    // Those that are alive are the oldest.
    for (int i = 0; i < 5; ++i) make_older(file_of(store, key_number(i)), 60s);
    write_bytes(file_of(store, key_number(9)), "broken");
    clock.advance(1s);
    REQUIRE(set_number(backend, 10));
    CHECK(list_keys(backend) ==
          std::vector<std::string>{"key0", "key1", "key10", "key2", "key3", "key4"});
    CHECK(store.entries() == 6);
}

TEST_CASE("of what is alive, that which was written or touched longest ago makes room",
          "[file][culling]") {
    const FileStore store;
    FileBackend backend{{.directory = store.path(), .max_entries = 6, .cull_frequency = 3}};
    for (int i = 0; i < 6; ++i) REQUIRE(set_number(backend, i));
    for (int i = 0; i < 6; ++i) {
        make_older(file_of(store, key_number(i)), std::chrono::seconds{100 - i});
    }
    REQUIRE(touch(backend, key_number(0), 1h).done());
    REQUIRE(set_number(backend, 1));
    REQUIRE(set_number(backend, 6));
    CHECK(list_keys(backend) == std::vector<std::string>{"key0", "key1", "key4", "key5", "key6"});
}

TEST_CASE("foreign files are neither counted nor removed to make room", "[file][culling]") {
    const FileStore store;
    FileBackend backend{{.directory = store.path(), .max_entries = 3, .cull_frequency = 3}};
    for (int i = 0; i < 3; ++i) REQUIRE(set_number(backend, i));
    const auto shelf = file_of(store, key_number(0)).parent_path();
    for (int i = 0; i < 20; ++i) write_bytes(shelf / ("foreign" + std::to_string(i)), "x");
    for (int i = 3; i < 20; ++i) REQUIRE(set_number(backend, i));
    CHECK(store.files("foreign").size() == 20);
    CHECK(store.entries() == 3);
}

TEST_CASE("making room collects what killed writers left an hour ago", "[file][culling]") {
    const FileStore store;
    FileBackend backend{{.directory = store.path(), .max_entries = 3}};
    for (int i = 0; i < 3; ++i) REQUIRE(set_number(backend, i));
    const auto shelf = file_of(store, key_number(0)).parent_path();
    const auto old = shelf / "draft-00000000000000000000000000000000.cachemodel";
    const auto young = shelf / "draft-11111111111111111111111111111111.cachemodel";
    write_bytes(old, "x");
    write_bytes(young, "x");
    make_older(old, 61min);
    make_older(young, 59min);
    REQUIRE(set_number(backend, 3));
    CHECK_FALSE(std::filesystem::exists(old));
    CHECK(std::filesystem::exists(young));
}

TEST_CASE("counts that were lost, broken or wrong are set right", "[file][culling]") {
    const FileStore store;
    FileBackend backend{{.directory = store.path(), .max_entries = 20}};
    for (int i = 0; i < 20; ++i) REQUIRE(set_number(backend, i));
    const auto counts = store.path() / "counts.cachemodel";

    SECTION("lost") { std::filesystem::remove(counts); }
    SECTION("broken") {
        auto bytes = bytes_of(counts);
        bytes[100] = static_cast<char>(bytes[100] ^ 1);
        write_bytes(counts, bytes);
    }
    SECTION("truncated") { write_bytes(counts, ""); }
    SECTION("a link to a file of somebody else") {
        write_bytes(store.path() / "target", "foreign");
        std::filesystem::remove(counts);
        std::filesystem::create_symlink(store.path() / "target", counts);
    }
    SECTION("replaced by a directory") {
        std::filesystem::remove(counts);
        std::filesystem::create_directory(counts);
    }
    for (int i = 20; i < 50; ++i) {
        CHECK(set_number(backend, i));
        CHECK(store.entries() <= 20);
    }
    CHECK(store.entries() > 13);
    if (std::filesystem::exists(store.path() / "target")) {
        CHECK(bytes_of(store.path() / "target") == "foreign");
    }
}

TEST_CASE("entries that were deleted by hand make room for others", "[file][culling]") {
    const FileStore store;
    FileBackend backend{{.directory = store.path(), .max_entries = 20}};
    for (int i = 0; i < 20; ++i) REQUIRE(set_number(backend, i));
    for (int i = 0; i < 10; ++i) std::filesystem::remove(file_of(store, key_number(i)));
    for (int i = 20; i < 30; ++i) REQUIRE(set_number(backend, i));
    CHECK(store.entries() == 20);
    for (int i = 10; i < 30; ++i) CHECK(get(backend, key_number(i)).found());
}

TEST_CASE("entries whose directories were deleted too make room for others", "[file][culling]") {
    for (const std::size_t frequency : {3U, 0U}) {
        INFO("cull_frequency " << frequency);
        const FileStore store;
        FileBackend backend{
            {.directory = store.path(), .max_entries = 5, .cull_frequency = frequency}};
        const auto delete_all_but_counts = [&] {
            for (const auto& file : std::filesystem::directory_iterator{store.path()}) {
                if (file.is_directory()) std::filesystem::remove_all(file.path());
            }
        };
        for (int i = 0; i < 5; ++i) REQUIRE(set_number(backend, i));
        delete_all_but_counts();
        for (int i = 10; i < 15; ++i) CHECK(set_number(backend, i));
        CHECK(store.entries() == 5);

        delete_all_but_counts();
        backend.clear();
        for (int i = 20; i < 25; ++i) CHECK(set_number(backend, i));
        CHECK(store.entries() == 5);
        CHECK(set_number(backend, 25));
        CHECK(store.entries() == (frequency == 3 ? 5 : 1));
    }
}

TEST_CASE("what stands in the place of a directory of entries is nothing, and replaced",
          "[file][culling]") {
    const FileStore store;
    const auto elsewhere = store.path().parent_path() / "elsewhere";
    FileBackend backend{{.directory = store.path(), .max_entries = 5}};
    for (int i = 0; i < 5; ++i) REQUIRE(set_number(backend, i));
    const auto shelf = file_of(store, key_number(0)).parent_path();
    std::filesystem::rename(shelf, elsewhere);
    SECTION("a file") { write_bytes(shelf, "foreign"); }
    SECTION("a link") { std::filesystem::create_directory_symlink(elsewhere, shelf); }

    CHECK(get(backend, key_number(0)).absent());
    CHECK(remove(backend, key_number(0)).declined());
    CHECK(list_keys(backend) == std::vector<std::string>{"key1", "key2", "key3", "key4"});
    for (int i = 5; i < 12; ++i) CHECK(set_number(backend, i));
    CHECK_NOTHROW(backend.clear());
    CHECK(list_keys(backend).empty());
    CHECK(set_number(backend, 0));
    CHECK(get(backend, key_number(0)).found("=key0"));
    CHECK(std::filesystem::is_directory(std::filesystem::symlink_status(shelf)));
    // What the link led to is as it was.
    CHECK(std::distance(std::filesystem::directory_iterator{elsewhere}, {}) == 1);
}

TEST_CASE("a directory of entries that others can write fails alone", "[file][culling]") {
    const FileStore store;
    FileBackend backend{{.directory = store.path(), .max_entries = 5}};
    for (int i = 0; i < 5; ++i) REQUIRE(set_number(backend, i));
    const auto shelf = file_of(store, key_number(0)).parent_path();
    std::filesystem::permissions(shelf, std::filesystem::perms::all);

    CHECK(get(backend, key_number(0)).failure->fault() == BackendFault::permission);
    CHECK(remove(backend, key_number(0)).failure().fault() == BackendFault::permission);
    CHECK(set(backend, key_number(0), "v").failure().fault() == BackendFault::permission);
    CHECK_THROWS_AS(list_keys(backend), BackendError);
    CHECK_THROWS_AS(backend.facts(), BackendError);
    for (int i = 5; i < 12; ++i) CHECK(set_number(backend, i));
    CHECK(get(backend, key_number(11)).found());
    CHECK_THROWS_AS(backend.clear(), BackendError);
    CHECK(get(backend, key_number(11)).absent());

    std::filesystem::permissions(shelf, std::filesystem::perms::owner_all);
    CHECK_NOTHROW(backend.clear());
    CHECK(store.entries() == 0);
}

TEST_CASE("directories under names of entries neither count nor keep others from making room",
          "[file][culling]") {
    for (const std::size_t frequency : {3U, 0U}) {
        INFO("cull_frequency " << frequency);
        const FileStore store;
        FileBackend backend{
            {.directory = store.path(), .max_entries = 2, .cull_frequency = frequency}};
        for (int i = 0; i < 2; ++i) REQUIRE(set_number(backend, i));
        const auto shelf = file_of(store, key_number(0)).parent_path();
        const auto older = [](const std::filesystem::path& directory) {
            write_bytes(directory / "file", "foreign");
            make_older(directory, 2h);
        };
        older(store.bob());
        older(shelf / (std::string(64, 'a') + ".cachemodel"));
        older(shelf / ("draft-" + std::string(32, 'a') + ".cachemodel"));
        for (int i = 2; i < 12; ++i) {
            CHECK(set_number(backend, i));
            CHECK(store.entries() <= 2);
        }
        std::filesystem::remove(store.path() / "counts.cachemodel");  // so that all are counted
        for (int i = 12; i < 22; ++i) {
            CHECK(set_number(backend, i));
            CHECK(store.entries() <= 2);
        }
        CHECK(store.files("file").size() == 3);
    }
}

TEST_CASE("a directory in an entry's place that is replaced or removed was not counted",
          "[file][culling]") {
    const FileStore store;
    FileBackend backend{{.directory = store.path(), .max_entries = 2}};
    REQUIRE(set_number(backend, 0));
    std::filesystem::create_directories(store.bob());
    CHECK(remove(backend, "bob").declined());
    REQUIRE(set_number(backend, 1));
    std::filesystem::create_directories(store.bob());
    CHECK(set(backend, "bob", "=bob").done());
    CHECK(store.entries() == 2);
    CHECK(set_number(backend, 2));
    CHECK(store.entries() == 2);
}

TEST_CASE("a sample makes room in a large directory", "[file][culling]") {
    const FileStore store;
    FileBackend backend{{.directory = store.path(), .max_entries = 1500}};
    for (int i = 0; i < 1500; ++i) REQUIRE(set_number(backend, i));
    REQUIRE(set_number(backend, 1500));
    // A third of some 1024 went, not a third of all.
    CHECK(store.entries() > 1100);
    CHECK(store.entries() < 1200);
}
