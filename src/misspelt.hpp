// cachemodel: which of some words another one may be meant as.
// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

namespace cachemodel::detail {

/// Whether at most two letters have to be changed, added or left out to make `meant` of `written`
/// (Levenshtein distance).
bool is_misspelt(std::string_view written, std::string_view meant);

}  // namespace cachemodel::detail
