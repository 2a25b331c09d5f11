// cachemodel: the demo: as much of SQLite as the demo needs.
// SPDX-License-Identifier: MIT
#include "demo/database.hpp"

namespace demo {

namespace {

void check(int result, sqlite3* connection) {
    if (result != SQLITE_OK)
        throw DatabaseError{std::string{"SQLite: "} + sqlite3_errmsg(connection)};
}

}  // namespace

Statement::Statement(sqlite3* connection, std::string_view sql) {
    sqlite3_stmt* statement = nullptr;
    const int result = sqlite3_prepare_v3(connection, sql.data(), static_cast<int>(sql.size()),
                                          SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
    statement_.reset(statement);
    check(result, connection);
}

void Statement::bind(int place, std::string_view text) {
    check(sqlite3_bind_text(statement_.get(), place, text.data(), static_cast<int>(text.size()),
                            SQLITE_STATIC),
          sqlite3_db_handle(statement_.get()));
}

void Statement::bind_null(int place) {
    check(sqlite3_bind_null(statement_.get(), place), sqlite3_db_handle(statement_.get()));
}

bool Statement::step() {
    const int result = sqlite3_step(statement_.get());
    if (result == SQLITE_ROW) return true;
    if (result != SQLITE_DONE) check(result, sqlite3_db_handle(statement_.get()));
    return false;
}

void Statement::reset() noexcept {
    sqlite3_reset(statement_.get());
    sqlite3_clear_bindings(statement_.get());
}

std::string Statement::text(int column) const {
    const auto* bytes = sqlite3_column_text(statement_.get(), column);
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column));
    return size == 0 ? std::string{} : std::string{reinterpret_cast<const char*>(bytes), size};
}

long long Statement::integer(int column) const {
    return sqlite3_column_int64(statement_.get(), column);
}

Connection::Connection(const std::string& path, Mode mode) {
    sqlite3* connection = nullptr;
    // Only one thread at a time uses a connection, so SQLite need not lock it.
    const int flags =
        SQLITE_OPEN_NOMUTEX |
        (mode == Mode::create ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY);
    const int result = sqlite3_open_v2(path.c_str(), &connection, flags, nullptr);
    connection_.reset(connection);
    if (result != SQLITE_OK) {
        throw DatabaseError{"SQLite: cannot open " + path + ": " + sqlite3_errstr(result)};
    }
    sqlite3_busy_timeout(connection, 1'000);
}

void Connection::execute(const char* sql) {
    check(sqlite3_exec(connection_.get(), sql, nullptr, nullptr, nullptr), connection_.get());
}

Statement& Connection::prepared(const std::string& sql) {
    auto found = statements_.find(sql);
    if (found == statements_.end()) {
        found = statements_.emplace(sql, Statement{connection_.get(), sql}).first;
    }
    found->second.reset();
    return found->second;
}

}  // namespace demo
