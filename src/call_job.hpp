// cachemodel: runs cached functions.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/detail/cached_calls.hpp>

#include <memory>
#include <span>
#include <vector>

#include "call_site.hpp"
#include "load_job.hpp"

namespace cachemodel::detail {

/// Runs calls of one function. A `KeyLoad`'s `place` is the `AnyCall`, its product the result.
class CallJob : public LoadJob {
 public:
    CallJob(const CallDoor& door, const LoadRules& rules)
        : LoadJob(door.cache, rules, door.site.counters),
          table_(door.table),
          own_(door.site.shared_from_this()) {}

    /// Keeps the call as long as the job lives.
    AnyCall* keep_call(std::unique_ptr<AnyCall> call) {
        return calls_.emplace_back(std::move(call)).get();
    }

 protected:
    const ResultTable& table() const noexcept { return table_; }
    void load(std::span<KeyLoad* const> wanted) override;
    void count_round_trip() noexcept override { own_->counters.round_trips += 1; }

 private:
    std::shared_ptr<const void> take(KeyLoad& load, const OpenedEntry& entry) override;

    void run_one(KeyLoad& load);
    void finish(KeyLoad& load, std::shared_ptr<const void> result);

    const ResultTable& table_;
    const std::shared_ptr<CallSite> own_;
    std::vector<std::unique_ptr<AnyCall>> calls_;
};

}  // namespace cachemodel::detail
