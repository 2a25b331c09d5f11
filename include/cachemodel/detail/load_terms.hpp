// cachemodel: on what terms entries are loaded, served stale and refreshed.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/lifetime.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace cachemodel::detail {

/// What `ModelOptions`, `CallOptions` and `CacheOptions` say in common, each about itself.
struct LoadTerms {
    std::optional<Lifetime> stale_while_refresh = {};
    std::optional<Lifetime> stale_if_error = {};
    std::optional<Lifetime> remember_missing = {};
    std::optional<double> early_refresh = {};
    std::optional<double> jitter = {};
    std::optional<Lifetime> load_timeout = {};
    std::optional<Lifetime> lease_wait = {};
    std::optional<Lifetime> load_backoff = {};
    std::optional<double> verify = {};
};

template <class Options>
constexpr LoadTerms load_terms(const Options& options) {
    LoadTerms terms{.stale_while_refresh = options.stale_while_refresh,
                    .stale_if_error = options.stale_if_error,
                    .early_refresh = options.early_refresh,
                    .jitter = options.jitter,
                    .load_timeout = options.load_timeout,
                    .lease_wait = options.lease_wait,
                    .load_backoff = options.load_backoff,
                    .verify = options.verify};
    if constexpr (requires { options.remember_missing; }) {
        terms.remember_missing = options.remember_missing;
    }
    return terms;
}

/// Whether some of them are only about loading.
constexpr bool any_given(const LoadTerms& terms) {
    return terms.stale_while_refresh || terms.stale_if_error || terms.remember_missing ||
           terms.early_refresh || terms.jitter || terms.load_timeout || terms.lease_wait ||
           terms.load_backoff || terms.verify;
}

/// Why terms make no sense.
enum class TermsProblem : std::uint8_t {
    none,
    stale_while_refresh_of_never,
    stale_if_error_of_never,
    early_refresh_of_never,
    jitter_of_never,
    nothing_expires,
    stale_while_refresh_range,
    stale_if_error_range,
    remember_missing_range,
    early_refresh_range,
    jitter_range,
    missing_outlives_entries,
    load_timeout_range,
    lease_wait_range,
    load_backoff_range,
    verify_range,
};

// What goes beyond is a mistake: minutes written as hours, or numbers that are no longer exact.
inline constexpr double beyond_early_refresh = 1000;
inline constexpr double beyond_jitter = 1;
inline constexpr Lifetime longest_wait = std::chrono::hours{24};

constexpr bool is_some(const std::optional<Lifetime>& lifetime) {
    return lifetime && !lifetime->is_over();
}

constexpr bool is_negative(const std::optional<Lifetime>& lifetime) {
    return lifetime && lifetime->is_negative();
}

/// Whether it is a time to wait.
constexpr bool is_wait(const std::optional<Lifetime>& lifetime) {
    return !is_negative(lifetime) && lifetime.value_or(longest_wait) <= longest_wait;
}

/// Of terms that make no sense whatever the entries are.
constexpr TermsProblem range_problem(const LoadTerms& terms) {
    using enum TermsProblem;
    if (is_negative(terms.stale_while_refresh)) return stale_while_refresh_range;
    if (is_negative(terms.stale_if_error)) return stale_if_error_range;
    if (is_negative(terms.remember_missing)) return remember_missing_range;
    const double beta = terms.early_refresh.value_or(0);
    if (!(beta >= 0 && beta < beyond_early_refresh)) return early_refresh_range;
    const double share = terms.jitter.value_or(0);
    if (!(share >= 0 && share < beyond_jitter)) return jitter_range;
    if (terms.load_timeout && terms.load_timeout->is_over()) return load_timeout_range;
    if (!is_wait(terms.lease_wait)) return lease_wait_range;
    if (!is_wait(terms.load_backoff)) return load_backoff_range;
    const double verified = terms.verify.value_or(0);
    if (!(verified >= 0 && verified <= 1)) return verify_range;
    return none;
}

/// Of entries that are fresh for `expires`.
constexpr TermsProblem terms_problem(const LoadTerms& terms, Lifetime expires) {
    using enum TermsProblem;
    if (expires.is_never()) {
        if (is_some(terms.stale_while_refresh)) return stale_while_refresh_of_never;
        if (is_some(terms.stale_if_error)) return stale_if_error_of_never;
        if (terms.early_refresh.value_or(0) > 0) return early_refresh_of_never;
        if (terms.jitter.value_or(0) > 0) return jitter_of_never;
    }
    if (expires.is_over() &&
        (is_some(terms.stale_while_refresh) || is_some(terms.stale_if_error) ||
         terms.early_refresh.value_or(0) > 0 || terms.jitter.value_or(0) > 0)) {
        return nothing_expires;
    }
    if (is_some(terms.remember_missing) && *terms.remember_missing > expires) {
        return missing_outlives_entries;
    }
    return range_problem(terms);
}

