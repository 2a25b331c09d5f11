// cachemodel: a read of one model that is decoded as it comes, where nothing else is to be done.
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
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "call_memory.hpp"
#include "flights.hpp"

namespace cachemodel::detail {

/// Reads one model that refers to nothing. A *plain hit*, a fresh value that nothing else is to be
/// done with, is decoded from the bytes as they come. Any other answer is kept as it is, for a load
/// to go on with as if it had read itself.
class PlainRead final : private ReadSink {
 public:
    /// Whether a hit may be plain: not where the model has references, where chance may have a hit
    /// refreshed or verified, or where another cache is meant.
    static bool is_possible(const Door& door, const ModelTable& table);

    /// Reads. Counts what is a plain hit, and of the rest nothing that the cache does not count of
    /// any read.
    ///
    /// Errors: `InvalidKey`, `std::bad_alloc`. Where the model has no key, it does nothing: a load
    /// finds out why.
    PlainRead(const Door& door, const ModelTable& table, void* object);
    PlainRead(const PlainRead&) = delete;
    PlainRead& operator=(const PlainRead&) = delete;
    ~PlainRead() { SpareText::leave(std::move(key_.stored)); }

    bool is_hit() const noexcept { return answer_ == Answer::hit; }
    /// Of a hit.
    Origin origin() const noexcept { return {.revision = revision_}; }

    // Of what is none. Its object is as it was.

    /// Gives `sink` the answer, as the answer to a read of one key.
    void tell(ReadSink& sink) const noexcept;
    /// As its flights were counted before it was read.
    std::uint64_t landings() const noexcept { return landings_; }
    /// Before it was read, where it can be loaded.
    SteadyTime asked_at() const noexcept { return asked_at_; }

 private:
    enum class Answer : std::uint8_t { none, hit, found, absent, unusable, failed };

    void found(std::size_t index, std::string_view value, std::uint64_t token) noexcept override;
    void absent(std::size_t index) noexcept override;
    void unusable(std::size_t index, MissReason reason) noexcept override;
    void failed(std::size_t index, const Failure& failure) noexcept override;
    bool decode(std::string_view value);

    const Cache& cache_;
    const ModelTable& table_;
    const Loader* const loader_;
    void* const object_;
    EntryKey key_;
    std::uint64_t landings_ = 0;
    SteadyTime asked_at_ = {};

    Answer answer_ = Answer::none;
    Revision revision_;
    std::string bytes_;  ///< found, and no plain hit
    std::uint64_t token_ = 0;
    MissReason reason_ = MissReason::nothing_stored;
    std::optional<Failure> failure_;
    std::exception_ptr fatal_;
};

}  // namespace cachemodel::detail
