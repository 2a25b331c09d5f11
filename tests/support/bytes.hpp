// cachemodel: bytes in tests, written and shown as hexadecimal digits.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>

namespace cachemodel::support {

/// The bytes that pairs of digits stand for; spaces and newlines in between are for the reader.
inline std::string from_hex(std::string_view digits) {
    constexpr std::string_view all = "0123456789abcdef";
    std::string bytes;
    std::size_t upper = 0;
    bool is_second = false;
    for (const char digit : digits) {
        if (digit == ' ' || digit == '\n') continue;
        const auto value = all.find(digit);
        if (value == std::string_view::npos) throw std::invalid_argument{"no hexadecimal digit"};
        if (is_second) bytes += static_cast<char>(upper << 4 | value);
        upper = value;
        is_second = !is_second;
    }
    if (is_second) throw std::invalid_argument{"half a byte"};
    return bytes;
}

/// `bytes` as digits, without spaces.
inline std::string to_hex(std::string_view bytes) {
    constexpr std::string_view all = "0123456789abcdef";
    std::string digits;
    for (const char c : bytes) {
        digits += all[static_cast<unsigned char>(c) >> 4];
        digits += all[static_cast<unsigned char>(c) & 15];
    }
    return digits;
}

/// `piece`, so many times.
inline std::string repeated(std::string_view piece, std::size_t times) {
    std::string all;
    all.reserve(piece.size() * times);
    for (; times > 0; --times) all += piece;
    return all;
}

}  // namespace cachemodel::support
