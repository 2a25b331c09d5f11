// cachemodel: children forked while threads of their parent are in the middle of something.
// SPDX-License-Identifier: MIT
#include <cachemodel/cachemodel.hpp>

#include <cachemodel/backends/memory.hpp>

#include "support/backend_calls.hpp"
#include "support/catch.hpp"
#include "support/decorators.hpp"
#include "support/forked.hpp"
#include "support/process.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <typeinfo>
#include <utility>
#include <vector>

#include "flights.hpp"

using namespace cachemodel;
using namespace cachemodel::support;
using namespace std::chrono_literals;

namespace fork_test {

/// What a child says, which has only a few seconds for it.
bool holds_in_child(const std::function<bool()>& work) {
    Forked child{[&] {
        ::alarm(5);
        return work();
    }};
    return child.succeeded();
}

/// Threads that do something again and again.
class Busy {
 public:
    explicit Busy(const std::function<void(int thread, int round)>& work) {
        for (int thread = 0; thread < 4; ++thread) {
            threads_.emplace_back([this, work, thread] {
                for (int round = 0; !is_ending_; ++round) {
                    work(thread, round);
                    if (round == 20) ++started_;
                }
            });
        }
        while (started_ < 4) std::this_thread::yield();
    }
    ~Busy() {
        is_ending_ = true;
        for (auto& thread : threads_) thread.join();
    }
    Busy(const Busy&) = delete;
    Busy& operator=(const Busy&) = delete;

 private:
    std::atomic<bool> is_ending_{false};
    std::atomic<int> started_{0};
    std::vector<std::thread> threads_;
};

/// One child after the other, until one fails. Returns how many did not.
int count_sound(int children, const std::function<bool()>& work) {
    for (int i = 0; i < children; ++i) {
        if (!holds_in_child(work)) return i;
    }
    return children;
}

std::string key_of(int i) { return "key" + std::to_string(i); }
/// Of its own for each key, and of different sizes.
std::string value_of(int i, int round = 0) {
    return key_of(i) + ':' + std::string(static_cast<std::size_t>((i * 37 + round) % 900), 'x');
}
bool is_value_of(int i, std::string_view value) { return value.starts_with(key_of(i) + ':'); }

/// Where a thread stands in the middle of something.
class Halt {
 public:
    /// What the thread calls; only the first time halts.
    void pass() {
        if (was_reached_.exchange(true)) return;
        reached_.set_value();
        opened_.wait();
    }
    void await() { reached_.get_future().wait(); }
    void open() { opening_.set_value(); }

 private:
    std::atomic<bool> was_reached_{false};
    std::promise<void> reached_;
    std::promise<void> opening_;
    std::shared_future<void> opened_{opening_.get_future()};
};

Halt* during_square = nullptr;

int square(int n) {
    if (during_square != nullptr && n == 7) during_square->pass();
    return n * n;
}

/// Halts whoever stores.
class SlowStore final : public Decorator {
 public:
    using Decorator::Decorator;

    void store_many(Store how, std::span<const Entry> entries,
                    std::span<Outcome> outcomes) override {
        halt.pass();
        Decorator::store_many(how, entries, outcomes);
    }

    Halt halt;
};

struct Item {
    Key<int> id;
    Field<std::string> name;
};

struct Silent final : Observer {};

}  // namespace fork_test

using namespace fork_test;

// ---- threads that are parked

TEST_CASE("a child makes a value itself that a thread of its parent is making",
          "[get_or_set][fork][threads]") {
    const Cache cache = Cache::open("memory://");
    Halt halt;
    const auto make = [&] {
        return cache.get_or_set("k", [&] {
            halt.pass();
            return 1;
        });
    };
    auto leader = std::async(std::launch::async, make);
    halt.await();
    auto follower = std::async(std::launch::async, make);  // on its way to wait, or waiting
    std::this_thread::sleep_for(5ms);

    CHECK(holds_in_child([&] {
        const auto other = [&] { return cache.get_or_set("k", [] { return 2; }); };
        return other() == 2 && other() == 2 && cache.erase("k") && other() == 2 &&
               cache.get_or_set("other", [] { return 3; }) == 3;
    }));
    halt.open();
    CHECK(leader.get() == 1);
    CHECK(follower.get() == 1);
}

