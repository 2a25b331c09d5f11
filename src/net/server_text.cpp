// cachemodel: what a server says, as it may be shown.
// SPDX-License-Identifier: MIT
#include "net/server_text.hpp"

#include "shown_text.hpp"

namespace cachemodel::net {

std::string presentable(std::string_view text) {
    return "the server says: " + detail::shown_text(text, 200);
}

}  // namespace cachemodel::net
