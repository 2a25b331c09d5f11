// cachemodel: a backend with the rules that all backends share.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/backend.hpp>
#include <cachemodel/clock.hpp>
#include <cachemodel/statistics.hpp>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace cachemodel {

namespace detail {
class ClaimedNames;
class Flights;
struct Counters;
}  // namespace detail

/// How a cache names its entries.
struct CacheOptions {
    /// Keeps the entries of several programs apart: at most 40 bytes of visible ASCII, no colon.
    std::string key_prefix = {};
    /// Another number sees other entries.
    std::uint32_t version = 1;
    /// Must outlive the cache.
    const Clock& clock = Clock::machine();
};

/// A named or unnamed cache: a backend, a prefix, a version and counters.
///
/// A cheap handle: copies and the views that `with_…` and `bypass` give share the backend and the
/// counters.
///
/// Thread safety: may be called concurrently.
class Cache {
 public:
    /// Opens a cache by URL: `memory://`, `memcached://10.0.0.1:11211,10.0.0.2:11211`, `null://`.
    ///
    /// Takes the options `key_prefix` and `version`; the rest belong to the backend. Connects to
    /// nothing yet.
    /// Errors: `ConfigError` naming the part of the URL that is wrong.
    static Cache open(std::string_view url, const Clock& clock = Clock::machine());

    /// Errors: `ConfigError` for a prefix that is too long or holds a colon, a space or a control
    /// character.
    explicit Cache(std::shared_ptr<Backend> backend, CacheOptions options = {});

    Cache with_prefix(std::string prefix) const;
    Cache with_version(std::uint32_t version) const;
    /// A view that finds nothing and stores nothing, and lets removals through: for reading inside
    /// of a transaction that is not committed yet.
    Cache bypass() const;

    /// Whether this view finds and stores nothing.
    bool is_bypass() const noexcept { return bypass_; }

    /// The key that the backend sees: `prefix:version:key`.
    std::string final_key(std::string_view key) const;

    const Capabilities& capabilities() const noexcept;
    const Clock& clock() const noexcept;
    Statistics statistics() const noexcept;

    /// Empties the whole backend: every prefix, every version, other programs' entries too.
    ///
    /// Errors: `BackendError`.
    void clear() const;
    /// Gives up connections; the next call takes them again.
    void close() const noexcept;

    // Bytes under keys, many at a time: what models stand on. As in Backend, with the final keys
    // made here. With a lifetime that is over, `Store::set` and a touch remove, the rest declines.
    void read_many(std::span<const std::string_view> keys, ReadSink& sink) const;
    void store_many(Store how, std::span<const Entry> entries, std::span<Outcome> outcomes) const;
    void remove_many(std::span<const std::string_view> keys, std::span<Outcome> outcomes) const;
    void touch_many(std::span<const std::string_view> keys, Lifetime lifetime,
                    std::span<Outcome> outcomes) const;

    /// Counts for `statistics`; for the layers above.
    detail::Counters& counters() const noexcept;
    /// What is being computed for this cache; for the layers above.
    detail::Flights& flights() const noexcept;
    /// Names that belong to one source file; for the layers above.
    detail::ClaimedNames& names() const noexcept;

    /// Whether two handles mean the same entries.
    friend bool operator==(const Cache& a, const Cache& b) noexcept;

 private:
    struct Shared;

    /// What stands before a key in `final_key`.
    std::string key_head() const;

    std::shared_ptr<Shared> shared_;
    std::string prefix_;
    std::uint32_t version_ = 1;
    bool bypass_ = false;
};

}  // namespace cachemodel
