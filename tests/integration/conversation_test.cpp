// cachemodel: which servers count as down, and who is told that a connection is free.
// SPDX-License-Identifier: MIT
#include "net/conversation.hpp"

#include <cachemodel/testing/turnable_clock.hpp>

#include "support/catch.hpp"
#include "support/fake_server.hpp"
#include "support/sockets.hpp"

#include <sys/resource.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

using namespace cachemodel;
using namespace cachemodel::support;
using namespace std::chrono_literals;
using net::Server;
using std::chrono::steady_clock;

namespace {

/// Sends one question, and takes a line as its answer.
class Talk final : public net::Conversation {
 public:
    Talk(Server& server, std::string question)
        : Conversation(server, only), question_(std::move(question)) {}

    std::optional<Failure> failure;

 private:
    static constexpr std::array<std::uint32_t, 1> only{0};

    std::size_t ask(std::size_t /*index*/, std::string& request) override {
        request += question_;
        return 1;
    }
    Heard hear(std::string_view answer) override {
        const auto end = answer.find("\r\n");
        if (end == std::string_view::npos) return Heard::more();
        if (answer.starts_with("nonsense")) return Heard::nonsense();
        ++next_;
        return Heard::done(end + 2);
    }
    void fail(std::size_t /*position*/, const Failure& reason) override { failure = reason; }

    std::string question_;
};

net::Endpoint endpoint_of(const std::string& socket) { return {socket, {}, 0, socket}; }

/// Lets a call ask that may take `allowed`, of which `left` is left; what became of it.
std::optional<BackendFault> ask(Server& server, std::chrono::nanoseconds allowed,
                                std::chrono::nanoseconds left, std::string question = "k\r\n") {
    Talk talk{server, std::move(question)};
    net::Conversation* const talks[] = {&talk};
    net::run(talks, steady_clock::now() + left, allowed);
    return talk.failure ? talk.failure->fault() : std::nullopt;
}

/// What a call with time enough fails with; empty when it is answered.
std::string complaint(Server& server) {
    Talk talk{server, "k\r\n"};
    net::Conversation* const talks[] = {&talk};
    net::run(talks, steady_clock::now() + 10s, 10s);
    return talk.failure ? talk.failure->message() : std::string{};
}

bool is_down(Server& server) {
    net::Lease lease;
    return server.borrow(lease, false, steady_clock::now() + 1s) == Server::Admission::down;
}

constexpr Server::Limits limits{2, 1s, 1h};

/// Takes connections, as many as the server allows at a time, and makes them.
std::list<net::Lease> take_connections(Server& server) {
    std::list<net::Lease> leases;
    const auto limit = steady_clock::now() + 10s;
    while (server.borrow(leases.emplace_back(), false, limit) == Server::Admission::granted) {
        auto& connection = leases.back().connection();
        if (leases.back().was_idle()) continue;
        REQUIRE_FALSE(connection.connect(false, steady_clock::now()));
        REQUIRE(connection.is_open());
    }
    leases.pop_back();
    return leases;
}

/// Plays a firewall that has forgotten the first so many connections: what is said on them is lost.
/// All others are answered.
class ForgottenConnections {
 public:
    explicit ForgottenConnections(int count)
        : server_([this, count](Caller& caller) {
              if (++accepted_ <= count) return caller.stay_silent();
              while (!caller.read_line().empty()) caller.send("END\r\n");
          }) {}

    net::Endpoint endpoint() const { return endpoint_of(server_.socket()); }
    int accepted() const noexcept { return accepted_; }
    void await(int count) const {
        const auto limit = steady_clock::now() + 10s;
        while (accepted_ < count && steady_clock::now() < limit) std::this_thread::yield();
        REQUIRE(accepted_ == count);
    }

