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
#include "load_task.hpp"

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

/// The caller has its result all the same.
void remove_quietly(const CallDoor& door, const EntryKey& key) noexcept {
    try {
        (void)remove_call(door, key);
    } catch (...) {
        // No memory.
    }
}

/// Boards for a refresh, and waits until no other one is under way. False where it is not to lead:
/// another one that has begun since then has brought what serves this one, too, or it would wait
/// for itself. That is what `passage` tells.
bool take_turn(const CallDoor& door, KeyLoad& load, std::optional<Passage>& passage) {
    Flights& flights = door.cache.core().call_flights;
    const std::type_info& type = *door.table.type;
    const Lifetime longest = longest_load(rules_of(door));
    const auto over = [&] { return door.cache.clock().steady() + longest.duration(); };
    const Passage::Terms terms{.deadline = deadline_in(longest),
                               .is_in_line = LoadTask::is_in_one()};
    const auto would_wait_for_itself = [&] {
        return passage->kind() == Passage::Kind::entered ||
               passage->kind() == Passage::Kind::too_deep;
    };
    const auto has_landed = [&](Flight& flight) {
        return (passage->kind() == Passage::Kind::given ||
                passage->kind() == Passage::Kind::failed) &&
               Flights::await_landing(flight, terms.deadline);
    };
    for (bool can_wait = true; true; can_wait = false) {
        auto boarding = flights.board_refresh(load.flight_key, type, door.cache.clock().steady(),
                                              over(), can_wait);
        passage.reset();
        if (!boarding.leads) {
            passage.emplace(boarding.flight, type, terms);
            if (would_wait_for_itself() || has_landed(*boarding.flight)) return false;
            continue;
        }
        load.lead.emplace(flights, boarding.flight, Flights::runway(load.key.in_envelope()));
        if (boarding.earlier) {
            passage.emplace(boarding.earlier, type, terms);
            if (would_wait_for_itself()) {
                load.lead.reset();
                return false;
            }
            (void)has_landed(*boarding.earlier);  // if it has not, it stores nothing any more
            passage.reset();
            flights.take_off(boarding.flight, over());
        }
        return true;
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
    std::optional<Passage> passage;
    if (!door.cache.is_bypass()) {
        if (take_turn(door, load, passage)) {
            load.epoch = new_epoch(door.cache);
        } else if (passage->kind() == Passage::Kind::given) {
            door.cache.core().count(&Counters::joined, door.site.counters);
            return passage->result();
        } else if (passage->kind() == Passage::Kind::failed) {
            std::rethrow_exception(passage->error());
        } else if (passage->kind() == Passage::Kind::too_deep) {
            throw RecursiveLoad("to load " + key.stored + " it is needed itself");
        } else {  // it is needed for itself: once it is computed without the cache
            load.basis = Basis::nothing();
        }
    }
    job.refresh();
    if (load.error) {
        job.give_up();
        std::rethrow_exception(load.error);
    }
    // What is older than the result does not outlive this.
    if (load.lead && !load.is_stored) remove_quietly(door, key);
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
    door.cache.core().call_flights.supersede(flight_key(door, key), stores_alone(door.cache));
    (void)done_or_throw(remove_call(door, key));
}

std::shared_ptr<const Nothing> failed_call(CallSite& site, const EntryKey& key, Failure failure) {
    return nothing_for(site, key, {}, std::move(failure));
}

}  // namespace cachemodel::detail
