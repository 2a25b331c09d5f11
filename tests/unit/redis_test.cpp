// cachemodel: the Redis backend's URLs, commands, replies and errors, without a server.
// SPDX-License-Identifier: MIT
#include <cachemodel/backends/redis.hpp>

#include <cachemodel/cache_url.hpp>
#include <cachemodel/error.hpp>

#include "backends/redis_protocol.hpp"
#include "backends/redis_reply.hpp"

#include "support/backend_calls.hpp"
#include "support/catch.hpp"

#include <malloc.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

using namespace cachemodel;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using redis::Item;
using redis::ReplyReader;
using Progress = redis::ReplyReader::Progress;

namespace {

std::shared_ptr<Backend> open(const std::string& text) {
    auto url = CacheUrl::parse(text);
    auto backend = open_redis(url, Clock::machine());
    url.expect_all_taken();
    return backend;
}

/// Writes down what it takes: `text ab`, `array 2`, elements indented.
struct Notes final : redis::ItemSink {
    bool take(const Item& item) override {
        static constexpr std::array<std::string_view, 6> kinds{"text",    "status", "error",
                                                               "integer", "nil",    "array"};
        all += std::string(static_cast<std::size_t>(item.depth), '>');
        all += kinds[static_cast<std::size_t>(item.kind)];
        const bool has_number = item.kind == Item::Kind::integer || item.kind == Item::Kind::array;
        if (has_number) all += ' ' + std::to_string(item.integer);
        if (!item.text.empty()) all.append(" ").append(item.text);
        all += '\n';
        return true;
    }
    std::string all;
};

/// Bytes that malloc has given away, as hiredis does not use operator new.
std::size_t allocated() {
    const auto info = ::mallinfo2();
    return info.uordblks + info.hblkhd;
}

std::string noted(std::string_view bytes) {
    ReplyReader reader;
    Notes notes;
    reader.feed(bytes);
    Progress progress = Progress::whole;
    while (progress == Progress::whole && !reader.is_empty()) progress = reader.next(notes);
    if (progress == Progress::partial) notes.all += "…";
    if (progress == Progress::nonsense) notes.all += "nonsense";
    return notes.all;
}

}  // namespace

TEST_CASE("replies are read as what they are", "[redis][unit]") {
    CHECK(noted("+OK\r\n") == "status OK\n");
    CHECK(noted("-ERR no\r\n") == "error ERR no\n");
    CHECK(noted(":-5\r\n") == "integer -5\n");
    CHECK(noted("$2\r\nab\r\n") == "text ab\n");
    CHECK(noted("$0\r\n\r\n") == "text\n");
    CHECK(noted("$-1\r\n") == "nil\n");
    CHECK(noted("*-1\r\n") == "nil\n");
    CHECK(noted("*0\r\n") == "array 0\n");
    CHECK(noted("$6\r\n\r\n+OK\r\n") == "…");
    CHECK(noted("$7\r\n\r\n+OK\r\n\r\n") == "text \r\n+OK\r\n\n");
    CHECK(noted("*2\r\n$1\r\n0\r\n*2\r\n$1\r\na\r\n$-1\r\n+OK\r\n") ==
          "array 2\n>text 0\n>array 2\n>>text a\n>>nil\nstatus OK\n");
}

TEST_CASE("replies may come in any pieces", "[redis][unit]") {
    const std::string bytes = "*3\r\n$5\r\nhello\r\n$-1\r\n:7\r\n+OK\r\n$3\r\n\r\n\r\r\n-ERR x\r\n";
    const auto whole = noted(bytes);
    CHECK(whole == "array 3\n>text hello\n>nil\n>integer 7\nstatus OK\ntext \r\n\r\nerror ERR x\n");
    for (std::size_t size = 1; size < bytes.size(); ++size) {
        INFO(size << " bytes at a time");
        ReplyReader reader;
        Notes notes;
        for (std::size_t at = 0; at < bytes.size(); at += size) {
            reader.feed(std::string_view{bytes}.substr(at, size));
            auto progress = Progress::whole;
            while (progress == Progress::whole) progress = reader.next(notes);
            REQUIRE(progress == Progress::partial);
        }
        CHECK(notes.all == whole);
        CHECK(reader.is_empty());
    }
}

