// cachemodel: the demo: exchange rates, which change.
// SPDX-License-Identifier: MIT
#include "demo/rates.hpp"

#include <cachemodel/backend.hpp>
#include <cachemodel/error.hpp>

#include <utility>
#include <vector>

namespace demo {

namespace {

const std::string select = "SELECT currency, cents FROM rate WHERE id = ?";

RateRow::Columns columns_of(const Statement& row) { return {row.text(0), row.integer(1)}; }

}  // namespace

void Rate::from_source(const RateRow& row) {
    id = row.id;
    if (!row.columns) throw cachemodel::Missing{};
    currency = row.columns->currency;
    cents = row.columns->cents;
}

void Rate::from_miss(Source& source) {
    RateRow row{*id, {}};
    source.ask(select, {std::to_string(*id)},
               [&](const Statement& found) { row.columns = columns_of(found); });
    from_source(row);
}

void make_rates(Connection& database, int count) {
    database.execute(
        "CREATE TABLE rate (id INTEGER PRIMARY KEY, currency TEXT NOT NULL, cents INTEGER NOT "
        "NULL)");
    const auto sql =
        "INSERT INTO rate (currency, cents) SELECT code, 100 + 7 * length(name) "
        "FROM currency ORDER BY code LIMIT " +
        std::to_string(count);
    database.execute(sql.c_str());
}

RateRow read_rate(Connection& database, std::int64_t id) {
    RateRow row{id, {}};
    const auto text = std::to_string(id);
    auto& statement = database.prepared(select);
    statement.bind(1, text);
    if (statement.step()) row.columns = columns_of(statement);
    statement.reset();
    return row;
}

std::size_t tell_cache(const Rates& rates, Connection& database, ChangedRows& changed) {
    const auto ids = changed.to_tell();
    std::vector<RateRow> rows;
    for (const auto id : ids) rows.push_back(read_rate(database, id));  // as they are now
    const auto outcomes = rates.refresh_from_many(rows);
    std::size_t count = 0;
    for (std::size_t i = 0; i < ids.size(); ++i) {
        if (outcomes[i].failed()) continue;
        changed.told(ids[i]);
        ++count;
    }
    return count;
}

}  // namespace demo
