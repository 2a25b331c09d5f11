// cachemodel: the SQLite backend on files: what it makes, finds, refuses and survives.
// SPDX-License-Identifier: MIT
#include <cachemodel/backends/sqlite.hpp>
#include <cachemodel/caches.hpp>

#include <cachemodel/cache_url.hpp>
#include <cachemodel/error.hpp>
#include <cachemodel/testing/turnable_clock.hpp>

#include "support/backend_calls.hpp"
#include "support/catch.hpp"
#include "support/forked.hpp"
#include "support/process.hpp"
#include "support/sqlite_connection.hpp"

#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace cachemodel;
using namespace cachemodel::support;
using cachemodel::testing::TurnableClock;
using namespace std::chrono_literals;

namespace {

/// A loaded machine gets time to answer.
constexpr auto patience = 30s;

/// A file of its own, and the options to use it patiently.
struct Rig {
    TemporaryDirectory directory;
    SqliteOptions options{.path = directory.path() / "cache.db", .deadline = patience};

    SqliteConnection connection() const { return SqliteConnection{options.path}; }
};

std::string fact(Backend& backend, std::string_view name) {
    for (const auto& fact : backend.facts()) {
        if (fact.name == name) return fact.value;
    }
    return "no such fact";
}

bool mentions(const std::string& text, std::string_view word) {
    return text.find(word) != std::string::npos;
}

/// Counts how often connections that are made while this lives count the rows of a table.
class CountsOfRows {
 public:
    CountsOfRows() {
        counted = 0;
        REQUIRE(sqlite3_auto_extension(reinterpret_cast<void (*)()>(&follow)) == SQLITE_OK);
    }
    ~CountsOfRows() { sqlite3_cancel_auto_extension(reinterpret_cast<void (*)()>(&follow)); }
    CountsOfRows(const CountsOfRows&) = delete;
    CountsOfRows& operator=(const CountsOfRows&) = delete;

    int since_last() { return std::exchange(counted, 0); }

 private:
    static int follow(sqlite3* connection, const char**, const void*) {
        const auto look = [](unsigned, void*, void*, void* text) {
            if (mentions(static_cast<const char*>(text), "count(*)")) ++counted;
            return 0;
        };
        return sqlite3_trace_v2(connection, SQLITE_TRACE_STMT, look, nullptr);
    }

    static inline int counted = 0;
};

mode_t mode_of(const std::string& path) {
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0 ? status.st_mode & 07777 : 0;
}

std::string bytes_of(const std::string& path) {
    std::ifstream file{path, std::ios::binary};
    return {std::istreambuf_iterator<char>{file}, {}};
}

/// The failure that every call of the backend has; the test fails where they differ.
Failure failure_of_all(Backend& backend) {
    const auto read = get(backend, "k");
    REQUIRE(read.failed());
    const auto fault = read.failure->fault();
    for (const auto& outcome :
         {set(backend, "k", "v"), add(backend, "k", "v"), compare_and_set(backend, "k", "v", 1),
          remove(backend, "k"), touch(backend, "k", 1h)}) {
        REQUIRE(outcome.failed());
        CHECK(outcome.failure().fault() == fault);
    }
    std::int64_t value = 0;
    REQUIRE(backend.increment("k", 1, value).failed());
    Lifetime left;
    REQUIRE(backend.remaining_lifetime("k", left).failed());
    CHECK_THROWS_AS(backend.clear(), BackendError);
    CHECK_THROWS_AS(backend.facts(), BackendError);
    return *read.failure;
}

/// The process' umask, for as long as this lives.
class Umask {
 public:
    explicit Umask(mode_t mask) : before_(::umask(mask)) {}
    ~Umask() { ::umask(before_); }
    Umask(const Umask&) = delete;
    Umask& operator=(const Umask&) = delete;

 private:
    mode_t before_;
};

}  // namespace

