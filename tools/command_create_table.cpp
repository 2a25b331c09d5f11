// cachemodel: the command line tool: making the table of a cache, as a step of deployment.
// SPDX-License-Identifier: MIT
#ifdef CACHEMODEL_TOOL_HAS_SQLITE
#include <cachemodel/backends/sqlite.hpp>
#include <cachemodel/cache_url.hpp>
#endif

#include <string>

#include "commands.hpp"
#include "target.hpp"

namespace cachemodel::tool {

void create_table(Session& session) {
    const Target target{session};
#ifdef CACHEMODEL_TOOL_HAS_SQLITE
    if (auto* const backend = dynamic_cast<SqliteBackend*>(&target.cache().backend())) {
        auto url = CacheUrl::parse(target.url());
        const SqliteOptions options = sqlite_options(url);
        session.document["table"] = visible(options.table, Shown::message);
        if (session.arguments.dry_run) {
            const std::string sql = SqliteBackend::create_table_sql(options);
            session.document["sql"] = visible(sql, Shown::text);
            return session.show(sql, Shown::text);
        }
        const bool is_new = backend->create_table();
        session.document["created"] = is_new;
        session.show_line((is_new ? "created the table " : "the table ") + options.table +
                          (is_new ? " in " : " is already in ") + target.shown_url());
        return;
    }
#endif
    throw Problem{Exit::refused, "unsupported: this backend has no table; one of sqlite:// has"};
}

}  // namespace cachemodel::tool
