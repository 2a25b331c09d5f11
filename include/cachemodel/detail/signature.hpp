// cachemodel: what a pointer to a function says about the function.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <type_traits>

namespace cachemodel::detail {

/// Carries a pointer to a function or member; the name of this type has the name of that one.
/// `__PRETTY_FUNCTION__` does not tell overloads apart.
template <auto value>
struct Tag {};

enum class Shape : std::uint8_t { sound, not_callable, not_const };

/// A function that can be cached. `Owner` is void for one that is no member.
template <class R, class O, class... P>
struct Signature {
    static constexpr Shape shape = Shape::sound;
    using returned_type = R;
    /// Some type where a function cannot return this one by value.
    using result_type =
        std::conditional_t<std::is_void_v<R> || std::is_array_v<std::remove_reference_t<R>>, int,
                           std::remove_cvref_t<R>>;
    using owner_type = O;
    using parameters = void(P...);

    /// `Call<Target, result, P...>`
    template <template <class...> class Call, class Target, class... Before>
    using as = Call<Target, result_type, Before..., P...>;
};

/// Stands where a program does not compile anyway.
struct NoOwner {};
template <Shape why>
struct NoSignature : Signature<int, NoOwner> {
    static constexpr Shape shape = why;
};

/// A method that lacks nothing but `const`: calls are as they would be with it, so that they are no
/// errors of their own.
template <class R, class O, class... P>
struct NotConst : Signature<R, O, P...> {
    static constexpr Shape shape = Shape::not_const;
};

template <class Pointer>
struct MethodSignature : NoSignature<Shape::not_callable> {};
template <class F, class C>
struct MethodSignature<F C::*>
    : NoSignature<std::is_function_v<F> ? Shape::not_const : Shape::not_callable> {};
template <class R, class C, class... P>
struct MethodSignature<R (C::*)(P...)> : NotConst<R, C, P...> {};
template <class R, class C, class... P>
struct MethodSignature<R (C::*)(P...) noexcept> : NotConst<R, C, P...> {};
template <class R, class C, class... P>
struct MethodSignature<R (C::*)(P...) const> : Signature<R, C, P...> {};
template <class R, class C, class... P>
struct MethodSignature<R (C::*)(P...) const noexcept> : Signature<R, C, P...> {};
template <class R, class C, class... P>
struct MethodSignature<R (C::*)(P...) const&> : Signature<R, C, P...> {};
template <class R, class C, class... P>
struct MethodSignature<R (C::*)(P...) const& noexcept> : Signature<R, C, P...> {};

/// Of a pointer to a function, or of a function object, which a lambda without captures is.
template <class F>
struct FunctionSignature : NoSignature<Shape::not_callable> {};
template <class R, class... P>
struct FunctionSignature<R (*)(P...)> : Signature<R, void, P...> {};
template <class R, class... P>
struct FunctionSignature<R (*)(P...) noexcept> : Signature<R, void, P...> {};
template <class Object, class Operator>
struct ObjectSignature : NoSignature<Shape::not_const> {};
template <class Object, class R, class... P>
struct ObjectSignature<Object, R (Object::*)(P...)> : NotConst<R, void, P...> {};
template <class Object, class R, class... P>
struct ObjectSignature<Object, R (Object::*)(P...) const> : Signature<R, void, P...> {};
template <class Object, class R, class... P>
struct ObjectSignature<Object, R (Object::*)(P...) const noexcept> : Signature<R, void, P...> {};
template <class Object, class R, class... P>
struct ObjectSignature<Object, R (Object::*)(P...) const&> : Signature<R, void, P...> {};
template <class Object, class R, class... P>
struct ObjectSignature<Object, R (Object::*)(P...) const& noexcept> : Signature<R, void, P...> {};
template <class F>
requires requires { &F::operator(); }
struct FunctionSignature<F> : ObjectSignature<F, decltype(&F::operator())> {};

}  // namespace cachemodel::detail
