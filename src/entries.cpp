// cachemodel: entries of a cache, with the lifetimes that its backend cannot keep by itself.
// SPDX-License-Identifier: MIT
#include "entries.hpp"

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

PreparedEntry begin_prepared(const Cache& cache, const EntryKey& key, Lifetime lifetime) {
    const auto [backends, is_exact] = backend_lifetime(lifetime, cache.capabilities());
    const auto now = wall_time(cache);
    PreparedEntry entry{{}, backends};
    Envelope envelope{key.in_envelope(), now, {}};
    if (!is_exact) envelope.fresh_until = fresh_until(lifetime, now);
    begin_entry(entry.bytes, envelope);
    return entry;
}

PreparedEntry renewed(const Cache& cache, const EntryKey& key, const OpenedEntry& entry,
                      Lifetime lifetime) {
    const auto [backends, is_exact] = backend_lifetime(lifetime, cache.capabilities());
    Envelope envelope{key.in_envelope(), entry.envelope.written_at, {}};
    if (!is_exact) envelope.fresh_until = fresh_until(lifetime, wall_time(cache));
    PreparedEntry again{{}, backends};
    begin_entry(again.bytes, envelope);
    again.bytes += entry.body;
    end_entry(again.bytes);
    return again;
}

OpenResult open_living(const Cache& cache, std::string_view bytes, std::string_view envelope_key) {
    OpenResult opened = open_entry(bytes, envelope_key);
    if (opened.entry && opened.entry->envelope.fresh_until &&
        wall_time(cache) >= *opened.entry->envelope.fresh_until) {
        return {{}, MissReason::expired};
    }
    return opened;
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

Touched rewrite(const Cache& cache, const EntryKey& key, const BackendLifetime& backends,
                Lifetime lifetime) {
    const StoredEntry stored{cache, key, Operation::get};
    if (stored.failure()) return {Rewriting::done, *stored.failure()};
    if (!stored.is_there() || stored.reason() == MissReason::expired) {
        return {Rewriting::done, Outcome::declined_by_backend()};
    }
    // Only an entry can carry an end of its own; other bytes are there all the same.
    if (!stored.entry()) return {Rewriting::not_needed};
    if (backends.is_exact && !stored.entry()->envelope.fresh_until) return {Rewriting::not_needed};
    const PreparedEntry again = renewed(cache, key, *stored.entry(), lifetime);
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

Outcome touch_entry(const Cache& cache, const EntryKey& key, Lifetime lifetime) {
    const BackendLifetime backends = backend_lifetime(lifetime, cache.capabilities());
    // An entry that carries its own end, or has to, is written again; once more where it changed
    // meanwhile. Whoever wrote it meanwhile gave it its lifetime, if nothing needs to be written.
    constexpr int most_attempts = 3;
    for (int attempt = 0; !keeps_all_lifetimes(cache) && !lifetime.is_over(); ++attempt) {
        Touched touched = rewrite(cache, key, backends, lifetime);
        if (touched.how == Rewriting::done) return std::move(touched.outcome);
        if (touched.how == Rewriting::not_needed && attempt == 0) break;
        if (touched.how == Rewriting::not_needed || attempt == most_attempts - 1) return {};
    }
    const std::string_view stored = key.stored;
    Outcome outcome;
    // The lifetime itself: an integer has no end of its own that the backend must outlive.
    const bool is_first_step = keeps_all_lifetimes(cache) || lifetime.is_over();
    (is_first_step ? cache : cache.quietly()).touch_many({&stored, 1}, lifetime, {&outcome, 1});
    return outcome;
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
