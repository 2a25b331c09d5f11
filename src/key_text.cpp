// cachemodel: values as readable, injective text, for keys.
// SPDX-License-Identifier: MIT
#include <cachemodel/detail/key_text.hpp>

#include <cachemodel/error.hpp>

#include "sha256.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <utility>

namespace cachemodel::detail {

namespace {

constexpr char hex_digits[] = "0123456789abcdef";
constexpr std::size_t longest_key = 180;
constexpr std::size_t digest_digits = 32;         // 128 bits
constexpr std::size_t secret_digest_digits = 64;  // all of SHA-256
// In keys this byte stands before a digest and nowhere else: it is escaped in names and values.
constexpr char digest_mark = '~';

constexpr auto escaped_bytes = [] {
    std::array<bool, 256> escaped{};
    for (std::size_t byte = 0; byte < escaped.size(); ++byte) {
        escaped[byte] =
            byte <= 0x20 || byte >= 0x7f || byte == '"' || byte == '%' || byte == digest_mark;
    }
    return escaped;
}();

bool is_escaped(char c) noexcept { return escaped_bytes[static_cast<unsigned char>(c)]; }

template <class Number>
void append_decimal(std::string& out, Number value) {
    char digits[32];
    const auto written = std::to_chars(digits, digits + sizeof digits, value);
    out.append(digits, written.ptr);
}

template <class Floating>
void append_floating(std::string& out, Floating value) {
    if (std::isnan(value)) throw InvalidKey("NaN equals nothing, not even itself");
    append_decimal(out, value == 0 ? Floating{0} : value);
}

/// `text` cut to `size` bytes, or up to two less: not through an escape.
std::string_view head_of(std::string_view text, std::size_t size) {
    auto head = text.substr(0, size);
    const auto escape = head.rfind('%');
    if (escape != std::string_view::npos && escape + 3 > head.size()) head = head.substr(0, escape);
    return head;
}

std::string shortened(std::string_view text, std::string_view head, std::size_t digits) {
    std::string key{head_of(head, longest_key - digits - 1)};
    key += digest_mark;
    key += hex_digest(text, digits);
    return key;
}

}  // namespace

std::string hex_digest(std::string_view text, std::size_t digits) {
    const auto digest = sha256(text);
    std::string hex;
    append_hex(hex, as_text(digest.data(), digits / 2));
    return hex;
}

EntryKey make_entry_key(std::string text, std::size_t head, bool secret) {
    if (secret) {
        return {shortened(text, std::string_view{text}.substr(0, head), secret_digest_digits), {}};
    }
    if (text.size() <= longest_key) return {std::move(text), {}};
    std::string stored = shortened(text, text, digest_digits);
    return {std::move(stored), std::move(text)};
}

void append_escaped(std::string& out, std::string_view text) {
    while (!text.empty()) {
        const auto plain = std::find_if(text.begin(), text.end(), is_escaped) - text.begin();
        out.append(text, 0, static_cast<std::size_t>(plain));
        text.remove_prefix(static_cast<std::size_t>(plain));
        if (text.empty()) return;
        const auto byte = static_cast<unsigned char>(text.front());
        out += '%';
        out += hex_digits[byte >> 4];
        out += hex_digits[byte & 0xf];
        text.remove_prefix(1);
    }
}

void append_number(std::string& out, std::int64_t value) { append_decimal(out, value); }
void append_number(std::string& out, std::uint64_t value) { append_decimal(out, value); }
void append_number(std::string& out, float value) { append_floating(out, value); }
void append_number(std::string& out, double value) { append_floating(out, value); }

void append_hex(std::string& out, std::string_view bytes) {
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        out += hex_digits[byte >> 4];
        out += hex_digits[byte & 0xf];
    }
}

}  // namespace cachemodel::detail
