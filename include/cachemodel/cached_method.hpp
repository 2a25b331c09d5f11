// cachemodel: methods whose results are kept in a cache.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/cached_object_call.hpp>
#include <cachemodel/detail/signature.hpp>

#include <array>
#include <type_traits>
#include <typeinfo>
#include <utility>

namespace cachemodel {

namespace detail {

/// The type that `object` has at run time, where that can be another one than its own.
template <class Object>
const std::type_info* dynamic_type_of(const Object& object) {
    if constexpr (std::is_polymorphic_v<Object>) {
        return &typeid(object);
    } else {
        return nullptr;
    }
}

template <auto method, auto... members>
struct MethodTarget {
    using Signature = MethodSignature<decltype(method)>;
    using Object = typename Signature::owner_type;

    static consteval CallProblem problem() {
        if constexpr (Signature::shape == Shape::not_callable) {
            return CallProblem::not_method;
        } else if constexpr (Signature::shape == Shape::not_const) {
            return CallProblem::not_const_method;
        } else {
            return first_call_problem(signature_problem<Signature>(),
                                      chosen_problem<Object, members>()...);
        }
    }

    static const CallTraits& traits() {
        static constexpr std::array<const std::type_info*, sizeof...(members)> tags{
            &typeid(Tag<members>)...};
        static constexpr CallTraits traits{
            typeid(Tag<method>), typeid(typename Signature::parameters), &typeid(Object), tags};
        return traits;
    }

    template <class... P>
    static const std::type_info* dynamic_type(const Object& object, const P&...) {
        return dynamic_type_of(object);
    }
    template <class... P>
    static void append_key(CallKey& key, const Object& object, const P&... arguments) {
        (key.member(chosen_value<members>(object)), ...);
        key.arguments(arguments...);
    }
    /// What must hold before anything runs.
    template <class... P>
    static void check(const P&...) noexcept {}
    template <class... P>
    static decltype(auto) run(const Object& object, P&&... arguments) {
        return (object.*method)(std::forward<P>(arguments)...);
    }
};

}  // namespace detail

/// A method whose results are kept under the values of the chosen members, and of its arguments:
///
///     const CachedMethod<&Home::geocode, &Home::address> geocode{{.expires = 15min}};
///     geocode(home);
///
/// `method` is const; it gives a value that can be copied, made empty and stored, as a member of a
/// model could be. Its parameters are values or const references of types that a Key may have, and
/// of `float`, `double` (NaN is an `InvalidKey`) and `std::string_view`. `members` are data
/// members, or const methods without parameters, of the same types; of a Key or Field the value
/// counts. They must be all that the result depends on: a member that is left out does not tell
/// objects apart.
///
/// The dynamic type of a polymorphic object is part of the key. A pointer to a virtual method calls
/// the override, so an override cannot reach the method of its base through one: that is
/// `RecursiveLoad`. Cache a method that is not virtual, and does the work, instead.
///
/// May be declared in the class that it is about, as `static inline const`, behind the members that
/// it names. It has what a `CachedCall` has, its constructors included, and `prefetch`.
///
/// Thread safety: may be called concurrently.
/// Example: examples/cached_methods.cpp#method
template <auto method, auto... members>
class CachedMethod : public detail::MethodTarget<method, members...>::Signature::template as<
                         CachedObjectCall, detail::MethodTarget<method, members...>,
                         typename detail::MethodTarget<method, members...>::Object> {
    using Base = typename detail::MethodTarget<method, members...>::Signature::template as<
        CachedObjectCall, detail::MethodTarget<method, members...>,
        typename detail::MethodTarget<method, members...>::Object>;

 public:
    using Base::Base;
    CachedMethod() = default;
};

}  // namespace cachemodel
