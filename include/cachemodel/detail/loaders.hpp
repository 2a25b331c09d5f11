// cachemodel: from_miss in its forms, and the contexts that it asks for.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/detail/engine.hpp>
#include <cachemodel/detail/model_table.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <span>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace cachemodel::detail {

template <class... Ts>
struct TypeList {};

// ---- the models that can be reached from one

template <class M, class Indices = std::make_index_sequence<MemberKinds<M>::reference_count>>
struct TargetsOf;
template <class M, std::size_t... R>
struct TargetsOf<M, std::index_sequence<R...>> {
    using type = TypeList<
        typename ReferenceTarget<MemberType<M, MemberKinds<M>::reference_indices[R]>>::type...>;
};

template <class Done, class Todo>
struct Reach;
template <class... Done>
struct Reach<TypeList<Done...>, TypeList<>> {
    using type = TypeList<Done...>;
};
template <class... Done, class M, class... Todo>
struct Reach<TypeList<Done...>, TypeList<M, Todo...>> {
    template <class... Targets>
    static auto next(TypeList<Targets...>) -> TypeList<Todo..., Targets...>;

    template <class Next>
    static auto reach() {
        if constexpr ((std::same_as<M, Done> || ...)) {
            return typename Reach<TypeList<Done...>, TypeList<Todo...>>::type{};
        } else {
            static_assert(require_model<M>());
            if constexpr (Model<M>) {
                using All = decltype(next(typename TargetsOf<M>::type{}));
                return typename Reach<TypeList<Done..., M>, All>::type{};
            } else {
                return TypeList<>{};
            }
        }
    }
    using type = decltype(reach<M>());
};
/// M and all that its references lead to, each once.
template <class M>
using Reachable = typename Reach<TypeList<>, TypeList<M>>::type;

// ---- loaders

/// The types of the contexts that a loader's parameters name.
template <class F>
struct LoaderParameters;
template <class M, class... P>
struct LoaderParameters<void (M::*)(P...)> {
    using type = TypeList<P...>;
};
template <class M, class... P>
struct LoaderParameters<void (M::*)(P...) noexcept> {
    using type = TypeList<P...>;
};
template <class M, class... P>
struct LoaderParameters<std::vector<M> (*)(std::span<const M>, P...)> {
    using type = TypeList<P...>;
};
template <class M, class... P>
struct LoaderParameters<std::vector<M> (*)(std::span<const M>, P...) noexcept> {
    using type = TypeList<P...>;
};

template <class F>
concept LoaderSignature = requires {
    typename LoaderParameters<F>::type;
};

template <class M>
struct FromMissType {
    using type = void;
};
template <class M>
requires requires { &M::from_miss; }
struct FromMissType<M> {
    using type = decltype(&M::from_miss);
};
template <class M>
struct FromMissManyType {
    using type = void;
};
template <class M>
requires requires { &M::from_miss_many; }
struct FromMissManyType<M> {
    using type = decltype(&M::from_miss_many);
};

template <class M>
struct CompleteType {
    using type = void;
};
template <class M>
requires requires { &M::complete; }
struct CompleteType<M> {
    using type = decltype(&M::complete);
};

/// Whether a door's context, which is const where the door holds it by value, can be passed on.
template <class Context, class Parameter>
concept Passable = requires(const std::tuple<Context>& held) {
    static_cast<Parameter>(std::get<0>(held));
};

template <class Context, class Parameter>
inline constexpr bool is_context_for =
    std::same_as<std::remove_cvref_t<Context>, std::remove_cvref_t<Parameter>>&&
        Passable<Context, Parameter>;

template <class Context, class Parameter>
inline constexpr bool is_base_context_for =
    std::is_reference_v<Parameter>&& Passable<Context, Parameter>&&
        std::derived_from<std::remove_cvref_t<Context>, std::remove_cvref_t<Parameter>>;

/// The position of the context for a parameter: one of that very class, or else one of a class
/// derived from it. The number of contexts where there is none.
template <class Parameter, class... Contexts>
consteval std::size_t context_index() {
    std::size_t exact = 0;
    (void)((is_context_for<Contexts, Parameter> || (++exact, false)) || ...);
    if (exact < sizeof...(Contexts)) return exact;
    std::size_t derived = 0;
    (void)((is_base_context_for<Contexts, Parameter> || (++derived, false)) || ...);
    return derived;
}

