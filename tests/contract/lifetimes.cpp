// cachemodel: the contract of backends: how long entries live.
// SPDX-License-Identifier: MIT
#include "contract/sections.hpp"

#include "support/backend_calls.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace cachemodel::contract {

using namespace support;
using namespace std::chrono_literals;

namespace {

void beginnings(Backend& backend, const ContractOptions& options) {
    SECTION("an entry is there at once, whatever its lifetime") {
        const std::array lifetimes{
            Lifetime{options.short_lifetime},
            Lifetime{24h * 30},
            Lifetime{24h * 30 + 1s},
            Lifetime{24h * 31},
            Lifetime{24h * 365},
            Lifetime{24h * 365 * 20},
            Lifetime{24h * 365 * 200},
            Lifetime{never},
            Lifetime{std::chrono::hours::max()},
            Lifetime{100200ms},
            Lifetime{1h + 1ns},
            Lifetime{std::chrono::nanoseconds::max()},
        };
        for (std::size_t i = 0; i < lifetimes.size(); ++i) {
            INFO("lifetime number " << i);
            const auto key = new_key("lifetime");
            CHECK(set(backend, key, "set", lifetimes[i]).done());
            CHECK(get(backend, key).found("set"));
            CHECK(touch(backend, key, lifetimes[i]).done());
            CHECK(get(backend, key).found("set"));
            const auto added = new_key("lifetime");
            CHECK(add(backend, added, "added", lifetimes[i]).done());
            CHECK(get(backend, added).found("added"));
        }
    }
    SECTION("the shortest lifetime is no error and not for ever") {
        const auto key = new_key("shortest");
        CHECK(set(backend, key, "value", 1ns).done());
        CHECK_FALSE(get(backend, key).failed());
    }
}

/// Tells how long the machine took, which no backend under test can be blamed for.
class Stopwatch {
 public:
    std::chrono::nanoseconds read() const { return std::chrono::steady_clock::now() - start_; }

