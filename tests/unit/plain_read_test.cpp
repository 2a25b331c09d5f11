// cachemodel: a model that is read by the short way, compared with the same read by the long one.
// SPDX-License-Identifier: MIT
#include <cachemodel/detail/origin.hpp>
#include <cachemodel/models.hpp>
#include <cachemodel/observer.hpp>

#include "support/catch.hpp"
#include "support/decorators.hpp"
#include "support/load_rig.hpp"

#include <chrono>
#include <cstring>
#include <exception>
#include <functional>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace cachemodel;
using namespace std::chrono_literals;
using support::Table;

namespace plain_read_test {

template <int early_refresh, int verify>
struct Price {
    static constexpr ModelOptions cache_options{.expires = 10s,
                                                .stale_while_refresh = 10s,
                                                .stale_if_error = 20s,
                                                .remember_missing = 5s,
                                                .early_refresh = early_refresh,
                                                .verify = verify,
                                                .name = "price"};
    Key<std::string> name;
    Field<int> cents = 7;

    void from_miss(Table& table) { cents = table.row(name); }
};

/// Nothing stands behind it.
struct Tag {
    static constexpr ModelOptions cache_options{.expires = 10s, .name = "price"};
    Key<std::string> name;
    Field<int> cents = 7;
};

struct WithText {
    static constexpr ModelOptions cache_options{.expires = 10s, .name = "price"};
    Key<std::string> name;
    Field<std::string> cents = "a hundred";
};

struct WithoutCents {
    static constexpr ModelOptions cache_options{.expires = 10s, .name = "price"};
    Key<std::string> name;
    Field<int> ounces = 4;
};

/// Everything that it is told, as text.
class Listener final : public Observer {
 public:
    void round_trip(const RoundTrip& trip) override {
        told += std::string{to_string(trip.operation)} + ' ' + std::to_string(trip.keys) + ' ' +
                std::to_string(trip.done) + ' ' + std::to_string(trip.declined) + ' ' +
                std::to_string(trip.failed) + ' ' + std::to_string(trip.bytes) + '\n';
    }
    void ignored_error(const IgnoredError& error) override {
        told += "ignored " + error.failure.message() + '\n';
    }
    void failed_load(const FailedLoad& load) override {
        told += "failed load of " + std::string{load.key} + '\n';
    }
    void mismatch(const Mismatch& mismatch) override {
        told += "mismatch of " + std::string{mismatch.key} + '\n';
    }

    std::string told;
};

/// Answers in the order of the keys, or backwards.
class Backwards final : public support::Decorator {
 public:
    Backwards(std::shared_ptr<Backend> backend, bool is_backwards)
        : Decorator(std::move(backend)), is_backwards_(is_backwards) {}

    void get_many(std::span<const std::string_view> keys, ReadSink& sink) override {
        if (!is_backwards_) return backend().get_many(keys, sink);
        struct Turning final : ReadSink {
            Turning(ReadSink& to_, std::size_t count_) : to(to_), count(count_) {}
            void found(std::size_t i, std::string_view value,
                       std::uint64_t token) noexcept override {
                to.found(count - 1 - i, value, token);
            }
            void absent(std::size_t i) noexcept override { to.absent(count - 1 - i); }
            void failed(std::size_t i, const Failure& failure) noexcept override {
                to.failed(count - 1 - i, failure);
            }
            ReadSink& to;
            std::size_t count;
        } turning{sink, keys.size()};
        const std::vector<std::string_view> turned(keys.rbegin(), keys.rend());
        backend().get_many(turned, turning);
    }

 private:
    bool is_backwards_;
};

struct Rig : support::LoadRig {
    Rig(bool ignores_errors, bool is_observed, bool is_backwards = false) {
        cache = Cache{
            std::make_shared<Backwards>(recording, is_backwards),
            {.executor = executor, .seed = 1, .ignore_errors = ignores_errors, .clock = clock}};
        if (is_observed) cache.observe(listener);
    }

    /// Lets the only entry be other bytes.
    void change(const std::function<void(std::string&)>& change) {
        const std::string key = scripted->keys().at(0);
        std::string entry = scripted->stored(key).value();
        change(entry);
        scripted->plant(key, entry, 40s);
    }

