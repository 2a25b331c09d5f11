// cachemodel: memcached's text protocol: what is sent, and what the answers say.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/backend.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cachemodel::memcached {

inline constexpr std::size_t longest_key = 250;

/// What an item costs the server beside its key and value (without flags, with a token).
inline constexpr std::size_t item_overhead = 59;

/// No server keeps a larger one.
inline constexpr std::size_t largest_item = std::size_t{1} << 30;

/// The server's expiration time for `lifetime`: 0 is never, up to 30 days are seconds from now,
/// rounded up, and anything above is a unix time. The server keeps 32 bits: what ends later than
/// they can say is kept for ever. A lifetime that is over gives -1, which is gone at once.
std::int64_t expiration(Lifetime lifetime, std::chrono::system_clock::time_point now) noexcept;

/// Nothing that could end a key's place in a command line, and not too long.
bool is_valid_key(std::string_view key) noexcept;

/// The `InvalidKey` that says what is wrong with `key`, without quoting it.
Failure invalid_key(std::string_view key);

/// `unique` is the server's number of the entry that compare-and-set replaces.
void append_store(std::string& request, Store how, const Entry& entry, std::int64_t expiration,
                  std::uint64_t unique);
/// A set of the meta protocol, which the server answers only where it fails, and what makes it say
/// that it has come to the end of them.
///
/// Not where it runs out of memory for an item that it keeps in several chunks: of that it says
/// nothing. Items up to `slab_chunk_max` are in one.
void append_quiet_set(std::string& request, const Entry& entry, std::int64_t expiration);
inline constexpr std::string_view no_operation = "mn\r\n";
inline constexpr std::string_view no_operation_done = "MN";

/// Asks for the server's release; whether it is one whose quiet sets are known: 1.6.18 or later.
/// Nothing where the line is no answer to that.
inline constexpr std::string_view version_question = "version\r\n";
std::optional<bool> knows_quiet_sets(std::string_view line) noexcept;

/// Asks for its settings, one of which is the size of the largest chunk, in bytes.
inline constexpr std::string_view settings_question = "stats settings\r\n";
inline constexpr std::string_view largest_chunk_setting = "slab_chunk_max";

void append_delete(std::string& request, std::string_view key);
void append_touch(std::string& request, std::string_view key, std::int64_t expiration);

/// `incr`, or `decr` where `delta` is negative.
void append_count(std::string& request, std::string_view key, std::int64_t delta);

/// The first line of one found entry: `VALUE <key> <flags> <bytes> <unique>`.
struct ValueLine {
    std::string_view key;
    std::uint64_t size = 0;
    std::uint64_t unique = 0;
};

/// Reads a line without its end; nothing unless it is exactly of that form.
std::optional<ValueLine> parse_value_line(std::string_view line) noexcept;

/// One line of an answer to `stats`: `STAT <name> <value>`.
struct StatLine {
    std::string_view name;
    std::string_view value;
};

/// Reads a line without its end; nothing unless it is of that form.
std::optional<StatLine> parse_stat_line(std::string_view line) noexcept;

/// A decimal number without a sign, and nothing else.
std::optional<std::uint64_t> parse_number(std::string_view word) noexcept;

enum class Reply : std::uint8_t {
    stored,
    not_stored,
    exists,
    not_found,
    deleted,
    touched,
    ok,
    end,
    not_a_number,   ///< what is stored cannot be counted
    too_large,      ///< the value has been read and thrown away
    out_of_memory,  ///< likewise
    server_error,   ///< the server cannot, for a reason of its own
    nonsense,       ///< everything else
};

Reply parse_reply(std::string_view line) noexcept;

}  // namespace cachemodel::memcached
