// cachemodel: what caches have counted, as Prometheus reads it.
// SPDX-License-Identifier: MIT
#include <cachemodel/prometheus.hpp>

#include <cachemodel/backends/memory.hpp>
#include <cachemodel/cache.hpp>
#include <cachemodel/caches.hpp>
#include <cachemodel/detail/cbor.hpp>
#include <cachemodel/executor.hpp>
#include <cachemodel/latencies.hpp>
#include <cachemodel/statistics.hpp>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "cache_core.hpp"
#include "shown_text.hpp"

namespace cachemodel {

namespace {

struct Metric {
    std::string_view name;  ///< without what stands before and after it
    std::string_view help;
    std::uint64_t Statistics::*count;
    bool of_models;  ///< whether models count it too
};

constexpr Metric metrics[] = {
    {"round_trips", "Calls of the backend, whatever their number of keys.",
     &Statistics::round_trips, false},
    {"read_bytes", "Bytes of entries that the backend handed out.", &Statistics::bytes_read, false},
    {"written_bytes", "Bytes of entries that the backend took.", &Statistics::bytes_written, false},
    {"hits", "Entries found and used.", &Statistics::hits, true},
    {"decoded_hits", "Decoded objects given out, without asking the backend.",
     &Statistics::decoded_hits, true},
    {"read_failures", "Keys that the backend could not tell about.", &Statistics::read_failures,
     true},
    {"stores", "Entries written.", &Statistics::stores, true},
    {"store_failures", "Entries that could not be written.", &Statistics::store_failures, true},
    {"removals", "Entries removed; of what has a loader, also where none was.",
     &Statistics::removals, true},
    {"removal_failures", "Keys that could not be removed.", &Statistics::removal_failures, true},
    {"touch_failures", "Keys that the backend could not touch.", &Statistics::touch_failures,
     false},
    {"loads", "Objects that a loader, results that a function supplied.", &Statistics::loads, true},
    {"load_failures", "Objects or results for which a loader or a function threw.",
     &Statistics::load_failures, true},
    {"source_misses", "Objects that a loader says do not exist.", &Statistics::source_misses, true},
    {"stale_served", "Entries past their end that were served all the same.",
     &Statistics::stale_served, true},
    {"refreshes", "Loads in the background.", &Statistics::refreshes, true},
    {"refused_tasks", "Loads that the executor had no room for.", &Statistics::refused_tasks, true},
    {"lease_waits", "Misses that waited for another process.", &Statistics::lease_waits, true},
    {"load_timeouts", "Callers that waited for a load in vain.", &Statistics::load_timeouts, true},
    {"backed_off", "Misses of a loader that is left alone for a while.", &Statistics::backed_off,
     true},
    {"refused_loads", "Loads beyond those allowed without the cache.", &Statistics::refused_loads,
     true},
    {"overtaken_loads", "Results not stored, as something newer is there.",
     &Statistics::overtaken_loads, true},
    {"joined", "Misses that took the result of an equal load under way.", &Statistics::joined,
     true},
    {"kept_out", "Results that a predicate kept out of the cache.", &Statistics::kept_out, false},
    {"verified", "Hits that the source, asked as well, confirmed.", &Statistics::verified, true},
    {"mismatches", "Hits that differ from what the source says by then.", &Statistics::mismatches,
     true},
    {"counts", "Counters that were incremented or decremented.", &Statistics::counts, false},
    {"count_failures", "Keys that the backend could not count.", &Statistics::count_failures,
     false},
    {"type_mismatches", "Entries of another type than was asked for.", &Statistics::type_mismatches,
     false},
    {"key_warnings", "Keys used that not every backend would take.", &Statistics::key_warnings,
     false},
    {"ignored_errors", "Errors that ignore_errors kept from the caller.",
     &Statistics::ignored_errors, false},
    {"observer_failures", "Calls of the observer that threw.", &Statistics::observer_failures,
     false},
};

constexpr std::string_view misses_help =
    "Keys under which nothing was found that could be used, by reason.";

void add(Statistics& sum, const Statistics& more) {
    for (const auto& metric : metrics) sum.*metric.count += more.*metric.count;
    for (std::size_t i = 0; i < miss_reason_count; ++i) {
        sum.misses_by_reason[i] += more.misses_by_reason[i];
    }
}

void add(LatencyHistogram& sum, const LatencyHistogram& more) {
    for (std::size_t i = 0; i < sum.counts.size(); ++i) sum.counts[i] += more.counts[i];
    sum.sum += more.sum;
}

/// What the caches of one name have counted and hold.
struct Row {
    Statistics statistics;
    Latencies latencies;
    std::size_t loads_under_way = 0;
    std::map<std::string, Statistics> models;
    std::set<const Backend*> backends;
    bool has_memory = false;
    MemoryUsage usage;
    std::size_t max_bytes = 0;
    DecodedUsage decoded;
    std::map<std::string, ServerState> servers;

