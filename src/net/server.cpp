// cachemodel: one server: its connections, and whether it is worth asking.
// SPDX-License-Identifier: MIT
#include "net/server.hpp"

#include <algorithm>
#include <utility>

namespace cachemodel::net {

Lease::Lease(Lease&& other) noexcept
    : server_(std::exchange(other.server_, nullptr)),
      connection_(std::move(other.connection_)),
      epoch_(other.epoch_),
      ticket_(other.ticket_),
      was_idle_(other.was_idle_) {}

Lease::~Lease() { drop(Health::undecided); }

void Lease::end(Health health, bool reuse) noexcept {
    if (server_ == nullptr) return;
    std::exchange(server_, nullptr)->take_back(std::move(connection_), *this, health, reuse);
}

Server::Server(Endpoint endpoint, Limits limits, const Clock& clock)
    : addresses_(std::move(endpoint)),
      limits_(limits),
      breaker_(clock, limits.retry_after),
      combined_reads_(limits.connections) {}

Server::Admission Server::borrow(Lease& lease, bool fresh, TimePoint deadline) {
    Connections discarded;  // closed without the lock
    Connections connection;
    {
        const std::lock_guard lock{mutex_};
        if (!breaker_.lets_in()) {
            tell_one();
            return Admission::down;
        }
        if (fresh || breaker_.is_open()) discarded.swap(idle_);
        if (!has_free()) return Admission::busy;
        lease.ticket_ = breaker_.begin(deadline - std::chrono::steady_clock::now());
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

void Server::take_back(Connections connection, const Lease& lease, Health health,
                       bool reuse) noexcept {
    if (reuse) connection.front().rest();
    Connections discarded;
    const std::lock_guard lock{mutex_};
    breaker_.end(lease.ticket_, health);
    if (health == Health::forgotten && lease.epoch_ == epoch_) {
        // What became of this one may have become of all that were made before.
        discarded.swap(idle_);
        ++epoch_;
    }
    --in_use_;
    if (reuse && lease.epoch_ == epoch_) idle_.splice(idle_.begin(), connection);
    tell_one();
    // What is not kept is closed after the lock is gone.
}

Server::Record Server::record() const {
    const std::lock_guard lock{mutex_};
    return {breaker_.calls(), breaker_.failed_calls(), breaker_.is_open(),
            breaker_.is_open() ? breaker_.open_for() : std::chrono::nanoseconds{0}, last_trouble_};
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
