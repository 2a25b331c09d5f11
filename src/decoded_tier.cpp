// cachemodel: decoded objects in front of a backend.
// SPDX-License-Identifier: MIT
#include "decoded_tier.hpp"

#include <time.h>
#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <mutex>
#include <random>
#include <utility>

namespace cachemodel::detail {

namespace {

constexpr std::size_t most_shards = 16;
constexpr std::size_t least_shard = std::size_t{64} << 10;
// One number for each KiB: 8 bytes, so they add less than a hundredth.
constexpr std::size_t bytes_for_each_number = 1024;
constexpr std::size_t least_numbers = 1024;
constexpr std::size_t most_numbers = std::size_t{64} << 10;

/// How far the clock that is read at no cost may be behind.
std::chrono::nanoseconds coarse_tick() noexcept {
    timespec tick{};
    if (clock_getres(CLOCK_MONOTONIC_COARSE, &tick) != 0) return {};
    return std::chrono::seconds{tick.tv_sec} + std::chrono::nanoseconds{tick.tv_nsec};
}

/// Zero where it would be too much of the lifetime, or time is not the machine's.
std::chrono::nanoseconds lateness_for(Lifetime expires, const Clock& clock) noexcept {
    constexpr int least_ticks = 10;
    if (&clock != &Clock::machine()) return {};
    const auto tick = coarse_tick();
    return expires.duration() < least_ticks * tick ? std::chrono::nanoseconds{} : tick;
}

std::uint64_t random_seed() {
    std::random_device random;
    return (std::uint64_t{random()} << 32) | random();
}

DecodedTier::Time sum(DecodedTier::Time time, Lifetime lifetime) noexcept {
    const bool ends = !lifetime.is_never() && lifetime.duration() < DecodedTier::Time::max() - time;
    return ends ? time + lifetime.duration() : DecodedTier::Time::max();
}

}  // namespace

struct DecodedTier::Held : boost::intrusive::list_base_hook<> {
    Held(const DecodedId& id_, std::uint64_t hash_, std::shared_ptr<const void> object_)
        : hash(hash_), object(std::move(object_)), id(id_), prefix(id_.prefix), key(id_.key) {
        id.prefix = prefix;
        id.key = key;
    }
    Held(const Held&) = delete;
    Held& operator=(const Held&) = delete;

    // What each hit reads comes first, to lie close together.
    const std::uint64_t hash;
    Held* next = nullptr;  ///< in its bucket, or of the dead
    const std::shared_ptr<const void> object;
    Time until{};
    DecodedStamp stamp;
    std::vector<DecodedStamp> more;
    Counter* hits = nullptr;
    std::atomic<bool> is_used{false};  ///< since it came, or was last spared
    DecodedId id;                      ///< its texts are those that follow
    const std::string prefix;
    const std::string key;
    std::size_t bytes = 0;
};

/// Objects whose hashes end alike.
struct alignas(64) DecodedTier::Shard {
    mutable ForkSafe<std::shared_mutex> mutex;
    std::vector<Held*> buckets;
    boost::intrusive::list<Held> queue;  ///< the oldest first
    std::size_t bytes = 0;
    std::uint64_t evicted = 0;
    std::unordered_map<const ModelTable*, Counter> hits;  // does not move its elements

    Shard() = default;
    Shard(const Shard&) = delete;
    Shard& operator=(const Shard&) = delete;
    ~Shard() { destroy(take_all()); }

