// cachemodel: a thread whose stack shows recursion that a large one would hide.
// SPDX-License-Identifier: MIT
#pragma once

#include <functional>

namespace cachemodel::support {

/// Runs `work` on a thread with a stack of 256 KiB and waits for it; throws what it throws.
void run_on_small_stack(const std::function<void()>& work);

}  // namespace cachemodel::support
