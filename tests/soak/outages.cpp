// cachemodel: the soak: when the server was killed, or stopped.
// SPDX-License-Identifier: MIT
#include "soak/outages.hpp"

#include <algorithm>
#include <mutex>
#include <span>

namespace cachemodel::soak {

namespace {

/// A server that runs for so long has read all that waits in its sockets.
constexpr std::chrono::seconds long_enough{2};

}  // namespace

void Outages::begin(bool is_kill) {
    const std::lock_guard lock{mutex_};
    if (size_ == most) throw std::bad_alloc{};
    outages_[size_++] = {is_kill, now(), open_end, open_end};
}

void Outages::stop_begins() { begin(false); }

void Outages::kill_begins() { begin(true); }

void Outages::is_dead() {
    const std::lock_guard lock{mutex_};
    outages_[size_ - 1].dead = now();
}

void Outages::ends() {
    const std::lock_guard lock{mutex_};
    outages_[size_ - 1].end = now();
}

int Outages::count(bool kills) const {
    const std::lock_guard lock{mutex_};
    return static_cast<int>(
        std::ranges::count(std::span{outages_}.first(size_), kills, &Outage::is_kill));
}

int Outages::kills() const { return count(true); }

int Outages::stops() const { return count(false); }

bool Outages::lost_all_between(Time from, Time until) const {
    const std::lock_guard lock{mutex_};
    return std::ranges::any_of(std::span{outages_}.first(size_), [&](const Outage& outage) {
        return outage.is_kill && outage.begin >= from && outage.dead <= until;
    });
}

bool Outages::may_have_lost(Time from, Time until) const {
    const std::lock_guard lock{mutex_};
    return std::ranges::any_of(std::span{outages_}.first(size_), [&](const Outage& outage) {
        return outage.is_kill && outage.dead >= from && outage.begin <= until;
    });
}

Time Outages::settled(Time end) const {
    if (end == open_end) return open_end;
    const std::lock_guard lock{mutex_};
    for (const auto& outage : std::span{outages_}.first(size_)) {
        if (outage.end <= end) continue;
        if (outage.begin >= end + long_enough) break;
        if (outage.is_kill && outage.begin >= end) return outage.dead;
        if (outage.end == open_end) return open_end;
        end = outage.end;
    }
    return end + long_enough;
}

}  // namespace cachemodel::soak
