// cachemodel example: testing code that uses the library.
// SPDX-License-Identifier: MIT
#include <cachemodel/cachemodel.hpp>
#include <cachemodel/testing/invalidation_check.hpp>
#include <cachemodel/testing/manual_executor.hpp>
#include <cachemodel/testing/recording_backend.hpp>
#include <cachemodel/testing/scripted_backend.hpp>
#include <cachemodel/testing/turnable_clock.hpp>

#include <iostream>

using namespace cachemodel;
using namespace std::chrono_literals;

// [subject]
struct Article {
    Key<int> id;
    Field<std::string> title;
};

// The code under test uses the default cache.
void show_front_page() {
    for (const int id : {1, 2}) CacheModel{Article{.id = id, .title = "draft"}}.save();
}
void publish(int id) { CacheModel{Article{.id = id, .title = "published"}}.save(); }
// [/subject]

// [headline]
struct Headline {
    static constexpr ModelOptions cache_options{.expires = 1min, .stale_while_refresh = 1h};
    Key<int> day;
    Field<std::string> text;

    void from_miss() { text = "nothing new"; }
};
// [/headline]

int main() {
    // [scope]
    const ScopedCaches for_one_test;  // nothing is configured, and all is put back at the end
    const auto store = std::make_shared<testing::ScriptedBackend>();
    const auto recording = std::make_shared<testing::RecordingBackend>(store);
    caches().configure("default", Cache{recording});
    // [/scope]

    // [log]
    show_front_page();
    std::cout << recording->log().trips() << " round trips\n";
    for (const auto& key : recording->log().keys_set()) std::cout << key << '\n';
    // [/log]

    // [invalidation]
    const testing::InvalidationCheck check{recording->log(), "*Article*"};
    publish(1);
    try {
        check.require_all_invalidated();
    } catch (const testing::AssertionFailure& failure) {
        std::cout << failure.what() << '\n';
    }
    // [/invalidation]

    // [fault]
    store->fail_next(1, BackendFault::timeout);
    std::cout << CacheModel<Article>::find(1).failed() << CacheModel<Article>::find(1).found()
              << '\n';
    // [/fault]

    // [background]
    testing::TurnableClock clock;
    const auto later = std::make_shared<testing::ManualExecutor>();
    const Cache cache{std::make_shared<testing::ScriptedBackend>(clock),
                      {.executor = later, .seed = 1, .clock = clock}};
    const Models<Headline> headlines{cache};
    (void)headlines.get(1);
    clock.advance(1min);  // to its end
    std::cout << headlines.find(1).stale() << ", " << later->size() << " task waits\n";
    later->run_all();
    std::cout << headlines.find(1).stale() << '\n';
    // [/background]
}
