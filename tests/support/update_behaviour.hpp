// cachemodel: what changing stored models does, whatever their cache is made of.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/cache.hpp>

#include <functional>

namespace cachemodel::support {

/// Checks `update` and `save_if_unchanged` on an empty cache of any kind that compares and sets. To
/// be called from a Catch2 test case, of which it opens the sections.
void check_update_behaviour(const Cache& cache);

/// Counts one field up from many threads at once: no update may be lost.
void check_updates_among_threads(const Cache& cache);

/// Counts one field up from two processes of two threads each. `open` opens the cache in each.
void check_updates_among_processes(const std::function<Cache()>& open);

}  // namespace cachemodel::support
