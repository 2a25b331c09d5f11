// cachemodel: how cached calls are answered.
// SPDX-License-Identifier: MIT
#include <cachemodel/detail/cached_calls.hpp>
#include <cachemodel/detail/engine.hpp>

#include <algorithm>
#include <chrono>
#include <unordered_map>
#include <utility>
#include <vector>

#include "cache_core.hpp"
#include "call_job.hpp"
#include "call_loads.hpp"
#include "explanations.hpp"
#include "load_limit.hpp"
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

/// Nobody joins it from now on, and it stores nothing.
void supersede_call(const CallDoor& door, const std::string& flight_key) {
    door.cache.core().call_flights.supersede(flight_key, stores_alone(door.cache));
}

/// The caller has its result all the same.
void remove_quietly(const CallDoor& door, const EntryKey& key) noexcept {
    try {
        (void)remove_call(door, key);
    } catch (...) {
        // No memory.
    }
}

/// How a refresh goes about it, once no other one of the same is under way.
class Turn {
 public:
    enum class Kind : std::uint8_t {
        leads,   ///< `load` has the lead
        shares,  ///< what has come of `flight` serves it, too: that has begun since then
        alone,   ///< `flight` needs it, and it does not wait for that
    };

    /// Errors: `RecursiveLoad`.
    Turn(const CallDoor& door, KeyLoad& load);

    Kind kind() const noexcept { return kind_; }
    /// Where this does not lead.
    Flight& flight() const noexcept { return *flight_; }

 private:
    bool await(std::shared_ptr<Flight> flight, std::chrono::nanoseconds longest);
    bool is_needed() const noexcept;
    bool can_wait_again() const;

    const std::type_info& type_;
    std::shared_ptr<Flight> flight_;
    std::optional<Passage> passage_;
    Kind kind_ = Kind::alone;
};

Turn::Turn(const CallDoor& door, KeyLoad& load) : type_(*door.table.type) {
    Flights& flights = door.cache.core().call_flights;
    const auto longest = std::min<std::chrono::nanoseconds>(longest_load(rules_of(door)).duration(),
                                                            std::chrono::years{1});
    const auto now = [&] { return door.cache.clock().steady(); };
    for (bool can_wait = true; true; can_wait = can_wait_again()) {
        auto boarding =
            flights.board_refresh(load.flight_key, type_, now(), now() + longest, can_wait);
        if (boarding.leads) {
            load.lead.emplace(flights, boarding.flight, Flights::runway(load.key.in_envelope()));
            if (boarding.earlier) {
                // Of one that takes longer nothing is stored.
                (void)await(std::move(boarding.earlier), longest);
                if (is_needed()) break;
                passage_.reset();
                flights.take_off(boarding.flight, now() + longest);
            }
            kind_ = Kind::leads;
            return;
        }
        // What stands in line waits as long as that, and is as long under way.
        const bool has_landed = await(std::move(boarding.flight), 2 * longest);
        if (is_needed()) break;
        if (has_landed && boarding.is_next) {
            kind_ = Kind::shares;
            return;
        }
    }
    load.lead.reset();
    if (passage_->kind() == Passage::Kind::too_deep) {
        throw RecursiveLoad("to load " + load.key.stored + " it is needed itself");
    }
}

/// Whether it has landed.
bool Turn::await(std::shared_ptr<Flight> flight, std::chrono::nanoseconds longest) {
    const SteadyTime deadline = deadline_in(longest);
    passage_.reset();
    flight_ = std::move(flight);
    passage_.emplace(flight_, type_,
                     Passage::Terms{.deadline = deadline, .is_in_line = LoadTask::is_in_one()});
    const auto kind = passage_->kind();
    if (kind != Passage::Kind::given && kind != Passage::Kind::failed) return false;
    const LoadLimit::Waiting waiting{true};
    return Flights::await_landing(*flight_, deadline);
}

bool Turn::is_needed() const noexcept {
    return passage_->kind() == Passage::Kind::entered ||
           passage_->kind() == Passage::Kind::too_deep;
}

/// Not for what is of another type, or may need this very thread; but its leader may have given up.
bool Turn::can_wait_again() const {
    return passage_->kind() != Passage::Kind::alone ||
           Flights::await_landing(*flight_, std::chrono::steady_clock::now());
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
    std::optional<Turn> turn;
    bool removes = false;
    if (!door.cache.is_bypass()) {
        turn.emplace(door, load);
        if (turn->kind() == Turn::Kind::shares) {
            door.cache.core().count(&Counters::joined, door.site.counters);
            const Flight& flight = turn->flight();
            if (flight.error) std::rethrow_exception(flight.error);
            return flight.result;
        }
        if (turn->kind() == Turn::Kind::alone) {
            load.basis = Basis::nothing();
            // Where nobody else computes it, what this thread computes around this comes later.
            const bool is_inside =
                Flights::is_led_here(turn->flight()) && !Flights::is_superseded(turn->flight());
            removes = !is_inside || door.cache.capabilities().shared;
            if (removes) supersede_call(door, load.flight_key);
        }
    }
    if (load.lead) load.epoch = new_epoch(door.cache);
    job.refresh();
    if (load.error) {
        job.give_up();
        std::rethrow_exception(load.error);
    }
    // What is older than the result does not outlive this.
    if (removes || (load.lead && !load.is_stored)) remove_quietly(door, key);
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
    supersede_call(door, flight_key(door, key));
    (void)done_or_throw(remove_call(door, key));
}

std::shared_ptr<const Nothing> failed_call(CallSite& site, const EntryKey& key, Failure failure) {
    return nothing_for(site, key, {}, std::move(failure));
}

}  // namespace cachemodel::detail
