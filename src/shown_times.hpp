// cachemodel: points in time and durations for people.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/lifetime.hpp>

#include <string>

#include "envelope.hpp"

namespace cachemodel::detail {

/// ISO 8601 in UTC; what has no year of four digits as a number of milliseconds.
std::string shown_time(WallTime time);

/// The two largest units, such as "4min 59s", or "never".
std::string shown_lifetime(Lifetime lifetime);

}  // namespace cachemodel::detail
