// cachemodel: the command line tool: points in time and durations for people.
// SPDX-License-Identifier: MIT
#pragma once

#include "shown_times.hpp"

namespace cachemodel::tool {

using detail::shown_lifetime;
using detail::shown_time;

}  // namespace cachemodel::tool
