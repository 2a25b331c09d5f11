// cachemodel: models on a real memcached, alive and otherwise.
// SPDX-License-Identifier: MIT
#include <cachemodel/models.hpp>

#include "support/catch.hpp"
#include "support/fake_server.hpp"
#include "support/in_time.hpp"
#include "support/memcached_server.hpp"
#include "support/model_behaviour.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

using namespace cachemodel;
using namespace cachemodel::support;
using namespace std::chrono_literals;

namespace models_integration {

struct Note {
    static constexpr ModelOptions cache_options{.name = "Note"};

    Key<int> id;
    Field<std::string> text;
};

/// The source of truth: note N says "note N".
struct Book {
    std::atomic<int> questions{0};
};

struct Page {
    static constexpr ModelOptions cache_options{.name = "Page"};

    Key<int> number;
    Field<std::string> text;

    void from_miss(Book& book) {
        ++book.questions;
        if (*number < 0) throw Missing{};
        *text = "page " + std::to_string(*number);
    }
};

Cache open(const RealMemcached& server, const std::string& options = "?deadline=200ms") {
    return Cache::open(server.url() + options);
}

template <class Call>
void require_failure_in_time(Call call) {
    check_in_time([&] { REQUIRE_THROWS_AS(call(), BackendError); });
}

/// Two servers that share the keys, and a cache on them.
struct Pair {
    RealMemcached first, second;
    std::shared_ptr<MemcachedBackend> backend = std::make_shared<MemcachedBackend>(MemcachedOptions{
        .servers = {first.address(), second.address()}, .deadline = 200ms, .retry_after = 0s});
    Cache cache{backend};

    bool first_holds(const std::string& key) const {
        return backend->server_of(cache.final_key(key)) == 0;
    }
};

}  // namespace models_integration

using namespace models_integration;

TEST_CASE("models on memcached behave as specified", "[models][integration]") {
    const RealMemcached server;
    check_model_behaviour(open(server, "?deadline=5s"));
}

TEST_CASE("models with loaders on memcached behave as specified", "[loaders][integration]") {
    const RealMemcached server;
    check_loader_behaviour(open(server, "?deadline=5s"));
}

TEST_CASE("a lifetime of fractions of a second ends in time on memcached",
          "[models][lifetime][integration]") {
    const RealMemcached server;
    const Models<Note> notes{open(server, "?deadline=5s")};
    notes.save({.id = 1, .text = "short"}, 400ms);
    notes.save({.id = 2, .text = "shorter than it was"}, 1h);
    CHECK(notes.touch(2, 400ms));
    notes.save({.id = 3, .text = "longer than it was"}, 400ms);
    CHECK(notes.touch(3, 1h));
    notes.save({.id = 4, .text = "one second"}, 1s);
    const auto begin = std::chrono::steady_clock::now();
    if (notes.find(4).absent()) CHECK(std::chrono::steady_clock::now() - begin >= 1s);
    std::this_thread::sleep_for(1100ms);
    CHECK(notes.find(1).absent());
    CHECK(notes.find(2).absent());
    CHECK(notes.get(3).text == "longer than it was");
    CHECK(notes.find(4).absent());
}

TEST_CASE("without a loader a dead server is a failure, never a miss",
          "[models][failure][integration]") {
    RealMemcached server;
    const Cache cache = open(server, "?deadline=200ms&retry_after=0s");
    const Models<Note> notes{cache};
    notes.save({.id = 1, .text = "one"});
    server.kill();
    CHECK_THROWS_AS(notes.get(1), BackendError);
    CHECK(notes.find(1).failed());
    CHECK(notes.get_many({1, 2})[1].failed());
    CHECK_THROWS_AS(notes.exists(1), BackendError);
    CHECK_THROWS_AS(notes.save({.id = 1, .text = "two"}), BackendError);
    CHECK_THROWS_AS(notes.remove(1), BackendError);
    CHECK_THROWS_AS(notes.touch(1, 1h), BackendError);
    CHECK_THROWS_AS(notes.get_or_create({.id = 1}), BackendError);
    CHECK_THROWS_AS(notes.rename(1, Note{.id = 2}), BackendError);
    CHECK(notes.save_many(std::vector<Note>{{.id = 1}, {.id = 2}})[1].failed());

    // It comes back, and has nothing.
    server.start();
    CHECK_THROWS_AS(notes.get(1), Missing);
    notes.save({.id = 1, .text = "three"});
    CHECK(notes.get(1).text == "three");
}

