// cachemodel: values of which a copy needs nothing else.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/detail/reflect.hpp>
#include <cachemodel/detail/types.hpp>
#include <cachemodel/fwd.hpp>

#include <concepts>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace cachemodel {

/// What a program says of a class of its own: whether a copy of a `T` is all that its methods need,
/// and functions that take one, in whatever thread and for as long as they run. Without a word, see
/// `SelfContained`. Of a class that owns its parts, and has constructors or private members:
///
///     template <>
///     inline constexpr bool cachemodel::declared_self_contained<Report> = true;
///
/// Stands where the class is declared, before the first call that it is about.
///
/// Thread safety: a constant.
template <class T>
inline constexpr std::optional<bool> declared_self_contained = std::nullopt;

namespace detail {

/// Standard templates are known by their names: nobody else may add one to `std`.
template <class T>
consteval std::string_view spelled_type() {
    return __PRETTY_FUNCTION__;  // … T = NAME …
}
template <class T>
consteval bool is_standard() {
    const std::string_view text = spelled_type<T>();
    return text.substr(text.find("T = ") + 4).starts_with("std::");
}

/// A standard container, or what else holds values of its arguments.
template <class T>
concept StandardHolder = is_standard<T>() && has_type_arguments<T> &&
    (is_specialization<T, std::basic_string> || OptionalLike<T> || VariantLike<T> || TupleLike<T> ||
     Duration<T> || is_time_point<T> || Sequence<T> || MapLike<T> || SetLike<T>);

template <class T>
concept Wrapper = is_specialization<T, Key> || is_specialization<T, Field> ||
    is_specialization<T, Binary> || is_specialization<T, Json>;

/// Nothing that it takes for self-contained refers to something else; the reverse is not so.
template <class T, class... Seen>
consteval bool is_self_contained();

template <class T, class... Seen>
consteval bool arguments_are_self_contained() {
    return []<template <class...> class Template, class... Arguments>(
               std::type_identity<Template<Arguments...>>) {
        return (is_self_contained<std::remove_cv_t<Arguments>, T, Seen...>() && ...);
    }(std::type_identity<T>{});
}

template <class T, class... Seen, std::size_t... I>
consteval bool members_are_self_contained(std::index_sequence<I...> members) {
    if constexpr (ends_at_reference<T> || may_have_union<T>(members)) {
        return false;
    } else if constexpr (!(HasAddress<T, I> && ...)) {
        return false;
    } else {
        return (is_self_contained<std::remove_cv_t<MemberType<T, I>>, T, Seen...>() && ...);
    }
}

/// What several own together stays as it is, if nobody can change it. A class that may be a base
/// has whatever others derive.
template <class T, class... Seen>
consteval bool is_self_contained_by_all() {
    if constexpr (!std::is_const_v<T> || !requires { sizeof(T); }) {
        return false;
    } else {
        return !can_be_sliced<T> && is_self_contained<std::remove_cv_t<T>, Seen...>();
    }
}

template <class T, class... Seen>
consteval bool is_self_contained() {
    if constexpr ((std::same_as<T, Seen> || ...)) {
        return true;
    } else if constexpr (constexpr std::optional<bool> said{declared_self_contained<T>}; said) {
        return *said && std::copy_constructible<T>;  // a container of these says it can be copied
    } else if constexpr (std::is_arithmetic_v<T> || std::is_enum_v<T> || std::is_empty_v<T>) {
        return true;
    } else if constexpr (std::is_pointer_v<T>) {
        return std::is_function_v<std::remove_pointer_t<T>>;
    } else if constexpr (std::is_member_pointer_v<T>) {
        return true;
    } else if constexpr (Array<T>) {
        return is_self_contained<std::remove_cv_t<typename T::value_type>, T, Seen...>();
    } else if constexpr (is_specialization<T, std::shared_ptr>) {
        return is_self_contained_by_all<typename T::element_type, T, Seen...>();
    } else if constexpr (StandardHolder<T> || Wrapper<T>) {
        return arguments_are_self_contained<T, Seen...>();
    } else if constexpr (PlainAggregate<T>) {
        return members_are_self_contained<T, Seen...>(std::make_index_sequence<member_count<T>>{});
    } else {
        return false;
    }
}

}  // namespace detail

/// Whether a copy of a `T` is all that whoever works with it needs: a load in the background may
/// run with one while, and after, the original changes or goes.
///
/// So are numbers, enums, `std::string`, durations and times, pointers to functions; standard
/// containers, `std::optional`, `std::variant`, pairs and tuples of what is self-contained; a Key,
/// Field, Binary or Json of it; a `std::shared_ptr<const T>` to it; empty classes; and plain
/// structs whose members all are.
///
/// Not so are other pointers, references and views, a Reference, what cannot be copied, a class
/// with virtual functions that is not final; nor, unless `declared_self_contained` says so, a class
/// that cannot be taken apart: one with constructors, private members or bases, C arrays, unions,
/// bit-fields, or a member without a default value.
///
/// Example: examples/cached_methods.cpp#declared
template <class T>
concept SelfContained = std::copy_constructible<T> && !detail::can_be_sliced<T> &&
                        detail::is_self_contained<std::remove_cv_t<T>>();

}  // namespace cachemodel
