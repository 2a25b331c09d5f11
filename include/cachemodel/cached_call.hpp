// cachemodel: what all cached functions and methods can do.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/cache.hpp>
#include <cachemodel/call_options.hpp>
#include <cachemodel/detail/cached_calls.hpp>
#include <cachemodel/detail/call_problem.hpp>
#include <cachemodel/detail/load_terms.hpp>
#include <cachemodel/detail/prefetch.hpp>
#include <cachemodel/lookup.hpp>
#include <cachemodel/self_contained.hpp>
#include <cachemodel/statistics.hpp>

#include <concepts>
#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

namespace cachemodel {

namespace detail {

/// An argument that a call owns.
template <class T>
struct OwnedArgument {
    T value;

    explicit OwnedArgument(const T& original) : value(original) {}
    T& get() noexcept { return value; }
};
template <>
struct OwnedArgument<std::string_view> {
    std::string text;
    std::string_view view;

    explicit OwnedArgument(std::string_view original) : text(original) {}
    std::string_view& get() noexcept { return view = text; }
};

/// Whether a copy is all that the argument was, and stays so.
template <class T>
inline constexpr bool can_be_owned = std::same_as<T, std::string_view> || SelfContained<T>;

/// A call of a `Target` with arguments that are passed on as `Passed`: references, or views.
template <class Target, class Result, class... Passed>
class TypedCall : public AnyCall {
 public:
    using Unless = bool (*)(const Result&);

    explicit TypedCall(Unless unless, Passed... arguments)
        : unless_(unless), arguments_(static_cast<Passed>(arguments)...) {}

    std::shared_ptr<const void> run() override {
        return std::apply(
            [](auto&... arguments) {
                return std::make_shared<const Result>(
                    Target::run(static_cast<Passed>(arguments)...));
            },
            arguments_);
    }
    bool keeps_out(const void* result) const override {
        return unless_ != nullptr && unless_(*static_cast<const Result*>(result));
    }
    std::unique_ptr<AnyCall> copy() const override;

 private:
    Unless unless_;
    std::tuple<Passed...> arguments_;
};

/// The same with arguments of its own. It is run once.
template <class Target, class Result, class... Passed>
class OwnedCall final : public AnyCall {
 public:
    using Unless = bool (*)(const Result&);

    explicit OwnedCall(Unless unless, const std::remove_reference_t<Passed>&... arguments)
        : unless_(unless), arguments_(arguments...) {}

    std::shared_ptr<const void> run() override {
        return std::apply(
            [](auto&... arguments) {
                return std::make_shared<const Result>(
                    Target::run(static_cast<Passed>(arguments.get())...));
            },
            arguments_);
    }
    bool keeps_out(const void* result) const override {
        return unless_ != nullptr && unless_(*static_cast<const Result*>(result));
    }
    std::unique_ptr<AnyCall> copy() const override { return nullptr; }

 private:
    Unless unless_;
    std::tuple<OwnedArgument<std::remove_cvref_t<Passed>>...> arguments_;
};

template <class Target, class Result, class... Passed>
std::unique_ptr<AnyCall> TypedCall<Target, Result, Passed...>::copy() const {
    if constexpr ((can_be_owned<std::remove_cvref_t<Passed>> && ...)) {
        return std::apply(
            [&](const auto&... arguments) -> std::unique_ptr<AnyCall> {
                return std::make_unique<OwnedCall<Target, Result, Passed...>>(unless_,
                                                                              arguments...);
            },
            arguments_);
    } else {
        return nullptr;
    }
}

/// Whether one of the arguments is a model with secret keys.
template <class... Arguments>
inline constexpr bool any_secret = (SecretModel<std::remove_cvref_t<Arguments>> || ...);

}  // namespace detail

/// A function whose results are kept in a cache: what `CachedMethod`, `CachedFunction` and
/// `CachedFormMethod` have in common.
///
/// A call whose result is in the cache does not run the function. Otherwise the function runs, and
/// its result is stored for the next time. Two calls are equal where their keys are; the function's
/// parameter types decide what arguments look like there. Equal calls that come while the function
/// runs, from any thread of the process, wait for that one result, or for what it throws.
///
/// A cache that cannot tell is gone around: the function runs, and its result is not stored; beyond
/// `CacheOptions::loads_without_cache` runs at a time it is a `BackendError`. A result that cannot
/// be stored is returned all the same, and counted. What the function throws leaves the call;
/// nothing is stored then.
///
/// A call that reaches itself computes its result without the cache; one that does so again throws
/// `RecursiveLoad`. A function that hands an equal call to another thread and waits for it waits
/// for ever.
///
/// `Arguments` are, in order: the object or the form, where there is one, and the function's own
/// parameters, with their types. All of them are given: a pointer to a function knows nothing of
/// default arguments.
///
/// Copies share their settings and what they have counted. Two objects for the same function with
/// the same name, version and cache share their entries.
///
/// Thread safety: may be called concurrently.
template <class Target, class Result, class... Arguments>
class CachedCall {
 public:
    using result_type = Result;

