// cachemodel: decoded objects in front of a backend.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/clock.hpp>
#include <cachemodel/key_functions.hpp>
#include <cachemodel/lifetime.hpp>
#include <cachemodel/statistics.hpp>

#include <boost/intrusive/list.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "at_fork.hpp"
#include "counters.hpp"

namespace cachemodel::detail {

struct ModelTable;

/// What a decoded object is known by: its class and keys, and all that makes a read of the same
/// keys bring something else.
struct DecodedId {
    const ModelTable* table;
    std::size_t depth;  ///< levels of references
    KeyFunction key_function;
    std::uint32_t version;
    std::string_view prefix;
    std::string_view key;  ///< as `KeyBytes` has it

    friend bool operator==(const DecodedId&, const DecodedId&) noexcept = default;
};

/// What one entry was worth when it was about to be read.
struct DecodedStamp {
    static constexpr std::size_t none = static_cast<std::size_t>(-1);

    std::size_t place = none;
    std::uint64_t number = 0;
};

/// Objects as a load brought them, each for a short while, never changed, shared by all who ask.
///
/// What is out of date is not looked for, it shows: each final key has a place in a table of
/// numbers, many keys one place, and whoever writes under a key raises its number afterwards. An
/// object is good for as long as the numbers of all that it was made of are what they were before
/// any of it was read. So nothing gets in that was read before a change and comes after it.
///
/// Thread safety: may be called concurrently.
class DecodedTier {
 public:
    using Time = std::chrono::steady_clock::time_point;

    DecodedTier(std::size_t max_bytes, Lifetime expires, const Clock& clock);
    ~DecodedTier();
    DecodedTier(const DecodedTier&) = delete;
    DecodedTier& operator=(const DecodedTier&) = delete;

    std::size_t max_bytes() const noexcept { return max_bytes_; }

    /// Null where there is none, or none any more.
    std::shared_ptr<const void> find(const DecodedId& id) noexcept;
    /// For how long it will be given out; counts no hit.
    std::optional<Lifetime> left(const DecodedId& id) noexcept;

    /// Before the entry is read.
    DecodedStamp stamp(std::string_view final_key) const noexcept;
    /// What an object was made of, and when.
    struct Making {
        Time begun;                ///< before anything was read
        Lifetime longest = never;  ///< from then on, beside the tier's own
        Lifetime left = never;     ///< until the first of its entries ends, by their word
        std::size_t bytes = 0;     ///< that it is taken to need
        DecodedStamp stamp = {};   ///< of the object's own entry
        std::vector<DecodedStamp> more = {};  ///< of what it refers to
    };
    /// Without memory for it, or too large a one, it is not kept.
    void keep(const DecodedId& id, std::shared_ptr<const void> object, Making making) noexcept;

    /// After the backend was told of a change, however that went.
    void change(std::string_view final_key) noexcept;
    void change_all() noexcept;

    std::uint64_t hits() const noexcept;
    std::uint64_t hits(const ModelTable& table) const noexcept;
    DecodedUsage usage() const noexcept;

 private:
    struct Held;
    struct Shard;
    using Dead =
        Held*;  ///< a chain of them, destroyed when no lock is held: users' types are in it

    std::uint64_t hash_of(const DecodedId& id) const noexcept;
    Shard& shard_of(std::uint64_t hash) const noexcept;
    bool is_good(const DecodedStamp& stamp) const noexcept;
    bool is_good(const Held& entry, Time now) const noexcept;
    /// May be late by as much as the end of what is kept is early.
    Time now() const noexcept;
    static void destroy(Dead dead) noexcept;

    const std::size_t max_bytes_;
    const Lifetime expires_;
    const Clock& clock_;
    const std::chrono::nanoseconds lateness_;  ///< of `now`; zero where the clock itself is asked
    const std::uint64_t seed_;
    const std::size_t place_mask_;
    const std::size_t shard_count_;
    const std::unique_ptr<std::atomic<std::uint64_t>[]> numbers_;
    const std::unique_ptr<Shard[]> shards_;
};

}  // namespace cachemodel::detail