    std::shared_ptr<Listener> listener = std::make_shared<Listener>();
};

/// What a read of "tea" gave.
template <class M>
std::string shown(Lookup<M> lookup) {
    if (lookup.failed()) return "failed: " + lookup.failure().message();
    if (lookup.absent()) return "absent: " + std::string{to_string(lookup.reason())};
    const auto revision = detail::OriginAccess::of(lookup).revision;
    return *lookup->name + " costs " + std::to_string(*lookup->cents) +
           (lookup.stale() ? ", stale" : "") +
           (revision == detail::Revision{} ? ""
                                           : ", revision " + std::to_string(revision.checksum));
}

/// Where one key is given twice, it is read once, and all of them by the long way. One key is read
/// alone by the short way.
template <class Door>
std::string read(const Door& prices, std::vector<std::string> names, bool by_long_way) {
    try {
        if (names.size() == 1 && !by_long_way) return shown(prices.find(names.front()));
        const std::size_t count = names.size();
        if (by_long_way) names.push_back(names.front());
        auto lookups = prices.get_many(names);
        std::string text;
        for (std::size_t i = 0; i < count; ++i) text += shown(std::move(lookups[i])) + '\n';
        return count == 1 ? text.substr(0, text.size() - 1) : text;
    } catch (const std::bad_alloc&) {
        return "no memory";
    } catch (const std::exception& error) {
        return std::string{"failed: "} + error.what();
    }
}

template <class M>
auto door_of(Rig& rig) {
    if constexpr (requires(M model, Table & table) { model.from_miss(table); }) {
        return Models<M, Table&>{rig.cache, rig.table};
    } else {
        return Models<M>{rig.cache};
    }
}

struct Scenario {
    const char* name;
    std::function<void(Rig&)> prepare;
};

const std::vector<Scenario> scenarios{
    {"the entry is there", [](Rig&) {}},
    {"nothing is there", [](Rig& rig) { rig.scripted->lose("*"); }},
    {"neither the cache nor the source has it",
     [](Rig& rig) {
         rig.scripted->lose("*");
         rig.table.rows.clear();
     }},
    {"the source fails, too",
     [](Rig& rig) {
         rig.scripted->lose("*");
         rig.table.is_broken = true;
     }},
    {"shortly before its end", [](Rig& rig) { rig.clock.advance(9'999ms); }},
    {"at its end", [](Rig& rig) { rig.clock.advance(10s); }},
    {"stale", [](Rig& rig) { rig.clock.advance(15s); }},
    {"stale, and the source fails",
     [](Rig& rig) {
         rig.clock.advance(25s);
         rig.table.is_broken = true;
     }},
    {"older than it may be", [](Rig& rig) { rig.clock.advance(35s); }},
    {"cut off", [](Rig& rig) { rig.change([](auto& entry) { entry.resize(entry.size() - 3); }); }},
    {"one byte is another",
     [](Rig& rig) { rig.change([](auto& entry) { entry[entry.size() / 2] ^= 1; }); }},
    {"foreign bytes", [](Rig& rig) { rig.change([](auto& entry) { entry = "hello"; }); }},
    {"empty", [](Rig& rig) { rig.change([](auto& entry) { entry.clear(); }); }},
    {"a later release's",
     [](Rig& rig) {
         rig.change([](auto& entry) {
             entry[2] = 9;
             entry.resize(entry.size() - 8);
             detail::end_entry(entry);
         });
     }},
    {"another key's",
     [](Rig& rig) {
         rig.change([](auto& entry) {
             entry[entry.find("\"tea\"") + 1] = 's';
             entry.resize(entry.size() - 8);
             detail::end_entry(entry);
         });
     }},
    {"a body that goes on",
     [](Rig& rig) {
         rig.change([](auto& entry) {
             entry.resize(entry.size() - 8);
             entry += '\0';
             detail::end_entry(entry);
         });
     }},
    {"a member of another type",
     [](Rig& rig) { Models<WithText>{rig.cache}.save(WithText{.name = "tea"}); }},
    {"a member is absent",
     [](Rig& rig) { Models<WithoutCents>{rig.cache}.save(WithoutCents{.name = "tea"}); }},
    {"removed",
     [](Rig& rig) {
         Models<Price<0, 0>, Table&>{rig.cache, rig.table}.remove("tea");
     }},
    {"known to be missing",
     [](Rig& rig) {
         rig.scripted->lose("*");
         rig.table.rows.clear();
         (void)Models<Price<0, 0>, Table&>{rig.cache, rig.table}.find("tea");
     }},
    {"the backend is down", [](Rig& rig) { rig.scripted->go_down(); }},
    {"the backend fails once", [](Rig& rig) { rig.scripted->fail_next(1); }},
    {"no memory", [](Rig& rig) { rig.scripted->throw_next(std::bad_alloc{}); }},
};

/// How it is read.
struct Way {
    bool ignores_errors;
    bool is_observed;
    bool is_backwards = false;
    std::vector<std::string> names = {"tea"};
};

/// Everything that can be told from a read.
template <class M>
std::string report(const Scenario& scenario, const Way& way, bool by_long_way) {
    Rig rig{way.ignores_errors, way.is_observed, way.is_backwards};
    const auto prices = door_of<M>(rig);
    M tea;
    tea.name = "tea";
    tea.cents = 90;
    prices.save(tea);
    if (way.names.size() > 1) {
        M water;  // behind the tea, which stays the first entry
        water.name = "water";
        water.cents = 40;
        prices.save(water);
        rig.table.rows["milk"] = 60;
    }
    scenario.prepare(rig);
    rig.log().reset();
    rig.table.take_asked();

    std::string text = read(prices, way.names, by_long_way) + '\n';
    for (const Statistics& counted : {rig.cache.statistics(), prices.statistics()}) {
        std::vector<std::uint64_t> numbers(sizeof counted / sizeof(std::uint64_t));
        std::memcpy(numbers.data(), &counted, sizeof counted);
        for (const auto number : numbers) text += std::to_string(number) + ' ';
        text += '\n';
    }
    text += std::to_string(rig.cache.latencies().reads.count()) + " timed, " +
            std::to_string(rig.log().trips()) + " trips, " +
            std::to_string(rig.table.take_asked()) + " questions, " +
            std::to_string(rig.executor->size()) + " tasks\n";
    for (const auto& key : rig.scripted->keys()) text += key + '\n';
    text += rig.listener->told;
    // And once more, with what it has left behind.
    text += read(prices, way.names, by_long_way);
    return text;
}

template <class M>
void compare() {
    for (const auto& scenario : scenarios) {
        for (const bool ignores_errors : {false, true}) {
            for (const bool is_observed : {false, true}) {
                INFO(scenario.name << ", " << ignores_errors << is_observed);
                const Way way{ignores_errors, is_observed};
                CHECK(report<M>(scenario, way, false) == report<M>(scenario, way, true));
                for (const bool is_backwards : {false, true}) {
                    INFO("several keys" << (is_backwards ? ", backwards" : ""));
                    const Way of_many{
                        ignores_errors, is_observed, is_backwards, {"milk", "tea", "water", "ink"}};
                    CHECK(report<M>(scenario, of_many, false) ==
                          report<M>(scenario, of_many, true));
                }
            }
        }
    }
}

}  // namespace plain_read_test

using namespace plain_read_test;

TEST_CASE("a model without a loader is the same by the short way and by the long one",
          "[models][plain]") {
    compare<Tag>();
}

TEST_CASE("a model with a loader is the same by the short way and by the long one",
          "[models][plain]") {
    compare<Price<0, 0>>();
}

TEST_CASE("what may be refreshed early or verified is the same by both ways", "[models][plain]") {
    compare<Price<0, 1>>();
    compare<Price<900, 0>>();
}

TEST_CASE("a hit by the short way is what was saved, and is read once", "[models][plain]") {
    Rig rig{false, true};
    const Models<Price<0, 0>, Table&> prices{rig.cache, rig.table};
    prices.save(Price<0, 0>{.name = "tea", .cents = 90});
    CHECK(*prices.get("tea").cents == 90);
    CHECK(rig.counted().hits == 1);
    CHECK(prices.statistics().hits == 1);
    CHECK(rig.log().trips(testing::Verb::get) == 1);
    CHECK(rig.table.asked.empty());

    rig.scripted->lose("*");
    CHECK(*prices.get("tea").cents == 100);
    CHECK(rig.counted().misses(MissReason::nothing_stored) == 1);
    CHECK(rig.counted().loads == 1);
}

TEST_CASE("of several, those that are no plain hits are loaded, each into its own place",
          "[models][plain]") {
    Rig rig{false, true, true};
    for (int i = 0; i < 40; ++i) rig.table.rows["price " + std::to_string(i)] = 1000 + i;
    const Models<Price<0, 0>, Table&> prices{rig.cache, rig.table};
    std::vector<std::string> names;
    for (int i = 0; i < 40; ++i) {
        names.push_back("price " + std::to_string(i));
        if (i % 3 != 0) prices.save(Price<0, 0>{.name = names.back(), .cents = i});
    }
    rig.log().reset();
    const auto read = prices.get_many(names);
    for (int i = 0; i < 40; ++i) {
        CHECK(*read[static_cast<std::size_t>(i)]->cents == (i % 3 != 0 ? i : 1000 + i));
        CHECK(*read[static_cast<std::size_t>(i)]->name == names[static_cast<std::size_t>(i)]);
    }
    CHECK(rig.counted().hits == 26);
    CHECK(rig.counted().misses() == 14);
    CHECK(rig.table.take_asked() == 14);
}

TEST_CASE("keys that are not stored as they are are found among several, too", "[models][plain]") {
    Rig rig{false, false};
    const Models<Tag> tags{rig.cache};
    const std::string much(300, 'l');  // in the cache stands its digest
    tags.save(Tag{.name = much, .cents = 1});
    tags.save(Tag{.name = "short", .cents = 2});
    tags.save(Tag{.name = much + "2", .cents = 3});
    const auto read = tags.get_many(std::vector<std::string>{much, "short", "none", much + "2"});
    CHECK(*read[0]->cents == 1);
    CHECK(*read[1]->cents == 2);
    CHECK(read[2].absent());
    CHECK(*read[3]->cents == 3);
    CHECK(tags.get_many(std::vector<Tag>{Tag{.name = "short"}, Tag{}})[1].failed());
}

TEST_CASE("a model that could not be decoded by the short way is as it was before",
          "[models][plain]") {
    Rig rig{false, false};
    rig.table.rows["tea"] = 55;
    const Models<Tag> tags{rig.cache};
    Models<WithText>{rig.cache}.save(WithText{.name = "tea"});
    const auto read = tags.find("tea");
    REQUIRE(read.absent());
    CHECK(read.reason() == MissReason::undecodable);
    CHECK_THROWS_AS(tags.get("tea"), Missing);
    CHECK_THROWS_AS(tags.find(Tag{}), IncompleteKey);
}

TEST_CASE("a key that the backend does not answer is absent by both ways", "[models][plain]") {
    struct Forgetful final : support::Decorator {
        using Decorator::Decorator;
        void get_many(std::span<const std::string_view> keys, ReadSink& sink) override {
            Decorator::get_many(keys.first(keys.size() - 1), sink);
        }
    };
    Rig rig{false, false};
    const Cache cache{std::make_shared<Forgetful>(rig.scripted), {.clock = rig.clock}};
    const Models<Tag> tags{cache};
    for (const auto* const name : {"a", "b", "c"}) tags.save(Tag{.name = name, .cents = 1});
    const auto short_way = tags.get_many(std::vector<std::string>{"a", "b", "c"});
    CHECK(short_way[1].found());
    CHECK(short_way[2].absent());
    CHECK(tags.find("c").absent());
    const auto long_way = tags.get_many(std::vector<std::string>{"a", "a", "b", "c"});
    CHECK(long_way[2].found());
    CHECK(long_way[3].absent());
    CHECK(cache.statistics().hits == 4);
}

TEST_CASE("one long key does not make room for as many long ones", "[models][plain]") {
    Rig rig{false, false};
    const Models<Tag> tags{rig.cache};
    std::vector<std::string> names{std::string(std::size_t{1} << 20, 'l')};
    tags.save(Tag{.name = names.front(), .cents = 5});
    for (int i = 0; i < 100'000; ++i) names.push_back(std::to_string(i));
    const auto read = tags.get_many(names);  // not 100 GB
    CHECK(*read.front()->cents == 5);
    CHECK(read.back().absent());
}