TEST_CASE("what sqlite stores outlives the backend that stored it", "[sqlite]") {
    const Rig rig;
    TurnableClock clock;
    {
        SqliteBackend backend{rig.options, clock};
        CHECK(set(backend, "endless", "a", never).done());
        CHECK(set(backend, "timed", "b", 10s).done());
        CHECK(set(backend, "short", "c", 3s).done());
    }
    clock.advance(4s);
    SqliteBackend backend{rig.options, clock};
    CHECK(get(backend, "endless").found("a"));
    CHECK(get(backend, "timed").found("b"));
    CHECK(get(backend, "short").absent());
    Lifetime left;
    CHECK(backend.remaining_lifetime("timed", left).done());
    CHECK(left == 6s);
    CHECK(backend.remaining_lifetime("endless", left).done());
    CHECK(left == never);
}

TEST_CASE("two backends on one file see each other's entries at once", "[sqlite]") {
    const Rig rig;
    SqliteBackend one{rig.options};
    SqliteBackend other{rig.options};
    CHECK(set(one, "k", "v").done());
    CHECK(get(other, "k").found("v"));
    const auto token = get(one, "k").token;
    CHECK(set(other, "k", "w").done());
    CHECK(compare_and_set(one, "k", "x", token).declined());
    CHECK(get(one, "k").found("w"));
    // Neither is mistaken in how many there are.
    CHECK(remove(other, "k").done());
    CHECK(get(one, "k").absent());
}

TEST_CASE("the files of sqlite belong to their owner alone, whatever the umask",
          "[sqlite][files]") {
    const Rig rig;
    const Umask mask{GENERATE(mode_t{0}, mode_t{0777})};
    SqliteBackend backend{rig.options};
    CHECK(set(backend, "k", "v").done());
    CHECK(mode_of(rig.options.path) == 0600);
    CHECK(mode_of(rig.options.path + "-wal") == 0600);
    CHECK(mode_of(rig.options.path + "-shm") == 0600);
    CHECK(fact(backend, "journal_mode") == "wal");
}

TEST_CASE("sqlite keeps the mode that a file has", "[sqlite][files]") {
    const Rig rig;
    std::ofstream{rig.options.path}.close();
    REQUIRE(::chmod(rig.options.path.c_str(), 0640) == 0);
    SqliteBackend backend{rig.options};
    CHECK(set(backend, "k", "v").done());
    CHECK(mode_of(rig.options.path) == 0640);
    CHECK(mode_of(rig.options.path + "-wal") == 0640);
}

TEST_CASE("a directory that is not there is a failure that names the path", "[sqlite][failure]") {
    Rig rig;
    rig.options.path = rig.directory.path() / "none" / "cache.db";
    SqliteBackend backend{rig.options};
    const auto failure = failure_of_all(backend);
    CHECK(failure.fault() == BackendFault::unavailable);
    CHECK(mentions(failure.message(), rig.options.path));
    CHECK(mentions(failure.message(), "directory"));
    CHECK_THROWS_AS(backend.create_table(), BackendError);
    CHECK_FALSE(std::filesystem::exists(rig.directory.path() / "none"));

    // It need not be there when the backend is made.
    std::filesystem::create_directory(rig.directory.path() / "none");
    CHECK(set(backend, "k", "v").done());
}

TEST_CASE("a path that is a directory, or a link to nothing, is a failure", "[sqlite][failure]") {
    Rig rig;
    SECTION("a directory") { std::filesystem::create_directory(rig.options.path); }
    SECTION("a link to nothing") {
        std::filesystem::create_symlink(rig.directory.path() / "elsewhere", rig.options.path);
    }
    SqliteBackend backend{rig.options};
    CHECK(failure_of_all(backend).fault() == BackendFault::unavailable);
    CHECK_FALSE(std::filesystem::exists(rig.directory.path() / "elsewhere"));
}