 private:
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// Whether about `expected` is left of `key`, of which `stopwatch` was started before.
bool has_left(Backend& backend, std::string_view key, std::chrono::nanoseconds expected,
              const Stopwatch& stopwatch) {
    const auto resolution = backend.capabilities().lifetime_resolution;
    const auto remaining = remaining_lifetime(backend, key);
    UNSCOPED_INFO(remaining);
    if (!remaining.outcome.done() || remaining.left.is_never()) return false;
    const auto left = remaining.left.duration();
    return left > std::chrono::nanoseconds{0} && left <= expected + resolution &&
           left >= expected - resolution - stopwatch.read();
}

void remaining(Backend& backend) {
    if (!backend.capabilities().tells_lifetimes) return;
    SECTION("what is left of a lifetime is told to within the resolution") {
        const auto key = new_key("left");
        const Stopwatch stopwatch;
        CHECK(set(backend, key, "v", 10s).done());
        CHECK(has_left(backend, key, 10s, stopwatch));
        CHECK(get(backend, key).found("v"));
        CHECK(has_left(backend, key, 10s, stopwatch));
        CHECK(touch(backend, key, 1h).done());
        CHECK(has_left(backend, key, 1h, stopwatch));
        CHECK(set(backend, key, "w", 24h * 31).done());
        CHECK(has_left(backend, key, 24h * 31, stopwatch));
        const auto added = new_key("left");
        CHECK(add(backend, added, "v", 100200ms).done());
        CHECK(has_left(backend, added, 100200ms, stopwatch));
        CHECK(add(backend, added, "w", never).declined());
        CHECK(has_left(backend, added, 100200ms, stopwatch));
    }
    SECTION("of what never expires everything is left") {
        const auto key = new_key("left");
        CHECK(set(backend, key, "v", never).done());
        CHECK(remaining_lifetime(backend, key).is(never));
        CHECK(touch(backend, key, 1h).done());
        CHECK_FALSE(remaining_lifetime(backend, key).left.is_never());
        CHECK(touch(backend, key, never).done());
        CHECK(remaining_lifetime(backend, key).is(never));
        CHECK(set(backend, key, "v", 10s).done());
        CHECK_FALSE(remaining_lifetime(backend, key).left.is_never());
        CHECK(set(backend, key, "v", never).done());
        CHECK(remaining_lifetime(backend, key).is(never));
    }
    SECTION("of what is not there nothing is told") {
        const auto key = new_key("left");
        CHECK(remaining_lifetime(backend, key).declined());
        CHECK(set(backend, key, "v", 10s).done());
        CHECK(remove(backend, key).done());
        CHECK(remaining_lifetime(backend, key).declined());
    }
    SECTION("writing what was read gives the entry a lifetime of its own") {
        if (!backend.capabilities().compare_and_set) return;
        const auto key = new_key("left");
        const Stopwatch stopwatch;
        CHECK(set(backend, key, "v", never).done());
        CHECK(compare_and_set(backend, key, "w", get(backend, key).token, 10s).done());
        CHECK(has_left(backend, key, 10s, stopwatch));
        CHECK(compare_and_set(backend, key, "x", get(backend, key).token, never).done());
        CHECK(remaining_lifetime(backend, key).is(never));
    }
    SECTION("counting leaves the lifetime as it is") {
        if (!backend.capabilities().atomic_increment) return;
        const auto key = new_key("counter");
        const Stopwatch stopwatch;
        CHECK(set(backend, key, "9", 1h).done());
        CHECK(increment(backend, key, 1).is(10));
        CHECK(has_left(backend, key, 1h, stopwatch));
        CHECK(increment(backend, key, 0).is(10));
        CHECK(has_left(backend, key, 1h, stopwatch));
        CHECK(touch(backend, key, never).done());
        CHECK(increment(backend, key, -1).is(9));
        CHECK(remaining_lifetime(backend, key).is(never));
        const auto text = new_key("text");
        CHECK(set(backend, text, "hi", 10s).done());
        CHECK(increment(backend, text, 1).outcome.failed());
        CHECK(has_left(backend, text, 10s, stopwatch));
    }
}

/// Everything that has to wait is in one section: with real servers, waiting takes real time.
void endings(Backend& backend, const ContractOptions& options) {
    SECTION("entries end with their lifetimes and not before") {
        const Capabilities& can = backend.capabilities();
        const auto shortly = options.short_lifetime;
        const auto set_shortly = new_key("set");
        const auto added_shortly = new_key("add");
        const auto replaced_shortly = new_key("replaced");
        const auto shortened = new_key("shortened");
        const auto extended = new_key("extended");
        const auto made_endless = new_key("made_endless");
        const auto replaced_for_long = new_key("replaced_for_long");
        const auto long_lived = new_key("long");
        const auto longer_lived = new_key("longer");
        const auto endless = new_key("endless");
        const auto compared = new_key("compared");
        const auto not_added = new_key("not_added");
        const auto read_on = new_key("read_on");
        const auto counted = new_key("counted");
        const auto not_counted = new_key("not_counted");
        const auto counted_for_ever = new_key("counted_for_ever");
        const auto half_way = new_key("half_way");
        const Stopwatch stopwatch;

        CHECK(set(backend, set_shortly, "v", shortly).done());
        CHECK(add(backend, added_shortly, "v", shortly).done());
        CHECK(set(backend, replaced_shortly, "v", never).done());
        CHECK(set(backend, replaced_shortly, "w", shortly).done());
        CHECK(set(backend, shortened, "v", 1h).done());
        CHECK(touch(backend, shortened, shortly).done());
        CHECK(set(backend, extended, "v", shortly).done());
        CHECK(touch(backend, extended, 1h).done());
        CHECK(set(backend, made_endless, "v", shortly).done());
        CHECK(touch(backend, made_endless, never).done());
        CHECK(set(backend, replaced_for_long, "v", shortly).done());
        CHECK(set(backend, replaced_for_long, "w", 1h).done());
        CHECK(set(backend, long_lived, "v", 24h * 30).done());
        CHECK(set(backend, longer_lived, "v", 24h * 31).done());
        CHECK(set(backend, endless, "v", never).done());
        CHECK(set(backend, compared, "v", shortly).done());
        const auto token = get(backend, compared).token;

        CHECK(set(backend, not_added, "v", shortly).done());
        CHECK(add(backend, not_added, "w", never).declined());
        CHECK(set(backend, read_on, "v", shortly).done());
        CHECK(set(backend, counted, "1", shortly).done());
        CHECK(set(backend, not_counted, "hi", shortly).done());
        CHECK(set(backend, counted_for_ever, "1", never).done());
        CHECK(set(backend, half_way, "v", 1h).done());

        std::vector<std::string> ending{set_shortly, added_shortly, replaced_shortly,
                                        shortened,   compared,      not_added,
                                        read_on,     counted,       not_counted};
        std::vector<std::string> staying{extended,     made_endless, replaced_for_long, long_lived,
                                         longer_lived, endless,      counted_for_ever,  half_way};
        if (can.atomic_increment) {
            CHECK(increment(backend, counted, 9).is(10));
            CHECK(increment(backend, not_counted, 1).outcome.failed());
            CHECK(increment(backend, counted_for_ever, 9).is(10));
        }
        if (can.compare_and_set) {
            const auto rewritten_shortly = new_key("rewritten_shortly");
            const auto rewritten_for_long = new_key("rewritten_for_long");
            CHECK(set(backend, rewritten_shortly, "v", never).done());
            CHECK(compare_and_set(backend, rewritten_shortly, "w",
                                  get(backend, rewritten_shortly).token, shortly)
                      .done());
            CHECK(set(backend, rewritten_for_long, "v", shortly).done());
            CHECK(compare_and_set(backend, rewritten_for_long, "w",
                                  get(backend, rewritten_for_long).token, 1h)
                      .done());
            ending.push_back(rewritten_shortly);
            staying.push_back(rewritten_for_long);
        }
        CHECK(std::ranges::count_if(get_many(backend, ending), &Read::absent) == 0);
        CHECK(std::ranges::count_if(get_many(backend, staying), &Read::absent) == 0);
        CHECK(peek(backend, read_on).found("v"));

        const auto passing = 2 * shortly + can.lifetime_resolution;
        options.pass(passing);

        // Before a read could have met the expired ones and cleaned up.
        if (can.lists_keys) {
            for (const auto& key : ending) CHECK(list_keys(backend, key).empty());
            for (const auto& key : staying) CHECK(list_keys(backend, key).size() == 1);
        }
        if (can.tells_lifetimes) {
            CHECK(remaining_lifetime(backend, set_shortly).declined());
            CHECK(remaining_lifetime(backend, endless).is(never));
            CHECK(has_left(backend, half_way, 1h - passing, stopwatch));
        }
        CHECK(add(backend, added_shortly, "again").done());
        CHECK(touch(backend, shortened, 1h).declined());
        CHECK(remove(backend, replaced_shortly).declined());
        CHECK(peek(backend, read_on).absent());
        if (can.atomic_increment) {
            CHECK(increment(backend, counted, 1).declined());
            CHECK(increment(backend, counted_for_ever, 1).is(11));
        }
        CHECK(get(backend, added_shortly).found("again"));
        std::erase(ending, added_shortly);

        for (const auto& read : get_many(backend, ending)) CHECK(read.absent());
        for (const auto& read : get_many(backend, staying)) {
            INFO(read);
            CHECK(read.answers == 1);
            CHECK(read.kind == Read::Kind::found);
        }
        CHECK(get(backend, set_shortly).absent());

        // What has expired is as good as removed for every verb.
        CHECK(touch(backend, set_shortly, 1h).declined());
        CHECK(get(backend, set_shortly).absent());
        CHECK(remove(backend, set_shortly).declined());
        CHECK(add(backend, shortened, "again").done());
        CHECK(get(backend, shortened).found("again"));
        if (can.compare_and_set) {
            CHECK(compare_and_set(backend, compared, "w", token).declined());
            CHECK(get(backend, compared).absent());
        }
    }
}

}  // namespace

void lifetimes(Backend& backend, const ContractOptions& options) {
    beginnings(backend, options);
    remaining(backend);
    endings(backend, options);
}

}  // namespace cachemodel::contract
