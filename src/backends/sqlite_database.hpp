// cachemodel: one connection to an SQLite database, with a deadline on everything.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/error.hpp>

#include <sqlite3.h>
#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace cachemodel::sqlite {

/// Of a file or a table: what programs and people can do about it.
inline constexpr auto is_not_there =
    "does not exist; create_table() or cachemodel create-table makes it";

/// Until when a call may go on, by the machine's steady clock.
struct Deadline {
    std::chrono::steady_clock::time_point end;
    std::chrono::nanoseconds whole{};  ///< what the call was given

    static Deadline from_now(std::chrono::nanoseconds whole) noexcept {
        return {std::chrono::steady_clock::now() + whole, whole};
    }
    bool is_over() const noexcept { return std::chrono::steady_clock::now() >= end; }
    /// From here on, when a quarter of the time has gone, nothing is done that is not needed.
    std::chrono::steady_clock::time_point advanced() const noexcept { return end - whole / 4 * 3; }
    bool is_advanced() const noexcept { return std::chrono::steady_clock::now() >= advanced(); }
    /// From here on nothing is begun.
    std::chrono::steady_clock::time_point nearly_over() const noexcept { return end - whole / 8; }
};

BackendError timed_out(const std::string& path, const Deadline& deadline, std::string_view why);

/// Which file a path leads to.
struct FileIdentity {
    dev_t device = 0;
    ino_t inode = 0;

    static std::optional<FileIdentity> of(const std::string& path) noexcept;
    friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
};

class Database;

/// A statement that is prepared once and executed many times.
class Statement {
 public:
    Statement() = default;
    Statement(Database& database, std::string_view sql);

    bool is_prepared() const noexcept { return statement_ != nullptr; }

 private:
    friend class Execution;
    struct Finalize {
        void operator()(sqlite3_stmt* statement) const noexcept { sqlite3_finalize(statement); }
    };
    std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

/// One execution of a statement. Ends with this object, and with it what the columns pointed to.
class Execution {
 public:
    Execution(Database& database, Statement& statement);
    ~Execution();
    Execution(const Execution&) = delete;
    Execution& operator=(const Execution&) = delete;

    /// Parameters, from the first on. What a blob points to must live as long as this.
    Execution& blob(std::string_view bytes);
    Execution& text(std::string_view text);
    Execution& integer(std::int64_t number);
    Execution& integer_or_null(std::optional<std::int64_t> number);

    /// Goes to the first or the next row; false at the end.
    bool next();
    /// Executes what has no rows. Returns how many rows were written or deleted.
    std::int64_t run();

    std::string_view blob_at(int column);
    std::string text_at(int column) { return std::string{blob_at(column)}; }
    std::int64_t integer_at(int column) noexcept;
    bool is_null_at(int column) noexcept;

 private:
    void check(int result);

    Database& database_;
    sqlite3_stmt* statement_;
    int parameters_ = 0;
};

/// A connection. Whatever fails throws a `BackendError`, and `std::bad_alloc` where memory ran out.
///
/// Thread safety: one thread at a time.
class Database {
 public:
    static constexpr const char* in_memory = ":memory:";

    /// Opens the file, with `make_file` makes it where it is not there.
    Database(const std::string& path, bool make_file, const Deadline& deadline);
    Database(const Database&) = delete;
    Database& operator=(const Database&) = delete;

    void set_deadline(const Deadline& deadline) noexcept { deadline_ = deadline; }
    const Deadline& deadline() const noexcept { return deadline_; }
    /// Throws where the time is over.
    void check_time() const;

    void execute(std::string_view sql);
    /// The first column of the first row; empty where there is none.
    std::string ask(std::string_view sql);
    /// Ends a transaction, if there is one, without a trace.
    void roll_back() noexcept;

    /// How many rows were ever written or deleted on this connection, by triggers too.
    std::int64_t total_changes() const noexcept { return sqlite3_total_changes64(handle_.get()); }
    /// The most bytes of a row.
    std::size_t longest_row() const noexcept;
    bool is_read_only() const noexcept { return sqlite3_db_readonly(handle_.get(), "main") == 1; }
    /// An error happened that a new connection may not have.
    bool is_spoilt() const noexcept { return is_spoilt_; }
    /// It has the file that the path leads to, which was not deleted or replaced meanwhile.
    bool is_current() const noexcept;
    /// Writes the log back and gives its room on the disk to others; returns whether it could.
    bool empty_log() noexcept;
    /// Closing it leaves the write-ahead log to others.
    void leave_log() noexcept;

    [[noreturn]] void fail(int result);

 private:
    friend class Statement;
    friend class Execution;

    void refuse_untrusted() const;
    void switch_to_log();

    struct Close {
        void operator()(sqlite3* handle) const noexcept { sqlite3_close_v2(handle); }
    };
    const std::string& path_;
    Deadline deadline_;
    std::unique_ptr<sqlite3, Close> handle_;
    std::optional<FileIdentity> file_;
    bool is_spoilt_ = false;
};

}  // namespace cachemodel::sqlite
