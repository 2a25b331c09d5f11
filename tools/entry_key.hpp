// cachemodel: the command line tool: which key an entry belongs to.
// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

#include "target.hpp"

namespace cachemodel::tool {

/// Whether the key in an envelope is that of the entry under `key`: a value has the final key in
/// it, a model and a cached call their own key, of which a long one is stored under its digest.
bool belongs_to(const Target& target, const NamedKey& key, std::string_view in_envelope);

}  // namespace cachemodel::tool
