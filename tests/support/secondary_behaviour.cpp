// cachemodel: what finding models by secondary keys does, whatever their cache is made of.
// SPDX-License-Identifier: MIT
#include "support/secondary_behaviour.hpp"

#include <cachemodel/models.hpp>

#include "support/catch.hpp"

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace cachemodel::support {

using namespace std::chrono_literals;

namespace {

struct Person {
    static constexpr ModelOptions cache_options{.name = "FoundPerson"};

    Key<std::string> name;
    Field<std::string> email;
    std::string street;
    Field<int> house;
    std::optional<std::string> phone;

    using secondary_keys =
        SecondaryKeys<By<&Person::email>, By<&Person::street, &Person::house>, By<&Person::phone>>;
};

/// Emails to names, and names to emails: what stands behind Member.
struct Club {
    std::map<std::string, std::string> emails;
    int questions = 0;
    int questions_by = 0;
};

struct Member {
    static constexpr ModelOptions cache_options{.expires = 1h, .name = "FoundMember"};

    Key<std::string> name;
    Field<std::string> email;

    using secondary_keys = SecondaryKeys<By<&Member::email>>;

    void from_miss(Club& club) {
        ++club.questions;
        const auto found = club.emails.find(*name);
        if (found == club.emails.end()) throw Missing{};
        email = found->second;
    }
    static std::optional<Member> from_miss_by(By<&Member::email>, std::string_view email,
                                              Club& club) {
        ++club.questions_by;
        const auto has_it = [&](const auto& entry) { return entry.second == email; };
        const auto found = std::ranges::find_if(club.emails, has_it);
        return found == club.emails.end() ? std::nullopt
                                          : std::optional{Member{.name = found->first}};
    }
};

Person bob() {
    return {.name = "bob", .email = "bob@x", .street = "High Street", .house = 7, .phone = {}};
}

}  // namespace

void check_secondary_behaviour(const Cache& cache) {
    const Models<Person> people{cache};

    SECTION("a model is found by each of its secondary keys") {
        people.save(bob());
        CHECK(people.get_by<&Person::email>("bob@x").name == "bob");
        CHECK(people.get_by<&Person::email>(std::string_view{"bob@x"}).house == 7);
        CHECK(people.get_by<&Person::email>(bob().email).name == "bob");
        CHECK(people.find_by<&Person::street, &Person::house>("High Street", 7)->name == "bob");
        CHECK(people.find_by<&Person::street, &Person::house>("High Street", 8).absent());
        CHECK(people.find_by<&Person::street, &Person::house>("high street", 7).absent());
        CHECK(people.find_by<&Person::email>("eve@x").absent());
        CHECK_THROWS_AS(people.get_by<&Person::email>("eve@x"), Models<Person>::Missing);
    }
    SECTION("nobody is found by what is empty") {
        people.save(bob());
        CHECK(people.find_by<&Person::phone>("").absent());
        Person with_phone = bob();
        with_phone.phone = "";
        people.save(with_phone);
        CHECK(people.find_by<&Person::phone>("")->name == "bob");
        people.save(bob());
        const auto gone = people.find_by<&Person::phone>("");
        CHECK(gone.absent());
        CHECK(gone.reason() == MissReason::other_object);
    }
    SECTION("many are answered in order, repeated and missing ones included") {
        people.save_many(std::vector<Person>{{.name = "a", .email = "a@x"},
                                             {.name = "b", .email = "b@x", .house = 3},
                                             {.name = "c", .email = "c@x"}});
        const auto found = people.get_many_by<&Person::email>({"c@x", "?", "a@x", "c@x"});
        REQUIRE(found.size() == 4);
        CHECK(found[0]->name == "c");
        CHECK(found[1].absent());
        CHECK(found[2]->name == "a");
        CHECK(found[3]->name == "c");
        const auto in_houses = people.get_many_by<&Person::street, &Person::house>(
            std::vector<std::pair<std::string, int>>{{"", 3}, {"", 4}});
        REQUIRE(in_houses.size() == 2);
        CHECK(in_houses[0]->name == "b");
        CHECK(in_houses[1].absent());
        CHECK(people.get_many_by<&Person::email>(std::vector<std::string>{}).empty());
    }
    SECTION("who has changed is found by the new values and not by the old ones") {
        people.save(bob());
        Person changed = bob();
        changed.email = "bob@y";
        people.save(changed);
        CHECK(people.find_by<&Person::email>("bob@y")->email == "bob@y");
        const auto by_old = people.find_by<&Person::email>("bob@x");
        CHECK(by_old.absent());
        CHECK(by_old.reason() == MissReason::other_object);
        CHECK(people.find_by<&Person::street, &Person::house>("High Street", 7)->email == "bob@y");
        // Another one may take over what bob had.
        people.save({.name = "eve", .email = "bob@x"});
        CHECK(people.find_by<&Person::email>("bob@x")->name == "eve");
        CHECK(people.find_by<&Person::email>("bob@y")->name == "bob");
    }
    SECTION("who is updated is found by the new values") {
        people.save(bob());
        people.update("bob", [](Person& person) { person.email = "bob@y"; });
        CHECK(people.find_by<&Person::email>("bob@y")->name == "bob");
        CHECK(people.find_by<&Person::email>("bob@x").absent());
        auto read = people.find("bob");
        read->email = "bob@z";
        people.save_if_unchanged(read);
        CHECK(people.find_by<&Person::email>("bob@z")->name == "bob");
        CHECK(people.find_by<&Person::email>("bob@y").absent());
    }
    SECTION("who is renamed is found by all that it keeps") {
        people.save(bob());
        Person rob = bob();
        rob.name = "rob";
        CHECK(people.rename("bob", rob));
        CHECK(people.get_by<&Person::email>("bob@x").name == "rob");
        CHECK(people.get_by<&Person::street, &Person::house>("High Street", 7).name == "rob");
    }
    SECTION("who is removed is not found") {
        people.save(bob());
        SECTION("by its keys") { CHECK(people.remove("bob")); }
        SECTION("as it was read") { CHECK(people.remove(people.get("bob"))); }
        SECTION("among others") { CHECK(people.remove_many(std::vector{bob()}).front().done()); }
        CHECK(people.find_by<&Person::email>("bob@x").absent());
        CHECK(people.find_by<&Person::street, &Person::house>("High Street", 7).absent());
        people.save(bob());
        people.save(bob(), 0s);
        CHECK(people.find_by<&Person::email>("bob@x").absent());
    }
    SECTION("any value makes a key of its own") {
        const std::vector<std::string> values{"",
                                              "a b",
                                              "a\nb",
                                              "a\",\"house\"=1",
                                              "größe",
                                              std::string("a\0b", 3),
                                              std::string(300, 'k'),
                                              std::string(10'000, 'k'),
                                              std::string(10'000, 'k') + "2"};
        for (std::size_t i = 0; i < values.size(); ++i) {
            people.save({.name = std::to_string(i), .email = values[i]});
        }
        const auto found = people.get_many_by<&Person::email>(values);
        for (std::size_t i = 0; i < values.size(); ++i) {
            INFO(values[i].substr(0, 40));
            REQUIRE(found[i].found());
            CHECK(found[i]->name == std::to_string(i));
        }
    }
    SECTION("what the cache does not know is asked of the source") {
        Club club{.emails = {{"bob", "bob@x"}, {"eve", "eve@x"}}};
        const Models<Member, Club&> members{cache, club};
        CHECK(members.get_by<&Member::email>("bob@x").name == "bob");
        CHECK(club.questions_by == 1);
        CHECK(club.questions == 1);
        CHECK(members.get_by<&Member::email>("bob@x").name == "bob");
        CHECK(members.get("eve").email == "eve@x");
        CHECK(members.get_by<&Member::email>("eve@x").name == "eve");  // stored when it was loaded
        CHECK(club.questions_by == 1);
        CHECK(club.questions == 2);
        CHECK(members.find_by<&Member::email>("joe@x").absent());
        CHECK(club.questions_by == 2);

        // Bob's address went to eve.
        club.emails = {{"bob", "bob@y"}, {"eve", "bob@x"}};
        members.remove("bob");
        members.remove("eve");
        CHECK(members.get_by<&Member::email>("bob@x").name == "eve");
        CHECK(club.questions_by == 3);
        CHECK(members.get_by<&Member::email>("bob@x").name == "eve");
        CHECK(members.get_by<&Member::email>("bob@y").name == "bob");
        CHECK(club.questions_by == 3);
    }
}

}  // namespace cachemodel::support
