// cachemodel: one cache of a JSON document, as a URL.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/detail/config_problem.hpp>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cachemodel::detail {

/// What a JSON document says about one cache.
struct DescribedCache {
    struct Option {
        std::string member;  ///< what it is called in the document: "OPTIONS.MAX_ENTRIES"
        std::string value;
    };
    using Options = std::map<std::string, Option, std::less<>>;

    std::string scheme;
    std::vector<std::string> locations;
    std::optional<Option> user;
    std::optional<Option> password;
    Options options;  ///< by their names in URLs
};

/// The scheme that BACKEND means: that of one of Django's dotted names, or what it says itself.
std::string scheme_of(std::string_view backend);

/// Letters from A to Z as small ones.
std::string lower_case(std::string_view text);

/// Everything but letters, digits and `-._~` percent-encoded, and `also` left as it is.
std::string percent_encoded(std::string_view text, std::string_view also = {});

/// The URL that says the same.
///
/// Errors: `ConfigError` that begins with the member's name.
std::string url_of(const DescribedCache& cache);

/// What is wrong with the URL, as said about the members of the document.
std::string retold(const ConfigProblem& problem, const DescribedCache& cache);

}  // namespace cachemodel::detail
