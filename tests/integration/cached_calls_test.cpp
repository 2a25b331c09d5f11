// cachemodel: cached calls on a real memcached, alive and otherwise.
// SPDX-License-Identifier: MIT
#include <cachemodel/cached_form_method.hpp>
#include <cachemodel/cached_function.hpp>
#include <cachemodel/cached_method.hpp>
#include <cachemodel/testing/recording_backend.hpp>

#include "support/catch.hpp"
#include "support/in_time.hpp"
#include "support/memcached_server.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

using namespace cachemodel;
using namespace cachemodel::support;
using namespace std::chrono_literals;

namespace cached_calls_integration {

struct Coordinates {
    double latitude = 0;
    double longitude = 0;
    bool operator==(const Coordinates&) const = default;
};

/// The slow source, and how often it was asked.
struct Atlas {
    double longitude = 2.5;
    std::atomic<int> questions{0};
};

struct Home {
    std::string address;
    Atlas* atlas = nullptr;

    Coordinates geocode() const {
        ++atlas->questions;
        return {static_cast<double>(address.size()), atlas->longitude};
    }
};

using Geocode = CachedMethod<&Home::geocode, &Home::address>;

std::atomic<int> runs{0};

std::string text_of_size(std::size_t size) {
    ++runs;
    return std::string(size, 'x');
}
std::size_t length(const std::string& text) {
    ++runs;
    return text.size();
}

struct Search {
    std::string text;

    struct Cleaned {
        std::string text;
    };
    Cleaned cleaned_data() const { return {text.substr(0, text.find(' '))}; }
    std::string found() const {
        ++runs;
        return "found " + cleaned_data().text;
    }
};

Cache open(const RealMemcached& server, const std::string& options = "?deadline=5s") {
    return Cache::open(server.url() + options);
}

std::vector<Home> homes(int count, Atlas& atlas) {
    std::vector<Home> all;
    for (int i = 0; i < count; ++i) all.push_back({"Via Roma " + std::to_string(i), &atlas});
    return all;
}

/// What `work` returns in a process of its own.
template <class Work>
std::string in_another_process(Work work) {
    int ends[2] = {-1, -1};
    if (::pipe(ends) != 0) throw std::system_error{errno, std::generic_category(), "pipe"};
    const auto child = ::fork();
    if (child == -1) throw std::system_error{errno, std::generic_category(), "fork"};
    if (child == 0) {
        int status = 1;
        try {
            const std::string text = work();
            const auto written = ::write(ends[1], text.data(), text.size());
            status = written == static_cast<ssize_t>(text.size()) ? 0 : 1;
        } catch (...) {
            // The status tells.
        }
        ::_exit(status);
    }
    ::close(ends[1]);
    std::string text;
    char bytes[256];
    for (ssize_t got = 1; got > 0;) {
        got = ::read(ends[0], bytes, sizeof bytes);
        if (got > 0) text.append(bytes, static_cast<std::size_t>(got));
    }
    ::close(ends[0]);
    int status = 0;
    ::waitpid(child, &status, 0);
    return status == 0 ? text : "the other process failed";
}

}  // namespace cached_calls_integration

using namespace cached_calls_integration;

TEST_CASE("a result that one process has computed is served in the others",
          "[cached_method][integration]") {
    const RealMemcached server;
    CHECK(in_another_process([&] {
              Atlas atlas{.longitude = 7.25};
              const Geocode geocode{open(server), {.expires = 1h}};
              const auto result = geocode({"Via Roma 1", &atlas});
              return std::to_string(result.longitude) + geocode.key_for({"Via Roma 1", &atlas});
          }) == "7.250000cached_calls_integration::Home::geocode()@1/address=\"Via%20Roma%201\"()");

    Atlas atlas;
    const Home home{"Via Roma 1", &atlas};
    const Geocode geocode{open(server), {.expires = 1h}};
    CHECK(geocode(home) == Coordinates{10, 7.25});
    CHECK(atlas.questions == 0);
    CHECK(geocode.refresh(home) == Coordinates{10, 2.5});

    CHECK(in_another_process([&] {
              Atlas other;
              const Geocode there{open(server), {.expires = 1h}};
              const auto found = there.peek({"Via Roma 1", &other});
              there.invalidate({"Via Roma 1", &other});
              return std::to_string(found->longitude);
          }) == "2.500000");
    CHECK(geocode.peek(home).absent());
}

