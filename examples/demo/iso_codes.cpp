// cachemodel: the demo: Debian's iso-codes, put into a database.
// SPDX-License-Identifier: MIT
#include "demo/iso_codes.hpp"

#include <nlohmann/json.hpp>

#include <array>
#include <fstream>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <unordered_set>

namespace demo {

namespace {

using nlohmann::json;

constexpr auto tables = R"(
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = OFF;  -- a copy for the demo: nothing is lost with it
    CREATE TABLE country (
        code TEXT PRIMARY KEY,
        alpha_3 TEXT NOT NULL,
        number TEXT NOT NULL,
        name TEXT NOT NULL,
        official_name TEXT,
        flag TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE subdivision (
        code TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        type TEXT NOT NULL,
        country TEXT NOT NULL REFERENCES country,
        parent TEXT REFERENCES subdivision
    ) WITHOUT ROWID;
    CREATE TABLE currency (
        code TEXT PRIMARY KEY,
        number TEXT NOT NULL,
        name TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE language (
        code TEXT PRIMARY KEY,
        alpha_2 TEXT,
        name TEXT NOT NULL,
        scope TEXT NOT NULL,
        type TEXT NOT NULL
    ) WITHOUT ROWID;
)";

/// The list in `iso_<standard>.json`.
json read_list(const std::filesystem::path& directory, const std::string& standard) {
    const auto path = directory / ("iso_" + standard + ".json");
    std::ifstream file{path};
    if (!file) {
        throw std::runtime_error{"cannot read " + path.string() +
                                 "; on Debian, the package iso-codes has it"};
    }
    try {
        return json::parse(file).at(standard);
    } catch (const json::exception& e) {
        throw std::runtime_error{path.string() + " is not as expected: " + e.what()};
    }
}

/// Inserts one row; an empty text is NULL.
void insert(Statement& statement, std::initializer_list<std::string_view> values) {
    int place = 0;
    for (const auto value : values) {
        ++place;
        if (value.empty()) {
            statement.bind_null(place);
        } else {
            statement.bind(place, value);
        }
    }
    statement.step();
    statement.reset();
}

std::string text(const json& object, const char* name) { return object.value(name, ""); }

std::size_t import_countries(const json& list, Connection& database) {
    auto& statement = database.prepared("INSERT INTO country VALUES (?, ?, ?, ?, ?, ?)");
    for (const auto& country : list) {
        insert(statement,
               {text(country, "alpha_2"), text(country, "alpha_3"), text(country, "numeric"),
                text(country, "name"), text(country, "official_name"), text(country, "flag")});
    }
    return list.size();
}

/// Returns how many have a parent.
std::size_t import_subdivisions(const json& list, Connection& database) {
    std::unordered_set<std::string> codes;
    for (const auto& subdivision : list) codes.insert(text(subdivision, "code"));

    std::size_t with_parent = 0;
    auto& statement = database.prepared("INSERT INTO subdivision VALUES (?, ?, ?, ?, ?)");
    for (const auto& subdivision : list) {
        const auto code = text(subdivision, "code");
        const auto country = code.substr(0, code.find('-'));
        // Most parents are named within their country ("AZ-BAB" is in "NV"), some in full
        // ("GB-WLS").
        auto parent = text(subdivision, "parent");
        if (!parent.empty()) {
            ++with_parent;
            if (!codes.contains(parent)) parent = country + '-' + parent;
            if (!codes.contains(parent)) {
                throw std::runtime_error{"the parent of subdivision " + code + ", " + parent +
                                         ", is not in the list"};
            }
        }
        insert(statement,
               {code, text(subdivision, "name"), text(subdivision, "type"), country, parent});
    }
    return with_parent;
}

std::size_t import_currencies(const json& list, Connection& database) {
    auto& statement = database.prepared("INSERT INTO currency VALUES (?, ?, ?)");
    for (const auto& currency : list) {
        insert(statement,
               {text(currency, "alpha_3"), text(currency, "numeric"), text(currency, "name")});
    }
    return list.size();
}

std::size_t import_languages(const json& list, Connection& database) {
    auto& statement = database.prepared("INSERT INTO language VALUES (?, ?, ?, ?, ?)");
    for (const auto& language : list) {
        insert(statement,
               {text(language, "alpha_3"), text(language, "alpha_2"), text(language, "name"),
                text(language, "scope"), text(language, "type")});
    }
    return list.size();
}

}  // namespace

RowCounts import_iso_codes(const std::filesystem::path& directory, Connection& database) {
    const auto countries = read_list(directory, "3166-1");
    const auto subdivisions = read_list(directory, "3166-2");
    const auto currencies = read_list(directory, "4217");
    const auto languages = read_list(directory, "639-3");

    RowCounts rows;
    database.execute(tables);
    database.execute("BEGIN");
    rows.countries = import_countries(countries, database);
    rows.subdivisions = subdivisions.size();
    rows.subdivisions_with_parent = import_subdivisions(subdivisions, database);
    rows.currencies = import_currencies(currencies, database);
    rows.languages = import_languages(languages, database);
    database.execute("COMMIT");
    return rows;
}

}  // namespace demo
