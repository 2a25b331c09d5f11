// cachemodel: the values of secondary keys, as a caller gives them, and from_miss_by.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/detail/engine.hpp>
#include <cachemodel/detail/key_arguments.hpp>
#include <cachemodel/detail/loaders.hpp>
#include <cachemodel/detail/secondary_keys.hpp>

#include <concepts>
#include <cstddef>
#include <memory>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

namespace cachemodel::detail {

// ---- what is asked for

template <class M, class Set>
using SecondaryValues = typename SecondaryKeyOf<M, Set>::Values;

/// What is asked of one secondary key.
template <class Set, class Values>
struct Asked {
    Values values;
};

/// `given` as a value of a secondary key. Errors: `InvalidKey` for an integer that does not fit.
template <class T, class Given>
T as_secondary_value(const Given& given) {
    if constexpr (std::same_as<Given, std::string_view>) {
        return T(given);
    } else {
        return key_held_as<T>(given);
    }
}

template <class Values, class... Given>
consteval bool are_secondary_values() {
    if constexpr (std::tuple_size_v<Values> != sizeof...(Given)) {
        return false;
    } else {
        return []<std::size_t... I>(std::index_sequence<I...>) {
            return (KeyFor<Given, std::tuple_element_t<I, Values>> && ...);
        }
        (std::make_index_sequence<sizeof...(Given)>{});
    }
}

template <class M, class Set>
consteval bool require_secondary_key() {
    constexpr bool is_declared =
        secondary_index<M, Set> != std::size(secondary_table<M>) || !Model<M>;
    static_assert(is_declared,
                  "cachemodel: these members are no secondary key of the model; declare using "
                  "secondary_keys = SecondaryKeys<By<...>>, and name them in the same order");
    return is_declared;
}

template <class M, class Set, class... Given>
auto secondary_values(const Given&... given) {
    if constexpr (require_secondary_key<M, Set>()) {
        using Values = SecondaryValues<M, Set>;
        constexpr bool fits = are_secondary_values<Values, Given...>();
        static_assert(fits,
                      "cachemodel: give a value for each member of the secondary key, in the "
                      "order of its declaration");
        if constexpr (fits) {
            return [&]<std::size_t... I>(std::index_sequence<I...>) {
                return Asked<Set, Values>{
                    Values{as_secondary_value<std::tuple_element_t<I, Values>>(given)...}};
            }
            (std::make_index_sequence<sizeof...(Given)>{});
        } else {
            return Asked<Set, Values>{};
        }
    } else {
        return Asked<Set, std::tuple<>>{};
    }
}

/// An element of a range: a tuple of the values, or the only one.
template <class M, class Set, class Given>
auto secondary_values_of_one(const Given& given) {
    if constexpr (TupleLike<Given>) {
        return std::apply([](const auto&... each) { return secondary_values<M, Set>(each...); },
                          given);
    } else {
        return secondary_values<M, Set>(given);
    }
}

// ---- from_miss_by

/// The parameters behind the first, of the overload whose first one this is.
template <class M, class Set, class... Parameters>
TypeList<Parameters...> from_miss_by_parameters(std::optional<M> (*)(Set, Parameters...));

template <class M, class Set>
concept HasFromMissBy = requires {
    from_miss_by_parameters<M, Set>(&M::from_miss_by);
};

struct SecondaryLoaderName {
    int from_miss_by;
};
template <class M>
struct WithSecondaryLoaderName : M, SecondaryLoaderName {};
/// Also where it is of no use.
template <class M>
concept NamesFromMissBy = !requires {
    &WithSecondaryLoaderName<M>::from_miss_by;
};

template <class M, class... Sets>
consteval bool has_any_from_miss_by(SecondaryKeys<Sets...>) {
    return (HasFromMissBy<M, Sets> || ...);
}

/// The first `count` of a list, and the others.
template <std::size_t count, class Taken, class Rest>
struct SplitList;
template <class... Taken, class... Rest>
struct SplitList<0, TypeList<Taken...>, TypeList<Rest...>> {
    using taken = TypeList<Taken...>;
    using rest = TypeList<Rest...>;
};
template <std::size_t count, class... Taken>
requires(count > 0) struct SplitList<count, TypeList<Taken...>, TypeList<>> {
    using taken = void;
    using rest = TypeList<>;
};
template <std::size_t count, class... Taken, class First, class... Rest>
requires(count > 0) struct SplitList<count, TypeList<Taken...>, TypeList<First, Rest...>>
    : SplitList<count - 1, TypeList<Taken..., First>, TypeList<Rest...>> {
};

template <class... Parameters, class... Values>
consteval bool takes_values(TypeList<Parameters...>, std::type_identity<std::tuple<Values...>>) {
    return (std::convertible_to<const Values&, Parameters> && ...);
}

template <class M, class Set, class ContextParameters, class... Contexts>
bool find_keys(const void* contexts, const void* values, void* object) {
    std::optional<M> found =
        with_contexts(ContextParameters{}, *static_cast<const std::tuple<Contexts...>*>(contexts),
                      [&](auto&&... context) {
                          return std::apply(
                              [&](const auto&... value) {
                                  return M::from_miss_by(
                                      Set{}, value..., std::forward<decltype(context)>(context)...);
                              },
                              *static_cast<const SecondaryValues<M, Set>*>(values));
                      });
    if (found) copy_keys(table_of<M>(), object, &*found);
    return found.has_value();
}

template <class Values>
std::shared_ptr<const void> copy_values(const void* values) {
    return std::make_shared<const Values>(*static_cast<const Values*>(values));
}

/// The source behind one secondary key, if there is one.
template <class M, class Set, class... Contexts>
consteval KeySource key_source() {
    static_assert(!NamesFromMissBy<M> || has_any_from_miss_by<M>(secondary_list<M>()),
                  "cachemodel: write static std::optional<M> from_miss_by(By<...>, values..., "
                  "contexts...), with a value for each member of a secondary key that is "
                  "declared");
    if constexpr (HasFromMissBy<M, Set>) {
        using Values = SecondaryValues<M, Set>;
        using Parts = SplitList<std::tuple_size_v<Values>, TypeList<>,
                                decltype(from_miss_by_parameters<M, Set>(&M::from_miss_by))>;
        using Taken = typename Parts::taken;
        if constexpr (std::is_void_v<Taken>) {
            static_assert(
                !std::is_void_v<Taken>,
                "cachemodel: write static std::optional<M> from_miss_by(By<...>, values..., "
                "contexts...), with a value for each member of a secondary key that is "
                "declared");
        } else if constexpr (!takes_values(Taken{}, std::type_identity<Values>{})) {
            static_assert(
                takes_values(Taken{}, std::type_identity<Values>{}),
                "cachemodel: write static std::optional<M> from_miss_by(By<...>, values..., "
                "contexts...), with a value for each member of a secondary key that is "
                "declared");
        } else {
            constexpr bool complete = has_contexts(typename Parts::rest{}, TypeList<Contexts...>{});
            static_assert(complete,
                          "cachemodel: from_miss_by takes a context that is not given; read "
                          "through Models<M, Context&> models{cache, context}");
            if constexpr (complete) {
                return {&find_keys<M, Set, typename Parts::rest, Contexts...>,
                        &copy_values<Values>};
            }
        }
    }
    return {};
}

}  // namespace cachemodel::detail