TEST_CASE("a file that is no database is left as it is", "[sqlite][failure]") {
    const Rig rig;
    const std::string text(10'000, 'x');
    std::ofstream{rig.options.path} << text;
    SqliteBackend backend{rig.options};
    const auto failure = failure_of_all(backend);
    CHECK(failure.fault() == BackendFault::protocol);
    CHECK(mentions(failure.message(), "not a database"));
    CHECK((bytes_of(rig.options.path) == text));
}

TEST_CASE("without auto_create the table has to be created first", "[sqlite][table]") {
    Rig rig;
    rig.options.auto_create = false;
    rig.options.table = "sessions";
    SqliteBackend backend{rig.options};

    const auto no_file = failure_of_all(backend);
    CHECK(no_file.fault() == BackendFault::unavailable);
    const std::string advice = "does not exist; create_table() or cachemodel create-table makes it";
    CHECK(mentions(no_file.message(), "the file " + advice));
    CHECK_FALSE(std::filesystem::exists(rig.options.path));

    rig.connection().execute("CREATE TABLE other (x)");
    const auto no_table = failure_of_all(backend);
    CHECK(no_table.fault() == BackendFault::unavailable);
    CHECK(mentions(no_table.message(), "the table \"sessions\" " + advice));

    CHECK(backend.create_table());
    CHECK(set(backend, "k", "v").done());
    CHECK_FALSE(backend.create_table());
    CHECK(get(backend, "k").found("v"));
    CHECK(mode_of(rig.options.path) != 0);
}

TEST_CASE("create_table makes table and index, which are what the dry run says",
          "[sqlite][table]") {
    const Rig rig;
    const auto schema = [&] {
        return rig.connection().ask(
            "SELECT group_concat(sql, ';') FROM sqlite_master WHERE sql IS NOT NULL");
    };
    CHECK(SqliteBackend{rig.options}.create_table());
    const auto made = schema();
    rig.connection().execute("DROP TABLE cachemodel_entries");
    rig.connection().execute(SqliteBackend::create_table_sql(rig.options));
    auto executed = schema();
    // SQLite keeps the statement without these words.
    CHECK(mentions(made, "CREATE INDEX \"cachemodel_entries_cachemodel_culling\""));
    CHECK(made == executed);
    CHECK_FALSE(SqliteBackend{rig.options}.create_table());
}

TEST_CASE("a table of that name that is no cache table is an error and stays", "[sqlite][table]") {
    const Rig rig;
    const auto connection = rig.connection();
    const auto statement = GENERATE(as<std::string>{}, "CREATE TABLE cachemodel_entries (id, name)",
                                    "CREATE TABLE CacheModel_Entries (key TEXT PRIMARY KEY, value)",
                                    "CREATE VIEW cachemodel_entries AS SELECT 1 AS id, 2 AS name");
    connection.execute(statement);
    const bool is_table = mentions(statement, "TABLE");
    if (is_table) connection.execute("INSERT INTO cachemodel_entries VALUES (1, 'precious')");
    SqliteBackend backend{rig.options};
    const auto failure = failure_of_all(backend);
    CHECK(failure.fault() == BackendFault::protocol);
    CHECK(mentions(failure.message(), "\"cachemodel_entries\" is no cache table"));
    CHECK_THROWS_AS(backend.create_table(), BackendError);
    CHECK(connection.ask("SELECT count(*) FROM cachemodel_entries") == "1");
    CHECK(connection.ask("SELECT count(*) FROM sqlite_master WHERE name LIKE '%culling'") == "0");
}

TEST_CASE("any name of a table is a name and nothing else", "[sqlite][table]") {
    Rig rig;
    const auto connection = rig.connection();
    connection.execute("CREATE TABLE y (precious)");
    const std::vector<std::string> names{
        "x\"; DROP TABLE y; --",
        "Bobby ' ; %_",
        "select",
        "y ",
        "[y]",
        "`y`",
        "a.b",
        "\n",
        "%",
        "\xc3\xa9",
        std::string(128, 't'),
    };
    for (const auto& name : names) {
        INFO(name);
        rig.options.table = name;
        SqliteBackend backend{rig.options};
        CHECK(backend.create_table());
        CHECK(set(backend, "k", name).done());
        CHECK(get(backend, "k").found(name));
        CHECK(fact(backend, "table") == name);
    }
    CHECK(connection.ask("SELECT count(*) FROM y") == "0");
    CHECK(connection.ask("SELECT count(*) FROM sqlite_master WHERE type = 'table'") == "12");
}

TEST_CASE("tables of one file do not know each other", "[sqlite][table]") {
    Rig rig;
    SqliteBackend one{rig.options};
    rig.options.table = "cachemodel%entries";
    rig.options.max_entries = 2;
    SqliteBackend other{rig.options};
    for (const auto* key : {"a", "b", "c", "d"}) {
        CHECK(set(one, key, "one").done());
        CHECK(set(other, key, "other").done());
    }
    CHECK(fact(one, "entries") == "4");
    CHECK(fact(other, "entries") == "2");
    other.clear();
    CHECK(fact(other, "entries") == "0");
    CHECK(get(one, "d").found("one"));
}

TEST_CASE("a table that is dropped while it is used is there again", "[sqlite][table]") {
    const Rig rig;
    SqliteBackend backend{rig.options};
    CHECK(set(backend, "k", "v").done());
    CHECK(get(backend, "k").found("v"));
    rig.connection().execute("DROP TABLE cachemodel_entries");
    // The call that notices cannot tell; the next ones find a new table.
    CHECK_FALSE(get(backend, "k").found());
    CHECK_FALSE(set(backend, "k", "v").declined());
    CHECK(set(backend, "k", "w").done());
    CHECK(get(backend, "k").found("w"));
}

TEST_CASE("a file of sqlite that is deleted or replaced is noticed", "[sqlite][files]") {
    const Rig rig;
    SqliteBackend backend{rig.options};
    CHECK(set(backend, "k", "old").done());
    CHECK(get(backend, "k").found("old"));
    for (const auto* end : {"", "-wal", "-shm"}) std::filesystem::remove(rig.options.path + end);
    CHECK(get(backend, "k").absent());
    CHECK(set(backend, "k", "new").done());
    SqliteBackend other{rig.options};
    CHECK(get(other, "k").found("new"));
    CHECK(mode_of(rig.options.path) == 0600);

    SqliteOptions elsewhere{.path = rig.options.path + ".new", .deadline = patience};
    {
        SqliteBackend next{elsewhere};
        CHECK(set(next, "k", "of another file").done());
    }
    backend.close();
    other.close();
    std::filesystem::rename(elsewhere.path, rig.options.path);
    CHECK(get(backend, "k").found("of another file"));
    CHECK(rig.connection().ask("PRAGMA integrity_check") == "ok");
}

TEST_CASE("a database of sqlite can be copied", "[sqlite][files]") {
    Rig rig;
    {
        SqliteBackend backend{rig.options};
        CHECK(set(backend, "k", "v").done());
    }
    std::filesystem::copy_file(rig.options.path, rig.options.path + ".copy");
    rig.options.path += ".copy";
    SqliteBackend copy{rig.options};
    CHECK(get(copy, "k").found("v"));
}

TEST_CASE("a damaged database is a failure, not a miss", "[sqlite][failure]") {
    const Rig rig;
    {
        SqliteBackend backend{rig.options};
        for (int i = 0; i < 200; ++i) {
            CHECK(set(backend, "k" + std::to_string(i), std::string(500, 'v')).done());
        }
    }
    {
        std::fstream file{rig.options.path, std::ios::binary | std::ios::in | std::ios::out};
        const auto size = std::filesystem::file_size(rig.options.path);
        for (std::uintmax_t at = 8 * 4096; at + 4096 <= size; at += 4096) {
            file.seekp(static_cast<std::streamoff>(at));
            file << std::string(300, '\x5a');
        }
    }
    SqliteBackend backend{rig.options};
    int failures = 0;
    int found = 0;
    for (int i = 0; i < 200; ++i) {
        const auto read = get(backend, "k" + std::to_string(i));
        if (read.failed()) {
            ++failures;
            CHECK(read.failure->fault() == BackendFault::protocol);
            CHECK(mentions(read.failure->message(), "malformed"));
        } else if (read.found()) {
            ++found;
        }
    }
    CHECK(failures > 0);
    // Writing may succeed on pages that are sound; it crashes on none.
    for (int i = 0; i < 200; ++i) {
        const auto outcome = set(backend, "k" + std::to_string(i), "new");
        if (outcome.failed()) CHECK(outcome.failure().fault() == BackendFault::protocol);
    }
    // What the guide says: delete it, and all is well.
    for (const auto* end : {"", "-wal", "-shm"}) std::filesystem::remove(rig.options.path + end);
    CHECK(set(backend, "k", "v").done());
    CHECK(get(backend, "k").found("v"));
}

TEST_CASE("bits that flip in a database crash nobody", "[sqlite][failure]") {
    const Rig rig;
    {
        SqliteBackend backend{rig.options};
        for (int i = 0; i < 60; ++i) {
            CHECK(set(backend, "k" + std::to_string(i), std::string(100, 'v'), 1h).done());
        }
    }
    const auto sound = bytes_of(rig.options.path);
    std::uint32_t state = 1;
    for (int round = 0; round < 50; ++round) {
        auto damaged = sound;
        for (int i = 0; i < 8; ++i) {
            state = state * 1664525U + 1013904223U;
            damaged[(state >> 8) % damaged.size()] ^= static_cast<char>(1 << (state & 7));
        }
        for (const auto* end : {"-wal", "-shm"}) std::filesystem::remove(rig.options.path + end);
        std::ofstream{rig.options.path, std::ios::binary} << damaged;
        SqliteBackend backend{rig.options};
        for (int i = 0; i < 60; i += 7) {
            const auto key = "k" + std::to_string(i);
            CHECK(get(backend, key).answers == 1);
            static_cast<void>(set(backend, key, "new").done());
            static_cast<void>(remove(backend, key).done());
        }
    }
}

TEST_CASE("a database that may only be read is read, and not written", "[sqlite][failure]") {
    const Rig rig;
    SqliteBackend owner{rig.options};
    CHECK(set(owner, "k", "v").done());
    CHECK(set(owner, "over", "v", 1ns).done());
    for (const auto* end : {"", "-wal", "-shm"}) {
        REQUIRE(::chmod((rig.options.path + end).c_str(), 0444) == 0);
    }
    REQUIRE(::chmod(rig.directory.path().c_str(), 0555) == 0);
    // Root may write everything.
    Forked child{[&] {
        constexpr uid_t nobody = 65534;
        if (::geteuid() == 0 && ::setresuid(nobody, nobody, nobody) != 0) return false;
        SqliteBackend reader{rig.options};
        const auto outcome = set(reader, "k", "w");
        return get(reader, "k").found("v") && get(reader, "over").absent() && outcome.failed() &&
               outcome.failure().fault() == BackendFault::permission &&
               remove(reader, "over").failed() && get(reader, "k").found("v");
    }};
    CHECK(child.succeeded());
    CHECK(get(owner, "k").found("v"));
    REQUIRE(::chmod(rig.directory.path().c_str(), 0700) == 0);
}

TEST_CASE("a database that others may write is refused", "[sqlite][permission]") {
    const Rig rig;
    {
        SqliteBackend backend{rig.options};
        CHECK(set(backend, "k", "v").done());
    }
    REQUIRE(::chmod(rig.options.path.c_str(), GENERATE(mode_t{0620}, mode_t{0602})) == 0);
    {
        SqliteBackend backend{rig.options};
        const auto failure = failure_of_all(backend);
        CHECK(failure.fault() == BackendFault::permission);
        CHECK(mentions(failure.message(), "writable by others"));
        CHECK_THROWS_AS(backend.create_table(), BackendError);
    }
    REQUIRE(::chmod(rig.options.path.c_str(), 0644) == 0);
    SqliteBackend backend{rig.options};
    CHECK(get(backend, "k").found("v"));
}

TEST_CASE("a database of another user is refused, and one of root is not", "[sqlite][permission]") {
    if (::geteuid() != 0) {
        WARN("only root can give files to other users");
        return;
    }
    const Rig rig;
    {
        SqliteBackend backend{rig.options};
        CHECK(set(backend, "k", "v").done());
    }
    // Readable for everybody: that is not what it fails by.
    REQUIRE(::chmod(rig.options.path.c_str(), 0644) == 0);
    REQUIRE(::chmod(rig.directory.path().c_str(), 0777) == 0);
    const auto as_nobody = [&](auto work) {
        Forked child{[&] {
            constexpr uid_t nobody = 65534;
            if (::setresgid(nobody, nobody, nobody) != 0) return false;
            if (::setresuid(nobody, nobody, nobody) != 0) return false;
            SqliteBackend backend{rig.options};
            return work(get(backend, "k"));
        }};
        return child.succeeded();
    };
    CHECK(as_nobody([](const auto& read) { return read.found("v"); }));
    constexpr uid_t somebody = 12345;
    REQUIRE(::chown(rig.options.path.c_str(), somebody, somebody) == 0);
    const auto is_refused = [](const auto& read) {
        return read.failed() && read.failure->fault() == BackendFault::permission &&
               mentions(read.failure->message(), "belongs to another user");
    };
    CHECK(as_nobody(is_refused));
    SqliteBackend backend{rig.options};
    CHECK(is_refused(get(backend, "k")));
}

TEST_CASE("what a trigger keeps from being written to sqlite is a failure", "[sqlite][failure]") {
    const Rig rig;
    SqliteBackend backend{rig.options};
    CHECK(set(backend, "k", "1").done());
    CHECK(set(backend, "over", "v", 1ns).done());
    const auto token = get(backend, "k").token;
    const auto ignore = [&](const std::string& event) {
        rig.connection().execute("CREATE TRIGGER no_" + event + " BEFORE " + event +
                                 " ON cachemodel_entries BEGIN SELECT RAISE(IGNORE); END");
    };
    const auto is_refused = [](const Outcome& outcome) {
        return outcome.failed() && outcome.failure().fault() == BackendFault::protocol;
    };
    ignore("INSERT");
    CHECK(is_refused(add(backend, "new", "v")));
    CHECK(is_refused(set(backend, "new", "v")));
    CHECK(get(backend, "new").absent());
    CHECK(set(backend, "k", "2").done());

    ignore("UPDATE");
    std::int64_t value = 0;
    CHECK(is_refused(set(backend, "k", "3")));
    CHECK(is_refused(add(backend, "over", "3")));
    CHECK(is_refused(compare_and_set(backend, "k", "3", get(backend, "k").token)));
    CHECK(is_refused(backend.increment("k", 1, value)));
    CHECK(is_refused(touch(backend, "k", 1h)));
    CHECK(compare_and_set(backend, "k", "3", token).declined());
    CHECK(touch(backend, "absent", 1h).declined());

    ignore("DELETE");
    CHECK(is_refused(remove(backend, "k")));
    CHECK(remove(backend, "absent").declined());
    CHECK_THROWS_AS(backend.clear(), BackendError);
    CHECK(get(backend, "k").found("2"));
}

TEST_CASE("a full table of sqlite from which a trigger lets nothing go takes nothing new",
          "[sqlite][failure]") {
    Rig rig;
    rig.options.max_entries = 1;
    SqliteBackend backend{rig.options};
    CHECK(set(backend, "k", "v").done());
    rig.connection().execute(
        "CREATE TRIGGER staying BEFORE DELETE ON cachemodel_entries"
        " BEGIN SELECT RAISE(IGNORE); END");
    const auto outcome = set(backend, "new", "v");
    REQUIRE(outcome.failed());
    CHECK(outcome.failure().fault() == BackendFault::protocol);
    CHECK(fact(backend, "entries") == "1");
}

TEST_CASE("sqlite knows how many entries there are where a trigger changes that too",
          "[sqlite][culling]") {
    Rig rig;
    rig.options.max_entries = 2;
    SqliteBackend backend{rig.options};
    CHECK(set(backend, "a", "v").done());
    rig.connection().execute(
        "CREATE TRIGGER one_or_other AFTER INSERT ON cachemodel_entries WHEN NEW.key = x'62'"
        " BEGIN DELETE FROM cachemodel_entries WHERE key = x'61'; END");
    CHECK(set(backend, "b", "v").done());
    CHECK(set(backend, "c", "v").done());
    CHECK(get(backend, "a").absent());
    CHECK(get(backend, "b").found("v"));
    CHECK(get(backend, "c").found("v"));
}

TEST_CASE("the table can be made as a step of deployment", "[sqlite][table]") {
    const Rig rig;
    const auto configured = "sqlite://" + rig.options.path + "?table=sessions&auto_create=false";
    // [create_table]
    auto url = CacheUrl::parse(configured);
    SqliteBackend backend{sqlite_options(url)};
    const bool is_new = backend.create_table();
    // [/create_table]
    CHECK(is_new);
    CHECK(rig.connection().ask("SELECT count(*) FROM sessions") == "0");
}

TEST_CASE("the tables of all named caches are made in one step", "[sqlite]") {
    const Rig rig;
    const ScopedCaches scope;
    const std::string file = "sqlite://" + rig.options.path;
    const std::string sessions_url = file + "?table=sessions&auto_create=false";
    const std::string pages_url = file + "?table=pages&auto_create=false&key_prefix=p";
    caches().configure("other", "memory://");
    // [create_all]
    caches().configure("sessions", sessions_url);
    caches().configure("pages", pages_url);
    const std::size_t made = create_cache_tables();
    // [/create_all]
    CHECK(made == 2);
    CHECK(create_cache_tables() == 0);
    CHECK(caches().used().empty());
    CHECK(caches()["sessions"].set("k", 1));
    CHECK(caches()["pages"].set("k", 2));
    CHECK(rig.connection().ask("SELECT count(*) FROM sessions") == "1");
}

TEST_CASE("a transaction of the application is not that of the cache", "[sqlite]") {
    const Rig rig;
    SqliteBackend backend{rig.options};
    CHECK(set(backend, "k", "old").done());
    const auto application = rig.connection();
    application.execute("CREATE TABLE orders (id)");

    application.execute("BEGIN");
    CHECK(application.ask("SELECT count(*) FROM orders") == "0");
    CHECK(set(backend, "k", "new").done());
    application.execute("ROLLBACK");
    CHECK(get(backend, "k").found("new"));

    // Two do not write at once; who comes second waits, and harms nobody.
    auto hasty = rig.options;
    hasty.deadline = 20ms;
    SqliteBackend second{hasty};
    application.execute("BEGIN; INSERT INTO orders VALUES (1)");
    CHECK(set(second, "k", "newest").failed());
    application.execute("COMMIT");
    CHECK(application.ask("SELECT count(*) FROM orders") == "1");
    CHECK(get(backend, "k").found("new"));
    CHECK(set(backend, "k", "newest").done());
}

TEST_CASE("a batch that takes too long for sqlite is written as a whole or not at all",
          "[sqlite][deadline]") {
    Rig rig;
    rig.options.max_entries = 1'000'000;
    SqliteBackend patient{rig.options};
    REQUIRE(set(patient, "first", "v").done());
    rig.options.deadline = 20ms;
    SqliteBackend backend{rig.options};
    std::vector<std::string> keys;
    for (int i = 0; i < 200'000; ++i) keys.push_back("key " + std::to_string(i));
    std::vector<Entry> entries;
    for (const auto& key : keys) entries.push_back({key, "v", 1h});
    std::vector<Outcome> outcomes(entries.size());
    const auto begin = std::chrono::steady_clock::now();
    backend.store_many(Store::set, entries, outcomes);
    CHECK(std::chrono::steady_clock::now() - begin < 5s);
    const auto is_late = [](const Outcome& outcome) {
        return outcome.failed() && outcome.failure().fault() == BackendFault::timeout;
    };
    CHECK(std::all_of(outcomes.begin(), outcomes.end(), is_late));
    CHECK(fact(patient, "entries") == "1");
    CHECK(set(patient, "second", "v").done());
}

TEST_CASE("sqlite counts its rows once, and again after others have written", "[sqlite][culling]") {
    Rig rig;
    rig.options.max_entries = 30;
    CountsOfRows counts;
    SqliteBackend backend{rig.options};
    SqliteBackend other{rig.options};
    int key = 0;
    const auto set_some = [&](SqliteBackend& own, int some) {
        for (int i = 0; i < some; ++i) {
            REQUIRE(set(own, std::to_string(++key), "v", 1h).done());
        }
    };
    set_some(backend, 200);  // most of them into a full table, from which a third goes now and then
    CHECK(counts.since_last() == 1);
    set_some(backend, 200);
    CHECK(counts.since_last() == 0);
    set_some(other, 100);
    CHECK(counts.since_last() == 1);
    set_some(backend, 100);
    CHECK(counts.since_last() == 1);
    for (int i = 0; i < 10; ++i) {
        REQUIRE(set(other, std::to_string(key), "replaced", 1h).done());
        REQUIRE(set(backend, std::to_string(key), "again", 1h).done());
    }
    CHECK(counts.since_last() == 0);
}

TEST_CASE("a full table of many entries makes room within the deadline", "[sqlite][culling]") {
    Rig rig;
    rig.options.max_entries = 30'000;
    SqliteBackend patient{rig.options};
    {
        std::vector<std::string> keys;
        for (int i = 0; i < 30'000; ++i) keys.push_back("key " + std::to_string(i * 7919 % 30'000));
        const std::string value(300, 'v');
        std::vector<Entry> entries;
        for (const auto& key : keys) entries.push_back({key, value, 1h});
        std::vector<Outcome> outcomes(entries.size());
        patient.store_many(Store::set, entries, outcomes);
        REQUIRE(fact(patient, "entries") == "30000");
    }
    rig.options.cull_frequency = 2;
    rig.options.deadline = 40ms;  // less than dropping 15,000 entries takes
    SqliteBackend backend{rig.options};
    int done = 0;
    for (int i = 0; i < 50; ++i)
        done += set(backend, "new " + std::to_string(i), "v").done() ? 1 : 0;
    // A busy machine may hold up some of them, but culling does not hold up all.
    CHECK(done > 10);
    CHECK(std::stoul(fact(patient, "entries")) <= 30'000);
}

TEST_CASE("signals make no call of sqlite fail", "[sqlite]") {
    const Rig rig;
    SqliteBackend backend{rig.options};
    struct sigaction action {};
    struct sigaction before {};
    action.sa_handler = [](int) {};  // without SA_RESTART
    REQUIRE(::sigaction(SIGALRM, &action, &before) == 0);
    const itimerval often{{0, 1000}, {0, 1000}};
    REQUIRE(::setitimer(ITIMER_REAL, &often, nullptr) == 0);
    int failures = 0;
    for (int i = 0; i < 300; ++i) {
        const auto key = "k" + std::to_string(i % 10);
        if (!set(backend, key, std::string(50'000, 'v')).done()) ++failures;
        if (!get(backend, key).found()) ++failures;
    }
    const itimerval off{};
    REQUIRE(::setitimer(ITIMER_REAL, &off, nullptr) == 0);
    REQUIRE(::sigaction(SIGALRM, &before, nullptr) == 0);
    CHECK(failures == 0);
}
