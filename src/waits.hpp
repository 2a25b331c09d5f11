// cachemodel: which threads wait for which.
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>

namespace cachemodel::detail {

class Flights;
class Loans;
struct Flight;

/// How many flights a thread has ended, by where they are counted.
///
/// Each place is of those flights that used it last: where others used it meanwhile, some are
/// forgotten, but none is ever counted that was not ended.
class OwnLandings {
 public:
    std::uint64_t of(const Flights& flights, std::size_t runway) const noexcept {
        const Place& place = places_[runway];
        return place.flights == &flights ? place.count : 0;
    }
    void add(const Flights& flights, std::size_t runway) noexcept {
        Place& place = places_[runway];
        if (place.flights != &flights) place = {&flights};
        place.count += 1;
    }

    static constexpr std::size_t runways = 64;

 private:
    struct Place {
        const Flights* flights = nullptr;
        std::uint64_t count = 0;
    };

    std::array<Place, runways> places_{};
};

/// A thread that takes part in flights, or borrows.
struct Thread {
    // Guarded by the mutex of all flights. It waits in one place at a time.
    Flight* waits_for = nullptr;
    bool waits_for_landing = false;      ///< of that, and not only for its result
    const Loans* closes = nullptr;       ///< and waits for those who have borrowed
    mutable std::uint64_t found_by = 0;  ///< the last search that came by
    // Its own.
    Flight* leads = nullptr;  ///< the first of a list
    OwnLandings landings;
};

Thread& this_thread() noexcept;

/// Guards who leads, who has borrowed, and who waits for whom, for all caches: a circle of waiting
/// threads may go through several. Held for a look at a few pointers only.
std::mutex& flights_mutex();

// For who holds that mutex.

/// How many forks this process is away from the first one.
std::uint64_t process_generation() noexcept;
/// Whether somebody is on the way to a result. The leader may be a thread that only the process
/// had that this one was forked from.
bool is_led(const Flight& flight) noexcept;
/// Whether the end of `flight` depends on `thread`; null stands for whoever is to lead what nobody
/// leads yet.
bool depends_on(const Flight& flight, const Thread* thread);
/// The same of its landing.
bool lands_by(const Flight& flight, const Thread* thread);
/// All whom `thread` waits for now look again whether they wait for themselves.
void wake_those_before(const Thread& thread);

}  // namespace cachemodel::detail
