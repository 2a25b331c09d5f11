// cachemodel: many entries set at once on memcached, without an answer to each of them.
// SPDX-License-Identifier: MIT
#include <cachemodel/backends/memcached.hpp>
#include <cachemodel/error.hpp>

#include "support/backend_calls.hpp"
#include "support/catch.hpp"
#include "support/fake_server.hpp"
#include "support/memcached_server.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

using namespace cachemodel;
using namespace cachemodel::support;
using namespace std::chrono_literals;

namespace {

MemcachedOptions options_for(const MemcachedServer& server) {
    return {.servers = {server}, .deadline = 10s};
}

struct Pair {
    std::string key;
    std::string value;
    Lifetime lifetime = never;
};

std::vector<Outcome> set_many(Backend& backend, const std::vector<Pair>& pairs) {
    std::vector<Entry> entries;
    for (const auto& [key, value, lifetime] : pairs) entries.push_back({key, value, lifetime});
    std::vector<Outcome> outcomes(pairs.size(),
                                  Outcome{Failure{BackendFault::protocol, "unanswered"}});
    backend.store_many(Store::set, entries, outcomes);
    return outcomes;
}

std::size_t done_of(const std::vector<Outcome>& outcomes) {
    return static_cast<std::size_t>(std::ranges::count_if(outcomes, &Outcome::done));
}

/// Values that look like the protocol itself, of all sizes.
std::vector<Pair> pairs(std::size_t count, const std::string& mark) {
    std::vector<Pair> made;
    for (std::size_t i = 0; i < count; ++i) {
        const auto number = std::to_string(i);
        made.push_back({"key" + number, mark + "MN\r\nflush_all\r\n" + std::string(i * 7, 'x')});
    }
    return made;
}

std::vector<std::string> keys_of(const std::vector<Pair>& pairs) {
    std::vector<std::string> keys;
    for (const auto& pair : pairs) keys.push_back(pair.key);
    return keys;
}

/// Whether a backend that has set nothing reads them all.
bool are_stored(const MemcachedServer& server, const std::vector<Pair>& pairs) {
    MemcachedBackend reader{options_for(server)};
    const auto reads = get_many(reader, keys_of(pairs));
    for (std::size_t i = 0; i < pairs.size(); ++i) {
        if (!reads[i].found(pairs[i].value)) return false;
    }
    return true;
}

/// So many connections of a backend know what their server is after this.
void warm(Backend& backend) { CHECK(done_of(set_many(backend, pairs(5, "warm"))) == 5); }

/// A server as far as sets go, which notes each command's first word.
class SettingServer {
 public:
    /// What it answers to some commands, instead; nothing to hang up.
    using Odd = std::function<std::optional<std::string>(const std::string& line)>;

    explicit SettingServer(std::string version, Odd odd = {})
        : version_(std::move(version)), odd_(std::move(odd)) {}

    MemcachedServer address() const { return server_.address(); }
    int connections() const { return server_.connections(); }
    std::string take_commands() {
        const std::lock_guard lock{mutex_};
        return std::exchange(commands_, {});
    }

 private:
    void serve(Caller& caller) {
        for (auto line = caller.read_line(); !line.empty(); line = caller.read_line()) {
            const auto word = line.substr(0, line.find(' '));
            {
                const std::lock_guard lock{mutex_};
                commands_ += word + ' ';
            }
            std::string answer;
            if (word == "set") {
                caller.skip(std::stoul(line.substr(line.rfind(' ') + 1)) + 2);
                answer = "STORED\r\n";
            } else if (word == "ms") {
                caller.skip(std::stoul(line.substr(line.find(' ', 3) + 1)) + 2);
            } else if (word == "mn") {
                answer = "MN\r\n";
            } else if (word == "stats") {
                answer = "STAT maxbytes 67108864\r\nSTAT slab_chunk_max 524288\r\nEND\r\n";
            } else {
                answer = version_;
            }
            if (odd_) {
                const auto instead = odd_(line);
                if (!instead) return;
                if (*instead != "as usual") answer = *instead;
            }
            if (!answer.empty() && !caller.send(answer)) return;
        }
    }

