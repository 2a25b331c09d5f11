// cachemodel: one entry as the bytes of a file.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/lifetime.hpp>
#include <cachemodel/lookup.hpp>

#include "backends/file_system.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace cachemodel::file {

// A file holds, numbers with the lowest byte first:
//
//      0   8  magic
//      8   4  format version
//     12   4  length of the key
//     16   8  length of the value
//     24   8  token, never 0
//     32   8  head check: XXH3-64 of the key, seeded with that of bytes 0 to 31
//     40   8  value check: XXH3-64 of the value, seeded with the head check
//     48   8  expiry: milliseconds since 1970-01-01 UTC, signed; the largest number for never
//     56   8  expiry check: XXH3-64 of the expiry, seeded with the head check
//     64      key, then value, and nothing after it
//
// The expiry has a check of its own, so that `touch` is one write of 16 bytes in place. Nothing
// else of a file is ever written again once it has its name.

using Milliseconds = std::int64_t;
constexpr Milliseconds forever = std::numeric_limits<Milliseconds>::max();

/// The one rule of expiry.
constexpr bool is_over(Milliseconds expires_at, Milliseconds now) noexcept {
    return expires_at != forever && now >= expires_at;
}
Milliseconds milliseconds_of(std::chrono::system_clock::time_point time) noexcept;
/// The end of a lifetime that begins at `time`, rounded up.
Milliseconds end_of(Lifetime lifetime, std::chrono::system_clock::time_point time) noexcept;

/// Where the entry of a key is: `3f/3f9a….cachemodel`, by its SHA-256.
class EntryName {
 public:
    explicit EntryName(std::string_view key);

    /// Relative to the root.
    const char* path() const noexcept { return path_.c_str(); }
    /// Relative to its shelf.
    const char* file() const noexcept { return path_.c_str() + 3; }
    /// Which of the 256 shelves.
    unsigned shelf() const noexcept { return shelf_; }

 private:
    std::string path_;
    unsigned shelf_;
};

bool is_entry_name(std::string_view name) noexcept;
bool is_draft_name(std::string_view name) noexcept;

/// Bytes that are kept for the next entry of the same call.
class Buffer {
 public:
    char* data() noexcept { return bytes_.get(); }
    /// Makes room for `size` bytes, of which the first `kept` stay.
    void reserve(std::size_t size, std::size_t kept);

 private:
    std::unique_ptr<char[]> bytes_;
    std::size_t size_ = 0;
};

/// What is to be known of an entry without its value.
struct Head {
    std::string_view key;  ///< in the buffer that it was read with
    std::uint64_t token = 0;
    Milliseconds expires_at = forever;
    std::uint64_t value_size = 0;
    std::uint64_t check = 0;
    std::uint64_t value_check = 0;
    std::size_t bytes_read = 0;  ///< so much of the file is in the buffer
};

/// A head, or why there is none.
struct HeadResult {
    HeadResult(const Head& found) : head(found) {}
    HeadResult(MissReason why) : reason(why) {}

    std::optional<Head> head;
    MissReason reason = MissReason::nothing_stored;
};

/// The head of an open file; none where it is no entry, or a broken one, of another version, or, if
/// `key` is given, of another key. What is no plain file is as nothing. A file that is long and
/// takes next to nothing of the disk counts as broken, so that a length alone reserves no memory;
/// one that is too short to be told from an entry that was cut, too.
///
/// Errors: `DiskError`.
HeadResult read_head(const Descriptor& file, Buffer& buffer,
                     std::optional<std::string_view> key = std::nullopt);
/// The value that belongs to `head`, in the buffer; none where it is broken.
std::optional<std::string_view> read_value(const Descriptor& file, const Head& head,
                                           Buffer& buffer);

/// Gives the entry another end, in place.
void write_expiry(const Descriptor& file, const Head& head, Milliseconds expires_at);

/// A whole entry under a name that nobody looks for, in the directory where it is to stand.
/// Removed with this object, unless it was published.
class Draft {
 public:
    /// Errors: `DiskError`, also where the file would exceed the limit of this process.
    Draft(const Descriptor& shelf, std::string_view key, std::string_view value,
          Milliseconds expires_at);
    ~Draft();
    Draft(const Draft&) = delete;
    Draft& operator=(const Draft&) = delete;

    /// Replaces what `name` is, whatever that was; not a directory that is not empty.
    void publish(const char* name);

 private:
    const Descriptor& shelf_;
    std::string name_;
};

}  // namespace cachemodel::file
