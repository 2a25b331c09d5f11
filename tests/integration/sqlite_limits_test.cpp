// cachemodel: the SQLite backend with large entries, on full disks, and where a process forks.
// SPDX-License-Identifier: MIT
#include <cachemodel/backends/sqlite.hpp>

#include <cachemodel/error.hpp>

#include "support/backend_calls.hpp"
#include "support/catch.hpp"
#include "support/forked.hpp"
#include "support/process.hpp"
#include "support/sqlite_connection.hpp"

#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include <chrono>
#include <csignal>
#include <cstddef>
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
};

std::size_t entries_of(Backend& backend) {
    for (const auto& fact : backend.facts()) {
        if (fact.name == "entries") return std::stoul(fact.value);
    }
    throw std::runtime_error{"no such fact"};
}

/// Entries that take far longer to drop than the deadline of a test lasts.
constexpr std::size_t many = 2000;

void fill_with_large_entries(SqliteBackend& backend) {
    const std::string value(20'000, 'v');
    std::vector<std::string> keys;
    std::vector<Entry> entries;
    for (std::size_t i = 0; i < many; ++i) keys.push_back("key " + std::to_string(i));
    for (const auto& key : keys) entries.push_back({key, value, never});
    std::vector<Outcome> outcomes(entries.size());
    backend.store_many(Store::set, entries, outcomes);
    REQUIRE(outcomes.front().done());
    REQUIRE(entries_of(backend) == many);
}

bool is_full(const Outcome& outcome) {
    return outcome.failed() && outcome.failure().fault() == BackendFault::full;
}

/// Whether the calling thread would be ended by the signal for files that grow too large.
bool heeds_file_limit() {
    sigset_t blocked;
    sigset_t pending;
    ::pthread_sigmask(SIG_BLOCK, nullptr, &blocked);
    ::sigpending(&pending);
    return sigismember(&blocked, SIGXFSZ) == 0 && sigismember(&pending, SIGXFSZ) == 0;
}

/// Gives every connection that is made while this lives a function `hold()`, which opens one gate
/// and waits at another.
class Holding {
 public:
    Holding() { REQUIRE(sqlite3_auto_extension(reinterpret_cast<void (*)()>(&add)) == SQLITE_OK); }
    ~Holding() { sqlite3_cancel_auto_extension(reinterpret_cast<void (*)()>(&add)); }
    Holding(const Holding&) = delete;
    Holding& operator=(const Holding&) = delete;

    const Gate& begun() { return gates().begun; }
    const Gate& end() { return gates().end; }

 private:
    struct Gates {
        Gate begun;
        Gate end;
    };
    static Gates& gates() {
        static Gates gates;
        return gates;
    }
    static int add(sqlite3* connection, const char**, const void*) {
        const auto hold = [](sqlite3_context*, int, sqlite3_value**) {
            gates().begun.open();
            gates().end.wait();
        };
        return sqlite3_create_function(connection, "hold", 0, SQLITE_UTF8 | SQLITE_INNOCUOUS,
                                       nullptr, hold, nullptr, nullptr);
    }
};

}  // namespace

TEST_CASE("a table of sqlite that takes longer to clear than the deadline is cleared bit by bit",
          "[sqlite][deadline]") {
    Rig rig;
    SqliteBackend patient{rig.options};
    fill_with_large_entries(patient);
    rig.options.deadline = 10ms;
    SqliteBackend backend{rig.options};
    int timeouts = 0;
    std::size_t left = many;
    const auto end = std::chrono::steady_clock::now() + patience;
    for (bool is_cleared = false; !is_cleared && std::chrono::steady_clock::now() < end;) {
        try {
            backend.clear();
            is_cleared = true;
        } catch (const BackendError& error) {
            REQUIRE(error.fault() == BackendFault::timeout);
            ++timeouts;
        }
        const auto now_left = entries_of(patient);
        CHECK(now_left <= left);
        left = now_left;
    }
    CHECK(timeouts > 0);
    CHECK(left == 0);
    CHECK(set(patient, "k", "v").done());
}

TEST_CASE("a full table of large entries that drops all of them takes a new one in time",
          "[sqlite][culling][deadline]") {
    Rig rig;
    rig.options.max_entries = many;
    SqliteBackend patient{rig.options};
    fill_with_large_entries(patient);
    rig.options.deadline = 40ms;
    rig.options.cull_frequency = GENERATE(std::size_t{0}, std::size_t{1});
    SqliteBackend backend{rig.options};
    int done = 0;
    for (int i = 0; i < 20; ++i) done += set(backend, std::to_string(i), "v").done() ? 1 : 0;
    // A busy machine may hold up some of them.
    CHECK(done > 5);
    CHECK(entries_of(patient) < many);
}

TEST_CASE("a file that may not grow is a full disk to sqlite, and ends no process",
          "[sqlite][failure]") {
    const Rig rig;
    {
        SqliteBackend backend{rig.options};
        CHECK(set(backend, "k", "old").done());
        CHECK(set(backend, "other", "old").done());
    }
    Forked child{[&] {
        const rlimit limit{256 << 10, 256 << 10};
        if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return false;
        SqliteBackend backend{rig.options};
        const std::string large(1 << 20, 'x');
        // What was to be replaced is out of date, and what was only to be added is not.
        return is_full(set(backend, "k", large)) && get(backend, "k").absent() &&
               is_full(compare_and_set(backend, "other", large, get(backend, "other").token)) &&
               get(backend, "other").found("old") && set(backend, "k", "new").done() &&
               heeds_file_limit();
    }};
    CHECK(child.succeeded());
    SqliteBackend backend{rig.options};
    CHECK(get(backend, "k").found("new"));
}

