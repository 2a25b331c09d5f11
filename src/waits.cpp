// cachemodel: which threads wait for which.
// SPDX-License-Identifier: MIT
#include "waits.hpp"

#include <new>
#include <utility>

#include "at_fork.hpp"
#include "flights.hpp"
#include "loans.hpp"

namespace cachemodel::detail {

Thread& this_thread() noexcept {
    static thread_local Thread thread;
    return thread;
}

namespace {

std::uint64_t generation = 0;

/// Held by `fork`, so that a child finds it free, and what it guards whole.
class FlightsMutex final : public std::mutex, AtFork {
 public:
    FlightsMutex() noexcept { join_forks(); }

 private:
    void before_fork() noexcept override { lock(); }
    void after_fork() noexcept override { unlock(); }
    void in_child() noexcept override {
        generation += 1;
        for (Flight* led = this_thread().leads; led != nullptr; led = led->next_of_leader) {
            led->generation = generation;
            // Threads that this process does not have may be counted as waiting.
            new (&led->ended) std::condition_variable;
        }
        unlock();
    }
};

}  // namespace

std::mutex& flights_mutex() {
    // Never destroyed: other objects of static duration may use it until the very end.
    static std::mutex& mutex = *new FlightsMutex;
    return mutex;
}

namespace {

// Made before `main`: in a child that is forked while another thread makes it, it is never made.
[[maybe_unused]] const auto& early_mutex = flights_mutex();

std::uint64_t searches = 0;

/// Whether there is a result, with which somebody goes on or will.
bool is_landing(const Flight& flight) noexcept {
    return flight.leader == nullptr && !flight.is_waiting && !flight.has_landed &&
           flight.generation == generation;
}

/// Whether `is_it` is true of `thread`, or of somebody whom it waits for in the end. There may be a
/// circle among those, until somebody in it has looked.
template <class IsIt>
bool leads_to(const Thread* thread, const IsIt& is_it) {
    while (!is_it(thread)) {
        if (thread == nullptr || std::exchange(thread->found_by, searches) == searches)
            return false;
        if (thread->closes != nullptr) {
            return thread->closes->any_borrower(
                [&](const Thread& borrower) { return leads_to(&borrower, is_it); });
        }
        const Flight* const flight = thread->waits_for;
        if (flight == nullptr) return false;
        if (is_led(*flight)) {
            thread = flight->leader;
        } else if (thread->waits_for_landing && is_landing(*flight)) {
            thread = flight->finisher;
        } else {
            return false;
        }
    }
    return true;
}

}  // namespace

std::uint64_t process_generation() noexcept { return generation; }

bool is_led(const Flight& flight) noexcept {
    return (flight.leader != nullptr || flight.is_waiting) && flight.generation == generation;
}

bool depends_on(const Flight& flight, const Thread* thread) {
    if (!is_led(flight)) return false;
    searches += 1;
    return leads_to(flight.leader, [=](const Thread* at) { return at == thread; });
}

bool lands_by(const Flight& flight, const Thread* thread) {
    if (is_led(flight)) return depends_on(flight, thread);
    if (!is_landing(flight)) return false;
    searches += 1;
    return leads_to(flight.finisher, [=](const Thread* at) { return at == thread; });
}

void wake_those_before(const Thread& thread) {
    searches += 1;
    (void)leads_to(&thread, [](const Thread* at) {
        if (at != nullptr && at->waits_for != nullptr) at->waits_for->ended.notify_all();
        return false;
    });
}

}  // namespace cachemodel::detail
