// cachemodel example: values under keys of one's own, with all the verbs of a cache.
// SPDX-License-Identifier: MIT
#include <cachemodel/cachemodel.hpp>
#include <cachemodel/key_functions.hpp>
#include <cachemodel/testing/scripted_backend.hpp>
#include <cachemodel/testing/turnable_clock.hpp>

#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

using namespace cachemodel;
using namespace std::chrono_literals;

// [struct]
struct Weather {
    double celsius = 0;
    std::vector<std::string> warnings;
};
// [/struct]

// [key_function]
std::string short_keys(std::string_view prefix, std::uint32_t version, std::string_view key) {
    return std::string{prefix} + '/' + std::to_string(version) + '/' + std::string{key};
}
const bool registered = register_key_function("short", &short_keys);
// [/key_function]

int main() {
    std::cout << std::boolalpha;
    testing::TurnableClock clock;

    // [first]
    const Cache cache = Cache::open("memory://", clock);
    cache.set("greeting", "hello", 30s);
    std::cout << cache.get<std::string>("greeting").value_or("nobody here") << '\n';
    // [/first]

    // [verbs]
    cache.set("graz", Weather{.celsius = 21.5, .warnings = {"thunder"}});
    const auto weather = cache.get<Weather>("graz");
    if (weather.found()) std::cout << weather->celsius << '\n';

    std::cout << cache.get_or("visits", 0) << '\n';         // nothing there: the second argument
    std::cout << cache.add("lock", 1, 10s)                  // stored, as nothing was there
              << ' ' << cache.add("lock", 2, 10s) << '\n';  // not stored
    std::cout << cache.contains("lock") << ' ' << cache.erase("lock") << ' ' << cache.erase("lock")
              << '\n';
    // [/verbs]

    // [answers]
    const auto answer = cache.get<std::string>("graz");  // but a Weather is there
    if (answer.found()) std::cout << *answer << '\n';
    if (answer.absent()) std::cout << "nothing there\n";
    if (answer.failed()) std::cout << answer.failure().message() << '\n';
    // [/answers]

    // [lifetimes]
    cache.set("a", 1);         // the cache's timeout, 300 s
    cache.set("b", 1, never);  // until it is evicted
    cache.set("c", 1, 1500ms);
    cache.set("b", 2, 0s);  // over: removes
    clock.advance(2s);
    std::cout << cache.contains("a") << ' ' << cache.contains("b") << ' ' << cache.contains("c")
              << '\n';
    std::cout << cache.touch("a", 1h) << ' ' << cache.touch("c") << '\n';
    const Cache brief = cache.with_timeout(5s);
    brief.set("d", 1);
    // [/lifetimes]

    // [null]
    cache.set("spouse:7", nullptr);  // known to have none
    const auto spouse = cache.get<std::optional<std::string>>("spouse:7");
    std::cout << spouse.found() << ' ' << spouse->has_value() << '\n';
    std::cout << cache.get<std::optional<std::string>>("spouse:8").found() << '\n';
    // [/null]

    // [counters]
    cache.set("views", 10);
    std::cout << cache.incr("views") << ' ' << cache.decr("views", 4) << '\n';
    std::cout << cache.incr("calls:ada", 1, 1) << ' ' << cache.incr("calls:ada", 1, 1) << '\n';
    try {
        cache.incr("nobody");
    } catch (const Missing& missing) {
        std::cout << missing.what() << '\n';
    }
    // [/counters]

    // [versions]
    const Cache v2 = cache.with_version(2);
    std::cout << cache.final_key("views") << ' ' << v2.final_key("views") << '\n';
    std::cout << v2.contains("views") << '\n';
    std::cout << cache.incr_version("views") << ' ' << v2.get<int>("views").value_or(0) << '\n';
    // [/versions]

    // [keys]
    const Cache shop = Cache::open("memory://?key_prefix=shop&key_function=digest");
    std::cout << shop.final_key("cart 7") << '\n';
    std::cout << Cache::open("memory://?key_prefix=shop&key_function=short").final_key("cart")
              << '\n';
    // [/keys]

    // [many]
    const std::map<std::string, int> prices{{"apple", 3}, {"pear", 4}};
    for (const auto& outcome : cache.set_many(prices, 1h)) {
        if (outcome.failed()) std::cout << outcome.failure().message() << '\n';
    }
    for (const auto& price : cache.get_many<int>({"apple", "plum", "pear"})) {
        std::cout << (price.found() ? std::to_string(*price) : "none") << ' ';
    }
    std::cout << '\n';
    const auto removed = cache.delete_many({"apple", "plum"});
    std::cout << removed[0].done() << ' ' << removed[1].declined() << '\n';
    // [/many]

    // [get_or_set]
    const auto report = [] {
        std::cout << "making it\n";
        return std::string{"a long report"};
    };
    std::cout << cache.get_or_set("report", report, 15min) << '\n';
    std::cout << cache.get_or_set("report", report, 15min) << '\n';
    const auto is_empty = [](const std::string& text) { return text.empty(); };
    cache.get_or_set(
        "draft", [] { return std::string{}; }, 15min, is_empty);
    std::cout << cache.contains("draft") << '\n';
    // [/get_or_set]

    // [raw]
    cache.set_raw("other program's", "as it is");
    std::cout << cache.get_raw("other program's").value_or("") << '\n';
    // [/raw]

    // [clear]
    const Cache songs = cache.with_prefix("songs");
    songs.set("1", "la");
    songs.with_version(2).set("1", "la la");
    std::cout << songs.clear_prefix() << '\n';  // this prefix, all versions
    std::cout << cache.contains("pear") << '\n';
    cache.clear();  // everything in the store, whoever put it there
    std::cout << cache.contains("pear") << '\n';
    // [/clear]

    // [failures]
    const auto server = std::make_shared<testing::ScriptedBackend>();
    server->go_down();
    const Cache strict{server};
    try {
        strict.set("k", 1);
    } catch (const BackendError& error) {
        std::cout << to_string(error.fault()) << '\n';
    }
    const Cache easy{server, {.ignore_errors = true}};
    std::cout << easy.set("k", 1) << ' ' << easy.get_or("k", 7) << ' '
              << easy.get<int>("k").failed() << ' ' << easy.statistics().ignored_errors << '\n';
    // [/failures]
}
