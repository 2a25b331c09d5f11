// cachemodel: loads keys, in the caller's thread or in another one, and stores what came.
// SPDX-License-Identifier: MIT
#include "load_job.hpp"

#include <algorithm>
#include <utility>

#include "cache_core.hpp"
#include "load_limit.hpp"

namespace cachemodel::detail {

namespace {

using namespace std::chrono_literals;

/// What came is kept no longer than this, or than one run of a loader, to be stored with more.
constexpr auto longest_hold = 250ms;

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

std::string completion_key(const std::string& flight_key) { return flight_key + "\ncomplete"; }

SteadyTime deadline_in(Lifetime lifetime) {
    const auto start = std::chrono::steady_clock::now();
    const auto longest = SteadyTime::max() - start;
    return lifetime.duration() < longest ? start + lifetime.duration() : SteadyTime::max();
}

LoadJob::LoadJob(Cache cache, const LoadRules& rules, Counters& own)
    : cache_(std::move(cache)), rules_(rules), own_(own) {}

KeyLoad& LoadJob::add(KeyLoad load) {
    return *loads_.emplace_back(std::make_unique<KeyLoad>(std::move(load)));
}

void LoadJob::become_task(bool is_awaited) {
    is_awaited_ = is_awaited;
    is_task_ = completes_ = true;
    // The executor owns the task, and must not be owned by it.
    if (cache_.view().executor) cache_ = cache_.with_executor(nullptr);
}

void LoadJob::leave_to_fallback() noexcept {
    for (const auto& load : loads_) {
        if (load->state == KeyLoad::State::pending && load->has_fallback) {
            load->state = KeyLoad::State::left;
        }
    }
}

void LoadJob::lead() noexcept {
    for (const auto& load : loads_) {
        if (load->lead) load->lead->begin();
    }
}

void LoadJob::pause() noexcept {
    for (const auto& load : loads_) {
        if (load->lead) load->lead->pause();
    }
}

void LoadJob::run() {
    lead();
    while (!advance()) {
    }
}

/// What is ready is loaded and stored before anything is waited for.
void LoadJob::load_and_store(std::vector<KeyLoad*> wanted) {
    if (!wanted.empty()) load_within_limit(std::move(wanted));
    finish_what_came();
}

void LoadJob::finish_what_came() {
    if (completes_) {
        for (const auto& load : loads_) {
            if (load->is_partial) complete_or_leave(*load);
        }
    }
    settle();
}

/// Stores what came, gives its leases back, and lets its flights end.
void LoadJob::settle() {
    store_what_came();
    release_leases(Released::of_what_is_done);
    for (const auto& load : loads_) {
        if (load->state != KeyLoad::State::pending && !load->is_partial) load->lead.reset();
    }
}

std::unique_ptr<LoadJob> LoadJob::take_rest() {
    std::unique_ptr<LoadJob> rest;
    for (auto& load : loads_) {
        if (!load->is_partial || !load->lead) continue;
        if (!rest) {
            rest = make_successor();
            rest->owner_ = owner_;
        }
        load->lead->pause();
        rest->adopt(*rest->loads_.emplace_back(std::move(load)));
    }
    std::erase(loads_, nullptr);
    return rest;
}

void LoadJob::refresh() {
    is_refresh_ = true;
    std::vector<KeyLoad*> all;
    std::vector<KeyLoad*> led;
    for (const auto& load : loads_) {
        all.push_back(load.get());
        if (load->lead) led.push_back(load.get());
    }
    look_and_claim(std::move(led));
    load_within_limit(std::move(all));
    store_what_came();
}

void LoadJob::load_within_limit(std::vector<KeyLoad*> wanted) {
    const auto is_known = [](const KeyLoad* each) { return each->basis.is_known; };
    const auto border = std::stable_partition(wanted.begin(), wanted.end(), is_known);
    const std::span<KeyLoad* const> known{wanted.begin(), border};
    const std::span<KeyLoad* const> unknown{border, wanted.end()};
    if (unknown.empty() || cache_.is_bypass()) return load(wanted);
    LoadLimit& limit = cache_.core().load_limit;
    {
        const LoadLimit::Place at_once{limit, std::chrono::steady_clock::now()};
        if (at_once.is_given()) return load(wanted);
    }
    if (!known.empty()) {  // these wait for nobody
        load(known);
        finish_what_came();
    }
    const LoadLimit::Place place{limit, deadline_in(rules_.lease_wait)};
    if (place.is_given()) return load(unknown);
    const auto error = limit.refusal();
    for (KeyLoad* const each : unknown) {
        count(&Counters::refused_loads);
        spoiled(*each, error);
    }
}

// ---- what came

LoadJob::Run::Run(LoadJob& job, std::span<KeyLoad* const> loads) noexcept
    : job_(job), loads_(loads), running_(job.cache_.core().running_loads, loads.size()) {
    for (KeyLoad* const each : loads_) {
        each->began = job_.now();
        if (!each->first_began) each->first_began = each->began;
        if (each->lead) each->lead->set_running(true);
    }
}

LoadJob::Run::~Run() {
    for (KeyLoad* const each : loads_) {
        const auto took = job_.now() - each->began;
        each->cost += took;
        job_.cache_.core().latencies.loads.add(took);
        if (each->lead) each->lead->set_running(false);
    }
}

EntryLife LoadJob::life(const KeyLoad& load) const {
    return life_by(rules_, cache_.core().chance,
                   std::chrono::ceil<std::chrono::milliseconds>(load.cost));
}

void LoadJob::found(KeyLoad& load, std::shared_ptr<const void> product,
                    std::shared_ptr<const PreparedEntry> entry) {
    accept(load, std::move(product));
    keep(load, std::move(entry));
}

void LoadJob::accept(KeyLoad& load, std::shared_ptr<const void> product) {
    load.state = KeyLoad::State::found;
    load.product = std::move(product);
    if (is_counted()) count(&Counters::loads);
    if (!is_awaited_ && !cache_.is_bypass()) count(&Counters::refreshes);
    cache_.core().load_backoff.erase(load.flight_key);
    give(load);
}

void LoadJob::found_in_part(KeyLoad& load, std::shared_ptr<const void> product) {
    accept(load, std::move(product));
    load.is_partial = load.lead.has_value() && load.product;
}

/// What failed twice in a row is left alone as a loader is; whoever waits has the part.
void LoadJob::complete_or_leave(KeyLoad& load) {
    if (auto error = cache_.core().load_backoff.find(completion_key(load.flight_key), now())) {
        count(&Counters::backed_off);
        return spoiled(load, std::move(error));
    }
    complete(load);
}

void LoadJob::completed(KeyLoad& load, std::shared_ptr<const PreparedEntry> entry) {
    load.is_partial = false;
    cache_.core().load_backoff.erase(completion_key(load.flight_key));
    keep(load, std::move(entry));
}

void LoadJob::missing(KeyLoad& load) {
    load.state = KeyLoad::State::missing;
    load.product = missing_product(load);
    count(&Counters::source_misses);
    cache_.core().load_backoff.erase(load.flight_key);
    give(load);
    std::shared_ptr<const PreparedEntry> entry;
    if (!rules_.remember_missing.is_over()) {
        entry = std::make_shared<const PreparedEntry>(
            prepare_known_missing(cache_, load.key, rules_.remember_missing));
    } else if (!load.standing.empty()) {  // what is stale is not there any more
        entry = std::make_shared<const PreparedEntry>(removal_of(load));
    }
    keep(load, std::move(entry));
}

void LoadJob::kept_out(KeyLoad& load, std::shared_ptr<const void> product) {
    count(&Counters::kept_out);
    std::shared_ptr<const PreparedEntry> entry;
    if (!is_refresh_ && !load.standing.empty()) {
        entry = std::make_shared<const PreparedEntry>(removal_of(load));
    }
    found(load, std::move(product), std::move(entry));
}

PreparedEntry LoadJob::removal_of(const KeyLoad& load) const {
    return prepare_removal(cache_, load.key, removal_life(rules_), new_epoch(cache_));
}

void LoadJob::spoiled(KeyLoad& load, std::exception_ptr error) {
    load.is_partial = false;
    load.state = KeyLoad::State::failed;
    load.error = error;
    // Whoever waited for a part has it already.
    if (load.lead) load.lead->fail(std::move(error));
}

void LoadJob::failed(KeyLoad& load, std::exception_ptr error) {
    count(&Counters::load_failures);
    if (is_sign_of_trouble(error)) {
        cache_.core().load_backoff.add(
            load.is_partial ? completion_key(load.flight_key) : load.flight_key, error, now(),
            rules_.load_backoff, cache_.core().chance);
    }
    const bool is_unseen = !is_awaited_ || (load.is_partial && is_task_);
    cache_.core().tell_failed_load(cache_.view(), load.key, error, is_unseen);
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
    if (!load.lead) return;
    if (!entry || !is_to_be_stored(load)) {
        // It is not held up by the others of its load.
        if (!is_refresh_ && !load.is_leased) load.lead.reset();
        return;
    }
    load.entry = std::move(entry);
    load.made_at = now();
    to_store_.push_back(&load);
    if (is_refresh_) return;
    if (load.made_at - to_store_.front()->made_at >= longest_hold) settle();
}

void LoadJob::store_if_slow(const KeyLoad& load) {
    if (!is_refresh_ && now() - load.began >= longest_hold) settle();
}

bool LoadJob::is_to_be_stored(const KeyLoad& load) const noexcept {
    // Where its lease has gone at once, what comes and goes meanwhile would not be seen.
    const bool is_unseen =
        !load.basis.is_there && (load.was_leased || (is_refresh_ && uses_leases_));
    return load.basis.is_known && !is_unseen;
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
            if (how_to_store(cache_, each->basis) == how) part.push_back(each);
        }
        if (!part.empty()) store(how, part);
    }
}

