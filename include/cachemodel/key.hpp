// cachemodel: a member that identifies.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/detail/wrapper.hpp>
#include <cachemodel/fwd.hpp>

namespace cachemodel {

/// A member that is part of the model's key, in declaration order.
///
/// Knows whether it was given a value, by initialization or by assignment: a model with a key that
/// was not cannot be saved (`IncompleteKey`). A default (`Key<int> page = 1`) counts as given.
/// Changes by assignment only.
///
/// Thread safety: that of `T`.
template <class T>
class Key : public detail::WrapperTag {
 public:
    using value_type = T;

    Key() = default;

    /// Accepts whatever `T` accepts implicitly. Another Key that was not set leaves this one so.
    ///
    /// Errors: `InvalidKey` for an integer that does not fit into a `T`.
    template <detail::ValueFor<Key, T> U = T>
    Key(U&& value) noexcept(std::is_nothrow_constructible_v<T, U> && !std::is_integral_v<T>)
        : value_(detail::key_held_as<T>(std::forward<U>(value))), set_(gives_value(value)) {}

    /// Accepts a list, where `T` is a container.
    template <detail::TakesList U = T>
    Key(std::initializer_list<typename U::value_type> values) : value_(values), set_(true) {}

    const T& operator*() const noexcept { return value_; }
    const T* operator->() const noexcept { return &value_; }
    operator const T&() const noexcept { return value_; }

    /// Whether it was given a value.
    bool is_set() const noexcept { return set_; }

 private:
    template <class U>
    static constexpr bool gives_value(const U&) noexcept {
        return true;
    }
    template <class U>
    static constexpr bool gives_value(const Key<U>& key) noexcept {
        return key.is_set();
    }

    T value_{};
    bool set_ = false;
};

}  // namespace cachemodel
