// cachemodel: the table that the entries of an SQLite database stand in.
// SPDX-License-Identifier: MIT
#pragma once

#include "backends/sqlite_database.hpp"

#include <string>
#include <string_view>

namespace cachemodel::sqlite {

/// A name as it stands in SQL: in double quotes, those in it doubled. It has no zero byte.
std::string quoted(std::string_view name);

/// The statements that make the table and its index, each with a semicolon.
std::string create_table(std::string_view table);
std::string create_index(std::string_view table, std::string_view name);
/// The index' name, where nothing else has it.
std::string index_of(std::string_view table);

/// Whether the table is there. Throws where something else has its name.
bool has_table(Database& database, const std::string& path, std::string_view table);

/// Makes the table if it is not there; returns whether it did.
bool require_table(Database& database, const std::string& path, std::string_view table);

}  // namespace cachemodel::sqlite