TEST_CASE("prefetching 100 results takes one round trip to read and one to store",
          "[cached_method][prefetch][integration]") {
    const RealMemcached server;
    const auto recording =
        std::make_shared<testing::RecordingBackend>(std::make_shared<MemcachedBackend>(
            MemcachedOptions{.servers = {server.address()}, .deadline = 5s}));
    Atlas atlas;
    const auto all = homes(100, atlas);
    const Geocode geocode{Cache{recording, {.lease_wait = 0s}}};

    const auto first = geocode.prefetch(all);
    REQUIRE(first.size() == 100);
    CHECK(*first[7] == Coordinates{10, 2.5});
    CHECK(*first[99] == Coordinates{11, 2.5});
    CHECK(atlas.questions == 100);
    CHECK(recording->log().trips() == 2);
    CHECK(recording->log().trips(testing::Verb::get) == 1);
    CHECK(recording->log().keys_set().size() == 100);

    recording->log().reset();
    const auto second = geocode.prefetch(all);
    CHECK(std::all_of(second.begin(), second.end(),
                      [](const auto& lookup) { return lookup.found(); }));
    CHECK(atlas.questions == 100);
    CHECK(recording->log().trips() == 1);
    CHECK(recording->log().keys_read().size() == 100);
    CHECK(geocode.statistics().hits == 100);
}

TEST_CASE("while the server hangs calls run the method within the deadline, and store nothing",
          "[cached_method][failure][integration]") {
    const RealMemcached server;
    Atlas atlas;
    const auto all = homes(5, atlas);
    const Cache cache = open(server, "?deadline=200ms&retry_after=0s");
    const Geocode geocode{cache};
    CHECK(geocode(all[0]) == Coordinates{10, 2.5});
    server.hang();
    const int before = atlas.questions;
    check_in_time([&] { CHECK(geocode(all[0]) == Coordinates{10, 2.5}); });
    check_in_time([&] { CHECK(geocode(all[1]) == Coordinates{10, 2.5}); });
    check_in_time([&] {
        for (const auto& lookup : geocode.prefetch(all)) CHECK(*lookup == Coordinates{10, 2.5});
    });
    CHECK(atlas.questions >= before + 7);
    check_in_time([&] { CHECK(geocode.peek(all[0]).failed()); });
    check_in_time([&] { CHECK_THROWS_AS(geocode.invalidate(all[4]), BackendError); });
    CHECK(geocode.statistics().stores == 1);
    CHECK(geocode.statistics().read_failures >= 8);
    server.go_on();
}

TEST_CASE("when the server is gone calls run the method, and are cached again when it is back",
          "[cached_method][failure][integration]") {
    RealMemcached server;
    Atlas atlas;
    const Home home{"Via Roma 1", &atlas};
    const Geocode geocode{open(server, "?deadline=200ms&retry_after=0s")};
    (void)geocode(home);
    (void)geocode(home);
    CHECK(atlas.questions == 1);

    server.kill();
    atlas.longitude = 3.5;
    CHECK(geocode(home).longitude == 3.5);
    CHECK(geocode(home).longitude == 3.5);
    CHECK(geocode.refresh(home).longitude == 3.5);
    CHECK(geocode.prefetch({home})[0]->longitude == 3.5);
    CHECK(geocode.peek(home).failed());
    CHECK_THROWS_AS(geocode.invalidate(home), BackendError);
    CHECK(atlas.questions == 5);
    CHECK(geocode.statistics().stores == 1);

    server.start();
    CHECK(geocode.peek(home).absent());
    CHECK(geocode(home).longitude == 3.5);
    atlas.longitude = 4.5;
    CHECK(geocode(home).longitude == 3.5);
    CHECK(atlas.questions == 6);

    server.restart();
    CHECK(geocode.prefetch({home})[0]->longitude == 4.5);
    CHECK(geocode(home).longitude == 4.5);
    CHECK(atlas.questions == 7);
}

