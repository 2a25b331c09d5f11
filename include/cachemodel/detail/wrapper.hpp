// cachemodel: what Key, Field, Binary and Json have in common.
// SPDX-License-Identifier: MIT
#pragma once

#include <compare>
#include <concepts>
#include <initializer_list>
#include <optional>
#include <type_traits>
#include <utility>

namespace cachemodel::detail {

#ifdef __clang__
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wundefined-internal"
#endif
/// Initializes any member of an aggregate; how members are counted. See reflect.hpp.
struct Anything {
    template <class T>
    operator T() const noexcept;
};
#ifdef __clang__
#pragma clang diagnostic pop
#endif

/// The base of the wrappers; gives them their comparisons and `<<`.
struct WrapperTag {};

template <class T>
concept IsWrapper = std::derived_from<T, WrapperTag>;

/// What `T` holds where it is a wrapper or an optional, else `T` itself.
template <class T>
struct Content {
    using type = T;
};
template <IsWrapper T>
struct Content<T> : Content<typename T::value_type> {};
template <class T>
struct Content<std::optional<T>> : Content<T> {};

template <class T>
concept TextLike = requires {
    typename T::traits_type;
};

/// Whether C++ would convert a value that loses its meaning: a pointer to a truth value, a fraction
/// to an integer, a null pointer to a text.
template <class From, class To>
inline constexpr bool loses_meaning = (std::same_as<To, bool> &&
                                       (std::is_pointer_v<From> || std::is_null_pointer_v<From>)) ||
                                      (std::is_integral_v<To> && std::is_floating_point_v<From>) ||
                                      (TextLike<To> && std::is_null_pointer_v<From>);

/// Whether a `T` may be initialized from a `U`.
template <class U, class T>
concept Holdable =
    std::convertible_to<U, T> && !std::same_as<std::remove_cvref_t<U>, Anything> &&
    !loses_meaning<typename Content<std::decay_t<U>>::type, typename Content<T>::type>;

/// The same for a `Wrapper` of a `T`; its own copies are none of this.
template <class U, class Wrapper, class T>
concept ValueFor = !std::derived_from<std::remove_cvref_t<U>, Wrapper> && Holdable<U, T>;

template <class T>
concept TakesList = std::constructible_from<T, std::initializer_list<typename T::value_type>>;

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

/// Errors: `InvalidKey`.
[[noreturn]] void throw_number_out_of_range();

/// The same for a key, where a number that is cut to fit would name something else.
///
/// Errors: `InvalidKey` where an integer does not fit.
template <class T, class U>
constexpr decltype(auto) key_held_as(U&& value) {
    using From = typename Content<std::decay_t<U>>::type;
    if constexpr (std::is_integral_v<T> && std::is_integral_v<From> && !std::same_as<T, bool>) {
        const From number = value;
        const T held = static_cast<T>(number);
        if (static_cast<From>(held) != number || (held < T{}) != (number < From{})) {
            throw_number_out_of_range();
        }
        return held;
    } else {
        return held_as<T>(std::forward<U>(value));
    }
}

template <class T, class U>
concept EqualityComparable = requires(const T& a, const U& b) {
    { a == b } -> std::convertible_to<bool>;
};

template <class T, class U>
concept Ordered = requires(const T& a, const U& b) {
    a <=> b;
};

template <class T, class Stream>
concept WrittenTo = requires(Stream& stream, const T& value) {
    typename Stream::char_type;
    stream << value;
};

// The operators are templates that a wrapper must satisfy by its own type: found through the
// arguments of `std::set<Key<int>>`, they leave the set alone.

template <IsWrapper W, class U>
requires(!IsWrapper<U> && EqualityComparable<typename W::value_type, U>) bool operator==(
    const W& wrapper, const U& value) {
    return *wrapper == value;
}

template <IsWrapper A, IsWrapper B>
requires EqualityComparable<typename A::value_type, typename B::value_type>
bool operator==(const A& a, const B& b) { return *a == *b; }

template <IsWrapper W, class U>
requires(!IsWrapper<U> && Ordered<typename W::value_type, U>) auto operator<=>(const W& wrapper,
                                                                               const U& value) {
    return *wrapper <=> value;
}

template <IsWrapper A, IsWrapper B>
requires Ordered<typename A::value_type, typename B::value_type>
auto operator<=>(const A& a, const B& b) { return *a <=> *b; }

template <class Stream, IsWrapper W>
requires WrittenTo<typename W::value_type, Stream> Stream& operator<<(Stream& stream,
                                                                      const W& wrapper) {
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
    template <ValueFor<ValueWrapper, T> U = T>
    ValueWrapper(U&& value) noexcept(std::is_nothrow_constructible_v<T, U>)
        : value_(held_as<T>(std::forward<U>(value))) {}

    /// Accepts a list, so that `.names = {"a", "b"}` works.
    template <TakesList U = T>
    ValueWrapper(std::initializer_list<typename U::value_type> values) : value_(values) {}

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
