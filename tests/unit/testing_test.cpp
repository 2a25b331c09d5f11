// cachemodel: what the library offers to the tests of its users.
// SPDX-License-Identifier: MIT
#include "support/backend_calls.hpp"
#include "support/catch.hpp"

#include <cachemodel/backends/memory.hpp>
#include <cachemodel/testing/call_log.hpp>
#include <cachemodel/testing/invalidation_check.hpp>
#include <cachemodel/testing/pattern.hpp>
#include <cachemodel/testing/recording_backend.hpp>
#include <cachemodel/testing/scripted_backend.hpp>
#include <cachemodel/testing/turnable_clock.hpp>

#include <atomic>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <vector>

using namespace cachemodel;
using namespace cachemodel::support;
using namespace cachemodel::testing;
using namespace std::chrono_literals;

using Names = std::vector<std::string>;

TEST_CASE("a turnable clock stands still until it is turned", "[testing][clock]") {
    TurnableClock clock;
    const auto steady = clock.steady();
    const auto wall = clock.wall();
    CHECK(steady.time_since_epoch() == 1h);
    CHECK(wall.time_since_epoch() == 1'893'456'000s);
    CHECK(clock.steady() == steady);

    clock.advance(90s);
    CHECK(clock.steady() - steady == 90s);
    CHECK(clock.wall() - wall == 90s);

    clock.adjust_wall(-1h);
    CHECK(clock.steady() - steady == 90s);
    CHECK(clock.wall() - wall == 90s - 1h);
}

TEST_CASE("a turnable clock is turned by many threads", "[testing][clock][threads]") {
    TurnableClock clock;
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            for (int turn = 0; turn < 1000; ++turn) clock.advance(1ms);
        });
    }
    for (auto& thread : threads) thread.join();
    CHECK(clock.steady().time_since_epoch() == 1h + 4s);
}

TEST_CASE("a star in a pattern stands for any bytes", "[testing][pattern]") {
    STATIC_REQUIRE(matches("*", ""));
    CHECK(matches("*", "anything"));
    CHECK(matches("", ""));
    CHECK_FALSE(matches("", "x"));
    CHECK(matches("User", "User"));
    CHECK_FALSE(matches("User", "Users"));
    CHECK_FALSE(matches("User", "aUser"));
    CHECK(matches("*User*", "prefix:1:User(1)"));
    CHECK(matches("*User*", "User"));
    CHECK_FALSE(matches("*User*", "prefix:1:Use"));
    CHECK(matches("a*b*c", "abc"));
    CHECK(matches("a*b*c", "a--b--b--c"));
    CHECK_FALSE(matches("a*b*c", "a--c--b"));
    CHECK(matches("*aab", "aaaab"));
    CHECK_FALSE(matches("*aab", "aaaaba"));
    CHECK(matches("**x**", "x"));
    CHECK(matches("a.b?[c]*", "a.b?[c]d"));
    CHECK_FALSE(matches("a.b*", "axb"));
}

TEST_CASE("a recording backend lists keys in the order of their first time",
          "[testing][recording]") {
    RecordingBackend backend{std::make_shared<MemoryBackend>()};
    REQUIRE(set(backend, "b", "1").done());
    REQUIRE(add(backend, "a", "1").done());
    REQUIRE(set(backend, "b", "2").done());
    CHECK(add(backend, "a", "2").declined());
    CHECK(get(backend, "a").found("1"));
    CHECK(compare_and_set(backend, "a", "3", get(backend, "a").token).done());
    CHECK(compare_and_set(backend, "c", "3", 1).declined());
    REQUIRE(remove(backend, "b").done());
    CHECK(remove(backend, "absent").declined());
    CHECK(get_many(backend, {"z", "a", "z"}).at(1).found("3"));

    const CallLog& log = backend.log();
    CHECK(log.keys_set() == Names{"b", "a"});
    CHECK(log.keys_removed() == Names{"b", "absent"});
    CHECK(log.keys_read() == Names{"a", "z"});
    CHECK(log.trips() == 11);
    CHECK(log.trips(Verb::get) == 3);
    CHECK(log.trips(Verb::set) == 2);
    CHECK(log.trips(Verb::touch) == 0);
}

