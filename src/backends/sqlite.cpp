// cachemodel: entries in a table of an SQLite database.
// SPDX-License-Identifier: MIT
#include <cachemodel/backends/sqlite.hpp>

#include <cachemodel/cache_url.hpp>
#include <cachemodel/caches.hpp>
#include <cachemodel/error.hpp>

#include "backends/sqlite_pool.hpp"
#include "backends/sqlite_schema.hpp"
#include "config_problem_error.hpp"

#include <strings.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <limits>
#include <utility>

namespace cachemodel {

namespace {

using sqlite::Deadline;
using sqlite::Now;
using sqlite::Pool;
using sqlite::Table;

constexpr std::chrono::nanoseconds shortest_deadline = std::chrono::milliseconds{1};
constexpr std::chrono::nanoseconds longest_deadline = std::chrono::hours{1};
constexpr std::size_t most_connections = 1000;
constexpr std::size_t longest_table_name = 128;
constexpr std::size_t least_max_value = std::size_t{1} << 10;
constexpr std::size_t most = std::numeric_limits<std::size_t>::max();

/// What SQLite takes for a row unless it was built otherwise, less what a row has of its own.
constexpr std::size_t largest_row = 1'000'000'000 - 1024;

/// A read is over, and its transaction, after so many keys or bytes: what reads for long keeps the
/// write-ahead log from being emptied, and the values are held in memory.
constexpr std::size_t keys_read_at_once = 1000;
constexpr std::size_t bytes_read_at_once = std::size_t{4} << 20;

void check(bool sound, const std::string& problem) {
    if (!sound) throw detail::wrong_location("sqlite: " + problem);
}

void check_option(bool sound, std::string_view option, const std::string& problem) {
    if (!sound) throw detail::wrong_option(option, "sqlite: " + problem);
}

SqliteOptions checked(SqliteOptions options) {
    if (options.path == sqlite::Database::in_memory) {
        options.auto_create = true;  // there is nowhere to make it beforehand
    } else {
        check(options.path.starts_with('/') && !options.path.ends_with('/'),
              "path is not the absolute path of a file: \"" + options.path + '"');
        check(options.path.find('\0') == std::string::npos, "path contains a zero byte");
    }
    const auto& table = options.table;
    check_option(!table.empty() && table.size() <= longest_table_name, "table",
                 "table is not a name of 1 to 128 bytes");
    check_option(table.find('\0') == std::string::npos, "table", "table contains a zero byte");
    check_option(::strncasecmp(table.c_str(), "sqlite_", 7) != 0, "table",
                 "table is \"" + table + "\"; names that begin with sqlite_ are SQLite's own");
    check_option(options.deadline >= shortest_deadline && options.deadline <= longest_deadline,
                 "deadline", "deadline is not 1ms to 1h");
    check_option(options.max_entries >= 1, "max_entries",
                 "max_entries is 0, it must be at least 1");
    check_option(options.connections >= 1 && options.connections <= most_connections, "connections",
                 "connections is not 1 to 1000");
    check_option(options.max_value >= least_max_value, "max_value", "max_value is less than 1KiB");
    if (sqlite3_threadsafe() == 0) {
        throw detail::wrong_scheme("sqlite: this SQLite was built without support for threads");
    }
    return options;
}

/// What some keys of a reading call found, kept until no connection is needed any more: the sink
/// may use this backend itself, or take its time.
class Answers {
 public:
    /// Reads from `keys` as many as are read at once; returns how many.
    std::size_t read(Table& table, std::span<const std::string_view> keys, Now now) {
        found_.clear();
        bytes_.clear();
        Table::Reading reading{table, keys.size()};
        for (const auto key : keys.first(std::min(keys.size(), keys_read_at_once))) {
            if (bytes_.size() >= bytes_read_at_once) break;
            const auto token = reading.find(key, now, bytes_);
            found_.push_back({bytes_.size(), token});
            table.database().check_time();
        }
        return found_.size();
    }

    void deliver(std::size_t first_index, ReadSink& sink) const noexcept {
        std::size_t begin = 0;
        for (std::size_t i = 0; i < found_.size(); ++i) {
            const auto& [end, token] = found_[i];
            if (token) {
                const auto value = std::string_view{bytes_}.substr(begin, end - begin);
                sink.found(first_index + i, value, *token);
            } else {
                sink.absent(first_index + i);
            }
            begin = end;
        }
    }