    const std::string version_;
    const Odd odd_;
    std::mutex mutex_;
    std::string commands_;
    FakeServer server_{[this](Caller& caller) { serve(caller); }};
};

const std::string sets = "set set set set set ";
const std::string questions = "version stats ";
const std::string quiet_sets = "ms ms ms ms ms mn ";

}  // namespace

TEST_CASE("what is set quietly is what is set with an answer to each", "[memcached][quiet]") {
    for (const auto transport : {Transport::unix_socket, Transport::tcp}) {
        RealMemcached server{transport};
        MemcachedBackend backend{options_for(server.address())};
        for (const std::string mark : {"first ", "second ", "third "}) {
            const auto many = pairs(300, mark);
            CHECK(done_of(set_many(backend, many)) == 300);
            CHECK(are_stored(server.address(), many));
        }
        // Byte by byte, with its flags.
        CHECK(set(backend, "alone", "value").done());
        CHECK(set_many(backend, {{"a", "value"}, {"b", "v"}, {"c", "v"}, {"d", ""}, {"e", "v"}})
                  .front()
                  .done());
        CHECK(server.ask("get a\r\n", "END\r\n") == "VALUE a 0 5\r\nvalue\r\nEND\r\n");
        CHECK(server.ask("get alone\r\n", "END\r\n") == "VALUE alone 0 5\r\nvalue\r\nEND\r\n");
        CHECK(server.ask("get d\r\n", "END\r\n") == "VALUE d 0 0\r\n\r\nEND\r\n");
    }
}

TEST_CASE("entries set quietly live as long as those set one by one", "[memcached][quiet]") {
    RealMemcached server;
    MemcachedBackend backend{options_for(server.address())};
    warm(backend);
    CHECK(done_of(set_many(backend, {{"never", "v"},
                                     {"second", "v", 1s},
                                     {"hour", "v", 1h},
                                     {"days", "v", 24h * 40},
                                     {"over", "v", 0s}})) == 5);
    const auto left = [&](const std::string& key) {
        const auto answer = server.ask("mg " + key + " t\r\n", "\r\n");
        return answer.starts_with("HD t") ? std::stol(answer.substr(4)) : -2;
    };
    CHECK(left("never") == -1);
    CHECK(left("hour") > 3590);
    CHECK(left("hour") <= 3600);
    CHECK(left("days") > 40 * 24 * 3600 - 10);
    CHECK(left("days") <= 40 * 24 * 3600 + 1);
    CHECK(get(backend, "over").absent());
    std::this_thread::sleep_for(2100ms);
    CHECK(get(backend, "second").absent());
    CHECK(get(backend, "never").found("v"));
}

TEST_CASE("of many set quietly, the last of one key stays", "[memcached][quiet]") {
    RealMemcached server;
    MemcachedBackend backend{options_for(server.address())};
    warm(backend);
    CHECK(done_of(set_many(backend,
                           {{"k", "1"}, {"k", "2"}, {"l", "1"}, {"k", "3"}, {"l", "2"}})) == 5);
    CHECK(get(backend, "k").found("3"));
    CHECK(get(backend, "l").found("2"));
}

