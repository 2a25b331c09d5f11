// cachemodel: the soak: a thread that does everything at once, and checks what comes back.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/cache.hpp>

#include "soak/models.hpp"
#include "soak/oracle.hpp"
#include "soak/tally.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <optional>
#include <random>
#include <string_view>
#include <vector>

namespace cachemodel::soak {

/// What all processes share.
struct World {
    Source source;
    std::array<History, keys_of_each> notes;
    Outages outages;
    Tally tally;
    std::atomic<bool> is_ending{false};
};

/// Thread safety: one thread at a time.
class Worker {
 public:
    Worker(World& world, const Cache& cache, std::uint32_t seed)
        : world_(world),
          notes_(cache),
          accounts_(cache, world.source),
          orders_(cache, world.source),
          quotes_(cache, quote_options),
          random_(seed) {}

    /// Until `World::is_ending`.
    void work();

 private:
    /// What was committed, and is to be removed from the cache.
    struct Change {
        Operation operation;
        int id;
        std::uint64_t number;
    };

    void notes();
    void accounts();
    void orders();
    void quotes();

    void save_note(int id);
    void save_notes();
    void remove_notes();
    void touch_note(int id);

    /// Makes the call and counts it; when it was made. What it throws is wrong, unless the source
    /// did.
    template <class Call>
    Interval timed(Operation operation, const Call& call);
    /// Counts the answer about one thing. `what` is told where it is wrong.
    void count(Operation operation, int id, Answer right, const Verdict& verdict);
    /// The source may fail. That the cache does must not show where there is a loader.
    void count_failure(Operation operation, int id, const Failure& failure);

    void check(Operation operation, int id, const Lookup<Note>& note, Interval read);
    void check(Operation operation, int id, const Lookup<Account>& account, Interval read);
    void check(Operation operation, int id, const Lookup<Order>& order, Interval read);
    void check(Operation operation, int id, const Lookup<Quote>& quote, Interval read);
    /// Each of `ids` with its answer.
    template <class T>
    void check_all(Operation operation, const std::vector<int>& ids,
                   const std::vector<Lookup<T>>& answers, Interval read);

    Row& row_of(Operation operation, int id);
    /// Changes the source, and then removes from the cache what it has of it.
    void change(Operation operation, int id, bool may_delete);
    void remove(const Change& change);
    /// A removal that failed is made again until it succeeds.
    void repeat_removals();

    std::uint32_t dice(std::uint32_t sides) {
        return static_cast<std::uint32_t>(random_() % sides);
    }
    /// Some are asked for much more often than others.
    int some_id();
    std::vector<int> some_ids();

    World& world_;
    const Models<Note> notes_;
    const Models<Account, Source&> accounts_;
    const Models<Order, Source&> orders_;
    const Quotes quotes_;
    std::mt19937 random_;
    std::deque<Change> failed_removals_;
    Time repeat_at_{};
};

}  // namespace cachemodel::soak
