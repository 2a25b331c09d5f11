// cachemodel: values under keys of the user's own; the untyped half of Cache's verbs.
// SPDX-License-Identifier: MIT
#include <cachemodel/detail/values.hpp>

#include <cachemodel/cache.hpp>

#include <algorithm>
#include <exception>
#include <new>
#include <numeric>
#include <utility>

#include "cache_core.hpp"
#include "counter_text.hpp"
#include "entries.hpp"
#include "type_names.hpp"

namespace cachemodel::detail {

namespace {

Failure type_mismatch(std::string_view key, const ValueTable& table) {
    return Failure{std::make_exception_ptr(TypeMismatch(
        "the entry \"" + shown_key(key) + "\" is no " + shown_name_of_type(*table.type)))};
}

/// Decodes each answer of a read into its value.
class ValueSink final : public ReadSink {
 public:
    ValueSink(const Cache& cache, const ValueTable& table, std::span<const std::string_view> keys,
              std::span<const std::string_view> final_keys, std::span<void* const> values,
              std::span<ValueAnswer> answers)
        : cache_(cache),
          table_(table),
          keys_(keys),
          final_keys_(final_keys),
          values_(values),
          answers_(answers) {}

    void found(std::size_t index, std::string_view bytes, std::uint64_t) noexcept override {
        guard([&] { read(index, bytes); });
    }
    void absent(std::size_t index) noexcept override {
        guard([&] { miss(index, MissReason::nothing_stored); });
    }
    void unusable(std::size_t index, MissReason reason) noexcept override {
        guard([&] { miss(index, reason); });
    }
    void failed(std::size_t index, const Failure& failure) noexcept override {
        guard([&] {
            answers_[index] = make_answer(keys_[index], {}, failure);
            if (!std::exchange(has_failed_, true)) {
                (void)cache_.core().ignores(cache_.view(), Operation::get, failure);
            }
        });
    }
    /// Errors: `std::bad_alloc`.
    void rethrow_fatal() const {
        if (fatal_) std::rethrow_exception(fatal_);
    }

 private:
    template <class Step>
    void guard(Step step) noexcept {
        try {
            step();
        } catch (...) {
            fatal_ = std::current_exception();
        }
    }

    void miss(std::size_t index, MissReason reason) {
        cache_.core().counters.count_miss(reason);
        answers_[index] = make_answer(keys_[index], reason, {});
    }

    void mismatch(std::size_t index) {
        cache_.core().counters.type_mismatches += 1;
        if (cache_.view().mismatch_is_miss) return miss(index, MissReason::undecodable);
        answers_[index] = make_answer(keys_[index], {}, type_mismatch(keys_[index], table_));
    }

    void read(std::size_t index, std::string_view bytes) {
        if (const CounterText counter = parse_counter(bytes); counter.is_integer) {
            const bool fits =
                counter.fits &&
                table_.assign_integer(values_[index], counter.is_negative, counter.magnitude);
            return fits ? hit() : mismatch(index);
        }
        bool is_another_type = false;
        const auto decode = [&](CborReader& reader) {
            is_another_type = true;
            reader.every_member_required = true;
            const bool decoded = table_.decode(reader, values_[index]);
            // What has some of the members was written before the others were added.
            is_another_type = !reader.member_was_absent || reader.no_member_was_present;
            return decoded;
        };
        const auto reason = read_entry(cache_, bytes, final_keys_[index], decode);
        if (!reason) return hit();
        is_another_type ? mismatch(index) : miss(index, *reason);
    }

    void hit() { cache_.core().counters.hits += 1; }

    const Cache& cache_;
    const ValueTable& table_;
    std::span<const std::string_view> keys_;
    std::span<const std::string_view> final_keys_;
    std::span<void* const> values_;
    std::span<ValueAnswer> answers_;
    std::exception_ptr fatal_;
    bool has_failed_ = false;
};

/// The keys of a call, each once, and the places in the call where each of them stands.
class DistinctKeys {
 public:
    explicit DistinctKeys(std::span<const std::string_view> keys) : order_(keys.size()) {
        std::iota(order_.begin(), order_.end(), std::size_t{0});
        std::stable_sort(order_.begin(), order_.end(),
                         [&](std::size_t a, std::size_t b) { return keys[a] < keys[b]; });
        for (std::size_t i = 0; i < order_.size(); ++i) {
            if (i != 0 && keys[order_[i]] == keys_.back()) continue;
            keys_.push_back(keys[order_[i]]);
            begins_.push_back(i);
        }
        begins_.push_back(order_.size());
    }

    std::span<const std::string_view> keys() const noexcept { return keys_; }
    std::span<const std::size_t> places(std::size_t index) const noexcept {
        return std::span{order_}.subspan(begins_[index], begins_[index + 1] - begins_[index]);
    }

