// cachemodel: what surrounds the body of an entry.
// SPDX-License-Identifier: MIT
#include "envelope.hpp"

#include <xxhash.h>

#include <algorithm>
#include <cstddef>
#include <limits>

namespace cachemodel::detail {

namespace {

constexpr std::string_view magic = "\xcaM";
constexpr char format = 1;
constexpr std::size_t checksum_size = 8;
/// Room that is made for a body at once: most fit, and the string need not grow step by step.
constexpr std::size_t usual_body_size = 256;

template <class Integer>
void append_little_endian(std::string& out, Integer value) {
    for (std::size_t i = 0; i < sizeof value; ++i) {
        out.push_back(static_cast<char>(value >> (8 * i)));
    }
}

/// Takes fixed-size pieces off the front; false where there are not enough bytes.
class Pieces {
 public:
    explicit Pieces(std::string_view bytes) noexcept : bytes_(bytes) {}

    template <class Integer>
    bool take(Integer& value) noexcept {
        std::string_view piece;
        if (!take(sizeof value, piece)) return false;
        value = 0;
        for (std::size_t i = 0; i < sizeof value; ++i) {
            value |= static_cast<Integer>(static_cast<unsigned char>(piece[i])) << (8 * i);
        }
        return true;
    }
    bool take(std::size_t size, std::string_view& piece) noexcept {
        if (bytes_.size() < size) return false;
        piece = bytes_.substr(0, size);
        bytes_.remove_prefix(size);
        return true;
    }
    bool take(WallTime& time) noexcept {
        std::uint64_t count = 0;
        if (!take(count)) return false;
        time = WallTime{std::chrono::milliseconds{static_cast<std::int64_t>(count)}};
        return true;
    }
    std::string_view rest() const noexcept { return bytes_; }

 private:
    std::string_view bytes_;
};

void append_time(std::string& out, WallTime time) {
    append_little_endian(out, static_cast<std::uint64_t>(time.time_since_epoch().count()));
}

void append_cost(std::string& out, std::chrono::milliseconds cost) {
    constexpr std::int64_t most = std::numeric_limits<std::uint32_t>::max();
    append_little_endian(out, static_cast<std::uint32_t>(
                                  std::clamp(std::int64_t{cost.count()}, std::int64_t{0}, most)));
}

unsigned flags_of(const Envelope& envelope) noexcept {
    return (envelope.fresh_until ? entry_flag::fresh_until : 0) |
           (envelope.load_cost ? entry_flag::load_cost : 0) |
           (envelope.lease ? entry_flag::lease : 0) | (envelope.epoch ? entry_flag::epoch : 0) |
           (envelope.is_known_missing ? entry_flag::known_missing : 0);
}

/// Takes what the flags say is there; false where there are not enough bytes.
bool take_optional(Pieces& pieces, unsigned flags, Envelope& envelope) noexcept {
    if ((flags & entry_flag::fresh_until) != 0 && !pieces.take(envelope.fresh_until.emplace())) {
        return false;
    }
    if ((flags & entry_flag::load_cost) != 0) {
        std::uint32_t cost = 0;
        if (!pieces.take(cost)) return false;
        envelope.load_cost = std::chrono::milliseconds{cost};
    }
    if ((flags & entry_flag::lease) != 0) {
        EntryLease& lease = envelope.lease.emplace();
        if (!pieces.take(lease.until) || !pieces.take(lease.owner)) return false;
    }
    if ((flags & entry_flag::epoch) != 0 && !pieces.take(envelope.epoch.emplace())) return false;
    envelope.is_known_missing = (flags & entry_flag::known_missing) != 0;
    return true;
}

}  // namespace

void begin_entry(std::string& out, const Envelope& envelope) {
    constexpr std::size_t fixed_size = 32;  // all but the key and the body, usually
    out.reserve(out.size() + fixed_size + envelope.key.size() + usual_body_size);
    out += magic;
    out += format;
    out += static_cast<char>(flags_of(envelope));
    append_time(out, envelope.written_at);
    if (envelope.fresh_until) append_time(out, *envelope.fresh_until);
    if (envelope.load_cost) append_cost(out, *envelope.load_cost);
    if (envelope.lease) {
        append_time(out, envelope.lease->until);
        append_little_endian(out, envelope.lease->owner);
    }
    if (envelope.epoch) append_little_endian(out, *envelope.epoch);
    append_little_endian(out, static_cast<std::uint32_t>(envelope.key.size()));
    out += envelope.key;
}

void end_entry(std::string& out) { append_little_endian(out, XXH3_64bits(out.data(), out.size())); }

OpenResult open_entry(std::string_view bytes, std::string_view key) noexcept {
    if (!bytes.starts_with(magic)) return {{}, MissReason::foreign};
    if (bytes.size() < magic.size() + 2 + checksum_size) return {{}, MissReason::corrupt};
    const unsigned flags = static_cast<unsigned char>(bytes[3]);
    const bool known = bytes[2] == format && (flags & ~entry_flag::all) == 0;

    std::uint64_t checksum = 0;
    const auto covered = bytes.substr(0, bytes.size() - checksum_size);
    Pieces{bytes.substr(covered.size())}.take(checksum);
    if (checksum != XXH3_64bits(covered.data(), covered.size())) {
        return {{}, known ? MissReason::corrupt : MissReason::unknown_format};
    }
    if (!known) return {{}, MissReason::unknown_format};

    OpenedEntry entry;
    Pieces pieces{covered.substr(magic.size() + 2)};
    std::uint32_t key_size = 0;
    if (!pieces.take(entry.envelope.written_at)) return {{}, MissReason::corrupt};
    if (!take_optional(pieces, flags, entry.envelope)) return {{}, MissReason::corrupt};
    if (!pieces.take(key_size) || !pieces.take(key_size, entry.envelope.key)) {
        return {{}, MissReason::corrupt};
    }
    if (entry.envelope.key != key) return {{}, MissReason::other_key};
    entry.body = pieces.rest();
    return {entry, {}};
}

}  // namespace cachemodel::detail
