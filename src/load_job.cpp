// cachemodel: loads keys, in the caller's thread or in another one, and stores what came.
// SPDX-License-Identifier: MIT
#include "load_job.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <thread>
#include <utility>

#include "cache_core.hpp"
#include "load_limit.hpp"

namespace cachemodel::detail {

namespace {

using namespace std::chrono_literals;

/// What came is kept no longer than this, or than one run of a loader, to be stored with more.
constexpr auto longest_hold = 250ms;
/// Between two looks at what another process is loading.
constexpr std::chrono::nanoseconds first_pause = 10ms;
constexpr std::chrono::nanoseconds longest_pause = 50ms;

thread_local int tasks_of_thread = 0;

/// Whether the same is likely to fail again: not where something else was missing, or where the
/// loader asked for itself.
bool is_sign_of_trouble(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const Missing&) {
        return false;
    } catch (const RecursiveLoad&) {
        return false;
    } catch (...) {
        return true;
    }
}

}  // namespace

SteadyTime deadline_in(Lifetime lifetime) {
    const auto start = std::chrono::steady_clock::now();
    const auto longest = SteadyTime::max() - start;
    return lifetime.duration() < longest ? start + lifetime.duration() : SteadyTime::max();
}

LoadJob::LoadJob(Cache cache, const LoadRules& rules, Counters& own)
    : cache_(std::move(cache)), rules_(rules), own_(own) {}

void LoadJob::become_task(std::shared_ptr<Loans> loans, bool is_awaited) {
    loans_ = std::move(loans);
    is_awaited_ = is_awaited;
    is_task_ = true;
    has_place_ = is_awaited && LoadLimit::is_placed();
}

void LoadJob::run() noexcept {
    const Loans::Loan loan{loans_};
    if (!loan.is_granted()) return;
    std::optional<LoadLimit::Place> place;
    if (has_place_) place.emplace();
    tasks_of_thread += 1;
    try {
        run_now();
    } catch (...) {
        // No memory. Whoever waits goes on alone.
    }
    tasks_of_thread -= 1;
}

bool LoadJob::is_in_task() noexcept { return tasks_of_thread != 0; }

void LoadJob::run_now() {
    for (auto& load : loads_) {
        if (load.lead) load.lead->begin();
        const bool is_in_vain = !is_awaited_ && load.lead && load.lead->is_superseded();
        if (is_in_vain) load.state = KeyLoad::State::left;
    }
    if (uses_leases(cache_, rules_)) {
        take_leases();
    } else {
        std::vector<KeyLoad*> again;
        for (auto& load : loads_) {
            if (load.look_again && load.basis.is_known) again.push_back(&load);
        }
        look(again);
    }
    auto wanted = those_with(KeyLoad::State::pending);
    if (!wanted.empty()) load_within_limit(std::move(wanted));
    if (is_task_) {
        for (auto& load : loads_) {
            if (load.is_partial) complete(load);
        }
    }
    store_what_came();
    release_leases();
    for (auto& load : loads_) {
        if (!load.is_partial) load.lead.reset();
    }
}

std::unique_ptr<LoadJob> LoadJob::take_rest() {
    const auto is_partial = [](const KeyLoad& load) { return load.is_partial && load.lead; };
    if (std::ranges::none_of(loads_, is_partial)) return nullptr;
    auto rest = make_successor();
    rest->owner_ = owner_;
    for (auto& load : loads_) {
        if (!is_partial(load)) continue;
        load.lead->pause();
        rest->adopt(rest->loads_.emplace_back(std::move(load)));
        load.lead.reset();
    }
    return rest;
}

void LoadJob::only_load() {
    stores_ = false;
    load_within_limit(those_with(KeyLoad::State::pending));
}

std::vector<KeyLoad*> LoadJob::those_with(KeyLoad::State state) {
    std::vector<KeyLoad*> those;
    for (auto& load : loads_) {
        if (load.state == state) those.push_back(&load);
    }
    return those;
}

void LoadJob::load_within_limit(std::vector<KeyLoad*> wanted) {
    const auto is_known = [](const KeyLoad* each) { return each->basis.is_known; };
    const auto border = std::stable_partition(wanted.begin(), wanted.end(), is_known);
    const std::span<KeyLoad* const> known{wanted.begin(), border};
    const std::span<KeyLoad* const> unknown{border, wanted.end()};
    if (unknown.empty() || cache_.is_bypass()) return load(wanted);
    const LoadLimit::Place place{cache_.core().load_limit, deadline_in(rules_.lease_wait)};
    if (place.is_given()) return load(wanted);
    if (!known.empty()) load(known);
    const auto error = std::make_exception_ptr(
        BackendError(BackendFault::unavailable,
                     "the cache cannot be read, and as many loads as may run without it are "
                     "running already"));
    for (KeyLoad* const each : unknown) {
        count(&Counters::refused_loads);
        spoiled(*each, error);
    }
}

