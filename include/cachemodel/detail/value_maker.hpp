// cachemodel: what makes the values of `Cache::get_or_set`.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/detail/value_table.hpp>
#include <cachemodel/lifetime.hpp>

#include <memory>
#include <string_view>
#include <type_traits>

namespace cachemodel {
class Cache;
}

namespace cachemodel::detail {

/// Makes a value that is not in the cache.
class ValueMaker {
 public:
    /// Errors: what the user's function throws.
    virtual std::shared_ptr<const void> make() = 0;
    /// Errors: what the user's predicate throws.
    virtual bool keeps_out(const void* value) const = 0;

 protected:
    ~ValueMaker() = default;
};

template <class T, class Make, class Unless>
class ValueMakerOf final : public ValueMaker {
 public:
    ValueMakerOf(Make& make, const Unless& unless) : make_(make), unless_(unless) {}

    std::shared_ptr<const void> make() override {
        if constexpr (std::is_invocable_v<Make&>) {
            return std::make_shared<const T>(make_());
        } else {
            return std::make_shared<const T>(make_);
        }
    }
    bool keeps_out(const void* value) const override {
        return unless_(*static_cast<const T*>(value));
    }

 private:
    Make& make_;
    const Unless& unless_;
};

/// Whether get_or_set could store it and could call it.
template <class Make>
consteval bool check_value_and_function() {
    if constexpr (std::is_invocable_v<Make&> && !std::is_function_v<Make>) {
        return value_problem<std::remove_cv_t<Make>>() == TypeProblem::none;
    } else {
        return false;
    }
}
template <class Make>
inline constexpr bool is_value_and_function = check_value_and_function<Make>();

struct CallOperator {
    void operator()();
};
/// Where F has a call operator of its own, of whatever form, the name means two.
template <class F>
struct TwoCallOperators : F, CallOperator {};

/// Whether get_or_set was given a function that it cannot call without arguments.
template <class Make>
consteval bool check_function_with_parameters() {
    using F = std::remove_cv_t<std::remove_pointer_t<Make>>;
    if constexpr (std::is_invocable_v<Make&>) {
        return false;
    } else if constexpr (std::is_class_v<F> && !std::is_final_v<F> && !std::is_pointer_v<Make>) {
        if constexpr (value_problem<F>() != TypeProblem::none) {
            return !requires { &TwoCallOperators<F>::operator(); };
        } else {
            return false;
        }
    } else {
        return std::is_function_v<F>;
    }
}
template <class Make>
inline constexpr bool is_function_with_parameters = check_function_with_parameters<Make>();

/// What a function of `get_or_set` makes, or the type of the value that is given in its place.
template <class Make>
struct MadeBy {
    using type = StoredValue<Make>;
};
template <class Make>
requires std::is_invocable_v<Make&>
struct MadeBy<Make> {
    using type = StoredValue<std::invoke_result_t<Make&>>;
};

/// The value: read into `hit`, and then null is returned, or made.
///
/// Errors: what the maker throws; `InvalidKey`, `TypeMismatch`, `RecursiveLoad`.
std::shared_ptr<const void> get_or_make_value(const Cache& cache, const ValueTable& table,
                                              std::string_view key, Lifetime lifetime,
                                              ValueMaker& maker, void* hit);

}  // namespace cachemodel::detail
