// cachemodel: entries of a cache, with the lifetimes that its backend cannot keep by itself.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/cache.hpp>
#include <cachemodel/detail/cbor.hpp>
#include <cachemodel/detail/key_text.hpp>
#include <cachemodel/detail/load_graph.hpp>
#include <cachemodel/lifetime.hpp>
#include <cachemodel/observer.hpp>

#include <cstddef>
#include <cstdint>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "envelope.hpp"

namespace cachemodel::detail {

WallTime wall_time(const Cache& cache);

/// Whether lifetimes need nothing but the backend.
inline bool keeps_all_lifetimes(const Cache& cache) {
    return cache.capabilities().lifetime_resolution <= std::chrono::milliseconds{1};
}

/// The lifetime that a backend is given for `lifetime`, and whether it would be kept exactly: a
/// backend may drop an entry up to one of its units early.
struct BackendLifetime {
    Lifetime lifetime;
    bool is_exact;
};
BackendLifetime backend_lifetime(Lifetime lifetime, const Capabilities& capabilities);

WallTime fresh_until(Lifetime lifetime, WallTime now);

/// How long an entry is fresh, how long it is kept after that, and what else it has to tell.
struct EntryLife {
    EntryLife(Lifetime fresh_) : fresh(fresh_) {}
    EntryLife(Lifetime fresh_, Lifetime kept_stale_, bool tells_end_)
        : fresh(fresh_), kept_stale(kept_stale_), tells_end(tells_end_) {}

    Lifetime fresh;
    Lifetime kept_stale = std::chrono::nanoseconds{0};
    bool tells_end = false;  ///< also where the backend needs no help
    std::optional<std::chrono::milliseconds> load_cost = {};

    /// For how long it is kept; over where it is not to be stored at all.
    Lifetime in_all() const;
};

/// An entry as it is sent.
struct PreparedEntry {
    std::string bytes;
    Lifetime lifetime;
};

/// An entry with all but its body and its end.
PreparedEntry begin_prepared(const Cache& cache, const EntryKey& key, const EntryLife& life);

/// An entry whose body `write` writes. Errors: those of `write`.
template <class Write>
PreparedEntry prepare_entry(const Cache& cache, const EntryKey& key, const EntryLife& life,
                            Write write) {
    PreparedEntry entry = begin_prepared(cache, key, life);
    CborWriter writer{entry.bytes};
    write(writer);
    end_entry(entry.bytes);
    return entry;
}

/// The epoch of a removal.
std::uint64_t new_epoch(const Cache& cache);

/// What stands for a value that was removed, for so long that no load which began earlier can store
/// its own any more. Readers find nothing.
PreparedEntry prepare_removal(const Cache& cache, const EntryKey& key, Lifetime life,
                              std::uint64_t epoch);
/// "The source has none."
PreparedEntry prepare_known_missing(const Cache& cache, const EntryKey& key, Lifetime life);

/// The entry of a value (`standing`), or of none where that is empty, with a lease or without one.
/// What holds a place does so for `life`, as a lease does; a value without one stays for as long as
/// it is kept.
PreparedEntry prepare_lease(const Cache& cache, const EntryKey& key, std::string_view standing,
                            std::uint64_t epoch, std::optional<EntryLease> lease, Lifetime life,
                            Lifetime kept_stale);

/// An entry as it is, but for its key and its end.
PreparedEntry renewed(const Cache& cache, const EntryKey& key, const OpenedEntry& entry,
                      const EntryLife& life);

/// What a sound entry holds at this moment, without regard to how long it may be served stale.
struct FoundEntry {
    std::optional<OpenedEntry> entry;                ///< sound, and of the right key
    MissReason reason = MissReason::nothing_stored;  ///< where there is no fresh value
    /// For how long its end has passed; zero where it has none, or not yet.
    std::chrono::milliseconds stale_for{0};

