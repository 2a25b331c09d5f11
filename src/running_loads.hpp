// cachemodel: how many loads of a cache run right now.
// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstddef>

#include "at_fork.hpp"

namespace cachemodel::detail {

/// How many loads run. A child of `fork` counts those of the thread that it has.
///
/// Thread safety: may be called concurrently.
class RunningLoads final : AtFork {
 public:
    class Run;

    RunningLoads() noexcept { join_forks(); }
    ~RunningLoads() { leave_forks(); }

    std::size_t count() const noexcept { return count_.load(std::memory_order_relaxed); }

 private:
    void in_child() noexcept override;

    std::atomic<std::size_t> count_{0};
};

/// So many loads run in this thread for as long as this is there.
class RunningLoads::Run {
 public:
    explicit Run(RunningLoads& loads, std::size_t count = 1) noexcept;
    ~Run();
    Run(const Run&) = delete;
    Run& operator=(const Run&) = delete;

 private:
    friend class RunningLoads;

    RunningLoads& loads_;
    const std::size_t count_;
    Run* const outer_;  ///< of this thread, of any cache
};

}  // namespace cachemodel::detail