 private:
    struct Found {
        std::size_t end;  ///< of its value in `bytes_`
        std::optional<std::uint64_t> token;
    };
    std::vector<Found> found_;
    std::string bytes_;
};

/// Where a transaction fails, all of its outcomes are the same.
bool found_no_room(std::span<const Outcome> outcomes) {
    return !outcomes.empty() && outcomes.front().failed() &&
           outcomes.front().failure().fault() == BackendFault::full;
}

Outcome done_or_declined(bool done) { return done ? Outcome{} : Outcome::declined_by_backend(); }

}  // namespace

class SqliteBackend::Implementation {
 public:
    Implementation(SqliteOptions options, const Clock& clock)
        : options_(checked(std::move(options))),
          clock_(clock),
          pool_(std::make_unique<Pool>(options_).release()) {
        const bool is_file = options_.path != sqlite::Database::in_memory;
        capabilities_.lifetime_resolution = std::chrono::milliseconds{1};
        capabilities_.longest_key = largest_row;
        capabilities_.largest_value = std::min(options_.max_value, largest_row);
        capabilities_.shared = is_file;
        capabilities_.persistent = is_file;
        capabilities_.compare_and_set = true;
        capabilities_.atomic_increment = true;
        capabilities_.tells_lifetimes = true;
        capabilities_.lists_keys = true;
    }

    ~Implementation() {
        const auto* pool = pool_.load();
        // That of a parent is left alone: SQLite's own locks in it may be held for ever.
        if (pool->process() == ::getpid()) delete pool;
    }

    Implementation(const Implementation&) = delete;
    Implementation& operator=(const Implementation&) = delete;

    const Capabilities& capabilities() const noexcept { return capabilities_; }
    Now now() const noexcept { return Now{clock_}; }
    Deadline deadline() const noexcept { return Deadline::from_now(options_.deadline); }

    Pool& pool() {
        auto* known = pool_.load(std::memory_order_acquire);
        if (known->process() == ::getpid()) return *known;
        auto own = std::make_unique<Pool>(options_);
        if (!pool_.compare_exchange_strong(known, own.get())) return *known;
        return *own.release();
    }

    /// Calls `work(table, now)` in a transaction that is committed when it returns. On a full disk
    /// it is tried once more after the log was written back.
    template <class Work>
    void write(Table& table, Work work) {
        const auto attempt = [&] {
            Table::Writing writing{table};
            work(table, now());
            writing.commit();
        };
        try {
            return attempt();
        } catch (const BackendError& error) {
            if (error.fault() != BackendFault::full || !table.database().empty_log()) throw;
        }
        attempt();
    }

    /// The same for a call on many keys: `work(table, now, i)` gives the outcome of one.
    template <class Work>
    void write_each(std::span<Outcome> outcomes, const Deadline& deadline, Work work) {
        if (outcomes.empty()) return;
        try {
            const auto lease = pool().borrow_for_writing(deadline);
            write(*lease, [&](Table& table, Now now) {
                for (std::size_t i = 0; i < outcomes.size(); ++i) {
                    outcomes[i] = work(table, now, i);
                    table.database().check_time();
                }
            });
        } catch (const BackendError& error) {
            std::fill(outcomes.begin(), outcomes.end(), Outcome{Failure{error}});
        }
    }

    void clear() {
        const auto lease = pool().borrow_for_writing(deadline());
        const auto& database = lease->database();
        for (bool is_empty = false; !is_empty;) {
            write(*lease, [&](Table& table, Now) { is_empty = table.clear_some(); });
            if (!is_empty &&
                std::chrono::steady_clock::now() >= database.deadline().nearly_over()) {
                throw timed_out(options_.path, database.deadline(),
                                "there are entries left, clear again");
            }
        }
    }

