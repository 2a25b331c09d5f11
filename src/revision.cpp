// cachemodel: which state of an entry an object was read from.
// SPDX-License-Identifier: MIT
#include "revision.hpp"

#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cstdint>

namespace cachemodel::detail {

Revision revision_of(const OpenedEntry& entry) noexcept {
    // Neither its end nor a lease is part of it: who touches an entry, or promises to load it, has
    // not changed what it says.
    const std::string_view key = entry.envelope.key;
    const auto time = entry.envelope.written_at.time_since_epoch().count();
    const std::array<std::uint64_t, 3> parts{XXH3_64bits(key.data(), key.size()),
                                             static_cast<std::uint64_t>(time),
                                             XXH3_64bits(entry.body.data(), entry.body.size())};
    const std::uint64_t checksum = XXH3_64bits(parts.data(), sizeof parts);
    return {std::max(checksum, revision_of_part.checksum + 1)};
}

Revision revision_of(std::string_view bytes, const EntryKey& key) noexcept {
    const OpenResult opened = open_entry(bytes, key.in_envelope());
    return opened.entry ? revision_of(*opened.entry) : Revision{};
}

}  // namespace cachemodel::detail
