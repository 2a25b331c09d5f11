// cachemodel: plain blocking sockets for the servers that tests start or play.
// SPDX-License-Identifier: MIT
#pragma once

#include "descriptor.hpp"

#include <cstdint>
#include <string>

namespace cachemodel::support {

enum class Transport : std::uint8_t { unix_socket, tcp };

using detail::Descriptor;

/// Errors: `std::system_error`, also when the queue of connections is full.
Descriptor listen_unix(const std::string& path, int backlog);
/// On a free port of the loopback interface, which is written to `port`.
Descriptor listen_tcp(std::uint16_t& port, int backlog);

/// Not open when there is no such server.
Descriptor connect_unix(const std::string& path);
Descriptor connect_tcp(std::uint16_t port);

/// The one or the other.
Descriptor connect(Transport transport, const std::string& path, std::uint16_t port);

/// False when the other side is gone.
bool send_all(int socket, const std::string& bytes) noexcept;
/// Some bytes, or none when the other side is gone.
std::string receive_some(int socket);

}  // namespace cachemodel::support
