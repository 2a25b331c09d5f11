// cachemodel: how models are found by their secondary keys.
// SPDX-License-Identifier: MIT
#include <cachemodel/detail/engine.hpp>

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "cache_core.hpp"
#include "entries.hpp"
#include "load_job.hpp"
#include "load_limit.hpp"
#include "model_entries.hpp"
#include "secondary_keys.hpp"

namespace cachemodel::detail {

namespace {

/// What is known of one that is asked for.
enum class Trace : std::uint8_t {
    none,          ///< nothing leads to it
    failed,        ///< nobody could tell whether anything does
    from_pointer,  ///< its keys are those of a pointer
    from_source,   ///< its keys are those that the source told
    found,
};

struct Wanted {
    EntryKey key;  ///< of the pointer
    Trace trace = Trace::none;
    MissReason reason = MissReason::nothing_stored;
    bool store_pointer = false;
};

class SecondaryLookup {
 public:
    SecondaryLookup(const Door& door, const ModelTable& table, std::size_t which,
                    std::span<const std::string> asked, const KeySource& source,
                    std::span<void* const> objects, std::span<Answer> answers,
                    std::span<Origin> origins)
        : door_(door),
          table_(table),
          secondary_(table.secondary_keys[which]),
          asked_(asked),
          source_(source),
          objects_(objects),
          answers_(answers),
          origins_(origins) {
        wanted_.reserve(asked.size());
        for (const auto& text : asked) wanted_.push_back({.key = make_pointer_key(table, text)});
    }

    void run();

 private:
    class Sink;

    void read_pointers();
    void ask_source();
    void ask_source(std::size_t index);
    void source_failed(std::size_t index);
    void ask_source_within_limit(std::span<const std::size_t> untold);
    void fetch(Trace trace);
    void check(std::size_t index, Answer fetched);
    void store_pointers();
    void count_misses();

    void reset(std::size_t index) const {
        const AnyModel fresh{table_};
        table_.move(objects_[index], fresh.get());
    }
    Answer nothing(std::size_t index, MissReason reason,
                   std::optional<Failure> failure = {}) const {
        return std::make_shared<const Nothing>(Nothing{.model = table_.name().name,
                                                       .key = wanted_[index].key.stored,
                                                       .reason = reason,
                                                       .broken = {},
                                                       .failure = std::move(failure),
                                                       .make_missing = table_.make_missing});
    }

    const Door& door_;
    const ModelTable& table_;
    const SecondaryKey& secondary_;
    std::span<const std::string> asked_;
    const KeySource& source_;
    std::span<void* const> objects_;
    std::span<Answer> answers_;
    std::span<Origin> origins_;
    std::vector<Wanted> wanted_;
    std::optional<LoadLimit::Place> place_;  ///< until all is loaded
};

void SecondaryLookup::run() {
    if (wanted_.empty()) return;
    read_pointers();
    count_misses();
    fetch(Trace::from_pointer);
    if (source_.find == nullptr) return;
    // Of what no pointer leads to, or leads to something else.
    ask_source();
    fetch(Trace::from_source);
    store_pointers();
}

/// Sets the keys of each object to those that its pointer holds.
class SecondaryLookup::Sink final : public ReadSink {
 public:
    explicit Sink(SecondaryLookup& lookup) : lookup_(lookup) {}

    void found(std::size_t index, std::string_view value, std::uint64_t) noexcept override {
        try {
            read(index, value);
        } catch (...) {
            fatal_ = std::current_exception();
        }
    }
    void absent(std::size_t) noexcept override {}
    void unusable(std::size_t index, MissReason reason) noexcept override {
        lookup_.wanted_[index].reason = reason;
    }
    void failed(std::size_t index, const Failure& failure) noexcept override {
        try {
            lookup_.wanted_[index].trace = Trace::failed;
            lookup_.answers_[index] = lookup_.nothing(index, MissReason::nothing_stored, failure);
        } catch (...) {
            fatal_ = std::current_exception();
        }
    }
    void rethrow_fatal() const {
        if (fatal_) std::rethrow_exception(fatal_);
    }

 private:
    void read(std::size_t index, std::string_view bytes) {
        Wanted& wanted = lookup_.wanted_[index];
        void* const object = lookup_.objects_[index];
        const auto reason = read_entry(
            lookup_.door_.cache, bytes, wanted.key.in_envelope(),
            [&](CborReader& reader) { return decode_keys(reader, lookup_.table_, object); });
        if (!reason) {
            wanted.trace = Trace::from_pointer;
            return;
        }
        wanted.reason = *reason;
        lookup_.reset(index);
    }

