// cachemodel: the command line tool: bytes that may be an entry, taken apart.
// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "envelope.hpp"

namespace cachemodel::tool {

/// What is stored under a key, as far as it can be read. Views point into the bytes.
struct StoredBytes {
    enum class Kind : std::uint8_t { entry, integer, foreign };

    Kind kind = Kind::foreign;
    std::string_view bytes;
    std::string problem;          ///< empty for what is sound
    std::size_t problem_at = 0;   ///< the offset of what is wrong
    bool checksum_known = false;  ///< the bytes are long enough to have one, and of a known format
    bool checksum_right = false;
    std::optional<unsigned> format;
    std::optional<unsigned> flags;
    std::optional<std::string_view> key;
    std::optional<detail::WallTime> written_at;
    std::optional<detail::WallTime> fresh_until;
    std::optional<std::chrono::milliseconds> load_cost;
    std::optional<detail::EntryLease> lease;
    std::optional<std::uint64_t> epoch;
    std::optional<std::string_view> body;  ///< CBOR; empty where it stands for no value

    bool is_sound() const noexcept { return problem.empty(); }
};

StoredBytes take_apart(std::string_view bytes);

/// "entry", "integer" or "foreign".
std::string_view name_of(StoredBytes::Kind kind) noexcept;

}  // namespace cachemodel::tool
