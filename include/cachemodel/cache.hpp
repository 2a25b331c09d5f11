// cachemodel: a backend with the rules that all backends share.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/backend.hpp>
#include <cachemodel/cache_options.hpp>
#include <cachemodel/clock.hpp>
#include <cachemodel/detail/values.hpp>
#include <cachemodel/explanation.hpp>
#include <cachemodel/latencies.hpp>
#include <cachemodel/lookup.hpp>
#include <cachemodel/observer.hpp>
#include <cachemodel/statistics.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace cachemodel {

namespace detail {
class CacheCore;
struct CacheView;
}  // namespace detail

/// A named or unnamed cache: a backend, a prefix, a version and counters; values under keys.
///
///     cache.set("greeting", "hello", 30s);
///     cache.get<std::string>("greeting").value_or("nobody here");
///
/// A cheap handle: copies and the views that `with_…` and `bypass` give share the backend and the
/// counters.
///
/// A value is a number, a bool, an enum, text, bytes, a `std::chrono` time or duration, an
/// `std::optional`, a variant, a container or a plain struct of these, or null (`nullptr`, or an
/// empty optional), which is found and is not a miss. It is read as the type that it was set as, or
/// as one that is stored in the same way: an integer as any integer type that it fits, a vector as
/// a list, a struct as one with fewer members. Integers are counters: `incr` and `decr` count them.
///
/// A key is any text; with memcached 1 to 250 bytes with prefix and version, without spaces and
/// control characters. Verbs check all keys before they ask the backend anything.
///
/// Thread safety: may be called concurrently.
/// Errors: verbs throw `InvalidKey`; where a reading verb has no answer that could say so, and all
/// that write, `BackendError`, unless `CacheOptions::ignore_errors`.
class Cache {
 public:
    /// Opens a cache by URL: `memory://`, `memcached://10.0.0.1:11211,10.0.0.2:11211`,
    /// `redis://10.0.0.1:6379/0`, `sqlite:///var/cache/app/cache.db`, `file:///var/cache/app`,
    /// `null://`.
    ///
    /// Takes the options of `CacheOptions`, and `lenient=true`, which turns unknown options and
    /// values that make no sense into `warnings()`; the rest belong to the backend. What is wrong
    /// about the backend or its place stays an error, and so does what would lead to other entries,
    /// such as an unknown key function or an unusable key prefix. Connects to nothing yet.
    /// Errors: `ConfigError` naming the part of the URL that is wrong.
    static Cache open(std::string_view url, const Clock& clock = Clock::machine());

    /// A cache on a backend that the program has made, and that other caches may use too.
    ///
    /// Errors: `ConfigError` for a prefix that is too long or holds a colon, a space or a control
    /// character, and for what is null.
    explicit Cache(std::shared_ptr<Backend> backend, CacheOptions options = {});

    Cache(const Cache&) = default;
    Cache(Cache&&) noexcept = default;
    // Not of what a function returns: `caches()["pages"] = cache` would change nothing.
    Cache& operator=(const Cache&) & = default;
    Cache& operator=(Cache&&) & noexcept = default;

    // ---- views

    /// A view with this prefix instead of its own.
    Cache with_prefix(std::string prefix) const;
    /// A view that sees the entries of another version.
    Cache with_version(std::uint32_t version) const;
    /// A view whose values live that long when they are set without a lifetime of their own.
    Cache with_timeout(Lifetime timeout) const;
    /// A view whose loads in the background run on `executor`, or on the library's own pool where
    /// that is null: for caches that were opened by a URL.
    Cache with_executor(std::shared_ptr<Executor> executor) const;
    /// A view that finds nothing and stores nothing, and lets removals through: for reading inside
    /// of a transaction that is not committed yet.
    Cache bypass() const;
    /// Whether this view finds and stores nothing.
    bool is_bypass() const noexcept;

    // ---- one value

    /// The value. Never throws `BackendError`: the answer says that it failed. An entry of another
    /// type is failed too, with `TypeMismatch`, and is kept.
    template <class T>
    Lookup<T> get(std::string_view key) const;