 private:
    const SqliteOptions options_;
    const Clock& clock_;
    Capabilities capabilities_;
    std::atomic<Pool*> pool_;
};

SqliteBackend::SqliteBackend(SqliteOptions options, const Clock& clock)
    : implementation_(std::make_unique<Implementation>(std::move(options), clock)) {}

SqliteBackend::~SqliteBackend() = default;

bool SqliteBackend::create_table() {
    return implementation_->pool().create_table(implementation_->deadline());
}

std::string SqliteBackend::create_table_sql(const SqliteOptions& options) {
    const auto table = checked(options).table;
    return sqlite::create_table(table) + '\n' +
           sqlite::create_index(table, sqlite::index_of(table)) + '\n';
}

const Capabilities& SqliteBackend::capabilities() const noexcept {
    return implementation_->capabilities();
}

void SqliteBackend::get_many(std::span<const std::string_view> keys, ReadSink& sink) {
    if (keys.empty()) return;
    auto deadline = implementation_->deadline();
    Answers answers;
    for (std::size_t at = 0; at < keys.size();) {
        std::size_t answered = 0;
        try {
            const auto lease = implementation_->pool().borrow_for_reading(deadline);
            answered = answers.read(*lease, keys.subspan(at), implementation_->now());
        } catch (const BackendError& error) {
            const Failure failure{error};
            for (; at < keys.size(); ++at) sink.failed(at, failure);
            return;
        }
        const auto before = std::chrono::steady_clock::now();
        answers.deliver(at, sink);
        deadline.end += std::chrono::steady_clock::now() - before;  // that was not our time
        at += answered;
    }
}

void SqliteBackend::store_many(Store how, std::span<const Entry> entries,
                               std::span<Outcome> outcomes) {
    auto& pool = implementation_->pool();
    const auto deadline = implementation_->deadline();
    outcomes = outcomes.first(entries.size());
    implementation_->write_each(outcomes, deadline, [&](Table& table, Now now, std::size_t i) {
        auto outcome = table.store(how, entries[i], pool.new_token(), now);
        if (i + 1 == entries.size()) table.purge_now_and_then(entries.size(), now);
        return outcome;
    });
    if (how != Store::set || !found_no_room(outcomes)) return;
    // What was to be replaced is out of date. It stays where there is not even room to remove it.
    std::vector<Outcome> removed(entries.size());
    implementation_->write_each(removed, deadline, [&](Table& table, Now now, std::size_t i) {
        return done_or_declined(table.remove(entries[i].key, now));
    });
}

void SqliteBackend::remove_many(std::span<const std::string_view> keys,
                                std::span<Outcome> outcomes) {
    implementation_->write_each(outcomes.first(keys.size()), implementation_->deadline(),
                                [&](Table& table, Now now, std::size_t i) {
                                    return done_or_declined(table.remove(keys[i], now));
                                });
}

void SqliteBackend::touch_many(std::span<const std::string_view> keys, Lifetime lifetime,
                               std::span<Outcome> outcomes) {
    implementation_->write_each(outcomes.first(keys.size()), implementation_->deadline(),
                                [&](Table& table, Now now, std::size_t i) {
                                    return done_or_declined(table.touch(keys[i], lifetime, now));
                                });
}

void SqliteBackend::clear() { implementation_->clear(); }

void SqliteBackend::close() noexcept {
    try {
        implementation_->pool().close_idle();
    } catch (const std::bad_alloc&) {
        // A forked child that cannot have its own pool has no connections to close.
    }
}

Outcome SqliteBackend::increment(std::string_view key, std::int64_t delta, std::int64_t& value) {
    Outcome outcome;
    std::int64_t sum = 0;
    const auto token = implementation_->pool().new_token();
    implementation_->write_each({&outcome, 1}, implementation_->deadline(),
                                [&](Table& table, Now now, std::size_t) {
                                    return table.increment(key, delta, token, now, sum);
                                });
    if (outcome.done()) value = sum;
    return outcome;
}

Outcome SqliteBackend::remaining_lifetime(std::string_view key, Lifetime& left) {
    try {
        const auto lease = implementation_->pool().borrow_for_reading(implementation_->deadline());
        return lease->remaining_lifetime(key, implementation_->now(), left);
    } catch (const BackendError& error) {
        return Failure{error};
    }
}

void SqliteBackend::list_keys(std::string_view prefix, KeySink& sink) {
    std::string first{prefix};
    for (;;) {
        std::vector<std::string> keys;
        {
            const auto lease =
                implementation_->pool().borrow_for_reading(implementation_->deadline());
            keys = lease->list(prefix, first, implementation_->now());
        }
        if (keys.empty()) return;
        for (const auto& key : keys) sink.key(key);
        first = std::move(keys.back()) + '\0';  // the next of all possible keys
    }
}

std::vector<Fact> SqliteBackend::facts() {
    return implementation_->pool().borrow_for_reading(implementation_->deadline())->facts();
}

SqliteOptions sqlite_options(CacheUrl& url) {
    const auto complaint =
        "the URL names a host or a user; the path of the file is absolute, as in "
        "sqlite:///var/cache/app.db: " +
        url.redacted();
    check(url.hosts().empty(), complaint);
    if (!url.user().empty() || !url.password().empty()) {
        throw detail::wrong_login("sqlite: " + complaint);
    }
    SqliteOptions options;
    options.path = url.path();
    if (options.path == std::string{'/'} + sqlite::Database::in_memory) options.path.erase(0, 1);
    options.table = url.take_text("table", options.table);
    options.deadline =
        url.take_duration("deadline", options.deadline, shortest_deadline, longest_deadline);
    options.max_entries = url.take_integer("max_entries", options.max_entries, 1, most);
    options.cull_frequency = url.take_integer("cull_frequency", options.cull_frequency, 0, most);
    options.auto_create = url.take_flag("auto_create", options.auto_create);
    options.connections = url.take_integer("connections", options.connections, 1, most_connections);
    options.max_value = url.take_size("max_value", options.max_value, least_max_value, most);
    return options;
}

std::size_t create_cache_tables() {
    std::size_t made = 0;
    for (const Cache& cache : caches().all()) {
        auto* const backend = dynamic_cast<SqliteBackend*>(&cache.backend());
        if (backend != nullptr && backend->create_table()) ++made;
    }
    return made;
}

std::shared_ptr<Backend> open_sqlite(CacheUrl& url, const Clock& clock) {
    return std::make_shared<SqliteBackend>(sqlite_options(url), clock);
}

}  // namespace cachemodel
