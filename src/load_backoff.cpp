// cachemodel: loaders that failed, and are left alone for a while.
// SPDX-License-Identifier: MIT
#include "load_backoff.hpp"

#include <algorithm>
#include <utility>

namespace cachemodel::detail {

namespace {

constexpr std::size_t most_keys = 10'000;
constexpr int longest_pause = 30;  // times the least

}  // namespace

std::exception_ptr LoadBackoff::find(const std::string& key, Time now) {
    if (size_.load(std::memory_order_acquire) == 0) return nullptr;
    const std::lock_guard lock{mutex_};
    const auto found = failed_.find(key);
    if (found == failed_.end() || now >= found->second.until) return nullptr;
    return found->second.error;
}

void LoadBackoff::add(const std::string& key, std::exception_ptr error, Time now, Lifetime least,
                      Chance& chance) {
    if (least.is_over()) return;
    const auto shortest = least.duration();
    std::exception_ptr earlier;  // destroyed without the lock: it is the user's
    const std::lock_guard lock{mutex_};
    if (failed_.size() >= most_keys && !failed_.contains(key)) make_room(now);
    Failed& failed = failed_[key];
    size_ = failed_.size();
    // What failed long ago says nothing about now.
    if (now - failed.until > longest_pause * shortest) failed = {};
    earlier = std::exchange(failed.error, std::move(error));
    failed.times += 1;
    failed.until = now;
    if (failed.times == 1) return;
    failed.pause =
        failed.times == 2 ? shortest : std::min(2 * failed.pause, longest_pause * shortest);
    failed.until += chance.about(failed.pause);
}

void LoadBackoff::erase(const std::string& key) {
    if (size_.load(std::memory_order_acquire) == 0) return;
    decltype(failed_)::node_type gone;  // destroyed without the lock: the error is the user's
    const std::lock_guard lock{mutex_};
    gone = failed_.extract(key);
    size_ = failed_.size();
}

void LoadBackoff::make_room(Time now) {
    std::erase_if(failed_, [&](const auto& each) { return each.second.until <= now; });
    if (failed_.size() >= most_keys) failed_.erase(failed_.begin());
}

}  // namespace cachemodel::detail
