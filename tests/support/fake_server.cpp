// cachemodel: a server that a test plays, to answer what no real one would.
// SPDX-License-Identifier: MIT
#include "support/fake_server.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace cachemodel::support {

std::string Caller::read_line() {
    for (;;) {
        const auto end = buffer_.find("\r\n");
        if (end != std::string::npos) {
            auto line = buffer_.substr(0, end);
            buffer_.erase(0, end + 2);
            return line;
        }
        const auto more = receive_some(socket_);
        if (more.empty()) return {};
        buffer_ += more;
    }
}

std::vector<std::string> Caller::read_command() {
    std::vector<std::string> words;
    const auto count = read_line();
    if (!count.starts_with('*')) return words;
    for (auto left = std::stoul(count.substr(1)); left > 0; --left) {
        const auto size = read_line();
        if (!size.starts_with('$')) return {};
        const auto length = std::stoul(size.substr(1));
        while (buffer_.size() < length + 2) {
            const auto more = receive_some(socket_);
            if (more.empty()) return {};
            buffer_ += more;
        }
        words.push_back(buffer_.substr(0, length));
        buffer_.erase(0, length + 2);
    }
    return words;
}

void Caller::skip(std::size_t size) {
    while (buffer_.size() < size) {
        const auto more = receive_some(socket_);
        if (more.empty()) return;
        buffer_ += more;
    }
    buffer_.erase(0, size);
}

bool Caller::send(const std::string& bytes) { return send_all(socket_, bytes); }

bool Caller::drip(const std::string& bytes, std::chrono::milliseconds pause) {
    return std::all_of(bytes.begin(), bytes.end(), [&](char byte) {
        std::this_thread::sleep_for(pause);
        return !is_ending_ && send(std::string(1, byte));
    });
}

void Caller::stay_silent() {
    while (!receive_some(socket_).empty()) continue;
}

FakeServer::FakeServer(Script script, Transport transport)
    : script_(std::move(script)), socket_((directory_.path() / "fake.sock").string()) {
    listener_ =
        transport == Transport::unix_socket ? listen_unix(socket_, 100) : listen_tcp(port_, 100);
    acceptor_ = std::thread{[this] { accept_all(); }};
}

FakeServer::~FakeServer() {
    is_ending_ = true;
    ::shutdown(listener_.number(), SHUT_RDWR);
    acceptor_.join();
    {
        const std::lock_guard lock{mutex_};
        for (const auto& socket : open_) ::shutdown(socket.number(), SHUT_RDWR);
    }
    for (auto& caller : callers_) caller.join();
}

void FakeServer::accept_all() {
    for (;;) {
        const int socket = ::accept4(listener_.number(), nullptr, nullptr, SOCK_CLOEXEC);
        if (socket == -1 && errno == EMFILE && !is_ending_) {
            std::this_thread::yield();  // a test takes all descriptors for a while
            continue;
        }
        if (socket == -1) return;
        ++connections_;
        const std::lock_guard lock{mutex_};
        const auto place = open_.emplace(open_.end(), socket);
        callers_.emplace_back([this, place] {
            Caller caller{place->number(), is_ending_};
            script_(caller);
            const std::lock_guard ended{mutex_};
            open_.erase(place);
        });
    }
}

MemcachedServer FakeServer::address() const {
    if (port_ == 0) return {.host = {}, .socket = socket_};
    return {.host = "127.0.0.1", .port = port_, .socket = {}};
}

FakeServer::Script FakeServer::answers(std::string answer) {
    return [answer = std::move(answer)](Caller& caller) {
        while (!caller.read_line().empty() && caller.send(answer)) continue;
    };
}

FakeServer::Script FakeServer::answers_commands(std::string answer) {
    return [answer = std::move(answer)](Caller& caller) {
        while (!caller.read_command().empty() && caller.send(answer)) continue;
    };
}

FakeServer::Script FakeServer::answers_and_closes(std::string answer) {
    return [answer = std::move(answer)](Caller& caller) {
        if (!caller.read_line().empty()) caller.send(answer);
    };
}

}  // namespace cachemodel::support
