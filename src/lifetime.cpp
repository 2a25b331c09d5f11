// cachemodel: how long an entry lives, as text.
// SPDX-License-Identifier: MIT
#include <cachemodel/lifetime.hpp>

#include <cstdint>

namespace cachemodel {

std::string to_string(Lifetime lifetime) {
    if (lifetime.is_never()) return "never";
    if (lifetime.is_over()) return "0s";
    struct Unit {
        const char* name;
        std::int64_t nanoseconds;
    };
    constexpr Unit units[] = {{"d", 86'400'000'000'000}, {"h", 3'600'000'000'000},
                              {"min", 60'000'000'000},   {"s", 1'000'000'000},
                              {"ms", 1'000'000},         {"us", 1'000}};
    const std::int64_t count = lifetime.duration().count();
    for (const auto& unit : units) {
        if (count % unit.nanoseconds == 0) {
            return std::to_string(count / unit.nanoseconds) + unit.name;
        }
    }
    return std::to_string(count) + "ns";
}

}  // namespace cachemodel
