// cachemodel: the Redis backend against real servers.
// SPDX-License-Identifier: MIT
#include <cachemodel/backends/redis.hpp>

#include <cachemodel/cache.hpp>
#include <cachemodel/cache_url.hpp>
#include <cachemodel/testing/turnable_clock.hpp>

#include "support/backend_calls.hpp"
#include "support/catch.hpp"
#include "support/hammer.hpp"
#include "support/in_time.hpp"
#include "support/redis_server.hpp"

#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace cachemodel;
using namespace cachemodel::support;
using namespace std::chrono_literals;
using cachemodel::testing::TurnableClock;
using Catch::Matchers::Contains;

namespace {

/// Every call gets the deadline of `check_in_time`, and finds out for itself what the server does.
RedisOptions hurried(const RealRedis& server) {
    auto options = server.options();
    options.deadline = 200ms;
    options.retry_after = 0s;
    return options;
}

std::optional<BackendFault> fault_of(const Read& read) {
    return read.failed() ? read.failure.value().fault() : std::nullopt;
}

std::optional<BackendFault> fault_of(const Outcome& outcome) {
    return outcome.failed() ? outcome.failure().fault() : std::nullopt;
}

std::string value_of(const std::vector<Fact>& facts, std::string_view name) {
    const auto fact = std::ranges::find(facts, name, &Fact::name);
    return fact == facts.end() ? "nothing" : fact->value;
}

/// Runs `work` in a forked child, which ends without a destructor.
pid_t in_child(const std::function<bool()>& work) {
    const auto child = ::fork();
    if (child == 0) ::_exit(work() ? 0 : 1);
    return child;
}

bool held(pid_t child) {
    int status = -1;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace

TEST_CASE("Redis is reached by URLs over TCP and a unix socket", "[redis][integration]") {
    RealRedis tcp{Transport::tcp};
    const auto base = "redis://127.0.0.1:" + std::to_string(tcp.options().port);
    auto url = CacheUrl::parse(base);
    const auto backend = open_redis(url, Clock::machine());
    CHECK(set(*backend, "bob", "bob@hotmail.com").done());
    CHECK(get(*backend, "bob").found("bob@hotmail.com"));

    auto numbered_url = CacheUrl::parse(base + "/5");
    const auto numbered = open_redis(numbered_url, Clock::machine());
    CHECK(get(*numbered, "bob").absent());
    CHECK(set(*numbered, "bob", "five").done());
    CHECK(get(*backend, "bob").found("bob@hotmail.com"));
    CHECK_THAT(tcp.ask("SELECT 5\r\nGET bob\r\n", "five\r\n"), Contains("five"));

    RealRedis unix_socket;
    auto socket_url =
        CacheUrl::parse("redis+unix://" + unix_socket.options().socket + "?db=2&deadline=5s");
    const auto other = open_redis(socket_url, Clock::machine());
    CHECK(set(*other, "bob", "two").done());
    CHECK_THAT(unix_socket.ask("SELECT 2\r\nGET bob\r\n", "two\r\n"), Contains("two"));
}

TEST_CASE("a cache is opened by a URL of Redis", "[redis][integration]") {
    RealRedis server;
    const auto cache = Cache::open("redis+unix://" + server.options().socket);
    CHECK_THROWS_AS(Cache::open("rediss://127.0.0.1"), ConfigError);
    CHECK_THROWS_AS(Cache::open("redis://127.0.0.1?max_entries=10"), ConfigError);
}

TEST_CASE("a cache of Redis is made in code", "[redis][integration]") {
    const std::string password = "p@ss/w?rd";
    RealRedis server{Transport::tcp, {"--requirepass", password}};
    const auto port = server.options().port;
    // [in_code]
    RedisOptions options;
    options.host = "127.0.0.1";
    options.port = port;
    options.password = password;
    options.database = 5;
    const Cache cache{std::make_shared<RedisBackend>(options)};
    // [/in_code]
    CHECK(cache.capabilities().tells_lifetimes);
    RedisBackend same{options};
    CHECK(get(same, "k").absent());
}

TEST_CASE("making the backend connects to nothing", "[redis][integration]") {
    const RedisBackend backend{{.socket = "/nonexistent/redis.sock"}};
    RedisBackend nobody{{.host = "127.0.0.1", .port = 1}};
    CHECK(fault_of(get(nobody, "k")) == BackendFault::unavailable);
    CHECK_THAT(get(nobody, "k").failure.value().message(), Contains("127.0.0.1:1: "));
}

TEST_CASE("one command sets, and one adds", "[redis][monitor]") {
    RealRedis server;
    RedisBackend backend{server.options()};
    CHECK(get(backend, "warm").absent());
    RedisMonitor monitor{server.options()};
    const auto commands = [&] {
        CHECK(get(backend, "end").absent());
        auto seen = monitor.commands_until("\"GET\" \"end\"");
        seen.pop_back();
        return seen;
    };
    using Commands = std::vector<std::string>;

    CHECK(set(backend, "k", "v", 1500ms).done());
    CHECK(commands() == Commands{R"("SET" "k" "v" "PX" "1500")"});
    CHECK(set(backend, "k", "v").done());
    CHECK(commands() == Commands{R"("SET" "k" "v")"});
    CHECK(set(backend, "k", "v", 1ns).done());
    CHECK(commands() == Commands{R"("SET" "k" "v" "PX" "1")"});
    CHECK(add(backend, "a", "v", 10s).done());
    CHECK(commands() == Commands{R"("SET" "a" "v" "PX" "10000" "NX")"});
    CHECK(add(backend, "a", "v").declined());
    CHECK(commands() == Commands{R"("SET" "a" "v" "NX")"});
    CHECK(remove(backend, "a").done());
    CHECK(commands() == Commands{R"("DEL" "a")"});

    CHECK(set(backend, "t", "v").done());
    static_cast<void>(commands());
    CHECK(touch(backend, "t", 10s).done());
    CHECK(commands() == Commands{R"("PEXPIRE" "t" "10000")"});
    CHECK(touch(backend, "t", never).done());
    CHECK(commands() == Commands{R"("MULTI")", R"("EXISTS" "t")", R"("PERSIST" "t")", R"("EXEC")"});

    CHECK(get_many(backend, {"t", "no", "t"}).at(2).found("v"));
    CHECK(commands() == Commands{R"("MGET" "t" "no" "t")"});
    CHECK(get_many(backend, {}).empty());
    CHECK(remove_many(backend, {}).empty());
    CHECK(commands().empty());

    backend.clear();
    CHECK(commands() == Commands{R"("FLUSHDB" "ASYNC")"});
}

TEST_CASE("a new connection logs in and selects its database before anything else",
          "[redis][auth]") {
    RealRedis server{Transport::unix_socket, {"--requirepass", "p@ss w:rd%"}};
    auto options = server.options();
    options.password = "p@ss w:rd%";
    options.database = 5;
    RedisBackend backend{options};
    CHECK(set(backend, "k", "five").done());
    CHECK(get(backend, "k").found("five"));
    server.restart();  // the connection is made again, and is logged in again
    CHECK(get(backend, "k").absent());
    CHECK(set(backend, "k", "again").done());

    auto url = CacheUrl::parse("redis+unix://:p%40ss%20w%3ard%25@" + options.socket + "?db=5");
    const auto opened = open_redis(url, Clock::machine());
    CHECK(get(*opened, "k").found("again"));

    options.database = 0;
    RedisBackend other{options};
    CHECK(get(other, "k").absent());
}

TEST_CASE("a user of the server's access list may do what it may", "[redis][auth]") {
    RealRedis server;
    server.ask("ACL SETUSER reader on >secret ~* +get +mget +select\r\n");
    auto options = server.options();
    options.user = "reader";
    options.password = "secret";
    RedisBackend backend{options};
    CHECK(get(backend, "k").absent());
    CHECK(get_many(backend, {"k", "l"}).at(1).absent());
    const auto refused = set(backend, "k", "hunter2");
    CHECK(fault_of(refused) == BackendFault::permission);
    CHECK_THAT(refused.failure().message(), !Contains("hunter2"));
    CHECK(fault_of(increment(backend, "k").outcome) == BackendFault::permission);
    CHECK(fault_of(compare_and_set(backend, "k", "v", 5)) == BackendFault::permission);
    CHECK(fault_of(touch(backend, "k", never)) == BackendFault::permission);
    CHECK(fault_of(remove(backend, "k")) == BackendFault::permission);
    CHECK_THROWS_AS(backend.clear(), BackendError);
    CHECK_THROWS_AS(backend.facts(), BackendError);
    CHECK(get(backend, "k").absent());
}

TEST_CASE("the user of the guide may do all that a cache does, but clear", "[redis][auth]") {
    RealRedis server;
    server.ask(
        "ACL SETUSER shop on >password ~shop:* +get +mget +set +del +pexpire +pttl +exists "
        "+persist +multi +exec +watch +unwatch +select +info +scan +evalsha +eval +incrby "
        "+getrange\r\n");
    auto options = server.options();
    options.user = "shop";
    options.password = "password";
    options.database = 1;
    RedisBackend backend{options};
    CHECK(set(backend, "shop:n", "1", 1h).done());
    CHECK(add(backend, "shop:n", "1").declined());
    CHECK(increment(backend, "shop:n").is(2));
    CHECK(compare_and_set(backend, "shop:n", "x", get(backend, "shop:n").token).done());
    CHECK(fails_with<NotAnInteger>(increment(backend, "shop:n").outcome));
    CHECK(compare_and_set(backend, "shop:n", "y", 5).declined());
    CHECK(get_many(backend, {"shop:n", "shop:no"}).at(0).found("x"));
    CHECK(touch(backend, "shop:n", 1min).done());
    CHECK(touch(backend, "shop:n", never).done());
    CHECK(remaining_lifetime(backend, "shop:n").is(never));
    CHECK(list_keys(backend, "shop:").size() == 1);
    CHECK(value_of(backend.facts(), "keys") == "1");
    CHECK(remove(backend, "shop:n").done());
    CHECK(fault_of(get(backend, "other")) == BackendFault::permission);
    CHECK_THROWS_AS(backend.clear(), BackendError);
}

TEST_CASE("a wrong password is an error of its own, and is not tried on every call",
          "[redis][auth]") {
    RealRedis server{Transport::unix_socket, {"--requirepass", "right"}};
    auto options = server.options();
    options.password = "hunter2";
    TurnableClock clock;
    RedisBackend backend{options, clock};
    const auto read = get(backend, "k");
    CHECK(fault_of(read) == BackendFault::auth);
    CHECK_THAT(read.failure.value().message(), Contains("WRONGPASS") && !Contains("hunter2"));
    for (int i = 0; i < 20; ++i) CHECK(fault_of(set(backend, "k", "v")) == BackendFault::auth);
    CHECK_THROWS_AS(backend.clear(), BackendError);
    CHECK_THAT(server.ask("AUTH right\r\nINFO commandstats\r\nECHO end\r\n", "end\r\n"),
               Contains("cmdstat_auth:calls=") && Contains("failed_calls=1\r\n"));
    clock.advance(1s);
    CHECK(fault_of(get(backend, "k")) == BackendFault::auth);
    CHECK_THAT(server.ask("AUTH right\r\nINFO commandstats\r\nECHO end\r\n", "end\r\n"),
               Contains("failed_calls=2\r\n"));

    options.password.clear();
    RedisBackend anonymous{options};
    CHECK(fault_of(get(anonymous, "k")) == BackendFault::auth);
    RealRedis open;
    auto needless = open.options();
    needless.password = "hunter2";
    RedisBackend backend_of_open{needless};
    const auto refused = set(backend_of_open, "k", "v");
    CHECK(fault_of(refused) == BackendFault::auth);
    CHECK_THAT(refused.failure().message(), !Contains("hunter2"));
}

TEST_CASE("a database that the server does not have is an error, and no other is used",
          "[redis][auth]") {
    RealRedis server;
    auto options = server.options();
    options.database = 16;
    RedisBackend backend{options};
    const auto stored = set(backend, "k", "v");
    CHECK(fault_of(stored) == BackendFault::unsupported);
    CHECK_THAT(stored.failure().message(), Contains("database 16"));
    CHECK_THAT(server.ask("DBSIZE\r\n"), Contains(":0"));
}

TEST_CASE("what another program keeps under a key is neither value nor absent",
          "[redis][integration]") {
    RealRedis server;
    RedisBackend backend{server.options()};
    server.ask("RPUSH list a\r\n");
    const auto read = get(backend, "list");
    CHECK(fault_of(read) == BackendFault::protocol);
    CHECK_THAT(read.failure.value().message(), Contains("WRONGTYPE"));
    CHECK(fails_with<NotAnInteger>(increment(backend, "list").outcome));
    CHECK(compare_and_set(backend, "list", "v", 5).failed());
    CHECK(add(backend, "list", "v").declined());
    CHECK(get_many(backend, {"list", "no"}).at(0).absent());  // as MGET has it
    CHECK(set(backend, "list", "v").done());
    CHECK(get(backend, "list").found("v"));
    server.ask("RPUSH other a\r\n");
    CHECK(remove(backend, "other").done());
}

TEST_CASE("keys and values of Redis are any bytes", "[redis][integration]") {
    RealRedis server;
    RedisBackend backend{server.options()};
    const std::vector<std::string> keys{
        "",
        "%s%n%b",
        std::string{"nul\0nul", 7},
        "a b\r\nFLUSHALL\r\n",
        "*1\r\n$8\r\nFLUSHALL\r\n",
        "\xff\xfe",
        std::string(20'000, 'k'),
    };
    for (std::size_t i = 0; i < keys.size(); ++i) {
        CHECK(set(backend, keys[i], keys[i] + std::to_string(i), 1h).done());
    }
    const auto reads = get_many(backend, keys);
    for (std::size_t i = 0; i < keys.size(); ++i) {
        CHECK(reads[i].found(keys[i] + std::to_string(i)));
        CHECK(get(backend, keys[i]).found(keys[i] + std::to_string(i)));
        CHECK(touch(backend, keys[i], 1min).done());
        CHECK(remove(backend, keys[i]).done());
    }
    CHECK_THAT(server.ask("DBSIZE\r\n"), Contains(":0"));
}

TEST_CASE("a value of 10 MiB comes back", "[redis][integration]") {
    RealRedis server;
    RedisBackend backend{server.options()};
    std::string value(10 << 20, 'x');
    for (std::size_t i = 0; i < value.size(); i += 997) value[i] = static_cast<char>(i / 997);
    CHECK(set(backend, "large", value).done());
    CHECK(get(backend, "large").found(value));
    const auto reads = get_many(backend, {"no", "large", "large"});
    CHECK(reads[1].found(value));
    CHECK(reads[2].found(value));
    CHECK(add(backend, "large", "x").declined());
}

TEST_CASE("counters of Redis have 64 bits with a sign", "[redis][counters]") {
    constexpr auto largest = std::numeric_limits<std::int64_t>::max();
    constexpr auto smallest = std::numeric_limits<std::int64_t>::min();
    RealRedis server;
    RedisBackend backend{server.options()};
    CHECK(increment(backend, "n").declined());
    CHECK(get(backend, "n").absent());
    CHECK(set(backend, "n", "1").done());
    CHECK(increment(backend, "n", -3).is(-2));
    CHECK(get(backend, "n").found("-2"));
    CHECK(increment(backend, "n", 9'007'199'254'740'993 + 2).is(9'007'199'254'740'993));
    CHECK(set(backend, "n", "9223372036854775806").done());
    CHECK(increment(backend, "n").is(largest));
    CHECK(fails_with<Overflow>(increment(backend, "n").outcome));
    CHECK(get(backend, "n").found("9223372036854775807"));
    CHECK(set(backend, "n", "0").done());
    CHECK(increment(backend, "n", smallest).is(smallest));
    CHECK(fails_with<Overflow>(increment(backend, "n", -1).outcome));
    CHECK(set(backend, "n", "18446744073709551615").done());
    CHECK(fails_with<Overflow>(increment(backend, "n", 0).outcome));
    for (const std::string value :
         {"", "abc", " 5", "5 ", "+5", "007", "1.5", "\xca", "99999999999999999999x"}) {
        INFO(value);
        CHECK(set(backend, "text", value).done());
        CHECK(fails_with<NotAnInteger>(increment(backend, "text").outcome));
        CHECK(get(backend, "text").found(value));
    }
}

TEST_CASE("a count keeps the lifetime, and survives a server that forgot the script",
          "[redis][counters]") {
    RealRedis server;
    RedisBackend backend{server.options()};
    CHECK(set(backend, "n", "1", 1h).done());
    CHECK(increment(backend, "n").is(2));
    const auto remaining = remaining_lifetime(backend, "n");
    CHECK(remaining.left <= Lifetime{1h});
    CHECK(remaining.left > Lifetime{59min});
    server.ask("SCRIPT FLUSH\r\n");
    CHECK(increment(backend, "n").is(3));
    RedisMonitor monitor{server.options()};
    CHECK(increment(backend, "n").is(4));
    CHECK(get(backend, "end").absent());
    const auto commands = monitor.commands_until("\"GET\" \"end\"");
    REQUIRE(commands.size() == 2);
    CHECK_THAT(commands[0], Catch::Matchers::StartsWith("\"EVALSHA\""));
}

TEST_CASE("a full server refuses values and takes none away", "[redis][integration]") {
    RealRedis server{Transport::unix_socket,
                     {"--maxmemory", "3mb", "--maxmemory-policy", "noeviction"}};
    RedisBackend backend{server.options()};
    CHECK(set(backend, "n", "1").done());
    const std::string large(100'000, 'x');
    std::optional<BackendFault> fault;
    for (int i = 0; i < 100 && !fault; ++i) {
        fault = fault_of(set(backend, "k" + std::to_string(i), large));
    }
    CHECK(fault == BackendFault::full);
    CHECK(get(backend, "n").found("1"));
    CHECK(fault_of(increment(backend, "n").outcome) == BackendFault::full);
    CHECK(value_of(backend.facts(), "maxmemory") == "3145728");
}

TEST_CASE("one refusal in a pipeline leaves the others alone", "[redis][integration]") {
    RealRedis server;
    server.ask("ACL SETUSER half on >secret ~mine:* +@all\r\n");
    auto options = server.options();
    options.user = "half";
    options.password = "secret";
    options.connections = 1;
    RedisBackend backend{options};
    const std::vector<Entry> entries{
        {"mine:1", "a", never}, {"other", "b", never}, {"mine:2", "c", 1h}};
    std::vector<Outcome> outcomes(3, Failure{BackendFault::protocol, "unanswered"});
    backend.store_many(Store::set, entries, outcomes);
    CHECK(outcomes[0].done());
    CHECK(fault_of(outcomes[1]) == BackendFault::permission);
    CHECK(outcomes[2].done());
    CHECK(get(backend, "mine:1").found("a"));
    CHECK(get(backend, "mine:2").found("c"));
}

TEST_CASE("keys are listed by a prefix that is no pattern", "[redis][list]") {
    RealRedis server;
    RedisBackend backend{server.options()};
    const std::vector<std::string> keys{"a*b:1",  "a*b:2", "aXb:1", "a?:1",  "ab:1",
                                        "a[x]:1", "ax:1",  "a\\:1", "^-]:1", "other"};
    for (const auto& key : keys) CHECK(set(backend, key, "v").done());
    using Keys = std::vector<std::string>;
    CHECK(list_keys(backend, "a*b:") == Keys{"a*b:1", "a*b:2"});
    CHECK(list_keys(backend, "a?") == Keys{"a?:1"});
    CHECK(list_keys(backend, "a[x]") == Keys{"a[x]:1"});
    CHECK(list_keys(backend, "a\\") == Keys{"a\\:1"});
    CHECK(list_keys(backend, "^-]") == Keys{"^-]:1"});
    CHECK(list_keys(backend, "*").empty());
    CHECK(list_keys(backend, "").size() == keys.size());
}

TEST_CASE("many keys that nobody changes are listed in steps", "[redis][list]") {
    RealRedis server;
    RedisBackend backend{server.options()};
    constexpr std::size_t count = 20'000;
    std::vector<std::string> keys;
    for (std::size_t i = 0; i < count; ++i) {
        keys.push_back((i % 2 == 0 ? "ours:" : "theirs:") + std::to_string(i));
    }
    std::vector<Entry> entries;
    for (const auto& key : keys) entries.push_back({key, "v", 1h});
    std::vector<Outcome> outcomes(count);
    backend.store_many(Store::set, entries, outcomes);
    CHECK(std::ranges::all_of(outcomes, &Outcome::done));

    RedisMonitor monitor{server.options()};
    const auto listed = list_keys(backend, "ours:");
    CHECK(listed.size() == count / 2);
    CHECK(std::ranges::all_of(listed, [](const auto& key) { return key.starts_with("ours:"); }));
    CHECK(get(backend, "end").absent());
    auto commands = monitor.commands_until("\"GET\" \"end\"");
    commands.pop_back();
    CHECK(commands.size() >= 10);
    CHECK(std::ranges::all_of(commands,
                              [](const auto& line) { return line.starts_with("\"SCAN\""); }));

    struct Stopping final : KeySink {
        void key(std::string_view) override { throw std::runtime_error{"enough"}; }
    } stopping;
    CHECK_THROWS_WITH(backend.list_keys("ours:", stopping), "enough");
    CHECK(get(backend, "ours:0").found("v"));
}

TEST_CASE("clear empties the selected database and no other", "[redis][clear]") {
    RealRedis server;
    auto options = server.options();
    RedisBackend zero{options};
    options.database = 5;
    RedisBackend five{options};
    CHECK(set(zero, "k", "v").done());
    CHECK(set(five, "k", "v").done());
    five.clear();
    CHECK(get(five, "k").absent());
    CHECK(get(zero, "k").found("v"));
}

TEST_CASE("Redis states facts about itself", "[redis][facts]") {
    RealRedis server;
    auto options = server.options();
    options.database = 3;
    RedisBackend backend{options};
    CHECK(value_of(backend.facts(), "keys") == "0");
    CHECK(set(backend, "k", "v").done());
    CHECK(get(backend, "k").found("v"));
    CHECK(get(backend, "nothing").absent());
    const auto facts = backend.facts();
    CHECK(facts.size() == 11);
    CHECK_THAT(value_of(facts, "redis_version"), Contains("."));
    CHECK(value_of(facts, "keys") == "1");
    CHECK(value_of(facts, "keyspace_hits") == "1");
    CHECK(value_of(facts, "keyspace_misses") == "1");
    CHECK(value_of(facts, "evicted_keys") == "0");
    CHECK(value_of(facts, "maxmemory_policy") == "noeviction");
    CHECK(value_of(facts, "recent_failures") == "0 of 5 calls");
    const auto servers = backend.servers();
    REQUIRE(servers.size() == 1);
    CHECK(servers[0].name == options.socket);
    CHECK_FALSE(servers[0].is_down);
    CHECK(servers[0].recent_calls == 5);
    CHECK(servers[0].recent_failures == 0);
    CHECK(backend.server_of("k") == 0);
    CHECK(std::ranges::all_of(facts, [](const Fact& fact) { return fact.subject.empty(); }));
}

TEST_CASE("a server that was restarted between two calls is connected again", "[redis][restart]") {
    for (const auto transport : {Transport::unix_socket, Transport::tcp}) {
        RealRedis server{transport};
        RedisBackend backend{server.options()};
        CHECK(set(backend, "k", "v").done());
        server.restart();
        CHECK(get(backend, "k").absent());
        server.restart();
        CHECK(add(backend, "k", "1").done());
        server.restart();
        CHECK(increment(backend, "k").declined());
    }
}

TEST_CASE("connections that the server ended between two calls do not show", "[redis][restart]") {
    RealRedis server;
    RedisBackend backend{server.options()};
    CHECK(set(backend, "n", "1").done());
    CHECK_THAT(server.ask("CLIENT KILL TYPE normal\r\n"), Contains(":1"));
    CHECK(get(backend, "n").found("1"));
    CHECK_THAT(server.ask("CLIENT KILL TYPE normal\r\n"), Contains(":1"));
    CHECK(increment(backend, "n").is(2));
    CHECK(get(backend, "n").found("2"));
}

TEST_CASE("a server that was killed is unavailable, at once", "[redis][restart]") {
    RealRedis server;
    RedisBackend backend{hurried(server)};
    CHECK(set(backend, "k", "v").done());
    server.kill();
    std::int64_t value = 0;
    check_in_time([&] { CHECK(fault_of(get(backend, "k")) == BackendFault::unavailable); });
    CHECK(fault_of(get_many(backend, {"k", "l"}).at(1)) == BackendFault::unavailable);
    CHECK(fault_of(set(backend, "k", "v")) == BackendFault::unavailable);
    CHECK(fault_of(add(backend, "k", "v")) == BackendFault::unavailable);
    CHECK(fault_of(compare_and_set(backend, "k", "v", 5)) == BackendFault::unavailable);
    CHECK(fault_of(remove(backend, "k")) == BackendFault::unavailable);
    CHECK(fault_of(touch(backend, "k", 1h)) == BackendFault::unavailable);
    CHECK(fault_of(backend.increment("k", 1, value)) == BackendFault::unavailable);
    CHECK(fault_of(remaining_lifetime(backend, "k").outcome) == BackendFault::unavailable);
    CHECK_THROWS_AS(backend.clear(), BackendError);
    CHECK_THROWS_AS(backend.facts(), BackendError);
    CHECK_THROWS_AS(list_keys(backend, ""), BackendError);
    server.start();
    CHECK(get(backend, "k").absent());
}

TEST_CASE("a dead server is not dialled on every call", "[redis][restart]") {
    RealRedis server;
    TurnableClock clock;
    auto options = server.options();
    options.retry_after = 1s;
    RedisBackend backend{options, clock};
    server.kill();
    CHECK(fault_of(get(backend, "k")) == BackendFault::unavailable);
    server.start();
    for (int i = 0; i < 1000; ++i) {
        CHECK(fault_of(get(backend, "k")) == BackendFault::unavailable);
    }
    CHECK_THAT(server.ask("INFO clients\r\nECHO end\r\n", "end\r\n"),
               Contains("connected_clients:1\r\n"));
    clock.advance(400ms);
    const auto down = backend.servers().at(0);
    CHECK(down.is_down);
    CHECK(down.down_for == 400ms);
    CHECK(down.recent_calls == 0);
    clock.advance(600ms);
    CHECK(get(backend, "k").absent());
    const auto up = backend.servers().at(0);
    CHECK_FALSE(up.is_down);
    CHECK(up.down_for == 0s);
}

TEST_CASE("a server that hangs costs the deadline, and its late answers are nobody's",
          "[redis][deadline]") {
    RealRedis server;
    RedisBackend backend{hurried(server)};
    CHECK(set(backend, "first", "FIRST").done());
    CHECK(set(backend, "second", "SECOND").done());
    CHECK(set(backend, "n", "0").done());
    server.hang();
    check_in_time([&] { CHECK(fault_of(get(backend, "first")) == BackendFault::timeout); });
    check_in_time(
        [&] { CHECK(fault_of(increment(backend, "n").outcome) == BackendFault::timeout); });
    check_in_time([&] { CHECK_THROWS_AS(list_keys(backend, ""), BackendError); });
    server.go_on();
    CHECK(get(backend, "second").found("SECOND"));
    CHECK(get_many(backend, {"second", "first"}).at(0).found("SECOND"));
}

TEST_CASE("set_many leaves no entry without its end when it is cut off",
          "[redis][restart][threads]") {
    RealRedis server;
    RedisBackend backend{hurried(server)};
    const std::string value(50'000, 'x');
    std::vector<std::string> keys;
    for (int i = 0; i < 2000; ++i) keys.push_back("k" + std::to_string(i));
    std::vector<Entry> entries;
    for (const auto& key : keys) entries.push_back({key, value, 1h});
    std::vector<Outcome> outcomes(keys.size());
    std::atomic<bool> has_cut{false};
    std::thread killer{[&] {
        while (server.ask("DBSIZE\r\n") == ":0\r\n") continue;
        server.ask("CLIENT KILL TYPE normal\r\n");
        has_cut = true;
    }};
    while (!has_cut) backend.store_many(Store::set, entries, outcomes);
    killer.join();
    // db0:keys=2000,expires=2000,avg_ttl=3599000
    const auto keyspace = server.ask("INFO keyspace\r\nECHO end\r\n", "end\r\n");
    const auto number = [&](const std::string& name) {
        const auto at = keyspace.find(name);
        return at == std::string::npos ? 0 : std::stoul(keyspace.substr(at + name.size()));
    };
    CHECK(number("keys=") > 0);
    CHECK(number("keys=") == number("expires="));
}

TEST_CASE("no signal comes when the server has closed before a large value", "[redis][signals]") {
    RealRedis server;
    auto options = server.options();
    options.connections = 1;
    RedisBackend backend{options};
    const std::string value(8 << 20, 'x');
    CHECK(get(backend, "k").absent());
    server.kill();
    CHECK(set(backend, "k", value).failed());
    CHECK(add(backend, "k", value).failed());
}

TEST_CASE("signals do not disturb calls", "[redis][signals]") {
    RealRedis server;
    RedisBackend backend{server.options()};
    struct sigaction ignoring {};
    struct sigaction before {};
    ignoring.sa_handler = [](int) {};
    ::sigaction(SIGALRM, &ignoring, &before);
    itimerval every_millisecond{{0, 1000}, {0, 1000}};
    ::setitimer(ITIMER_REAL, &every_millisecond, nullptr);
    const std::string value(100'000, 'x');
    int wrong = 0;
    for (int i = 0; i < 300; ++i) {
        wrong += !set(backend, "k", value).done();
        wrong += !get(backend, "k").found(value);
    }
    itimerval stop{};
    ::setitimer(ITIMER_REAL, &stop, nullptr);
    ::sigaction(SIGALRM, &before, nullptr);
    CHECK(wrong == 0);
}

TEST_CASE("a forked child makes connections of its own", "[redis][fork]") {
    RealRedis server;
    RedisBackend backend{server.options()};
    CHECK(set(backend, "k", "v").done());
    const auto child = in_child([&] {
        bool right = true;
        for (int i = 0; i < 300; ++i) right = get(backend, "k").found("v") && right;
        return right;
    });
    bool right = true;
    for (int i = 0; i < 300; ++i) right = get_many(backend, {"no", "k"}).at(1).found("v") && right;
    CHECK(right);
    CHECK(held(child));
    CHECK(get(backend, "k").found("v"));
}

TEST_CASE("among processes one add wins, and no count is lost or doubled", "[redis][fork]") {
    RealRedis server;
    RedisBackend backend{server.options()};
    CHECK(set(backend, "n", "0").done());
    CHECK(set(backend, "winners", "0").done());
    std::vector<pid_t> children;
    for (int i = 0; i < 4; ++i) {
        children.push_back(in_child([&] {
            bool done = true;
            for (int k = 0; k < 50; ++k) {
                if (add(backend, "add" + std::to_string(k), "v").done()) {
                    done = increment(backend, "winners").outcome.done() && done;
                }
            }
            for (int k = 0; k < 1000; ++k) done = increment(backend, "n").outcome.done() && done;
            return done;
        }));
    }
    for (const auto child : children) CHECK(held(child));
    CHECK(get(backend, "n").found("4000"));
    CHECK(get(backend, "winners").found("50"));
}

TEST_CASE("more threads than connections wait for one, within their deadline", "[redis][threads]") {
    RealRedis server;
    auto options = server.options();
    options.connections = 2;
    RedisBackend backend{options};
    CHECK(set(backend, "n", "0").done());
    std::vector<std::thread> threads;
    std::atomic<int> failures{0};
    for (int i = 0; i < 8; ++i) {
        threads.emplace_back([&] {
            for (int k = 0; k < 200; ++k) failures += !increment(backend, "n").outcome.done();
        });
    }
    for (auto& thread : threads) thread.join();
    CHECK(failures == 0);
    CHECK(get(backend, "n").found("1600"));
}

TEST_CASE("a server may come, hang and go while threads work, and no value is ever wrong",
          "[redis][threads]") {
    RealRedis server;
    auto options = server.options();
    options.deadline = 50ms;
    options.retry_after = 10ms;
    RedisBackend backend{options};
    Hammer hammer{backend};
    for (int i = 0; i < 5; ++i) {
        std::this_thread::sleep_for(50ms);
        if (i % 2 == 0) server.restart();
        server.hang();
        std::this_thread::sleep_for(80ms);
        server.go_on();
    }
    std::this_thread::sleep_for(50ms);
    hammer.stop();
    CHECK(hammer.wrong() == 0);
    CHECK(hammer.found() > 0);
}
