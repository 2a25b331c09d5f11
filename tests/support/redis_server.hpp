// cachemodel: a real Redis server for one test.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/backends/redis.hpp>

#include "support/process.hpp"
#include "support/sockets.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace cachemodel::support {

/// Starts the real `redis-server` on a unix socket or a loopback port that only this test knows,
/// without a file to save to, and waits until it answers. It ends with this object.
///
/// Errors: `std::runtime_error` when it does not answer; that it is not installed is such an error.
class RealRedis {
 public:
    explicit RealRedis(Transport transport = Transport::unix_socket,
                       std::vector<std::string> arguments = {});

    /// How a backend reaches it, with patience.
    RedisOptions options() const;

    /// As if the machine lost its power.
    void kill() noexcept;
    /// Starts an empty one at the same address.
    void start();
    void restart();
    /// It keeps its connections and does nothing.
    void hang() const;
    void go_on() const;

    /// Talks to the server behind the backend's back: what it answers to commands of one line each,
    /// until `end` comes.
    std::string ask(const std::string& commands, const std::string& end = "\r\n") const;

 private:
    TemporaryDirectory directory_;
    Transport transport_;
    std::vector<std::string> arguments_;
    std::string socket_;
    std::uint16_t port_ = 0;
    std::optional<Process> process_;
};

/// Sees the commands that a server executes.
class RedisMonitor {
 public:
    explicit RedisMonitor(const RedisOptions& server);

    /// The commands since the last call, a line each without the time, until `last` was seen; those
    /// inside a script are left out.
    std::vector<std::string> commands_until(const std::string& last);

 private:
    Descriptor client_;
    std::string heard_;
};

}  // namespace cachemodel::support
