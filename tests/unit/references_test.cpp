// cachemodel: how references are loaded: trips, identity, cycles, missing targets, ownership.
// SPDX-License-Identifier: MIT
#include "envelope.hpp"
#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/small_stack.hpp"

#include <cachemodel/backends/memory.hpp>
#include <cachemodel/cachemodel.hpp>
#include <cachemodel/testing/recording_backend.hpp>
#include <cachemodel/testing/scripted_backend.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_set>
#include <utility>
#include <vector>

using namespace cachemodel;
using namespace cachemodel::support;
using namespace cachemodel::testing;
using namespace std::string_literals;

namespace {

struct Workplace {
    static constexpr ModelOptions cache_options{.name = "Workplace"};

    Key<std::string> name;
    Field<std::string> phone;
};

struct User {
    static constexpr ModelOptions cache_options{.name = "User"};

    Key<std::string> name;
    Field<int> age;
    Reference<Workplace> workplace;
    Reference<User> mother, father;
    std::vector<Reference<User>> friends;
    Reference<User, Dangling::keep> idol;
    std::vector<Reference<User, Dangling::keep>> followers;
};

Reference<User> user_named(std::string_view name) { return Reference<User>::to(std::string{name}); }
Reference<User, Dangling::keep> idol_named(std::string_view name) {
    return Reference<User, Dangling::keep>::to(std::string{name});
}
std::string key_of(std::string_view name) { return "User@1/name=\"" + std::string{name} + '"'; }

/// A cache that fails on command and writes down what it was asked.
struct Recorded {
    std::shared_ptr<ScriptedBackend> backend = std::make_shared<ScriptedBackend>();
    std::shared_ptr<RecordingBackend> recording = std::make_shared<RecordingBackend>(backend);
    Cache cache{recording,
                {.lease_wait = std::chrono::seconds{0}, .load_backoff = std::chrono::seconds{0}}};

    /// How many keys each read asked for, since the last time.
    std::vector<std::size_t> reads() {
        std::vector<std::size_t> sizes;
        for (const auto& call : recording->log().calls()) {
            if (call.verb == Verb::get) sizes.push_back(call.keys.size());
        }
        recording->log().reset();
        return sizes;
    }
    /// What other programs write: a sound entry around these bytes.
    void plant(const std::string& key, std::string_view body) {
        std::string bytes;
        detail::begin_entry(bytes, {key, detail::WallTime{}, std::nullopt});
        bytes += body;
        detail::end_entry(bytes);
        backend->plant(cache.final_key(key), std::move(bytes));
    }
};

using Sizes = std::vector<std::size_t>;

struct World : Recorded {
    Models<User> users{cache};
    Models<Workplace> workplaces{cache};

    void save(const User& user) {
        users.save(user);
        recording->log().reset();
    }
};

}  // namespace

// ---- trips

TEST_CASE("every level of references is fetched in one trip", "[references][trips]") {
    World world;
    std::vector<User> all{{.name = "root", .age = 0}};
    for (int i = 0; i < 50; ++i) {
        User child{.name = "child " + std::to_string(i), .age = i};
        for (int j = 0; j < 8; ++j) {
            User grandchild{.name = "grandchild " + std::to_string(8 * i + j), .age = 8 * i + j};
            child.friends.push_back(user_named(*grandchild.name));
            all.push_back(std::move(grandchild));
        }
        all.front().friends.push_back(user_named(*child.name));
        all.push_back(std::move(child));
    }
    for (const auto& outcome : world.users.save_many(all)) REQUIRE(outcome.done());
    world.recording->log().reset();

    const User root = world.users.get("root");
    CHECK(world.reads() == Sizes{1, 50, 400});
    REQUIRE(root.friends.size() == 50);
    CHECK(root.friends[49]->age == 49);
    CHECK(root.friends[49]->friends[7]->age == 399);
}

TEST_CASE("models of different classes are fetched in one trip", "[references][trips]") {
    World world;
    world.workplaces.save({.name = "acme", .phone = "1"});
    world.workplaces.save({.name = "bank", .phone = "2"});
    world.users.save({.name = "eve", .workplace = Reference<Workplace>::to("bank")});
    world.users.save({.name = "adam"});
    world.save({.name = "bob",
                .workplace = Reference<Workplace>::to("acme"),
                .mother = user_named("eve"),
                .father = user_named("adam")});

    const User bob = world.users.get("bob");
    CHECK(world.reads() == Sizes{1, 3, 1});
    CHECK(bob.workplace->phone == "1");
    CHECK(bob.mother->workplace->phone == "2");
    CHECK_FALSE(bob.father->workplace);
}

namespace {

struct Picture {
    static constexpr ModelOptions cache_options{.name = "Picture", .cache = "pictures"};

    Key<int> number;
    Field<std::string> pixels;
    Reference<User> artist;
};

struct Post {
    static constexpr ModelOptions cache_options{.name = "Post"};

    Key<int> number;
    Reference<Picture> picture, thumbnail;
    Reference<User> author;
};

}  // namespace

TEST_CASE("models in two named caches are fetched in one trip for each cache",
          "[references][trips]") {
    const ScopedCaches scope;
    Recorded usual;
    Recorded pictures;
    caches().configure("default", usual.cache);
    caches().configure("pictures", pictures.cache);
    CacheModel<User>{User{.name = "eve", .age = 30}}.save();
    CacheModel<User>{User{.name = "ida", .age = 60}}.save();
    const CacheModel first{Picture{.number = 1, .pixels = "#", .artist = user_named("ida")}};
    const CacheModel second{Picture{.number = 2, .pixels = "##", .artist = user_named("ida")}};
    first.save();
    second.save();
    CacheModel<Post>{
        Post{.number = 7, .picture = second, .thumbnail = first, .author = user_named("eve")}}
        .save();
    usual.recording->log().reset();
    pictures.recording->log().reset();

    const auto post = CacheModel<Post>::get(7);
    CHECK(usual.reads() == Sizes{1, 1, 1});
    CHECK(pictures.reads() == Sizes{2});
    CHECK(post.picture->pixels == "##");
    CHECK(post.thumbnail->artist->age == 60);
    CHECK(&*post.thumbnail->artist == &*post.picture->artist);
    CHECK(post.author->age == 30);
}

