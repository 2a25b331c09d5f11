// cachemodel example: how long entries live.
// SPDX-License-Identifier: MIT
#include <cachemodel/cachemodel.hpp>
#include <cachemodel/testing/turnable_clock.hpp>

#include <iostream>

using namespace cachemodel;
using namespace std::chrono_literals;

// [model]
struct Quote {
    static constexpr ModelOptions cache_options{.expires = 10s};
    Key<std::string> symbol;
    Field<int> cents;
};
// [/model]

int main() {
    testing::TurnableClock clock;
    const Models<Quote> quotes{Cache::open("memory://", clock)};

    // [save]
    quotes.save({.symbol = "ABC", .cents = 100});         // the model's lifetime, 10 s
    quotes.save({.symbol = "DEF", .cents = 200}, 1min);   // another one
    quotes.save({.symbol = "GHI", .cents = 300}, never);  // until it is evicted
    clock.advance(10s);
    std::cout << quotes.exists("ABC") << quotes.exists("DEF") << quotes.exists("GHI") << '\n';
    // [/save]

    // [touch]
    quotes.touch("DEF", 1h);  // from now on
    clock.advance(30min);
    std::cout << quotes.exists("DEF") << '\n';
    // [/touch]

    // [zero]
    quotes.save({.symbol = "GHI", .cents = 301}, 0s);  // stores nothing, removes what was there
    std::cout << quotes.exists("GHI") << '\n';
    // [/zero]
}
