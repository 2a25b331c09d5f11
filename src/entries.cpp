// cachemodel: entries of a cache, with the lifetimes that its backend cannot keep by itself.
// SPDX-License-Identifier: MIT
#include "entries.hpp"

#include <algorithm>

#include "cache_core.hpp"
#include "counter_text.hpp"

namespace cachemodel::detail {

WallTime wall_time(const Cache& cache) {
    return std::chrono::floor<std::chrono::milliseconds>(cache.clock().wall());
}

BackendLifetime backend_lifetime(Lifetime lifetime, const Capabilities& capabilities) {
    const auto unit = capabilities.lifetime_resolution;
    if (lifetime.is_never() || lifetime.is_over()) return {lifetime, true};
    const auto wanted = lifetime.duration();
    const auto rest = wanted % unit;
    if (wanted >= 2 * unit && rest == unit.zero()) return {lifetime, true};
    if (unit <= std::chrono::milliseconds{1}) return {lifetime, true};
    const auto whole = rest == unit.zero() ? wanted : wanted - rest + unit;
    return {whole + unit, false};
}

WallTime fresh_until(Lifetime lifetime, WallTime now) {
    // In milliseconds: centuries from now do not fit into nanoseconds since 1970.
    return now + std::chrono::floor<std::chrono::milliseconds>(lifetime.duration());
}

namespace {

Lifetime sum(Lifetime a, Lifetime b) {
    if (a.is_never() || b.is_never()) return never;
    // Together they may be more than nanoseconds can count.
    return std::chrono::duration<long double, std::nano>{a.duration()} + b.duration();
}

}  // namespace

Lifetime EntryLife::in_all() const {
    return fresh.is_over() || kept_stale.is_over() ? fresh : sum(fresh, kept_stale);
}

namespace {

/// The end of an entry, as the entry and as the backend is to know it.
struct End {
    Lifetime backends;
    std::optional<WallTime> own = {};
};
End end_of(const Cache& cache, const EntryLife& life) {
    const bool is_kept = !life.fresh.is_over() && !life.kept_stale.is_over();
    const auto [backends, is_exact] = backend_lifetime(life.in_all(), cache.capabilities());
    End end{backends};
    const bool ends = !life.fresh.is_never() && !life.fresh.is_over();
    if (!is_exact || (ends && (is_kept || life.tells_end))) {
        end.own = fresh_until(life.fresh, wall_time(cache));
    }
    // Just before its end is when it is to be refreshed early: a backend must not drop it by then.
    const auto unit = cache.capabilities().lifetime_resolution;
    const bool may_go_early = is_exact && unit > std::chrono::milliseconds{1};
    if (end.own && !is_kept && may_go_early) end.backends = sum(end.backends, unit);
    return end;
}

/// For how long a value is still to be kept, stale or not.
Lifetime left_to_keep(const Cache& cache, const Envelope& envelope, Lifetime kept_stale) {
    if (!envelope.fresh_until || kept_stale.is_never()) return never;
    const std::chrono::duration<long double, std::nano> left =
        std::max(*envelope.fresh_until, WallTime{}) - wall_time(cache);
    const Lifetime kept = left + kept_stale.duration();
    return std::max(kept, Lifetime{std::chrono::seconds{1}});
}

}  // namespace

namespace {

/// An entry of now that says this, and lives like that. Its body is still to come.
PreparedEntry begun(const Cache& cache, const EntryKey& key, const EntryLife& life,
                    Envelope envelope) {
    const End end = end_of(cache, life);
    envelope.key = key.in_envelope();
    envelope.written_at = wall_time(cache);
    envelope.fresh_until = end.own;
    PreparedEntry entry{{}, end.backends};
    begin_entry(entry.bytes, envelope);
    return entry;
}

}  // namespace

PreparedEntry begin_prepared(const Cache& cache, const EntryKey& key, const EntryLife& life) {
    return begun(cache, key, life, {.load_cost = life.load_cost});
}

std::uint64_t new_epoch(const Cache& cache) { return cache.core().chance.number() | 1; }

PreparedEntry prepare_removal(const Cache& cache, const EntryKey& key, Lifetime life,
                              std::uint64_t epoch) {
    PreparedEntry entry = begun(cache, key, life, {.epoch = epoch});
    end_entry(entry.bytes);
    return entry;
}

PreparedEntry prepare_known_missing(const Cache& cache, const EntryKey& key, Lifetime life) {
    PreparedEntry entry = begun(cache, key, life, {.is_known_missing = true});
    end_entry(entry.bytes);
    return entry;
}

PreparedEntry prepare_lease(const Cache& cache, const EntryKey& key, std::string_view standing,
                            std::uint64_t epoch, std::optional<EntryLease> lease, Lifetime life,
                            Lifetime kept_stale) {
    const auto opened = open_entry(standing, key.in_envelope()).entry;
    Envelope envelope{.key = key.in_envelope(), .written_at = wall_time(cache)};
    PreparedEntry entry;
    if (opened) {
        envelope = opened->envelope;
        // A lease must not go before its load is done.
        const Lifetime left = left_to_keep(cache, envelope, kept_stale);
        entry.lifetime =
            backend_lifetime(lease ? std::max(left, life) : left, cache.capabilities()).lifetime;
    } else {
        const End end = end_of(cache, life);
        entry.lifetime = end.backends;
        envelope.fresh_until = end.own;
        if (epoch != 0) envelope.epoch = epoch;
    }
    envelope.lease = lease;
    begin_entry(entry.bytes, envelope);
    if (opened) entry.bytes += opened->body;
    end_entry(entry.bytes);
    return entry;
}

PreparedEntry renewed(const Cache& cache, const EntryKey& key, const OpenedEntry& entry,
                      const EntryLife& life) {
    const End end = end_of(cache, life);
    Envelope envelope = entry.envelope;
    envelope.key = key.in_envelope();
    envelope.fresh_until = end.own;
    PreparedEntry again{{}, end.backends};
    begin_entry(again.bytes, envelope);
    again.bytes += entry.body;
    end_entry(again.bytes);
    return again;
}

FoundEntry look_at(const Cache& cache, std::string_view bytes, std::string_view envelope_key) {
    OpenResult opened = open_entry(bytes, envelope_key);
    if (!opened.entry) return {{}, opened.reason};
    const Envelope& envelope = opened.entry->envelope;
    FoundEntry standing{opened.entry};
    if (envelope.fresh_until || envelope.lease) {
        const WallTime now = wall_time(cache);
        if (envelope.fresh_until && now >= *envelope.fresh_until) {
            // Never zero, so that an end that has come is one.
            standing.stale_for = std::max(now - std::max(*envelope.fresh_until, WallTime{}),
                                          std::chrono::milliseconds{1});
            standing.reason = MissReason::expired;
        } else if (!standing.is_value() && envelope.lease && now < envelope.lease->until) {
            standing.reason = MissReason::being_loaded;
        }
    }
    if (standing.is_value() || standing.reason != MissReason::nothing_stored) return standing;
    if (envelope.is_known_missing) {
        standing.reason = MissReason::known_missing;
    } else if (!envelope.holds_place()) {
        standing.reason = MissReason::undecodable;
    } else if (!is_of_leases(envelope.epoch.value_or(0))) {
        standing.reason = MissReason::removed;
    }
    return standing;
}

OpenResult open_living(const Cache& cache, std::string_view bytes, std::string_view envelope_key) {
    const FoundEntry standing = look_at(cache, bytes, envelope_key);
    if (!standing.is_fresh_value()) return {{}, standing.reason};
    return {standing.entry, {}};
}

EntryKey value_key(const Cache& cache, std::string_view key) {
    return {std::string{key}, cache.final_key(key)};
}

StoredEntry::StoredEntry(const Cache& cache, const EntryKey& key, Operation operation) {
    if (cache.is_bypass()) return;
    const std::string_view stored = key.stored;
    const FinalKeys final_keys{cache.core(), cache.view(), operation, {&stored, 1}};
    cache.core().get_many(cache.view(), final_keys.views(), *this, operation == Operation::peek);
    if (!is_there_) return;
    is_counter_ = parse_counter(bytes_).is_integer;
    opened_ = open_living(cache, bytes_, key.in_envelope());
}

void StoredEntry::found(std::size_t, std::string_view value, std::uint64_t token) noexcept {
    try {
        bytes_ = value;
        token_ = token;
        is_there_ = true;
    } catch (...) {
        failure_ = Failure{std::current_exception()};
    }
}
void StoredEntry::absent(std::size_t) noexcept {}
void StoredEntry::unusable(std::size_t, MissReason reason) noexcept { opened_.reason = reason; }
void StoredEntry::failed(std::size_t, const Failure& failure) noexcept { failure_ = failure; }

namespace {

/// Writes the entry again with another end, unless the backend can be told to change it.
enum class Rewriting : std::uint8_t { done, not_needed, changed_meanwhile };

struct Touched {
    Rewriting how;
    Outcome outcome = {};
};

/// Whether what stands there is no value, although it is an entry.
bool holds_place(MissReason reason) noexcept {
    return reason == MissReason::removed || reason == MissReason::being_loaded ||
           reason == MissReason::known_missing || reason == MissReason::nothing_stored;
}

Touched rewrite(const Cache& cache, const EntryKey& key, const EntryLife& life) {
    const StoredEntry stored{cache, key, Operation::get};
    if (stored.failure()) return {Rewriting::done, *stored.failure()};
    if (!stored.is_there() || stored.reason() == MissReason::expired) {
        return {Rewriting::done, Outcome::declined_by_backend()};
    }
    if (!stored.entry() && holds_place(stored.reason())) {
        return {Rewriting::done, Outcome::declined_by_backend()};
    }
    // Only an entry can carry an end of its own; other bytes are there all the same.
    if (!stored.entry()) return {Rewriting::not_needed};
    if (!end_of(cache, life).own && !stored.entry()->envelope.fresh_until) {
        return {Rewriting::not_needed};
    }
    const PreparedEntry again = renewed(cache, key, *stored.entry(), life);
    const Entry rewritten{key.stored, again.bytes, again.lifetime, stored.token()};
    Touched touched{Rewriting::done};
    cache.quietly().store_many(Store::compare_and_set, {&rewritten, 1}, {&touched.outcome, 1});
    if (touched.outcome.declined()) touched.how = Rewriting::changed_meanwhile;
    return touched;
}

/// An addition that was declined: what was there may be over, although the backend keeps it.
Outcome add_anew(const Cache& cache, const Entry& entry) {
    const bool only_looks = entry.lifetime.is_over();
    if (!only_looks && keeps_all_lifetimes(cache)) return Outcome::declined_by_backend();
    const StoredEntry stored{cache, value_key(cache, entry.key), Operation::peek};
    if (stored.failure()) return *stored.failure();
    if (only_looks) return stored.is_living() ? Outcome::declined_by_backend() : Outcome{};
    if (stored.reason() != MissReason::expired) return Outcome::declined_by_backend();
    Entry instead = entry;
    instead.token = stored.token();
    Outcome outcome;
    cache.store_many(Store::compare_and_set, {&instead, 1}, {&outcome, 1});
    return outcome;
}

}  // namespace

Outcome remaining_lifetime(const Cache& cache, const StoredEntry& stored, std::string_view key,
                           Lifetime otherwise, Lifetime& left) {
    Outcome outcome;
    if (stored.entry() && stored.entry()->envelope.fresh_until) {
        left = *stored.entry()->envelope.fresh_until - wall_time(cache);
    } else if (cache.capabilities().tells_lifetimes) {
        outcome = cache.core().remaining_lifetime(cache.view(), cache.final_key(key), left);
    } else {
        left = otherwise;
    }
    return outcome.done() && left.is_over() ? Outcome::declined_by_backend() : outcome;
}

Outcome touch_entry(const Cache& cache, const EntryKey& key, const EntryLife& life,
                    bool may_hold_place) {
    // An entry that carries its own end, or has to, is written again; once more where it changed
    // meanwhile. Whoever wrote it meanwhile gave it its lifetime, if nothing needs to be written.
    constexpr int most_attempts = 3;
    const bool looks = !life.fresh.is_over() && !cache.is_bypass() &&
                       (may_hold_place || !keeps_all_lifetimes(cache));
    for (int attempt = 0; looks; ++attempt) {
        Touched touched = rewrite(cache, key, life);
        if (touched.how == Rewriting::done) return std::move(touched.outcome);
        if (touched.how == Rewriting::not_needed && attempt == 0) break;
        if (touched.how == Rewriting::not_needed || attempt == most_attempts - 1) return {};
    }
    const std::string_view stored = key.stored;
    Outcome outcome;
    // The lifetime itself: an integer has no end of its own that the backend must outlive.
    (looks ? cache.quietly() : cache).touch_many({&stored, 1}, life.fresh, {&outcome, 1});
    return outcome;
}

namespace {

/// The entries with their final keys.
class FinalEntries {
 public:
    FinalEntries(const Cache& cache, Operation operation, std::span<const Entry> entries)
        : keys_(cache.core(), cache.view(), operation, keys_of(entries)),
          entries_(entries.begin(), entries.end()) {
        for (std::size_t i = 0; i < entries_.size(); ++i) entries_[i].key = keys_.views()[i];
    }
    std::span<const Entry> entries() const noexcept { return entries_; }