/// Whether what was there has come to its end meanwhile, and the backend may have dropped it.
bool LoadJob::has_gone(const KeyLoad& load) const {
    // A lease would have kept it. Something newer may have ended, too.
    if (uses_leases_) return false;
    // Who removes it in this process keeps this one from being stored, and waits until it is.
    if (is_refresh_ && stores_alone(cache_)) return true;
    const auto standing = open_entry(load.standing, load.key.in_envelope()).entry;
    return standing && is_past(cache_, standing->envelope.fresh_until, rules_.kept_stale());
}

/// What is being stored in one round trip.
struct LoadJob::Sent {
    std::vector<KeyLoad*> loads;
    std::vector<Entry> entries;
    std::vector<Outcome> outcomes;

    void store(const Cache& cache, Store how, std::span<const Entry> some,
               std::span<Outcome> its_outcomes) const {
        // That there is none, where there was one, is news.
        const bool is_news = std::ranges::any_of(
            loads, [](const KeyLoad* each) { return each->state == KeyLoad::State::missing; });
        is_news ? cache.store_many(how, some, its_outcomes)
                : store_loaded(cache, how, some, its_outcomes);
    }
    /// Stores some of them once more.
    void store_again(const Cache& cache, Store how, std::span<const std::size_t> places) {
        std::vector<Entry> again;
        for (const std::size_t place : places) again.push_back(entries[place]);
        std::vector<Outcome> now(again.size());
        store(cache, how, again, now);
        for (std::size_t i = 0; i < places.size(); ++i) outcomes[places[i]] = std::move(now[i]);
    }
};

