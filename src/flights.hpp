// cachemodel: what is being computed, so that equal callers share one result.
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <typeinfo>
#include <unordered_map>
#include <utility>
#include <vector>

#include "at_fork.hpp"
#include "waits.hpp"

namespace cachemodel::detail {

using SteadyTime = std::chrono::steady_clock::time_point;

/// One computation under way, led by one thread, awaited by others.
struct Flight : std::enable_shared_from_this<Flight> {
    Flight(const Flights& home_, const std::string& key_, const std::type_info& type_,
           const Thread* leader_, std::uint64_t generation_)
        : home(home_), key(key_), type(type_), leader(leader_), generation(generation_) {}

    const Flights& home;
    const std::string key;
    const std::type_info& type;        ///< of the result
    Flight* next_of_leader = nullptr;  ///< the leader's own list
    /// What is computed right now, and does not only stand in line behind other ones of its leader.
    std::atomic<bool> is_running{false};
    std::atomic<std::uint64_t> chain{0};  ///< of leases, as its leader last read it; 0 for none
    /// By the machine's clock, whatever clock the cache goes by.
    const SteadyTime begun = std::chrono::steady_clock::now();
    /// Computes it before its turn, where that can be; the leader's own.
    std::function<void()> run_early;
    // Guarded by the mutex of all flights; what has been given stays as it is.
    const Thread* leader;  ///< null once there is a result, or the leader gave up
    /// Who goes on with the result until it has landed; null where nobody does right now.
    const Thread* finisher = nullptr;
    bool is_waiting = false;   ///< for a thread that is to lead it
    std::uint64_t generation;  ///< of the process that has the leader
    std::uint64_t epoch = 0;   ///< of what the leader read before
    int reentries = 0;         ///< computations inside of this one that go on without the cache
    bool superseded = false;
    bool is_refresh = false;  ///< nobody who has read something else supersedes it
    bool has_landed = false;  ///< what it brought is stored by now, if it is to be
    bool is_storing = false;
    SteadyTime over = SteadyTime::max();  ///< when it is too old to be joined
    std::shared_ptr<const void> result;
    std::exception_ptr error;
    std::condition_variable ended;
};

/// The computations for one cache: at most one for a key that others may join.
///
/// Thread safety: may be called concurrently.
class Flights final : AtFork {
 public:
    class Lead;

    Flights();
    ~Flights();

    /// Where the flights for a key are counted.
    using Runway = std::size_t;
    static constexpr std::size_t runways = OwnLandings::runways;
    static Runway runway(std::string_view key) noexcept {
        return std::hash<std::string_view>{}(key) % runways;
    }
    /// Changes when another thread has ended a flight from there, and hardly ever when only this
    /// one has. Who gets a lead, and looked into the cache before the last change, looks again.
    std::uint64_t landings(Runway runway) const noexcept;

    struct Boarding {
        std::shared_ptr<Flight> flight;
        bool leads;  ///< the flight is the caller's, who makes a `Lead` of it; else a `Passage`
    };
    /// Who boards, and when.
    struct Passenger {
        SteadyTime now;
        /// What was read before: nobody joins who read something else. None where nobody could
        /// tell.
        std::optional<std::uint64_t> epoch = 0;
        /// When a new flight is too old to be joined though it has no result yet.
        SteadyTime over = SteadyTime::max();
        /// Another thread is to lead a new flight.
        bool leads_later = false;
        /// Not to be joined, and not superseded either.
        const Flight* passed_by = nullptr;
    };
    /// The flight for `key`, a new one where there is none, or only one that is over or is based on
    /// something else. Who leads in this very thread waits for no flight that has no leader yet:
    /// that one may need this thread to end first.
    Boarding board(const std::string& key, const std::type_info& type, const Passenger& passenger);
    /// How a refresh of a key boards.
    struct RefreshBoarding : Boarding {
        bool is_next = false;  ///< which is another's, and has not taken off yet
        /// What the caller who leads is to wait for until it has landed, before `take_off`.
        std::shared_ptr<Flight> earlier = {};
    };
    /// One after the other: a flight that stands in line behind the refresh that is under way,
    /// where there is none yet; else one that supersedes what is there, unless that waits for the
    /// caller: then it is that. Who cannot wait supersedes a refresh, too. Until `over` nobody who
    /// has read something else does. Waits for those that are storing.
    RefreshBoarding board_refresh(const std::string& key, const std::type_info& type,
                                  SteadyTime now, SteadyTime over, bool can_wait);
    /// Lets it supersede what is there, as it has stood in line. Waits for those that are storing.
    void take_off(const std::shared_ptr<Flight>& refresh, SteadyTime over);
    /// Lets nobody join the flight for `key` any more, and lets it store nothing. Waits for those
    /// that are storing, unless they can store over nothing that is written from now on.
    void supersede(const std::string& key, bool waits = true);
    /// The same of this flight, where it is still the one to join. Waits.
    void supersede(const Flight& flight);
    /// The same for all keys that begin with `prefix`. Waits.
    void supersede_all(std::string_view prefix);
    /// Waits for those that are storing under `key`.
    void await_storing(const std::string& key);
    /// Computes now what stands in line in this thread, if that can be: something before it needs
    /// it.
    static void run_in_line(Flight& flight);
    /// Whether the calling thread has the lead of this very flight, which may have its result.
    static bool is_led_here(const Flight& flight) noexcept;
    /// Whether nobody joins the flight any more, and it is not to store.
    static bool is_superseded(const Flight& flight) noexcept;
    /// Waits until the flight is over, and not only has its result, until `deadline` at most, and
    /// not where that would wait for this thread. Whether it is over.
    static bool await_landing(Flight& flight, SteadyTime deadline);
    /// Whether nobody has boarded, as far as this thread can know.
    bool is_empty() const noexcept { return size_.load(std::memory_order_acquire) == 0; }

