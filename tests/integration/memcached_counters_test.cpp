// cachemodel: counters and facts of memcached, real and misbehaving.
// SPDX-License-Identifier: MIT
#include <cachemodel/backends/memcached.hpp>

#include "support/backend_calls.hpp"
#include "support/catch.hpp"
#include "support/fake_server.hpp"
#include "support/memcached_server.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

using namespace cachemodel;
using namespace cachemodel::support;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using Catch::Matchers::EndsWith;
using Catch::Matchers::StartsWith;

namespace {

constexpr std::int64_t largest = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t smallest = std::numeric_limits<std::int64_t>::min();

MemcachedOptions options_for(const MemcachedServer& server) {
    return {.servers = {server}, .deadline = 10s};
}

std::optional<BackendFault> fault_of(const Counted& counted) {
    return counted.outcome.failed() ? counted.outcome.failure().fault() : std::nullopt;
}

std::string value_of(const std::vector<Fact>& facts, std::string_view subject,
                     std::string_view name) {
    std::string found = "nothing";
    for (const auto& fact : facts) {
        if (fact.subject == subject && fact.name == name) {
            found = found == "nothing" ? fact.value : "more than one";
        }
    }
    return found;
}

}  // namespace

TEST_CASE("memcached counts in 64 bits, down to zero", "[memcached][counters]") {
    RealMemcached server;
    MemcachedBackend backend{options_for(server.address())};
    CHECK(backend.capabilities().atomic_increment);
    CHECK(backend.capabilities().counters_stop_at_zero);

    CHECK(increment(backend, "n").declined());
    CHECK(get(backend, "n").absent());
    CHECK(set(backend, "n", "10").done());
    CHECK(increment(backend, "n").is(11));
    CHECK(increment(backend, "n", 0).is(11));
    CHECK(increment(backend, "n", -2).is(9));
    CHECK(increment(backend, "n", std::int64_t{1} << 33).is(8'589'934'601));
    CHECK(increment(backend, "n", -8'589'934'602).is(0));
    CHECK(increment(backend, "n", largest).is(largest));
    CHECK(increment(backend, "n", smallest).is(0));
    CHECK(increment(backend, "n", -1).is(0));
}

TEST_CASE("what memcached cannot count is not an integer, and stays", "[memcached][counters]") {
    RealMemcached server;
    MemcachedBackend backend{options_for(server.address())};
    for (const std::string value : {"", "twelve", "-5", "1.5", "\xca", "1a"}) {
        INFO(value);
        CHECK(set(backend, "k", value).done());
        CHECK(fails_with<NotAnInteger>(increment(backend, "k").outcome));
        CHECK(fails_with<NotAnInteger>(increment(backend, "k", -1).outcome));
        CHECK(get(backend, "k").found(value));
    }
    CHECK(set(backend, "k", "5").done());
    CHECK(increment(backend, "k").is(6));  // on the same connection
}

TEST_CASE("a counter beyond 64 bits with a sign is an overflow", "[memcached][counters]") {
    RealMemcached server;
    MemcachedBackend backend{options_for(server.address())};
    CHECK(set(backend, "n", "9223372036854775807").done());
    CHECK(increment(backend, "n", 0).is(largest));
    CHECK(fails_with<Overflow>(increment(backend, "n").outcome));
    CHECK(set(backend, "n", "18446744073709551615").done());
    CHECK(fails_with<Overflow>(increment(backend, "n", 0).outcome));
    // The server goes on at zero.
    CHECK(fails_with<Overflow>(increment(backend, "n").outcome));
    CHECK(set(backend, "n", "18446744073709551615").done());
    CHECK(fails_with<Overflow>(increment(backend, "n", largest).outcome));
}

TEST_CASE("a counter of memcached keeps its lifetime and changes its token",
          "[memcached][counters]") {
    RealMemcached server;
    MemcachedBackend backend{options_for(server.address())};
    CHECK(set(backend, "n", "1", 1h).done());
    const auto before = get(backend, "n").token;
    CHECK(increment(backend, "n").is(2));
    CHECK(compare_and_set(backend, "n", "5", before).declined());
    CHECK_THAT(server.ask("mg n t\r\n", "\r\n"), Contains(" t3") && !Contains("t-1"));
}

TEST_CASE("a key that memcached does not take is not sent to be counted either",
          "[memcached][counters]") {
    RealMemcached server;
    MemcachedBackend backend{options_for(server.address())};
    CHECK(set(backend, "n", "1").done());
    CHECK(fails_with<InvalidKey>(increment(backend, "n 5\r\nflush_all").outcome));
    CHECK(get(backend, "n").found("1"));
}

TEST_CASE("no increment is lost or doubled among processes", "[memcached][counters]") {
    RealMemcached server;
    MemcachedBackend backend{options_for(server.address())};
    CHECK(set(backend, "n", "0").done());
    std::vector<pid_t> children;
    for (int i = 0; i < 4; ++i) {
        const auto child = ::fork();
        if (child == 0) {
            bool done = true;
            for (int k = 0; k < 500; ++k) done = increment(backend, "n").outcome.done() && done;
            ::_exit(done ? 0 : 1);
        }
        children.push_back(child);
    }
    for (const auto child : children) {
        int status = -1;
        ::waitpid(child, &status, 0);
        CHECK(status == 0);
    }
    CHECK(get(backend, "n").found("2000"));
}

TEST_CASE("an answer to a count that makes no sense is a failure", "[memcached][counters]") {
    for (const std::string answer :
         {"", "STORED", "5x", "-5", " 5", "5 ", "99999999999999999999", "END", "STAT pid 1",
          "CLIENT_ERROR invalid numeric delta argument", "ERROR"}) {
        INFO(answer);
        FakeServer server{FakeServer::answers(answer + "\r\n")};
        MemcachedBackend backend{options_for(server.address())};
        CHECK(fault_of(increment(backend, "n")) == BackendFault::protocol);
        CHECK(fault_of(increment(backend, "n", -1)) == BackendFault::protocol);
        CHECK(server.connections() == 2);
    }
    FakeServer full{FakeServer::answers("SERVER_ERROR out of memory in incr\r\n")};
    MemcachedBackend backend{options_for(full.address())};
    CHECK(fault_of(increment(backend, "n")) == BackendFault::full);
    FakeServer proxy{FakeServer::answers("SERVER_ERROR backend timeout\r\n")};
    MemcachedBackend behind{options_for(proxy.address())};
    CHECK(fault_of(increment(behind, "n")) == BackendFault::unavailable);
}

TEST_CASE("a count is never sent twice", "[memcached][counters]") {
    std::atomic<int> asked = 0;
    FakeServer server{[&](Caller& caller) {
        if (caller.read_line().empty()) return;
        caller.send("END\r\n");  // of a read; the connection is kept
        if (!caller.read_line().empty()) ++asked;
    }};
    MemcachedBackend backend{options_for(server.address())};
    CHECK(get(backend, "n").absent());
    CHECK(fault_of(increment(backend, "n")) == BackendFault::unavailable);
    CHECK(asked == 1);
    CHECK(server.connections() == 1);
}

TEST_CASE("memcached states facts about itself", "[memcached][facts]") {
    RealMemcached first;
    RealMemcached second{Transport::tcp, {"-m", "32"}};
    MemcachedBackend one{options_for(first.address())};
    CHECK(set(one, "k", "v").done());
    CHECK(get(one, "k").found("v"));
    CHECK(get(one, "nothing").absent());
    const auto facts = one.facts();
    CHECK(facts.size() == 11);
    CHECK(value_of(facts, "", "curr_items") == "1");
    CHECK(value_of(facts, "", "get_hits") == "1");
    CHECK(value_of(facts, "", "get_misses") == "1");
    CHECK(value_of(facts, "", "evictions") == "0");
    CHECK(value_of(facts, "", "limit_maxbytes") == "67108864");
    CHECK(value_of(facts, "", "recent_failures") == "0 of 4 calls");

    MemcachedBackend two{{.servers = {first.address(), second.address()}, .deadline = 10s}};
    const auto of_both = two.facts();
    CHECK(of_both.size() == 22);
    const auto name = "127.0.0.1:" + std::to_string(second.address().port);
    CHECK(value_of(of_both, name, "limit_maxbytes") == "33554432");
    CHECK(value_of(of_both, first.address().socket, "curr_items") == "1");

    second.kill();
    const auto of_the_living = two.facts();
    CHECK(of_the_living.size() == 12);
    CHECK(value_of(of_the_living, first.address().socket, "curr_items") == "1");
    CHECK(value_of(of_the_living, name, "state") ==
          "unavailable: " + name + ": cannot connect: Connection refused");

    // It is left alone now: the facts say since when, and why.
    CHECK_THAT(value_of(two.facts(), name, "state"),
               StartsWith("unavailable: " + name + ": not asked, down for ") &&
                   EndsWith(": cannot connect: Connection refused"));

    first.kill();
    CHECK_THROWS_WITH(two.facts(), StartsWith("unavailable: " + first.address().socket + ": ") &&
                                       Contains("; unavailable: " + name + ": "));
}

TEST_CASE("a server that fails in the middle of its facts has none but that",
          "[memcached][facts]") {
    RealMemcached sound;
    FakeServer broken{FakeServer::answers("STAT pid 1\r\nBLAH\r\n")};
    MemcachedBackend backend{{.servers = {sound.address(), broken.address()}, .deadline = 10s}};
    const auto facts = backend.facts();
    CHECK(facts.size() == 12);
    CHECK(value_of(facts, broken.address().socket, "pid") == "nothing");
    CHECK_THAT(value_of(facts, broken.address().socket, "state"),
               StartsWith("protocol: " + broken.address().socket));
}

TEST_CASE("facts of a server that misbehaves are an error", "[memcached][facts]") {
    for (const std::string answer :
         {"BLAH\r\n", "STAT\r\n", "STAT \r\n", "STAT version 1\r\nVALUE x 0 1 1\r\n",
          "SERVER_ERROR no\r\n"}) {
        INFO(answer);
        FakeServer server{FakeServer::answers(answer)};
        MemcachedBackend backend{options_for(server.address())};
        CHECK_THROWS_AS(backend.facts(), BackendError);
    }
    FakeServer repeating{
        FakeServer::answers("STAT pid 1\r\nSTAT pid 2\r\nSTAT other 3\r\nSTAT bytes\r\nEND\r\n")};
    MemcachedBackend backend{options_for(repeating.address())};
    const auto facts = backend.facts();
    CHECK(facts.size() == 3);
    CHECK(value_of(facts, "", "pid") == "1");
    CHECK(value_of(facts, "", "bytes").empty());

    FakeServer endless{[](Caller& caller) {
        std::string lines;
        for (int i = 0; i < 1000; ++i) lines += "STAT pid 1\r\n";
        while (caller.send(lines)) continue;
    }};
    MemcachedBackend hurried{{.servers = {endless.address()}, .deadline = 100ms}};
    CHECK_THROWS_AS(hurried.facts(), BackendError);
}
