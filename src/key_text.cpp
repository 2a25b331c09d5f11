// cachemodel: values as readable, injective text, for keys.
// SPDX-License-Identifier: MIT
#include <cachemodel/detail/key_text.hpp>

#include <charconv>

namespace cachemodel::detail {

namespace {

constexpr char hex_digits[] = "0123456789abcdef";

template <class Integer>
void append_decimal(std::string& out, Integer value) {
    char digits[24];
    const auto written = std::to_chars(digits, digits + sizeof digits, value);
    out.append(digits, written.ptr);
}

}  // namespace

void append_escaped(std::string& out, std::string_view text) {
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte > 0x20 && byte < 0x7f && c != '"' && c != '%' && c != '~') {
            out += c;
        } else {
            out += '%';
            out += hex_digits[byte >> 4];
            out += hex_digits[byte & 0xf];
        }
    }
}

void append_number(std::string& out, std::int64_t value) { append_decimal(out, value); }
void append_number(std::string& out, std::uint64_t value) { append_decimal(out, value); }

void append_hex(std::string& out, std::string_view bytes) {
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        out += hex_digits[byte >> 4];
        out += hex_digits[byte & 0xf];
    }
}

}  // namespace cachemodel::detail