    void add_cache(const Cache& cache) {
        add(statistics, cache.statistics());
        const Latencies taken = cache.latencies();
        add(latencies.reads, taken.reads);
        add(latencies.writes, taken.writes);
        add(latencies.loads, taken.loads);
        loads_under_way += cache.loads_under_way();
        const DecodedUsage kept = cache.decoded_usage();
        decoded.entries += kept.entries;
        decoded.bytes += kept.bytes;
        decoded.max_bytes += kept.max_bytes;
        decoded.evicted += kept.evicted;
        for (const auto& model : cache.model_statistics()) {
            add(models[model.model], model.statistics);
        }
        if (backends.insert(&cache.backend()).second) add_backend(cache.backend());
    }

    void add_backend(Backend& backend) {
        for (const auto& server : backend.servers()) add_server(server);
        const auto* const memory = dynamic_cast<const MemoryBackend*>(&backend);
        if (memory == nullptr) return;
        has_memory = true;
        const MemoryUsage held = memory->usage();
        usage.entries += held.entries;
        usage.bytes += held.bytes;
        usage.evicted += held.evicted;
        max_bytes += memory->options().max_bytes;
    }

    /// Each backend has a view of its own of one server.
    void add_server(const ServerState& state) {
        ServerState& known = servers[state.name];
        known.is_down = known.is_down || state.is_down;
        known.recent_calls += state.recent_calls;
        known.recent_failures += state.recent_failures;
    }
};

using Rows = std::map<std::string, Row>;

/// "The label_value can be any sequence of UTF-8 characters, but the backslash, double-quote, and
/// line feed characters have to be escaped": prometheus.io, "Exposition formats".
std::string escaped(std::string_view text) {
    constexpr std::size_t most = 250;
    // One label that is not UTF-8 would spoil the whole text.
    const auto shown = detail::is_utf8(text) ? std::string{text} : detail::shown_text(text, most);
    std::string value;
    for (const char c : shown) {
        if (c == '\\' || c == '"') value += '\\';
        if (c == '\n') {
            value += "\\n";
        } else {
            value += c;
        }
    }
    return value;
}

/// "nothing_stored".
std::string label_of(MissReason reason) {
    std::string label{to_string(reason)};
    std::replace(label.begin(), label.end(), ' ', '_');
    return label;
}

/// The shortest number that is this one, such as "0.002" or "1e-06".
std::string in_seconds(std::chrono::nanoseconds time) {
    char digits[32];
    const double seconds = std::chrono::duration<double>{time}.count();
    const auto [end, error] = std::to_chars(std::begin(digits), std::end(digits), seconds);
    return {std::begin(digits), end};
}

/// Writes the lines, each metric's head once.
class Exposition {
 public:
    void begin(std::string_view name, std::string_view type, std::string_view help) {
        name_ = "cachemodel_";
        name_ += name;
        text.append("# HELP ").append(name_).append(" ").append(help).append("\n");
        text.append("# TYPE ").append(name_).append(" ").append(type).append("\n");
    }
    void gauge(std::string_view name, std::string_view help) { begin(name, "gauge", help); }
    void sample(const std::string& labels, std::uint64_t value) {
        text.append(name_).append("{").append(labels).append("} ");
        text.append(std::to_string(value)).append("\n");
    }
    /// Each class has all that took less time in it, too.
    void histogram(const std::string& labels, const LatencyHistogram& taken) {
        const auto write = [&](std::string_view suffix, const std::string& more,
                               const std::string& value) {
            text.append(name_).append(suffix).append("{").append(labels).append(more);
            text.append("} ").append(value).append("\n");
        };
        std::uint64_t so_far = 0;
        for (std::size_t i = 0; i < taken.bounds.size(); ++i) {
            so_far += taken.counts[i];
            write("_bucket", ",le=\"" + in_seconds(taken.bounds[i]) + '"', std::to_string(so_far));
        }
        so_far += taken.counts.back();
        write("_bucket", ",le=\"+Inf\"", std::to_string(so_far));
        write("_sum", {}, in_seconds(taken.sum));
        write("_count", {}, std::to_string(so_far));
    }
    void misses(const std::string& labels, const Statistics& statistics) {
        for (std::size_t i = 0; i < miss_reason_count; ++i) {
            const auto reason = static_cast<MissReason>(i);
            sample(labels + ",reason=\"" + label_of(reason) + '"', statistics.misses(reason));
        }
    }

