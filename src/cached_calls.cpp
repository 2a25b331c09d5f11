// cachemodel: how cached calls are answered.
// SPDX-License-Identifier: MIT
#include <cachemodel/detail/cached_calls.hpp>
#include <cachemodel/detail/engine.hpp>

#include <unordered_map>
#include <utility>
#include <vector>

#include "cache_core.hpp"
#include "call_job.hpp"
#include "call_loads.hpp"
#include "explanations.hpp"

namespace cachemodel::detail {

namespace {

std::shared_ptr<const Nothing> nothing_for(CallSite& site, const EntryKey& key, MissReason reason,
                                           std::optional<Failure> failure) {
    return std::make_shared<const Nothing>(Nothing{
        .model = names_of(site, nullptr).name,
        .key = key.stored,
        .reason = reason,
        .broken = {},
        .failure = std::move(failure),
        .make_missing =
            [](const Nothing& nothing) {
                return std::make_exception_ptr(Missing(nothing.model, nothing.key));
            },
    });
}

std::string flight_key(const CallDoor& door, const EntryKey& key) {
    return door.cache.final_key(key.in_envelope());
}

LoadRules rules_of(const CallDoor& door) {
    return load_rules(door.site.settings.expires, door.site.settings.terms,
                      door.cache.view().load_rules);
}

Outcome remove_call(const CallDoor& door, const EntryKey& key) {
    Outcome outcome;
    door.site.counters.round_trips +=
        remove_for_good(door.cache, {&key, 1}, removal_life(rules_of(door)), {&outcome, 1});
    if (outcome.done()) door.site.counters.removals += 1;
    if (outcome.failed()) door.site.counters.removal_failures += 1;
    return outcome;
}

/// What is there before a result is stored over it.
struct Before {
    Basis basis;
    std::string body = {};  ///< of a value
    std::optional<WallTime> fresh_until = {};
};
Before look_before(const CallDoor& door, const EntryKey& key) {
    const StoredEntry stored{door.cache.quietly(), key, Operation::peek};
    door.site.counters.round_trips += 1;
    if (stored.failure()) return {};
    if (!stored.is_there()) return {Basis::nothing()};
    const FoundEntry standing = look_at(door.cache, stored.bytes(), key.in_envelope());
    Before before{Basis::of(standing, stored.token())};
    if (standing.is_value()) {
        before.body = standing.entry->body;
        before.fresh_until = standing.entry->envelope.fresh_until;
    }
    return before;
}

/// What became of an entry that was to be written over what was there before.
enum class Written : std::uint8_t {
    done,
    kept_out,  ///< by a removal
    not_done,  ///< something else may be there, or nobody can tell
};

/// Writes over what was there when the refresh began, and over nothing newer. Never fails the call:
/// what goes wrong is counted.
Written write_over(const CallDoor& door, const KeyLoad& load, const Before& before,
                   const PreparedEntry& prepared, Counter Counters::*done) {
    const LoadRules rules = rules_of(door);
    Counters& counters = door.site.counters;
    constexpr int most_attempts = 3;
    Basis basis = before.basis;
    for (int attempt = 0; attempt < most_attempts && basis.is_known; ++attempt) {
        const Entry entry{load.key.stored, prepared.bytes, prepared.lifetime, basis.token};
        Outcome outcome;
        counters.round_trips += 1;
        try {
            door.cache.quietly().store_many(basis.is_there ? Store::compare_and_set : Store::add,
                                            {&entry, 1}, {&outcome, 1});
        } catch (...) {
            outcome = Failure{std::current_exception()};
            door.cache.core().counters.store_failures += 1;
        }
        if (outcome.done()) counters.*done += 1;
        if (outcome.failed()) counters.store_failures += 1;
        if (!outcome.declined()) return outcome.done() ? Written::done : Written::not_done;
        const Before now = look_before(door, load.key);
        basis = now.basis;
        // Somebody has only promised to load it, or has given that up?
        if (basis.epoch == before.basis.epoch && now.body == before.body) continue;
        // Somebody has ended who began to refresh it earlier?
        if (basis.holds_place && load.lead->is_removal_of_earlier(basis.epoch)) continue;
        // Has it come to its end? Nobody need have removed it then.
        const bool is_gone = basis.is_known && !basis.is_there;
        if (is_gone && is_past(door.cache, before.fresh_until, rules.kept_stale())) continue;
        door.cache.core().count(&Counters::overtaken_loads, counters);
        // It was removed; or a call has stored its own, before or after a removal, who knows.
        return basis.holds_place ? Written::kept_out : Written::not_done;
    }
    return Written::not_done;
}

Written write_result(const CallDoor& door, KeyLoad& load, const Before& before) {
    const auto took = door.cache.clock().steady() - load.first_began.value();
    if (!load.entry || took > longest_load(rules_of(door)).duration()) return Written::not_done;
    const Written written = write_over(door, load, before, *load.entry, &Counters::stores);
    if (written == Written::done) load.lead->renewed();
    return written;
}

/// Somebody refreshes it, too, who began later and may be long in coming, and may write over this.
Written write_removal(const CallDoor& door, KeyLoad& load, const Before& before) {
    const std::uint64_t epoch = new_epoch(door.cache);
    load.lead->removes(epoch);
    return write_over(door, load, before,
                      prepare_removal(door.cache, load.key, removal_life(rules_of(door)), epoch),
                      &Counters::removals);
}

/// What is older than the result does not outlive this.
void store_refreshed(const CallDoor& door, KeyLoad& load, const Before& before) {
    try {
        const ToldLater told_later{door.cache.core()};
        Written written{};
        std::optional<EndOfStoring> end;
        if (load.lead->begin_storing()) {
            end.emplace(*load.lead);
            written = write_result(door, load, before);
        } else {
            door.cache.core().count(&Counters::overtaken_loads, door.site.counters);
            if (load.lead->is_outdone()) return;
            written = write_removal(door, load, before);
        }
        if (written == Written::not_done && !load.lead->is_outdone()) {
            (void)remove_call(door, load.key);
        }
    } catch (...) {
        // No memory. The caller has its result all the same.
    }
}

}  // namespace

std::shared_ptr<const void> answer_call(const CallDoor& door, const EntryKey& key, AnyCall& call,
                                        void* hit) {
    AskedCall asked{key, &call, hit};
    CallLoads loads{door, {&asked, 1}};
    loads.read();
    if (loads.has_to_run()) loads.run();
    if (asked.error) std::rethrow_exception(asked.error);
    return std::move(asked.result);
}

void prefetch_calls(const CallDoor& door, std::span<PrefetchedCall> calls) {
    std::unordered_map<std::string_view, std::size_t> by_key;
    std::vector<std::pair<PrefetchedCall*, std::size_t>> places;
    std::vector<std::shared_ptr<void>> hits;
    std::vector<AskedCall> asked;
    for (auto& call : calls) {
        if (call.nothing) continue;
        // Of equal calls only the first is made.
        const auto [first, is_new] = by_key.emplace(call.key.in_envelope(), asked.size());
        places.emplace_back(&call, first->second);
        if (!is_new) continue;
        asked.push_back({call.key, &call.call, hits.emplace_back(door.table.make()).get()});
    }
    if (asked.empty()) return;
    CallLoads loads{door, asked};
    loads.read();
    loads.run();
    for (const auto& [call, index] : places) {
        const AskedCall& one = asked[index];
        call->origin.is_stale = one.is_hit && one.is_stale;
        if (one.is_hit) {
            call->result = hits[index];
        } else if (one.result) {
            call->result = one.result;
        } else {
            call->nothing = failed_call(door.site, call->key, Failure{one.error});
        }
    }
}

std::shared_ptr<const void> refresh_call(const CallDoor& door, const EntryKey& key, AnyCall& call) {
    const LoadRules rules = rules_of(door);
    CallJob job{door, rules};
    KeyLoad& load = job.add({.key = key, .flight_key = flight_key(door, key), .place = &call});
    Flights& flights = door.cache.core().call_flights;
    Before before;
    std::optional<Passage> passage;
    if (!door.cache.is_bypass()) {
        const auto over = door.cache.clock().steady() + longest_load(rules).duration();
        auto boarding = flights.board_anew(load.flight_key, *door.table.type, over);
        if (boarding.leads) {
            load.lead.emplace(flights, std::move(boarding.flight),
                              Flights::runway(key.in_envelope()));
            before = look_before(door, key);
            load.basis = before.basis;
            load.lead->set_epoch(before.basis.epoch);
        } else {  // it is needed for itself: once it is computed without the cache
            load.basis = Basis::nothing();
            passage.emplace(std::move(boarding.flight), *door.table.type);
            if (passage->kind() == Passage::Kind::too_deep) {
                throw RecursiveLoad("to load " + key.stored + " it is needed itself");
            }
        }
    }
    job.only_load();
    if (load.error) std::rethrow_exception(load.error);
    if (load.lead) store_refreshed(door, load, before);
    return std::move(load.product);
}

std::shared_ptr<const Nothing> peek_call(const CallDoor& door, const EntryKey& key, void* hit,
                                         Origin& origin) {
    AskedCall asked{key, nullptr, hit};
    CallLoads{door, {&asked, 1}}.read();
    origin.is_stale = asked.is_stale;
    if (asked.is_hit) return nullptr;
    return nothing_for(door.site, key, asked.reason, std::move(asked.failure));
}

Explanation explain_call(const CallDoor& door, const EntryKey& key) {
    return explain_entry(door.cache, key,
                         {.rules = rules_of(door),
                          .has_loader = true,
                          .flight_key = flight_key(door, key),
                          .decode = [&](const OpenedEntry& entry) {
                              const std::shared_ptr<void> result = door.table.make();
                              return decode_entry(entry, [&](CborReader& reader) {
                                  reader.every_member_required = true;
                                  return door.table.decode(reader, result.get());
                              });
                          }});
}

void invalidate_call(const CallDoor& door, const EntryKey& key) {
    door.cache.core().call_flights.supersede(flight_key(door, key),
                                             !door.cache.capabilities().compare_and_set);
    (void)done_or_throw(remove_call(door, key));
}

std::shared_ptr<const Nothing> failed_call(CallSite& site, const EntryKey& key, Failure failure) {
    return nothing_for(site, key, {}, std::move(failure));
}

}  // namespace cachemodel::detail
