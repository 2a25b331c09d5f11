// cachemodel: the soak: what the oracle says of an answer.
// SPDX-License-Identifier: MIT
#pragma once

#include "soak/shared.hpp"

#include <chrono>
#include <optional>
#include <string>

namespace cachemodel::soak {

/// A read began and ended; what it found may have been taken at any time in between.
struct Interval {
    Time begin;
    Time end;
};

/// What is wrong with an answer; nothing where it is right.
using Verdict = std::optional<std::string>;

inline std::string before(Time time, Time reference) {
    const auto ago = std::chrono::duration_cast<std::chrono::microseconds>(reference - time);
    return std::to_string(ago.count()) + " us before the read began";
}

}  // namespace cachemodel::soak