// ---- what others are loading

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
        loads_[index]->basis = Basis::nothing();
        loads_[index]->is_leased_by_other = false;
    }
    void unusable(std::size_t index, MissReason) noexcept override {
        loads_[index]->basis = Basis::damaged();
        loads_[index]->is_leased_by_other = false;
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
    const std::uint64_t epoch_before = load.basis.epoch;
    const bool was_value = !load.standing.empty();
    load.basis = Basis::of(standing, token);
    load.is_leased_by_other = false;
    load.standing.clear();
    if (standing.is_value()) load.standing = bytes;
    if (standing.entry && standing.entry->envelope.lease) {
        const EntryLease& lease = *standing.entry->envelope.lease;
        load.is_leased = owner_ != 0 && lease.owner == owner_;
        load.is_leased_by_other = !load.is_leased && wall_time(cache_) < lease.until;
    }
    // A value that was there before and is to be refreshed is no news.
    const bool is_news = !was_value || load.basis.epoch != epoch_before;
    if (standing.is_fresh_value() && is_news) {
        load.product = take(load, *standing.entry);
        if (!load.product) return;
        load.state = KeyLoad::State::taken;
        count(&Counters::hits);
        give(load);
    } else if (standing.reason == MissReason::known_missing) {
        load.state = KeyLoad::State::missing;
        load.product = missing_product();
        give(load);
    }
}

void LoadJob::take_leases() {
    // Another one than that of a cache with the same seed.
    owner_ = (cache_.core().chance.number() ^ reinterpret_cast<std::uintptr_t>(this) ^
              (static_cast<std::uint64_t>(::getpid()) << 48)) |
             1;
    for (auto& load : loads_) {
        if (load.lead) load.lead->set_lease_owner(owner_);
    }
    const auto deadline = deadline_in(rules_.lease_wait);
    auto pause = first_pause;
    std::vector<KeyLoad*> open = those_with(KeyLoad::State::pending);
    const auto is_settled = [](const KeyLoad* load) {
        return load->state != KeyLoad::State::pending || load->is_leased || !load->basis.is_known ||
               !load->lead || (load->is_unleasable && !load->is_leased_by_other);
    };
    std::vector<KeyLoad*> again;
    for (KeyLoad* const each : open) {
        if (each->look_again && each->basis.is_known) again.push_back(each);
    }
    look(again);
    std::erase_if(open, is_settled);
    for (bool is_first = true; !open.empty(); is_first = false) {
        claim(open);
        look(open);
        std::erase_if(open, is_settled);
        for (KeyLoad* const each : open) {
            const bool waits = is_awaited_ && !each->has_fallback;
            if (!waits) each->state = KeyLoad::State::left;
            if (waits && is_first) count(&Counters::lease_waits);
        }
        std::erase_if(open, is_settled);
        const auto now_is = std::chrono::steady_clock::now();
        if (open.empty() || now_is >= deadline) return;
        const std::chrono::nanoseconds left = deadline - now_is;
        std::this_thread::sleep_for(std::min(cache_.core().chance.about(pause), left));
        pause = std::min(2 * pause, longest_pause);
    }
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
    Claims replaced;
    prepared.reserve(open.size());
    for (KeyLoad* const each : open) {
        each->is_unleasable = false;
        if (each->is_leased_by_other) continue;
        const auto& entry = prepared.emplace_back(prepare_lease(cache_, each->key, each->standing,
                                                                each->basis.epoch, lease, life,
                                                                rules_.kept_stale()));
        auto& claims = each->basis.is_damaged ? replaced : each->basis.is_there ? exchanged : added;
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
        }
    };
    send(Store::add, added);
    send(Store::compare_and_set, exchanged);
    send(Store::set, replaced);
}

void LoadJob::release_leases() noexcept {
    try {
        std::vector<PreparedEntry> prepared;
        std::vector<Entry> entries;
        prepared.reserve(loads_.size());
        for (const auto& load : loads_) {
            if (!load.is_leased || !load.basis.is_known || load.is_partial) continue;
            const bool keeps_out = load.basis.epoch != 0;
            const auto epoch = keeps_out ? load.basis.epoch : cache_.core().chance.number() | 1;
            const auto& entry = prepared.emplace_back(prepare_lease(
                cache_, load.key, load.standing, epoch, std::nullopt,
                keeps_out ? removal_life(rules_) : Lifetime{1s}, rules_.kept_stale()));
            entries.push_back({load.key.stored, entry.bytes, entry.lifetime, load.basis.token});
        }
        if (entries.empty()) return;
        count_round_trip();
        (void)store_leases(cache_, Store::compare_and_set, entries);
    } catch (...) {
        // No memory. The leases end by themselves.
    }
}

