// cachemodel: secondary keys: their text and entries, round trips, and what leads to nothing.
// SPDX-License-Identifier: MIT
#include <cachemodel/cache_model.hpp>

#include "support/call_rig.hpp"
#include "support/catch.hpp"
#include "support/codec.hpp"
#include "support/secondary_behaviour.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace cachemodel;
using namespace cachemodel::support;
using namespace std::chrono_literals;
using cachemodel::testing::ScriptedBackend;
using cachemodel::testing::Verb;
using Catch::Matchers::Contains;

namespace secondary_keys_test {

enum class Colour : std::uint8_t { red, blue };

/// What identifies it is its code.
struct Country {
    std::string code;
    bool operator==(const Country&) const = default;
};
inline std::string to_cache_key(const Country& country) { return country.code; }

struct Car {
    static constexpr ModelOptions cache_options{.expires = 1h, .name = "Car"};
    static constexpr WireNames wire_names{{"plate", "licence plate"}};

    Key<int> id;
    Key<std::string> fleet = "main";
    Field<std::string> plate;
    Field<std::optional<std::int64_t>> chassis;
    std::optional<Colour> colour;
    std::vector<std::string> drivers;

    using secondary_keys =
        SecondaryKeys<By<&Car::plate>, By<&Car::chassis>, By<&Car::colour, &Car::drivers>>;
};

struct Wheel {
    static constexpr ModelOptions cache_options{.name = "Wheel"};

    Key<int> id;
    Field<int> number;
    Reference<Car> car;

    using secondary_keys = SecondaryKeys<By<&Wheel::number>>;
};

/// Its source fails on demand.
struct Loaded {
    static constexpr ModelOptions cache_options{.expires = 1min, .name = "Loaded"};

    Key<int> id;
    Field<std::string> name;

    using secondary_keys = SecondaryKeys<By<&Loaded::name>>;

    void from_miss() {
        count_run();
        name = "n" + std::to_string(*id);
    }
    static std::optional<Loaded> from_miss_by(By<&Loaded::name>, const std::string& name) {
        count_run();
        if (name == "throws") throw std::domain_error{"the source is gone"};
        if (name == "missing") throw Missing{};
        if (name == "no key") return Loaded{};
        if (name.size() != 2) return std::nullopt;
        return Loaded{.id = name[1] - '0'};
    }
};

struct Owner {
    static constexpr ModelOptions cache_options{.name = "Owner"};

    Key<int> id;
    Reference<Loaded> loaded;
};

/// With a loader, but none by name.
struct Half {
    static constexpr ModelOptions cache_options{.name = "Half"};

    Key<int> id;
    Field<std::string> name;

    using secondary_keys = SecondaryKeys<By<&Half::name>>;

    void from_miss() {
        count_run();
        name = "loaded";
    }
};

struct Place {
    static constexpr ModelOptions cache_options{.name = "Place"};

    Key<int> id;
    Field<Country> country;

    using secondary_keys = SecondaryKeys<By<&Place::country>>;
};

}  // namespace secondary_keys_test

using namespace secondary_keys_test;

TEST_CASE("secondary keys in memory behave as specified", "[secondary_keys][unit]") {
    check_secondary_behaviour(Cache::open("memory://"));
}

TEST_CASE("secondary keys on a backend that keeps whole seconds behave as specified",
          "[secondary_keys][unit]") {
    const auto backend = std::make_shared<ScriptedBackend>();
    backend->capabilities_to_claim().lifetime_resolution = 1s;
    backend->capabilities_to_claim().tells_lifetimes = false;
    check_secondary_behaviour(Cache{backend});
}

