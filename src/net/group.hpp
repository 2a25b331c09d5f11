// cachemodel: the servers of a backend, as one process knows them.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/clock.hpp>

#include "net/server.hpp"

#include <atomic>
#include <deque>
#include <vector>

namespace cachemodel::net {

/// The servers of a backend. A child of `fork` gets servers of its own, without connections, as it
/// must not use those that its parent has. Its copies of these stay open until it ends, or starts
/// another program.
///
/// Thread safety: may be called concurrently.
class Group {
 public:
    Group(std::vector<Endpoint> endpoints, Server::Limits limits, const Clock& clock);
    ~Group();

    Group(const Group&) = delete;
    Group& operator=(const Group&) = delete;

    /// In the order of the endpoints.
    std::deque<Server>& servers();

    void close_idle() noexcept;

 private:
    struct Process;

    const std::vector<Endpoint> endpoints_;
    const Server::Limits limits_;
    const Clock& clock_;
    std::atomic<Process*> process_;
};

}  // namespace cachemodel::net
