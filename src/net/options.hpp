// cachemodel: the options that all backends on the network have, and their ranges.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/cache_url.hpp>
#include <cachemodel/detail/config_problem.hpp>

#include "net/server.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace cachemodel::net {

inline constexpr std::chrono::nanoseconds shortest_time = std::chrono::milliseconds{1};
inline constexpr std::chrono::nanoseconds longest_time = std::chrono::hours{1};
inline constexpr std::size_t most_connections = 10'000;

using Part = detail::ConfigProblem::Part;

/// Errors: `ConfigError` about that part, which begins with `backend` and says `problem`, unless it
/// is sound.
void check(bool sound, std::string_view backend, const std::string& problem,
           Part part = Part::location, std::string_view option = {});

/// The same about an option.
inline void check_option(bool sound, std::string_view backend, std::string_view option,
                         const std::string& problem) {
    check(sound, backend, problem, Part::options, option);
}

/// Errors: `ConfigError` when a server's name or path cannot be used.
Endpoint checked_endpoint(std::string_view backend, const std::string& host, std::uint16_t port,
                          const std::string& socket);

/// `Options` has deadline, connect_timeout, retry_after and connections.
///
/// Errors: `ConfigError` naming the one that is out of its range.
template <class Options>
void check_options(std::string_view backend, const Options& options) {
    const auto is_sound = [](std::chrono::nanoseconds time, std::chrono::nanoseconds least) {
        return time >= least && time <= longest_time;
    };
    check_option(is_sound(options.deadline, shortest_time), backend, "deadline",
                 "deadline is not 1ms to 1h");
    check_option(is_sound(options.connect_timeout, shortest_time), backend, "connect_timeout",
                 "connect_timeout is not 1ms to 1h");
    check_option(is_sound(options.retry_after, std::chrono::nanoseconds{0}), backend, "retry_after",
                 "retry_after is not 0s to 1h");
    check_option(options.connections >= 1 && options.connections <= most_connections, backend,
                 "connections", "connections is not 1 to 10000");
}

/// Takes the same options out of a URL.
template <class Options>
void take_options(CacheUrl& url, Options& options) {
    options.deadline = url.take_duration("deadline", options.deadline, shortest_time, longest_time);
    options.connect_timeout =
        url.take_duration("connect_timeout", options.connect_timeout, shortest_time, longest_time);
    options.retry_after = url.take_duration("retry_after", options.retry_after,
                                            std::chrono::nanoseconds{0}, longest_time);
    options.connections = url.take_integer("connections", options.connections, 1, most_connections);
}

template <class Options>
Server::Limits limits_of(const Options& options) {
    return {options.connections, options.connect_timeout, options.retry_after};
}

}  // namespace cachemodel::net