TEST_CASE("one value that is too large for the server does not keep others from being set quietly",
          "[memcached][quiet]") {
    RealMemcached server{Transport::unix_socket, {"-I", "512k"}};  // less than it is said to take
    MemcachedBackend backend{options_for(server.address())};
    warm(backend);
    auto many = pairs(100, "value ");
    CHECK(set(backend, many[50].key, "older").done());
    many[50].value = std::string(600'000, 'L');
    const auto outcomes = set_many(backend, many);
    for (std::size_t i = 0; i < many.size(); ++i) {
        INFO(i);
        if (i == 50) {
            REQUIRE(outcomes[i].failed());
            CHECK_THROWS_AS(outcomes[i].failure().rethrow(), ValueTooLarge);
            CHECK(get(backend, many[i].key).absent());
        } else {
            CHECK(outcomes[i].done());
            CHECK(get(backend, many[i].key).found(many[i].value));
        }
    }
    // The connection is in step.
    CHECK(done_of(set_many(backend, pairs(100, "again "))) == 100);
    CHECK(are_stored(server.address(), pairs(100, "again ")));
}

TEST_CASE("a value that no server would take is told, and the others are set",
          "[memcached][quiet]") {
    RealMemcached server;
    MemcachedBackend backend{options_for(server.address())};
    warm(backend);
    auto many = pairs(20, "value ");
    CHECK(set(backend, many[7].key, "older").done());
    many[7].value = std::string(std::size_t{2} << 20, 'L');
    const auto outcomes = set_many(backend, many);
    CHECK(done_of(outcomes) == 19);
    REQUIRE(outcomes[7].failed());
    CHECK_THROWS_AS(outcomes[7].failure().rethrow(), ValueTooLarge);
    CHECK(get(backend, many[7].key).absent());
}

TEST_CASE("a full server says of each entry whether it was set", "[memcached][quiet]") {
    RealMemcached server{Transport::unix_socket, {"-M", "-m", "8"}};
    MemcachedBackend backend{options_for(server.address())};
    warm(backend);
    std::vector<Pair> many;
    for (int i = 0; i < 600; ++i)
        many.push_back({"big" + std::to_string(i), std::string(30'000, 'b')});
    const auto outcomes = set_many(backend, many);
    std::size_t full = 0;
    for (std::size_t i = 0; i < many.size(); ++i) {
        INFO(i);
        if (outcomes[i].done()) {
            CHECK(get(backend, many[i].key).found(many[i].value));
        } else {
            CHECK(outcomes[i].failure().fault() == BackendFault::full);
            CHECK(get(backend, many[i].key).absent());
            ++full;
        }
    }
    CHECK(full > 0);
    CHECK(full < many.size());
}

TEST_CASE("what is kept in several chunks is not said to be stored where there is no room",
          "[memcached][quiet]") {
    // The server says nothing of that where it is set quietly, and keeps what was there before.
    RealMemcached server{Transport::unix_socket, {"-m", "64", "-I", "4m"}};
    auto options = options_for(server.address());
    options.max_item = std::size_t{4} << 20;
    MemcachedBackend backend{options};
    warm(backend);
    std::vector<Pair> small;
    for (int i = 0; i < 3000; ++i) {
        small.push_back({"small" + std::to_string(i), std::string(30'000, 's')});
    }
    (void)set_many(backend, small);
    std::vector<Pair> older;
    std::vector<Pair> large;
    for (int i = 0; i < 8; ++i) {
        const auto key = "large" + std::to_string(i);
        older.push_back({key, "old"});
        large.push_back({key, std::string(3'000'000, 'L')});
    }
    CHECK(done_of(set_many(backend, older)) == 8);
    const auto outcomes = set_many(backend, large);
    for (std::size_t i = 0; i < large.size(); ++i) {
        if (outcomes[i].done()) CHECK_FALSE(get(backend, large[i].key).found("old"));
    }
}

TEST_CASE("megabytes are set quietly while the server has other things to do",
          "[memcached][quiet]") {
    RealMemcached server{Transport::unix_socket, {"-m", "128"}};
    MemcachedBackend backend{options_for(server.address())};
    warm(backend);
    std::vector<Pair> many;
    for (int i = 0; i < 2000; ++i) {
        many.push_back(
            {"big" + std::to_string(i), std::string(8'000, static_cast<char>('a' + i % 26))});
    }
    CHECK(done_of(set_many(backend, many)) == 2000);
    CHECK(are_stored(server.address(), many));
}

TEST_CASE("a connection sets quietly once its server has told its release", "[memcached][quiet]") {
    SettingServer server{"VERSION 1.6.18\r\n"};
    MemcachedBackend backend{options_for(server.address())};
    CHECK(done_of(set_many(backend, pairs(5, "v"))) == 5);
    CHECK(server.take_commands() == sets + questions);
    CHECK(done_of(set_many(backend, pairs(5, "v"))) == 5);
    CHECK(server.take_commands() == quiet_sets);
    CHECK(done_of(set_many(backend, pairs(3, "v"))) == 3);
    CHECK(server.take_commands() == "set set set ");
    backend.close();
    CHECK(done_of(set_many(backend, pairs(5, "v"))) == 5);
    CHECK(server.take_commands() == sets + questions);
    CHECK(server.connections() == 2);
}

TEST_CASE("other releases, and what is no memcached, get an answer to each set",
          "[memcached][quiet]") {
    for (const std::string version :
         {"VERSION 1.6.17\r\n", "VERSION 1.5.22\r\n", "VERSION mcrouter 36.0.0\r\n",
          "VERSION 1.6\r\n", "VERSION \r\n", "ERROR\r\n"}) {
        INFO(version);
        SettingServer server{version};
        MemcachedBackend backend{options_for(server.address())};
        CHECK(done_of(set_many(backend, pairs(5, "v"))) == 5);
        CHECK(server.take_commands() == sets + "version ");
        CHECK(done_of(set_many(backend, pairs(5, "v"))) == 5);
        CHECK(server.take_commands() == sets);
        CHECK(server.connections() == 1);
    }
    for (const std::string version : {"VERSION 1.6.18\r\n", "VERSION 1.6.41-beta\r\n",
                                      "VERSION 1.7.0\r\n", "VERSION 2.0.1\r\n"}) {
        INFO(version);
        SettingServer server{version};
        MemcachedBackend backend{options_for(server.address())};
        CHECK(done_of(set_many(backend, pairs(5, "v"))) == 5);
        CHECK(done_of(set_many(backend, pairs(5, "v"))) == 5);
        CHECK(server.take_commands() == sets + questions + quiet_sets);
    }
}

TEST_CASE("a server whose chunks are small, or that does not tell, is not set quietly",
          "[memcached][quiet]") {
    for (const std::string settings :
         {"STAT slab_chunk_max 8192\r\nEND\r\n", "STAT maxbytes 1\r\nEND\r\n",
          "STAT slab_chunk_max many\r\nEND\r\n", "END\r\n", "ERROR\r\n"}) {
        INFO(settings);
        SettingServer server{"VERSION 1.6.18\r\n",
                             [&](const std::string& line) -> std::optional<std::string> {
                                 return line == "stats settings" ? settings : "as usual";
                             }};
        MemcachedBackend backend{options_for(server.address())};
        for (int i = 0; i < 2; ++i) CHECK(done_of(set_many(backend, pairs(5, "v"))) == 5);
        CHECK(server.take_commands() == sets + questions + sets);
        CHECK(server.connections() == 1);
    }
}

TEST_CASE("large values are not set quietly", "[memcached][quiet]") {
    SettingServer server{"VERSION 1.6.18\r\n"};
    MemcachedBackend backend{options_for(server.address())};
    warm(backend);
    server.take_commands();
    auto many = pairs(5, "v");
    many[2].value = std::string(8192 - many[2].key.size(), 'v');
    CHECK(done_of(set_many(backend, many)) == 5);
    CHECK(server.take_commands() == quiet_sets);
    many[2].value += 'v';
    CHECK(done_of(set_many(backend, many)) == 5);
    CHECK(server.take_commands() == sets);
}

TEST_CASE("a server that hangs up when asked what it is is asked three times",
          "[memcached][quiet]") {
    for (const std::string question : {"version", "stats settings"}) {
        SettingServer server{"VERSION 1.6.18\r\n",
                             [&](const std::string& line) -> std::optional<std::string> {
                                 if (line == question) return std::nullopt;
                                 return "as usual";
                             }};
        MemcachedBackend backend{options_for(server.address())};
        for (int i = 0; i < 10; ++i) CHECK(done_of(set_many(backend, pairs(5, "v"))) == 5);
        const auto commands = server.take_commands();
        std::size_t asked = 0;
        for (auto at = commands.find("version"); at != std::string::npos;
             at = commands.find("version", at + 1)) {
            ++asked;
        }
        CHECK(asked == 3);
    }
}

TEST_CASE("a server that says nothing about what it is is asked three times, and is not down",
          "[memcached][quiet]") {
    SettingServer server{""};
    auto options = options_for(server.address());
    options.deadline = 300ms;
    MemcachedBackend backend{options};
    for (int i = 0; i < 6; ++i) CHECK(done_of(set_many(backend, pairs(5, "v"))) == 5);
    const auto once = sets + "version ";
    CHECK(server.take_commands() == once + once + once + sets + sets + sets);
}

TEST_CASE("quiet sets that are answered by nonsense have failed", "[memcached][quiet]") {
    for (const std::string nonsense : {"HD\r\n", "STORED\r\n", "NS\r\n", "VALUE key1 0 1\r\n"}) {
        INFO(nonsense);
        SettingServer server{"VERSION 1.6.18\r\n",
                             [&](const std::string& line) -> std::optional<std::string> {
                                 return line.starts_with("ms key2") ? nonsense : "as usual";
                             }};
        MemcachedBackend backend{options_for(server.address())};
        CHECK(done_of(set_many(backend, pairs(5, "v"))) == 5);
        const auto outcomes = set_many(backend, pairs(5, "v"));
        for (const auto& outcome : outcomes) {
            REQUIRE(outcome.failed());
            CHECK(outcome.failure().fault() == BackendFault::protocol);
        }
    }
}

TEST_CASE("quiet sets of which one was refused are set once more, with an answer to each",
          "[memcached][quiet]") {
    SettingServer server{"VERSION 1.6.18\r\n",
                         [](const std::string& line) -> std::optional<std::string> {
                             const bool is_it = line.find(" key3 ") != std::string::npos;
                             if (!is_it) return "as usual";
                             return "SERVER_ERROR out of memory storing object\r\n";
                         }};
    MemcachedBackend backend{options_for(server.address())};
    CHECK(done_of(set_many(backend, pairs(5, "v"))) == 4);
    server.take_commands();
    const auto outcomes = set_many(backend, pairs(5, "v"));
    CHECK(server.take_commands() == quiet_sets + sets);
    for (std::size_t i = 0; i < 5; ++i) CHECK(outcomes[i].done() == (i != 3));
    CHECK(outcomes[3].failure().fault() == BackendFault::full);
    CHECK(done_of(set_many(backend, pairs(5, "v"))) == 4);
    CHECK(server.take_commands() == sets);  // it is not tried twice each time
}

TEST_CASE("a connection that is lost among quiet sets is tried again, by a new one",
          "[memcached][quiet]") {
    std::atomic<int> left{1};
    SettingServer server{"VERSION 1.6.18\r\n",
                         [&](const std::string& line) -> std::optional<std::string> {
                             if (line.starts_with("ms key2 ") && left-- > 0) return std::nullopt;
                             return "as usual";
                         }};
    MemcachedBackend backend{options_for(server.address())};
    warm(backend);
    server.take_commands();
    CHECK(done_of(set_many(backend, pairs(5, "v"))) == 5);
    CHECK(server.take_commands() == "ms ms ms " + sets + questions);
    CHECK(server.connections() == 2);
}

TEST_CASE("an older server at the same place gets no quiet sets", "[memcached][quiet]") {
    std::atomic<bool> is_old{false};
    SettingServer server{"", [&](const std::string& line) -> std::optional<std::string> {
                             if (line == "mn") return std::nullopt;  // it is replaced
                             if (line != "version") return "as usual";
                             return is_old ? "VERSION 1.4.15\r\n" : "VERSION 1.6.18\r\n";
                         }};
    MemcachedBackend backend{options_for(server.address())};
    warm(backend);
    server.take_commands();
    is_old = true;
    CHECK(done_of(set_many(backend, pairs(5, "v"))) == 5);
    CHECK(server.take_commands() == quiet_sets + sets + "version ");
    CHECK(done_of(set_many(backend, pairs(5, "v"))) == 5);
    CHECK(server.take_commands() == sets);
}

TEST_CASE("when the server dies among quiet sets, no outcome tells what is not so",
          "[memcached][quiet]") {
    RealMemcached server;
    auto options = options_for(server.address());
    options.retry_after = 0s;
    MemcachedBackend backend{options};
    const auto many = pairs(200, "value ");
    for (int round = 0; round < 10; ++round) {
        warm(backend);
        std::atomic<bool> is_killed{false};
        std::thread killer{[&] {
            std::this_thread::sleep_for(std::chrono::milliseconds{round});
            server.kill();
            is_killed = true;
        }};
        while (!is_killed) {
            const auto outcomes = set_many(backend, many);
            for (const auto& outcome : outcomes) CHECK((outcome.done() || outcome.failed()));
        }
        killer.join();
        for (const auto& outcome : set_many(backend, many)) CHECK(outcome.failed());
        server.start();
        CHECK(done_of(set_many(backend, many)) == 200);
        CHECK(are_stored(server.address(), many));
    }
}
