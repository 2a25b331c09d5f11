// cachemodel: what the library asks about its own threads.
// SPDX-License-Identifier: MIT
#pragma once

namespace cachemodel::detail {

/// Whether the calling thread is one of a `ThreadPool`, of any. What such a thread needs done
/// before it can go on, it does itself: those of its pool may all wait in the same way.
bool is_pool_thread() noexcept;

}  // namespace cachemodel::detail