TEST_CASE("a recording backend writes down every verb and every answer", "[testing][recording]") {
    const auto scripted = std::make_shared<ScriptedBackend>();
    RecordingBackend backend{scripted};
    REQUIRE(set(backend, "k", "v").done());
    CHECK(touch(backend, "k", 1h).done());
    scripted->fail_keys("broken*");
    CHECK(get_many(backend, {"k", "none", "broken"}).at(2).failed());
    backend.clear();
    backend.close();
    scripted->throw_next(std::bad_alloc{});
    CHECK_THROWS_AS(set(backend, "k", "v"), std::bad_alloc);
    scripted->go_down();
    CHECK_THROWS_AS(backend.clear(), BackendError);

    const auto calls = backend.log().calls();
    REQUIRE(calls.size() == 7);
    CHECK(calls[0].verb == Verb::set);
    CHECK(calls[0].keys.at(0).name == "k");
    CHECK(calls[0].keys.at(0).answer == Answer::done);
    CHECK(calls[1].verb == Verb::touch);
    CHECK(calls[2].verb == Verb::get);
    CHECK(calls[2].keys.at(0).answer == Answer::found);
    CHECK(calls[2].keys.at(1).answer == Answer::absent);
    CHECK(calls[2].keys.at(2).answer == Answer::failed);
    CHECK(calls[3].verb == Verb::clear);
    CHECK(calls[3].keys.empty());
    CHECK_FALSE(calls[3].threw);
    CHECK(calls[4].verb == Verb::close);
    CHECK(calls[5].verb == Verb::set);
    CHECK(calls[5].keys.at(0).answer == Answer::failed);
    CHECK(calls[5].threw);
    CHECK(calls[6].threw);
    CHECK(backend.log().trips() == 6);

    backend.log().reset();
    CHECK(backend.log().calls().empty());
}

TEST_CASE("a failed write was not set and not removed, as far as the log knows",
          "[testing][recording]") {
    const auto scripted = std::make_shared<ScriptedBackend>();
    RecordingBackend backend{scripted};
    scripted->go_down();
    CHECK(set(backend, "k", "v").failed());
    CHECK(remove(backend, "k").failed());
    CHECK(backend.log().keys_set().empty());
    CHECK(backend.log().keys_removed().empty());
}

TEST_CASE("an invalidation check passes when every entry was stored anew or removed",
          "[testing][invalidation]") {
    RecordingBackend backend{std::make_shared<MemoryBackend>()};
    REQUIRE(set(backend, "page:front", "v").done());
    REQUIRE(set(backend, "page:article", "v").done());
    REQUIRE(set(backend, "user:bob", "v").done());
    REQUIRE(set(backend, "page:old", "v").done());
    REQUIRE(remove(backend, "page:old").done());

    const InvalidationCheck check{backend.log(), "page:*"};
    CHECK(check.tracked() == Names{"page:front", "page:article"});
    SECTION("one by one") {
        REQUIRE(set(backend, "page:front", "w").done());
        REQUIRE(remove(backend, "page:article").done());
        CHECK_NOTHROW(check.require_all_invalidated());
    }
    SECTION("all at once") {
        backend.clear();
        CHECK_NOTHROW(check.require_all_invalidated());
    }
    SECTION("by a removal that found nothing, as the entry had expired") {
        const auto outcomes = remove_many(backend, {"page:front", "page:article", "page:article"});
        CHECK(outcomes.at(2).declined());
        CHECK_NOTHROW(check.require_all_invalidated());
    }
    CHECK(check.offenders().empty());
}

TEST_CASE("an invalidation check names every entry that was left as it was",
          "[testing][invalidation]") {
    const auto scripted = std::make_shared<ScriptedBackend>();
    RecordingBackend backend{scripted};
    for (const auto* key : {"page:1", "page:2", "page:3", "user:bob"}) {
        REQUIRE(set(backend, key, "v").done());
    }
    const InvalidationCheck check{backend.log(), "page:*"};
    REQUIRE(remove(backend, "page:2").done());
    CHECK(get(backend, "page:1").found());
    REQUIRE(touch(backend, "page:1", 1h).done());
    CHECK(add(backend, "page:1", "w").declined());
    REQUIRE(remove(backend, "user:bob").done());
    scripted->fail_keys("page:3");
    CHECK(remove(backend, "page:3").failed());

    CHECK(check.offenders() == Names{"page:1", "page:3"});
    CHECK_THROWS_AS(check.require_all_invalidated(), AssertionFailure);
    CHECK_THROWS_WITH(check.require_all_invalidated(),
                      "2 of 3 entries that fit page:* were neither stored anew nor removed:\n"
                      "  page:1\n"
                      "  page:3");
}