 private:
    std::vector<std::size_t> order_;
    std::vector<std::string_view> keys_;
    std::vector<std::size_t> begins_;
};

/// Gives the answer for a key to every place where it stands.
class RepeatingSink final : public ReadSink {
 public:
    RepeatingSink(ReadSink& next, const DistinctKeys& keys) : next_(next), keys_(keys) {}

    void found(std::size_t index, std::string_view value, std::uint64_t token) noexcept override {
        for (const auto place : keys_.places(index)) next_.found(place, value, token);
    }
    void absent(std::size_t index) noexcept override {
        for (const auto place : keys_.places(index)) next_.absent(place);
    }
    void unusable(std::size_t index, MissReason reason) noexcept override {
        for (const auto place : keys_.places(index)) next_.unusable(place, reason);
    }
    void failed(std::size_t index, const Failure& failure) noexcept override {
        for (const auto place : keys_.places(index)) next_.failed(place, failure);
    }

 private:
    ReadSink& next_;
    const DistinctKeys& keys_;
};

}  // namespace

ValueAnswer make_answer(std::string_view key, MissReason reason, std::optional<Failure> failure) {
    return std::make_shared<const Nothing>(Nothing{
        .model = "cache entry",
        .key = shown_key(key),
        .reason = reason,
        .broken = {},
        .failure = std::move(failure),
        .make_missing =
            [](const Nothing& nothing) {
                return std::make_exception_ptr(Missing(nothing.model, nothing.key));
            },
    });
}

ValueAnswer read_value(const Cache& cache, const ValueTable& table, std::string_view key,
                       void* value) {
    ValueAnswer answer;
    read_values(cache, table, {&key, 1}, {&value, 1}, {&answer, 1});
    return answer;
}

void read_values(const Cache& cache, const ValueTable& table,
                 std::span<const std::string_view> keys, std::span<void* const> values,
                 std::span<ValueAnswer> answers) {
    if (keys.empty()) return;
    const CacheView& view = cache.view();
    if (view.bypass) {
        ValueSink sink{cache, table, keys, {}, values, answers};
        for (std::size_t i = 0; i < keys.size(); ++i) sink.absent(i);
        return sink.rethrow_fatal();
    }
    const FinalKeys final_keys{cache.core(), view, Operation::get, keys};
    ValueSink sink{cache, table, keys, final_keys.views(), values, answers};
    const auto read = [&](std::span<const std::string_view> wanted, ReadSink& to) {
        cache.core().get_many(view, wanted, to, false);
        sink.rethrow_fatal();
    };
    if (keys.size() == 1) return read(final_keys.views(), sink);
    const DistinctKeys distinct{final_keys.views()};
    if (distinct.keys().size() == keys.size()) return read(final_keys.views(), sink);
    RepeatingSink repeating{sink, distinct};
    read(distinct.keys(), repeating);
}

void expect_no_failure(const Cache& cache, const ValueAnswer& answer) {
    if (answer->failure && !is_ignorable(cache.view(), *answer->failure)) {
        answer->failure->rethrow();
    }
}

// ---- writing

void ValueWriter::add_untyped(std::string_view key, const ValueTable& table, const void* value) {
    Prepared& prepared = prepared_.emplace_back(Prepared{std::string{key}, {}, lifetime_});
    // An integer has no place for its own end: the backend's unit must do.
    if (table.append_integer(prepared.bytes, value)) return;
    auto entry = prepare_entry(cache_, value_key(cache_, key), lifetime_,
                               [&](CborWriter& writer) { table.encode(writer, value); });
    prepared.bytes = std::move(entry.bytes);
    prepared.lifetime = entry.lifetime;
}

std::vector<Outcome> ValueWriter::store_many(Store how) const {
    auto outcomes = store(how);
    cache_.core().ignore_first(cache_.view(), operation_of(how), outcomes);
    return outcomes;
}

std::vector<Outcome> ValueWriter::store(Store how) const {
    if (how == Store::set) return replace_values(cache_, entries());
    return store_entries(cache_, how, entries());
}

std::vector<Entry> ValueWriter::entries() const {
    std::vector<Entry> entries;
    entries.reserve(prepared_.size());
    for (const auto& each : prepared_) entries.push_back({each.key, each.bytes, each.lifetime});
    return entries;
}

std::vector<Outcome> replace_values(const Cache& cache, std::span<const Entry> entries) {
    Flights& flights = cache.core().value_flights;
    if (!cache.is_bypass() && !flights.is_empty()) {
        for (const auto& entry : entries) flights.supersede(cache.final_key(entry.key));
    }
    return store_entries(cache, Store::set, entries);
}

}  // namespace cachemodel::detail
