// cachemodel: CacheModel, and the words that programs are written in.
// SPDX-License-Identifier: MIT
#include <cachemodel/cachemodel.hpp>

#include <cachemodel/binary.hpp>

#include "support/catch.hpp"

#include <cereal/types/vector.hpp>

#include <chrono>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

using namespace cachemodel;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;

namespace cache_model_test {

struct Portrait {
    std::vector<int> pixels;

    template <class Archive>
    void serialize(Archive& archive) {
        archive(pixels);
    }
};

struct Workplace {
    Key<std::string> name;
    Field<std::string> phone;
    Field<int> employee_count;
};

struct User {
    static constexpr ModelOptions cache_options{.expires = 15min};

    Key<std::string> username;
    Field<std::string> email;
    Field<std::string> full_name;
    Binary<Portrait> portrait;
    Reference<Workplace> workplace;
    Reference<User> mother, father;
    std::vector<Reference<User>> friends;

    void from_miss();
};

int loads = 0;

void User::from_miss() {
    ++loads;
    if (username != "carol") throw Missing{};
    email = "carol@example.org";
    workplace = Reference<Workplace>::to("Acme");
}

/// Kept in a cache of its own.
struct Session {
    static constexpr ModelOptions cache_options{
        .expires = 1h, .name = "session", .cache = "sessions", .version = 3};
    static constexpr WireNames wire_names{{"user", "u"}};

    Key<int> id;
    Field<std::string> user;
};

/// Two keys; refers to a model of another cache.
struct Visit {
    Key<std::string> who;
    Key<int> day = 1;
    Field<int> pages;
    Reference<Session> session;
};

/// Without a comparison of its own, and with one.
struct Plain {
    Key<int> id;
    Field<std::string> text;
};
struct Compared {
    Key<int> id;
    Field<std::string> text;

    bool operator==(const Compared& other) const { return id == other.id; }
};

}  // namespace cache_model_test

using namespace cache_model_test;

TEST_CASE("the first program of the guide works", "[cache_model]") {
    const ScopedCaches scoped;
    const Workplace acme{.name = "Acme", .phone = "555-1234", .employee_count = 7};
    CacheModel<Workplace>{acme}.save();

    CacheModel bob{User{.username = "bob", .email = "bob@hotmail.com", .workplace = acme}};
    bob.save();

    auto user = CacheModel<User>::get("bob");
    CHECK(user.email == "bob@hotmail.com");
    CHECK(user.workplace->phone == "555-1234");
    auto maybe = CacheModel<User>::find("bob");
    CHECK(maybe.found());
    CHECK(maybe->workplace->employee_count == 7);
    CHECK_THROWS_AS(CacheModel<User>::get("nobody"), CacheModel<User>::Missing);
    static_assert(std::is_same_v<decltype(bob), CacheModel<User>>);
    static_assert(std::is_same_v<decltype(user), CacheModel<User>>);
    static_assert(std::is_same_v<decltype(maybe), Lookup<CacheModel<User>>>);
}

