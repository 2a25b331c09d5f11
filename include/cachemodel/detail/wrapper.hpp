// cachemodel: what Key, Field, Binary and Json have in common.
// SPDX-License-Identifier: MIT
#pragma once

#include <compare>
#include <concepts>
#include <initializer_list>
#include <type_traits>
#include <utility>

namespace cachemodel::detail {

/// Initializes any member of an aggregate; how members are counted. See reflect.hpp.
struct Anything {
    template <class T>
    operator T() const noexcept;
};

/// The base of the wrappers; gives them their comparisons and `<<`.
struct WrapperTag {};

template <class T>
concept IsWrapper = std::derived_from<T, WrapperTag>;

/// Whether a `T` may be initialized from a `U` without losing its meaning: a pointer is no truth
/// value, and a fraction no integer.
template <class U, class T>
concept Holdable = std::convertible_to<U, T> && !std::same_as<std::remove_cvref_t<U>, Anything> &&
                   !(std::same_as<T, bool> && (std::is_pointer_v<std::decay_t<U>> ||
                                               std::is_null_pointer_v<std::remove_cvref_t<U>>)) &&
                   !(std::is_integral_v<T> && std::is_floating_point_v<std::remove_cvref_t<U>>);

/// `value` as what a `T` is initialized from; numbers convert without a warning, as built-in ones
/// would in an assignment.
template <class T, class U>
constexpr decltype(auto) held_as(U&& value) {
    if constexpr (std::is_arithmetic_v<T>) {
        return static_cast<T>(value);
    } else {
        return std::forward<U>(value);
    }
}

// The operators are templates that a wrapper must satisfy by its own type: found through the
// arguments of `std::set<Key<int>>`, they leave the set alone.

template <IsWrapper W, class U>
requires(!IsWrapper<U> &&
         requires(const typename W::value_type& a, const U& b) {
             { a == b } -> std::convertible_to<bool>;
         }) bool
operator==(const W& wrapper, const U& value) {
    return *wrapper == value;
}

template <IsWrapper A, IsWrapper B>
requires requires(const typename A::value_type& a, const typename B::value_type& b) {
    { a == b } -> std::convertible_to<bool>;
}
bool operator==(const A& a, const B& b) { return *a == *b; }

template <IsWrapper W, class U>
requires(!IsWrapper<U> && requires(const typename W::value_type& a, const U& b) { a <=> b; }) auto
operator<=>(const W& wrapper, const U& value) {
    return *wrapper <=> value;
}

template <IsWrapper A, IsWrapper B>
requires requires(const typename A::value_type& a, const typename B::value_type& b) { a <=> b; }
auto operator<=>(const A& a, const B& b) { return *a <=> *b; }

template <class Stream, IsWrapper W>
requires requires(Stream& stream, const typename W::value_type& value) {
    typename Stream::char_type;
    stream << value;
}
Stream& operator<<(Stream& stream, const W& wrapper) {
    stream << *wrapper;
    return stream;
}

/// A wrapper that gives full access to its value: Field, Binary and Json.
template <class Self, class T>
class ValueWrapper : public WrapperTag {
 public:
    using value_type = T;

    ValueWrapper() = default;

    /// Accepts whatever `T` accepts implicitly, so that `.name = "Ada"` works.
    template <class U = T>
    requires(!std::derived_from<std::remove_cvref_t<U>, ValueWrapper> && Holdable<U, T>)
        ValueWrapper(U&& value)
    noexcept(std::is_nothrow_constructible_v<T, U>) : value_(held_as<T>(std::forward<U>(value))) {}

    /// Accepts a list, so that `.names = {"a", "b"}` works.
    template <class U = T>
    requires std::constructible_from<T, std::initializer_list<typename U::value_type>> ValueWrapper(
        std::initializer_list<typename U::value_type> values)
        : value_(values) {}

    const T& operator*() const noexcept { return value_; }
    T& operator*() noexcept { return value_; }
    const T* operator->() const noexcept { return &value_; }
    T* operator->() noexcept { return &value_; }
    operator const T&() const noexcept { return value_; }
    operator T&() noexcept { return value_; }

 private:
    T value_{};
};

}  // namespace cachemodel::detail
