// cachemodel: when a server counts as down, and when it is tried again.
// SPDX-License-Identifier: MIT
#include "net/breaker.hpp"

#include "net/server.hpp"
#include "net/server_text.hpp"

#include <cachemodel/testing/turnable_clock.hpp>

#include "support/catch.hpp"

#include <chrono>
#include <deque>
#include <string_view>

using namespace cachemodel;
using namespace std::chrono_literals;
using cachemodel::testing::TurnableClock;
using net::Breaker;
using net::Health;
using net::Server;
using std::chrono::steady_clock;

namespace {

struct Rig {
    TurnableClock clock;
    Breaker breaker{clock, 1s};

    /// One call after the other: `a`nswered, `b`roken, `s`talled, `u`nreachable, `f`orgotten,
    /// un`d`ecided.
    void calls(std::string_view healths) {
        constexpr std::string_view letters = "aufsbd";
        for (const char letter : healths) {
            REQUIRE(breaker.lets_in());
            breaker.end(breaker.begin(250ms), static_cast<Health>(letters.find(letter)));
        }
    }
    /// From now on it is open.
    void open() {
        calls("u");
        REQUIRE_FALSE(breaker.lets_in());
    }
};

}  // namespace

TEST_CASE("one call that finds the server out of reach opens the breaker", "[breaker][unit]") {
    Rig rig;
    rig.calls("aaaaaaaaaaaaaaaaaaaaaaaaau");
    CHECK(rig.breaker.is_open());
    CHECK_FALSE(rig.breaker.lets_in());
}

TEST_CASE("three calls in a row that ran out of time open the breaker", "[breaker][unit]") {
    Rig rig;
    rig.calls("ssassdfs");
    CHECK(rig.breaker.is_open());

    Rig mixed;
    mixed.calls("sasas");
    CHECK_FALSE(mixed.breaker.is_open());
}

TEST_CASE("five failures in a row open the breaker", "[breaker][unit]") {
    Rig rig;
    rig.calls("aaabbbb");
    CHECK_FALSE(rig.breaker.is_open());
    rig.calls("abbbb");
    CHECK_FALSE(rig.breaker.is_open());
    rig.calls("b");
    CHECK(rig.breaker.is_open());

    Rig mixed;
    mixed.calls("bsbsb");
    CHECK(mixed.breaker.is_open());
}

TEST_CASE("half of the last twenty calls open the breaker", "[breaker][unit]") {
    Rig rig;
    rig.calls("ababababababababab");
    CHECK_FALSE(rig.breaker.is_open());
    rig.calls("a");
    CHECK_FALSE(rig.breaker.is_open());
    rig.calls("b");
    CHECK(rig.breaker.is_open());
}

TEST_CASE("failures that twenty calls lie between are forgotten", "[breaker][unit]") {
    Rig rig;
    rig.calls("bbbbabbbbab");  // nine
    rig.calls("aaaaaaaaa");
    CHECK(rig.breaker.failed_calls() == 9);
    CHECK(rig.breaker.calls() == 20);
    rig.calls("aaaaa");
    CHECK(rig.breaker.failed_calls() == 5);
    rig.calls("bbbbab");
    CHECK_FALSE(rig.breaker.is_open());
}

TEST_CASE("what says nothing about the server is not counted", "[breaker][unit]") {
    Rig rig;
    for (int i = 0; i < 100; ++i) rig.calls("df");
    CHECK_FALSE(rig.breaker.is_open());
    CHECK(rig.breaker.calls() == 0);
}

TEST_CASE("a server that is down is tried again after retry_after, or up to a quarter earlier",
          "[breaker][unit]") {
    for (int i = 0; i < 50; ++i) {
        Rig rig;
        rig.open();
        rig.clock.advance(749ms);
        CHECK_FALSE(rig.breaker.lets_in());
        rig.clock.advance(251ms);
        CHECK(rig.breaker.lets_in());
    }
}

TEST_CASE("tries are not all equally far apart", "[breaker][unit]") {
    Rig rig;
    int early = 0;
    for (int i = 0; i < 200; ++i) {
        rig.open();
        rig.clock.advance(875ms);
        early += rig.breaker.lets_in() ? 1 : 0;
        rig.clock.advance(125ms);
        rig.calls("a");
    }
    CHECK(early > 0);
    CHECK(early < 200);
}

TEST_CASE("one call alone tries a server that was down", "[breaker][unit]") {
    Rig rig;
    rig.open();
    rig.clock.advance(1s);
    const auto probe = rig.breaker.begin(5s);
    CHECK_FALSE(rig.breaker.lets_in());
    rig.clock.advance(4s);  // much longer than retry_after, and not longer than it may take
    CHECK_FALSE(rig.breaker.lets_in());

    SECTION("its answer lets all in") {
        rig.breaker.end(probe, Health::answered);
        CHECK_FALSE(rig.breaker.is_open());
        rig.calls("aaa");
    }
    SECTION("its failure, of any kind, keeps all out for as long again") {
        const auto failure =
            GENERATE(Health::unreachable, Health::stalled, Health::broken, Health::forgotten);
        rig.breaker.end(probe, failure);
        CHECK(rig.breaker.is_open());
        CHECK_FALSE(rig.breaker.lets_in());
        rig.clock.advance(1s);
        CHECK(rig.breaker.lets_in());
        CHECK(rig.breaker.open_for() == 6s);
    }
    SECTION("where it says nothing the next one tries") {
        rig.breaker.end(probe, Health::undecided);
        CHECK(rig.breaker.lets_in());
        CHECK(rig.breaker.is_open());
    }
    SECTION("one that never ends does not keep all out for ever") {
        rig.clock.advance(1s);
        CHECK(rig.breaker.lets_in());
    }
}

