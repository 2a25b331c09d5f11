// cachemodel: loads models that were hit, and compares them.
// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model_job.hpp"
#include "verification.hpp"

namespace cachemodel::detail {

/// Loads past the cache, with both steps, and compares member by member with what was hit.
class ModelVerification final : public ModelJob {
 public:
    ModelVerification(const Cache& cache, const LoadRules& rules, Counters& own,
                      const Loader& loader, const void* contexts)
        : ModelJob(cache.bypass(), rules, own, loader, contexts), verdicts_(cache, rules, own) {}

 private:
    using Texts = std::vector<std::string>;

    void load(std::span<KeyLoad* const> wanted) override;
    void judge(const KeyLoad& load);
    std::optional<Texts> members_of(std::string_view body) const;

    Verdicts verdicts_;
};

}  // namespace cachemodel::detail
