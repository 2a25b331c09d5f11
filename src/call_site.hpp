// cachemodel: a cached function: its settings, its names, what it has counted.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/detail/cached_calls.hpp>

#include <atomic>
#include <memory>
#include <mutex>
#include <typeinfo>

#include "at_fork.hpp"
#include "counters.hpp"

namespace cachemodel::detail {

/// Tasks own it beside the cached calls: what they run, and what they run it with, is lent by
/// nobody.
class CallSite : public std::enable_shared_from_this<CallSite> {
 public:
    explicit CallSite(CallSettings settings_);
    ~CallSite();
    CallSite(const CallSite&) = delete;
    CallSite& operator=(const CallSite&) = delete;

    const CallNames& names(const std::type_info* dynamic, const std::type_info* call);

    const CallSettings settings;
    Counters counters;

 private:
    /// One of a list that only grows, so that it is read without a lock.
    struct Named {
        const std::type_info* type;
        CallNames names;
        const Named* next;
    };

    const Named* find(const std::type_info* dynamic) const noexcept;
    CallNames make_names(const std::type_info* dynamic, const std::type_info* call) const;

    std::atomic<const Named*> first_{nullptr};
    ForkSafe<std::mutex> adding_;
};

}  // namespace cachemodel::detail
