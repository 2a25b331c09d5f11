// cachemodel: what the handles of one cache share, and what makes them differ.
// SPDX-License-Identifier: MIT
#include "cache_core.hpp"

#include <cachemodel/detail/model_table.hpp>

#include <algorithm>
#include <optional>
#include <utility>

namespace cachemodel::detail {

namespace {

using SteadyTime = std::chrono::steady_clock::time_point;

/// Passes a read on and counts.
class CountingSink final : public ReadSink {
 public:
    CountingSink(ReadSink& next, Counter& failures) : next_(next), failures_(failures) {}

    void found(std::size_t index, std::string_view value, std::uint64_t token) noexcept override {
        ++found_;
        bytes_ += value.size();
        next_.found(index, value, token);
    }
    void absent(std::size_t index) noexcept override {
        ++absent_;
        next_.absent(index);
    }
    void unusable(std::size_t index, MissReason reason) noexcept override {
        ++absent_;
        next_.unusable(index, reason);
    }
    void failed(std::size_t index, const Failure& failure) noexcept override {
        ++failed_;
        failures_ += 1;
        next_.failed(index, failure);
    }

    void report(RoundTrip& trip) const noexcept {
        trip.done = found_;
        trip.declined = absent_;
        trip.failed = failed_;
        trip.bytes = bytes_;
    }

 private:
    ReadSink& next_;
    Counter& failures_;
    std::size_t found_ = 0;
    std::size_t absent_ = 0;
    std::size_t failed_ = 0;
    std::size_t bytes_ = 0;
};

void report(RoundTrip& trip, std::span<const Outcome> outcomes) noexcept {
    for (const auto& outcome : outcomes) {
        trip.done += outcome.done() ? 1 : 0;
        trip.declined += outcome.declined() ? 1 : 0;
        trip.failed += outcome.failed() ? 1 : 0;
    }
}

std::size_t bytes_stored(std::span<const Entry> entries,
                         std::span<const Outcome> outcomes) noexcept {
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < entries.size(); ++i) {
        if (outcomes[i].done()) bytes += entries[i].value.size();
    }
    return bytes;
}

void count(std::span<const Outcome> outcomes, bool (Outcome::*what)() const noexcept,
           Counter& counter) noexcept {
    const auto number = std::ranges::count_if(outcomes, what);
    if (number != 0) counter += static_cast<std::uint64_t>(number);
}
void count_done(std::span<const Outcome> outcomes, Counter& counter) noexcept {
    count(outcomes, &Outcome::done, counter);
}
void count_failed(std::span<const Outcome> outcomes, Counter& counter) noexcept {
    count(outcomes, &Outcome::failed, counter);
}

}  // namespace

bool has_no_room(const Outcome& outcome) noexcept {
    if (!outcome.failed()) return false;
    const auto fault = outcome.failure().fault();
    return fault == BackendFault::full || fault == BackendFault::value_too_large;
}

Operation operation_of(Store how) noexcept {
    switch (how) {
        case Store::set:
            return Operation::set;
        case Store::add:
            return Operation::add;
        case Store::compare_and_set:
            break;
    }
    return Operation::compare_and_set;
}

bool is_ignorable(const CacheView& view, const Failure& failure) noexcept {
    return view.ignore_errors && failure.fault() && failure.fault() != BackendFault::unsupported;
}

Counters& ModelCounters::of(const ModelTable& model) {
    const std::lock_guard lock{mutex_};
    return by_model_.try_emplace(&model).first->second;
}

Statistics ModelCounters::read(const ModelTable& model) const {
    const std::lock_guard lock{mutex_};
    const auto counters = by_model_.find(&model);
    return counters == by_model_.end() ? Statistics{} : counters->second.read();
}

std::vector<const ModelTable*> ModelCounters::all() const {
    const std::lock_guard lock{mutex_};
    std::vector<const ModelTable*> all;
    for (const auto& [model, counters] : by_model_) all.push_back(model);
    return all;
}

Statistics CacheCore::statistics() const noexcept {
    Statistics statistics = counters.read();
    if (decoded_) statistics.decoded_hits = decoded_->hits();
    return statistics;
}