TEST_CASE("a child calls a cached function that a thread of its parent is calling",
          "[flights][fork][threads]") {
    const Cache cache = Cache::open("memory://");
    const CachedFunction<&square> squared{cache};
    Halt halt;
    during_square = &halt;
    auto leader = std::async(std::launch::async, [&] { return squared(7); });
    halt.await();
    auto follower = std::async(std::launch::async, [&] { return squared(7); });
    std::this_thread::sleep_for(5ms);

    CHECK(holds_in_child([&] { return squared(7) == 49 && squared(7) == 49; }));
    CHECK(holds_in_child([&] {
        squared.invalidate(7);
        return squared(7) == 49;
    }));
    CHECK(holds_in_child([&] { return squared.refresh(7) == 49; }));
    CHECK(holds_in_child([&] { return squared.prefetch({6, 7}).size() == 2; }));
    CHECK(holds_in_child([&] {  // a child of a child
        return holds_in_child([&] { return squared(7) == 49; }) && squared(7) == 49;
    }));
    halt.open();
    CHECK(leader.get() == 49);
    CHECK(follower.get() == 49);
    during_square = nullptr;
}

TEST_CASE("a child may end what threads of its parent wait at", "[flights][fork][threads]") {
    auto flights = std::make_unique<detail::Flights>();
    Halt halt;
    auto storing = std::async(std::launch::async, [&] {
        auto boarding = flights->board("key", typeid(int), {});
        detail::Flights::Lead lead{*flights, std::move(boarding.flight), 0};
        const bool stores = lead.begin_storing();
        halt.pass();
        return stores;
    });
    halt.await();
    auto superseding = std::async(std::launch::async, [&] { flights->supersede("key"); });
    while (!flights->board("key", typeid(int), {}).leads) std::this_thread::yield();
    std::this_thread::sleep_for(5ms);  // it has done its work, and goes to wait

    CHECK(holds_in_child([&] {
        flights.reset();
        return true;
    }));
    halt.open();
    CHECK(storing.get());
    superseding.get();
}

TEST_CASE("a child waits for nobody who was storing in its parent", "[flights][fork][threads]") {
    auto backend = std::make_shared<SlowStore>(std::make_shared<MemoryBackend>());
    const Cache cache{backend};
    const CachedFunction<&square> squared{cache};
    auto storing = std::async(std::launch::async, [&] { return squared(3); });
    backend->halt.await();

    CHECK(holds_in_child([&] {
        squared.invalidate(3);
        return squared(3) == 9;
    }));
    CHECK(holds_in_child([&] { return squared.refresh(3) == 9 && squared.peek(3).found(); }));
    backend->halt.open();
    CHECK(storing.get() == 9);
    CHECK(squared.peek(3).found());
    squared.invalidate(3);
    CHECK(squared.peek(3).absent());
}

TEST_CASE("a function may fork, and both processes go on from there", "[flights][fork][threads]") {
    const Cache cache = Cache::open("memory://");
    const CachedFunction<&square> squared{cache};
    Halt halt;
    during_square = &halt;
    auto other = std::async(std::launch::async, [&] { return squared(7); });
    halt.await();

    std::vector<std::future<int>> followers;
    pid_t child = -1;
    std::size_t under_way = 0;
    const auto make = [&]() -> int {
        for (int i = 0; i < 2; ++i) {
            followers.push_back(std::async(
                std::launch::async, [&] { return cache.get_or_set("k", [] { return 0; }); }));
        }
        std::this_thread::sleep_for(5ms);
        child = ::fork();
        if (child == 0) ::alarm(5);
        under_way = cache.loads_under_way();
        return child == 0 ? 1 : 2;
    };
    const int made = cache.get_or_set("k", make);
    if (child == 0) {
        const bool holds = made == 1 && under_way == 1 && cache.loads_under_way() == 0 &&
                           *cache.get<int>("k") == 1 &&
                           cache.get_or_set("k", [] { return 3; }) == 1 && squared(7) == 49 &&
                           cache.erase("k") && cache.get_or_set("k", [] { return 3; }) == 3;
        ::_exit(holds ? 0 : 1);
    }
    int status = -1;
    while (::waitpid(child, &status, 0) == -1 && errno == EINTR) {
    }
    CHECK(status == 0);
    CHECK(made == 2);
    CHECK(under_way == 2);
    for (auto& follower : followers) CHECK(follower.get() == 2);
    halt.open();
    CHECK(other.get() == 49);
    CHECK(cache.loads_under_way() == 0);
    during_square = nullptr;
}

