// cachemodel: how models are found by their secondary keys.
// SPDX-License-Identifier: MIT
#include <cachemodel/detail/engine.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "cache_core.hpp"
#include "entries.hpp"
#include "model_entries.hpp"
#include "pointer_job.hpp"
#include "pointer_loads.hpp"
#include "secondary_keys.hpp"

namespace cachemodel::detail {

namespace {

/// How far one that is asked for has come.
enum class Trace : std::uint8_t {
    none,          ///< nothing leads to it, as far as anybody can tell
    from_pointer,  ///< its keys are those of a pointer
    from_source,   ///< its keys are those that the source told
    answered,
};

struct State {
    Trace trace = Trace::none;
    MissReason reason = MissReason::nothing_stored;
    bool lacks_pointer = false;  ///< it was found, and might be so without the source
};

bool has_second_step(const Door& door, const ModelTable& table) {
    const Loader* const loader = find_loader(door, table);
    return loader != nullptr && loader->complete != nullptr;
}

class SecondaryLookup {
 public:
    SecondaryLookup(const Door& door, const ModelTable& table, std::size_t which,
                    std::span<const SecondaryQuestion> asked, const KeySource& source,
                    std::span<void* const> objects, std::span<Answer> answers,
                    std::span<Origin> origins)
        : door_(door),
          table_(table),
          secondary_(table.secondary_keys[which]),
          asked_(asked),
          source_(source),
          objects_(objects),
          answers_(answers),
          origins_(origins),
          comes_in_parts_(has_second_step(door, table)),
          states_(asked.size()) {
        sought_.reserve(asked.size());
        for (std::size_t i = 0; i < asked.size(); ++i) {
            sought_.push_back({.pointer = make_pointer_key(table, asked[i].text),
                               .values = asked[i].values,
                               .object = objects[i]});
        }
    }

    void run();

 private:
    class Sink;

    void find();
    void read_pointers();
    void count_read();
    void ask_source(PointerLoads::Answers accepted);
    void hear(std::size_t index);
    void fetch(Trace trace);
    void check(std::size_t index, Answer fetched);
    void store_pointers();
    void keep_ignored();

    Answer nothing(std::size_t index, MissReason reason, std::optional<Failure> failure = {},
                   bool is_ignored = false) const {
        return std::make_shared<const Nothing>(Nothing{.model = table_.name().name,
                                                       .key = sought_[index].pointer.stored,
                                                       .reason = reason,
                                                       .broken = {},
                                                       .failure = std::move(failure),
                                                       .is_ignored = is_ignored,
                                                       .make_missing = table_.make_missing});
    }

    const Door& door_;
    const ModelTable& table_;
    const SecondaryKey& secondary_;
    std::span<const SecondaryQuestion> asked_;
    const KeySource& source_;
    std::span<void* const> objects_;
    std::span<Answer> answers_;
    std::span<Origin> origins_;
    const bool comes_in_parts_;
    std::vector<State> states_;
    std::vector<SoughtModel> sought_;
    IgnoredRead ignored_;
};

void SecondaryLookup::run() {
    if (sought_.empty()) return;
    find();
    ignored_.tell();
}

void SecondaryLookup::find() {
    read_pointers();
    if (source_.find == nullptr) keep_ignored();
    fetch(Trace::from_pointer);
    if (source_.find == nullptr) return;
    // For what no pointer leads to, or a wrong one; and once more where the answer was given to
    // somebody else before, and is wrong by now.
    for (const auto accepted : {PointerLoads::Answers::of_others, PointerLoads::Answers::of_now}) {
        ask_source(accepted);
        fetch(Trace::from_source);
    }
    store_pointers();
}

/// Sets the keys of each object to those that its pointer holds.
class SecondaryLookup::Sink final : public ReadSink {
 public:
    explicit Sink(SecondaryLookup& lookup) : lookup_(lookup) {}

    void found(std::size_t index, std::string_view value, std::uint64_t token) noexcept override {
        try {
            read(index, value, token);
        } catch (...) {
            fatal_ = std::current_exception();
        }
    }
    void absent(std::size_t index) noexcept override {
        lookup_.sought_[index].basis = Basis::nothing();
    }
    void unusable(std::size_t index, MissReason reason) noexcept override {
        absent(index);
        lookup_.states_[index].reason = reason;
    }
    void failed(std::size_t index, const Failure& failure) noexcept override {
        try {
            lookup_.answers_[index] =
                lookup_.nothing(index, MissReason::nothing_stored, failure,
                                is_ignorable(lookup_.door_.cache.view(), failure));
        } catch (...) {
            fatal_ = std::current_exception();
        }
    }
    void rethrow_fatal() const {
        if (fatal_) std::rethrow_exception(fatal_);
    }

 private:
    void read(std::size_t index, std::string_view bytes, std::uint64_t token) {
        SoughtModel& sought = lookup_.sought_[index];
        State& state = lookup_.states_[index];
        const FoundEntry standing =
            look_at(lookup_.door_.cache, bytes, sought.pointer.in_envelope());
        sought.basis = Basis::of(standing, token);
        state.reason = standing.reason;
        if (!standing.is_fresh_value()) return;
        const auto reason = decode_entry(*standing.entry, [&](CborReader& reader) {
            return decode_keys(reader, lookup_.table_, sought.object);
        });
        if (!reason) {
            state.trace = Trace::from_pointer;
            return;
        }
        state.reason = *reason;
        renew(lookup_.table_, sought.object);
    }

