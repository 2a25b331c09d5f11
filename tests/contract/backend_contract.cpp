// cachemodel: what every backend that keeps entries must do, as one specification.
// SPDX-License-Identifier: MIT
#include "contract/backend_contract.hpp"

#include "support/backend_calls.hpp"
#include "support/catch.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <string>
#include <thread>
#include <vector>

namespace cachemodel::contract {

namespace {

using namespace std::chrono_literals;
using support::add;
using support::compare_and_set;
using support::get;
using support::get_many;
using support::Read;
using support::remove;
using support::remove_many;
using support::set;
using support::touch;

/// A key that nobody has used before, not even an earlier process on the same server.
std::string new_key(std::string_view name) {
    static std::atomic<int> count{0};
    return "contract:" + std::to_string(::getpid()) + ":" + std::to_string(++count) + ":" +
           std::string{name};
}

bool all_done(const std::vector<Outcome>& outcomes) {
    return std::ranges::all_of(outcomes, &Outcome::done);
}

std::vector<Outcome> store_many(Backend& backend, Store how, const std::vector<Entry>& entries) {
    std::vector<Outcome> outcomes(entries.size(),
                                  Outcome{Failure{BackendFault::protocol, "unanswered"}});
    backend.store_many(how, entries, outcomes);
    return outcomes;
}

void round_trips(Backend& backend) {
    SECTION("a value that was set is found under its key") {
        const auto key = new_key("bob");
        CHECK(get(backend, key).absent());
        CHECK(set(backend, key, "bob@hotmail.com").done());
        CHECK(get(backend, key).found("bob@hotmail.com"));
    }
    SECTION("setting again replaces the whole value") {
        const auto key = new_key("replaced");
        CHECK(set(backend, key, "a long first value").done());
        CHECK(set(backend, key, "short").done());
        CHECK(get(backend, key).found("short"));
    }
    SECTION("an empty value is found, not absent") {
        const auto key = new_key("empty");
        CHECK(set(backend, key, "").done());
        CHECK(get(backend, key).found(""));
        CHECK(add(backend, key, "x").declined());
        CHECK(get_many(backend, {key, key}).at(1).found(""));
    }
    SECTION("every byte value comes back") {
        std::string bytes;
        for (int repeat = 0; repeat < 3; ++repeat) {
            for (int byte = 0; byte < 256; ++byte) bytes += static_cast<char>(byte);
        }
        const auto key = new_key("bytes");
        CHECK(set(backend, key, bytes).done());
        CHECK(get(backend, key).found(bytes));
    }
    SECTION("a value that looks like a server's protocol is only a value") {
        const std::array<std::string, 9> values{
            "END\r\n",
            "\r\nEND\r\n",
            "STORED\r\nEND\r\n",
            "VALUE other 0 5\r\nwrong\r\nEND\r\n",
            "\r\n",
            "$-1\r\n",
            "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n",
            "'; DROP TABLE entries; --",
            std::string{"\0", 1},
        };
        for (const auto& value : values) {
            const auto key = new_key("protocol");
            CHECK(set(backend, key, value).done());
            CHECK(get(backend, key).found(value));
            CHECK(get_many(backend, {new_key("nothing"), key, new_key("nothing")})
                      .at(1)
                      .found(value));
        }
    }
    SECTION("a value of 200,000 bytes comes back") {
        std::string value(200'000, 'x');
        for (std::size_t i = 0; i < value.size(); i += 1000) value[i] = static_cast<char>(i / 1000);
        const auto key = new_key("large");
        CHECK(set(backend, key, value).done());
        CHECK(get(backend, key).found(value));
    }
}

void keys_are_told_apart(Backend& backend) {
    SECTION("keys that resemble each other are different keys") {
        const auto base = new_key("k");
        const std::vector<std::string> keys{
            base,       base + "x",        base + "xx",   base + "X",        base + "\xc3\xa9",
            base + "e", base + "\xcc\x81", base + "\xff", base + "\x80\xfe", base + "/",
            base + ":", base + "%20",      base + "'",    base + "\\",       base + "*",
        };
        for (std::size_t i = 0; i < keys.size(); ++i) {
            CHECK(add(backend, keys[i], "value " + std::to_string(i)).done());
        }
        for (std::size_t i = 0; i < keys.size(); ++i) {
            INFO("key " << keys[i]);
            CHECK(get(backend, keys[i]).found("value " + std::to_string(i)));
        }
        CHECK(remove(backend, keys[1]).done());
        CHECK(get(backend, keys[0]).found("value 0"));
        CHECK(get(backend, keys[2]).found("value 2"));
    }
    SECTION("keys up to 250 bytes long work and are compared to their last byte") {
        auto key = new_key("");
        key.resize(250, 'k');
        auto other = key;
        other.back() = 'l';
        CHECK(set(backend, key, "one").done());
        CHECK(get(backend, other).absent());
        CHECK(set(backend, other, "two").done());
        CHECK(get(backend, key).found("one"));
    }
}

void batches(Backend& backend) {
    SECTION("a call without keys does nothing") {
        CHECK(get_many(backend, {}).empty());
        CHECK(store_many(backend, Store::set, {}).empty());
        CHECK(remove_many(backend, {}).empty());
        backend.touch_many({}, 1h, {});
    }
    SECTION("every key of a read is answered once, in its own place") {
        const auto there = new_key("there");
        const auto empty = new_key("there_and_empty");
        CHECK(set(backend, there, "1").done());
        CHECK(set(backend, empty, "").done());
        const auto reads =
            get_many(backend, {new_key("no"), there, new_key("no"), empty, new_key("no")});
        CHECK(reads[0].absent());
        CHECK(reads[1].found("1"));
        CHECK(reads[2].absent());
        CHECK(reads[3].found(""));
        CHECK(reads[4].absent());
    }
    SECTION("a key asked for twice is answered twice") {
        const auto key = new_key("twice");
        const auto missing = new_key("missing");
        CHECK(set(backend, key, "value").done());
        const auto reads = get_many(backend, {key, missing, key, missing, key});
        CHECK(reads[0].found("value"));
        CHECK(reads[1].absent());
        CHECK(reads[2].found("value"));
        CHECK(reads[3].absent());
        CHECK(reads[4].found("value"));
    }
    SECTION("of two entries under one key the last one stays") {
        const auto key = new_key("double");
        const auto other = new_key("other");
        const auto outcomes =
            store_many(backend, Store::set,
                       {{key, "first", never}, {other, "between", never}, {key, "last", never}});
        CHECK(all_done(outcomes));
        CHECK(get(backend, key).found("last"));
        CHECK(get(backend, other).found("between"));
    }
    SECTION("of two additions under one key the first one stays") {
        const auto key = new_key("double");
        const auto outcomes =
            store_many(backend, Store::add, {{key, "first", never}, {key, "last", never}});
        CHECK(outcomes[0].done());
        CHECK(outcomes[1].declined());
        CHECK(get(backend, key).found("first"));
    }
    SECTION("each key of a writing call has its own outcome") {
        const auto present = new_key("present");
        const auto absent = new_key("absent");
        const auto fresh = new_key("fresh");
        CHECK(set(backend, present, "old").done());
        const auto added =
            store_many(backend, Store::add, {{fresh, "new", never}, {present, "new", never}});
        CHECK(added[0].done());
        CHECK(added[1].declined());
        CHECK(get(backend, present).found("old"));

        const std::vector<std::string_view> keys{absent, present, absent};
        std::vector<Outcome> touched(3, Failure{BackendFault::protocol, "unanswered"});
        backend.touch_many(keys, 1h, touched);
        CHECK(touched[0].declined());
        CHECK(touched[1].done());
        CHECK(touched[2].declined());

        const auto removed = remove_many(backend, {absent, present, fresh, present});
        CHECK(removed[0].declined());
        CHECK(removed[1].done());
        CHECK(removed[2].done());
        CHECK(removed[3].declined());
        CHECK(get(backend, present).absent());
        CHECK(get(backend, fresh).absent());
    }
    SECTION("1500 keys in one call are 1500 answers") {
        std::vector<std::string> keys;
        std::vector<std::string> values;
        for (int i = 0; i < 1500; ++i) {
            keys.push_back(new_key("many"));
            values.push_back("value number " + std::to_string(i));
        }
        std::vector<Entry> entries;
        for (std::size_t i = 0; i < keys.size(); i += 2) {
            entries.push_back({keys[i], values[i], never});
        }
        CHECK(all_done(store_many(backend, Store::set, entries)));
        const auto reads = get_many(backend, keys);
        int wrong = 0;
        for (std::size_t i = 0; i < keys.size(); ++i) {
            const bool right = i % 2 == 0 ? reads[i].found(values[i]) : reads[i].absent();
            if (!right) ++wrong;
        }
        CHECK(wrong == 0);
        const auto removed = remove_many(backend, keys);
        CHECK(std::ranges::count_if(removed, &Outcome::done) == 750);
        CHECK(std::ranges::count_if(removed, &Outcome::declined) == 750);
        CHECK(std::ranges::count_if(get_many(backend, keys), &Read::absent) == 1500);
    }
}

void conditional_writes(Backend& backend) {
    SECTION("add stores where nothing is and declines where something is") {
        const auto key = new_key("add");
        CHECK(add(backend, key, "first").done());
        CHECK(add(backend, key, "second").declined());
        CHECK(get(backend, key).found("first"));
        CHECK(remove(backend, key).done());
        CHECK(add(backend, key, "third").done());
        CHECK(get(backend, key).found("third"));
    }
    SECTION("remove tells whether there was something") {
        const auto key = new_key("remove");
        CHECK(remove(backend, key).declined());
        CHECK(set(backend, key, "value").done());
        CHECK(remove(backend, key).done());
        CHECK(get(backend, key).absent());
        CHECK(remove(backend, key).declined());
    }
    SECTION("touch tells whether there was something and changes no value") {
        const auto key = new_key("touch");
        CHECK(touch(backend, key, 1h).declined());
        CHECK(get(backend, key).absent());
        CHECK(set(backend, key, "value").done());
        CHECK(touch(backend, key, 1h).done());
        CHECK(touch(backend, key, never).done());
        CHECK(touch(backend, key, 24h * 365).done());
        CHECK(get(backend, key).found("value"));
    }
    if (!backend.capabilities().compare_and_set) return;
    SECTION("compare-and-set stores where the entry is still the one that was read") {
        const auto key = new_key("compare");
        CHECK(set(backend, key, "one").done());
        const auto read = get(backend, key);
        CHECK(compare_and_set(backend, key, "two", read.token).done());
        CHECK(get(backend, key).found("two"));
    }
    SECTION("compare-and-set declines where the entry has changed, even to the same value") {
        const auto key = new_key("compare");
        CHECK(set(backend, key, "one").done());
        const auto token = get(backend, key).token;
        CHECK(set(backend, key, "one").done());
        CHECK(compare_and_set(backend, key, "two", token).declined());
        CHECK(get(backend, key).found("one"));
        const auto second = get(backend, key).token;
        CHECK(compare_and_set(backend, key, "two", second).done());
        CHECK(compare_and_set(backend, key, "three", second).declined());
        CHECK(get(backend, key).found("two"));
    }
    SECTION("compare-and-set declines where the entry is gone, or gone and back") {
        const auto key = new_key("compare");
        CHECK(compare_and_set(backend, key, "two", 12345).declined());
        CHECK(get(backend, key).absent());
        CHECK(set(backend, key, "one").done());
        const auto token = get(backend, key).token;
        CHECK(remove(backend, key).done());
        CHECK(compare_and_set(backend, key, "two", token).declined());
        CHECK(get(backend, key).absent());
        CHECK(set(backend, key, "one").done());
        CHECK(compare_and_set(backend, key, "two", token).declined());
        CHECK(get(backend, key).found("one"));
    }
    SECTION("compare-and-set without a token overwrites nothing") {
        const auto key = new_key("compare");
        CHECK(set(backend, key, "one").done());
        CHECK(compare_and_set(backend, key, "two", 0).declined());
        CHECK(get(backend, key).found("one"));
    }
    SECTION("a token belongs to its key") {
        const auto key = new_key("compare");
        const auto other = new_key("compare");
        CHECK(set(backend, key, "one").done());
        CHECK(set(backend, other, "one").done());
        CHECK(compare_and_set(backend, key, "two", get(backend, other).token).declined());
        CHECK(get(backend, key).found("one"));
    }
    SECTION("tokens of a batch read belong to their keys") {
        const auto key = new_key("compare");
        const auto other = new_key("compare");
        CHECK(set(backend, key, "one").done());
        CHECK(set(backend, other, "two").done());
        const auto reads = get_many(backend, {other, new_key("none"), key});
        const auto outcomes = store_many(
            backend, Store::compare_and_set,
            {{key, "three", never, reads[2].token}, {other, "x", never, reads[2].token}});
        CHECK(outcomes[0].done());
        CHECK(outcomes[1].declined());
        CHECK(get(backend, key).found("three"));
        CHECK(get(backend, other).found("two"));
    }
}

void lifetimes(Backend& backend, const ContractOptions& options) {
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
    SECTION("entries end with their lifetimes and not before") {
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

        const std::vector<std::string> ending{set_shortly, added_shortly, replaced_shortly,
                                              shortened, compared};
        const std::vector<std::string> staying{extended,   made_endless, replaced_for_long,
                                               long_lived, longer_lived, endless};
        CHECK(std::ranges::count_if(get_many(backend, ending), &Read::absent) == 0);
        CHECK(std::ranges::count_if(get_many(backend, staying), &Read::absent) == 0);

        options.pass(2 * shortly + backend.capabilities().lifetime_resolution);

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
        CHECK(add(backend, added_shortly, "again").done());
        CHECK(get(backend, added_shortly).found("again"));
        if (backend.capabilities().compare_and_set) {
            CHECK(compare_and_set(backend, compared, "w", token).declined());
            CHECK(get(backend, compared).absent());
        }
    }
}

void sizes(Backend& backend) {
    const std::size_t largest = backend.capabilities().largest_value;
    if (largest > std::size_t{64} << 20) return;
    SECTION("the largest value that is claimed fits") {
        const auto key = new_key("largest");
        const std::string value(largest - key.size(), 'x');
        CHECK(set(backend, key, value).done());
        const auto read = get(backend, key);
        CHECK(read.found());
        CHECK(read.value.size() == value.size());
        CHECK(remove(backend, key).done());
    }
    SECTION("a value that is too large says so and leaves nothing of the old entry") {
        const auto key = new_key("too_large");
        const auto other = new_key("other");
        const std::string value(largest + 1, 'x');
        CHECK(set(backend, key, "old").done());
        const auto outcomes =
            store_many(backend, Store::set, {{key, value, never}, {other, "small", never}});
        REQUIRE(outcomes[0].failed());
        CHECK(outcomes[0].failure().fault() == BackendFault::value_too_large);
        try {
            outcomes[0].failure().rethrow();
        } catch (const ValueTooLarge& error) {
            CHECK(error.size() > error.limit());
            CHECK(error.limit() <= largest);
        }
        CHECK_THROWS_AS(outcomes[0].failure().rethrow(), ValueTooLarge);
        CHECK(outcomes[1].done());
        CHECK(get(backend, key).absent());
        CHECK(get(backend, other).found("small"));
    }
    SECTION("a value that is too large to be added changes nothing") {
        const auto key = new_key("too_large");
        const auto absent = new_key("too_large");
        const std::string value(largest + 1, 'x');
        CHECK(set(backend, key, "old").done());
        CHECK_FALSE(add(backend, key, value).done());
        CHECK(add(backend, absent, value).failed());
        CHECK(get(backend, key).found("old"));
        CHECK(get(backend, absent).absent());
    }
}

}  // namespace

void backend_contract(Backend& backend, const ContractOptions& options) {
    round_trips(backend);
    keys_are_told_apart(backend);
    batches(backend);
    conditional_writes(backend);
    lifetimes(backend, options);
    sizes(backend);
    SECTION("a backend that was closed goes on with the next call") {
        const auto key = new_key("close");
        CHECK(set(backend, key, "one").done());
        backend.close();
        CHECK(get(backend, key).found("one"));
        backend.close();
        backend.close();
        CHECK(set(backend, key, "two").done());
        CHECK(get(backend, key).found("two"));
    }
}

void backend_contract_of_clear(Backend& backend) {
    SECTION("clear removes everything, and the store goes on") {
        const auto key = new_key("clear");
        const auto other = new_key("clear");
        CHECK(set(backend, key, "one", 1h).done());
        CHECK(set(backend, other, "two", never).done());
        backend.clear();
        CHECK(get(backend, key).absent());
        CHECK(get(backend, other).absent());
        CHECK(remove(backend, key).declined());
        CHECK(add(backend, key, "three").done());
        CHECK(get(backend, key).found("three"));
        backend.clear();
        backend.clear();
        CHECK(get(backend, key).absent());
    }
}

void backend_contract_of_threads(Backend& backend) {
    constexpr std::size_t thread_count = 8;
    const auto in_threads = [&](auto work) {
        std::vector<std::thread> threads;
        for (std::size_t i = 0; i < thread_count; ++i) threads.emplace_back(work, i);
        for (auto& thread : threads) thread.join();
    };

    SECTION("readers never see a part of one value and a part of another") {
        const std::vector<std::string> keys{new_key("torn"), new_key("torn"), new_key("torn")};
        std::atomic<int> torn{0};
        std::atomic<int> failures{0};
        in_threads([&](std::size_t number) {
            const char letter = static_cast<char>('a' + number);
            for (std::size_t i = 0; i < 200; ++i) {
                const auto& key = keys[i % keys.size()];
                if (number % 2 == 0) {
                    // Lengths differ, so that memory is given back and taken again.
                    if (!set(backend, key, std::string(100 + 700 * number + i, letter)).done()) {
                        ++failures;
                    }
                    if (i % 20 == 0 && remove(backend, key).failed()) ++failures;
                } else {
                    for (const auto& read : get_many(backend, keys)) {
                        if (read.failed() || read.answers != 1) ++failures;
                        const bool whole =
                            std::ranges::count(read.value,
                                               read.value.empty() ? 'x' : read.value[0]) ==
                            static_cast<std::ptrdiff_t>(read.value.size());
                        if (!whole) ++torn;
                    }
                }
            }
        });
        CHECK(torn == 0);
        CHECK(failures == 0);
    }
    SECTION("each thread reads its own writes") {
        std::atomic<int> wrong{0};
        in_threads([&](std::size_t number) {
            const auto key = new_key("own");
            for (int i = 0; i < 200; ++i) {
                const auto value = std::to_string(number) + ":" + std::to_string(i);
                if (!set(backend, key, value).done()) ++wrong;
                if (!get(backend, key).found(value)) ++wrong;
            }
        });
        CHECK(wrong == 0);
    }
    SECTION("of all who add a key at once one wins, and its value stays") {
        for (int round = 0; round < 50; ++round) {
            const auto key = new_key("winner");
            std::atomic<int> winners{0};
            std::atomic<int> failures{0};
            std::atomic<std::size_t> winner{thread_count};
            in_threads([&](std::size_t number) {
                const auto outcome = add(backend, key, std::to_string(number));
                if (outcome.done()) {
                    ++winners;
                    winner = number;
                }
                if (outcome.failed()) ++failures;
            });
            CHECK(winners == 1);
            CHECK(failures == 0);
            CHECK(get(backend, key).found(std::to_string(winner)));
        }
    }
    if (backend.capabilities().compare_and_set) {
        SECTION("counting by compare-and-set loses no step") {
            const auto key = new_key("counter");
            CHECK(set(backend, key, "0").done());
            std::atomic<int> failures{0};
            in_threads([&](std::size_t) {
                for (int i = 0; i < 25;) {
                    const auto read = get(backend, key);
                    int count = 0;
                    std::from_chars(read.value.data(), read.value.data() + read.value.size(),
                                    count);
                    const auto outcome =
                        compare_and_set(backend, key, std::to_string(count + 1), read.token);
                    if (outcome.done()) ++i;
                    if (outcome.failed() || !read.found()) {
                        ++failures;
                        return;
                    }
                }
            });
            CHECK(failures == 0);
            CHECK(get(backend, key).found("200"));
        }
    }
}

}  // namespace cachemodel::contract
