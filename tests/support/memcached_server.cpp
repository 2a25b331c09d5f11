// cachemodel: a real memcached for one test.
// SPDX-License-Identifier: MIT
#include "support/memcached_server.hpp"

#include <unistd.h>

#include <chrono>
#include <stdexcept>
#include <thread>
#include <utility>

namespace cachemodel::support {

namespace {

constexpr std::chrono::seconds start_limit{10};

}  // namespace

RealMemcached::RealMemcached(Transport transport, std::vector<std::string> arguments)
    : transport_(transport),
      arguments_(std::move(arguments)),
      socket_((directory_.path() / "memcached.sock").string()) {
    if (transport_ == Transport::tcp) {
        // Closed again at once: the port is free, and nobody else is given it so soon.
        static_cast<void>(listen_tcp(port_, 1));
    }
    start();
}

MemcachedServer RealMemcached::address() const {
    if (transport_ == Transport::unix_socket) return {.host = {}, .socket = socket_};
    return {.host = "127.0.0.1", .port = port_, .socket = {}};
}

std::string RealMemcached::url() const {
    if (transport_ == Transport::unix_socket) return "memcached://" + socket_;
    return "memcached://127.0.0.1:" + std::to_string(port_);
}

void RealMemcached::kill() noexcept { process_.reset(); }

void RealMemcached::start() {
    std::vector<std::string> command{"memcached", "-U", "0"};
    if (transport_ == Transport::unix_socket) {
        command.insert(command.end(), {"-s", socket_});
    } else {
        command.insert(command.end(), {"-l", "127.0.0.1", "-p", std::to_string(port_)});
    }
    if (::geteuid() == 0) command.insert(command.end(), {"-u", "root"});
    command.insert(command.end(), arguments_.begin(), arguments_.end());
    process_.emplace(command);

    const auto limit = std::chrono::steady_clock::now() + start_limit;
    while (std::chrono::steady_clock::now() < limit) {
        if (!process_->is_running()) {
            throw std::runtime_error{"memcached ended at once; is the program installed?"};
        }
        const auto client = connect(transport_, socket_, port_);
        if (client.is_open() && send_all(client.number(), "version\r\n") &&
            receive_some(client.number()).starts_with("VERSION")) {
            return;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds{2});
    }
    throw std::runtime_error{"memcached does not answer"};
}

void RealMemcached::restart() {
    kill();
    start();
}

void RealMemcached::hang() const { process_->stop(); }

void RealMemcached::go_on() const { process_->go_on(); }

std::string RealMemcached::ask(const std::string& command, const std::string& end) const {
    const auto client = connect(transport_, socket_, port_);
    std::string answer;
    if (!client.is_open() || !send_all(client.number(), command)) return answer;
    while (!answer.ends_with(end)) {
        const auto more = receive_some(client.number());
        if (more.empty()) break;
        answer += more;
    }
    return answer;
}

}  // namespace cachemodel::support
