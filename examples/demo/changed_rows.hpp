// cachemodel: the demo: which rows of a table were changed.
// SPDX-License-Identifier: MIT
#pragma once

#include "demo/database.hpp"

#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace demo {

/// Collects the rows of a table that one connection changes. SQLite tells of nothing that others
/// change, nor of tables without rowids.
///
/// Lifetime: the connection's, which has no other hooks.
/// Thread safety: that of the connection.
class ChangedRows {
 public:
    ChangedRows(Connection& connection, std::string table);
    ~ChangedRows();
    ChangedRows(const ChangedRows&) = delete;
    ChangedRows& operator=(const ChangedRows&) = delete;

    /// The rows that were inserted, changed or deleted and not told yet; none as long as a
    /// transaction is open. Some of them may have been rolled back: they are told as they are.
    std::vector<std::int64_t> to_tell() const;
    void told(std::int64_t row) { rows_.erase(row); }

 private:
    sqlite3* connection_;
    std::string table_;
    std::set<std::int64_t> rows_;
};

}  // namespace demo
