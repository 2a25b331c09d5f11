// cachemodel: plain blocking sockets for the servers that tests start or play.
// SPDX-License-Identifier: MIT
#include "support/sockets.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <stdexcept>
#include <system_error>

namespace cachemodel::support {

namespace {

sockaddr_un unix_address(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) throw std::runtime_error{"path too long: " + path};
    path.copy(address.sun_path, path.size());
    return address;
}

sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

Descriptor make_socket(int family) {
    Descriptor made{::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    if (!made.is_open()) throw std::system_error{errno, std::generic_category(), "socket"};
    return made;
}

void check(int result, const char* what) {
    if (result != 0) throw std::system_error{errno, std::generic_category(), what};
}

template <class Address>
Descriptor listen_at(const Address& address, int family, int backlog) {
    auto made = make_socket(family);
    check(::bind(made.number(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
          "bind");
    check(::listen(made.number(), backlog), "listen");
    return made;
}

template <class Address>
Descriptor connect_to(const Address& address, int family) {
    auto made = make_socket(family);
    const auto* where = reinterpret_cast<const sockaddr*>(&address);
    return ::connect(made.number(), where, sizeof address) == 0 ? std::move(made) : Descriptor{};
}

}  // namespace

Descriptor listen_unix(const std::string& path, int backlog) {
    return listen_at(unix_address(path), AF_UNIX, backlog);
}

Descriptor listen_tcp(std::uint16_t& port, int backlog) {
    auto made = listen_at(loopback(0), AF_INET, backlog);
    sockaddr_in address{};
    socklen_t size = sizeof address;
    check(::getsockname(made.number(), reinterpret_cast<sockaddr*>(&address), &size),
          "getsockname");
    port = ntohs(address.sin_port);
    return made;
}

Descriptor connect_unix(const std::string& path) { return connect_to(unix_address(path), AF_UNIX); }

Descriptor connect_tcp(std::uint16_t port) { return connect_to(loopback(port), AF_INET); }

Descriptor connect(Transport transport, const std::string& path, std::uint16_t port) {
    return transport == Transport::unix_socket ? connect_unix(path) : connect_tcp(port);
}

bool send_all(int socket, const std::string& bytes) noexcept {
    for (std::size_t sent = 0; sent < bytes.size();) {
        const auto size = ::send(socket, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
        if (size <= 0) return false;
        sent += static_cast<std::size_t>(size);
    }
    return true;
}

std::string receive_some(int socket) {
    std::array<char, 4096> buffer;
    const auto size = ::recv(socket, buffer.data(), buffer.size(), 0);
    return size > 0 ? std::string(buffer.data(), static_cast<std::size_t>(size)) : std::string{};
}

}  // namespace cachemodel::support
