// cachemodel: the command line tool: values as JSON.
// SPDX-License-Identifier: MIT
#include "json_text.hpp"

#include <charconv>
#include <cmath>
#include <cstdint>

#include "counter_text.hpp"

namespace cachemodel::tool {

namespace {

using nlohmann::json;

std::string_view as_text(const std::vector<std::uint8_t>& bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Replaces what JSON does not have. No deeper than an entry nests.
void make_writable(json& value) {
    if (value.is_binary()) {
        const json replaced = bytes_as_json(as_text(value.get_binary()));
        value = replaced;
    } else if (value.is_number_float()) {
        const auto number = value.get<double>();
        if (std::isnan(number)) value = "NaN";
        if (std::isinf(number)) value = number < 0 ? "-Infinity" : "Infinity";
    } else if (value.is_structured()) {
        for (auto& inner : value) make_writable(inner);
    }
}

std::string written(const json& document, int indent) {
    return document.dump(indent, ' ', false, json::error_handler_t::replace);
}

}  // namespace

std::optional<json> json_from_cbor(std::string_view item) {
    json value =
        json::from_cbor(item.begin(), item.end(), true, false, json::cbor_tag_handler_t::ignore);
    if (value.is_discarded()) return std::nullopt;
    make_writable(value);
    return value;
}

std::optional<json> value_of(const StoredBytes& stored) {
    if (stored.kind == StoredBytes::Kind::entry) return json_from_cbor(*stored.body);
    const auto counter = detail::parse_counter(stored.bytes);
    if (!counter.is_negative) return counter.magnitude;
    return static_cast<std::int64_t>(0 - counter.magnitude);
}

json bytes_as_json(std::string_view bytes) { return {{"hex", hex(bytes)}}; }

std::string hex(std::string_view bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    text.reserve(2 * bytes.size());
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        text += digits[byte >> 4];
        text += digits[byte & 0xf];
    }
    return text;
}

std::string text_of(const json& document) { return written(document, 2); }
std::string line_of(const json& document) { return written(document, -1); }

}  // namespace cachemodel::tool
