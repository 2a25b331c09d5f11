// cachemodel: one connection to a server that never blocks.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/error.hpp>

#include <sys/socket.h>
#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cachemodel::net {

using TimePoint = std::chrono::steady_clock::time_point;

/// Where a server listens.
struct Endpoint {
    std::string name;  ///< for messages: `host:port`, or the socket's path
    std::string host;
    std::uint16_t port = 0;
    std::string socket;  ///< a unix socket's path; then there is neither host nor port
};

/// Why a connection is of no more use.
struct Trouble {
    enum class Kind : std::uint8_t {
        unreachable,  ///< it could not be made
        own,          ///< it could not be made, since this side lacks what it takes
        lost,         ///< the server closed it, or the network did
        refused,      ///< the server says that it cannot
        unwelcome,    ///< the server turns the connection away: another one would fare no better
        ended,        ///< by an answer: what has none yet was not looked at, and may be asked again
        nonsense,     ///< the answer is none that the server may give
        unfit,        ///< the answer is sound, but more than this side takes
        slow,         ///< the deadline passed
    };
    Kind kind;
    std::string what;
    BackendFault fault = BackendFault::unavailable;  ///< of what the server says
};

/// One place that a socket can be connected to.
struct Address {
    sockaddr_storage bytes;
    socklen_t size;
    int family;
};

/// Where a server's name leads to: looked up when it is first needed, and kept.
///
/// Thread safety: may be called concurrently.
class Addresses {
 public:
    using List = std::shared_ptr<const std::vector<Address>>;

    explicit Addresses(Endpoint endpoint) : endpoint_(std::move(endpoint)) {}

    const Endpoint& endpoint() const noexcept { return endpoint_; }

    /// Blocks while the system's resolver does, for a name that is not known yet. Nothing, and
    /// `trouble` says why, when the name leads nowhere.
    List find(std::optional<Trouble>& trouble);

    /// None of `useless` could be connected to: the next `find` looks the name up again.
    void forget(const List& useless) noexcept;

 private:
    const Endpoint endpoint_;
    std::mutex mutex_;
    List known_;
};

/// A socket and the bytes that wait on either side of it.
///
/// No call blocks, but for `Addresses::find` and `await`. Whoever owns the connection
/// polls for `events()`, until `wakes_at()` while it is not open, and calls on.
class Connection {
 public:
    /// Connecting is given up at `limit`.
    Connection(Addresses& addresses, TimePoint limit);
    ~Connection();

    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    bool is_open() const noexcept { return state_ == State::open; }
    int socket() const noexcept { return socket_; }
    short events() const noexcept;
    TimePoint wakes_at() const noexcept { return wakes_at_; }

    /// Goes on with connecting, when the socket is ready or `wakes_at()` has passed.
    std::optional<Trouble> connect(bool ready, TimePoint now);

    /// Nothing has come and the server has not hung up since the last answer.
    bool is_quiet() const noexcept;

    /// What is to be sent: may be appended to at any time, and is empty when all of it went.
    std::string& request() noexcept { return request_; }
    bool has_unsent() const noexcept { return sent_ < request_.size(); }
    /// The server listens no more; what it said before tells why. What is to be sent is forgotten.
    bool is_deaf() const noexcept { return is_deaf_; }
    /// Sends as much as the socket takes at once.
    std::optional<Trouble> send();

    /// Takes in what has come, up to the room there is.
    std::optional<Trouble> receive() { return receive(false); }
    /// The same, but waits for it, for `longest_wait` or a little more: one call of the system less
    /// than polling before it.
    std::optional<Trouble> await() { return receive(true); }
    static constexpr std::chrono::milliseconds longest_wait{10};
    std::string_view answer() const noexcept { return {buffer_.get() + begin_, end_ - begin_}; }
    /// Bytes, in all.
    std::uint64_t received() const noexcept { return received_; }
    /// Nothing waits on either side, and both go on.
    bool is_settled() const noexcept { return begin_ == end_ && !has_unsent() && !is_deaf_; }
    /// Throws the first `size` bytes of the answer away.
    void consume(std::size_t size) noexcept { begin_ += size; }
    /// Makes room for an answer of `size` bytes in one piece.
    void reserve_answer(std::size_t size);
    /// The server has answered something, or made room for more of the request: what it is sent
    /// at first, the system takes for it.
    bool has_progressed() const noexcept { return has_progressed_; }

    /// Makes it ready to be kept for the next call.
    void rest() noexcept;

    /// What conversations have found out about who answers here; each kind has its own numbers.
    std::uint8_t dialect = 0;

 private:
    enum class State : std::uint8_t {
        starting,    ///< the next address is to be tried
        connecting,  ///< the network will tell
        crowded,     ///< the server's queue was full
        open,
    };

    std::optional<Trouble> try_addresses(TimePoint now);
    void open() noexcept;
    std::optional<Trouble> receive(bool waits);
    void give_up_address(int error) noexcept;
    void close_socket() noexcept;

    Addresses& known_addresses_;
    TimePoint limit_;
    TimePoint wakes_at_;
    Addresses::List addresses_;
    std::size_t address_ = 0;
    int last_error_ = 0;  ///< of an address: the last that tells of the server, or the first
    State state_ = State::starting;
    int socket_ = -1;
    pid_t owner_;
    bool has_progressed_ = false;
    bool is_deaf_ = false;
    bool is_full_ = false;  ///< the system has taken what it can

    std::string request_;
    std::size_t sent_ = 0;

    std::unique_ptr<char[]> buffer_;
    std::size_t capacity_ = 0;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    std::uint64_t received_ = 0;
};

}  // namespace cachemodel::net
