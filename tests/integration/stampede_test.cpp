// cachemodel: many processes of many threads that want one entry at once.
// SPDX-License-Identifier: MIT
#include <cachemodel/backends/file.hpp>
#include <cachemodel/backends/memcached.hpp>
#include <cachemodel/backends/redis.hpp>
#include <cachemodel/backends/sqlite.hpp>
#include <cachemodel/cached_function.hpp>
#include <cachemodel/models.hpp>

#include "support/catch.hpp"
#include "support/forked.hpp"
#include "support/memcached_server.hpp"
#include "support/process.hpp"
#include "support/redis_server.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <deque>
#include <exception>
#include <filesystem>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

using namespace cachemodel;
using namespace std::chrono_literals;
using support::Forked;
using support::Gate;
using support::TemporaryDirectory;

namespace stampede_test {

/// A loaded machine gets time to answer.
constexpr auto patience = 30s;

constexpr int processes = 8;
constexpr int threads = 32;

/// Counts across processes: a byte in a file for each.
class Tally {
 public:
    explicit Tally(std::filesystem::path path) : path_(std::move(path)) {}

    void add() const {
        const int file = ::open(path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
        if (file == -1 || ::write(file, "x", 1) != 1) ::_exit(2);
        ::close(file);
    }
    int count() const {
        std::error_code error;
        const auto size = std::filesystem::file_size(path_, error);
        return error ? 0 : static_cast<int>(size);
    }
    /// Whether it has come to `wanted` in time.
    bool comes_to(int wanted) const {
        const auto end = std::chrono::steady_clock::now() + patience;
        while (count() < wanted && std::chrono::steady_clock::now() < end) {
            std::this_thread::sleep_for(1ms);
        }
        return count() >= wanted;
    }

 private:
    std::filesystem::path path_;
};

/// Where the entry comes from.
struct Source {
    TemporaryDirectory directory;
    Tally loads{directory.path() / "loads"};
    Tally callers{directory.path() / "callers"};  ///< who is about to ask the cache
    std::function<int()> answer = [] { return 7; };

    int load() const {
        loads.add();
        return answer();
    }
};

/// Long enough for a lease of 15 s, which a load of a moment never outlasts.
struct Report {
    static constexpr ModelOptions cache_options{.lease_wait = 20s};

    Key<std::string> name;
    Field<int> pages;

    void from_miss(const Source& source) { pages = source.load(); }
};
/// A lease of it lasts 2.1 s. Who waits from its beginning has 0.7 s left then.
struct Brief {
    static constexpr ModelOptions cache_options{.lease_wait = 2800ms};

    Key<std::string> name;
    Field<int> pages;

    void from_miss(const Source& source) { pages = source.load(); }
};
struct Stale {
    static constexpr ModelOptions cache_options{
        .expires = 1s, .stale_while_refresh = 1h, .lease_wait = 20s};

    Key<std::string> name;
    Field<int> pages;

    void from_miss(const Source& source) { pages = source.load(); }
};

const Source* source_of_calls = nullptr;
int pages_of(const std::string&) { return source_of_calls->load(); }

struct OnMemcached {
    support::RealMemcached server;
    std::shared_ptr<Backend> backend() const {
        return std::make_shared<MemcachedBackend>(MemcachedOptions{
            .servers = {server.address()}, .deadline = patience, .connect_timeout = patience});
    }
};
struct OnRedis {
    support::RealRedis server;
    std::shared_ptr<Backend> backend() const {
        return std::make_shared<RedisBackend>(server.options());
    }
};
struct OnSqlite {
    TemporaryDirectory directory;
    std::shared_ptr<Backend> backend() const {
        return std::make_shared<SqliteBackend>(
            SqliteOptions{.path = directory.path() / "cache.db", .deadline = patience});
    }
};
struct OnFiles {
    TemporaryDirectory directory;
    std::shared_ptr<Backend> backend() const {
        return std::make_shared<FileBackend>(
            FileOptions{.directory = directory.path() / "cache", .deadline = patience});
    }
};

/// Whether each of many threads of this process gets the right number.
bool all_get(int right, const Source& source, const std::function<int()>& get) {
    std::atomic<int> got{0};
    std::vector<std::thread> crew;
    for (int i = 0; i < threads; ++i) {
        crew.emplace_back([&] {
            source.callers.add();
            try {
                got += get() == right ? 1 : 0;
            } catch (const std::exception&) {
                // It has none.
            }
        });
    }
    for (auto& each : crew) each.join();
    return got == threads;
}

/// `work()` in so many processes at once.
class Processes {
 public:
    Processes(int count, const std::function<bool()>& work) {
        for (int i = 0; i < count; ++i) {
            children_.emplace_back([this, &work] {
                begin_.wait();
                return work();
            });
        }
        for (int i = 0; i < count; ++i) begin_.open();
    }
    /// In how many of them it returned true.
    int succeeded() {
        int all = 0;
        for (auto& child : children_) all += child.succeeded() ? 1 : 0;
        return all;
    }

