// cachemodel: foreign text, as a message may show it.
// SPDX-License-Identifier: MIT
#include "shown_text.hpp"

#include <cachemodel/detail/key_text.hpp>

namespace cachemodel::detail {

std::string shown_text(std::string_view text, std::size_t most, std::string_view marks) {
    std::string shown;
    for (const char byte : text.substr(0, most)) {
        if (byte >= ' ' && byte <= '~' && marks.find(byte) == std::string_view::npos) {
            shown += byte;
        } else {
            append_hex(shown.append("\\x"), {&byte, 1});
        }
    }
    if (text.size() > most) shown += "...";
    return shown;
}

std::string shown_key(std::string_view text) {
    constexpr std::size_t longest_portable_key = 250;
    return shown_text(text, longest_portable_key, " \"\\");
}

}  // namespace cachemodel::detail
