// cachemodel: a real memcached for one test.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/backends/memcached.hpp>

#include "support/process.hpp"
#include "support/sockets.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace cachemodel::support {

/// Starts the real `memcached` on a unix socket or a loopback port that only this test knows, and
/// waits until it answers. It ends with this object.
///
/// Errors: `std::runtime_error` when it does not answer; that it is not installed is such an error.
class RealMemcached {
 public:
    explicit RealMemcached(Transport transport = Transport::unix_socket,
                           std::vector<std::string> arguments = {});

    /// How a backend reaches it.
    MemcachedServer address() const;
    std::string url() const;

    /// As if the machine lost its power.
    void kill() noexcept;
    /// Starts an empty one at the same address.
    void start();
    void restart();
    /// It keeps its connections and does nothing.
    void hang() const;
    void go_on() const;

    /// Talks to the server behind the backend's back: the whole answer to `command`, which `end`
    /// ends.
    std::string ask(const std::string& command, const std::string& end) const;

 private:
    TemporaryDirectory directory_;
    Transport transport_;
    std::vector<std::string> arguments_;
    std::string socket_;
    std::uint16_t port_ = 0;
    std::optional<Process> process_;
};

}  // namespace cachemodel::support