TEST_CASE("without a loader a hung server fails within the deadline",
          "[models][failure][integration]") {
    const RealMemcached server;
    const Models<Note> notes{open(server, "?deadline=200ms&retry_after=0s")};
    notes.save({.id = 1, .text = "one"});
    notes.save({.id = 2, .text = "two"});
    server.hang();
    require_failure_in_time([&] { return notes.get(1); });
    require_failure_in_time([&] { notes.save({.id = 2, .text = "changed"}); });
    require_failure_in_time([&] { return notes.remove(1); });
    server.go_on();
    // What the server has read meanwhile it may have done; nothing else.
    const auto one = notes.find(1);
    CHECK((one.absent() || one->text == "one"));
    const std::string two = *notes.get(2).text;
    CHECK((two == "two" || two == "changed"));
}

TEST_CASE("with a loader the program goes on whatever the server does",
          "[loaders][failure][integration]") {
    RealMemcached server;
    const Cache cache = open(server, "?deadline=200ms&retry_after=100ms");
    Book book;
    const Models<Page, Book&> pages{cache, book};
    const auto check_all = [&] {
        for (int i = 0; i < 3; ++i) {
            CHECK(pages.get(i).text == "page " + std::to_string(i));
            CHECK(pages.find(i)->number == i);
        }
        const auto found = pages.get_many({2, 0, -1, 2});
        CHECK(found[0]->text == "page 2");
        CHECK(found[1]->text == "page 0");
        CHECK(found[2].absent());
        CHECK(found[3]->text == "page 2");
        CHECK_THROWS_AS(pages.get(-1), Missing);
    };
    check_all();
    server.kill();
    check_all();
    CHECK(cache.statistics().read_failures > 0);
    server.start();
    check_all();
    server.hang();
    check_all();
    server.go_on();
    check_all();
    server.restart();
    check_all();

    // The server can be used again, once it has been left alone long enough.
    std::this_thread::sleep_for(150ms);
    (void)pages.get(0);
    const int before = book.questions;
    CHECK(pages.get(0).text == "page 0");
    CHECK(book.questions == before);
}

TEST_CASE("with a loader a hung server costs each call the deadline at most",
          "[loaders][failure][integration]") {
    const RealMemcached server;
    const Cache cache = open(server, "?deadline=200ms&retry_after=0s");
    Book book;
    const Models<Page, Book&> pages{cache, book};
    CHECK(pages.get(1).text == "page 1");
    server.hang();
    check_in_time([&] { CHECK(pages.get(1).text == "page 1"); });
    check_in_time([&] { CHECK(pages.find(-1).absent()); });
    check_in_time([&] { CHECK(pages.get_many({1, 2, -1})[1]->text == "page 2"); });
    // Each call has asked the server; and what it cannot tell about is not written back.
    CHECK(cache.statistics().read_failures >= 5);
    CHECK(cache.statistics().stores == 1);
    server.go_on();
}

TEST_CASE("a batch over a hung server and a healthy one is answered by the healthy one",
          "[models][loaders][failure][integration]") {
    constexpr int count = 40;
    const Pair pair;
    std::vector<int> numbers(count);
    std::iota(numbers.begin(), numbers.end(), 0);

    SECTION("without a loader the other's keys have failed") {
        const Models<Note> notes{pair.cache};
        std::vector<Note> all;
        for (const int id : numbers) all.push_back({.id = id, .text = std::to_string(id)});
        for (const auto& outcome : notes.save_many(all)) REQUIRE(outcome.done());
        pair.first.hang();
        int failures = 0;
        check_in_time([&] {
            const auto found = notes.get_many(numbers);
            failures = 0;
            REQUIRE(found.size() == count);
            for (const int id : numbers) {
                INFO(id);
                const auto& note = found[static_cast<std::size_t>(id)];
                if (pair.first_holds("Note@1/id=" + std::to_string(id))) {
                    REQUIRE(note.failed());
                    CHECK(note.failure().fault() == BackendFault::timeout);
                    ++failures;
                } else {
                    REQUIRE(note.found());
                    CHECK(note->text == std::to_string(id));
                }
            }
        });
        CHECK(failures > 0);
        CHECK(failures < count);
    }
    SECTION("with a loader they are loaded") {
        Book book;
        const Models<Page, Book&> pages{pair.cache, book};
        (void)pages.get_many(numbers);
        REQUIRE(book.questions == count);
        REQUIRE(pair.cache.statistics().stores == count);
        pair.first.hang();
        int of_first = 0;
        const auto found = pages.get_many(numbers);
        REQUIRE(found.size() == count);
        for (const int number : numbers) {
            const std::string text = std::to_string(number);
            CHECK(found[static_cast<std::size_t>(number)]->text == "page " + text);
            if (pair.first_holds("Page@1/number=" + text)) ++of_first;
        }
        CHECK(of_first > 0);
        CHECK(of_first < count);
        CHECK(book.questions == count + of_first);
        CHECK(pair.cache.statistics().stores == count);
    }
    pair.first.go_on();
}

