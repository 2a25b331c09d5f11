// cachemodel: the backend in this process' own memory.
// SPDX-License-Identifier: MIT
#include <cachemodel/backends/memory.hpp>

#include <cachemodel/cache_url.hpp>

#include "backends/memory_index.hpp"
#include "backends/memory_item.hpp"

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
#include <shared_mutex>
#include <string>
#include <utility>
#include <vector>

namespace cachemodel {

namespace {

using memory::Discarded;
using memory::end_of;
using memory::forever;
using memory::Index;
using memory::is_over;
using memory::Item;
using memory::ItemReference;
using memory::Nanoseconds;
using memory::Queue;

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
    throw ConfigError{"memory: " + std::string{option} + " is " + std::to_string(value) +
                      ", it must be at least " + std::to_string(least)};
}

}  // namespace

/// A part with a lock of its own. On a cache line of its own, too: the lock is written all the
/// time.
class alignas(64) MemoryBackend::Shard {
 public:
    Shard() = default;
    Shard(const Shard&) = delete;
    Shard& operator=(const Shard&) = delete;
    ~Shard() {
        Discarded discarded;
        discard_all(discarded);
    }

    void set_up(std::size_t max_bytes, std::size_t max_entries, std::uint64_t seed) noexcept {
        max_bytes_ = max_bytes;
        max_entries_ = max_entries;
        seed_ = seed;
    }

    struct Found {
        ItemReference item;
        Nanoseconds expires_at = forever;
    };

    Found find(std::uint64_t hash, std::string_view key) {
        const std::shared_lock lock{mutex_};
        const std::size_t at = index_.find(hash, key);
        if (at == Index::none) return {};
        Item& item = *index_[at].item;
        item.count_use();
        item.refer();
        return {ItemReference{&item}, item.expires_at};
    }

    /// Takes `found` out if it is still there and still over: another thread may have touched it.
    void reclaim(std::uint64_t hash, const Item& found, Nanoseconds now) {
        Discarded discarded;
        const std::scoped_lock lock{mutex_};
        const std::size_t at = index_.find(hash, found.key());
        if (at == Index::none || index_[at].item != &found) return;
        if (is_over(found.expires_at, now)) erase(at, discarded);
    }

    bool store(Store how, std::uint64_t hash, std::uint64_t token, ItemReference fresh,
               Nanoseconds now) {
        Discarded discarded;
        const std::scoped_lock lock{mutex_};
        const std::size_t at = find_live(hash, fresh->key(), now, discarded);
        const bool is_there = at != Index::none;
        if (how == Store::add && is_there) return false;
        if (how == Store::compare_and_set && (!is_there || index_[at].item->token != token)) {
            return false;
        }
        if (is_there) {
            Item& old = *index_[at].item;
            fresh->in_main = old.in_main;
            fresh->frequency.store(old.frequency.load(std::memory_order_relaxed),
                                   std::memory_order_relaxed);
            fresh->count_use();
            if (bytes() - old.cost() + fresh->cost() <= max_bytes_) {
                index_[at].item = fresh.give_up();
                note_expiry(*index_[at].item);
                queue_of(old).replace(old, *index_[at].item);
                discarded.take(old);
                return true;
            }
            erase(at, discarded);
        } else {
            fresh->in_main = index_.forget_ghost(hash);
        }
        make_room(fresh->cost(), now, discarded);
        if (index_.reserve_another()) restart_round();
        Item& item = *fresh.give_up();
        note_expiry(item);
        index_.insert(hash, item);
        queue_of(item).push(item);
        return true;
    }

    bool remove(std::uint64_t hash, std::string_view key, Nanoseconds now) {
        Discarded discarded;
        const std::scoped_lock lock{mutex_};
        const std::size_t at = find_live(hash, key, now, discarded);
        if (at == Index::none) return false;
        erase(at, discarded);
        return true;
    }

