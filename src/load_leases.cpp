// cachemodel: leases, by which only one of several processes loads a key.
// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstdint>
#include <string_view>
#include <thread>
#include <utility>

#include "cache_core.hpp"
#include "load_job.hpp"

namespace cachemodel::detail {

namespace {

using namespace std::chrono_literals;

/// Between two looks at what another process is loading.
constexpr std::chrono::nanoseconds first_pause = 10ms;
constexpr std::chrono::nanoseconds longest_pause = 50ms;

}  // namespace

/// For leases over nothing.
std::uint64_t LoadJob::new_chain() const noexcept {
    return std::max<std::uint64_t>(cache_.core().chance.number() & ~std::uint64_t{1}, 2);
}

void LoadJob::start() {
    is_started_ = true;
    uses_leases_ = uses_leases(cache_, rules_);
    if (uses_leases_ && owner_ == 0) owner_ = cache_.core().chance.number() | 1;
    deadline_ = deadline_in(rules_.lease_wait);
    pause_ = first_pause;
    std::vector<KeyLoad*> again;
    for (const auto& load : loads_) {
        if (load->state != KeyLoad::State::pending) continue;
        if (load->lead && !is_awaited_ && load->lead->is_superseded()) {
            load->state = KeyLoad::State::left;
            continue;
        }
        open_.push_back(load.get());
        if (load->look_again && load->basis.is_known) again.push_back(load.get());
    }
    look(again);
}

bool LoadJob::advance() {
    if (!is_started_) {
        start();
    } else {
        std::this_thread::sleep_until(next_look_);
    }
    std::vector<KeyLoad*> ready = take_settled();
    if (!open_.empty()) {
        claim(open_);
        std::vector<KeyLoad*> claimed = open_;
        std::erase_if(claimed, [](const KeyLoad* each) { return !each->basis.is_known; });
        look(claimed);
        for (KeyLoad* const each : open_) {
            // What nobody waits for is not loaded while it cannot be stored.
            if (!is_awaited_ && !each->basis.is_known) each->state = KeyLoad::State::left;
            if (is_settled(*each)) continue;
            if (!is_awaited_ || each->has_fallback) {
                each->state = KeyLoad::State::left;
            } else if (!has_claimed_) {
                count(&Counters::lease_waits);
            }
        }
        has_claimed_ = true;
        const auto settled = take_settled();
        ready.insert(ready.end(), settled.begin(), settled.end());
    }
    if (ready.empty() && std::chrono::steady_clock::now() >= deadline_) {
        ready = std::exchange(open_, {});
    }
    const bool is_waiting = ready.empty();
    load_and_store(std::move(ready));
    if (open_.empty()) return true;
    next_look_ = std::chrono::steady_clock::now();
    if (is_waiting) {
        next_look_ = std::min(next_look_ + cache_.core().chance.about(pause_), deadline_);
        pause_ = std::min(2 * pause_, longest_pause);
    }
    return false;
}

/// Whether it is known whether it is loaded here.
bool LoadJob::is_settled(const KeyLoad& load) const noexcept {
    return !uses_leases_ || load.state != KeyLoad::State::pending || load.is_leased ||
           !load.basis.is_known || !load.lead || (load.is_unleasable && !load.is_leased_by_other);
}

/// Those of the open ones that are to be loaded here and now.
std::vector<KeyLoad*> LoadJob::take_settled() {
    std::vector<KeyLoad*> ready;
    for (KeyLoad* const each : open_) {
        if (is_settled(*each) && each->state == KeyLoad::State::pending) ready.push_back(each);
    }
    std::erase_if(open_, [this](const KeyLoad* each) { return is_settled(*each); });
    return ready;
}

/// Takes what a second look finds.
class LoadJob::Look final : public ReadSink {
 public:
    Look(LoadJob& job, std::span<KeyLoad* const> loads) : job_(job), loads_(loads) {}

    void found(std::size_t index, std::string_view bytes, std::uint64_t token) noexcept override {
        try {
            job_.look_at_one(*loads_[index], bytes, token);
        } catch (...) {
            fatal_ = std::current_exception();
        }
    }
    void absent(std::size_t index) noexcept override {
        KeyLoad& load = *loads_[index];
        load.basis = Basis::nothing();
        load.is_leased_by_other = false;
    }
    void failed(std::size_t index, const Failure&) noexcept override { loads_[index]->basis = {}; }
    /// Errors: `std::bad_alloc`.
    void rethrow_fatal() const {
        if (fatal_) std::rethrow_exception(fatal_);
    }