TEST_CASE("what a secondary key stores is named after its members and holds the model's keys",
          "[secondary_keys][unit]") {
    CallRig rig;
    const Models<Car> cars{rig.cache};
    cars.save(
        {.id = 7, .plate = "W 1\"~", .chassis = -5, .colour = Colour::blue, .drivers = {"a", "b"}});
    CHECK(rig.scripted->keys() ==
          std::vector<std::string>{
              ":1:Car@1/\"chassis\"=-5", ":1:Car@1/\"colour\"=1,\"drivers\"=[\"a\",\"b\"]",
              ":1:Car@1/\"licence%20plate\"=\"W%201%22%7e\"", ":1:Car@1/id=7,fleet=\"main\""});
    const std::string entry = *rig.scripted->stored(":1:Car@1/\"chassis\"=-5");
    // Behind magic, format, flags and time: the length of the key, the key, and [7, "main"].
    const std::string key = "Car@1/\"chassis\"=-5";
    CHECK(entry.substr(12, entry.size() - 12 - 8) ==
          std::string("\x12\0\0\0", 4) + key + "\x82\x07\x64main");
    CHECK(rig.scripted->lifetime_left(":1:Car@1/\"chassis\"=-5") == Lifetime{1h});
    CHECK(cars.get_by<&Car::colour, &Car::drivers>(Colour::blue, std::vector<std::string>{"a", "b"})
              .id == 7);
}

TEST_CASE("a long secondary key is shortened, and the whole of it compared",
          "[secondary_keys][unit]") {
    CallRig rig;
    const Models<Car> cars{rig.cache};
    cars.save({.id = 7, .plate = std::string(1000, 'x')});
    for (const auto& key : rig.scripted->keys()) CHECK(key.size() <= 180 + 3);
    CHECK(cars.find_by<&Car::plate>(std::string(1000, 'x')).found());
    CHECK(cars.find_by<&Car::plate>(std::string(1001, 'x')).absent());
}

TEST_CASE("saving costs one round trip, with secondary keys too, and finding by one two",
          "[secondary_keys][unit]") {
    CallRig rig;
    rig.scripted->capabilities_to_claim().tells_lifetimes = false;
    const Models<Car> cars{rig.cache};
    auto trips = [&, before = std::uint64_t{0}]() mutable {
        const auto now = rig.cache.statistics().round_trips;
        return now - std::exchange(before, now);
    };
    cars.save({.id = 1, .plate = "A", .chassis = 1});
    CHECK(trips() == 1);
    cars.save_many(
        std::vector<Car>{{.id = 2, .plate = "B", .chassis = 2}, {.id = 3, .plate = "C"}});
    CHECK(trips() == 1);
    CHECK(cars.get_by<&Car::plate>("A").id == 1);
    CHECK(trips() == 2);
    CHECK(cars.get_many_by<&Car::plate>({"A", "B", "C", "D", "A"})[2]->id == 3);
    CHECK(trips() == 2);
    CHECK(cars.find_by<&Car::plate>("D").absent());
    CHECK(trips() == 1);
    CHECK(cars.remove(Car{.id = 1, .plate = "A", .chassis = 1}));
    CHECK(trips() == 1);
    CHECK(rig.entries() == 5);
    CHECK(cars.remove(2, "main"));
    CHECK(trips() == 1);
    CHECK(rig.entries() == 4);  // what led to it stays, and leads nowhere
    CHECK(cars.find_by<&Car::chassis>(2).absent());
    CHECK(trips() == 2);

    // Stored with the entry's end, which nobody knows here, so the entry has a new one.
    cars.update({.id = 3}, [](Car& car) { car.colour = Colour::red; });
    CHECK(trips() == 3);
    rig.scripted->capabilities_to_claim().tells_lifetimes = true;
    cars.update({.id = 3}, [](Car& car) { car.fleet = "main"; });
    CHECK(trips() == 3);  // one of them to learn the end
    cars.update({.id = 3}, [](Car& car) { car.plate = "E"; });
    CHECK(trips() == 4);
    CHECK(cars.get_by<&Car::plate>("E").colour == Colour::red);
}