TEST_CASE("every verb of the vocabulary compiles and works on CacheModel", "[cache_model]") {
    const ScopedCaches scoped;
    caches().configure("default", "memory://");
    CacheModel<Plain> plain{Plain{.id = 1, .text = "one"}};
    plain.save();
    plain.save(1h);
    plain.save(never);
    CHECK(plain.key() == "cache_model_test::Plain@1/id=1");
    CHECK(CacheModel<Plain>::key_for(1) == plain.key());
    CHECK(CacheModel<Plain>::key_for({.id = 1}) == plain.key());
    CHECK(CacheModel<Plain>::get(1).text == "one");
    CHECK(CacheModel<Plain>::get({.id = 1}).text == "one");
    CHECK(CacheModel<Plain>::get(plain).text == "one");
    CHECK(CacheModel<Plain>::get(std::tuple{1}).text == "one");
    CHECK(CacheModel<Plain>::find(1).found());
    CHECK(CacheModel<Plain>::find({.id = 2}).absent());
    CHECK(CacheModel<Plain>::exists(1));
    CHECK(CacheModel<Plain>::exists(plain));
    CHECK(CacheModel<Plain>::exists({.id = 1}));
    CHECK(CacheModel<Plain>::touch(1, 1h));
    CHECK(CacheModel<Plain>::touch({.id = 1}, 1h));
    CHECK(CacheModel<Plain>::touch(plain, never));

    const std::vector<int> ids{2, 1};
    auto many = CacheModel<Plain>::get_many(ids);
    static_assert(std::is_same_v<decltype(many), std::vector<Lookup<CacheModel<Plain>>>>);
    CHECK(many[0].absent());
    CHECK(many[1]->text == "one");
    CHECK(CacheModel<Plain>::get_many({1, 2})[0].found());
    CHECK(CacheModel<Plain>::get_many(std::vector{plain})[0]->text == "one");
    CHECK(CacheModel<Plain>::get_many({plain, plain})[1].found());
    CHECK(CacheModel<Plain>::get_many(std::set<int>{1, 2})[1].absent());

    CHECK(CacheModel<Plain>::save_many(std::vector<Plain>{{.id = 3}, {.id = 4}}).size() == 2);
    CHECK(CacheModel<Plain>::save_many(std::vector<CacheModel<Plain>>{plain}, 1h)[0].done());
    CHECK(CacheModel<Plain>::save_many({plain, plain})[1].done());
    CHECK(CacheModel<Plain>::remove_many({3, 5})[1].declined());
    CHECK(CacheModel<Plain>::remove_many(std::vector{4})[0].done());

    auto [model, created] = CacheModel<Plain>::get_or_create(Plain{.id = 9, .text = "mine"});
    static_assert(std::is_same_v<decltype(model), CacheModel<Plain>>);
    CHECK(created);
    model.save();
    CHECK_FALSE(CacheModel<Plain>::get_or_create({.id = 9}).created);
    CHECK(CacheModel<Plain>::rename(9, Plain{.id = 10, .text = "mine"}));
    CHECK(CacheModel<Plain>::rename(CacheModel<Plain>::get(10), Plain{.id = 11}));
    CHECK(CacheModel<Plain>::rename(Plain{.id = 11}, Plain{.id = 12}));
    CHECK(CacheModel<Plain>::remove(12));

    CHECK(plain.remove());
    CHECK_FALSE(plain.remove());
    CHECK_FALSE(CacheModel<Plain>::remove(1));
    CHECK_FALSE(CacheModel<Plain>::remove({.id = 1}));
    CHECK_FALSE(CacheModel<Plain>::remove(plain));
    plain.save();  // the object goes on
    CHECK(CacheModel<Plain>::exists(1));
    plain.save(0s);
    CHECK_FALSE(CacheModel<Plain>::exists(1));
}

TEST_CASE("every verb of the vocabulary compiles and works on Models", "[models]") {
    const Cache cache = Cache::open("memory://");
    const Models<Plain> plains{cache};
    const CacheModel object{Plain{.id = 1, .text = "one"}};
    plains.save(object);
    plains.save(object, 1h);
    CHECK(plains.get(object).text == "one");
    CHECK(plains.find(object).found());
    CHECK(plains.exists(object));
    CHECK(plains.touch(object, 1h));
    CHECK(plains.key_for(object) == "cache_model_test::Plain@1/id=1");
    CHECK(plains.get_many(std::vector{object})[0].found());
    CHECK(plains.save_many(std::vector{object}, never)[0].done());
    CHECK_FALSE(plains.get_or_create(object).created);
    CHECK(plains.rename(object, Plain{.id = 2}));
    CHECK(plains.rename(2, object));
    CHECK(plains.remove_many(std::vector{object})[0].done());
    CHECK_FALSE(plains.remove(object));
    auto [plain, created] = plains.get_or_create(Plain{.id = 5});
    CHECK(created);
    CHECK(plain.id == 5);
    static_assert(std::is_same_v<decltype(plains.get(1)), Plain>);
    static_assert(std::is_same_v<decltype(plains.find(1)), Lookup<Plain>>);
    CHECK(plains.cache() == cache);
}

