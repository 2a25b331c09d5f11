// cachemodel: how stored models are changed without losing what others changed.
// SPDX-License-Identifier: MIT
#include <cachemodel/detail/engine.hpp>

#include <algorithm>
#include <chrono>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>

#include "cache_core.hpp"
#include "entries.hpp"
#include "freshness.hpp"
#include "model_entries.hpp"
#include "revision.hpp"
#include "secondary_keys.hpp"

namespace cachemodel::detail {

namespace {

constexpr int most_attempts = 100;
constexpr int most_loads = 3;

void require_compare_and_set(const Cache& cache) {
    if (cache.capabilities().compare_and_set) return;
    throw BackendError(BackendFault::unsupported,
                       "the backend of this cache cannot compare and set");
}

/// Lets others finish first: a pause by chance, at first of up to 0.1 ms, and of up to 6.4 ms after
/// some attempts, so that those who met do not meet again.
class Pauses {
 public:
    void pause() {
        constexpr int longest = 6;
        const int most = 100 << std::min(attempts_++, longest);
        std::this_thread::sleep_for(
            std::chrono::microseconds{std::uniform_int_distribution{0, most}(random_)});
    }

 private:
    std::minstd_rand random_{std::random_device{}()};
    int attempts_ = 0;
};

[[noreturn]] void throw_always_changed(const EntryKey& key) {
    throw Conflict("others changed it at each of " + std::to_string(most_attempts) +
                   " attempts: " + key.stored);
}

/// Reads the model of an entry; the reason where it does not fit. `graph` owns what its references
/// point to, all of it unloaded.
std::optional<MissReason> decode_model(const OpenedEntry& entry, const ModelTable& table,
                                       bool has_loader, LoadGraph& graph, void* object) {
    return decode_entry(entry, [&](CborReader& reader) {
        reader.graph = &graph;
        reader.references_own_graph = true;
        reader.every_member_required = has_loader;
        return decode_members(reader, object, table.members);
    });
}

/// One update: a model is read, changed and stored, until nobody came in between.
class Update {
 public:
    Update(const Door& door, const ModelTable& table, void* object, const Change& change)
        : door_(door),
          table_(table),
          object_(object),
          change_(change),
          key_(make_model_key(table, object)),
          loader_(find_loader(door, table)),
          rules_(rules_of(door, table)) {}

    Revision run();

 private:
    enum class Step : std::uint8_t { done, again, nothing_there };

    Step attempt(const Cache& cache);
    Step store(const StoredEntry& stored, const FoundEntry& standing, void* changed,
               const std::string& secondary_before);
    bool change(void* object) const;
    void load(void* object) const;
    void change_loaded();
    [[noreturn]] void throw_missing() const;

