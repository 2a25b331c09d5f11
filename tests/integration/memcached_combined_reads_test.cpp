// cachemodel: reads of single keys by many threads at a time, on memcached.
// SPDX-License-Identifier: MIT
#include <cachemodel/backends/memcached.hpp>

#include "support/backend_calls.hpp"
#include "support/catch.hpp"
#include "support/crew.hpp"
#include "support/fake_server.hpp"
#include "support/forked.hpp"
#include "support/memcached_server.hpp"

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <random>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

using namespace cachemodel;
using namespace cachemodel::support;
using namespace std::chrono_literals;

namespace {

constexpr int keys = 100;
constexpr int readers = 24;

std::string key_of(int number) { return "key" + std::to_string(number); }

/// Of many sizes; each one tells its key.
std::string value_of(std::string_view key) {
    const auto number = static_cast<std::size_t>(std::stoi(std::string{key.substr(3)}));
    return std::string{key} + ':' +
           std::string(number * number / 4, static_cast<char>('a' + number % 26));
}

/// What many threads got that read keys at random.
struct Tally {
    std::atomic<int> found{0};
    std::atomic<int> failed{0};
    std::atomic<int> wrong{0};  ///< another key's value, a miss, or not one answer

    void count(const std::string& key, const Read& read) {
        if (read.failed()) {
            ++failed;
        } else if (read.found(value_of(key))) {
            ++found;
        } else {
            ++wrong;
        }
    }
};

/// Reads on many threads while it lives.
class Readers {
 public:
    Readers(Backend& backend, Tally& tally) {
        for (unsigned i = 0; i < readers; ++i) {
            crew_.start([this, i, &backend, &tally] {
                std::minstd_rand random{i + 1};
                while (!is_ending_) {
                    const auto key = key_of(static_cast<int>(random() % keys));
                    tally.count(key, get(backend, key));
                }
            });
        }
    }
    ~Readers() {
        is_ending_ = true;
        crew_.join();
    }
    Readers(const Readers&) = delete;
    Readers& operator=(const Readers&) = delete;

 private:
    std::atomic<bool> is_ending_{false};
    Crew crew_;
};

void set_all(Backend& backend) {
    for (int i = 0; i < keys; ++i) REQUIRE(set(backend, key_of(i), value_of(key_of(i))).done());
}

std::vector<std::string> words_of(const std::string& line) {
    std::istringstream stream{line};
    std::vector<std::string> words;
    for (std::string word; stream >> word;) words.push_back(word);
    return words;
}

std::string answer_to(const std::string& key) {
    const auto value = value_of(key);
    return "VALUE " + key + " 0 " + std::to_string(value.size()) + " 1\r\n" + value + "\r\n";
}

}  // namespace

TEST_CASE("what threads read one by one is what one call reads", "[memcached][combined][threads]") {
    RealMemcached first;
    RealMemcached second{Transport::tcp};
    MemcachedBackend backend{{.servers = {first.address(), second.address()}, .deadline = 10s}};
    set_all(backend);
    std::vector<std::string> names;
    for (int i = 0; i < keys; ++i) names.push_back(key_of(i));
    names.emplace_back("absent");
    names.emplace_back(251, 'k');
    const auto expected = get_many(backend, names);  // in one request, as without threads

    std::atomic<int> different{0};
    Crew crew;
    for (unsigned thread = 0; thread < readers; ++thread) {
        crew.start([&, thread] {
            for (std::size_t i = 0; i < 10 * names.size(); ++i) {
                const auto at = (i * 7 + thread) % names.size();
                const auto read = get(backend, names[at]);
                const auto& other = expected[at];
                different += read.kind != other.kind || read.value != other.value ||
                             read.token != other.token || read.answers != 1;
            }
        });
    }
    CHECK(crew.join() == 0);
    CHECK(different == 0);
}

