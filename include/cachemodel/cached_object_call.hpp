// cachemodel: what all cached methods can do.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/cached_call.hpp>
#include <cachemodel/detail/call_problem.hpp>
#include <cachemodel/detail/prefetch.hpp>
#include <cachemodel/lookup.hpp>

#include <cstddef>
#include <initializer_list>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace cachemodel {

/// A `CachedCall` whose first argument is an object: what `CachedMethod` and `CachedFormMethod`
/// are.
///
/// Thread safety: may be called concurrently.
template <class Target, class Result, class Object, class... Parameters>
class CachedObjectCall : public CachedCall<Target, Result, const Object&, Parameters...> {
    using Base = CachedCall<Target, Result, const Object&, Parameters...>;

 public:
    using Base::Base;

    /// One answer for each object, in order, with the same arguments for all of them. The cache is
    /// read in one round trip; the method runs for those that it does not have, once for equal
    /// calls, and their results are stored in another one. `objects` is any range; where the class
    /// has virtual functions, one whose objects stay, or of `std::reference_wrapper`s in a
    /// container.
    ///
    /// Throws for no single object: what the method throws is its object's `failure()`.
    template <class Range>
    std::vector<Lookup<Result>> prefetch(Range&& objects, Parameters... parameters) const {
        using Given = std::remove_reference_t<Range>;
        constexpr auto problem = detail::objects_problem<Given, Object, Parameters...>();
        static_assert(!Base::is_sound || detail::require_prefetch<problem>());
        if constexpr (!Base::is_sound || problem != detail::PrefetchProblem::none) {
            detail::refused();
        } else if constexpr (detail::KeepsObjects<Given, Object>) {
            return prefetch_kept(objects, parameters...);
        } else {
            std::vector<Object> kept;
            for (auto&& object : objects) kept.push_back(std::forward<decltype(object)>(object));
            return prefetch_kept(kept, parameters...);
        }
    }
    /// Not of a class with virtual functions: braces copy.
    std::vector<Lookup<Result>> prefetch(std::initializer_list<Object> objects,
                                         Parameters... parameters) const {
        constexpr auto problem = detail::braces_problem<Object, Parameters...>();
        static_assert(!Base::is_sound || detail::require_prefetch<problem>());
        if constexpr (!Base::is_sound || problem != detail::PrefetchProblem::none) {
            detail::refused();
        } else {
            return prefetch_kept(objects, parameters...);
        }
    }

 private:
    template <class Objects>
    std::vector<Lookup<Result>> prefetch_kept(
        Objects& objects, const std::remove_reference_t<Parameters>&... parameters) const {
        std::vector<std::tuple<const Object&, const std::remove_reference_t<Parameters>&...>> calls;
        if constexpr (requires { objects.size(); }) {
            calls.reserve(static_cast<std::size_t>(objects.size()));
        }
        for (const Object& object : objects) calls.emplace_back(object, parameters...);
        return this->prefetch_all(calls);
    }
};

}  // namespace cachemodel
