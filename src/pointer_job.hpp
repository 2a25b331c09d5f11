// cachemodel: asks a source which models have the values of a secondary key.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/detail/engine.hpp>
#include <cachemodel/detail/model_table.hpp>

#include <deque>
#include <memory>
#include <span>
#include <string>

#include "load_job.hpp"

namespace cachemodel::detail {

/// What a question to the source hands on.
struct FoundKeys {
    std::string keys;          ///< as a Reference stores them; empty: the source has none
    SteadyTime asked_at = {};  ///< by the machine's clock; early where nobody knows
};

/// One question, and the object that gets the answer.
struct KeyQuestion {
    const void* values;
    void* object;
    std::shared_ptr<const void> owner = {};  ///< of the values, where the job has to keep them
    SteadyTime asked_at = {};                ///< by the machine's clock
};

/// Makes an object as one that is new.
void renew(const ModelTable& table, void* object);

/// Asks for the keys of models of one class by one of its secondary keys, and stores the answers as
/// pointers, where that is wanted. A `KeyLoad`'s `place` is the `KeyQuestion`.
class PointerJob final : public LoadJob {
 public:
    struct Source {
        const ModelTable& table;
        KeySource keys;
        const void* contexts;
        bool is_asked_anyway;  ///< also where somebody has stored an answer meanwhile
        bool stores_keys;      ///< also of what nobody has seen yet
    };

    PointerJob(Cache cache, const LoadRules& rules, Counters& own, const Source& source)
        : LoadJob(std::move(cache), rules, own), source_(source) {}

    /// A question for the job; of the caller's values and object.
    KeyQuestion* ask(const void* values, void* object);
    /// The same of its own. Errors: those of a copy constructor of the user's.
    KeyQuestion* ask_by_copy(const void* values);

 private:
    const ModelTable& table() const noexcept { return source_.table; }
    void load(std::span<KeyLoad* const> wanted) override;
    std::shared_ptr<const void> take(KeyLoad& load, const OpenedEntry& entry) override;
    std::shared_ptr<const void> missing_product(const KeyLoad& load) override;
    bool is_counted() const noexcept override { return false; }

    void ask_one(KeyLoad& load);
    void finish(KeyLoad& load);

    const Source source_;
    std::deque<KeyQuestion> questions_;
    std::deque<AnyModel> objects_;
};

}  // namespace cachemodel::detail