    bool touch(std::uint64_t hash, std::string_view key, Nanoseconds end, Nanoseconds now) {
        Discarded discarded;
        const std::scoped_lock lock{mutex_};
        const std::size_t at = find_live(hash, key, now, discarded);
        if (at == Index::none) return false;
        Item& item = *index_[at].item;
        item.expires_at = end;
        item.count_use();
        note_expiry(item);
        return true;
    }

    void clear() {
        Discarded discarded;
        const std::scoped_lock lock{mutex_};
        discard_all(discarded);
    }

    MemoryUsage usage() const {
        const std::shared_lock lock{mutex_};
        return {index_.items(), bytes(), evicted_};
    }

 private:
    /// Slots of the index that are searched for expired entries before a live one makes room.
    static constexpr int slots_searched = 32;
    /// Entries that may be passed over for one that makes room.
    static constexpr int second_chances = 256;

    Queue& queue_of(const Item& item) noexcept { return item.in_main ? main_ : small_; }

    std::size_t bytes() const noexcept { return small_.bytes + main_.bytes + index_.bytes(); }

    bool has_room(std::size_t cost) const noexcept {
        return index_.items() < max_entries_ &&
               small_.bytes + main_.bytes + cost + index_.bytes_for_another() <= max_bytes_;
    }

    std::size_t find_live(std::uint64_t hash, std::string_view key, Nanoseconds now,
                          Discarded& discarded) noexcept {
        const std::size_t at = index_.find(hash, key);
        if (at == Index::none || !is_over(index_[at].item->expires_at, now)) return at;
        erase(at, discarded);
        return Index::none;
    }

    void erase(std::size_t at, Discarded& discarded) noexcept {
        Item& item = *index_[at].item;
        index_.erase(at);
        queue_of(item).remove(item);
        discarded.take(item);
    }

    void make_room(std::size_t cost, Nanoseconds now, Discarded& discarded) noexcept {
        if (!has_room(cost)) reclaim_some(now, discarded);
        while (!has_room(cost) && index_.items() > 0) evict_one(now, discarded);
        // What is still in the way is an index that was made for many more entries.
        if (!has_room(cost)) {
            index_.reset();
            restart_round();
        }
    }

    /// S3-FIFO: new entries wait in a small queue, a tenth of the bytes. Those that were used more
    /// than once by the time it is their turn move to the main queue, from which only entries that
    /// were not used during a whole turn are evicted. Where everything is in use, the turn is cut
    /// short: readers wait meanwhile.
    void evict_one(Nanoseconds now, Discarded& discarded) noexcept {
        for (int chances = second_chances;; --chances) {
            const bool from_main = main_.oldest != nullptr && small_.bytes <= main_.bytes / 9;
            Queue& queue = from_main ? main_ : small_;
            Item& item = *queue.oldest;
            const bool over = is_over(item.expires_at, now);
            const auto uses = item.frequency.load(std::memory_order_relaxed);
            if (over || uses <= (from_main ? 0 : 1) || chances == 0) {
                // The index finds by hash, and kept in the item it would cost every entry 8 bytes.
                const std::uint64_t hash =
                    XXH3_64bits_withSeed(item.key().data(), item.key().size(), seed_);
                if (!over && !from_main) index_.remember_ghost(hash);
                erase(index_.find(hash, item), discarded);
                if (!over) ++evicted_;
                return;
            }
            queue.remove(item);
            item.in_main = true;
            item.frequency.store(from_main ? static_cast<std::uint8_t>(uses - 1) : std::uint8_t{0},
                                 std::memory_order_relaxed);
            main_.push(item);
        }
    }

    /// Searches a bit of the index for expired entries, going round from call to call, unless
    /// nothing can have expired yet.
    void reclaim_some(Nanoseconds now, Discarded& discarded) noexcept {
        for (int i = 0; i < slots_searched && is_over(first_expiry_, now); ++i) {
            if (cursor_ >= index_.slots()) {
                first_expiry_ = std::exchange(first_expiry_of_round_, forever);
                cursor_ = 0;
                continue;
            }
            const Item* item = index_[cursor_].item;
            if (item != nullptr && is_over(item->expires_at, now)) {
                erase(cursor_, discarded);  // another may have moved here: look again
                continue;
            }
            if (item != nullptr) {
                first_expiry_of_round_ = std::min(first_expiry_of_round_, item->expires_at);
            }
            ++cursor_;
        }
    }

