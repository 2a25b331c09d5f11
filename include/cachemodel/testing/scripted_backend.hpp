// cachemodel: a backend that fails, forgets and misbehaves on command.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/backend.hpp>
#include <cachemodel/clock.hpp>
#include <cachemodel/testing/call_log.hpp>
#include <cachemodel/testing/pattern.hpp>

#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace cachemodel::testing {

/// Keeps everything, like a server without bounds, and fails as a test tells it to.
///
/// Put a `RecordingBackend` around it to see what it was asked. The backend is *shared*, offers
/// compare-and-set, counts, tells lifetimes and lists its keys; `capabilities_to_claim` says
/// otherwise, and the last three then answer `unsupported`. Values larger than the claimed
/// `largest_value` are refused with `ValueTooLarge`.
///
/// Thread safety: may be called concurrently.
/// Lifetime: the clock must outlive the backend.
class ScriptedBackend final : public Backend {
 public:
    explicit ScriptedBackend(const Clock& clock = Clock::machine()) : clock_(&clock) {
        capabilities_.shared = true;
        capabilities_.compare_and_set = true;
        capabilities_.atomic_increment = true;
        capabilities_.tells_lifetimes = true;
        capabilities_.lists_keys = true;
    }

    /// To be called before the backend is used.
    Capabilities& capabilities_to_claim() noexcept { return capabilities_; }

    /// Every call fails from now on, until `come_back`.
    void go_down(BackendFault fault = BackendFault::unavailable) {
        const std::scoped_lock lock{mutex_};
        down_ = fault;
    }

    /// Takes back `go_down`, `fail_next`, `lose_next_answers`, `throw_next` and `fail_keys`.
    void come_back() {
        const std::scoped_lock lock{mutex_};
        down_.reset();
        failing_calls_ = 0;
        lost_answers_ = 0;
        next_exception_ = nullptr;
        failing_keys_.clear();
    }

    /// The next `calls` calls do nothing and fail for every key.
    void fail_next(std::size_t calls, BackendFault fault = BackendFault::timeout) {
        const std::scoped_lock lock{mutex_};
        failing_calls_ = calls;
        next_fault_ = fault;
    }

    /// The next `calls` calls are done, and fail for every key all the same: the answer was lost.
    void lose_next_answers(std::size_t calls, BackendFault fault = BackendFault::timeout) {
        const std::scoped_lock lock{mutex_};
        lost_answers_ = calls;
        next_fault_ = fault;
    }

    /// The next call does nothing and throws `exception`: `std::bad_alloc{}`.
    template <class Exception>
    void throw_next(Exception exception) {
        const std::scoped_lock lock{mutex_};
        next_exception_ = std::make_exception_ptr(std::move(exception));
    }

    /// Keys that fit `pattern`, see `matches`, fail from now on, until `come_back`.
    void fail_keys(std::string pattern, BackendFault fault = BackendFault::unavailable) {
        const std::scoped_lock lock{mutex_};
        failing_keys_.emplace_back(std::move(pattern), fault);
    }

    /// Before each call is answered, `action` runs, and may itself use this backend, the clock and
    /// the methods here: so other processes come in between and time passes. `{}` ends it. Calls
    /// made by the action do not run it again.
    void before_each_call(std::function<void(Verb)> action) {
        const std::scoped_lock lock{mutex_};
        before_each_ = std::move(action);
    }

    /// Loses the entries whose keys fit `pattern`, as a server does that evicts or starts anew.
    /// Returns how many.
    std::size_t lose(std::string_view pattern) {
        const std::scoped_lock lock{mutex_};
        return std::erase_if(entries_,
                             [&](const auto& entry) { return matches(pattern, entry.first); });
    }

    /// Puts bytes under a key, as another program does.
    void plant(std::string key, std::string value, Lifetime lifetime = never) {
        const std::scoped_lock lock{mutex_};
        entries_.insert_or_assign(std::move(key),
                                  Stored{std::move(value), end_of(lifetime), ++last_token_});
    }

    /// The bytes under a key; nothing where there are none.
    std::optional<std::string> stored(std::string_view key) {
        const std::scoped_lock lock{mutex_};
        const auto entry = find(key);
        return entry == entries_.end() ? std::nullopt : std::optional{entry->second.value};
    }

    /// What is left of the lifetime of the entry under a key; nothing where there is none.
    std::optional<Lifetime> lifetime_left(std::string_view key) {
        const std::scoped_lock lock{mutex_};
        const auto entry = find(key);
        if (entry == entries_.end()) return std::nullopt;
        return left_of(entry->second);
    }

    /// The keys of all entries, sorted.
    std::vector<std::string> keys() {
        const std::scoped_lock lock{mutex_};
        return living("");
    }

    const Capabilities& capabilities() const noexcept override { return capabilities_; }

