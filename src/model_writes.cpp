// cachemodel: how models are saved, removed and touched.
// SPDX-License-Identifier: MIT
#include <cachemodel/detail/engine.hpp>

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "cache_core.hpp"
#include "entries.hpp"
#include "freshness.hpp"
#include "model_entries.hpp"
#include "revision.hpp"
#include "secondary_keys.hpp"

namespace cachemodel::detail {

namespace {

/// What is written for less than this may have ended when something arrives that is on its way to
/// the backend.
constexpr Lifetime longest_write = std::chrono::seconds{30};

/// The keys of objects, and which ones of them have one.
struct Keyed {
    std::vector<EntryKey> keys;
    std::vector<std::size_t> places;

    Keyed(const ModelTable& table, std::span<const void* const> objects,
          std::span<Outcome> outcomes) {
        keys.reserve(objects.size());
        places.reserve(objects.size());
        for (std::size_t i = 0; i < objects.size(); ++i) {
            try {
                keys.push_back(make_model_key(table, objects[i]));
                places.push_back(i);
            } catch (const std::bad_alloc&) {
                throw;
            } catch (...) {  // an incomplete key, or a to_cache_key of the user's
                outcomes[i] = Failure{std::current_exception()};
            }
        }
    }
};

/// Where a value had no room, the older one was removed, and nothing keeps out what was on its way
/// to the backend then.
void remove_once_more(const Cache& cache, const Keyed& keyed, std::span<const Outcome> outcomes) {
    std::vector<EntryKey> keys;
    for (std::size_t i = 0; i < keyed.keys.size(); ++i) {
        if (has_no_room(outcomes[keyed.places[i]])) keys.push_back(keyed.keys[i]);
    }
    if (keys.empty() || cache.core().model_flights.is_empty()) return;
    supersede_loads(cache, keys, false);
    std::vector<std::string_view> stored;
    stored.reserve(keys.size());
    for (const auto& key : keys) stored.push_back(key.stored);
    std::vector<Outcome> removed(keys.size());
    cache.quietly().remove_many(stored, removed);
}

}  // namespace

Outcome model_exists(const Door& door, const ModelTable& table, const void* object) {
    const EntryKey key = make_model_key(table, object);
    const StoredEntry stored{door.cache, key, Operation::get};
    if (stored.failure()) return *stored.failure();
    if (!stored.is_there()) return Outcome::declined_by_backend();
    const FoundEntry standing = look_at(door.cache, stored.bytes(), key.in_envelope());
    const bool is_there = is_served(freshness(door.cache, standing, rules_of(door, table)));
    return is_there ? Outcome{} : Outcome::declined_by_backend();
}

void save_models(const Door& door, const ModelTable& table, std::span<const void* const> objects,
                 std::optional<Lifetime> lifetime, std::span<Outcome> outcomes,
                 std::span<Revision> revisions) {
    const LoadRules rules = rules_of(door, table);
    const Lifetime wanted = lifetime.value_or(rules.expires);
    if (door.has_source && wanted.is_over()) return remove_models(door, table, objects, outcomes);
    const Keyed keyed{table, objects, outcomes};
    std::vector<PreparedEntry> prepared;
    std::vector<Entry> entries;
    Pointers pointers;
    std::vector<std::size_t> sent;         // of the keyed, for each entry
    std::vector<std::size_t> pointers_of;  // the places of the objects, for each pointer
    prepared.reserve(keyed.keys.size());
    entries.reserve(keyed.keys.size() * (1 + table.secondary_keys.size()));
    sent.reserve(keyed.keys.size());
    for (std::size_t i = 0; i < keyed.keys.size(); ++i) {
        const auto place = keyed.places[i];
        try {
            EntryLife life = life_by(rules, door.cache.core().chance, std::nullopt);
            if (lifetime) life.fresh = *lifetime;
            PreparedEntry entry = prepare(door.cache, table, objects[place], keyed.keys[i], life);
            pointers.add(door.cache, table, objects[place], life.in_all());
            pointers_of.resize(pointers.size(), place);
            const auto& kept = prepared.emplace_back(std::move(entry));
            entries.push_back({keyed.keys[i].stored, kept.bytes, kept.lifetime});
            sent.push_back(i);
        } catch (const std::bad_alloc&) {
            throw;
        } catch (...) {  // a converter of the user's
            outcomes[place] = Failure{std::current_exception()};
        }
    }
    entries.insert(entries.end(), pointers.entries().begin(), pointers.entries().end());
    std::vector<Outcome> stored(entries.size());
    if (!door.cache.is_bypass()) {
        supersede_loads(door.cache, keyed.keys, wanted >= longest_write);
    }
    door.cache.store_many(Store::set, entries, stored);
    Tally tally{door.cache};
    for (std::size_t i = 0; i < sent.size(); ++i) {
        const auto place = keyed.places[sent[i]];
        tally.count_stored(table, stored[i]);
        if (!revisions.empty() && stored[i].done()) {
            const bool is_there = !wanted.is_over() && !door.cache.is_bypass();
            revisions[place] =
                is_there ? revision_of(prepared[i].bytes, keyed.keys[sent[i]]) : Revision{};
        }
        outcomes[place] = std::move(stored[i]);
    }
    remove_once_more(door.cache, keyed, outcomes);
    // It is not saved as it should be if it cannot be found by all that it should.
    for (std::size_t i = 0; i < pointers_of.size(); ++i) {
        Outcome& outcome = outcomes[pointers_of[i]];
        Outcome& of_pointer = stored[sent.size() + i];
        if (outcome.done() && of_pointer.failed()) outcome = std::move(of_pointer);
    }
}

void remove_models(const Door& door, const ModelTable& table, std::span<const void* const> objects,
                   std::span<Outcome> outcomes) {
    const Keyed keyed{table, objects, outcomes};
    std::vector<EntryKey> keys = keyed.keys;
    for (const auto place : keyed.places) {
        try {
            for (auto& pointer : pointer_keys_at_hand(table, objects[place])) {
                keys.push_back(std::move(pointer));
            }
        } catch (const std::bad_alloc&) {
            throw;
        } catch (...) {
            // A converter of the user's. A pointer that stays leads to nothing.
        }
    }
    std::vector<Outcome> removed(keys.size());
    supersede_loads(door.cache, keys, door.has_source);
    if (door.has_source) {
        remove_for_good(door.cache, keys, removal_life(rules_of(door, table)), removed);
    } else {
        std::vector<std::string_view> stored;
        stored.reserve(keys.size());
        for (const auto& key : keys) stored.push_back(key.stored);
        door.cache.remove_many(stored, removed);
    }
    Tally tally{door.cache};
    for (std::size_t i = 0; i < keyed.keys.size(); ++i) {
        tally.count_removed(table, removed[i]);
        outcomes[keyed.places[i]] = std::move(removed[i]);
    }
}

Statistics model_statistics(const Cache& cache, const ModelTable& table) {
    return cache.core().statistics_of(table);
}

Outcome touch_model(const Door& door, const ModelTable& table, const void* object,
                    Lifetime lifetime) {
    const LoadRules rules = rules_of(door, table);
    return touch_entry(door.cache, make_model_key(table, object),
                       {lifetime, rules.kept_stale(), rules.early_refresh > 0}, door.has_source);
}

bool done_or_throw(const Outcome& outcome) {
    if (outcome.failed()) outcome.failure().rethrow();
    return outcome.done();
}

bool done_or_ignored(const Cache& cache, Operation operation, const Outcome& outcome) {
    const bool is_ignored =
        outcome.failed() && cache.core().ignores(cache.view(), operation, outcome.failure());
    return !is_ignored && done_or_throw(outcome);
}

void tell_ignored(const Cache& cache, Operation operation, std::span<const Outcome> outcomes) {
    cache.core().ignore_first(cache.view(), operation, outcomes);
}

Outcome as_outcome(const Nothing& nothing) {
    if (nothing.failure) return *nothing.failure;
    try {
        nothing.raise();
    } catch (...) {
        return Failure{std::current_exception()};
    }
}

void rethrow_unless_failure_of_find(const Failure& failure) {
    if (failure.fault()) return;
    try {
        failure.rethrow();
    } catch (const Missing&) {
        // It came out of a nested get, and says of which model.
    }
}

}  // namespace cachemodel::detail