TEST_CASE("an invalidation check of nothing fails", "[testing][invalidation]") {
    RecordingBackend backend{std::make_shared<MemoryBackend>()};
    REQUIRE(set(backend, "user:bob", "v").done());
    const InvalidationCheck check{backend.log(), "page:*"};
    CHECK_THROWS_WITH(check.require_all_invalidated(),
                      "the set-up stored no entry that fits page:*");
}

TEST_CASE("a scripted backend is down until it comes back, and has kept its entries",
          "[testing][scripted]") {
    ScriptedBackend backend;
    REQUIRE(set(backend, "k", "v").done());
    backend.go_down();
    for (int i = 0; i < 3; ++i) {
        const auto read = get(backend, "k");
        REQUIRE(read.failed());
        CHECK(read.failure->fault() == BackendFault::unavailable);
    }
    const auto outcome = set(backend, "k", "w");
    REQUIRE(outcome.failed());
    CHECK(outcome.failure().message() == "unavailable: as scripted");
    CHECK(remove(backend, "k").failed());
    CHECK(touch(backend, "k", 1h).failed());
    CHECK_THROWS_AS(backend.clear(), BackendError);
    backend.come_back();
    CHECK(get(backend, "k").found("v"));
}

TEST_CASE("a scripted backend fails the next calls only", "[testing][scripted]") {
    ScriptedBackend backend;
    backend.fail_next(2, BackendFault::timeout);
    CHECK(set(backend, "k", "v").failed());
    const auto reads = get_many(backend, {"k", "l"});
    REQUIRE(reads.at(0).failed());
    REQUIRE(reads.at(1).failed());
    CHECK(reads.at(0).failure->fault() == BackendFault::timeout);
    CHECK(get(backend, "k").absent());
}

TEST_CASE("a scripted backend may have done what it could not answer", "[testing][scripted]") {
    ScriptedBackend backend;
    backend.lose_next_answers(1);
    const auto outcome = set(backend, "k", "v");
    REQUIRE(outcome.failed());
    CHECK(outcome.failure().fault() == BackendFault::timeout);
    CHECK(get(backend, "k").found("v"));
    backend.lose_next_answers(1);
    CHECK_THROWS_AS(backend.clear(), BackendError);
    CHECK(get(backend, "k").absent());
}

TEST_CASE("a scripted backend fails the keys it is told to", "[testing][scripted]") {
    ScriptedBackend backend;
    REQUIRE(set(backend, "user:bob", "v").done());
    REQUIRE(set(backend, "page:1", "v").done());
    backend.fail_keys("user:*", BackendFault::timeout);
    const auto reads = get_many(backend, {"page:1", "user:bob", "user:ann"});
    CHECK(reads[0].found("v"));
    CHECK(reads[1].failed());
    CHECK(reads[2].failed());
    CHECK(set(backend, "user:bob", "w").failed());
    backend.come_back();
    CHECK(get(backend, "user:bob").found("v"));
}

TEST_CASE("a scripted backend throws what it is told to, once", "[testing][scripted]") {
    ScriptedBackend backend;
    backend.throw_next(std::bad_alloc{});
    CHECK_THROWS_AS(get(backend, "k"), std::bad_alloc);
    CHECK(get(backend, "k").absent());
}

TEST_CASE("a scripted backend lets others come in between", "[testing][scripted]") {
    TurnableClock clock;
    ScriptedBackend backend{clock};
    REQUIRE(set(backend, "k", "one", 10s).done());
    const auto token = get(backend, "k").token;
    std::vector<Verb> verbs;
    backend.before_each_call([&](Verb verb) {
        verbs.push_back(verb);
        static_cast<void>(set(backend, "k", "from elsewhere", 10s));
        clock.advance(1s);
    });
    CHECK(compare_and_set(backend, "k", "two", token).declined());
    backend.before_each_call({});
    CHECK(verbs == std::vector<Verb>{Verb::compare_and_set});
    CHECK(get(backend, "k").found("from elsewhere"));
    CHECK(backend.lifetime_left("k") == Lifetime{9s});
}

TEST_CASE("a scripted backend loses entries and holds those of other programs",
          "[testing][scripted]") {
    TurnableClock clock;
    ScriptedBackend backend{clock};
    backend.plant("user:bob", "foreign bytes", 10s);
    REQUIRE(set(backend, "user:ann", "v").done());
    REQUIRE(set(backend, "page:1", "v").done());
    CHECK(get(backend, "user:bob").found("foreign bytes"));
    CHECK(backend.keys() == Names{"page:1", "user:ann", "user:bob"});
    CHECK(backend.stored("user:ann") == "v");
    CHECK(backend.stored("user:eve") == std::nullopt);
    CHECK(backend.lifetime_left("user:bob") == Lifetime{10s});
    CHECK(backend.lifetime_left("user:ann") == Lifetime{never});
    CHECK(backend.lifetime_left("user:eve") == std::nullopt);
    clock.advance(10s);
    CHECK(get(backend, "user:bob").absent());
    CHECK(backend.keys() == Names{"page:1", "user:ann"});
    CHECK(backend.lose("user:*") == 1);
    CHECK(backend.keys() == Names{"page:1"});
}

