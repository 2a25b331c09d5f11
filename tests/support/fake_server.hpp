// cachemodel: a server that a test plays, to answer what no real one would.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/backends/memcached.hpp>

#include "support/memcached_server.hpp"
#include "support/process.hpp"
#include "support/sockets.hpp"

#include <atomic>
#include <chrono>
#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace cachemodel::support {

/// One connection of a client to a `FakeServer`.
class Caller {
 public:
    Caller(int socket, const std::atomic<bool>& is_ending)
        : socket_(socket), is_ending_(is_ending) {}

    /// The next line without its end; empty when the client has gone.
    std::string read_line();
    /// The words of the next command in the protocol of Redis; none when the client has gone.
    std::vector<std::string> read_command();
    /// Reads and forgets this many bytes.
    void skip(std::size_t size);
    /// Both are false when the client has gone.
    bool send(const std::string& bytes);
    /// One byte at a time with a pause before each.
    bool drip(const std::string& bytes, std::chrono::milliseconds pause);
    /// Says nothing until the client goes, or the server ends.
    void stay_silent();

 private:
    int socket_;
    const std::atomic<bool>& is_ending_;
    std::string buffer_;
};

/// Calls `script` for each connection, on a thread of its own; the connection is closed when it
/// returns. `script` may be called on several threads at a time.
class FakeServer {
 public:
    using Script = std::function<void(Caller&)>;

    explicit FakeServer(Script script, Transport transport = Transport::unix_socket);
    ~FakeServer();

    FakeServer(const FakeServer&) = delete;
    FakeServer& operator=(const FakeServer&) = delete;

    /// The path of its unix socket, or its port on the loopback interface; the other is empty, or
    /// 0.
    std::string socket() const { return port_ == 0 ? socket_ : std::string{}; }
    std::uint16_t port() const noexcept { return port_; }
    /// The same, for a backend of memcached.
    MemcachedServer address() const;
    int connections() const noexcept { return connections_; }

    /// A script that answers every line with `answer`, and goes on.
    static Script answers(std::string answer);
    /// A script that answers every command of Redis with `answer`, and goes on.
    static Script answers_commands(std::string answer);
    /// A script that answers one line with `answer` and closes the connection.
    static Script answers_and_closes(std::string answer);

 private:
    void accept_all();

    TemporaryDirectory directory_;
    Script script_;
    std::string socket_;
    std::uint16_t port_ = 0;
    Descriptor listener_;
    std::atomic<bool> is_ending_ = false;
    std::atomic<int> connections_ = 0;
    std::mutex mutex_;
    std::list<Descriptor> open_;
    std::vector<std::thread> callers_;
    std::thread acceptor_;
};

}  // namespace cachemodel::support
