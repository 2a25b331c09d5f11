// cachemodel: how many entries a file cache holds, without looking.
// SPDX-License-Identifier: MIT
#pragma once

#include "backends/file_location.hpp"
#include "backends/file_lock.hpp"

#include <array>
#include <cstdint>
#include <optional>

namespace cachemodel::file {

/// The number of entries on each shelf, in one file of the root, locked for as long as this object
/// lives. It is the last lock that anybody takes.
///
/// A shelf's number is changed by who holds the shelf's lock: before an entry is added, after one
/// was removed. So a process that is killed leaves a number that is too high, never too low, and
/// whoever counts the shelf under its lock sets it right. That of a shelf that is not there becomes
/// 0 under the lock of the counts alone: whoever makes the shelf adds to it afterwards. For the
/// same reason nobody lowers the number by what was on a shelf that was replaced.
class Counts {
 public:
    /// Errors: `DiskError`.
    Counts(const Root& root, Patience& patience);

    /// Not known as long as a shelf has not been counted.
    std::optional<std::uint64_t> total() const noexcept;
    bool is_known(unsigned shelf) const noexcept { return table_[shelf] != unknown; }
    bool is_zero(unsigned shelf) const noexcept { return table_[shelf] == 0; }

    void set(unsigned shelf, std::uint64_t count) noexcept;
    void add(unsigned shelf) noexcept;
    void subtract(unsigned shelf, std::uint64_t count) noexcept;

    /// Writes the numbers back.
    ///
    /// Errors: `DiskError`.
    void save();

 private:
    static constexpr std::uint32_t unknown = 0xffff'ffff;

    void load();

    HeldLock lock_;  // of the file itself
    std::array<std::uint32_t, shelf_count> table_{};
};

}  // namespace cachemodel::file
