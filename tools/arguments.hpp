// cachemodel: the command line tool: its command line.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/lifetime.hpp>

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cachemodel::tool {

struct Arguments {
    std::string command;
    std::vector<std::string> words;  ///< what follows the command, without options
    std::string url;                 ///< empty where neither option nor environment has one
    std::string document;            ///< the file of named caches, `-` is standard input
    std::string name;                ///< of a cache in the document
    bool json = false;
    bool help = false;
    bool raw = false;
    bool final_keys = false;
    bool escaped = false;
    bool integer = false;
    bool prefix_only = false;
    bool yes = false;
    bool dry_run = false;
    std::optional<std::size_t> limit = {};
    std::optional<Lifetime> timeout = {};
};

/// `words` is the command line without the name of the program.
///
/// Errors: `Problem` with `Exit::usage`. It quotes nothing that may be a URL.
Arguments parse_arguments(std::span<char* const> words);

/// Whether `--json` is among them, also where they make no sense otherwise.
bool wants_json(std::span<char* const> words);

/// A number of seconds, a duration or `never`, as in URLs. Errors: `Problem` with `Exit::usage`.
Lifetime parse_lifetime(std::string_view text);

}  // namespace cachemodel::tool