 private:
    LoadJob& job_;
    std::span<KeyLoad* const> loads_;
    std::exception_ptr fatal_;
};

void LoadJob::look(std::span<KeyLoad* const> open) {
    if (open.empty()) return;
    std::vector<std::string_view> keys;
    keys.reserve(open.size());
    for (const KeyLoad* const each : open) keys.push_back(each->key.stored);
    Look sink{*this, open};
    count_round_trip();
    cache_.quietly().read_many(keys, sink);
    sink.rethrow_fatal();
}

void LoadJob::look_at_one(KeyLoad& load, std::string_view bytes, std::uint64_t token) {
    const FoundEntry standing = look_at(cache_, bytes, load.key.in_envelope());
    const std::uint64_t chain_before = load.basis.chain;
    const bool was_value = !load.standing.empty();
    load.basis = Basis::of(standing, token);
    if (load.lead) load.lead->set_chain(load.basis.chain);
    load.is_leased_by_other = false;
    load.standing.clear();
    // Of one that does not say when it ends nobody would know any more once it is written again.
    if (standing.is_value() && (standing.entry->envelope.fresh_until || is_refresh_)) {
        load.standing = bytes;
    }
    if (standing.entry && standing.entry->envelope.lease) {
        const EntryLease& lease = *standing.entry->envelope.lease;
        load.is_leased = owner_ != 0 && lease.owner == owner_;
        load.is_leased_by_other = !load.is_leased && wall_time(cache_) < lease.until;
    }
    if (is_refresh_) return;
    // A value that was there before and is to be refreshed is no news.
    const bool is_news = !was_value || load.basis.chain != chain_before;
    if (standing.is_fresh_value() && is_news) {
        load.product = take(load, *standing.entry);
        if (!load.product) return;
        load.state = KeyLoad::State::taken;
        if (is_counted()) count(&Counters::hits);
        give(load);
    } else if (standing.reason == MissReason::known_missing) {
        load.state = KeyLoad::State::missing;
        load.product = missing_product(load);
        give(load);
    }
}

/// For a refresh, which gets the lease whoever has it.
void LoadJob::look_and_claim(std::vector<KeyLoad*> open) {
    uses_leases_ = uses_leases(cache_, rules_);
    owner_ = cache_.core().chance.number() | 1;
    look(open);
    const std::vector<KeyLoad*> all = open;
    if (!uses_leases_) open.clear();
    std::erase_if(open, [](KeyLoad* each) {
        each->is_leased_by_other = false;
        const auto standing = open_entry(each->standing, each->key.in_envelope()).entry;
        return !each->basis.is_known || (standing && !standing->envelope.fresh_until);
    });
    claim(open);
    std::erase_if(open, [](const KeyLoad* each) { return !each->basis.is_known; });
    look(open);
    for (KeyLoad* const each : all) each->lead->set_epoch(each->basis.epoch);
}

/// Promises to load what nobody else has promised to.
void LoadJob::claim(std::span<KeyLoad* const> open) {
    // A holder that dies keeps the others waiting for most of what they would, and leaves time for
    // one of them to load in its place.
    const auto length = rules_.lease_wait.duration() * 3 / 4;
    const EntryLease lease{fresh_until(length, wall_time(cache_)), owner_};
    const Lifetime life = std::max(removal_life(rules_), Lifetime{length});
    struct Claims {
        std::vector<Entry> entries = {};
        std::vector<KeyLoad*> loads = {};
    };
    std::vector<PreparedEntry> prepared;
    Claims added;
    Claims exchanged;
    prepared.reserve(open.size());
    for (KeyLoad* const each : open) {
        each->is_unleasable = false;
        if (each->is_leased_by_other) continue;
        // Whoever takes over from a lease that has ended goes on with its chain. A refresh ends it:
        // loads that began before are to store no more, as after a removal.
        const auto chain_of_load = each->basis.chain != 0 ? each->basis.chain : new_chain();
        const auto chain = each->epoch.value_or(chain_of_load);
        const auto& entry = prepared.emplace_back(prepare_lease(
            cache_, each->key, each->standing, chain, lease, life, rules_.kept_stale()));
        auto& claims = each->basis.is_there ? exchanged : added;
        claims.entries.push_back(
            {each->key.stored, entry.bytes, entry.lifetime, each->basis.token});
        claims.loads.push_back(each);
    }
    const auto send = [&](Store how, const Claims& claims) {
        if (!claims.entries.empty()) count_round_trip();
        const auto outcomes = store_leases(cache_, how, claims.entries);
        // Whose lease it is, the look that follows tells. Where nobody has one after all, there is
        // nobody to wait for: the cache is full, or forgets at once.
        for (std::size_t i = 0; i < outcomes.size(); ++i) {
            claims.loads[i]->is_unleasable = !outcomes[i].declined();
            claims.loads[i]->was_leased |= outcomes[i].done();
            if (outcomes[i].failed() && !has_no_room(outcomes[i])) claims.loads[i]->basis = {};
        }
    };
    send(Store::add, added);
    send(Store::compare_and_set, exchanged);
}

/// Gives back the leases of what was not stored.
void LoadJob::release_leases(Released which) noexcept {
    try {
        std::vector<PreparedEntry> prepared;
        std::vector<Entry> entries;
        prepared.reserve(loads_.size());
        for (const auto& load : loads_) {
            if (!load->is_leased || !load->basis.is_known) continue;
            const bool is_at_work = load->state == KeyLoad::State::pending || load->is_partial;
            if (is_at_work && which == Released::of_what_is_done) continue;
            load->is_leased = false;
            const bool keeps_out = !is_of_leases(load->basis.chain);
            const auto& entry = prepared.emplace_back(prepare_lease(
                cache_, load->key, load->standing, load->basis.chain, std::nullopt,
                keeps_out ? removal_life(rules_) : Lifetime{1s}, rules_.kept_stale()));
            entries.push_back({load->key.stored, entry.bytes, entry.lifetime, load->basis.token});
        }
        if (entries.empty()) return;
        count_round_trip();
        (void)store_leases(cache_, Store::compare_and_set, entries);
    } catch (...) {
        // No memory. The leases end by themselves.
    }
}

}  // namespace cachemodel::detail