    void get_many(std::span<const std::string_view> keys, ReadSink& sink) override {
        if (keys.empty()) return;
        run_before(Verb::get);
        struct Reading {
            std::optional<Failure> failure;
            std::optional<std::pair<std::string, std::uint64_t>> value;
        };
        std::vector<Reading> readings(keys.size());
        {
            const std::scoped_lock lock{mutex_};
            const Fate fate = next_fate();
            for (std::size_t i = 0; i < keys.size(); ++i) {
                readings[i].failure = failure_of(keys[i], fate);
                if (readings[i].failure) continue;
                const auto entry = find(keys[i]);
                if (entry == entries_.end()) continue;
                readings[i].value.emplace(entry->second.value, entry->second.token);
            }
        }
        for (std::size_t i = 0; i < keys.size(); ++i) {
            if (readings[i].failure) {
                sink.failed(i, *readings[i].failure);
            } else if (readings[i].value) {
                sink.found(i, readings[i].value->first, readings[i].value->second);
            } else {
                sink.absent(i);
            }
        }
    }

    void store_many(Store how, std::span<const Entry> entries,
                    std::span<Outcome> outcomes) override {
        constexpr auto key_of = [](const Entry& entry) { return entry.key; };
        const Verb verb = how == Store::set   ? Verb::set
                          : how == Store::add ? Verb::add
                                              : Verb::compare_and_set;
        write(verb, entries, outcomes, key_of, [&](const Entry& entry) -> Outcome {
            if (how == Store::compare_and_set && !capabilities_.compare_and_set) {
                return Failure{BackendFault::unsupported, "there are no tokens"};
            }
            const auto old = find(entry.key);
            if (entry.value.size() > capabilities_.largest_value) {
                if (how == Store::set && old != entries_.end()) entries_.erase(old);
                return Failure{ValueTooLarge{entry.value.size(), capabilities_.largest_value}};
            }
            const bool is_there = old != entries_.end();
            const bool declines =
                (how == Store::add && is_there) ||
                (how == Store::compare_and_set && (!is_there || old->second.token != entry.token));
            if (declines) return Outcome::declined_by_backend();
            entries_.insert_or_assign(
                std::string{entry.key},
                Stored{std::string{entry.value}, end_of(entry.lifetime), ++last_token_});
            return {};
        });
    }

    void remove_many(std::span<const std::string_view> keys, std::span<Outcome> outcomes) override {
        write(Verb::remove, keys, outcomes, std::identity{}, [&](std::string_view key) -> Outcome {
            const auto entry = find(key);
            if (entry == entries_.end()) return Outcome::declined_by_backend();
            entries_.erase(entry);
            return {};
        });
    }

    void touch_many(std::span<const std::string_view> keys, Lifetime lifetime,
                    std::span<Outcome> outcomes) override {
        write(Verb::touch, keys, outcomes, std::identity{}, [&](std::string_view key) -> Outcome {
            const auto entry = find(key);
            if (entry == entries_.end()) return Outcome::declined_by_backend();
            entry->second.ends = end_of(lifetime);
            return {};
        });
    }

    Outcome increment(std::string_view key, std::int64_t delta, std::int64_t& value) override {
        if (!capabilities_.atomic_increment) return Backend::increment(key, delta, value);
        return ask(Verb::increment, key, [&](Stored& entry) -> Outcome {
            const char* const end = entry.value.data() + entry.value.size();
            std::int64_t sum = 0;
            const auto [stopped_at, error] = std::from_chars(entry.value.data(), end, sum);
            if (error == std::errc::invalid_argument || stopped_at != end) {
                return Failure{std::make_exception_ptr(NotAnInteger{"as stored, no integer"})};
            }
            if (error != std::errc{} || __builtin_add_overflow(sum, delta, &sum)) {
                return Failure{std::make_exception_ptr(Overflow{"the counter would overflow"})};
            }
            value = sum;
            entry.value = std::to_string(sum);
            entry.token = ++last_token_;
            return {};
        });
    }

    Outcome remaining_lifetime(std::string_view key, Lifetime& left) override {
        if (!capabilities_.tells_lifetimes) return Backend::remaining_lifetime(key, left);
        return ask(Verb::remaining_lifetime, key, [&](const Stored& entry) -> Outcome {
            left = left_of(entry);
            return {};
        });
    }

    void list_keys(std::string_view prefix, KeySink& sink) override {
        if (!capabilities_.lists_keys) return Backend::list_keys(prefix, sink);
        run_before(Verb::list_keys);
        std::vector<std::string> names;
        {
            const std::scoped_lock lock{mutex_};
            const Fate fate = next_fate();
            if (fate.fault) throw BackendError{*fate.fault, "as scripted"};
            names = living(prefix);
        }
        for (const std::string& name : names) sink.key(name);
    }