 private:
    std::atomic<int> accepted_{0};
    FakeServer server_;
};

/// While it lives, this process can open nothing.
class NoDescriptors {
 public:
    NoDescriptors() {
        REQUIRE(::getrlimit(RLIMIT_NOFILE, &before_) == 0);
        const Descriptor first_free{::dup(0)};
        REQUIRE(first_free.is_open());
        auto limit = before_;
        limit.rlim_cur = static_cast<rlim_t>(first_free.number());
        REQUIRE(::setrlimit(RLIMIT_NOFILE, &limit) == 0);
    }
    ~NoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

    NoDescriptors(const NoDescriptors&) = delete;
    NoDescriptors& operator=(const NoDescriptors&) = delete;

 private:
    rlimit before_{};
};

}  // namespace

TEST_CASE("a server is to blame only by a call that gave it a fair time", "[net][health]") {
    FakeServer silent{[](Caller& caller) { caller.stay_silent(); }};
    Server server{endpoint_of(silent.socket()), limits, Clock::machine()};
    CHECK(ask(server, 1s, 40ms) == BackendFault::timeout);
    CHECK_FALSE(is_down(server));
    CHECK(ask(server, 40ms, 40ms) == BackendFault::timeout);
    CHECK(is_down(server));
}

TEST_CASE("a server that had begun to answer a late call is not to blame either", "[net][health]") {
    FakeServer dripping{[](Caller& caller) {
        if (!caller.read_line().empty()) caller.drip(std::string(1000, 'x'), 2ms);
    }};
    Server server{endpoint_of(dripping.socket()), limits, Clock::machine()};
    for (int i = 0; i < 4; ++i) CHECK(ask(server, 1s, 20ms) == BackendFault::timeout);
    CHECK_FALSE(is_down(server));
    for (int i = 0; i < 3; ++i) CHECK(ask(server, 20ms, 20ms) == BackendFault::timeout);
    CHECK(is_down(server));
}

TEST_CASE("connecting that a call's own deadline cut short does not blame the server",
          "[net][health]") {
    TemporaryDirectory directory;
    const auto path = (directory.path() / "full.sock").string();
    const auto listener = listen_unix(path, 0);
    const auto first = connect_unix(path);  // fills the queue

    Server server{endpoint_of(path), limits, Clock::machine()};
    CHECK(ask(server, 1s, 40ms) == BackendFault::timeout);
    CHECK_FALSE(is_down(server));
    // Half of what the call may take is as fair as the whole time for connecting.
    CHECK(ask(server, 60ms, 40ms) == BackendFault::timeout);
    CHECK(is_down(server));
}

