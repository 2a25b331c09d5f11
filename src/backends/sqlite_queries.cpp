// cachemodel: the statements that are executed on the table of entries.
// SPDX-License-Identifier: MIT
#include "backends/sqlite_queries.hpp"

namespace cachemodel::sqlite {

std::string sql_of(Query query, const std::string& table) {
    switch (query) {
        case Query::begin_reading:
            return "BEGIN";
        case Query::begin_writing:
            return "BEGIN IMMEDIATE";
        case Query::commit:
            return "COMMIT";
        case Query::find:
            return "SELECT value, token FROM " + table +
                   " WHERE key = ?1 AND (expires_at IS NULL OR expires_at > ?2)";
        case Query::inspect:
            return "SELECT token, expires_at <= ?2 FROM " + table + " WHERE key = ?1";
        case Query::read_number:
            return "SELECT value FROM " + table +
                   " WHERE key = ?1 AND (expires_at IS NULL OR expires_at > ?2)";
        case Query::write_number:
            return "UPDATE " + table +
                   " SET value = ?2, written_at = ?3, token = ?4 WHERE key = ?1";
        case Query::expiry:
            return "SELECT expires_at FROM " + table +
                   " WHERE key = ?1 AND (expires_at IS NULL OR expires_at > ?2)";
        case Query::overwrite:
            return "UPDATE " + table +
                   " SET value = ?2, expires_at = ?3, written_at = ?4, token = ?5 WHERE key = ?1";
        case Query::insert:
            return "INSERT INTO " + table +
                   " (key, value, expires_at, written_at, token) VALUES (?1, ?2, ?3, ?4, ?5)";
        case Query::erase:
            return "DELETE FROM " + table + " WHERE key = ?1";
        case Query::touch:
            return "UPDATE " + table +
                   " SET expires_at = ?3"
                   " WHERE key = ?1 AND (expires_at IS NULL OR expires_at > ?2)";
        case Query::clear:
            return "DELETE FROM " + table;
        case Query::drop_any:
            return "DELETE FROM " + table + " WHERE rowid IN (SELECT rowid FROM " + table +
                   " LIMIT ?1)";
        case Query::has_any:
            return "SELECT EXISTS (SELECT 1 FROM " + table + ")";
        case Query::bytes_in_use:
            return "SELECT (page_count - freelist_count) * page_size"
                   " FROM pragma_page_count, pragma_freelist_count, pragma_page_size";
        case Query::count:
            return "SELECT count(*) FROM " + table;
        case Query::data_version:
            return "PRAGMA data_version";
        case Query::drop_expired:
            return "DELETE FROM " + table + " WHERE rowid IN (SELECT rowid FROM " + table +
                   " WHERE expires_at <= ?2 ORDER BY expires_at LIMIT ?1)";
        case Query::drop_ending:
            return "DELETE FROM " + table + " WHERE rowid IN (SELECT rowid FROM " + table +
                   " WHERE expires_at IS NOT NULL ORDER BY expires_at, written_at LIMIT ?1)";
        case Query::drop_endless:
            return "DELETE FROM " + table + " WHERE rowid IN (SELECT rowid FROM " + table +
                   " WHERE expires_at IS NULL ORDER BY written_at LIMIT ?1)";
        case Query::list:
            return "SELECT key FROM " + table +
                   " WHERE key >= ?1 AND (expires_at IS NULL OR expires_at > ?2) AND key < ?4"
                   " ORDER BY key LIMIT ?3";
        case Query::list_to_end:
            return "SELECT key FROM " + table +
                   " WHERE key >= ?1 AND (expires_at IS NULL OR expires_at > ?2)"
                   " ORDER BY key LIMIT ?3";
    }
    return {};
}

}  // namespace cachemodel::sqlite
