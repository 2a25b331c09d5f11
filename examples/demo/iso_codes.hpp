// cachemodel: the demo: Debian's iso-codes, put into a database.
// SPDX-License-Identifier: MIT
#pragma once

#include "demo/database.hpp"

#include <cstddef>
#include <filesystem>

namespace demo {

/// Rows of each table.
struct RowCounts {
    std::size_t countries = 0;
    std::size_t subdivisions = 0;
    std::size_t subdivisions_with_parent = 0;
    std::size_t currencies = 0;
    std::size_t languages = 0;
};

/// Makes the tables `country`, `subdivision`, `currency` and `language` and fills them with what
/// the JSON files in `directory` say.
///
/// Throws `std::runtime_error` naming the file that is missing or odd.
RowCounts import_iso_codes(const std::filesystem::path& directory, Connection& database);

}  // namespace demo