    SecondaryLookup& lookup_;
    std::exception_ptr fatal_;
};

void SecondaryLookup::read_pointers() {
    const Flights& flights = door_.cache.core().model_flights;
    std::vector<std::string_view> keys;
    keys.reserve(sought_.size());
    for (auto& sought : sought_) {
        if (source_.find != nullptr) {
            sought.asked_at = std::chrono::steady_clock::now();
            sought.landings = flights.landings(Flights::runway(sought.pointer.in_envelope()));
        }
        keys.push_back(sought.pointer.stored);
    }
    Sink sink{*this};
    door_.cache.read_many(keys, sink);
    sink.rethrow_fatal();
    count_read();
    for (std::size_t i = 0; i < states_.size(); ++i) {
        State& state = states_[i];
        if (state.trace != Trace::none || answers_[i]) continue;
        answers_[i] = nothing(i, state.reason);
        if (state.reason == MissReason::known_missing) state.trace = Trace::answered;
    }
}

void SecondaryLookup::count_read() {
    if (door_.cache.is_bypass()) return;
    Tally tally{door_.cache};
    for (std::size_t i = 0; i < states_.size(); ++i) {
        if (states_[i].trace != Trace::none) continue;
        if (answers_[i]) {
            tally.of(table_).read_failures += 1;
        } else {
            tally.count_miss(table_, states_[i].reason);
        }
    }
}

void SecondaryLookup::ask_source(PointerLoads::Answers accepted) {
    std::vector<std::size_t> unknown;
    for (std::size_t i = 0; i < states_.size(); ++i) {
        if (states_[i].trace == Trace::none) unknown.push_back(i);
    }
    if (unknown.empty()) return;
    PointerLoads{door_, table_, source_, sought_, {accepted, !comes_in_parts_}}.ask(unknown);
    for (const std::size_t index : unknown) hear(index);
}

/// The source knows, whether or not the cache could tell.
void SecondaryLookup::hear(std::size_t index) {
    SoughtModel& sought = sought_[index];
    State& state = states_[index];
    state.trace = Trace::answered;
    switch (sought.answer) {
        case SoughtModel::Answer::keys:
            state.trace = Trace::from_source;
            return;
        case SoughtModel::Answer::failure:
            answers_[index] = nothing(index, state.reason, Failure{std::move(sought.error)});
            return;
        case SoughtModel::Answer::none:
            answers_[index] = nothing(index, state.reason);
            return;
    }
}

/// Fetches those whose keys are known this way.
void SecondaryLookup::fetch(Trace trace) {
    std::vector<std::size_t> places;
    std::vector<void*> objects;
    for (std::size_t i = 0; i < states_.size(); ++i) {
        if (states_[i].trace != trace) continue;
        places.push_back(i);
        objects.push_back(objects_[i]);
    }
    if (places.empty()) return;
    std::vector<Answer> answers(places.size());
    std::vector<Origin> origins(places.size());
    fetch_models(door_, table_, objects, answers, origins, ignored_);
    for (std::size_t i = 0; i < places.size(); ++i) {
        origins_[places[i]] = origins[i];
        check(places[i], std::move(answers[i]));
    }
}

/// Whether what was fetched is what was asked for, as far as it is there.
void SecondaryLookup::check(std::size_t index, Answer fetched) {
    State& state = states_[index];
    const bool is_pointer = state.trace == Trace::from_pointer;
    answers_[index] = std::move(fetched);
    state.trace = Trace::answered;
    if (answers_[index] && (answers_[index]->failure || answers_[index]->broken)) return;
    // What the source says now is the last word; anything else may be an old one.
    const bool is_last_word = !is_pointer && sought_[index].is_answered_anew;
    if (answers_[index]) {
        if (!is_last_word) state.trace = Trace::none;
        return;
    }
    std::string text;
    const bool is_part = origins_[index].revision == revision_of_part;
    if (secondary_.append(text, objects_[index]) && text == asked_[index].text) {
        state.lacks_pointer = comes_in_parts_ && !is_pointer && !is_part;
        return;
    }
    // What a second step is to bring cannot be compared: that word has to do.
    if (is_last_word && is_part) return;
    if (!is_last_word) state.trace = Trace::none;
    state.reason = MissReason::other_object;
    answers_[index] = nothing(index, MissReason::other_object);
    if (!door_.cache.is_bypass()) {
        Tally{door_.cache}.count_miss(table_, MissReason::other_object);
    }
}

/// Of models in two steps: a pointer to a part would be no help, and lead to another load of it.
/// Never fails the call: what goes wrong is counted.
void SecondaryLookup::store_pointers() {
    if (door_.cache.is_bypass()) return;
    try {
        Pointers pointers;
        for (std::size_t i = 0; i < states_.size(); ++i) {
            // What the cache could not tell about is not written back: it may hold something newer.
            if (!states_[i].lacks_pointer || !sought_[i].basis.is_known) continue;
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

/// Of pointers that could not be read, where nobody else can be asked.
void SecondaryLookup::keep_ignored() {
    for (const Answer& answer : answers_) {
        if (answer && answer->is_ignored) ignored_.keep(door_.cache, *answer->failure);
    }
}

}  // namespace

void fetch_models_by(const Door& door, const ModelTable& table, std::size_t which,
                     std::span<const SecondaryQuestion> asked, const KeySource& source,
                     std::span<void* const> objects, std::span<Answer> answers,
                     std::span<Origin> origins) {
    SecondaryLookup{door, table, which, asked, source, objects, answers, origins}.run();
}

}  // namespace cachemodel::detail
