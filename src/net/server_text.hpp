// cachemodel: what a server says, as it may be shown.
// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

namespace cachemodel::net {

/// For a message: what the server says; the beginning of `text` in printable ASCII, with `\xNN` for
/// all else.
std::string presentable(std::string_view text);

}  // namespace cachemodel::net
