// cachemodel: the Redis backend against servers that misbehave.
// SPDX-License-Identifier: MIT
#include <cachemodel/backends/redis.hpp>

#include "support/backend_calls.hpp"
#include "support/catch.hpp"
#include "support/fake_server.hpp"
#include "support/in_time.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

using namespace cachemodel;
using namespace cachemodel::support;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;

namespace {

RedisOptions options_for(const FakeServer& server) {
    RedisOptions options;
    options.socket = server.socket();
    options.port = server.port();
    if (options.socket.empty()) options.host = "127.0.0.1";
    options.deadline = 10s;
    options.retry_after = 0s;  // every call finds out for itself what the server does
    return options;
}

/// With the deadline of `check_in_time`.
RedisOptions hurried(const FakeServer& server) {
    auto options = options_for(server);
    options.deadline = 200ms;
    return options;
}

std::optional<BackendFault> fault_of(const Read& read) {
    return read.failed() ? read.failure.value().fault() : std::nullopt;
}

std::optional<BackendFault> fault_of(const Outcome& outcome) {
    return outcome.failed() ? outcome.failure().fault() : std::nullopt;
}

std::vector<Outcome> set_many(Backend& backend, const std::vector<std::string>& keys) {
    std::vector<Entry> entries;
    for (const auto& key : keys) entries.push_back({key, "v", never});
    std::vector<Outcome> outcomes(keys.size(), Failure{BackendFault::protocol, "unanswered"});
    backend.store_many(Store::set, entries, outcomes);
    return outcomes;
}

/// Every call with its own words; what each of them makes of the server's answer.
void check_all(const std::string& answer, BackendFault expected) {
    INFO(answer.substr(0, 60));
    FakeServer server{FakeServer::answers_commands(answer)};
    RedisBackend backend{options_for(server)};
    CHECK(fault_of(get(backend, "k")) == expected);
    CHECK(fault_of(get_many(backend, {"k", "l"}).at(1)) == expected);
    CHECK(fault_of(set(backend, "k", "v")) == expected);
    CHECK(fault_of(add(backend, "k", "v")) == expected);
    CHECK(fault_of(compare_and_set(backend, "k", "v", 5)) == expected);
    CHECK(fault_of(remove(backend, "k")) == expected);
    CHECK(fault_of(touch(backend, "k", 1h)) == expected);
    CHECK(fault_of(touch(backend, "k", never)) == expected);
    CHECK(fault_of(increment(backend, "k").outcome) == expected);
    CHECK(fault_of(remaining_lifetime(backend, "k").outcome) == expected);
    CHECK_THROWS_AS(list_keys(backend, "k"), BackendError);
    CHECK_THROWS_AS(backend.clear(), BackendError);
    CHECK_THROWS_AS(backend.facts(), BackendError);
}

}  // namespace

