// cachemodel: what the handles of one cache share, and what makes them differ.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/backend.hpp>
#include <cachemodel/cache_options.hpp>
#include <cachemodel/detail/config_problem.hpp>
#include <cachemodel/detail/key_text.hpp>
#include <cachemodel/detail/load_terms.hpp>
#include <cachemodel/detail/values.hpp>
#include <cachemodel/executor.hpp>
#include <cachemodel/observer.hpp>
#include <cachemodel/statistics.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <memory_resource>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "at_fork.hpp"
#include "call_memory.hpp"
#include "chance.hpp"
#include "claimed_names.hpp"
#include "counters.hpp"
#include "decoded_tier.hpp"
#include "flights.hpp"
#include "latency_counter.hpp"
#include "load_backoff.hpp"
#include "load_limit.hpp"
#include "running_loads.hpp"
#include "shown_text.hpp"

namespace cachemodel::detail {

struct ModelTable;

/// How one handle of a cache looks at it.
struct CacheView {
    std::string name;
    std::string prefix;
    std::uint32_t version;
    Lifetime timeout;
    KeyFunction key_function;
    KeyPolicy key_policy;
    KeyWarnings key_warnings;
    bool ignore_errors;
    bool mismatch_is_miss;
    bool clear_allowed;
    LoadRules load_rules;  // of what says nothing else
    std::shared_ptr<Executor> executor;
    bool bypass = false;
    std::vector<std::string> warnings = {};
    std::vector<ConfigProblem> warned_of = {};  // what each warning tells

    std::string final_key(std::string_view key) const { return key_function(prefix, version, key); }
    Executor& background() const { return executor ? *executor : *default_executor(); }
};

/// The counters of each model of a cache, made when they are first needed.
///
/// Thread safety: may be called concurrently.
class ModelCounters {
 public:
    Counters& of(const ModelTable& model);
    Statistics read(const ModelTable& model) const;
    /// Those of which there are any.
    std::vector<const ModelTable*> all() const;

 private:
    mutable ForkSafe<std::mutex> mutex_;
    std::unordered_map<const ModelTable*, Counters> by_model_;  // does not move its elements
};

/// What the handles of one cache share. Calls the backend, with final keys, and counts; tells the
/// observer, if there is one.
///
/// Thread safety: may be called concurrently.
class CacheCore {
 public:
    /// As in `CacheOptions`.
    struct LoadSettings {
        std::size_t loads_without_cache;
        std::optional<std::uint64_t> seed;
    };

    CacheCore(std::shared_ptr<Backend> backend, const Clock& clock, const LoadSettings& loads,
              std::size_t decoded_bytes, Lifetime decoded_expires)
        : load_settings(loads),
          chance(load_settings.seed),
          load_limit(load_settings.loads_without_cache),
          backend_(std::move(backend)),
          clock_(clock) {
        if (decoded_bytes > 0) decoded_.emplace(decoded_bytes, decoded_expires, clock);
    }

    Backend& backend() const noexcept { return *backend_; }
    const Clock& clock() const noexcept { return clock_; }
    /// Null where no decoded objects are kept.
    DecodedTier* decoded() noexcept { return decoded_ ? &*decoded_ : nullptr; }
    /// Counts what happens to a model or a function, and so to its cache.
    void count(Counter Counters::*counter, Counters& own, std::uint64_t times = 1) noexcept {
        counters.*counter += times;
        own.*counter += times;
    }

    const LoadSettings load_settings;
    Counters counters;
    LatencyCounters latencies;
    ModelCounters models;
    // Of models, of cached methods and functions, and of `get_or_set`: a user may choose the keys.
    Flights model_flights;
    Flights call_flights;
    Flights value_flights;
    Chance chance;
    LoadBackoff load_backoff;
    LoadLimit load_limit;
    RunningLoads running_loads;
    ClaimedNames names;

    Statistics statistics() const noexcept;
    Statistics statistics_of(const ModelTable& model) const;
    /// Of all models, by name.
    std::vector<ModelStatistics> model_statistics() const;

    void observe(std::shared_ptr<Observer> observer);

    // As in Backend. `peeks` makes it no use of the entries.
    void get_many(const CacheView& view, std::span<const std::string_view> keys, ReadSink& sink,
                  bool peeks);
    void store_many(const CacheView& view, Store how, std::span<const Entry> entries,
                    std::span<Outcome> outcomes);
    /// The same of what loads bring, which is no change of what they have read before.
    void store_loaded(const CacheView& view, Store how, std::span<const Entry> entries,
                      std::span<Outcome> outcomes);
    void remove_many(const CacheView& view, std::span<const std::string_view> keys,
                     std::span<Outcome> outcomes);
    /// Writes what is no value, and counts as nothing but a round trip and its bytes.
    void store_leases(const CacheView& view, Store how, std::span<const Entry> entries,
                      std::span<Outcome> outcomes);
    /// Removes by writing something else, or plainly where there is no room for that. How many
    /// calls it took.
    std::size_t replace_many(const CacheView& view, std::span<const Entry> entries,
                             std::span<Outcome> outcomes,
                             const std::function<void(std::size_t index)>& before_removal);
    void touch_many(const CacheView& view, std::span<const std::string_view> keys,
                    Lifetime lifetime, std::span<Outcome> outcomes);
    Outcome increment(const CacheView& view, std::string_view key, std::int64_t delta,
                      std::int64_t& value);
    Outcome remaining_lifetime(const CacheView& view, std::string_view key, Lifetime& left);
    void list_keys(const CacheView& view, std::string_view prefix, KeySink& sink);
    void clear(const CacheView& view);