    /// On the default cache, with the default options. No cache is looked up before the first call.
    CachedCall() : CachedCall(CallOptions<Result>{}) {}
    /// On the cache that the options name.
    ///
    /// Errors: `ConfigError` naming an option that makes no sense, such as a `jitter` of 1, or none
    /// beside another one, such as a `stale_if_error` without `expires`.
    explicit CachedCall(CallOptions<Result> options) : CachedCall(std::nullopt, options) {}
    /// On this cache, whatever the options name. Errors: the same.
    explicit CachedCall(Cache cache, CallOptions<Result> options = {})
        : CachedCall(std::optional<Cache>{std::move(cache)}, options) {}

    /// The result, from the cache or else from the function.
    ///
    /// Errors: what the function throws; `LoadTimeout`; `BackendError` where the cache cannot be
    /// read and too many run without it; `RecursiveLoad`; `InvalidKey` where a part of the key is
    /// NaN and `IncompleteKey` where it is a Key that was not set; `ConfigError` where the function
    /// has no name, or no cache has the name in the options.
    Result operator()(Arguments... arguments) const {
        if constexpr (is_sound) {
            const detail::EntryKey key = make_key(arguments...);
            Typed call{unless_, static_cast<Arguments&&>(arguments)...};
            Result hit{};
            const auto result = detail::answer_call(door(), key, call, &hit);
            if (result) return as_result(result);
            return hit;
        } else {
            detail::refused();
        }
    }

    /// The result that is in the cache; or that there is none, or that the cache cannot tell. Runs
    /// nothing and waits for nobody.
    ///
    /// Errors: those of a key, as for the call.
    Lookup<Result> peek(Arguments... arguments) const {
        if constexpr (is_sound) {
            Result hit{};
            detail::Origin origin;
            auto nothing = detail::peek_call(door(), make_key(arguments...), &hit, origin);
            if (nothing) return Lookup<Result>{std::move(nothing)};
            return found(std::move(hit), origin);
        } else {
            detail::refused();
        }
    }

    /// Runs the function and stores its result over what was there, unless that is removed
    /// meanwhile. Calls that began earlier and still run, in any process, do not store theirs over
    /// it. Where the result cannot be stored, or is not to be, or another process has stored one
    /// meanwhile, what is there is removed, as far as that is possible.
    ///
    /// In one process equal refreshes run one after another: those that come while one runs share
    /// the next run, and what it throws. A run of which nothing would be stored any more (after
    /// 30 s, or `load_timeout` where that is more) is not waited for.
    ///
    /// Through a view that bypasses the cache, nothing is stored or removed.
    ///
    /// It takes as long as it takes: `load_timeout` does not bound it.
    ///
    /// Errors: as for the call, but `LoadTimeout`; the old result then stays.
    Result refresh(Arguments... arguments) const {
        if constexpr (is_sound) {
            const detail::EntryKey key = make_key(arguments...);
            Typed call{unless_, static_cast<Arguments&&>(arguments)...};
            return as_result(detail::refresh_call(door(), key, call));
        } else {
            detail::refused();
        }
    }

    /// Removes the result. Calls that began earlier and still run, in any process, do not store
    /// theirs, and later calls do not wait for them.
    ///
    /// Errors: `BackendError`, and those of a key.
    void invalidate(Arguments... arguments) const {
        if constexpr (is_sound) {
            detail::invalidate_call(door(), make_key(arguments...));
        } else {
            detail::refused();
        }
    }

    /// Runs the function, whatever is in the cache. Stores nothing, waits for nobody, counts
    /// nothing.
    ///
    /// Errors: what the function throws; of a form, what an invalid one throws.
    Result bypass(Arguments... arguments) const {
        if constexpr (is_sound) {
            Target::check(arguments...);
            return Target::run(static_cast<Arguments&&>(arguments)...);
        } else {
            detail::refused();
        }
    }

