// cachemodel: what a JSON document says of one cache, for tools.
// SPDX-License-Identifier: MIT
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <string>

namespace cachemodel::detail {

/// The URL that says the same: what `configure_caches` opens for it. It may have a password.
///
/// Errors: `ConfigError`.
std::string url_of_description(const nlohmann::json& description);

}  // namespace cachemodel::detail
