// cachemodel: whether a server is worth asking, from how the last calls left it.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/clock.hpp>

#include <chrono>
#include <cstdint>
#include <random>

namespace cachemodel::net {

/// How a call left a server.
enum class Health : std::uint8_t {
    answered,     ///< it is well
    unreachable,  ///< no connection, or not a byte of an answer on a new one
    forgotten,    ///< not a byte on one kept from before: perhaps the network has forgotten it
    stalled,      ///< it had begun to answer, or went on taking the question
    broken,       ///< it hung up on a new connection, or talked nonsense
    undecided,    ///< it was given too little time, or was not asked
};

/// A circuit breaker (M. Nygard, Release It!, 2007). Closed, every call may ask. Open, none may for
/// `retry_after`; then one may try, alone, and its end decides.
///
/// It opens when a call found the server out of reach, when `most_stalls` calls ran out of time, or
/// `most_in_a_row` failed in any way, without an answer in between: then the answer to a call that
/// was under way already closes it, too. It opens as well when half of the last `window` calls
/// failed.
///
/// Thread safety: whoever owns it locks.
class Breaker {
 public:
    using TimePoint = std::chrono::steady_clock::time_point;

    static constexpr int most_stalls = 3;
    static constexpr int most_in_a_row = 5;
    static constexpr int window = 20;

    /// A call to the server, from `begin` to `end`.
    using Ticket = std::uint64_t;

    Breaker(const Clock& clock, std::chrono::nanoseconds retry_after);

    /// Whether `begin` may follow.
    bool lets_in() const noexcept;
    /// A call begins that ends within `patience`. While it is open, nobody else is let in for so
    /// long, or until that call has ended.
    Ticket begin(std::chrono::nanoseconds patience) noexcept;
    void end(Ticket ticket, Health health) noexcept;

    bool is_open() const noexcept { return is_open_; }
    /// How long it has been open.
    std::chrono::nanoseconds open_for() const noexcept { return clock_.steady() - opened_at_; }
    /// Of `calls()`, at most the last `window` since it was closed, so many failed.
    int failed_calls() const noexcept;
    int calls() const noexcept { return calls_; }

 private:
    void remember(bool failed) noexcept;
    void open(bool refutable) noexcept;
    void close() noexcept;
    void begin_period() noexcept;
    /// A little less than `retry_after`, so that the processes that lost a server together do not
    /// come back to it together, again and again.
    std::chrono::nanoseconds pause() noexcept;

    const Clock& clock_;
    const std::chrono::nanoseconds retry_after_;
    std::minstd_rand random_;
    bool is_open_ = false;
    bool refutable_ = false;  ///< open because nothing was answered
    TimePoint opened_at_{};
    TimePoint retry_at_{};
    Ticket period_ = 0;         ///< counts the changes: what began before the last one is old news
    std::uint32_t recent_ = 0;  ///< a bit for each of the last calls, the newest lowest; 1: failed
    int calls_ = 0;
    int stalls_ = 0;
};

}  // namespace cachemodel::net
