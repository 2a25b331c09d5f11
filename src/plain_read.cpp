// cachemodel: reads of models that are decoded as they come, where nothing else is to be done.
// SPDX-License-Identifier: MIT
#include "plain_read.hpp"

#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <new>
#include <utility>

#include "cache_core.hpp"
#include "entries.hpp"
#include "model_entries.hpp"
#include "model_job.hpp"
#include "revision.hpp"

namespace cachemodel::detail {

namespace {

/// Room for the others is made as if their keys were as long as the first one, up to this.
constexpr std::size_t most_usual_key = 180;

}  // namespace

bool PlainRead::is_possible(const Door& door, const ModelTable& table) {
    if (!table.references.empty() || door.cache.is_bypass()) return false;
    if (table.options.cache != door.cache_name) return false;
    if (find_loader(door, table) == nullptr) return true;
    const LoadRules rules =
        load_rules(table.options.expires, load_terms(table.options), door.cache.view().load_rules);
    return rules.early_refresh == 0 && rules.verify == 0;
}

PlainRead::PlainRead(const Door& door, const ModelTable& table, std::span<void* const> objects,
                     std::span<Origin> origins)
    : cache_(door.cache),
      table_(table),
      loader_(find_loader(door, table)),
      objects_(objects),
      origins_(origins) {
    if (!make_keys() || has_equal_keys()) return;
    if (loader_ != nullptr && door.load_roots && loader_->can_load()) {
        asked_at_ = std::chrono::steady_clock::now();
        const Flights& flights = cache_.core().model_flights;
        landings_.reserve(objects.size());
        for (const auto key : in_envelopes_) {
            landings_.push_back(flights.landings(Flights::runway(key)));
        }
    }
    is_answered_.resize(objects.size());
    cache_.read_many(stored_, *this);
    for (std::size_t i = 0; i < objects.size(); ++i) {
        if (!is_answered_[i]) absent(i);
    }
    if (fatal_) std::rethrow_exception(fatal_);
    has_read_ = true;
    std::ranges::sort(others_, {}, &Other::position);  // of several servers each answers its own
    const std::size_t hits = objects.size() - others_.size();
    if (hits > 0) Tally{cache_}.count(table, &Counters::hits, hits);
}

bool PlainRead::make_keys() {
    struct Ends {
        std::size_t in_envelope;
        std::size_t stored;
    };
    std::pmr::vector<Ends> ends{memory_.resource()};
    ends.reserve(objects_.size());
    for (const void* const object : objects_) {
        EntryKey key;
        try {
            key = make_model_key(table_, object);
        } catch (const std::bad_alloc&) {
            throw;
        } catch (...) {
            return false;
        }
        if (ends.empty()) {
            const std::size_t usual = std::min(key.in_envelope().size(), most_usual_key) + 2;
            text_.reserve(objects_.size() * usual);
        }
        text_ += key.in_envelope();
        const std::size_t end = text_.size();
        if (!key.full.empty()) text_ += key.stored;
        ends.push_back({end, text_.size()});
        SpareText::leave(std::move(key.stored));
    }
    stored_.reserve(ends.size());
    in_envelopes_.reserve(ends.size());
    const std::string_view text = text_;
    std::size_t begin = 0;
    for (const auto& [in_envelope, stored] : ends) {
        in_envelopes_.push_back(text.substr(begin, in_envelope - begin));
        const bool is_same = stored == in_envelope;
        stored_.push_back(is_same ? in_envelopes_.back()
                                  : text.substr(in_envelope, stored - in_envelope));
        begin = stored;
    }
    return true;
}

bool PlainRead::has_equal_keys() const {
    const std::size_t count = in_envelopes_.size();
    if (count == 1) return false;
    const std::size_t mask = std::bit_ceil(2 * count) - 1;
    std::vector<std::size_t> places(mask + 1, count);  // open addressing; `count` is none
    for (std::size_t i = 0; i < count; ++i) {
        const auto key = in_envelopes_[i];
        std::size_t at = XXH3_64bits(key.data(), key.size()) & mask;
        for (; places[at] != count; at = (at + 1) & mask) {
            if (in_envelopes_[places[at]] == key) return true;
        }
        places[at] = i;
    }
    return false;
}

/// Whether it is a plain hit. Errors: `std::bad_alloc`.
bool PlainRead::decode(std::size_t index, std::string_view value) {
    const FoundEntry standing = look_at(cache_, value, in_envelopes_[index]);
    if (!standing.is_fresh_value()) return false;
    void* const object = objects_[index];
    const auto reason = decode_entry(*standing.entry, [&](CborReader& reader) {
        reader.every_member_required = loader_ != nullptr;
        return decode_members(reader, object, table_.members);
    });
    if (reason) {
        reset(table_, object);
        return false;
    }
    if (!origins_.empty()) origins_[index].revision = revision_of(*standing.entry);
    return true;
}

void PlainRead::keep(Other other) noexcept {
    if (is_answered_[other.position]) return;
    is_answered_[other.position] = true;
    try {
        others_.push_back(std::move(other));
    } catch (...) {
        fatal_ = std::current_exception();
    }
}

void PlainRead::found(std::size_t index, std::string_view value, std::uint64_t token) noexcept {
    if (is_answered_[index]) return;
    try {
        if (decode(index, value)) {
            is_answered_[index] = true;
            return;
        }
        keep({.position = index,
              .kind = Other::Kind::found,
              .bytes = std::string{value},
              .token = token});
    } catch (...) {
        fatal_ = std::current_exception();
    }
}

void PlainRead::absent(std::size_t index) noexcept {
    keep({.position = index, .kind = Other::Kind::absent});
}

void PlainRead::unusable(std::size_t index, MissReason reason) noexcept {
    keep({.position = index, .kind = Other::Kind::unusable, .reason = reason});
}

void PlainRead::failed(std::size_t index, const Failure& failure) noexcept {
    keep({.position = index, .kind = Other::Kind::failed, .failure = failure});
}

void PlainRead::tell(ReadSink& sink) noexcept {
    for (std::size_t i = 0; i < others_.size(); ++i) {
        Other& other = others_[i];
        switch (other.kind) {
            case Other::Kind::found:
                sink.found(i, std::exchange(other.bytes, {}), other.token);
                break;
            case Other::Kind::absent:
                sink.absent(i);
                break;
            case Other::Kind::unusable:
                sink.unusable(i, other.reason);
                break;
            case Other::Kind::failed:
                sink.failed(i, *other.failure);
                break;
        }
    }
}

}  // namespace cachemodel::detail