namespace fork_test {

std::function<void()> before_fork;
pid_t child_of_call = -1;

/// Forks for an 8, and lets those go on whom 7 holds up.
int fork_in_eight(int n) {
    if (n == 8) {
        before_fork();
        child_of_call = ::fork();
        child_of_call == 0 ? static_cast<void>(::alarm(5)) : during_square->open();
    }
    return square(n);
}

}  // namespace fork_test

TEST_CASE("what a prefetch was to wait for it makes itself in a child",
          "[flights][fork][threads]") {
    const Cache cache = Cache::open("memory://");
    const CachedFunction<&fork_in_eight> called{cache};
    Halt halt;
    during_square = &halt;
    auto leader = std::async(std::launch::async, [&] { return called(7); });
    halt.await();
    // What the prefetch waits for is nowhere to be found any more.
    before_fork = [&] { called.invalidate(7); };

    const auto results = called.prefetch({7, 8});
    const bool right = results.size() == 2 && *results[0] == 49 && *results[1] == 64;
    if (child_of_call == 0) ::_exit(right && called(7) == 49 && called(8) == 64 ? 0 : 1);
    int status = -1;
    while (::waitpid(child_of_call, &status, 0) == -1 && errno == EINTR) {
    }
    CHECK(status == 0);
    CHECK(right);
    CHECK(leader.get() == 49);
    during_square = nullptr;
    before_fork = nullptr;
}

namespace fork_test {

/// What there is of a thing, by a source that is slow the first time.
struct Stock {
    static constexpr ModelOptions cache_options{.expires = 1h};
    static inline std::atomic<int> source{1};
    static inline Halt* after_read = nullptr;

    Key<int> id;
    Field<int> count;

    void from_miss() {
        count = source.load();
        after_read->pass();
    }
};

}  // namespace fork_test

TEST_CASE("what a child has removed is loaded anew, although its parent has removed it too",
          "[models][fork][threads]") {
    const TemporaryDirectory directory;
    const std::string url = "file://" + directory.path().string() + "/cache";
    const std::string options = GENERATE("", "?lease_wait=0s");
    CAPTURE(options);
    const Cache cache = Cache::open(url + options);
    const Models<Stock> stocks{cache};
    Halt halt;
    Stock::source = 1;
    Stock::after_read = &halt;
    support::Gate is_changed;
    Forked child{[&] {
        ::alarm(20);
        is_changed.wait();
        stocks.remove(1);
        return true;
    }};
    stocks.remove(1);
    auto loading = std::async(std::launch::async, [&] { return *stocks.get(1).count; });
    halt.await();
    Stock::source = 2;
    is_changed.open();
    CHECK(child.succeeded());

    auto reading = std::async(std::launch::async, [&] { return *stocks.get(1).count; });
    CHECK(reading.wait_for(10s) == std::future_status::ready);  // not for what is being loaded
    halt.open();
    CHECK(reading.get() == 2);
    CHECK(loading.get() == 1);
    CHECK(*stocks.get(1).count == 2);
}

// ---- threads that are busy

#ifndef CACHEMODEL_NO_FORK_AMONG_ALLOCATIONS

TEST_CASE("a child forked while threads use memory has what was in it", "[memory][fork][threads]") {
    MemoryBackend backend{{.shards = 2}};
    for (int i = 0; i < 100; ++i) REQUIRE(set(backend, key_of(i), value_of(i)).done());
    const Busy busy{[&](int thread, int round) {
        const int i = 100 + (round * 7 + thread) % 400;
        if (round % 3 == 0) {
            static_cast<void>(remove(backend, key_of(i)));
        } else {
            static_cast<void>(set(backend, key_of(i), value_of(i, round)));
        }
        static_cast<void>(get(backend, key_of(i % 100)));
    }};
    const int sound = count_sound(15, [&] {
        for (int i = 0; i < 100; ++i) {
            if (!get(backend, key_of(i)).found(value_of(i))) return false;
        }
        std::size_t there = 100;
        for (int i = 100; i < 500; ++i) {
            const auto read = get(backend, key_of(i));
            if (!read.absent() && !(read.found() && is_value_of(i, read.value))) return false;
            there += read.found() ? 1 : 0;
        }
        if (backend.usage().entries != there) return false;
        for (int i = 0; i < 500; ++i) {
            if (!set(backend, key_of(i), value_of(i, 1)).done()) return false;
        }
        for (int i = 0; i < 500; ++i) {
            if (!get(backend, key_of(i)).found(value_of(i, 1))) return false;
        }
        backend.clear();
        return backend.usage().entries == 0 && get(backend, key_of(0)).absent();
    });
    CHECK(sound == 15);
}

