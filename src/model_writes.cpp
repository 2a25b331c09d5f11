// cachemodel: how models are saved, removed and touched.
// SPDX-License-Identifier: MIT
#include <cachemodel/detail/engine.hpp>

#include <utility>
#include <vector>

#include "cache_core.hpp"
#include "entries.hpp"
#include "model_entries.hpp"
#include "revision.hpp"

namespace cachemodel::detail {

bool model_exists(const Door& door, const ModelTable& table, const void* object) {
    const StoredEntry stored{door.cache, make_model_key(table, object), Operation::get};
    if (stored.failure()) stored.failure()->rethrow();
    return stored.entry().has_value();
}

void save_models(const Door& door, const ModelTable& table, std::span<const void* const> objects,
                 std::optional<Lifetime> lifetime, std::span<Outcome> outcomes,
                 std::span<Revision> revisions) {
    std::vector<EntryKey> keys;
    std::vector<PreparedEntry> prepared;
    std::vector<Entry> entries;
    std::vector<std::size_t> places;
    keys.reserve(objects.size());
    prepared.reserve(objects.size());
    entries.reserve(objects.size());
    places.reserve(objects.size());
    for (std::size_t i = 0; i < objects.size(); ++i) {
        try {
            const auto& key = keys.emplace_back(make_model_key(table, objects[i]));
            const auto& entry = prepared.emplace_back(prepare(
                door.cache, table, objects[i], key, lifetime.value_or(table.options.expires)));
            entries.push_back({key.stored, entry.bytes, entry.lifetime});
            places.push_back(i);
        } catch (const std::bad_alloc&) {
            throw;
        } catch (...) {  // an incomplete key, or a converter of the user's
            outcomes[i] = Failure{std::current_exception()};
        }
    }
    std::vector<Outcome> stored(entries.size());
    door.cache.store_many(Store::set, entries, stored);
    Tally tally{door.cache};
    for (std::size_t i = 0; i < places.size(); ++i) {
        tally.count_stored(table, stored[i]);
        if (!revisions.empty() && stored[i].done()) {
            const bool is_there = !entries[i].lifetime.is_over() && !door.cache.is_bypass();
            revisions[places[i]] = is_there ? revision_of(prepared[i].bytes, keys[i]) : Revision{};
        }
        outcomes[places[i]] = std::move(stored[i]);
    }
}

void remove_models(const Door& door, const ModelTable& table, std::span<const void* const> objects,
                   std::span<Outcome> outcomes) {
    std::vector<EntryKey> keys;
    std::vector<std::string_view> stored;
    std::vector<std::size_t> places;
    keys.reserve(objects.size());
    for (std::size_t i = 0; i < objects.size(); ++i) {
        try {
            keys.push_back(make_model_key(table, objects[i]));
        } catch (const std::bad_alloc&) {
            throw;
        } catch (...) {  // an incomplete key, or a to_cache_key of the user's
            outcomes[i] = Failure{std::current_exception()};
            continue;
        }
        stored.push_back(keys.back().stored);
        places.push_back(i);
    }
    std::vector<Outcome> removed(stored.size());
    door.cache.remove_many(stored, removed);
    Tally tally{door.cache};
    for (std::size_t i = 0; i < places.size(); ++i) {
        tally.count_removed(table, removed[i]);
        outcomes[places[i]] = std::move(removed[i]);
    }
}

Statistics model_statistics(const Cache& cache, const ModelTable& table) {
    return cache.core().models.read(table);
}

Outcome touch_model(const Door& door, const ModelTable& table, const void* object,
                    Lifetime lifetime) {
    return touch_entry(door.cache, make_model_key(table, object), lifetime);
}

bool done_or_throw(const Outcome& outcome) {
    if (outcome.failed()) outcome.failure().rethrow();
    return outcome.done();
}

Outcome as_outcome(const Nothing& nothing) {
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
