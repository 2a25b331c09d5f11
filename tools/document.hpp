// cachemodel: the command line tool: named caches of a JSON document.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "session.hpp"

namespace cachemodel::tool {

/// The URL of the cache that the arguments name, which its document describes. What it says that is
/// not understood is a warning, and so is what is wrong with another cache of the document.
///
/// Errors: `Problem`, `ConfigError`.
std::string url_in_document(Session& session);

}  // namespace cachemodel::tool
