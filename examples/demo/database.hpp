// cachemodel: the demo: as much of SQLite as the demo needs.
// SPDX-License-Identifier: MIT
#pragma once

#include <sqlite3.h>

#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

namespace demo {

class DatabaseError : public std::runtime_error {
 public:
    using std::runtime_error::runtime_error;
};

/// A prepared statement. Places and columns are counted as SQLite does: places from 1, columns
/// from 0.
class Statement {
 public:
    Statement(sqlite3* connection, std::string_view sql);

    /// `text` must live until the statement is reset.
    void bind(int place, std::string_view text);
    void bind_null(int place);

    /// True where there is a row to read.
    bool step();
    void reset() noexcept;

    /// Empty for NULL.
    std::string text(int column) const;
    long long integer(int column) const;

 private:
    struct Finalize {
        void operator()(sqlite3_stmt* statement) const noexcept { sqlite3_finalize(statement); }
    };
    std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

/// A connection to a database file, for one thread at a time.
class Connection {
 public:
    enum class Mode { create, read };

    Connection(const std::string& path, Mode mode);

    void execute(const char* sql);

    /// For what SQLite offers besides.
    sqlite3* handle() const noexcept { return connection_.get(); }

    /// The statement for `sql`, prepared once and kept, ready to be bound.
    Statement& prepared(const std::string& sql);

 private:
    struct Close {
        void operator()(sqlite3* connection) const noexcept { sqlite3_close_v2(connection); }
    };
    std::unique_ptr<sqlite3, Close> connection_;
    std::map<std::string, Statement> statements_;
};

}  // namespace demo
