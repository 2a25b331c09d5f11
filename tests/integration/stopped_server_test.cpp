// cachemodel: what callers feel of a server that stops under load, and goes on.
// SPDX-License-Identifier: MIT
#include <cachemodel/backends/memcached.hpp>
#include <cachemodel/backends/redis.hpp>
#include <cachemodel/cache.hpp>
#include <cachemodel/models.hpp>

#include "support/catch.hpp"
#include "support/memcached_server.hpp"
#include "support/redis_server.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace cachemodel;
using namespace cachemodel::support;
using namespace std::chrono_literals;
using std::chrono::steady_clock;

namespace {

constexpr auto deadline = 250ms;  // what it is by default
constexpr std::size_t callers = 16;

struct Call {
    steady_clock::time_point begin;
    steady_clock::time_point end;
    bool is_found;

    steady_clock::duration took() const { return end - begin; }
};

/// What one caller does next. Whether it found what should be there.
using Step = std::function<bool()>;

/// Threads that do one step after the other, with short pauses, and write down how that went.
class Load {
 public:
    Load(std::function<Step()> make_steps, std::chrono::microseconds pause)
        : make_steps_(std::move(make_steps)), pause_(pause) {
        for (std::size_t i = 0; i < callers; ++i) threads_[i] = std::thread{[this, i] { work(i); }};
    }
    ~Load() { stop(); }
    Load(const Load&) = delete;
    Load& operator=(const Load&) = delete;

    void stop() {
        is_ending_ = true;
        for (auto& thread : threads_) {
            if (thread.joinable()) thread.join();
        }
    }
    /// Waits until every caller has found what it should so many times more, without a failure in
    /// between; false when that is not so at `limit`.
    bool all_find(int times, steady_clock::time_point limit) {
        for (auto& found : found_in_a_row_) found = 0;
        const auto is_done = [&](const std::atomic<int>& found) { return found >= times; };
        while (!std::ranges::all_of(found_in_a_row_, is_done)) {
            if (steady_clock::now() > limit) return false;
            std::this_thread::sleep_for(1ms);
        }
        return true;
    }
    /// After `stop`.
    std::vector<Call> calls() const {
        std::vector<Call> all;
        for (const auto& some : calls_) all.insert(all.end(), some.begin(), some.end());
        return all;
    }

 private:
    void work(std::size_t caller) {
        const Step step = make_steps_();
        while (!is_ending_) {
            const auto begin = steady_clock::now();
            const bool is_found = step();
            calls_[caller].push_back({begin, steady_clock::now(), is_found});
            if (is_found) {
                ++found_in_a_row_[caller];
            } else {
                found_in_a_row_[caller] = 0;
            }
            std::this_thread::sleep_for(pause_);
        }
    }

    const std::function<Step()> make_steps_;
    const std::chrono::microseconds pause_;
    std::atomic<bool> is_ending_{false};
    std::array<std::atomic<int>, callers> found_in_a_row_{};
    std::array<std::vector<Call>, callers> calls_;
    std::array<std::thread, callers> threads_;
};

/// Threads that wait as long as a call may, for nothing: how much later the machine lets them go on
/// than they asked for is nothing that a library can help.
class Control {
 public:
    Control() {
        for (auto& thread : threads_) thread = std::thread{[this] { work(); }};
    }
    ~Control() { stop(); }
    Control(const Control&) = delete;
    Control& operator=(const Control&) = delete;

    /// By how much the latest was late.
    steady_clock::duration stop() {
        is_ending_ = true;
        for (auto& thread : threads_) {
            if (thread.joinable()) thread.join();
        }
        return steady_clock::duration{latest_};
    }

 private:
    void work() {
        while (!is_ending_) {
            const auto end = steady_clock::now() + deadline;
            std::this_thread::sleep_until(end);
            const auto late = (steady_clock::now() - end).count();
            auto latest = latest_.load();
            while (late > latest && !latest_.compare_exchange_weak(latest, late)) continue;
        }
    }

    std::atomic<bool> is_ending_{false};
    std::atomic<steady_clock::rep> latest_{0};
    std::array<std::thread, 4> threads_;
};

long count(const std::vector<Call>& calls, steady_clock::time_point from,
           steady_clock::time_point until) {
    return std::ranges::count_if(calls, [&](const Call& call) {
        return call.is_found && call.begin >= from && call.end < until;
    });
}

/// Which its source has at once.
struct Price {
    static constexpr ModelOptions cache_options{.expires = 1min, .name = "Price"};
    Key<int> number;
    Field<int> cents;

