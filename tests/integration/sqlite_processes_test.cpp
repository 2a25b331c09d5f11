// cachemodel: several processes on one SQLite database, and processes that fork or are killed.
// SPDX-License-Identifier: MIT
#include <cachemodel/backends/sqlite.hpp>

#include "support/backend_calls.hpp"
#include "support/catch.hpp"
#include "support/forked.hpp"
#include "support/process.hpp"
#include "support/sqlite_connection.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

using namespace cachemodel;
using namespace cachemodel::support;
using namespace std::chrono_literals;

namespace {

/// A loaded machine gets time to answer.
constexpr auto patience = 30s;

/// A file of its own, and the options to use it patiently.
struct Rig {
    TemporaryDirectory directory;
    SqliteOptions options{.path = directory.path() / "cache.db", .deadline = patience};

    std::string integrity() const {
        return SqliteConnection{options.path}.ask("PRAGMA integrity_check");
    }
};

/// `work(number)` in so many processes at once; in how many of them it returned true.
template <class Work>
int in_processes(int count, Work work) {
    Gate begin;
    std::deque<Forked> children;
    for (int number = 0; number < count; ++number) {
        children.emplace_back([&begin, &work, number] {
            begin.wait();
            return work(number);
        });
    }
    for (int number = 0; number < count; ++number) begin.open();
    int succeeded = 0;
    for (auto& child : children) succeeded += child.succeeded() ? 1 : 0;
    return succeeded;
}

std::size_t entries_of(Backend& backend) {
    for (const auto& fact : backend.facts()) {
        if (fact.name == "entries") return std::stoul(fact.value);
    }
    throw std::runtime_error{"no such fact"};
}

/// Whether all bytes are the same, as every writer here writes them.
bool is_whole(std::string_view value) {
    return value.empty() || value.find_first_not_of(value.front()) == std::string_view::npos;
}

}  // namespace

TEST_CASE("of processes that create the table of sqlite at once one does it", "[sqlite]") {
    for (int round = 0; round < 5; ++round) {
        const Rig rig;
        const Gate created;
        CHECK(in_processes(4, [&](int) {
                  if (SqliteBackend{rig.options}.create_table()) created.open();
                  return true;
              }) == 4);
        created.wait();  // one did
        SqliteBackend backend{rig.options};
        CHECK_FALSE(backend.create_table());
        CHECK(set(backend, "k", "v").done());
    }
}

TEST_CASE("processes that find no database of sqlite all begin to use it", "[sqlite]") {
    const Rig rig;
    CHECK(in_processes(6, [&](int number) {
              SqliteBackend backend{rig.options};
              return set(backend, std::to_string(number), "v").done();
          }) == 6);
    SqliteBackend backend{rig.options};
    CHECK(entries_of(backend) == 6);
}

TEST_CASE("processes that count in sqlite lose no step", "[sqlite][counters]") {
    const Rig rig;
    SqliteBackend backend{rig.options};
    CHECK(set(backend, "n", "0").done());
    CHECK(in_processes(4, [&](int) {
              SqliteBackend own{rig.options};
              std::int64_t value = 0;
              for (int i = 0; i < 2500; ++i) {
                  if (!own.increment("n", 1, value).done()) return false;
              }
              return true;
          }) == 4);
    CHECK(get(backend, "n").found("10000"));
}

TEST_CASE("of processes that add a key to sqlite at once one wins", "[sqlite]") {
    const Rig rig;
    SqliteBackend backend{rig.options};
    // Some keys hold an entry that has expired: to add is to replace it, once.
    for (int i = 0; i < 20; i += 2) {
        CHECK(set(backend, "k" + std::to_string(i), "old", 1ns).done());
    }
    std::this_thread::sleep_for(2ms);
    CHECK(in_processes(8, [&](int number) {
              SqliteBackend own{rig.options};
              const auto name = std::to_string(number);
              for (int i = 0; i < 20; ++i) {
                  const auto outcome = add(own, "k" + std::to_string(i), name);
                  if (outcome.failed()) return false;
                  if (outcome.done() &&
                      !set(own, "won by " + name + ' ' + std::to_string(i), "").done()) {
                      return false;
                  }
              }
              return true;
          }) == 8);
    for (int i = 0; i < 20; ++i) {
        int winners = 0;
        for (int number = 0; number < 8; ++number) {
            const auto name = std::to_string(number);
            if (!get(backend, "won by " + name + ' ' + std::to_string(i)).found()) continue;
            ++winners;
            CHECK(get(backend, "k" + std::to_string(i)).found(name));
        }
        CHECK(winners == 1);
    }
}

