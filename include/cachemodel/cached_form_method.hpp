// cachemodel: methods of forms, whose results are kept under what the form was filled in with.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/cached_method.hpp>
#include <cachemodel/cached_object_call.hpp>
#include <cachemodel/detail/signature.hpp>
#include <cachemodel/error.hpp>

#include <concepts>
#include <type_traits>
#include <typeinfo>
#include <utility>

namespace cachemodel {

namespace detail {

template <class Form>
concept HasCleanedData = requires(const Form& form) {
    form.cleaned_data();
};

struct IsValid {
    int is_valid;
};
/// Where the form has something of this name too, the name is ambiguous here.
template <class Form>
struct WithIsValid : Form, IsValid {};

/// As whatever it is there, private or overloaded: one that cannot be asked must not be passed
/// over. Of a final class only what can be named from outside is found.
template <class Form>
concept HasIsValid = requires(Form& form) {
    form.is_valid();
}
|| requires { &Form::is_valid; }
|| (std::is_class_v<Form> && !std::is_final_v<Form> && !requires { &WithIsValid<Form>::is_valid; });
template <class Form>
concept HasConstIsValid = requires(const Form& form) {
    { form.is_valid() } -> std::same_as<bool>;
};

template <class Form>
using CleanedData = std::remove_cvref_t<decltype(std::declval<const Form&>().cleaned_data())>;

template <class Form>
consteval CallProblem form_problem() {
    if constexpr (!HasCleanedData<Form> || (HasIsValid<Form> && !HasConstIsValid<Form>)) {
        return CallProblem::no_cleaned_data;
    } else if constexpr (holds_c_array<CleanedData<Form>>()) {
        return CallProblem::c_array;
    } else if constexpr (!PlainAggregate<CleanedData<Form>>) {
        return CallProblem::cleaned_data_no_struct;
    } else {
        return key_part_problem<CleanedData<Form>>();
    }
}

template <auto method>
struct FormTarget : MethodTarget<method> {
    using Form = typename MethodTarget<method>::Object;

    static consteval CallProblem problem() {
        if constexpr (MethodTarget<method>::Signature::shape != Shape::sound) {
            return MethodTarget<method>::problem();
        } else {
            return first_call_problem(MethodTarget<method>::problem(), form_problem<Form>());
        }
    }
    template <class... P>
    static void append_key(CallKey& key, const Form& form, const P&... arguments) {
        key.cleaned_data<CleanedData<Form>>(cleaned_data(form));
        key.arguments(arguments...);
    }
    template <class... P>
    static void check(const Form& form, const P&...) {
        (void)cleaned_data(form);
    }

 private:
    static decltype(auto) cleaned_data(const Form& form) {
        if constexpr (HasIsValid<Form>) {
            if (!form.is_valid()) throw_invalid_form(typeid(Form));
        }
        return form.cleaned_data();
    }
};

}  // namespace detail

/// A method of a form whose results are kept under what `cleaned_data()` returns, and the
/// arguments:
///
///     const CachedFormMethod<&FriendsLookup::friends> friends{{.expires = 15min}};
///     friends(form);
///
/// A form is a struct with a const `cleaned_data()`, which returns a plain struct of what was
/// filled in, validated and normalised: forms with equal cleaned data share their results. An
/// invalid form is an error before anything is read or run: `cleaned_data()` throws, or a const
/// `is_valid()` returns false, which is `InvalidForm`. Everything else is as for a `CachedMethod`.
///
/// It has what a `CachedCall` has, its constructors included, and `prefetch`.
///
/// Thread safety: may be called concurrently.
/// Example: examples/cached_methods.cpp#form
template <auto method>
class CachedFormMethod
    : public detail::FormTarget<method>::Signature::template as<
          CachedObjectCall, detail::FormTarget<method>, typename detail::FormTarget<method>::Form> {
    using Base = typename detail::FormTarget<method>::Signature::template as<
        CachedObjectCall, detail::FormTarget<method>, typename detail::FormTarget<method>::Form>;

 public:
    using Base::Base;
    CachedFormMethod() = default;
};

}  // namespace cachemodel
