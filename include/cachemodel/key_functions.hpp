// cachemodel: what makes the key that a backend sees, and which keys are portable.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace cachemodel {

/// Makes the final key, the one that the backend sees, of a cache's prefix, its version and a key.
///
/// A lambda without captures converts to it. It must give the same for the same arguments in every
/// process. What it throws leaves the call that needed the key. Two keys of one final key share
/// their entry.
///
/// Thread safety: is called concurrently.
using KeyFunction = std::string (*)(std::string_view prefix, std::uint32_t version,
                                    std::string_view key);

/// `prefix:version:key`, the function that a cache has unless it is given another one. In URLs
/// `key_function=plain`.
///
/// Thread safety: may be called concurrently.
std::string plain_keys(std::string_view prefix, std::uint32_t version, std::string_view key);

/// `prefix:version:key` where that is portable; otherwise, and where the key itself looks so,
/// `prefix:version:sha256-` and the SHA-256 (FIPS 180-4) of the key in 64 hexadecimal digits. In
/// URLs `key_function=digest`.
///
/// With a portable prefix every final key is portable, and two keys have two final keys.
///
/// Thread safety: may be called concurrently.
std::string digest_long_keys(std::string_view prefix, std::uint32_t version, std::string_view key);

/// Makes `function` known as `name` to URLs and to JSON documents: `?key_function=name`.
/// Registering the same function again does nothing.
///
/// Returns true, so that a namespace-scope variable can call it.
///
/// Thread safety: may be called concurrently.
/// Errors: `ConfigError` when `function` is null, or `name` is empty or stands for another one.
bool register_key_function(std::string_view name, KeyFunction function);

/// The function of that name.
///
/// Thread safety: may be called concurrently.
/// Errors: `ConfigError` naming it and those that are known.
KeyFunction find_key_function(std::string_view name);

/// Bytes of the longest key that every backend takes.
inline constexpr std::size_t longest_portable_key = 250;

/// Whether every backend takes `final_key`: 1 to 250 bytes, none of them up to 0x20, none 0x7f.
/// These are memcached's rules.
///
/// Thread safety: may be called concurrently.
bool is_portable_key(std::string_view final_key) noexcept;

/// Says of a final key that it may be used; a lambda without captures converts to it.
///
/// Thread safety: is called concurrently.
using KeyPolicy = bool (*)(std::string_view final_key);

}  // namespace cachemodel
