// cachemodel: the memcached backend against real servers, and against servers that misbehave.
// SPDX-License-Identifier: MIT
#include <cachemodel/backends/memcached.hpp>

#include <cachemodel/cache_url.hpp>
#include <cachemodel/testing/turnable_clock.hpp>

#include "support/backend_calls.hpp"
#include "support/catch.hpp"
#include "support/fake_server.hpp"
#include "support/forked.hpp"
#include "support/hammer.hpp"
#include "support/memcached_server.hpp"
#include "support/sockets.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

using namespace cachemodel;
using namespace cachemodel::support;
using namespace std::chrono_literals;
using cachemodel::testing::TurnableClock;
using Catch::Matchers::Contains;

namespace {

constexpr auto deadline = 200ms;
/// The deadline and a tenth of it: no call may take longer.
constexpr auto longest_call = 220ms;

/// Enough time for a loaded machine: for tests that are about something else.
constexpr auto patience = 10s;

MemcachedOptions options_for(const MemcachedServer& server) {
    return {.servers = {server}, .deadline = patience};
}

/// Every call gets its deadline, and finds out for itself what the server does.
MemcachedOptions hurried(const MemcachedServer& server) {
    return {.servers = {server}, .deadline = deadline, .retry_after = 0s};
}

/// How long a call usually takes: the middle one of three, since the machine may keep a thread
/// waiting in any one.
std::chrono::milliseconds usual(const std::function<void()>& call) {
    std::array<std::chrono::nanoseconds, 3> took;
    for (auto& time : took) {
        const auto begin = std::chrono::steady_clock::now();
        call();
        time = std::chrono::steady_clock::now() - begin;
    }
    std::sort(took.begin(), took.end());
    return std::chrono::ceil<std::chrono::milliseconds>(took[1]);
}

/// Asks again and again until it holds, for as long as patience lasts.
bool eventually(const std::function<bool()>& holds) {
    const auto limit = std::chrono::steady_clock::now() + patience;
    while (!holds()) {
        if (std::chrono::steady_clock::now() > limit) return false;
    }
    return true;
}

std::optional<BackendFault> fault_of(const Read& read) {
    return read.failed() ? read.failure.value().fault() : std::nullopt;
}

std::optional<BackendFault> fault_of(const Outcome& outcome) {
    return outcome.failed() ? outcome.failure().fault() : std::nullopt;
}

/// Keys that a backend places on its `server`th server.
std::vector<std::string> keys_on(const MemcachedBackend& backend, std::size_t server,
                                 std::size_t count) {
    std::vector<std::string> keys;
    for (int i = 0; keys.size() < count; ++i) {
        auto key = "key" + std::to_string(i);
        if (backend.server_of(key) == server) keys.push_back(std::move(key));
    }
    return keys;
}

/// Runs `work` in a forked child and gives its answer. The child leaves nothing behind: it ends
/// without a destructor.
bool holds_in_child(const std::function<bool()>& work) {
    const auto child = ::fork();
    if (child == 0) ::_exit(work() ? 0 : 1);
    int status = -1;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace

TEST_CASE("memcached is reached over TCP as over a unix socket", "[memcached][integration]") {
    RealMemcached server{Transport::tcp};
    auto url = CacheUrl::parse(server.url());
    const auto backend = open_memcached(url, Clock::machine());
    CHECK(set(*backend, "bob", "bob@hotmail.com").done());
    CHECK(get(*backend, "bob").found("bob@hotmail.com"));

    RealMemcached other;
    auto socket_url = CacheUrl::parse(other.url());
    const auto socket = open_memcached(socket_url, Clock::machine());
    CHECK(get(*socket, "bob").absent());
    CHECK(set(*socket, "bob", "other").done());
    CHECK(get(*backend, "bob").found("bob@hotmail.com"));
}

TEST_CASE("a host's name and IPv6 are reached too", "[memcached][integration]") {
    RealMemcached server{Transport::tcp};
    MemcachedBackend named{
        {.servers = {{.host = "localhost", .port = server.address().port, .socket = {}}},
         .deadline = 5s}};
    CHECK(set(named, "k", "v").done());

    MemcachedBackend unknown{{.servers = {{.host = "no-such-host.invalid", .socket = {}}}}};
    CHECK(fault_of(get(unknown, "k")) == BackendFault::unavailable);
    CHECK_THAT(get(unknown, "k").failure.value().message(), Contains("no-such-host.invalid:11211"));

    // Nobody listens there, or there is no IPv6 at all: an error that names the address.
    MemcachedBackend ipv6{{.servers = {{.host = "::1", .port = 1, .socket = {}}}}};
    CHECK_THAT(get(ipv6, "k").failure.value().message(), Contains("[::1]:1: cannot connect"));
}

TEST_CASE("a key can never become a command or a second key", "[memcached][keys]") {
    RealMemcached server;
    MemcachedBackend backend{options_for(server.address())};
    CHECK(set(backend, "bob", "BOB-SECRET").done());
    CHECK(set(backend, "carol", "CAROL").done());

    const std::vector<std::string> hostile{
        "x\r\nset evil 0 0 1\r\ny", "a b",  "x\nflush_all\r\n",    "tab\tbed",
        std::string("nul\0", 4),    "\x7f", std::string(251, 'k'), ""};
    for (const auto& key : hostile) {
        CHECK_THROWS_AS(set(backend, key, "v").failure().rethrow(), InvalidKey);
        CHECK_THROWS_AS(get(backend, key).failure.value().rethrow(), InvalidKey);
        CHECK_THROWS_AS(remove(backend, key).failure().rethrow(), InvalidKey);
        // The connection is in step: later calls get their own answers.
        CHECK(get(backend, "carol").found("CAROL"));
        CHECK(get(backend, "bob").found("BOB-SECRET"));
    }
    CHECK(get(backend, "evil").absent());
}

TEST_CASE("a bad key in the middle of a batch fails alone", "[memcached][keys]") {
    RealMemcached server;
    MemcachedBackend backend{options_for(server.address())};
    const std::string too_long(251, 'k');
    std::vector<Outcome> outcomes(4);
    const std::vector<Entry> entries{
        {"a", "1", never}, {"bad key", "2", never}, {"c", "3", never}, {too_long, "4", never}};
    backend.store_many(Store::set, entries, outcomes);
    CHECK(outcomes[0].done());
    CHECK_THROWS_AS(outcomes[1].failure().rethrow(), InvalidKey);
    CHECK(outcomes[2].done());
    CHECK_THROWS_AS(outcomes[3].failure().rethrow(), InvalidKey);

    const auto reads = get_many(backend, {"a", "bad key", "nobody", "c", too_long});
    CHECK(reads[0].found("1"));
    CHECK_THROWS_AS(reads[1].failure.value().rethrow(), InvalidKey);
    CHECK(reads[2].absent());
    CHECK(reads[3].found("3"));
    CHECK_THROWS_AS(reads[4].failure.value().rethrow(), InvalidKey);
}

TEST_CASE("keys of UTF-8 and of 250 bytes work", "[memcached][keys]") {
    RealMemcached server;
    MemcachedBackend backend{options_for(server.address())};
    const std::string longest(250, 'k');
    CHECK(set(backend, "caf\xc3\xa9", "utf-8").done());
    CHECK(set(backend, longest, "longest").done());
    CHECK(set(backend, "\xff\x80", "bytes").done());
    const auto reads = get_many(backend, {"caf\xc3\xa9", longest, "\xff\x80"});
    CHECK(reads[0].found("utf-8"));
    CHECK(reads[1].found("longest"));
    CHECK(reads[2].found("bytes"));
}

TEST_CASE("thousands of long keys are read in one call", "[memcached][integration]") {
    RealMemcached server;
    MemcachedBackend backend{{.servers = {server.address()}, .deadline = 10s}};
    std::vector<std::string> keys;
    for (int i = 0; i < 5000; ++i) {
        keys.push_back(std::string(static_cast<std::size_t>(i % 200), 'k') + std::to_string(i));
    }
    std::vector<Entry> entries;
    for (std::size_t i = 0; i < keys.size(); i += 2) entries.push_back({keys[i], keys[i], never});
    std::vector<Outcome> outcomes(entries.size(), Failure{BackendFault::protocol, "unanswered"});
    backend.store_many(Store::set, entries, outcomes);
    CHECK(std::all_of(outcomes.begin(), outcomes.end(), [](auto& o) { return o.done(); }));

    const auto reads = get_many(backend, keys);
    std::size_t right = 0;
    for (std::size_t i = 0; i < keys.size(); ++i) {
        right += (i % 2 == 0) ? reads[i].found(keys[i]) : reads[i].absent();
    }
    CHECK(right == 5000);
}

TEST_CASE("a hundred values of 100 kB go in one call", "[memcached][integration]") {
    RealMemcached server;
    MemcachedBackend backend{{.servers = {server.address()}, .deadline = 10s}};
    std::vector<std::string> keys;
    std::vector<std::string> values;
    for (int i = 0; i < 100; ++i) {
        keys.push_back("key" + std::to_string(i));
        values.emplace_back(100'000, static_cast<char>('!' + i % 90));
    }
    // The server has 64 MB: all of them fit.
    std::vector<Entry> entries;
    for (std::size_t i = 0; i < keys.size(); ++i) entries.push_back({keys[i], values[i], never});
    std::vector<Outcome> outcomes(entries.size(), Failure{BackendFault::protocol, "unanswered"});
    backend.store_many(Store::set, entries, outcomes);
    const auto reads = get_many(backend, keys);
    for (std::size_t i = 0; i < keys.size(); ++i) {
        CHECK(outcomes[i].done());
        CHECK((reads[i].found() && reads[i].value == values[i]));
    }
}

TEST_CASE("lifetimes above 30 days are kept, not taken for a date in 1970",
          "[memcached][lifetime]") {
    RealMemcached server;
    MemcachedBackend backend{options_for(server.address())};
    CHECK(set(backend, "month", "v", 24h * 30).done());
    CHECK(set(backend, "longer", "v", 24h * 30 + 1s).done());
    CHECK(set(backend, "year", "v", 24h * 365).done());
    CHECK(set(backend, "century", "v", 24h * 365 * 100).done());
    CHECK(set(backend, "never", "v", never).done());
    for (const auto* key : {"month", "longer", "year", "century", "never"}) {
        INFO(key);
        CHECK(get(backend, key).found("v"));
        CHECK(touch(backend, key, 24h * 31).done());
        CHECK(get(backend, key).found("v"));
    }
    // The server itself says when: 31 days from now, in seconds, and -1 for never.
    CHECK(touch(backend, "never", never).done());
    CHECK(server.ask("mg never t\r\n", "\r\n") == "HD t-1\r\n");
    const auto left = server.ask("mg year t\r\n", "\r\n");
    REQUIRE(left.starts_with("HD t"));
    CHECK(std::stol(left.substr(4)) > 2'678'390);
    CHECK(std::stol(left.substr(4)) <= 2'678'401);
}

TEST_CASE("a lifetime below a second is rounded up to one", "[memcached][lifetime]") {
    RealMemcached server;
    MemcachedBackend backend{options_for(server.address())};
    CHECK(set(backend, "k", "v", 1ms).done());
    const auto left = server.ask("mg k t\r\n", "\r\n");
    const bool is_rounded_up = left == "HD t1\r\n" || left == "HD t0\r\n" || left == "EN\r\n";
    CHECK(is_rounded_up);
    std::this_thread::sleep_for(1200ms);  // the server's own expiry
    CHECK(get(backend, "k").absent());
}

TEST_CASE("a value too large is not sent, and the old entry is gone", "[memcached][size]") {
    RealMemcached server;
    MemcachedBackend backend{options_for(server.address())};
    const std::string fits(1'048'510, 'x');  // with a key of 7 bytes
    const std::string too_large(1'048'511, 'x');

    CHECK(set(backend, "7 bytes" + std::string{}, "v").failed());
    CHECK(set(backend, "seven_b", fits).done());
    CHECK(get(backend, "seven_b").value == fits);

    const auto outcome = set(backend, "seven_b", too_large);
    REQUIRE(outcome.failed());
    try {
        outcome.failure().rethrow();
    } catch (const ValueTooLarge& error) {
        CHECK(error.size() == 1'048'511);
        CHECK(error.limit() == 1'048'510);
    }
    CHECK_THROWS_AS(outcome.failure().rethrow(), ValueTooLarge);
    CHECK(get(backend, "seven_b").absent());
    const auto statistics = server.ask("stats\r\n", "END\r\n");
    CHECK_THAT(statistics, Contains("STAT cmd_set 1\r\n"));

    CHECK(set(backend, "seven_b", "old").done());
    CHECK(fault_of(add(backend, "seven_b", too_large)) == BackendFault::value_too_large);
    CHECK(fault_of(add(backend, "nothing", too_large)) == BackendFault::value_too_large);
    const auto token = get(backend, "seven_b").token;
    CHECK(fault_of(compare_and_set(backend, "seven_b", too_large, token)) ==
          BackendFault::value_too_large);
    CHECK(get(backend, "seven_b").found("old"));
    CHECK(get(backend, "nothing").absent());
}

TEST_CASE("a server with a smaller limit than it was said to have says so itself",
          "[memcached][size]") {
    RealMemcached server{Transport::unix_socket, {"-I", "512k"}};
    MemcachedBackend backend{options_for(server.address())};
    const std::string large(600'000, 'x');
    CHECK(set(backend, "k", "old").done());
    CHECK(set(backend, "other", "stays").done());
    CHECK(fault_of(set(backend, "k", large)) == BackendFault::value_too_large);
    CHECK(get(backend, "k").absent());
    CHECK(get(backend, "other").found("stays"));

    std::vector<Outcome> outcomes(3);
    const std::vector<Entry> entries{{"a", "1", never}, {"b", large, never}, {"c", "3", never}};
    backend.store_many(Store::set, entries, outcomes);
    CHECK(outcomes[0].done());
    CHECK(fault_of(outcomes[1]) == BackendFault::value_too_large);
    CHECK(outcomes[2].done());
    CHECK(get(backend, "c").found("3"));
}

TEST_CASE("a larger limit can be configured", "[memcached][size]") {
    RealMemcached server{Transport::unix_socket, {"-I", "4m"}};
    MemcachedBackend backend{
        {.servers = {server.address()}, .deadline = 5s, .max_item = std::size_t{4} << 20}};
    const std::string large(3'000'000, 'x');
    CHECK(set(backend, "k", large).done());
    CHECK(get(backend, "k").value == large);

    MemcachedBackend smaller{{.servers = {server.address()}, .deadline = 5s}};
    const auto reads = get_many(smaller, {"absent", "k", "other"});
    CHECK(reads[0].failed());
    CHECK(fault_of(reads[1]) == BackendFault::protocol);
    CHECK_THAT(reads[1].failure.value().message(),
               Contains("an entry of 3000000 bytes, more than max_item, which is 1048576"));
    CHECK(fault_of(reads[2]) == BackendFault::protocol);
    CHECK(set(smaller, "j", "works").done());
    CHECK(get(smaller, "j").found("works"));
    CHECK(remove(smaller, "k").done());
}

TEST_CASE("a size that is only announced is looked at before anything comes", "[memcached][size]") {
    FakeServer server{[](Caller& caller) {
        if (!caller.read_line().empty()) caller.send("VALUE k 0 1048577 1\r\n");
        caller.stay_silent();
    }};
    MemcachedBackend backend{options_for(server.address())};
    CHECK(fault_of(get(backend, "k")) == BackendFault::protocol);
}

TEST_CASE("an entry that is larger than max_item says nothing against its server",
          "[memcached][size]") {
    RealMemcached server{Transport::unix_socket, {"-I", "4m"}};
    MemcachedBackend larger{{.servers = {server.address()}, .deadline = 5s, .max_item = 4 << 20}};
    REQUIRE(set(larger, "k", std::string(3'000'000, 'x')).done());
    MemcachedBackend smaller{{.servers = {server.address()}, .deadline = 5s, .retry_after = 1h}};
    for (int i = 0; i < 30; ++i) CHECK(fault_of(get(smaller, "k")) == BackendFault::protocol);
    CHECK(get(smaller, "other").absent());
}

TEST_CASE("a server with as many connections as it may have is unavailable, and says why",
          "[memcached][failure]") {
    RealMemcached server{Transport::unix_socket, {"-c", "64", "-t", "1"}};
    MemcachedBackend backend{options_for(server.address())};
    CHECK(set(backend, "k", "v").done());
    std::vector<Descriptor> others;
    for (int i = 0; i < 80; ++i) others.push_back(connect_unix(server.address().socket));

    MemcachedBackend refused{options_for(server.address())};
    CHECK(eventually([&] {
        const auto read = get(refused, "k");
        return fault_of(read) == BackendFault::unavailable &&
               read.failure.value().message().ends_with(
                   "the server says: ERROR Too many open connections");
    }));
    CHECK(fault_of(set(refused, "k", "w")) == BackendFault::unavailable);
    CHECK_THROWS_AS(refused.facts(), BackendError);
    // Who has a connection goes on.
    CHECK(get(backend, "k").found("v"));
    others.clear();
    CHECK(eventually([&] { return get(refused, "k").found("v"); }));
}

TEST_CASE("what a server says is shown without control characters and end",
          "[memcached][failure]") {
    FakeServer server{
        FakeServer::answers("SERVER_ERROR \x1b[31m\xff" + std::string(1500, 'x') + "\r\n")};
    MemcachedBackend backend{options_for(server.address())};
    const auto expected = "unavailable: " + server.address().socket +
                          R"(: the server says: SERVER_ERROR \x1b[31m\xff)" +
                          std::string(181, 'x') + "...";
    CHECK(get(backend, "k").failure.value().message() == expected);
    CHECK(set(backend, "k", "v").failure().message() == expected);

    FakeServer full{FakeServer::answers("SERVER_ERROR out of memory \x1b\r\n")};
    MemcachedBackend other{options_for(full.address())};
    CHECK_THAT(touch(other, "k", 1h).failure().message(), Contains("out of memory \\x1b"));
}

TEST_CASE("a full server says that it is full", "[memcached][size]") {
    RealMemcached server{Transport::unix_socket, {"-M", "-m", "8"}};
    MemcachedBackend backend{{.servers = {server.address()}, .deadline = 10s}};
    const std::string value(500'000, 'x');
    std::optional<BackendFault> fault;
    int stored = 0;
    for (int i = 0; i < 100 && !fault; ++i) {
        const auto outcome = set(backend, "key" + std::to_string(i), value);
        fault = fault_of(outcome);
        if (outcome.done()) ++stored;
    }
    CHECK(fault == BackendFault::full);
    CHECK(stored > 0);
    CHECK(get(backend, "key0").value == value);
    CHECK(remove(backend, "key0").done());
    CHECK(set(backend, "key0", value).done());
}

TEST_CASE("a read's token lets exactly one writer replace the entry", "[memcached][token]") {
    RealMemcached server;
    MemcachedBackend backend{options_for(server.address())};
    CHECK(set(backend, "k", "one").done());
    const auto token = get(backend, "k").token;
    CHECK(token != 0);
    CHECK(compare_and_set(backend, "k", "two", token).done());
    CHECK(compare_and_set(backend, "k", "three", token).declined());
    CHECK(compare_and_set(backend, "gone", "v", token).declined());
    CHECK(compare_and_set(backend, "k", "zero", 0).declined());
    CHECK(get(backend, "k").found("two"));
}

TEST_CASE("a server that is not there fails at once, and is used when it comes",
          "[memcached][failure]") {
    RealMemcached server{Transport::tcp};
    server.kill();
    TurnableClock clock;
    MemcachedBackend backend{options_for(server.address()), clock};
    CHECK(usual([&] {
              CHECK(fault_of(get(backend, "k")) == BackendFault::unavailable);
              CHECK(fault_of(set(backend, "k", "v")) == BackendFault::unavailable);
              CHECK(fault_of(add(backend, "k", "v")) == BackendFault::unavailable);
              CHECK(fault_of(remove(backend, "k")) == BackendFault::unavailable);
              CHECK(fault_of(touch(backend, "k", 1h)) == BackendFault::unavailable);
              CHECK_THROWS_AS(backend.clear(), BackendError);
          }) < 100ms);
    CHECK_THAT(get(backend, "k").failure.value().message(), Contains("Connection refused"));

    server.start();
    CHECK(fault_of(get(backend, "k")) == BackendFault::unavailable);  // left alone for a second
    clock.advance(749ms);
    CHECK(fault_of(get(backend, "k")) == BackendFault::unavailable);
    clock.advance(251ms);
    CHECK(get(backend, "k").absent());
    CHECK(set(backend, "k", "v").done());
    CHECK(get(backend, "k").found("v"));
}

TEST_CASE("of a server that is down one call tries again, the others do not wait for it",
          "[memcached][failure]") {
    RealMemcached server;
    TurnableClock clock;
    MemcachedBackend backend{{.servers = {server.address()}, .deadline = deadline}, clock};
    CHECK(eventually([&] {
        clock.advance(1s);
        return set(backend, "k", "v").done();
    }));
    server.hang();
    for (int i = 0; i < 2; ++i) CHECK(fault_of(get(backend, "k")) == BackendFault::timeout);
    clock.advance(1s);
    CHECK(fault_of(get(backend, "k")) == BackendFault::timeout);  // the one that tried
    CHECK(usual([&] {
              for (int i = 0; i < 100; ++i) {
                  CHECK(fault_of(get(backend, "k")) == BackendFault::unavailable);
              }
          }) < 100ms);
    server.go_on();
    CHECK(eventually([&] {
        clock.advance(1s);
        return get(backend, "k").found("v");
    }));
}

TEST_CASE("a killed server fails its keys and raises no signal", "[memcached][failure]") {
    for (const auto transport : {Transport::unix_socket, Transport::tcp}) {
        RealMemcached server{transport};
        MemcachedBackend backend{options_for(server.address())};
        CHECK(set(backend, "k", "v").done());
        server.kill();
        // Would end the tests, were SIGPIPE raised.
        REQUIRE(std::signal(SIGPIPE, SIG_DFL) != SIG_ERR);
        CHECK(fault_of(set(backend, "k", std::string(500'000, 'x'))) == BackendFault::unavailable);
        CHECK(fault_of(get(backend, "k")) == BackendFault::unavailable);
        CHECK(fault_of(add(backend, "k", "v")) == BackendFault::unavailable);
    }
}

TEST_CASE("a server restarted while its connections were idle answers the next call",
          "[memcached][failure]") {
    for (const auto transport : {Transport::unix_socket, Transport::tcp}) {
        RealMemcached server{transport};
        MemcachedBackend backend{options_for(server.address())};
        CHECK(set(backend, "k", "v").done());
        server.restart();
        CHECK(get(backend, "k").absent());
        server.restart();
        CHECK(set(backend, "k", "again").done());
        server.restart();
        CHECK(add(backend, "k", "added").done());
        server.restart();
        CHECK(remove(backend, "k").declined());
        server.restart();
        CHECK(touch(backend, "k", 1h).declined());
        server.restart();
        CHECK(get_many(backend, {"a", "b", "k"})[2].absent());
        server.restart();
        backend.clear();
    }
}

TEST_CASE("no call on a hung server takes longer than its deadline", "[memcached][deadline]") {
    for (const auto transport : {Transport::unix_socket, Transport::tcp}) {
        RealMemcached server{transport};
        MemcachedBackend backend{hurried(server.address())};
        CHECK(eventually([&] { return set(backend, "k", "v").done(); }));
        server.hang();
        CHECK(usual([&] { CHECK(fault_of(get(backend, "k")) == BackendFault::timeout); }) <=
              longest_call);
        const std::string large(1'000'000, 'x');  // more than the socket takes in
        CHECK(usual([&] { CHECK(fault_of(set(backend, "k", large)) == BackendFault::timeout); }) <=
              longest_call);
        CHECK(usual([&] {
                  for (const auto& read : get_many(backend, {"a", "b", "c", "d"})) {
                      CHECK(fault_of(read) == BackendFault::timeout);
                  }
              }) <= longest_call);

        // Late answers are nobody's: after the server goes on, every key has its own value.
        server.go_on();
        CHECK(eventually([&] { return set(backend, "a", "A").done(); }));
        CHECK(eventually([&] { return set(backend, "b", "B").done(); }));
        for (int i = 0; i < 50; ++i) {
            CHECK(eventually([&] {
                const auto read = get(backend, "a");
                CHECK((read.failed() || read.found("A")));
                return read.found();
            }));
            CHECK(eventually([&] {
                const auto read = get(backend, "b");
                CHECK((read.failed() || read.found("B")));
                return read.found();
            }));
        }
    }
}

TEST_CASE("clear ends at the deadline too", "[memcached][deadline]") {
    RealMemcached server;
    RealMemcached other;
    MemcachedBackend backend{
        {.servers = {server.address(), other.address()}, .deadline = deadline, .retry_after = 0s}};
    server.hang();
    CHECK(usual([&] { CHECK_THROWS_AS(backend.clear(), BackendError); }) <= longest_call);
    CHECK_THROWS_WITH(backend.clear(), Contains("timeout: " + server.address().socket));
}

TEST_CASE("a hung server is waited for on a kept connection and a new one, then left alone",
          "[memcached][deadline]") {
    RealMemcached server;
    TurnableClock clock;
    MemcachedBackend backend{{.servers = {server.address()}, .deadline = deadline}, clock};
    CHECK(eventually([&] {
        clock.advance(1s);
        return set(backend, "k", "v").done();
    }));
    server.hang();
    CHECK(fault_of(get(backend, "k")) == BackendFault::timeout);
    CHECK(fault_of(get(backend, "k")) == BackendFault::timeout);
    CHECK(fault_of(get(backend, "k")) == BackendFault::unavailable);
    CHECK_THAT(get(backend, "k").failure.value().message(),
               Contains("no complete answer within 200 ms"));
    server.go_on();
    CHECK(eventually([&] {
        clock.advance(1s);
        return get(backend, "k").found("v");
    }));
}

TEST_CASE("signals neither shorten nor lengthen a call", "[memcached][deadline]") {
    RealMemcached server;
    MemcachedBackend backend{hurried(server.address())};
    CHECK(eventually([&] { return set(backend, "k", "v").done(); }));
    server.hang();

    struct sigaction action {};
    action.sa_handler = [](int) {};
    REQUIRE(::sigaction(SIGUSR1, &action, nullptr) == 0);
    const auto caller = ::pthread_self();
    CHECK(usual([&] {
              std::thread pest{[caller] {
                  for (int i = 0; i < 5; ++i) {
                      std::this_thread::sleep_for(30ms);
                      ::pthread_kill(caller, SIGUSR1);
                  }
              }};
              const auto begin = std::chrono::steady_clock::now();
              CHECK(fault_of(get(backend, "k")) == BackendFault::timeout);
              CHECK(std::chrono::steady_clock::now() - begin >= deadline);
              pest.join();
          }) <= longest_call);
}

TEST_CASE("an answer is the same whether it is waited for or polled for", "[memcached][deadline]") {
    for (const auto pause :
         {0ms, 5ms, 15ms, 60ms}) {  // a wait ends after 10 ms, and polling begins
        INFO(pause.count() << " ms");
        const auto slow = [pause](Caller& caller) {
            while (!caller.read_line().empty()) {
                std::this_thread::sleep_for(pause);
                caller.send("VALUE k 0 5 1\r\nri");
                std::this_thread::sleep_for(pause);
                caller.send("ght\r\nEND\r\n");
            }
        };
        FakeServer one{slow};
        FakeServer other{slow};
        MemcachedBackend waits{options_for(one.address())};
        for (int i = 0; i < 3; ++i) CHECK(get(waits, "k").found("right"));
        // Several servers are polled.
        MemcachedBackend polls{{.servers = {one.address(), other.address()}, .deadline = patience}};
        const auto reads = get_many(polls, {"k", keys_on(polls, 1 - polls.server_of("k"), 1)[0]});
        CHECK(reads[0].found("right"));
        CHECK(reads[1].failed());  // it is not what was asked for
    }
}

TEST_CASE("a server that drips its answer is cut off at the deadline", "[memcached][deadline]") {
    FakeServer server{[](Caller& caller) {
        if (!caller.read_line().empty())
            caller.drip("VALUE k 0 100 1\r\n" + std::string(100, 'x'), 10ms);
    }};
    MemcachedBackend backend{hurried(server.address())};
    CHECK(usual([&] { CHECK(fault_of(get(backend, "k")) == BackendFault::timeout); }) <=
          longest_call);
    CHECK(usual([&] { CHECK(set(backend, "k", "v").failed()); }) <= longest_call);
}

TEST_CASE("a server that only ever drips counts as down after three calls",
          "[memcached][deadline]") {
    FakeServer server{[](Caller& caller) {
        if (!caller.read_line().empty()) caller.drip(std::string(1000, 'S'), 10ms);
    }};
    TurnableClock clock;
    MemcachedBackend backend{{.servers = {server.address()}, .deadline = 50ms}, clock};
    for (int i = 0; i < 3; ++i) CHECK(fault_of(get(backend, "k")) == BackendFault::timeout);
    CHECK(fault_of(get(backend, "k")) == BackendFault::unavailable);
}

TEST_CASE("a server that accepts and says nothing is cut off at the deadline",
          "[memcached][deadline]") {
    for (const auto transport : {Transport::unix_socket, Transport::tcp}) {
        FakeServer server{[](Caller& caller) { caller.stay_silent(); }, transport};
        MemcachedBackend backend{hurried(server.address())};
        CHECK(usual([&] { CHECK(fault_of(get(backend, "k")) == BackendFault::timeout); }) <=
              longest_call);
        CHECK(usual([&] { CHECK(fault_of(add(backend, "k", "v")) == BackendFault::timeout); }) <=
              longest_call);
    }
}

TEST_CASE("a server that never stops answering is cut off", "[memcached][deadline]") {
    FakeServer server{[](Caller& caller) {
        if (caller.read_line().empty()) return;
        const std::string block(100'000, 'x');
        while (caller.send(block)) continue;
    }};
    MemcachedBackend backend{hurried(server.address())};
    CHECK(usual([&] { CHECK(fault_of(get(backend, "k")) == BackendFault::protocol); }) <=
          longest_call);
}

TEST_CASE("connecting to a full queue ends at the deadline", "[memcached][deadline]") {
    SECTION("of a unix socket") {
        TemporaryDirectory directory;
        const auto path = (directory.path() / "full.sock").string();
        const auto listener = listen_unix(path, 0);
        const auto first = connect_unix(path);  // fills the queue
        MemcachedBackend backend{hurried({.host = {}, .socket = path})};
        CHECK(usual([&] { CHECK(fault_of(get(backend, "k")) == BackendFault::timeout); }) <=
              longest_call);
    }
    SECTION("of a TCP port") {
        std::uint16_t port = 0;
        const auto listener = listen_tcp(port, 0);
        const auto first = connect_tcp(port);
        MemcachedBackend backend{hurried({.host = "127.0.0.1", .port = port, .socket = {}})};
        CHECK(usual([&] { CHECK(fault_of(get(backend, "k")) == BackendFault::timeout); }) <=
              longest_call);
    }
}

TEST_CASE("connecting may be given less time than the whole call", "[memcached][deadline]") {
    std::uint16_t port = 0;
    const auto listener = listen_tcp(port, 0);
    const auto first = connect_tcp(port);
    MemcachedBackend backend{{.servers = {{.host = "127.0.0.1", .port = port, .socket = {}}},
                              .deadline = 5s,
                              .connect_timeout = deadline,
                              .retry_after = 0s}};
    CHECK(usual([&] { CHECK(fault_of(get(backend, "k")) == BackendFault::timeout); }) <=
          longest_call);
}

TEST_CASE("an answer that makes no sense is a failure, never a value or a miss",
          "[memcached][nonsense]") {
    const std::vector<std::string> answers{
        "BLAH\r\n",
        "\r\n",
        "ERROR\r\n",
        "CLIENT_ERROR line too long\r\n",
        "HTTP/1.1 400 Bad Request\r\n\r\n",
        "VERSION\r\n",
        "VERSION 1.6.18\r\n",
        "OK\r\n",
        "5\r\n",
        "STAT pid 1\r\n",
        "ITEM k [1 b; 0 s]\r\n",
        "VALUE\r\n",
        "VALUE k\r\n",
        "VALUE k 0 1\r\nx\r\nEND\r\n",
        "VALUE k 0 -1 1\r\nx\r\nEND\r\n",
        "VALUE k 0 1 1\r\nxx\r\nEND\r\n",
        "VALUE k 0 99999999999999 1\r\nx\r\nEND\r\n",
        "VALUE k 0 18446744073709551615 1\r\nx\r\nEND\r\n",
        "VALUE other 0 1 1\r\nx\r\nEND\r\n",
        "VALUE k2 0 1 1\r\nx\r\nEND\r\n",
        "VALUE " + std::string(330, 'k') + " 0 1 1\r\nx\r\nEND\r\n",
        std::string(5000, 'x') + "\r\n",
        std::string(5000, '\0'),
        std::string(100, '\xff') + "\r\n",
    };
    for (const auto& answer : answers) {
        INFO(answer.substr(0, 60));
        FakeServer server{FakeServer::answers(answer)};
        auto options = options_for(server.address());
        options.retry_after = 0s;
        MemcachedBackend backend{options};
        CHECK(fault_of(get(backend, "k")) == BackendFault::protocol);
        CHECK(fault_of(set(backend, "k", "v")) == BackendFault::protocol);
        CHECK(fault_of(add(backend, "k", "v")) == BackendFault::protocol);
        CHECK(fault_of(compare_and_set(backend, "k", "v", 5)) == BackendFault::protocol);
        CHECK(fault_of(remove(backend, "k")) == BackendFault::protocol);
        CHECK(fault_of(touch(backend, "k", 1h)) == BackendFault::protocol);
    }
}

TEST_CASE("an answer to another command is a failure", "[memcached][nonsense]") {
    for (const std::string answer : {"STORED\r\n", "NOT_STORED\r\n", "EXISTS\r\n", "NOT_FOUND\r\n",
                                     "DELETED\r\n", "TOUCHED\r\n", "OK\r\n", "END\r\n"}) {
        INFO(answer);
        FakeServer server{FakeServer::answers(answer)};
        MemcachedBackend backend{options_for(server.address())};
        const auto read = get(backend, "k");
        const bool may_be_absent = answer == "END\r\n";
        CHECK(read.absent() == may_be_absent);
        CHECK((fault_of(read) == BackendFault::protocol) != may_be_absent);
        CHECK(set(backend, "k", "").failed() == (answer != "STORED\r\n"));
        CHECK(touch(backend, "k", 1h).failed() ==
              (answer != "TOUCHED\r\n" && answer != "NOT_FOUND\r\n"));
        CHECK(remove(backend, "k").failed() ==
              (answer != "DELETED\r\n" && answer != "NOT_FOUND\r\n"));
    }
}

TEST_CASE("a proxy that cannot reach its server is not a miss", "[memcached][nonsense]") {
    FakeServer server{FakeServer::answers("SERVER_ERROR backend timeout\r\n")};
    MemcachedBackend backend{options_for(server.address())};
    const auto read = get(backend, "k");
    CHECK(fault_of(read) == BackendFault::unavailable);
    CHECK_THAT(read.failure.value().message(), Contains("SERVER_ERROR backend timeout"));
    CHECK(fault_of(set(backend, "k", "v")) == BackendFault::unavailable);
    CHECK_THROWS_WITH(backend.clear(), Contains("SERVER_ERROR backend timeout"));
}

TEST_CASE("another key's value is never taken for the one that was asked for",
          "[memcached][nonsense]") {
    FakeServer server{FakeServer::answers("VALUE bob 0 10 1\r\nBOB-SECRET\r\nEND\r\n")};
    MemcachedBackend backend{options_for(server.address())};
    CHECK(fault_of(get(backend, "carol")) == BackendFault::protocol);
    const auto reads = get_many(backend, {"alice", "bob", "carol"});
    CHECK(reads[0].absent());
    CHECK(reads[1].found("BOB-SECRET"));
    CHECK(reads[2].absent());
}

TEST_CASE("values may come in any order, and what is not among them is absent",
          "[memcached][order]") {
    const std::string a = "VALUE a 0 1 1\r\nA\r\n";
    const std::string b = "VALUE b 0 1 2\r\nB\r\n";
    const std::string c = "VALUE c 0 1 3\r\nC\r\n";
    const auto read = [](const std::string& answer, const std::vector<std::string>& keys) {
        FakeServer server{FakeServer::answers(answer)};
        MemcachedBackend backend{options_for(server.address())};
        return get_many(backend, keys);
    };
    for (const auto& answer : {a + c, c + a}) {
        INFO(answer);
        const auto reads = read(answer + "END\r\n", {"a", "b", "c", "d"});
        CHECK(reads[0].found("A"));
        CHECK(reads[1].absent());
        CHECK(reads[2].found("C"));
        CHECK(reads[3].absent());
    }
    for (const auto& answer : {c + b + a, b + c + a, c + a + b, b + a + c}) {
        INFO(answer);
        const auto reads = read(answer + "END\r\n", {"a", "b", "c"});
        CHECK(reads[0].found("A"));
        CHECK(reads[1].found("B"));
        CHECK(reads[2].found("C"));
    }
    SECTION("a key that was asked for twice is answered twice") {
        const auto reads = read(b + a + b + "END\r\n", {"a", "b", "b"});
        CHECK(reads[0].found("A"));
        CHECK(reads[1].found("B"));
        CHECK(reads[2].found("B"));
    }
    SECTION("a value twice is a mistake: what came before it stays") {
        const auto reads = read(b + b + a + "END\r\n", {"a", "b", "c"});
        CHECK(fault_of(reads[0]) == BackendFault::protocol);
        CHECK(reads[1].found("B"));
        CHECK(fault_of(reads[2]) == BackendFault::protocol);
    }
    SECTION("one too many is a mistake too") {
        const auto reads = read(b + a + a + "END\r\n", {"a", "b"});
        CHECK(reads[0].found("A"));
        CHECK(reads[1].found("B"));
    }
    SECTION("nothing is absent before the end") {
        const auto reads = read(b + "SERVER_ERROR out of order\r\n", {"a", "b", "c"});
        CHECK(fault_of(reads[0]) == BackendFault::unavailable);
        CHECK(reads[1].found("B"));
        CHECK(fault_of(reads[2]) == BackendFault::unavailable);
    }
}

TEST_CASE("only what has no answer yet is asked for again", "[memcached][order][retry]") {
    // The first connection closes in the middle of its second answer.
    const auto value = [](const std::string& key) {
        return "VALUE " + key + " 0 1 1\r\n" + key + "\r\n";
    };
    std::atomic<int> connections{0};
    std::mutex mutex;
    std::vector<std::string> lines;
    FakeServer server{[&](Caller& caller) {
        const bool is_first = ++connections == 1;
        for (int i = 0;; ++i) {
            const auto line = caller.read_line();
            if (line.empty()) return;
            {
                const std::lock_guard lock{mutex};
                lines.push_back(line);
            }
            if (is_first && i == 1) {
                caller.send(value("d") + value("b"));
                return;
            }
            caller.send(is_first ? "END\r\n" : value("e") + value("a") + "END\r\n");
        }
    }};
    MemcachedBackend backend{options_for(server.address())};
    CHECK(get(backend, "k").absent());
    const auto reads = get_many(backend, {"a", "b", "c", "d", "e"});
    const std::lock_guard lock{mutex};
    CHECK(lines == std::vector<std::string>{"gets k", "gets a b c d e", "gets a c e"});
    CHECK(reads[0].found("a"));
    CHECK(reads[1].found("b"));
    CHECK(reads[2].absent());
    CHECK(reads[3].found("d"));
    CHECK(reads[4].found("e"));
}

TEST_CASE("as many keys as one command takes may be answered backwards", "[memcached][order]") {
    std::vector<std::string> keys;
    for (int i = 0; i < 1200; ++i) keys.push_back(std::string(1, static_cast<char>('a' + i % 20)));
    // One command of a thousand keys, and one of the rest.
    FakeServer server{[](Caller& caller) {
        for (auto line = caller.read_line(); !line.empty(); line = caller.read_line()) {
            std::string answer;
            for (auto at = line.size() - 1; at > 4; at -= 2) {
                answer += std::string{"VALUE "} + line[at] + " 0 1 7\r\n" + line[at] + "\r\n";
            }
            caller.send(answer + "END\r\n");
        }
    }};
    MemcachedBackend backend{options_for(server.address())};
    const auto reads = get_many(backend, keys);
    for (std::size_t i = 0; i < keys.size(); ++i) CHECK(reads[i].found(keys[i]));
}

TEST_CASE("bytes that nobody asked for end the connection, and are no later key's answer",
          "[memcached][nonsense]") {
    const std::string right = "VALUE k 0 5 1\r\nright\r\nEND\r\n";
    const std::string stray = "VALUE k 0 5 1\r\nstray\r\nEND\r\n";
    std::atomic<int> connections{0};
    std::atomic<bool> has_strayed{false};
    const auto server_that_strays = [&](bool at_once) {
        connections = 0;
        has_strayed = false;
        return [&, at_once](Caller& caller) {
            const bool is_first = ++connections == 1;
            while (!caller.read_line().empty()) {
                caller.send(is_first && at_once ? right + stray : right);
                if (is_first && !at_once) caller.send(stray);
                has_strayed = true;
            }
        };
    };
    for (const bool at_once : {true, false}) {
        FakeServer server{server_that_strays(at_once)};
        MemcachedBackend backend{options_for(server.address())};
        CHECK(get(backend, "k").found("right"));
        while (!has_strayed) std::this_thread::yield();
        for (int i = 0; i < 10; ++i) CHECK(get(backend, "k").found("right"));
        CHECK(connections == 2);
    }
}

TEST_CASE("a value that breaks off is a failure", "[memcached][nonsense]") {
    FakeServer server{FakeServer::answers_and_closes("VALUE k 0 1000 1\r\nonly this")};
    MemcachedBackend backend{options_for(server.address())};
    CHECK(fault_of(get(backend, "k")) == BackendFault::unavailable);

    FakeServer later{
        FakeServer::answers_and_closes("VALUE a 0 1 1\r\nA\r\nVALUE c 0 50 1\r\nbroken")};
    MemcachedBackend other{options_for(later.address())};
    const auto reads = get_many(other, {"a", "b", "c", "d"});
    CHECK(reads[0].found("A"));
    CHECK(fault_of(reads[1]) == BackendFault::unavailable);
    CHECK(fault_of(reads[2]) == BackendFault::unavailable);
    CHECK(fault_of(reads[3]) == BackendFault::unavailable);
}

TEST_CASE("a server that closes every connection at once is a failure", "[memcached][nonsense]") {
    FakeServer server{[](Caller&) {}};
    MemcachedBackend backend{options_for(server.address())};
    for (int i = 0; i < 5; ++i) {
        CHECK(fault_of(get(backend, "k")) == BackendFault::unavailable);
        CHECK(fault_of(set(backend, "k", std::string(300'000, 'x'))) == BackendFault::unavailable);
    }
}

TEST_CASE("an answer cut or changed anywhere is the same value, a miss or a failure",
          "[memcached][nonsense]") {
    // A changed byte inside the value itself cannot be seen here: the payload has a checksum.
    const std::string right = "VALUE k 0 5 17\r\nvalue\r\nEND\r\n";
    std::vector<std::string> answers;
    for (std::size_t size = 0; size < right.size(); ++size)
        answers.push_back(right.substr(0, size));
    for (std::size_t i = 0; i < right.size(); ++i) {
        for (const unsigned bit : {0U, 2U, 4U, 7U}) {
            auto changed = right;
            changed[i] = static_cast<char>(static_cast<unsigned char>(changed[i]) ^ (1U << bit));
            answers.push_back(changed);
        }
    }
    std::atomic<std::size_t> next{0};
    FakeServer server{[&](Caller& caller) {
        if (!caller.read_line().empty()) caller.send(answers.at(next));
    }};
    MemcachedBackend backend{options_for(server.address())};
    for (std::size_t i = 0; i < answers.size(); ++i) {
        INFO(answers[i]);
        next = i;
        const auto read = get(backend, "k");
        CHECK(read.answers == 1);
        if (read.kind == Read::Kind::found) CHECK(read.value.size() == 5);
    }
}

TEST_CASE("an add or a compare-and-set is never sent twice", "[memcached][retry]") {
    // Each connection answers one command, then reads one more and closes without an answer.
    std::atomic<int> sets{0};
    std::atomic<int> adds{0};
    std::atomic<int> compares{0};
    FakeServer server{[&](Caller& caller) {
        for (int i = 0; i < 2; ++i) {
            const auto line = caller.read_line();
            if (line.empty()) return;
            if (line.starts_with("set")) ++sets;
            if (line.starts_with("add")) ++adds;
            if (line.starts_with("cas")) ++compares;
            caller.skip(3);
            if (i == 0) caller.send("STORED\r\n");
        }
    }};
    MemcachedBackend backend{options_for(server.address())};
    CHECK(set(backend, "k", "v").done());
    CHECK(set(backend, "k", "v").done());  // the idle connection closed: sent again on a new one
    CHECK(sets == 3);
    CHECK(fault_of(add(backend, "k", "v")) == BackendFault::unavailable);
    CHECK(adds == 1);
    CHECK(set(backend, "k", "v").done());
    CHECK(fault_of(compare_and_set(backend, "k", "v", 5)) == BackendFault::unavailable);
    CHECK(compares == 1);
}

TEST_CASE("of three servers the dead one fails its keys and only those", "[memcached][servers]") {
    RealMemcached first;
    RealMemcached second{Transport::tcp};
    RealMemcached third;
    TurnableClock clock;
    MemcachedBackend backend{
        {.servers = {first.address(), second.address(), third.address()}, .deadline = 1s}, clock};
    std::vector<std::string> keys;
    for (std::size_t server = 0; server < 3; ++server) {
        for (auto& key : keys_on(backend, server, 30)) keys.push_back(std::move(key));
    }
    for (const auto& key : keys) REQUIRE(set(backend, key, "value of " + key).done());

    const auto check = [&](BackendFault fault) {
        const auto reads = get_many(backend, keys);
        for (std::size_t i = 0; i < keys.size(); ++i) {
            INFO(keys[i] << ": " << reads[i]);
            if (backend.server_of(keys[i]) == 1) {
                CHECK(fault_of(reads[i]) == fault);
            } else {
                CHECK(reads[i].found("value of " + keys[i]));
            }
        }
    };

    SECTION("killed") {
        second.kill();
        check(BackendFault::unavailable);
        check(BackendFault::unavailable);
        const auto outcomes = remove_many(backend, keys);
        for (std::size_t i = 0; i < keys.size(); ++i) {
            CHECK(outcomes[i].done() == (backend.server_of(keys[i]) != 1));
        }
        CHECK_THROWS_AS(backend.clear(), BackendError);
    }
    SECTION("hung") {
        second.hang();
        check(BackendFault::timeout);  // on the connection that was there
        check(BackendFault::timeout);  // on a new one
        CHECK(usual([&] { check(BackendFault::unavailable); }) <= longest_call);
    }
    SECTION("killed and back, empty") {
        second.restart();
        const auto reads = get_many(backend, keys);
        for (std::size_t i = 0; i < keys.size(); ++i) {
            if (backend.server_of(keys[i]) == 1) {
                CHECK(reads[i].absent());
            } else {
                CHECK(reads[i].found("value of " + keys[i]));
            }
        }
    }
    SECTION("cleared") {
        backend.clear();
        for (const auto& read : get_many(backend, keys)) CHECK(read.absent());
    }
}

TEST_CASE("slow servers are waited for at the same time", "[memcached][servers]") {
    const auto slow = [](Caller& caller) {
        while (!caller.read_line().empty()) {
            std::this_thread::sleep_for(100ms);
            caller.send("END\r\n");
        }
    };
    FakeServer first{slow};
    FakeServer second{slow};
    FakeServer third{slow};
    MemcachedBackend backend{
        {.servers = {first.address(), second.address(), third.address()}, .deadline = 2s}};
    std::vector<std::string> keys;
    for (std::size_t server = 0; server < 3; ++server) {
        keys.push_back(keys_on(backend, server, 1).front());
    }
    CHECK(usual([&] {
              for (const auto& read : get_many(backend, keys)) CHECK(read.absent());
          }) < 290ms);
}

TEST_CASE("a caller that is slow to take an answer does not make other servers count as down",
          "[memcached][servers]") {
    static constexpr auto time = 1s;
    std::atomic<bool> is_taking{false};
    FakeServer first{FakeServer::answers("END\r\n")};
    FakeServer second{[&](Caller& caller) {
        while (!caller.read_line().empty()) {
            while (!is_taking) std::this_thread::yield();
            caller.send("END\r\n");
        }
    }};
    TurnableClock clock;
    MemcachedBackend backend{{.servers = {first.address(), second.address()}, .deadline = time},
                             clock};
    const auto key = keys_on(backend, 0, 1).front();
    const auto other = keys_on(backend, 1, 1).front();

    class SlowKeeper final : public ReadSink {
     public:
        explicit SlowKeeper(std::atomic<bool>& is_taking) : is_taking_(is_taking) {}
        void found(std::size_t index, std::string_view value, std::uint64_t token) noexcept final {
            keeper.found(index, value, token);
        }
        void absent(std::size_t index) noexcept final {
            keeper.absent(index);
            is_taking_ = true;
            if (index == 0) std::this_thread::sleep_for(time + 50ms);
        }
        void failed(std::size_t index, const Failure& failure) noexcept final {
            keeper.failed(index, failure);
        }
        ReadKeeper keeper{2};

     private:
        std::atomic<bool>& is_taking_;
    } sink{is_taking};
    const std::vector<std::string_view> keys{key, other};
    backend.get_many(keys, sink);
    CHECK(sink.keeper.reads[0].absent());
    CHECK(sink.keeper.reads[1].absent());
    CHECK(get(backend, other).absent());
}

TEST_CASE("a server that closed its idle connection is asked again while another one hangs",
          "[memcached][servers]") {
    FakeServer hung{[](Caller& caller) { caller.stay_silent(); }};
    std::atomic<int> connections{0};
    FakeServer closing{[&](Caller& caller) {
        const bool is_first = ++connections == 1;
        while (!caller.read_line().empty()) {
            caller.send("END\r\n");
            if (!is_first) continue;
            caller.read_line();  // closes when it is asked again
            return;
        }
    }};
    MemcachedBackend backend{{.servers = {hung.address(), closing.address()}, .deadline = 1s}};
    const auto lost = keys_on(backend, 0, 1).front();
    const auto key = keys_on(backend, 1, 1).front();
    CHECK(get(backend, key).absent());
    const auto reads = get_many(backend, {lost, key});
    CHECK(fault_of(reads[0]) == BackendFault::timeout);
    CHECK(reads[1].absent());
    CHECK(connections == 2);
}

TEST_CASE("a connection that comes free is used while another server hangs",
          "[memcached][threads]") {
    FakeServer hung{[](Caller& caller) { caller.stay_silent(); }};
    FakeServer busy{[](Caller& caller) {
        while (!caller.read_line().empty()) {
            std::this_thread::sleep_for(100ms);
            caller.send("END\r\n");
        }
    }};
    MemcachedBackend backend{
        {.servers = {hung.address(), busy.address()}, .deadline = 2s, .connections = 1}};
    const auto lost = keys_on(backend, 0, 1).front();
    const auto key = keys_on(backend, 1, 1).front();
    std::thread holder{[&] { CHECK_NOTHROW(get(backend, key)); }};
    while (busy.connections() == 0) std::this_thread::yield();
    const auto reads = get_many(backend, {lost, key});
    holder.join();
    CHECK(fault_of(reads[0]) == BackendFault::timeout);
    CHECK(reads[1].absent());
    CHECK(busy.connections() == 1);
}

TEST_CASE("a forked child and its parent never get each other's answers", "[memcached][fork]") {
    for (const auto transport : {Transport::unix_socket, Transport::tcp}) {
        RealMemcached server{transport};
        MemcachedBackend backend{{.servers = {server.address()}, .deadline = 5s}};
        CHECK(set(backend, "parent", "PARENT").done());
        CHECK(set(backend, "child", "CHILD").done());
        const auto accepted = [&] {
            const auto statistics = server.ask("stats\r\n", "END\r\n");
            const auto at = statistics.find("STAT total_connections ");
            return std::stoi(statistics.substr(at + 23));
        };
        const int before = accepted();

        const auto child = ::fork();
        if (child == 0) {
            bool right = true;
            for (int i = 0; i < 300; ++i) right = right && get(backend, "child").found("CHILD");
            backend.close();
            ::_exit(right ? 0 : 1);
        }
        bool right = true;
        for (int i = 0; i < 300; ++i) right = right && get(backend, "parent").found("PARENT");
        int status = -1;
        ::waitpid(child, &status, 0);
        CHECK(right);
        CHECK(status == 0);
        // The parent still uses the connection it had; the child made one of its own.
        CHECK(get(backend, "parent").found("PARENT"));
        CHECK(accepted() == before + 2);  // the child's, and the one that asks
    }
}

TEST_CASE("a child may end the backend without harm to its parent", "[memcached][fork]") {
    RealMemcached server;
    auto backend = std::make_unique<MemcachedBackend>(options_for(server.address()));
    CHECK(set(*backend, "k", "v").done());
    CHECK(holds_in_child([&] {
        backend->close();
        backend.reset();
        return true;
    }));
    CHECK(holds_in_child([&] {
        backend.reset();
        return true;
    }));
    CHECK(get(*backend, "k").found("v"));
    CHECK(holds_in_child([&] {
        return holds_in_child([&] { return get(*backend, "k").found("v"); }) &&
               get(*backend, "k").found("v");
    }));
}

TEST_CASE("a child that has closed what it inherited keeps what it has opened since",
          "[memcached][fork]") {
    RealMemcached server;
    MemcachedBackend backend{options_for(server.address())};
    CHECK(set(backend, "k", "v").done());
    CHECK(holds_in_child([&] {
        // As a process does that becomes a daemon: the numbers of the parent's connections now name
        // files of its own.
        constexpr int first = 3;
        constexpr int last = 63;
        for (int number = first; number <= last; ++number) ::close(number);
        for (int number = first; number <= last; ++number) {
            if (::open("/dev/null", O_RDONLY | O_CLOEXEC) != number) return false;
        }
        bool right = get(backend, "k").found("v");
        backend.close();
        for (int number = first; number <= last; ++number) {
            struct stat status {};
            right = right && ::fstat(number, &status) == 0 && S_ISCHR(status.st_mode);
        }
        return right && get(backend, "k").found("v");
    }));
    CHECK(get(backend, "k").found("v"));
}

#ifndef CACHEMODEL_NO_FORK_AMONG_ALLOCATIONS
TEST_CASE("a child forked while threads use the backend can use it too", "[memcached][fork]") {
    RealMemcached server;
    MemcachedBackend backend{{.servers = {server.address()}, .deadline = 5s}};
    CHECK(set(backend, "k", "v").done());
    std::atomic<bool> is_ending{false};
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i) {
        threads.emplace_back([&] {
            while (!is_ending) CHECK_NOTHROW(get(backend, "k"));
        });
    }
    for (int i = 0; i < 10; ++i) {
        CHECK(holds_in_child([&] {
            ::alarm(10);  // a child that waits for a lost lock must not hold up the tests
            return get(backend, "k").found("v") && get(backend, "k").found("v");
        }));
    }
    is_ending = true;
    for (auto& thread : threads) thread.join();
}
#endif

TEST_CASE("callers beyond the last connection wait for one, and get it", "[memcached][threads]") {
    RealMemcached server;
    MemcachedBackend backend{{.servers = {server.address()}, .deadline = 10s, .connections = 2}};
    CHECK(set(backend, "k", "v").done());
    std::atomic<int> right{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 16; ++i) {
        threads.emplace_back([&] {
            for (int round = 0; round < 100; ++round) right += get(backend, "k").found("v");
        });
    }
    for (auto& thread : threads) thread.join();
    CHECK(right == 1600);
    // One connection started the server's test, one asks, two at most are the backend's.
    CHECK_THAT(server.ask("stats\r\n", "END\r\n"),
               Contains("STAT curr_connections") && !Contains("STAT total_connections 9"));
}

TEST_CASE("callers beyond the last connection wait at most their deadline",
          "[memcached][threads]") {
    FakeServer server{[](Caller& caller) { caller.stay_silent(); }};
    MemcachedBackend backend{
        {.servers = {server.address()}, .deadline = deadline, .retry_after = 0s, .connections = 1}};
    CHECK(usual([&] {
              const int before = server.connections();
              std::thread holder{[&] { get(backend, "k"); }};
              while (server.connections() == before) std::this_thread::yield();
              CHECK(fault_of(get(backend, "k")) == BackendFault::timeout);
              holder.join();
          }) <= 2 * longest_call);
}

TEST_CASE("threads that use all servers with one connection each do not lock each other out",
          "[memcached][threads]") {
    RealMemcached first;
    RealMemcached second;
    MemcachedBackend backend{
        {.servers = {first.address(), second.address()}, .deadline = 10s, .connections = 1}};
    std::vector<std::string> keys = keys_on(backend, 0, 2);
    for (auto& key : keys_on(backend, 1, 2)) keys.push_back(std::move(key));
    for (const auto& key : keys) CHECK(set(backend, key, key).done());
    std::atomic<int> right{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i) {
        threads.emplace_back([&, i] {
            auto mine = keys;
            if (i % 2 == 1) std::reverse(mine.begin(), mine.end());
            for (int round = 0; round < 100; ++round) {
                const auto reads = get_many(backend, mine);
                for (std::size_t k = 0; k < mine.size(); ++k) right += reads[k].found(mine[k]);
            }
        });
    }
    for (auto& thread : threads) thread.join();
    CHECK(right == 3200);
}

TEST_CASE("servers may come, hang and go while threads work, and no value is ever wrong",
          "[memcached][threads]") {
    RealMemcached first;
    RealMemcached second;
    MemcachedBackend backend{
        {.servers = {first.address(), second.address()}, .deadline = 50ms, .retry_after = 10ms}};
    Hammer hammer{backend};
    for (int i = 0; i < 5; ++i) {
        std::this_thread::sleep_for(50ms);
        first.restart();
        second.hang();
        std::this_thread::sleep_for(80ms);
        second.go_on();
    }
    std::this_thread::sleep_for(50ms);
    hammer.stop();
    CHECK(hammer.wrong() == 0);
    CHECK(hammer.found() > 0);
}

TEST_CASE("close lets connections go, and the next call makes new ones", "[memcached][close]") {
    RealMemcached server;
    MemcachedBackend backend{options_for(server.address())};
    CHECK(set(backend, "k", "v").done());
    backend.close();
    backend.close();
    const auto statistics = server.ask("stats\r\n", "END\r\n");
    CHECK_THAT(statistics, Contains("STAT curr_connections"));
    CHECK(get(backend, "k").found("v"));
}
