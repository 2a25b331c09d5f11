// cachemodel: the soak: what is done to a model without a loader: the cache has it, or nobody.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/models.hpp>

#include "soak/hand.hpp"
#include "soak/history.hpp"
#include "soak/models.hpp"

#include <cstddef>

namespace cachemodel::soak {

/// Thread safety: one thread at a time.
class Notes {
 public:
    Notes(Hand& hand, const Cache& cache) : hand_(hand), notes_(cache) {}

    void do_something();

 private:
    void get(int id);
    void get_many();
    void exists(int id);
    void save(int id);
    void save_many();
    void remove();
    void touch(int id);
    void update(int id);
    void save_if_unchanged(int id);

    History& history(int id) const { return hand_.world().notes[static_cast<std::size_t>(id)]; }
    const Outages& outages() const { return hand_.outages(); }
    void check(Operation operation, int id, const Lookup<Note>& note, Interval read) const;
    void check(Operation operation, int id, const Note& note, Interval read) const;
    /// Makes another one of what was read.
    static void change(Note& note, std::uint64_t number);
    /// What became of a change of `read`.
    void end_change(Operation operation, int id, std::uint64_t number, std::uint64_t read,
                    History::Done done) const;

    Hand& hand_;
    const Models<Note> notes_;
};

}  // namespace cachemodel::soak
