// cachemodel: functions whose results are kept in a cache.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/cached_call.hpp>
#include <cachemodel/detail/signature.hpp>

#include <concepts>
#include <initializer_list>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

namespace cachemodel {

namespace detail {

template <auto function>
struct FunctionTarget {
    using Signature = FunctionSignature<std::remove_const_t<decltype(function)>>;

    static consteval CallProblem problem() {
        if constexpr (Signature::shape != Shape::sound) {
            return CallProblem::not_function;
        } else {
            return signature_problem<Signature>();
        }
    }
    static const CallTraits& traits() {
        static constexpr CallTraits traits{
            typeid(Tag<function>), typeid(typename Signature::parameters), nullptr, {}};
        return traits;
    }
    template <class... P>
    static const std::type_info* dynamic_type(const P&...) {
        return nullptr;
    }
    template <class... P>
    static void append_key(CallKey& key, const P&... arguments) {
        key.arguments(arguments...);
    }
    /// What must hold before anything runs.
    template <class... P>
    static void check(const P&...) noexcept {}
    template <class... P>
    static decltype(auto) run(P&&... arguments) {
        return function(std::forward<P>(arguments)...);
    }
};

/// What keeps an argument until its call, and how it is passed on then.
template <class P>
struct Kept {
    using type = std::remove_cvref_t<P>;
    using passed = const type&;
};
template <class P>
requires std::same_as<std::remove_cvref_t<P>, std::string_view>
struct Kept<P> {
    using type = std::string;
    using passed = std::string_view;
};

}  // namespace detail

/// A `CachedCall` without an object: what a `CachedFunction` is.
///
/// Thread safety: may be called concurrently.
template <class Target, class Result, class... Parameters>
class CachedFunctionCall : public CachedCall<Target, Result, Parameters...> {
    using Arguments = std::tuple<typename detail::Kept<Parameters>::type...>;

 public:
    using CachedCall<Target, Result, Parameters...>::CachedCall;

    /// One answer for each tuple of arguments, in order; of a function with one parameter, for each
    /// argument. The cache is read in one round trip; the function runs for those that it does not
    /// have, once for equal calls, and their results are stored in another one. `calls` is any
    /// range.
    ///
    /// Throws for no single call: what the function throws is its call's `failure()`.
    template <class Range>
    std::vector<Lookup<Result>> prefetch(Range&& calls) const {
        std::vector<Arguments> kept;
        for (auto&& each : calls) kept.emplace_back(std::forward<decltype(each)>(each));
        return prefetch_kept(kept);
    }
    std::vector<Lookup<Result>> prefetch(
        std::initializer_list<std::tuple<std::remove_cvref_t<Parameters>...>> calls) const {
        return prefetch_kept(calls);  // texts in braces live as long as this
    }

 private:
    template <class Calls>
    std::vector<Lookup<Result>> prefetch_kept(const Calls& kept) const {
        std::vector<std::tuple<typename detail::Kept<Parameters>::passed...>> calls;
        calls.reserve(kept.size());
        for (const auto& each : kept) calls.emplace_back(each);
        return this->prefetch_all(calls);
    }
};

/// A function whose results are kept under the values of its arguments:
///
///     const CachedFunction<&slow_sum> sum;
///     sum(1, 2);
///
/// `function` is a pointer to a function or static member function, or a lambda without captures,
/// which needs a name: `CachedFunction<[](int n) { return n * n; }> square{{.name = "square"}};`
/// Result and parameters are as for a `CachedMethod`. Of a template one function is named,
/// `&root<double>`; of overloads one is chosen, `static_cast<int (*)(int)>(&twice)`.
///
/// It has what a `CachedCall` has, its constructors included, and `prefetch`.
///
/// Thread safety: may be called concurrently.
/// Example: examples/cached_methods.cpp#function
template <auto function>
class CachedFunction : public detail::FunctionTarget<function>::Signature::template as<
                           CachedFunctionCall, detail::FunctionTarget<function>> {
    using Base = typename detail::FunctionTarget<function>::Signature::template as<
        CachedFunctionCall, detail::FunctionTarget<function>>;

 public:
    using Base::Base;
    CachedFunction() = default;
};

}  // namespace cachemodel
