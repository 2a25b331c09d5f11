// cachemodel: a connection to the table of entries, and what is done on it.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/backend.hpp>
#include <cachemodel/backends/sqlite.hpp>

#include "backends/sqlite_database.hpp"
#include "backends/sqlite_queries.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cachemodel::sqlite {

/// Milliseconds since 1970-01-01 UTC, as `expires_at` has them.
using Milliseconds = std::int64_t;

/// The wall clock's time, for what is over and for what is written.
class Now {
 public:
    explicit Now(const Clock& clock) noexcept;

    /// An entry is over when `milliseconds() >= expires_at`.
    Milliseconds milliseconds() const noexcept { return milliseconds_; }
    /// When a lifetime that begins now ends, rounded up; nothing for never.
    std::optional<Milliseconds> end_of(Lifetime lifetime) const noexcept;
    /// What is left until then, rounded down, but not to nothing.
    Lifetime until(Milliseconds expires_at) const noexcept;

 private:
    Milliseconds milliseconds_;
    std::int64_t nanoseconds_;  ///< since that millisecond began
};

/// A connection to the table.
///
/// Thread safety: one thread at a time.
class Table {
 public:
    /// Opens the database; makes file and table as `auto_create` says.
    Table(const SqliteOptions& options, const Deadline& deadline);
    /// Opens the database and makes what is not there, whatever `auto_create` says.
    static bool create(const SqliteOptions& options, const Deadline& deadline);

    Database& database() noexcept { return database_; }
    const Database& database() const noexcept { return database_; }

    /// Reads living entries, one after the other, as they are at one moment.
    class Reading {
     public:
        Reading(Table& table, std::size_t keys);
        ~Reading();
        Reading(const Reading&) = delete;
        Reading& operator=(const Reading&) = delete;

        /// The entry's token. The value goes to the end of `bytes`.
        std::optional<std::uint64_t> find(std::string_view key, Now now, std::string& bytes);

     private:
        Table& table_;
        bool has_transaction_;
    };

    /// Everything that is written until it is committed, or nothing of it.
    class Writing {
     public:
        explicit Writing(Table& table);
        ~Writing();
        Writing(const Writing&) = delete;
        Writing& operator=(const Writing&) = delete;

        void commit();

     private:
        Table& table_;
        bool is_open_ = true;
    };

    // Within a `Writing`:

    Outcome store(Store how, const Entry& entry, std::uint64_t token, Now now);
    bool remove(std::string_view key, Now now);
    bool touch(std::string_view key, Lifetime lifetime, Now now);
    Outcome increment(std::string_view key, std::int64_t delta, std::uint64_t token, Now now,
                      std::int64_t& value);
    /// Drops entries until none is left, or for some time. Returns whether none is left.
    bool clear_some();
    /// Drops some of what has expired, where enough was written since the last time.
    void purge_now_and_then(std::size_t written, Now now);

    // Without:

    Outcome remaining_lifetime(std::string_view key, Now now, Lifetime& left);
    /// The next living keys with this prefix, from `first` on, in the order of their bytes; none at
    /// the end.
    std::vector<std::string> list(std::string_view prefix, std::string_view first, Now now);
    std::vector<Fact> facts();

 private:
    /// What is there under a key.
    struct Row {
        bool is_there = false;
        bool is_over = false;
        std::uint64_t token = 0;

        bool is_alive() const noexcept { return is_there && !is_over; }
    };

    Execution run(Query query);
    std::int64_t number_of(Query query);
    /// Executes what writes. Returns how many rows it wrote or deleted.
    std::int64_t change(Execution& changing);
    /// Something in the database, such as a trigger, kept rows from being written or deleted.
    [[noreturn]] void fail_unchanged() const;

    Row inspect(std::string_view key, Now now);
    bool write(Query query, const Entry& entry, std::uint64_t token, Now now);
    void overwrite(const Entry& entry, std::uint64_t token, Now now);
    void insert(const Entry& entry, std::uint64_t token, Now now);
    bool erase(std::string_view key);
    std::int64_t entries();
    void make_room(Now now);
    /// Drops entries, at least one, until a quarter of the deadline has gone.
    std::int64_t drop(Query query, std::int64_t most, std::optional<Milliseconds> now = {});
    std::int64_t drop_until(std::chrono::steady_clock::time_point end, Query query,
                            std::int64_t most, std::optional<Milliseconds> now = {});

    const SqliteOptions& options_;
    Database database_;
    std::string name_;  ///< quoted
    std::array<Statement, number_of_queries> statements_;

    // How many entries there are, as long as nobody else writes: the version tells. Nothing where
    // a trigger wrote something.
    std::optional<std::int64_t> entries_;
    std::int64_t version_ = 0;
    bool has_looked_ = false;  ///< for others, in this transaction
    std::size_t written_ = 0;  ///< since expired entries were dropped
};

}  // namespace cachemodel::sqlite
