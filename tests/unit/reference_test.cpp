// cachemodel: a Reference as a value: what it holds, what it owns, how it ends.
// SPDX-License-Identifier: MIT
#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/small_stack.hpp"

#include <cachemodel/cachemodel.hpp>

#include <memory>
#include <string>
#include <thread>
#include <type_traits>
#include <unordered_set>
#include <utility>
#include <vector>

using namespace cachemodel;
using namespace cachemodel::support;

namespace {

struct Later;

/// Its target is not defined yet.
struct Early {
    Key<int> id;
    Reference<Later> later;
    std::vector<Reference<Later>> more;
};

/// Made, copied, moved, compared and destroyed before `Later` is known.
bool is_usable_before_the_target_is_complete() {
    Early early{.id = 1};
    early.more.emplace_back();
    Early copy = early;
    copy = std::move(early);
    Reference<Later> moved = std::move(copy.later);
    moved = nullptr;
    return !moved && moved == copy.later && copy.more.size() == 1;
}

struct Later {
    static constexpr ModelOptions cache_options{.name = "Later"};

    Key<int> id;
    Reference<Early> early;
};

struct Person {
    static constexpr ModelOptions cache_options{.name = "Person"};

    Key<std::string> name;
    Field<int> age;
    Reference<Person> mother, father;
    std::vector<Reference<Person>> friends;
};

struct City {
    static constexpr ModelOptions cache_options{.name = "City"};

    Key<std::string> country;
    Key<int> number;
    Field<std::string> name;
};

struct Team {
    static constexpr ModelOptions cache_options{.name = "Team"};

    Key<std::unordered_set<std::string>> members;
    Reference<Team> rival;
};

static_assert(std::is_nothrow_default_constructible_v<Reference<Person>>);
static_assert(std::is_nothrow_copy_constructible_v<Reference<Person>>);
static_assert(std::is_nothrow_move_constructible_v<Reference<Person>>);
static_assert(std::is_nothrow_move_assignable_v<Reference<Person>>);
static_assert(std::is_assignable_v<Reference<Person>&, Person>);
static_assert(std::is_assignable_v<Reference<Person>&, const Person&>);
static_assert(std::is_assignable_v<Reference<Person>&, const CacheModel<Person>&>);
static_assert(std::is_assignable_v<Reference<Person>&, CacheModel<Person>>);
static_assert(std::is_assignable_v<Reference<Person>&, std::nullptr_t>);
static_assert(!std::is_assignable_v<Reference<Person>&, City>);
static_assert(!std::is_assignable_v<Reference<Person>&, CacheModel<City>>);
static_assert(!std::is_assignable_v<Reference<Person>&, Reference<City>>);
static_assert(!std::is_assignable_v<Reference<Person>&, const char*>);
static_assert(!std::is_assignable_v<Reference<Person>&, std::string>);
static_assert(!std::is_assignable_v<Reference<Person>&, int>);
static_assert(!std::is_convertible_v<Reference<Person>, bool>);
static_assert(std::is_same_v<decltype(*std::declval<Reference<Person>&>()), const Person&>);

}  // namespace

TEST_CASE("a reference is null unless it is given a target", "[reference][value]") {
    const Reference<Person> null;
    CHECK_FALSE(null);
    CHECK_FALSE(null.loaded());
    CHECK(null.key().empty());
    CHECK(null == nullptr);
    CHECK(Person{}.mother == null);
    CHECK(Person{.name = "a", .mother = nullptr}.mother == null);
    CHECK_THROWS_AS(*null, UnloadedReference);
    CHECK_THROWS_WITH(null->age, "the reference to Person is null");
}

TEST_CASE("a reference made from keys knows them and is not loaded", "[reference][value]") {
    const auto eve = Reference<Person>::to("eve");
    CHECK(eve);
    CHECK_FALSE(eve.loaded());
    CHECK(eve.key() == "Person@1/name=\"eve\"");
    CHECK(eve == Reference<Person>::to({.name = "eve"}));
    CHECK(eve == Reference<Person>::to(Person{.name = "eve", .age = 30}));
    CHECK(eve == Reference<Person>::to(CacheModel<Person>{Person{.name = "eve"}}));
    CHECK_FALSE(Reference<Person>::to(Person{.name = "eve", .age = 30}).loaded());

    const auto rome = Reference<City>::to("it", 7);
    CHECK(rome.key() == "City@1/country=\"it\",number=7");
    CHECK(rome == Reference<City>::to({.country = "it", .number = 7}));
    CHECK(rome == Reference<City>::to(std::pair{"it", 7}));
}

TEST_CASE("following a reference that was not loaded throws and names its key",
          "[reference][value]") {
    const auto eve = Reference<Person>::to("eve");
    CHECK_THROWS_AS(*eve, UnloadedReference);
    CHECK_THROWS_AS(eve->age, UnloadedReference);
    CHECK_THROWS_WITH(eve->age, "the reference to Person@1/name=\"eve\" was not loaded");
}

