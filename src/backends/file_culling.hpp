// cachemodel: keeps a file cache within its bound, and clean.
// SPDX-License-Identifier: MIT
#pragma once

#include "backends/file_entry.hpp"
#include "backends/file_location.hpp"
#include "backends/file_lock.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace cachemodel::file {

/// What stands on a shelf that may be ours. No directory is, not even one with an entry's name.
struct ShelfNames {
    std::vector<std::string> entries;
    std::vector<std::string> drafts;
    std::vector<std::string> directories;  ///< in the way of entries, whose names they have
};
ShelfNames names_on(const Descriptor& shelf);

/// Takes the place of one more entry on a shelf whose lock is held. False where there is none, or
/// nobody knows.
///
/// Errors: `DiskError`.
bool grow(const Root& root, unsigned shelf, std::uint64_t max_entries, Patience& patience);

/// Says that entries of a shelf whose lock is held are gone. Where the counts cannot be had, the
/// number stays too high until the next counting.
void shrink(const Root& root, unsigned number, const Descriptor& shelf,
            std::uint64_t count) noexcept;

/// Makes room for at least one entry where there is none, by what `FileOptions::cull_frequency`
/// says. Counts first what was not counted. Passes over shelves that the system forbids to use, and
/// counts nothing on them. What cannot be removed stays, and others go. The caller holds no lock.
///
/// Errors: `DiskError`.
void make_room(const Root& root, std::uint64_t max_entries, std::size_t cull_frequency,
               Milliseconds now, Patience& patience);

/// What becomes of drafts. A writer whose draft is removed writes another one.
enum class Drafts : std::uint8_t { keep, remove };

/// Removes every entry that it can, and gives back what it could not remove one for. With the
/// drafts go empty directories that are in the way of entries; others are what could not be
/// removed. The caller holds no lock.
///
/// Errors: `DiskError`.
std::optional<DiskError> remove_entries(const Root& root, Patience& patience, Drafts drafts);

}  // namespace cachemodel::file
