// cachemodel: entries in a table of an SQLite database.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/backend.hpp>
#include <cachemodel/clock.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cachemodel {

class CacheUrl;

/// How to keep entries in an SQLite database. Every option but `path` may also stand in the URL:
///
///     sqlite:///var/cache/app.db?table=entries&max_entries=10000
///
/// Thread safety: that of a plain value.
struct SqliteOptions {
    static constexpr std::size_t unlimited = Capabilities::unlimited;

    /// The absolute path of the database file; in the URL its path. `:memory:`, in the URL
    /// `sqlite:///:memory:`, is a database of this backend alone, gone with it.
    std::string path;

    /// The table: 1 to 128 bytes, any but a zero byte, not beginning with `sqlite_`. SQLite tells
    /// upper case from lower case in no name.
    std::string table = "cachemodel_entries";

    /// The longest that a call may take, waiting for other writers included: 1 ms to 1 h. What is
    /// not done by then has failed with `timeout`, and nothing of it is written; only `clear` may
    /// have been done in part. A disk that does not answer cannot be interrupted.
    std::chrono::nanoseconds deadline = std::chrono::milliseconds{250};

    /// How many entries the table may hold, at least 1.
    std::size_t max_entries = 100'000;

    /// A full table drops one entry of this many to take a new one: with 3 a third of them, with 0
    /// or 1 all. At least one.
    std::size_t cull_frequency = 3;

    /// Makes file and table on first use where they are not there. Otherwise every call fails with
    /// `unavailable` until `SqliteBackend::create_table` was called.
    bool auto_create = true;

    /// The most connections that read at the same time, 1 to 1000, made when they are needed.
    /// Writing has one of its own. A call that finds all of them in use waits within its deadline.
    std::size_t connections = 8;

    /// The largest value in bytes, at least 1 KiB. SQLite itself takes 1,000,000,000 bytes for a
    /// key and its value together.
    std::size_t max_value = unlimited;
};

/// Entries in a table of an SQLite database, which processes of one machine share and which
/// outlives them: the database cache. It has connections of its own, so that transactions of the
/// application on the same file are not part of it, nor it of them.
///
/// The file is made with mode 0600, its directory must be there. A file that belongs to another
/// user than this one or root, or that its group or others may write, is refused with `permission`.
/// It is switched to write-ahead logging (WAL), in which readers wait for nobody and writers for
/// each other. A call on many keys is one transaction for writing, and one for every thousand keys
/// for reading. A file that was deleted or replaced is noticed with the next call.
///
/// Bounded: a new entry in a full table makes room first. What has expired goes, or else those that
/// expire next, and of those that never expire the ones written longest ago. The bound holds after
/// every write, whoever else writes. A cull stops after a quarter of the deadline, having made
/// room, so that it may drop less of a large table than `cull_frequency` says. Every 64 entries
/// written, some that have expired are dropped.
///
/// Lifetimes are kept in milliseconds, rounded up, and follow `Clock::wall`. Keys and values are
/// any bytes. Every write gives its entry a new token.
///
/// A full disk, or a file that reaches a limit of the process on its size, is the fault `full`,
/// after the write-ahead log was written back and the call tried once more. The entry that a `set`
/// was to replace is removed then, if there is room for that.
///
/// A child of `fork` makes connections of its own. To that end `fork` waits for the calls that
/// other threads are in, and idle connections are closed; `exec` alone, as in `posix_spawn`, needs
/// neither. It does not wait for ever: a child that was forked in the middle of a call all the same
/// fails with `unavailable` whenever it uses SQLite. A database in memory is empty in a child.
///
/// Thread safety: may be called concurrently.
/// Lifetime: the clock must outlive the backend.
class SqliteBackend final : public Backend {
 public:
    /// Opens nothing yet.
    ///
    /// Errors: `ConfigError` naming the option that makes no sense.
    explicit SqliteBackend(SqliteOptions options, const Clock& clock = Clock::machine());
    ~SqliteBackend() override;

    SqliteBackend(const SqliteBackend&) = delete;
    SqliteBackend& operator=(const SqliteBackend&) = delete;

    /// Makes the file and the table where they are not there, as a step of deployment. Several
    /// processes may do so at once.
    ///
    /// Returns whether it made the table. One that is there is left as it is, and that of
    /// `:memory:` always is. Errors: `BackendError`, also when a table of that name is no cache
    /// table.
    bool create_table();

    /// What `create_table` executes, for reading and for tools that deploy databases.
    ///
    /// Errors: `ConfigError` naming the option that makes no sense.
    static std::string create_table_sql(const SqliteOptions& options);

    const Capabilities& capabilities() const noexcept override;
    void get_many(std::span<const std::string_view> keys, ReadSink& sink) override;
    void store_many(Store how, std::span<const Entry> entries,
                    std::span<Outcome> outcomes) override;
    void remove_many(std::span<const std::string_view> keys, std::span<Outcome> outcomes) override;
    void touch_many(std::span<const std::string_view> keys, Lifetime lifetime,
                    std::span<Outcome> outcomes) override;

    /// Removes the entries of this table. The file keeps its size and uses the space again.
    ///
    /// Many entries, or large ones, are removed bit by bit. What the deadline leaves time for is
    /// gone then, whether or not all of it could be done; another call goes on.
    ///
    /// Errors: `BackendError`, with `timeout` where entries are left.
    void clear() override;

    /// Closes the connections that nobody uses at the moment. The entries of `:memory:` stay.
    void close() noexcept override;

    Outcome increment(std::string_view key, std::int64_t delta, std::int64_t& value) override;
    Outcome remaining_lifetime(std::string_view key, Lifetime& left) override;

    /// Every thousand keys are read in a transaction and within a deadline of their own.
    void list_keys(std::string_view prefix, KeySink& sink) override;

    /// `entries` (with those that have expired and were not dropped yet), `bytes` of the database,
    /// `path`, `table`, `journal_mode` and `sqlite_version`.
    std::vector<Fact> facts() override;

 private:
    class Implementation;
    std::unique_ptr<Implementation> implementation_;
};

/// Takes from a `sqlite://` URL what is in `SqliteOptions`, to call `create_table` for it.
///
/// Thread safety: may be called concurrently, each time with another URL.
/// Errors: `ConfigError` naming the part of the URL or the option that makes no sense.
SqliteOptions sqlite_options(CacheUrl& url);

/// Makes the table of every named cache that is kept in SQLite: `SqliteBackend::create_table` for
/// all of them. Returns how many it made.
///
/// Thread safety: may be called concurrently.
/// Errors: `BackendError`; those before it are made.
std::size_t create_cache_tables();

/// Opens the backend of a `sqlite://` URL; see `SqliteOptions`.
///
/// Thread safety: may be called concurrently, each time with another URL.
/// Errors: `ConfigError` naming the part of the URL or the option that makes no sense.
std::shared_ptr<Backend> open_sqlite(CacheUrl& url, const Clock& clock);

}  // namespace cachemodel
