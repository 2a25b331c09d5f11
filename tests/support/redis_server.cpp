// cachemodel: a real Redis server for one test.
// SPDX-License-Identifier: MIT
#include "support/redis_server.hpp"

#include <chrono>
#include <stdexcept>
#include <thread>
#include <utility>

namespace cachemodel::support {

namespace {

constexpr std::chrono::seconds start_limit{10};

}  // namespace

RealRedis::RealRedis(Transport transport, std::vector<std::string> arguments)
    : transport_(transport),
      arguments_(std::move(arguments)),
      socket_((directory_.path() / "redis.sock").string()) {
    if (transport_ == Transport::tcp) {
        // Closed again at once: the port is free, and nobody else is given it so soon.
        static_cast<void>(listen_tcp(port_, 1));
    }
    start();
}

RedisOptions RealRedis::options() const {
    RedisOptions options;
    if (transport_ == Transport::unix_socket) {
        options.socket = socket_;
    } else {
        options.host = "127.0.0.1";
        options.port = port_;
    }
    options.deadline = std::chrono::seconds{10};
    return options;
}

void RealRedis::kill() noexcept { process_.reset(); }

void RealRedis::start() {
    std::vector<std::string> command{"redis-server", "--save", "", "--appendonly", "no"};
    command.insert(command.end(), {"--dir", directory_.path().string(), "--logfile", "log"});
    if (transport_ == Transport::unix_socket) {
        command.insert(command.end(), {"--port", "0", "--unixsocket", socket_});
    } else {
        command.insert(command.end(), {"--bind", "127.0.0.1", "--port", std::to_string(port_)});
    }
    command.insert(command.end(), arguments_.begin(), arguments_.end());
    process_.emplace(command);

    const auto limit = std::chrono::steady_clock::now() + start_limit;
    while (std::chrono::steady_clock::now() < limit) {
        if (!process_->is_running()) {
            throw std::runtime_error{"redis-server ended at once; is the program installed?"};
        }
        // With a password it answers too, that it wants it.
        const auto answer = ask("PING\r\n");
        if (answer.starts_with("+PONG") || answer.starts_with("-NOAUTH")) return;
        std::this_thread::sleep_for(std::chrono::milliseconds{2});
    }
    throw std::runtime_error{"redis-server does not answer"};
}

void RealRedis::restart() {
    kill();
    start();
}

void RealRedis::hang() const { process_->stop(); }

void RealRedis::go_on() const { process_->go_on(); }

std::string RealRedis::ask(const std::string& commands, const std::string& end) const {
    const auto client = connect(transport_, socket_, port_);
    std::string answer;
    if (!client.is_open() || !send_all(client.number(), commands)) return answer;
    while (!answer.ends_with(end)) {
        const auto more = receive_some(client.number());
        if (more.empty()) break;
        answer += more;
    }
    return answer;
}

RedisMonitor::RedisMonitor(const RedisOptions& server)
    : client_(server.socket.empty() ? connect_tcp(server.port) : connect_unix(server.socket)) {
    send_all(client_.number(), "MONITOR\r\n");
    while (!heard_.ends_with("\r\n")) {
        const auto more = receive_some(client_.number());
        if (more.empty()) throw std::runtime_error{"redis-server does not let itself be monitored"};
        heard_ += more;
    }
    heard_.clear();
}

std::vector<std::string> RedisMonitor::commands_until(const std::string& last) {
    std::vector<std::string> commands;
    for (;;) {
        for (auto end = heard_.find("\r\n"); end != std::string::npos; end = heard_.find("\r\n")) {
            // +1700000000.000000 [0 unix:/run/redis.sock] "SET" "k" "v"
            const auto line = heard_.substr(0, end);
            heard_.erase(0, end + 2);
            const auto begin = line.find("] ");
            if (begin == std::string::npos || line.substr(0, begin).ends_with(" lua")) continue;
            commands.push_back(line.substr(begin + 2));
            if (commands.back() == last) return commands;
        }
        const auto more = receive_some(client_.number());
        if (more.empty()) throw std::runtime_error{"redis-server went away"};
        heard_ += more;
    }
}

}  // namespace cachemodel::support
