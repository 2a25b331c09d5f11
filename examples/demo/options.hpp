// cachemodel: the demo: its command line.
// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <filesystem>
#include <span>
#include <stdexcept>
#include <string>

namespace demo {

struct Options {
    /// "memory", "memcached" or a cache URL.
    std::string cache = "memory";
    /// How long every query of the source takes at least.
    std::chrono::nanoseconds source_latency = std::chrono::milliseconds{1};
    std::filesystem::path iso_codes = "/usr/share/iso-codes/json";
    bool help = false;
};

/// An argument that makes no sense.
class UsageError : public std::runtime_error {
 public:
    using std::runtime_error::runtime_error;
};

/// `arguments` are those behind the program's name.
///
/// Throws `UsageError`.
Options parse_options(std::span<char* const> arguments);

extern const char* const help_text;

}  // namespace demo
