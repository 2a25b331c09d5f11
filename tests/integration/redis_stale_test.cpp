// cachemodel: a value that Redis refuses leaves nothing old behind.
// SPDX-License-Identifier: MIT
#include <cachemodel/backends/redis.hpp>

#include "support/backend_calls.hpp"
#include "support/catch.hpp"
#include "support/fake_server.hpp"
#include "support/redis_server.hpp"

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

using namespace cachemodel;
using namespace cachemodel::support;
using namespace std::chrono_literals;

namespace {

const std::vector<std::string> small_values{"--proto-max-bulk-len", "1mb"};
const std::vector<std::string> no_eviction{"--maxmemory", "4mb", "--maxmemory-policy",
                                           "noeviction"};

std::optional<BackendFault> fault_of(const Outcome& outcome) {
    return outcome.failed() ? outcome.failure().fault() : std::nullopt;
}

/// Writes until the server refuses; what it said at last.
Outcome fill(Backend& backend) {
    Outcome outcome;
    for (int i = 0; i < 200 && !outcome.failed(); ++i) {
        outcome = set(backend, "filler" + std::to_string(i), std::string(50'000, 'x'));
    }
    return outcome;
}

std::vector<Outcome> store_many(Backend& backend, Store how, const std::vector<Entry>& entries) {
    std::vector<Outcome> outcomes(entries.size(), Failure{BackendFault::protocol, "unanswered"});
    backend.store_many(how, entries, outcomes);
    return outcomes;
}

}  // namespace

TEST_CASE("a value larger than the server takes is too large, and the old one is gone",
          "[redis][size]") {
    for (const auto transport : {Transport::unix_socket, Transport::tcp}) {
        RealRedis server{transport, small_values};
        RedisBackend backend{server.options()};
        // Sent at once, and still being sent when the server hangs up.
        for (const std::size_t size : {std::size_t{1'100'000}, std::size_t{30'000'000}}) {
            INFO(size);
            const std::string large(size, 'x');
            CHECK(set(backend, "k", "old").done());
            CHECK(fails_with<ValueTooLarge>(set(backend, "k", large)));
            CHECK(get(backend, "k").absent());

            CHECK(fails_with<ValueTooLarge>(add(backend, "k", large)));
            CHECK(set(backend, "k", "old").done());
            const auto token = get(backend, "k").token;
            CHECK(fails_with<ValueTooLarge>(compare_and_set(backend, "k", large, token)));
            CHECK(get(backend, "k").found("old"));
        }
    }
}

TEST_CASE("a value that is too large fails alone among others", "[redis][size]") {
    RealRedis server{Transport::unix_socket, small_values};
    RedisBackend backend{server.options()};
    const std::string large(3'000'000, 'x');
    const std::vector<Entry> entries{
        {"a", "1", never}, {"b", large, never}, {"c", "3", never}, {"d", large, never}};
    for (const auto* key : {"b", "d"}) CHECK(set(backend, key, "old").done());
    for (const auto how : {Store::set, Store::add}) {
        backend.close();
        const auto outcomes = store_many(backend, how, entries);
        CHECK(outcomes[0].done());
        CHECK(fails_with<ValueTooLarge>(outcomes[1]));
        CHECK(outcomes[2].done());
        CHECK(fails_with<ValueTooLarge>(outcomes[3]));
        CHECK(get(backend, "a").found("1"));
        CHECK(get(backend, "b").absent());
        CHECK(get(backend, "c").found("3"));
        CHECK(get(backend, "d").absent());
        CHECK(remove(backend, "a").done());
        CHECK(remove(backend, "c").done());
    }
}

TEST_CASE("a set that a full server refused leaves nothing old", "[redis][full]") {
    RealRedis server{Transport::unix_socket, no_eviction};
    RedisBackend backend{server.options()};
    for (const auto* key : {"k", "l", "kept"}) CHECK(set(backend, key, "old").done());
    CHECK(fault_of(fill(backend)) == BackendFault::full);

    const std::string value(200'000, 'y');
    CHECK(fault_of(set(backend, "k", value)) == BackendFault::full);
    CHECK(get(backend, "k").absent());
    const auto outcomes =
        store_many(backend, Store::set, {{"l", value, never}, {"m", value, never}});
    CHECK(fault_of(outcomes[0]) == BackendFault::full);
    CHECK(fault_of(outcomes[1]) == BackendFault::full);
    CHECK(get(backend, "l").absent());

    // Neither promises that the entry will be another one.
    CHECK(fault_of(add(backend, "kept", value)) == BackendFault::full);
    const auto token = get(backend, "kept").token;
    CHECK(fault_of(compare_and_set(backend, "kept", value, token)) == BackendFault::full);
    CHECK(get(backend, "kept").found("old"));
}

TEST_CASE("where the old entry could not be removed, that is what failed", "[redis][full]") {
    FakeServer server{[](Caller& caller) {
        for (auto words = caller.read_command(); !words.empty(); words = caller.read_command()) {
            caller.send(words.front() == "SET" ? "-OOM command not allowed\r\n"
                                               : "-READONLY not on a replica\r\n");
        }
    }};
    RedisOptions options;
    options.socket = server.socket();
    options.deadline = 10s;
    RedisBackend backend{options};
    CHECK(fault_of(set(backend, "k", "v")) == BackendFault::permission);
}

TEST_CASE("what a server said before it hung up is heard", "[redis][size]") {
    // As a real one does: it reads the announced size, answers, and reads no more.
    FakeServer server{[](Caller& caller) {
        const auto line = caller.read_line();
        if (line.empty()) return;
        if (line == "*3") {
            caller.send("-ERR Protocol error: invalid bulk length\r\n");
        } else if (!caller.read_line().empty()) {
            caller.send(":1\r\n");
        }
    }};
    RedisOptions options;
    options.socket = server.socket();
    options.deadline = 10s;
    RedisBackend backend{options};
    CHECK(fails_with<ValueTooLarge>(set(backend, "k", std::string(20'000'000, 'x'))));
    CHECK(server.connections() == 2);
}