TEST_CASE("a server that takes bytes the whole time is slow, not out of reach", "[net][health]") {
    FakeServer slow{[](Caller& caller) {
        while (!caller.read_line().empty()) std::this_thread::sleep_for(1ms);
    }};
    Server server{endpoint_of(slow.socket()), limits, Clock::machine()};
    std::string large;
    for (int i = 0; i < 500; ++i) large += std::string(64'000, 'x') + "\r\n";
    for (int i = 0; i < 2; ++i) CHECK(ask(server, 150ms, 150ms, large) == BackendFault::timeout);
    CHECK_FALSE(is_down(server));
    CHECK(ask(server, 150ms, 150ms, large) == BackendFault::timeout);
    CHECK(is_down(server));
}

TEST_CASE("a server that takes no more than the system keeps for it is out of reach",
          "[net][health]") {
    TemporaryDirectory directory;
    const auto path = (directory.path() / "deaf.sock").string();
    const auto listener = listen_unix(path, 5);  // accepts nobody
    Server server{endpoint_of(path), limits, Clock::machine()};
    CHECK(ask(server, 40ms, 40ms, std::string(std::size_t{4} << 20, 'x')) == BackendFault::timeout);
    CHECK(is_down(server));
}

TEST_CASE("connections kept from before that went silent cost one call, and not the server",
          "[net][health]") {
    ForgottenConnections network{3};
    Server server{network.endpoint(), {3, 1s, 1h}, Clock::machine()};
    for (auto& lease : take_connections(server)) lease.give_back(net::Health::answered);
    network.await(3);

    // One is in use while silence on another tells of all three.
    net::Lease busy;
    REQUIRE(server.borrow(busy, false, steady_clock::now()) == Server::Admission::granted);
    REQUIRE(busy.was_idle());
    CHECK(ask(server, 40ms, 40ms) == BackendFault::timeout);
    busy.give_back(net::Health::undecided);
    CHECK(ask(server, 10s, 10s) == std::nullopt);
    CHECK(ask(server, 10s, 10s) == std::nullopt);
    CHECK(network.accepted() == 4);
}

TEST_CASE("silence on several connections kept from before is told once", "[net][health]") {
    ForgottenConnections network{2};
    Server server{network.endpoint(), {3, 1s, 1h}, Clock::machine()};
    auto leases = take_connections(server);
    network.await(3);
    for (auto& lease : leases) lease.give_back(net::Health::answered);
    leases = take_connections(server);
    leases.front().drop(net::Health::forgotten);
    CHECK(ask(server, 10s, 10s) == std::nullopt);  // leaves a connection of its own
    leases.back().drop(net::Health::forgotten);
    CHECK(ask(server, 10s, 10s) == std::nullopt);
    CHECK(network.accepted() == 4);
}

TEST_CASE("a new connection that stays silent too blames the server", "[net][health]") {
    ForgottenConnections network{4};
    Server server{network.endpoint(), limits, Clock::machine()};
    for (auto& lease : take_connections(server)) lease.give_back(net::Health::answered);
    network.await(2);
    CHECK(ask(server, 40ms, 40ms) == BackendFault::timeout);
    CHECK(ask(server, 40ms, 40ms) == BackendFault::timeout);
    CHECK(is_down(server));
    network.await(3);
}

TEST_CASE("a server that counts as down is tried on a new connection", "[net][health]") {
    ForgottenConnections network{2};
    Server server{network.endpoint(), {2, 1s, 0s}, Clock::machine()};
    auto leases = take_connections(server);
    network.await(2);
    leases.front().give_back(net::Health::answered);
    leases.back().drop(net::Health::unreachable);
    CHECK(ask(server, 10s, 10s) == std::nullopt);
    CHECK(network.accepted() == 3);
}

TEST_CASE("a server that hangs up on every call is left alone", "[net][health]") {
    FakeServer rude{[](Caller& caller) { static_cast<void>(caller.read_line()); }};
    Server server{endpoint_of(rude.socket()), limits, Clock::machine()};
    for (int i = 0; i < 5; ++i) {
        CHECK_FALSE(is_down(server));
        CHECK(ask(server, 10s, 10s) == BackendFault::unavailable);
    }
    CHECK(is_down(server));
    CHECK_THAT(complaint(server),
               Catch::Matchers::Contains("not asked, down for ") &&
                   Catch::Matchers::EndsWith("the server closed the connection"));
}

TEST_CASE("a server that talks nonsense on half of its calls is left alone", "[net][health]") {
    std::atomic<int> calls{0};
    FakeServer drunk{[&](Caller& caller) {
        while (!caller.read_line().empty()) {
            caller.send(++calls % 2 == 0 ? "nonsense\r\n" : "END\r\n");
        }
    }};
    Server server{endpoint_of(drunk.socket()), limits, Clock::machine()};
    for (int i = 0; i < 10; ++i) {
        CHECK(ask(server, 10s, 10s) == std::nullopt);
        CHECK_FALSE(is_down(server));
        CHECK(ask(server, 10s, 10s) == BackendFault::protocol);
    }
    CHECK(is_down(server));
}

TEST_CASE("a server that closes connections kept from before is well", "[net][health]") {
    FakeServer forgetful{[](Caller& caller) {
        static_cast<void>(caller.read_line());
        caller.send("END\r\n");
        static_cast<void>(caller.read_line());  // and hangs up
    }};
    Server server{endpoint_of(forgetful.socket()), limits, Clock::machine()};
    for (int i = 0; i < 30; ++i) CHECK(ask(server, 10s, 10s) == std::nullopt);
    CHECK_FALSE(is_down(server));
}

TEST_CASE("a server that went down is tried by one call alone, however long that takes",
          "[net][health]") {
    testing::TurnableClock clock;
    Server server{endpoint_of("/nowhere"), {8, 10s, 1s}, clock};
    CHECK(ask(server, 10s, 10s) == BackendFault::unavailable);
    CHECK(is_down(server));
    clock.advance(1s);

    net::Lease alone;
    const auto limit = steady_clock::now() + 10s;
    REQUIRE(server.borrow(alone, false, limit) == Server::Admission::granted);
    clock.advance(2s);
    CHECK(is_down(server));
    alone.drop(net::Health::answered);
    CHECK_FALSE(is_down(server));
}

TEST_CASE("a process without free descriptors does not blame the server", "[net][health]") {
    FakeServer fake{FakeServer::answers("END\r\n")};
    Server server{endpoint_of(fake.socket()), limits, Clock::machine()};
    CHECK(ask(server, 10s, 10s) == std::nullopt);
    net::Lease kept;
    REQUIRE(server.borrow(kept, false, steady_clock::now()) == Server::Admission::granted);
    REQUIRE(kept.was_idle());
    {
        const NoDescriptors none;
        CHECK(complaint(server) ==
              "unavailable: " + fake.socket() + ": cannot connect: Too many open files");
        kept.give_back(net::Health::undecided);
        CHECK(complaint(server) == "");
    }
    CHECK(complaint(server) == "");
    CHECK(fake.connections() == 1);
}

TEST_CASE("a name that cannot be looked up for want of descriptors does not blame the server",
          "[net][health]") {
    FakeServer fake{FakeServer::answers("END\r\n"), Transport::tcp};
    Server server{{"localhost", "localhost", fake.port(), {}}, limits, Clock::machine()};
    {
        const NoDescriptors none;
        for (int i = 0; i < 2; ++i) {
            CHECK(complaint(server) ==
                  "unavailable: localhost: cannot look up the host: Too many open files");
        }
    }
    CHECK(complaint(server) == "");
}

TEST_CASE("that a connection is free is passed on by whom the news reached too late",
          "[net][threads]") {
    constexpr Server::Limits one{1, 1s, 0s};
    for (int round = 0; round < 40; ++round) {
        Server server{endpoint_of("/nowhere"), one, Clock::machine()};
        std::optional<net::Lease> held{std::in_place};
        const auto begin = steady_clock::now();
        CHECK(server.borrow(*held, false, begin + 9s) == Server::Admission::granted);
        const auto early = begin + 6ms;
        const auto late = begin + 5s;
        std::thread first{
            [&] { static_cast<void>(ask(server, 6ms, early - steady_clock::now())); }};
        std::this_thread::sleep_for(1ms);
        bool was_woken = false;
        std::thread second{[&] {
            server.wait(late);
            was_woken = steady_clock::now() < late;
        }};
        // Just before the first one's time is over.
        std::this_thread::sleep_until(early - std::chrono::microseconds{70 + round % 8 * 10});
        held.reset();
        first.join();
        second.join();
        CHECK(was_woken);
        if (!was_woken) break;
    }
}

TEST_CASE("everybody who waits for a connection hears that the server is down", "[net][threads]") {
    constexpr Server::Limits one{1, 1s, 1h};
    Server server{endpoint_of("/nowhere"), one, Clock::machine()};
    net::Lease held;
    const auto limit = steady_clock::now() + 2s;
    CHECK(server.borrow(held, false, limit) == Server::Admission::granted);
    std::atomic<int> told{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            if (ask(server, 2s, limit - steady_clock::now()) == BackendFault::unavailable) ++told;
        });
    }
    std::this_thread::sleep_for(20ms);
    held.drop(net::Health::unreachable);
    for (auto& thread : threads) thread.join();
    CHECK(told == 4);
    CHECK(steady_clock::now() < limit);
}
