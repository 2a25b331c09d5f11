// cachemodel example: models that point to models.
// SPDX-License-Identifier: MIT
#include <cachemodel/cachemodel.hpp>

#include <iostream>

using namespace cachemodel;

// [models]
struct Team {
    Key<std::string> name;
    Field<std::string> city;
};

struct Person {
    Key<std::string> name;
    Field<int> born;
    Reference<Team> team;
    Reference<Person> mother;                    // itself
    std::vector<Reference<Person>> friends;      // many, in order
    Reference<Person, Dangling::keep> landlord;  // may lead nowhere
};
// [/models]

int main() {
    // [save]
    const Team reds{.name = "reds", .city = "Graz"};
    const Person eve{.name = "eve", .born = 1950, .team = reds};
    const Person bob{.name = "bob",
                     .born = 1980,
                     .team = reds,
                     .mother = eve,
                     .friends = {Reference<Person>::to("eve"), Reference<Person>::to("bob")},
                     .landlord = Reference<Person, Dangling::keep>::to("nobody")};
    CacheModel{reds}.save();  // saving does not cascade
    CacheModel<Person>::save_many(std::vector{eve, bob});
    // [/save]

    // [get]
    const Cache cache = caches()["default"];
    const auto before = cache.statistics().round_trips;
    auto loaded = CacheModel<Person>::get("bob");
    std::cout << loaded.mother->team->city << ", in " << cache.statistics().round_trips - before
              << " round trips\n";
    // bob; then his team, mother, friends and landlord together
    // [/get]

    // [states]
    std::cout << bool{loaded.landlord} << loaded.landlord.loaded() << ' ' << loaded.landlord.key()
              << '\n';
    // [/states]

    // [keep]
    const Person mother = *loaded.mother;  // a copy keeps what was loaded with it
    loaded = {};
    std::cout << mother.team->name << '\n';
    // [/keep]

    // [depth]
    const Models<Person> people;
    Person shallow = people.depth(0).get("bob");
    std::cout << shallow.mother.loaded();
    people.load(shallow);  // one level, one trip
    std::cout << shallow.mother.loaded() << '\n';
    // [/depth]

    // [broken]
    CacheModel<Team>::remove("reds");
    const auto broken = people.find("bob");
    if (broken.absent() && broken.broken_reference()) {
        std::cout << broken.broken_reference()->from_key << " refers to "
                  << broken.broken_reference()->to_key << '\n';
    }
    // [/broken]
}
