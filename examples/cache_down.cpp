// cachemodel example: a cache that is down, and a source that fails.
// SPDX-License-Identifier: MIT
#include <cachemodel/cachemodel.hpp>
#include <cachemodel/testing/scripted_backend.hpp>
#include <cachemodel/testing/turnable_clock.hpp>

#include <functional>
#include <iostream>
#include <stdexcept>
#include <thread>
#include <utility>

using namespace cachemodel;
using namespace std::chrono_literals;

struct Source {
    bool is_down = false;
    std::function<void()> while_loading = {};
    int asked = 0;

    std::string page(int id) {
        ++asked;
        if (is_down) throw std::runtime_error("the source does not answer");
        if (id > 100) throw Missing{};
        if (const auto action = std::exchange(while_loading, {})) action();
        return "from the source";
    }
};

// [models]
struct Page {
    static constexpr ModelOptions cache_options{
        .expires = 1min, .stale_if_error = 1h, .lease_wait = 10ms};
    Key<int> id;
    Field<std::string> text;

    void from_miss(Source& source) { text = source.page(id); }
};

struct Note {  // no loader: the cache is all there is
    Key<int> id;
    Field<std::string> text;
};
// [/models]

int main() {
    testing::TurnableClock clock;
    const auto server = std::make_shared<testing::ScriptedBackend>(clock);
    Source source;
    // [cache]
    const Cache cache{server, {.loads_without_cache = 1, .seed = 1, .clock = clock}};
    // [/cache]
    const Models<Page, Source&> pages{cache, source};
    const Models<Note> notes{cache};
    (void)pages.get(1);
    notes.save({.id = 1, .text = "remember"});

    // [down]
    server->go_down(BackendFault::timeout);
    source.asked = 0;
    std::cout << pages.get(1).text << '\n';
    std::cout << pages.get(1).text << ", asked " << source.asked << " times\n";
    std::cout << pages.find(404).absent() << '\n';  // the source has none: it was asked
    std::cout << notes.find(1).failed() << '\n';    // nobody knows
    // [/down]

    // [counters]
    const auto counted = cache.statistics();
    std::cout << counted.read_failures << " reads failed, " << counted.stores << " stored\n";
    // [/counters]

    // [limit]
    std::thread other;
    source.while_loading = [&] {  // one load runs without the cache: as many as may
        other = std::thread{[&] {
            try {
                (void)pages.get(2);
            } catch (const BackendError& error) {
                std::cout << error.what() << '\n';
            }
        }};
        other.join();
    };
    (void)pages.get(1);
    // [/limit]

    // [back]
    server->come_back();
    source.asked = 0;
    std::cout << pages.get(1).text << ", asked " << source.asked << " times\n";
    std::cout << notes.get(1).text << '\n';
    // [/back]

    // [source]
    source.is_down = true;
    for (int i = 0; i < 4; ++i) {
        try {
            (void)pages.get(3);
        } catch (const std::runtime_error& error) {
            std::cout << error.what() << ", asked " << source.asked << '\n';
        }
    }
    clock.advance(1s);  // load_backoff
    source.is_down = false;
    std::cout << pages.get(3).text << '\n';
    // [/source]

    // [stale]
    source.is_down = true;
    clock.advance(30min);
    const auto page = pages.find(1);
    std::cout << page->text << (page.stale() ? ", stale\n" : "\n");
    // [/stale]
}
