// cachemodel: one server: its connections, and whether it is worth asking.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/clock.hpp>

#include "net/breaker.hpp"
#include "net/combined_reads.hpp"
#include "net/connection.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <list>
#include <mutex>

namespace cachemodel::net {

class Server;

/// The right to use one connection of a server; gives it back when it goes.
class Lease {
 public:
    Lease() noexcept = default;
    Lease(Lease&& other) noexcept;
    Lease& operator=(Lease&&) = delete;
    ~Lease();

    bool is_held() const noexcept { return server_ != nullptr; }
    Connection& connection() noexcept { return connection_.front(); }
    bool was_idle() const noexcept { return was_idle_; }

    /// The connection is in step and may serve the next call.
    void give_back(Health health) noexcept { end(health, true); }
    /// Closes the connection.
    void drop(Health health) noexcept { end(health, false); }

 private:
    friend class Server;

    void end(Health health, bool reuse) noexcept;

    Server* server_ = nullptr;
    std::list<Connection> connection_;  ///< one, or none
    std::uint64_t epoch_ = 0;
    Breaker::Ticket ticket_ = 0;
    bool was_idle_ = false;
};

/// Thread safety: may be called concurrently.
class Server {
 public:
    struct Limits {
        std::size_t connections;
        std::chrono::nanoseconds connect_timeout;
        std::chrono::nanoseconds retry_after;
    };

    Server(Endpoint endpoint, Limits limits, const Clock& clock);

    const Endpoint& endpoint() const noexcept { return addresses_.endpoint(); }
    const Limits& limits() const noexcept { return limits_; }

    enum class Admission : std::uint8_t {
        granted,
        busy,  ///< every connection is in use
        down,  ///< it failed, and is left alone
    };

    /// Does not wait. `fresh` asks for a new connection: the idle ones are thrown away. So they are
    /// when the server is tried again that was down.
    Admission borrow(Lease& lease, bool fresh, TimePoint deadline);

    /// Waits until `borrow` is worth another try, at most until `deadline`.
    void wait(TimePoint deadline);
    /// Who waited will not borrow any more. Perhaps the news of a free connection went to this
    /// caller, too late: the next one is told, so that nobody sleeps beside it.
    void give_up_waiting() noexcept;

    /// What this process has seen of the server lately.
    struct Record {
        int calls;         ///< the last so many, of those that tell something
        int failed_calls;  ///< so many of them
        bool is_down;
        std::chrono::nanoseconds down_for;
        Trouble last_trouble;  ///< what it failed with at last, if it did
    };
    Record record() const;
    /// To be said before the lease of the call that failed ends.
    void remember_trouble(const Trouble& trouble);

    void close_idle() noexcept;

    CombinedReads& combined_reads() noexcept { return combined_reads_; }

    /// How often in a row it was asked what it is, and gave no answer.
    std::atomic<int> vain_questions{0};

 private:
    friend class Lease;

    using Connections = std::list<Connection>;  ///< handing a node on cannot fail

    void take_back(Connections connection, const Lease& lease, Health health, bool reuse) noexcept;

    bool has_free() const noexcept { return !idle_.empty() || in_use_ < limits_.connections; }
    /// Tells one that waits of what is free.
    void tell_one() noexcept;

    Addresses addresses_;
    const Limits limits_;

    mutable std::mutex mutex_;
    std::condition_variable freed_;
    Connections idle_;  ///< the one used last stands first and is used next
    std::size_t in_use_ = 0;
    std::size_t waiting_ = 0;
    std::uint64_t epoch_ = 0;
    Breaker breaker_;
    Trouble last_trouble_{};

    CombinedReads combined_reads_;
};

}  // namespace cachemodel::net
