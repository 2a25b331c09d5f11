// cachemodel: what becomes of hits that were loaded as well, to be compared.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/cache.hpp>
#include <cachemodel/detail/load_terms.hpp>

#include <span>
#include <string>
#include <string_view>

#include "counters.hpp"
#include "load_job.hpp"

namespace cachemodel::detail {

/// Under which a hit is loaded. Whoever wants the same does not meet that load, nor what it fails
/// with.
std::string verification_key(const std::string& flight_key);

/// Judges each of these that it can judge.
template <class Judge>
void judge_each(std::span<KeyLoad* const> hits, const Judge& judge) {
    for (const KeyLoad* const each : hits) {
        try {
            judge(*each);
        } catch (...) {
            // A converter of the user's, or no memory: nobody can tell.
        }
    }
}

/// Counts what comparing a hit has come to, and removes what the source does not confirm.
///
/// Thread safety: of the thread that uses it.
class Verdicts {
 public:
    Verdicts(const Cache& cache, const LoadRules& rules, Counters& own);

    void confirmed() noexcept { count(&Counters::verified); }
    /// These members differ; their names are constants. Nothing comes of it where the entry has
    /// changed meanwhile: what was loaded may be older or newer than that. Errors:
    /// `std::bad_alloc`.
    void refuted(const KeyLoad& hit, std::span<const std::string_view> members);

 private:
    bool is_unchanged(const KeyLoad& hit) const;
    bool remove(const KeyLoad& hit);
    void count(Counter Counters::*counter) noexcept;

    const Cache cache_;
    const LoadRules rules_;
    Counters& own_;
};

}  // namespace cachemodel::detail