    /// Lets a value that `get_or_set` began to make earlier be joined by nobody any more, and be
    /// stored no more, under these final keys.
    void supersede_values(std::span<const std::string_view> final_keys);
    /// The same for everything that is being made or loaded under final keys that begin so.
    void supersede_all(std::string_view prefix);

    /// Errors: `InvalidKey` for a key that may not be used.
    void check_key(const CacheView& view, Operation operation, std::string_view final_key);
    /// Whether the failure is kept from the caller; then it has been counted and reported.
    bool ignores(const CacheView& view, Operation operation, const Failure& failure);
    /// The same for a call on many keys: the first one that is ignored is reported for all of them.
    void ignore_first(const CacheView& view, Operation operation,
                      std::span<const Outcome> outcomes);
    /// Tells of a load of this entry, which is a model's or a call's.
    void tell_failed_load(const CacheView& view, const EntryKey& key,
                          const std::exception_ptr& error, bool in_background = false) noexcept;
    /// The same of a value, under the key that the user gave.
    void tell_failed_load(const CacheView& view, const std::string& key,
                          const std::exception_ptr& error) noexcept;
    /// Tells of these members of an entry; their names are constants.
    void tell_mismatch(const CacheView& view, const EntryKey& key,
                       std::span<const std::string_view> members) noexcept;

 private:
    friend class ToldLater;
    class Trip;
    class Change;

    void tell_failed_load(const CacheView& view, std::string_view name, std::string_view key,
                          const std::exception_ptr& error, bool in_background) noexcept;

    template <class Event>
    void tell(void (Observer::*call)(const Event&), const Event& event) noexcept;

    std::shared_ptr<Backend> backend_;
    const Clock& clock_;
    std::atomic<Observer*> observer_{nullptr};
    ForkSafe<std::mutex> observers_mutex_;
    std::vector<std::shared_ptr<Observer>> observers_;
    std::optional<DecodedTier> decoded_;
};

/// What this thread has to tell the observer of a cache is told when this ends: it is there before
/// anything is held that the observer may wait for, and still there when that is let go.
class ToldLater {
 public:
    explicit ToldLater(CacheCore& core) noexcept;
    ~ToldLater();
    ToldLater(const ToldLater&) = delete;
    ToldLater& operator=(const ToldLater&) = delete;

    /// The innermost one of this thread for the cache; null where there is none.
    static ToldLater* of(const CacheCore& core) noexcept;
    /// The texts of an event are not there any more then. Errors: `std::bad_alloc`.
    void keep(const RoundTrip& trip);
    void keep(const KeyWarning& warning);
    void keep(const IgnoredError& error);
    void keep(const FailedLoad& load);
    void keep(const Mismatch& mismatch);

 private:
    CacheCore& core_;
    ToldLater* const outer_;  ///< of this thread
    std::vector<std::function<void()>> events_;
};

/// The keys of a call as the backend sees them, checked, in one piece of memory.
class FinalKeys {
 public:
    /// Errors: `InvalidKey`; those of the key function.
    FinalKeys(CacheCore& core, const CacheView& view, Operation operation,
              std::span<const std::string_view> keys);
    FinalKeys(const FinalKeys&) = delete;
    FinalKeys& operator=(const FinalKeys&) = delete;

    std::span<const std::string_view> views() const noexcept { return views_; }

 private:
    CallMemory<384> memory_;  // enough for one key
    std::pmr::string text_{memory_.resource()};
    KeyList listed_;  // where their sizes are not known before
    std::pmr::vector<std::string_view> views_{memory_.resource()};
};

/// Whether a failure is one that `CacheOptions::ignore_errors` is about.
bool is_ignorable(const CacheView& view, const Failure& failure) noexcept;

Operation operation_of(Store how) noexcept;

/// Whether it failed because of the entry's size, or since the cache is full.
bool has_no_room(const Outcome& outcome) noexcept;

/// Whether the final keys of a prefix all begin with it and a colon.
inline bool keeps_prefix(KeyFunction function) noexcept {
    return function == &plain_keys || function == &digest_long_keys;
}

}  // namespace cachemodel::detail
