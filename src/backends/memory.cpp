// cachemodel: the backend in this process' own memory.
// SPDX-License-Identifier: MIT
#include <cachemodel/backends/memory.hpp>

#include <cachemodel/cache_url.hpp>

#include "at_fork.hpp"
#include "backends/memory_index.hpp"
#include "backends/memory_item.hpp"
#include "backends/memory_shard.hpp"
#include "config_problem_error.hpp"

#include <time.h>
#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <limits>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace cachemodel {

namespace {

using memory::end_of;
using memory::forever;
using memory::Index;
using memory::Item;
using memory::ItemReference;
using memory::Nanoseconds;

constexpr std::size_t most_shards = 1024;

Nanoseconds nanoseconds_of(std::chrono::steady_clock::time_point time) noexcept {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

/// How many parts: so few that none is too small for a large value, so many that none is so large
/// that growing its index halts its readers for long.
std::size_t choose_shards(const MemoryOptions& options) {
    constexpr std::size_t mib = std::size_t{1} << 20;
    constexpr std::size_t usual = 16;
    const std::size_t by_bytes =
        std::max(std::min(options.max_bytes / (4 * mib), usual), options.max_bytes / (64 * mib));
    const std::size_t fitting = std::min(by_bytes, options.max_entries / 1024);
    return std::clamp(std::bit_floor(fitting), std::size_t{1}, most_shards);
}

/// The machine's steady time at the kernel's last tick, some milliseconds ago; `forever` where the
/// system does not tell.
Nanoseconds last_tick() noexcept {
#ifdef CLOCK_MONOTONIC_COARSE
    timespec time{};
    if (clock_gettime(CLOCK_MONOTONIC_COARSE, &time) == 0) {
        return Nanoseconds{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
    }
#endif
    return forever;
}

/// Whether an entry has expired, for one call on many keys.
///
/// An exact time stops the processor from going ahead, which was measured to double the cost of a
/// hit. The last tick costs next to nothing, and tells of nearly every entry that it is alive: all
/// that have a second left, which is a hundred ticks and more.
class Expiry {
 public:
    explicit Expiry(const Clock& clock) noexcept : clock_(clock) {}

    bool is_over(Nanoseconds expires_at) noexcept {
        if (expires_at == forever) return false;
        if (tick_ == unread) tick_ = &clock_ == &Clock::machine() ? last_tick() : forever;
        constexpr Nanoseconds second = 1'000'000'000;
        if (tick_ < forever - second && tick_ + second < expires_at) return false;
        return memory::is_over(expires_at, now());
    }

    Nanoseconds now() noexcept {
        if (now_ == unread) now_ = nanoseconds_of(clock_.steady());
        return now_;
    }

 private:
    static constexpr Nanoseconds unread = std::numeric_limits<Nanoseconds>::min();

    const Clock& clock_;
    Nanoseconds tick_ = unread;
    Nanoseconds now_ = unread;
};

void require_at_least(std::string_view option, std::size_t value, std::size_t least) {
    if (value >= least) return;
    throw detail::wrong_option(option, "memory: " + std::string{option} + " is " +
                                           std::to_string(value) + ", it must be at least " +
                                           std::to_string(least));
}

/// The stores that have a name and are open. None is made or ends under the mutex.
///
/// Thread safety: may be called concurrently.
class NamedStores {
    using Store = std::shared_ptr<MemoryBackend>;

 public:
    /// Null where none has the name.
    Store find(const std::string& name) {
        const std::lock_guard lock{mutex_};
        const auto known = stores_.find(name);
        return known == stores_.end() ? nullptr : known->second.lock();
    }

    /// `fresh` itself, or the one that has the name.
    Store find_or_add(const std::string& name, Store fresh) {
        const std::lock_guard lock{mutex_};
        std::erase_if(stores_, [](const auto& store) { return store.second.expired(); });
        auto& known = stores_[name];
        auto store = known.lock();
        if (!store) known = store = std::move(fresh);
        return store;
    }

 private:
    detail::ForkSafe<std::mutex> mutex_;
    std::map<std::string, std::weak_ptr<MemoryBackend>> stores_;
};

NamedStores& named_stores() {
    // Never destroyed: caches may still be opened while the program ends.
    static auto& stores = *new NamedStores;
    return stores;
}
// Made before `main`: in a child that is forked while another thread makes it, it is never made.
[[maybe_unused]] const auto& early_stores = named_stores();

}  // namespace

MemoryBackend::MemoryBackend(const MemoryOptions& options, const Clock& clock)
    : options_(options),
      clock_(&clock),
      shard_count_(options.shards == 0 ? choose_shards(options) : options.shards) {
    if (shard_count_ > most_shards) {
        throw detail::wrong_option("shards", "memory: shards is " + std::to_string(shard_count_) +
                                                 ", it must be at most " +
                                                 std::to_string(most_shards));
    }
    require_at_least("max_bytes", options.max_bytes, MemoryOptions::least_bytes * shard_count_);
    require_at_least("max_entries", options.max_entries, shard_count_);

    // Not to be guessed from outside, so that nobody can choose keys that all fall on one place.
    std::random_device random;
    seed_ = std::uint64_t{random()} << 32 | random();

    const std::size_t bytes_each = options.max_bytes / shard_count_;
    shards_ = std::make_unique<Shard[]>(shard_count_);
    for (std::size_t i = 0; i < shard_count_; ++i) {
        shards_[i].set_up(bytes_each, options.max_entries / shard_count_, seed_);
    }

    // Key and value together: an index for one entry and the header go off, and 16 for rounding.
    constexpr std::size_t overhead = Index::bytes_of(Index::least_slots) + Item::cost(0) + 16;
    constexpr std::size_t countable = std::numeric_limits<std::uint32_t>::max();
    capabilities_.largest_value = std::min(bytes_each - overhead, countable);
    capabilities_.longest_key = capabilities_.largest_value;
    capabilities_.compare_and_set = true;
    capabilities_.atomic_increment = true;
    capabilities_.tells_lifetimes = true;
    capabilities_.lists_keys = true;
}

MemoryBackend::~MemoryBackend() = default;

std::uint64_t MemoryBackend::hash_of(std::string_view key) const noexcept {
    return XXH3_64bits_withSeed(key.data(), key.size(), seed_);
}

MemoryBackend::Shard& MemoryBackend::shard_of(std::uint64_t hash) const noexcept {
    // The upper half of the hash, stretched over the shards; the index uses the lower half.
    return shards_[(hash >> 32) * shard_count_ >> 32];
}

std::int64_t MemoryBackend::now() const noexcept { return nanoseconds_of(clock_->steady()); }

template <bool is_use>
void MemoryBackend::read_many(std::span<const std::string_view> keys, ReadSink& sink) {
    Expiry expiry{*clock_};
    for (std::size_t i = 0; i < keys.size(); ++i) {
        const std::uint64_t hash = hash_of(keys[i]);
        Shard& shard = shard_of(hash);
        const Shard::Found found = shard.find<is_use>(hash, keys[i]);
        if (!found.item) {
            sink.absent(i);
        } else if (expiry.is_over(found.expires_at)) {
            shard.reclaim(hash, *found.item, expiry.now());
            sink.absent(i);
        } else {
            sink.found(i, found.item->value(), found.item->token);
        }
    }
}

void MemoryBackend::get_many(std::span<const std::string_view> keys, ReadSink& sink) {
    read_many<true>(keys, sink);
}

void MemoryBackend::peek_many(std::span<const std::string_view> keys, ReadSink& sink) {
    read_many<false>(keys, sink);
}

Outcome MemoryBackend::store(Store how, const Entry& entry, Nanoseconds time) {
    const std::uint64_t hash = hash_of(entry.key);
    Shard& shard = shard_of(hash);
    const std::size_t most = capabilities_.largest_value;
    if (entry.key.size() > most || entry.value.size() > most - entry.key.size()) {
        if (how == Store::set) shard.remove(hash, entry.key, time);
        const std::size_t limit = most - std::min(most, entry.key.size());
        return Failure{ValueTooLarge{entry.value.size(), limit}};
    }
    ItemReference item{Item::make(entry.key, entry.value, end_of(entry.lifetime, time))};
    const bool stored = shard.store(how, hash, entry.token, std::move(item), time);
    return stored ? Outcome{} : Outcome::declined_by_backend();
}

void MemoryBackend::store_many(Store how, std::span<const Entry> entries,
                               std::span<Outcome> outcomes) {
    if (entries.empty()) return;
    const Nanoseconds time = now();
    for (std::size_t i = 0; i < entries.size(); ++i) outcomes[i] = store(how, entries[i], time);
}

void MemoryBackend::remove_many(std::span<const std::string_view> keys,
                                std::span<Outcome> outcomes) {
    if (keys.empty()) return;
    const Nanoseconds time = now();
    for (std::size_t i = 0; i < keys.size(); ++i) {
        const std::uint64_t hash = hash_of(keys[i]);
        const bool removed = shard_of(hash).remove(hash, keys[i], time);
        outcomes[i] = removed ? Outcome{} : Outcome::declined_by_backend();
    }
}

void MemoryBackend::touch_many(std::span<const std::string_view> keys, Lifetime lifetime,
                               std::span<Outcome> outcomes) {
    if (keys.empty()) return;
    const Nanoseconds time = now();
    const Nanoseconds end = end_of(lifetime, time);
    for (std::size_t i = 0; i < keys.size(); ++i) {
        const std::uint64_t hash = hash_of(keys[i]);
        const bool touched = shard_of(hash).touch(hash, keys[i], end, time);
        outcomes[i] = touched ? Outcome{} : Outcome::declined_by_backend();
    }
}

void MemoryBackend::clear() {
    for (std::size_t i = 0; i < shard_count_; ++i) shards_[i].clear();
}

Outcome MemoryBackend::increment(std::string_view key, std::int64_t delta, std::int64_t& value) {
    const std::uint64_t hash = hash_of(key);
    return shard_of(hash).increment(hash, key, delta, value, now());
}

Outcome MemoryBackend::remaining_lifetime(std::string_view key, Lifetime& left) {
    const std::uint64_t hash = hash_of(key);
    const Shard::Found found = shard_of(hash).find<false>(hash, key);
    const Nanoseconds time = now();
    if (!found.item || memory::is_over(found.expires_at, time)) {
        return Outcome::declined_by_backend();
    }
    left = found.expires_at == forever
               ? Lifetime{never}
               : Lifetime{std::chrono::nanoseconds{found.expires_at - time}};
    return {};
}

void MemoryBackend::list_keys(std::string_view prefix, KeySink& sink) {
    for (std::size_t i = 0; i < shard_count_; ++i) {
        std::vector<ItemReference> living;
        shards_[i].list(prefix, now(), living);
        for (const ItemReference& item : living) sink.key(item->key());
    }
}

std::vector<Fact> MemoryBackend::facts() {
    const MemoryUsage held = usage();
    return {{"", "entries", std::to_string(held.entries)},
            {"", "bytes", std::to_string(held.bytes)},
            {"", "evicted", std::to_string(held.evicted)},
            {"", "max_bytes", std::to_string(options_.max_bytes)}};
}

MemoryUsage MemoryBackend::usage() const {
    MemoryUsage sum;
    for (std::size_t i = 0; i < shard_count_; ++i) {
        const MemoryUsage usage = shards_[i].usage();
        sum.entries += usage.entries;
        sum.bytes += usage.bytes;
        sum.evicted += usage.evicted;
    }
    return sum;
}

std::shared_ptr<Backend> open_memory(CacheUrl& url, const Clock& clock) {
    const auto complaint =
        "memory:// takes one name, without a port, a user or a path: " + url.redacted();
    if (url.hosts().size() > 1 || !url.path().empty() ||
        (!url.hosts().empty() && url.hosts().front().port)) {
        throw detail::wrong_location(complaint);
    }
    if (!url.user().empty() || !url.password().empty()) throw detail::wrong_login(complaint);
    constexpr std::size_t most = std::numeric_limits<std::size_t>::max();
    const MemoryOptions defaults;
    MemoryOptions options;
    options.max_bytes =
        url.take_size("max_bytes", defaults.max_bytes, MemoryOptions::least_bytes, most);
    options.max_entries = url.take_integer("max_entries", defaults.max_entries, 1, most);
    options.shards = url.take_integer("shards", 0, 1, most_shards);

    const std::string name = url.hosts().empty() ? std::string{} : url.hosts().front().name;
    if (name.empty()) return std::make_shared<MemoryBackend>(options, clock);

    auto store = named_stores().find(name);
    if (!store) {
        store = named_stores().find_or_add(name, std::make_shared<MemoryBackend>(options, clock));
    }
    if (store->options() != options) {
        throw detail::wrong_location("memory://" + name + " is open with other options");
    }
    if (&store->clock() != &clock) {
        throw detail::wrong_location("memory://" + name + " is open with another clock");
    }
    return store;
}

}  // namespace cachemodel
