// cachemodel: what is sent to a Redis server, and what its errors mean.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/backend.hpp>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace cachemodel::redis {

/// Appends a command whose words may be any bytes: each is sent with its length.
void append_command(std::string& request, std::initializer_list<std::string_view> words);

/// The two parts of a command whose number of words is not known beforehand.
void append_count(std::string& request, std::size_t words);
void append_word(std::string& request, std::string_view word);

/// `SET key value`, with a lifetime in milliseconds and `NX` where they are needed.
void append_set(std::string& request, const Entry& entry, bool only_where_absent);

/// Whole milliseconds, rounded up. Not for `never`.
std::int64_t milliseconds(Lifetime lifetime) noexcept;

/// A pattern of SCAN that fits exactly the keys that begin with `prefix`.
std::string pattern_of(std::string_view prefix);

/// Counts without ever making an entry: KEYS[1] by ARGV[1].
///
/// Nothing where there is no entry, {1, the sum}, or {0, what is stored instead of a number that
/// can be counted}. Numbers leave it as text: a number of Lua has 53 bits.
inline constexpr std::string_view count_script =
    "if redis.call('EXISTS',KEYS[1])==0 then return false end "
    "local r=redis.pcall('INCRBY',KEYS[1],ARGV[1]) "
    "if type(r)~='table' or not r.err then return {1,redis.call('GET',KEYS[1])} end "
    "if string.find(r.err,'not an integer',1,true) or string.find(r.err,'overflow',1,true) then "
    "return {0,redis.call('GETRANGE',KEYS[1],0,31)} end "
    "return r";
/// Its SHA-1, by which servers know it.
inline constexpr std::string_view count_script_digest = "372be1ff17415dcb46d617cefc0cafc34646cf08";

/// The first word of a server's error, such as `WRONGTYPE`.
std::string_view code_of(std::string_view error) noexcept;

BackendFault fault_of(std::string_view error) noexcept;

/// The server cannot read on, and hangs up after this error.
bool is_protocol_error(std::string_view error) noexcept;

/// A word was longer than the server's `proto-max-bulk-len`.
bool is_too_long_error(std::string_view error) noexcept;

/// A server's error as it may be shown: some quote the arguments of a command, which are cut off.
std::string presentable(std::string_view error);

/// What INFO says of a server and of one of its databases.
std::vector<Fact> facts_of(std::string_view info, std::uint32_t database);

/// Stands for `value` under `key`; never zero.
std::uint64_t token_of(std::string_view key, std::string_view value) noexcept;

}  // namespace cachemodel::redis
