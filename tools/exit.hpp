// cachemodel: the command line tool: how it ends.
// SPDX-License-Identifier: MIT
#pragma once

#include <stdexcept>
#include <string>

namespace cachemodel::tool {

/// The exit codes, which help and the man page explain.
enum class Exit : int {
    done = 0,
    absent = 1,
    usage = 2,
    failed = 3,
    configuration = 4,
    refused = 5,
};

/// Ends the command with a message and an exit code.
class Problem : public std::runtime_error {
 public:
    Problem(Exit exit, const std::string& message) : std::runtime_error(message), exit_(exit) {}

    Exit exit() const noexcept { return exit_; }

 private:
    Exit exit_;
};

}  // namespace cachemodel::tool