    void note_expiry(const Item& item) noexcept {
        first_expiry_ = std::min(first_expiry_, item.expires_at);
        first_expiry_of_round_ = std::min(first_expiry_of_round_, item.expires_at);
    }

    void restart_round() noexcept {
        cursor_ = 0;
        first_expiry_of_round_ = forever;
    }

    void discard_all(Discarded& discarded) noexcept {
        for (Queue* queue : {&small_, &main_}) {
            while (queue->oldest != nullptr) {
                Item& item = *queue->oldest;
                queue->remove(item);
                discarded.take(item);
            }
        }
        index_.reset();
        restart_round();
        first_expiry_ = forever;
    }

    mutable std::shared_mutex mutex_;
    Index index_;
    Queue small_;
    Queue main_;
    std::size_t max_bytes_ = 0;
    std::size_t max_entries_ = 0;
    std::uint64_t seed_ = 0;
    std::uint64_t evicted_ = 0;

    // No entry expires before `first_expiry_`, as far as is known. It is renewed when the cursor
    // has been round. An entry that moves past the cursor is not seen until the next round, which
    // costs some memory for a while and nothing else: expired is expired for every reader.
    std::size_t cursor_ = 0;
    Nanoseconds first_expiry_ = forever;
    Nanoseconds first_expiry_of_round_ = forever;
};

MemoryBackend::MemoryBackend(const MemoryOptions& options, const Clock& clock)
    : options_(options),
      clock_(&clock),
      shard_count_(options.shards == 0 ? choose_shards(options) : options.shards) {
    if (shard_count_ > most_shards) {
        throw ConfigError{"memory: shards is " + std::to_string(shard_count_) +
                          ", it must be at most " + std::to_string(most_shards)};
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

void MemoryBackend::get_many(std::span<const std::string_view> keys, ReadSink& sink) {
    Expiry expiry{*clock_};
    for (std::size_t i = 0; i < keys.size(); ++i) {
        const std::uint64_t hash = hash_of(keys[i]);
        Shard& shard = shard_of(hash);
        const Shard::Found found = shard.find(hash, keys[i]);
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
    if (url.hosts().size() > 1 || !url.user().empty() || !url.password().empty() ||
        !url.path().empty() || (!url.hosts().empty() && url.hosts().front().port)) {
        throw ConfigError{"memory:// takes one name, without a port, a user or a path: " +
                          url.redacted()};
    }
    constexpr std::size_t most = std::numeric_limits<std::size_t>::max();
    const MemoryOptions defaults;
    MemoryOptions options;
    options.max_bytes =
        url.take_size("max_bytes", defaults.max_bytes, MemoryOptions::least_bytes, most);
    options.max_entries = url.take_integer("max_entries", defaults.max_entries, 1, most);
    options.shards = url.take_integer("shards", 0, 1, most_shards);

    const std::string name = url.hosts().empty() ? std::string{} : url.hosts().front().name;
    if (name.empty()) return std::make_shared<MemoryBackend>(options, clock);

    // Never destroyed: caches may still be opened while the program ends.
    static auto& mutex = *new std::mutex;
    static auto& stores = *new std::map<std::string, std::weak_ptr<MemoryBackend>>;
    const std::scoped_lock lock{mutex};
    std::erase_if(stores, [](const auto& store) { return store.second.expired(); });
    if (const auto known = stores.find(name); known != stores.end()) {
        if (auto store = known->second.lock()) {
            if (store->options() != options) {
                throw ConfigError{"memory://" + name + " is open with other options"};
            }
            if (&store->clock() != &clock) {
                throw ConfigError{"memory://" + name + " is open with another clock"};
            }
            return store;
        }
    }
    auto store = std::make_shared<MemoryBackend>(options, clock);
    stores.insert_or_assign(name, store);
    return store;
}

}  // namespace cachemodel
