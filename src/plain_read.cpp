// cachemodel: a read of one model that is decoded as it comes, where nothing else is to be done.
// SPDX-License-Identifier: MIT
#include "plain_read.hpp"

#include <chrono>
#include <new>

#include "cache_core.hpp"
#include "entries.hpp"
#include "model_entries.hpp"
#include "model_job.hpp"
#include "revision.hpp"

namespace cachemodel::detail {

bool PlainRead::is_possible(const Door& door, const ModelTable& table) {
    if (!table.references.empty() || door.cache.is_bypass()) return false;
    if (table.options.cache != door.cache_name) return false;
    if (find_loader(door, table) == nullptr) return true;
    const LoadRules rules =
        load_rules(table.options.expires, load_terms(table.options), door.cache.view().load_rules);
    return rules.early_refresh == 0 && rules.verify == 0;
}

PlainRead::PlainRead(const Door& door, const ModelTable& table, void* object)
    : cache_(door.cache), table_(table), loader_(find_loader(door, table)), object_(object) {
    try {
        key_ = make_model_key(table, object);
    } catch (const std::bad_alloc&) {
        throw;
    } catch (...) {
        return;
    }
    const bool can_load = loader_ != nullptr && door.load_roots && loader_->can_load();
    if (can_load) asked_at_ = std::chrono::steady_clock::now();
    landings_ = cache_.core().model_flights.landings(Flights::runway(key_.in_envelope()));
    const std::string_view stored = key_.stored;
    cache_.read_many({&stored, 1}, *this);
    if (fatal_) std::rethrow_exception(fatal_);
    if (is_hit()) Tally{cache_}.count(table, &Counters::hits);
}

/// Whether it is a plain hit. Errors: `std::bad_alloc`.
bool PlainRead::decode(std::string_view value) {
    const FoundEntry standing = look_at(cache_, value, key_.in_envelope());
    if (!standing.is_fresh_value()) return false;
    const auto reason = decode_entry(*standing.entry, [&](CborReader& reader) {
        reader.every_member_required = loader_ != nullptr;
        return decode_members(reader, object_, table_.members);
    });
    if (reason) {
        reset(table_, object_);
        return false;
    }
    revision_ = revision_of(*standing.entry);
    return true;
}

void PlainRead::found(std::size_t, std::string_view value, std::uint64_t token) noexcept {
    try {
        answer_ = decode(value) ? Answer::hit : Answer::found;
        if (is_hit()) return;
        bytes_ = value;
        token_ = token;
    } catch (...) {
        fatal_ = std::current_exception();
    }
}

void PlainRead::absent(std::size_t) noexcept { answer_ = Answer::absent; }

void PlainRead::unusable(std::size_t, MissReason reason) noexcept {
    answer_ = Answer::unusable;
    reason_ = reason;
}

void PlainRead::failed(std::size_t, const Failure& failure) noexcept {
    answer_ = Answer::failed;
    failure_ = failure;
}

void PlainRead::tell(ReadSink& sink) const noexcept {
    switch (answer_) {
        case Answer::found:
            return sink.found(0, bytes_, token_);
        case Answer::unusable:
            return sink.unusable(0, reason_);
        case Answer::failed:
            return sink.failed(0, *failure_);
        case Answer::absent:
            return sink.absent(0);
        case Answer::none:
        case Answer::hit:
            break;
    }
}

}  // namespace cachemodel::detail
