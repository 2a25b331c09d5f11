// cachemodel: runs code where recursion shows.
// SPDX-License-Identifier: MIT
#pragma once

#include <functional>

namespace cachemodel::support {

/// Runs `action` on a thread with a stack of 256 KiB, and waits for it. What it throws is thrown
/// here.
///
/// Errors: `std::runtime_error` where the thread cannot be started.
void on_a_small_stack(const std::function<void()>& action);

}  // namespace cachemodel::support