    /// The key of this call, as `Cache::final_key` takes it.
    ///
    /// Errors: those of a key, as for the call.
    std::string key_for(Arguments... arguments) const {
        if constexpr (is_sound) {
            return make_key(arguments...).stored;
        } else {
            detail::refused();
        }
    }

    /// What is stored of this call right now, and what the call would make of it. Runs nothing
    /// and counts nothing; where the backend can peek, as memory can, it is no use of the entry
    /// either.
    ///
    /// Errors: those of a key, as for the call.
    Explanation explain(Arguments... arguments) const {
        if constexpr (is_sound) {
            return detail::explain_call(door(), make_key(arguments...));
        } else {
            detail::refused();
        }
    }

    /// What calls through this object and its copies have counted; `cache().statistics()` has
    /// counted them too.
    Statistics statistics() const noexcept { return detail::statistics_of(*site_); }

    /// The cache that a call would use now.
    ///
    /// Errors: `ConfigError` where no cache has the name in the options.
    Cache cache() const { return detail::cache_of(*site_); }

 protected:
    static constexpr bool is_sound = Target::problem() == detail::CallProblem::none;

    /// Answers calls whose arguments are `Passed` on, one Lookup for each.
    template <class... Passed>
    std::vector<Lookup<Result>> prefetch_all(
        const std::vector<std::tuple<Passed...>>& arguments) const {
        using Call = detail::TypedCall<Target, Result, Passed...>;
        std::vector<Lookup<Result>> lookups;
        if constexpr (is_sound) {
            std::vector<Call> typed;
            std::vector<detail::PrefetchedCall> calls;
            typed.reserve(arguments.size());
            calls.reserve(arguments.size());
            lookups.reserve(arguments.size());
            for (const auto& each : arguments) {
                auto& call = calls.emplace_back(detail::PrefetchedCall{std::apply(
                    [&](Passed... passed) -> Call& {
                        return typed.emplace_back(unless_, passed...);
                    },
                    each)});
                try {
                    call.key =
                        std::apply([&](Passed... passed) { return make_key(passed...); }, each);
                } catch (const ConfigError&) {
                    throw;
                } catch (const std::bad_alloc&) {
                    throw;
                } catch (...) {  // its key is none, or its form is invalid
                    call.nothing =
                        detail::failed_call(*site_, call.key, Failure{std::current_exception()});
                }
            }
            detail::prefetch_calls(door(), calls);
            for (auto& call : calls) {
                if (call.nothing) {
                    lookups.emplace_back(std::move(call.nothing));
                } else {
                    lookups.push_back(found(as_result(call.result), call.origin));
                }
            }
        }
        return lookups;
    }

 private:
    using Typed = detail::TypedCall<Target, Result, Arguments&&...>;

    CachedCall(std::optional<Cache> cache, const CallOptions<Result>& options)
        : site_(detail::make_call_site(
              {.traits = &Target::traits,
               .expires = options.expires,
               .terms = detail::load_terms(options),
               .name = std::string{options.name},
               .cache_name = std::string{options.cache},
               .version = options.version,
               .secret_keys = options.secret_keys || detail::any_secret<Arguments...>,
               .cache = std::move(cache)})),
          unless_(options.unless) {
        static_assert(detail::require_call<Target::problem()>());
    }

    detail::CallDoor door() const { return {*site_, detail::result_table<Result>}; }

    detail::EntryKey make_key(const std::remove_reference_t<Arguments>&... arguments) const {
        detail::CallKey key{*site_, Target::dynamic_type(arguments...), typeid(CachedCall)};
        try {
            Target::append_key(key, arguments...);
        } catch (const InvalidKey& error) {
            key.rethrow_with_part(error);
        }
        return std::move(key).finish();
    }

    static Lookup<Result> found(Result result, const detail::Origin& origin) {
        Lookup<Result> lookup{std::move(result)};
        detail::OriginAccess::of(lookup) = origin;
        return lookup;
    }
    static const Result& as_result(const std::shared_ptr<const void>& result) noexcept {
        return *static_cast<const Result*>(result.get());
    }

    std::shared_ptr<detail::CallSite> site_;
    bool (*unless_)(const Result&);
};

}  // namespace cachemodel
