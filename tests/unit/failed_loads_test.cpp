// cachemodel: what an observer is told of loads that fail.
// SPDX-License-Identifier: MIT
#include <cachemodel/cached_function.hpp>
#include <cachemodel/models.hpp>
#include <cachemodel/observer.hpp>
#include <cachemodel/secondary_keys.hpp>

#include "support/catch.hpp"
#include "support/crew.hpp"
#include "support/load_rig.hpp"

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace cachemodel;
using namespace std::chrono_literals;
using support::Table;

namespace failed_loads_test {

struct Price {
    static constexpr ModelOptions cache_options{.expires = 10s,
                                                .stale_while_refresh = 20s,
                                                .stale_if_error = 1min,
                                                .lease_wait = 0s,
                                                .load_backoff = 0s,
                                                .name = "price"};
    Key<std::string> name;
    Field<int> cents;

    void from_miss(Table& table) { cents = table.row(name); }
};

struct Review {
    static constexpr ModelOptions cache_options{.load_backoff = 0s, .name = "review"};
    Key<int> id;
    Field<int> stars;
    Field<std::string> text;

    void from_miss() { stars = 5; }
    void complete() { throw std::runtime_error("no text today"); }
};

struct Token {
    static constexpr ModelOptions cache_options{
        .load_backoff = 0s, .name = "token", .secret_keys = true};
    Key<std::string> text;
    Field<int> user;

    void from_miss() { throw std::runtime_error("no tokens today"); }
};

struct Room {
    static constexpr ModelOptions cache_options{.load_backoff = 0s, .name = "room"};
    Key<int> number;
    Field<std::string> door;
    using secondary_keys = SecondaryKeys<By<&Room::door>>;

    static std::vector<Room> from_miss_many(std::span<const Room>) {
        throw std::runtime_error("no rooms today");
    }
    static std::optional<Room> from_miss_by(By<&Room::door>, const std::string&) { throw 1; }
};

int rent(int number) {
    if (number == 1) throw std::runtime_error("no rents today");
    return 100 * number;
}

/// Each failed load as a line: "price price@1/name=\"tea\" the table is broken".
class Lines final : public Observer {
 public:
    void failed_load(const FailedLoad& load) override {
        std::string line{load.cache};
        line.append(" ").append(load.name).append(" ").append(load.key);
        line += ' ' + load.failure.message() + (load.in_background ? ", in the background" : "");
        const std::scoped_lock lock{mutex_};
        lines_.push_back(line);
    }
    std::vector<std::string> take() {
        const std::scoped_lock lock{mutex_};
        return std::exchange(lines_, {});
    }

 private:
    std::mutex mutex_;
    std::vector<std::string> lines_;
};

struct Rig : support::LoadRig {
    Rig() { cache.observe(lines); }

    std::shared_ptr<Lines> lines = std::make_shared<Lines>();
    Models<Price, Table&> prices{cache, table};
};
using All = std::vector<std::string>;

}  // namespace failed_loads_test

using namespace failed_loads_test;

TEST_CASE("an observer is told what a loader throws, and its caller gets it", "[observer][loads]") {
    Rig rig;
    rig.table.is_broken = true;
    CHECK_THROWS_WITH(rig.prices.get("tea"), "the table is broken");
    CHECK(rig.lines->take() == All{" price price@1/name=\"tea\" the table is broken"});
    CHECK(rig.prices.get_many({"tea", "salt"})[1].failed());
    CHECK(rig.lines->take() == All{" price price@1/name=\"tea\" the table is broken",
                                   " price price@1/name=\"salt\" the table is broken"});
    CHECK_THROWS_WITH((Models<Price, Table&>{rig.cache.bypass(), rig.table}.get("tea")),
                      "the table is broken");
    CHECK(rig.lines->take().size() == 1);
    CHECK(rig.counted().load_failures == 4);
}

TEST_CASE("that a source has none is no failed load", "[observer][loads]") {
    Rig rig;
    CHECK(rig.prices.find("salt").absent());
    CHECK(rig.prices.find("tea").found());
    CHECK(rig.lines->take().empty());
}

TEST_CASE("an observer is told why a refresh failed, which nobody else is", "[observer][loads]") {
    Rig rig;
    (void)rig.prices.get("tea");
    rig.table.is_broken = true;
    rig.clock.advance(10s);
    CHECK(rig.prices.find("tea").stale());
    CHECK(rig.lines->take().empty());
    CHECK(rig.executor->run_all() == 1);
    CHECK(rig.lines->take() ==
          All{" price price@1/name=\"tea\" the table is broken, in the background"});
}

TEST_CASE("an observer is told why a stale entry is served", "[observer][loads]") {
    Rig rig;
    (void)rig.prices.get("tea");
    rig.table.is_broken = true;
    rig.clock.advance(31s);
    CHECK(rig.prices.find("tea").stale());
    CHECK(rig.lines->take() == All{" price price@1/name=\"tea\" the table is broken"});
}

