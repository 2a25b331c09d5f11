// cachemodel: the command line tool: its commands.
// SPDX-License-Identifier: MIT
#pragma once

#include "session.hpp"

namespace cachemodel::tool {

/// Each prints, and fills the document; the session has the exit code. Errors: what `caught` knows.
void get(Session& session);
void keys(Session& session);
void dump(Session& session);
void erase(Session& session);
void touch(Session& session);
void set(Session& session);
void clear(Session& session);
void create_table(Session& session);
void stats(Session& session);
void help(Session& session);
void version(Session& session);

}  // namespace cachemodel::tool