TEST_CASE("a child forked while threads fill memory can fill it too", "[memory][fork][threads]") {
    MemoryBackend backend{{.max_bytes = 40'000, .shards = 1}};
    const Busy busy{[&](int thread, int round) {
        const int i = (round * 7 + thread) % 500;
        if (!get(backend, key_of(i)).found()) {
            static_cast<void>(set(backend, key_of(i), value_of(i, round)));
        }
    }};
    const int sound = count_sound(15, [&] {
        for (int i = 0; i < 500; ++i) {
            const auto read = get(backend, key_of(i));
            if (!read.absent() && !(read.found() && is_value_of(i, read.value))) return false;
            if (!set(backend, key_of(i), value_of(i)).done()) return false;
            if (!get(backend, key_of(i)).found(value_of(i))) return false;
        }
        return backend.usage().bytes <= 40'000;
    });
    CHECK(sound == 15);
}

TEST_CASE("a child forked while threads make values makes them too",
          "[get_or_set][fork][threads]") {
    const TemporaryDirectory directory;
    const std::string url =
        GENERATE(true, false) ? "memory://" : "file://" + directory.path().string() + "/cache";
    CAPTURE(url);
    const Cache cache = Cache::open(url);
    const CachedFunction<&square> squared{cache, {.expires = 1ms}};
    const auto use = [&](int i) {
        const auto made = cache.get_or_set(
            key_of(i), [i] { return value_of(i); }, 1ms);
        return made == value_of(i) && squared(i) == i * i;
    };
    std::atomic<bool> was_wrong{false};
    const Busy busy{[&](int thread, int round) {
        const int i = (round + thread) % 3;
        if (!use(i)) was_wrong = true;
        if (round % 5 == 0) squared.invalidate(i);
    }};
    const int sound = count_sound(15, [&] {
        for (int round = 0; round < 3; ++round) {
            for (int i = 0; i < 3; ++i) {
                if (!use(i)) return false;
                squared.invalidate(i);
            }
        }
        return squared.prefetch({0, 1, 2}).size() == 3 && squared.refresh(2) == 4;
    });
    CHECK(sound == 15);
    CHECK_FALSE(was_wrong);
}

TEST_CASE("a child forked while threads open, name and count caches can do so too",
          "[caches][fork][threads]") {
    const ScopedCaches scoped;
    const Cache cache = Cache::open("memory://");
    const auto use = [&](int round) {
        const Models<Item> items{cache};
        Item item;
        item.id = round % 10;
        item.name = "name";
        items.save(item);
        if (!items.find(round % 10).found()) return false;
        if (cache.model_statistics().size() != 1) return false;

        const auto name = "cache" + std::to_string(round % 5);
        const Cache named = Cache::open("memory://" + name);
        named.set("k", round % 5);
        if (*named.get<int>("k") != round % 5) return false;
        caches().configure(name, named);
        if (caches()[name].name() != name || caches()["default"].name() != "default") return false;
        register_key_function("fork_test", &digest_long_keys);
        if (find_key_function("fork_test") != &digest_long_keys) return false;

        const CachedFunction<&square> squared{named};
        return squared(round % 5) == (round % 5) * (round % 5);
    };
    std::atomic<bool> was_wrong{false};
    const Busy busy{[&](int thread, int round) {
        if (!use(round + thread)) was_wrong = true;
        if (round < 50) cache.observe(std::make_shared<Silent>());
    }};
    const int sound = count_sound(15, [&] {
        cache.observe(std::make_shared<Silent>());
        for (int round = 0; round < 10; ++round) {
            if (!use(round)) return false;
        }
        return true;
    });
    CHECK(sound == 15);
    CHECK_FALSE(was_wrong);
}

#endif
