// cachemodel: the options of a cache, read from its URL and checked.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/cache_options.hpp>
#include <cachemodel/cache_url.hpp>
#include <cachemodel/detail/load_terms.hpp>

#include <string_view>

namespace cachemodel::detail {

/// Takes those that are not the backend's. Errors: `ConfigError`.
CacheOptions take_options(CacheUrl& url, const Clock& clock);

/// Errors: `ConfigError` naming the option.
void check_options(const CacheOptions& options);
void check_prefix(std::string_view prefix);

LoadRules load_rules_of(const CacheOptions& options);

}  // namespace cachemodel::detail
