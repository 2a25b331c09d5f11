// cachemodel: a blocking socket to memcached, and nothing that could go wrong: the limit.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/backends/memcached.hpp>

#include <sys/socket.h>

#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>

#include "support/sockets.hpp"

namespace cachemodel::bench {

/// Errors: `std::runtime_error` where the connection is lost.
class BareSocket {
 public:
    explicit BareSocket(const MemcachedServer& server)
        : socket_(support::connect(
              server.socket.empty() ? support::Transport::tcp : support::Transport::unix_socket,
              server.socket, server.port)) {
        if (!socket_.is_open()) throw std::runtime_error("no connection to memcached");
        buffer_.resize(std::size_t{256} << 10);
    }

    void send(std::string_view request) const {
        while (!request.empty()) {
            const auto sent =
                ::send(socket_.number(), request.data(), request.size(), MSG_NOSIGNAL);
            if (sent <= 0) throw std::runtime_error("connection lost");
            request.remove_prefix(static_cast<std::size_t>(sent));
        }
    }

    // Valid until the next call.

    std::string_view receive(std::size_t size) {
        received_ = 0;
        while (received_ < size) receive_more(size);
        return {buffer_.data(), size};
    }
    std::string_view receive_until(std::string_view end) {
        received_ = 0;
        do {
            receive_more(received_ + 1);
        } while (!std::string_view{buffer_.data(), received_}.ends_with(end));
        return {buffer_.data(), received_};
    }

 private:
    void receive_more(std::size_t least_room) {
        if (buffer_.size() < least_room) buffer_.resize(2 * least_room);
        const auto size =
            ::recv(socket_.number(), buffer_.data() + received_, buffer_.size() - received_, 0);
        if (size <= 0) throw std::runtime_error("connection lost");
        received_ += static_cast<std::size_t>(size);
    }

    support::Descriptor socket_;
    std::string buffer_;
    std::size_t received_ = 0;
};

}  // namespace cachemodel::bench
