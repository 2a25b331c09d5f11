// cachemodel: the command line tool: values as JSON.
// SPDX-License-Identifier: MIT
#pragma once

#include <nlohmann/json.hpp>

#include <optional>
#include <string>
#include <string_view>

#include "entry.hpp"

namespace cachemodel::tool {

/// One item of CBOR, well-formed and nested no deeper than entries are. Bytes become
/// `{"hex": "00ff"}`, numbers that JSON does not have become text. Nothing for simple values that
/// JSON has no word for.
std::optional<nlohmann::json> json_from_cbor(std::string_view item);

/// The value of what is sound: an integer, or an entry's body.
std::optional<nlohmann::json> value_of(const StoredBytes& stored);

nlohmann::json bytes_as_json(std::string_view bytes);
std::string hex(std::string_view bytes);

/// In lines, or all in one.
std::string text_of(const nlohmann::json& document);
std::string line_of(const nlohmann::json& document);

}  // namespace cachemodel::tool
