// cachemodel: what is wrong with the terms on which entries are loaded, in words.
// SPDX-License-Identifier: MIT
#include <cachemodel/detail/load_terms.hpp>

namespace cachemodel::detail {

std::string_view option_of(TermsProblem problem) noexcept {
    switch (problem) {
        case TermsProblem::none:
            break;
        case TermsProblem::stale_while_refresh_of_never:
        case TermsProblem::stale_while_refresh_range:
            return "stale_while_refresh";
        case TermsProblem::stale_if_error_of_never:
        case TermsProblem::stale_if_error_range:
            return "stale_if_error";
        case TermsProblem::early_refresh_of_never:
        case TermsProblem::early_refresh_range:
            return "early_refresh";
        case TermsProblem::jitter_of_never:
        case TermsProblem::jitter_range:
            return "jitter";
        case TermsProblem::nothing_expires:
            return "expires";
        case TermsProblem::missing_outlives_entries:
        case TermsProblem::remember_missing_range:
            return "remember_missing";
        case TermsProblem::load_timeout_range:
            return "load_timeout";
        case TermsProblem::lease_wait_range:
            return "lease_wait";
        case TermsProblem::load_backoff_range:
            return "load_backoff";
        case TermsProblem::verify_range:
            return "verify";
    }
    return {};
}

std::string_view to_string(TermsProblem problem) noexcept {
    switch (problem) {
        case TermsProblem::none:
            return {};
        case TermsProblem::stale_while_refresh_of_never:
        case TermsProblem::stale_if_error_of_never:
        case TermsProblem::early_refresh_of_never:
        case TermsProblem::jitter_of_never:
            return " is about the end of entries, and these have none: give expires, too";
        case TermsProblem::nothing_expires:
            return " is 0: nothing is stored that could be served stale, be refreshed or end "
                   "earlier";
        case TermsProblem::stale_while_refresh_range:
        case TermsProblem::stale_if_error_range:
        case TermsProblem::remember_missing_range:
            return " is negative";
        case TermsProblem::early_refresh_range:
            return " is not a number from 0 to less than 1000";
        case TermsProblem::jitter_range:
            return " is not a number from 0 to less than 1";
        case TermsProblem::missing_outlives_entries:
            return " is longer than expires";
        case TermsProblem::load_timeout_range:
            return " leaves a load no time; without a limit it is never";
        case TermsProblem::lease_wait_range:
        case TermsProblem::load_backoff_range:
            return " is not a time from 0 to a day";
        case TermsProblem::verify_range:
            return " is not a number from 0 to 1";
    }
    return {};
}

}  // namespace cachemodel::detail
