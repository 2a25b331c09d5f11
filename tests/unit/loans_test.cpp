// cachemodel: what is lent to loads in the background, and who waits until it is given back.
// SPDX-License-Identifier: MIT
#include "loans.hpp"

#include <cachemodel/executor.hpp>
#include <cachemodel/models.hpp>
#include <cachemodel/testing/scripted_backend.hpp>
#include <cachemodel/testing/turnable_clock.hpp>

#include "support/catch.hpp"
#include "support/crew.hpp"
#include "support/forked.hpp"

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <typeinfo>
#include <utility>
#include <vector>

#include "flights.hpp"

using namespace cachemodel;
using namespace std::chrono_literals;
using detail::Flight;
using detail::Flights;
using detail::Lender;
using detail::Loans;
using detail::Passage;
using support::await;
using support::Barrier;
using support::Crew;

namespace loans_test {

/// A flight that the calling thread leads.
class Led {
 public:
    Led(Flights& flights, const std::string& key)
        : flight(flights.board(key, typeid(int), {}).flight), lead_(flights, flight, 0) {}

    void land(int result) {
        lead_.give(std::make_shared<const int>(result), detail::SteadyTime::max());
    }

    std::shared_ptr<Flight> flight;

 private:
    Flights::Lead lead_;
};

/// Until somebody waits for it, besides those who hold it anyway: its leader, the table of all
/// flights, and the test.
void await_passenger(const Led& led, long holders = 3) {
    await("somebody waits", [&] { return led.flight.use_count() > holders; });
    std::this_thread::sleep_for(5ms);  // he holds it, and goes to wait
}

/// In a thread, so that one that waits for ever fails the test.
void run_in_time(const std::function<void()>& work) {
    Crew crew;
    crew.start(work);
    CHECK(crew.join() == 0);
}

void await_close(const std::shared_ptr<Loans>& loans) {
    await("what is lent is asked back", [&] { return !Loans::Loan{loans}.is_granted(); });
}

struct Db;

/// Loaded in the background, by somebody who needs the parent.
struct Child {
    static constexpr ModelOptions cache_options{
        .expires = 10s, .stale_while_refresh = 1h, .lease_wait = 0s};
    Key<int> id;
    Field<int> run;
    void from_miss(Db& db);
};
/// The same, with somebody who waits for it, but not long.
struct LateChild {
    static constexpr ModelOptions cache_options{
        .expires = 10s, .load_timeout = 30ms, .lease_wait = 0s};
    Key<int> id;
    Field<int> run;
    void from_miss(Db& db);
};
/// Loaded by somebody who opens a door to its child.
struct Parent {
    static constexpr ModelOptions cache_options{.expires = 10s, .lease_wait = 0s};
    Key<int> id;
    Field<int> run;
    void from_miss(Db& db);
};

struct Db {
    testing::TurnableClock clock;
    Cache cache{std::make_shared<testing::ScriptedBackend>(clock), {.clock = clock}};
    std::function<void(Db&)> before_parent = [](Db&) {};
    Barrier child_is_loaded;
    std::atomic<int> children{0};
    std::atomic<int> parents{0};
};

void need_parent(Db& db) {
    db.child_is_loaded.pass();
    try {
        (void)Models<Parent, Db&>{db.cache, db}.get(1);
    } catch (const RecursiveLoad&) {
        // It may need itself, as here.
    }
}

void Child::from_miss(Db& db) {
    run = ++db.children;
    if (run != 1) need_parent(db);
}
void LateChild::from_miss(Db& db) {
    run = ++db.children;
    need_parent(db);
}
void Parent::from_miss(Db& db) {
    run = ++db.parents;
    if (run == 1) db.before_parent(db);
}

}  // namespace loans_test

using namespace loans_test;

TEST_CASE("who has borrowed does not wait for the thread that wants it back",
          "[loans][recursion][threads]") {
    const bool waits_before = GENERATE(true, false);
    CAPTURE(waits_before);
    Flights flights;
    Passage::Kind kind{};
    run_in_time([&] {
        auto lender = std::make_unique<Lender>();
        Led led{flights, "key"};
        Barrier is_lent;
        Crew crew;
        crew.start([&, loans = lender->loans()] {
            const Loans::Loan loan{loans};
            is_lent.open();
            if (!waits_before) await_close(loans);
            kind = Passage{led.flight, typeid(int)}.kind();
        });
        is_lent.pass();
        if (waits_before) await_passenger(led);
        lender.reset();
        crew.join();
    });
    CHECK(kind == Passage::Kind::entered);
}