    /// The value, or `otherwise` where there is none.
    ///
    /// Errors: `BackendError`, `TypeMismatch`.
    template <class T>
    detail::StoredValue<T> get_or(std::string_view key, T otherwise) const;

    /// Stores the value, whatever was there, for the cache's timeout or for `lifetime`. A lifetime
    /// that is over removes. Whether it was done.
    ///
    /// Errors: `BackendError`; what converters of the user's throw, and then nothing has changed.
    template <class T>
    bool set(std::string_view key, const T& value) const;
    template <class T>
    bool set(std::string_view key, const T& value, Lifetime lifetime) const;

    /// Stores the value where nothing is, atomically. Whether nothing was there.
    ///
    /// Errors: as `set`.
    template <class T>
    bool add(std::string_view key, const T& value) const;
    template <class T>
    bool add(std::string_view key, const T& value, Lifetime lifetime) const;

    /// The value that is there, or else the one that `make()` returns, which is stored. A value in
    /// the place of `make` is stored as it is.
    ///
    /// `make` runs once for all who ask at the same time for the same key, through this cache and
    /// its views. Where somebody else has stored a value meanwhile, that one is returned. Who comes
    /// after a removal or a `set`, through this cache and its views too, does not get what began to
    /// be made before it, and that is not stored.
    ///
    /// A backend that fails, or cannot tell, makes no difference but that nothing is stored: it is
    /// counted. What is made while it cannot be read counts among the
    /// `CacheOptions::loads_without_cache`. Beyond them one waits for `lease_wait` at most, and
    /// then gets `BackendError`, or with `ignore_errors` makes the value all the same.
    ///
    /// With `unless`, a predicate, what it is true of is returned and not stored.
    /// Errors: what `make` throws, and then nothing is stored; `TypeMismatch`; `RecursiveLoad`
    /// where `make` needs its own key; `BackendError` as above.
    template <class Make>
    auto get_or_set(std::string_view key, Make&& make) const;
    template <class Make>
    auto get_or_set(std::string_view key, Make&& make, Lifetime lifetime) const;
    template <class Make, class Unless>
    auto get_or_set(std::string_view key, Make&& make, Lifetime lifetime,
                    const Unless& unless) const;

    /// Removes. Whether something was there. A backend that keeps whole seconds, as memcached, may
    /// count what ended within the last two: to know better would take another round trip. The same
    /// holds for `delete_many`, and for a touch that removes.
    ///
    /// Errors: `BackendError`.
    bool erase(std::string_view key) const;
    /// Whether `get` would find something; it is no use of the entry.
    ///
    /// Errors: `BackendError`.
    bool contains(std::string_view key) const;
    /// Gives the entry the cache's timeout, or `lifetime`, from now on; a lifetime that is over
    /// removes. Whether something was there.
    ///
    /// Errors: `BackendError`.
    bool touch(std::string_view key) const;
    bool touch(std::string_view key, Lifetime lifetime) const;

    // ---- counters

    /// Adds to an integer, atomically where `Capabilities::atomic_increment`, and gives the sum.
    /// The entry keeps its lifetime where the backend can tell it.
    ///
    /// Errors: `Missing` where nothing is there, `NotAnInteger`, `Overflow`, `BackendError`.
    std::int64_t incr(std::string_view key, std::int64_t delta = 1) const;
    /// Where nothing is there, stores `initial` for the cache's timeout and gives that.
    ///
    /// Errors: `Overflow` for an `initial` below zero where `Capabilities::counters_stop_at_zero`.
    std::int64_t incr(std::string_view key, std::int64_t delta, std::int64_t initial) const;
    template <std::floating_point Number>
    std::int64_t incr(std::string_view key, Number delta) const = delete;  // counters are integers
    /// Subtracts. With memcached a counter stops at zero.
    ///
    /// Errors: as `incr`; `Overflow` for the least `delta`, too, which has no opposite.
    std::int64_t decr(std::string_view key, std::int64_t delta = 1) const;

