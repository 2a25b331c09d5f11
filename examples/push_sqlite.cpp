// cachemodel example: SQLite's update hook tells the cache what has changed.
// SPDX-License-Identifier: MIT
#include <cachemodel/cachemodel.hpp>

#include <sqlite3.h>

#include <cstddef>
#include <cstdint>
#include <iostream>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace cachemodel;
using namespace std::chrono_literals;

// [database]
struct RateRow {
    std::int64_t id;
    std::optional<int> cents;  // none: there is no such row
};

class Database {
 public:
    explicit Database(const char* path) {
        sqlite3* connection = nullptr;
        const int result = sqlite3_open(path, &connection);
        connection_.reset(connection);
        check(result);
    }

    sqlite3* connection() const { return connection_.get(); }
    void execute(const char* sql) {
        check(sqlite3_exec(connection(), sql, nullptr, nullptr, nullptr));
    }
    /// The row as it is now.
    RateRow read(std::int64_t id) const {
        sqlite3_stmt* prepared = nullptr;
        check(sqlite3_prepare_v2(connection(), "SELECT cents FROM rate WHERE id = ?", -1, &prepared,
                                 nullptr));
        const std::unique_ptr<sqlite3_stmt, decltype(&sqlite3_finalize)> statement{
            prepared, &sqlite3_finalize};
        check(sqlite3_bind_int64(prepared, 1, id));
        const int result = sqlite3_step(prepared);
        if (result == SQLITE_ROW) return {id, sqlite3_column_int(prepared, 0)};
        if (result != SQLITE_DONE) check(result);
        return {id, std::nullopt};
    }

 private:
    void check(int result) const {
        if (result != SQLITE_OK) throw std::runtime_error{sqlite3_errmsg(connection())};
    }

    std::unique_ptr<sqlite3, decltype(&sqlite3_close)> connection_{nullptr, &sqlite3_close};
};
// [/database]

// [model]
struct Rate {
    static constexpr ModelOptions cache_options{.expires = 10min};

    Key<std::int64_t> id;
    Field<int> cents;

    void from_miss(Database& database) { from_source(database.read(*id)); }
    void from_source(const RateRow& row) {
        id = row.id;
        if (!row.cents) throw Missing{};
        cents = *row.cents;
    }
};
// [/model]

// [hook]
/// The rows of a table that one connection has changed, or has tried to. The connection has no
/// other update hook, and outlives this.
class ChangedRows {
 public:
    ChangedRows(sqlite3* connection, std::string table)
        : connection_(connection), table_(std::move(table)) {
        // A hook may not use the connection: it only takes down which row it was.
        const auto on_change = [](void* self, int, const char*, const char* name,
                                  sqlite3_int64 row) {
            auto& changed = *static_cast<ChangedRows*>(self);
            if (changed.table_ == name) changed.rows_.insert(row);
        };
        sqlite3_update_hook(connection_, on_change, this);
    }
    ~ChangedRows() { sqlite3_update_hook(connection_, nullptr, nullptr); }
    ChangedRows(const ChangedRows&) = delete;
    ChangedRows& operator=(const ChangedRows&) = delete;

    /// Those to be told; none as long as a transaction is open.
    std::vector<std::int64_t> to_tell() const {
        const bool is_in_transaction = sqlite3_get_autocommit(connection_) == 0;
        if (is_in_transaction) return {};
        return {rows_.begin(), rows_.end()};
    }
    void told(std::int64_t row) { rows_.erase(row); }

 private:
    sqlite3* connection_;
    std::string table_;
    std::set<std::int64_t> rows_;
};
// [/hook]

// [tell]
/// After each commit, and again where the cache could not be told. Returns how many it was told.
std::size_t tell_cache(const Models<Rate, Database&>& rates, const Database& database,
                       ChangedRows& changed) {
    const auto ids = changed.to_tell();
    std::vector<RateRow> rows;
    for (const auto id : ids) rows.push_back(database.read(id));  // as they are now
    const auto outcomes = rates.refresh_from_many(rows);
    std::size_t count = 0;
    for (std::size_t i = 0; i < ids.size(); ++i) {
        if (outcomes[i].failed()) continue;
        changed.told(ids[i]);
        ++count;
    }
    return count;
}
// [/tell]

int main() {
    Database database{":memory:"};
    const Models<Rate, Database&> rates{caches()["default"], database};
    database.execute("CREATE TABLE rate (id INTEGER PRIMARY KEY, cents INTEGER NOT NULL)");

    // [use]
    ChangedRows changed{database.connection(), "rate"};
    database.execute("INSERT INTO rate VALUES (1, 100), (2, 200), (3, 300)");
    std::cout << tell_cache(rates, database, changed) << " rows told: " << rates.get(1).cents
              << ", " << rates.get(2).cents << '\n';

    database.execute("BEGIN; UPDATE rate SET cents = 101 WHERE id = 1");
    database.execute("DELETE FROM rate WHERE id = 3");
    std::cout << tell_cache(rates, database, changed) << " before the commit\n";
    database.execute("COMMIT");
    // Before that is told, another transaction is rolled back: its row is told as it is.
    database.execute("BEGIN; UPDATE rate SET cents = 0 WHERE id = 2; ROLLBACK");
    std::cout << tell_cache(rates, database, changed) << " rows told: " << rates.get(1).cents
              << ", " << rates.get(2).cents << '\n';
    std::cout << rates.find(3).absent() << '\n';
    // [/use]
}
