// cachemodel: the backend that keeps nothing.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/backend.hpp>

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

namespace cachemodel {

class CacheUrl;
class Clock;

/// Keeps nothing: a cache switched off. `null://`
///
/// Every read is absent, every `set` and `add` is done and forgotten; compare-and-set, removal,
/// touch, counting and the question for a lifetime are declined; there are no keys to list. A
/// program runs on it as on a cache that is always empty.
///
/// Thread safety: may be called concurrently.
class NullBackend final : public Backend {
 public:
    NullBackend() noexcept;

    const Capabilities& capabilities() const noexcept override { return capabilities_; }

    void get_many(std::span<const std::string_view> keys, ReadSink& sink) override;
    void store_many(Store how, std::span<const Entry> entries,
                    std::span<Outcome> outcomes) override;
    void remove_many(std::span<const std::string_view> keys, std::span<Outcome> outcomes) override;
    void touch_many(std::span<const std::string_view> keys, Lifetime lifetime,
                    std::span<Outcome> outcomes) override;
    void clear() override {}

    Outcome increment(std::string_view key, std::int64_t delta, std::int64_t& value) override;
    Outcome remaining_lifetime(std::string_view key, Lifetime& left) override;
    void list_keys(std::string_view, KeySink&) override {}

 private:
    Capabilities capabilities_;
};

/// Opens `null://`. It has no options.
///
/// Thread safety: may be called concurrently, each time with another URL.
/// Errors: `ConfigError` when the URL names a host or a path.
std::shared_ptr<Backend> open_null(CacheUrl& url, const Clock& clock);

}  // namespace cachemodel
