// cachemodel: which values a cache takes, and what can be done with each.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/detail/codec.hpp>
#include <cachemodel/detail/key_text.hpp>
#include <cachemodel/model.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <typeinfo>
#include <utility>

namespace cachemodel::detail {

// ---- which types

/// What a value of the type `T`, as a caller writes it, is stored and read as: text in any form is
/// a std::string.
template <class T>
struct StoredAs {
    using type = T;
};
template <class T>
requires(std::is_same_v<T, const char*> || std::is_same_v<T, char*> ||
         std::is_same_v<T, std::string_view>) struct StoredAs<T> {
    using type = std::string;
};
template <class T>
using StoredValue = typename StoredAs<std::decay_t<T>>::type;

template <class T>
concept Null = std::is_null_pointer_v<T> || std::same_as<T, std::nullopt_t>;

/// An integer that servers can count: it is stored as decimal text.
template <class T>
concept Countable = std::integral<T> && !std::same_as<T, bool> && sizeof(T) <= sizeof(std::int64_t);

/// Only named, in the place of a type, so that compilers print which member they cannot take.
template <class Struct, class Type, auto name>
struct MemberOf;

/// Says in one line what is wrong with `Where`, a type or a MemberOf.
template <class Where, TypeProblem problem>
consteval bool require_storable() {
    using enum TypeProblem;
    static_assert(problem != pointer,
                  "cachemodel: a pointer cannot be cached; cache what it points to, and an "
                  "std::optional where there may be nothing");
    static_assert(problem != view,
                  "cachemodel: a view cannot be read from a cache; ask for std::string or "
                  "std::vector");
    static_assert(problem != c_array, "cachemodel: a C array cannot be cached; use std::array");
    static_assert(problem != nested_reference,
                  "cachemodel: a model with references is kept by Models or CacheModel, not by "
                  "Cache");
    static_assert(problem != secret,
                  "cachemodel: a model with secret keys is kept by Models or CacheModel, not by "
                  "Cache");
    static_assert(problem == none || problem == pointer || problem == view || problem == c_array ||
                      problem == nested_reference || problem == secret,
                  "cachemodel: a value of this type cannot be cached: use numbers, bool, "
                  "enums, text, bytes, std::chrono, std::optional, std::variant, containers "
                  "and plain structs of these, or Json<T> and Binary<T> of others");
    return problem == none;
}

/// As many as there are if none is wrong.
template <class T, std::size_t... I>
consteval std::size_t first_wrong_member(std::index_sequence<I...>) {
    std::size_t first = 0;
    static_cast<void>(
        ((value_problem<unwrapped<MemberType<T, I>>, T>() == TypeProblem::none && ++first != 0) &&
         ...));
    return first;
}

/// `Where` is T itself, or the member that has this type.
template <class T, class Where = T>
consteval bool check_stored_type() {
    // A char* is text, which is read as a std::string.
    constexpr TypeProblem problem =
        std::is_convertible_v<T, const char*> ? TypeProblem::view : value_problem<T>();
    if constexpr (problem != TypeProblem::none && PlainAggregate<T> && !SecretModel<T>) {
        constexpr auto count = member_count<T>;
        constexpr auto wrong = first_wrong_member<T>(std::make_index_sequence<count>{});
        if constexpr (wrong < count) {
            using Type = unwrapped<MemberType<T, wrong>>;
            return check_stored_type<Type, MemberOf<T, Type, member_name_text<T, wrong>()>>();
        } else {
            return require_storable<Where, problem>();
        }
    } else {
        return require_storable<Where, problem>();
    }
}

template <class T>
consteval bool check_value() {
    if constexpr (Null<T>) {
        return true;
    } else if constexpr (!std::default_initializable<T>) {
        static_assert(std::default_initializable<T>,
                      "cachemodel: a value is made empty and then read: give its type a default "
                      "constructor, or its members default values");
        return false;
    } else {
        return check_stored_type<T>();
    }
}

// ---- the operations of a type

/// What can be done with a value without knowing its type; one constant for each type.
struct ValueTable {
    const std::type_info* type;
    std::shared_ptr<void> (*make)();
    /// Appends the value as decimal text, if it is an integer.
    bool (*append_integer)(std::string& out, const void* value);
    /// Takes a number on, if the type holds it.
    bool (*assign_integer)(void* value, bool negative, std::uint64_t magnitude);
    void (*encode)(CborWriter& writer, const void* value);
    bool (*decode)(CborReader& reader, void* value);
};

/// An empty value to be read into; null for a type that is only written.
template <class T>
std::shared_ptr<void> make_empty() {
    if constexpr (std::default_initializable<T>) {
        return std::make_shared<T>();
    } else {
        return nullptr;
    }
}

template <class T>
bool append_integer(std::string& out, const void* value) {
    if constexpr (Countable<T>) {
        using Wide = std::conditional_t<std::is_signed_v<T>, std::int64_t, std::uint64_t>;
        append_number(out, static_cast<Wide>(*static_cast<const T*>(value)));
        return true;
    } else if constexpr (OptionalLike<T>) {
        const auto& optional = *static_cast<const T*>(value);
        return optional && append_integer<typename T::value_type>(out, &*optional);
    } else {
        return false;
    }
}

template <class T>
bool assign_integer(void* value, bool negative, std::uint64_t magnitude) {
    if constexpr (Countable<T>) {
        constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<T>::max());
        if (magnitude == 0) negative = false;
        if (negative && !std::is_signed_v<T>) return false;
        if (magnitude > most + (negative ? 1 : 0)) return false;
        // Subtracting from zero in unsigned arithmetic reaches the smallest number too.
        *static_cast<T*>(value) = static_cast<T>(negative ? 0 - magnitude : magnitude);
        return true;
    } else if constexpr (std::is_enum_v<T>) {
        std::underlying_type_t<T> number{};
        if (!assign_integer<std::underlying_type_t<T>>(&number, negative, magnitude)) return false;
        *static_cast<T*>(value) = static_cast<T>(number);
        return true;
    } else if constexpr (OptionalLike<T>) {
        auto& optional = *static_cast<T*>(value);
        optional.emplace();
        return assign_integer<typename T::value_type>(&*optional, negative, magnitude);
    } else {
        return false;
    }
}

template <class T>
void encode_value(CborWriter& writer, const void* value) {
    if constexpr (Null<T>) {
        writer.null();
    } else {
        encode<T>(writer, *static_cast<const T*>(value));
    }
}

template <class T>
bool decode_value(CborReader& reader, void* value) {
    if constexpr (Null<T>) {
        return reader.null();
    } else {
        return decode<T>(reader, *static_cast<T*>(value));
    }
}

template <class T>
consteval ValueTable make_value_table() {
    if constexpr (check_value<T>()) {
        return {
            &typeid(T),         &make_empty<T>,   &append_integer<T>,
            &assign_integer<T>, &encode_value<T>, &decode_value<T>,
        };
    } else {
        return {};  // the message was enough
    }
}

template <class T>
inline constexpr ValueTable value_table = make_value_table<T>();

/// Text that is not a std::string is encoded as it is, without a copy. It is never read.
inline constexpr ValueTable text_table{
    &typeid(std::string_view),
    nullptr,
    [](std::string&, const void*) { return false; },
    nullptr,
    [](CborWriter& writer, const void* value) {
        writer.text(*static_cast<const std::string_view*>(value));
    },
    nullptr,
};

}  // namespace cachemodel::detail