TEST_CASE("with a retry_after of nothing a server is never left alone", "[breaker][unit]") {
    TurnableClock clock;
    Breaker breaker{clock, 0s};
    breaker.end(breaker.begin(250ms), Health::unreachable);
    for (int i = 0; i < 3; ++i) {
        CHECK(breaker.lets_in());
        static_cast<void>(breaker.begin(250ms));
    }
}

TEST_CASE("an answer that was under way shows that a server is not out of reach",
          "[breaker][unit]") {
    Rig rig;
    const auto call = rig.breaker.begin(250ms);
    SECTION("when one call in another way did not reach it") { rig.calls("u"); }
    SECTION("when some ran out of time") { rig.calls("sss"); }
    SECTION("when some failed") { rig.calls("bbbbb"); }
    REQUIRE(rig.breaker.is_open());
    rig.breaker.end(call, Health::answered);
    CHECK_FALSE(rig.breaker.is_open());
}

TEST_CASE("an answer that was under way says nothing against failures between answers",
          "[breaker][unit]") {
    Rig rig;
    const auto call = rig.breaker.begin(250ms);
    rig.calls("abababababababababab");
    REQUIRE(rig.breaker.is_open());
    rig.breaker.end(call, Health::answered);
    CHECK(rig.breaker.is_open());
}

TEST_CASE("failures that began before a server went down say nothing about it later",
          "[breaker][unit]") {
    Rig rig;
    const auto first = rig.breaker.begin(10s);
    const auto second = rig.breaker.begin(10s);
    rig.open();
    rig.clock.advance(1s);
    rig.breaker.end(first, Health::unreachable);
    CHECK(rig.breaker.lets_in());
    rig.calls("a");
    rig.breaker.end(second, Health::unreachable);
    CHECK_FALSE(rig.breaker.is_open());
}

TEST_CASE("a server that was down begins with a clean record", "[breaker][unit]") {
    Rig rig;
    rig.calls("abababababababababab");
    REQUIRE(rig.breaker.is_open());
    rig.clock.advance(1s);
    rig.calls("abbbb");
    CHECK_FALSE(rig.breaker.is_open());
    CHECK(rig.breaker.failed_calls() == 4);
    CHECK(rig.breaker.calls() == 4);
}

TEST_CASE("a server's record says how many calls failed, and for how long it has been down",
          "[breaker][unit]") {
    TurnableClock clock;
    Server server{{"cache1", {}, 0, "/nowhere"}, {2, 1s, 1s}, clock};
    const auto call = [&](Health health) {
        net::Lease lease;
        REQUIRE(server.borrow(lease, false, steady_clock::now() + 1s) ==
                Server::Admission::granted);
        lease.drop(health);
    };
    call(Health::answered);
    call(Health::answered);
    call(Health::broken);
    CHECK_FALSE(server.record().is_down);
    CHECK(server.record().down_for == 0s);
    const auto fact = net::fact_of(server.record(), "cache1");
    CHECK(fact.subject == "cache1");
    CHECK(fact.name == "recent_failures");
    CHECK(fact.value == "1 of 3 calls");

    server.remember_trouble({net::Trouble::Kind::unreachable, "connection refused"});
    call(Health::unreachable);
    CHECK(server.record().is_down);
    CHECK(net::why_not_asked(server.record()) == "not asked, down for 0 ms: connection refused");
    clock.advance(340ms);
    CHECK(net::why_not_asked(server.record()) == "not asked, down for 340 ms: connection refused");
    clock.advance(12s);
    call(Health::unreachable);  // the outage goes on
    CHECK(net::why_not_asked(server.record()) == "not asked, down for 12 s: connection refused");
}

TEST_CASE("of servers it is told how many of the last calls failed, and for how long each is down",
          "[breaker][unit]") {
    TurnableClock clock;
    std::deque<Server> servers;
    servers.emplace_back(net::Endpoint{"cache1", {}, 0, "/nowhere"}, net::Server::Limits{2, 1s, 1s},
                         clock);
    servers.emplace_back(net::Endpoint{"cache2", {}, 0, "/nowhere"}, net::Server::Limits{2, 1s, 1s},
                         clock);
    const auto call = [&](Server& server, Health health) {
        net::Lease lease;
        REQUIRE(server.borrow(lease, false, steady_clock::now() + 1s) ==
                Server::Admission::granted);
        lease.drop(health);
    };
    for (const auto health : {Health::answered, Health::broken, Health::answered}) {
        call(servers[0], health);
    }
    call(servers[1], Health::answered);
    call(servers[1], Health::unreachable);
    clock.advance(340ms);
    const auto states = net::states_of(servers);
    REQUIRE(states.size() == 2);
    CHECK(states[0].name == "cache1");
    CHECK_FALSE(states[0].is_down);
    CHECK(states[0].down_for == 0s);
    CHECK(states[0].recent_calls == 3);
    CHECK(states[0].recent_failures == 1);
    CHECK(states[1].name == "cache2");
    CHECK(states[1].is_down);
    CHECK(states[1].down_for == 340ms);
    CHECK(states[1].recent_calls == 0);
    CHECK(states[1].recent_failures == 0);
}
