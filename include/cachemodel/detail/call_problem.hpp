// cachemodel: why a method or function cannot be cached, in one line.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/detail/key_text.hpp>
#include <cachemodel/detail/signature.hpp>
#include <cachemodel/detail/types.hpp>

#include <concepts>
#include <cstdint>
#include <string_view>
#include <type_traits>

namespace cachemodel::detail {

enum class CallProblem : std::uint8_t {
    none,
    not_method,
    not_const_method,
    not_function,
    void_result,
    result_not_copyable,
    result_pointer,
    result_view,
    result_reference,
    result_unsupported,
    changeable_parameter,
    key_pointer,
    key_view,
    key_reference,
    key_unsupported,
    c_array,
    long_double,
    other_clock,
    constant,
    secret,
    incomplete,
    not_member,
    member_function,
    no_cleaned_data,
    cleaned_data_no_struct,
};

template <class... Problems>
consteval CallProblem first_call_problem(Problems... problems) {
    CallProblem found = CallProblem::none;
    ((found = found == CallProblem::none ? problems : found), ...);
    return found;
}

/// What is the same for a result and for a part of a key; else `otherwise`.
consteval CallProblem common_problem(TypeProblem problem, CallProblem otherwise) {
    switch (problem) {
        case TypeProblem::none:
            return CallProblem::none;
        case TypeProblem::c_array:
            return CallProblem::c_array;
        case TypeProblem::long_double:
            return CallProblem::long_double;
        case TypeProblem::other_clock:
            return CallProblem::other_clock;
        case TypeProblem::constant:
            return CallProblem::constant;
        case TypeProblem::secret:
            return CallProblem::secret;
        default:
            return otherwise;
    }
}

/// Of one part of a call's key.
template <class T>
consteval CallProblem key_part_problem() {
    if constexpr (!requires { sizeof(T); }) {
        return CallProblem::incomplete;
    } else {
        constexpr TypeProblem problem = key_problem<KeyUse::call, unwrapped<T>>();
        switch (problem) {
            case TypeProblem::pointer:
                return CallProblem::key_pointer;
            case TypeProblem::view:
                return CallProblem::key_view;
            case TypeProblem::nested_reference:
                return CallProblem::key_reference;
            default:
                return common_problem(problem, CallProblem::key_unsupported);
        }
    }
}

template <class P>
consteval CallProblem parameter_problem() {
    using T = std::remove_reference_t<P>;
    if constexpr (std::is_reference_v<P> && !std::same_as<P, const std::remove_cv_t<T>&>) {
        return CallProblem::changeable_parameter;
    } else if constexpr (SecretModel<std::remove_cv_t<T>>) {  // makes the whole key secret
        return common_problem(key_members_problem<KeyUse::call, std::remove_cv_t<T>>(
                                  std::make_index_sequence<member_count<std::remove_cv_t<T>>>{}),
                              CallProblem::key_unsupported);
    } else {
        return key_part_problem<std::remove_cv_t<T>>();
    }
}

template <class R>
consteval CallProblem result_problem() {
    if constexpr (!requires { sizeof(R); }) {
        return CallProblem::incomplete;
    } else {
        constexpr TypeProblem problem = value_problem<R>();
        switch (problem) {
            case TypeProblem::pointer:
                return CallProblem::result_pointer;
            case TypeProblem::view:
                return CallProblem::result_view;
            case TypeProblem::nested_reference:
                return CallProblem::result_reference;
            case TypeProblem::none:
            case TypeProblem::unsupported:
                if (!std::copy_constructible<R> || !std::default_initializable<R>) {
                    return CallProblem::result_not_copyable;
                }
                [[fallthrough]];
            default:
                return common_problem(problem, CallProblem::result_unsupported);
        }
    }
}

/// Of what a function takes and gives.
template <class S>
consteval CallProblem signature_problem() {
    using Returned = std::remove_cvref_t<typename S::returned_type>;
    if constexpr (std::is_void_v<Returned>) {
        return CallProblem::void_result;
    } else {
        return []<class... P>(std::type_identity<void(P...)>) {
            return first_call_problem(result_problem<Returned>(), parameter_problem<P>()...);
        }(std::type_identity<typename S::parameters>{});
    }
}

/// What a chosen member of `object` holds or gives.
template <auto chosen, class C>
constexpr decltype(auto) chosen_value(const C& object) {
    if constexpr (std::is_member_object_pointer_v<decltype(chosen)>) {
        return (object.*chosen);
    } else {
        return (object.*chosen)();
    }
}

/// Of a chosen member of C.
template <class C, auto chosen>
consteval CallProblem chosen_problem() {
    using Pointer = decltype(chosen);
    if constexpr (!std::is_member_pointer_v<Pointer>) {
        return CallProblem::not_member;
    } else if constexpr (![]<class F, class O>(F O::*) {
                             return std::is_base_of_v<O, C>;
                         }(Pointer{})) {
        return CallProblem::not_member;
    } else if constexpr (!std::is_invocable_v<Pointer, const C&>) {
        return CallProblem::member_function;
    } else {
        using Member = std::remove_cvref_t<std::invoke_result_t<Pointer, const C&>>;
        if constexpr (std::is_void_v<Member>) {
            return CallProblem::member_function;
        } else {
            return key_part_problem<Member>();
        }
    }
}

/// Never defined: stands where a program does not compile anyway, so that it says why only once.
[[noreturn]] void refused();

/// Says in one line what is wrong with a declaration. Always true, so that this stays the only
/// error.
template <CallProblem problem>
consteval bool require_call() {
    using enum CallProblem;
    static_assert(problem != not_method,
                  "cachemodel: a CachedMethod is about a pointer to a method that is not static, "
                  "&C::f; for other functions write CachedFunction<&f>");
    static_assert(problem != not_const_method,
                  "cachemodel: a cached method does not run where its result is in the cache; "
                  "declare it const, without volatile, && and C variadic parameters");
    static_assert(problem != not_function,
                  "cachemodel: a CachedFunction is about a function, &f, without C variadic "
                  "parameters, or a lambda without captures, auto and mutable; for a method write "
                  "CachedMethod<&C::f>");
    static_assert(problem != void_result,
                  "cachemodel: a method or function that returns void has nothing to be cached; "
                  "return the value that it computes");
    static_assert(problem != result_not_copyable,
                  "cachemodel: a result is given to several callers and read back: its type must "
                  "be copyable and have a default constructor");
    static_assert(problem != result_pointer,
                  "cachemodel: a result that is or holds a pointer cannot be stored; return the "
                  "value or std::optional");
    static_assert(problem != result_view,
                  "cachemodel: a result that is or holds a view does not own what it shows; return "
                  "std::string or std::vector");
    static_assert(problem != result_reference,
                  "cachemodel: a result cannot hold a Reference, which is loaded with its model; "
                  "return the keys");
    static_assert(problem != result_unsupported,
                  "cachemodel: the type of the result cannot be stored; make it a plain struct, "
                  "include <cachemodel/json.hpp> if it has to_json and from_json, or return "
                  "Binary<T> if cereal knows it");
    static_assert(problem != changeable_parameter,
                  "cachemodel: a parameter that the function can change is no part of a key; take "
                  "it by value or by const reference");
    static_assert(problem != key_pointer,
                  "cachemodel: a pointer is no part of a key; write the value, std::string, "
                  "std::string_view or std::optional");
    static_assert(problem != key_view,
                  "cachemodel: of all views only std::string_view can be part of a key; write "
                  "std::vector");
    static_assert(problem != key_reference,
                  "cachemodel: a Reference is no part of a key; choose a const method that gives "
                  "the keys of its target");
    static_assert(problem != key_unsupported,
                  "cachemodel: a parameter, a chosen member or cleaned data has a type that cannot "
                  "be part of a key; give it a to_cache_key(const T&) beside it");
    static_assert(problem != c_array,
                  "cachemodel: a C array can be neither in a result nor in a key; write std::array "
                  "or std::vector");
    static_assert(problem != long_double,
                  "cachemodel: long double differs between machines and can be neither in a result "
                  "nor in a key; write double");
    static_assert(problem != other_clock,
                  "cachemodel: only time points of std::chrono::system_clock mean anything to "
                  "another process; write one of these or a duration");
    static_assert(problem != constant,
                  "cachemodel: a struct in a result has a const member, which cannot be read back; "
                  "drop the const");
    static_assert(
        problem != secret,
        "cachemodel: a model with secret_keys inside of a result or a part of a key would "
        "show its keys there; leave it out, or pass it as an argument of its own");
    static_assert(
        problem != incomplete,
        "cachemodel: the type of the result, of a parameter or of a chosen member is only "
        "declared here; define it before the cached function");
    static_assert(
        problem != not_member,
        "cachemodel: after the method come pointers to data members, or to const methods, "
        "of its class or of a base of it, &C::a; static ones do not tell objects apart");
    static_assert(problem != member_function,
                  "cachemodel: a method that is chosen as part of the key is const, has no "
                  "parameters and gives a value");
    static_assert(problem != no_cleaned_data,
                  "cachemodel: a form has a public const method cleaned_data() without parameters; "
                  "its is_valid(), if there is one, is such a method too and gives a bool");
    static_assert(problem != cleaned_data_no_struct,
                  "cachemodel: cleaned_data() returns a plain struct of what the key is made of");
    return true;
}

}  // namespace cachemodel::detail
