// cachemodel: single values in tests, to CBOR and back.
// SPDX-License-Identifier: MIT
#pragma once

#include "support/bytes.hpp"

#include <cachemodel/detail/codec.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace cachemodel::support {

template <class T>
std::string encoded(const T& value) {
    std::string bytes;
    detail::CborWriter writer{bytes};
    detail::encode(writer, value);
    return bytes;
}

/// The value, if all of `bytes` is one.
template <class T>
std::optional<T> decoded(std::string_view bytes) {
    detail::CborReader reader{bytes};
    T value{};
    if (!detail::decode(reader, value) || !reader.at_end()) return std::nullopt;
    return value;
}

/// What a T is read as from these digits, if it is.
template <class T>
std::optional<T> from(std::string_view digits) {
    return decoded<T>(from_hex(digits));
}

}  // namespace cachemodel::support