    std::string text;

 private:
    std::string name_;
};

std::string cache_label(const std::string& name) { return "cache=\"" + escaped(name) + '"'; }
std::string model_labels(const std::string& cache, const std::string& model) {
    return cache_label(cache) + ",model=\"" + escaped(model) + '"';
}

void write_caches(const Rows& rows, Exposition& out) {
    for (const auto& metric : metrics) {
        out.begin(std::string{metric.name} + "_total", "counter", metric.help);
        for (const auto& [name, row] : rows) {
            out.sample(cache_label(name), row.statistics.*metric.count);
        }
    }
    out.begin("misses_total", "counter", misses_help);
    for (const auto& [name, row] : rows) out.misses(cache_label(name), row.statistics);
}

void write_latencies(const Rows& rows, Exposition& out) {
    const auto write = [&](std::string_view what, std::string_view help,
                           LatencyHistogram Latencies::*taken) {
        out.begin(std::string{what} + "_duration_seconds", "histogram", help);
        for (const auto& [name, row] : rows) {
            out.histogram(cache_label(name), row.latencies.*taken);
        }
    };
    write("read",
          "How long calls of the backend took that read; of those of a backend of this process at "
          "least one in 61 is timed.",
          &Latencies::reads);
    write("write",
          "How long calls of the backend took that store, remove, touch or count; of those of a "
          "backend of this process at least one in 61 is timed.",
          &Latencies::writes);
    write("load", "How long loaders and functions took.", &Latencies::loads);
}

void write_models(const Rows& rows, Exposition& out) {
    const bool none = std::all_of(rows.begin(), rows.end(),
                                  [](const auto& row) { return row.second.models.empty(); });
    if (none) return;
    for (const auto& metric : metrics) {
        if (!metric.of_models) continue;
        out.begin("model_" + std::string{metric.name} + "_total", "counter", metric.help);
        for (const auto& [name, row] : rows) {
            for (const auto& [model, statistics] : row.models) {
                out.sample(model_labels(name, model), statistics.*metric.count);
            }
        }
    }
    out.begin("model_misses_total", "counter", misses_help);
    for (const auto& [name, row] : rows) {
        for (const auto& [model, statistics] : row.models) {
            out.misses(model_labels(name, model), statistics);
        }
    }
}

void write_memories(const Rows& rows, Exposition& out) {
    const bool none = std::none_of(rows.begin(), rows.end(),
                                   [](const auto& row) { return row.second.has_memory; });
    if (none) return;
    const auto write = [&](std::string_view name, std::string_view type, std::string_view help,
                           auto value_of) {
        out.begin(name, type, help);
        for (const auto& [cache, row] : rows) {
            if (row.has_memory) out.sample(cache_label(cache), value_of(row));
        }
    };
    write("memory_entries", "gauge", "Entries held, with those that have expired and are not gone.",
          [](const Row& row) { return row.usage.entries; });
    write("memory_bytes", "gauge", "Bytes of heap that the entries take.",
          [](const Row& row) { return row.usage.bytes; });
    write("memory_max_bytes", "gauge", "Bytes of heap that the entries may take.",
          [](const Row& row) { return row.max_bytes; });
    write("memory_evictions_total", "counter", "Live entries that had to make room.",
          [](const Row& row) { return row.usage.evicted; });
}

void write_decoded(const Rows& rows, Exposition& out) {
    const bool none = std::none_of(
        rows.begin(), rows.end(), [](const auto& row) { return row.second.decoded.max_bytes > 0; });
    if (none) return;
    const auto write = [&](std::string_view name, std::string_view type, std::string_view help,
                           auto DecodedUsage::*value) {
        out.begin(name, type, help);
        for (const auto& [cache, row] : rows) {
            if (row.decoded.max_bytes > 0) out.sample(cache_label(cache), row.decoded.*value);
        }
    };
    write("decoded_entries", "gauge",
          "Decoded objects held, with those that are given out no more and are not gone.",
          &DecodedUsage::entries);
    write("decoded_bytes", "gauge", "Bytes that the decoded objects are taken to need.",
          &DecodedUsage::bytes);
    write("decoded_max_bytes", "gauge", "Bytes that the decoded objects may need.",
          &DecodedUsage::max_bytes);
    write("decoded_evictions_total", "counter",
          "Decoded objects that had to make room before their end.", &DecodedUsage::evicted);
}

void write_servers(const Rows& rows, Exposition& out) {
    const bool none = std::all_of(rows.begin(), rows.end(),
                                  [](const auto& row) { return row.second.servers.empty(); });
    if (none) return;
    const auto write = [&](std::string_view name, std::string_view help, auto value_of) {
        out.gauge(name, help);
        for (const auto& [cache, row] : rows) {
            for (const auto& [server, state] : row.servers) {
                out.sample(cache_label(cache) + ",server=\"" + escaped(server) + '"',
                           static_cast<std::uint64_t>(value_of(state)));
            }
        }
    };
    write("server_down", "Whether the server failed, and is left alone for now.",
          [](const ServerState& state) { return state.is_down; });
    write("server_recent_calls",
          "The last calls of the server that tell something, at most 20, since it went down or "
          "came up again.",
          [](const ServerState& state) { return state.recent_calls; });
    write("server_recent_failures",
          "Those of the last calls that failed, since the server went down or came up again.",
          [](const ServerState& state) { return state.recent_failures; });
}

/// What is under way in the background of these caches.
void write_work(const Rows& rows, bool uses_default_executor, Exposition& out) {
    out.gauge("loads_under_way",
              "Objects, results and values that are being loaded or made right now.");
    for (const auto& [name, row] : rows) out.sample(cache_label(name), row.loads_under_way);
    if (!uses_default_executor) return;
    const ThreadPoolUsage usage = default_executor_usage();
    const std::string label = "executor=\"default\"";
    out.gauge("executor_running_tasks", "Tasks that the pool of the library is at work on.");
    out.sample(label, usage.running);
    out.gauge("executor_waiting_tasks", "Tasks that wait for a thread of that pool.");
    out.sample(label, usage.waiting);
}

}  // namespace

std::string prometheus_text(std::span<const Cache> caches) {
    Rows rows;
    std::set<const detail::CacheCore*> seen;
    bool uses_default_executor = false;
    for (const auto& cache : caches) {
        uses_default_executor = uses_default_executor || !cache.view().executor;
        if (seen.insert(&cache.core()).second) rows[cache.name()].add_cache(cache);
    }
    if (rows.empty()) return {};
    Exposition out;
    write_caches(rows, out);
    write_latencies(rows, out);
    write_models(rows, out);
    write_work(rows, uses_default_executor, out);
    write_servers(rows, out);
    write_memories(rows, out);
    write_decoded(rows, out);
    return std::move(out.text);
}

std::string prometheus_text(const Cache& cache) { return prometheus_text({&cache, 1}); }

std::string prometheus_text() { return prometheus_text(caches().used()); }

}  // namespace cachemodel
