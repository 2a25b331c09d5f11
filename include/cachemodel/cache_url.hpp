// cachemodel: the URL that configures a cache, taken apart.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/detail/config_problem.hpp>
#include <cachemodel/lifetime.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cachemodel {

/// A cache's URL, such as `memcached://10.0.0.1:11211,10.0.0.2:11211?deadline=100ms`.
///
///     scheme://[[user][:password]@][host[:port][,host[:port]…]][/path][?option=value[&option=value…]]
///
/// User, password, path and option values may be percent-encoded (RFC 3986, section 2.1), and must
/// be where they contain one of `% @ #`, a space, or what ends their part. A `+` stands for itself.
/// Control characters are refused, encoded too. IPv6 addresses stand in brackets, a port is 1 to
/// 65535, a scheme and the names of options are read in any case. A URL has no fragment.
///
/// Whoever understands an option *takes* it; `expect_all_taken` turns what is left into an error,
/// so that a misspelt option cannot go unnoticed. A URL with the option `lenient=true` has warnings
/// in the place of errors about options: what is not understood is left out, as if not given.
///
/// Thread safety: that of a plain value.
class CacheUrl {
 public:
    struct Host {
        std::string name;                   ///< without brackets
        std::optional<std::uint16_t> port;  ///< as written
    };

    /// Errors: `ConfigError` naming the part that makes no sense. A password is never quoted.
    static CacheUrl parse(std::string_view url);

    const std::string& scheme() const noexcept { return scheme_; }
    const std::string& user() const noexcept { return user_; }
    const std::string& password() const noexcept { return password_; }
    const std::vector<Host>& hosts() const noexcept { return hosts_; }
    /// Decoded, with its leading slash; empty where there is none.
    const std::string& path() const noexcept { return path_; }

    /// The URL as it was written, taken options too, with `***` for the password.
    const std::string& redacted() const noexcept { return redacted_; }

    /// Each takes an option out and gives its value, or `otherwise` where it was not given.
    ///
    /// Numbers are whole and not negative, but for those of `take_number` and `take_share`. Sizes
    /// are bytes, with an optional `KiB`, `MiB` or `GiB`. Durations are a number and one of `ns`,
    /// `us`, `ms`, `s`, `min`, `h`, `d`.
    ///
    /// Errors: `ConfigError` naming the option, its value and what was expected.
    std::string take_text(std::string_view option, std::string_view otherwise);
    std::size_t take_size(std::string_view option, std::size_t otherwise, std::size_t least,
                          std::size_t most);
    std::uint64_t take_integer(std::string_view option, std::uint64_t otherwise,
                               std::uint64_t least, std::uint64_t most);
    /// A decimal number such as `2` or `0.1`, from `least` to less than `beyond`.
    double take_number(std::string_view option, double otherwise, double least, double beyond);
    /// A decimal number such as `0.01`, from 0 to 1.
    double take_share(std::string_view option, double otherwise);
    std::chrono::nanoseconds take_duration(std::string_view option,
                                           std::chrono::nanoseconds otherwise,
                                           std::chrono::nanoseconds least,
                                           std::chrono::nanoseconds most);

    /// A number of seconds, such as `60` or `1.5`, a duration, `never` or `none`. A negative number
    /// of seconds is a lifetime that is over, and a warning.
    Lifetime take_lifetime(std::string_view option, Lifetime otherwise);
    /// The same, from `least` to `most`, which may be `never`; no number is negative.
    Lifetime take_lifetime(std::string_view option, Lifetime otherwise, Lifetime least,
                           Lifetime most);
    /// `true` or `false`, `1` or `0`.
    bool take_flag(std::string_view option, bool otherwise);
    /// Which one of `choices`.
    std::size_t take_choice(std::string_view option, std::span<const std::string_view> choices,
                            std::size_t otherwise);

    /// Errors: `ConfigError` naming every option that nobody took, and those that were asked for.
    void expect_all_taken();

    /// What may not be meant as it is written.
    const std::vector<std::string>& warnings() const noexcept { return warnings_; }

 private:
    friend class Cache;  // knows more of the warnings than their texts

    CacheUrl() = default;

    void read_login(std::string_view login);
    void read_hosts(std::string_view list);
    void read_options(std::string_view list);
    std::optional<std::string> take(std::string_view option);
    [[noreturn]] void refuse(std::string why) const;
    [[noreturn]] void refuse(detail::ConfigProblem problem) const;
    /// Errors: `ConfigError`, unless the URL is lenient.
    void refuse_option(detail::ConfigProblem problem);
    void warn(detail::ConfigProblem problem);
    void refuse_value(std::string_view option, std::string_view value, const std::string& expected);

    std::string scheme_;
    std::string user_;
    std::string password_;
    std::vector<Host> hosts_;
    std::string path_;
    std::map<std::string, std::string, std::less<>> options_;
    std::set<std::string, std::less<>> asked_for_;
    std::string redacted_;
    bool is_lenient_ = false;
    std::vector<std::string> warnings_;
    std::vector<detail::ConfigProblem> problems_;  // what each warning tells
};

}  // namespace cachemodel
