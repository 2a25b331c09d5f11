// cachemodel: what a JSON document says of its caches, for tools.
// SPDX-License-Identifier: MIT
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <string_view>

namespace cachemodel::detail {

/// The document: an object of caches by their names, none of which has been looked at.
///
/// Errors: `ConfigError`, which quotes none of it but names.
nlohmann::json parse_caches(std::string_view text);

/// The URL that says the same: what `configure_caches` opens for it. It may have a password.
///
/// Errors: `ConfigError`.
std::string url_of_description(const nlohmann::json& description);

}  // namespace cachemodel::detail
