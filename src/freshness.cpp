// cachemodel: what an entry that was read is good for.
// SPDX-License-Identifier: MIT
#include "freshness.hpp"

#include <xxhash.h>

#include <algorithm>
#include <cmath>

#include "cache_core.hpp"

namespace cachemodel::detail {

namespace {

bool is_leased(const Cache& cache, const Envelope& envelope) {
    return envelope.lease && wall_time(cache) < envelope.lease->until;
}

using Milliseconds = std::chrono::duration<double, std::milli>;

bool may_be_early(const Envelope& envelope, const LoadRules& rules) noexcept {
    return rules.early_refresh > 0 && envelope.fresh_until && envelope.load_cost;
}

/// How long before its end an entry is refreshed on average, if there are readers all the time.
Milliseconds usual_lead(const Envelope& envelope, const LoadRules& rules) {
    const Milliseconds longest = Milliseconds{rules.expires.duration()} / 4;
    const Milliseconds cost = std::clamp(Milliseconds{*envelope.load_cost}, Milliseconds{1},
                                         std::max(longest, Milliseconds{1}));
    return cost * rules.early_refresh;
}

/// XFetch: the sooner before its end the longer its load took.
bool is_early(const Cache& cache, const Envelope& envelope, const LoadRules& rules) {
    if (!may_be_early(envelope, rules)) return false;
    const Milliseconds left = *envelope.fresh_until - wall_time(cache);
    return usual_lead(envelope, rules) * -std::log(cache.core().chance.share()) >= left;
}

}  // namespace

Basis Basis::of(const FoundEntry& standing, std::uint64_t token) noexcept {
    Basis basis{.is_known = true, .is_there = true, .token = token};
    if (!standing.entry) return basis;
    const Envelope& envelope = standing.entry->envelope;
    basis.holds_place = standing.entry->body.empty() && envelope.holds_place();
    if (envelope.lease) basis.leased_until = envelope.lease->until;
    if (envelope.epoch) {
        basis.chain = *envelope.epoch;
    } else if (!basis.holds_place) {
        // Two may have been written in one millisecond.
        const auto written_at = envelope.written_at.time_since_epoch().count();
        const auto& body = standing.entry->body;
        const auto mark =
            static_cast<std::uint64_t>(written_at) ^ XXH3_64bits(body.data(), body.size());
        basis.chain = (mark << 1) | 1;
    }
    if (!is_of_leases(basis.chain)) basis.epoch = basis.chain;
    return basis;
}

Freshness freshness(const Cache& cache, const FoundEntry& standing, const LoadRules& rules) {
    if (standing.reason == MissReason::known_missing) return Freshness::known_missing;
    if (!standing.is_value()) return Freshness::none;
    const Envelope& envelope = standing.entry->envelope;
    if (standing.is_fresh_value()) {
        const bool early = is_early(cache, envelope, rules) && !is_leased(cache, envelope);
        return early ? Freshness::early : Freshness::fresh;
    }
    if (standing.stale_for < rules.stale_while_refresh) {
        return is_leased(cache, envelope) ? Freshness::being_refreshed : Freshness::stale;
    }
    return standing.stale_for < rules.stale_if_error ? Freshness::fallback : Freshness::none;
}

double chance_of_early_refresh(const Cache& cache, const Envelope& envelope,
                               const LoadRules& rules) {
    if (!may_be_early(envelope, rules) || is_leased(cache, envelope)) return 0;
    const Milliseconds left = *envelope.fresh_until - wall_time(cache);
    return std::exp(-(left / usual_lead(envelope, rules)));
}

bool is_past(const Cache& cache, std::optional<WallTime> fresh_until, Lifetime kept_stale) {
    if (!fresh_until) return false;
    const std::chrono::milliseconds ended = wall_time(cache) - std::max(*fresh_until, WallTime{});
    return ended >= std::chrono::milliseconds{0} && Lifetime{ended} >= kept_stale;
}

EntryLife life_by(const LoadRules& rules, Chance& chance,
                  std::optional<std::chrono::milliseconds> load_cost) {
    EntryLife life{rules.expires, rules.kept_stale(), rules.early_refresh > 0};
    if (rules.jitter > 0 && !rules.expires.is_never() && !rules.expires.is_over()) {
        const std::chrono::duration<double, std::nano> whole = rules.expires.duration();
        life.fresh = whole * (1 - rules.jitter * chance.share());
    }
    if (rules.early_refresh > 0) life.load_cost = load_cost;
    return life;
}

Lifetime longest_load(const LoadRules& rules) noexcept {
    constexpr Lifetime usual = std::chrono::seconds{30};
    if (rules.load_timeout.is_never() || rules.load_timeout < usual) return usual;
    return rules.load_timeout;
}

Lifetime removal_life(const LoadRules& rules) noexcept {
    // Together they may be more than nanoseconds can count.
    const std::chrono::duration<long double, std::nano> longest = longest_load(rules).duration();
    return longest + std::chrono::seconds{5};
}

std::optional<Store> how_to_store(const Cache& cache, const Basis& basis) noexcept {
    if (!basis.is_there) return Store::add;
    const Capabilities& capabilities = cache.capabilities();
    if (capabilities.compare_and_set) return Store::compare_and_set;
    // In this process a removal supersedes a load, and waits for what is being stored.
    if (basis.holds_place && capabilities.shared) return std::nullopt;
    return Store::set;
}

bool stores_alone(const Cache& cache) noexcept {
    const Capabilities& capabilities = cache.capabilities();
    return !capabilities.compare_and_set || !capabilities.shared;
}

bool uses_leases(const Cache& cache, const LoadRules& rules) noexcept {
    const Capabilities& capabilities = cache.capabilities();
    const bool stores = !rules.expires.is_over();  // else nobody gains by waiting
    return capabilities.shared && capabilities.compare_and_set && !rules.lease_wait.is_over() &&
           stores && !cache.is_bypass();
}

}  // namespace cachemodel::detail