 private:
    Gate begin_;
    std::deque<Forked> children_;
};

}  // namespace stampede_test

using namespace stampede_test;

TEMPLATE_TEST_CASE("8 processes of 32 threads that want one model load it once", "[stampede]",
                   OnMemcached, OnRedis, OnSqlite, OnFiles) {
    const TestType store;
    Source source;
    source.answer = [&] {
        // Until all are there.
        return source.callers.comes_to(processes * threads) ? 7 : 0;
    };
    Processes all{processes, [&] {
                      const Models<Report, const Source&> reports{Cache{store.backend()}, source};
                      return all_get(7, source, [&] { return *reports.get("may").pages; });
                  }};
    CHECK(all.succeeded() == processes);
    CHECK(source.callers.count() == processes * threads);
    CHECK(source.loads.count() == 1);
}

TEST_CASE("8 processes of 32 threads that call one function run it once", "[stampede]") {
    const OnMemcached store;
    Source source;
    source_of_calls = &source;
    source.answer = [&] { return source.callers.comes_to(processes * threads) ? 7 : 0; };
    Processes all{
        processes, [&] {
            const CachedFunction<&pages_of> pages{Cache{store.backend()}, {.lease_wait = 20s}};
            return all_get(7, source, [&] { return pages("may"); });
        }};
    CHECK(all.succeeded() == processes);
    CHECK(source.loads.count() == 1);
}

// The killed process has its lease before the others begin to wait. When the lease is over, after
// 2.1 s, one of them takes another, and loads within the 0.7 s for which the rest still wait.
TEST_CASE("where the process is killed that loads, 8 processes of 32 threads load once more",
          "[stampede]") {
    const OnMemcached store;
    Source source;
    const Gate loading;
    Forked victim{[&] {
        source.answer = [&] {
            loading.open();
            for (;;) ::pause();
            return 0;
        };
        const Models<Brief, const Source&> reports{Cache{store.backend()}, source};
        return reports.get("may").pages == 7;
    }};
    loading.wait();
    const auto begin = std::chrono::steady_clock::now();
    Processes all{processes, [&] {
                      const Models<Brief, const Source&> reports{Cache{store.backend()}, source};
                      return all_get(7, source, [&] { return *reports.get("may").pages; });
                  }};
    CHECK(source.callers.comes_to(processes * threads));
    victim.kill();
    CHECK(all.succeeded() == processes);
    CHECK(source.loads.count() == 2);
    // They have waited for the lease to end, and for no more than that.
    const auto waited = std::chrono::steady_clock::now() - begin;
    CHECK(waited > 1s);
    CHECK(waited < 15s);
}

TEST_CASE("while one process refreshes what is stale, 8 processes of 32 threads get it at once",
          "[stampede]") {
    const OnMemcached store;
    Source source;
    {
        const Models<Stale, const Source&> reports{Cache{store.backend()}, source};
        reports.save({.name = "may", .pages = 6});
    }
    std::this_thread::sleep_for(1010ms);  // the entry's own end, by the machine's clock
    const Gate loading;
    const Gate end;
    Forked refreshing{[&] {
        source.answer = [&] {
            loading.open();
            end.wait();
            return 7;
        };
        const Models<Stale, const Source&> reports{Cache{store.backend()}, source};
        const auto found = reports.find("may");
        // A load that had not begun when its door went away never would.
        return found.found() && found.stale() && found->pages == 6 && source.loads.comes_to(1);
    }};
    loading.wait();
    // Were they to wait, they would wait for ever.
    Processes all{processes, [&] {
                      const Models<Stale, const Source&> reports{Cache{store.backend()}, source};
                      return all_get(6, source, [&] { return *reports.get("may").pages; });
                  }};
    CHECK(all.succeeded() == processes);
    CHECK(source.loads.count() == 1);
    end.open();
    CHECK(refreshing.succeeded());  // its door waits for the load
    const Models<Stale, const Source&> reports{Cache{store.backend()}, source};
    CHECK(reports.get("may").pages == 7);
    CHECK(source.loads.count() == 1);
}

TEST_CASE("a process whose loader fails leaves the others nothing to wait for", "[stampede]") {
    const OnMemcached store;
    Source source;
    Forked failing{[&] {
        source.answer = []() -> int { throw std::runtime_error("no paper"); };
        const Models<Report, const Source&> reports{Cache{store.backend()}, source};
        try {
            (void)reports.get("may");
        } catch (const std::runtime_error&) {
            return true;
        }
        return false;
    }};
    CHECK(failing.succeeded());
    const auto begin = std::chrono::steady_clock::now();
    const Models<Report, const Source&> reports{Cache{store.backend()}, source};
    CHECK(reports.get("may").pages == 7);
    CHECK(source.loads.count() == 2);
    CHECK(std::chrono::steady_clock::now() - begin < 10s);  // a lease would last 15 s
}