    bool is_value() const noexcept { return entry && !entry->body.empty(); }
    bool is_fresh_value() const noexcept { return is_value() && stale_for.count() == 0; }
};
FoundEntry look_at(const Cache& cache, std::string_view bytes, std::string_view envelope_key);

/// The value's entry, unless it is not sound, is over, or is of another key than the one that its
/// envelope should hold.
OpenResult open_living(const Cache& cache, std::string_view bytes, std::string_view envelope_key);

/// Reads a value's entry by `decode(reader)`: nothing where it could, or why it is a miss. What
/// converters of the user's throw is a miss too.
///
/// Errors: `std::bad_alloc`, `TooManyObjects`.
template <class Decode>
std::optional<MissReason> decode_entry(const OpenedEntry& entry, Decode decode) {
    CborReader reader{entry.body};
    try {
        if (decode(reader) && reader.at_end()) return std::nullopt;
    } catch (const std::bad_alloc&) {
        throw;
    } catch (const TooManyObjects&) {
        throw;
    } catch (...) {
        // The entry does not fit.
    }
    return reader.member_was_absent ? MissReason::member_absent : MissReason::undecodable;
}

/// The same of one that must be living.
template <class Decode>
std::optional<MissReason> read_entry(const Cache& cache, std::string_view bytes,
                                     std::string_view envelope_key, Decode decode) {
    const OpenResult opened = open_living(cache, bytes, envelope_key);
    return opened.entry ? decode_entry(*opened.entry, decode) : opened.reason;
}

/// The key of a value that the user gave a key to. Its envelope holds the final key.
EntryKey value_key(const Cache& cache, std::string_view key);

/// What is stored under one key, read when this is made.
class StoredEntry final : private ReadSink {
 public:
    /// `operation` is `get` or `peek`. Errors: `InvalidKey`, `std::bad_alloc`.
    StoredEntry(const Cache& cache, const EntryKey& key, Operation operation);
    StoredEntry(const StoredEntry&) = delete;
    StoredEntry& operator=(const StoredEntry&) = delete;

    /// Why nobody knows. The rest is as if nothing were there then.
    const std::optional<Failure>& failure() const noexcept { return failure_; }
    bool is_there() const noexcept { return is_there_; }
    std::string_view bytes() const noexcept { return bytes_; }
    std::uint64_t token() const noexcept { return token_; }
    /// It is an integer, without an envelope.
    bool is_counter() const noexcept { return is_counter_; }
    /// The entry, if it is sound and lives.
    const std::optional<OpenedEntry>& entry() const noexcept { return opened_.entry; }
    MissReason reason() const noexcept { return opened_.reason; }
    /// A reader would find it.
    bool is_living() const noexcept { return is_counter_ || opened_.entry; }

 private:
    void found(std::size_t index, std::string_view value, std::uint64_t token) noexcept override;
    void absent(std::size_t index) noexcept override;
    void unusable(std::size_t index, MissReason reason) noexcept override;
    void failed(std::size_t index, const Failure& failure) noexcept override;

    bool is_there_ = false;
    bool is_counter_ = false;
    std::string bytes_;
    std::uint64_t token_ = 0;
    OpenResult opened_{{}, MissReason::nothing_stored};
    std::optional<Failure> failure_;
};

/// Writes to `left` how long an entry has, or `otherwise` where nobody can tell. Declines where it
/// is over.
Outcome remaining_lifetime(const Cache& cache, const StoredEntry& stored, std::string_view key,
                           Lifetime otherwise, Lifetime& left);

/// Gives an entry another lifetime. One that carries its own end, or has to, is written again.
/// `may_hold_place` says that what stands there may be no value.
Outcome touch_entry(const Cache& cache, const EntryKey& key, const EntryLife& life,
                    bool may_hold_place = false);

/// Removes, and leaves in their place for `life` what keeps out the results of loads that began
/// earlier, if there is room for it. Also through a view that bypasses the cache. How many round
/// trips it took.
std::size_t remove_for_good(const Cache& cache, std::span<const EntryKey> keys, Lifetime life,
                            std::span<Outcome> outcomes);

/// Writes or gives back leases. Whose lease there is then, only another look tells.
std::vector<Outcome> store_leases(const Cache& cache, Store how, std::span<const Entry> entries);

/// As `Cache::store_many`, of what a load brings: decoded objects that have read the same are not
/// out of date.
void store_loaded(const Cache& cache, Store how, std::span<const Entry> entries,
                  std::span<Outcome> outcomes);

/// As `Cache::store_many`; but `Store::add` takes what is over for what is not there also where the
/// backend keeps it a little longer, and with a lifetime that is over only looks.
std::vector<Outcome> store_entries(const Cache& cache, Store how, std::span<const Entry> entries);

}  // namespace cachemodel::detail
