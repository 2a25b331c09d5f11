// cachemodel: what a fork does to the memory backend.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/backends/memory.hpp>

#include <mutex>
#include <vector>

namespace cachemodel {

/// Knows all memory backends of the process, so that they can be used in its children.
///
/// A child has the locks of its parent's threads, but not the threads, which may have been halfway
/// through a change. A fork waits for none of them: a shard that was being changed begins anew in
/// the child.
class MemoryBackend::Forks {
 public:
    static void watch(MemoryBackend& backend);
    static void forget(const MemoryBackend& backend) noexcept;

 private:
    // Never destroyed: a process may fork while it ends.
    static std::mutex& mutex();
    static std::vector<MemoryBackend*>& backends();

    static void prepare() noexcept;
    static void go_on() noexcept;
    static void recover() noexcept;
};

}  // namespace cachemodel
