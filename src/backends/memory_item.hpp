// cachemodel: the entries of the memory backend, their queues, and the order in which they end.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/lifetime.hpp>

#include <boost/intrusive/set.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <new>
#include <string_view>
#include <utility>

namespace cachemodel::memory {

/// A point of `Clock::steady`, in nanoseconds since its epoch.
using Nanoseconds = std::int64_t;
constexpr Nanoseconds forever = std::numeric_limits<Nanoseconds>::max();

/// The one rule of expiry: an entry is over at its end, not only after it.
inline bool is_over(Nanoseconds expires_at, Nanoseconds now) noexcept { return now >= expires_at; }

inline Nanoseconds end_of(Lifetime lifetime, Nanoseconds now) noexcept {
    if (lifetime.is_never()) return forever;
    if (lifetime.is_over()) return now;
    const auto duration = lifetime.duration().count();
    return now > forever - duration ? forever : now + duration;
}

/// The place of an entry among those that have an end.
using EndHook =
    boost::intrusive::set_base_hook<boost::intrusive::link_mode<boost::intrusive::normal_link>,
                                    boost::intrusive::optimize_size<true>>;

/// One entry: this header, then the bytes of the key, then those of the value, in one allocation.
///
/// Key, value and token never change, so that whoever holds a reference may read them without a
/// lock. The rest belongs to the shard; only `frequency` is changed under a shared lock.
struct Item : EndHook {
    static constexpr std::uint8_t most_frequent = 3;

    Item* older = nullptr;
    Item* newer = nullptr;
    Nanoseconds expires_at;
    std::uint64_t token;
    std::atomic<std::uint32_t> references{1};
    std::uint32_t key_size;
    std::uint32_t value_size;
    std::atomic<std::uint8_t> frequency{0};
    bool in_main = false;

    Item(std::uint32_t size_of_key, std::uint32_t size_of_value, Nanoseconds end) noexcept
        : expires_at(end), token(next_token()), key_size(size_of_key), value_size(size_of_value) {}

    std::string_view key() const noexcept { return {bytes(), key_size}; }
    std::string_view value() const noexcept { return {bytes() + key_size, value_size}; }

    /// What malloc takes for an entry: its own eight bytes, all of it rounded up to sixteen.
    static constexpr std::size_t cost(std::size_t key_and_value) noexcept {
        return (sizeof(Item) + key_and_value + 8 + 15) / 16 * 16;
    }
    std::size_t cost() const noexcept { return cost(std::size_t{key_size} + value_size); }

    void count_use() noexcept {
        // Racing readers may lose a use. That is cheaper than an exchange, and entries that are
        // used all the time are not written to at all.
        const auto uses = frequency.load(std::memory_order_relaxed);
        if (uses < most_frequent) {
            frequency.store(static_cast<std::uint8_t>(uses + 1), std::memory_order_relaxed);
        }
    }

    static Item* make(std::string_view key, std::string_view value, Nanoseconds end) {
        void* memory = ::operator new(sizeof(Item) + key.size() + value.size());
        auto* item = new (memory) Item(static_cast<std::uint32_t>(key.size()),
                                       static_cast<std::uint32_t>(value.size()), end);
        // memcpy must not be given the null pointer of an empty view.
        if (!key.empty()) std::memcpy(item->bytes(), key.data(), key.size());
        if (!value.empty()) std::memcpy(item->bytes() + key.size(), value.data(), value.size());
        return item;
    }

    void refer() noexcept { references.fetch_add(1, std::memory_order_relaxed); }

    void release() noexcept {
        if (references.fetch_sub(1, std::memory_order_acq_rel) == 1) {
            this->~Item();
            ::operator delete(this);
        }
    }

 private:
    char* bytes() noexcept { return reinterpret_cast<char*>(this + 1); }
    const char* bytes() const noexcept { return reinterpret_cast<const char*>(this + 1); }

    static std::uint64_t next_token() noexcept {
        static std::atomic<std::uint64_t> last{0};
        return last.fetch_add(1, std::memory_order_relaxed) + 1;
    }
};

/// Holds one reference to an item.
class ItemReference {
 public:
    ItemReference() noexcept = default;
    explicit ItemReference(Item* adopted) noexcept : item_(adopted) {}
    ItemReference(ItemReference&& other) noexcept : item_(std::exchange(other.item_, nullptr)) {}
    ItemReference& operator=(ItemReference&&) = delete;
    ~ItemReference() {
        if (item_ != nullptr) item_->release();
    }

    explicit operator bool() const noexcept { return item_ != nullptr; }
    Item* operator->() const noexcept { return item_; }
    Item& operator*() const noexcept { return *item_; }
    Item* give_up() noexcept { return std::exchange(item_, nullptr); }

 private:
    Item* item_ = nullptr;
};

/// Items that left a shard. Made before the lock, so that they are freed after it was given up.
class Discarded {
 public:
    Discarded() noexcept = default;
    Discarded(const Discarded&) = delete;
    Discarded& operator=(const Discarded&) = delete;
    ~Discarded() {
        while (first_ != nullptr) std::exchange(first_, first_->newer)->release();
    }

    void take(Item& item) noexcept { item.newer = std::exchange(first_, &item); }

 private:
    Item* first_ = nullptr;
};

/// A queue of S3-FIFO.
struct Queue {
    Item* oldest = nullptr;
    Item* newest = nullptr;
    std::size_t bytes = 0;

    void push(Item& item) noexcept {
        item.newer = nullptr;
        item.older = std::exchange(newest, &item);
        (item.older == nullptr ? oldest : item.older->newer) = &item;
        bytes += item.cost();
    }

    void remove(Item& item) noexcept {
        (item.older == nullptr ? oldest : item.older->newer) = item.newer;
        (item.newer == nullptr ? newest : item.newer->older) = item.older;
        bytes -= item.cost();
    }

    void replace(Item& item, Item& by) noexcept {
        by.older = item.older;
        by.newer = item.newer;
        (by.older == nullptr ? oldest : by.older->newer) = &by;
        (by.newer == nullptr ? newest : by.newer->older) = &by;
        bytes += by.cost() - item.cost();
    }
};

/// The entries that have an end, in the order of their ends. Whoever writes `expires_at` takes the
/// entry out before and puts it in again afterwards.
class Ends {
 public:
    void insert(Item& item) noexcept {
        // Where all have the same lifetime, the last to be written is the last to end.
        if (item.expires_at != forever) items_.insert(items_.end(), item);
    }

    void remove(Item& item) noexcept {
        if (item.expires_at != forever) items_.erase(items_.iterator_to(item));
    }

    /// An entry that is over, or null where there is none.
    Item* find_over(Nanoseconds now) noexcept {
        if (items_.empty() || !is_over(items_.begin()->expires_at, now)) return nullptr;
        return &*items_.begin();
    }

    void reset() noexcept { items_.clear(); }

 private:
    struct EndsBefore {
        bool operator()(const Item& one, const Item& other) const noexcept {
            return one.expires_at < other.expires_at;
        }
    };

    boost::intrusive::multiset<Item, boost::intrusive::base_hook<EndHook>,
                               boost::intrusive::compare<EndsBefore>,
                               boost::intrusive::constant_time_size<false>>
        items_;
};

}  // namespace cachemodel::memory
