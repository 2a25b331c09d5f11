// cachemodel example: the owner of the source tells the cache what has changed.
// SPDX-License-Identifier: MIT
#include <cachemodel/cachemodel.hpp>

#include <iostream>
#include <map>
#include <optional>
#include <string>
#include <vector>

using namespace cachemodel;
using namespace std::chrono_literals;

// [source]
struct Row {  // as it comes from the database
    int number = 0;
    std::optional<std::string> title;  // none: the row was deleted
};

struct Database {
    std::map<int, std::string> titles{{1, "Emma"}, {2, "Persuasion"}};
    int queries = 0;
};
// [/source]

// [model]
struct Book {
    static constexpr ModelOptions cache_options{.expires = 1h};

    Key<int> id;
    Field<std::string> title;

    // Asks the source, where the cache has none.
    void from_miss(Database& database) {
        ++database.queries;
        const auto found = database.titles.find(*id);
        if (found == database.titles.end()) throw Missing{};
        title = found->second;
    }

    // Is told by the source: sets the keys first, and then the rest.
    void from_source(const Row& row) {
        id = row.number;
        if (!row.title) throw Missing{};  // gone: the entry is removed
        title = *row.title;
    }
};
// [/model]

int main() {
    Database database;
    const Models<Book, Database&> books{caches()["default"], database};
    std::cout << books.get(1).title << ", " << database.queries << " query\n";

    // [one]
    database.titles[1] = "Emma, second edition";  // and commit
    books.refresh_from(Row{1, "Emma, second edition"});
    std::cout << books.get(1).title << ", still " << database.queries << '\n';
    // [/one]

    // [many]
    database.titles = {{1, "Emma, third edition"}, {3, "Sanditon"}};
    const std::vector<Row> changes{{1, "Emma, third edition"}, {2, std::nullopt}, {3, "Sanditon"}};
    std::vector<Row> again;
    const auto outcomes = books.refresh_from_many(changes);
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
        if (outcomes[i].failed()) again.push_back(changes[i]);  // its entry is out of date
    }
    std::cout << again.size() << " to be told again\n";
    std::cout << books.get(1).title << ", " << books.get(3).title << ", still " << database.queries
              << '\n';
    std::cout << books.find(2).absent() << '\n';
    // [/many]
}
