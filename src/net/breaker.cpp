// cachemodel: whether a server is worth asking, from how the last calls left it.
// SPDX-License-Identifier: MIT
#include "net/breaker.hpp"

#include <unistd.h>

#include <algorithm>
#include <bit>

namespace cachemodel::net {

namespace {

constexpr std::uint32_t window_bits = (std::uint32_t{1} << Breaker::window) - 1;

/// Another one in every process, on every machine.
std::uint32_t seed() noexcept {
    const auto now = std::chrono::steady_clock::now().time_since_epoch().count();
    return static_cast<std::uint32_t>(now) ^ static_cast<std::uint32_t>(::getpid()) << 16;
}

}  // namespace

Breaker::Breaker(const Clock& clock, std::chrono::nanoseconds retry_after)
    : clock_(clock), retry_after_(retry_after), random_(seed()) {}

bool Breaker::lets_in() const noexcept { return !is_open_ || clock_.steady() >= retry_at_; }

Breaker::Ticket Breaker::begin(std::chrono::nanoseconds patience) noexcept {
    const bool goes_alone = is_open_ && retry_after_ > std::chrono::nanoseconds{0};
    if (goes_alone) retry_at_ = clock_.steady() + std::max(pause(), patience);
    return period_;
}

void Breaker::end(Ticket ticket, Health health) noexcept {
    if (ticket != period_) {
        if (is_open_ && refutable_ && health == Health::answered) close();
        return;
    }
    if (is_open_) {
        if (health == Health::answered) return close();
        // A try that says nothing about the server leaves the next one to whoever comes.
        retry_at_ = clock_.steady();
        if (health != Health::undecided) retry_at_ += pause();
        return;
    }
    switch (health) {
        case Health::answered:
            stalls_ = 0;
            return remember(false);
        case Health::forgotten:
        case Health::undecided:
            return;
        case Health::unreachable:
            return open(true);
        case Health::stalled:
            ++stalls_;
            break;
        case Health::broken:
            break;
    }
    remember(true);
    if (stalls_ >= most_stalls || std::countr_one(recent_) >= most_in_a_row) {
        open(true);
    } else if (calls_ == window && failed_calls() * 2 >= window) {
        open(false);
    }
}

int Breaker::failed_calls() const noexcept { return std::popcount(recent_); }

void Breaker::remember(bool failed) noexcept {
    recent_ = (recent_ << 1 | (failed ? 1U : 0U)) & window_bits;
    calls_ = std::min(calls_ + 1, window);
}

void Breaker::open(bool refutable) noexcept {
    begin_period();
    is_open_ = true;
    refutable_ = refutable;
    opened_at_ = clock_.steady();
    retry_at_ = opened_at_ + pause();
}

void Breaker::close() noexcept {
    begin_period();
    is_open_ = false;
}

void Breaker::begin_period() noexcept {
    ++period_;
    recent_ = 0;
    calls_ = stalls_ = 0;
}

std::chrono::nanoseconds Breaker::pause() noexcept {
    constexpr int steps = 256;
    const auto step = static_cast<int>(random_() % steps);
    return retry_after_ - retry_after_ / (4 * steps) * step;
}

}  // namespace cachemodel::net
