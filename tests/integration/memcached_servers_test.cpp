// cachemodel: several real memcached servers, of which one dies, comes back, or joins.
// SPDX-License-Identifier: MIT
#include <cachemodel/backends/memcached.hpp>
#include <cachemodel/testing/turnable_clock.hpp>

#include "support/backend_calls.hpp"
#include "support/catch.hpp"
#include "support/memcached_server.hpp"

#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

using namespace cachemodel;
using namespace cachemodel::support;
using namespace std::chrono_literals;
using cachemodel::testing::TurnableClock;

namespace {

std::vector<std::string> some_keys() {
    std::vector<std::string> keys;
    for (int i = 0; i < 300; ++i) keys.push_back(":1:User@1/id=" + std::to_string(i));
    return keys;
}

void set_all(Backend& backend, const std::vector<std::string>& keys, const std::string& value) {
    for (const auto& key : keys) REQUIRE(set(backend, key, value).done());
}

std::size_t count_on(const MemcachedBackend& backend, const std::vector<std::string>& keys,
                     std::size_t server) {
    std::size_t count = 0;
    for (const auto& key : keys) count += backend.server_of(key) == server ? 1 : 0;
    return count;
}

std::string first_on(const MemcachedBackend& backend, std::size_t server) {
    for (const auto& key : some_keys()) {
        if (backend.server_of(key) == server) return key;
    }
    throw std::logic_error{"no key is on that server"};
}

}  // namespace

TEST_CASE(
    "a killed server's keys fail within the deadline, the others' are served, and it comes "
    "back empty",
    "[memcached][servers]") {
    RealMemcached first{Transport::tcp};
    RealMemcached second{Transport::tcp};
    RealMemcached third{Transport::tcp};
    TurnableClock clock;
    MemcachedBackend backend{
        {.servers = {first.address(), second.address(), third.address()}, .deadline = 5s}, clock};
    const auto keys = some_keys();
    set_all(backend, keys, "v");
    REQUIRE(count_on(backend, keys, 1) > 0);
    REQUIRE(count_on(backend, keys, 1) < keys.size());

    second.kill();
    const auto begin = std::chrono::steady_clock::now();
    const auto reads = get_many(backend, keys);
    CHECK(std::chrono::steady_clock::now() - begin < 5s);
    for (std::size_t i = 0; i < keys.size(); ++i) {
        const bool is_on_second = backend.server_of(keys[i]) == 1;
        CHECK(reads[i].failed() == is_on_second);
        CHECK(reads[i].found("v") == !is_on_second);
        CHECK_FALSE(reads[i].absent());
    }

    second.start();
    clock.advance(1s);
    const auto later = get_many(backend, keys);
    for (std::size_t i = 0; i < keys.size(); ++i) {
        const bool is_on_second = backend.server_of(keys[i]) == 1;
        CHECK(later[i].absent() == is_on_second);
        CHECK(later[i].found("v") == !is_on_second);
    }
}

TEST_CASE("what could not be written while a server was out of reach is old when it comes back",
          "[memcached][servers]") {
    RealMemcached first;
    RealMemcached second;
    TurnableClock clock;
    MemcachedBackend backend{{.servers = {first.address(), second.address()}, .deadline = 500ms},
                             clock};
    const std::string key = first_on(backend, 1);
    REQUIRE(set(backend, key, "old").done());

    second.hang();
    CHECK(get(backend, key).failed());         // waits for it, until the deadline
    CHECK(get(backend, key).failed());         // and once more, on a new connection
    CHECK(set(backend, key, "new").failed());  // left alone: nothing is sent
    CHECK(remove(backend, key).failed());
    second.go_on();
    clock.advance(1s);
    CHECK(get(backend, key).found("old"));
}

TEST_CASE("clear names every server that failed, and says how many were emptied",
          "[memcached][servers]") {
    RealMemcached first{Transport::tcp};
    RealMemcached second{Transport::tcp};
    RealMemcached third{Transport::tcp};
    MemcachedBackend backend{{.servers = {first.address(), second.address(), third.address()},
                              .deadline = 5s,
                              .retry_after = 0s}};
    const auto refused = [](const RealMemcached& server) {
        return "127.0.0.1:" + std::to_string(server.address().port) +
               ": cannot connect: Connection refused";
    };
    const auto what_of_clear = [&]() -> std::string {
        try {
            backend.clear();
        } catch (const BackendError& error) {
            CHECK(error.fault() == BackendFault::unavailable);
            return error.what();
        }
        return "it was emptied";
    };
    set_all(backend, some_keys(), "v");

    second.kill();
    CHECK(what_of_clear() ==
          "unavailable: " + refused(second) + "; the other 2 servers were emptied");
    CHECK(get(backend, first_on(backend, 0)).absent());
    CHECK(get(backend, first_on(backend, 2)).absent());
    third.kill();
    CHECK(what_of_clear() == "unavailable: " + refused(second) + "; unavailable: " +
                                 refused(third) + "; the other server was emptied");
    first.kill();
    CHECK(what_of_clear() == "unavailable: " + refused(first) + "; unavailable: " +
                                 refused(second) + "; unavailable: " + refused(third));
}

TEST_CASE("the keys that a new server takes over are misses, the others stay where they are",
          "[memcached][servers]") {
    RealMemcached first{Transport::tcp};
    RealMemcached second{Transport::tcp};
    RealMemcached third{Transport::tcp};
    RealMemcached fourth{Transport::tcp};
    MemcachedBackend three{
        {.servers = {first.address(), second.address(), third.address()}, .deadline = 10s}};
    MemcachedBackend four{
        {.servers = {first.address(), second.address(), third.address(), fourth.address()},
         .deadline = 10s}};
    const auto keys = some_keys();
    set_all(three, keys, "old");

    const auto reads = get_many(four, keys);
    std::size_t missed = 0;
    for (std::size_t i = 0; i < keys.size(); ++i) {
        const bool has_moved = four.server_of(keys[i]) == 3;
        CHECK(reads[i].absent() == has_moved);
        CHECK(reads[i].found("old") == !has_moved);
        missed += has_moved ? 1 : 0;
    }
    CHECK(missed > 20);
    CHECK(missed < 160);

    // [two_lists]
    // A program with the new list writes, one with the old list still reads: of another server.
    set_all(four, keys, "new");
    const auto elsewhere = get_many(three, keys);
    for (std::size_t i = 0; i < keys.size(); ++i) {
        CHECK(elsewhere[i].found(four.server_of(keys[i]) == 3 ? "old" : "new"));
    }
    // [/two_lists]
}