Statistics CacheCore::statistics_of(const ModelTable& model) const {
    Statistics statistics = models.read(model);
    if (decoded_) statistics.decoded_hits = decoded_->hits(model);
    return statistics;
}

std::vector<ModelStatistics> CacheCore::model_statistics() const {
    std::vector<ModelStatistics> all;
    for (const ModelTable* const model : models.all()) {
        all.push_back({model->name().name, statistics_of(*model)});
    }
    std::sort(all.begin(), all.end(),
              [](const auto& a, const auto& b) { return a.model < b.model; });
    return all;
}

namespace {

/// Where reading the clock would show, the time is taken of one in so many: a prime number, so that
/// calls that go round in a circle have all of them their turn.
constexpr std::uint64_t trips_for_one_timed = 61;

LatencyCounter* latency_of(LatencyCounters& latencies, Operation operation) noexcept {
    switch (operation) {
        case Operation::get:
        case Operation::peek:
            return &latencies.reads;
        case Operation::set:
        case Operation::add:
        case Operation::compare_and_set:
        case Operation::remove:
        case Operation::touch:
        case Operation::increment:
            return &latencies.writes;
        case Operation::remaining_lifetime:
        case Operation::list_keys:
        case Operation::clear:
            break;
    }
    return nullptr;
}

}  // namespace

/// A call of the backend: counts and times it and its bytes, and tells the observer when it is
/// over, however it ends.
class CacheCore::Trip {
 public:
    Trip(CacheCore& core, const CacheView& view, Operation operation, std::size_t keys)
        : core_(core), event_{.cache = view.name, .operation = operation, .keys = keys} {
        const std::uint64_t before = core_.counters.round_trips.next();
        is_told_ = core_.observer_.load(std::memory_order_acquire) != nullptr;
        const bool is_due = before % trips_for_one_timed == 0;
        if (is_told_ || is_due || core_.backend_->capabilities().shared) {
            begin_ = core_.clock().steady();
        }
    }
    Trip(const Trip&) = delete;
    Trip& operator=(const Trip&) = delete;
    ~Trip() {
        if (!begin_) return;
        event_.duration = core_.clock().steady() - *begin_;
        if (auto* const latency = latency_of(core_.latencies, event_.operation)) {
            latency->add(event_.duration);
        }
        if (!is_told_) return;
        if (!is_over_) event_.failed = std::max<std::size_t>(event_.keys, 1);
        core_.tell(&Observer::round_trip, event_);
    }

    void end(std::span<const Outcome> outcomes) noexcept {
        is_over_ = true;
        if (is_told_) report(event_, outcomes);
    }
    void end(std::span<const Entry> entries, std::span<const Outcome> outcomes) noexcept {
        event_.bytes = bytes_stored(entries, outcomes);
        if (event_.bytes != 0) core_.counters.bytes_written += event_.bytes;
        end(outcomes);
    }
    void end(const CountingSink& sink) noexcept {
        is_over_ = true;
        sink.report(event_);
        if (event_.bytes != 0) core_.counters.bytes_read += event_.bytes;
    }
    void end(std::size_t done) noexcept {
        is_over_ = true;
        event_.done = done;
    }

 private:
    CacheCore& core_;
    RoundTrip event_;
    std::optional<SteadyTime> begin_;
    bool is_told_ = false;
    bool is_over_ = false;
};

void CacheCore::observe(std::shared_ptr<Observer> observer) {
    const std::lock_guard lock{observers_mutex_};
    const auto& last = observers_.emplace_back(std::move(observer));
    observer_.store(last.get(), std::memory_order_release);
}

template <class Event>
void CacheCore::tell(void (Observer::*call)(const Event&), const Event& event) noexcept {
    Observer* const observer = observer_.load(std::memory_order_acquire);
    if (observer == nullptr) return;
    try {
        if (auto* const later = ToldLater::of(*this)) return later->keep(event);
        (observer->*call)(event);
    } catch (...) {
        counters.observer_failures += 1;
    }
}

namespace {

thread_local ToldLater* innermost = nullptr;

}  // namespace

