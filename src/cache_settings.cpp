// cachemodel: the options of a cache, read from its URL and checked.
// SPDX-License-Identifier: MIT
#include "cache_settings.hpp"

#include <cachemodel/error.hpp>

#include <algorithm>
#include <limits>
#include <string>

#include "config_problem_error.hpp"
#include "shown_text.hpp"

namespace cachemodel::detail {

namespace {

constexpr std::size_t longest_prefix = 40;

void take_load_options(CacheUrl& url, CacheOptions& options) {
    constexpr Lifetime none = std::chrono::seconds{0};
    constexpr Lifetime some = std::chrono::nanoseconds{1};
    const auto take = [&](std::string_view name, Lifetime& option, Lifetime least, Lifetime most) {
        option = url.take_lifetime(name, option, least, most);
    };
    take("stale_while_refresh", options.stale_while_refresh, none, never);
    take("stale_if_error", options.stale_if_error, none, never);
    take("remember_missing", options.remember_missing, none, never);
    take("load_timeout", options.load_timeout, some, never);
    take("lease_wait", options.lease_wait, none, longest_wait);
    take("load_backoff", options.load_backoff, none, longest_wait);
    options.early_refresh =
        url.take_number("early_refresh", options.early_refresh, 0, beyond_early_refresh);
    options.jitter = url.take_number("jitter", options.jitter, 0, beyond_jitter);
    options.verify = url.take_share("verify", options.verify);
    options.loads_without_cache = static_cast<std::size_t>(
        url.take_integer("loads_without_cache", options.loads_without_cache, 1,
                         std::numeric_limits<std::uint32_t>::max()));
    options.decoded =
        url.take_size("decoded", options.decoded, 0, std::numeric_limits<std::size_t>::max());
    take("decoded_expires", options.decoded_expires, some, never);
}

}  // namespace

CacheOptions take_options(CacheUrl& url, const Clock& clock) {
    CacheOptions options{.clock = clock};
    options.key_prefix = url.take_text("key_prefix", "");
    options.version = static_cast<std::uint32_t>(
        url.take_integer("version", 1, 0, std::numeric_limits<std::uint32_t>::max()));
    options.timeout = url.take_lifetime("timeout", options.timeout);
    const auto key_function = url.take_text("key_function", "plain");
    options.key_function = find_key_function(key_function);
    constexpr std::string_view warnings[] = {"ignore", "warn", "error"};
    options.key_warnings = static_cast<KeyWarnings>(
        url.take_choice("key_warnings", warnings, static_cast<std::size_t>(KeyWarnings::warn)));
    options.ignore_errors = url.take_flag("ignore_errors", false);
    options.mismatch_is_miss = url.take_flag("mismatch_is_miss", false);
    constexpr std::string_view clear[] = {"allow", "forbid"};
    options.clear_allowed = url.take_choice("clear", clear, 0) == 0;
    take_load_options(url, options);
    return options;
}

void check_options(const CacheOptions& options) {
    if (options.key_function == nullptr) throw ConfigError("a cache needs a key function");
    if (options.key_policy == nullptr) throw ConfigError("a cache needs a key policy");
    check_prefix(options.key_prefix);
    if (const auto problem = range_problem(load_terms(options)); problem != TermsProblem::none) {
        const std::string option{option_of(problem)};
        const std::string what{to_string(problem)};
        throw wrong_option(option, option + what, what);
    }
    if (options.loads_without_cache == 0) {
        const std::string what = " is 0, which would let nothing load without the cache";
        throw wrong_option("loads_without_cache", "loads_without_cache" + what, what);
    }
    if (options.decoded_expires.is_over()) {
        const std::string what = " is over, which would let no decoded object be given out";
        throw wrong_option("decoded_expires", "decoded_expires" + what, what);
    }
}

void check_prefix(std::string_view prefix) {
    const auto is_wrong = [](char c) { return c <= 0x20 || c >= 0x7f || c == ':'; };
    const bool wrong = std::any_of(prefix.begin(), prefix.end(), is_wrong);
    if (!wrong && prefix.size() <= longest_prefix) return;
    const auto what =
        ": \"" + shown_key(prefix) + "\" is not at most 40 bytes of visible ASCII without a colon";
    throw wrong_option("key_prefix", "key_prefix" + what, what);
}

LoadRules load_rules_of(const CacheOptions& options) {
    return {.stale_while_refresh = options.stale_while_refresh,
            .stale_if_error = options.stale_if_error,
            .remember_missing = options.remember_missing,
            .early_refresh = options.early_refresh,
            .jitter = options.jitter,
            .load_timeout = options.load_timeout,
            .lease_wait = options.lease_wait,
            .load_backoff = options.load_backoff,
            .verify = options.verify};
}

}  // namespace cachemodel::detail
