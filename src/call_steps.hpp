// cachemodel: the steps of which answering a cached call is made.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/backend.hpp>
#include <cachemodel/detail/cached_calls.hpp>

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "call_site.hpp"
#include "entries.hpp"
#include "flights.hpp"

namespace cachemodel::detail {

/// What a read found out about one key.
struct Found {
    bool found = false;
    MissReason reason = MissReason::nothing_stored;
    std::optional<Failure> failure = {};

    /// The cache answered and has nothing of use.
    bool absent() const noexcept { return !found && !failure; }
};

/// One of the keys of a read, and where its result goes.
struct Wanted {
    const EntryKey& key;
    void* result;
    Found found = {};
};

/// A result, and what is to be stored of it.
struct Computed {
    std::shared_ptr<const void> result;
    std::optional<PreparedEntry> entry = {};
};

/// What is done for a call, with everything counted for the cache and for the function.
class CallSteps {
 public:
    explicit CallSteps(const CallDoor& door) noexcept : door_(door) {}

    /// Reads in one round trip.
    void read(std::span<const std::string_view> keys, std::span<Wanted> wanted) const;
    Found read_one(const EntryKey& key, void* result) const;
    /// The result that somebody stored after a first look into the cache; null where there is none.
    std::shared_ptr<const void> look_again(const EntryKey& key, Flights::Lead& leading) const;

    /// Errors: what the function throws.
    std::shared_ptr<const void> run(AnyCall& call) const;
    /// Computes, and gives what came of it to those who wait. Errors: as `run`, and what the user's
    /// predicate throws.
    Computed lead(const EntryKey& key, AnyCall& call, Flights::Lead& leading) const;
    /// Takes part in the flight of another one. Errors: what the function throws there, or here.
    std::shared_ptr<const void> join(const EntryKey& key, AnyCall& call,
                                     std::shared_ptr<Flight> flight) const;
    /// The flight for the key, or a new one. `anew` supersedes the one that is there.
    Flights::Boarding board(const EntryKey& key) const;
    Flights::Boarding board_anew(const EntryKey& key) const;
    /// Lets nobody join what is under way, and lets it store nothing.
    void supersede(const EntryKey& key) const;

    SteadyTime now() const;
    /// When a result of `since` is too old to be served.
    SteadyTime over(SteadyTime since) const;

    /// The entry of a result that was computed at `since`; none where it is too old or cannot be
    /// stored, which is counted.
    std::optional<PreparedEntry> prepare_later(const EntryKey& key, const void* result,
                                               SteadyTime since) const;
    // Never fail the call: what goes wrong is counted.
    void store(std::span<const Entry> entries, std::span<Outcome> outcomes) const;
    bool store_one(const EntryKey& key, const PreparedEntry& prepared) const;
    void remove_if_possible(const EntryKey& key) const noexcept;

    Outcome remove_one(const EntryKey& key) const;

 private:
    std::string flight_key(const EntryKey& key) const;
    Computed compute(const EntryKey& key, AnyCall& call) const;
    void make_storable(const EntryKey& key, Computed& computed) const;
    /// Counts for the cache and for the function.
    void count(Counter Counters::*counter) const noexcept;

    const CallDoor& door_;
};

}  // namespace cachemodel::detail
