// cachemodel: what models do, whatever their cache is made of.
// SPDX-License-Identifier: MIT
#include "support/model_behaviour.hpp"

#include <cachemodel/models.hpp>

#include "support/catch.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace cachemodel::support {

using namespace std::chrono_literals;
using Catch::Matchers::Contains;

namespace {

struct Person {
    Key<std::string> name;
    Field<std::string> email;
    Field<int> age = 18;
    std::vector<std::string> tags;
    std::optional<std::string> nickname;
};

struct Seat {
    Key<std::string> hall;
    Key<int> row;
    Field<std::string> holder;
};

/// What stands behind Account.
struct Ledger {
    std::map<std::string, int> balances;
    int questions = 0;
};

struct Account {
    Key<std::string> owner;
    Field<int> balance;

    void from_miss(Ledger& ledger) {
        ++ledger.questions;
        const auto found = ledger.balances.find(*owner);
        if (found == ledger.balances.end()) throw Missing{};
        balance = found->second;
    }
};

struct Letter {
    Key<int> id;
    Field<std::string> text;

    void from_miss(std::size_t size) { *text = std::string(size, 'x'); }
};

Person bob() {
    return {.name = "bob",
            .email = "bob@hotmail.com",
            .age = 42,
            .tags = {"a", "", "ü"},
            .nickname = "Bobby"};
}

/// Puts bytes under a model's key, as another program does.
void plant(const Cache& cache, const std::string& key, std::string_view bytes) {
    const Entry entry{key, bytes, never};
    Outcome outcome;
    cache.store_many(Store::set, {&entry, 1}, {&outcome, 1});
    REQUIRE(outcome.done());
}

}  // namespace