TEST_CASE("a reference holds a copy of the model that it is assigned from", "[reference][value]") {
    Person eve{.name = "eve", .age = 30};
    Person bob{.name = "bob", .mother = eve};
    eve.age = 31;
    eve.name = "eva";
    REQUIRE(bob.mother.loaded());
    CHECK(bob.mother->age == 30);
    CHECK(bob.mother->name == "eve");
    CHECK((*bob.mother).name == "eve");
    CHECK(bob.mother.key() == "Person@1/name=\"eve\"");

    bob.mother = eve;
    CHECK(bob.mother->age == 31);

    const CacheModel<Person> anna{Person{.name = "anna", .age = 50}};
    bob.mother = anna;
    CHECK(bob.mother->age == 50);
    CHECK(anna.age == 50);
    bob.mother = CacheModel<Person>{Person{.name = "ida", .age = 60}};
    CHECK(bob.mother->age == 60);

    Person moved{.name = std::string(100, 'x'), .age = 1};
    bob.father = std::move(moved);
    CHECK(*bob.father->name == std::string(100, 'x'));
    bob.father = nullptr;
    CHECK_FALSE(bob.father);
    bob.mother = {};
    CHECK_FALSE(bob.mother);
}

TEST_CASE("a model whose keys are not all set is refused when it is assigned",
          "[reference][value]") {
    Person bob{.name = "bob", .mother = Reference<Person>::to("eve")};
    CHECK_THROWS_AS(bob.mother = Person{}, IncompleteKey);
    CHECK_THROWS_AS(bob.mother = CacheModel<Person>{}, IncompleteKey);
    CHECK_THROWS_AS(Reference<Person>::to(Person{}), IncompleteKey);
    CHECK(bob.mother.key() == "Person@1/name=\"eve\"");
    try {
        Reference<City>::to({.number = 7});
        FAIL("an incomplete key was taken");
    } catch (const IncompleteKey& error) {
        CHECK(error.model() == "City");
        CHECK(error.unset() == std::vector<std::string>{"country"});
    }
}

TEST_CASE("a reference is copied and moved like a value", "[reference][value]") {
    Reference<Person> first = Person{.name = "eve", .age = 30};
    Reference<Person> copy = first;
    CHECK(copy == first);
    CHECK(&*copy == &*first);

    Reference<Person> moved = std::move(first);
    CHECK(&*moved == &*copy);
    CHECK_FALSE(first);
    CHECK_FALSE(first.loaded());
    CHECK(first.key().empty());

    auto& same = moved;
    moved = same;
    CHECK(moved->age == 30);
    moved = std::move(same);
    CHECK(moved->age == 30);

    first = Person{.name = "bob", .age = 5};
    std::swap(first, moved);
    CHECK(first->name == "eve");
    CHECK(moved->name == "bob");
    copy = nullptr;
    first = moved;
    CHECK(first->name == "bob");
    moved = nullptr;
    CHECK(first->name == "bob");
}

TEST_CASE("references are equal when their keys are", "[reference][value]") {
    const Reference<Person> eve = Person{.name = "eve", .age = 30};
    CHECK(eve == Reference<Person>{Person{.name = "eve", .age = 31}});
    CHECK(eve == Reference<Person>::to("eve"));
    CHECK(eve != Reference<Person>::to("bob"));
    CHECK(eve != Reference<Person>{});
    CHECK(Reference<Person>{} != eve);
    CHECK(Reference<Person>{} == Reference<Person>{});
    CHECK(Reference<City>::to("it", 1) != Reference<City>::to("it", 2));
}

TEST_CASE("keys that have no order of their own are equal in any order", "[reference][value]") {
    std::unordered_set<std::string> there{"a", "b", "c", "d", "e"};
    std::unordered_set<std::string> back(64);
    for (const char* name : {"e", "d", "c", "b", "a"}) back.insert(name);
    CHECK(Reference<Team>::to(there) == Reference<Team>::to(back));
    back.insert("f");
    CHECK(Reference<Team>::to(there) != Reference<Team>::to(back));
}

TEST_CASE("a list of references keeps its order, duplicates and nulls", "[reference][value]") {
    const Person eve{.name = "eve", .age = 30};
    Person bob{.name = "bob", .friends = {eve, nullptr, Reference<Person>::to("ada"), eve}};
    REQUIRE(bob.friends.size() == 4);
    CHECK(bob.friends[0]->age == 30);
    CHECK_FALSE(bob.friends[1]);
    CHECK(bob.friends[2].key() == "Person@1/name=\"ada\"");
    CHECK(bob.friends[3] == bob.friends[0]);

    const Person copy = bob;
    CHECK(copy.friends == bob.friends);
    for (int i = 0; i < 100; ++i) bob.friends.push_back(bob.friends[0]);
    bob.friends.erase(bob.friends.begin());
    CHECK(bob.friends.back()->name == "eve");
    CHECK(copy.friends[3]->age == 30);
}