TEST_CASE("a text that has begun says how much of it is missing", "[redis][unit]") {
    ReplyReader reader;
    Notes notes;
    reader.feed("$10\r\nabc");
    CHECK(reader.next(notes) == Progress::partial);
    CHECK(reader.expected() == 9);
    CHECK_FALSE(reader.is_empty());
    reader.feed("defghij\r");
    CHECK(reader.next(notes) == Progress::partial);
    CHECK(reader.expected() == 1);
    reader.feed("\n");
    CHECK(reader.next(notes) == Progress::whole);
    CHECK(reader.expected() == 0);
    CHECK(notes.all == "text abcdefghij\n");
}

TEST_CASE("what is no reply is nonsense", "[redis][unit]") {
    const std::vector<std::string> answers{
        "BLAH\r\n",
        "\r\n",
        "HTTP/1.1 400 Bad Request\r\n\r\n",
        "$-2\r\n",
        "$x\r\n",
        "$1x\r\na\r\n",
        "$1\r\nab\r\n",
        "*-2\r\n",
        "*1\r\n!\r\n",
        ":x\r\n",
        ":\r\n",
        ":99999999999999999999\r\n",
        std::string(100, '\xff'),
        std::string(100, '\0'),
        "%1\r\n+a\r\n+b\r\n",
        "$536870913\r\n",
        "$4611686018427387904\r\n",
        "$18446744073709551615\r\n",
        "*1\r\n$4611686018427387904\r\n",
        "-" + std::string(5000, 'x'),
        "+" + std::string(5000, 'x'),
        "$" + std::string(5000, '1'),
    };
    for (const auto& answer : answers) {
        INFO(answer.substr(0, 40));
        CHECK_THAT(noted(answer), Catch::Matchers::EndsWith("nonsense"));
    }
}

