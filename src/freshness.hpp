// cachemodel: what an entry that was read is good for.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/cache.hpp>
#include <cachemodel/detail/load_terms.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "chance.hpp"
#include "entries.hpp"

namespace cachemodel::detail {

/// What was under a key when it was read, for whoever loads it: nothing that was written since then
/// may be overwritten.
struct Basis {
    /// False where the cache could not tell: nothing is written back then.
    bool is_known = false;
    bool is_there = false;     ///< something, which has this token
    bool holds_place = false;  ///< something that keeps older loads out
    std::uint64_t token = 0;
    /// Two who read different ones do not share a load. 0 where there is nothing.
    std::uint64_t epoch = 0;
    /// The same, and of leases over nothing what they pass on to each other: as long as it stays,
    /// nothing but leases has come and gone.
    std::uint64_t chain = 0;
    std::optional<WallTime> leased_until = {};  ///< by whoever loads it

    static Basis nothing() noexcept { return {.is_known = true}; }
    static Basis of(const FoundEntry& standing, std::uint64_t token) noexcept;
};

enum class Freshness : std::uint8_t {
    fresh,
    early,            ///< fresh, and to be refreshed all the same
    stale,            ///< to be served while it is refreshed
    being_refreshed,  ///< to be served; somebody else refreshes it
    fallback,         ///< to be served only if it cannot be loaded
    known_missing,    ///< the source had none
    none,
};
Freshness freshness(const Cache& cache, const FoundEntry& standing, const LoadRules& rules);
/// How likely a fresh entry is to be taken for `early`, without leaving it to chance.
double chance_of_early_refresh(const Cache& cache, const Envelope& envelope,
                               const LoadRules& rules);
/// Whether the value is given to callers without more ado.
constexpr bool is_served(Freshness freshness) noexcept {
    return freshness <= Freshness::being_refreshed;
}

/// Whether it is given at least to who gets no other.
constexpr bool may_be_served(Freshness freshness) noexcept {
    return freshness <= Freshness::fallback;
}

/// Whether an entry says that it ended so long ago that the backend may have dropped it.
bool is_past(const Cache& cache, std::optional<WallTime> fresh_until, Lifetime kept_stale);

/// How an entry lives that is stored by these rules: `load_cost` is how long its load took, if
/// that is known.
EntryLife life_by(const LoadRules& rules, Chance& chance,
                  std::optional<std::chrono::milliseconds> load_cost);

/// No result is stored of a load that took longer: what keeps it out has gone by then.
Lifetime longest_load(const LoadRules& rules) noexcept;

/// For how long a removal keeps older loads out: a little longer, as a result may be on its way
/// then, and a backend may end an entry early.
Lifetime removal_life(const LoadRules& rules) noexcept;

/// As what something has to be written over what was read, so that nothing is lost that came
/// meanwhile. None where nothing may be written.
std::optional<Store> how_to_store(const Cache& cache, const Basis& basis) noexcept;

/// Whether what came can be written over what was written since it was read: by a plain write, or
/// where that has come and gone. Who writes waits then for those of this process that are storing.
bool stores_alone(const Cache& cache) noexcept;

/// Whether other processes may be loading the same.
bool uses_leases(const Cache& cache, const LoadRules& rules) noexcept;

}  // namespace cachemodel::detail