/// Where nothing is left to be replaced, it is as good as if nothing had been found.
void LoadJob::add_where_gone(Sent& sent) {
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < sent.loads.size(); ++i) {
        // A lease does not go by itself before its load is done.
        if (!sent.outcomes[i].declined() || sent.loads[i]->is_leased) continue;
        if (has_gone(*sent.loads[i])) places.push_back(i);
    }
    if (places.empty()) return;
    count_round_trip();
    sent.store_again(cache_, Store::add, places);
}

/// Sees who has come in between.
class LoadJob::SecondLook final : public ReadSink {
 public:
    SecondLook(const Cache& cache, Sent& sent, std::span<const std::size_t> places)
        : cache_(cache), sent_(sent), places_(places) {
        std::vector<std::string_view> keys;
        for (const std::size_t place : places) keys.push_back(sent.entries[place].key);
        cache.quietly().read_many(keys, *this);
    }

    /// Those over which only leases have come.
    const std::vector<std::size_t>& unchanged() const noexcept { return unchanged_; }

 private:
    void found(std::size_t index, std::string_view bytes, std::uint64_t token) noexcept override {
        try {
            const std::size_t place = places_[index];
            KeyLoad& load = *sent_.loads[place];
            const FoundEntry standing = look_at(cache_, bytes, load.key.in_envelope());
            const Basis basis = Basis::of(standing, token);
            if (basis.chain != load.basis.chain) return;
            if (!standing.is_value() && !basis.holds_place) return;
            // Whoever takes over a lease leaves another one.
            if (load.is_leased && !standing.entry->envelope.lease) return;
            load.basis = basis;
            sent_.entries[place].token = token;
            unchanged_.push_back(place);
        } catch (...) {
            // No memory. It counts as changed.
        }
    }
    void absent(std::size_t) noexcept override {}
    void failed(std::size_t, const Failure&) noexcept override {}