TEST_CASE("what a secondary key leads to is fetched with all that it refers to",
          "[secondary_keys][unit]") {
    CallRig rig;
    const Models<Wheel> wheels{rig.cache};
    const Models<Car> cars{rig.cache};
    cars.save({.id = 1, .plate = "A"});
    wheels.save({.id = 5, .number = 100, .car = Reference<Car>::to(1, "main")});
    wheels.save({.id = 6, .number = 101, .car = Reference<Car>::to(2, "main")});
    CHECK(wheels.get_by<&Wheel::number>(100).car->plate == "A");
    const auto broken = wheels.find_by<&Wheel::number>(101);
    CHECK(broken.absent());
    REQUIRE(broken.broken_reference().has_value());
    CHECK(broken.broken_reference()->to_key == "Car@1/id=2,fleet=\"main\"");
    CHECK_FALSE(wheels.depth(0).get_by<&Wheel::number>(101).car.loaded());
}

TEST_CASE("a pointer that is wrong is a miss, whatever it says", "[secondary_keys][unit]") {
    CallRig rig;
    const Models<Car> cars{rig.cache};
    cars.save({.id = 1, .plate = "A", .chassis = 1});
    cars.save({.id = 2, .plate = "B", .chassis = 2});
    const std::string pointer = ":1:Car@1/\"chassis\"=1";
    const std::string good = *rig.scripted->stored(pointer);
    const auto by_chassis = [&] { return cars.find_by<&Car::chassis>(1); };
    REQUIRE(by_chassis().found());

    SECTION("it leads to an object that has other values") {
        cars.save({.id = 1, .plate = "A", .chassis = 9});
        REQUIRE(by_chassis().absent());
        CHECK(by_chassis().reason() == MissReason::other_object);
        CHECK(cars.statistics()
                  .misses_by_reason[static_cast<std::size_t>(MissReason::other_object)] == 2);
        CHECK_THROWS_WITH(cars.get_by<&Car::chassis>(1), Contains("\"chassis\"=1"));
    }
    SECTION("it leads to an object that is not there") {
        rig.scripted->lose(":1:Car@1/id=1,*");
        REQUIRE(by_chassis().absent());
        CHECK(by_chassis().reason() == MissReason::nothing_stored);
    }
    SECTION("it is another entry's") {
        rig.scripted->plant(pointer, *rig.scripted->stored(":1:Car@1/\"chassis\"=2"));
        REQUIRE(by_chassis().absent());
        CHECK(by_chassis().reason() == MissReason::other_key);
    }
    SECTION("it is no entry") {
        rig.scripted->plant(pointer, "1");
        REQUIRE(by_chassis().absent());
        CHECK(by_chassis().reason() == MissReason::foreign);
    }
    SECTION("it is cut off, or changed in any byte") {
        for (std::size_t i = 0; i < good.size(); ++i) {
            rig.scripted->plant(pointer, good.substr(0, i));
            CHECK(by_chassis().absent());
            std::string changed = good;
            changed[i] = static_cast<char>(changed[i] ^ 0x10);
            rig.scripted->plant(pointer, changed);
            CHECK(by_chassis().absent());
        }
    }
    SECTION("its end has come") {
        rig.clock.advance(1h);
        CHECK(by_chassis().absent());
    }
    rig.scripted->plant(pointer, good);
}