TEST_CASE("a server that was never there does not stop a program with a loader",
          "[loaders][failure][integration]") {
    RealMemcached server;
    server.kill();
    Book book;
    const Cache cache = open(server);
    const Models<Page, Book&> pages{cache, book};
    CHECK(pages.get(7).text == "page 7");
    CHECK(pages.find(-7).absent());
    CHECK(cache.statistics().stores == 0);
    CHECK(cache.statistics().store_failures == 0);
    CHECK(cache.statistics().read_failures == 2);
}

TEST_CASE("a server that answers nonsense is a failure, and gone around with a loader",
          "[loaders][failure][integration]") {
    const std::vector<std::string> answers{"nonsense\r\n", "VALUE other 0 5\r\nwrong\r\nEND\r\n",
                                           "SERVER_ERROR no\r\n", "VALUE",
                                           std::string(10'000, 'x')};
    for (const auto& answer : answers) {
        INFO(answer.substr(0, 20));
        const FakeServer server{FakeServer::answers(answer)};
        const Cache cache{std::make_shared<MemcachedBackend>(
            MemcachedOptions{.servers = {server.address()}, .deadline = 100ms, .retry_after = 0s})};
        Book book;
        const Models<Page, Book&> pages{cache, book};
        CHECK(pages.get(1).text == "page 1");
        CHECK(pages.get_many({1, -1, 2})[2]->text == "page 2");
        CHECK(cache.statistics().stores == 0);
        const Models<Note> notes{cache};
        CHECK(notes.find(1).failed());
        CHECK_THROWS_AS(notes.get(1), BackendError);
        CHECK_THROWS_AS(notes.save({.id = 1}), BackendError);
    }
}

TEST_CASE("a cache that was emptied by others is filled again", "[loaders][integration]") {
    const RealMemcached server;
    const Cache cache = open(server, "?deadline=5s");
    Book book;
    const Models<Page, Book&> pages{cache, book};
    CHECK(pages.get(1).text == "page 1");
    CHECK(server.ask("flush_all\r\n", "\r\n") == "OK\r\n");
    CHECK(pages.get(1).text == "page 1");
    CHECK(pages.get(1).text == "page 1");
    CHECK(book.questions == 2);
}

TEST_CASE("two programs share models through one server", "[models][integration]") {
    const RealMemcached server;
    const Models<Note> one{open(server, "?deadline=5s")};
    const Models<Note> other{open(server, "?deadline=5s")};
    one.save({.id = 1, .text = "from one"});
    CHECK(other.get(1).text == "from one");
    other.save({.id = 1, .text = "from other"});
    CHECK(one.get(1).text == "from other");
    CHECK(other.remove(1));
    CHECK_FALSE(one.exists(1));
}

TEST_CASE("threads that share a door see whole values while the server comes and goes",
          "[loaders][threads][integration]") {
    RealMemcached server;
    Book book;
    const Models<Page, Book&> pages{open(server, "?deadline=500ms&retry_after=10ms"), book};
    std::atomic<int> wrong{0};
    std::atomic<bool> ending{false};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&, t] {
            for (int i = 0; !ending; ++i) {
                const int number = (i * 7 + t) % 20;
                try {
                    if (pages.get(number).text != "page " + std::to_string(number)) ++wrong;
                } catch (...) {
                    ++wrong;
                }
            }
        });
    }
    for (int i = 0; i < 3; ++i) {
        std::this_thread::sleep_for(50ms);
        server.restart();
    }
    std::this_thread::sleep_for(50ms);
    ending = true;
    for (auto& thread : threads) thread.join();
    CHECK(wrong == 0);
}