TEST_CASE("what several objects refer to is fetched once and is one object",
          "[references][identity]") {
    World world;
    world.users.save({.name = "ida", .age = 60});
    world.users.save({.name = "eve", .mother = user_named("ida")});
    world.users.save({.name = "adam", .mother = user_named("ida"), .idol = idol_named("ida")});
    world.save({.name = "bob",
                .mother = user_named("eve"),
                .father = user_named("adam"),
                .friends = {user_named("eve"), nullptr, user_named("eve")},
                .idol = idol_named("eve")});

    const User bob = world.users.get("bob");
    CHECK(world.reads() == Sizes{1, 2, 1});
    CHECK(&*bob.friends[0] == &*bob.mother);
    CHECK_FALSE(bob.friends[1]);
    CHECK(&*bob.friends[2] == &*bob.mother);
    CHECK(&*bob.idol == &*bob.mother);
    CHECK(&*bob.mother->mother == &*bob.father->mother);
    CHECK(&*bob.father->idol == &*bob.father->mother);
}

TEST_CASE("roots that share targets share the trips", "[references][identity]") {
    World world;
    world.users.save({.name = "eve", .age = 30});
    for (const char* name : {"a", "b", "c"}) {
        world.users.save({.name = name, .mother = user_named("eve")});
    }
    world.recording->log().reset();

    const auto found = world.users.get_many({"a", "b", "nobody", "c", "a"});
    CHECK(world.reads() == Sizes{4, 1});
    CHECK(found[0]->mother->age == 30);
    CHECK(&*found[1]->mother == &*found[0]->mother);
    CHECK(found[2].absent());
    CHECK(&*found[3]->mother == &*found[0]->mother);
    CHECK(found[4]->name == "a");
    CHECK(&*found[4]->mother == &*found[0]->mother);
}

// ---- cycles

TEST_CASE("an object that refers to itself leads to an equal copy", "[references][cycles]") {
    World world;
    world.save({.name = "eve", .age = 30, .mother = user_named("eve")});

    const User eve = world.users.get("eve");
    CHECK(world.reads() == Sizes{1});
    CHECK(eve.mother->age == 30);
    CHECK(&*eve.mother != &eve);
    CHECK(&*eve.mother->mother == &*eve.mother);
}

TEST_CASE("a cycle through the root comes back to an equal copy of it", "[references][cycles]") {
    World world;
    world.users.save({.name = "bob", .age = 5, .mother = user_named("eve")});
    world.save({.name = "eve", .age = 30, .friends = {user_named("bob")}});

    const User eve = world.users.get("eve");
    CHECK(world.reads() == Sizes{1, 1});
    const User& bob = *eve.friends[0];
    CHECK(bob.mother->age == 30);
    CHECK(&*bob.mother->friends[0] == &bob);
    CHECK(&*bob.mother->friends[0]->mother == &*bob.mother);
}

TEST_CASE("cycles among targets keep their identity", "[references][cycles]") {
    World world;
    world.users.save({.name = "self", .father = user_named("self")});
    world.users.save({.name = "a", .father = user_named("b"), .friends = {user_named("self")}});
    world.users.save({.name = "b", .father = user_named("a")});
    world.save({.name = "root", .friends = {user_named("a"), user_named("b")}});

    const User root = world.users.get("root");
    CHECK(world.reads() == Sizes{1, 2, 1});
    const User& a = *root.friends[0];
    CHECK(&*a.father->father == &a);
    CHECK(&*a.father == &*root.friends[1]);
    CHECK(&*a.friends[0]->father == &*a.friends[0]);
}

TEST_CASE("roots that refer to each other are fetched in one trip", "[references][cycles]") {
    World world;
    world.users.save({.name = "a", .age = 1, .mother = user_named("b")});
    world.users.save({.name = "b", .age = 2, .mother = user_named("a")});
    world.recording->log().reset();

    auto found = world.users.get_many({"a", "b"});
    CHECK(world.reads() == Sizes{2});
    const User a = *std::move(found[0]);
    const User b = *std::move(found[1]);
    found.clear();
    CHECK(a.mother->age == 2);
    CHECK(b.mother->age == 1);
    CHECK(&*a.mother->mother == &*b.mother);
    CHECK(&*a.mother->mother->mother == &*a.mother);
}

TEST_CASE("references between classes that refer to each other come round",
          "[references][cycles]") {
    const ScopedCaches scope;
    caches().configure("pictures", "memory://");
    caches().configure("default", "memory://");
    CacheModel<User>{User{.name = "eve", .age = 30}}.save();
    CacheModel<Picture>{Picture{.number = 1, .pixels = "#", .artist = user_named("eve")}}.save();
    CHECK(CacheModel<Picture>::get(1).artist->age == 30);
}

// ---- long chains and many objects