TEST_CASE("a reference may name its target before the target is defined", "[reference][value]") {
    CHECK(is_usable_before_the_target_is_complete());
    const Early early{.id = 1, .later = Later{.id = 2, .early = Early{.id = 3}}};
    CHECK(early.later->early->id == 3);
}

TEST_CASE("whether a dangling reference is kept is part of its type", "[reference][value]") {
    STATIC_REQUIRE(Reference<Person>::policy == Dangling::missing);
    STATIC_REQUIRE(Reference<Person, Dangling::keep>::policy == Dangling::keep);
    const Reference<Person, Dangling::keep> kept = Person{.name = "eve", .age = 30};
    CHECK(kept->age == 30);
    CHECK_FALSE(Reference<Person, Dangling::keep>::to("bob").loaded());
}

TEST_CASE("a reference can be replaced from inside of what it points to",
          "[reference][ownership]") {
    Person bob{.name = "bob",
               .mother = Person{
                   .name = "eve",
                   .mother = Person{
                       .name = "ida", .age = 90, .friends = {Person{.name = "ada", .age = 7}}}}};
    SECTION("by a copy of the target's target") {
        bob.mother = *bob.mother->mother;
        CHECK(bob.mother->age == 90);
        CHECK(bob.mother->friends[0]->age == 7);
    }
    SECTION("by the target's own reference") {
        bob.mother = bob.mother->mother;
        bob.mother = bob.mother->friends[0];
        CHECK(bob.mother->age == 7);
    }
    SECTION("with the whole model") {
        bob = Person{*bob.mother};
        CHECK(bob.name == "eve");
        CHECK(bob.mother->age == 90);
        CacheModel<Person> walking{bob};
        bob = {};
        walking = *walking.mother;
        walking = *walking.friends[0];
        CHECK(walking.age == 7);
    }
    SECTION("by the model that holds it") {
        bob.father = bob;
        bob.father = bob;
        CHECK(bob.father->name == "bob");
        CHECK(bob.father->father->name == "bob");
        CHECK_FALSE(bob.father->father->father);
    }
}

TEST_CASE("a chain made by hand is destroyed without recursion", "[reference][ownership]") {
    constexpr int length = 100'000;
    int seen = 0;
    bool copied_equal = false;
    on_a_small_stack([&] {
        Person last{.name = "0"};
        for (int i = 1; i < length; ++i) {
            Person next{.name = std::to_string(i)};
            next.mother = std::move(last);
            last = std::move(next);
        }
        const Person copy = last;
        copied_equal = copy.mother == last.mother;
        const Person* at = &last;
        for (seen = 1; at->mother; ++seen) at = &*at->mother;
    });
    CHECK(copied_equal);
    CHECK(seen == length);
}

TEST_CASE("a chain of lists made by hand is destroyed without recursion",
          "[reference][ownership]") {
    std::string last_name;
    on_a_small_stack([&] {
        Reference<Person> first = Person{.name = "0"};
        for (int i = 1; i < 50'000; ++i) {
            first = Person{.name = std::to_string(i), .friends = {first, first, nullptr}};
        }
        last_name = first->name;
    });
    CHECK(last_name == "49999");
}

TEST_CASE("snapshots are let go by several threads at once", "[reference][ownership][threads]") {
    Reference<Person> shared = Person{.name = "0", .age = 0};
    for (int i = 1; i < 100; ++i) shared = Person{.name = std::to_string(i), .mother = shared};
    std::vector<std::thread> threads;
    std::vector<int> lengths(4);
    for (auto& length : lengths) {
        threads.emplace_back([copy = shared, &length]() mutable {
            for (int round = 0; round < 100; ++round) {
                auto at = copy;
                for (length = 1; at->mother; ++length) at = at->mother;
            }
            copy = nullptr;
        });
    }
    shared = nullptr;
    for (auto& thread : threads) thread.join();
    CHECK(lengths == std::vector<int>(4, 100));
}

TEST_CASE("an assignment without memory leaves the reference as it was", "[reference][ownership]") {
    const Person eve{.name = std::string(50, 'e'), .age = 30};
    Person bob{.name = "bob", .mother = Person{.name = "ida", .age = 60}};
    bool assigned = false;
    for (std::size_t successes = 0; !assigned; ++successes) {
        try {
            const FailingAllocations failing{successes};
            bob.mother = eve;
            assigned = true;
        } catch (const std::bad_alloc&) {
        }
        REQUIRE(bob.mother->age == (assigned ? 30 : 60));
    }
}
