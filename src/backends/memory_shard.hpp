// cachemodel: one part of the memory backend, with a lock of its own.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/backends/memory.hpp>

#include "at_fork.hpp"
#include "backends/memory_index.hpp"
#include "backends/memory_item.hpp"
#include "counter_text.hpp"

#include <xxhash.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <mutex>
#include <shared_mutex>
#include <string_view>
#include <utility>
#include <vector>

namespace cachemodel {

/// A part with a lock of its own. On a cache line of its own, too: the lock is written all the
/// time.
class alignas(64) MemoryBackend::Shard {
    using Discarded = memory::Discarded;
    using Ends = memory::Ends;
    using Index = memory::Index;
    using Item = memory::Item;
    using ItemReference = memory::ItemReference;
    using Nanoseconds = memory::Nanoseconds;
    using Queue = memory::Queue;
    static constexpr Nanoseconds forever = memory::forever;

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

    /// Where `is_use` is false, eviction does not learn of it.
    template <bool is_use>
    Found find(std::uint64_t hash, std::string_view key) {
        const std::shared_lock lock{mutex_};
        const std::size_t at = index_.find(hash, key);
        if (at == Index::none) return {};
        Item& item = *index_[at].item;
        if constexpr (is_use) item.count_use();
        item.refer();
        return {ItemReference{&item}, item.expires_at};
    }

    /// Takes `found` out if it is still there and still over: another thread may have touched it.
    void reclaim(std::uint64_t hash, const Item& found, Nanoseconds now) {
        Discarded discarded;
        const std::scoped_lock lock{mutex_};
        const std::size_t at = index_.find(hash, found.key());
        if (at == Index::none || index_[at].item != &found) return;
        if (memory::is_over(found.expires_at, now)) erase(at, discarded);
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
        put(at, hash, std::move(fresh), now, discarded);
        return true;
    }

    Outcome increment(std::uint64_t hash, std::string_view key, std::int64_t delta,
                      std::int64_t& value, Nanoseconds now) {
        Discarded discarded;
        const std::scoped_lock lock{mutex_};
        const std::size_t at = find_live(hash, key, now, discarded);
        if (at == Index::none) return Outcome::declined_by_backend();
        const Item& old = *index_[at].item;
        std::int64_t sum = 0;
        Outcome counted = detail::add_to_counter(old.value(), delta, sum);
        if (!counted.done()) return counted;
        std::array<char, 20> text{};  // a sign and 19 digits
        const auto end = std::to_chars(text.data(), text.data() + text.size(), sum).ptr;
        ItemReference fresh{Item::make(key, {text.data(), end}, old.expires_at)};
        put(at, hash, std::move(fresh), now, discarded);
        value = sum;
        return {};
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
        ends_.remove(item);
        item.expires_at = end;
        ends_.insert(item);
        item.count_use();
        return true;
    }

    void clear() {
        Discarded discarded;
        const std::scoped_lock lock{mutex_};
        discard_all(discarded);
    }

    /// Appends the living entries whose keys begin with `prefix`.
    void list(std::string_view prefix, Nanoseconds now, std::vector<ItemReference>& living) {
        const std::shared_lock lock{mutex_};
        for (std::size_t at = 0; at < index_.slots(); ++at) {
            Item* item = index_[at].item;
            if (item == nullptr || !item->key().starts_with(prefix)) continue;
            if (memory::is_over(item->expires_at, now)) continue;
            living.emplace_back(item);
            item->refer();
        }
    }

    MemoryUsage usage() const {
        const std::shared_lock lock{mutex_};
        return {index_.items(), bytes(), evicted_};
    }

 private:
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
        if (at == Index::none || !memory::is_over(index_[at].item->expires_at, now)) return at;
        erase(at, discarded);
        return Index::none;
    }

    /// Puts `fresh` in the place of the entry at `at`, or of none.
    void put(std::size_t at, std::uint64_t hash, ItemReference fresh, Nanoseconds now,
             Discarded& discarded) {
        if (at != Index::none) {
            Item& old = *index_[at].item;
            fresh->in_main = old.in_main;
            fresh->frequency.store(old.frequency.load(std::memory_order_relaxed),
                                   std::memory_order_relaxed);
            fresh->count_use();
            if (bytes() - old.cost() + fresh->cost() <= max_bytes_) {
                Item& item = *fresh.give_up();
                index_[at].item = &item;
                queue_of(old).replace(old, item);
                ends_.remove(old);
                ends_.insert(item);
                discarded.take(old);
                return;
            }
            erase(at, discarded);
        } else {
            fresh->in_main = index_.forget_ghost(hash);
        }
        make_room(fresh->cost(), now, discarded);
        index_.reserve_another();
        Item& item = *fresh.give_up();
        index_.insert(hash, item);
        queue_of(item).push(item);
        ends_.insert(item);
    }

    void erase(std::size_t at, Discarded& discarded) noexcept {
        Item& item = *index_[at].item;
        index_.erase(at);
        queue_of(item).remove(item);
        ends_.remove(item);
        discarded.take(item);
    }

    /// The index finds by hash, and kept in the item it would cost every entry 8 bytes.
    std::uint64_t hash_of(const Item& item) const noexcept {
        return XXH3_64bits_withSeed(item.key().data(), item.key().size(), seed_);
    }

    void make_room(std::size_t cost, Nanoseconds now, Discarded& discarded) noexcept {
        while (!has_room(cost) && index_.items() > 0) {
            if (const Item* over = ends_.find_over(now)) {
                erase(index_.find(hash_of(*over), *over), discarded);
            } else {
                evict_one(discarded);
            }
        }
        // What is still in the way is an index that was made for many more entries.
        if (!has_room(cost)) index_.reset();
    }

    /// S3-FIFO: new entries wait in a small queue, a tenth of the bytes. Those that were used more
    /// than once by the time it is their turn move to the main queue, from which only entries that
    /// were not used during a whole turn are evicted. Where everything is in use, the turn is cut
    /// short: readers wait meanwhile.
    void evict_one(Discarded& discarded) noexcept {
        for (int chances = second_chances;; --chances) {
            const bool from_main = main_.oldest != nullptr && small_.bytes <= main_.bytes / 9;
            Queue& queue = from_main ? main_ : small_;
            Item& item = *queue.oldest;
            const auto uses = item.frequency.load(std::memory_order_relaxed);
            if (uses <= (from_main ? 0 : 1) || chances == 0) {
                const std::uint64_t hash = hash_of(item);
                if (!from_main) index_.remember_ghost(hash);
                erase(index_.find(hash, item), discarded);
                ++evicted_;
                return;
            }
            queue.remove(item);
            item.in_main = true;
            item.frequency.store(from_main ? static_cast<std::uint8_t>(uses - 1) : std::uint8_t{0},
                                 std::memory_order_relaxed);
            main_.push(item);
        }
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
        ends_.reset();
    }

    mutable detail::ForkSafe<std::shared_mutex> mutex_;
    Index index_;
    Queue small_;
    Queue main_;
    Ends ends_;
    std::size_t max_bytes_ = 0;
    std::size_t max_entries_ = 0;
    std::uint64_t seed_ = 0;
    std::uint64_t evicted_ = 0;
};

}  // namespace cachemodel