    const Door& door_;
    const ModelTable& table_;
    void* object_;
    const Change& change_;
    EntryKey key_;
    const Loader* loader_;
    const LoadRules rules_;
    MissReason reason_ = MissReason::nothing_stored;
    Revision revision_;
};

Revision Update::run() {
    std::optional<Pauses> pauses;
    int loads = 0;
    for (int attempts = 0; attempts < most_attempts; ++attempts) {
        const Step step = attempt(attempts == 0 ? door_.cache : door_.cache.quietly());
        if (step == Step::done) return revision_;
        if (step == Step::nothing_there) {
            if (loader_ == nullptr || !loader_->can_load()) throw_missing();
            if (loads++ == most_loads) {
                throw Conflict("what is loaded does not stay in the cache: " + key_.stored);
            }
            if (door_.cache.is_bypass()) {
                change_loaded();
                return {};
            }
            AnyModel to_be_stored{table_};
            load(to_be_stored.get());
            if (loads == 1) continue;
        }
        if (!pauses) pauses.emplace();
        pauses->pause();
    }
    throw_always_changed(key_);
}

Update::Step Update::attempt(const Cache& cache) {
    const StoredEntry stored{cache, key_, Operation::get};
    if (stored.failure()) stored.failure()->rethrow();
    reason_ = stored.reason();
    if (!stored.is_there()) return Step::nothing_there;
    const FoundEntry standing = look_at(door_.cache, stored.bytes(), key_.in_envelope());
    reason_ = standing.reason;
    // A change of what is stale would pass for what the source says.
    if (!standing.is_fresh_value()) return Step::nothing_there;
    const OpenedEntry& entry = *standing.entry;
    const auto decode = [&](void* object) {
        const GraphHandle graph;
        const auto reason = decode_model(entry, table_, loader_ != nullptr, *graph, object);
        graph->end_loading();
        return reason;
    };
    AnyModel copy{table_};
    copy_keys(table_, copy.get(), object_);
    if (const auto reason = decode(copy.get())) {
        reason_ = *reason;
        return Step::nothing_there;
    }
    const std::string secondary = secondary_texts(table_, copy.get());
    if (change(copy.get())) return store(stored, standing, copy.get(), secondary);
    // The function may have changed its copy all the same.
    AnyModel as_stored{table_};
    copy_keys(table_, as_stored.get(), object_);
    (void)decode(as_stored.get());
    table_.move(object_, as_stored.get());
    revision_ = revision_of(entry);
    return Step::done;
}

Update::Step Update::store(const StoredEntry& stored, const FoundEntry& standing, void* changed,
                           const std::string& secondary_before) {
    Lifetime left = rules_.expires;
    if (!done_or_throw(
            remaining_lifetime(door_.cache, stored, key_.stored, rules_.expires, left))) {
        return Step::again;
    }
    EntryLife life{left, rules_.kept_stale(), rules_.early_refresh > 0};
    life.load_cost = standing.entry->envelope.load_cost;
    const PreparedEntry prepared = prepare(door_.cache, table_, changed, key_, life);
    const Entry entry{key_.stored, prepared.bytes, prepared.lifetime, stored.token()};
    supersede_loads(door_.cache, {&key_, 1});
    Outcome outcome;
    door_.cache.quietly().store_many(Store::compare_and_set, {&entry, 1}, {&outcome, 1});
    Tally{door_.cache}.count_stored(table_, outcome);
    if (!done_or_throw(outcome)) return Step::again;
    // Pointers that were stored with the entry, and end with it, need not be stored again.
    const bool keeps_end = left.is_never() || standing.entry->envelope.fresh_until ||
                           door_.cache.capabilities().tells_lifetimes;
    if (!keeps_end || secondary_texts(table_, changed) != secondary_before) {
        done_or_throw(store_pointers(door_.cache.quietly(), table_, changed, life.in_all()));
    }
    table_.move(object_, changed);
    revision_ = revision_of(prepared.bytes, key_);
    return Step::done;
}

bool Update::change(void* object) const {
    if (!change_.apply(change_.function, object)) return false;
    const EntryKey changed = make_model_key(table_, object);
    if (changed.in_envelope() == key_.in_envelope()) return true;
    throw InvalidKey("an update of " + key_.stored + " made it " + changed.stored +
                     "; keys change by rename");
}

void Update::load(void* object) const {
    Door only_it = door_;
    only_it.depth = 0;
    only_it.for_update = true;
    copy_keys(table_, object, object_);
    Answer answer;
    fetch_models(only_it, table_, {&object, 1}, {&answer, 1});
    if (answer) answer->raise();
}

/// A bypass shows what would be stored, and stores nothing.
void Update::change_loaded() {
    AnyModel loaded{table_};
    load(loaded.get());
    if (!change(loaded.get())) {
        AnyModel unchanged{table_};
        load(unchanged.get());
        return table_.move(object_, unchanged.get());
    }
    table_.move(object_, loaded.get());
}

void Update::throw_missing() const {
    Nothing nothing;
    nothing.model = table_.name().name;
    nothing.key = key_.stored;
    nothing.reason = reason_;
    nothing.make_missing = table_.make_missing;
    nothing.raise();
}

/// An entry that for readers is nothing.
PreparedEntry removed_entry(const Door& door, const EntryKey& key, const LoadRules& rules) {
    const Lifetime shortest = std::max<std::chrono::nanoseconds>(
        door.cache.capabilities().lifetime_resolution, std::chrono::milliseconds{1});
    return prepare_removal(door.cache, key, door.has_source ? removal_life(rules) : shortest,
                           new_epoch(door.cache));
}

/// What an entry stands for to who would store over it. One that cannot be read as this model
/// stands for nothing, as it does to a reader.
Revision revision_to_replace(const Door& door, const StoredEntry& stored, const ModelTable& table,
                             const void* object, const EntryKey& key, Revision expected) {
    if (!stored.is_there()) return {};
    const FoundEntry standing = look_at(door.cache, stored.bytes(), key.in_envelope());
    if (!standing.is_value()) return {};
    const Revision revision = revision_of(*standing.entry);
    if (expected != Revision{}) return revision;
    if (!is_served(freshness(door.cache, standing, rules_of(door, table)))) return {};
    AnyModel scratch{table};
    copy_keys(table, scratch.get(), object);
    const GraphHandle graph;
    const auto reason = decode_model(*standing.entry, table, false, *graph, scratch.get());
    graph->end_loading();
    return reason ? Revision{} : revision;
}

/// Stores over what was read as `expected`, and over nothing else. False where it is no longer the
/// same entry though it may be the same value: touched, claimed for a load, or at its end.
bool store_if_unchanged(const Cache& cache, const Door& door, const ModelTable& table,
                        const void* object, const PreparedEntry& prepared, const EntryKey& key,
                        Revision expected) {
    const StoredEntry stored{cache, key, Operation::get};
    if (stored.failure()) stored.failure()->rethrow();
    if (revision_to_replace(door, stored, table, object, key, expected) != expected) {
        throw Conflict("the entry is not the one that was read: " + key.stored);
    }
    const auto how = stored.is_there() ? Store::compare_and_set : Store::add;
    supersede_loads(cache, {&key, 1});
    const Entry entry{key.stored, prepared.bytes, prepared.lifetime, stored.token()};
    Outcome outcome;
    cache.quietly().store_many(how, {&entry, 1}, {&outcome, 1});
    Tally{cache}.count_stored(table, outcome);
    return done_or_throw(outcome);
}

}  // namespace

void update_model(const Door& door, const ModelTable& table, void* object, const Change& change,
                  Revision& revision) {
    require_compare_and_set(door.cache);
    revision = Update{door, table, object, change}.run();
}

void save_model_if_unchanged(const Door& door, const ModelTable& table, const void* object,
                             std::optional<Lifetime> lifetime, Revision& revision) {
    require_compare_and_set(door.cache);
    const EntryKey key = make_model_key(table, object);
    const LoadRules rules = rules_of(door, table);
    EntryLife life = life_by(rules, door.cache.core().chance, std::nullopt);
    if (lifetime) life.fresh = *lifetime;
    const bool is_over = life.fresh.is_over();
    // What lives no longer is not removed, which would not ask whether it changed, but overwritten.
    const PreparedEntry prepared =
        is_over ? removed_entry(door, key, rules) : prepare(door.cache, table, object, key, life);
    if (door.cache.is_bypass()) return;
    std::optional<Pauses> pauses;
    for (int attempts = 1; !store_if_unchanged(attempts == 1 ? door.cache : door.cache.quietly(),
                                               door, table, object, prepared, key, revision);
         ++attempts) {
        if (attempts == most_attempts) throw_always_changed(key);
        if (!pauses) pauses.emplace();
        pauses->pause();
    }
    revision = is_over ? Revision{} : revision_of(prepared.bytes, key);
    done_or_throw(store_pointers(door.cache.quietly(), table, object, life.in_all()));
}

}  // namespace cachemodel::detail
