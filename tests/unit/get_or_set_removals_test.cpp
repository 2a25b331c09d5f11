// cachemodel: values that are being made while what they are made from changes.
// SPDX-License-Identifier: MIT
#include <cachemodel/cache.hpp>

#include <cachemodel/cached_function.hpp>
#include <cachemodel/models.hpp>
#include <cachemodel/testing/scripted_backend.hpp>

#include "support/catch.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

using namespace cachemodel;
using namespace std::chrono_literals;
using testing::Verb;

namespace get_or_set_removals_test {

/// Opens once.
class Signal {
 public:
    void give() {
        const std::lock_guard lock{mutex_};
        is_given_ = true;
        changed_.notify_all();
    }
    bool wait(std::chrono::milliseconds patience = 10s) {
        std::unique_lock lock{mutex_};
        return changed_.wait_for(lock, patience, [&] { return is_given_; });
    }

 private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool is_given_ = false;
};

/// Something that begins in another thread and goes on when it is told to.
class Work {
 public:
    ~Work() { end(); }

    /// `work` is to call `stand_still`; this returns when it has.
    void begin(std::function<void()> work) {
        thread_ = std::thread{std::move(work)};
        REQUIRE(stands_.wait());
    }
    void stand_still() {
        stands_.give();
        goes_on_.wait();
    }
    void end() {
        goes_on_.give();
        if (thread_.joinable()) thread_.join();
    }

 private:
    Signal stands_;
    Signal goes_on_;
    std::thread thread_;
};

struct Rig {
    std::shared_ptr<testing::ScriptedBackend> backend =
        std::make_shared<testing::ScriptedBackend>();
    Cache cache{backend, {.key_prefix = "shop", .lease_wait = 0s}};
    int older = 0;
    Work work;

    /// Begins to make 1.
    void begin() {
        work.begin(
            [this] { older = cache.get_or_set("k", [this] { return work.stand_still(), 1; }); });
    }
};

struct Row {
    Key<int> id;
    Field<int> number;

    void from_miss(std::function<int()>& source) { number = source(); }
};

std::function<int()> computing;
int computed(int) { return computing(); }

}  // namespace get_or_set_removals_test

using namespace get_or_set_removals_test;

TEST_CASE("who asks after a removal does not get a value that was being made before it",
          "[cache][get_or_set][threads]") {
    Rig rig;
    const Cache& cache = rig.cache;
    rig.begin();
    SECTION("erase") { CHECK_FALSE(cache.erase("k")); }
    SECTION("delete_many") { CHECK(cache.delete_many({"j", "k"})[1].declined()); }
    SECTION("a touch that removes") { CHECK_FALSE(cache.touch("k", 0s)); }
    SECTION("a set that removes") { CHECK(cache.set("k", 5, 0s)); }
    SECTION("clear") { CHECK(cache.clear()); }
    SECTION("clear_prefix") { CHECK(cache.clear_prefix() == 0); }
    SECTION("a removal that failed") {
        rig.backend->fail_next(1);
        CHECK_THROWS_AS(cache.erase("k"), BackendError);
    }
    SECTION("a removal past what a transaction reads") { CHECK_FALSE(cache.bypass().erase("k")); }
    CHECK(cache.get_or_set("k", 2) == 2);
    CHECK(*cache.get<int>("k") == 2);
    rig.work.end();
    // Its caller came before. What is there is newer, and he gets that.
    CHECK(rig.older == 2);
    CHECK(*cache.get<int>("k") == 2);
}

TEST_CASE("a value that was being made before a removal is not stored",
          "[cache][get_or_set][threads]") {
    Rig rig;
    rig.begin();
    SECTION("erase") { rig.cache.erase("k"); }
    SECTION("clear") { rig.cache.clear(); }
    SECTION("clear_prefix") { rig.cache.clear_prefix(); }
    rig.work.end();
    CHECK(rig.older == 1);
    CHECK(rig.backend->keys().empty());
    CHECK(rig.cache.statistics().overtaken_loads == 1);
}

