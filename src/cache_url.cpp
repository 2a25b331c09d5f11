// cachemodel: the URL that configures a cache, taken apart.
// SPDX-License-Identifier: MIT
#include <cachemodel/cache_url.hpp>

#include <cachemodel/error.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <iterator>
#include <limits>
#include <span>
#include <system_error>
#include <utility>

namespace cachemodel {

namespace {

using namespace std::string_view_literals;

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

// Not those of <cctype>: these must not depend on the locale.
constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
constexpr bool is_letter(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
constexpr bool is_control(char c) noexcept {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}
constexpr char to_lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

constexpr bool is_scheme_character(char c) noexcept {
    return is_letter(c) || is_digit(c) || c == '+' || c == '-' || c == '.';
}
constexpr bool is_host_character(char c) noexcept {
    return is_letter(c) || is_digit(c) || c == '-' || c == '.' || c == '_';
}
constexpr bool is_option_character(char c) noexcept {
    return is_letter(c) || is_digit(c) || c == '_' || c == '-' || c == '.';
}

int hex_value(char c) noexcept {
    if (is_digit(c)) return c - '0';
    const char lower = to_lower(c);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/// The text without percent-encoding; nothing where the encoding is broken or hides a control
/// character, which no part of a URL may have.
std::optional<std::string> decoded(std::string_view text) {
    std::string plain;
    plain.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        char c = text[i];
        if (c == '%') {
            if (text.size() - i < 3) return std::nullopt;
            const int high = hex_value(text[i + 1]);
            const int low = hex_value(text[i + 2]);
            if (high < 0 || low < 0) return std::nullopt;
            c = static_cast<char>(high * 16 + low);
            if (is_control(c)) return std::nullopt;
            i += 2;
        }
        plain += c;
    }
    return plain;
}

constexpr auto encoding_rule =
    " is not percent-encoded as it should be: % and two hexadecimal digits, no control character";

/// All of `digits` as a number; nothing where it is not one or does not fit.
std::optional<std::uint64_t> parse_number(std::string_view digits) {
    std::uint64_t number = 0;
    const char* end = digits.data() + digits.size();
    const auto [stopped_at, error] = std::from_chars(digits.data(), end, number);
    if (error != std::errc{} || stopped_at != end) return std::nullopt;
    return number;
}

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

/// `amount` in the largest unit that it is a multiple of.
std::string in_units(std::uint64_t amount, std::span<const Unit> units) {
    const Unit* best = &units.front();
    for (const Unit& unit : units) {
        if (amount != 0 && amount % unit.factor == 0) best = &unit;
    }
    return std::to_string(amount / best->factor).append(best->name);
}

std::string in_quotes(std::string_view text) { return std::string{'"'}.append(text) + '"'; }

/// Whether at most two letters have to be changed, added or left out to make `meant` of `written`
/// (Levenshtein distance).
bool is_misspelt(std::string_view written, std::string_view meant) {
    std::vector<std::size_t> row(meant.size() + 1);
    for (std::size_t i = 0; i < row.size(); ++i) row[i] = i;
    for (std::size_t i = 0; i < written.size(); ++i) {
        std::size_t diagonal = std::exchange(row[0], i + 1);
        for (std::size_t j = 0; j < meant.size(); ++j) {
            const std::size_t changed = diagonal + (written[i] == meant[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({changed, row[j] + 1, row[j + 1] + 1});
        }
    }
    return row.back() <= 2;
}

bool is_ipv6(const std::string& address) {
    in6_addr ignored{};
    return ::inet_pton(AF_INET6, address.c_str(), &ignored) == 1;
}

}  // namespace

// What is wrong is named, not quoted: with a login that is written wrongly, a piece of the password
// may stand where a host, a port or a path is expected.
CacheUrl CacheUrl::parse(std::string_view text) {
    CacheUrl url;
    if (std::any_of(text.begin(), text.end(), [](char c) { return is_control(c) || c == ' '; })) {
        throw ConfigError("cache URL: it contains a space or a control character");
    }
    const std::size_t scheme_length = text.find("://"sv);
    if (scheme_length == std::string_view::npos) {
        throw ConfigError("cache URL: it does not begin with a scheme, such as memory://");
    }
    const auto scheme = text.substr(0, scheme_length);
    if (scheme.empty() || !is_letter(scheme.front()) ||
        !std::all_of(scheme.begin(), scheme.end(), is_scheme_character)) {
        throw ConfigError(
            "cache URL: its scheme is not a letter followed by letters, digits, +, - or .");
    }
    std::transform(scheme.begin(), scheme.end(), std::back_inserter(url.scheme_), to_lower);

    const auto rest = text.substr(scheme_length + 3);
    if (rest.find('#') != std::string_view::npos) {
        url.refuse("it has a fragment (#); a # that belongs to another part is written %23");
    }
    const std::size_t authority_length = std::min(rest.find_first_of("/?"sv), rest.size());
    const std::size_t path_length =
        std::min(rest.find('?', authority_length), rest.size()) - authority_length;
    const auto authority = rest.substr(0, authority_length);
    const auto path = rest.substr(authority_length, path_length);

    // Were an @ legal further right, then a / in a password would turn user and password into a
    // host and its port, and nobody would be told.
    const std::size_t at = rest.find('@');
    if (at != std::string_view::npos &&
        (at > authority_length || rest.find('@', at + 1) != std::string_view::npos)) {
        url.refuse(
            "an @ stands where none may; in a user or password, @ / ? are written %40 %2F %3F, and "
            "an @ in the path or an option is written %40");
    }
    const bool has_login = at != std::string_view::npos;
    const auto hosts = has_login ? authority.substr(at + 1) : authority;
    if (has_login) {
        if (hosts.empty() && path.empty()) url.refuse("it has a user or password, but no host");
        url.read_login(authority.substr(0, at));
    }
    if (!hosts.empty()) url.read_hosts(hosts);

    auto plain_path = decoded(path);
    if (!plain_path) url.refuse(std::string{"the path"} + encoding_rule);
    url.path_ = std::move(*plain_path);

    const auto options = rest.substr(authority_length + path_length);
    if (!options.empty()) url.read_options(options.substr(1));
    url.is_lenient_ = url.take_flag("lenient", false);

    url.redacted_ = url.scheme_ + "://";
    if (has_login) {
        const auto login = authority.substr(0, at);
        const std::size_t colon = login.find(':');
        url.redacted_.append(login.substr(0, colon));
        url.redacted_.append(colon == std::string_view::npos ? "@" : ":***@");
    }
    url.redacted_.append(hosts).append(path).append(options);
    return url;
}

void CacheUrl::read_login(std::string_view login) {
    const std::size_t colon = login.find(':');
    auto user = decoded(login.substr(0, colon));
    if (!user) refuse(std::string{"the user"} + encoding_rule);
    user_ = std::move(*user);
    if (colon == std::string_view::npos) return;

    auto password = decoded(login.substr(colon + 1));
    if (!password) refuse(std::string{"the password"} + encoding_rule);
    password_ = std::move(*password);
}

void CacheUrl::read_hosts(std::string_view list) {
    for (std::size_t number = 1;; ++number) {
        const auto which = [number] { return "host " + std::to_string(number); };
        const std::size_t comma = list.find(',');
        const auto text = list.substr(0, comma);
        if (text.empty()) refuse(which() + " of the list is empty");

        Host host;
        std::string_view after_name;
        if (text.front() == '[') {
            const std::size_t bracket = text.find(']');
            if (bracket == std::string_view::npos) refuse(which() + " lacks a closing bracket");
            host.name = text.substr(1, bracket - 1);
            if (!is_ipv6(host.name)) refuse(which() + " has brackets, but no IPv6 address in them");
            after_name = text.substr(bracket + 1);
        } else {
            const std::size_t colon = std::min(text.find(':'), text.size());
            host.name = text.substr(0, colon);
            after_name = text.substr(colon);
            if (after_name.find(':', 1) != std::string_view::npos) {
                refuse(which() + " has more than one colon; an IPv6 address stands in brackets");
            }
            if (host.name.empty()) refuse(which() + " has a port, but no name");
            if (!std::all_of(host.name.begin(), host.name.end(), is_host_character)) {
                refuse(which() + " has a character that is not a letter, a digit, -, . or _");
            }
        }
        if (!after_name.empty()) {
            const auto port =
                after_name.front() == ':' ? parse_number(after_name.substr(1)) : std::nullopt;
            if (!port || *port < 1 || *port > 65535) {
                refuse("the port of " + which() + " (" + host.name +
                       ") is not a number from 1 to 65535");
            }
            host.port = static_cast<std::uint16_t>(*port);
        }
        hosts_.push_back(std::move(host));

        if (comma == std::string_view::npos) return;
        list.remove_prefix(comma + 1);
    }
}

void CacheUrl::read_options(std::string_view list) {
    for (std::size_t number = 1;; ++number) {
        const auto which = [number] { return "option " + std::to_string(number); };
        const std::size_t ampersand = list.find('&');
        const auto text = list.substr(0, ampersand);
        const std::size_t equals = text.find('=');
        std::string name{text.substr(0, equals)};
        std::transform(name.begin(), name.end(), name.begin(), to_lower);
        if (name.empty()) refuse(which() + " has no name");
        if (!std::all_of(name.begin(), name.end(), is_option_character)) {
            refuse("the name of " + which() +
                   " has a character that is not a letter, a digit, "
                   "_, - or .");
        }
        if (equals == std::string_view::npos) {
            refuse("option " + in_quotes(name) + " has no value; options are written name=value");
        }
        auto value = decoded(text.substr(equals + 1));
        if (!value) refuse("the value of option " + in_quotes(name) + encoding_rule);
        if (!options_.emplace(name, std::move(*value)).second) {
            refuse("option " + in_quotes(name) + " is given twice");
        }

        if (ampersand == std::string_view::npos) return;
        list.remove_prefix(ampersand + 1);
    }
}

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
                     "a duration such as 250ms, 30s or 15min, from " +
                         in_units(shortest, duration_units) + " to " +
                         in_units(longest, duration_units));
        return otherwise;
    }
    return std::chrono::nanoseconds{static_cast<std::chrono::nanoseconds::rep>(*amount)};
}

Lifetime CacheUrl::take_lifetime(std::string_view option, Lifetime otherwise) {
    const auto value = take(option);
    if (!value) return otherwise;
    if (*value == "never" || *value == "none") return never;
    double seconds = 0;
    const char* const end = value->data() + value->size();
    const auto [stopped_at, error] =
        std::from_chars(value->data(), end, seconds, std::chars_format::fixed);
    if (error == std::errc{} && stopped_at == end && std::isfinite(seconds)) {
        if (seconds < 0) {
            warnings_.push_back("option " + std::string{option} + "=" + *value +
                                ": what is stored has expired at once");
        }
        return std::chrono::duration<double>{seconds};
    }
    const auto amount = parse_with_unit(*value, duration_units);
    if (amount && *amount <= std::uint64_t{std::numeric_limits<std::int64_t>::max()}) {
        return std::chrono::nanoseconds{static_cast<std::int64_t>(*amount)};
    }
    refuse_value(option, *value,
                 "a number of seconds such as 60 or 1.5, a duration such as 15min, or never");
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
    std::string message =
        options_.size() == 1 ? "there is no option named " : "there are no options named ";
    message += listed(options_, [&](const auto& option) { return option.first; });
    for (const auto& option : options_) {
        const std::string& name = option.first;
        const auto meant = std::find_if(asked_for_.begin(), asked_for_.end(),
                                        [&](const auto& each) { return is_misspelt(name, each); });
        if (meant != asked_for_.end()) message += "; " + name + " may be meant as " + *meant;
    }
    message += asked_for_.empty()
                   ? "; it takes none"
                   : "; it takes " + listed(asked_for_, [](const auto& name) { return name; });
    refuse_option(message);
}

std::optional<std::string> CacheUrl::take(std::string_view option) {
    asked_for_.emplace(option);
    const auto found = options_.find(option);
    if (found == options_.end()) return std::nullopt;
    auto value = std::move(found->second);
    options_.erase(found);
    return value;
}

void CacheUrl::refuse(const std::string& why) const {
    throw ConfigError("cache URL (" + scheme_ + "): " + why);
}

void CacheUrl::refuse_option(const std::string& why) {
    if (!is_lenient_) refuse(why);
    warnings_.push_back(why);
}

void CacheUrl::refuse_value(std::string_view option, std::string_view value,
                            const std::string& expected) {
    refuse_option("option " + std::string{option} + "=" + std::string{value} + ": expected is " +
                  expected);
}

}  // namespace cachemodel
