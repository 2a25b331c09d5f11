// cachemodel: the soak: when the server was killed, or stopped.
// SPDX-License-Identifier: MIT
#pragma once

#include "soak/shared.hpp"

#include <array>
#include <cstddef>

namespace cachemodel::soak {

/// Thread safety: may be called concurrently, by any process.
class Outages {
 public:
    void stop_begins();
    void kill_begins();
    /// The process is gone, and all that it held with it.
    void is_dead();
    /// It runs again.
    void ends();

    int kills() const;
    int stops() const;

    /// What was in the server at `from` is certainly gone at `until`.
    bool lost_all_between(Time from, Time until) const;
    /// What was put there at `from` at the earliest may be gone at `until`.
    bool may_have_lost(Time from, Time until) const;
    /// A call ended at `end` and does not know what became of what it sent. From this time on
    /// nothing will: the server died, or has had time to read what it had been sent.
    Time settled(Time end) const;

 private:
    struct Outage {
        bool is_kill;
        Time begin;
        Time dead;
        Time end;
    };
    static constexpr std::size_t most = 100'000;

    void begin(bool is_kill);
    int count(bool kills) const;

    mutable SharedMutex mutex_;
    std::size_t size_ = 0;
    std::array<Outage, most> outages_;
};

}  // namespace cachemodel::soak
