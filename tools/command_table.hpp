// cachemodel: the command line tool: the commands and what each of them takes.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace cachemodel::tool {

struct CommandShape {
    std::string_view name;
    std::string_view options;  ///< its own, each between spaces
    std::size_t least_words;
    std::size_t most_words;
    std::string_view usage;
};

/// Errors: `Problem` with `Exit::usage`, which says what may have been meant.
const CommandShape& command_named(const std::string& name);

}  // namespace cachemodel::tool