TEST_CASE("a log that fills the room for it is written back by sqlite, and the call succeeds",
          "[sqlite][failure]") {
    const Rig rig;
    Forked child{[&] {
        const rlimit limit{1 << 20, 1 << 20};
        if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return false;
        SqliteBackend backend{rig.options};
        // Less than SQLite writes back on its own, and ever the same pages of the file.
        const std::string value(10'000, 'x');
        for (int i = 0; i < 400; ++i) {
            if (!set(backend, "k", value).done()) return false;
        }
        return remove(backend, "k").done();
    }};
    CHECK(child.succeeded());
}

TEST_CASE("a full disk is said by sqlite, and leaves nothing out of date", "[sqlite][failure]") {
    const Rig rig;
    const std::string disk = rig.directory.path();
    if (::mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=1m,mode=0700") != 0) {
        WARN("skipped: no small disk can be mounted here");
        return;
    }
    {
        SqliteBackend backend{rig.options};
        CHECK(set(backend, "bob", "old").done());
        CHECK(set(backend, "alice", "hers").done());
        CHECK(is_full(set(backend, "bob", std::string(2 << 20, 'x'))));
        CHECK(get(backend, "bob").absent());
        CHECK(get(backend, "alice").found("hers"));
        CHECK(set(backend, "bob", "new").done());
        CHECK(remove(backend, "alice").done());
        backend.clear();
        CHECK(get(backend, "bob").absent());
    }
    CHECK(::umount2(disk.c_str(), MNT_DETACH) == 0);
}

TEST_CASE("a child of a process that forks in the middle of a call says that it cannot use sqlite",
          "[sqlite][fork][threads]") {
    Rig rig;
    Holding holding;
    {
        SqliteBackend backend{rig.options};
        CHECK(backend.create_table());
        const SqliteConnection own{rig.options.path};
        own.execute(
            "CREATE TRIGGER holding BEFORE INSERT ON cachemodel_entries"
            " WHEN NEW.key = CAST('held' AS BLOB) BEGIN SELECT hold(); END");
    }
    rig.options.deadline = 20ms;  // a fork waits a second longer
    SqliteBackend backend{rig.options};
    std::thread writer{[&] { static_cast<void>(set(backend, "held", "v")); }};
    holding.begun().wait();
    Forked child{[&] {
        const auto is_refused = [](Backend& used) {
            const auto read = get(used, "k");
            const auto written = set(used, "k", "v");
            return read.failed() && read.failure->fault() == BackendFault::unavailable &&
                   written.failed() && written.failure().fault() == BackendFault::unavailable;
        };
        SqliteBackend anew{rig.options};
        Forked grandchild{[&] { return is_refused(backend); }};
        return is_refused(backend) && is_refused(anew) && grandchild.succeeded();
    }};
    holding.end().open();
    writer.join();
    CHECK(child.succeeded());

    SqliteOptions patient = rig.options;
    patient.deadline = patience;
    SqliteBackend after{patient};
    CHECK(set(after, "k", "v").done());
}

TEST_CASE("the index of a table of sqlite gets another name where its own is taken",
          "[sqlite][table]") {
    Rig rig;
    const SqliteConnection connection{rig.options.path};
    const auto indexes_of = [&](const std::string& table) {
        return connection.ask(
            "SELECT group_concat(name) FROM sqlite_master WHERE type = 'index'"
            " AND sql IS NOT NULL AND tbl_name = '" +
            table + "'");
    };
    SECTION("by a table that was renamed") {
        CHECK(SqliteBackend{rig.options}.create_table());
        connection.execute("ALTER TABLE cachemodel_entries RENAME TO old");
        CHECK(SqliteBackend{rig.options}.create_table());
        CHECK(indexes_of("old") == "cachemodel_entries_cachemodel_culling");
        CHECK(indexes_of("cachemodel_entries") == "cachemodel_entries_cachemodel_culling_2");
    }
    SECTION("by a table of that name") {
        rig.options.table = "A_cachemodel_culling";
        CHECK(SqliteBackend{rig.options}.create_table());
        rig.options.table = "a";
        SqliteBackend backend{rig.options};
        CHECK(set(backend, "k", "v").done());
        CHECK(indexes_of("a") == "a_cachemodel_culling_2");
    }
}

TEST_CASE("a table of sqlite that has the name of an index is refused", "[sqlite][table]") {
    Rig rig;
    CHECK(SqliteBackend{rig.options}.create_table());
    rig.options.table = "cachemodel_entries_cachemodel_culling";
    SqliteBackend backend{rig.options};
    const auto outcome = set(backend, "k", "v");
    REQUIRE(outcome.failed());
    CHECK(outcome.failure().fault() == BackendFault::protocol);
    CHECK(outcome.failure().message().find("is no cache table") != std::string::npos);
}
