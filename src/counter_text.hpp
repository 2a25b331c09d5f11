// cachemodel: integers as the decimal text that servers count with.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/backend.hpp>

#include <cstdint>
#include <string_view>

namespace cachemodel::detail {

/// An integer as entries hold it: decimal digits, after a minus sign where it is negative.
///
/// memcached pads a counter that lost a digit with spaces, so these may follow.
struct CounterText {
    bool is_integer = false;
    bool is_negative = false;
    std::uint64_t magnitude = 0;  ///< 2^64 - 1 for anything larger
    bool fits = true;             ///< the number is no larger than that
};
CounterText parse_counter(std::string_view stored) noexcept;

/// The sum of a stored number and `delta`, in `value`.
///
/// Fails with `NotAnInteger` and `Overflow` as `Backend::increment` does.
Outcome add_to_counter(std::string_view stored, std::int64_t delta, std::int64_t& value);

Failure not_an_integer();
Failure counter_overflow();

}  // namespace cachemodel::detail