template <class... Parameters, class... Contexts>
consteval bool has_contexts(TypeList<Parameters...>, TypeList<Contexts...>) {
    return ((context_index<Parameters, Contexts...>() < sizeof...(Contexts)) && ...);
}

/// Calls `call` with the contexts that the loader's parameters name.
template <class... Parameters, class... Contexts, class Call>
auto with_contexts(TypeList<Parameters...>, const std::tuple<Contexts...>& contexts, Call call) {
    return call(
        static_cast<Parameters>(std::get<context_index<Parameters, Contexts...>()>(contexts))...);
}

template <class M, class... Contexts>
void load_one(const void* contexts, void* object) {
    with_contexts(
        typename LoaderParameters<typename FromMissType<M>::type>::type{},
        *static_cast<const std::tuple<Contexts...>*>(contexts), [&](auto&&... context) {
            static_cast<M*>(object)->from_miss(std::forward<decltype(context)>(context)...);
        });
}

template <class M, class... Contexts>
void complete(const void* contexts, void* object) {
    with_contexts(
        typename LoaderParameters<typename CompleteType<M>::type>::type{},
        *static_cast<const std::tuple<Contexts...>*>(contexts), [&](auto&&... context) {
            static_cast<M*>(object)->complete(std::forward<decltype(context)>(context)...);
        });
}

template <class M, class... Contexts>
void load_many(const void* contexts, std::span<const void* const> objects, LoadedSink& sink) {
    std::vector<M> wanted(objects.size());
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        copy_keys(table_of<M>(), &wanted[i], objects[i]);
    }
    std::vector<M> loaded = with_contexts(
        typename LoaderParameters<typename FromMissManyType<M>::type>::type{},
        *static_cast<const std::tuple<Contexts...>*>(contexts), [&](auto&&... context) {
            return M::from_miss_many(std::span<const M>{wanted},
                                     std::forward<decltype(context)>(context)...);
        });
    for (M& model : loaded) sink.loaded(&model);
}

/// `required` says that a context must be there for every parameter.
template <bool required, class F, class... Contexts>
consteval bool check_loader() {
    static_assert(LoaderSignature<F>,
                  "cachemodel: write void from_miss(contexts...) or static std::vector<M> "
                  "from_miss_many(std::span<const M>, contexts...), and for a second step void "
                  "complete(contexts...); neither const nor overloaded");
    if constexpr (LoaderSignature<F>) {
        constexpr bool complete =
            has_contexts(typename LoaderParameters<F>::type{}, TypeList<Contexts...>{});
        static_assert(complete || !required,
                      "cachemodel: a from_miss takes a context that is not given; read through "
                      "Models<M, Context&> models{cache, context}");
        return complete;
    }
    return false;
}

template <bool required, class M, class... Contexts>
consteval Loader make_loader() {
    Loader loader{&model_table<M>, nullptr, nullptr};
    if constexpr (HasFromMiss<M>) {
        if constexpr (check_loader<required, typename FromMissType<M>::type, Contexts...>()) {
            loader.load_one = &load_one<M, Contexts...>;
        }
    }
    if constexpr (HasFromMissMany<M>) {
        if constexpr (check_loader<required, typename FromMissManyType<M>::type, Contexts...>()) {
            loader.load_many = &load_many<M, Contexts...>;
        }
    }
    if constexpr (HasComplete<M>) {
        if constexpr (check_loader<required, typename CompleteType<M>::type, Contexts...>()) {
            loader.complete = &complete<M, Contexts...>;
        }
    }
    return loader;
}

template <bool required, class... Contexts, class... Ms>
consteval auto make_loaders(TypeList<Ms...>) {
    std::array<Loader, (std::size_t{0} + ... + HasLoader<Ms>)> loaders{};
    std::size_t at = 0;
    const auto add = [&]<class M>(std::type_identity<M>) {
        if constexpr (HasLoader<M>) loaders[at++] = make_loader<required, M, Contexts...>();
    };
    (add(std::type_identity<Ms>{}), ...);
    return loaders;
}

/// The loaders of M and of all that it leads to.
template <class M, class... Contexts>
inline constexpr auto loaders_of = make_loaders<true, Contexts...>(Reachable<M>{});
/// The same, where those that lack a context cannot load.
template <class M, class... Contexts>
inline constexpr auto loaders_at_hand = make_loaders<false, Contexts...>(Reachable<M>{});

}  // namespace cachemodel::detail
