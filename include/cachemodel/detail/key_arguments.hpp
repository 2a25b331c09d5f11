// cachemodel: the keys of a model, as a caller gives them.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/detail/model_table.hpp>

#include <concepts>
#include <cstddef>
#include <tuple>
#include <type_traits>
#include <utility>

namespace cachemodel::detail {

template <class M>
using KeyTuple = typename KeyTypes<M>::type;

template <class M>
inline constexpr std::size_t key_count = MemberKinds<M>::key_count;

/// Whether a key of type `T` may be given as a `Given`; text also as a view.
template <class Given, class T>
concept KeyFor = Holdable<const Given&, T> ||
    (CharString<T>&& std::same_as<Given, std::string_view>);

/// Whether `Given...` are M's keys, all of them, in declaration order.
template <class M, class... Given>
consteval bool are_keys() {
    if constexpr (sizeof...(Given) != key_count<M>) {
        return false;
    } else {
        return []<std::size_t... I>(std::index_sequence<I...>) {
            return (KeyFor<Given, std::tuple_element_t<I, KeyTuple<M>>> && ...);
        }
        (std::make_index_sequence<sizeof...(Given)>{});
    }
}

template <class M, class Tuple>
consteval bool is_key_tuple() {
    if constexpr (TupleLike<Tuple>) {
        return []<std::size_t... I>(std::index_sequence<I...>) {
            return are_keys<M, std::tuple_element_t<I, Tuple>...>();
        }
        (std::make_index_sequence<std::tuple_size_v<Tuple>>{});
    } else {
        return false;
    }
}

template <class K, class Given>
void assign_key(K& key, const Given& given) {
    if constexpr (std::same_as<Given, std::string_view>) {
        key = typename K::value_type(given);
    } else {
        key = given;
    }
}

template <class M, class Tuple, std::size_t... I>
M with_key_tuple(const Tuple& keys, std::index_sequence<I...>) {
    M model{};
    (assign_key(member<MemberKinds<M>::key_indices[I]>(model), std::get<I>(keys)), ...);
    return model;
}

/// A model with its keys set from values, from one tuple of values, or from another such model.
template <class M, class... Given>
M with_keys(const Given&... given) {
    static_assert(require_model<M>());
    if constexpr (!Model<M>) {
        return no_model<M>();
    } else if constexpr (sizeof...(Given) == 1 && (std::derived_from<Given, M> && ...)) {
        M model{};
        (copy_keys(table_of<M>(), &model, static_cast<const M*>(&given)), ...);
        return model;
    } else if constexpr (are_keys<M, Given...>()) {
        return with_key_tuple<M>(std::tie(given...), std::make_index_sequence<sizeof...(Given)>{});
    } else if constexpr (sizeof...(Given) == 1 && (is_key_tuple<M, Given>() && ...)) {
        return (with_key_tuple<M>(given, std::make_index_sequence<key_count<M>>{}), ...);
    } else {
        static_assert(sizeof...(Given) == key_count<M> && are_keys<M, Given...>(),
                      "cachemodel: give all keys of the model and nothing else, in declaration "
                      "order, or the model with its keys set");
        return no_model<M>();
    }
}

}  // namespace cachemodel::detail
