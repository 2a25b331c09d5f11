// cachemodel: how one cached call is answered.
// SPDX-License-Identifier: MIT
#include <cachemodel/detail/cached_calls.hpp>
#include <cachemodel/detail/engine.hpp>

#include <utility>

#include "cache_core.hpp"
#include "call_steps.hpp"

namespace cachemodel::detail {

namespace {

std::shared_ptr<const Nothing> nothing_for(CallSite& site, const EntryKey& key, Found found) {
    return std::make_shared<const Nothing>(Nothing{
        .model = names_of(site, nullptr).name,
        .key = key.stored,
        .reason = found.reason,
        .broken = {},
        .failure = std::move(found.failure),
        .make_missing =
            [](const Nothing& nothing) {
                return std::make_exception_ptr(Missing(nothing.model, nothing.key));
            },
    });
}

}  // namespace

std::shared_ptr<const void> answer_call(const CallDoor& door, const EntryKey& key, AnyCall& call,
                                        void* hit) {
    const CallSteps steps{door};
    if (door.cache.is_bypass()) return steps.run(call);
    Flights& flights = door.cache.core().call_flights;
    const auto runway = Flights::runway(key.in_envelope());
    const auto landings = flights.landings(runway);
    const Found first = steps.read_one(key, hit);
    if (first.found) return nullptr;

    auto boarding = steps.board(key);
    if (!boarding.leads) return steps.join(key, call, std::move(boarding.flight));
    Flights::Lead leading{flights, std::move(boarding.flight), runway};
    if (first.absent() && flights.landings(runway) != landings) {
        if (auto result = steps.look_again(key, leading)) return result;
    }
    const Computed computed = steps.lead(key, call, leading);
    // What the cache could not tell about is not written back: it may hold something newer.
    if (computed.entry && first.absent() && leading.begin_storing()) {
        steps.store_one(key, *computed.entry);
    }
    return computed.result;
}

std::shared_ptr<const void> refresh_call(const CallDoor& door, const EntryKey& key, AnyCall& call) {
    const CallSteps steps{door};
    if (door.cache.is_bypass()) return steps.run(call);
    auto boarding = steps.board_anew(key);
    if (!boarding.leads) return steps.join(key, call, std::move(boarding.flight));
    Flights::Lead leading{door.cache.core().call_flights, std::move(boarding.flight),
                          Flights::runway(key.in_envelope())};
    const Computed computed = steps.lead(key, call, leading);
    if (!leading.begin_storing()) return computed.result;
    // The old one must not outlive this.
    const bool stored = computed.entry && steps.store_one(key, *computed.entry);
    if (!stored) steps.remove_if_possible(key);
    return computed.result;
}

std::shared_ptr<const Nothing> peek_call(const CallDoor& door, const EntryKey& key, void* hit) {
    Found found = CallSteps{door}.read_one(key, hit);
    if (found.found) return nullptr;
    return nothing_for(door.site, key, std::move(found));
}

bool invalidate_call(const CallDoor& door, const EntryKey& key) {
    const CallSteps steps{door};
    steps.supersede(key);
    return done_or_throw(steps.remove_one(key));
}

std::shared_ptr<const Nothing> failed_call(CallSite& site, const EntryKey& key, Failure failure) {
    return nothing_for(site, key, {.failure = std::move(failure)});
}

}  // namespace cachemodel::detail
