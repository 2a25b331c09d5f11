// cachemodel: the named caches of this process.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/cache.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace cachemodel {

/// The named caches of this process.
///
/// Thread safety: may be called concurrently.
class Caches {
 public:
    /// The cache of that name. "default" is a memory cache of this process unless configured.
    ///
    /// Errors: `ConfigError` naming the cache and those that are configured.
    Cache operator[](std::string_view name);

    /// Sets or replaces the cache of that name; handles to the old one stay valid.
    ///
    /// Errors: as `Cache::open`; `ConfigError` for an empty name.
    void configure(std::string_view name, std::string_view url);
    void configure(std::string_view name, Cache cache);

    /// Every name that is configured, in order, and "default" where that has been used.
    std::vector<std::string> names() const;
    /// The caches that are configured, in the order of their names.
    std::vector<Cache> all() const;
    /// Those of them that somebody has asked for by name.
    std::vector<Cache> used() const;
    /// Closes those that somebody has asked for by name; the next call opens connections again.
    void close_all() const;

 private:
    friend Caches& caches();
    friend class ScopedCaches;
    struct State;

    Caches();
    ~Caches();

    std::unique_ptr<State> state_;
};

/// The one registry.
Caches& caches();

/// `caches()["default"]`.
Cache default_cache();

/// Gives one test named caches of its own: nothing is configured at its start, and what was before
/// is back at its end. Scopes must end in the reverse order of their beginning.
///
/// Thread safety: no other thread may use the registry while a scope begins or ends.
class ScopedCaches {
 public:
    ScopedCaches();
    ~ScopedCaches();
    ScopedCaches(const ScopedCaches&) = delete;
    ScopedCaches& operator=(const ScopedCaches&) = delete;

 private:
    std::unique_ptr<Caches::State> outer_;
};

}  // namespace cachemodel
