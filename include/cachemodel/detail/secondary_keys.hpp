// cachemodel: secondary keys: which members they are, and their text.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/model.hpp>
#include <cachemodel/secondary_keys.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

namespace cachemodel::detail {

// ---- which member

template <class Pointer>
struct MemberPointer {
    using owner = void;
    using type = void;
};
template <class M, class T>
struct MemberPointer<T M::*> {
    using owner = M;
    using type = T;
};

#ifdef __clang__
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wundefined-var-template"
#endif
template <class M, auto pointer, std::size_t I>
consteval bool is_member_at() {
    using Pointed = MemberPointer<std::remove_const_t<decltype(pointer)>>;
    if constexpr (!std::same_as<typename Pointed::owner, M>) {
        return false;
    } else if constexpr (std::same_as<typename Pointed::type, MemberType<M, I>>) {
        return &member<I>(held<M>.value) == &(held<M>.value.*pointer);
    } else {
        return false;
    }
}
#ifdef __clang__
#pragma clang diagnostic pop
#endif

template <class M, auto pointer, std::size_t... I>
consteval std::size_t find_member_index(std::index_sequence<I...>) {
    std::size_t at = 0;
    (void)((is_member_at<M, pointer, I>() || (++at, false)) || ...);
    return at;
}
/// The position of the member that `pointer` leads to; the number of members where there is none.
template <class M, auto pointer>
inline constexpr std::size_t member_index =
    find_member_index<M, pointer>(std::make_index_sequence<member_count<M>>{});

// ---- its value

/// What a member holds, without Field and optional.
template <class T>
struct SecondaryContent {
    using type = T;
};
template <class T>
struct SecondaryContent<Field<T>> : SecondaryContent<T> {};
template <class T>
struct SecondaryContent<std::optional<T>> : SecondaryContent<T> {};

template <class M, auto pointer>
using SecondaryValue = typename SecondaryContent<MemberType<M, member_index<M, pointer>>>::type;

/// Null where it is empty.
template <class T>
const auto* secondary_value(const T& member) {
    if constexpr (OptionalLike<T>) {
        using Value = std::remove_reference_t<decltype(*secondary_value(*member))>;
        return member ? secondary_value(*member) : static_cast<const Value*>(nullptr);
    } else if constexpr (!std::same_as<T, unwrapped<T>>) {
        return secondary_value(*member);
    } else {
        return &member;
    }
}

/// Appends what a key says of these members; false where one of them is empty. Names are quoted, as
/// those of the model's own keys never are.
template <class M, auto... members, class... Values>
bool append_secondary_key(std::string& out, By<members...>, const Values*... values) {
    if (!(true && ... && (values != nullptr))) return false;
    std::size_t at = 0;
    ((out += at++ == 0 ? "" : ",", append_key_text(out, wire_name<M, member_index<M, members>>()),
      out += '=', append_key(out, *values)),
     ...);
    return true;
}

/// One secondary key of a model.
struct SecondaryKey {
    /// Appends what its key says of `object`; false where it has none.
    bool (*append)(std::string& out, const void* object);
};

template <class M, class Set>
struct SecondaryKeyOf;
template <class M, auto... members>
struct SecondaryKeyOf<M, By<members...>> {
    using Values = std::tuple<SecondaryValue<M, members>...>;

