// cachemodel: one server: its connections, and whether it is worth asking.
// SPDX-License-Identifier: MIT
#include "net/server.hpp"

#include <algorithm>
#include <utility>

namespace cachemodel::net {

namespace {

/// A server that answers, but so slowly that this many calls in a row ran out of time, is down.
constexpr int most_stalls = 3;

}  // namespace

Lease::Lease(Lease&& other) noexcept
    : server_(std::exchange(other.server_, nullptr)),
      connection_(std::move(other.connection_)),
      epoch_(other.epoch_),
      was_idle_(other.was_idle_) {}

Lease::~Lease() { drop(Health::undecided); }

void Lease::end(Health health, bool reuse) noexcept {
    if (server_ == nullptr) return;
    std::exchange(server_, nullptr)->take_back(std::move(connection_), epoch_, health, reuse);
}

Server::Server(Endpoint endpoint, Limits limits, const Clock& clock)
    : addresses_(std::move(endpoint)), limits_(limits), clock_(clock) {}

Server::Admission Server::borrow(Lease& lease, bool fresh, TimePoint deadline) {
    Connections discarded;  // closed without the lock
    Connections connection;
    {
        const std::lock_guard lock{mutex_};
        const auto now = is_down_ ? clock_.steady() : TimePoint{};
        if (is_down_ && now < retry_at_) {
            tell_one();
            return Admission::down;
        }
        if (fresh || is_down_) discarded.swap(idle_);
        if (!has_free()) return Admission::busy;
        // One caller tries, the others go on failing.
        if (is_down_) retry_at_ = now + limits_.retry_after;
        if (!idle_.empty()) connection.splice(connection.begin(), idle_, idle_.begin());
        ++in_use_;
        lease.server_ = this;
        lease.epoch_ = epoch_;
    }
    lease.was_idle_ = !connection.empty() && connection.front().is_quiet();
    if (lease.was_idle_) {
        lease.connection_.swap(connection);
    } else {
        const auto connect_by = std::chrono::steady_clock::now() + limits_.connect_timeout;
        lease.connection_.emplace_back(addresses_, std::min(deadline, connect_by));
    }
    return Admission::granted;
}

void Server::wait(TimePoint deadline) {
    std::unique_lock lock{mutex_};
    ++waiting_;
    freed_.wait_until(lock, deadline, [&] { return has_free(); });
    --waiting_;
}

void Server::give_up_waiting() noexcept {
    const std::lock_guard lock{mutex_};
    tell_one();
}

void Server::tell_one() noexcept {
    if (waiting_ != 0 && has_free()) freed_.notify_one();
}

void Server::take_back(Connections connection, std::uint64_t epoch, Health health,
                       bool reuse) noexcept {
    if (reuse) connection.front().rest();
    Connections discarded;
    const std::lock_guard lock{mutex_};
    note(health);
    if (health == Health::forgotten && epoch == epoch_) {
        // What became of this one may have become of all that were made before.
        discarded.swap(idle_);
        ++epoch_;
    }
    --in_use_;
    if (reuse && epoch == epoch_) idle_.splice(idle_.begin(), connection);
    tell_one();
    // What is not kept is closed after the lock is gone.
}

void Server::note(Health health) noexcept {
    switch (health) {
        case Health::answered:
            is_down_ = false;
            stalls_ = 0;
            return;
        case Health::stalled:
            if (++stalls_ < most_stalls) return;
            break;
        case Health::unreachable:
            break;
        case Health::forgotten:
        case Health::undecided:
            return;
    }
    is_down_ = true;
    retry_at_ = clock_.steady() + limits_.retry_after;
}

Trouble Server::last_trouble() const {
    const std::lock_guard lock{mutex_};
    return last_trouble_;
}

void Server::remember_trouble(const Trouble& trouble) {
    const std::lock_guard lock{mutex_};
    last_trouble_ = trouble;
}

void Server::close_idle() noexcept {
    Connections discarded;
    const std::lock_guard lock{mutex_};
    discarded.swap(idle_);
    ++epoch_;
}

}  // namespace cachemodel::net
