// cachemodel: tests of the text that Prometheus reads.
// SPDX-License-Identifier: MIT
#include <cachemodel/prometheus.hpp>

#include <cachemodel/backends/memcached.hpp>
#include <cachemodel/backends/memory.hpp>
#include <cachemodel/backends/null.hpp>
#include <cachemodel/cachemodel.hpp>
#include <cachemodel/testing/manual_executor.hpp>
#include <cachemodel/testing/scripted_backend.hpp>
#include <cachemodel/testing/turnable_clock.hpp>

#include "support/catch.hpp"
#include "support/process.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <regex>
#include <set>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace cachemodel;
using namespace std::chrono_literals;
using namespace std::string_literals;

namespace {

struct Bird {
    static constexpr ModelOptions cache_options{.name = "bird", .cache = "birds"};
    Key<int> id;
    Field<std::string> song;
};

/// Whether the line stands in the text, once.
bool has_line(const std::string& text, const std::string& line) {
    const std::string all = '\n' + text;
    const std::string wanted = '\n' + line + '\n';
    const auto found = all.find(wanted);
    return found != std::string::npos && all.find(wanted, found + 1) == std::string::npos;
}

std::ptrdiff_t count_of(const std::string& text, std::string_view part) {
    std::ptrdiff_t count = 0;
    for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
    return count;
}

/// The text but for the histograms.
std::string without_times(const std::string& text) {
    std::istringstream lines{text};
    std::string others;
    for (std::string line; std::getline(lines, line);) {
        if (line.find("_duration_seconds") == std::string::npos) others += line + '\n';
    }
    return others;
}

/// What is known of servers that there are not.
class ServerStates final : public Backend {
 public:
    explicit ServerStates(std::vector<ServerState> states) : states_(std::move(states)) {}

    const Capabilities& capabilities() const noexcept override { return none_.capabilities(); }
    void get_many(std::span<const std::string_view> keys, ReadSink& sink) override {
        none_.get_many(keys, sink);
    }
    void store_many(Store how, std::span<const Entry> entries,
                    std::span<Outcome> outcomes) override {
        none_.store_many(how, entries, outcomes);
    }
    void remove_many(std::span<const std::string_view> keys, std::span<Outcome> outcomes) override {
        none_.remove_many(keys, outcomes);
    }
    void touch_many(std::span<const std::string_view> keys, Lifetime lifetime,
                    std::span<Outcome> outcomes) override {
        none_.touch_many(keys, lifetime, outcomes);
    }
    void clear() override {}
    std::vector<ServerState> servers() override { return states_; }

 private:
    NullBackend none_;
    const std::vector<ServerState> states_;
};

/// What the format asks for (prometheus.io, "Exposition formats"): the lines of a metric stand
/// together behind its head, no sample comes twice, and the classes of a histogram grow up to all.
class Checker {
 public:
    explicit Checker(const std::string& text) {
        CHECK(text.back() == '\n');
        std::istringstream lines{text};
        for (std::string line; std::getline(lines, line);) {
            INFO(line);
            line.starts_with("# ") ? head(line) : sample(line);
        }
        CHECK_FALSE(type_.empty());
        CHECK(series_.empty());
    }

 private:
    void head(const std::string& line) {
        std::istringstream words{line.substr(2)};
        std::string what;
        std::string name;
        std::string type;
        words >> what >> name >> type;
        if (what == "HELP") {
            CHECK(names_.insert(name).second);
            CHECK(name_.empty() == type_.empty());  // the metric before has its type
            CHECK(series_.empty());
            name_ = name;
            type_.clear();
            return;
        }
        CHECK(what == "TYPE");
        CHECK(name == name_);
        CHECK(type_.empty());
        CHECK((type == "counter" || type == "gauge" || type == "histogram"));
        CHECK((type == "counter") == name.ends_with("_total"));
        type_ = type;
    }