TEST_CASE("what cannot be told is no miss", "[secondary_keys][failure][unit]") {
    CallRig rig;
    const Models<Car> cars{rig.cache};
    const Models<Half> halves{rig.cache};
    cars.save({.id = 1, .plate = "A"});
    halves.save({.id = 1, .name = "loaded"});
    SECTION("all of it") {
        rig.scripted->go_down();
        CHECK(cars.find_by<&Car::plate>("A").failed());
        CHECK_THROWS_AS(cars.get_by<&Car::plate>("A"), BackendError);
        CHECK(cars.get_many_by<&Car::plate>({"A", "B"})[1].failed());
        CHECK(halves.find_by<&Half::name>("loaded").failed());
        CHECK_THROWS_AS(cars.save({.id = 1, .plate = "A"}), BackendError);
        CHECK_THROWS_AS(cars.remove(Car{.id = 1, .plate = "A"}), BackendError);
    }
    SECTION("the model itself") {
        rig.scripted->fail_keys("*id=1*");
        CHECK(cars.find_by<&Car::plate>("A").failed());
        CHECK(halves.get_by<&Half::name>("loaded").id == 1);  // from its source
        CHECK(runs == 1);
    }
    SECTION("one pointer") {
        rig.scripted->fail_keys("*plate*");
        CHECK(cars.find_by<&Car::plate>("A").failed());
        CHECK(cars.get({.id = 1}).plate == "A");
        CHECK_THROWS_AS(cars.save({.id = 1, .plate = "A"}), BackendError);
        const auto saved =
            cars.save_many(std::vector<Car>{{.id = 1, .plate = "A"}, {.id = 2, .plate = "B"}});
        CHECK(saved[0].failed());
        CHECK(saved[1].failed());
        CHECK(cars.remove(Car{.id = 1, .plate = "A"}));  // it leads nowhere
    }
}

TEST_CASE("a source that tells keys stands in for a cache that does not know, or fails",
          "[secondary_keys][loaders][unit]") {
    CallRig rig;
    const Models<Loaded> models{rig.cache};
    CHECK(models.get_by<&Loaded::name>("n7").id == 7);
    CHECK(runs == 2);
    CHECK(models.get_by<&Loaded::name>("n7").id == 7);
    CHECK(runs == 2);
    SECTION("it has none") {
        CHECK(models.find_by<&Loaded::name>("none").absent());
        CHECK(models.find_by<&Loaded::name>("missing").absent());
        CHECK(runs == 4);
        CHECK(models.statistics().source_misses == 2);
    }
    SECTION("it fails") {
        CHECK_THROWS_AS(models.get_by<&Loaded::name>("throws"), std::domain_error);
        CHECK_THROWS_AS(models.find_by<&Loaded::name>("throws"), std::domain_error);
        const auto many = models.get_many_by<&Loaded::name>({"n7", "throws", "n8"});
        CHECK(many[0].found());
        CHECK(many[1].failed());
        CHECK_THROWS_AS(*many[1], std::domain_error);
        CHECK(many[2]->id == 8);
        CHECK_THROWS_AS(models.get_by<&Loaded::name>("no key"), IncompleteKey);
        // At the third time it was left alone.
        CHECK(models.statistics().load_failures == 3);
        CHECK(models.statistics().backed_off == 1);
    }
    SECTION("the cache fails") {
        rig.scripted->go_down();
        CHECK(models.get_by<&Loaded::name>("n7").id == 7);
        CHECK(runs == 4);
        CHECK(models.get_by<&Loaded::name>("n9").id == 9);
        CHECK(models.find_by<&Loaded::name>("none").absent());
        rig.scripted->come_back();
        CHECK_FALSE(models.exists(9));
    }
    SECTION("the pointer was lost, and is stored again") {
        CHECK(rig.scripted->lose("*name*") == 1);
        CHECK(models.get_by<&Loaded::name>("n7").id == 7);
        CHECK(runs == 3);
        CHECK(models.get_by<&Loaded::name>("n7").id == 7);
        CHECK(runs == 3);
    }
    SECTION("through a bypass all of it is asked of the source, and nothing stored") {
        const auto entries = rig.entries();
        const Models<Loaded> bypass{rig.cache.bypass()};
        CHECK(bypass.get_by<&Loaded::name>("n7").id == 7);
        CHECK(bypass.get_by<&Loaded::name>("n8").id == 8);
        CHECK(runs == 6);
        CHECK(rig.entries() == entries);
    }
    SECTION("what it leads to has other values in the cache") {
        models.save({.id = 3, .name = "changed"});
        const auto lookup = models.find_by<&Loaded::name>("n3");
        CHECK(lookup.absent());
        CHECK(lookup.reason() == MissReason::other_object);
        CHECK(models.get_by<&Loaded::name>("changed").id == 3);
    }
}

