// cachemodel: how the memory backend finds an entry.
// SPDX-License-Identifier: MIT
#pragma once

#include "backends/memory_item.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>
#include <vector>

namespace cachemodel::memory {

/// Finds items by the hash of their keys: open addressing, linear probing, at most three quarters
/// full. Beside it stand the ghosts of S3-FIFO: marks of keys that were evicted unused, to know
/// them again. A mark stays until another falls on its place, which on average takes as many
/// evictions as there are places: about as many as there are items.
class Index {
 public:
    /// Packed: every entry pays for one to three of them.
    struct [[gnu::packed]] Slot {
        std::uint32_t hash;  ///< its lower half, enough for 2^32 slots
        Item* item;
    };
    static_assert(sizeof(Slot) == sizeof(std::uint32_t) + sizeof(Item*));
    static constexpr std::size_t none = std::numeric_limits<std::size_t>::max();
    static constexpr std::size_t least_slots = 16;

    static constexpr std::size_t bytes_of(std::size_t slots) noexcept {
        return slots * sizeof(Slot) + slots / 2 * sizeof(std::uint32_t) + 32;
    }

    std::size_t slots() const noexcept { return slots_.size(); }
    std::size_t items() const noexcept { return items_; }
    std::size_t bytes() const noexcept { return slots_.empty() ? 0 : bytes_of(slots_.size()); }

    /// What `bytes` would be with one item more.
    std::size_t bytes_for_another() const noexcept { return bytes_of(slots_for_another()); }

    Slot& operator[](std::size_t at) noexcept { return slots_[at]; }

    std::size_t find(std::uint64_t hash, std::string_view key) const noexcept {
        if (slots_.empty()) return none;
        const std::uint32_t lower = lower_half(hash);
        for (std::size_t at = lower & mask_; slots_[at].item != nullptr; at = (at + 1) & mask_) {
            if (slots_[at].hash == lower && slots_[at].item->key() == key) return at;
        }
        return none;
    }

    /// The place of an item that is in the index.
    std::size_t find(std::uint64_t hash, const Item& item) const noexcept {
        std::size_t at = lower_half(hash) & mask_;
        while (slots_[at].item != &item) at = (at + 1) & mask_;
        return at;
    }

    /// Makes sure that `insert` has a place. Without memory for it nothing changes.
    void reserve_another() {
        const std::size_t wanted = slots_for_another();
        if (wanted == slots_.size()) return;
        std::vector<Slot> slots(wanted, Slot{0, nullptr});
        std::vector<std::uint32_t> ghosts(wanted / 2);
        slots.swap(slots_);
        ghosts_.swap(ghosts);
        mask_ = wanted - 1;
        for (const Slot& slot : slots) {
            if (slot.item != nullptr) slots_[free_slot(slot.hash)] = slot;
        }
    }

    void insert(std::uint64_t hash, Item& item) noexcept {
        slots_[free_slot(lower_half(hash))] = {lower_half(hash), &item};
        ++items_;
    }

    /// Takes out what is at `at` and closes the gap, so that no marks of deleted items pile up.
    void erase(std::size_t at) noexcept {
        for (std::size_t next = (at + 1) & mask_; slots_[next].item != nullptr;
             next = (next + 1) & mask_) {
            const std::size_t home = slots_[next].hash & mask_;
            // It may move into the gap unless its home lies behind the gap.
            if (((next - home) & mask_) >= ((next - at) & mask_)) {
                slots_[at] = slots_[next];
                at = next;
            }
        }
        slots_[at].item = nullptr;
        --items_;
    }

    /// Gives all memory back; the items are the caller's.
    void reset() noexcept {
        slots_ = {};
        ghosts_ = {};
        mask_ = 0;
        items_ = 0;
    }

    void remember_ghost(std::uint64_t hash) noexcept { ghosts_[ghost_place(hash)] = mark(hash); }

    bool forget_ghost(std::uint64_t hash) noexcept {
        if (ghosts_.empty() || ghosts_[ghost_place(hash)] != mark(hash)) return false;
        ghosts_[ghost_place(hash)] = 0;
        return true;
    }

 private:
    std::size_t slots_for_another() const noexcept {
        if (slots_.empty()) return least_slots;
        return items_ + 1 > slots_.size() / 4 * 3 ? slots_.size() * 2 : slots_.size();
    }

    static std::uint32_t lower_half(std::uint64_t hash) noexcept {
        return static_cast<std::uint32_t>(hash);
    }

    std::size_t free_slot(std::uint32_t hash) const noexcept {
        std::size_t at = hash & mask_;
        while (slots_[at].item != nullptr) at = (at + 1) & mask_;
        return at;
    }

    std::size_t ghost_place(std::uint64_t hash) const noexcept {
        return hash & (ghosts_.size() - 1);
    }
    static std::uint32_t mark(std::uint64_t hash) noexcept {
        return static_cast<std::uint32_t>(hash >> 32) | 1U;  // 0 is an empty place
    }

    std::vector<Slot> slots_;
    std::vector<std::uint32_t> ghosts_;
    std::size_t mask_ = 0;
    std::size_t items_ = 0;
};

}  // namespace cachemodel::memory