TEST_CASE("a value that was being made before a set is not stored, though that one is gone again",
          "[cache][get_or_set][threads]") {
    Rig rig;
    rig.begin();
    SECTION("set") { CHECK(rig.cache.set("k", 5)); }
    SECTION("set_many") { CHECK(rig.cache.set_many<int>({{"j", 4}, {"k", 5}})[1].done()); }
    SECTION("set_raw") { CHECK(rig.cache.set_raw("k", "5")); }
    SECTION("incr_version") {
        const Cache before = rig.cache.with_version(0);
        CHECK(before.set("k", 5));
        CHECK(before.incr_version("k") == 1);
    }
    rig.backend->lose("*k");
    rig.work.end();
    CHECK(rig.older == 1);
    CHECK_FALSE(rig.cache.contains("k"));
}

TEST_CASE("other values are made on, whatever is removed", "[cache][get_or_set][threads]") {
    Rig rig;
    rig.begin();
    rig.cache.erase("j");
    (void)rig.cache.with_version(2).delete_many({"k"});
    rig.cache.with_prefix("other").clear_prefix();
    rig.cache.with_prefix("sho").clear_prefix();
    (void)rig.cache.bypass().set("k", 5);
    rig.work.end();
    CHECK(rig.older == 1);
    CHECK(*rig.cache.get<int>("k") == 1);
}

TEST_CASE("a removal waits for a value that is being stored, and removes it",
          "[cache][get_or_set][threads]") {
    Rig rig;
    const Cache& cache = rig.cache;
    const bool clears = GENERATE(false, true);
    Signal is_removed;
    std::thread remover;
    rig.backend->before_each_call([&](Verb verb) {
        if (verb != Verb::add) return;
        remover = std::thread{[&] {
            clears ? cache.clear() : cache.erase("k");
            is_removed.give();
        }};
        CHECK_FALSE(is_removed.wait(50ms));
    });
    CHECK(cache.get_or_set("k", 1) == 1);
    remover.join();
    CHECK_FALSE(cache.contains("k"));
}

TEST_CASE("an observer that removes what is being stored waits for nobody",
          "[cache][get_or_set][observer]") {
    class Remover final : public Observer {
     public:
        void round_trip(const RoundTrip& trip) override {
            if (trip.operation != Operation::add) return;
            cache->erase("k");
            cache->clear();
        }
        const Cache* cache = nullptr;
    };
    Rig rig;
    const auto remover = std::make_shared<Remover>();
    remover->cache = &rig.cache;
    rig.cache.observe(remover);
    CHECK(rig.cache.get_or_set("k", 1) == 1);
    CHECK(rig.backend->keys().empty());
}

TEST_CASE("what cannot be used is written over once, though it is written as a set is",
          "[cache][get_or_set][threads]") {
    Rig rig;
    rig.backend->plant("shop:1:k", "<html>");
    Signal is_made_again;
    int second = 0;
    std::thread asker;
    rig.backend->before_each_call([&](Verb verb) {
        if (verb != Verb::set) return;
        asker = std::thread{
            [&] { second = rig.cache.get_or_set("k", [&] { return is_made_again.give(), 2; }); }};
        CHECK_FALSE(is_made_again.wait(50ms));
    });
    CHECK(rig.cache.get_or_set("k", 1) == 1);
    asker.join();
    CHECK(second == 1);
}

TEST_CASE("a load that began before the cache was emptied is neither joined after it nor stored",
          "[cache][models][cached_function][threads]") {
    Rig rig;
    int newer = 0;
    std::atomic<int> asked{0};
    std::function<int()> source = [&] {
        const int number = ++asked;
        if (number == 1) rig.work.stand_still();
        return number;
    };
    const bool empties_all = GENERATE(true, false);
    const auto empty = [&] {
        empties_all ? (void)rig.cache.clear() : (void)rig.cache.clear_prefix();
    };
    SECTION("of a model") {
        const Models<Row, std::function<int()>&> rows{rig.cache, source};
        rig.work.begin([&] { rig.older = rows.get(7).number; });
        empty();
        newer = rows.get(7).number;
        rig.work.end();
        CHECK(rows.get(7).number == 2);
    }
    SECTION("of a cached function") {
        computing = source;
        const CachedFunction<&computed> call{rig.cache};
        rig.work.begin([&] { rig.older = call(7); });
        empty();
        newer = call(7);
        rig.work.end();
        CHECK(call(7) == 2);
    }
    CHECK(rig.older == 1);
    CHECK(newer == 2);
}
