// cachemodel: how long an entry lives.
// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <compare>
#include <limits>
#include <string>
#include <type_traits>

namespace cachemodel {

/// Stands for "does not expire by time": `user.save(never)`.
///
/// Thread safety: that of a plain value.
struct Never {
    explicit Never() = default;
};
inline constexpr Never never{};

class Lifetime;

/// As options of URLs have it: `never`, or a whole number of the largest unit that it is a multiple
/// of, from `ns` to `d`, such as `15min` or `1500ms`; `0s` where it is over.
std::string to_string(Lifetime lifetime);

/// How long an entry may be served: a duration, or `never`.
///
/// Converts from any `std::chrono` duration. What does not fit into nanoseconds (some 292 years) is
/// `never`; zero and negative durations mean "gone at once". A time point does not convert.
///
/// Thread safety: that of a plain value.
class Lifetime {
 public:
    constexpr Lifetime() noexcept = default;
    constexpr Lifetime(Never) noexcept {}

    template <class Rep, class Period>
    constexpr Lifetime(std::chrono::duration<Rep, Period> duration) noexcept
        : nanoseconds_(saturated(duration)) {}

    template <class NoUnit, class = std::enable_if_t<std::is_arithmetic_v<NoUnit>>>
    Lifetime(NoUnit) = delete;  // cachemodel: lifetimes have units: 60s or std::chrono::seconds{60}

    constexpr bool is_never() const noexcept { return nanoseconds_ == forever; }

    /// Zero or negative: an entry with this lifetime is not there.
    constexpr bool is_over() const noexcept { return nanoseconds_ <= 0; }
    /// Made of a duration below zero, however far: over, and not equal to zero.
    constexpr bool is_negative() const noexcept { return nanoseconds_ < 0; }

    /// The duration; meaningless for `never`.
    constexpr std::chrono::nanoseconds duration() const noexcept {
        return std::chrono::nanoseconds{nanoseconds_};
    }

    friend constexpr bool operator==(Lifetime, Lifetime) noexcept = default;
    // Written out: in a defaulted one clang-tidy 14 sees a 0 that should be nullptr.
    friend constexpr std::strong_ordering operator<=>(Lifetime a, Lifetime b) noexcept {
        return a.nanoseconds_ <=> b.nanoseconds_;
    }

    /// As `to_string` has it. Found for a Lifetime only, not for what converts to one.
    template <class Stream>
    friend Stream& operator<<(Stream& stream, Lifetime lifetime) {
        stream << to_string(lifetime);
        return stream;
    }

 private:
    using Count = std::chrono::nanoseconds::rep;
    static constexpr Count forever = std::numeric_limits<Count>::max();

    template <class Rep, class Period>
    static constexpr Count saturated(std::chrono::duration<Rep, Period> duration) noexcept {
        // Through long double: exact enough to decide the range, and free of overflow.
        const auto wide = std::chrono::duration<long double, std::nano>{duration}.count();
        if (!(wide < 9.2e18L)) return forever;  // also NaN
        if (wide <= 0) return wide < 0 ? -1 : 0;
        if constexpr (std::is_floating_point_v<Rep>) {
            return wide < 1 ? 1 : static_cast<Count>(wide);
        } else {
            const auto exact =
                std::chrono::duration_cast<std::chrono::nanoseconds>(duration).count();
            return exact < 1 ? 1 : exact;
        }
    }

    Count nanoseconds_ = forever;
};

}  // namespace cachemodel
