// cachemodel: how many loads of a cache run right now.
// SPDX-License-Identifier: MIT
#include "running_loads.hpp"

#include <utility>

namespace cachemodel::detail {

namespace {

thread_local RunningLoads::Run* innermost = nullptr;

}  // namespace

RunningLoads::Run::Run(RunningLoads& loads, std::size_t count) noexcept
    : loads_(loads), count_(count), outer_(std::exchange(innermost, this)) {
    loads_.count_.fetch_add(count_, std::memory_order_relaxed);
}

RunningLoads::Run::~Run() {
    innermost = outer_;
    loads_.count_.fetch_sub(count_, std::memory_order_relaxed);
}

void RunningLoads::in_child() noexcept {
    std::size_t count = 0;
    for (const Run* each = innermost; each != nullptr; each = each->outer_) {
        if (&each->loads_ == this) count += each->count_;
    }
    count_ = count;
}

}  // namespace cachemodel::detail
