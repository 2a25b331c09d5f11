// cachemodel: one connection to a server that never blocks.
// SPDX-License-Identifier: MIT
#include "net/connection.hpp"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace cachemodel::net {

namespace {

constexpr std::size_t usual_buffer = std::size_t{64} << 10;
constexpr std::size_t largest_kept_buffer = std::size_t{256} << 10;

/// A unix socket whose queue is full says so at once and can be tried again only by asking.
constexpr std::chrono::milliseconds crowded_pause{5};

std::string describe(int error) { return std::generic_category().message(error); }

void switch_on(int socket, int level, int option) noexcept {
    const int on = 1;
    // Without these two options everything works, only worse.
    static_cast<void>(setsockopt(socket, level, option, &on, sizeof on));
}

bool would_block(int error) noexcept { return error == EAGAIN || error == EWOULDBLOCK; }

/// This process or machine has no more of what a socket takes.
bool is_own_lack(int error) noexcept {
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

/// It says nothing about the server that a connection to it failed so.
bool is_own_trouble(int error) noexcept {
    // No port is free, no route, or no address of the other one's kind.
    return is_own_lack(error) || error == EADDRNOTAVAIL || would_block(error);
}

Address socket_address(const std::string& path) noexcept {
    sockaddr_un bytes{};
    bytes.sun_family = AF_UNIX;
    path.copy(bytes.sun_path, sizeof bytes.sun_path - 1);
    Address address{{}, sizeof bytes, AF_UNIX};
    std::memcpy(&address.bytes, &bytes, sizeof bytes);
    return address;
}

/// What `getaddrinfo` says with these flags. Where it failed, `errno` may tell more.
int look_up(const Endpoint& endpoint, int flags, std::vector<Address>& addresses) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICSERV | flags;
    addrinfo* found = nullptr;
    errno = 0;
    const int error =
        ::getaddrinfo(endpoint.host.c_str(), std::to_string(endpoint.port).c_str(), &hints, &found);
    if (error != 0) return error;
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner{found, &::freeaddrinfo};
    for (; found != nullptr; found = found->ai_next) {
        Address address{{}, found->ai_addrlen, found->ai_family};
        std::memcpy(&address.bytes, found->ai_addr, found->ai_addrlen);
        addresses.push_back(address);
    }
    return 0;
}

}  // namespace

Addresses::List Addresses::find(std::optional<Trouble>& trouble) {
    {
        const std::lock_guard lock{mutex_};
        if (known_) return known_;
    }
    std::vector<Address> addresses;
    if (!endpoint_.socket.empty()) {
        addresses.push_back(socket_address(endpoint_.socket));
    } else if (look_up(endpoint_, AI_NUMERICHOST, addresses) != 0) {  // not an address, but a name
        if (const int error = look_up(endpoint_, 0, addresses); error != 0) {
            // For want of descriptors, names are also said not to exist.
            const int reason = errno;
            const bool is_own = error == EAI_SYSTEM || error == EAI_MEMORY || is_own_lack(reason);
            const bool has_reason = error == EAI_SYSTEM || is_own_lack(reason);
            trouble = Trouble{is_own ? Trouble::Kind::own : Trouble::Kind::unreachable,
                              "cannot look up the host: " +
                                  (has_reason ? describe(reason) : ::gai_strerror(error))};
            return nullptr;
        }
    }
    auto found = std::make_shared<const std::vector<Address>>(std::move(addresses));
    const std::lock_guard lock{mutex_};
    return known_ = std::move(found);
}

void Addresses::forget(const List& useless) noexcept {
    const std::lock_guard lock{mutex_};
    if (known_ == useless) known_.reset();
}

Connection::Connection(Addresses& addresses, TimePoint limit)
    : known_addresses_(addresses), limit_(limit), wakes_at_(limit), owner_(::getpid()) {}

Connection::~Connection() {
    // A copy of the socket in a forked child must not keep the server waiting, and a child must
    // not end the connection that its parent goes on to use.
    if (socket_ != -1 && owner_ == ::getpid()) ::shutdown(socket_, SHUT_RDWR);
    close_socket();
}

void Connection::close_socket() noexcept {
    if (socket_ != -1) ::close(socket_);
    socket_ = -1;
}

short Connection::events() const noexcept {
    switch (state_) {
        case State::starting:
        case State::crowded:
            return 0;
        case State::connecting:
            return POLLOUT;
        case State::open:
            break;
    }
    return has_unsent() ? POLLIN | POLLOUT : POLLIN;
}

void Connection::give_up_address(int error) noexcept {
    if (last_error_ == 0 || !is_own_trouble(error)) last_error_ = error;
    close_socket();
    ++address_;
    state_ = State::starting;
}

void Connection::open() noexcept {
    state_ = State::open;
    // From now on it is each call that says whether it waits. Where one of these fails, none does.
    const std::chrono::microseconds wait = longest_wait;
    const timeval limit{0, static_cast<suseconds_t>(wait.count())};
    if (::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0) {
        static_cast<void>(::fcntl(socket_, F_SETFL, 0));
    }
}

