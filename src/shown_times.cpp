// cachemodel: points in time and durations for people.
// SPDX-License-Identifier: MIT
#include "shown_times.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <ctime>

namespace cachemodel::detail {

std::string shown_time(WallTime time) {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
    const auto count = static_cast<std::time_t>(seconds.time_since_epoch().count());
    constexpr std::time_t year_10000 = 253402300800;
    std::tm parts{};
    std::array<char, 40> text{};
    if (count < 0 || count >= year_10000 || ::gmtime_r(&count, &parts) == nullptr) {
        return std::to_string(time.time_since_epoch().count()) + " ms since 1970";
    }
    const auto size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
    const auto milliseconds = static_cast<int>((time - seconds).count());
    std::snprintf(text.data() + size, text.size() - size, ".%03dZ", milliseconds);
    return text.data();
}

std::string shown_lifetime(Lifetime lifetime) {
    if (lifetime.is_never()) return "never";
    struct Unit {
        std::int64_t nanoseconds;
        const char* name;
    };
    constexpr std::array units{Unit{86'400'000'000'000, "d"},
                               Unit{3'600'000'000'000, "h"},
                               Unit{60'000'000'000, "min"},
                               Unit{1'000'000'000, "s"},
                               Unit{1'000'000, "ms"},
                               Unit{1'000, "us"},
                               Unit{1, "ns"}};
    auto left = lifetime.duration().count();
    const auto* const first = std::find_if(
        units.begin(), units.end(), [&](const Unit& unit) { return left >= unit.nanoseconds; });
    std::string text;
    for (const auto* unit = first; unit != units.end() && unit < first + 2; ++unit) {
        const auto count = left / unit->nanoseconds;
        left %= unit->nanoseconds;
        if (count > 0)
            text.append(text.empty() ? "" : " ").append(std::to_string(count)) += unit->name;
    }
    return text.empty() ? "0s" : text;
}

}  // namespace cachemodel::detail
