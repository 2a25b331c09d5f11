// cachemodel example: a backend of one's own, as short as it can be.
// SPDX-License-Identifier: MIT
#pragma once

// [includes]
#include <cachemodel/backend.hpp>
#include <cachemodel/cache_url.hpp>
#include <cachemodel/clock.hpp>
#include <cachemodel/error.hpp>

#include <chrono>
#include <cstddef>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
// [/includes]

namespace own {

using namespace cachemodel;

// [stored]
using Time = std::chrono::steady_clock::time_point;

struct Stored {
    std::string value;
    Time end;
};

/// When a lifetime that begins now is over; `never` is longer than any clock runs.
inline Time end_of(Lifetime lifetime, const Clock& clock) {
    const Time now = clock.steady();
    return lifetime.duration() < Time::max() - now ? now + lifetime.duration() : Time::max();
}
// [/stored]

// [class]
/// Keeps entries in a std::map until they expire, and refuses what would be too many of them.
class MapBackend final : public Backend {
 public:
    MapBackend(std::size_t most, const Clock& clock) : most_(most), clock_(&clock) {}
    const Capabilities& capabilities() const noexcept override { return capabilities_; }
    void get_many(std::span<const std::string_view> keys, ReadSink& sink) override {
        for (std::size_t i = 0; i < keys.size(); ++i) {
            std::string value;
            const auto read = with(keys[i], [&](auto at) { value = at->second.value; });
            read.done() ? sink.found(i, value, 0) : sink.absent(i);  // and no lock is held
        }
    }
    void store_many(Store how, std::span<const Entry> entries, std::span<Outcome> out) override {
        for (std::size_t i = 0; i < entries.size(); ++i) out[i] = store(how, entries[i]);
    }
    void remove_many(std::span<const std::string_view> keys, std::span<Outcome> out) override {
        const auto erase = [&](auto at) { all_.erase(at); };
        for (std::size_t i = 0; i < keys.size(); ++i) out[i] = with(keys[i], erase);
    }
    void touch_many(std::span<const std::string_view> keys, Lifetime lifetime,
                    std::span<Outcome> out) override {
        const auto touch = [&](auto at) { at->second.end = end_of(lifetime, *clock_); };
        for (std::size_t i = 0; i < keys.size(); ++i) out[i] = with(keys[i], touch);
    }
    void clear() override {
        const std::scoped_lock lock{mutex_};
        all_.clear();
    }

 private:
    Outcome store(Store how, const Entry& entry) {
        if (how == Store::compare_and_set) return Failure{BackendFault::unsupported, "no tokens"};
        const std::scoped_lock lock{mutex_};
        const bool is_there = find(entry.key) != all_.end();
        if (is_there && how == Store::add) return Outcome::declined_by_backend();
        if (!is_there && all_.size() >= most_) return Failure{BackendFault::full, "map is full"};
        all_[std::string{entry.key}] = {std::string{entry.value}, end_of(entry.lifetime, *clock_)};
        return {};
    }
    Outcome with(std::string_view key, auto action) {
        const std::scoped_lock lock{mutex_};
        const auto at = find(key);
        if (at == all_.end()) return Outcome::declined_by_backend();
        action(at);
        return {};
    }
    std::map<std::string, Stored>::iterator find(std::string_view key) {
        const auto at = all_.find(std::string{key});
        if (at == all_.end() || clock_->steady() < at->second.end) return at;
        all_.erase(at);  // and gives its place back
        return all_.end();
    }

    std::size_t most_;
    const Clock* clock_;
    Capabilities capabilities_;  // its defaults say: in this process, no tokens, no counting
    std::mutex mutex_;
    std::map<std::string, Stored> all_;
};
// [/class]

// [open]
/// Opens `map://?max_entries=1000`.
inline std::shared_ptr<Backend> open_map(CacheUrl& url, const Clock& clock) {
    if (!url.path().empty() || (!url.hosts().empty() && !url.hosts().front().name.empty())) {
        throw ConfigError{"map:// takes neither a host nor a path: " + url.redacted()};
    }
    constexpr std::size_t most = std::numeric_limits<std::size_t>::max();
    return std::make_shared<MapBackend>(url.take_integer("max_entries", 100'000, 1, most), clock);
}
// [/open]

}  // namespace own