 private:
    static std::vector<std::string_view> keys_of(std::span<const Entry> entries) {
        std::vector<std::string_view> keys;
        keys.reserve(entries.size());
        for (const auto& entry : entries) keys.push_back(entry.key);
        return keys;
    }

    FinalKeys keys_;
    std::vector<Entry> entries_;
};

}  // namespace

std::size_t remove_for_good(const Cache& cache, std::span<const EntryKey> keys, Lifetime life,
                            std::span<Outcome> outcomes) {
    if (keys.empty()) return 0;
    std::vector<PreparedEntry> prepared;
    std::vector<Entry> entries;
    prepared.reserve(keys.size());
    entries.reserve(keys.size());
    for (const auto& key : keys) {
        const auto& entry =
            prepared.emplace_back(prepare_removal(cache, key, life, new_epoch(cache)));
        entries.push_back({key.stored, entry.bytes, entry.lifetime});
    }
    const FinalEntries final_entries{cache, Operation::remove, entries};
    CacheCore& core = cache.core();
    // Where there is no room nothing will keep out what is on its way to the backend.
    const auto await_storing = [&](std::size_t index) {
        const std::string flight_key = cache.final_key(keys[index].in_envelope());
        core.model_flights.await_storing(flight_key);
        core.call_flights.await_storing(flight_key);
    };
    return core.replace_many(cache.view(), final_entries.entries(), outcomes, await_storing);
}

std::vector<Outcome> store_leases(const Cache& cache, Store how, std::span<const Entry> entries) {
    std::vector<Outcome> outcomes(entries.size());
    if (entries.empty()) return outcomes;
    const FinalEntries final_entries{cache.quietly(), operation_of(how), entries};
    cache.core().store_leases(cache.view(), how, final_entries.entries(), outcomes);
    return outcomes;
}

void store_loaded(const Cache& cache, Store how, std::span<const Entry> entries,
                  std::span<Outcome> outcomes) {
    const auto is_over = [](const Entry& entry) { return entry.lifetime.is_over(); };
    if (cache.core().decoded() == nullptr || cache.is_bypass() ||
        std::ranges::any_of(entries, is_over)) {
        return cache.store_many(how, entries, outcomes);
    }
    const FinalEntries final_entries{cache, operation_of(how), entries};
    cache.core().store_loaded(cache.view(), how, final_entries.entries(), outcomes);
}

std::vector<Outcome> store_entries(const Cache& cache, Store how, std::span<const Entry> entries) {
    std::vector<Outcome> outcomes(entries.size());
    cache.store_many(how, entries, outcomes);
    if (how != Store::add || cache.is_bypass()) return outcomes;
    for (std::size_t i = 0; i < entries.size(); ++i) {
        if (outcomes[i].declined()) outcomes[i] = add_anew(cache.quietly(), entries[i]);
    }
    return outcomes;
}

}  // namespace cachemodel::detail
