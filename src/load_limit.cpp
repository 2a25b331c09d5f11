// cachemodel: how many loads may run at a time while the cache cannot be read.
// SPDX-License-Identifier: MIT
#include "load_limit.hpp"

#include <cachemodel/error.hpp>

#include <new>
#include <string>
#include <utility>

namespace cachemodel::detail {

namespace {

/// How many places this thread has, of whatever caches: a load inside of a load waits for none.
thread_local std::size_t places_of_thread = 0;
/// Where the first of them was given; null also where it is that of another thread.
thread_local LoadLimit* limit_of_thread = nullptr;

}  // namespace

LoadLimit::LoadLimit(std::size_t most) noexcept : most_(most) { join_forks(); }
LoadLimit::~LoadLimit() { leave_forks(); }

/// The loads of other threads do not go on here.
void LoadLimit::in_child() noexcept {
    new (&mutex_) std::mutex;
    new (&freed_) std::condition_variable;
    taken_ = 0;
}

bool LoadLimit::is_placed() noexcept { return places_of_thread != 0; }

std::exception_ptr LoadLimit::refusal() const {
    return std::make_exception_ptr(
        BackendError(BackendFault::unavailable,
                     "the cache cannot be read, and as many loads as may run without it are "
                     "running already: loads_without_cache is " +
                         std::to_string(most_)));
}

LoadLimit::Place::Place() noexcept { places_of_thread += 1; }

LoadLimit::Place::Place(LoadLimit& limit, std::chrono::steady_clock::time_point deadline)
    : limit_(places_of_thread == 0 ? &limit : nullptr) {
    if (limit_ != nullptr) {
        std::unique_lock lock{limit_->mutex_};
        is_given_ = limit_->freed_.wait_until(lock, deadline,
                                              [&] { return limit_->taken_ < limit_->most_; });
        if (!is_given_) return;
        limit_->taken_ += 1;
        limit_of_thread = limit_;
    }
    places_of_thread += 1;
}

LoadLimit::Place::~Place() {
    if (!is_given_) return;
    places_of_thread -= 1;
    if (limit_ == nullptr) return;
    limit_of_thread = nullptr;
    limit_->give_back();
}

void LoadLimit::give_back() noexcept {
    const std::lock_guard lock{mutex_};
    if (taken_ > 0) taken_ -= 1;  // it may have been taken before a fork
    freed_.notify_one();
}

LoadLimit::Waiting::Waiting(bool leaves_place) noexcept
    : limit_(leaves_place ? std::exchange(limit_of_thread, nullptr) : nullptr) {
    if (limit_ != nullptr) limit_->give_back();
}

LoadLimit::Waiting::~Waiting() {
    if (limit_ == nullptr) return;
    limit_of_thread = limit_;
    const std::lock_guard lock{limit_->mutex_};
    limit_->taken_ += 1;
}

}  // namespace cachemodel::detail