TEST_CASE("arrays in arrays end soon", "[redis][unit]") {
    std::string nested;
    for (int i = 0; i < 100'000; ++i) nested += "*1\r\n";
    CHECK_THAT(noted(nested), Catch::Matchers::EndsWith("nonsense"));
}

TEST_CASE("what a reply announces costs no memory", "[redis][unit]") {
    for (const std::string announced :
         {"*2000000000\r\n", "*2147483647\r\n$1\r\na\r\n", "$536870912\r\nabc",
          "$4611686018427387904\r\n", "*2\r\n*2000000000\r\n"}) {
        INFO(announced);
        Notes notes;
        ReplyReader reader;
        const auto before = allocated();
        reader.feed(announced);
        static_cast<void>(reader.next(notes));
        CHECK(allocated() < before + 100'000);
    }
}

TEST_CASE("a sink ends the reading, and may throw through it", "[redis][unit]") {
    struct Refusing final : redis::ItemSink {
        bool take(const Item& item) override { return item.kind != Item::Kind::integer; }
    } refusing;
    ReplyReader reader;
    reader.feed("*2\r\n+a\r\n:1\r\n");
    CHECK(reader.next(refusing) == Progress::nonsense);

    struct Throwing final : redis::ItemSink {
        bool take(const Item&) override { throw std::runtime_error{"full"}; }
    } throwing;
    ReplyReader other;
    other.feed("*2\r\n+a\r\n:1\r\n");
    CHECK_THROWS_AS(other.next(throwing), std::runtime_error);
}

TEST_CASE("commands carry the length of every word", "[redis][unit]") {
    std::string request;
    redis::append_command(request, {"GET", "a b\r\nFLUSHALL\r\n"});
    CHECK(request == "*2\r\n$3\r\nGET\r\n$15\r\na b\r\nFLUSHALL\r\n\r\n");
    request.clear();
    redis::append_command(request, {"DEL", std::string_view{"%s%n\0%b", 7}, ""});
    CHECK(request == std::string{"*3\r\n$3\r\nDEL\r\n$7\r\n%s%n\0%b\r\n$0\r\n\r\n", 32});
}

TEST_CASE("entries are set with whole milliseconds, rounded up", "[redis][unit]") {
    const auto request = [](Lifetime lifetime, bool only_where_absent) {
        std::string text;
        redis::append_set(text, {"k", "v", lifetime}, only_where_absent);
        return text;
    };
    CHECK(request(never, false) == "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n");
    CHECK(request(1500ms, false) ==
          "*5\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n$2\r\nPX\r\n$4\r\n1500\r\n");
    CHECK(request(1ns, true) ==
          "*6\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n$2\r\nPX\r\n$1\r\n1\r\n$2\r\nNX\r\n");
    CHECK(request(never, true) == "*4\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n$2\r\nNX\r\n");

    CHECK(redis::milliseconds(10us) == 1);
    CHECK(redis::milliseconds(1ms) == 1);
    CHECK(redis::milliseconds(1ms + 1ns) == 2);
    CHECK(redis::milliseconds(100'200ms) == 100'200);
    CHECK(redis::milliseconds(24h * 365 * 200) == 6'307'200'000'000);
}

TEST_CASE("a prefix is searched for as it is written", "[redis][unit]") {
    CHECK(redis::pattern_of("") == "*");
    CHECK(redis::pattern_of("site:1:") == "site:1:*");
    CHECK(redis::pattern_of("a*b?c[d]e\\f") == "a\\*b\\?c\\[d\\]e\\\\f*");
    CHECK(redis::pattern_of("^-\n") == "^-\n*");
}

TEST_CASE("errors of the server are told apart by their first word", "[redis][unit]") {
    using redis::fault_of;
    CHECK(fault_of("NOAUTH Authentication required.") == BackendFault::auth);
    CHECK(fault_of("WRONGPASS invalid username-password pair") == BackendFault::auth);
    CHECK(fault_of("NOPERM this user has no permissions") == BackendFault::permission);
    CHECK(fault_of("READONLY You can't write against a read only replica.") ==
          BackendFault::permission);
    CHECK(fault_of("DENIED Redis is running in protected mode") == BackendFault::permission);
    CHECK(fault_of("OOM command not allowed when used memory > 'maxmemory'.") ==
          BackendFault::full);
    CHECK(fault_of("LOADING Redis is loading the dataset in memory") == BackendFault::unavailable);
    CHECK(fault_of("BUSY Redis is busy running a script.") == BackendFault::unavailable);
    CHECK(fault_of("MASTERDOWN Link with MASTER is down") == BackendFault::unavailable);
    CHECK(fault_of("MISCONF Redis is configured to save") == BackendFault::unavailable);
    CHECK(fault_of("ERR max number of clients reached") == BackendFault::unavailable);
    CHECK(fault_of("MOVED 3999 127.0.0.1:6381") == BackendFault::unsupported);
    CHECK(fault_of("ERR unknown command 'X'") == BackendFault::unsupported);
    CHECK(fault_of("WRONGTYPE Operation against a key") == BackendFault::protocol);
    CHECK(fault_of("ERR syntax error") == BackendFault::protocol);
    CHECK(fault_of("OOMX") == BackendFault::protocol);
    CHECK(fault_of("") == BackendFault::protocol);
}

TEST_CASE("an error of the server is shown without what was sent", "[redis][unit]") {
    using redis::presentable;
    CHECK(presentable("ERR syntax error") == "the server says: ERR syntax error");
    CHECK(presentable("ERR unknown command 'SET', with args beginning with: 'k' 'hunter2' ") ==
          "the server says: ERR unknown command 'SET'");
    CHECK(presentable("ERR \x1b[31m\xff\n") == R"(the server says: ERR \x1b[31m\xff\x0a)");
    CHECK(presentable(std::string(1000, 'x')) ==
          "the server says: " + std::string(200, 'x') + "...");
}

TEST_CASE("facts are what INFO says", "[redis][unit]") {
    const std::string info =
        "# Server\r\nredis_version:7.0.15\r\nuptime_in_seconds:12\r\n# Memory\r\n"
        "used_memory:1024\r\nused_memory_human:1K\r\nmaxmemory:0\r\nmaxmemory_policy:noeviction"
        "\r\n\r\n# Keyspace\r\ndb0:keys=1,expires=0,avg_ttl=0\r\ndb15:keys=17,expires=2\r\n";
    const auto text = [&](std::uint32_t database) {
        std::string all;
        for (const auto& fact : redis::facts_of(info, database)) {
            all += fact.name + '=' + fact.value + ' ';
        }
        return all;
    };
    CHECK(text(15) ==
          "redis_version=7.0.15 uptime_in_seconds=12 used_memory=1024 maxmemory=0 "
          "maxmemory_policy=noeviction keys=17 ");
    CHECK_THAT(text(1), Contains("keys=0 "));
    CHECK_THAT(text(0), Contains("keys=1 "));
    CHECK(redis::facts_of("", 0).size() == 1);
}

TEST_CASE("Redis URLs name a server or a socket, a database and options", "[redis][url]") {
    CHECK(open("redis://127.0.0.1"));
    CHECK(open("redis://127.0.0.1/"));
    CHECK(open("redis://localhost:6380/5"));
    CHECK(open("redis://[::1]:6380/0"));
    CHECK(open("redis://:p%40ss@h:6379/1"));
    CHECK(
        open("redis://user:p%40ss@h?deadline=100ms&connect_timeout=50ms&retry_after=0s"
             "&connections=1"));
    CHECK(open("redis+unix:///run/redis.sock"));
    CHECK(open("redis+unix:///run/with%20space.sock?db=2"));
    CHECK(open("redis+unix://:word@/run/redis.sock?db=2&deadline=1s"));
    CHECK(open("redis+unix://user:word@/run/redis.sock"));
}

TEST_CASE("a Redis URL that makes no sense is an error naming the part", "[redis][url]") {
    const std::vector<std::array<std::string, 2>> mistakes{
        {"redis://", "no host"},
        {"redis:///5", "no host"},
        {"redis://a,b", "several hosts"},
        {"redis://a:0", "port"},
        {"redis://a/x", "database \"x\""},
        {"redis://a/-1", "database \"-1\""},
        {"redis://a/1/2", "database \"1/2\""},
        {"redis://a/2147483648", "database \"2147483648\""},
        {"redis://a/99999999999999999999", "database"},
        {"redis://a?db=1",
         "there is no option named db; the database is the path, redis://h/1; it "},
        {"redis://user@a", "user is given without a password"},
        {"redis://a?deadline=0s", "deadline"},
        {"redis://a?deadline=250", "deadline"},
        {"redis://a?connect_timeout=2h", "connect_timeout"},
        {"redis://a?retry_after=2h", "retry_after"},
        {"redis://a?connections=0", "connections"},
        {"redis://a?connections=10001", "connections"},
        {"redis://a?max_entries=5", "max_entries"},
        {"redis://a?cull_frequency=3", "cull_frequency"},
        {"redis+unix://", "path"},
        {"redis+unix:///", "path"},
        {"redis+unix://host/run/redis.sock", "no host"},
        {"redis+unix:///run/redis.sock?db=x", "db"},
        {"redis+unix:///run/" + std::string(200, 'x'), "longer than the system allows"},
        {"rediss://a", "hiredis_ssl (hiredis 1.0 or later), and cachemodel does not use it yet"},
        {"rediss://:hunter2@a:6379/1", "hiredis_ssl"},
    };
    for (const auto& [text, expected] : mistakes) {
        INFO(text);
        CHECK_THROWS_AS(open(text), ConfigError);
        CHECK_THROWS_WITH(open(text), Contains(expected) && !Contains("hunter2"));
    }
    CHECK_THROWS_WITH(RedisBackend{RedisOptions{}}, Contains("neither a host nor a socket"));
    CHECK_THROWS_WITH((RedisBackend{{.host = "a", .socket = "/b"}}), Contains("both"));
    CHECK_THROWS_WITH((RedisBackend{{.host = "a", .database = 2'147'483'648U}}),
                      Contains("database"));
}

TEST_CASE("the Redis backend says what it can do", "[redis][unit]") {
    const RedisBackend backend{{.host = "127.0.0.1"}};
    const auto& can = backend.capabilities();
    CHECK(can.lifetime_resolution == 1ms);
    CHECK(can.longest_key == Capabilities::unlimited);
    CHECK(can.largest_value == 536'870'912);
    CHECK_FALSE(can.portable_keys_only);
    CHECK(can.shared);
    CHECK_FALSE(can.persistent);
    CHECK(can.compare_and_set);
    CHECK_FALSE(can.token_per_write);
    CHECK(can.atomic_increment);
    CHECK_FALSE(can.counters_stop_at_zero);
    CHECK(can.tells_lifetimes);
    CHECK(can.lists_keys);
}

TEST_CASE("a token stands for a value under its key", "[redis][unit]") {
    using redis::token_of;
    CHECK(token_of("k", "v") == token_of("k", "v"));
    CHECK(token_of("k", "v") != token_of("k", "w"));
    CHECK(token_of("k", "v") != token_of("l", "v"));
    CHECK(token_of("k", "") != 0);
}
