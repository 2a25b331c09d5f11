// cachemodel: what is left to chance.
// SPDX-License-Identifier: MIT
#include "chance.hpp"

#include <unistd.h>

#include <random>

namespace cachemodel::detail {

namespace {

std::uint64_t new_seed() noexcept {
    try {
        std::random_device device;
        return (std::uint64_t{device()} << 32) | device();
    } catch (...) {  // no source of entropy
        const auto now = std::chrono::steady_clock::now().time_since_epoch().count();
        return static_cast<std::uint64_t>(now) ^ (static_cast<std::uint64_t>(::getpid()) << 40);
    }
}

}  // namespace

Chance::Chance(std::optional<std::uint64_t> seed) noexcept
    : is_seeded_(seed.has_value()), numbers_(new_seed()), shares_(seed ? *seed : new_seed()) {
    join_forks();
}

/// What it has is what its parent and its siblings have, too.
void Chance::in_child() noexcept {
    numbers_ = new_seed();
    if (!is_seeded_) shares_ = new_seed();
}

// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
std::uint64_t Chance::next(State& state) noexcept {
    constexpr std::uint64_t golden = 0x9e3779b97f4a7c15;
    std::uint64_t z = state.fetch_add(golden, std::memory_order_relaxed) + golden;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

std::uint64_t Chance::number() noexcept { return next(numbers_); }

double Chance::share() noexcept {
    constexpr double unit = 1.0 / 9007199254740992.0;  // 2^-53
    return (static_cast<double>(next(shares_) >> 11) + 1) * unit;
}

std::chrono::nanoseconds Chance::about(std::chrono::nanoseconds duration) noexcept {
    const auto half = static_cast<double>(duration.count()) / 2;
    return std::chrono::nanoseconds{static_cast<std::int64_t>(half + half * share())};
}

}  // namespace cachemodel::detail
