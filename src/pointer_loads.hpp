// cachemodel: who asks a source for the models that a secondary key tells, and who joins him.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/detail/engine.hpp>
#include <cachemodel/detail/model_table.hpp>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "freshness.hpp"
#include "loads.hpp"

namespace cachemodel::detail {

/// A model that is sought by a secondary key.
struct SoughtModel {
    enum class Answer : std::uint8_t { none, keys, failure };

    EntryKey pointer;
    const void* values;  ///< of the secondary key
    void* object;        ///< gets the keys
    // What the cache says of the pointer.
    Basis basis = {};
    std::uint64_t landings = 0;
    SteadyTime asked_at = {};
    // What the source says.
    Answer answer = Answer::none;
    std::exception_ptr error = {};
    bool is_answered_anew = false;  ///< it was asked since this was sought
};

/// The questions to one source.
class PointerLoads final : public Loads {
 public:
    /// Whose answers are good enough.
    enum class Answers : std::uint8_t {
        of_others,  ///< who may have asked before, if there was an object
        of_now,
    };

    struct Manner {
        Answers accepted;
        bool stores_keys;
    };

    PointerLoads(const Door& door, const ModelTable& table, const KeySource& source,
                 std::span<SoughtModel> sought, const Manner& manner);

    /// For some of those that are sought.
    void ask(std::span<const std::size_t> indices);

 private:
    std::unique_ptr<LoadJob> make_job() override;
    void* place(LoadJob& job, std::size_t index, bool is_task) override;
    void loaded(std::size_t index, KeyLoad& load) override;
    void take(std::size_t index, const std::shared_ptr<const void>& product) override;
    void fail(std::size_t index, std::exception_ptr error) override;
    bool fall_back(std::size_t) override { return false; }
    bool is_enough(std::size_t index, const std::shared_ptr<const void>& product) const override;
    bool may_reenter() const noexcept override { return false; }
    void count(Counter Counters::*counter) noexcept override;

    const Door& door_;
    const ModelTable& table_;
    const KeySource source_;
    const std::span<SoughtModel> sought_;
    const Manner manner_;
    const LoadRules rules_;
    const std::string nothing_standing_;
};

}  // namespace cachemodel::detail