    /// Its lowest bits have told the shard.
    Held*& bucket(std::uint64_t hash) noexcept {
        return buckets[(hash / most_shards) & (buckets.size() - 1)];
    }
    Held* find(const DecodedId& id, std::uint64_t hash) noexcept {
        if (buckets.empty()) return nullptr;
        Held* entry = bucket(hash);
        while (entry != nullptr && !(entry->hash == hash && entry->id == id)) entry = entry->next;
        return entry;
    }
    void reserve_another() {
        if (queue.size() < buckets.size()) return;
        constexpr std::size_t least_buckets = 16;
        buckets.assign(std::max(least_buckets, buckets.size() * 2), nullptr);
        for (Held& entry : queue) link(entry);
    }
    void link(Held& entry) noexcept {
        Held*& first = bucket(entry.hash);
        entry.next = std::exchange(first, &entry);
    }
    void insert(Held& entry) noexcept {
        link(entry);
        queue.push_back(entry);
        bytes += entry.bytes;
    }
    void remove(Held& entry, Dead& dead) noexcept {
        Held** place = &bucket(entry.hash);
        while (*place != &entry) place = &(*place)->next;
        *place = entry.next;
        queue.erase(queue.iterator_to(entry));
        bytes -= entry.bytes;
        entry.next = std::exchange(dead, &entry);
    }
    Dead take_all() noexcept {
        Dead dead = nullptr;
        while (!queue.empty()) remove(queue.front(), dead);
        return dead;
    }
};

DecodedTier::DecodedTier(std::size_t max_bytes, Lifetime expires, const Clock& clock)
    : max_bytes_(max_bytes),
      expires_(expires),
      clock_(clock),
      lateness_(lateness_for(expires, clock)),
      seed_(random_seed()),
      place_mask_(std::bit_ceil(
                      std::clamp(max_bytes / bytes_for_each_number, least_numbers, most_numbers)) -
                  1),
      shard_count_(
          std::bit_floor(std::clamp<std::size_t>(max_bytes / least_shard, 1, most_shards))),
      numbers_(std::make_unique<std::atomic<std::uint64_t>[]>(place_mask_ + 1)),
      shards_(std::make_unique<Shard[]>(shard_count_)) {}

DecodedTier::~DecodedTier() = default;

std::uint64_t DecodedTier::hash_of(const DecodedId& id) const noexcept {
    // What is rarely different is left to the comparison.
    std::uint64_t seed = seed_ + reinterpret_cast<std::uintptr_t>(id.table) + id.depth + id.version;
    if (!id.prefix.empty()) seed = XXH3_64bits_withSeed(id.prefix.data(), id.prefix.size(), seed);
    return XXH3_64bits_withSeed(id.key.data(), id.key.size(), seed);
}

DecodedTier::Shard& DecodedTier::shard_of(std::uint64_t hash) const noexcept {
    return shards_[hash & (shard_count_ - 1)];
}

DecodedTier::Time DecodedTier::now() const noexcept {
    if (lateness_ == lateness_.zero()) return clock_.steady();
    timespec time{};
    clock_gettime(CLOCK_MONOTONIC_COARSE, &time);  // the steady clock, as of its last tick
    return Time{std::chrono::seconds{time.tv_sec} + std::chrono::nanoseconds{time.tv_nsec}};
}

bool DecodedTier::is_good(const DecodedStamp& stamp) const noexcept {
    return stamp.place == DecodedStamp::none ||
           numbers_[stamp.place].load(std::memory_order_acquire) == stamp.number;
}

bool DecodedTier::is_good(const Held& entry, Time now) const noexcept {
    if (now >= entry.until || !is_good(entry.stamp)) return false;
    return std::ranges::all_of(entry.more, [&](const auto& stamp) { return is_good(stamp); });
}

std::shared_ptr<const void> DecodedTier::find(const DecodedId& id) noexcept {
    const std::uint64_t hash = hash_of(id);
    Shard& shard = shard_of(hash);
    const Time at = now();
    const std::shared_lock lock{shard.mutex};
    Held* const entry = shard.find(id, hash);
    if (entry == nullptr || !is_good(*entry, at)) return nullptr;
    if (!entry->is_used.load(std::memory_order_relaxed)) {
        entry->is_used.store(true, std::memory_order_relaxed);
    }
    *entry->hits += 1;
    return entry->object;
}

std::optional<Lifetime> DecodedTier::left(const DecodedId& id) noexcept {
    const std::uint64_t hash = hash_of(id);
    Shard& shard = shard_of(hash);
    const Time at = now();
    const std::shared_lock lock{shard.mutex};
    Held* const entry = shard.find(id, hash);
    if (entry == nullptr || !is_good(*entry, at)) return std::nullopt;
    return entry->until == Time::max() ? Lifetime{never} : Lifetime{entry->until - at};
}

DecodedStamp DecodedTier::stamp(std::string_view final_key) const noexcept {
    const std::uint64_t hash = XXH3_64bits_withSeed(final_key.data(), final_key.size(), seed_);
    const std::size_t place = hash & place_mask_;
    // What is read from now on is no older than the change that made this number.
    return {place, numbers_[place].load(std::memory_order_acquire)};
}

void DecodedTier::change(std::string_view final_key) noexcept {
    const std::uint64_t hash = XXH3_64bits_withSeed(final_key.data(), final_key.size(), seed_);
    numbers_[hash & place_mask_].fetch_add(1, std::memory_order_acq_rel);
}

void DecodedTier::change_all() noexcept {
    for (std::size_t place = 0; place <= place_mask_; ++place) {
        numbers_[place].fetch_add(1, std::memory_order_acq_rel);
    }
    for (std::size_t i = 0; i < shard_count_; ++i) {
        Dead dead = nullptr;
        {
            const std::lock_guard lock{shards_[i].mutex};
            dead = shards_[i].take_all();
        }
        destroy(dead);
    }
}

void DecodedTier::keep(const DecodedId& id, std::shared_ptr<const void> object,
                       Making making) noexcept {
    const std::size_t most = max_bytes_ / shard_count_;
    Dead dead = nullptr;
    try {
        const std::uint64_t hash = hash_of(id);
        auto made = std::make_unique<Held>(id, hash, std::move(object));
        made->until = std::min(sum(making.begun, expires_), sum(making.begun, making.longest));
        made->until = std::min(made->until, sum(clock_.steady(), making.left));
        if (made->until != Time::max()) made->until -= lateness_;
        made->stamp = making.stamp;
        made->more = std::move(making.more);
        made->bytes = making.bytes + sizeof(Held) + id.prefix.size() + id.key.size() +
                      made->more.size() * sizeof(DecodedStamp);
        const Time at = now();
        if (made->bytes > most || !is_good(*made, at)) return;

        Shard& shard = shard_of(hash);
        const std::lock_guard lock{shard.mutex};
        made->hits = &shard.hits[id.table];
        if (Held* const known = shard.find(id, hash)) {
            // Of two loads the one that began later knows better.
            if (is_good(*known, at) && known->until >= made->until) return;
            shard.remove(*known, dead);
        }
        shard.reserve_another();
        // What has ended goes, and the oldest that nobody has asked for since it was last spared.
        while (!shard.queue.empty()) {
            Held& oldest = shard.queue.front();
            const bool is_over = !is_good(oldest, at);
            if (!is_over && shard.bytes + made->bytes <= most) break;
            if (!is_over && oldest.is_used.exchange(false, std::memory_order_relaxed)) {
                shard.queue.splice(shard.queue.end(), shard.queue, shard.queue.begin());
                continue;
            }
            if (!is_over) ++shard.evicted;
            shard.remove(oldest, dead);
        }
        shard.insert(*made.release());
    } catch (const std::bad_alloc&) {
        // It can be done without.
    }
    destroy(dead);
}

void DecodedTier::destroy(Dead dead) noexcept {
    while (dead != nullptr) delete std::exchange(dead, dead->next);
}

std::uint64_t DecodedTier::hits() const noexcept {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < shard_count_; ++i) {
        const std::shared_lock lock{shards_[i].mutex};
        for (const auto& [table, hits] : shards_[i].hits) sum += hits.read();
    }
    return sum;
}

std::uint64_t DecodedTier::hits(const ModelTable& table) const noexcept {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < shard_count_; ++i) {
        const std::shared_lock lock{shards_[i].mutex};
        const auto found = shards_[i].hits.find(&table);
        if (found != shards_[i].hits.end()) sum += found->second.read();
    }
    return sum;
}

DecodedUsage DecodedTier::usage() const noexcept {
    DecodedUsage usage;
    for (std::size_t i = 0; i < shard_count_; ++i) {
        const std::shared_lock lock{shards_[i].mutex};
        usage.entries += shards_[i].queue.size();
        usage.bytes += shards_[i].bytes;
        usage.evicted += shards_[i].evicted;
    }
    usage.max_bytes = max_bytes_;
    return usage;
}

}  // namespace cachemodel::detail
