// cachemodel: the named caches of this process.
// SPDX-License-Identifier: MIT
#include <cachemodel/caches.hpp>

#include <map>
#include <mutex>
#include <string>
#include <utility>

namespace cachemodel {

struct Caches::State {
    std::mutex mutex;
    std::map<std::string, Cache, std::less<>> by_name;
};

Caches::Caches() : state_(std::make_unique<State>()) {}
Caches::~Caches() = default;

Cache Caches::operator[](std::string_view name) {
    const std::lock_guard lock{state_->mutex};
    auto found = state_->by_name.find(name);
    if (found == state_->by_name.end()) {
        if (name != "default") {
            std::string message = "no cache is named \"" + std::string{name} + "\"; configured:";
            if (state_->by_name.empty()) message += " none";
            for (const auto& [known, cache] : state_->by_name) message += " \"" + known + '"';
            throw ConfigError(message);
        }
        found = state_->by_name.emplace(name, Cache::open("memory://")).first;
    }
    return found->second;
}

void Caches::configure(std::string_view name, std::string_view url) {
    configure(name, Cache::open(url));
}

void Caches::configure(std::string_view name, Cache cache) {
    const std::lock_guard lock{state_->mutex};
    const auto [place, is_new] = state_->by_name.emplace(name, cache);
    // The old one goes with the argument, after the lock: closing it may take time.
    if (!is_new) std::swap(place->second, cache);
}

Caches& caches() {
    // Never destroyed: other objects of static duration may use it until the very end.
    static Caches& registry = *new Caches;
    return registry;
}

ScopedCaches::ScopedCaches()
    : outer_(std::exchange(caches().state_, std::make_unique<Caches::State>())) {}

ScopedCaches::~ScopedCaches() { caches().state_ = std::move(outer_); }

}  // namespace cachemodel
