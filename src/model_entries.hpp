// cachemodel: entries of models, and what is counted of them.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/backend.hpp>
#include <cachemodel/cache.hpp>
#include <cachemodel/detail/engine.hpp>
#include <cachemodel/detail/model_table.hpp>

#include <algorithm>
#include <optional>
#include <span>
#include <utility>

#include "cache_core.hpp"
#include "counters.hpp"
#include "entries.hpp"

namespace cachemodel::detail {

/// Null where nothing stands behind the model.
inline const Loader* find_loader(const Door& door, const ModelTable& table) {
    const auto found = std::ranges::find(door.loaders, &table, &Loader::table);
    return found == door.loaders.end() ? nullptr : &*found;
}

inline PreparedEntry prepare(const Cache& cache, const ModelTable& table, const void* object,
                             const EntryKey& key, const EntryLife& life) {
    return prepare_entry(cache, key, life, [&](CborWriter& writer) {
        encode_members(writer, object, table.members);
    });
}

/// Of the models that this door is for.
inline LoadRules rules_of(const Door& door, const ModelTable& table) {
    const ModelOptions& options = table.options;
    if (!door.has_source) return {.expires = options.expires};
    return load_rules(options.expires, load_terms(options), door.cache.view().load_rules);
}

/// Loads of this process that began earlier are joined by nobody any more, and store nothing.
inline void supersede_loads(const Cache& cache, std::span<const EntryKey> keys,
                            bool leaves_something = true) {
    Flights& flights = cache.core().model_flights;
    if (flights.is_empty()) return;
    const bool waits = !leaves_something || !cache.capabilities().compare_and_set;
    for (const auto& key : keys) flights.supersede(cache.final_key(key.in_envelope()), waits);
}

/// Counts for a cache and for each of its models.
class Tally {
 public:
    explicit Tally(const Cache& cache) : core_(cache.core()) {}

    Counters& cache() const noexcept { return core_.counters; }
    Counters& of(const ModelTable& table) {
        if (table_ != &table) {
            counters_ = &core_.models.of(table);
            table_ = &table;
        }
        return *counters_;
    }
    void count(const ModelTable& table, Counter Counters::*counter, std::uint64_t times = 1) {
        core_.count(counter, of(table), times);
    }
    void count_miss(const ModelTable& table, MissReason reason) {
        cache().count_miss(reason);
        of(table).count_miss(reason);
    }
    /// Those of a writing call; the cache has counted them for itself.
    void count_stored(const ModelTable& table, const Outcome& outcome) {
        if (outcome.done()) of(table).stores += 1;
        if (outcome.failed()) of(table).store_failures += 1;
    }
    void count_removed(const ModelTable& table, const Outcome& outcome) {
        if (outcome.done()) of(table).removals += 1;
        if (outcome.failed()) of(table).removal_failures += 1;
    }

 private:
    CacheCore& core_;
    const ModelTable* table_ = nullptr;
    Counters* counters_ = nullptr;
};

/// What a call that reads models keeps from its caller, told once when it is over.
class IgnoredRead {
 public:
    /// Of what is kept, the first is told.
    void keep(const Cache& cache, const Failure& failure) {
        if (!first_) first_.emplace(cache, failure);
    }
    void tell() const {
        if (!first_) return;
        const auto& [cache, failure] = *first_;
        (void)cache.core().ignores(cache.view(), Operation::get, failure);
    }

 private:
    std::optional<std::pair<Cache, Failure>> first_;
};

/// As `fetch_models`, but leaves to the caller what is to be told.
void fetch_models(const Door& door, const ModelTable& table, std::span<void* const> objects,
                  std::span<Answer> answers, std::span<Origin> origins, IgnoredRead& ignored);

}  // namespace cachemodel::detail
