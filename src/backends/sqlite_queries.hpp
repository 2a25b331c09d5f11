// cachemodel: the statements that are executed on the table of entries.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace cachemodel::sqlite {

/// What is asked of the database.
enum class Query : std::uint8_t {
    begin_reading,
    begin_writing,
    commit,
    find,
    inspect,
    read_number,
    write_number,
    expiry,
    overwrite,
    insert,
    erase,
    touch,
    clear,
    drop_any,
    has_any,
    bytes_in_use,
    count,
    data_version,
    drop_expired,
    drop_ending,
    drop_endless,
    list,
    list_to_end,
};
inline constexpr std::size_t number_of_queries = static_cast<std::size_t>(Query::list_to_end) + 1;

/// The statement for a table, whose name is quoted already. Parameters are bound in their order.
std::string sql_of(Query query, const std::string& table);

}  // namespace cachemodel::sqlite
