// cachemodel: what the values of a URL's options mean.
// SPDX-License-Identifier: MIT
#include <cachemodel/cache_url.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <span>
#include <system_error>
#include <utility>

#include "config_problem_error.hpp"
#include "misspelt.hpp"
#include "parse_number.hpp"

namespace cachemodel {

namespace {

using detail::ConfigProblem;
using detail::parse_number;

/// A word behind a number, and what it multiplies the number by.
struct Unit {
    std::string_view name;
    std::uint64_t factor;
};

// Smallest first: `in_units` relies on it.
constexpr std::array size_units{Unit{"", 1}, Unit{"KiB", 1ULL << 10}, Unit{"MiB", 1ULL << 20},
                                Unit{"GiB", 1ULL << 30}};
constexpr std::array duration_units{Unit{"ns", 1},
                                    Unit{"us", 1'000},
                                    Unit{"ms", 1'000'000},
                                    Unit{"s", 1'000'000'000},
                                    Unit{"min", 60'000'000'000},
                                    Unit{"h", 3'600'000'000'000},
                                    Unit{"d", 86'400'000'000'000}};

constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

/// A number and one of `units`, multiplied; nothing where it is not that or does not fit.
std::optional<std::uint64_t> parse_with_unit(std::string_view text, std::span<const Unit> units) {
    const auto first_of_unit = std::find_if_not(text.begin(), text.end(), is_digit);
    const auto digit_count = static_cast<std::size_t>(first_of_unit - text.begin());
    const auto number = parse_number(text.substr(0, digit_count));
    const auto unit = std::find_if(units.begin(), units.end(), [&](const Unit& candidate) {
        return candidate.name == text.substr(digit_count);
    });
    if (!number || unit == units.end()) return std::nullopt;
    if (*number > std::numeric_limits<std::uint64_t>::max() / unit->factor) return std::nullopt;
    return *number * unit->factor;
}

/// A number that may have a fraction, without an exponent.
std::optional<double> parse_decimal(std::string_view text) {
    double number = 0;
    const char* const end = text.data() + text.size();
    const auto [stopped_at, error] =
        std::from_chars(text.data(), end, number, std::chars_format::fixed);
    if (error != std::errc{} || stopped_at != end || !std::isfinite(number)) return std::nullopt;
    return number;
}

bool is_negative(std::string_view text) { return parse_decimal(text).value_or(0) < 0; }

std::optional<Lifetime> parse_lifetime(std::string_view text) {
    if (text == "never" || text == "none") return never;
    if (const auto seconds = parse_decimal(text)) return std::chrono::duration<double>{*seconds};
    const auto amount = parse_with_unit(text, duration_units);
    if (!amount || *amount > std::uint64_t{std::numeric_limits<std::int64_t>::max()}) {
        return std::nullopt;
    }
    return std::chrono::nanoseconds{static_cast<std::int64_t>(*amount)};
}

/// The shortest that reads back as it is.
std::string in_digits(double number) {
    std::array<char, 400> digits;  // more than any double has
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number,
                                   std::chars_format::fixed);
    return {digits.data(), end.ptr};
}

/// `amount` in the largest unit that it is a multiple of.
std::string in_units(std::uint64_t amount, std::span<const Unit> units) {
    const Unit* best = &units.front();
    for (const Unit& unit : units) {
        if (amount != 0 && amount % unit.factor == 0) best = &unit;
    }
    return std::to_string(amount / best->factor).append(best->name);
}

std::string in_duration_units(std::uint64_t amount) {
    return amount == 0 ? "0s" : in_units(amount, duration_units);
}

/// A word that is used elsewhere, and the one of this library.
struct Synonym {
    std::string_view word;
    std::string_view meant;
};
constexpr std::array unit_synonyms{
    Synonym{"m", "min"},       Synonym{"mins", "min"},  Synonym{"minute", "min"},
    Synonym{"minutes", "min"}, Synonym{"sec", "s"},     Synonym{"secs", "s"},
    Synonym{"second", "s"},    Synonym{"seconds", "s"}, Synonym{"msec", "ms"},
    Synonym{"hr", "h"},        Synonym{"hrs", "h"},     Synonym{"hour", "h"},
    Synonym{"hours", "h"},     Synonym{"day", "d"},     Synonym{"days", "d"}};
// The terms of RFC 5861, and of other caches.
constexpr std::array option_synonyms{Synonym{"stale_while_revalidate", "stale_while_refresh"},
                                     Synonym{"ttl", "timeout"}};

template <class Synonyms>
std::string_view meant_by(std::string_view word, const Synonyms& synonyms) {
    const auto found = std::find_if(synonyms.begin(), synonyms.end(),
                                    [&](const Synonym& each) { return each.word == word; });
    return found == synonyms.end() ? std::string_view{} : found->meant;
}

/// "; 10min may be meant" where a duration is written with another word for its unit.
std::string hint_at_unit(std::string_view value) {
    const auto digits = value.substr(0, value.find_first_not_of("0123456789"));
    std::string word{value.substr(digits.size())};
    std::transform(word.begin(), word.end(), word.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    const bool is_unit = std::any_of(duration_units.begin(), duration_units.end(),
                                     [&](const Unit& unit) { return unit.name == word; });
    const std::string_view meant = is_unit ? word : meant_by(word, unit_synonyms);
    const std::string written = std::string{digits}.append(meant);
    if (digits.empty() || meant.empty() || written == value) return {};
    return "; " + written + " may be meant";
}

/// `what` stands right behind the option, which may have its value with it.
ConfigProblem about(std::string_view option, const std::string& what) {
    return {.part = ConfigProblem::Part::options,
            .options = {std::string{option}},
            .text = "option " + std::string{option} + what,
            .behind_name = what};
}

}  // namespace

std::string CacheUrl::take_text(std::string_view option, std::string_view otherwise) {
    return take(option).value_or(std::string{otherwise});
}

std::size_t CacheUrl::take_size(std::string_view option, std::size_t otherwise, std::size_t least,
                                std::size_t most) {
    const auto value = take(option);
    if (!value) return otherwise;
    const auto bytes = parse_with_unit(*value, size_units);
    if (!bytes || *bytes < least || *bytes > most) {
        refuse_value(option, *value,
                     "a size such as 512KiB or 64MiB, from " + in_units(least, size_units) +
                         " to " + in_units(most, size_units));
        return otherwise;
    }
    return static_cast<std::size_t>(*bytes);
}

std::uint64_t CacheUrl::take_integer(std::string_view option, std::uint64_t otherwise,
                                     std::uint64_t least, std::uint64_t most) {
    const auto value = take(option);
    if (!value) return otherwise;
    const auto number = parse_number(*value);
    if (!number || *number < least || *number > most) {
        refuse_value(
            option, *value,
            "a whole number from " + std::to_string(least) + " to " + std::to_string(most));
        return otherwise;
    }
    return *number;
}

double CacheUrl::take_number(std::string_view option, double otherwise, double least,
                             double beyond) {
    const auto value = take(option);
    if (!value) return otherwise;
    const auto number = parse_decimal(*value);
    if (number && *number >= least && *number < beyond) return *number;
    refuse_value(option, *value,
                 "a number such as 2 or 0.1, from " + in_digits(least) + " to less than " +
                     in_digits(beyond));
    return otherwise;
}

double CacheUrl::take_share(std::string_view option, double otherwise) {
    const auto value = take(option);
    if (!value) return otherwise;
    const auto number = parse_decimal(*value);
    if (number && *number >= 0 && *number <= 1) return *number;
    refuse_value(option, *value, "a number such as 0.01, from 0 to 1");
    return otherwise;
}

std::chrono::nanoseconds CacheUrl::take_duration(std::string_view option,
                                                 std::chrono::nanoseconds otherwise,
                                                 std::chrono::nanoseconds least,
                                                 std::chrono::nanoseconds most) {
    const auto value = take(option);
    if (!value) return otherwise;
    const auto amount = parse_with_unit(*value, duration_units);
    const auto shortest = static_cast<std::uint64_t>(std::max<std::int64_t>(least.count(), 0));
    const auto longest = static_cast<std::uint64_t>(std::max<std::int64_t>(most.count(), 0));
    if (!amount || *amount < shortest || *amount > longest) {
        refuse_value(option, *value,
                     "a duration such as 250ms, 30s or 15min, from " + in_duration_units(shortest) +
                         " to " + in_duration_units(longest) + hint_at_unit(*value));
        return otherwise;
    }
    return std::chrono::nanoseconds{static_cast<std::chrono::nanoseconds::rep>(*amount)};
}

Lifetime CacheUrl::take_lifetime(std::string_view option, Lifetime otherwise) {
    const auto value = take(option);
    if (!value) return otherwise;
    const auto lifetime = parse_lifetime(*value);
    if (!lifetime) {
        refuse_value(option, *value,
                     "a number of seconds such as 60 or 1.5, a duration such as 15min, or never" +
                         hint_at_unit(*value));
        return otherwise;
    }
    if (is_negative(*value)) {
        warn(about(option, '=' + *value + ": what is stored has expired at once"));
    }
    return *lifetime;
}

Lifetime CacheUrl::take_lifetime(std::string_view option, Lifetime otherwise, Lifetime least,
                                 Lifetime most) {
    const auto value = take(option);
    if (!value) return otherwise;
    const auto lifetime = parse_lifetime(*value);
    if (lifetime && !is_negative(*value) && *lifetime >= least && *lifetime <= most) {
        return *lifetime;
    }
    refuse_value(option, *value,
                 "a number of seconds such as 60 or 1.5 or a duration such as 15min, from " +
                     to_string(least) + " to " + to_string(most) + hint_at_unit(*value));
    return otherwise;
}

bool CacheUrl::take_flag(std::string_view option, bool otherwise) {
    const auto value = take(option);
    if (!value) return otherwise;
    if (*value == "true" || *value == "1") return true;
    if (*value == "false" || *value == "0") return false;
    refuse_value(option, *value, "true or false");
    return otherwise;
}

std::size_t CacheUrl::take_choice(std::string_view option,
                                  std::span<const std::string_view> choices,
                                  std::size_t otherwise) {
    const auto value = take(option);
    if (!value) return otherwise;
    const auto found = std::find(choices.begin(), choices.end(), *value);
    if (found != choices.end()) return static_cast<std::size_t>(found - choices.begin());
    std::string list;
    for (const auto choice : choices) list.append(list.empty() ? "" : " or ").append(choice);
    refuse_value(option, *value, list);
    return otherwise;
}

void CacheUrl::expect_all_taken() {
    if (options_.empty()) return;
    const auto listed = [](const auto& names, auto name_of) {
        std::string list;
        for (const auto& each : names) list.append(list.empty() ? "" : ", ").append(name_of(each));
        return list;
    };
    ConfigProblem problem{.part = ConfigProblem::Part::options, .text = {}};
    std::string& message = problem.text;
    message = options_.size() == 1 ? "there is no option named " : "there are no options named ";
    message += listed(options_, [&](const auto& option) { return option.first; });
    for (const auto& option : options_) {
        const std::string& name = option.first;
        problem.options.push_back(name);
        // redis-py and redis+unix:// have it.
        if (scheme_ == "redis" && name == "db") {
            message += "; the database is the path, redis://h/1";
        }
        if (name == "expires") {
            message +=
                "; models and calls have an expires of their own, and values of the cache "
                "the timeout";
        }
        const std::string_view synonym = meant_by(name, option_synonyms);
        const auto meant = std::find_if(
            asked_for_.begin(), asked_for_.end(),
            [&](const auto& each) { return each == synonym || detail::is_misspelt(name, each); });
        if (meant != asked_for_.end()) message += "; " + name + " may be meant as " + *meant;
    }
    message += asked_for_.empty()
                   ? "; it takes none"
                   : "; it takes " + listed(asked_for_, [](const auto& name) { return name; });
    refuse_option(std::move(problem));
}

std::optional<std::string> CacheUrl::take(std::string_view option) {
    asked_for_.emplace(option);
    const auto found = options_.find(option);
    if (found == options_.end()) return std::nullopt;
    auto value = std::move(found->second);
    options_.erase(found);
    return value;
}

void CacheUrl::refuse_option(ConfigProblem problem) {
    if (!is_lenient_) refuse(std::move(problem));
    warn(std::move(problem));
}

void CacheUrl::warn(ConfigProblem problem) {
    warnings_.push_back(problem.text);
    problems_.push_back(std::move(problem));
}

void CacheUrl::refuse_value(std::string_view option, std::string_view value,
                            const std::string& expected) {
    refuse_option(about(option, '=' + std::string{value} + ": expected is " + expected));
}

}  // namespace cachemodel