    const Cache& cache_;
    Sent& sent_;
    std::span<const std::size_t> places_;
    std::vector<std::size_t> unchanged_;
};

/// A load that takes longer than its lease is overtaken by other leases, and yet by nothing that is
/// newer.
void LoadJob::store_over_leases(Sent& sent) {
    constexpr int most_attempts = 3;
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < sent.loads.size(); ++i) {
        if (sent.loads[i]->basis.chain != 0) places.push_back(i);
    }
    for (int attempt = 0; attempt < most_attempts; ++attempt) {
        std::erase_if(places, [&](std::size_t i) { return !sent.outcomes[i].declined(); });
        if (places.empty()) return;
        count_round_trip();
        places = SecondLook{cache_, sent, places}.unchanged();
        if (places.empty()) return;
        count_round_trip();
        sent.store_again(cache_, Store::compare_and_set, places);
    }
}

/// The value that is there is older than one that has no room.
void LoadJob::remove_where_no_room(const Sent& sent) {
    std::vector<PreparedEntry> prepared;
    std::vector<Entry> entries;
    prepared.reserve(sent.loads.size());
    for (std::size_t i = 0; i < sent.loads.size(); ++i) {
        KeyLoad& load = *sent.loads[i];
        if (load.standing.empty() || !has_no_room(sent.outcomes[i])) continue;
        const auto& entry = prepared.emplace_back(removal_of(load));
        entries.push_back({load.key.stored, entry.bytes, entry.lifetime, load.basis.token});
        load.is_leased = false;
    }
    if (entries.empty()) return;
    count_round_trip();
    (void)store_leases(cache_, Store::compare_and_set, entries);
}

void LoadJob::store(Store how, std::span<KeyLoad* const> loads) {
    Sent sent;
    const ToldLater told_later{cache_.core()};
    // From here on who has to waits for this: none of the user's code runs.
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
        sent.entries.push_back({each->key.stored, each->entry->bytes, lifetime, each->basis.token});
        sent.loads.push_back(each);
    }
    if (sent.entries.empty()) return;
    sent.outcomes.resize(sent.entries.size());
    try {
        count_round_trip();
        sent.store(cache_, how, sent.entries, sent.outcomes);
        if (how == Store::compare_and_set) {
            add_where_gone(sent);
            if (uses_leases_) store_over_leases(sent);
            remove_where_no_room(sent);
        }
    } catch (...) {
        for (auto& outcome : sent.outcomes) outcome = Failure{std::current_exception()};
        cache_.core().counters.store_failures += sent.entries.size();
    }
    std::vector<KeyLoad*> stored;
    for (std::size_t i = 0; i < sent.loads.size(); ++i) {
        KeyLoad& load = *sent.loads[i];
        const Outcome& outcome = sent.outcomes[i];
        // Where nobody could tell, the lease may have gone; else it ends by itself.
        load.is_leased = load.is_leased && has_no_room(outcome);
        load.is_stored = outcome.done();
        if (outcome.done() && is_counted()) own_.stores += 1;
        if (outcome.declined()) count(&Counters::overtaken_loads);
        if (outcome.failed() && is_counted()) own_.store_failures += 1;
        if (load.lead) load.lead->end_storing();
        if (load.is_stored) stored.push_back(&load);
    }
    try {
        if (!stored.empty()) follow_up(stored);
    } catch (...) {
        // What it would have stored can be done without.
    }
}

void LoadJob::count(Counter Counters::*counter) const noexcept {
    cache_.core().count(counter, own_);
}

}  // namespace cachemodel::detail