    static bool append(std::string& out, const void* object) {
        const M& model = *static_cast<const M*>(object);
        return append_secondary_key<M>(out, By<members...>{},
                                       secondary_value(member<member_index<M, members>>(model))...);
    }
    /// The same for values.
    static std::string text(const Values& values) {
        std::string text;
        std::apply(
            [&](const auto&... each) { append_secondary_key<M>(text, By<members...>{}, &each...); },
            values);
        return text;
    }
};

// ---- what is wrong with them

enum class SecondaryProblem : std::uint8_t {
    none,
    no_list,
    no_member,
    key,
    reference,
    floating,
    unsupported,
    twice,
    secret,
    keys_not_storable,
};

template <class M>
concept HasSecondaryKeys = requires {
    typename M::secondary_keys;
};

template <class M, auto pointer>
consteval SecondaryProblem secondary_member_problem() {
    using enum SecondaryProblem;
    if constexpr (member_index<M, pointer> == member_count<M>) {
        return no_member;
    } else {
        using Member = MemberType<M, member_index<M, pointer>>;
        if constexpr (is_key<Member>) {
            return key;
        } else if constexpr (is_any_reference<Member>) {
            return reference;
        } else {
            switch (key_problem<KeyUse::entity, SecondaryValue<M, pointer>>()) {
                case TypeProblem::none:
                    return none;
                case TypeProblem::floating_key:
                    return floating;
                default:
                    return unsupported;
            }
        }
    }
}

template <class M, class Set>
inline constexpr SecondaryProblem secondary_set_problem = SecondaryProblem::no_list;
template <class M>
inline constexpr SecondaryProblem secondary_set_problem<M, By<>> = SecondaryProblem::no_list;
template <class M, auto... members>
inline constexpr SecondaryProblem secondary_set_problem<M, By<members...>> = [] {
    SecondaryProblem found = SecondaryProblem::none;
    ((found = found == SecondaryProblem::none ? secondary_member_problem<M, members>() : found),
     ...);
    return found;
}();

template <class Set, class... Sets>
inline constexpr std::size_t occurrences = (std::size_t{0} + ... +
                                            (std::same_as<Set, Sets> ? 1 : 0));

template <class M, class List>
inline constexpr SecondaryProblem secondary_list_problem = SecondaryProblem::no_list;
template <class M, class... Sets>
inline constexpr SecondaryProblem secondary_list_problem<M, SecondaryKeys<Sets...>> = [] {
    using enum SecondaryProblem;
    if (model_options<M>().secret_keys) return secret;
    if (!can_store_keys<M>(std::make_index_sequence<member_count<M>>{})) return keys_not_storable;
    SecondaryProblem found = none;
    ((found = found == none ? secondary_set_problem<M, Sets> : found), ...);
    if (found == none && ((occurrences < Sets, Sets... >> 1) || ...)) return twice;
    return found;
}();

template <class M>
consteval SecondaryProblem find_secondary_problem() {
    if constexpr (!Model<M>) {
        return SecondaryProblem::none;  // has been complained about
    } else if constexpr (!HasSecondaryKeys<M>) {
        return SecondaryProblem::none;
    } else {
        return secondary_list_problem<M, typename M::secondary_keys>;
    }
}

/// Says in one line what is wrong with M's secondary keys. Always true.
template <class M>
consteval bool require_secondary_keys() {
    constexpr SecondaryProblem problem = find_secondary_problem<M>();
    using enum SecondaryProblem;
    static_assert(problem != no_list,
                  "cachemodel: secondary keys are declared behind the members: using "
                  "secondary_keys = SecondaryKeys<By<&User::email>>;");
    static_assert(problem != no_member,
                  "cachemodel: a secondary key names what is no member of the model");
    static_assert(problem != key,
                  "cachemodel: a Key is no part of a secondary key; the model is found by its "
                  "keys anyway");
    static_assert(problem != reference,
                  "cachemodel: a Reference is no part of a secondary key; store the target's key "
                  "in a member beside it");
    static_assert(problem != floating,
                  "cachemodel: a floating-point number is no part of a secondary key: equal "
                  "values may differ in their bits");
    static_assert(problem != unsupported,
                  "cachemodel: this type cannot be part of a secondary key; give it a "
                  "to_cache_key(const T&) beside it");
    static_assert(problem != twice, "cachemodel: a secondary key is declared twice");
    static_assert(problem != secret,
                  "cachemodel: a model with secret_keys has no secondary keys: their entries "
                  "would show its keys");
    static_assert(problem != keys_not_storable,
                  "cachemodel: a secondary key leads to the model's keys, and one of them has a "
                  "to_cache_key but cannot be stored");
    return true;
}

// ---- all of a model's

template <class M, class List>
struct SecondaryTable {
    static constexpr std::array<SecondaryKey, 0> keys{};
};
template <class M, class... Sets>
struct SecondaryTable<M, SecondaryKeys<Sets...>> {
    static constexpr std::array<SecondaryKey, sizeof...(Sets)> keys{
        SecondaryKey{&SecondaryKeyOf<M, Sets>::append}...};
};

template <class M>
consteval auto secondary_list() {
    if constexpr (HasSecondaryKeys<M> && find_secondary_problem<M>() == SecondaryProblem::none) {
        return typename M::secondary_keys{};
    } else {
        return SecondaryKeys<>{};
    }
}

template <class M>
inline constexpr auto& secondary_table = SecondaryTable<M, decltype(secondary_list<M>())>::keys;

template <class Set, class... Sets>
consteval std::size_t index_of_set(SecondaryKeys<Sets...>) {
    std::size_t at = 0;
    (void)((std::same_as<Set, Sets> || (++at, false)) || ...);
    return at;
}
/// The position of a secondary key among M's; their number where it is none of them.
template <class M, class Set>
inline constexpr std::size_t secondary_index = index_of_set<Set>(secondary_list<M>());

}  // namespace cachemodel::detail
