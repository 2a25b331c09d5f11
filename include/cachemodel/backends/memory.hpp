// cachemodel: the backend in this process' own memory.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/backend.hpp>
#include <cachemodel/clock.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace cachemodel {

class CacheUrl;

/// How much a `MemoryBackend` may hold.
///
/// Thread safety: that of a plain value.
struct MemoryOptions {
    /// No bound: for `max_entries`.
    static constexpr std::size_t unlimited = Capabilities::unlimited;
    /// How small `max_bytes` may be, for every shard.
    static constexpr std::size_t least_bytes = 4096;

    /// Bytes of heap for all entries together: keys, values, headers and the index. At least 4 KiB
    /// for every shard.
    std::size_t max_bytes = std::size_t{64} << 20;
    /// How many entries at most; at least one for every shard.
    std::size_t max_entries = unlimited;
    /// Parts that are locked separately and share `max_bytes` and `max_entries` equally: 1 to 1024.
    /// 0 chooses: 16, or fewer, so that every one of them has 4 MiB and 1024 entries, or more, so
    /// that none has more than 128 MiB.
    std::size_t shards = 0;

    friend bool operator==(const MemoryOptions&, const MemoryOptions&) = default;
};

/// What a `MemoryBackend` holds at the moment.
///
/// Thread safety: that of a plain value.
struct MemoryUsage {
    std::size_t entries = 0;    ///< with those that expired and have not been removed yet
    std::size_t bytes = 0;      ///< of heap, counted as for `MemoryOptions::max_bytes`
    std::uint64_t evicted = 0;  ///< live entries that had to make room since the backend was made
};

/// Entries in this process' own memory. `memory://name?max_bytes=64MiB`
///
/// Bounded: what no longer fits makes room by S3-FIFO (Yang et al., "FIFO queues are all you need
/// for cache eviction", SOSP 2023). A live entry never leaves while its shard holds an expired one.
/// The bound holds after every write. A value may be as large as a shard, some 350 bytes less: with
/// the shards that are chosen 4 MiB or more, or all of `max_bytes` where that is less.
///
/// Lifetimes are exact to the nanosecond and follow `Clock::steady`. Every write gives its entry a
/// new token. Counts, tells lifetimes and lists its keys; `peek_many` and `remaining_lifetime` are
/// no use of an entry.
///
/// A child of `fork` has a copy, whatever other threads were doing at the time.
///
/// Thread safety: may be called concurrently. Readers of one shard do not exclude each other.
/// Lifetime: the clock must outlive the backend.
class MemoryBackend final : public Backend {
 public:
    /// Errors: `ConfigError` naming the option that is out of range.
    explicit MemoryBackend(const MemoryOptions& options = {},
                           const Clock& clock = Clock::machine());
    ~MemoryBackend() override;
    MemoryBackend(const MemoryBackend&) = delete;
    MemoryBackend& operator=(const MemoryBackend&) = delete;

    const Capabilities& capabilities() const noexcept override { return capabilities_; }

    void get_many(std::span<const std::string_view> keys, ReadSink& sink) override;
    void store_many(Store how, std::span<const Entry> entries,
                    std::span<Outcome> outcomes) override;
    void remove_many(std::span<const std::string_view> keys, std::span<Outcome> outcomes) override;
    void touch_many(std::span<const std::string_view> keys, Lifetime lifetime,
                    std::span<Outcome> outcomes) override;
    void clear() override;

    void peek_many(std::span<const std::string_view> keys, ReadSink& sink) override;
    Outcome increment(std::string_view key, std::int64_t delta, std::int64_t& value) override;
    Outcome remaining_lifetime(std::string_view key, Lifetime& left) override;
    /// One shard at a time, each as it was at one moment; the entries of that shard stay in memory
    /// until the sink has seen their keys.
    void list_keys(std::string_view prefix, KeySink& sink) override;
    /// `entries`, `bytes`, `evicted` as in `MemoryUsage`, and `max_bytes`.
    std::vector<Fact> facts() override;

    const MemoryOptions& options() const noexcept { return options_; }
    const Clock& clock() const noexcept { return *clock_; }
    MemoryUsage usage() const;

 private:
    class Shard;

    std::uint64_t hash_of(std::string_view key) const noexcept;
    Shard& shard_of(std::uint64_t hash) const noexcept;
    std::int64_t now() const noexcept;
    template <bool is_use>
    void read_many(std::span<const std::string_view> keys, ReadSink& sink);
    Outcome store(Store how, const Entry& entry, std::int64_t now);

    MemoryOptions options_;
    const Clock* clock_;
    Capabilities capabilities_;
    std::uint64_t seed_;
    std::size_t shard_count_;
    std::unique_ptr<Shard[]> shards_;
};

/// Opens `memory://` and `memory://name`.
///
/// Caches that are opened under one name share one store for as long as any of them lives; without
/// a name the store is private. Options, as in `MemoryOptions`: `max_bytes` (a size, 64MiB),
/// `max_entries` (a number, unlimited), `shards` (a number, chosen).
///
/// Thread safety: may be called concurrently, each time with another URL.
/// Errors: `ConfigError` when an option is out of range, when the name is in use with other options
/// or another clock, or when the URL has a port, a user, a path or several names.
std::shared_ptr<Backend> open_memory(CacheUrl& url, const Clock& clock);

}  // namespace cachemodel
