// cachemodel: the kinds of types that a member may have, told apart by what they can do.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/detail/reflect.hpp>
#include <cachemodel/fwd.hpp>

#include <array>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace cachemodel::detail {

template <class T, template <class...> class Template>
inline constexpr bool is_specialization = false;
template <template <class...> class Template, class... Arguments>
inline constexpr bool is_specialization<Template<Arguments...>, Template> = true;

template <class T>
inline constexpr bool has_type_arguments = false;
template <template <class...> class Template, class... Arguments>
inline constexpr bool has_type_arguments<Template<Arguments...>> = true;

/// Whether a copy may be less than the object was.
template <class T>
inline constexpr bool can_be_sliced = std::is_polymorphic_v<T> && !std::is_final_v<T>;

template <class T>
concept Byte = std::same_as<T, std::byte> || std::same_as<T, unsigned char>;

template <class T>
inline constexpr bool is_char_string = false;
template <class Allocator>
inline constexpr bool is_char_string<std::basic_string<char, std::char_traits<char>, Allocator>> =
    true;
template <class T>
concept CharString = is_char_string<T>;

template <class T>
concept OptionalLike = is_specialization<T, std::optional>;

template <class T>
concept VariantLike = is_specialization<T, std::variant>;

template <class T>
concept Duration = is_specialization<T, std::chrono::duration>;

template <class T>
inline constexpr bool is_time_point = false;
template <class Clock, class D>
inline constexpr bool is_time_point<std::chrono::time_point<Clock, D>> = true;
template <class T>
inline constexpr bool is_system_time = false;
template <class D>
inline constexpr bool is_system_time<std::chrono::time_point<std::chrono::system_clock, D>> = true;
template <class T>
concept SystemTime = is_system_time<T>;

template <class T>
inline constexpr bool is_array = false;
template <class T, std::size_t N>
inline constexpr bool is_array<std::array<T, N>> = true;
template <class T>
concept Array = is_array<T>;

template <class T>
concept TupleLike = is_specialization<T, std::pair> || is_specialization<T, std::tuple>;

template <class T>
inline constexpr bool is_span = false;
template <class T, std::size_t extent>
inline constexpr bool is_span<std::span<T, extent>> = true;
template <class T>
concept View = is_span<T> || is_specialization<T, std::basic_string_view>;

/// A container of bytes in one piece.
template <class T>
concept Bytes = (Array<T> || is_specialization<T, std::vector>)&&Byte<typename T::value_type>;

/// Not so a document whose elements are documents again.
template <class T>
concept Iterable = !std::same_as<typename T::value_type, T> && requires(const T& container) {
    container.begin() != container.end();
    container.size();
};

/// Maps from unique keys: std::map, std::unordered_map and their kin.
template <class T>
concept MapLike = Iterable<T> &&
    requires(T& map, typename T::key_type key, typename T::mapped_type mapped) {
    map.clear();
    { map.emplace(std::move(key), std::move(mapped)).second } -> std::convertible_to<bool>;
};

/// Sets of unique keys: std::set, std::unordered_set and their kin.
template <class T>
concept SetLike = Iterable<T> && !requires {
    typename T::mapped_type;
}
&&requires(T& set, typename T::key_type key) {
    set.clear();
    { set.emplace(std::move(key)).second } -> std::convertible_to<bool>;
};

/// Containers whose order does not follow from their contents.
template <class T>
concept Unordered = requires {
    typename T::hasher;
};

/// Sequences that grow at their end: std::vector, std::deque, std::list.
template <class T>
concept Sequence = Iterable<T> && !CharString<T> && !requires {
    typename T::key_type;
}
&&requires(T& sequence, typename T::value_type value) {
    sequence.clear();
    sequence.emplace_back(std::move(value));
};

template <class T>
inline constexpr bool is_reference = false;
template <class M, Dangling policy>
inline constexpr bool is_reference<Reference<M, policy>> = true;

template <class T>
inline constexpr bool is_reference_list = false;
template <class M, Dangling policy, class Allocator>
inline constexpr bool is_reference_list<std::vector<Reference<M, policy>, Allocator>> = true;

template <class T>
struct Unwrapped {
    using type = T;
};
template <class T>
struct Unwrapped<Field<T>> {
    using type = T;
};
template <class T>
struct Unwrapped<Key<T>> {
    using type = T;
};
/// What a Field or Key holds; any other type itself.
template <class T>
using unwrapped = typename Unwrapped<T>::type;

/// `value` without its Field or Key.
template <class T>
constexpr auto& unwrap(T& value) noexcept {
    if constexpr (std::same_as<std::remove_const_t<T>, unwrapped<std::remove_const_t<T>>>) {
        return value;
    } else {
        return *value;
    }
}

template <class T>
consteval bool can_be_counted() {
    if constexpr (!std::is_class_v<T> || !std::is_aggregate_v<T> || Array<T>) {
        return false;
    } else if constexpr (!std::is_default_constructible_v<T> || HasBase<T>) {
        return false;
    } else {
        return member_count<T> <= most_members;
    }
}

/// Whether T would be a plain aggregate, were it not for a member that is a C array.
template <class T>
consteval bool holds_c_array() {
    if constexpr (can_be_counted<T>()) {
        return has_c_array<T>(std::make_index_sequence<member_count<T>>{});
    } else {
        return false;
    }
}

/// A plain aggregate whose members we can take apart.
template <class T>
concept PlainAggregate = can_be_counted<T>() && !holds_c_array<T>();

/// Whether the elements of a range stay where they are while it is passed over, so that their
/// addresses can be taken.
template <class Range>
concept KeepsElements = std::is_array_v<Range> || requires(Range& range) {
    requires std::forward_iterator<decltype(range.begin())>;
    requires std::is_lvalue_reference_v<decltype(*range.begin())>;
};

/// The name of a duration's unit, as `std::chrono` prints it: "ms", "min", "[2/3]s".
template <class Period>
std::string unit_name() {
    if constexpr (std::same_as<Period, std::nano>) return "ns";
    if constexpr (std::same_as<Period, std::micro>) return "us";
    if constexpr (std::same_as<Period, std::milli>) return "ms";
    if constexpr (std::same_as<Period, std::ratio<1>>) return "s";
    if constexpr (std::same_as<Period, std::ratio<60>>) return "min";
    if constexpr (std::same_as<Period, std::ratio<3600>>) return "h";
    if constexpr (std::same_as<Period, std::ratio<86400>>) return "d";
    if constexpr (Period::den == 1) return "[" + std::to_string(Period::num) + "]s";
    return "[" + std::to_string(Period::num) + "/" + std::to_string(Period::den) + "]s";
}

}  // namespace cachemodel::detail