    /// Moves the entry to the version of this view and `delta`, over what is there; gives that
    /// version. The entry takes its remaining lifetime along where it or the backend knows it
    /// (`Capabilities::tells_lifetimes`); elsewhere it gets the cache's timeout.
    ///
    /// Errors: `Missing`, `Overflow` for a version below 0, `BackendError`.
    std::uint32_t incr_version(std::string_view key, std::int64_t delta = 1) const;
    std::uint32_t decr_version(std::string_view key, std::int64_t delta = 1) const;

    // ---- many values in one trip; any range of keys, or of pairs of key and value

    /// One answer for each key, in order, as of `get`. A key given twice is read once.
    template <class T, class Keys>
    std::vector<Lookup<T>> get_many(Keys&& keys) const;
    template <class T>
    std::vector<Lookup<T>> get_many(std::initializer_list<std::string_view> keys) const {
        return get_many<T, std::initializer_list<std::string_view>&>(keys);
    }
    /// One outcome for each pair, in order; of two under one key the last one stays.
    template <class Pairs>
    [[nodiscard]] std::vector<Outcome> set_many(Pairs&& pairs) const;
    template <class Pairs>
    [[nodiscard]] std::vector<Outcome> set_many(Pairs&& pairs, Lifetime lifetime) const;
    /// `cache.set_many<int>({{"a", 1}, {"b", 2}}, 5min)`
    template <class T>
    [[nodiscard]] std::vector<Outcome> set_many(
        std::initializer_list<std::pair<std::string_view, T>> pairs) const {
        return set_many(pairs, timeout());
    }
    template <class T>
    [[nodiscard]] std::vector<Outcome> set_many(
        std::initializer_list<std::pair<std::string_view, T>> pairs, Lifetime lifetime) const {
        return set_many<decltype(pairs)&>(pairs, lifetime);
    }
    /// One outcome for each pair: `declined()` where something was there.
    template <class Pairs>
    [[nodiscard]] std::vector<Outcome> add_many(Pairs&& pairs) const;
    template <class Pairs>
    [[nodiscard]] std::vector<Outcome> add_many(Pairs&& pairs, Lifetime lifetime) const;
    template <class T>
    [[nodiscard]] std::vector<Outcome> add_many(
        std::initializer_list<std::pair<std::string_view, T>> pairs) const {
        return add_many(pairs, timeout());
    }
    template <class T>
    [[nodiscard]] std::vector<Outcome> add_many(
        std::initializer_list<std::pair<std::string_view, T>> pairs, Lifetime lifetime) const {
        return add_many<decltype(pairs)&>(pairs, lifetime);
    }
    /// One outcome for each key: `declined()` where nothing was there.
    template <class Keys>
    [[nodiscard]] std::vector<Outcome> delete_many(Keys&& keys) const;
    [[nodiscard]] std::vector<Outcome> delete_many(
        std::initializer_list<std::string_view> keys) const {
        return delete_many<std::initializer_list<std::string_view>&>(keys);
    }

    // ---- bytes as they are, without an envelope: for entries of other programs

    /// The bytes of the entry, whoever has written it. Never throws `BackendError`: the answer says
    /// that it failed.
    Lookup<std::string> get_raw(std::string_view key) const;
    /// Stores the bytes, whatever was there, for the cache's timeout or for `lifetime`. Whether it
    /// was done.
    ///
    /// Errors: `BackendError`.
    bool set_raw(std::string_view key, std::string_view bytes) const;
    bool set_raw(std::string_view key, std::string_view bytes, Lifetime lifetime) const;

    // ---- the whole cache

    /// Empties the whole backend: every prefix, every version, other programs' entries too. Whether
    /// it was done. What this cache and its views began to load or to make before is not stored.
    ///
    /// Errors: `BackendError`; `ConfigError` for a cache with `clear=forbid`.
    bool clear() const;
    /// Removes the entries of this prefix, of all versions, and gives their number. What began to
    /// be loaded or made before is not stored, as with `clear`.
    ///
    /// Errors: `BackendError` (`unsupported`) where the backend does not list its keys, as
    /// memcached, or the cache has a key function of the user's own.
    std::size_t clear_prefix() const;
    /// Gives up connections; the next call takes them again.
    void close() const noexcept;