std::optional<Trouble> Connection::connect(bool ready, TimePoint now) {
    if (!addresses_) {
        std::optional<Trouble> trouble;
        addresses_ = known_addresses_.find(trouble);
        if (trouble) return trouble;
        now = std::chrono::steady_clock::now();
    }
    if (state_ == State::connecting) {
        if (ready) {
            int error = 0;
            socklen_t size = sizeof error;
            if (::getsockopt(socket_, SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
            if (error == 0) {
                open();
                return std::nullopt;
            }
            give_up_address(error);
        } else if (now >= wakes_at_) {
            give_up_address(ETIMEDOUT);
        } else {
            return std::nullopt;
        }
    } else if (state_ == State::crowded) {
        if (now < wakes_at_) return std::nullopt;
        state_ = State::starting;
    }
    return try_addresses(now);
}

std::optional<Trouble> Connection::try_addresses(TimePoint now) {
    int error = 0;
    for (; address_ < addresses_->size(); give_up_address(error)) {
        if (now >= limit_) {
            last_error_ = ETIMEDOUT;
            break;
        }
        const Address& address = (*addresses_)[address_];
        if (socket_ == -1) {
            socket_ = ::socket(address.family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
            if (socket_ == -1) {
                error = errno;
                continue;
            }
            switch_on(socket_, SOL_SOCKET, SO_KEEPALIVE);
            if (address.family != AF_UNIX) switch_on(socket_, IPPROTO_TCP, TCP_NODELAY);
        }
        sockaddr_storage bytes = address.bytes;
        if (::connect(socket_, reinterpret_cast<const sockaddr*>(&bytes), address.size) == 0) {
            open();
            return std::nullopt;
        }
        error = errno;
        if (error == EINPROGRESS || error == EINTR) {
            // Each address left gets an equal part of the time left, so that one that hangs does
            // not keep the next from being tried.
            const auto share = (limit_ - now) / static_cast<long>(addresses_->size() - address_);
            wakes_at_ = now + share;
            state_ = State::connecting;
            return std::nullopt;
        }
        if (would_block(error) && address.family == AF_UNIX) {
            wakes_at_ = std::min(now + crowded_pause, limit_);
            state_ = State::crowded;
            return std::nullopt;
        }
    }
    auto kind = Trouble::Kind::unreachable;
    if (last_error_ == ETIMEDOUT) kind = Trouble::Kind::slow;
    if (is_own_trouble(last_error_)) kind = Trouble::Kind::own;
    if (!is_own_lack(last_error_)) known_addresses_.forget(addresses_);
    return Trouble{kind, "cannot connect: " + describe(last_error_)};
}

bool Connection::is_quiet() const noexcept {
    char byte;
    return begin_ == end_ && ::recv(socket_, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == -1 &&
           would_block(errno);
}

std::optional<Trouble> Connection::send() {
    if (!has_unsent()) return std::nullopt;
    const auto size = ::send(socket_, request_.data() + sent_, request_.size() - sent_,
                             MSG_NOSIGNAL | MSG_DONTWAIT);
    if (size == -1) {
        if (would_block(errno)) is_full_ = true;
        if (would_block(errno) || errno == EINTR) return std::nullopt;
        if (errno != EPIPE && errno != ECONNRESET) {
            return Trouble{Trouble::Kind::lost, "connection lost: " + describe(errno)};
        }
        is_deaf_ = true;
        request_.clear();
        sent_ = 0;
        return std::nullopt;
    }
    if (is_full_) has_progressed_ = true;
    sent_ += static_cast<std::size_t>(size);
    is_full_ = has_unsent();
    if (is_full_) return std::nullopt;
    request_.clear();
    sent_ = 0;
    return std::nullopt;
}

std::optional<Trouble> Connection::receive(bool waits) {
    if (begin_ == end_) begin_ = end_ = 0;
    if (end_ == capacity_) reserve_answer(end_ - begin_ + usual_buffer);
    const auto size =
        ::recv(socket_, buffer_.get() + end_, capacity_ - end_, waits ? 0 : MSG_DONTWAIT);
    if (size > 0) {
        end_ += static_cast<std::size_t>(size);
        received_ += static_cast<std::size_t>(size);
        has_progressed_ = true;
        return std::nullopt;
    }
    if (size == 0) return Trouble{Trouble::Kind::lost, "the server closed the connection"};
    if (would_block(errno) || errno == EINTR) return std::nullopt;
    return Trouble{Trouble::Kind::lost, "connection lost: " + describe(errno)};
}

void Connection::reserve_answer(std::size_t size) {
    const auto waiting = answer();
    if (capacity_ - begin_ >= size) return;
    if (size <= capacity_) {
        std::memmove(buffer_.get(), waiting.data(), waiting.size());
    } else {
        auto larger = std::make_unique_for_overwrite<char[]>(size);
        waiting.copy(larger.get(), waiting.size());
        buffer_ = std::move(larger);
        capacity_ = size;
    }
    end_ -= begin_;
    begin_ = 0;
}

void Connection::rest() noexcept {
    has_progressed_ = is_full_ = false;
    if (request_.capacity() > largest_kept_buffer) request_ = std::string{};
    if (capacity_ > largest_kept_buffer) {
        buffer_.reset();  // made again by the next answer
        capacity_ = begin_ = end_ = 0;
    }
}

}  // namespace cachemodel::net