TEST_CASE("a thread reads what it has written", "[memcached][combined][threads]") {
    RealMemcached server;
    MemcachedBackend backend{{.servers = {server.address()}, .deadline = 10s}};
    std::atomic<int> old{0};
    Crew crew;
    for (int thread = 0; thread < readers; ++thread) {
        crew.start([&, thread] {
            const auto key = key_of(thread);
            for (int i = 0; i < 100; ++i) {
                const auto value = std::to_string(i);
                static_cast<void>(set(backend, key, value));
                old += !get(backend, key).found(value);
            }
        });
    }
    CHECK(crew.join() == 0);
    CHECK(old == 0);
}

TEST_CASE("a server may stop, die and come back while threads read, and no value is ever wrong",
          "[memcached][combined][threads]") {
    RealMemcached server{Transport::tcp};
    MemcachedBackend backend{
        {.servers = {server.address()}, .deadline = 100ms, .retry_after = 10ms}};
    MemcachedBackend writer{{.servers = {server.address()}, .deadline = 10s, .retry_after = 0s}};
    set_all(writer);
    Tally tally;
    {
        const Readers reading{backend, tally};
        const auto await_more = [&](std::atomic<int>& counter) {
            const int before = counter;
            await("reads go on", [&] { return counter > before + 2 * readers; });
        };
        for (int round = 0; round < 3; ++round) {
            await_more(tally.found);
            server.hang();
            await_more(tally.failed);
            server.go_on();
            await_more(tally.found);
        }
    }
    CHECK(tally.wrong == 0);

    // Killed, it comes back empty: from then on a miss is right.
    std::atomic<int> wrong{0};
    std::atomic<bool> is_ending{false};
    Crew crew;
    for (unsigned i = 0; i < readers; ++i) {
        crew.start([&, i] {
            std::minstd_rand random{i + 1};
            while (!is_ending) {
                const auto key = key_of(static_cast<int>(random() % keys));
                const auto read = get(backend, key);
                wrong += read.answers != 1 || (read.found() && read.value != value_of(key));
            }
        });
    }
    for (int round = 0; round < 5; ++round) {
        std::this_thread::sleep_for(20ms);
        server.kill();
        server.start();
        for (int i = 0; i < keys; ++i)
            static_cast<void>(set(writer, key_of(i), value_of(key_of(i))));
    }
    is_ending = true;
    CHECK(crew.join() == 0);
    CHECK(wrong == 0);
}

TEST_CASE("an answer that breaks off in the middle gives each key its own outcome",
          "[memcached][combined][threads]") {
    // Of several keys it answers the first ones, and closes in the middle of a value.
    std::atomic<int> combined{0};
    FakeServer server{[&](Caller& caller) {
        for (;;) {
            const auto words = words_of(caller.read_line());
            if (words.empty()) return;
            std::string answer;
            for (std::size_t i = 1; i < words.size(); ++i) answer += answer_to(words[i]);
            std::this_thread::sleep_for(1ms);
            if (words.size() > 2 && ++combined % 3 == 0) {
                caller.send(answer.substr(0, answer.size() * 2 / 3));
                return;
            }
            if (!caller.send(answer + "END\r\n")) return;
        }
    }};
    MemcachedBackend backend{{.servers = {server.address()}, .deadline = 10s, .retry_after = 0s}};
    Tally tally;
    {
        const Readers reading{backend, tally};
        await("answers break off", [&] { return combined > 60; });
    }
    CHECK(tally.wrong == 0);
    CHECK(tally.found > 0);
}

