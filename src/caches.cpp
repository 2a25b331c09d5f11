// cachemodel: the named caches of this process.
// SPDX-License-Identifier: MIT
#include <cachemodel/caches.hpp>

#include <cachemodel/error.hpp>

#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "at_fork.hpp"
#include "shown_text.hpp"

namespace cachemodel {

struct Caches::State {
    struct Named {
        Cache cache;
        bool is_used = false;

        Cache use() {
            is_used = true;
            return cache;
        }
    };

    detail::ForkSafe<std::mutex> mutex;
    std::map<std::string, Named, std::less<>> by_name;
};

Caches::Caches() : state_(std::make_unique<State>()) {}
Caches::~Caches() = default;

Cache Caches::operator[](std::string_view name) {
    {
        const std::lock_guard lock{state_->mutex};
        const auto found = state_->by_name.find(name);
        if (found != state_->by_name.end()) return found->second.use();
        if (name != "default") {
            std::string message =
                "no cache is named \"" + detail::shown_key(name) + "\"; configured:";
            if (state_->by_name.empty()) message += " none";
            for (const auto& [known, cache] : state_->by_name) {
                message += " \"" + detail::shown_key(known) + '"';
            }
            throw ConfigError(message);
        }
    }
    // Not under the mutex, as opening takes others.
    const Cache made = Cache::open("memory://").with_name(name);
    const std::lock_guard lock{state_->mutex};
    return state_->by_name.emplace(name, State::Named{made}).first->second.use();
}

void Caches::configure(std::string_view name, std::string_view url) {
    configure(name, Cache::open(url));
}

void Caches::configure(std::string_view name, Cache cache) {
    if (name.empty()) throw ConfigError("a named cache needs a name");
    State::Named named{cache.with_name(name)};
    const std::lock_guard lock{state_->mutex};
    const auto [place, is_new] = state_->by_name.emplace(name, named);
    // The old one goes with the local one, after the lock: closing it may take time.
    if (!is_new) std::swap(place->second, named);
}

std::vector<std::string> Caches::names() const {
    const std::lock_guard lock{state_->mutex};
    std::vector<std::string> names;
    for (const auto& [name, named] : state_->by_name) names.push_back(name);
    return names;
}

std::vector<Cache> Caches::all() const {
    const std::lock_guard lock{state_->mutex};
    std::vector<Cache> all;
    for (const auto& [name, named] : state_->by_name) all.push_back(named.cache);
    return all;
}

std::vector<Cache> Caches::used() const {
    const std::lock_guard lock{state_->mutex};
    std::vector<Cache> used;
    for (const auto& [name, named] : state_->by_name) {
        if (named.is_used) used.push_back(named.cache);
    }
    return used;
}

void Caches::close_all() const {
    for (const auto& cache : used()) cache.close();
}

Caches& caches() {
    // Never destroyed: other objects of static duration may use it until the very end.
    static Caches& registry = *new Caches;
    return registry;
}

namespace {

// Made before `main`: in a child that is forked while another thread makes it, it is never made.
[[maybe_unused]] const auto& early_caches = caches();

}  // namespace

Cache default_cache() { return caches()["default"]; }

ScopedCaches::ScopedCaches()
    : outer_(std::exchange(caches().state_, std::make_unique<Caches::State>())) {}

ScopedCaches::~ScopedCaches() { caches().state_ = std::move(outer_); }

}  // namespace cachemodel
