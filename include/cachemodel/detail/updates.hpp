// cachemodel: what programs do to stored models: a function that changes one, a row of the source.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/detail/engine.hpp>
#include <cachemodel/error.hpp>

#include <concepts>
#include <deque>
#include <exception>
#include <new>
#include <type_traits>
#include <utility>
#include <vector>

namespace cachemodel::detail {

// ---- a function

template <class Function, class M>
concept ChangeOf = std::invocable<Function&, M&> &&
    (std::is_void_v<std::invoke_result_t<Function&, M&>> ||
     std::same_as<std::invoke_result_t<Function&, M&>, bool>);

/// Calls `call` with the function as a `Change`.
template <class M, class Function, class Call>
void with_change(Function& function, Call call) {
    constexpr bool changes = ChangeOf<Function, M>;
    static_assert(changes,
                  "cachemodel: the function of update takes the model as M& and returns nothing, "
                  "or false to leave it as it is");
    if constexpr (changes) {
        const auto change = [&function](M& stored) {
            if constexpr (std::is_void_v<std::invoke_result_t<Function&, M&>>) {
                function(stored);
                return true;
            } else {
                return function(stored);
            }
        };
        call(Change{&change, [](const void* kept, void* object) {
                        return (*static_cast<decltype(&change)>(kept))(*static_cast<M*>(object));
                    }});
    }
}

// ---- rows of the source

template <class M, class Row>
concept ReadsRow = requires(M& model, const Row& row) {
    { model.from_source(row) } -> std::same_as<void>;
};

/// False where the row says that there is none any more. Errors: what `from_source` throws.
template <class M, class Row>
bool read_row(M& model, const Row& row) {
    constexpr bool takes_row = ReadsRow<M, Row>;
    static_assert(takes_row,
                  "cachemodel: the model has no void from_source(const Row&) for rows of this "
                  "type");
    try {
        if constexpr (takes_row) model.from_source(row);
        return true;
    } catch (const Missing& missing) {
        if (!missing.model().empty()) throw;  // out of a get inside of from_source
        return false;
    }
}

/// The models that a range of rows tells of.
template <class M>
class SourceRows {
 public:
    template <class Range>
    explicit SourceRows(Range& rows) {
        for (auto&& row : rows) {
            M& model = models_.emplace_back();
            outcomes_.emplace_back();
            try {
                const bool exists = read_row(model, std::as_const(row));
                states_.push_back({&model, !exists});
            } catch (const std::bad_alloc&) {
                throw;
            } catch (...) {
                outcomes_.back() = Failure{std::current_exception()};
                states_.push_back({nullptr, false});
            }
        }
    }

    const std::vector<SourceState>& states() const noexcept { return states_; }
    /// Failed where a row could not be read.
    const std::vector<Outcome>& outcomes() const noexcept { return outcomes_; }

 private:
    std::deque<M> models_;  // what it holds stays where it is
    std::vector<SourceState> states_;
    std::vector<Outcome> outcomes_;
};

}  // namespace cachemodel::detail
