// cachemodel: the verbs of Cache that depend on no type.
// SPDX-License-Identifier: MIT
#include <cachemodel/cache.hpp>

#include <limits>
#include <utility>

#include "cache_core.hpp"
#include "counter_text.hpp"
#include "entries.hpp"
#include "explanations.hpp"

namespace cachemodel {

namespace {

using detail::EntryKey;
using detail::StoredEntry;
using detail::value_key;

/// Whether it was done, or declined. Errors: the outcome's failure, unless the cache ignores it.
bool done_or_throw(const Cache& cache, Operation operation, const Outcome& outcome) {
    if (!outcome.failed()) return outcome.done();
    if (!cache.core().ignores(cache.view(), operation, outcome.failure())) {
        outcome.failure().rethrow();
    }
    return false;
}

/// The same for a counter, whose key an error names.
bool counted_or_throw(const Cache& cache, std::string_view key, const Outcome& outcome) {
    try {
        return done_or_throw(cache, Operation::increment, outcome);
    } catch (const NotAnInteger&) {
        throw NotAnInteger("the entry \"" + detail::shown_key(key) + "\" is not an integer");
    }
}

[[noreturn]] void throw_missing(std::string_view key) {
    throw Missing("cache entry", detail::shown_key(key));
}

/// Counts on a backend that does not: reads and writes, so that increments at the same time may be
/// lost where it cannot compare and set.
Outcome increment_by_hand(const Cache& cache, std::string_view key, std::int64_t delta,
                          std::int64_t& value) {
    constexpr int most_attempts = 1000;
    const EntryKey entry_key = value_key(cache, key);
    const bool compares = cache.capabilities().compare_and_set;
    for (int attempt = 0; attempt < most_attempts; ++attempt) {
        const StoredEntry stored{cache, entry_key, Operation::get};
        if (stored.failure()) return *stored.failure();
        if (!stored.is_there()) return Outcome::declined_by_backend();
        if (!stored.is_counter()) {
            return stored.is_living() ? Outcome{detail::not_an_integer()}
                                      : Outcome::declined_by_backend();
        }
        Outcome outcome = detail::add_to_counter(stored.bytes(), delta, value);
        if (!outcome.done()) return outcome;
        Lifetime left;
        outcome = detail::remaining_lifetime(cache, stored, key, cache.timeout(), left);
        if (!outcome.done()) return outcome;
        const std::string text = std::to_string(value);
        const Entry entry{key, text, left, stored.token()};
        const auto how = compares ? Store::compare_and_set : Store::set;
        cache.quietly().store_many(how, {&entry, 1}, {&outcome, 1});
        if (!outcome.declined()) return outcome;
    }
    return Failure{BackendFault::unavailable, "a counter changed all the time"};
}

Outcome increment(const Cache& cache, std::string_view key, std::int64_t delta,
                  std::int64_t& value) {
    if (cache.is_bypass()) return Outcome::declined_by_backend();
    if (!cache.capabilities().atomic_increment) {
        return increment_by_hand(cache, key, delta, value);
    }
    Outcome outcome;
    {
        const detail::FinalKeys final_keys{
            cache.core(), cache.view(), Operation::increment, {&key, 1}};
        outcome = cache.core().increment(cache.view(), final_keys.views().front(), delta, value);
    }
    const bool is_no_counter = outcome.failed() && !outcome.failure().fault();
    if (!is_no_counter || detail::keeps_all_lifetimes(cache)) return outcome;
    // What is no integer may be over, although the backend keeps it a little longer.
    const Cache quiet = cache.quietly();
    const StoredEntry stored{quiet, value_key(quiet, key), Operation::peek};
    return stored.reason() == MissReason::expired ? Outcome::declined_by_backend() : outcome;
}

Outcome add_counter(const Cache& cache, std::string_view key, std::int64_t value) {
    const std::string text = std::to_string(value);
    const Entry entry{key, text, cache.timeout()};
    return detail::store_entries(cache, Store::add, {&entry, 1}).front();
}

}  // namespace

bool Cache::store_one(Store how, const std::vector<Outcome>& outcomes) const {
    const auto operation = how == Store::add ? Operation::add : Operation::set;
    return done_or_throw(*this, operation, outcomes.front());
}

bool Cache::erase(std::string_view key) const {
    Outcome outcome;
    remove_many({&key, 1}, {&outcome, 1});
    return done_or_throw(*this, Operation::remove, outcome);
}

bool Cache::contains(std::string_view key) const {
    const StoredEntry stored{*this, value_key(*this, key), Operation::peek};
    if (stored.failure()) return done_or_throw(*this, Operation::peek, *stored.failure());
    return stored.is_living();
}

Explanation Cache::explain(std::string_view key) const {
    return detail::explain_entry(*this, value_key(*this, key), {.takes_counters = true});
}

bool Cache::touch(std::string_view key) const { return touch(key, timeout()); }

bool Cache::touch(std::string_view key, Lifetime lifetime) const {
    return done_or_throw(*this, Operation::touch,
                         detail::touch_entry(*this, value_key(*this, key), lifetime));
}

std::int64_t Cache::incr(std::string_view key, std::int64_t delta) const {
    std::int64_t value = 0;
    const Outcome outcome = increment(*this, key, delta, value);
    if (!counted_or_throw(*this, key, outcome)) throw_missing(key);
    return value;
}

std::int64_t Cache::incr(std::string_view key, std::int64_t delta, std::int64_t initial) const {
    constexpr int most_attempts = 100;
    const Cache quiet = quietly();
    for (int attempt = 0; attempt < most_attempts; ++attempt) {
        std::int64_t value = 0;
        const Outcome outcome = increment(attempt == 0 ? *this : quiet, key, delta, value);
        if (outcome.failed()) {
            (void)counted_or_throw(*this, key, outcome);
            return initial;
        }
        if (outcome.done()) return value;
        if (is_bypass()) return initial;
        if (initial < 0 && capabilities().counters_stop_at_zero) {
            throw Overflow("a counter of this backend cannot begin at " + std::to_string(initial));
        }
        const Outcome added = add_counter(quiet, key, initial);
        if (done_or_throw(*this, Operation::add, added) || added.failed()) return initial;
    }
    throw BackendError(BackendFault::unavailable, "a counter came and went all the time");
}

std::int64_t Cache::decr(std::string_view key, std::int64_t delta) const {
    if (delta == std::numeric_limits<std::int64_t>::min()) {
        throw Overflow("the number that is to be subtracted has no opposite in 64 bits");
    }
    return incr(key, -delta);
}

std::uint32_t Cache::incr_version(std::string_view key, std::int64_t delta) const {
    constexpr std::int64_t most = std::numeric_limits<std::uint32_t>::max();
    if (delta < -most || delta > most || version() + delta < 0 || version() + delta > most) {
        throw Overflow("version " + std::to_string(version()) + " and " + std::to_string(delta) +
                       " is no version");
    }
    const Cache quiet = quietly();  // one report of the key is enough
    const Cache target = quiet.with_version(static_cast<std::uint32_t>(version() + delta));
    const EntryKey from = value_key(*this, key);
    const StoredEntry stored{*this, from, Operation::get};
    if (stored.failure() && !done_or_throw(*this, Operation::get, *stored.failure())) {
        throw_missing(key);
    }
    // What is no entry of this library moves as it is.
    const bool is_raw = stored.is_there() && stored.reason() == MissReason::foreign;
    if (!stored.is_living() && !is_raw) throw_missing(key);
    // A key function may leave the version out: then the entry is there already.
    if (from.full == target.final_key(key)) return target.version();

    Lifetime left;
    const Outcome told = detail::remaining_lifetime(*this, stored, key, timeout(), left);
    if (!done_or_throw(*this, Operation::remaining_lifetime, told)) throw_missing(key);
    detail::PreparedEntry moved{std::string{stored.bytes()}, left};
    if (stored.entry())
        moved = detail::renewed(target, value_key(target, key), *stored.entry(), left);
    const Entry entry{key, moved.bytes, moved.lifetime};
    // Written before it is removed: what fails in between loses nothing.
    if (!target.store_one(Store::set, detail::replace_values(target, {&entry, 1}))) {
        throw_missing(key);
    }
    quiet.erase(key);
    return target.version();
}

std::uint32_t Cache::decr_version(std::string_view key, std::int64_t delta) const {
    if (delta == std::numeric_limits<std::int64_t>::min()) {
        throw Overflow("the number that is to be subtracted has no opposite in 64 bits");
    }
    return incr_version(key, -delta);
}

Lookup<std::string> Cache::get_raw(std::string_view key) const {
    const StoredEntry stored{*this, value_key(*this, key), Operation::get};
    const bool is_over = !stored.is_counter() && stored.reason() == MissReason::expired;
    if (stored.is_there() && !is_over) {
        core_->counters.hits += 1;
        return Lookup<std::string>{std::string{stored.bytes()}};
    }
    const auto reason = stored.reason();
    if (stored.failure()) {
        (void)core_->ignores(*view_, Operation::get, *stored.failure());
    } else {
        core_->counters.count_miss(reason);
    }
    return Lookup<std::string>{detail::make_answer(key, reason, stored.failure())};
}

bool Cache::set_raw(std::string_view key, std::string_view bytes) const {
    return set_raw(key, bytes, timeout());
}

bool Cache::set_raw(std::string_view key, std::string_view bytes, Lifetime lifetime) const {
    const Entry entry{key, bytes, lifetime};
    return store_one(Store::set, detail::replace_values(*this, {&entry, 1}));
}

std::vector<Outcome> detail::delete_keys(const Cache& cache,
                                         std::span<const std::string_view> keys) {
    std::vector<Outcome> outcomes(keys.size());
    cache.remove_many(keys, outcomes);
    cache.core().ignore_first(cache.view(), Operation::remove, outcomes);
    return outcomes;
}

}  // namespace cachemodel
