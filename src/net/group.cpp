// cachemodel: the servers of a backend, as one process knows them.
// SPDX-License-Identifier: MIT
#include "net/group.hpp"

#include <unistd.h>

#include <memory>
#include <new>
#include <utility>

namespace cachemodel::net {

struct Group::Process {
    explicit Process(const Group& group) : id(::getpid()) {
        for (const auto& endpoint : group.endpoints_) {
            servers.emplace_back(endpoint, group.limits_, group.clock_);
        }
    }

    const pid_t id;
    std::deque<Server> servers;
};

Group::Group(std::vector<Endpoint> endpoints, Server::Limits limits, const Clock& clock)
    : endpoints_(std::move(endpoints)),
      limits_(limits),
      clock_(clock),
      process_(std::make_unique<Process>(*this).release()) {}

Group::~Group() {
    const auto* process = process_.load();
    // Those of a parent are left alone: threads of the parent may have been using them.
    if (process->id == ::getpid()) delete process;
}

std::deque<Server>& Group::servers() {
    auto* known = process_.load(std::memory_order_acquire);
    if (known->id == ::getpid()) return known->servers;
    auto own = std::make_unique<Process>(*this);
    if (!process_.compare_exchange_strong(known, own.get())) return known->servers;
    // What the parent knew is left alone: threads that this process does not have may hold the
    // locks in it. The connections stay open, too. This process may have closed what it inherited,
    // and `fork` copies descriptors before memory: either way their numbers may name something
    // else.
    return own.release()->servers;
}

void Group::close_idle() noexcept {
    try {
        for (auto& server : servers()) server.close_idle();
    } catch (const std::bad_alloc&) {
        // A forked child that cannot have its own list has no connections to close.
    }
}

}  // namespace cachemodel::net