TEST_CASE("a reply that makes no sense is a failure, never a value or a miss",
          "[redis][nonsense]") {
    std::string nested;
    for (int i = 0; i < 10'000; ++i) nested += "*1\r\n";
    const std::vector<std::string> answers{
        "BLAH\r\n",
        "\r\n",
        "END\r\n",
        "HTTP/1.1 400 Bad Request\r\n\r\n",
        "$-2\r\n",
        "$536870913\r\n",
        "$4611686018427387904\r\n",
        "*2000000000\r\n",
        "*-2\r\n",
        "*18446744073709551615\r\n",
        nested,
        std::string(5000, '-'),
        '-' + std::string(1'000'000, 'x'),
        '+' + std::string(5000, 'x') + "\r\n",
        std::string(5000, '\0'),
        "%1\r\n+a\r\n+b\r\n",
        "+WRONG\r\n",
        "*1\r\n*1\r\n+OK\r\n",
    };
    for (const auto& answer : answers) {
        check_all(answer, BackendFault::protocol);
    }
}

TEST_CASE("an answer that makes no sense counts as a call of the server that failed",
          "[redis][nonsense]") {
    FakeServer server{FakeServer::answers_commands("BLAH\r\n")};
    RedisBackend backend{options_for(server)};
    CHECK(fault_of(get(backend, "k")) == BackendFault::protocol);
    CHECK(fault_of(set(backend, "k", "v")) == BackendFault::protocol);
    const auto state = backend.servers().at(0);
    CHECK_FALSE(state.is_down);
    CHECK(state.recent_calls == 2);
    CHECK(state.recent_failures == 2);
}

TEST_CASE("an answer of redis to another command is a failure", "[redis][nonsense]") {
    for (const std::string answer : {"+OK\r\n", "+QUEUED\r\n", ":0\r\n", ":1\r\n", ":7\r\n",
                                     "$1\r\n1\r\n", "$-1\r\n", "*0\r\n", "*-1\r\n"}) {
        INFO(answer);
        FakeServer server{FakeServer::answers_commands(answer)};
        RedisBackend backend{options_for(server)};
        const bool is_nil = answer == "$-1\r\n" || answer == "*-1\r\n";
        const bool is_zero_or_one = answer == ":0\r\n" || answer == ":1\r\n";
        CHECK(get(backend, "k").absent() == is_nil);
        CHECK(get(backend, "k").found() == (answer == "$1\r\n1\r\n"));
        CHECK(fault_of(get_many(backend, {"k", "l"}).at(0)) == BackendFault::protocol);
        CHECK(set(backend, "k", "").done() == (answer == "+OK\r\n"));
        CHECK(add(backend, "k", "").declined() == is_nil);
        CHECK(remove(backend, "k").failed() == !is_zero_or_one);
        CHECK(touch(backend, "k", 1h).failed() == !is_zero_or_one);
        CHECK(touch(backend, "k", never).failed());
        CHECK(compare_and_set(backend, "k", "v", 5).failed());
        CHECK(increment(backend, "k").outcome.failed() == !is_nil);
        CHECK(increment(backend, "k").declined() == is_nil);
        CHECK(remaining_lifetime(backend, "k").outcome.failed() != (answer.starts_with(':')));
        CHECK_THROWS_AS(list_keys(backend, "k"), BackendError);
    }
}

TEST_CASE("errors of the server keep their meaning in every call", "[redis][errors]") {
    check_all("-NOAUTH Authentication required.\r\n", BackendFault::auth);
    check_all("-NOPERM this user has no permissions\r\n", BackendFault::permission);
    check_all("-READONLY You can't write against a read only replica.\r\n",
              BackendFault::permission);
    check_all("-OOM command not allowed when used memory > 'maxmemory'.\r\n", BackendFault::full);
    check_all("-LOADING Redis is loading the dataset in memory\r\n", BackendFault::unavailable);
    check_all("-BUSY Redis is busy running a script.\r\n", BackendFault::unavailable);
    check_all("-MASTERDOWN Link with MASTER is down\r\n", BackendFault::unavailable);
    check_all("-MOVED 3999 127.0.0.1:6381\r\n", BackendFault::unsupported);
    check_all("-ERR something else\r\n", BackendFault::protocol);
    check_all("-\r\n", BackendFault::protocol);
}

TEST_CASE("an error is an answer: the connection goes on", "[redis][errors]") {
    FakeServer server{FakeServer::answers_commands("-LOADING Redis is loading\r\n")};
    RedisBackend backend{options_for(server)};
    for (int i = 0; i < 10; ++i) CHECK(fault_of(get(backend, "k")) == BackendFault::unavailable);
    CHECK(server.connections() == 1);
}

TEST_CASE("an error in the middle of a pipeline is that key's alone", "[redis][errors]") {
    FakeServer server{[](Caller& caller) {
        for (int i = 0;; ++i) {
            const auto command = caller.read_command();
            if (command.empty()) return;
            caller.send(i == 1                     ? "-OOM command not allowed\r\n"
                        : command.front() == "DEL" ? ":1\r\n"
                                                   : "+OK\r\n");
        }
    }};
    RedisBackend backend{options_for(server)};
    const auto outcomes = set_many(backend, {"a", "b", "c"});
    CHECK(outcomes[0].done());
    CHECK(fault_of(outcomes[1]) == BackendFault::full);
    CHECK(outcomes[2].done());
    CHECK(set(backend, "d", "v").done());
    CHECK(server.connections() == 1);
}

TEST_CASE("nonsense in the middle of a pipeline fails what comes after it", "[redis][nonsense]") {
    FakeServer server{[](Caller& caller) {
        for (int i = 0; !caller.read_command().empty(); ++i) {
            caller.send(i == 1 ? "BLAH\r\n" : "+OK\r\n");
        }
    }};
    RedisBackend backend{options_for(server)};
    const auto outcomes = set_many(backend, {"a", "b", "c"});
    CHECK(outcomes[0].done());
    CHECK(fault_of(outcomes[1]) == BackendFault::protocol);
    CHECK(fault_of(outcomes[2]) == BackendFault::protocol);
    CHECK(set(backend, "d", "v").done());
    CHECK(server.connections() == 2);
}

TEST_CASE("an MGET with another number of answers is a failure", "[redis][nonsense]") {
    for (const std::string answer :
         {"*1\r\n$1\r\na\r\n", "*3\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n", "*0\r\n", "*-1\r\n",
          "*2\r\n:1\r\n:2\r\n", "*2\r\n*1\r\n$1\r\na\r\n$1\r\nb\r\n", "$1\r\na\r\n",
          "*2\r\n+a\r\n+b\r\n"}) {
        INFO(answer);
        FakeServer server{FakeServer::answers_commands(answer)};
        RedisBackend backend{options_for(server)};
        const auto reads = get_many(backend, {"k", "l"});
        CHECK(fault_of(reads[0]) == BackendFault::protocol);
        CHECK(fault_of(reads[1]) == BackendFault::protocol);
    }
    FakeServer server{FakeServer::answers_commands("*2\r\n$1\r\na\r\n!\r\n")};
    RedisBackend backend{options_for(server)};
    const auto reads = get_many(backend, {"k", "l"});
    CHECK(reads[0].found("a"));
    CHECK(fault_of(reads[1]) == BackendFault::protocol);
}

TEST_CASE("a connection with an answer that nobody asked for is not used again",
          "[redis][nonsense]") {
    FakeServer server{FakeServer::answers_commands("$1\r\nv\r\n$10\r\nBOB-SECRET\r\n")};
    RedisBackend backend{options_for(server)};
    for (int i = 0; i < 5; ++i) CHECK(get(backend, "k").found("v"));
    CHECK(server.connections() == 5);

    // One that begins to talk after it has rested, too.
    FakeServer late{[](Caller& caller) {
        if (caller.read_command().empty()) return;
        caller.send("$1\r\nv\r\n");
        caller.send("$10\r\nBOB-SECRET\r\n");
        caller.stay_silent();
    }};
    RedisBackend other{options_for(late)};
    CHECK(get(other, "k").found("v"));
    std::this_thread::sleep_for(20ms);
    CHECK(get(other, "k").found("v"));
    CHECK(late.connections() == 2);
}

TEST_CASE("a reply that is cut off is a failure", "[redis][nonsense]") {
    FakeServer server{[](Caller& caller) {
        if (!caller.read_command().empty()) caller.send("$1000\r\nonly this");
    }};
    RedisBackend backend{options_for(server)};
    CHECK(fault_of(get(backend, "k")) == BackendFault::unavailable);
    FakeServer later{[](Caller& caller) {
        if (!caller.read_command().empty()) caller.send("*3\r\n$1\r\nA\r\n$-1\r\n$50\r\nbroken");
    }};
    RedisBackend other{options_for(later)};
    const auto reads = get_many(other, {"a", "b", "c"});
    CHECK(reads[0].found("A"));
    CHECK(reads[1].absent());
    CHECK(fault_of(reads[2]) == BackendFault::unavailable);
}

TEST_CASE("no signal comes when the server closes in the middle of a large value",
          "[redis][signals]") {
    FakeServer server{[](Caller& caller) { caller.skip(1000); }};
    RedisBackend backend{options_for(server)};
    const std::string value(8 << 20, 'x');
    CHECK(fault_of(set(backend, "k", value)) == BackendFault::unavailable);
    CHECK(fault_of(add(backend, "k", value)) == BackendFault::unavailable);
    CHECK(server.connections() == 2);
}

TEST_CASE("a server that turns a connection away at once is unavailable", "[redis][errors]") {
    FakeServer server{
        [](Caller& caller) { caller.send("-ERR max number of clients reached\r\n"); }};
    auto options = options_for(server);
    RedisBackend backend{options};
    CHECK(fault_of(get(backend, "k")) == BackendFault::unavailable);
    options.password = "secret";
    RedisBackend with_password{options};
    CHECK(fault_of(get(with_password, "k")) == BackendFault::unavailable);
}

TEST_CASE("a late answer is never that of another key", "[redis][deadline]") {
    FakeServer server{[](Caller& caller) {
        const auto command = caller.read_command();
        if (command.empty()) return;
        if (command.back() == "first") std::this_thread::sleep_for(150ms);
        caller.send("$" + std::to_string(command.back().size()) + "\r\n" + command.back() + "\r\n");
        caller.stay_silent();
    }};
    auto options = options_for(server);
    options.deadline = 50ms;
    RedisBackend backend{options};
    CHECK(fault_of(get(backend, "first")) == BackendFault::timeout);
    CHECK(get(backend, "second").found("second"));
    CHECK(server.connections() == 2);
}

TEST_CASE("a server that says nothing, drips or never ends is cut off at the deadline",
          "[redis][deadline]") {
    SECTION("nothing") {
        for (const auto transport : {Transport::unix_socket, Transport::tcp}) {
            FakeServer server{[](Caller& caller) { caller.stay_silent(); }, transport};
            RedisBackend backend{hurried(server)};
            check_in_time([&] { CHECK(fault_of(get(backend, "k")) == BackendFault::timeout); });
            check_in_time([&] { CHECK_THROWS_AS(backend.clear(), BackendError); });
        }
    }
    SECTION("nothing to a password") {
        FakeServer server{[](Caller& caller) { caller.stay_silent(); }};
        auto options = hurried(server);
        options.password = "secret";
        RedisBackend backend{options};
        check_in_time([&] { CHECK(fault_of(get(backend, "k")) == BackendFault::timeout); });
    }
    SECTION("a byte now and then") {
        FakeServer server{[](Caller& caller) {
            if (!caller.read_command().empty()) {
                caller.drip("$100\r\n" + std::string(100, 'x') + "\r\n", 10ms);
            }
        }};
        RedisBackend backend{hurried(server)};
        check_in_time([&] { CHECK(fault_of(get(backend, "k")) == BackendFault::timeout); });
        check_in_time([&] { CHECK(set(backend, "k", "v").failed()); });
    }
    SECTION("without an end") {
        FakeServer server{[](Caller& caller) {
            if (caller.read_command().empty()) return;
            caller.send("*2\r\n$1\r\n0\r\n*2000000000\r\n");
            std::string block;
            for (int i = 0; i < 1000; ++i) block += "$1\r\nk\r\n";
            while (caller.send(block)) continue;
        }};
        RedisBackend backend{hurried(server)};
        check_in_time([&] { CHECK_THROWS_AS(list_keys(backend, ""), BackendError); });
        check_in_time([&] { CHECK(fault_of(get_many(backend, {"k", "l"}).at(1)).has_value()); });
    }
}

TEST_CASE("a listing that goes round in circles is an error", "[redis][list]") {
    struct Counter final : KeySink {
        void key(std::string_view) override { REQUIRE(++keys < 100); }
        int keys = 0;
    };
    for (const int circle : {1, 2, 7}) {
        FakeServer server{[circle](Caller& caller) {
            for (int i = 0; !caller.read_command().empty(); ++i) {
                const auto cursor = std::to_string(1 + i % circle);
                caller.send("*2\r\n$1\r\n" + cursor + "\r\n*1\r\n$2\r\nk1\r\n");
            }
        }};
        RedisBackend backend{options_for(server)};
        Counter counter;
        std::optional<BackendFault> fault;
        try {
            backend.list_keys("", counter);
        } catch (const BackendError& error) {
            fault = error.fault();
        }
        CHECK(fault == BackendFault::protocol);
        CHECK(counter.keys >= circle);
    }
}

TEST_CASE("what may be sent twice is, on a connection that turned out to be closed",
          "[redis][restart]") {
    // Each connection answers one command and takes one more without answering it.
    std::atomic<int> unanswered{0};
    FakeServer server{[&](Caller& caller) {
        const auto first = caller.read_command();
        if (first.empty()) return;
        caller.send(first.front() == "GET"   ? "$-1\r\n"
                    : first.front() == "SET" ? "+OK\r\n"
                                             : ":1\r\n");
        if (!caller.read_command().empty()) ++unanswered;
    }};
    RedisBackend backend{options_for(server)};
    const auto prepared = [&] { return get(backend, "warm").absent(); };
    const std::vector<std::function<bool()>> repeatable{
        [&] { return get(backend, "k").absent(); },
        [&] { return set(backend, "k", "v").done(); },
        [&] { return remove(backend, "k").done(); },
        [&] { return touch(backend, "k", 1h).done(); },
    };
    for (const auto& call : repeatable) {
        backend.close();
        CHECK(prepared());
        const int before = unanswered;
        CHECK(call());
        CHECK(unanswered == before + 1);
    }
    const std::vector<std::function<Outcome()>> only_once{
        [&] { return add(backend, "k", "v"); },
        [&] { return increment(backend, "k").outcome; },
        [&] { return compare_and_set(backend, "k", "v", 5); },
    };
    for (const auto& call : only_once) {
        backend.close();
        CHECK(prepared());
        const int before = unanswered;
        const int connections = server.connections();
        CHECK(fault_of(call()) == BackendFault::unavailable);
        CHECK(unanswered == before + 1);
        CHECK(server.connections() == connections);
    }
}

TEST_CASE("nothing is said to a server that did not take the password", "[redis][auth]") {
    std::atomic<int> commands{0};
    FakeServer server{[&](Caller& caller) {
        for (auto words = caller.read_command(); !words.empty(); words = caller.read_command()) {
            ++commands;
            caller.send("-ERR unknown command 'AUTH', with args beginning with: 'hunter2' \r\n");
        }
    }};
    auto options = options_for(server);
    options.retry_after = 1h;
    options.password = "hunter2";
    RedisBackend backend{options};
    const auto stored = set(backend, "k", "v");
    CHECK(fault_of(stored) == BackendFault::auth);
    CHECK_THAT(stored.failure().message(), !Contains("hunter2"));
    CHECK(fault_of(set(backend, "k", "v")) == BackendFault::auth);
    CHECK(commands == 1);
    CHECK(server.connections() == 1);
}

TEST_CASE("a greeting that makes no sense is a failure", "[redis][auth]") {
    for (const std::string answer :
         {":1\r\n", "$2\r\nOK\r\n", "*1\r\n+OK\r\n", "+NO\r\n", "!\r\n"}) {
        INFO(answer);
        FakeServer server{FakeServer::answers_commands(answer)};
        auto options = options_for(server);
        options.database = 3;
        RedisBackend backend{options};
        CHECK(fault_of(get(backend, "k")) == BackendFault::protocol);
    }
}

TEST_CASE("a listing whose places make no sense is a failure", "[redis][nonsense]") {
    for (const std::string answer :
         {"*2\r\n$1\r\nx\r\n*0\r\n", "*2\r\n$0\r\n\r\n*0\r\n", "*2\r\n:0\r\n*0\r\n",
          "*2\r\n$21\r\n111111111111111111111\r\n*0\r\n", "*1\r\n$1\r\n0\r\n",
          "*2\r\n$1\r\n0\r\n*1\r\n:1\r\n", "*2\r\n$1\r\n0\r\n$1\r\nk\r\n"}) {
        INFO(answer);
        FakeServer server{FakeServer::answers_commands(answer)};
        RedisBackend backend{options_for(server)};
        CHECK_THROWS_AS(list_keys(backend, ""), BackendError);
    }
    FakeServer server{FakeServer::answers_commands(
        "*2\r\n$1\r\n0\r\n*4\r\n$1\r\nk\r\n$1\r\nl\r\n$1\r\nk\r\n$1\r\nX\r\n")};
    RedisBackend backend{options_for(server)};
    CHECK(list_keys(backend, "") == std::vector<std::string>{"X", "k", "l"});
    CHECK(list_keys(backend, "k") == std::vector<std::string>{"k"});
}

TEST_CASE("compare-and-set goes no further than what was read allows", "[redis][compare]") {
    std::vector<std::string> said;
    FakeServer server{[&](Caller& caller) {
        for (auto words = caller.read_command(); !words.empty(); words = caller.read_command()) {
            said.push_back(words.front());
            caller.send(words.front() == "GET" ? "$5\r\nother\r\n" : "+OK\r\n");
        }
    }};
    RedisBackend backend{options_for(server)};
    CHECK(compare_and_set(backend, "k", "v", 5).declined());
    CHECK(said == std::vector<std::string>{"WATCH", "GET", "UNWATCH"});
    CHECK(compare_and_set(backend, "k", "v", 0).declined());
    CHECK(said.size() == 3);
}
