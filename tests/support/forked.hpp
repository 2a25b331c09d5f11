// cachemodel: a piece of a test that runs in a process of its own.
// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include <functional>

// The address sanitizer's own allocator stays locked in a child if another thread was in it.
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CACHEMODEL_NO_FORK_AMONG_ALLOCATIONS
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define CACHEMODEL_NO_FORK_AMONG_ALLOCATIONS
#endif

namespace cachemodel::support {

/// Runs a function in a child made by `fork`, which shares no memory with the test: it tells by its
/// result how it went, not by assertions. If the test has other threads, the child has lost them.
class Forked {
 public:
    /// Errors: `std::system_error` when no process can be made.
    explicit Forked(const std::function<bool()>& work);
    /// Kills it if it is still there.
    ~Forked();

    Forked(const Forked&) = delete;
    Forked& operator=(const Forked&) = delete;

    /// Waits for its end: whether the function returned true.
    bool succeeded();
    /// Ends it at once, wherever it is, and waits until it is gone.
    void kill() noexcept;

 private:
    pid_t id_;
};

/// A point that one process waits at until another has reached its own.
class Gate {
 public:
    Gate();
    ~Gate();
    Gate(const Gate&) = delete;
    Gate& operator=(const Gate&) = delete;

    /// Lets one of those go on who wait, now or later.
    void open() const;
    void wait() const;

 private:
    int ends_[2];
};

}  // namespace cachemodel::support