ToldLater::ToldLater(CacheCore& core) noexcept
    : core_(core), outer_(std::exchange(innermost, this)) {}

ToldLater::~ToldLater() {
    innermost = outer_;
    for (const auto& tell : events_) tell();
}

ToldLater* ToldLater::of(const CacheCore& core) noexcept {
    ToldLater* later = innermost;
    while (later != nullptr && &later->core_ != &core) later = later->outer_;
    return later;
}

void ToldLater::keep(const RoundTrip& trip) {
    events_.emplace_back([this, event = trip, cache = std::string{trip.cache}]() mutable {
        event.cache = cache;
        core_.tell(&Observer::round_trip, event);
    });
}

void ToldLater::keep(const KeyWarning& warning) {
    events_.emplace_back([this, operation = warning.operation, cache = std::string{warning.cache},
                          key = std::string{warning.final_key}] {
        core_.tell(&Observer::key_warning, KeyWarning{cache, operation, key});
    });
}

void ToldLater::keep(const IgnoredError& error) {
    events_.emplace_back([this, operation = error.operation, cache = std::string{error.cache},
                          failure = error.failure] {
        core_.tell(&Observer::ignored_error, IgnoredError{cache, operation, failure});
    });
}
void ToldLater::keep(const FailedLoad& load) {
    events_.emplace_back([this, cache = std::string{load.cache}, name = std::string{load.name},
                          key = std::string{load.key}, failure = load.failure,
                          in_background = load.in_background] {
        core_.tell(&Observer::failed_load, FailedLoad{cache, name, key, failure, in_background});
    });
}

void ToldLater::keep(const Mismatch& mismatch) {
    events_.emplace_back([this, cache = std::string{mismatch.cache},
                          name = std::string{mismatch.name}, key = std::string{mismatch.key},
                          members = std::vector(mismatch.members.begin(), mismatch.members.end())] {
        core_.tell(&Observer::mismatch, Mismatch{cache, name, key, members});
    });
}

void CacheCore::get_many(const CacheView& view, std::span<const std::string_view> keys,
                         ReadSink& sink, bool peeks) {
    CountingSink counting{sink, counters.read_failures};
    Trip trip{*this, view, peeks ? Operation::peek : Operation::get, keys.size()};
    peeks ? backend_->peek_many(keys, counting) : backend_->get_many(keys, counting);
    trip.end(counting);
}

/// A call that changes what is under some keys, or all of them. When it is over, however it ends,
/// decoded objects that were read before are out of date.
class CacheCore::Change {
 public:
    explicit Change(CacheCore& core) noexcept : core_(core), is_of_all_(true) {}
    Change(CacheCore& core, std::span<const std::string_view> keys) noexcept
        : core_(core), keys_(keys) {}
    Change(CacheCore& core, std::span<const Entry> entries) noexcept
        : core_(core), entries_(entries) {}
    Change(const Change&) = delete;
    Change& operator=(const Change&) = delete;
    ~Change() {
        if (!core_.decoded_) return;
        DecodedTier& decoded = *core_.decoded_;
        if (is_of_all_) decoded.change_all();
        for (const auto key : keys_) decoded.change(key);
        for (const auto& entry : entries_) decoded.change(entry.key);
    }

 private:
    CacheCore& core_;
    const bool is_of_all_ = false;
    const std::span<const std::string_view> keys_;
    const std::span<const Entry> entries_;
};

void CacheCore::store_many(const CacheView& view, Store how, std::span<const Entry> entries,
                           std::span<Outcome> outcomes) {
    const Change change{*this, entries};
    store_loaded(view, how, entries, outcomes);
}

void CacheCore::store_loaded(const CacheView& view, Store how, std::span<const Entry> entries,
                             std::span<Outcome> outcomes) {
    Trip trip{*this, view, operation_of(how), entries.size()};
    backend_->store_many(how, entries, outcomes);
    trip.end(entries, outcomes);
    count_done(outcomes, counters.stores);
    count_failed(outcomes, counters.store_failures);
}

