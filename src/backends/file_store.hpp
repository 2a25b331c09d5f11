// cachemodel: what is done with one entry of a file cache.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/backends/file.hpp>

#include "backends/file_entry.hpp"
#include "backends/file_location.hpp"
#include "backends/file_lock.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace cachemodel::file {

/// The calls of a backend on one key. Each may be begun anew where a `DiskError` says that
/// something went away. Where there is no directory, nothing is there, and only adding makes it.
///
/// Thread safety: may be called concurrently.
class EntryStore {
 public:
    /// Opens nothing.
    EntryStore(FileOptions options, const Clock& clock);

    const FileOptions& options() const noexcept { return options_; }
    Location& location() noexcept { return location_; }

    struct Found {
        std::string_view value;  ///< in the buffer
        std::uint64_t token = 0;
    };
    /// What is found, or why nothing is.
    struct Answer {
        Answer(const Found& what) : found(what) {}
        Answer(MissReason why) : reason(why) {}

        std::optional<Found> found;
        MissReason reason = MissReason::nothing_stored;
    };
    /// What has expired is as nothing.
    Answer read(std::string_view key, const EntryName& name, Buffer& buffer);

    Outcome store(Store how, const Entry& entry, const EntryName& name, Patience& patience);
    Outcome remove(std::string_view key, const EntryName& name, Patience& patience);
    Outcome touch(std::string_view key, const EntryName& name, Lifetime lifetime,
                  Patience& patience);
    Outcome increment(std::string_view key, std::int64_t delta, std::int64_t& value,
                      Patience& patience);
    Outcome remaining_lifetime(std::string_view key, Lifetime& left);

    void list_keys(std::string_view prefix, KeySink& sink);

    struct Usage {
        std::uint64_t entries = 0;
        std::uint64_t bytes = 0;
    };
    Usage usage();

    /// After a write that failed: what is still there is out of date. Without the lock, if it
    /// cannot be had; then it stays counted until the next counting. Fails silently.
    void discard(const EntryName& name);

 private:
    Milliseconds now() const noexcept { return milliseconds_of(clock_.wall()); }
    bool permits(const Descriptor& shelf, Store how, const Entry& wanted,
                 const EntryName& name) const;
    void purge(const Root& root, const EntryName& name, std::string_view key) const;

    FileOptions options_;
    const Clock& clock_;
    Location location_;
};

}  // namespace cachemodel::file
