// cachemodel: the options that all backends on the network have, and their ranges.
// SPDX-License-Identifier: MIT
#include "net/options.hpp"

#include <sys/un.h>

#include <utility>

#include "config_problem_error.hpp"

namespace cachemodel::net {

void check(bool sound, std::string_view backend, const std::string& problem, Part part,
           std::string_view option) {
    if (sound) return;
    detail::ConfigProblem about{.part = part, .text = std::string{backend} + ": " + problem};
    if (part == Part::options) about.options.emplace_back(option);
    throw detail::ConfigProblemError{std::move(about)};
}

Endpoint checked_endpoint(std::string_view backend, const std::string& host, std::uint16_t port,
                          const std::string& socket) {
    if (socket.empty()) {
        check(!host.empty(), backend, "a server has neither a host nor a socket");
        check(host.find('\0') == std::string::npos, backend, "a host's name contains a zero byte");
        check(port != 0, backend, "the port of " + host + " is 0");
        const bool is_ipv6 = host.find(':') != std::string::npos;
        const auto name = is_ipv6 ? '[' + host + ']' : host;
        return {name + ':' + std::to_string(port), host, port, {}};
    }
    check(host.empty(), backend, "a server has both a host and a socket: " + socket);
    check(socket.front() == '/', backend,
          "the path of a socket must begin with a slash: " + socket);
    check(socket.find('\0') == std::string::npos, backend, "a socket's path contains a zero byte");
    check(socket.size() < sizeof(sockaddr_un::sun_path), backend,
          "the path of a socket is longer than the system allows: " + socket);
    return {socket, {}, 0, socket};
}

}  // namespace cachemodel::net
