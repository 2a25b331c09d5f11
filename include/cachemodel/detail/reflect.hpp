// cachemodel: the members of a plain aggregate: how many, which, and what they are called.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/detail/wrapper.hpp>

#include <boost/pfr/core.hpp>

#include <cstddef>
#include <string_view>
#include <type_traits>
#include <utility>

namespace cachemodel::detail {

/// What Boost.PFR ties; more members are refused.
inline constexpr std::size_t most_members = 100;

// ---- how many. Boost.PFR's own count crashes g++ 12 on members with default initializers such as
// ---- `Field<std::vector<std::string>> tags = {"a"}`.

template <class T, std::size_t... I>
consteval bool takes(std::index_sequence<I...>) {
    return requires { T{((void)I, Anything{})...}; };
}

template <class T, std::size_t N>
concept TakesMembers = takes<T>(std::make_index_sequence<N>{});

/// The largest N between `least` (which holds) and `most` (which does not).
template <class T, std::size_t least, std::size_t most>
consteval std::size_t bisect_member_count() {
    if constexpr (least + 1 == most) {
        return least;
    } else {
        constexpr std::size_t middle = least + (most - least) / 2;
        if constexpr (TakesMembers<T, middle>) {
            return bisect_member_count<T, middle, most>();
        } else {
            return bisect_member_count<T, least, middle>();
        }
    }
}

template <class T, std::size_t bound = 4>
consteval std::size_t count_members() {
    if constexpr (bound > most_members) {
        constexpr std::size_t last = most_members + 1;
        if constexpr (TakesMembers<T, last>) {
            return last;  // too many
        } else {
            return bisect_member_count<T, 0, last>();
        }
    } else if constexpr (TakesMembers<T, bound>) {
        return count_members<T, bound * 2>();
    } else {
        return bisect_member_count<T, 0, bound>();
    }
}

/// `most_members + 1` where there are more than that. A C array counts as its elements.
template <class T>
inline constexpr std::size_t member_count = count_members<T>();

// ---- what must not be there

/// A reference that can be changed through, which nothing counted binds to.
struct AnyVariable {
    template <class T>
    operator T&() const noexcept;
};

template <class T, std::size_t... I>
consteval bool takes_variable_after(std::index_sequence<I...>) {
    return requires { T{((void)I, Anything{})..., AnyVariable{}}; };
}

/// Whether the first member that `member_count` does not count is such a reference.
template <class T>
inline constexpr bool ends_at_reference =
    takes_variable_after<T>(std::make_index_sequence<member_count<T>>{});

struct AnyUnion {
    template <class T>
    requires std::is_union_v<T>
    operator T() const noexcept;
};

template <class T, std::size_t... Before, std::size_t... After>
consteval bool takes_union(std::index_sequence<Before...>, std::index_sequence<After...>) {
    return requires { T{((void)Before, Anything{})..., AnyUnion{}, ((void)After, Anything{})...}; };
}

/// Whether a member may be a union. An object with one that has no name cannot be taken apart.
template <class T, std::size_t... I>
consteval bool may_have_union(std::index_sequence<I...>) {
    constexpr std::size_t count = sizeof...(I);
    return (
        takes_union<T>(std::make_index_sequence<I>{}, std::make_index_sequence<count - I - 1>{}) ||
        ...);
}

/// Converts to the bases of T and to nothing else.
template <class T>
struct AnyBaseOf {
    template <class B>
    requires(std::is_base_of_v<B, T> && !std::is_same_v<B, T>) operator B() const noexcept;
};

template <class T>
concept HasBase = requires {
    T{AnyBaseOf<T>{}};
};

template <class T, std::size_t... Before, std::size_t... After>
consteval bool takes_empty_braces(std::index_sequence<Before...>, std::index_sequence<After...>) {
    return requires { T{((void)Before, Anything{})..., {}, ((void)After, Anything{})...}; };
}

/// Whether one of the members is a C array: empty braces then stand for all of its elements, and
/// one initializer for each place no longer fits.
template <class T, std::size_t... I>
consteval bool has_c_array(std::index_sequence<I...>) {
    constexpr std::size_t count = sizeof...(I);
    return !(takes_empty_braces<T>(std::make_index_sequence<I>{},
                                   std::make_index_sequence<count - I - 1>{}) &&
             ...);
}

// ---- which

/// The members of an aggregate that passed `model_problem` or `plain_aggregate`, as references.
template <class T>
constexpr auto tie(T& value) noexcept {
    return boost::pfr::detail::tie_as_tuple(
        value, boost::pfr::detail::size_t_<member_count<std::remove_const_t<T>>>{});
}

template <std::size_t I, class T>
constexpr auto& member(T& value) noexcept {
    return boost::pfr::detail::sequence_tuple::get<I>(tie(value));
}

/// The type of member I, without reference.
template <class T, std::size_t I>
using MemberType = std::remove_reference_t<decltype(member<I>(std::declval<T&>()))>;

// ---- what they are called

#ifdef __clang__
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wundefined-var-template"
#pragma clang diagnostic ignored "-Wundefined-internal"
#endif

/// An object that is never made; its members' addresses carry their names. In a holder, since
/// clang 14 does not take the address of a member of a local type's object otherwise.
template <class T>
struct Held {
    const T value;
};
template <class T>
extern const Held<T> held;

template <class P>
struct MemberAddress {
    const P* address;
};

template <class T, auto Address>
consteval const char* spelled() {
    return __PRETTY_FUNCTION__;  // ends in NAME)}] or NAME}]
}

template <class T, std::size_t I>
consteval std::string_view find_member_name() {
    constexpr auto& place = member<I>(held<T>.value);
    std::string_view text =
        spelled<T, MemberAddress<std::remove_cvref_t<decltype(place)>>{&place}>();
    text.remove_suffix(text.size() - text.find_last_not_of(")}]") - 1);
    std::size_t first = text.size();
    const auto is_separator = [](char c) { return c == ':' || c == '.' || c == '>' || c == ' '; };
    while (!is_separator(text[first - 1])) --first;
    return text.substr(first);
}

/// Whether member I is a part of each object: no reference. Not so of bit-fields, which have no
/// address.
template <class T, std::size_t I>
concept HasAddress = requires {
    typename std::bool_constant<(&member<I>(held<T>.value) != nullptr)>;
};
#ifdef __clang__
#pragma clang diagnostic pop
#endif

/// The name of member I as the source spells it. Points into static storage.
template <class T, std::size_t I>
inline constexpr std::string_view member_name = find_member_name<T, I>();

template <std::size_t size>
struct NameText {
    char text[size + 1];
};

/// The name as an argument of a template, so that compilers print it with what they cannot make.
template <class T, std::size_t I>
consteval auto member_name_text() {
    NameText<member_name<T, I>.size()> name{};
    member_name<T, I>.copy(name.text, member_name<T, I>.size());
    return name;
}

}  // namespace cachemodel::detail