    /// How many entries there are.
    std::vector<Fact> facts() override {
        run_before(Verb::facts);
        const std::scoped_lock lock{mutex_};
        const Fate fate = next_fate();
        if (fate.fault) throw BackendError{*fate.fault, "as scripted"};
        return {{"", "entries", std::to_string(living("").size())}};
    }

    void clear() override {
        run_before(Verb::clear);
        const std::scoped_lock lock{mutex_};
        const Fate fate = next_fate();
        if (!fate.fault || fate.is_done) entries_.clear();
        if (fate.fault) throw BackendError{*fate.fault, "as scripted"};
    }

 private:
    using End = std::optional<std::chrono::steady_clock::time_point>;

    struct Stored {
        std::string value;
        End ends;  ///< never, where there is none
        std::uint64_t token;
    };

    /// What happens to a call.
    struct Fate {
        std::optional<BackendFault> fault;
        bool is_done = true;
    };

    void run_before(Verb verb) {
        static thread_local const ScriptedBackend* running = nullptr;
        if (running == this) return;
        std::function<void(Verb)> action;
        {
            const std::scoped_lock lock{mutex_};
            action = before_each_;
        }
        if (!action) return;
        struct Ending {
            const ScriptedBackend* before;
            ~Ending() { running = before; }
        } const ending{std::exchange(running, this)};
        action(verb);
    }

    Fate next_fate() {
        if (next_exception_) std::rethrow_exception(std::exchange(next_exception_, nullptr));
        if (down_) return {down_, false};
        if (failing_calls_ > 0) {
            --failing_calls_;
            return {next_fault_, false};
        }
        if (lost_answers_ > 0) {
            --lost_answers_;
            return {next_fault_, true};
        }
        return {};
    }

    std::optional<Failure> failure_of(std::string_view key, const Fate& fate) const {
        if (fate.fault) return Failure{*fate.fault, "as scripted"};
        for (const auto& [pattern, fault] : failing_keys_) {
            if (matches(pattern, key)) return Failure{fault, "as scripted for " + pattern};
        }
        return std::nullopt;
    }

    template <class Items, class KeyOf, class Apply>
    void write(Verb verb, const Items& items, std::span<Outcome> outcomes, KeyOf key_of,
               Apply apply) {
        if (items.empty()) return;
        run_before(verb);
        const std::scoped_lock lock{mutex_};
        const Fate fate = next_fate();
        for (std::size_t i = 0; i < items.size(); ++i) {
            const auto failure = failure_of(key_of(items[i]), fate);
            const bool applies = !failure || (fate.fault && fate.is_done);
            const Outcome outcome = applies ? apply(items[i]) : Outcome{};
            outcomes[i] = failure ? Outcome{*failure} : outcome;
        }
    }

    /// One call on one key; `answer` is for an entry that is there.
    template <class AnswerFor>
    Outcome ask(Verb verb, std::string_view key, AnswerFor answer) {
        Outcome outcome;
        write(verb, std::span{&key, 1}, {&outcome, 1}, std::identity{}, [&](std::string_view name) {
            const auto entry = find(name);
            return entry == entries_.end() ? Outcome::declined_by_backend() : answer(entry->second);
        });
        return outcome;
    }

    /// The keys of all entries that begin with `prefix`, sorted.
    std::vector<std::string> living(std::string_view prefix) const {
        std::vector<std::string> names;
        for (const auto& [name, entry] : entries_) {
            if (name.starts_with(prefix) && !is_over(entry)) names.push_back(name);
        }
        return names;
    }

    Lifetime left_of(const Stored& entry) const {
        if (!entry.ends) return never;
        return *entry.ends - clock_->steady();
    }

    bool is_over(const Stored& entry) const {
        return entry.ends && clock_->steady() >= *entry.ends;
    }

    /// Forgets the entry if it has expired.
    auto find(std::string_view key) -> std::map<std::string, Stored, std::less<>>::iterator {
        const auto entry = entries_.find(key);
        if (entry == entries_.end() || !is_over(entry->second)) return entry;
        entries_.erase(entry);
        return entries_.end();
    }

    End end_of(Lifetime lifetime) const {
        using Time = std::chrono::steady_clock::time_point;
        const Time now = clock_->steady();
        if (lifetime.is_never() || lifetime.duration() > Time::max() - now) return std::nullopt;
        return now + lifetime.duration();
    }

    const Clock* clock_;
    Capabilities capabilities_;
    std::mutex mutex_;
    std::map<std::string, Stored, std::less<>> entries_;
    std::uint64_t last_token_ = 0;

    std::optional<BackendFault> down_;
    std::size_t failing_calls_ = 0;
    std::size_t lost_answers_ = 0;
    BackendFault next_fault_ = BackendFault::timeout;
    std::exception_ptr next_exception_;
    std::vector<std::pair<std::string, BackendFault>> failing_keys_;
    std::function<void(Verb)> before_each_;
};

}  // namespace cachemodel::testing
