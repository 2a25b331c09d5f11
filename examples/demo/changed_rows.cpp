// cachemodel: the demo: which rows of a table were changed.
// SPDX-License-Identifier: MIT
#include "demo/changed_rows.hpp"

#include <utility>

namespace demo {

// [hooks]
ChangedRows::ChangedRows(Connection& connection, std::string table)
    : connection_(connection.handle()), table_(std::move(table)) {
    // A hook may not use the connection: it only takes down which row it was.
    const auto on_change = [](void* self, int, const char*, const char* name, sqlite3_int64 row) {
        auto& changed = *static_cast<ChangedRows*>(self);
        if (changed.table_ == name) changed.rows_.insert(row);
    };
    const auto on_rollback = [](void* self) { static_cast<ChangedRows*>(self)->rows_.clear(); };
    sqlite3_update_hook(connection_, on_change, this);
    sqlite3_rollback_hook(connection_, on_rollback, this);
}

std::vector<std::int64_t> ChangedRows::take_committed() {
    const bool is_in_transaction = sqlite3_get_autocommit(connection_) == 0;
    if (is_in_transaction) return {};
    const auto rows = std::exchange(rows_, {});
    return {rows.begin(), rows.end()};
}
// [/hooks]

ChangedRows::~ChangedRows() {
    sqlite3_update_hook(connection_, nullptr, nullptr);
    sqlite3_rollback_hook(connection_, nullptr, nullptr);
}

}  // namespace demo
