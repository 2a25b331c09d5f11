// cachemodel: the soak: what was done, and what came back.
// SPDX-License-Identifier: MIT
#pragma once

#include "soak/shared.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cachemodel::soak {

enum class Operation : std::uint8_t {
    note_get,
    note_get_many,
    note_exists,
    note_save,
    note_save_many,
    note_remove,
    note_remove_many,
    note_touch,
    note_update,
    note_save_if_unchanged,
    account_get,
    account_find,
    account_get_many,
    account_remove,
    order_get,
    order_get_many,
    order_remove,
    parcel_get,
    parcel_get_many,
    parcel_remove,
    member_find_by,
    member_get_many_by,
    member_remove,
    product_get,
    product_get_many,
    product_stored,
    product_remove,
    price_get,
    price_get_many,
    price_refresh_from,
    price_refresh_from_many,
    rate_find,
    rate_get_many,
    quote_call,
    quote_peek,
    quote_prefetch,
    quote_invalidate,
    quote_refresh,
    offer_get_or_set,
    offer_erase,
    end,  ///< how many there are
};
inline constexpr auto operations = static_cast<std::size_t>(Operation::end);

/// How one key's answer is counted.
enum class Answer : std::uint8_t { found, absent, failed, wrong };

/// Thread safety: may be called concurrently, by any process.
class Tally {
 public:
    /// A call took so long.
    void call(Operation operation, std::chrono::nanoseconds took) noexcept;
    void answer(Operation operation, Answer answer) noexcept;
    void wrong(Operation operation, std::string_view why) noexcept;

    static std::string_view name_of(Operation operation) noexcept;
    std::uint64_t wrong_answers() const noexcept;
    /// The operations that have found, or done, nothing in more than 1000 calls.
    std::vector<std::string_view> without_finds() const;
    /// A table, and the first answers that were wrong.
    std::string report() const;

 private:
    /// Each is a fifth or so longer than the one before it.
    static constexpr std::size_t bins = 96;
    static constexpr std::size_t kept_reasons = 20;
    static constexpr std::size_t longest_reason = 400;

    struct Line {
        std::atomic<std::uint64_t> calls;
        std::array<std::atomic<std::uint64_t>, 4> answers;
        std::atomic<std::int64_t> slowest;
        std::array<std::atomic<std::uint64_t>, bins> times;
    };
    static double milliseconds_at(const Line& line, double share);

    std::array<Line, operations> lines_{};
    std::atomic<std::size_t> reasons_{0};
    std::array<std::array<char, longest_reason>, kept_reasons> reason_{};
};

}  // namespace cachemodel::soak
