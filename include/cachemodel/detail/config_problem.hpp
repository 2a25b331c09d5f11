// cachemodel: one thing that is wrong with the configuration of a cache.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace cachemodel::detail {

/// What is wrong, and with which part of the URL: one that was made of something else, such as a
/// JSON document, can be told of that.
struct ConfigProblem {
    enum class Part : std::uint8_t {
        scheme,
        login,     ///< user or password
        location,  ///< host, port, path or the URL as a whole
        options,
    };

    Part part = Part::location;
    std::vector<std::string> options = {};  ///< those that it is about
    std::string text;
    /// What stands in `text` behind the option's name; empty where it does not begin with that.
    std::string behind_name = {};
};

}  // namespace cachemodel::detail
