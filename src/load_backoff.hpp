// cachemodel: loaders that failed, and are left alone for a while.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/lifetime.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <mutex>
#include <string>
#include <unordered_map>

#include "at_fork.hpp"
#include "chance.hpp"

namespace cachemodel::detail {

/// Remembers in this process for which keys the loader failed. Bounded; what does not fit is asked
/// for again.
///
/// Thread safety: may be called concurrently.
class LoadBackoff {
 public:
    using Time = std::chrono::steady_clock::time_point;

    /// What the loader threw last, where it is to be left alone now; else null.
    std::exception_ptr find(const std::string& key, Time now);
    /// The loader threw. The second time in a row it is left alone for about `least`, then for
    /// twice as long, and so on.
    void add(const std::string& key, std::exception_ptr error, Time now, Lifetime least,
             Chance& chance);
    /// It did not.
    void erase(const std::string& key);

 private:
    struct Failed {
        int times = 0;
        Time until{};
        std::chrono::nanoseconds pause{};
        std::exception_ptr error;
    };

    void make_room(Time now);

    ForkSafe<std::mutex> mutex_;
    std::atomic<std::size_t> size_{0};  ///< of `failed_`
    std::unordered_map<std::string, Failed> failed_;
};

}  // namespace cachemodel::detail