TEST_CASE("an observer is told what a second step throws", "[observer][loads]") {
    Rig rig;
    const Models<Review> reviews{rig.cache};
    CHECK(reviews.get(1).stars == 5);
    CHECK(rig.lines->take().empty());
    CHECK(rig.executor->run_all() == 1);
    CHECK(rig.lines->take() == All{" review review@1/id=1 no text today, in the background"});
    CHECK_THROWS_WITH(reviews.update(1, [](Review&) {}), "no text today");
    CHECK(rig.lines->take() == All{" review review@1/id=1 no text today"});
    CHECK_THROWS_WITH(Models<Review>{rig.cache.bypass()}.get(1), "no text today");
    CHECK(rig.lines->take() == All{" review review@1/id=1 no text today"});
}

TEST_CASE("an observer is told of batches for each key, and of secondary keys",
          "[observer][loads]") {
    Rig rig;
    const Models<Room> rooms{rig.cache};
    CHECK(rooms.get_many({1, 2})[0].failed());
    CHECK(rig.lines->take() ==
          All{" room room@1/number=1 no rooms today", " room room@1/number=2 no rooms today"});
    CHECK_THROWS(rooms.find_by<&Room::door>("blue door"));
    CHECK(rig.lines->take() ==
          All{" room room@1/\"door\"=\"blue%20door\" an exception that is no std::exception"});
    CHECK(rig.counted().load_failures == 3);
}

TEST_CASE("an observer is told of cached functions and of get_or_set", "[observer][loads]") {
    Rig rig;
    const CachedFunction<&rent> rents{rig.cache, {.load_backoff = 0s, .name = "rent"}};
    CHECK_THROWS_WITH(rents(1), "no rents today");
    CHECK(rents(2) == 200);
    CHECK(rig.lines->take() == All{" rent rent@1/(1) no rents today"});
    const auto make = []() -> int { throw std::runtime_error("no values today"); };
    CHECK_THROWS_WITH(rig.cache.get_or_set("me@home\n", make), "no values today");
    CHECK(rig.lines->take() == All{"  me@home\\x0a no values today"});
}

TEST_CASE("secret keys are not told", "[observer][loads]") {
    Rig rig;
    const Models<Token> tokens{rig.cache};
    CHECK_THROWS(tokens.get("hunter2"));
    const All told = rig.lines->take();
    REQUIRE(told.size() == 1);
    CHECK(told[0] == " token " + tokens.key_for("hunter2") + " no tokens today");
    CHECK(told[0].find("hunter2") == std::string::npos);
}

TEST_CASE("what an observer throws of a failed load is counted, and changes nothing",
          "[observer][loads]") {
    class Throwing final : public Observer {
     public:
        void failed_load(const FailedLoad&) override { throw std::domain_error{"broken"}; }
    };
    Rig rig;
    rig.cache.observe(std::make_shared<Throwing>());
    rig.table.is_broken = true;
    CHECK_THROWS_WITH(rig.prices.get("tea"), "the table is broken");
    CHECK(rig.counted().observer_failures == 1);
    rig.table.is_broken = false;
    CHECK(rig.prices.get("tea").cents == 100);
}

TEST_CASE("an observer may use the cache, and the very model, that failed", "[observer][loads]") {
    class Using final : public Observer {
     public:
        explicit Using(Rig& rig) : rig_(&rig) {}
        void failed_load(const FailedLoad&) override {
            rig_->table.is_broken = false;
            cents = rig_->prices.get("salt").cents;
        }
        int cents = 0;

     private:
        Rig* rig_;
    };
    Rig rig;
    const auto own = std::make_shared<Using>(rig);
    rig.cache.observe(own);
    rig.table.rows["salt"] = 30;
    rig.table.is_broken = true;
    CHECK_THROWS_WITH(rig.prices.get("tea"), "the table is broken");
    CHECK(own->cents == 30);
    rig.cache.observe(nullptr);
}

TEST_CASE("of many callers that fail together each failed load is told once",
          "[observer][loads][threads]") {
    const auto lines = std::make_shared<Lines>();
    const Cache cache = Cache::open("memory://");
    cache.observe(lines);
    const CachedFunction<&rent> rents{cache, {.load_backoff = 0s, .name = "rent"}};
    support::Crew crew;
    for (int thread = 0; thread < 8; ++thread) {
        crew.start([&] {
            for (int i = 0; i < 50; ++i) {
                try {
                    (void)rents(1);
                } catch (const std::runtime_error&) {
                }
            }
            (void)rents(1);  // it throws, too
        });
    }
    CHECK(crew.join() == 8);
    const auto told = lines->take();
    CHECK(told.size() == cache.statistics().load_failures);
    CHECK(told.at(0) == " rent rent@1/(1) no rents today");
}