void CacheCore::remove_many(const CacheView& view, std::span<const std::string_view> keys,
                            std::span<Outcome> outcomes) {
    const Change change{*this, keys};
    Trip trip{*this, view, Operation::remove, keys.size()};
    backend_->remove_many(keys, outcomes);
    trip.end(outcomes);
    count_done(outcomes, counters.removals);
    count_failed(outcomes, counters.removal_failures);
}

void CacheCore::store_leases(const CacheView& view, Store how, std::span<const Entry> entries,
                             std::span<Outcome> outcomes) {
    Trip trip{*this, view, operation_of(how), entries.size()};
    backend_->store_many(how, entries, outcomes);
    trip.end(entries, outcomes);
}

std::size_t CacheCore::replace_many(const CacheView& view, std::span<const Entry> entries,
                                    std::span<Outcome> outcomes,
                                    const std::function<void(std::size_t)>& before_removal) {
    const Change change{*this, entries};
    {
        Trip trip{*this, view, Operation::remove, entries.size()};
        backend_->store_many(Store::set, entries, outcomes);
        trip.end(entries, outcomes);
    }
    std::vector<std::string_view> keys;
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
        if (!has_no_room(outcomes[i])) continue;
        keys.push_back(entries[i].key);
        places.push_back(i);
    }
    if (!keys.empty()) {
        for (const auto place : places) before_removal(place);
        std::vector<Outcome> removed(keys.size());
        Trip trip{*this, view, Operation::remove, keys.size()};
        backend_->remove_many(keys, removed);
        trip.end(removed);
        for (std::size_t i = 0; i < keys.size(); ++i) {
            // What is not there is as good as removed.
            outcomes[places[i]] = removed[i].declined() ? Outcome{} : std::move(removed[i]);
        }
    }
    count_done(outcomes, counters.removals);
    count_failed(outcomes, counters.removal_failures);
    return keys.empty() ? 1 : 2;
}

void CacheCore::touch_many(const CacheView& view, std::span<const std::string_view> keys,
                           Lifetime lifetime, std::span<Outcome> outcomes) {
    const Change change{*this, keys};
    Trip trip{*this, view, Operation::touch, keys.size()};
    backend_->touch_many(keys, lifetime, outcomes);
    trip.end(outcomes);
    count_failed(outcomes, counters.touch_failures);
}

Outcome CacheCore::increment(const CacheView& view, std::string_view key, std::int64_t delta,
                             std::int64_t& value) {
    Trip trip{*this, view, Operation::increment, 1};
    Outcome outcome = backend_->increment(key, delta, value);
    trip.end({&outcome, 1});
    count_done({&outcome, 1}, counters.counts);
    count_failed({&outcome, 1}, counters.count_failures);
    return outcome;
}

Outcome CacheCore::remaining_lifetime(const CacheView& view, std::string_view key, Lifetime& left) {
    Trip trip{*this, view, Operation::remaining_lifetime, 1};
    Outcome outcome = backend_->remaining_lifetime(key, left);
    trip.end({&outcome, 1});
    return outcome;
}

void CacheCore::list_keys(const CacheView& view, std::string_view prefix, KeySink& sink) {
    class Counting final : public KeySink {
     public:
        explicit Counting(KeySink& next) : next_(next) {}
        void key(std::string_view key) override {
            ++keys_;
            next_.key(key);
        }
        std::size_t keys() const noexcept { return keys_; }

     private:
        KeySink& next_;
        std::size_t keys_ = 0;
    } counting{sink};
    Trip trip{*this, view, Operation::list_keys, 0};
    backend_->list_keys(prefix, counting);
    trip.end(counting.keys());
}

void CacheCore::clear(const CacheView& view) {
    const Change change{*this};
    Trip trip{*this, view, Operation::clear, 0};
    backend_->clear();
    trip.end(std::size_t{0});
}

void CacheCore::supersede_values(std::span<const std::string_view> final_keys) {
    if (value_flights.is_empty()) return;
    for (const auto key : final_keys) value_flights.supersede(std::string{key});
}

void CacheCore::supersede_all(std::string_view prefix) {
    for (Flights* const flights : {&model_flights, &call_flights, &value_flights}) {
        flights->supersede_all(prefix);
    }
}

