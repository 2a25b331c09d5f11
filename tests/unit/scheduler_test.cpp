// cachemodel: the threads that take turns in tests.
// SPDX-License-Identifier: MIT
#include "support/scheduler.hpp"

#include "support/catch.hpp"

#include <condition_variable>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>

using namespace cachemodel;
using support::Orders;
using support::orders_of;

namespace scheduler_test {

/// What somebody does who writes down his name with each step.
std::function<void()> writer(std::string& text, char name, int steps) {
    return [&text, name, steps] {
        for (int i = 0; i < steps; ++i) {
            Orders::step();
            text += name;
        }
    };
}

}  // namespace scheduler_test

using namespace scheduler_test;

TEST_CASE("two actors are played in all orders, each once", "[scheduler][threads]") {
    std::set<std::string> seen;
    Orders orders;
    while (orders.next()) {
        std::string text;
        orders.play({{2, writer(text, 'a', 2)}, {2, writer(text, 'b', 2)}});
        CHECK(seen.insert(text).second);
    }
    CHECK(orders.count() == 6);
    CHECK(seen == std::set<std::string>{"aabb", "abab", "abba", "baab", "baba", "bbaa"});
}

TEST_CASE("the orders of actors are counted", "[scheduler]") {
    CHECK(orders_of({2, 3}) == 10);
    CHECK(orders_of({3, 3, 3}) == 1680);
    CHECK(orders_of({5}) == 1);
}

TEST_CASE("who takes fewer steps is idle for the rest", "[scheduler][threads]") {
    std::multiset<std::string> seen;
    Orders orders;
    while (orders.next()) {
        std::string text;
        orders.play({{2, writer(text, 'a', 1)}, {1, writer(text, 'b', 1)}});
        seen.insert(text);
    }
    CHECK(orders.count() == 3);
    CHECK(seen == std::multiset<std::string>{"ab", "ab", "ba"});
}

TEST_CASE("an actor that takes too many steps is an error, and so is what one throws",
          "[scheduler][threads]") {
    std::string text;
    Orders orders;
    REQUIRE(orders.next());
    CHECK_THROWS_WITH(orders.play({{1, writer(text, 'a', 2)}}),
                      "an actor took 2 steps, and not at most 1");
    Orders others;
    REQUIRE(others.next());
    CHECK_THROWS_WITH(others.play({{1, [] { throw std::runtime_error("out of order"); }}}),
                      "out of order");
}

TEST_CASE("who sleeps until another one wakes him is passed over", "[scheduler][threads]") {
    std::set<std::string> seen;
    Orders orders;
    while (orders.next()) {
        std::string text;
        std::mutex mutex;
        std::condition_variable changed;
        bool is_awake = false;
        orders.play({{2,
                      [&] {
                          Orders::step();
                          text += 'a';
                          std::unique_lock lock{mutex};
                          changed.wait(lock, [&] { return is_awake; });
                          lock.unlock();
                          Orders::step();
                          text += 'a';
                      }},
                     {3, [&] {
                          Orders::step();
                          text += 'b';
                          Orders::step();
                          text += 'w';
                          {
                              const std::lock_guard lock{mutex};
                              is_awake = true;
                          }
                          changed.notify_all();
                          Orders::step();
                          text += 'b';
                      }}});
        CHECK(seen.insert(text).second);
    }
    // The second a comes after w.
    CHECK(seen ==
          std::set<std::string>{"abwab", "abwba", "bawab", "bawba", "bwaab", "bwaba", "bwbaa"});
}
