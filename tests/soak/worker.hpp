// cachemodel: the soak: a thread that does everything at once, and checks what comes back.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/cache.hpp>

#include "soak/calls.hpp"
#include "soak/changes.hpp"
#include "soak/hand.hpp"
#include "soak/loaded.hpp"
#include "soak/notes.hpp"
#include "soak/world.hpp"

#include <cstdint>

namespace cachemodel::soak {

/// Thread safety: one thread at a time.
class Worker {
 public:
    /// `thread` counts those of all processes.
    Worker(World& world, const Cache& cache, std::uint32_t seed, Share process, Share thread)
        : hand_(world, seed, process, thread),
          changes_(hand_),
          notes_(hand_, cache),
          loaded_(hand_, changes_, cache),
          calls_(hand_, changes_, cache) {}

    /// Until `World::is_ending`.
    void work();

 private:
    void do_something();

    Hand hand_;
    Changes changes_;
    Notes notes_;
    Loaded loaded_;
    Calls calls_;
};

}  // namespace cachemodel::soak
