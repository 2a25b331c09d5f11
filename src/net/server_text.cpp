// cachemodel: what a server says, as it may be shown.
// SPDX-License-Identifier: MIT
#include "net/server_text.hpp"

#include <cstddef>

namespace cachemodel::net {

namespace {

constexpr std::size_t longest_shown = 200;

}  // namespace

std::string presentable(std::string_view text) {
    std::string shown{"the server says: "};
    for (const char byte : text.substr(0, longest_shown)) {
        shown += byte >= 0x20 && byte < 0x7f ? byte : '?';
    }
    return shown;
}

}  // namespace cachemodel::net