TEST_CASE("a circle through what is lent is opened in one place, whoever closes it",
          "[loans][recursion][threads]") {
    const bool closes_last = GENERATE(true, false);
    CAPTURE(closes_last);
    Flights flights;
    std::atomic<int> entered{0};
    run_in_time([&] {
        auto lender = std::make_unique<Lender>();
        const auto loans = lender->loans();
        Led led{flights, "key"};
        std::shared_ptr<Flight> other;
        Barrier is_led;
        Barrier is_lent;
        const auto wait_for = [&](std::shared_ptr<Flight> flight) {
            const Passage passage{std::move(flight), typeid(int)};
            if (passage.kind() == Passage::Kind::entered) ++entered;
        };
        Crew crew;
        crew.start([&] {  // has borrowed, and waits for the next one
            is_led.pass();
            const Loans::Loan loan{loans};
            is_lent.open();
            wait_for(other);
        });
        crew.start([&] {  // who waits for the one that wants it back
            Led own{flights, "other"};
            other = own.flight;
            is_led.open();
            await_passenger(own, 4);
            if (!closes_last) await_close(loans);
            wait_for(led.flight);
            own.land(2);
        });
        is_lent.pass();
        if (closes_last) await_passenger(led);
        lender.reset();
        led.land(1);
        crew.join();
    });
    CHECK(entered == 1);
}

TEST_CASE("who has not borrowed waits for a thread that wants something back", "[loans][threads]") {
    Flights flights;
    Passage::Kind kind{};
    run_in_time([&] {
        auto lender = std::make_unique<Lender>();
        const auto loans = lender->loans();
        Led led{flights, "key"};
        Barrier is_lent;
        Barrier is_over;
        Crew crew;
        crew.start([&] {
            const Loans::Loan loan{loans};
            is_lent.open();
            is_over.pass();
        });
        crew.start([&] {
            await_close(loans);
            const auto deadline = std::chrono::steady_clock::now() + 20ms;
            kind = Passage{led.flight, typeid(int), {.deadline = deadline}}.kind();
            is_over.open();
        });
        is_lent.pass();
        lender.reset();
        crew.join();
    });
    CHECK(kind == Passage::Kind::late);
}

TEST_CASE("a thread waits for no loans of its own", "[loans]") {
    auto lender = std::make_unique<Lender>();
    const auto loans = lender->loans();
    const Loans::Loan loan{loans};
    const Loans::Loan again{loans};
    lender.reset();
    CHECK(loan.is_granted());
    CHECK(again.is_granted());
    CHECK_FALSE(Loans::Loan{loans}.is_granted());
}

TEST_CASE("a child does not wait for what threads of its parent have borrowed",
          "[loans][fork][threads]") {
    auto lender = std::make_unique<Lender>();
    const auto loans = lender->loans();
    Barrier is_lent;
    Barrier is_over;
    Crew crew;
    crew.start([&] {
        const Loans::Loan loan{loans};
        is_lent.open();
        is_over.pass();
    });
    is_lent.pass();
    const Loans::Loan own{loans};
    support::Forked child{[&] {
        ::alarm(5);
        lender.reset();
        return !Loans::Loan{loans}.is_granted();
    }};
    CHECK(child.succeeded());
    is_over.open();
    CHECK(crew.join() == 0);
}

TEST_CASE("a door that is made in a loader goes although its load needs that loader",
          "[loans][models][recursion][threads]") {
    Db db;
    SECTION("after it was late") {
        db.before_parent = [](Db& parent) {
            CHECK_THROWS_AS((Models<LateChild, Db&>{parent.cache, parent}.get(1)), LoadTimeout);
        };
        Crew crew;
        crew.start([&] { CHECK(*Models<Parent, Db&>{db.cache, db}.get(1).run == 1); });
        await("the child is late", [&] { return db.cache.statistics().load_timeouts == 1; });
        db.child_is_loaded.open();
        CHECK(crew.join() == 0);
        CHECK(db.parents == 1 + db.children);  // a load that came too late did not begin
    }
    SECTION("which is a refresh that nobody waits for") {
        (void)Models<Child, Db&>{db.cache, db}.get(1);
        db.clock.advance(11s);
        db.before_parent = [](Db& parent) {
            const Models<Child, Db&> children{parent.cache, parent};
            CHECK(*children.get(1).run == 1);
            parent.child_is_loaded.await_arrivals(1);
        };
        Crew crew;
        crew.start([&] { CHECK(*Models<Parent, Db&>{db.cache, db}.get(1).run == 1); });
        db.child_is_loaded.await_arrivals(1);
        db.child_is_loaded.open();
        CHECK(crew.join() == 0);
        CHECK(db.children == 2);
        CHECK(db.parents == 2);
    }
}
