// cachemodel: integers as the decimal text that servers count with.
// SPDX-License-Identifier: MIT
#include "counter_text.hpp"

#include <charconv>
#include <exception>
#include <limits>
#include <system_error>

namespace cachemodel::detail {

CounterText parse_counter(std::string_view stored) noexcept {
    CounterText counter;
    if (stored.starts_with('-')) {
        counter.is_negative = true;
        stored.remove_prefix(1);
    }
    while (stored.ends_with(' ')) stored.remove_suffix(1);
    const char* const end = stored.data() + stored.size();
    const auto [stopped_at, error] = std::from_chars(stored.data(), end, counter.magnitude);
    counter.is_integer = error != std::errc::invalid_argument && stopped_at == end;
    counter.fits = error == std::errc{};
    if (!counter.fits) counter.magnitude = std::numeric_limits<std::uint64_t>::max();
    return counter;
}

Outcome add_to_counter(std::string_view stored, std::int64_t delta, std::int64_t& value) {
    constexpr std::uint64_t most = std::numeric_limits<std::int64_t>::max();
    const CounterText counter = parse_counter(stored);
    if (!counter.is_integer) return not_an_integer();
    if (!counter.fits || counter.magnitude > most + (counter.is_negative ? 1 : 0)) {
        return counter_overflow();
    }
    // Subtracting from zero in unsigned arithmetic reaches the smallest number too.
    const auto current =
        static_cast<std::int64_t>(counter.is_negative ? 0 - counter.magnitude : counter.magnitude);
    if (__builtin_add_overflow(current, delta, &value)) return counter_overflow();
    return {};
}

Failure not_an_integer() {
    return Failure{std::make_exception_ptr(NotAnInteger("the entry is not an integer"))};
}

Failure counter_overflow() {
    return Failure{
        std::make_exception_ptr(Overflow("the counter would leave the range of 64 bits"))};
}

}  // namespace cachemodel::detail