TEST_CASE("the bound of sqlite holds whoever writes", "[sqlite][culling]") {
    Rig rig;
    rig.options.max_entries = 30;
    CHECK(in_processes(4, [&](int number) {
              SqliteBackend own{rig.options};
              for (int i = 0; i < 200; ++i) {
                  const auto key = std::to_string(number) + ':' + std::to_string(i);
                  if (!set(own, key, "v").done() || entries_of(own) > 30) return false;
              }
              return true;
          }) == 4);
}

TEST_CASE("four processes do with one database of sqlite what they like", "[sqlite]") {
    Rig rig;
    rig.options.max_entries = 40;
    CHECK(in_processes(4, [&](int number) {
              SqliteBackend own{rig.options};
              std::minstd_rand random{static_cast<unsigned>(number + 1)};
              const auto end = std::chrono::steady_clock::now() + 2s;
              while (std::chrono::steady_clock::now() < end) {
                  const auto key = "k" + std::to_string(random() % 60);
                  const std::string value(random() % 20'000, static_cast<char>('a' + number));
                  std::int64_t count = 0;
                  switch (random() % 12) {
                      case 0:
                          if (add(own, key, value, 20ms).failed()) return false;
                          break;
                      case 1:
                          if (remove(own, key).failed()) return false;
                          break;
                      case 2:
                          if (touch(own, key, 10ms).failed()) return false;
                          break;
                      case 3:
                          if (!set(own, "n", "0").done()) return false;
                          // Removed meanwhile or not, but always a number.
                          if (own.increment("n", 1, count).failed()) return false;
                          break;
                      case 4:
                          if (random() % 50 == 0) own.clear();
                          break;
                      case 5:
                          if (random() % 20 == 0) own.close();
                          break;
                      case 6:
                      case 7:
                      case 8:
                          if (!set(own, key, value, 50ms).done()) return false;
                          break;
                      default:
                          for (const auto& read : get_many(own, {key, "k1", "k2", "n"})) {
                              if (read.failed() ||
                                  !is_whole(read.value.substr(
                                      0, read.value == "1" ? 0 : std::string::npos)))
                                  return false;
                          }
                  }
              }
              return true;
          }) == 4);
    CHECK(rig.integrity() == "ok");
}

TEST_CASE("a process that is killed while it writes leaves old or new values in sqlite",
          "[sqlite]") {
    const Rig rig;
    constexpr int keys = 8;
    std::minstd_rand random{7};
    for (int round = 0; round < 25; ++round) {
        const Gate writing;
        Forked writer{[&] {
            SqliteBackend own{rig.options};
            for (int i = 0;; ++i) {
                const std::string value(1 + static_cast<std::size_t>(i) * 7919 % 70'000,
                                        static_cast<char>('a' + i % 26));
                std::vector<std::string> names;
                std::vector<Entry> entries;
                for (int key = 0; key < keys; ++key) names.push_back("k" + std::to_string(key));
                for (const auto& name : names) entries.push_back({name, value, never});
                std::vector<Outcome> outcomes(entries.size());
                own.store_many(Store::set, entries, outcomes);
                if (!outcomes[0].done()) return false;
                if (i == 0) writing.open();
            }
        }};
        writing.wait();
        std::this_thread::sleep_for(std::chrono::microseconds{random() % 15'000});
        writer.kill();

        SqliteBackend backend{rig.options};
        std::optional<std::string> first;
        for (int key = 0; key < keys; ++key) {
            const auto read = get(backend, "k" + std::to_string(key));
            REQUIRE(read.found());
            CHECK(is_whole(read.value));
            // They were written in one transaction.
            if (!first) first = read.value;
            CHECK((read.value == *first));
        }
        CHECK(set(backend, "after", "v").done());
    }
    CHECK(rig.integrity() == "ok");
}

TEST_CASE("a lock that another process holds delays writers to sqlite, but no readers",
          "[sqlite][deadline]") {
    Rig rig;
    SqliteBackend patient{rig.options};
    CHECK(set(patient, "k", "old").done());
    const Gate held;
    const Gate let_go;

    SECTION("no longer than the deadline") {
        Forked holder{[&] {
            const SqliteConnection connection{rig.options.path};
            connection.execute("BEGIN IMMEDIATE");
            held.open();
            let_go.wait();
            return true;
        }};
        held.wait();
        rig.options.deadline = 150ms;
        SqliteBackend backend{rig.options};
        const auto begin = std::chrono::steady_clock::now();
        const auto outcome = set(backend, "k", "new");
        const auto time = std::chrono::steady_clock::now() - begin;
        REQUIRE(outcome.failed());
        CHECK(outcome.failure().fault() == BackendFault::timeout);
        CHECK(time >= 150ms);
        CHECK(time < 5s);
        CHECK(remove(backend, "k").failed());
        CHECK(touch(backend, "k", 1h).failed());
        CHECK(add(backend, "other", "v").failed());
        std::int64_t value = 0;
        CHECK(backend.increment("k", 1, value).failed());
        CHECK_THROWS_AS(backend.clear(), BackendError);
        CHECK(get(patient, "k").found("old"));

        let_go.open();
        CHECK(holder.succeeded());
        CHECK(set(patient, "k", "new").done());
        CHECK(get(patient, "k").found("new"));
    }
    SECTION("or until it is released") {
        Forked holder{[&] {
            const SqliteConnection connection{rig.options.path};
            connection.execute("BEGIN IMMEDIATE");
            held.open();
            std::this_thread::sleep_for(100ms);
            connection.execute("COMMIT");
            return true;
        }};
        held.wait();
        CHECK(set(patient, "k", "new").done());
        CHECK(get(patient, "k").found("new"));
        CHECK(holder.succeeded());
    }
}

TEST_CASE("a child has connections to sqlite of its own", "[sqlite][fork]") {
    const Rig rig;
    SqliteBackend backend{rig.options};
    CHECK(set(backend, "k", "from the parent").done());
    const Gate written;
    const Gate closed;
    Forked child{[&] {
        if (!get(backend, "k").found("from the parent")) return false;
        if (!set(backend, "early", "from the child").done()) return false;
        written.open();
        closed.wait();
        return set(backend, "late", "from the child").done() &&
               get(backend, "early").found("from the child");
    }};
    written.wait();
    CHECK(get(backend, "early").found("from the child"));
    // Were the child's connections taken for the parent's, this one would be the last, which
    // removes the log that the child writes to.
    backend.close();
    closed.open();
    CHECK(child.succeeded());
    CHECK(get(backend, "late").found("from the child"));
    CHECK(get(backend, "early").found("from the child"));
    CHECK(rig.integrity() == "ok");
}

TEST_CASE("parents, children and their children write to sqlite at once", "[sqlite][fork]") {
    const Rig rig;
    SqliteBackend backend{rig.options};
    CHECK(set(backend, "n", "0").done());
    const auto count = [&](Backend& counted) {
        std::int64_t value = 0;
        for (int i = 0; i < 300; ++i) {
            if (!counted.increment("n", 1, value).done()) return false;
        }
        return true;
    };
    Forked child{[&] {
        if (!count(backend)) return false;
        Forked grandchild{[&] { return count(backend); }};
        return count(backend) && grandchild.succeeded();
    }};
    CHECK(count(backend));
    CHECK(child.succeeded());
    CHECK(get(backend, "n").found("1200"));
    CHECK(rig.integrity() == "ok");
}

TEST_CASE("a child of a process that used sqlite in memory has an empty one", "[sqlite][fork]") {
    SqliteBackend backend{{.path = ":memory:"}};
    CHECK(set(backend, "k", "v").done());
    Forked child{[&] { return get(backend, "k").absent() && set(backend, "k", "w").done(); }};
    CHECK(child.succeeded());
    CHECK(get(backend, "k").found("v"));
}

#ifndef CACHEMODEL_NO_FORK_AMONG_ALLOCATIONS
TEST_CASE("a process forks while a thread uses sqlite in memory", "[sqlite][fork][threads]") {
    SqliteBackend backend{{.path = ":memory:"}};
    std::atomic<bool> is_over{false};
    std::thread thread{[&] {
        const std::string value(2000, 'x');
        for (int i = 0; !is_over; ++i) (void)set(backend, std::to_string(i % 500), value);
    }};
    int succeeded = 0;
    for (int i = 0; i < 100 && succeeded == i; ++i) {
        Forked child{[&] {
            ::alarm(20);  // one that waits for a lost lock must not hold up the tests
            return get(backend, "1").absent() && set(backend, "k", "w").done();
        }};
        succeeded += child.succeeded() ? 1 : 0;
    }
    is_over = true;
    thread.join();
    CHECK(succeeded == 100);
}

TEST_CASE("a process forks while its threads use sqlite", "[sqlite][fork][threads]") {
    const Rig rig;
    SqliteBackend backend{rig.options};
    CHECK(set(backend, "n", "0").done());
    std::atomic<bool> is_over{false};
    std::atomic<int> failures{0};
    std::atomic<int> steps{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i) {
        threads.emplace_back([&] {
            std::int64_t value = 0;
            while (!is_over) {
                if (backend.increment("n", 1, value).done())
                    ++steps;
                else
                    ++failures;
                if (!get(backend, "n").found()) ++failures;
            }
        });
    }
    threads.emplace_back([&] {
        while (!is_over) {
            backend.close();
            std::this_thread::yield();
        }
    });
    int good_children = 0;
    for (int i = 0; i < 20; ++i) {
        Forked child{[&] {
            std::int64_t value = 0;
            return backend.increment("n", 1, value).done();
        }};
        good_children += child.succeeded() ? 1 : 0;
    }
    is_over = true;
    for (auto& thread : threads) thread.join();
    CHECK(good_children == 20);
    CHECK(failures == 0);
    CHECK(get(backend, "n").found(std::to_string(steps + 20)));
    CHECK(rig.integrity() == "ok");
}
#endif

TEST_CASE(
    "a fork that waits for one database of sqlite keeps no call on another beyond its deadline",
    "[sqlite][fork][deadline][threads]") {
    const Rig quick_rig;
    const Rig slow_rig;
    auto quick_options = quick_rig.options;
    quick_options.deadline = 20ms;
    auto slow_options = slow_rig.options;
    slow_options.deadline = 800ms;
    SqliteBackend quick{quick_options};  // the first one that a fork looks at
    SqliteBackend slow{slow_options};
    CHECK(slow.create_table());
    CHECK(SqliteBackend{quick_rig.options}.create_table());
    const Gate held;
    const Gate ended;
    Forked holder{[&] {
        const SqliteConnection other{slow_rig.options.path};
        other.execute("BEGIN IMMEDIATE");
        held.open();
        ended.wait();
        return true;
    }};
    held.wait();

    std::thread writer{[&] { static_cast<void>(set(slow, "k", "v")); }};
    std::atomic<bool> is_over{false};
    std::chrono::steady_clock::duration longest{};
    std::thread reader{[&] {
        while (!is_over) {
            const auto begin = std::chrono::steady_clock::now();
            static_cast<void>(get(quick, "k"));
            longest = std::max(longest, std::chrono::steady_clock::now() - begin);
        }
    }};
    std::this_thread::sleep_for(100ms);  // until the writer waits for the lock
    Forked child{[] { return true; }};
    CHECK(child.succeeded());
    is_over = true;
    reader.join();
    writer.join();
    ended.open();
    CHECK(holder.succeeded());
    CHECK(longest < 400ms);
}

TEST_CASE("threads that find a writer of sqlite at work wait no longer than their deadline",
          "[sqlite][deadline][threads]") {
    Rig rig;
    SqliteBackend patient{rig.options};
    CHECK(set(patient, "k", "old").done());
    rig.options.deadline = 200ms;
    SqliteBackend backend{rig.options};
    const SqliteConnection other{rig.options.path};
    other.execute("BEGIN IMMEDIATE");
    std::atomic<int> timeouts{0};
    std::vector<std::thread> threads;
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            const auto outcome = set(backend, "k", "new");
            if (outcome.failed() && outcome.failure().fault() == BackendFault::timeout) ++timeouts;
        });
    }
    for (auto& thread : threads) thread.join();
    CHECK(timeouts == 4);
    CHECK(std::chrono::steady_clock::now() - begin < 5s);
    other.execute("COMMIT");
    CHECK(set(patient, "k", "new").done());
}