    SecondaryLookup& lookup_;
    std::exception_ptr fatal_;
};

void SecondaryLookup::read_pointers() {
    std::vector<std::string_view> keys;
    keys.reserve(wanted_.size());
    for (const Wanted& wanted : wanted_) keys.push_back(wanted.key.stored);
    Sink sink{*this};
    door_.cache.read_many(keys, sink);
    sink.rethrow_fatal();
    for (std::size_t i = 0; i < wanted_.size(); ++i) {
        if (wanted_[i].trace == Trace::none) answers_[i] = nothing(i, wanted_[i].reason);
    }
}

void SecondaryLookup::count_misses() {
    if (door_.cache.is_bypass()) return;
    Tally tally{door_.cache};
    for (const Wanted& wanted : wanted_) {
        if (wanted.trace == Trace::none) tally.count_miss(table_, wanted.reason);
        if (wanted.trace == Trace::failed) tally.of(table_).read_failures += 1;
    }
}

void SecondaryLookup::ask_source() {
    std::vector<std::size_t> untold;
    for (std::size_t i = 0; i < wanted_.size(); ++i) {
        // A failure of the object itself says nothing about where it is.
        if (wanted_[i].trace == Trace::none) ask_source(i);
        if (wanted_[i].trace == Trace::failed) untold.push_back(i);
    }
    if (!untold.empty()) ask_source_within_limit(untold);
}

/// For those that the cache could not tell about: all are one load of it.
void SecondaryLookup::ask_source_within_limit(std::span<const std::size_t> untold) {
    LoadLimit& limit = door_.cache.core().load_limit;
    const LoadRules rules = load_rules(table_.options.expires, load_terms(table_.options),
                                       door_.cache.view().load_rules);
    place_.emplace(limit, deadline_in(rules.lease_wait));
    for (const std::size_t index : untold) {
        if (place_->is_given()) {
            ask_source(index);
        } else {
            answers_[index] = nothing(index, MissReason::nothing_stored, Failure{limit.refusal()});
            Tally{door_.cache}.count(table_, &Counters::refused_loads);
        }
    }
}

void SecondaryLookup::ask_source(std::size_t index) {
    Wanted& wanted = wanted_[index];
    // What the cache could not tell about is not written back: it may hold something newer.
    wanted.store_pointer = wanted.trace != Trace::failed;
    Tally tally{door_.cache};
    try {
        reset(index);
        if (source_.find(source_.self, index, objects_[index])) {
            (void)make_model_key(table_, objects_[index]);  // throws where one is not set
            wanted.trace = Trace::from_source;
            return;
        }
    } catch (const std::bad_alloc&) {
        throw;
    } catch (const Missing& missing) {
        if (!missing.model().empty()) {
            return source_failed(index);
        }
    } catch (...) {
        return source_failed(index);
    }
    // The source knows, whether or not the cache could tell.
    answers_[index] = nothing(index, wanted.reason);
    tally.count(table_, &Counters::source_misses);
}

/// By the exception that is being handled.
void SecondaryLookup::source_failed(std::size_t index) {
    const Cache& cache = door_.cache;
    const Wanted& wanted = wanted_[index];
    answers_[index] = nothing(index, wanted.reason, Failure{std::current_exception()});
    Tally{cache}.count(table_, &Counters::load_failures);
    cache.core().tell_failed_load(cache.view(), wanted.key, std::current_exception());
}

/// Fetches those whose keys are known this way.
void SecondaryLookup::fetch(Trace trace) {
    std::vector<std::size_t> places;
    std::vector<void*> objects;
    for (std::size_t i = 0; i < wanted_.size(); ++i) {
        if (wanted_[i].trace != trace) continue;
        places.push_back(i);
        objects.push_back(objects_[i]);
    }
    if (places.empty()) return;
    std::vector<Answer> answers(places.size());
    std::vector<Origin> origins(places.size());
    fetch_models(door_, table_, objects, answers, origins);
    for (std::size_t i = 0; i < places.size(); ++i) {
        origins_[places[i]] = origins[i];
        check(places[i], std::move(answers[i]));
    }
}

/// Whether what was fetched is what was asked for, as far as it is there.
void SecondaryLookup::check(std::size_t index, Answer fetched) {
    Wanted& wanted = wanted_[index];
    const bool is_failure = fetched && fetched->failure;
    answers_[index] = std::move(fetched);
    if (is_failure) return;
    const bool is_pointer = wanted.trace == Trace::from_pointer;
    if (answers_[index] && answers_[index]->broken) return;
    if (answers_[index]) {
        if (is_pointer) wanted.trace = Trace::none;
        return;
    }
    // What a second step is to bring cannot be compared, nor stored as a pointer: the source's word
    // has to do. That of a pointer, which may be an old one, does not.
    const bool is_part = origins_[index].revision == revision_of_part;
    std::string text;
    if ((is_part && !is_pointer) ||
        (secondary_.append(text, objects_[index]) && text == asked_[index])) {
        wanted.store_pointer = wanted.store_pointer && !is_pointer && !is_part;
        wanted.trace = Trace::found;
        return;
    }
    wanted.trace = Trace::none;
    wanted.reason = MissReason::other_object;
    wanted.store_pointer = false;
    answers_[index] = nothing(index, MissReason::other_object);
    if (!door_.cache.is_bypass()) {
        Tally{door_.cache}.count_miss(table_, MissReason::other_object);
    }
}

/// A refill never fails the call: what goes wrong is counted.
void SecondaryLookup::store_pointers() {
    if (door_.cache.is_bypass()) return;
    try {
        Pointers pointers;
        for (std::size_t i = 0; i < wanted_.size(); ++i) {
            if (wanted_[i].trace != Trace::found || !wanted_[i].store_pointer) continue;
            pointers.add(door_.cache, table_, objects_[i], table_.options.expires);
        }
        if (pointers.size() == 0) return;
        std::vector<Outcome> outcomes(pointers.size());
        door_.cache.quietly().store_many(Store::set, pointers.entries(), outcomes);
    } catch (...) {
        // No memory, or a converter of the user's. The source will be asked again.
        Tally{door_.cache}.count(table_, &Counters::store_failures);
    }
}

}  // namespace

void fetch_models_by(const Door& door, const ModelTable& table, std::size_t which,
                     std::span<const std::string> asked, const KeySource& source,
                     std::span<void* const> objects, std::span<Answer> answers,
                     std::span<Origin> origins) {
    SecondaryLookup{door, table, which, asked, source, objects, answers, origins}.run();
}

}  // namespace cachemodel::detail
