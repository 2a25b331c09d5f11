// cachemodel: what stands still while the process forks, so that a child finds it whole.
// SPDX-License-Identifier: MIT
#include "at_fork.hpp"

#include <pthread.h>

#include <cstddef>

namespace cachemodel::detail {

struct Forks::List {
    /// Held by who joins or leaves, and during a whole fork.
    std::mutex mutex;
    AtFork* first = nullptr;
    AtFork* last = nullptr;
};

Forks::List& Forks::list() noexcept {
    // Never destroyed: a process may fork while it ends.
    alignas(List) static std::byte place[sizeof(List)];
    static auto& list = []() -> List& {
        auto& made = *new (place) List;
        // Without memory for it forks go on as they would without caches.
        static_cast<void>(::pthread_atfork(&prepare, &go_on, &begin_child));
        return made;
    }();
    return list;
}

// Before `main`: of handlers, those that were registered first are the last ones before a fork, and
// the first ones after it, so that the user's own ones may still use caches.
const bool Forks::is_registered_early_ = (list(), true);

void Forks::wait() noexcept { const std::lock_guard fork{list().mutex}; }

void Forks::prepare() noexcept {
    auto& all = list();
    all.mutex.lock();
    is_under_way_.store(true, std::memory_order_relaxed);
    for (auto* each = all.first; each != nullptr; each = each->next_) each->before_fork();
}

void Forks::go_on() noexcept {
    for (auto* each = list().first; each != nullptr; each = each->next_) each->after_fork();
    end();
}

void Forks::begin_child() noexcept {
    for (auto* each = list().first; each != nullptr; each = each->next_) each->in_child();
    end();
}

void Forks::end() noexcept {
    is_under_way_.store(false, std::memory_order_relaxed);
    list().mutex.unlock();
}

void AtFork::join_forks() noexcept {
    auto& all = Forks::list();
    const std::lock_guard lock{all.mutex};
    previous_ = all.last;
    (previous_ == nullptr ? all.first : previous_->next_) = this;
    all.last = this;
}

void AtFork::leave_forks() noexcept {
    auto& all = Forks::list();
    const std::lock_guard lock{all.mutex};
    (previous_ == nullptr ? all.first : previous_->next_) = next_;
    (next_ == nullptr ? all.last : next_->previous_) = previous_;
}

}  // namespace cachemodel::detail
