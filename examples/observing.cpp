// cachemodel example: what a cache does, seen from outside: logs, numbers, Prometheus.
// SPDX-License-Identifier: MIT
#include <cachemodel/cachemodel.hpp>
#include <cachemodel/observer.hpp>
#include <cachemodel/prometheus.hpp>
#include <cachemodel/testing/manual_executor.hpp>
#include <cachemodel/testing/scripted_backend.hpp>
#include <cachemodel/testing/turnable_clock.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>

using namespace cachemodel;
using namespace std::chrono_literals;

struct Bird {
    static constexpr ModelOptions cache_options{.name = "bird"};
    Key<int> id;
    Field<std::string> song;
};

struct Nest {
    static constexpr ModelOptions cache_options{
        .expires = 1min, .stale_while_refresh = 1h, .lease_wait = 0s, .name = "nest"};
    Key<int> id;
    Field<int> eggs;

    static inline bool is_hidden = false;

    void from_miss() {
        if (is_hidden) throw std::runtime_error("leaves are in the way");
        eggs = 3;
    }
};

// [verify]
struct Pond {
    static constexpr ModelOptions cache_options{.expires = 1h, .verify = 1, .name = "pond"};
    Key<int> id;
    Field<int> ducks;
    Field<int> frogs;

    static inline int ducks_there = 2;

    void from_miss() {
        ducks = ducks_there;
        frogs = 7;
    }
};
// [/verify]

// [observer]
class Log final : public Observer {
 public:
    void round_trip(const RoundTrip& trip) override {
        if (trip.duration >= 100ms) ++slow_trips;
        std::ostringstream line;  // one piece, as several threads write
        line << trip.cache << ' ' << to_string(trip.operation) << ": " << trip.keys << " keys, "
             << trip.done << " done, " << trip.declined << " declined, " << trip.failed
             << " failed, " << trip.duration / 1ms << " ms\n";
        std::cout << line.str();
    }
    void key_warning(const KeyWarning& warning) override {
        std::cout << std::string{warning.cache} +
                         " not a key for every backend: " + std::string{warning.final_key} + '\n';
    }
    void ignored_error(const IgnoredError& error) override {
        std::cout << std::string{error.cache} + " ignored: " + error.failure.message() + '\n';
    }
    void failed_load(const FailedLoad& load) override {
        std::cout << std::string{load.cache} + " could not load " + std::string{load.key} + ": " +
                         load.failure.message() + (load.in_background ? ", unseen\n" : "\n");
    }
    void mismatch(const Mismatch& mismatch) override {
        std::string line{mismatch.cache};
        line.append(" has not what the source has of ").append(mismatch.key).append(":");
        for (const auto member : mismatch.members) line.append(" ").append(member);
        std::cout << line + '\n';
    }

    std::atomic<int> slow_trips = 0;
};
// [/observer]

// [http]
struct HttpAnswer {
    int status;
    std::string content_type;
    std::string body;
};

/// What the program's own HTTP server calls.
HttpAnswer answer(const std::string& method, const std::string& path) {
    if (path != "/metrics") return {404, "text/plain", "not here\n"};
    if (method != "GET") return {405, "text/plain", "only GET\n"};
    return {200, prometheus_content_type, prometheus_text()};
}
// [/http]

/// The lines that begin so.
void print_lines(const std::string& text, const std::string& begin) {
    std::istringstream lines{text};
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with(begin)) std::cout << line << '\n';
    }
}

int main() {
    // Stands for a server that takes its time; the clock is turned by hand.
    testing::TurnableClock clock;
    const auto server = std::make_shared<testing::ScriptedBackend>(clock);
    auto takes = 2ms;
    server->before_each_call([&](testing::Verb) { clock.advance(takes); });
    const auto later = std::make_shared<testing::ManualExecutor>();
    caches().configure("default",
                       Cache{server, {.executor = later, .ignore_errors = true, .clock = clock}});

    // [observe]
    const Cache cache = caches()["default"];
    const auto log = std::make_shared<Log>();
    cache.observe(log);
    // [/observe]

    cache.set("greeting", "hello");
    static_cast<void>(cache.get_many<std::string>({"greeting", "farewell"}));
    takes = 150ms;
    cache.contains("greeting");
    takes = 2ms;
    cache.set("a key\nin two lines", 1);
    server->fail_next(1, BackendFault::timeout);
    cache.erase("greeting");
    std::cout << log->slow_trips << " slow\n";

    // [statistics]
    CacheModel{Bird{.id = 1, .song = "la la"}}.save();
    static_cast<void>(CacheModel<Bird>::find(1));
    static_cast<void>(CacheModel<Bird>::find(2));

    const auto counted = cache.statistics();
    std::cout << counted.hits << " hits, " << counted.misses() << " misses, " << counted.round_trips
              << " round trips\n";
    for (const auto& model : cache.model_statistics()) {
        std::cout << model.model << ": " << model.statistics.hits << " hits, "
                  << model.statistics.misses(MissReason::nothing_stored) << " not stored\n";
    }
    // [/statistics]

    // [latencies]
    const LatencyHistogram reads = cache.latencies().reads;
    std::uint64_t fast = 0;
    for (std::size_t i = 0; i < reads.bounds.size(); ++i) {
        if (reads.bounds[i] <= 100ms) fast += reads.counts[i];
    }
    std::cout << fast << " of " << reads.count() << " reads took 100 ms at most\n";
    // [/latencies]

    // [prometheus]
    const std::string text = prometheus_text();
    // [/prometheus]
    print_lines(text, "# HELP cachemodel_hits_total");
    print_lines(text, "# TYPE cachemodel_hits_total");
    print_lines(text, "cachemodel_hits_total");
    print_lines(text, "cachemodel_misses_total{cache=\"default\",reason=\"nothing_stored\"}");
    print_lines(text, "cachemodel_model_hits_total");
    print_lines(text, "cachemodel_read_duration_seconds_bucket{cache=\"default\",le=\"0.002\"}");
    print_lines(text, "cachemodel_read_duration_seconds_bucket{cache=\"default\",le=\"+Inf\"}");
    print_lines(text, "cachemodel_read_duration_seconds_count");
    std::cout << answer("GET", "/metrics").status << answer("GET", "/").status << '\n';

    static_cast<void>(CacheModel<Nest>::get(1));
    Nest::is_hidden = true;
    clock.advance(2min);
    std::cout << CacheModel<Nest>::get(1).eggs << " eggs, stale\n";
    later->run_all();  // the refresh, which a thread of the pool does otherwise

    // [explain]
    std::cout << CacheModel<Nest>::explain(1);
    // [/explain]

    static_cast<void>(CacheModel<Pond>::get(1));
    // [mismatch]
    Pond::ducks_there = 5;  // and nobody tells the cache
    std::cout << CacheModel<Pond>::get(1).ducks << " ducks\n";
    later->run_all();  // what a thread of the pool does otherwise
    std::cout << CacheModel<Pond>::get(1).ducks << " ducks\n";
    // [/mismatch]
}