// ---- what came

EntryLife LoadJob::life(const KeyLoad& load) const {
    return life_by(rules_, cache_.core().chance,
                   std::chrono::ceil<std::chrono::milliseconds>(load.cost));
}

void LoadJob::found(KeyLoad& load, std::shared_ptr<const void> product,
                    std::shared_ptr<const PreparedEntry> entry) {
    load.state = KeyLoad::State::found;
    load.product = std::move(product);
    count(&Counters::loads);
    if (!is_awaited_) count(&Counters::refreshes);
    cache_.core().load_backoff.erase(load.flight_key);
    give(load);
    keep(load, std::move(entry));
}

void LoadJob::found_in_part(KeyLoad& load, std::shared_ptr<const void> product) {
    found(load, std::move(product), nullptr);
    load.is_partial = load.lead.has_value() && load.product;
}

void LoadJob::completed(KeyLoad& load, std::shared_ptr<const PreparedEntry> entry) {
    load.is_partial = false;
    keep(load, std::move(entry));
}

void LoadJob::missing(KeyLoad& load) {
    load.state = KeyLoad::State::missing;
    load.product = missing_product();
    count(&Counters::source_misses);
    cache_.core().load_backoff.erase(load.flight_key);
    give(load);
    PreparedEntry entry;
    if (!rules_.remember_missing.is_over()) {
        entry = prepare_known_missing(cache_, load.key, rules_.remember_missing);
    } else if (!load.standing.empty()) {  // what is stale is not there any more
        entry = removal_of(load);
    } else {
        return;
    }
    keep(load, std::make_shared<const PreparedEntry>(std::move(entry)));
}

void LoadJob::kept_out(KeyLoad& load, std::shared_ptr<const void> product) {
    count(&Counters::kept_out);
    std::shared_ptr<const PreparedEntry> entry;
    if (!load.standing.empty()) entry = std::make_shared<const PreparedEntry>(removal_of(load));
    found(load, std::move(product), std::move(entry));
}

PreparedEntry LoadJob::removal_of(const KeyLoad& load) const {
    return prepare_removal(cache_, load.key, removal_life(rules_),
                           cache_.core().chance.number() | 1);
}

void LoadJob::spoiled(KeyLoad& load, std::exception_ptr error) {
    if (std::exchange(load.is_partial, false)) return;  // whoever waited has what was found
    load.state = KeyLoad::State::failed;
    load.error = error;
    if (load.lead) load.lead->fail(std::move(error));
}

void LoadJob::failed(KeyLoad& load, std::exception_ptr error) {
    count(&Counters::load_failures);
    if (is_sign_of_trouble(error)) {
        cache_.core().load_backoff.add(load.flight_key, error, now(), rules_.load_backoff,
                                       cache_.core().chance);
    }
    cache_.core().tell_failed_load(cache_.view(), load.key, error, !is_awaited_ || load.is_partial);
    spoiled(load, std::move(error));
}

void LoadJob::give(KeyLoad& load) {
    if (!load.lead || !load.product) return;
    const SteadyTime at = now();
    const Lifetime fresh = rules_.expires;
    const bool ends = !fresh.is_never() && fresh.duration() < SteadyTime::max() - at;
    load.lead->give(load.product, ends ? at + fresh.duration() : SteadyTime::max());
}

void LoadJob::keep(KeyLoad& load, std::shared_ptr<const PreparedEntry> entry) {
    if (!entry || !load.lead || (stores_ && !load.basis.is_known)) return;
    load.entry = std::move(entry);
    load.made_at = now();
    if (!stores_) return;
    to_store_.push_back(&load);
    if (load.made_at - to_store_.front()->made_at >= longest_hold) store_what_came();
}

void LoadJob::store_if_slow(const KeyLoad& load) {
    if (stores_ && now() - load.began >= longest_hold) store_what_came();
}

/// As what it has to be written, so that nothing is lost that came meanwhile.
std::optional<Store> LoadJob::how_to_store(const KeyLoad& load) const noexcept {
    if (!load.basis.is_there) return Store::add;
    if (load.basis.is_damaged) return Store::set;
    if (cache_.capabilities().compare_and_set) return Store::compare_and_set;
    if (load.basis.holds_place) return std::nullopt;
    return Store::set;
}