    void sample(const std::string& line) {
        static const std::regex form{
            R"re(([a-z_]+)(\{[a-z_]+="(?:[^"\\]|\\.)*"(?:,[a-z_]+="(?:[^"\\]|\\.)*")*\}) ([0-9.e+-]+))re"};
        std::smatch parts;
        REQUIRE(std::regex_match(line, parts, form));
        CHECK(samples_.insert(parts[1].str() + parts[2].str()).second);
        CHECK_FALSE(type_.empty());
        const double value = std::stod(parts[3].str());
        if (type_ != "histogram") {
            CHECK(parts[1] == name_);
            return;
        }
        const std::string labels = parts[2];
        const auto le = labels.find(",le=\"");
        const std::string series = labels.substr(0, std::min(le, labels.size() - 1));
        if (parts[1] == name_ + "_bucket") {
            if (series_.empty()) series_ = series;
            CHECK(series == series_);
            CHECK_FALSE(has_sum_);
            const std::string bound = labels.substr(le + 5);
            const double end = bound.starts_with("+Inf") ? 1e9 : std::stod(bound);
            CHECK(end > last_end_);
            CHECK(value >= last_value_);
            last_end_ = end;
            last_value_ = value;
        } else if (parts[1] == name_ + "_count") {
            CHECK(series == series_);
            CHECK(has_sum_);
            CHECK(last_end_ == 1e9);
            CHECK(value == last_value_);
            series_.clear();
            has_sum_ = false;
            last_end_ = 0;
            last_value_ = 0;
        } else {
            CHECK(parts[1] == name_ + "_sum");
            CHECK(series == series_);
            has_sum_ = true;
        }
    }

    std::set<std::string> names_;
    std::set<std::string> samples_;
    std::string name_;
    std::string type_;
    std::string series_;  ///< the labels of the histogram that has begun
    bool has_sum_ = false;
    double last_end_ = 0;
    double last_value_ = 0;
};

}  // namespace

TEST_CASE("what a cache has counted is written as Prometheus reads it", "[prometheus][unit]") {
    const Cache cache{std::make_shared<NullBackend>(),
                      {.executor = std::make_shared<testing::ManualExecutor>(), .name = "default"}};
    cache.set("k", 100);
    CHECK(cache.get<int>("k").absent());
    CHECK(cache.get<int>("key with spaces").absent());

    CHECK(
        without_times(prometheus_text(cache)) ==
        R"(# HELP cachemodel_round_trips_total Calls of the backend, whatever their number of keys.
# TYPE cachemodel_round_trips_total counter
cachemodel_round_trips_total{cache="default"} 3
# HELP cachemodel_read_bytes_total Bytes of entries that the backend handed out.
# TYPE cachemodel_read_bytes_total counter
cachemodel_read_bytes_total{cache="default"} 0
# HELP cachemodel_written_bytes_total Bytes of entries that the backend took.
# TYPE cachemodel_written_bytes_total counter
cachemodel_written_bytes_total{cache="default"} 3
# HELP cachemodel_hits_total Entries found and used.
# TYPE cachemodel_hits_total counter
cachemodel_hits_total{cache="default"} 0
# HELP cachemodel_decoded_hits_total Decoded objects given out, without asking the backend.
# TYPE cachemodel_decoded_hits_total counter
cachemodel_decoded_hits_total{cache="default"} 0
# HELP cachemodel_read_failures_total Keys that the backend could not tell about.
# TYPE cachemodel_read_failures_total counter
cachemodel_read_failures_total{cache="default"} 0
# HELP cachemodel_stores_total Entries written.
# TYPE cachemodel_stores_total counter
cachemodel_stores_total{cache="default"} 1
# HELP cachemodel_store_failures_total Entries that could not be written.
# TYPE cachemodel_store_failures_total counter
cachemodel_store_failures_total{cache="default"} 0
# HELP cachemodel_removals_total Entries removed; of what has a loader, also where none was.
# TYPE cachemodel_removals_total counter
cachemodel_removals_total{cache="default"} 0
# HELP cachemodel_removal_failures_total Keys that could not be removed.
# TYPE cachemodel_removal_failures_total counter
cachemodel_removal_failures_total{cache="default"} 0
# HELP cachemodel_touch_failures_total Keys that the backend could not touch.
# TYPE cachemodel_touch_failures_total counter
cachemodel_touch_failures_total{cache="default"} 0
# HELP cachemodel_loads_total Objects that a loader, results that a function supplied.
# TYPE cachemodel_loads_total counter
cachemodel_loads_total{cache="default"} 0
# HELP cachemodel_load_failures_total Objects or results for which a loader or a function threw.
# TYPE cachemodel_load_failures_total counter
cachemodel_load_failures_total{cache="default"} 0
# HELP cachemodel_source_misses_total Objects that a loader says do not exist.
# TYPE cachemodel_source_misses_total counter
cachemodel_source_misses_total{cache="default"} 0
# HELP cachemodel_stale_served_total Entries past their end that were served all the same.
# TYPE cachemodel_stale_served_total counter
cachemodel_stale_served_total{cache="default"} 0
# HELP cachemodel_refreshes_total Loads in the background.
# TYPE cachemodel_refreshes_total counter
cachemodel_refreshes_total{cache="default"} 0
# HELP cachemodel_refused_tasks_total Loads that the executor had no room for.
# TYPE cachemodel_refused_tasks_total counter
cachemodel_refused_tasks_total{cache="default"} 0
# HELP cachemodel_lease_waits_total Misses that waited for another process.
# TYPE cachemodel_lease_waits_total counter
cachemodel_lease_waits_total{cache="default"} 0
# HELP cachemodel_load_timeouts_total Callers that waited for a load in vain.
# TYPE cachemodel_load_timeouts_total counter
cachemodel_load_timeouts_total{cache="default"} 0
# HELP cachemodel_backed_off_total Misses of a loader that is left alone for a while.
# TYPE cachemodel_backed_off_total counter
cachemodel_backed_off_total{cache="default"} 0
# HELP cachemodel_refused_loads_total Loads beyond those allowed without the cache.
# TYPE cachemodel_refused_loads_total counter
cachemodel_refused_loads_total{cache="default"} 0
# HELP cachemodel_overtaken_loads_total Results not stored, as something newer is there.
# TYPE cachemodel_overtaken_loads_total counter
cachemodel_overtaken_loads_total{cache="default"} 0
# HELP cachemodel_joined_total Misses that took the result of an equal load under way.
# TYPE cachemodel_joined_total counter
cachemodel_joined_total{cache="default"} 0
# HELP cachemodel_kept_out_total Results that a predicate kept out of the cache.
# TYPE cachemodel_kept_out_total counter
cachemodel_kept_out_total{cache="default"} 0
# HELP cachemodel_verified_total Hits that the source, asked as well, confirmed.
# TYPE cachemodel_verified_total counter
cachemodel_verified_total{cache="default"} 0
# HELP cachemodel_mismatches_total Hits that differ from what the source says by then.
# TYPE cachemodel_mismatches_total counter
cachemodel_mismatches_total{cache="default"} 0
# HELP cachemodel_counts_total Counters that were incremented or decremented.
# TYPE cachemodel_counts_total counter
cachemodel_counts_total{cache="default"} 0
# HELP cachemodel_count_failures_total Keys that the backend could not count.
# TYPE cachemodel_count_failures_total counter
cachemodel_count_failures_total{cache="default"} 0
# HELP cachemodel_type_mismatches_total Entries of another type than was asked for.
# TYPE cachemodel_type_mismatches_total counter
cachemodel_type_mismatches_total{cache="default"} 0
# HELP cachemodel_key_warnings_total Keys used that not every backend would take.
# TYPE cachemodel_key_warnings_total counter
cachemodel_key_warnings_total{cache="default"} 1
# HELP cachemodel_ignored_errors_total Errors that ignore_errors kept from the caller.
# TYPE cachemodel_ignored_errors_total counter
cachemodel_ignored_errors_total{cache="default"} 0
# HELP cachemodel_observer_failures_total Calls of the observer that threw.
# TYPE cachemodel_observer_failures_total counter
cachemodel_observer_failures_total{cache="default"} 0
# HELP cachemodel_misses_total Keys under which nothing was found that could be used, by reason.
# TYPE cachemodel_misses_total counter
cachemodel_misses_total{cache="default",reason="nothing_stored"} 2
cachemodel_misses_total{cache="default",reason="expired"} 0
cachemodel_misses_total{cache="default",reason="foreign"} 0
cachemodel_misses_total{cache="default",reason="unknown_format"} 0
cachemodel_misses_total{cache="default",reason="corrupt"} 0
cachemodel_misses_total{cache="default",reason="other_key"} 0
cachemodel_misses_total{cache="default",reason="undecodable"} 0
cachemodel_misses_total{cache="default",reason="member_absent"} 0
cachemodel_misses_total{cache="default",reason="broken_reference"} 0
cachemodel_misses_total{cache="default",reason="removed"} 0
cachemodel_misses_total{cache="default",reason="being_loaded"} 0
cachemodel_misses_total{cache="default",reason="known_missing"} 0
cachemodel_misses_total{cache="default",reason="other_object"} 0
# HELP cachemodel_loads_under_way Objects, results and values that are being loaded or made right now.
# TYPE cachemodel_loads_under_way gauge
cachemodel_loads_under_way{cache="default"} 0
)");
}

TEST_CASE("times are written as histograms", "[prometheus][unit]") {
    testing::TurnableClock clock;
    const auto server = std::make_shared<testing::ScriptedBackend>(clock);
    const Cache cache{server, {.name = "x", .clock = clock}};
    auto takes = 0ns;
    server->before_each_call([&](testing::Verb) { clock.advance(takes); });
    for (const auto time : {1500ns, 200'000'000ns, 30'000'000'000ns}) {
        takes = time;
        (void)cache.get<int>("k");
    }
    const auto text = prometheus_text(cache);
    CHECK(text.find(R"(
# HELP cachemodel_read_duration_seconds How long calls of the backend took that read; of those of a backend of this process at least one in 61 is timed.
# TYPE cachemodel_read_duration_seconds histogram
cachemodel_read_duration_seconds_bucket{cache="x",le="1e-06"} 0
cachemodel_read_duration_seconds_bucket{cache="x",le="2e-06"} 1
cachemodel_read_duration_seconds_bucket{cache="x",le="5e-06"} 1
cachemodel_read_duration_seconds_bucket{cache="x",le="1e-05"} 1
cachemodel_read_duration_seconds_bucket{cache="x",le="2e-05"} 1
cachemodel_read_duration_seconds_bucket{cache="x",le="5e-05"} 1
cachemodel_read_duration_seconds_bucket{cache="x",le="1e-04"} 1
cachemodel_read_duration_seconds_bucket{cache="x",le="2e-04"} 1
cachemodel_read_duration_seconds_bucket{cache="x",le="5e-04"} 1
cachemodel_read_duration_seconds_bucket{cache="x",le="0.001"} 1
cachemodel_read_duration_seconds_bucket{cache="x",le="0.002"} 1
cachemodel_read_duration_seconds_bucket{cache="x",le="0.005"} 1
cachemodel_read_duration_seconds_bucket{cache="x",le="0.01"} 1
cachemodel_read_duration_seconds_bucket{cache="x",le="0.02"} 1
cachemodel_read_duration_seconds_bucket{cache="x",le="0.05"} 1
cachemodel_read_duration_seconds_bucket{cache="x",le="0.1"} 1
cachemodel_read_duration_seconds_bucket{cache="x",le="0.2"} 2
cachemodel_read_duration_seconds_bucket{cache="x",le="0.5"} 2
cachemodel_read_duration_seconds_bucket{cache="x",le="1"} 2
cachemodel_read_duration_seconds_bucket{cache="x",le="2"} 2
cachemodel_read_duration_seconds_bucket{cache="x",le="5"} 2
cachemodel_read_duration_seconds_bucket{cache="x",le="10"} 2
cachemodel_read_duration_seconds_bucket{cache="x",le="20"} 2
cachemodel_read_duration_seconds_bucket{cache="x",le="+Inf"} 3
cachemodel_read_duration_seconds_sum{cache="x"} 30.2000015
cachemodel_read_duration_seconds_count{cache="x"} 3
# HELP cachemodel_write_duration_seconds How long calls of the backend took that store, remove, touch or count; of those of a backend of this process at least one in 61 is timed.
)") != std::string::npos);
    CHECK(has_line(text, R"(cachemodel_load_duration_seconds_count{cache="x"} 0)"));
}

TEST_CASE("the text keeps the rules of the format", "[prometheus][unit]") {
    const ScopedCaches scope;
    caches().configure("birds", "memory://");
    caches().configure("a\"b\\c", "memcached:///none.sock");
    CacheModel{Bird{.id = 1, .song = "la"}}.save();
    CHECK(CacheModel<Bird>::find(2).absent());
    CHECK(caches()["a\"b\\c"].get<int>("k").failed());
    CHECK(caches()["birds"].get_or_set("k", [] { return 1; }) == 1);
    Checker{prometheus_text()};
    const auto store = std::make_shared<MemoryBackend>();
    const std::vector three{Cache{store, {.name = "x"}}, Cache{store, {.name = "x"}},
                            Cache{store, {.name = "y"}}};
    Checker{prometheus_text(three)};
}

TEST_CASE("what is being loaded is told while it is", "[prometheus][unit]") {
    const auto later = std::make_shared<testing::ManualExecutor>();
    const Cache cache{std::make_shared<MemoryBackend>(), {.executor = later, .name = "x"}};
    std::string during;
    CHECK(cache.get_or_set("k", [&] {
        during = prometheus_text(cache);
        return 1;
    }) == 1);
    CHECK(has_line(during, R"(cachemodel_loads_under_way{cache="x"} 1)"));
    CHECK(cache.loads_under_way() == 0);
    CHECK(has_line(prometheus_text(cache), R"(cachemodel_loads_under_way{cache="x"} 0)"));
}

TEST_CASE("the pool of the library is told of where a cache uses it", "[prometheus][unit]") {
    const Cache on_it{std::make_shared<NullBackend>(), {.name = "x"}};
    const auto text = prometheus_text(on_it);
    CHECK(has_line(text, "# TYPE cachemodel_executor_running_tasks gauge"));
    CHECK(count_of(text, "\ncachemodel_executor_running_tasks{executor=\"default\"} ") == 1);
    CHECK(count_of(text, "\ncachemodel_executor_waiting_tasks{executor=\"default\"} ") == 1);
    const Cache elsewhere = on_it.with_executor(std::make_shared<testing::ManualExecutor>());
    CHECK(count_of(prometheus_text(elsewhere), "cachemodel_executor") == 0);
}

TEST_CASE("a server whose breaker is open is told to be down, without being asked",
          "[prometheus][unit]") {
    const support::TemporaryDirectory directory;
    const std::string socket = (directory.path() / "none.sock").string();
    const Cache cache{std::make_shared<MemcachedBackend>(
                          MemcachedOptions{.servers = {{.socket = socket}}, .retry_after = 1h}),
                      {.name = "x"}};
    const std::string labels = R"({cache="x",server=")" + socket + R"("} )";
    const auto before = prometheus_text(cache);
    CHECK(has_line(before, "cachemodel_server_down" + labels + '0'));
    CHECK(has_line(before, "cachemodel_server_recent_calls" + labels + '0'));
    CHECK(cache.get<int>("k").failed());
    const auto after = prometheus_text(cache);
    CHECK(has_line(after, "# TYPE cachemodel_server_down gauge"));
    CHECK(has_line(after, "cachemodel_server_down" + labels + '1'));
    // Two backends, each with a view of its own, are one server.
    const Cache again{
        std::make_shared<MemcachedBackend>(MemcachedOptions{.servers = {{.socket = socket}}}),
        {.name = "x"}};
    const auto both = prometheus_text(std::vector{cache, again});
    CHECK(has_line(both, "cachemodel_server_down" + labels + '1'));
}

TEST_CASE("what a backend knows of its servers counts once, however many caches it has",
          "[prometheus][unit]") {
    const auto shared = std::make_shared<ServerStates>(
        std::vector<ServerState>{{.name = "s:1", .recent_calls = 20, .recent_failures = 3},
                                 {.name = "s:2", .is_down = true, .down_for = 5s}});
    const Cache one{shared, {.name = "x"}};
    const Cache two{shared, {.name = "x"}};
    const auto text = prometheus_text(std::vector{one, two});
    CHECK(has_line(text,
                   "# HELP cachemodel_server_recent_calls The last calls of the server that tell "
                   "something, at most 20, since it went down or came up again."));
    CHECK(has_line(text,
                   "# HELP cachemodel_server_recent_failures Those of the last calls that failed, "
                   "since the server went down or came up again."));
    CHECK(has_line(text, R"(cachemodel_server_down{cache="x",server="s:1"} 0)"));
    CHECK(has_line(text, R"(cachemodel_server_down{cache="x",server="s:2"} 1)"));
    CHECK(has_line(text, R"(cachemodel_server_recent_calls{cache="x",server="s:1"} 20)"));
    CHECK(has_line(text, R"(cachemodel_server_recent_calls{cache="x",server="s:2"} 0)"));
    CHECK(has_line(text, R"(cachemodel_server_recent_failures{cache="x",server="s:1"} 3)"));
    // Another backend has calls of its own.
    const Cache other{std::make_shared<ServerStates>(std::vector<ServerState>{
                          {.name = "s:1", .recent_calls = 4, .recent_failures = 1}}),
                      {.name = "x"}};
    const auto more = prometheus_text(std::vector{one, two, other});
    CHECK(has_line(more, R"(cachemodel_server_recent_calls{cache="x",server="s:1"} 24)"));
    CHECK(has_line(more, R"(cachemodel_server_recent_failures{cache="x",server="s:1"} 4)"));
    // Under another name it is told, too.
    const Cache elsewhere{shared, {.name = "y"}};
    const auto both = prometheus_text(std::vector{one, elsewhere});
    CHECK(has_line(both, R"(cachemodel_server_recent_calls{cache="x",server="s:1"} 20)"));
    CHECK(has_line(both, R"(cachemodel_server_recent_calls{cache="y",server="s:1"} 20)"));
}

TEST_CASE("models and what memory holds have metrics of their own", "[prometheus][unit]") {
    const ScopedCaches scope;
    caches().configure("birds", "memory://?max_bytes=1MiB&shards=1");
    CacheModel{Bird{.id = 1, .song = "la"}}.save();
    CHECK(CacheModel<Bird>::find(1).found());
    CHECK(CacheModel<Bird>::find(1).found());
    CHECK(CacheModel<Bird>::find(2).absent());

    const auto text = prometheus_text();
    CHECK(has_line(text, R"(cachemodel_hits_total{cache="birds"} 2)"));
    CHECK(has_line(text, "# TYPE cachemodel_model_hits_total counter"));
    CHECK(has_line(text, R"(cachemodel_model_hits_total{cache="birds",model="bird"} 2)"));
    CHECK(has_line(text, R"(cachemodel_model_stores_total{cache="birds",model="bird"} 1)"));
    CHECK(has_line(text, R"(cachemodel_model_read_failures_total{cache="birds",model="bird"} 0)"));
    CHECK(has_line(
        text,
        R"(cachemodel_model_misses_total{cache="birds",model="bird",reason="nothing_stored"} 1)"));
    CHECK(has_line(text,
                   "# HELP cachemodel_memory_entries Entries held, with those that have "
                   "expired and are not gone."));
    CHECK(has_line(text, "# TYPE cachemodel_memory_entries gauge"));
    CHECK(has_line(text, R"(cachemodel_memory_entries{cache="birds"} 1)"));
    CHECK(has_line(text, R"(cachemodel_memory_max_bytes{cache="birds"} 1048576)"));
    CHECK(has_line(text, "# TYPE cachemodel_memory_evictions_total counter"));
    CHECK(has_line(text, R"(cachemodel_memory_evictions_total{cache="birds"} 0)"));
    CHECK(count_of(text, "cachemodel_memory_bytes{cache=\"birds\"} ") == 1);
    CHECK(count_of(text, "\ncachemodel_read_bytes_total{cache=\"birds\"} ") == 1);
    CHECK(count_of(text, "cachemodel_model_read_bytes_total") == 0);
    CHECK(count_of(text, "\n\n") == 0);
    CHECK(text.back() == '\n');
}

TEST_CASE("only caches that somebody has asked for are told, each metric's head once",
          "[prometheus][unit]") {
    const ScopedCaches scope;
    CHECK(prometheus_text().empty());
    caches().configure("a", "memory://");
    caches().configure("b", "null://");
    caches().configure("c", "null://");
    CHECK(prometheus_text().empty());
    caches()["a"].set("k", 1);
    caches()["b"].set("k", 1);
    const auto text = prometheus_text();
    CHECK(count_of(text, "# HELP cachemodel_stores_total ") == 1);
    CHECK(count_of(text, "# TYPE cachemodel_stores_total ") == 1);
    CHECK(text.find("cachemodel_stores_total{cache=\"a\"} 1\n"
                    "cachemodel_stores_total{cache=\"b\"} 1\n") != std::string::npos);
    CHECK(text.find("cache=\"c\"") == std::string::npos);
    CHECK(count_of(text, "cachemodel_memory_entries{") == 1);
    CHECK(count_of(text, "cachemodel_model_") == 0);
}

TEST_CASE("labels are escaped", "[prometheus][unit]") {
    const Cache cache{std::make_shared<NullBackend>(), {.name = "a\\b\"c\nd é"}};
    CHECK(has_line(prometheus_text(cache), "cachemodel_hits_total{cache=\"a\\\\b\\\"c\\nd é\"} 0"));
    const Cache strange{std::make_shared<NullBackend>(), {.name = "caf\xe9 \xff"}};
    CHECK(has_line(prometheus_text(strange), R"(cachemodel_hits_total{cache="caf\\xe9 \\xff"} 0)"));
}

TEST_CASE("caches of one name are added up, and handles of one cache count once",
          "[prometheus][unit]") {
    const auto store = std::make_shared<MemoryBackend>();
    const Cache one{store, {.name = "x"}};
    const Cache two{store, {.name = "x"}};
    const Cache unnamed{std::make_shared<NullBackend>()};
    one.set("k", 100);
    two.set("l", 1);
    unnamed.set("k", 1);
    CHECK(*two.get<int>("k") == 100);
    const std::vector all{one, one.with_prefix("p"), two, unnamed};
    const auto text = prometheus_text(all);
    CHECK(has_line(text, R"(cachemodel_stores_total{cache="x"} 2)"));
    CHECK(has_line(text, R"(cachemodel_stores_total{cache=""} 1)"));
    CHECK(has_line(text, R"(cachemodel_written_bytes_total{cache="x"} 4)"));
    CHECK(has_line(text, R"(cachemodel_read_bytes_total{cache="x"} 3)"));
    CHECK(has_line(text, R"(cachemodel_memory_entries{cache="x"} 2)"));
    CHECK(has_line(text, R"(cachemodel_memory_max_bytes{cache="x"} 67108864)"));
    CHECK(prometheus_text(std::span<const Cache>{}).empty());
    CHECK("text/plain; version=0.0.4; charset=utf-8"s == prometheus_content_type);
}