TEST_CASE("several keys, and those with a default, work on CacheModel", "[cache_model]") {
    const ScopedCaches scoped;
    caches().configure("sessions", "memory://");
    CacheModel{Visit{.who = "bob", .pages = 3}}.save();
    CacheModel{Visit{.who = "bob", .day = 2, .pages = 4}}.save();
    CHECK(CacheModel<Visit>::get("bob", 1).pages == 3);
    CHECK(CacheModel<Visit>::get({.who = "bob"}).pages == 3);
    CHECK(CacheModel<Visit>::get({.who = "bob", .day = 2}).pages == 4);
    CHECK(CacheModel<Visit>::get(std::pair{"bob", 2}).pages == 4);
    CHECK(CacheModel<Visit>::touch("bob", 2, 1h));
    CHECK(CacheModel<Visit>::remove("bob", 2));
    CHECK_FALSE(CacheModel<Visit>::exists("bob", 2));
}

TEST_CASE("Missing is caught per model and for all", "[cache_model]") {
    const ScopedCaches scoped;
    bool per_model = false;
    try {
        (void)CacheModel<Plain>::get(1);
    } catch (const CacheModel<User>::Missing&) {
        FAIL("another model's");
    } catch (const CacheModel<Plain>::Missing& missing) {
        per_model = true;
        CHECK(missing.model() == "cache_model_test::Plain");
        CHECK(missing.key() == "cache_model_test::Plain@1/id=1");
    }
    CHECK(per_model);
    CHECK_THROWS_AS(CacheModel<Plain>::get(1), Missing);
    CHECK_THROWS_AS(CacheModel<Plain>::get(1), Error);
    static_assert(std::is_same_v<CacheModel<Plain>::Missing, Models<Plain>::Missing>);
    static_assert(std::is_base_of_v<Missing, CacheModel<Plain>::Missing>);
}

TEST_CASE("a loader without contexts serves CacheModel", "[cache_model][loaders]") {
    const ScopedCaches scoped;
    CacheModel{Workplace{.name = "Acme", .phone = "1"}}.save();
    loads = 0;
    const auto carol = CacheModel<User>::get("carol");
    CHECK(carol.email == "carol@example.org");
    CHECK(carol.workplace->phone == "1");
    CHECK(CacheModel<User>::find("carol").found());
    CHECK(loads == 1);
    CHECK(CacheModel<User>::find("dave").absent());
    CHECK(CacheModel<User>::get_many({"carol", "dave"})[0]->email == "carol@example.org");
}

TEST_CASE("a model lives in the cache that its options name", "[cache_model][caches]") {
    const ScopedCaches scoped;
    const CacheModel session{Session{.id = 1, .user = "bob"}};
    CHECK_THROWS_AS(session.save(), ConfigError);
    CHECK_THROWS_WITH(CacheModel<Session>::find(1), Contains("sessions"));
    caches().configure("sessions", "memory://");
    session.save();
    CHECK(session.key() == "session@3/id=1");
    CHECK(CacheModel<Session>::get(1).user == "bob");
    CHECK(caches()["sessions"].statistics().stores == 1);
    CHECK(caches()["default"].statistics().round_trips == 0);
    CHECK(Models<Session>{}.exists(1));
    CHECK_FALSE(Models<Session>{Cache::open("memory://")}.exists(1));

    // A reference to it leads there, from a model of another cache.
    CacheModel{Visit{.who = "bob", .session = Reference<Session>::to(1)}}.save();
    CHECK(CacheModel<Visit>::get("bob", 1).session->user == "bob");
    CHECK(caches()["default"].statistics().hits == 1);
}

