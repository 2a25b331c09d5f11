// cachemodel: the demo: which rows of a table were changed.
// SPDX-License-Identifier: MIT
#include "demo/changed_rows.hpp"

#include <utility>

namespace demo {

ChangedRows::ChangedRows(Connection& connection, std::string table)
    : connection_(connection.handle()), table_(std::move(table)) {
    // A hook may not use the connection: it only takes down which row it was.
    const auto on_change = [](void* self, int, const char*, const char* name, sqlite3_int64 row) {
        auto& changed = *static_cast<ChangedRows*>(self);
        if (changed.table_ == name) changed.rows_.insert(row);
    };
    sqlite3_update_hook(connection_, on_change, this);
}

ChangedRows::~ChangedRows() { sqlite3_update_hook(connection_, nullptr, nullptr); }

std::vector<std::int64_t> ChangedRows::to_tell() const {
    const bool is_in_transaction = sqlite3_get_autocommit(connection_) == 0;
    if (is_in_transaction) return {};
    return {rows_.begin(), rows_.end()};
}

}  // namespace demo