TEST_CASE("without from_miss_by what no pointer leads to is absent, though there is a loader",
          "[secondary_keys][loaders][unit]") {
    CallRig rig;
    const Models<Half> models{rig.cache};
    CHECK(models.find_by<&Half::name>("loaded").absent());
    CHECK(runs == 0);
    CHECK(models.get(4).name == "loaded");
    CHECK(models.get_by<&Half::name>("loaded").id == 4);
    rig.scripted->lose("*id=4");
    CHECK(models.get_by<&Half::name>("loaded").id == 4);  // loaded by its key
    CHECK(runs == 2);
}

TEST_CASE("removing a model of which only the keys are set drops no pointer of another",
          "[secondary_keys][unit]") {
    CallRig rig;
    const Models<Car> cars{rig.cache};
    cars.save({.id = 1, .plate = ""});
    cars.save({.id = 2, .plate = "B"});
    CHECK(cars.remove({.id = 2}));
    CHECK(cars.get_by<&Car::plate>("").id == 1);
    CHECK(cars.find_by<&Car::plate>("B").absent());
}

TEST_CASE("one model that cannot be saved leaves the others their secondary keys",
          "[secondary_keys][unit]") {
    CallRig rig;
    const Models<Car> cars{rig.cache};
    const auto saved = cars.save_many(
        std::vector<Car>{{.id = 1, .plate = "A"}, {.plate = "no id"}, {.id = 3, .plate = "C"}});
    CHECK(saved[0].done());
    CHECK(saved[1].failed());
    CHECK(saved[2].done());
    CHECK(cars.get_by<&Car::plate>("A").id == 1);
    CHECK(cars.find_by<&Car::plate>("no id").absent());
    CHECK(cars.get_by<&Car::plate>("C").id == 3);
}

TEST_CASE("what is loaded as the target of a reference is found by its secondary keys, too",
          "[secondary_keys][loaders][unit]") {
    CallRig rig;
    const Models<Owner> owners{rig.cache};
    owners.save({.id = 1, .loaded = Reference<Loaded>::to(7)});
    CHECK(owners.get(1).loaded->name == "n7");
    CHECK(runs == 1);
    CHECK(Models<Loaded>{rig.cache}.get_by<&Loaded::name>("n7").id == 7);
    CHECK(runs == 1);
}

TEST_CASE("a value that does not fit into the member is no key", "[secondary_keys][unit]") {
    CallRig rig;
    const Models<Wheel> wheels{rig.cache};
    CHECK_THROWS_AS(wheels.find_by<&Wheel::number>(std::int64_t{1} << 40), InvalidKey);
}

TEST_CASE("a secondary key may have a type that says itself what identifies it",
          "[secondary_keys][unit]") {
    CallRig rig;
    const Models<Place> places{rig.cache};
    places.save({.id = 1, .country = Country{"AT"}});
    CHECK(places.get_by<&Place::country>(Country{"AT"}).id == 1);
    CHECK(rig.scripted->stored(":1:Place@1/\"country\"=\"AT\"").has_value());
}

TEST_CASE("a CacheModel is found by its secondary keys, and knows what it was read as",
          "[secondary_keys][unit]") {
    ScopedCaches scope;
    CallRig rig;
    caches().configure("default", rig.cache);
    CacheModel car{Car{.id = 1, .plate = "A"}};
    car.save();
    auto found = CacheModel<Car>::get_by<&Car::plate>("A");
    found.plate = "B";
    found.save_if_unchanged();
    auto maybe = CacheModel<Car>::find_by<&Car::plate>("B");
    REQUIRE(maybe.found());
    maybe->colour = Colour::red;
    maybe->save_if_unchanged();
    auto many = CacheModel<Car>::get_many_by<&Car::plate>({"A", "B"});
    CHECK(many[0].absent());
    many[1]->save_if_unchanged();
    CHECK(many[1]->remove());
    CHECK(rig.scripted->stored(":1:Car@1/\"licence%20plate\"=\"B\"") == std::nullopt);
}
