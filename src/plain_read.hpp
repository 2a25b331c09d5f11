// cachemodel: reads of models that are decoded as they come, where nothing else is to be done.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/backend.hpp>
#include <cachemodel/detail/engine.hpp>
#include <cachemodel/detail/key_text.hpp>
#include <cachemodel/detail/model_table.hpp>
#include <cachemodel/detail/origin.hpp>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory_resource>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "call_memory.hpp"
#include "flights.hpp"

namespace cachemodel::detail {

/// Reads models of one class that refer to nothing. A *plain hit*, a fresh value that nothing else
/// is to be done with, is decoded from the bytes as they come. Any other answer is kept as it is,
/// for a load to go on with as if it had read itself.
class PlainRead final : private ReadSink {
 public:
    /// Whether a hit may be plain: not where the model has references, where chance may have a hit
    /// refreshed or verified, or where another cache is meant.
    static bool is_possible(const Door& door, const ModelTable& table);

    /// Reads, unless a model has no key, or two have the same one: a load is to see to that. Writes
    /// where each plain hit comes from. Counts these, and of the rest nothing that the cache does
    /// not count of any read.
    ///
    /// Errors: `InvalidKey`, `std::bad_alloc`.
    PlainRead(const Door& door, const ModelTable& table, std::span<void* const> objects,
              std::span<Origin> origins);
    PlainRead(const PlainRead&) = delete;
    PlainRead& operator=(const PlainRead&) = delete;

    bool has_read() const noexcept { return has_read_; }

    // What was read and is no plain hit: the others, in the order of the objects. Theirs are as
    // they were.

    std::size_t others() const noexcept { return others_.size(); }
    std::size_t position(std::size_t other) const noexcept { return others_[other].position; }
    /// Gives `sink` their answers, as to a read of nothing else; once, as it keeps no bytes.
    void tell(ReadSink& sink) noexcept;
    /// As its flights were counted before it was read.
    std::uint64_t landings(std::size_t other) const noexcept {
        return landings_.empty() ? 0 : landings_[position(other)];
    }
    /// Before they were read, where they can be loaded.
    SteadyTime asked_at() const noexcept { return asked_at_; }

 private:
    /// What came instead of a plain hit.
    struct Other {
        enum class Kind : std::uint8_t { found, absent, unusable, failed };

        std::size_t position;
        Kind kind;
        std::string bytes = {};
        std::uint64_t token = 0;
        MissReason reason = MissReason::nothing_stored;
        std::optional<Failure> failure = {};
    };

    /// False where there is a load to do it.
    bool make_keys();
    bool has_equal_keys() const;
    void found(std::size_t index, std::string_view value, std::uint64_t token) noexcept override;
    void absent(std::size_t index) noexcept override;
    void unusable(std::size_t index, MissReason reason) noexcept override;
    void failed(std::size_t index, const Failure& failure) noexcept override;
    bool decode(std::size_t index, std::string_view value);
    void keep(Other other) noexcept;

    const Cache& cache_;
    const ModelTable& table_;
    const Loader* const loader_;
    const std::span<void* const> objects_;
    const std::span<Origin> origins_;

    CallMemory<640> memory_;                     // enough for one model
    std::pmr::string text_{memory_.resource()};  // of all keys
    std::pmr::vector<std::string_view> stored_{memory_.resource()};
    std::pmr::vector<std::string_view> in_envelopes_{memory_.resource()};
    std::pmr::vector<std::uint64_t> landings_{memory_.resource()};
    SteadyTime asked_at_ = {};

    std::pmr::vector<bool> is_answered_ = std::pmr::vector<bool>(memory_.resource());
    bool has_read_ = false;
    std::vector<Other> others_;
    std::exception_ptr fatal_;
};

}  // namespace cachemodel::detail
