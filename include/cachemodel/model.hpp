// cachemodel: what a model is, and how one is declared.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/detail/codec.hpp>
#include <cachemodel/detail/key_text.hpp>
#include <cachemodel/detail/load_terms.hpp>
#include <cachemodel/fwd.hpp>
#include <cachemodel/key.hpp>
#include <cachemodel/lifetime.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string_view>
#include <type_traits>

namespace cachemodel {

/// How a model is kept: `static constexpr ModelOptions cache_options{.expires = 15min};`
///
/// What is about loading, from `stale_while_refresh` to `verify`, is for models with a
/// loader, and for what `from_miss_by` tells of them as well. What is not given of it is what the
/// cache's own options say. Options that contradict each other do not compile, nor do negative ones
/// of these.
///
/// Thread safety: that of a plain value.
struct ModelOptions {
    /// How long a saved entry is fresh. By default it does not expire by time.
    Lifetime expires = never;

    /// For so long after its end an entry is still served, at once, while it is loaded again in the
    /// background, once (`stale-while-revalidate` of RFC 5861). By default not at all.
    std::optional<Lifetime> stale_while_refresh = {};
    /// For so long after its end an entry is served where the loader fails or takes too long
    /// (`stale-if-error` of RFC 5861). By default not at all.
    std::optional<Lifetime> stale_if_error = {};
    /// For so long "the source has none" is remembered, at most for `expires`, of keys and of what
    /// `from_miss_by` is asked; a save ends it. By default not at all.
    std::optional<Lifetime> remember_missing = {};
    /// Loads an entry again in the background before its end, the sooner the longer its load took,
    /// by chance, so that callers do not do so all at once: the beta of XFetch (Vattani,
    /// Chierichetti and Lowenstein, VLDB 2015). 1 is usual, more is earlier, less than 1000; by
    /// default 0, never.
    std::optional<double> early_refresh = {};
    /// The share of `expires`, below 1, by which an entry may end earlier, by chance, so that what
    /// was stored together does not end together. By default 0.
    std::optional<double> jitter = {};
    /// For so long a caller waits for a load; then it gets a stale entry, or `LoadTimeout`. The
    /// load runs on the cache's executor and goes on; its result is stored, unless that takes
    /// longer than this and than 30 s. References are loads of their own, one after the other for
    /// each class on each level, each with the time of its class. Does not count through a view
    /// that bypasses the cache. By default a load runs in the caller's own thread, and its end is
    /// waited for; the result of one that takes longer than 30 s is not stored.
    std::optional<Lifetime> load_timeout = {};
    /// For so long a caller waits for another process that is loading the same entry, where there
    /// is nothing stale to serve; then it loads by itself. A process that dies while it loads keeps
    /// the others waiting for three quarters of this. By default 2 s, at most a day; 0 asks no
    /// other process.
    std::optional<Lifetime> lease_wait = {};
    /// A loader that fails twice in a row for the same keys is left alone for so long, then for
    /// twice as long, and so on to 30 times: callers get a stale entry, or the same error again. By
    /// default 1 s, at most a day; 0 asks it every time.
    std::optional<Lifetime> load_backoff = {};
    /// The share of fresh hits, from 0 to 1, that are loaded as well, by chance, in the background,
    /// to be compared with what the source says then. A difference is counted
    /// (`Statistics::mismatches`), told to the observer, and ends the entry, unless that has
    /// changed meanwhile. No caller waits for it, and an executor without room leaves it out. What
    /// `from_miss_by` tells is not verified. By default 0.
    std::optional<double> verify = {};