TEST_CASE("a lie in the middle of an answer reaches nobody, and fails only whom it is told",
          "[memcached][combined][threads]") {
    // It tells whoever asks for key7 of another key, in the middle of whatever else it is asked.
    std::atomic<int> combined{0};
    FakeServer server{[&](Caller& caller) {
        for (;;) {
            const auto words = words_of(caller.read_line());
            if (words.empty()) return;
            std::string answer;
            for (std::size_t i = 1; i < words.size(); ++i) {
                answer += words[i] == "key7" ? "VALUE key1007 0 1 1\r\nx\r\n" : answer_to(words[i]);
            }
            std::this_thread::sleep_for(1ms);
            if (words.size() > 2) ++combined;
            if (!caller.send(answer + "END\r\n")) return;
        }
    }};
    MemcachedBackend backend{{.servers = {server.address()}, .deadline = 10s, .retry_after = 0s}};
    std::atomic<int> wrong{0};
    std::atomic<bool> is_ending{false};
    Crew crew;
    for (unsigned i = 0; i < readers; ++i) {
        crew.start([&, i] {
            std::minstd_rand random{i + 1};
            while (!is_ending) {
                const auto key = key_of(static_cast<int>(random() % keys));
                const auto read = get(backend, key);
                // A server that talks nonsense so often may count as down.
                wrong +=
                    key == "key7"
                        ? !read.failed()
                        : !(read.found(value_of(key)) ||
                            (read.failed() && read.failure->fault() == BackendFault::unavailable));
            }
        });
    }
    await("keys are combined", [&] { return combined > 100; });
    is_ending = true;
    CHECK(crew.join() == 0);
    CHECK(wrong == 0);
}

TEST_CASE("an entry larger than max_item fails whoever reads it, and nobody else",
          "[memcached][combined][threads]") {
    RealMemcached server{Transport::unix_socket, {"-I", "4m"}};
    MemcachedBackend writer{{.servers = {server.address()}, .deadline = 10s, .max_item = 4 << 20}};
    set_all(writer);
    REQUIRE(set(writer, "large", std::string(2 << 20, 'x')).done());
    MemcachedBackend backend{{.servers = {server.address()}, .deadline = 10s}};
    std::atomic<int> wrong{0};
    Crew crew;
    for (unsigned i = 0; i < readers; ++i) {
        crew.start([&, i] {
            std::minstd_rand random{i + 1};
            for (int round = 0; round < 200; ++round) {
                const auto key = key_of(static_cast<int>(random() % keys));
                if (round % 20 == 0) wrong += !get(backend, "large").failed();
                wrong += !get(backend, key).found(value_of(key));
            }
        });
    }
    CHECK(crew.join() == 0);
    CHECK(wrong == 0);
}

TEST_CASE("a hung server holds up no caller beyond its deadline, wherever it waits",
          "[memcached][combined][threads]") {
    FakeServer server{[](Caller& caller) { caller.stay_silent(); }};
    MemcachedBackend backend{{.servers = {server.address()}, .deadline = 300ms, .retry_after = 0s}};
    std::atomic<int> failed{0};
    std::atomic<int> late{0};
    Crew crew;
    for (int i = 0; i < readers; ++i) {
        crew.start([&, i] {
            const auto begin = std::chrono::steady_clock::now();
            failed += get(backend, key_of(i)).failed();
            late += std::chrono::steady_clock::now() - begin > 5s;
        });
    }
    CHECK(crew.join() == 0);
    CHECK(failed == readers);
    CHECK(late == 0);
}

#ifndef CACHEMODEL_NO_FORK_AMONG_ALLOCATIONS
TEST_CASE("a child forked while threads combine their reads reads on its own",
          "[memcached][combined][fork]") {
    RealMemcached server;
    MemcachedBackend backend{{.servers = {server.address()}, .deadline = 10s}};
    set_all(backend);
    Tally tally;
    {
        const Readers reading{backend, tally};
        for (int i = 0; i < 5; ++i) {
            Forked child{[&] {
                ::alarm(10);
                return get(backend, "key1").found(value_of("key1")) &&
                       get(backend, "key2").found(value_of("key2"));
            }};
            CHECK(child.succeeded());
        }
    }
    CHECK(tally.wrong == 0);
    CHECK(tally.failed == 0);
}
#endif
