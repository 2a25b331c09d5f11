// cachemodel example: how long entries live, and what becomes of them at their end.
// SPDX-License-Identifier: MIT
#include <cachemodel/cachemodel.hpp>
#include <cachemodel/testing/manual_executor.hpp>
#include <cachemodel/testing/scripted_backend.hpp>
#include <cachemodel/testing/turnable_clock.hpp>

#include <iostream>
#include <map>
#include <stdexcept>

using namespace cachemodel;
using namespace std::chrono_literals;

// [model]
struct Quote {
    static constexpr ModelOptions cache_options{.expires = 10s};
    Key<std::string> symbol;
    Field<int> cents;
};
// [/model]

struct Bank {  // the slow source
    std::map<std::string, int> cents = {};
    bool is_down = false;
    int asked = 0;

    int rate(const std::string& currency) {
        ++asked;
        if (is_down) throw std::runtime_error("the bank does not answer");
        const auto found = cents.find(currency);
        if (found == cents.end()) throw Missing{};
        return found->second;
    }
};

// [windows]
struct Rate {
    static constexpr ModelOptions cache_options{
        .expires = 10s, .stale_while_refresh = 10s, .stale_if_error = 1min, .remember_missing = 5s};
    Key<std::string> currency;
    Field<int> cents;

    void from_miss(Bank& bank) { cents = bank.rate(currency); }
};
// [/windows]

// [spread]
struct Flight {
    static constexpr ModelOptions cache_options{.expires = 10s, .early_refresh = 1, .jitter = 0.2};
    Key<int> number;
    Field<std::string> gate;

    void from_miss() { gate = "B5"; }
};
// [/spread]

// [say]
void say(const Models<Rate, Bank&>& rates) {
    try {
        const auto rate = rates.find("EUR");
        std::cout << rate->cents << (rate.stale() ? ", stale\n" : "\n");
    } catch (const std::runtime_error& error) {  // what the loader threw
        std::cout << error.what() << '\n';
    }
}
// [/say]

int ask(int) { return 0; }

int main() {
    testing::TurnableClock clock;
    {
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

    const auto later = std::make_shared<testing::ManualExecutor>();
    const Cache cache{std::make_shared<testing::ScriptedBackend>(clock),
                      {.executor = later, .seed = 1, .clock = clock}};
    Bank bank{.cents = {{"EUR", 100}}};
    const Models<Rate, Bank&> rates{cache, bank};

    // [stale]
    say(rates);  // loaded
    bank.cents["EUR"] = 110;
    clock.advance(15s);
    say(rates);        // 5 s past its end: served at once, and a refresh is begun
    later->run_all();  // a thread of the pool does this otherwise
    say(rates);
    // [/stale]

    // [error]
    bank.is_down = true;
    clock.advance(30s);
    say(rates);  // 20 s past its end: the loader is asked, and fails
    clock.advance(40s);
    say(rates);  // 60 s past its end: gone
    // [/error]

    // [missing]
    bank.is_down = false;
    bank.asked = 0;
    (void)rates.find("XAU");  // the bank has none
    const auto gold = rates.find("XAU");
    std::cout << to_string(gold.reason()) << ", asked " << bank.asked << " time\n";
    rates.save({.currency = "XAU", .cents = 400'000});  // it has one now
    std::cout << rates.get("XAU").cents << '\n';
    // [/missing]

    // [touch_windows]
    rates.save({.currency = "EUR", .cents = 120}, 1min);  // fresh for a minute, then stale as ever
    clock.advance(1min);
    std::cout << rates.find("EUR").stale() << rates.touch("EUR", 1h) << '\n';
    rates.save({.currency = "EUR", .cents = 120});
    std::cout << rates.touch("EUR", 1h) << '\n';  // fresh for an hour, then stale as ever
    // [/touch_windows]

    const Models<Flight> flights{cache};
    // [jitter]
    for (int number = 0; number < 1000; ++number) {
        flights.save({.number = number, .gate = "A1"});  // from 8 to 10 s
    }
    clock.advance(9s);
    int alive = 0;
    for (int number = 0; number < 1000; ++number) alive += flights.exists(number) ? 1 : 0;
    std::cout << alive << " of 1000\n";
    // [/jitter]

    // [url]
    const Cache patient = Cache::open("memory://?stale_if_error=1h&jitter=0.1&load_timeout=2s");
    // [/url]

    // [wrong]
    try {
        const CachedFunction<&ask> call{{.stale_if_error = 1h}};  // and no expires
    } catch (const ConfigError& error) {
        std::cout << error.what() << '\n';
    }
    // [/wrong]
}