TEST_CASE("what is configured anew is seen by the next verb", "[cache_model][caches]") {
    const ScopedCaches scoped;
    const CacheModel plain{Plain{.id = 1, .text = "one"}};
    plain.save();
    const Models<Plain> door;
    caches().configure("default", "null://");
    CHECK_FALSE(CacheModel<Plain>::exists(1));
    CHECK(door.exists(1));
}

TEST_CASE("an incomplete key names every member that is not set", "[cache_model]") {
    const ScopedCaches scoped;
    caches().configure("sessions", "memory://");
    CacheModel<Visit> visit;
    CHECK_THROWS_AS(visit.save(), IncompleteKey);
    CHECK_THROWS_AS(visit.remove(), IncompleteKey);
    CHECK_THROWS_WITH(visit.key(), Contains("who") && !Contains("day"));
    CHECK_THROWS_AS(CacheModel<Visit>::get({.day = 1}), IncompleteKey);
    visit.who = "bob";
    CHECK_NOTHROW(visit.save());
}

TEST_CASE("objects compare as their model does, or else member by member", "[cache_model]") {
    const ScopedCaches scoped;
    const CacheModel one{Plain{.id = 1, .text = "one"}};
    one.save();
    CHECK(CacheModel<Plain>::get(1) == one);
    CHECK_FALSE(CacheModel{Plain{.id = 1, .text = "other"}} == one);
    CHECK(CacheModel{Compared{.id = 1, .text = "a"}} == CacheModel{Compared{.id = 1, .text = "b"}});
}

TEST_CASE("an object is an M, and goes where an M goes", "[cache_model]") {
    const ScopedCaches scoped;
    CacheModel<Plain> object = Plain{.id = 1, .text = "one"};
    Plain& plain = object;
    plain.text = "changed";
    CHECK(object.text == "changed");
    object.save();
    const Plain copy = CacheModel<Plain>::get(1);
    CHECK(copy.text == "changed");
    CacheModel<Plain> moved = std::move(object);
    CHECK(moved.text == "changed");
    std::ostringstream out;
    out << moved.text << ' ' << moved.id;
    CHECK(out.str() == "changed 1");
}

TEST_CASE("references, binaries and options of the vocabulary compile and work", "[cache_model]") {
    const ScopedCaches scoped;
    const CacheModel eve{User{.username = "eve", .portrait = Portrait{{1, 2, 3}}}};
    eve.save();
    CacheModel<User> user{User{.username = "bob"}};
    CHECK_FALSE(user.father);
    user.father = eve;
    CHECK(user.father);
    CHECK(user.father.loaded());
    CHECK(user.father->portrait->pixels == std::vector<int>{1, 2, 3});
    CHECK((*user.father).username == "eve");
    CHECK(user.father.key() == eve.key());
    user.mother = Reference<User>::to("eve");
    CHECK_FALSE(user.mother.loaded());
    user.friends = {Reference<User>::to("eve"), Reference<User>(eve)};
    user.save();

    const Models<User> users;
    auto shallow = users.depth(0).get("bob");
    CHECK_FALSE(shallow.father.loaded());
    users.load(shallow);
    CHECK(shallow.father.loaded());
    CHECK(shallow.friends[1]->username == "eve");
    std::vector<User> several{users.depth(0).get("bob"), users.depth(0).get("eve")};
    CHECK(users.load(several).size() == 2);
    CHECK(several[0].mother->portrait->pixels.size() == 3);

    static_assert(ModelOptions{}.version == 1);
    static_assert(ModelOptions{}.expires.is_never());
    static_assert(
        ModelOptions{.expires = 15min, .name = "n", .cache = "c", .version = 2, .secret_keys = true}
            .secret_keys);
}