TEST_CASE("a scripted backend claims the limits that it is given", "[testing][scripted]") {
    ScriptedBackend backend;
    CHECK(backend.capabilities().shared);
    backend.capabilities_to_claim().largest_value = 10;
    backend.capabilities_to_claim().shared = false;
    CHECK_FALSE(backend.capabilities().shared);
    REQUIRE(set(backend, "k", "0123456789").done());
    CHECK(add(backend, "k", "0123456789x").failed());
    CHECK(get(backend, "k").found("0123456789"));
    const auto outcome = set(backend, "k", "0123456789x");
    REQUIRE(outcome.failed());
    CHECK_THROWS_AS(outcome.failure().rethrow(), ValueTooLarge);
    CHECK(get(backend, "k").absent());
}

TEST_CASE("a log keeps the calls of many threads apart", "[testing][recording][threads]") {
    RecordingBackend backend{std::make_shared<MemoryBackend>()};
    std::vector<std::thread> threads;
    for (int number = 0; number < 4; ++number) {
        threads.emplace_back([&, number] {
            for (int i = 0; i < 100; ++i) {
                const auto key = std::to_string(number) + ":" + std::to_string(i);
                static_cast<void>(set(backend, key, key));
                static_cast<void>(get_many(backend, {key, "absent"}));
            }
        });
    }
    for (auto& thread : threads) thread.join();
    CHECK(backend.log().trips() == 800);
    CHECK(backend.log().keys_set().size() == 400);
    CHECK(backend.log().keys_read().size() == 401);
}

TEST_CASE("a recording backend writes down what is counted, told and listed",
          "[testing][recording]") {
    RecordingBackend backend{std::make_shared<ScriptedBackend>()};
    REQUIRE(set(backend, "n", "41").done());
    backend.log().reset();
    CHECK(increment(backend, "n").is(42));
    CHECK(increment(backend, "absent").declined());
    CHECK(remaining_lifetime(backend, "n").is(never));
    CHECK(list_keys(backend, "") == Names{"n"});
    CHECK(backend.facts().size() == 1);
    CHECK(peek(backend, "n").found("42"));

    const auto calls = backend.log().calls();
    REQUIRE(calls.size() == 6);
    CHECK(calls[0].verb == Verb::increment);
    CHECK(calls[0].keys.at(0).name == "n");
    CHECK(calls[0].keys.at(0).answer == Answer::done);
    CHECK(calls[1].keys.at(0).answer == Answer::declined);
    CHECK(calls[2].verb == Verb::remaining_lifetime);
    CHECK(calls[2].keys.at(0).name == "n");
    CHECK(calls[3].verb == Verb::list_keys);
    CHECK(calls[3].keys.empty());
    CHECK(calls[4].verb == Verb::facts);
    CHECK(calls[5].verb == Verb::get);
    CHECK(calls[5].keys.at(0).answer == Answer::found);
    for (const auto& call : calls) CHECK_FALSE(call.threw);
    CHECK(backend.log().trips() == 6);
    CHECK(backend.log().keys_set().empty());
}

TEST_CASE("a scripted backend fails what is counted, told and listed, as it is told to",
          "[testing][scripted]") {
    ScriptedBackend backend;
    REQUIRE(set(backend, "n", "1").done());
    backend.fail_next(1);
    CHECK(increment(backend, "n").outcome.failed());
    CHECK(backend.stored("n") == "1");
    backend.lose_next_answers(1);
    CHECK(increment(backend, "n").outcome.failed());
    CHECK(backend.stored("n") == "2");
    backend.fail_keys("n*");
    CHECK(increment(backend, "n").outcome.failed());
    CHECK(remaining_lifetime(backend, "n").outcome.failed());
    backend.go_down();
    CHECK_THROWS_AS(list_keys(backend, ""), BackendError);
    CHECK_THROWS_AS(backend.facts(), BackendError);
    backend.come_back();
    CHECK(increment(backend, "n").is(3));
    CHECK(list_keys(backend, "") == Names{"n"});
}