void CacheCore::check_key(const CacheView& view, Operation operation, std::string_view final_key) {
    if (final_key.empty()) throw InvalidKey("the final key is empty");
    const bool is_portable = is_portable_key(final_key);
    const bool must_be = backend_->capabilities().portable_keys_only;
    if (is_portable && (must_be || view.key_policy == &is_portable_key)) return;
    if (!must_be && view.key_policy(final_key)) return;
    const bool is_error = must_be || view.key_warnings == KeyWarnings::error;
    if (!is_error && view.key_warnings == KeyWarnings::ignore) return;
    const std::string shown = shown_key(final_key);
    if (is_error) {
        throw InvalidKey("the final key \"" + shown + "\" of " + std::to_string(final_key.size()) +
                         " bytes is not 1 to 250 bytes without spaces and control characters");
    }
    counters.key_warnings += 1;
    tell(&Observer::key_warning, KeyWarning{view.name, operation, shown});
}

bool CacheCore::ignores(const CacheView& view, Operation operation, const Failure& failure) {
    if (!is_ignorable(view, failure)) return false;
    counters.ignored_errors += 1;
    tell(&Observer::ignored_error, IgnoredError{view.name, operation, failure});
    return true;
}

void CacheCore::ignore_first(const CacheView& view, Operation operation,
                             std::span<const Outcome> outcomes) {
    const auto is_ignored = [&](const Outcome& outcome) {
        return outcome.failed() && is_ignorable(view, outcome.failure());
    };
    const auto first = std::ranges::find_if(outcomes, is_ignored);
    if (first != outcomes.end()) (void)ignores(view, operation, first->failure());
}

namespace {

/// A name in a key has no `@`.
std::string_view name_in(const EntryKey& key) noexcept {
    const std::string_view stored = key.stored;
    return stored.substr(0, stored.find('@'));
}

}  // namespace

void CacheCore::tell_mismatch(const CacheView& view, const EntryKey& key,
                              std::span<const std::string_view> members) noexcept {
    tell(&Observer::mismatch, Mismatch{view.name, name_in(key), key.stored, members});
}

void CacheCore::tell_failed_load(const CacheView& view, const EntryKey& key,
                                 const std::exception_ptr& error, bool in_background) noexcept {
    tell_failed_load(view, name_in(key), key.stored, error, in_background);
}

void CacheCore::tell_failed_load(const CacheView& view, const std::string& key,
                                 const std::exception_ptr& error) noexcept {
    if (observer_.load(std::memory_order_relaxed) == nullptr) return;
    try {
        tell_failed_load(view, {}, shown_key(key), error, false);
    } catch (...) {  // no memory
        counters.observer_failures += 1;
    }
}

void CacheCore::tell_failed_load(const CacheView& view, std::string_view name, std::string_view key,
                                 const std::exception_ptr& error, bool in_background) noexcept {
    if (observer_.load(std::memory_order_relaxed) == nullptr) return;
    try {
        const Failure failure{error};
        tell(&Observer::failed_load, FailedLoad{view.name, name, key, failure, in_background});
    } catch (...) {  // no memory
        counters.observer_failures += 1;
    }
}

FinalKeys::FinalKeys(CacheCore& core, const CacheView& view, Operation operation,
                     std::span<const std::string_view> keys) {
    if (view.key_function == &plain_keys) {
        views_.reserve(keys.size());
        const std::string head = plain_keys(view.prefix, view.version, {});
        std::size_t size = 0;
        for (const auto key : keys) size += head.size() + key.size();
        text_.reserve(size);  // so that it stays where it is
        for (const auto key : keys) {
            const auto start = text_.size();
            text_.append(head).append(key);
            views_.push_back(std::string_view{text_}.substr(start));
        }
    } else {
        for (const auto key : keys) listed_.add(view.final_key(key));
        const auto listed = listed_.views();
        views_.assign(listed.begin(), listed.end());
    }
    for (const auto key : views_) core.check_key(view, operation, key);
}

}  // namespace cachemodel::detail
