// cachemodel: counts the allocations of a test, and lets one of them fail.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

namespace cachemodel::support {

/// How many times this thread has called operator new.
std::size_t allocations_of_this_thread() noexcept;

/// While it lives, this thread's operator new throws std::bad_alloc, once `successes` calls were
/// served. A program that uses this header has its global operator new replaced; not under
/// ThreadSanitizer, where nothing is counted and nothing fails.
class FailingAllocations {
 public:
    explicit FailingAllocations(std::size_t successes) noexcept;
    ~FailingAllocations();
    FailingAllocations(const FailingAllocations&) = delete;
    FailingAllocations& operator=(const FailingAllocations&) = delete;
};

}  // namespace cachemodel::support