/// Says in one line what is wrong with a model's. Always true, so that this stays the only error.
template <TermsProblem problem>
consteval bool require_terms() {
    using enum TermsProblem;
    static_assert(problem != stale_while_refresh_of_never,
                  "cachemodel: stale_while_refresh is about entries that have come to their end, "
                  "and without expires they have none; write expires too, in front of it");
    static_assert(problem != stale_if_error_of_never,
                  "cachemodel: stale_if_error is about entries that have come to their end, and "
                  "without expires they have none; write expires too, in front of it");
    static_assert(problem != early_refresh_of_never,
                  "cachemodel: early_refresh is about the end of entries, and without expires "
                  "they have none; write expires too, in front of it");
    static_assert(problem != jitter_of_never,
                  "cachemodel: jitter is a share of expires; write expires too, in front of it");
    static_assert(problem != nothing_expires,
                  "cachemodel: with expires of 0 nothing is stored that could be served stale, be "
                  "refreshed or end earlier; write how long an entry is fresh");
    static_assert(problem != stale_while_refresh_range,
                  "cachemodel: stale_while_refresh is negative; write for how long after its end "
                  "an entry is served, or 0");
    static_assert(problem != stale_if_error_range,
                  "cachemodel: stale_if_error is negative; write for how long after its end an "
                  "entry is served, or 0");
    static_assert(problem != remember_missing_range,
                  "cachemodel: remember_missing is negative; write for how long it is remembered "
                  "that the source has none, or 0");
    static_assert(problem != early_refresh_range,
                  "cachemodel: early_refresh is a number from 0 to less than 1000; 1 is usual");
    static_assert(problem != jitter_range,
                  "cachemodel: jitter is a share of expires: a number from 0 to less than 1, such "
                  "as 0.1");
    static_assert(problem != missing_outlives_entries,
                  "cachemodel: remember_missing is longer than expires; write at most what expires "
                  "says");
    static_assert(problem != load_timeout_range,
                  "cachemodel: a load_timeout of 0 leaves a load no time; write how long callers "
                  "wait for one, or never");
    static_assert(problem != lease_wait_range,
                  "cachemodel: lease_wait is not a time from 0 to a day; write how long callers "
                  "wait for another process, such as 2s");
    static_assert(problem != load_backoff_range,
                  "cachemodel: load_backoff is not a time from 0 to a day; write how long a loader "
                  "that fails is left alone at first, such as 1s");
    static_assert(problem != verify_range,
                  "cachemodel: verify is a share of hits: a number from 0 to 1, such as 0.01");
    return true;
}

/// What all of them come to, for the entries of one model or function in one cache.
struct LoadRules {
    Lifetime expires = never;
    Lifetime stale_while_refresh = std::chrono::seconds{0};
    Lifetime stale_if_error = std::chrono::seconds{0};
    Lifetime remember_missing = std::chrono::seconds{0};
    double early_refresh = 0;
    double jitter = 0;
    Lifetime load_timeout = never;
    Lifetime lease_wait = std::chrono::seconds{2};
    Lifetime load_backoff = std::chrono::seconds{1};
    double verify = 0;

    /// How long an entry is kept after its end.
    constexpr Lifetime kept_stale() const {
        return stale_while_refresh < stale_if_error ? stale_if_error : stale_while_refresh;
    }
};

/// `terms`, and `defaults` for what they do not say. Where entries do not end, the defaults about
/// their end are not meant.
constexpr LoadRules load_rules(Lifetime expires, const LoadTerms& terms,
                               const LoadRules& defaults) {
    LoadRules rules{
        .expires = expires,
        .stale_while_refresh = terms.stale_while_refresh.value_or(defaults.stale_while_refresh),
        .stale_if_error = terms.stale_if_error.value_or(defaults.stale_if_error),
        .remember_missing = terms.remember_missing.value_or(defaults.remember_missing),
        .early_refresh = terms.early_refresh.value_or(defaults.early_refresh),
        .jitter = terms.jitter.value_or(defaults.jitter),
        .load_timeout = terms.load_timeout.value_or(defaults.load_timeout),
        .lease_wait = terms.lease_wait.value_or(defaults.lease_wait),
        .load_backoff = terms.load_backoff.value_or(defaults.load_backoff),
        .verify = terms.verify.value_or(defaults.verify),
    };
    if (rules.remember_missing > expires) rules.remember_missing = expires;
    if (!expires.is_never()) return rules;
    rules.stale_while_refresh = rules.stale_if_error = std::chrono::seconds{0};
    rules.early_refresh = rules.jitter = 0;
    return rules;
}

/// The option that is wrong, and what is wrong with it, as they stand in an error one after the
/// other.
std::string_view option_of(TermsProblem problem) noexcept;
std::string_view to_string(TermsProblem problem) noexcept;

}  // namespace cachemodel::detail