void check_model_behaviour(const Cache& cache) {
    const Models<Person> people{cache};
    const Models<Seat> seats{cache};

    SECTION("what was saved is read with every member equal, into objects of their own") {
        people.save(bob());
        Person first = people.get("bob");
        CHECK(first.name == "bob");
        CHECK(first.email == "bob@hotmail.com");
        CHECK(first.age == 42);
        CHECK(first.tags == std::vector<std::string>{"a", "", "ü"});
        CHECK(first.nickname == "Bobby");
        *first.email = "changed";
        CHECK(people.get("bob").email == "bob@hotmail.com");
    }
    SECTION("an object changed after it was saved leaves the cache as it is") {
        Person person = bob();
        people.save(person);
        *person.age = 7;
        CHECK(people.get("bob").age == 42);
    }
    SECTION("saving replaces the whole record") {
        people.save(bob());
        people.save(Person{.name = "bob", .email = "new"});
        const Person person = people.get("bob");
        CHECK(person.email == "new");
        CHECK(person.age == 18);
        CHECK(person.tags.empty());
        CHECK(person.nickname == std::nullopt);
    }
    SECTION("where nothing is stored, get throws Missing and find is absent") {
        CHECK_THROWS_AS(people.get("nobody"), Models<Person>::Missing);
        try {
            (void)people.get("nobody");
        } catch (const Missing& missing) {
            CHECK_THAT(missing.model(), Contains("Person"));
            CHECK(missing.key() == people.key_for("nobody"));
            CHECK_FALSE(missing.broken_reference().has_value());
        }
        const auto lookup = people.find("nobody");
        CHECK(lookup.absent());
        CHECK_FALSE(lookup.found());
        CHECK_FALSE(lookup.failed());
        CHECK(lookup.reason() == MissReason::nothing_stored);
        CHECK_FALSE(people.exists("nobody"));
    }
    SECTION("removing tells whether something was there, and leaves the object usable") {
        const Person person = bob();
        people.save(person);
        CHECK(people.exists("bob"));
        CHECK(people.remove(person));
        CHECK_FALSE(people.exists("bob"));
        CHECK_FALSE(people.remove("bob"));
        people.save(person);
        CHECK(people.get("bob").age == 42);
    }
    SECTION("many keys are answered in order, repeated and missing ones included") {
        const std::vector<Outcome> saved = people.save_many(std::vector<Person>{
            {.name = "a", .age = 1}, {.name = "b", .age = 2}, {.name = "c", .age = 3}});
        REQUIRE(saved.size() == 3);
        CHECK(std::ranges::all_of(saved, &Outcome::done));

        const auto found = people.get_many({"c", "nobody", "a", "c"});
        REQUIRE(found.size() == 4);
        CHECK(found[0]->age == 3);
        CHECK(found[1].absent());
        CHECK(found[2]->name == "a");
        CHECK(found[2]->age == 1);
        CHECK(found[3]->age == 3);

        const std::vector<Outcome> removed = people.remove_many({"a", "nobody", "b"});
        REQUIRE(removed.size() == 3);
        CHECK(removed[0].done());
        CHECK(removed[1].declined());
        CHECK(removed[2].done());
        CHECK(people.get_many({"a", "b", "c"})[2].found());
        CHECK_FALSE(people.exists("a"));
        CHECK(people.get_many(std::vector<std::string>{}).empty());
    }
    SECTION("of two models under one key the last one stays") {
        const auto saved =
            people.save_many({Person{.name = "a", .age = 1}, bob(), Person{.name = "a", .age = 2}});
        CHECK(saved.size() == 3);
        CHECK(people.get("a").age == 2);
    }
    SECTION("keys of several members tell entries apart") {
        seats.save({.hall = "ab", .row = 1, .holder = "first"});
        seats.save({.hall = "a", .row = 1, .holder = "second"});
        seats.save({.hall = "ab", .row = 2, .holder = "third"});
        CHECK(seats.get("ab", 1).holder == "first");
        CHECK(seats.get(std::tuple{"a", 1}).holder == "second");
        CHECK(seats.get({.hall = "ab", .row = 2}).holder == "third");
    }
    SECTION("any text makes a key of its own") {
        const std::vector<std::string> names{"",
                                             "a b",
                                             "a  b",
                                             "a\nb",
                                             "a\r\nb",
                                             "a\tb",
                                             "_ ",
                                             " _",
                                             "x\"/b=\"y",
                                             "a%20b",
                                             "größe",
                                             "\xff\xfe",
                                             std::string("a\0b", 3),
                                             "a,b=c@1/",
                                             std::string(300, 'k'),
                                             std::string(10'000, 'k'),
                                             std::string(10'000, 'k') + "2"};
        for (const auto& name : names) people.save({.name = name, .email = name});
        const auto found = people.get_many(names);
        REQUIRE(found.size() == names.size());
        for (std::size_t i = 0; i < names.size(); ++i) {
            INFO(names[i].substr(0, 40));
            REQUIRE(found[i].found());
            CHECK(found[i]->email == names[i]);
            CHECK(found[i]->name == names[i]);
        }
    }
    SECTION("a lifetime of zero or less leaves nothing stored") {
        people.save(bob());
        people.save(bob(), 0s);
        CHECK_FALSE(people.exists("bob"));
        people.save(bob());
        people.save(bob(), -1h);
        CHECK_FALSE(people.exists("bob"));
        people.save(bob(), 0s);  // where there was nothing, that is no error
        people.save_many(std::vector{bob()});
        CHECK(people.save_many(std::vector{bob()}, 0s).front().done());
        CHECK_FALSE(people.exists("bob"));
        people.save(bob());
        CHECK(people.touch("bob", -1s));
        CHECK_FALSE(people.exists("bob"));
    }
    SECTION("long lifetimes are durations, not dates") {
        const std::vector<Lifetime> lifetimes{
            24h * 30,        24h * 30 + 1s,         24h * 31, 24h * 3652, 24h * 365 * 60,
            24h * 365 * 250, 24h * 365 * 250 + 1ms, never};
        for (const Lifetime lifetime : lifetimes) {
            people.save(bob(), lifetime);
            CHECK(people.get("bob").age == 42);
            CHECK(people.touch("bob", lifetime));
            CHECK(people.get("bob").age == 42);
        }
    }
    SECTION("touch tells whether there is something") {
        CHECK_FALSE(people.touch("bob", 1h));
        people.save(bob());
        CHECK(people.touch("bob", 1h));
        CHECK(people.touch(bob(), never));
        CHECK(people.touch("bob", 1500ms));
        CHECK(people.touch("bob", 1h));
        CHECK(people.get("bob").age == 42);
        seats.save({.hall = "a", .row = 1});
        CHECK(seats.touch("a", 1, 2h));
        CHECK_FALSE(seats.touch("a", 2, 2h));
    }
    SECTION("renaming moves an entity to its new key") {
        people.save(bob());
        Person renamed = bob();
        renamed.name = "robert";
        CHECK(people.rename("bob", renamed));
        CHECK_FALSE(people.exists("bob"));
        CHECK(people.get("robert").email == "bob@hotmail.com");
        CHECK_FALSE(people.rename("bob", renamed));
        CHECK(people.exists("robert"));
        // Under the same key it is a save.
        *renamed.age = 43;
        CHECK(people.rename("robert", renamed));
        CHECK(people.get("robert").age == 43);
        CHECK_FALSE(people.rename("alice", Person{.name = "alice"}));
        CHECK(people.exists("alice"));
    }
    SECTION("get_or_create gives what is stored, or the caller's own, unsaved") {
        const auto [mine, created] = people.get_or_create(bob());
        CHECK(created);
        CHECK(mine.email == "bob@hotmail.com");
        CHECK_FALSE(people.exists("bob"));
        people.save(bob());
        const auto [stored, again] = people.get_or_create({.name = "bob", .email = "other"});
        CHECK_FALSE(again);
        CHECK(stored.email == "bob@hotmail.com");
        CHECK(stored.age == 42);
    }
    SECTION("two prefixes and two versions never see each other") {
        const Models<Person> other{cache.with_prefix("other")};
        const Models<Person> next{cache.with_version(2)};
        people.save(bob());
        CHECK_FALSE(other.exists("bob"));
        CHECK_FALSE(next.exists("bob"));
        other.save({.name = "bob", .age = 1});
        next.save({.name = "bob", .age = 2});
        CHECK(people.get("bob").age == 42);
        CHECK(other.get("bob").age == 1);
        CHECK(next.get("bob").age == 2);
        CHECK(other.remove("bob"));
        CHECK(people.exists("bob"));
        CHECK(next.exists("bob"));
    }
    SECTION("a bypass finds nothing and stores nothing, and lets removals through") {
        const Models<Person> bypass{cache.bypass()};
        people.save(bob());
        CHECK_THROWS_AS(bypass.get("bob"), Missing);
        CHECK_FALSE(bypass.exists("bob"));
        CHECK_FALSE(bypass.touch("bob", 1h));
        bypass.save({.name = "bob", .age = 1});
        bypass.save({.name = "alice"});
        CHECK(people.get("bob").age == 42);
        CHECK_FALSE(people.exists("alice"));
        CHECK(bypass.remove("bob"));
        CHECK_FALSE(people.exists("bob"));
        people.save(bob());
        bypass.save(bob(), 0s);
        CHECK_FALSE(people.exists("bob"));
        people.save(bob());
        CHECK(bypass.touch("bob", 0s));
        CHECK_FALSE(people.exists("bob"));
    }
    SECTION("what another program put under the key is a miss with its reason") {
        const std::string key = people.key_for("bob");
        const auto reason = [&](std::string_view bytes) {
            plant(cache, key, bytes);
            const auto lookup = people.find("bob");
            CHECK(lookup.absent());
            CHECK_THROWS_AS(people.get("bob"), Missing);
            CHECK_FALSE(people.exists("bob"));
            return lookup.reason();
        };
        CHECK(reason("hello") == MissReason::foreign);
        CHECK(reason("12345") == MissReason::foreign);
        CHECK(reason("\xca"
                     "M") == MissReason::corrupt);
        CHECK(reason("\xca"
                     "M\x01 and some thirty bytes of nonsense") == MissReason::unknown_format);
        CHECK(reason(std::string("\xca"
                                 "M\x01\0 and some thirty bytes of nonsense",
                                 38)) == MissReason::corrupt);
        people.save(bob());
        CHECK(people.get("bob").age == 42);
    }
    SECTION("a value that is too large is refused with its size, and the old entry is gone") {
        const std::size_t limit = cache.capabilities().largest_value;
        people.save(bob());
        try {
            people.save({.name = "bob", .email = std::string(limit, 'x')});
            FAIL("it was stored");
        } catch (const ValueTooLarge& error) {
            CHECK(error.fault() == BackendFault::value_too_large);
            CHECK(error.size() > limit);
            CHECK(error.limit() <= limit);
        }
        CHECK_FALSE(people.exists("bob"));
        const auto outcomes = people.save_many(std::vector<Person>{
            {.name = "a"}, {.name = "bob", .email = std::string(limit, 'x')}, {.name = "c"}});
        CHECK(outcomes[0].done());
        REQUIRE(outcomes[1].failed());
        CHECK(outcomes[1].failure().fault() == BackendFault::value_too_large);
        CHECK(outcomes[2].done());
    }
    SECTION("an incomplete key is refused by every verb, and names all members") {
        CHECK_THROWS_WITH(seats.get(Seat{}), Contains("hall") && Contains("row"));
        CHECK_THROWS_AS(seats.find(Seat{}), IncompleteKey);
        CHECK_THROWS_AS(seats.exists(Seat{.hall = "a"}), IncompleteKey);
        CHECK_THROWS_AS(seats.save(Seat{}), IncompleteKey);
        CHECK_THROWS_AS(seats.remove(Seat{}), IncompleteKey);
        CHECK_THROWS_AS(seats.touch(Seat{}, 1h), IncompleteKey);
        CHECK_THROWS_AS(seats.key_for(Seat{}), IncompleteKey);
        CHECK_THROWS_AS(seats.get_or_create(Seat{}), IncompleteKey);
        CHECK_THROWS_AS(seats.rename(Seat{}, Seat{.hall = "a", .row = 1}), IncompleteKey);
        CHECK_FALSE(seats.exists("a", 1));
        try {
            seats.save(Seat{.row = 1});
            FAIL("it was stored");
        } catch (const IncompleteKey& error) {
            CHECK(error.unset() == std::vector<std::string>{"hall"});
            CHECK_THAT(error.model(), Contains("Seat"));
        }
        const auto lookups = seats.get_many(std::vector<Seat>{{}, {.hall = "a", .row = 1}});
        CHECK(lookups[0].failed());
        CHECK_THROWS_AS(*lookups[0], IncompleteKey);
        CHECK(lookups[1].absent());
        const auto saved = seats.save_many(std::vector<Seat>{{}, {.hall = "a", .row = 1}});
        CHECK(saved[0].failed());
        CHECK(saved[1].done());
        const auto removed =
            seats.remove_many(std::vector<Seat>{{.row = 1}, {.hall = "a", .row = 1}});
        CHECK(removed[0].failed());
        CHECK(removed[1].done());
    }
}

void check_loader_behaviour(const Cache& cache) {
    Ledger ledger{.balances = {{"ada", 10}, {"bob", 20}}};
    const Models<Account, Ledger&> accounts{cache, ledger};

    SECTION("what the cache has not is loaded, stored, and found the next time") {
        CHECK(accounts.get("ada").balance == 10);
        CHECK(ledger.questions == 1);
        CHECK(accounts.exists("ada"));
        CHECK(accounts.get("ada").balance == 10);
        CHECK(ledger.questions == 1);
        CHECK(accounts.remove("ada"));
        ledger.balances["ada"] = 11;
        CHECK(accounts.find("ada")->balance == 11);
        CHECK(ledger.questions == 2);
    }
    SECTION("what the source has not is Missing, and asked for again") {
        CHECK_THROWS_AS(accounts.get("eve"), Models<Account>::Missing);
        CHECK(accounts.find("eve").absent());
        CHECK(ledger.questions == 2);
        ledger.balances["eve"] = 5;
        CHECK(accounts.get("eve").balance == 5);
    }
    SECTION("of many, only those are loaded that the cache has not") {
        CHECK(accounts.get("ada").balance == 10);
        ledger.questions = 0;
        const auto found = accounts.get_many({"bob", "ada", "eve", "bob"});
        CHECK(found[0]->balance == 20);
        CHECK(found[1]->balance == 10);
        CHECK(found[2].absent());
        CHECK(found[3]->balance == 20);
        CHECK(ledger.questions == 2);
    }
    SECTION("a bypass loads, and stores nothing") {
        const Models<Account, Ledger&> bypass{cache.bypass(), ledger};
        accounts.save({.owner = "ada", .balance = 1});
        CHECK(bypass.get("ada").balance == 10);
        CHECK(bypass.get("bob").balance == 20);
        CHECK(accounts.get("ada").balance == 1);
        CHECK_FALSE(accounts.exists("bob"));
    }
    SECTION("a broken entry is loaded anew and repaired") {
        plant(cache, accounts.key_for("ada"), "broken");
        CHECK(accounts.get("ada").balance == 10);
        CHECK(accounts.get("ada").balance == 10);
        CHECK(ledger.questions == 1);
    }
    SECTION("a loaded object that cannot be stored is given all the same, and counted") {
        const std::size_t size = cache.capabilities().largest_value + 1;
        const Models<Letter, std::size_t> letters{cache, size};
        const auto before = cache.statistics();
        CHECK(letters.get(1).text->size() == size);
        const auto after = cache.statistics();
        CHECK(after.store_failures - before.store_failures == 1);
        CHECK(after.loads - before.loads == 1);
        CHECK_FALSE(letters.exists(1));
    }
}

}  // namespace cachemodel::support