TEST_CASE("a result that is larger than the server takes is returned, and counted",
          "[cached_function][failure][integration]") {
    constexpr std::size_t large = 2'000'000;
    const RealMemcached server;
    const CachedFunction<&text_of_size> text{open(server)};
    runs = 0;
    CHECK(text(large).size() == large);
    CHECK(text(large).size() == large);
    CHECK(runs == 2);
    CHECK(text.statistics().store_failures == 2);
    CHECK(text.statistics().stores == 0);
    CHECK(text.peek(large).absent());

    const auto some = text.prefetch({1'000, large, 900'000});
    CHECK(some[0]->size() == 1'000);
    CHECK(some[1]->size() == large);
    CHECK(some[2]->size() == 900'000);
    CHECK(text.statistics().stores == 2);
    CHECK(text(900'000).size() == 900'000);
    CHECK(runs == 5);
}

TEST_CASE("a refreshed result that is too large takes the old one with it",
          "[cached_function][refresh][integration]") {
    const RealMemcached server;
    static std::atomic<std::size_t> size{10};
    const CachedFunction<[](int) { return std::string(size, 'x'); }> text{open(server),
                                                                          {.name = "text"}};
    size = 10;
    CHECK(text(1).size() == 10);
    size = 2'000'000;
    CHECK(text(1).size() == 10);
    CHECK(text.refresh(1).size() == 2'000'000);
    CHECK(text.peek(1).absent());
}

TEST_CASE("a lifetime of fractions of a second ends in time",
          "[cached_method][lifetime][integration]") {
    const RealMemcached server;
    Atlas atlas;
    const Home home{"Via Roma 1", &atlas};
    const Geocode briefly{open(server), {.expires = 300ms}};
    const Geocode longer{open(server), {.expires = 1h, .version = 2}};
    const auto begin = std::chrono::steady_clock::now();
    (void)briefly(home);
    (void)longer(home);
    const bool is_there = briefly.peek(home).found();
    if (std::chrono::steady_clock::now() - begin < 300ms) CHECK(is_there);
    std::this_thread::sleep_for(310ms);
    CHECK(briefly.peek(home).absent());
    (void)briefly(home);
    (void)longer(home);
    CHECK(atlas.questions == 3);
}

TEST_CASE("arguments of any length and any bytes make keys that the server takes",
          "[cached_function][integration]") {
    const RealMemcached server;
    const Cache cache = open(server).with_prefix(std::string(40, 'p'));
    const CachedFunction<&length> measure{cache};
    runs = 0;
    const std::string base(1'000, ' ');
    std::vector<std::string> texts{
        base + "a", base + "b",   std::string(250, '\n'), std::string("nul\0nul", 7),
        "",         "caf\xc3\xa9"};
    for (int round = 0; round < 2; ++round) {
        for (const auto& text : texts) {
            CHECK(measure(text) == text.size());
            CHECK(cache.final_key(measure.key_for(text)).size() <= 250);
        }
    }
    CHECK(runs == 6);
    CHECK(measure.statistics().stores == 6);
    CHECK(measure.statistics().hits == 6);
}

TEST_CASE("of secret keys the server sees only a digest", "[cached_function][integration]") {
    const RealMemcached server;
    const Cache cache = open(server);
    const CachedFunction<&length> measure{cache, {.secret_keys = true}};
    CHECK(measure("t0k3n") == 5);
    CHECK(measure.peek("t0k3n").value_or(0) == 5);
    CHECK(measure.peek("t0k3m").absent());
    const auto keys = server.ask("lru_crawler metadump all\r\n", "END\r\n");
    CHECK(keys.find("length") != std::string::npos);
    CHECK(keys.find("t0k3n") == std::string::npos);
    const auto entry =
        server.ask("get " + cache.final_key(measure.key_for("t0k3n")) + "\r\n", "END\r\n");
    CHECK(entry.starts_with("VALUE "));
    CHECK(entry.find("t0k3n") == std::string::npos);
}

TEST_CASE("forms share their results through the server", "[cached_form_method][integration]") {
    const RealMemcached server;
    runs = 0;
    const CachedFormMethod<&Search::found> one{open(server)};
    const CachedFormMethod<&Search::found> other{open(server)};
    CHECK(one({"cups and more"}) == "found cups");
    CHECK(other({"cups only"}) == "found cups");
    CHECK(runs == 1);
}

TEST_CASE("threads that share a cached method get right results while the server comes and goes",
          "[cached_method][threads][integration]") {
    RealMemcached server;
    Atlas atlas;
    const auto all = homes(10, atlas);
    const Geocode geocode{open(server, "?deadline=500ms&retry_after=10ms")};
    std::atomic<int> wrong{0};
    std::atomic<int> calls{0};
    std::atomic<bool> ending{false};
    std::vector<std::thread> threads;
    for (std::size_t t = 0; t < 4; ++t) {
        threads.emplace_back([&, t] {
            for (std::size_t i = t; !ending; i += 3) {
                try {
                    if (geocode(all[i % 10]) != Coordinates{10, 2.5}) ++wrong;
                    if (i % 5 == 0 && *geocode.prefetch(all)[3] != Coordinates{10, 2.5}) ++wrong;
                } catch (...) {
                    ++wrong;
                }
                ++calls;
            }
        });
    }
    for (int i = 0; i < 3; ++i) {
        const int before = calls;
        while (calls < before + 100) std::this_thread::yield();
        server.restart();
    }
    ending = true;
    for (auto& thread : threads) thread.join();
    CHECK(wrong == 0);
}