    // ---- about the cache

    /// The key that the backend sees.
    ///
    /// Errors: those of the key function.
    std::string final_key(std::string_view key) const;
    /// What is stored under the key right now, and what `get` would make of it. Counts nothing;
    /// where the backend can peek, as memory can, it is no use of the entry either. The key may
    /// also be one that `key_for` of a model or of a cached call gives, if it has no more than 180
    /// bytes; but only their own `explain` knows what is served past its end, what is loaded, and
    /// what can be decoded.
    ///
    /// Asks the backend once, or twice where only that knows the end of the entry.
    ///
    /// Errors: `InvalidKey`.
    Explanation explain(std::string_view key) const;
    /// Its name: in the registry of named caches, or the one it was opened with.
    const std::string& name() const noexcept;
    const std::string& prefix() const noexcept;
    std::uint32_t version() const noexcept;
    Lifetime timeout() const noexcept;
    const Capabilities& capabilities() const noexcept;
    /// Where it reads the time: what it was opened with.
    const Clock& clock() const noexcept;
    /// What was not understood in a URL that is lenient, and what in any URL means less than it
    /// says.
    const std::vector<std::string>& warnings() const noexcept;
    /// For tools and tests.
    Backend& backend() const noexcept;

    /// What the cache and all of its views have counted.
    Statistics statistics() const noexcept;
    /// What the models of this cache have counted in it.
    std::vector<ModelStatistics> model_statistics() const;
    /// What is kept of decoded objects right now, for all views.
    DecodedUsage decoded_usage() const noexcept;
    /// How long the calls of the backend, and loads, have taken.
    Latencies latencies() const noexcept;
    /// How many loads run right now in this process, of all views, as `Latencies::loads` counts
    /// them: of models, of cached calls, and of `get_or_set`; also those whose result nobody takes
    /// any more. What waits for a thread, or for another process, does not run.
    std::size_t loads_under_way() const noexcept;
    /// From now on tells `observer`, of all views, or nobody where it is null. It is kept until the
    /// cache ends, as calls may be under way: one that holds a handle of this cache keeps both.
    void observe(std::shared_ptr<Observer> observer) const;

    // Bytes under keys, many at a time: what the verbs and models stand on. As in Backend, with the
    // final keys made here. With a lifetime that is over, `Store::set` and a touch remove, the rest
    // declines.
    void read_many(std::span<const std::string_view> keys, ReadSink& sink) const;
    void store_many(Store how, std::span<const Entry> entries, std::span<Outcome> outcomes) const;
    void remove_many(std::span<const std::string_view> keys, std::span<Outcome> outcomes) const;
    void touch_many(std::span<const std::string_view> keys, Lifetime lifetime,
                    std::span<Outcome> outcomes) const;

    // For the layers above.

    /// A view that reports no keys: for the further steps of a verb, whose first has done so.
    Cache quietly() const;
    detail::CacheCore& core() const noexcept { return *core_; }
    const detail::CacheView& view() const noexcept { return *view_; }

    /// Whether two handles mean the same entries.
    friend bool operator==(const Cache& a, const Cache& b) noexcept;

 private:
    friend class Caches;

    Cache(std::shared_ptr<detail::CacheCore> core, detail::CacheView view);
    Cache with_name(std::string_view name) const;
    /// Whether the one entry of a call was stored. Errors: `BackendError`, unless it is ignored.
    bool store_one(Store how, const std::vector<Outcome>& outcomes) const;

    std::shared_ptr<detail::CacheCore> core_;
    std::shared_ptr<const detail::CacheView> view_;
};

}  // namespace cachemodel

#include <cachemodel/detail/cache_verbs.hpp>
