// cachemodel: the soak: changes of the source, of which the cache is told.
// SPDX-License-Identifier: MIT
#pragma once

#include "soak/hand.hpp"
#include "soak/row.hpp"
#include "soak/shared.hpp"
#include "soak/tally.hpp"

#include <deque>
#include <functional>

namespace cachemodel::soak {

/// Thread safety: one thread at a time.
class Changes {
 public:
    explicit Changes(Hand& hand) : hand_(hand) {}

    /// Tells the cache of the row as it is. Throws, or returns failed, where that has failed.
    using Tell = std::function<Answer()>;

    /// Whether so many could not be told that no more are to be made.
    bool has_enough() const;
    /// Commits a new version, and then tells the cache.
    void make(Operation operation, Row& row, int id, bool exists, Tell tell);
    /// Tells the cache of what was committed, and goes on until that succeeds.
    void tell(Operation operation, Row& row, int id, Tell tell);
    /// Tells it later.
    void put_off(Operation operation, Row& row, int id, Tell tell);
    /// Those that failed.
    void repeat();

 private:
    struct Change {
        Operation operation;
        Row* row;
        int id;
        Tell tell;
    };

    Hand& hand_;
    std::deque<Change> failed_;
    Time repeat_at_{};
};

}  // namespace cachemodel::soak