    /// The model's name in keys; by default the class name as the source spells it, with its
    /// namespaces. Must be given for types inside lambdas, and should be for those in an unnamed
    /// namespace. Two models of one name and equal keys share their entries.
    std::string_view name = {};
    /// The named cache that `CacheModel` uses.
    std::string_view cache = "default";
    /// Part of the key: a higher number makes all older entries misses.
    std::uint32_t version = 1;
    /// Keys appear nowhere as they are, only as a SHA-256 digest: for session tokens and the like.
    bool secret_keys = false;
};

/// One member and its name in the cache.
///
/// Thread safety: that of a plain value.
struct WireName {
    std::string_view member;
    std::string_view name;
};

/// Names in the cache that differ from the members':
/// `static constexpr WireNames wire_names{{"email", "mail"}};`
///
/// Thread safety: that of a plain value.
class WireNames {
 public:
    consteval WireNames(std::initializer_list<WireName> names) {
        for (const auto& each : names) names_.at(count_++) = each;
    }

    constexpr const WireName* begin() const noexcept { return names_.data(); }
    constexpr const WireName* end() const noexcept { return names_.data() + count_; }

 private:
    std::array<WireName, detail::most_members> names_{};
    std::size_t count_ = 0;
};

namespace detail {

template <class T>
concept HasWireNames = requires {
    { T::wire_names } -> std::convertible_to<const WireNames&>;
};

template <class T, std::size_t I>
constexpr std::string_view wire_name() {
    if constexpr (HasWireNames<T>) {
        for (const auto& each : T::wire_names) {
            if (each.member == member_name<T, I>) return each.name;
        }
    }
    return member_name<T, I>;
}

template <class M>
concept HasOptions = requires {
    M::cache_options;
};
/// Whether they are `static`, `constexpr` and what they should be.
template <class M>
concept HasConstantOptions = requires {
    typename std::integral_constant<std::uint32_t, ModelOptions{*&M::cache_options}.version>;
};

template <class M>
constexpr ModelOptions model_options() {
    if constexpr (HasConstantOptions<M>) {
        return M::cache_options;
    } else {
        return {};
    }
}

/// Whether there is nothing wrong with them, also where they have an error of their own, which
/// clang hides from concepts.
template <class M>
inline constexpr bool has_sound_options =
    !HasOptions<M> || (HasConstantOptions<M> && __builtin_constant_p(model_options<M>().version));

template <class T>
inline constexpr bool is_key = false;
template <class T>
inline constexpr bool is_key<Key<T>> = true;

template <class T>
struct ReferenceTarget;
template <class M, Dangling policy>
struct ReferenceTarget<Reference<M, policy>> {
    using type = M;
};
template <class M, Dangling policy, class Allocator>
struct ReferenceTarget<std::vector<Reference<M, policy>, Allocator>> {
    using type = M;
};

template <class T>
inline constexpr bool is_any_reference = is_reference<T> || is_reference_list<T>;

/// The verbs of CacheModel; a model's own member of such a name would hide or be hidden.
struct Verbs {
    int get, find, get_many, exists, remove, remove_many, touch, key, key_for, save, save_many,
        get_or_create, rename, update, save_if_unchanged, find_by, get_by, get_many_by,
        refresh_from, refresh_from_many, Missing;
};

/// Where M has a member of a verb's name too, that name is ambiguous here.
template <class M>
struct WithVerbs : M, Verbs {};

template <class M>
concept NoVerb = requires {
    &WithVerbs<M>::get;
    &WithVerbs<M>::find;
    &WithVerbs<M>::get_many;
    &WithVerbs<M>::exists;
    &WithVerbs<M>::remove;
    &WithVerbs<M>::remove_many;
    &WithVerbs<M>::touch;
    &WithVerbs<M>::key;
    &WithVerbs<M>::key_for;
    &WithVerbs<M>::save;
    &WithVerbs<M>::save_many;
    &WithVerbs<M>::get_or_create;
    &WithVerbs<M>::rename;
    &WithVerbs<M>::update;
    &WithVerbs<M>::save_if_unchanged;
    &WithVerbs<M>::find_by;
    &WithVerbs<M>::get_by;
    &WithVerbs<M>::get_many_by;
    &WithVerbs<M>::refresh_from;
    &WithVerbs<M>::refresh_from_many;
    &WithVerbs<M>::Missing;
};

struct LoaderNames {
    int from_miss, from_miss_many, complete;
};

/// Where M has a member of a loader's name too, that name is ambiguous here. So an overloaded or a
/// private loader is found as well, to be refused.
template <class M>
struct WithLoaderNames : M, LoaderNames {};

template <class M>
concept HasFromMiss = !requires {
    &WithLoaderNames<M>::from_miss;
};
template <class M>
concept HasFromMissMany = !requires {
    &WithLoaderNames<M>::from_miss_many;
};
/// Whether M has a second step of loading: a member function of this name, not a data member.
template <class M>
concept HasComplete = !requires {
    &WithLoaderNames<M>::complete;
}
&&!requires(M & model) { sizeof(model.complete); };
template <class M>
concept HasLoader = HasFromMiss<M> || HasFromMissMany<M>;

/// Why a type is no model.
enum class ModelProblem : std::uint8_t {
    none,
    incomplete,
    base_class,
    not_aggregate,
    final_struct,
    not_default_constructible,
    too_many_members,
    c_array,
    verb,
    pointer,
    view,
    long_double,
    other_clock,
    nested_reference,
    constant,
    floating_key,
    secret_member,
    unsupported_key,
    unsupported,
    no_key,
    unknown_wire_name,
    equal_wire_names,
    target_not_model,
    secret_target,
    target_keys,
    options_not_constant,
    load_terms,
    load_terms_without_loader,
    complete_alone,
};

consteval ModelProblem as_model_problem(TypeProblem problem, bool in_key) {
    switch (problem) {
        case TypeProblem::none:
            return ModelProblem::none;
        case TypeProblem::c_array:
            return ModelProblem::c_array;
        case TypeProblem::pointer:
            return ModelProblem::pointer;
        case TypeProblem::view:
            return ModelProblem::view;
        case TypeProblem::long_double:
            return ModelProblem::long_double;
        case TypeProblem::other_clock:
            return ModelProblem::other_clock;
        case TypeProblem::nested_reference:
            return ModelProblem::nested_reference;
        case TypeProblem::constant:
            return ModelProblem::constant;
        case TypeProblem::floating_key:
            return ModelProblem::floating_key;
        case TypeProblem::secret:
            return ModelProblem::secret_member;
        case TypeProblem::unsupported:
            break;
    }
    return in_key ? ModelProblem::unsupported_key : ModelProblem::unsupported;
}

template <class M, std::size_t... I>
consteval bool has_key(std::index_sequence<I...>) {
    return (is_key<MemberType<M, I>> || ...);
}

template <class M, std::size_t... I>
consteval bool can_store_keys(std::index_sequence<I...>) {
    return ((!is_key<MemberType<M, I>> ||
             value_problem<unwrapped<MemberType<M, I>>>() == TypeProblem::none) &&
            ...);
}

/// What a Reference asks of its target; not all that a model must be, since targets may point back.
template <class M>
consteval ModelProblem target_problem() {
    if constexpr (!requires { sizeof(M); }) {
        return ModelProblem::incomplete;
    } else if constexpr (!PlainAggregate<M>) {
        return ModelProblem::target_not_model;
    } else if constexpr (!has_key<M>(std::make_index_sequence<member_count<M>>{})) {
        return ModelProblem::target_not_model;
    } else if constexpr (!has_sound_options<M>) {
        return ModelProblem::options_not_constant;
    } else if constexpr (model_options<M>().secret_keys) {
        return ModelProblem::secret_target;
    } else if constexpr (!can_store_keys<M>(std::make_index_sequence<member_count<M>>{})) {
        return ModelProblem::target_keys;
    } else {
        return ModelProblem::none;
    }
}

template <class T>
consteval ModelProblem member_problem() {
    if constexpr (is_any_reference<T>) {
        return target_problem<typename ReferenceTarget<T>::type>();
    } else if constexpr (is_key<T>) {
        return as_model_problem(key_problem<KeyUse::entity, typename T::value_type>(), true);
    } else {
        return as_model_problem(value_problem<unwrapped<T>>(), false);
    }
}

template <class M, std::size_t... I>
consteval ModelProblem members_model_problem(std::index_sequence<I...>) {
    ModelProblem found = ModelProblem::none;
    ((found = found == ModelProblem::none ? member_problem<MemberType<M, I>>() : found), ...);
    return found;
}

template <class M, std::size_t... I>
consteval ModelProblem wire_names_problem(std::index_sequence<I...>) {
    if constexpr (HasWireNames<M>) {
        for (const auto& each : M::wire_names) {
            if (!((each.member == member_name<M, I>) || ...)) {
                return ModelProblem::unknown_wire_name;
            }
        }
    }
    const std::array<std::string_view, sizeof...(I)> names{wire_name<M, I>()...};
    for (std::size_t i = 0; i < names.size(); ++i) {
        for (std::size_t j = 0; j < i; ++j) {
            if (names[i] == names[j]) return ModelProblem::equal_wire_names;
        }
    }
    return ModelProblem::none;
}

template <class M>
consteval ModelProblem load_terms_problem() {
    constexpr LoadTerms terms = load_terms(model_options<M>());
    if constexpr (any_given(terms)) {
        if (!HasLoader<M>) return ModelProblem::load_terms_without_loader;
        const auto problem = terms_problem(terms, model_options<M>().expires);
        if (problem != TermsProblem::none) return ModelProblem::load_terms;
    }
    return ModelProblem::none;
}

template <class M>
consteval ModelProblem find_model_problem() {
    if constexpr (!requires { sizeof(M); }) {
        return ModelProblem::incomplete;
    } else if constexpr (!std::is_class_v<M> || std::is_union_v<M>) {
        return ModelProblem::not_aggregate;
    } else if constexpr (!std::is_aggregate_v<M>) {
        return ModelProblem::not_aggregate;
    } else if constexpr (HasBase<M>) {
        return ModelProblem::base_class;
    } else if constexpr (std::is_final_v<M>) {
        return ModelProblem::final_struct;
    } else if constexpr (!std::is_default_constructible_v<M> || !std::is_move_assignable_v<M>) {
        return ModelProblem::not_default_constructible;
    } else if constexpr (member_count<M> > most_members) {
        return ModelProblem::too_many_members;
    } else if constexpr (!PlainAggregate<M>) {
        return ModelProblem::c_array;
    } else if constexpr (!has_sound_options<M>) {
        return ModelProblem::options_not_constant;
    } else if constexpr (!NoVerb<M>) {
        return ModelProblem::verb;
    } else if constexpr (HasComplete<M> && !HasLoader<M>) {
        return ModelProblem::complete_alone;
    } else {
        using Indices = std::make_index_sequence<member_count<M>>;
        constexpr ModelProblem of_members = members_model_problem<M>(Indices{});
        if constexpr (of_members != ModelProblem::none) {
            return of_members;
        } else if constexpr (!has_key<M>(Indices{})) {
            return ModelProblem::no_key;
        } else {
            constexpr ModelProblem of_names = wire_names_problem<M>(Indices{});
            return of_names == ModelProblem::none ? load_terms_problem<M>() : of_names;
        }
    }
}

template <class M>
inline constexpr ModelProblem model_problem = find_model_problem<M>();

/// Says in one line what is wrong with M. Always true, so that this stays the only error.
template <class M>
consteval bool require_model() {
    constexpr ModelProblem problem = model_problem<M>;
    using enum ModelProblem;
    static_assert(problem != incomplete,
                  "cachemodel: a model, or what a Reference points to, is only declared here; "
                  "define it before it is used");
    static_assert(problem != base_class,
                  "cachemodel: a model has no base class; put the members into the struct itself");
    static_assert(problem != not_aggregate,
                  "cachemodel: a model is a plain struct: public members, no constructor, no "
                  "virtual function");
    static_assert(problem != final_struct,
                  "cachemodel: a model is not final; CacheModel derives from it");
    static_assert(problem != not_default_constructible,
                  "cachemodel: a model can be made empty and assigned to; no member is const or a "
                  "reference, and one without a default value is written as std::optional");
    static_assert(problem != too_many_members,
                  "cachemodel: a model has at most 100 members; put some into a nested struct");
    static_assert(problem != c_array,
                  "cachemodel: a member cannot be a C array; write std::array or std::vector");
    static_assert(problem != verb,
                  "cachemodel: a member or member function has the name of a verb of CacheModel "
                  "(get, find, save, key, ...); rename it, and keep its stored name with "
                  "wire_names");
    static_assert(problem != pointer,
                  "cachemodel: a pointer cannot be stored; write the value, std::optional or a "
                  "Reference");
    static_assert(problem != view,
                  "cachemodel: a view does not own what it shows; write std::string or "
                  "std::vector");
    static_assert(problem != long_double,
                  "cachemodel: long double differs between machines; write double");
    static_assert(problem != other_clock,
                  "cachemodel: only time points of std::chrono::system_clock mean anything to "
                  "another process; write one of these or a duration");
    static_assert(problem != nested_reference,
                  "cachemodel: a Reference stands in the model itself, alone or in a std::vector, "
                  "and in no other type");
    static_assert(problem != constant,
                  "cachemodel: a const member cannot be read back; drop the const");
    static_assert(problem != floating_key,
                  "cachemodel: a floating-point number is no key: equal values may differ in "
                  "their bits; write an integer, a string or a duration");
    static_assert(problem != secret_member,
                  "cachemodel: a model with secret_keys as a member would show its keys in the "
                  "entries of the other one; leave its keys out");
    static_assert(problem != unsupported_key,
                  "cachemodel: this type cannot be a Key; give it a to_cache_key(const T&) beside "
                  "it");
    static_assert(problem != unsupported,
                  "cachemodel: a member's type cannot be stored; make it a plain struct, include "
                  "<cachemodel/json.hpp> if it has to_json and from_json, or write Binary<T> if "
                  "cereal knows it");
    static_assert(problem != no_key,
                  "cachemodel: a model has at least one Key; write Key<T> for the member that "
                  "identifies it");
    static_assert(problem != unknown_wire_name,
                  "cachemodel: wire_names names a member that the model does not have");
    static_assert(problem != equal_wire_names,
                  "cachemodel: two members have one name in the cache; change wire_names");
    static_assert(problem != target_not_model,
                  "cachemodel: a Reference points to a model: a plain struct with a Key");
    static_assert(problem != secret_target,
                  "cachemodel: a Reference would store the key of a model with secret_keys");
    static_assert(problem != target_keys,
                  "cachemodel: a Reference stores its target's keys, and one of them has a "
                  "to_cache_key but cannot be stored");
    static_assert(problem != options_not_constant,
                  "cachemodel: cache_options is no constant; write static constexpr ModelOptions "
                  "cache_options{...}, and mend what the compiler says of it, if anything");
    static_assert(problem != complete_alone,
                  "cachemodel: complete is the second step of a load, and this model has no "
                  "from_miss, which is the first; write one, or give complete another name");
    static_assert(problem != load_terms_without_loader,
                  "cachemodel: stale_while_refresh, stale_if_error, remember_missing, "
                  "early_refresh, jitter, load_timeout, lease_wait, load_backoff and verify are "
                  "about loading; give the model a from_miss, or leave them out");
    if constexpr (problem == load_terms) {
        return require_terms<terms_problem(detail::load_terms(model_options<M>()),
                                           model_options<M>().expires)>();
    }
    return true;
}

}  // namespace detail

/// A plain aggregate with at least one Key, all of whose members can be stored.
///
/// Where a type should be one and is not, `Models<M>` and `CacheModel<M>` say why in one line.
template <class M>
concept Model = detail::model_problem<M>
== detail::ModelProblem::none;

}  // namespace cachemodel
