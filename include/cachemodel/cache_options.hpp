// cachemodel: how a cache names its entries, how long it keeps them, how it treats errors.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/clock.hpp>
#include <cachemodel/key_functions.hpp>
#include <cachemodel/lifetime.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace cachemodel {

class Executor;

/// What becomes of a key that not every backend would take. A backend that cannot take it refuses
/// it in any case, with `InvalidKey`.
enum class KeyWarnings : std::uint8_t {
    ignore,
    warn,   ///< it is used, counted, and reported to the observer
    error,  ///< `InvalidKey`
};

/// What a cache is opened with. In a URL each is an option of the same name, but `clear_allowed` is
/// `clear`, and `clock`, `executor`, `key_policy`, `name` and `seed` are none; the others of the
/// URL belong to the backend.
///
/// Thread safety: that of a plain value.
struct CacheOptions {
    /// Keeps the entries of several programs apart: at most 40 bytes of visible ASCII, no colon.
    std::string key_prefix = {};

    /// Another number sees other entries.
    std::uint32_t version = 1;

    /// How long values live that are set without a lifetime of their own. In a URL a number of
    /// seconds such as `60` or `1.5`, a duration such as `15min`, or `never` (also `none`); 0
    /// stores nothing. Models and cached calls do not use it: they have their `.expires`.
    Lifetime timeout = std::chrono::seconds{300};

    /// This one and the next eight: as in `ModelOptions`, for models with a loader and for cached
    /// calls that say nothing else. What is about the end of entries does nothing to those that do
    /// not expire. In a URL durations as for `timeout`, and numbers such as `0.1`.
    Lifetime stale_while_refresh = std::chrono::seconds{0};
    Lifetime stale_if_error = std::chrono::seconds{0};
    Lifetime remember_missing = std::chrono::seconds{0};
    double early_refresh = 0;
    double jitter = 0;
    Lifetime load_timeout = never;
    Lifetime lease_wait = std::chrono::seconds{2};
    Lifetime load_backoff = std::chrono::seconds{1};
    double verify = 0;

    /// How many loads, and functions of `get_or_set`, may run at a time while the cache cannot be
    /// read, so that all that it kept from the source does not reach it at once. For this cache
    /// with its copies and views: another one on the same server has as many. Who comes then waits
    /// for `lease_wait` at most, and gets `BackendError`.
    std::size_t loads_without_cache = 64;

    /// How many bytes of decoded objects this process keeps in front of the backend, for
    /// `Models::get_shared`; 0 keeps none. Counted are the entries that an object was made of, the
    /// object itself, and what finds it; one that needs more than a sixteenth is not kept. In a URL
    /// a size such as `64MiB`.
    std::size_t decoded = 0;

    /// For how long such an object is given out, from before it was read: what other processes
    /// change shows after that at the latest. In a URL a duration as for `timeout`, not 0.
    Lifetime decoded_expires = std::chrono::seconds{2};

    /// What loads in the background run on; null is the library's own pool of threads. A cache that
    /// was opened by a URL gets one by `Cache::with_executor`.
    std::shared_ptr<Executor> executor = {};

    /// Where what is left to chance begins, for tests that are to run alike each time: jitter,
    /// early refreshes, waits, which hits are verified. By default different in each cache.
    std::optional<std::uint64_t> seed = {};

    /// Makes the final keys. In a URL a name that is registered: `plain`, `digest`, or one's own.
    KeyFunction key_function = &plain_keys;

    /// Which final keys are in order.
    KeyPolicy key_policy = &is_portable_key;

    /// What becomes of those that are not. In a URL `ignore`, `warn` or `error`.
    KeyWarnings key_warnings = KeyWarnings::warn;

    /// Keeps `BackendError` from callers: the verbs of a cache, and those that read, save or touch
    /// models in it, answer as if nothing were there or nothing had been done, and the observer is
    /// told once by each call. A `Lookup` or an `Outcome` still says that it failed. What removes
    /// or changes models, or invalidates a call, throws all the same, and so does what the program
    /// does wrong: `InvalidKey`, `TypeMismatch`, `Overflow`, and what the backend does not support.
    /// In a URL `true` or `false`.
    bool ignore_errors = false;

    /// Takes an entry of another type than was asked for as a miss, not as a failure. In a URL
    /// `true` or `false`.
    bool mismatch_is_miss = false;

    /// Lets `Cache::clear` empty the backend, which others may use too. In a URL `clear=allow` or
    /// `clear=forbid`.
    bool clear_allowed = true;

    /// What it is called in statistics and for observers. Named caches have their own name.
    std::string name = {};

    /// Must outlive the cache, and what its executor still runs for it.
    const Clock& clock = Clock::machine();
};

}  // namespace cachemodel