/// Never fails a call: what goes wrong is counted.
void LoadJob::store_what_came() {
    std::vector<KeyLoad*> came = std::exchange(to_store_, {});
    if (came.empty()) return;
    // Of a longer one nobody knows any more what was removed meanwhile.
    const auto is_too_late = [&](const KeyLoad* each) {
        return now() - each->first_began.value() > longest_load(rules_).duration();
    };
    for (auto late = std::erase_if(came, is_too_late); late > 0; --late) {
        count(&Counters::overtaken_loads);
    }
    for (const auto how : {Store::add, Store::compare_and_set, Store::set}) {
        std::vector<KeyLoad*> part;
        for (KeyLoad* const each : came) {
            if (how_to_store(*each) == how) part.push_back(each);
        }
        if (!part.empty()) store(how, part);
    }
}

/// Whether what was there has come to its end meanwhile, and the backend may have dropped it.
bool LoadJob::has_gone(const KeyLoad& load) const {
    const auto standing = open_entry(load.standing, load.key.in_envelope()).entry;
    if (!standing || !standing->envelope.fresh_until) return false;
    const std::chrono::milliseconds ended =
        wall_time(cache_) - std::max(*standing->envelope.fresh_until, WallTime{});
    return ended >= std::chrono::milliseconds{0} && Lifetime{ended} >= rules_.kept_stale();
}

/// Where nothing is left to be replaced, it is as good as if nothing had been found.
void LoadJob::add_where_gone(std::span<KeyLoad* const> sent, std::span<const Entry> entries,
                             std::span<Outcome> outcomes) {
    std::vector<Entry> added;
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < sent.size(); ++i) {
        // A lease does not go by itself before its load is done.
        if (!outcomes[i].declined() || sent[i]->is_leased || !has_gone(*sent[i])) continue;
        added.push_back(entries[i]);
        places.push_back(i);
    }
    if (added.empty()) return;
    std::vector<Outcome> outcomes_of_added(added.size());
    count_round_trip();
    cache_.store_many(Store::add, added, outcomes_of_added);
    for (std::size_t i = 0; i < places.size(); ++i) {
        outcomes[places[i]] = std::move(outcomes_of_added[i]);
    }
}

void LoadJob::store(Store how, std::span<KeyLoad* const> loads) {
    std::vector<Entry> entries;
    std::vector<KeyLoad*> sent;
    std::vector<Outcome> outcomes;
    entries.reserve(loads.size());
    sent.reserve(loads.size());
    // From here on a removal in this process waits: none of the user's code runs.
    for (KeyLoad* const each : loads) {
        Lifetime lifetime = each->entry->lifetime;
        if (!lifetime.is_never()) {
            const auto held = now() - each->made_at;
            if (held >= lifetime.duration()) continue;
            lifetime = lifetime.duration() - held;
        }
        if (each->lead && !each->lead->begin_storing()) {
            count(&Counters::overtaken_loads);
            continue;
        }
        entries.push_back({each->key.stored, each->entry->bytes, lifetime, each->basis.token});
        sent.push_back(each);
    }
    if (entries.empty()) return;
    outcomes.resize(entries.size());
    try {
        count_round_trip();
        cache_.store_many(how, entries, outcomes);
        if (how == Store::compare_and_set) add_where_gone(sent, entries, outcomes);
    } catch (...) {
        for (auto& outcome : outcomes) outcome = Failure{std::current_exception()};
        cache_.core().counters.store_failures += entries.size();
    }
    for (std::size_t i = 0; i < sent.size(); ++i) {
        // What nobody could tell about may have been written: the lease has gone then.
        sent[i]->is_leased = sent[i]->is_leased && outcomes[i].failed();
        sent[i]->is_stored = outcomes[i].done();
        if (outcomes[i].done()) own_.stores += 1;
        if (outcomes[i].declined()) count(&Counters::overtaken_loads);
        if (outcomes[i].failed()) own_.store_failures += 1;
        if (sent[i]->lead) sent[i]->lead->end_storing();
    }
    std::erase_if(sent, [](const KeyLoad* each) { return !each->is_stored; });
    try {
        if (!sent.empty()) follow_up(sent);
    } catch (...) {
        // What it would have stored can be done without.
    }
}

void LoadJob::count(Counter Counters::*counter) const noexcept {
    cache_.core().counters.*counter += 1;
    own_.*counter += 1;
}

}  // namespace cachemodel::detail
