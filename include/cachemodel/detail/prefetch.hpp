// cachemodel: what prefetch takes, and why not the rest, in one line.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/detail/types.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

namespace cachemodel::detail {

enum class PrefetchProblem : std::uint8_t {
    none,
    not_copyable,
    no_range_of_objects,
    no_objects,
    pointers,
    sliced,
    no_range_of_calls,
    no_calls,
    views,
};

template <class Range>
concept AnyRange = requires(Range& range) {
    *std::begin(range);
    std::end(range);
};
/// As the iterator gives it: a reference, or a value that is gone after the next step.
template <AnyRange Range>
using ElementOf = decltype(*std::begin(std::declval<Range&>()));

/// Whether many calls can be given the same parameters.
template <class... P>
inline constexpr bool repeatable = ((std::is_reference_v<P> || std::copy_constructible<P>)&&...);

// ---- of objects

/// Takes what is an `Object` or refers to one, but nothing that would have to be made into one.
template <class Object>
struct Standing {
    static void refer(const Object&);
    static void refer(const Object&&) = delete;
};

/// Whether the elements of a range are objects that stay where they are.
template <class Range, class Object>
concept KeepsObjects = KeepsElements<Range> && requires(Range& range) {
    Standing<Object>::refer(*std::begin(range));
};

template <class Pointer, class Object>
concept PointsTo = requires(const Pointer& pointer) {
    Standing<Object>::refer(*pointer);
};

/// Of calls that take an object and `P...`.
template <class Range, class Object, class... P>
consteval PrefetchProblem objects_problem() {
    if constexpr (!repeatable<P...>) {
        return PrefetchProblem::not_copyable;
    } else if constexpr (!AnyRange<Range>) {
        return PrefetchProblem::no_range_of_objects;
    } else if constexpr (KeepsObjects<Range, Object>) {
        return PrefetchProblem::none;
    } else {
        using Element = ElementOf<Range>;
        if constexpr (can_be_sliced<Object> && !std::same_as<Element, Object> &&
                      std::convertible_to<Element, const Object&>) {
            return PrefetchProblem::sliced;
        } else if constexpr (std::convertible_to<Element, Object> &&
                             std::move_constructible<Object>) {
            return PrefetchProblem::none;
        } else if constexpr (PointsTo<Element, Object>) {
            return PrefetchProblem::pointers;
        } else {
            return PrefetchProblem::no_objects;
        }
    }
}

/// Of such calls of objects in braces, which are copies already.
template <class Object, class... P>
consteval PrefetchProblem braces_problem() {
    if constexpr (!repeatable<P...>) {
        return PrefetchProblem::not_copyable;
    } else if constexpr (can_be_sliced<Object>) {
        return PrefetchProblem::sliced;
    } else {
        return PrefetchProblem::none;
    }
}

// ---- of arguments

/// The arguments of a call as values.
template <class... P>
using ArgumentTuple = std::tuple<std::remove_cvref_t<P>...>;

/// Whether the elements of a range are the arguments of calls, and stay where they are.
template <class Range, class... P>
concept KeepsArguments = KeepsElements<Range> &&
    (std::same_as<std::remove_cvref_t<ElementOf<Range>>, ArgumentTuple<P...>> ||
     (sizeof...(P) == 1 &&
      (std::same_as<std::remove_cvref_t<ElementOf<Range>>, std::remove_cvref_t<P>> && ...)));

/// Whether `T` is, or holds at any depth, a text that it does not own. A class that cannot be taken
/// apart is trusted: it says itself what identifies it.
template <class T, class... Seen>
consteval bool holds_view();

template <class T, class... Seen, std::size_t... I>
consteval bool members_hold_view(std::index_sequence<I...>) {
    return (holds_view<std::remove_const_t<MemberType<T, I>>, T, Seen...>() || ...);
}
template <class T, class... Seen>
consteval bool arguments_hold_view() {
    if constexpr (has_type_arguments<T>) {
        return []<template <class...> class Template, class... Arguments>(
                   std::type_identity<Template<Arguments...>>) {
            return (holds_view<std::remove_const_t<Arguments>, T, Seen...>() || ...);
        }(std::type_identity<T>{});
    } else {
        return false;
    }
}

template <class T, class... Seen>
consteval bool holds_view() {
    if constexpr ((std::same_as<T, Seen> || ...)) {
        return false;
    } else if constexpr (std::same_as<T, std::string_view>) {
        return true;
    } else if constexpr (Array<T>) {
        return holds_view<std::remove_const_t<typename T::value_type>, T, Seen...>();
    } else if constexpr (arguments_hold_view<T, Seen...>()) {
        return true;
    } else if constexpr (!requires { sizeof(T); }) {  // a tag
        return false;
    } else if constexpr (PlainAggregate<T>) {
        return members_hold_view<T, Seen...>(std::make_index_sequence<member_count<T>>{});
    } else {
        return false;
    }
}

/// Whether `T` holds such texts but is none.
template <class T>
inline constexpr bool holds_view_inside = !std::same_as<T, std::string_view> && holds_view<T>();

template <class Range, class... P>
consteval PrefetchProblem calls_problem() {
    if constexpr (!repeatable<P...>) {
        return PrefetchProblem::not_copyable;
    } else if constexpr (!AnyRange<Range>) {
        return PrefetchProblem::no_range_of_calls;
    } else if constexpr (KeepsArguments<Range, P...>) {
        return PrefetchProblem::none;
    } else if constexpr (!std::convertible_to<ElementOf<Range>, ArgumentTuple<P...>> ||
                         !std::move_constructible<ArgumentTuple<P...>>) {
        return PrefetchProblem::no_calls;
    } else if constexpr ((holds_view_inside<std::remove_cvref_t<P>> || ...)) {
        return PrefetchProblem::views;
    } else {
        return PrefetchProblem::none;
    }
}

/// Says in one line what is wrong with a prefetch. Always true, so that this stays the only error.
template <PrefetchProblem problem>
consteval bool require_prefetch() {
    using enum PrefetchProblem;
    static_assert(problem != not_copyable,
                  "cachemodel: prefetch takes parameters that can be copied, for it may call with "
                  "them more than once; let the function take them by const reference");
    static_assert(problem != no_range_of_objects,
                  "cachemodel: prefetch takes a range of objects, such as a std::vector, and then "
                  "the arguments that are the same for all");
    static_assert(problem != no_objects,
                  "cachemodel: prefetch takes a range of objects of the method's class");
    static_assert(problem != pointers,
                  "cachemodel: prefetch takes objects, not pointers to them; write a "
                  "std::vector<std::reference_wrapper<const C>> of what they point to");
    static_assert(problem != sliced,
                  "cachemodel: prefetch takes objects of a class with virtual functions only where "
                  "they stay, for a copy may lose what they are; write "
                  "std::vector<std::reference_wrapper<const C>>");
    static_assert(problem != no_range_of_calls,
                  "cachemodel: prefetch takes a range with the arguments of each call, such as a "
                  "std::vector");
    static_assert(problem != no_calls,
                  "cachemodel: prefetch takes what converts to the parameter as in a call; for "
                  "several parameters, or none, a std::tuple of that");
    static_assert(problem != views,
                  "cachemodel: prefetch takes views inside of arguments only from a container, "
                  "whose elements are exactly the parameter, or a std::tuple of exactly all of "
                  "them: converted or copied, they would show texts that are gone");
    return true;
}

}  // namespace cachemodel::detail
