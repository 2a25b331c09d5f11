// cachemodel: the URL that configures a cache, taken apart.
// SPDX-License-Identifier: MIT
#include <cachemodel/cache_url.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "config_problem_error.hpp"
#include "parse_number.hpp"

namespace cachemodel {

namespace {

using namespace std::string_view_literals;
using detail::ConfigProblem;
using detail::ConfigProblemError;
using detail::parse_number;

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

std::string in_quotes(std::string_view text) { return std::string{'"'}.append(text) + '"'; }

[[noreturn]] void refuse_url(std::string why) {
    throw ConfigProblemError{{.text = std::move(why)}, "cache URL: "};
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
        refuse_url("it contains a space or a control character");
    }
    const std::size_t scheme_length = text.find("://"sv);
    if (scheme_length == std::string_view::npos) {
        refuse_url("it does not begin with a scheme, such as memory://");
    }
    const auto scheme = text.substr(0, scheme_length);
    if (scheme.empty() || !is_letter(scheme.front()) ||
        !std::all_of(scheme.begin(), scheme.end(), is_scheme_character)) {
        refuse_url("its scheme is not a letter followed by letters, digits, +, - or .");
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
        if (hosts.empty() && path.empty()) {
            url.refuse(ConfigProblem{.part = ConfigProblem::Part::login,
                                     .text = "it has a user or password, but no host"});
        }
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
            refuse(ConfigProblem{.part = ConfigProblem::Part::options,
                                 .options = {name},
                                 .text = "option " + in_quotes(name) + " is given twice",
                                 .behind_name = " is given twice"});
        }

        if (ampersand == std::string_view::npos) return;
        list.remove_prefix(ampersand + 1);
    }
}

void CacheUrl::refuse(std::string why) const { refuse(ConfigProblem{.text = std::move(why)}); }

void CacheUrl::refuse(ConfigProblem problem) const {
    throw ConfigProblemError{std::move(problem), "cache URL (" + scheme_ + "): "};
}

}  // namespace cachemodel
