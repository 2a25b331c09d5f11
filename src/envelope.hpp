// cachemodel: what surrounds the body of an entry.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/lookup.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cachemodel::detail {

using WallTime = std::chrono::time_point<std::chrono::system_clock, std::chrono::milliseconds>;

/// What the flags of an entry say; see `Envelope`.
namespace entry_flag {

inline constexpr unsigned fresh_until = 1;
inline constexpr unsigned load_cost = 2;
inline constexpr unsigned lease = 4;
inline constexpr unsigned epoch = 8;
inline constexpr unsigned known_missing = 16;
inline constexpr unsigned all = 31;

}  // namespace entry_flag

/// A promise to load, for others to wait for.
struct EntryLease {
    WallTime until;
    std::uint64_t owner;  ///< a random number
};

/// An entry is
///
///     0xCA 'M'  format (1)  flags  written-at  [fresh-until]  [load cost]  [leased-until  owner]
///     [epoch]  key length  key  body  checksum
///
/// Times are milliseconds since 1970 in 8 bytes, the load cost milliseconds in 4, owner and epoch 8
/// bytes, the key's length 4 bytes, the checksum XXH3-64 of all that precedes it; all of them
/// little-endian. The flags say what is there: 1 fresh-until, 2 load cost, 4 leased-until and
/// owner, 8 epoch. 16 says that the source is known to have none; an entry with an epoch or a lease
/// and neither a body nor this says nothing but that older loads are kept out. An entry with
/// another bit set belongs to a later release and is a miss.
struct Envelope {
    std::string_view key;
    WallTime written_at;
    std::optional<WallTime> fresh_until = {};
    std::optional<std::chrono::milliseconds> load_cost = {};
    std::optional<EntryLease> lease = {};
    /// Of a removal, a random odd number: what was read before has another one, or none. Leases
    /// pass on what was there before the first of them: that number; an odd one made of the time of
    /// writing, of an entry that was of no use; or a random even one where nothing was.
    std::optional<std::uint64_t> epoch = {};
    bool is_known_missing = false;

    /// Without a body, that it keeps older loads out. What has neither is damaged.
    bool holds_place() const noexcept { return (epoch || lease) && !is_known_missing; }
};

/// Whether this epoch, or 0 for none, says nothing of what was there before the first lease.
constexpr bool is_of_leases(std::uint64_t epoch) noexcept { return epoch % 2 == 0; }

/// Starts an entry; the body is appended after it.
void begin_entry(std::string& out, const Envelope& envelope);
/// Ends an entry that begins at the front of `out`.
void end_entry(std::string& out);

struct OpenedEntry {
    Envelope envelope;
    std::string_view body;
};

/// Takes an entry apart, whatever the bytes are. Views point into `bytes`.
///
/// Gives the reason instead where they are not a sound entry of `key`.
struct OpenResult {
    std::optional<OpenedEntry> entry;
    MissReason reason = MissReason::foreign;
};
OpenResult open_entry(std::string_view bytes, std::string_view key) noexcept;

}  // namespace cachemodel::detail
