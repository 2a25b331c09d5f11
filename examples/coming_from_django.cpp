// cachemodel example: Django's calls, and what they are here.
// SPDX-License-Identifier: MIT
#include <cachemodel/cachemodel.hpp>

#include <iostream>
#include <map>

using namespace cachemodel;
using namespace std::chrono_literals;

struct Question {
    std::string text;
    int votes = 0;
};

int main() {
    // [configure]
    caches().configure("default", "memory://?timeout=60");
    caches().configure("sessions", "memory://sessions?key_prefix=site1&timeout=never");
    const Cache cache = caches()["default"];
    // [/configure]

    // [basic]
    cache.set("my_key", "hello, world!", 30s);
    std::cout << cache.get_or("my_key", "expired") << '\n';
    std::cout << cache.get_or("other_key", "expired") << '\n';
    std::cout << cache.add("my_key", "New value") << '\n';  // something is there: false
    std::cout << cache.erase("my_key") << cache.contains("my_key") << '\n';
    // [/basic]

    // [null]
    cache.set("winner", nullptr);  // it is known that there is none
    const auto winner = cache.get<std::optional<std::string>>("winner");
    std::cout << winner.found() << winner->has_value() << '\n';
    std::cout << cache.get<std::optional<std::string>>("loser").found() << '\n';
    // [/null]

    // [null_default]
    try {
        std::cout << cache.get_or("winner", "nobody") << '\n';
    } catch (const TypeMismatch& mismatch) {
        std::cout << mismatch.what() << '\n';
    }
    const auto either = cache.get_or("winner", std::optional<std::string>{"nobody"});
    std::cout << either.value_or("null") << '\n';
    // [/null_default]

    // [typed]
    cache.set("question", Question{.text = "What's new?", .votes = 3});
    std::cout << cache.get<Question>("question")->text << '\n';
    const auto number = cache.get<int>("question");  // it is none
    try {
        std::cout << *number;
    } catch (const TypeMismatch& mismatch) {
        std::cout << mismatch.what() << '\n';
    }
    // [/typed]

    // [get_or_set]
    const auto votes = cache.get_or_set(
        "votes", [] { return 100; }, 10min);  // runs once for all that ask at the same time
    std::cout << votes << '\n';
    // [/get_or_set]

    // [many]
    const std::map<std::string, int> scores{{"a", 1}, {"b", 2}};
    for (const auto& outcome : cache.set_many(scores)) std::cout << outcome.done();
    for (const auto& score : cache.get_many<int>({"a", "b", "c"})) {
        std::cout << ' ' << (score.found() ? *score : -1);
    }
    int removed = 0;
    for (const auto& outcome : cache.delete_many({"a", "c"})) removed += outcome.done() ? 1 : 0;
    std::cout << ' ' << removed << '\n';
    // [/many]

    // [incr]
    cache.set("num", 1, 1h);
    std::cout << cache.incr("num") << ' ' << cache.incr("num", 10) << ' ' << cache.decr("num")
              << '\n';  // and still gone an hour after set
    try {
        cache.incr("nothing");
    } catch (const Missing&) {
        std::cout << "nothing is there to count\n";
    }
    std::cout << cache.incr("hits", 1, 1) << cache.incr("hits", 1, 1) << '\n';  // an initial value
    // [/incr]

    // [version]
    const Cache second = cache.with_version(2);
    second.set("my_key", "of version 2");
    std::cout << cache.get<std::string>("my_key").found() << '\n';
    std::cout << second.incr_version("my_key") << '\n';
    std::cout << cache.with_version(3).get_or("my_key", "gone") << '\n';
    // [/version]

    // [errors]
    try {
        caches().configure("default", "memory://?TIMOUT=60");
    } catch (const ConfigError& error) {
        const std::string message = error.what();
        std::cout << message.substr(0, message.find(';')) << '\n';  // what may be meant follows
    }
    // [/errors]

    // [shared]
    std::cout << cache.final_key("k") << ' ' << caches()["sessions"].final_key("k") << '\n';
    cache.set_raw("from_python", "42");
    std::cout << *cache.get<int>("from_python") << '\n';  // an integer is its digits, for both
    cache.set_raw("pickled", "\x80\x04K*.");
    const auto pickled = cache.get<int>("pickled");
    std::cout << pickled.absent() << ' ' << to_string(pickled.reason()) << '\n';
    std::cout << cache.get_raw("pickled")->size() << '\n';  // the bytes as they are
    // [/shared]
}
