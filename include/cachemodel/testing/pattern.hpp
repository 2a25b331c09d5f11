// cachemodel: patterns of keys.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string_view>

namespace cachemodel::testing {

/// Whether `text` as a whole fits `pattern`, in which `*` stands for any bytes, also none, and
/// everything else for itself: "*User*" is every key with "User" in it.
///
/// Thread safety: may be called concurrently.
constexpr bool matches(std::string_view pattern, std::string_view text) noexcept {
    std::size_t at = 0;
    std::size_t star = std::string_view::npos;
    std::size_t resume = 0;
    for (std::size_t i = 0; i < text.size();) {
        if (at < pattern.size() && pattern[at] == '*') {
            star = at++;
            resume = i;
        } else if (at < pattern.size() && pattern[at] == text[i]) {
            ++at;
            ++i;
        } else if (star != std::string_view::npos) {
            // The last star takes one byte more. Earlier ones never need to.
            at = star + 1;
            i = ++resume;
        } else {
            return false;
        }
    }
    while (at < pattern.size() && pattern[at] == '*') ++at;
    return at == pattern.size();
}

}  // namespace cachemodel::testing
