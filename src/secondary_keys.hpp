// cachemodel: the entries by which models are found under their secondary keys.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/backend.hpp>
#include <cachemodel/cache.hpp>
#include <cachemodel/detail/key_text.hpp>
#include <cachemodel/detail/model_table.hpp>
#include <cachemodel/lifetime.hpp>

#include <cstddef>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "entries.hpp"

namespace cachemodel::detail {

/// The key of the pointer for a secondary key of which `text` tells the values.
EntryKey make_pointer_key(const ModelTable& table, std::string_view text);

/// Pointers to models, ready to be stored: a pointer is an entry that holds the model's keys, as a
/// Reference stores them, under the key of one of its secondary keys.
class Pointers {
 public:
    /// Those to `object`, one for each secondary key of which no member is empty, to live as long
    /// as its entry does.
    ///
    /// Errors: `IncompleteKey`, and what a converter of the user's throws; then none is added.
    void add(const Cache& cache, const ModelTable& table, const void* object, Lifetime lifetime);

    /// All of them; valid until the next `add`.
    std::span<const Entry> entries() const noexcept { return entries_; }
    std::size_t size() const noexcept { return entries_.size(); }

 private:
    struct Kept {
        EntryKey key;
        PreparedEntry entry;
    };

    std::deque<Kept> kept_;  // what it holds stays where it is
    std::vector<Entry> entries_;
};

/// What tells the values of all secondary keys of an object, to see whether they changed.
std::string secondary_texts(const ModelTable& table, const void* object);

/// Stores the pointers to `object`, over what is there. Errors: as `Pointers::add`.
Outcome store_pointers(const Cache& cache, const ModelTable& table, const void* object,
                       Lifetime lifetime);

/// The keys of the pointers to `object`, but for those whose values are those of an object that is
/// new: these are not known.
std::vector<EntryKey> pointer_keys_at_hand(const ModelTable& table, const void* object);

}  // namespace cachemodel::detail
