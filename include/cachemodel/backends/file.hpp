// cachemodel: entries as files in a directory.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/backend.hpp>
#include <cachemodel/clock.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cachemodel {

class CacheUrl;

/// Where a `FileBackend` keeps its entries, and how many. Every option but `directory` may also
/// stand in the URL:
///
///     file:///var/cache/app?max_entries=20000&cull_frequency=4
///
/// Thread safety: that of a plain value.
struct FileOptions {
    /// An absolute path; in the URL its path. It is made when the first entry is stored, parents
    /// too, for this user alone, and again when somebody has deleted it. May lead through symbolic
    /// links, which are followed once. What exists already must belong to this user or to root and
    /// be writable by nobody else: not `/tmp` itself.
    std::string directory;

    /// How many entries at most, at least 1. The bound holds after every write, for all processes
    /// that share the directory together; each goes by its own number.
    std::size_t max_entries = 100'000;

    /// A full store removes a share of one in so many, at least one entry: first what has expired
    /// or is broken, then what was written or touched longest ago. More than some 1024 entries are
    /// not looked through but sampled, and the share is one of the sample. 0 and 1 remove
    /// everything.
    std::size_t cull_frequency = 3;

    /// The longest that a call may wait for other threads and processes in total: 1 ms to 1 h. What
    /// it could not have by then has failed with `timeout`. The disk's own time is not included, as
    /// no call to it can be interrupted, unless others make the same work necessary again.
    std::chrono::nanoseconds deadline = std::chrono::milliseconds{250};

    friend bool operator==(const FileOptions&, const FileOptions&) = default;
};

/// Entries as files, one each, that several processes of one user share and that outlive them.
/// `file:///var/cache/app`
///
/// A file's name is the SHA-256 of its key; the key stands in it and is compared. An entry appears
/// under its name whole or not at all, whenever the process is killed. Nothing is forced onto the
/// disk: a machine that crashes may lose entries, and those half written are found by their
/// checksum. What is truncated, altered, of another format version or no plain file at all is
/// absent, and replaced by the next write; reads tell why a plain file is of no use. Only a
/// directory with something in it stays, and every call on the key whose place it takes fails.
///
/// Readers take no lock. Writers of one key, and of what falls into the same of 256 directories,
/// go one after the other by `flock`, so add, compare-and-set, increment, touch and removal are
/// atomic among threads and processes; threads of one process in the order in which they came.
/// This needs a local file system: where directories cannot be locked, as on NFS, writing fails
/// with `unsupported`.
///
/// Lifetimes are whole milliseconds, rounded up, and follow `Clock::wall`, the same for all
/// processes; an entry is gone once that has reached its end. Every write gives its entry a new
/// token.
///
/// A failed write leaves nothing under its key if that can be helped. A full disk is `full`, what
/// the system forbids `permission`, anything else of it `unavailable`.
///
/// A child of `fork` may use the backend, also if other threads were using it at the time.
///
/// Thread safety: may be called concurrently.
/// Lifetime: the clock must outlive the backend.
class FileBackend final : public Backend {
 public:
    /// Creates nothing yet.
    ///
    /// Errors: `ConfigError` naming the option that makes no sense; also for a directory that is
    /// there and belongs to somebody else, or is writable by others. One that turns so later fails
    /// every call with `permission`.
    explicit FileBackend(FileOptions options, const Clock& clock = Clock::machine());
    ~FileBackend() override;

    FileBackend(const FileBackend&) = delete;
    FileBackend& operator=(const FileBackend&) = delete;

    const Capabilities& capabilities() const noexcept override;
    void get_many(std::span<const std::string_view> keys, ReadSink& sink) override;
    void store_many(Store how, std::span<const Entry> entries,
                    std::span<Outcome> outcomes) override;
    void remove_many(std::span<const std::string_view> keys, std::span<Outcome> outcomes) override;
    void touch_many(std::span<const std::string_view> keys, Lifetime lifetime,
                    std::span<Outcome> outcomes) override;

    /// Removes every entry and what killed writers have left. Other files in the directory stay.
    ///
    /// Errors: `BackendError`, after everything was removed that could be; it names the first that
    /// could not.
    void clear() override;

    /// Closes the directory; the next call opens it again.
    void close() noexcept override;

    Outcome increment(std::string_view key, std::int64_t delta, std::int64_t& value) override;
    Outcome remaining_lifetime(std::string_view key, Lifetime& left) override;

    /// Reads the head of every file, and skips what is broken or expired.
    ///
    /// Errors: `BackendError`.
    void list_keys(std::string_view prefix, KeySink& sink) override;

    /// `entries` and `bytes`, of files as they are, expired ones too, and the `directory`. Looks at
    /// every file.
    ///
    /// Errors: `BackendError`.
    std::vector<Fact> facts() override;

 private:
    class Implementation;
    std::unique_ptr<Implementation> implementation_;
};

/// Opens the backend of a `file://` URL; see `FileOptions`.
///
/// Thread safety: may be called concurrently, each time with another URL.
/// Errors: `ConfigError` naming the part of the URL or the option that makes no sense.
std::shared_ptr<Backend> open_file(CacheUrl& url, const Clock& clock);

}  // namespace cachemodel
