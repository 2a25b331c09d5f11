// cachemodel: runs cached functions whose results were hit, and compares.
// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "call_job.hpp"
#include "verification.hpp"

namespace cachemodel::detail {

/// Runs the function past the cache, and compares its result with what was hit.
class CallVerification final : public CallJob {
 public:
    CallVerification(const CallDoor& door, const LoadRules& rules)
        : CallJob({door.site, door.table, door.cache.bypass()}, rules),
          verdicts_(door.cache, rules, door.site.counters) {}

 private:
    void load(std::span<KeyLoad* const> wanted) override;
    void judge(const KeyLoad& load);
    std::optional<std::string> result_in(std::string_view body) const;

    Verdicts verdicts_;
};

}  // namespace cachemodel::detail
