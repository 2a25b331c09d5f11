// cachemodel: the demo: the chapter in which the database tells the cache.
// SPDX-License-Identifier: MIT
#include "demo/chapters.hpp"
#include "demo/rates.hpp"

#include <cachemodel/statistics.hpp>

#include <cstdint>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

namespace demo {

namespace {

constexpr int rate_count = 50;

std::vector<std::int64_t> all_rates() {
    std::vector<std::int64_t> ids(rate_count + 1);  // one of them is made later
    std::iota(ids.begin(), ids.end(), 1);
    return ids;
}

}  // namespace

void show_push(Stage& stage) {
    stage.screen.heading("6. The database tells the cache what has changed");
    Connection database{stage.source.path(), Connection::Mode::create};
    make_rates(database, rate_count);
    const Rates rates{stage.cache, stage.source};
    ChangedRows changed{database, "rate"};
    const auto ids = all_rates();

    stage.screen.paragraph(
        with_separators(rate_count) +
        " exchange rates, made up, are read again and again. Whoever writes them collects the "
        "rows of each transaction by SQLite's update hook, reads them after its end and gives "
        "them to refresh_from_many.");
    constexpr auto right = Column::Align::right;
    Table table{{{"what was done"},
                 {"rows told", right},
                 {"stored", right},
                 {"removed", right},
                 {"hits", right},
                 {"queries", right},
                 {"wrong", right}},
                {}};
    bool sound = true;
    const auto show = [&](const char* what) {
        const auto before = stage.cache.statistics();
        const auto told = tell_cache(rates, database, changed);
        const auto then = stage.cache.statistics();
        const auto queries = stage.source.queries();
        int wrong = 0;
        for (const auto id : ids) {
            const auto row = read_rate(database, id);
            const auto rate = rates.find(id);
            const bool is_right = rate.found() == row.columns.has_value() &&
                                  (!rate.found() || rate->cents == row.columns->cents);
            wrong += is_right ? 0 : 1;
        }
        sound = sound && wrong == 0;
        table.rows.push_back({{what},
                              {with_separators(told)},
                              {with_separators(then.stores - before.stores)},
                              {with_separators(then.removals - before.removals)},
                              {with_separators(stage.cache.statistics().hits - then.hits)},
                              {with_separators(stage.source.queries() - queries)},
                              {std::to_string(wrong), wrong == 0 ? Look::good : Look::bad}});
    };
    show("nothing, first reading");
    show("nothing");
    database.execute("BEGIN");
    database.execute("UPDATE rate SET cents = cents + 1 WHERE id % 5 = 0");
    database.execute("DELETE FROM rate WHERE id = 7");
    database.execute("INSERT INTO rate (currency, cents) VALUES ('XTS', 100)");
    database.execute("COMMIT");
    show("12 rows in a transaction");
    database.execute("BEGIN");
    database.execute("UPDATE rate SET cents = 0");
    database.execute("ROLLBACK");
    show("all of them, rolled back");
    database.execute("UPDATE rate SET cents = cents + 1 WHERE id = 3");
    database.execute("BEGIN");
    database.execute("UPDATE rate SET cents = 0 WHERE id < 10");
    database.execute("ROLLBACK");
    show("1 row, then 8 rolled back");
    stage.screen.table(table);
    stage.screen.paragraph(
        "The transaction changed 10 rates, deleted one and made one. What was rolled back is told "
        "too, as it is. One rate is missing at each reading, and the source is asked for it: that "
        "it has none is not remembered unless the model says so.");
    if (!sound) throw std::runtime_error{"the cache must say what the database says"};
}

void remove_rates(Stage& stage) {
    const Rates rates{stage.cache, stage.source};
    static_cast<void>(rates.remove_many(all_rates()));
}

}  // namespace demo