    void from_miss() { cents = 1; }
};
/// A price that is not loaded.
struct PriceRow {
    static constexpr ModelOptions cache_options{.name = "Price"};
    Key<int> number;
    Field<int> cents;
};

template <class Server>
void check_stop_under_load(Server& server, std::function<Step()> make_steps,
                           std::chrono::microseconds pause) {
    Control control;
    Load load{std::move(make_steps), pause};
    const bool was_well = load.all_find(20, steady_clock::now() + 20s);
    std::this_thread::sleep_for(200ms);
    const auto stopped = steady_clock::now();
    server.hang();
    std::this_thread::sleep_for(1600ms);
    const auto lateness = control.stop();
    const auto continued = steady_clock::now();
    server.go_on();
    const bool is_back = load.all_find(20, continued + 2s);
    const auto back = steady_clock::now();
    std::this_thread::sleep_for(200ms);
    load.stop();
    const auto calls = load.calls();

    REQUIRE(was_well);
    // Most calls fail at once while a server is left alone: only those that waited for it count.
    std::vector<steady_clock::duration> waits;
    for (const auto& call : calls) {
        if (call.end >= stopped && call.begin < continued && call.took() > deadline / 2) {
            waits.push_back(call.took());
        }
    }
    std::ranges::sort(waits);
    REQUIRE(waits.size() >= callers);
    const auto longest = deadline + deadline / 10 + lateness;
    INFO("late without the library: " << lateness / 1us << " us, longest: " << waits.back() / 1us
                                      << " us, of " << waits.size());
    CHECK(waits[(waits.size() - 1) * 99 / 100] <= longest);
    CHECK(waits.back() <= longest + 1s);
    // Each caller waited when it stopped, and once more where all connections were new; then one
    // at a time tried.
    CHECK(waits.size() <= 3 * callers);

    CHECK(is_back);
    const auto before = count(calls, stopped - 200ms, stopped);
    const auto after = count(calls, back, back + 200ms);
    CHECK(before > 0);
    CHECK(after >= before / 4);
    const auto failed_after = std::ranges::count_if(
        calls, [&](const Call& call) { return call.begin >= back && !call.is_found; });
    CHECK(failed_after == 0);
}

/// All read one value over and over.
template <class Server>
void check_stop_under_reads(Server& server, const Cache& cache) {
    cache.set("k", std::string{"value"}, never);
    const Step read = [&] { return cache.get<std::string>("k").found(); };
    check_stop_under_load(
        server, [&] { return read; }, 2ms);
}

/// Each loads one model after the other, and looks whether it was stored. Most of their time they
/// wait for one of the round trips of a load, and so that is what the stop hits.
template <class Server>
void check_stop_under_loads(Server& server, const Cache& cache) {
    const Models<Price> prices{cache};
    const Models<PriceRow> rows{cache};
    std::atomic<int> next{0};
    const auto make_steps = [&]() -> Step {
        return [&, loaded = std::optional<int>{}]() mutable {
            if (loaded) return rows.find(*std::exchange(loaded, std::nullopt)).found();
            loaded = next++;
            return prices.get(*loaded).cents == 1;
        };
    };
    check_stop_under_load(server, make_steps, 200us);
}

Cache cache_on(const RealMemcached& server) {
    return Cache{std::make_shared<MemcachedBackend>(
        MemcachedOptions{.servers = {server.address()}, .deadline = deadline})};
}
Cache cache_on(const RealRedis& server) {
    auto options = server.options();
    options.deadline = deadline;
    return Cache{std::make_shared<RedisBackend>(options)};
}

}  // namespace

TEST_CASE("callers of a memcached that stops wait no longer than the deadline, and it is back soon",
          "[memcached][threads]") {
    RealMemcached server;
    check_stop_under_reads(server, cache_on(server));
}

TEST_CASE("callers of a Redis that stops wait no longer than the deadline, and it is back soon",
          "[redis][threads]") {
    RealRedis server;
    check_stop_under_reads(server, cache_on(server));
}

TEST_CASE("loads from a source wait no longer than the deadline for a memcached that stops",
          "[memcached][models][threads]") {
    RealMemcached server;
    check_stop_under_loads(server, cache_on(server));
}

TEST_CASE("loads from a source wait no longer than the deadline for a Redis that stops",
          "[redis][models][threads]") {
    RealRedis server;
    check_stop_under_loads(server, cache_on(server));
}
