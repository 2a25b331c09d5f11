// cachemodel: foreign text, as a message may show it.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace cachemodel::detail {

/// The first `most` bytes of `text`, and three dots for the rest. What is not printable ASCII, or
/// is among `marks`, becomes `\xNN`.
std::string shown_text(std::string_view text, std::size_t most, std::string_view marks = {});

/// A key for a message, in which it may stand between quotes.
std::string shown_key(std::string_view text);

}  // namespace cachemodel::detail
