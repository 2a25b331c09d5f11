// cachemodel: what becomes of hits that were loaded as well, to be compared.
// SPDX-License-Identifier: MIT
#include "verification.hpp"

#include "cache_core.hpp"
#include "entries.hpp"
#include "freshness.hpp"

namespace cachemodel::detail {

std::string verification_key(const std::string& flight_key) { return flight_key + "\nverify"; }

// The executor owns the task that has this, and must not be owned by it.
Verdicts::Verdicts(const Cache& cache, const LoadRules& rules, Counters& own)
    : cache_(cache.view().executor ? cache.with_executor(nullptr) : cache),
      rules_(rules),
      own_(own) {}

void Verdicts::refuted(const KeyLoad& hit, std::span<const std::string_view> members) {
    const bool may_remove = cache_.capabilities().compare_and_set;
    if (!(may_remove ? remove(hit) : is_unchanged(hit))) return;
    count(&Counters::mismatches);
    cache_.core().tell_mismatch(cache_.view(), hit.key, members);
}

/// Nobody can remove it without removing what comes meanwhile; but it can be looked at.
bool Verdicts::is_unchanged(const KeyLoad& hit) const {
    const StoredEntry stored{cache_, hit.key, Operation::peek};
    return stored.is_there() && stored.bytes() == hit.standing;
}

/// Whether what was hit was still there, and is not any more.
bool Verdicts::remove(const KeyLoad& hit) {
    const PreparedEntry removal =
        prepare_removal(cache_, hit.key, removal_life(rules_), new_epoch(cache_));
    const Entry entry{hit.key.stored, removal.bytes, removal.lifetime, hit.basis.token};
    const Outcome outcome = store_leases(cache_, Store::compare_and_set, {&entry, 1}).front();
    if (outcome.done()) count(&Counters::removals);
    if (outcome.failed()) count(&Counters::removal_failures);
    return outcome.done();
}

void Verdicts::count(Counter Counters::*counter) noexcept { cache_.core().count(counter, own_); }

}  // namespace cachemodel::detail
