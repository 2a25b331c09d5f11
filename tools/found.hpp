// cachemodel: the command line tool: whether a program would find what is stored.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/lookup.hpp>

#include <optional>
#include <string>
#include <string_view>

#include "entry.hpp"
#include "target.hpp"

namespace cachemodel::tool {

/// Why a program would find nothing there, although something is.
struct NotFound {
    MissReason reason;
    std::string why;  ///< in words
};

/// Nothing where it would find it.
std::optional<NotFound> not_found(const Target& target, const NamedKey& key,
                                  const StoredBytes& stored);

/// That an entry's end has passed, and who may find it all the same.
std::string_view consequence_of_end(const NamedKey& key, const StoredBytes& stored);

}  // namespace cachemodel::tool
