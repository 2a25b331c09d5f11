// cachemodel: how the results of a cached method or function are kept.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/detail/load_terms.hpp>
#include <cachemodel/lifetime.hpp>

#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>

namespace cachemodel {

namespace detail {

/// Always true. In a constant whose options make no sense it does not compile, and the compiler
/// shows the line that says why; elsewhere a `ConfigError` of the cached call does.
template <class Options>
constexpr bool check_constant(const Options& options) {
    using enum TermsProblem;
    if (!std::is_constant_evaluated()) return true;
    switch (terms_problem(load_terms(options), options.expires)) {
        case none:
            return true;
        case stale_while_refresh_of_never:
            throw "cachemodel: stale_while_refresh without expires; write expires too";
        case stale_if_error_of_never:
            throw "cachemodel: stale_if_error without expires; write expires too";
        case early_refresh_of_never:
            throw "cachemodel: early_refresh without expires; write expires too";
        case jitter_of_never:
            throw "cachemodel: jitter without expires; write expires too";
        case nothing_expires:
            throw "cachemodel: with expires of 0 nothing can be stale, or end earlier";
        default:
            throw "cachemodel: an option is out of range; see the guide on lifetimes";
    }
}

}  // namespace detail

/// How results are kept:
///
///     const CachedMethod<&Home::geocode, &Home::address> geocode{{.expires = 15min}};
///
/// Options that contradict each other are a `ConfigError` of whoever takes them; as a `constexpr`
/// constant they do not compile.
///
/// Thread safety: that of a plain value.
/// Lifetime: the texts are copied by whoever takes the options.
template <class Result>
struct CallOptions {
    /// How long a result is fresh. By default it does not expire by time.
    Lifetime expires = never;

    // What is not given here is what the cache's own options say.

    /// As in `ModelOptions`. A refresh in the background runs the function with copies of the
    /// object and of the arguments, in another thread, when the caller may be gone. Where they are
    /// not all `SelfContained` (a `std::string_view` counts as its text), the first caller runs it,
    /// and the others are served.
    std::optional<Lifetime> stale_while_refresh = {};
    /// This one and the next two: as in `ModelOptions`.
    std::optional<Lifetime> stale_if_error = {};
    std::optional<double> early_refresh = {};
    std::optional<double> jitter = {};
    /// As in `ModelOptions`. The function runs with copies, too; where object and arguments are not
    /// all `SelfContained`, in the caller's thread, for as long as it takes.
    std::optional<Lifetime> load_timeout = {};
    /// This one and the next: as in `ModelOptions`.
    std::optional<Lifetime> lease_wait = {};
    std::optional<Lifetime> load_backoff = {};
    /// As in `ModelOptions`; a result is compared as a whole. The function runs with copies, too;
    /// where object and arguments are not all `SelfContained`, the result is not verified.
    std::optional<double> verify = {};

    /// What stands in keys for class and function; by default their names as the source spells
    /// them, with namespaces and parameter types. Must be given for lambdas and for what is inside
    /// of one, and should be for functions that are static or in an unnamed namespace. Two
    /// functions of one given name share their entries.
    std::string_view name = {};
    /// The named cache that is used. It is looked up at each call, and not at all where a `Cache`
    /// is given to the constructor.
    std::string_view cache = "default";
    /// Part of the key: another number makes all older entries misses. To be raised when the
    /// function gives another result than before for the same arguments.
    std::uint32_t version = 1;
    /// Members and arguments appear neither in keys nor in entries or errors, only a SHA-256 digest
    /// of them does. Always so where the object or an argument is a model with `.secret_keys`.
    bool secret_keys = false;
    /// Says of a result, before it is stored, that it is not to be: a lambda without captures. What
    /// it throws leaves the call.
    bool (*unless)(const Result& result) = nullptr;

    /// Not to be given: here constants are checked.
    bool is_checked = detail::check_constant(*this);
};

}  // namespace cachemodel
