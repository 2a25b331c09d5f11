// cachemodel: functions whose results are kept in a cache.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/cached_call.hpp>
#include <cachemodel/detail/call_problem.hpp>
#include <cachemodel/detail/prefetch.hpp>
#include <cachemodel/detail/signature.hpp>
#include <cachemodel/lookup.hpp>

#include <concepts>
#include <cstddef>
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
    using Base = CachedCall<Target, Result, Parameters...>;
    using Arguments = detail::ArgumentTuple<Parameters...>;

 public:
    using Base::Base;

    /// One answer for each tuple of arguments, in order; of a function with one parameter, for each
    /// argument. The cache is read in one round trip; the function runs for those that it does not
    /// have, once for equal calls, and their results are stored in another one. `calls` is any
    /// range; where a parameter holds views inside, a container of exactly such arguments.
    ///
    /// Throws for no single call: what the function throws is its call's `failure()`.
    template <class Range>
    std::vector<Lookup<Result>> prefetch(Range&& calls) const {
        using Given = std::remove_reference_t<Range>;
        constexpr auto problem = detail::calls_problem<Given, Parameters...>();
        static_assert(!Base::is_sound || detail::require_prefetch<problem>());
        if constexpr (!Base::is_sound || problem != detail::PrefetchProblem::none) {
            detail::refused();
        } else if constexpr (detail::KeepsArguments<Given, Parameters...>) {
            return prefetch_kept(calls);
        } else {
            std::vector<std::tuple<typename detail::Kept<Parameters>::type...>> kept;
            for (auto&& each : calls) {
                Arguments arguments = std::forward<decltype(each)>(each);  // as a call converts
                kept.emplace_back(std::move(arguments));
            }
            return prefetch_kept(kept);
        }
    }
    std::vector<Lookup<Result>> prefetch(std::initializer_list<Arguments> calls) const {
        constexpr auto problem =
            detail::calls_problem<std::initializer_list<Arguments>, Parameters...>();
        static_assert(!Base::is_sound || detail::require_prefetch<problem>());
        if constexpr (!Base::is_sound || problem != detail::PrefetchProblem::none) {
            detail::refused();
        } else {
            return prefetch_kept(calls);  // texts in braces live as long as this
        }
    }

 private:
    using Passed = std::tuple<typename detail::Kept<Parameters>::passed...>;

    template <class Calls>
    std::vector<Lookup<Result>> prefetch_kept(Calls& kept) const {
        std::vector<Passed> calls;
        if constexpr (requires { kept.size(); }) {
            calls.reserve(static_cast<std::size_t>(kept.size()));
        }
        for (const auto& each : kept) calls.push_back(as_passed(each));
        return this->prefetch_all(calls);
    }
    template <class Each>
    static Passed as_passed(const Each& each) {
        if constexpr ((std::same_as<Each, std::remove_cvref_t<Parameters>> && ...) &&
                      sizeof...(Parameters) == 1) {
            return Passed{each};
        } else {
            return std::apply([](const auto&... arguments) { return Passed{arguments...}; }, each);
        }
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