 private:
    /// What there is for a key.
    struct Place {
        std::shared_ptr<Flight> flight;  ///< the one to join, if any
        std::shared_ptr<Flight> beside;  ///< and that of those who have read something else
        std::shared_ptr<Flight> next;    ///< the refresh that waits for the one under way
        int storing = 0;                 ///< how many are storing, superseded ones too

        bool is_empty() const noexcept { return !flight && !beside && !next && storing == 0; }
    };
    using Places = std::unordered_map<std::string, Place>;

    std::shared_ptr<Flight> led_by_caller(const std::string& key) const noexcept;
    void supersede(Places::iterator place, std::shared_ptr<Flight> by) noexcept;
    Places::iterator place_for(const std::string& key);
    void erase_if_empty(Places::iterator place) noexcept;
    void wait_for_storing(const std::string& key, std::unique_lock<std::mutex>& lock);
    void in_child() noexcept override;

    // Guarded by the mutex of all flights.
    Places places_;
    std::atomic<std::size_t> size_{0};  ///< of `places_`
    std::condition_variable stored_;
    std::array<std::atomic<std::uint64_t>, runways> landings_{};
};

/// The lead of a flight: the duty to give it a result, and to let it end.
class Flights::Lead {
 public:
    /// Of the flight that `board` gave.
    Lead(Flights& flights, std::shared_ptr<Flight> flight, Runway runway) noexcept;
    Lead(Lead&&) noexcept = default;
    Lead& operator=(Lead&&) = delete;
    ~Lead();

    /// Leads in this thread from now on a flight that waited for one.
    void begin() noexcept;
    /// Leaves the flight to another thread, which begins later.
    void pause() noexcept;

    /// Tells what was read after boarding.
    void set_epoch(std::uint64_t epoch) noexcept;
    /// Tells the chain of the leases for the key that was read before the load.
    void set_chain(std::uint64_t chain) noexcept { flight_->chain = chain; }
    /// Says how what stands in line is computed before its turn.
    void stand_in_line(std::function<void()> run_early) {
        flight_->run_early = std::move(run_early);
    }
    /// Says of what stands in line which one it is that is computed.
    void set_running(bool running) noexcept {
        flight_->run_early = nullptr;
        flight_->is_running = running;
    }

    /// Hands the result to those who wait, and to all who come before `over` and before the flight
    /// ends.
    void give(std::shared_ptr<const void> result, SteadyTime over) noexcept;
    /// The same with an error; but who comes later is on no flight that failed.
    void fail(std::exception_ptr error) noexcept;

    bool is_superseded() const noexcept { return Flights::is_superseded(*flight_); }

    /// False where the result is not to be stored any more. Otherwise whoever waits for what is
    /// being stored waits until this flight ends, or until `end_storing`.
    bool begin_storing();
    void end_storing() noexcept;

 private:
    void leave() noexcept;
    void unlink() noexcept;

    Flights* flights_;
    std::shared_ptr<Flight> flight_;
    Runway runway_;
    bool is_linked_ = false;
};

/// Ends what `begin_storing` has begun.
class EndOfStoring {
 public:
    explicit EndOfStoring(Flights::Lead& lead) noexcept : lead_(lead) {}
    ~EndOfStoring() { lead_.end_storing(); }
    EndOfStoring(const EndOfStoring&) = delete;
    EndOfStoring& operator=(const EndOfStoring&) = delete;

 private:
    Flights::Lead& lead_;
};

/// How a thread that does not lead takes part in a flight.
class Passage {
 public:
    enum class Kind : std::uint8_t {
        given,     ///< there is a result
        failed,    ///< the leader's computation threw
        alone,     ///< it would wait for another type, or was let down
        entered,   ///< it would wait for itself
        too_deep,  ///< it would wait for itself, and does so for the second time
        late,      ///< it did not come in time
    };

    struct Terms {
        SteadyTime deadline = SteadyTime::max();
        /// Whether the caller may be what a flight has to wait for that nobody leads yet, as a
        /// thread of a pool is: it waits for none of those.
        bool is_in_line = false;
        bool leaves_place = true;  ///< in a `LoadLimit`, while it waits
    };
    /// Waits for the result, unless that would never come.
    Passage(std::shared_ptr<Flight> flight, const std::type_info& type, const Terms& terms);
    Passage(std::shared_ptr<Flight> flight, const std::type_info& type)
        : Passage(std::move(flight), type, Terms{}) {}
    ~Passage();
    Passage(const Passage&) = delete;
    Passage& operator=(const Passage&) = delete;

    Kind kind() const noexcept { return kind_; }
    /// Of one that entered: what this very thread is computing needs itself.
    bool is_recursion() const noexcept { return is_recursion_; }
    const std::shared_ptr<const void>& result() const noexcept { return flight_->result; }
    const std::exception_ptr& error() const noexcept { return flight_->error; }

 private:
    std::shared_ptr<Flight> flight_;
    Kind kind_;
    bool is_recursion_ = false;
};

}  // namespace cachemodel::detail