TEST_CASE("a chain of any length is loaded and destroyed without recursion",
          "[references][chains]") {
    constexpr std::size_t length = 20'000;
    const Models<User> users{Cache{std::make_shared<ScriptedBackend>()}};
    std::size_t seen = 0;
    int last_age = 0;
    on_a_small_stack([&] {
        std::vector<User> chain(length);
        for (std::size_t i = 0; i < length; ++i) {
            chain[i].name = std::to_string(i);
            chain[i].age = static_cast<int>(i);
            if (i + 1 < length) chain[i].mother = user_named(std::to_string(i + 1));
        }
        (void)users.save_many(chain);
        const User first = users.get("0");
        const User* at = &first;
        for (seen = 1; at->mother; ++seen) at = &*at->mother;
        last_age = at->age;
    });
    CHECK(seen == 20'000);
    CHECK(last_age == 19'999);
    CHECK(users.cache().statistics().hits == 20'000);
}

TEST_CASE("a chain whose end is missing breaks without recursion", "[references][chains]") {
    const Models<User> users{Cache{std::make_shared<ScriptedBackend>()}};
    std::optional<BrokenReference> broken;
    on_a_small_stack([&] {
        std::vector<User> chain(2'000);
        for (std::size_t i = 0; i < chain.size(); ++i) {
            chain[i].name = std::to_string(i);
            chain[i].mother = user_named(std::to_string(i + 1));
        }
        (void)users.save_many(chain);
        broken = users.find("0").broken_reference();
    });
    REQUIRE(broken);
    CHECK(broken->from_key == key_of("1999"));
    CHECK(broken->to_key == key_of("2000"));
}

namespace {

struct Leaf {
    static constexpr ModelOptions cache_options{.name = "Leaf"};

    Key<int> number;
};

struct Tree {
    static constexpr ModelOptions cache_options{.name = "Tree"};

    Key<int> number;
    std::vector<Reference<Leaf, Dangling::keep>> leaves;
};

}  // namespace

TEST_CASE("one load brings at most 100,000 objects", "[references][bounds]") {
    const Models<Tree> trees{Cache{std::make_shared<MemoryBackend>()}};
    Tree tree{.number = 1};
    for (int i = 0; i < 100'000; ++i) {
        tree.leaves.push_back(Reference<Leaf, Dangling::keep>::to(i));
    }
    trees.save(tree);
    CHECK(trees.get(1).leaves.size() == 100'000);
    CHECK(trees.cache().statistics().misses() == 100'000);

    tree.leaves.push_back(Reference<Leaf, Dangling::keep>::to(100'000));
    trees.save(tree);
    CHECK_THROWS_MATCHES(trees.get(1), Error,
                         Catch::Matchers::Message("one load brings more than 100000 objects"));
    CHECK(trees.depth(0).get(1).leaves.size() == 100'001);
}

// ---- ownership

TEST_CASE("what was loaded outlives the object that it was loaded with",
          "[references][ownership]") {
    World world;
    world.workplaces.save({.name = "acme", .phone = "1"});
    world.users.save({.name = "ida",
                      .age = 60,
                      .workplace = Reference<Workplace>::to("acme"),
                      .friends = {user_named("eve")}});
    world.users.save({.name = "eve", .age = 30, .mother = user_named("ida")});
    world.users.save({.name = "bob", .age = 5, .mother = user_named("eve")});

    SECTION("as a copied target") {
        User eve;
        {
            const User bob = world.users.get("bob");
            eve = *bob.mother;
        }
        CHECK(eve.mother->age == 60);
        CHECK(eve.mother->workplace->phone == "1");
        CHECK(eve.mother->friends[0]->mother->age == 60);
        eve = User{*eve.mother->friends[0]->mother};
        CHECK(eve.age == 60);
        CHECK(eve.friends[0]->age == 30);
    }
    SECTION("as a kept reference") {
        Reference<User> kept;
        {
            const auto bob = world.users.find("bob");
            kept = bob->mother->mother;
        }
        CHECK(kept->age == 60);
        CHECK(kept->friends[0]->mother->friends[0]->age == 30);
        kept = kept->friends[0];
        CHECK(kept->age == 30);
    }
    SECTION("as part of another object") {
        User carl{.name = "carl"};
        {
            const User bob = world.users.get("bob");
            carl.friends = bob.mother->mother->friends;
            carl.father = *bob.mother->mother;
        }
        CHECK(carl.friends[0]->mother->age == 60);
        CHECK(carl.father->workplace->phone == "1");
        CHECK(carl.father->friends[0]->age == 30);
    }
}

TEST_CASE("loaded objects are moved, swapped and assigned like any values",
          "[references][ownership]") {
    World world;
    world.users.save({.name = "ida", .age = 60, .friends = {user_named("bob")}});
    world.users.save({.name = "eve", .age = 30, .mother = user_named("ida")});
    world.users.save({.name = "bob", .age = 5, .mother = user_named("eve")});
    User bob = world.users.get("bob");

    SECTION("moving") {
        User moved = std::move(bob);
        bob = world.users.get("eve");
        CHECK(moved.mother->mother->friends[0]->age == 5);
        moved = std::move(bob);
        CHECK(moved.mother->friends[0]->mother->age == 30);
    }
    SECTION("swapping references of different loads") {
        User ida = world.users.get("ida");
        std::swap(bob.mother, ida.friends[0]);
        CHECK(bob.mother->age == 5);
        bob.mother = nullptr;
        CHECK(ida.friends[0]->mother->age == 60);
        std::swap(bob, ida);
        CHECK(bob.friends[0]->mother->friends[0]->mother->age == 30);
    }
    SECTION("assigning what is inside of the own graph") {
        bob.mother = *bob.mother->mother;
        CHECK(bob.mother->age == 60);
        bob.mother = bob.mother->friends[0];
        CHECK(bob.mother->age == 5);
        bob.father = *bob.mother;
        bob.mother = nullptr;
        CHECK(bob.father->mother->mother->age == 60);
        bob = User{*bob.father->mother};
        CHECK(bob.age == 30);
        CacheModel<User> walking{bob};
        bob = {};
        walking = *walking.mother;
        walking = *walking.friends[0]->mother;
        CHECK(walking.mother->friends[0]->age == 5);
    }
    SECTION("growing lists") {
        std::vector<User> users;
        for (int i = 0; i < 20; ++i) {
            users.push_back(bob);
            users.back().friends.push_back(users.front().mother);
            users.push_back(*bob.mother->mother);
        }
        bob = {};
        users.erase(users.begin(), users.begin() + 37);
        CHECK(users.back().friends[0]->mother->age == 30);
        CHECK(users[1].friends[0]->mother->age == 60);
    }
    SECTION("loading into an object of an earlier load") {
        User shallow = world.users.depth(0).get("bob");
        world.users.load(shallow);
        const auto eve = shallow.mother;
        shallow.father = eve->mother;
        world.users.load(shallow);
        CHECK(shallow.mother->age == 30);
        CHECK(shallow.father->age == 60);
        CHECK_FALSE(eve->mother.loaded());
    }
}

TEST_CASE("loaded objects are let go by several threads at once",
          "[references][ownership][threads]") {
    World world;
    world.users.save({.name = "ida", .age = 60, .friends = {user_named("bob")}});
    world.users.save({.name = "eve", .age = 30, .mother = user_named("ida")});
    world.users.save({.name = "bob", .age = 5, .mother = user_named("eve")});
    for (int round = 0; round < 50; ++round) {
        User bob = world.users.get("bob");
        std::vector<std::thread> threads;
        std::vector<int> ages(4);
        for (auto& age : ages) {
            threads.emplace_back([kept = bob.mother, &age]() mutable {
                User copy = *kept;
                kept = nullptr;
                copy = User{*copy.mother};
                const Reference<User> last = copy.friends[0]->mother;
                copy = {};
                age = last->age;
            });
        }
        bob = {};
        for (auto& thread : threads) thread.join();
        REQUIRE(ages == std::vector<int>(4, 30));
    }
}

TEST_CASE("one door loads in several threads at once", "[references][threads]") {
    World world;
    world.users.save({.name = "eve", .age = 30, .mother = user_named("bob")});
    world.users.save({.name = "bob", .age = 5, .mother = user_named("eve")});
    std::vector<int> ages(4);
    std::vector<std::thread> threads;
    for (auto& age : ages) {
        threads.emplace_back([&] {
            for (int round = 0; round < 20; ++round) {
                age = world.users.get("bob").mother->mother->mother->age;
            }
        });
    }
    for (auto& thread : threads) thread.join();
    CHECK(ages == std::vector<int>(4, 30));
}

// ---- depth and load

TEST_CASE("references beyond the depth stay unloaded and know their keys", "[references][depth]") {
    World world;
    world.users.save({.name = "ida", .age = 60});
    world.users.save({.name = "eve", .age = 30, .mother = user_named("ida")});
    world.save(
        {.name = "bob", .mother = user_named("eve"), .friends = {user_named("nobody"), nullptr}});

    const User none = world.users.depth(0).get("bob");
    CHECK(world.reads() == Sizes{1});
    CHECK_FALSE(none.mother.loaded());
    CHECK(none.mother.key() == key_of("eve"));
    CHECK(none.friends[0].key() == key_of("nobody"));
    CHECK_FALSE(none.friends[1]);
    CHECK_THROWS_AS(none.mother->age, UnloadedReference);

    world.save({.name = "bob", .mother = user_named("eve")});
    const User one = world.users.depth(1).get("bob");
    CHECK(world.reads() == Sizes{1, 1});
    CHECK(one.mother->age == 30);
    CHECK_FALSE(one.mother->mother.loaded());
    CHECK(one.mother->mother.key() == key_of("ida"));
    CHECK_THROWS_WITH(one.mother->mother->age,
                      "the reference to User@1/name=\"ida\" was not loaded");

    CHECK(world.users.depth(2).get("bob").mother->mother->age == 60);
    CHECK(world.users.depth(1).depth(2).get("bob").mother->mother.loaded());
}

TEST_CASE("a depth does not unload what is reached on a shorter way", "[references][depth]") {
    World world;
    world.users.save({.name = "ida", .age = 60, .friends = {user_named("eve")}});
    world.users.save({.name = "eve", .age = 30, .mother = user_named("ida")});
    world.save({.name = "bob", .mother = user_named("eve"), .friends = {user_named("ida")}});
    const User bob = world.users.depth(1).get("bob");
    CHECK(world.reads() == Sizes{1, 2});
    CHECK(bob.mother->mother->age == 60);
    CHECK(bob.mother->mother->friends[0]->age == 30);
}

TEST_CASE("load fills in one level of references, in one trip", "[references][load]") {
    World world;
    world.workplaces.save({.name = "acme", .phone = "1"});
    world.users.save({.name = "ida", .age = 60});
    world.users.save({.name = "eve", .age = 30, .mother = user_named("ida")});
    world.save({.name = "bob", .age = 5});

    User bob{.name = "bob",
             .workplace = Reference<Workplace>::to("acme"),
             .mother = user_named("eve"),
             .father = User{.name = "adam", .age = 33, .mother = user_named("nobody")},
             .friends = {user_named("bob"), nullptr, user_named("eve")}};
    world.users.load(bob);
    CHECK(world.reads() == Sizes{3});
    CHECK(bob.workplace->phone == "1");
    CHECK(bob.mother->age == 30);
    CHECK(bob.mother->mother.key() == key_of("ida"));
    CHECK_FALSE(bob.mother->mother.loaded());
    CHECK(bob.father->age == 33);
    CHECK_FALSE(bob.father->mother.loaded());
    CHECK(bob.friends[0]->age == 5);
    CHECK_FALSE(bob.friends[1]);
    CHECK(&*bob.friends[2] == &*bob.mother);

    world.users.load(bob);
    CHECK(world.reads().empty());

    CacheModel<User> as_cache_model{User{.name = "bob", .mother = user_named("eve")}};
    world.users.load(as_cache_model);
    CHECK(as_cache_model.mother->age == 30);

    User nameless{.mother = user_named("eve")};
    CHECK_THROWS_AS(world.users.load(nameless), IncompleteKey);
}

TEST_CASE("load of many models takes one trip and answers for each", "[references][load]") {
    World world;
    world.users.save({.name = "eve", .age = 30});
    world.users.save({.name = "ida", .age = 60});
    world.backend->fail_keys("*fails*");
    world.recording->log().reset();

    std::vector<User> users{{.name = "a", .mother = user_named("eve")},
                            {.name = "b", .mother = user_named("nobody")},
                            {.name = "c"},
                            {.name = "d", .mother = user_named("fails")},
                            {.name = "a", .mother = user_named("eve"), .father = user_named("ida")},
                            {.mother = user_named("eve")}};
    const auto outcomes = world.users.load(users);
    CHECK(world.reads() == Sizes{4});
    REQUIRE(outcomes.size() == 6);
    CHECK(outcomes[0].done());
    CHECK(users[0].mother->age == 30);
    REQUIRE(outcomes[1].failed());
    CHECK_THROWS_AS(outcomes[1].failure().rethrow(), Models<User>::Missing);
    CHECK_FALSE(users[1].mother.loaded());
    CHECK(users[1].mother.key() == key_of("nobody"));
    CHECK(outcomes[2].done());
    REQUIRE(outcomes[3].failed());
    CHECK(outcomes[3].failure().fault() == BackendFault::unavailable);
    CHECK(outcomes[4].done());
    CHECK(&*users[4].mother == &*users[0].mother);
    CHECK(users[4].father->age == 60);
    REQUIRE(outcomes[5].failed());
    CHECK_THROWS_AS(outcomes[5].failure().rethrow(), IncompleteKey);
}

TEST_CASE("load that fails as a whole leaves the models as they were", "[references][load]") {
    World world;
    world.users.save({.name = "eve", .age = 30});
    User bob{.name = "bob", .mother = user_named("eve")};
    world.backend->throw_next(std::bad_alloc{});
    CHECK_THROWS_AS(world.users.load(bob), std::bad_alloc);
    CHECK_FALSE(bob.mother.loaded());
    CHECK(bob.mother.key() == key_of("eve"));
    world.users.load(bob);
    CHECK(bob.mother->age == 30);
}

TEST_CASE("load names both ends of a reference that is broken", "[references][load]") {
    World world;
    User bob{.name = "bob", .mother = user_named("eve")};
    try {
        world.users.load(bob);
        FAIL("nothing was thrown");
    } catch (const Models<User>::Missing& missing) {
        CHECK(missing.key() == key_of("bob"));
        REQUIRE(missing.broken_reference());
        CHECK(missing.broken_reference()->from_key == key_of("bob"));
        CHECK(missing.broken_reference()->to_key == key_of("eve"));
    }
    world.users.save({.name = "eve", .age = 30});
    world.users.load(bob);
    CHECK(bob.mother->age == 30);
}

// ---- missing targets

TEST_CASE("an object whose target is missing counts as missing", "[references][missing]") {
    World world;
    world.users.save({.name = "whole", .age = 1});
    world.users.save({.name = "bob", .mother = user_named("eve")});
    world.users.save({.name = "carl", .workplace = Reference<Workplace>::to("acme")});

    SECTION("get throws and names both ends") {
        try {
            (void)world.users.get("bob");
            FAIL("nothing was thrown");
        } catch (const Models<User>::Missing& missing) {
            CHECK(missing.model() == "User");
            CHECK(missing.key() == key_of("bob"));
            REQUIRE(missing.broken_reference());
            CHECK(missing.broken_reference()->from_model == "User");
            CHECK(missing.broken_reference()->from_key == key_of("bob"));
            CHECK(missing.broken_reference()->to_model == "User");
            CHECK(missing.broken_reference()->to_key == key_of("eve"));
            CHECK(std::string_view{missing.what()}.find(key_of("bob")) != std::string_view::npos);
            CHECK(std::string_view{missing.what()}.find(key_of("eve")) != std::string_view::npos);
        }
    }
    SECTION("find is absent and says what is broken") {
        const auto found = world.users.find("carl");
        REQUIRE(found.absent());
        CHECK(found.reason() == MissReason::broken_reference);
        REQUIRE(found.broken_reference());
        CHECK(found.broken_reference()->from_key == key_of("carl"));
        CHECK(found.broken_reference()->to_model == "Workplace");
        CHECK(found.broken_reference()->to_key == "Workplace@1/name=\"acme\"");
        CHECK(world.cache.statistics().misses(MissReason::broken_reference) == 1);
    }
    SECTION("get_many answers for each") {
        const auto found = world.users.get_many({"bob", "whole", "nobody", "carl"});
        CHECK(found[0].absent());
        CHECK(found[0].broken_reference()->to_key == key_of("eve"));
        CHECK(found[1]->age == 1);
        CHECK_FALSE(found[1].broken_reference());
        CHECK(found[2].absent());
        CHECK_FALSE(found[2].broken_reference());
        CHECK(found[2].reason() == MissReason::nothing_stored);
        CHECK(found[3].broken_reference()->to_model == "Workplace");
    }
}

TEST_CASE("a break further down names the two that it lies between", "[references][missing]") {
    World world;
    world.users.save({.name = "ida", .mother = user_named("oda")});
    world.users.save({.name = "eve", .mother = user_named("ida")});
    world.users.save({.name = "bob", .mother = user_named("eve")});
    world.users.save({.name = "carl", .age = 4});

    const auto found = world.users.get_many({"bob", "carl"});
    REQUIRE(found[0].absent());
    CHECK(found[0].broken_reference()->from_key == key_of("ida"));
    CHECK(found[0].broken_reference()->to_key == key_of("oda"));
    CHECK(found[1].found());
    try {
        (void)world.users.get("bob");
        FAIL("nothing was thrown");
    } catch (const Missing& missing) {
        CHECK(missing.key() == key_of("bob"));
        CHECK(missing.broken_reference()->from_key == key_of("ida"));
    }
}

TEST_CASE("a break inside of a cycle reaches all of it", "[references][missing]") {
    World world;
    world.users.save({.name = "a", .mother = user_named("b")});
    world.users.save({.name = "b", .mother = user_named("a"), .father = user_named("nobody")});
    world.users.save({.name = "c", .idol = idol_named("a")});
    CHECK(world.users.find("a").broken_reference()->from_key == key_of("b"));
    CHECK(world.users.find("b").absent());
    CHECK_FALSE(world.users.get("c").idol.loaded());
}

TEST_CASE("every element of a list counts", "[references][missing]") {
    World world;
    world.users.save({.name = "eve", .age = 30});
    world.users.save(
        {.name = "bob", .friends = {user_named("eve"), user_named("nobody"), user_named("eve")}});
    world.users.save(
        {.name = "carl",
         .followers = {idol_named("eve"), idol_named("nobody"), nullptr, idol_named("eve")}});
    CHECK(world.users.find("bob").broken_reference()->to_key == key_of("nobody"));

    const User carl = world.users.get("carl");
    REQUIRE(carl.followers.size() == 4);
    CHECK(carl.followers[0]->age == 30);
    CHECK_FALSE(carl.followers[1].loaded());
    CHECK(carl.followers[1].key() == key_of("nobody"));
    CHECK_FALSE(carl.followers[2]);
    CHECK(&*carl.followers[3] == &*carl.followers[0]);
}

TEST_CASE("a dangling reference that is kept can be read again later", "[references][missing]") {
    World world;
    world.save({.name = "bob", .age = 5, .idol = idol_named("eve")});
    User bob = world.users.get("bob");
    CHECK(world.reads() == Sizes{1, 1});
    CHECK(bob.age == 5);
    CHECK(bob.idol);
    CHECK_FALSE(bob.idol.loaded());
    CHECK_THROWS_AS(bob.idol->age, UnloadedReference);

    world.users.load(bob);
    CHECK_FALSE(bob.idol.loaded());
    world.users.save({.name = "eve", .age = 30});
    world.users.load(bob);
    CHECK(bob.idol->age == 30);
}

TEST_CASE("a kept reference stays unloaded where its target is itself broken",
          "[references][missing]") {
    World world;
    world.users.save({.name = "eve", .mother = user_named("nobody")});
    world.users.save({.name = "bob", .idol = idol_named("eve")});
    const User bob = world.users.get("bob");
    CHECK(bob.idol.key() == key_of("eve"));
    CHECK_FALSE(bob.idol.loaded());
}

// ---- failing caches

TEST_CASE("an object whose target could not be read has failed, others are found",
          "[references][failure]") {
    World world;
    world.users.save({.name = "eve", .age = 30});
    world.users.save({.name = "ida", .age = 60});
    world.users.save({.name = "adam", .mother = user_named("ida")});
    world.users.save({.name = "a", .mother = user_named("eve")});
    world.users.save({.name = "b", .father = user_named("adam")});
    world.users.save({.name = "c"});
    world.users.save({.name = "both", .mother = user_named("nobody"), .father = user_named("ida")});
    world.users.save(
        {.name = "deep", .mother = user_named("eve"), .friends = {user_named("adam")}});
    world.users.save({.name = "kept", .idol = idol_named("ida")});
    world.backend->fail_keys("*ida*", BackendFault::timeout);

    const auto found = world.users.get_many({"a", "b", "c", "both", "deep", "kept"});
    CHECK(found[0]->mother->age == 30);
    REQUIRE(found[1].failed());
    CHECK(found[1].failure().fault() == BackendFault::timeout);
    CHECK_FALSE(found[1].broken_reference());
    CHECK(found[2].found());
    CHECK(found[3].absent());
    CHECK(found[3].broken_reference()->to_key == key_of("nobody"));
    CHECK(found[4].failed());
    // Nobody can tell whether it dangles.
    CHECK(found[5].failed());
    CHECK_THROWS_AS(world.users.get("b"), BackendError);
    CHECK(world.users.find("b").failed());
    CHECK(world.cache.statistics().misses(MissReason::broken_reference) == 1);

    world.backend->come_back();
    CHECK(world.users.get("b").father->mother->age == 60);
}

TEST_CASE("a break further down counts more than a failure nearby", "[references][failure]") {
    World world;
    world.users.save({.name = "eve", .mother = user_named("nobody")});
    world.users.save({.name = "bob", .mother = user_named("eve"), .father = user_named("ida")});
    world.backend->fail_keys("*ida*");
    const auto bob = world.users.find("bob");
    REQUIRE(bob.absent());
    CHECK(bob.broken_reference()->from_key == key_of("eve"));
}

TEST_CASE("a cache that goes down between two levels fails the objects above",
          "[references][failure]") {
    World world;
    world.users.save({.name = "eve", .age = 30});
    world.users.save({.name = "bob", .mother = user_named("eve")});
    world.users.save({.name = "carl"});
    int reads = 0;
    world.backend->before_each_call([&](Verb) {
        if (++reads == 2) world.backend->go_down();
    });
    const auto found = world.users.get_many({"bob", "carl"});
    CHECK(found[0].failed());
    CHECK(found[1].found());
}

// ---- loaders

namespace {

/// Where the models below come from.
struct Source {
    std::vector<std::string> asked;
    std::string missing = {};
    std::string broken = {};
    std::vector<Reference<User>> handed_out = {};

    void ask(const std::string& what) {
        asked.push_back(what);
        if (what == missing) throw Missing{};
        if (what == broken) throw std::runtime_error("no answer for " + what);
    }
};

struct Region {
    static constexpr ModelOptions cache_options{.name = "Region"};

    Key<std::string> code;
    Field<std::string> text;

    static std::vector<Region> from_miss_many(std::span<const Region> wanted, Source& source) {
        std::string asked = "regions";
        for (const auto& region : wanted) asked += ' ' + *region.code;
        source.ask(asked);
        std::vector<Region> regions;
        for (const auto& region : wanted) {
            if (*region.code == source.missing) continue;
            regions.insert(regions.begin(),
                           Region{.code = *region.code, .text = "region " + *region.code});
        }
        return regions;
    }
};

struct Country {
    static constexpr ModelOptions cache_options{.name = "Country"};

    Key<std::string> code;
    Field<std::string> text;
    std::vector<Reference<Region>> regions;
    Reference<Country> neighbour;

    void from_miss(Source& source) {
        source.ask(*code);
        text = "country " + *code;
        for (const char* number : {"1", "2"}) {
            regions.push_back(Reference<Region>::to(*code + number));
        }
        if (*code == "it") neighbour = Reference<Country>::to("ch");
        if (*code == "ch") neighbour = Reference<Country>::to("it");
    }
};

struct Journey {
    static constexpr ModelOptions cache_options{.name = "Journey"};

    Key<int> number;
    std::vector<Reference<Country>> stops;
};

struct Journeys : Recorded {
    Source source;
    Models<Journey, Source&> journeys{cache, source};

    Journeys() {
        journeys.save({.number = 1,
                       .stops = {Reference<Country>::to("it"), Reference<Country>::to("fr"),
                                 Reference<Country>::to("it")}});
        recording->log().reset();
    }
};

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("targets that are missing are supplied by their loaders", "[references][loaders]") {
    Journeys given;
    const Journey journey = given.journeys.get(1);
    CHECK(given.source.asked ==
          Texts{"it", "fr", "regions it1 it2 fr1 fr2", "ch", "regions ch1 ch2"});
    CHECK(given.reads() == Sizes{1, 2, 5, 2});
    CHECK(journey.stops[0]->text == "country it");
    CHECK(journey.stops[0]->regions[1]->text == "region it2");
    CHECK(journey.stops[0]->neighbour->regions[0]->text == "region ch1");
    CHECK(&*journey.stops[0]->neighbour->neighbour == &*journey.stops[0]);
    CHECK(&*journey.stops[2] == &*journey.stops[0]);

    given.source.asked.clear();
    CHECK(given.journeys.get(1).stops[1]->regions[0]->text == "region fr1");
    CHECK(given.source.asked.empty());
}

TEST_CASE("a target that its source does not have is missing", "[references][loaders]") {
    Journeys given;
    SECTION("says a loader of one") {
        given.source.missing = "fr";
        const auto journey = given.journeys.find(1);
        REQUIRE(journey.absent());
        CHECK(journey.broken_reference()->from_key == "Journey@1/number=1");
        CHECK(journey.broken_reference()->to_key == "Country@1/code=\"fr\"");
    }
    SECTION("says a loader of many") {
        given.source.missing = "it2";
        const auto journey = given.journeys.find(1);
        REQUIRE(journey.absent());
        CHECK(journey.broken_reference()->from_key == "Country@1/code=\"it\"");
        CHECK(journey.broken_reference()->to_key == "Region@1/code=\"it2\"");
        CHECK(given.backend->stored(given.cache.final_key("Region@1/code=\"it1\"")));
    }
}

TEST_CASE("a target whose loader throws fails the objects that lead to it",
          "[references][loaders]") {
    Journeys given;
    given.journeys.save({.number = 2, .stops = {Reference<Country>::to("fr")}});
    given.source.broken = GENERATE("it"s, "ch"s, "regions it1 it2 fr1 fr2"s, "regions ch1 ch2"s);
    CHECK_THROWS_WITH(given.journeys.get(1), "no answer for " + given.source.broken);
    const auto found = given.journeys.get_many({1, 2});
    REQUIRE(found[0].failed());
    CHECK_THROWS_AS(found[0].failure().rethrow(), std::runtime_error);
    given.source.broken.clear();
    CHECK(given.journeys.get(1).stops[0]->neighbour->regions.size() == 2);
}

TEST_CASE("a target that the cache cannot tell about is loaded and not written back",
          "[references][loaders]") {
    Journeys given;
    given.backend->fail_keys("*Country*");
    CHECK(given.journeys.get(1).stops[0]->text == "country it");
    given.backend->come_back();
    CHECK_FALSE(given.backend->stored(given.cache.final_key("Country@1/code=\"it\"")));
    CHECK(given.backend->stored(given.cache.final_key("Region@1/code=\"it1\"")));
}

TEST_CASE("load supplies targets by their loaders, one level of them", "[references][loaders]") {
    Journeys given;
    Journey journey{.number = 5, .stops = {Reference<Country>::to("it")}};
    given.journeys.load(journey);
    CHECK(given.source.asked == Texts{"it"});
    CHECK(journey.stops[0]->text == "country it");
    CHECK_FALSE(journey.stops[0]->regions[0].loaded());
    CHECK(journey.stops[0]->regions[0].key() == "Region@1/code=\"it1\"");
}

namespace {

/// Its loader sets references in every way there is.
struct Draft {
    static constexpr ModelOptions cache_options{.name = "Draft"};

    Key<std::string> title;
    Reference<User> author, editor;
    std::vector<Reference<User>> readers;
    Reference<Draft> earlier;

    void from_miss(Source& source) {
        source.ask(*title);
        author = Reference<User>::to("eve");
        editor = User{.name = "unsaved", .age = 99, .mother = Reference<User>::to("nobody")};
        readers = {author, nullptr, editor};
        earlier = Reference<Draft>::to(*title);
    }
};

struct Drafts : World {
    Source source;
    Models<Draft, Source&> drafts{cache, source};
};

}  // namespace

TEST_CASE("references that a loader sets are loaded, models that it assigns stay",
          "[references][loaders]") {
    Drafts given;
    given.save({.name = "eve", .age = 30});

    const Draft draft = given.drafts.get("novel");
    CHECK(given.reads() == Sizes{1, 1});
    CHECK(draft.author->age == 30);
    CHECK(draft.editor->age == 99);
    CHECK_FALSE(draft.editor->mother.loaded());
    CHECK(&*draft.readers[0] == &*draft.author);
    CHECK_FALSE(draft.readers[1]);
    CHECK(draft.readers[2]->age == 99);
    CHECK(draft.earlier->author->age == 30);
    CHECK(draft.earlier->editor->age == 99);
    CHECK(&*draft.earlier->earlier == &*draft.earlier);

    // What was stored is the key of the model that was assigned.
    CHECK(given.drafts.find("novel").broken_reference()->to_key == key_of("unsaved"));
}

TEST_CASE("a repeated key gets the same answer as the first", "[references][loaders]") {
    Drafts given;
    given.save({.name = "eve", .age = 30});
    const auto found = given.drafts.get_many({"novel", "poem", "novel"});
    CHECK(given.source.asked == Texts{"novel", "poem"});
    REQUIRE(found[2].found());
    CHECK(found[2]->editor->age == 99);
    CHECK(found[2]->readers[2]->age == 99);
    CHECK(found[2]->author->age == 30);
    CHECK(&*found[2]->earlier == &*found[0]->earlier);
}

namespace {

struct Desk;

/// Its loader looks at the very model whose references are being loaded.
struct Paper {
    static constexpr ModelOptions cache_options{.name = "Paper"};

    Key<int> number;
    Reference<Paper> next, other;

    void from_miss(Desk& desk);
};

struct Desk {
    Paper on_top{.number = 1, .next = Reference<Paper>::to(2)};
    bool nested = false;
    bool throws = false;
};

void Paper::from_miss(Desk& desk) {
    other = desk.on_top.next;
    if (desk.nested) other = Paper{.number = 3, .next = desk.on_top.next};
    if (desk.throws) throw std::runtime_error("on purpose");
}

}  // namespace

TEST_CASE("a loader that copies references out of the model being loaded leaks nothing",
          "[references][ownership]") {
    Desk desk;
    const Models<Paper, Desk&> papers{Cache{std::make_shared<ScriptedBackend>()}, desk};
    desk.nested = GENERATE(false, true);
    desk.throws = GENERATE(false, true);
    if (desk.throws) {
        CHECK_THROWS_AS(papers.load(desk.on_top), std::runtime_error);
        CHECK_FALSE(desk.on_top.next.loaded());
    } else {
        papers.load(desk.on_top);
        REQUIRE(desk.on_top.next.loaded());
        CHECK(desk.on_top.next->other.key() ==
              (desk.nested ? "Paper@1/number=3" : "Paper@1/number=2"));
    }
}

// ---- what is stored

TEST_CASE("a child that is updated later is seen by the next load", "[references][stored]") {
    World world;
    world.users.save({.name = "eve", .age = 30});
    world.users.save({.name = "bob", .mother = user_named("eve")});
    const User before = world.users.get("bob");
    world.users.save({.name = "eve", .age = 31});
    CHECK(world.users.get("bob").mother->age == 31);
    CHECK(before.mother->age == 30);
}

TEST_CASE("saving an object does not save what it refers to", "[references][stored]") {
    World world;
    const User eve{.name = "eve", .age = 30};
    world.users.save({.name = "bob", .mother = eve, .friends = {eve}});
    CHECK_FALSE(world.users.exists("eve"));
    CHECK(world.users.find("bob").broken_reference()->to_key == key_of("eve"));
    world.users.save(eve);
    CHECK(world.users.get("bob").friends[0]->age == 30);
}

TEST_CASE("a null reference is read back as null", "[references][stored]") {
    World world;
    world.save({.name = "bob", .age = 5, .friends = {nullptr, nullptr}});
    const User bob = world.users.get("bob");
    CHECK(world.reads() == Sizes{1});
    CHECK(bob.age == 5);
    CHECK_FALSE(bob.mother);
    CHECK_FALSE(bob.workplace);
    CHECK_FALSE(bob.idol);
    REQUIRE(bob.friends.size() == 2);
    CHECK_FALSE(bob.friends[1]);
    CHECK(bob.followers.empty());
}

namespace {

struct City {
    static constexpr ModelOptions cache_options{.name = "City"};

    Key<std::string> country;
    Key<int> number;
};

struct Visit {
    static constexpr ModelOptions cache_options{.name = "Visit"};

    Key<int> number;
    Reference<City> city;
};

std::string stored_body(Recorded& recorded, const std::string& key, std::size_t size) {
    constexpr std::size_t checksum = 8;
    const std::string bytes = recorded.backend->stored(recorded.cache.final_key(key)).value();
    return bytes.substr(bytes.size() - checksum - size, size);
}

}  // namespace

TEST_CASE("a reference is stored as null or as its target's keys", "[references][stored]") {
    World world;
    world.users.save({.name = "bob",
                      .age = 5,
                      .mother = User{.name = "eve", .age = 30},
                      .friends = {user_named("a"), nullptr},
                      .followers = {idol_named("bc")}});
    const std::string body =
        "\xa7"
        "\x63"
        "age\x05"
        "\x69"
        "workplace\xf6"
        "\x66"
        "mother\x81\x63"
        "eve"
        "\x66"
        "father\xf6"
        "\x67"
        "friends\x82\x81\x61"
        "a\xf6"
        "\x64"
        "idol\xf6"
        "\x69"
        "followers\x81\x81\x62"
        "bc";
    CHECK(stored_body(world, key_of("bob"), body.size()) == body);

    const Models<Visit> visits{world.cache};
    visits.save({.number = 1, .city = City{.country = "it", .number = 7}});
    const std::string visit =
        "\xa1\x64"
        "city\x82\x62"
        "it\x07";
    CHECK(stored_body(world, "Visit@1/number=1", visit.size()) == visit);

    // What was loaded is stored like what was assigned.
    world.users.save({.name = "eve"});
    world.users.save({.name = "a"});
    world.users.save({.name = "bc"});
    world.users.save(world.users.get("bob"));
    CHECK(stored_body(world, key_of("bob"), body.size()) == body);
    world.users.save(world.users.depth(0).get("bob"));
    CHECK(stored_body(world, key_of("bob"), body.size()) == body);
}

TEST_CASE("keys that another program encoded otherwise lead to the same object",
          "[references][stored]") {
    World world;
    world.save({.name = "eve", .age = 30});
    world.plant(key_of("bob"),
                "\xa3"
                "\x66"
                "mother\x81\x43"
                "eve"  // a byte string
                "\x66"
                "father\x98\x01\x78\x03"
                "eve"  // longer heads than needed
                "\x67"
                "friends\x81\x81\x63"
                "eve");
    const User bob = world.users.get("bob");
    CHECK(world.reads() == Sizes{1, 1});
    CHECK(bob.mother->age == 30);
    CHECK(&*bob.father == &*bob.mother);
    CHECK(&*bob.friends[0] == &*bob.mother);
    CHECK(bob.mother == user_named("eve"));
}

namespace {

struct Team {
    static constexpr ModelOptions cache_options{.name = "Team"};

    Key<std::unordered_set<std::string>> members;
    std::vector<Reference<Team>> rivals;
};

}  // namespace

TEST_CASE("keys that have no order of their own lead to the same object",
          "[references][identity]") {
    Recorded recorded;
    const Models<Team> teams{recorded.cache};
    const std::unordered_set<std::string> there{"a", "b", "c", "d", "e"};
    std::unordered_set<std::string> back(64);
    for (const char* name : {"e", "d", "c", "b", "a"}) back.insert(name);
    const std::unordered_set<std::string> fans{"f"};
    teams.save({.members = there});
    teams.save(
        {.members = fans, .rivals = {Reference<Team>::to(there), Reference<Team>::to(back)}});
    recorded.recording->log().reset();

    const Team found = teams.get(fans);
    CHECK(recorded.reads() == Sizes{1, 1});
    CHECK(&*found.rivals[0] == &*found.rivals[1]);
}

TEST_CASE("an entry with a reference that makes no sense is a miss", "[references][stored]") {
    World world;
    world.users.save({.name = "eve", .age = 30});
    const std::string mother = GENERATE("\x80"s,  // no keys
                                        "\x82\x63"
                                        "eve\x01"s,   // one too many
                                        "\x81\x01"s,  // of another type
                                        "\x81\xf6"s,  // null is no key
                                        "\x63"
                                        "eve"s,  // not in an array
                                        "\xa1\x64"
                                        "name\x63"
                                        "eve"s,  // a map
                                        "\x9f\x63"
                                        "eve\xff"s,  // an array without length
                                        "\x81\x63"
                                        "ev"s,     // cut off
                                        "\xf7"s);  // undefined
    // Before it stand references that are sound.
    world.plant(key_of("bob"),
                "\xa3\x66"
                "father\x81\x63"
                "eve\x67"
                "friends\x81\x81\x63"
                "eve\x66"
                "mother" +
                    mother);
    const auto bob = world.users.find("bob");
    REQUIRE(bob.absent());
    CHECK(bob.reason() == MissReason::undecodable);
    CHECK_FALSE(bob.broken_reference());

    world.users.save({.name = "carl", .idol = idol_named("bob")});
    CHECK_FALSE(world.users.get("carl").idol.loaded());
}

TEST_CASE("a target whose entry makes no sense is missing", "[references][stored]") {
    World world;
    world.plant(key_of("eve"),
                "\xa1\x63"
                "age\x61"
                "x");
    world.users.save({.name = "bob", .mother = user_named("eve")});
    CHECK(world.users.find("bob").broken_reference()->to_key == key_of("eve"));
    CHECK(world.cache.statistics().misses(MissReason::undecodable) == 1);
}

// ---- without memory

TEST_CASE("a load without memory leaks nothing and throws", "[references][memory]") {
    const Cache cache{std::make_shared<ScriptedBackend>()};
    const Models<User> users{cache};
    Source source;
    const Models<Draft, Source&> drafts{cache, source};
    users.save({.name = "eve", .age = 30, .mother = user_named("a name beyond small strings")});
    users.save({.name = "a name beyond small strings",
                .age = 60,
                .friends = {user_named("eve"), nullptr, user_named("eve")},
                .idol = idol_named("nobody")});

    SECTION("reading one") {
        bool found = false;
        std::size_t successes = 0;
        for (; !found; ++successes) {
            std::optional<User> eve;
            try {
                const FailingAllocations failing{successes};
                eve = users.get("eve");
            } catch (const std::bad_alloc&) {
            }
            found = eve.has_value();
            if (found) CHECK(eve->mother->friends[2]->mother->age == 60);
        }
        CHECK(successes > 20);
    }
    SECTION("loading from a source") {
        bool found = false;
        for (std::size_t successes = 0; !found; ++successes) {
            (void)drafts.remove("novel");
            std::optional<Draft> draft;
            try {
                const FailingAllocations failing{successes};
                draft = drafts.get("novel");
            } catch (const std::bad_alloc&) {
            }
            found = draft.has_value();
            if (found) CHECK(draft->earlier->author->mother->age == 60);
        }
    }
    SECTION("filling in given models") {
        std::vector<User> given{{.name = "x", .mother = user_named("eve")},
                                {.name = "y", .friends = {user_named("eve")}}};
        bool loaded = false;
        for (std::size_t successes = 0; !loaded; ++successes) {
            try {
                const FailingAllocations failing{successes};
                (void)users.load(given);
                loaded = true;
            } catch (const std::bad_alloc&) {
            }
            REQUIRE(given[0].mother.loaded() == given[1].friends[0].loaded());
            REQUIRE(given[0].mother == given[1].friends[0]);
        }
        CHECK(given[1].friends[0]->age == 30);
    }
}
