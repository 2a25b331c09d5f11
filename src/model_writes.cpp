// cachemodel: how models are saved, removed and touched.
// SPDX-License-Identifier: MIT
#include <cachemodel/detail/engine.hpp>

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "cache_core.hpp"
#include "entries.hpp"
#include "model_entries.hpp"
#include "revision.hpp"
#include "secondary_keys.hpp"

namespace cachemodel::detail {

bool model_exists(const Door& door, const ModelTable& table, const void* object) {
    const StoredEntry stored{door.cache, make_model_key(table, object), Operation::get};
    if (stored.failure()) stored.failure()->rethrow();
    return stored.entry().has_value();
}

void save_models(const Door& door, const ModelTable& table, std::span<const void* const> objects,
                 std::optional<Lifetime> lifetime, std::span<Outcome> outcomes,
                 std::span<Revision> revisions) {
    const Lifetime lives = lifetime.value_or(table.options.expires);
    std::vector<EntryKey> keys;
    std::vector<PreparedEntry> prepared;
    std::vector<Entry> entries;
    Pointers pointers;
    std::vector<std::size_t> places;  // of the objects, of each entry and then of each pointer
    std::vector<std::size_t> pointers_of;
    keys.reserve(objects.size());
    prepared.reserve(objects.size());
    entries.reserve(objects.size() * (1 + table.secondary_keys.size()));
    places.reserve(objects.size());
    for (std::size_t i = 0; i < objects.size(); ++i) {
        try {
            EntryKey key = make_model_key(table, objects[i]);
            PreparedEntry entry = prepare(door.cache, table, objects[i], key, lives);
            pointers.add(door.cache, table, objects[i], lives);
            pointers_of.resize(pointers.size(), i);
            const auto& kept = prepared.emplace_back(std::move(entry));
            entries.push_back(
                {keys.emplace_back(std::move(key)).stored, kept.bytes, kept.lifetime});
            places.push_back(i);
        } catch (const std::bad_alloc&) {
            throw;
        } catch (...) {  // an incomplete key, or a converter of the user's
            outcomes[i] = Failure{std::current_exception()};
        }
    }
    entries.insert(entries.end(), pointers.entries().begin(), pointers.entries().end());
    std::vector<Outcome> stored(entries.size());
    door.cache.store_many(Store::set, entries, stored);
    Tally tally{door.cache};
    for (std::size_t i = 0; i < places.size(); ++i) {
        tally.count_stored(table, stored[i]);
        if (!revisions.empty() && stored[i].done()) {
            const bool is_there = !lives.is_over() && !door.cache.is_bypass();
            revisions[places[i]] = is_there ? revision_of(prepared[i].bytes, keys[i]) : Revision{};
        }
        outcomes[places[i]] = std::move(stored[i]);
    }
    // It is not saved as it should be if it cannot be found by all that it should.
    for (std::size_t i = 0; i < pointers_of.size(); ++i) {
        Outcome& outcome = outcomes[pointers_of[i]];
        Outcome& of_pointer = stored[places.size() + i];
        if (outcome.done() && of_pointer.failed()) outcome = std::move(of_pointer);
    }
}

void remove_models(const Door& door, const ModelTable& table, std::span<const void* const> objects,
                   std::span<Outcome> outcomes) {
    std::vector<EntryKey> keys;
    std::vector<std::string> pointer_keys;
    std::vector<std::string_view> stored;
    std::vector<std::size_t> places;
    keys.reserve(objects.size());
    for (std::size_t i = 0; i < objects.size(); ++i) {
        try {
            keys.push_back(make_model_key(table, objects[i]));
            std::ranges::move(pointer_keys_at_hand(table, objects[i]),
                              std::back_inserter(pointer_keys));
        } catch (const std::bad_alloc&) {
            throw;
        } catch (...) {  // an incomplete key, or a to_cache_key of the user's
            outcomes[i] = Failure{std::current_exception()};
            continue;
        }
        stored.push_back(keys.back().stored);
        places.push_back(i);
    }
    // A pointer that stays leads to nothing.
    stored.insert(stored.end(), pointer_keys.begin(), pointer_keys.end());
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
