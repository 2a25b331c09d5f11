// cachemodel: the table that the entries of an SQLite database stand in.
// SPDX-License-Identifier: MIT
#include "backends/sqlite_schema.hpp"

namespace cachemodel::sqlite {

namespace {

constexpr std::string_view expected_columns =
    "key BLOB 1, value BLOB 0, expires_at INTEGER 0, written_at INTEGER 0, token INTEGER 0";

/// A table that was renamed keeps its index under the old name, and tables may have any name.
std::string free_index_name(Database& database, std::string_view table) {
    Statement finding{database, "SELECT 1 FROM sqlite_master WHERE name = ?1 COLLATE NOCASE"};
    auto name = index_of(table);
    for (int number = 2;; ++number) {
        Execution found{database, finding};
        if (!found.text(name).next()) return name;
        name = index_of(table) + '_' + std::to_string(number);
    }
}

}  // namespace

std::string quoted(std::string_view name) {
    std::string text{'"'};
    for (const char c : name) text.append(c == '"' ? 2 : 1, c);
    return text + '"';
}

std::string create_table(std::string_view table) {
    return "CREATE TABLE " + quoted(table) +
           " (\n"
           "    key BLOB NOT NULL PRIMARY KEY,\n"
           "    value BLOB NOT NULL,\n"
           "    expires_at INTEGER,  -- milliseconds since 1970-01-01 UTC, NULL is never\n"
           "    written_at INTEGER NOT NULL,\n"
           "    token INTEGER NOT NULL\n"
           ");";
}

std::string create_index(std::string_view table, std::string_view name) {
    return "CREATE INDEX " + quoted(name) + " ON " + quoted(table) + " (expires_at, written_at);";
}

std::string index_of(std::string_view table) { return std::string{table} + "_cachemodel_culling"; }

bool has_table(Database& database, const std::string& path, std::string_view table) {
    Statement finding{database,
                      "SELECT (SELECT group_concat(name || ' ' || type || ' ' || pk, ', ')"
                      " FROM pragma_table_info(schema.name))"
                      " FROM sqlite_master AS schema"
                      " WHERE name = ?1 COLLATE NOCASE AND type IN ('table', 'view', 'index')"};
    Execution found{database, finding};
    if (!found.text(table).next()) return false;
    if (found.blob_at(0) == expected_columns) return true;
    throw BackendError{BackendFault::protocol,
                       "sqlite: " + path + ": " + quoted(table) +
                           " is no cache table: it has other columns, or is an index;"
                           " give another name as table"};
}

bool require_table(Database& database, const std::string& path, std::string_view table) {
    if (has_table(database, path, table)) return false;
    database.execute("BEGIN IMMEDIATE");
    try {
        const bool is_there = has_table(database, path, table);  // made by another meanwhile
        if (!is_there) {
            database.execute(create_table(table));
            database.execute(create_index(table, free_index_name(database, table)));
        }
        database.execute("COMMIT");
        return !is_there;
    } catch (...) {
        database.roll_back();
        throw;
    }
}

}  // namespace cachemodel::sqlite
