// cachemodel: how the results of a cached method or function are kept.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/lifetime.hpp>

#include <cstdint>
#include <optional>
#include <string_view>

namespace cachemodel {

/// How results are kept:
///
///     const CachedMethod<&Home::geocode, &Home::address> geocode{{.expires = 15min}};
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
};

}  // namespace cachemodel
