// cachemodel: Models: keys in every form, lifetimes, failures, counters.
// SPDX-License-Identifier: MIT
#include <cachemodel/models.hpp>

#include <cachemodel/backends/memory.hpp>
#include <cachemodel/testing/recording_backend.hpp>
#include <cachemodel/testing/scripted_backend.hpp>
#include <cachemodel/testing/turnable_clock.hpp>

#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/decorators.hpp"
#include "support/model_behaviour.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <deque>
#include <iterator>
#include <list>
#include <memory>
#include <new>
#include <optional>
#include <set>
#include <span>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

using namespace cachemodel;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using Strings = std::vector<std::string>;

namespace models_test {

struct User {
    Key<std::string> username;
    Field<std::string> email;
    Field<int> visits;
};

struct Session {
    static constexpr ModelOptions cache_options{.expires = 15min};

    Key<int> id;
    Field<std::string> user;
};

/// Two keys, not in front, one of them with a default.
struct Listing {
    Field<std::string> title;
    Key<std::string> topic;
    Field<int> count;
    Key<int> page = 1;
};

struct Only {
    Key<int> id;
};

struct VersionOne {
    static constexpr ModelOptions cache_options{.name = "Versioned", .version = 1};
    Key<int> id;
    Field<std::string> text;
};
struct VersionTwo {
    static constexpr ModelOptions cache_options{.name = "Versioned", .version = 2};
    Key<int> id;
    Field<std::string> text;
};

/// What a struct was in an earlier release, and what became of it.
struct Before {
    static constexpr ModelOptions cache_options{.name = "Changing"};
    Key<int> id;
    Field<std::string> kept;
    Field<int> dropped;
};
struct After {
    static constexpr ModelOptions cache_options{.name = "Changing"};
    Key<int> id;
    Field<std::string> kept;
    Field<std::string> added = "default";
};
struct Retyped {
    static constexpr ModelOptions cache_options{.name = "Changing"};
    Key<int> id;
    Field<int> kept;
};

struct Secret {
    static constexpr ModelOptions cache_options{.secret_keys = true};
    Key<std::string> token;
    Field<int> user;
};

/// A key that a user's own function writes, or refuses to.
struct Grumpy {
    int number = 0;

    bool operator==(const Grumpy&) const = default;
};
std::string to_cache_key(const Grumpy& grumpy) {
    if (grumpy.number == 13) throw std::domain_error{"thirteen"};
    return std::to_string(grumpy.number);
}

struct Vote {
    Key<Grumpy> seat;
    Field<bool> yes;
};

/// What a function makes of the numbers from first to last, one after the other, once.
template <class Make>
class Made {
 public:
    Made(int first, int last, Make make) : next_(first), last_(last), make_(make) {}

    struct End {};
    class Iterator {
     public:
        explicit Iterator(Made& made) : made_(made) {}
        auto operator*() const { return made_.make_(made_.next_); }
        Iterator& operator++() {
            ++made_.next_;
            return *this;
        }
        bool operator!=(End) const { return made_.next_ != made_.last_; }

     private:
        Made& made_;
    };
    Iterator begin() { return Iterator{*this}; }
    End end() const { return {}; }

 private:
    int next_;
    int last_;
    Make make_;
};

/// The words of a stream: each stands where the one before it stood.
struct Words {
    std::istream& in;

    std::istream_iterator<std::string> begin() { return std::istream_iterator<std::string>{in}; }
    std::istream_iterator<std::string> end() const { return {}; }
};

/// A backend that a test looks into, with a clock that it turns.
struct Rig {
    testing::TurnableClock clock;
    std::shared_ptr<testing::ScriptedBackend> scripted =
        std::make_shared<testing::ScriptedBackend>(clock);
    std::shared_ptr<testing::RecordingBackend> recording =
        std::make_shared<testing::RecordingBackend>(scripted);
    Cache cache{recording, {.clock = clock}};

    testing::CallLog& log() { return recording->log(); }
};

}  // namespace models_test

using namespace models_test;

// A type that throws while it is written or read, where a test says so.
namespace models_test {

struct Touchy {
    std::string text;

    static inline thread_local bool throws_on_write = false;
    static inline thread_local bool throws_on_read = false;
};

}  // namespace models_test

template <>
struct cachemodel::detail::ExternalCodec<models_test::Touchy> {
    static constexpr bool may_be_null = false;

    static void encode(CborWriter& writer, const models_test::Touchy& value) {
        writer.text("half of it");
        if (models_test::Touchy::throws_on_write) throw std::runtime_error{"cannot be written"};
        writer.text(value.text);
    }
    static bool decode(CborReader& reader, models_test::Touchy& value) {
        std::string_view half;
        std::string_view text;
        if (!reader.text(half)) return false;
        if (models_test::Touchy::throws_on_read) throw std::runtime_error{"cannot be read"};
        if (!reader.text(text)) return false;
        value.text = text;
        return true;
    }
};

namespace models_test {

struct Fragile {
    Key<int> id;
    Field<std::string> before;
    Touchy touchy;
};

}  // namespace models_test

TEST_CASE("models on the memory cache behave as specified", "[models]") {
    support::check_model_behaviour(Cache::open("memory://"));
}

TEST_CASE("models with loaders on the memory cache behave as specified", "[loaders]") {
    support::check_loader_behaviour(Cache::open("memory://"));
}

// ---- keys

TEST_CASE("a key is given as values, as a tuple or as a model with its keys set",
          "[models][keys]") {
    const Models<User> users{Cache::open("memory://")};
    users.save({.username = "bob", .email = "b@x"});
    const std::string name = "bob";
    const User with_keys{.username = "bob", .email = "not looked at"};
    CHECK(users.get("bob").email == "b@x");
    CHECK(users.get(name).email == "b@x");
    CHECK(users.get(std::tuple{"bob"}).email == "b@x");
    CHECK(users.get({.username = "bob"}).email == "b@x");
    CHECK(users.get(with_keys).email == "b@x");
    CHECK(users.get(User{.username = "bob"}).email == "b@x");
    CHECK(users.get(with_keys.username).email == "b@x");
    CHECK(users.find("bob")->email == "b@x");
    CHECK(users.find({.username = "bob"})->email == "b@x");
    CHECK(users.find(with_keys)->email == "b@x");
    CHECK(users.exists("bob"));
    CHECK(users.exists({.username = "bob"}));
    CHECK(users.touch("bob", 1h));
    CHECK(users.touch({.username = "bob"}, 1h));
    CHECK(users.touch(std::tuple{"bob"}, never));
    CHECK(users.key_for("bob") == users.key_for({.username = "bob"}));
    CHECK(users.remove({.username = "bob"}));
    CHECK_FALSE(users.remove(with_keys));
    CHECK_FALSE(users.remove("bob"));
}

TEST_CASE("several keys stand in declaration order, and defaults may be left out in a model",
          "[models][keys]") {
    const Models<Listing> listings{Cache::open("memory://")};
    listings.save({.title = "first", .topic = "cars"});
    listings.save({.title = "second", .topic = "cars", .page = 2});
    CHECK(listings.get("cars", 1).title == "first");
    CHECK(listings.get("cars", 2).title == "second");
    CHECK(listings.get({.topic = "cars"}).title == "first");
    CHECK(listings.get({.topic = "cars", .page = 2}).title == "second");
    CHECK(listings.get(std::pair{"cars", 2}).title == "second");
    CHECK(listings.get(std::tuple{std::string{"cars"}, 2L}).title == "second");
    const auto found = listings.get_many(
        std::vector<std::pair<std::string, int>>{{"cars", 2}, {"cars", 3}, {"cars", 1}});
    CHECK(found[0]->title == "second");
    CHECK(found[1].absent());
    CHECK(found[2]->title == "first");
    CHECK(listings.get_many({Listing{.topic = "cars"}})[0]->title == "first");
    CHECK(listings.remove_many({std::tuple{"cars", 1}, std::tuple{"cars", 9}})[1].declined());
    CHECK(listings.touch("cars", 2, 1h));
    CHECK(listings.rename(std::pair{"cars", 2}, Listing{.title = "moved", .topic = "boats"}));
    CHECK(listings.get("boats", 1).title == "moved");
    CHECK_FALSE(listings.exists("cars", 2));
}

TEST_CASE("the keys of a model that was found are those that were asked for", "[models][keys]") {
    const Models<Listing> listings{Cache::open("memory://")};
    listings.save({.title = "t", .topic = "cars", .count = 3, .page = 4});
    const Listing listing = listings.get("cars", 4);
    CHECK(listing.topic == "cars");
    CHECK(listing.page == 4);
    CHECK(listing.count == 3);
    CHECK(listing.title == "t");
}

TEST_CASE("a model may consist of keys alone", "[models][keys]") {
    const Models<Only> marks{Cache::open("memory://")};
    CHECK(marks.find(1).absent());
    marks.save({.id = 1});
    CHECK(marks.get(1).id == 1);
}

TEST_CASE("many keys come from any range", "[models][keys]") {
    const Models<User> users{Cache::open("memory://")};
    users.save_many(
        std::vector<User>{{.username = "a", .visits = 1}, {.username = "b", .visits = 2}});
    const auto check = [](const std::vector<Lookup<User>>& found) {
        REQUIRE(found.size() == 3);
        CHECK(found[0]->visits == 1);
        CHECK(found[1]->visits == 2);
        CHECK(found[2].absent());
    };
    check(users.get_many({"a", "b", "c"}));
    check(users.get_many(Strings{"a", "b", "c"}));
    const std::array<const char*, 3> array{"a", "b", "c"};
    check(users.get_many(array));
    const char* const plain[] = {"a", "b", "c"};
    check(users.get_many(plain));
    check(users.get_many(std::span{array}));
    check(users.get_many(std::set<std::string>{"c", "b", "a"}));
    check(users.get_many(std::list<std::string>{"a", "b", "c"}));
    check(users.get_many(std::deque<std::tuple<std::string>>{{"a"}, {"b"}, {"c"}}));
    check(
        users.get_many(std::vector<User>{{.username = "a"}, {.username = "b"}, {.username = "c"}}));
    check(users.get_many({User{.username = "a"}, User{.username = "b"}, User{.username = "c"}}));
    // Ranges that can be passed over once, of values that are made meanwhile or kept in one place.
    check(users.get_many(Made{0, 3, [](int i) { return std::string(1, "abc"[i]); }}));
    Made keys{0, 3, [](int i) { return std::string(1, "abc"[i]); }};
    check(users.get_many(keys));
    std::istringstream text{"a b c"};
    check(users.get_many(Words{text}));
}

TEST_CASE("many models to be saved come from any range", "[models]") {
    const Models<Only> marks{Cache::open("memory://")};
    const auto all_there = [&](int first, int last) {
        for (int i = first; i <= last; ++i) {
            if (!marks.exists(i)) return false;
        }
        return true;
    };
    CHECK(marks.save_many({Only{.id = 1}, Only{.id = 2}}).size() == 2);
    CHECK(marks.save_many(std::list<Only>{{.id = 3}}, 1h).size() == 1);
    const Only array[] = {{.id = 4}, {.id = 5}};
    CHECK(marks.save_many(array).size() == 2);
    CHECK(marks.save_many(std::span{array}).size() == 2);
    CHECK(marks.save_many(Made{6, 9, [](int i) { return Only{.id = i}; }}).size() == 3);
    std::vector<Only> vector{{.id = 9}};
    CHECK(marks.save_many(vector).size() == 1);
    CHECK(marks.save_many(std::vector<Only>{}).empty());
    CHECK(marks.save_many({Only{.id = 10}}, never).front().done());
    CHECK(all_there(1, 10));
}

TEST_CASE("models of different names, versions and cache versions do not see each other",
          "[models][keys]") {
    const Cache cache = Cache::open("memory://");
    const Models<VersionOne> one{cache};
    const Models<VersionTwo> two{cache};
    CHECK(one.key_for(7) == "Versioned@1/id=7");
    CHECK(two.key_for(7) == "Versioned@2/id=7");
    CHECK(cache.final_key(one.key_for(7)) == ":1:Versioned@1/id=7");
    one.save({.id = 7, .text = "one"});
    CHECK(two.find(7).absent());
    CHECK(Models<Only>{cache}.find(7).absent());
    CHECK(Models<User>{cache}.key_for("bob") == R"(models_test::User@1/username="bob")");
}

TEST_CASE("one round trip serves any number of keys", "[models][statistics]") {
    Rig rig;
    const Models<Only> marks{rig.cache};
    std::vector<Only> many(1000);
    for (int i = 0; i < 1000; ++i) many[static_cast<std::size_t>(i)].id = i;
    CHECK(marks.save_many(many).size() == 1000);
    CHECK(rig.log().trips() == 1);
    CHECK(marks.get_many(many).size() == 1000);
    CHECK(rig.log().trips() == 2);
    CHECK(marks.remove_many(many).size() == 1000);
    CHECK(rig.log().trips() == 3);
    // A repeated key is asked for once.
    CHECK(marks.get_many({1, 1, 1}).size() == 3);
    CHECK(rig.log().calls().back().keys.size() == 1);
    CHECK(rig.cache.statistics().round_trips == 4);
}

// ---- lifetimes

TEST_CASE("an entry lives as long as its model says, or as its save says", "[models][lifetime]") {
    testing::TurnableClock clock;
    const Cache cache = Cache::open("memory://", clock);
    const Models<Session> sessions{cache};
    const Models<User> users{cache};
    sessions.save({.id = 1});
    sessions.save({.id = 2}, 1h);
    sessions.save({.id = 3}, never);
    sessions.save_many({Session{.id = 4}}, 20min);
    users.save({.username = "bob"});
    clock.advance(15min - 1ns);
    CHECK(sessions.exists(1));
    clock.advance(1ns);
    CHECK_FALSE(sessions.exists(1));
    CHECK(sessions.find(1).absent());
    CHECK(sessions.exists(4));
    clock.advance(45min);
    CHECK_FALSE(sessions.exists(2));
    CHECK_FALSE(sessions.exists(4));
    CHECK(sessions.exists(3));
    clock.advance(24h * 365 * 100);
    CHECK(sessions.exists(3));
    CHECK(users.exists("bob"));
}

TEST_CASE("a save within the life of an entry gives it a new one", "[models][lifetime]") {
    testing::TurnableClock clock;
    const Models<Session> sessions{Cache::open("memory://", clock)};
    sessions.save({.id = 1}, 1s);
    sessions.save({.id = 1}, 5s);
    clock.advance(1100ms);
    CHECK(sessions.exists(1));
    sessions.save({.id = 1}, 1ns);
    CHECK(sessions.exists(1));
    clock.advance(1ns);
    CHECK_FALSE(sessions.exists(1));
}

TEST_CASE("lifetimes below a second are exact on the memory cache", "[models][lifetime]") {
    testing::TurnableClock clock;
    const Models<Session> sessions{Cache::open("memory://", clock)};
    sessions.save({.id = 1}, 250ms);
    sessions.save({.id = 2}, 500us);
    sessions.save({.id = 3}, std::chrono::duration<double>{0.1});
    clock.advance(499us);
    CHECK(sessions.exists(2));
    clock.advance(1us);
    CHECK_FALSE(sessions.exists(2));
    clock.advance(99ms);
    CHECK(sessions.exists(3));
    clock.advance(1ms);
    CHECK_FALSE(sessions.exists(3));
    clock.advance(149ms);
    CHECK(sessions.exists(1));
    clock.advance(1ms);
    CHECK_FALSE(sessions.exists(1));
}

TEST_CASE("keys come as braced models, and text as a view", "[models]") {
    Rig rig;
    const Models<User> users{rig.cache};
    users.save({.username = "bob"});
    const auto found = users.get_many({{.username = "bob"}, {.username = "eve"}});
    REQUIRE(found.size() == 2);
    CHECK(found[0].found());
    CHECK(found[1].absent());
    const std::string_view view = "bob";
    CHECK(users.get(view).username == "bob");
    CHECK(users.find(std::tuple{view}).found());
    const auto removed = users.remove_many({{.username = "bob"}, {.username = "eve"}});
    CHECK(removed[0].done());
    CHECK(removed[1].declined());
}

TEST_CASE("a key that does not fit its type is refused and read as no other", "[models][bounds]") {
    Rig rig;
    const Models<Only> models{rig.cache};
    models.save({.id = 705032704});  // what is left of 5,000,000,000 in 32 bits
    CHECK_THROWS_AS(models.find(5'000'000'000), InvalidKey);
    CHECK(rig.log().trips() == 1);
}

TEST_CASE("touch finds an entry again that changed between its two commands",
          "[models][lifetime]") {
    Rig rig;
    rig.scripted->capabilities_to_claim().lifetime_resolution = 1s;
    const Models<Session> sessions{rig.cache};
    sessions.save({.id = 1, .user = "bob"}, 500ms);
    bool interfered = false;
    rig.scripted->before_each_call([&](testing::Verb verb) {
        if (verb != testing::Verb::compare_and_set || interfered) return;
        interfered = true;
        SECTION("saved anew: that entry is touched") {
            sessions.save({.id = 1, .user = "eve"}, 500ms);
        }
        SECTION("removed: there is none") { sessions.remove(1); }
    });
    const bool touched = sessions.touch(1, 1500ms);
    REQUIRE(interfered);
    rig.clock.advance(1s);
    const auto left = sessions.find(1);
    CHECK(touched == left.found());
    if (left.found()) CHECK(left->user == "eve");
}

TEST_CASE("touch gives another lifetime from now on, in one command", "[models][lifetime]") {
    Rig rig;
    const Models<Session> sessions{rig.cache};
    sessions.save({.id = 1, .user = "bob"});
    rig.log().reset();
    rig.clock.advance(14min);
    CHECK(sessions.touch(1, 1500ms));
    CHECK(rig.log().trips() == 1);
    CHECK(rig.log().trips(testing::Verb::touch) == 1);
    rig.clock.advance(1499ms);
    CHECK(sessions.get(1).user == "bob");
    CHECK(sessions.touch(1, never));
    rig.clock.advance(24h * 10'000);
    CHECK(sessions.get(1).user == "bob");
    CHECK(sessions.touch(1, 1s));
    rig.clock.advance(1s);
    CHECK_FALSE(sessions.touch(1, 1h));
    CHECK_FALSE(sessions.exists(1));
}

TEST_CASE("where a backend keeps whole seconds, an entry still ends in time",
          "[models][lifetime]") {
    Rig rig;
    rig.scripted->capabilities_to_claim().lifetime_resolution = 1s;
    const Models<Session> sessions{rig.cache};
    const std::string key = rig.cache.final_key(sessions.key_for(1));
    const auto given = [&] { return rig.scripted->lifetime_left(key).value(); };

    SECTION("whole seconds are left to the backend") {
        sessions.save({.id = 1}, 2s);
        CHECK((given() == Lifetime{2s}));
        sessions.save({.id = 1}, 24h * 3652);
        CHECK((given() == Lifetime{24h * 3652}));
        sessions.save({.id = 1}, never);
        CHECK((given() == Lifetime{never}));
    }
    SECTION("fractions are carried in the entry, which the backend keeps a little longer") {
        sessions.save({.id = 1, .user = "bob"}, 2500ms);
        CHECK((given() == Lifetime{4s}));
        rig.clock.advance(2499ms);
        CHECK(sessions.get(1).user == "bob");
        CHECK(sessions.exists(1));
        rig.clock.advance(1ms);
        CHECK(sessions.find(1).reason() == MissReason::expired);
        CHECK_FALSE(sessions.exists(1));
        CHECK_FALSE(sessions.touch(1, 1h));
        CHECK(rig.cache.statistics().misses(MissReason::expired) == 1);
    }
    SECTION("one second may be cut short by the backend, and is carried too") {
        sessions.save({.id = 1}, 1s);
        CHECK((given() == Lifetime{2s}));
        rig.clock.advance(999ms);
        CHECK(sessions.exists(1));
        rig.clock.advance(1ms);
        CHECK_FALSE(sessions.exists(1));
    }
    SECTION("touch rewrites an entry that carries its end, and one that has to") {
        sessions.save({.id = 1, .user = "bob"}, 300ms);
        CHECK(sessions.touch(1, 1h));
        CHECK((given() == Lifetime{1h}));
        rig.clock.advance(59min);
        CHECK(sessions.get(1).user == "bob");

        rig.log().reset();
        CHECK(sessions.touch(1, 2h));
        CHECK(rig.log().trips(testing::Verb::touch) == 1);
        CHECK(rig.log().trips(testing::Verb::compare_and_set) == 0);

        CHECK(sessions.touch(1, 700ms));
        CHECK(rig.log().trips(testing::Verb::compare_and_set) == 1);
        rig.clock.advance(699ms);
        CHECK(sessions.get(1).user == "bob");
        rig.clock.advance(1ms);
        CHECK_FALSE(sessions.exists(1));
    }
    SECTION("a save that comes in between a touch's two commands is not lost") {
        sessions.save({.id = 1, .user = "old"}, 300ms);
        rig.scripted->before_each_call([&](testing::Verb verb) {
            if (verb != testing::Verb::compare_and_set) return;
            rig.scripted->before_each_call({});
            sessions.save({.id = 1, .user = "new"}, 5s);
        });
        CHECK(sessions.touch(1, 1h));  // as if it had come first
        CHECK(sessions.get(1).user == "new");
        CHECK((given() == Lifetime{5s}));
    }
    SECTION("centuries with a fraction are no overflow") {
        sessions.save({.id = 1}, 24h * 365 * 291 + 1ms);
        CHECK(sessions.exists(1));
        CHECK(sessions.touch(1, 24h * 365 * 291 + 1ms));
        CHECK(sessions.exists(1));
        rig.clock.advance(24h * 365 * 100);
        CHECK(sessions.exists(1));
    }
    SECTION("a wall clock that is set back keeps nothing alive for long") {
        sessions.save({.id = 1}, 1500ms);
        rig.clock.adjust_wall(-24h);
        rig.clock.advance(1499ms);
        CHECK(sessions.exists(1));
        rig.clock.advance(1501ms);  // the backend follows the steady clock
        CHECK_FALSE(sessions.exists(1));
    }
}

// ---- failures

TEST_CASE("a backend that fails is a failure in every verb, never a miss", "[models][failure]") {
    Rig rig;
    const Models<User> users{rig.cache};
    users.save({.username = "bob"});
    rig.scripted->go_down(BackendFault::timeout);
    CHECK_THROWS_AS(users.get("bob"), BackendError);
    CHECK_THROWS_AS(users.exists("bob"), BackendError);
    CHECK_THROWS_AS(users.save({.username = "bob"}), BackendError);
    CHECK_THROWS_AS(users.save({.username = "bob"}, 0s), BackendError);
    CHECK_THROWS_AS(users.remove("bob"), BackendError);
    CHECK_THROWS_AS(users.touch("bob", 1h), BackendError);
    CHECK_THROWS_AS(users.get_or_create({.username = "bob"}), BackendError);
    CHECK_THROWS_AS(users.rename("bob", User{.username = "eve"}), BackendError);
    const auto lookup = users.find("bob");
    CHECK(lookup.failed());
    CHECK(lookup.failure().fault() == BackendFault::timeout);
    CHECK_THROWS_AS(*lookup, BackendError);
    const auto lookups = users.get_many({"bob", "eve"});
    CHECK(lookups[0].failed());
    CHECK(lookups[1].failed());
    const auto saved = users.save_many({User{.username = "bob"}, User{}});
    CHECK(saved[0].failure().fault() == BackendFault::timeout);
    CHECK_THROWS_AS(saved[1].failure().rethrow(), IncompleteKey);
    CHECK(users.remove_many({"bob"})[0].failed());
    rig.scripted->come_back();
    CHECK(users.exists("bob"));
    CHECK(rig.cache.statistics().misses() == 0);
    CHECK(rig.cache.statistics().read_failures == 6);
}

TEST_CASE("one key that fails leaves the others their answers", "[models][failure]") {
    Rig rig;
    const Models<User> users{rig.cache};
    users.save_many({User{.username = "a"}, User{.username = "b"}});
    rig.scripted->fail_keys("*=\"a\"");
    const auto found = users.get_many({"a", "b", "c", "a"});
    CHECK(found[0].failed());
    CHECK(found[1].found());
    CHECK(found[2].absent());
    CHECK(found[3].failed());
    const auto saved = users.save_many({User{.username = "a"}, User{.username = "c"}});
    CHECK(saved[0].failed());
    CHECK(saved[1].done());
    const auto removed = users.remove_many({"a", "c", "d"});
    CHECK(removed[0].failed());
    CHECK(removed[1].done());
    CHECK(removed[2].declined());
}

TEST_CASE("rename keeps both entries where the old one cannot be removed", "[models][failure]") {
    Rig rig;
    const Models<User> users{rig.cache};
    users.save({.username = "old", .visits = 1});
    rig.scripted->before_each_call([&](testing::Verb verb) {
        if (verb == testing::Verb::remove) rig.scripted->go_down();
    });
    CHECK_THROWS_AS(users.rename("old", User{.username = "new", .visits = 1}), BackendError);
    rig.scripted->before_each_call({});
    rig.scripted->come_back();
    CHECK(users.exists("old"));
    CHECK(users.exists("new"));
    // Where the new one cannot be stored, nothing has changed.
    rig.scripted->fail_keys("*=\"newer\"");
    CHECK_THROWS_AS(users.rename("old", User{.username = "newer"}), BackendError);
    CHECK(users.exists("old"));
}

TEST_CASE("an answer for another key is a miss", "[models][failure]") {
    const auto memory = std::make_shared<MemoryBackend>();
    const Models<User> users{Cache{memory}};
    users.save({.username = "bob", .email = "b@x"});
    users.save({.username = "eve", .email = "e@x"});
    const auto lying = std::make_shared<support::LyingBackend>(
        memory, users.cache().final_key(users.key_for("bob")));
    const Models<User> lied_to{Cache{lying}};
    CHECK(lied_to.find("eve").reason() == MissReason::other_key);
    CHECK(lied_to.get("bob").email == "b@x");
    CHECK(lied_to.cache().statistics().misses(MissReason::other_key) == 1);
}

TEST_CASE("an entry that was cut short is a miss", "[models][failure]") {
    const auto memory = std::make_shared<MemoryBackend>();
    const Models<User> users{Cache{memory}};
    users.save({.username = "bob", .email = "b@x"});
    for (std::size_t size = 0; size < 60; ++size) {
        const Models<User> cut{Cache{std::make_shared<support::TruncatingBackend>(memory, size)}};
        CHECK(cut.find("bob").absent());
    }
    CHECK(users.get("bob").email == "b@x");
}

TEST_CASE("an entry of another version of the struct is read as far as it goes", "[models]") {
    const Cache cache = Cache::open("memory://");
    Models<Before>{cache}.save({.id = 1, .kept = "kept", .dropped = 3});
    const After after = Models<After>{cache}.get(1);
    CHECK(after.kept == "kept");
    CHECK(after.added == "default");
    const auto retyped = Models<Retyped>{cache}.find(1);
    CHECK(retyped.absent());
    CHECK(retyped.reason() == MissReason::undecodable);
    CHECK(cache.statistics().misses(MissReason::undecodable) == 1);
    CHECK(cache.statistics().hits == 1);
}

TEST_CASE("a converter that throws leaves the old entry as it is", "[models][failure]") {
    Rig rig;
    const Models<Fragile> fragiles{rig.cache};
    fragiles.save({.id = 1, .before = "old", .touchy = {"old"}});
    rig.log().reset();
    const Fragile changed{.id = 1, .before = "new", .touchy = {"new"}};

    Touchy::throws_on_write = true;
    CHECK_THROWS_WITH(fragiles.save(changed), "cannot be written");
    CHECK_THROWS_WITH(fragiles.save(changed, 1h), "cannot be written");
    CHECK(rig.log().calls().empty());
    const auto outcomes = fragiles.save_many(std::vector{changed});
    CHECK_THROWS_WITH(outcomes[0].failure().rethrow(), "cannot be written");
    Touchy::throws_on_write = false;
    CHECK(fragiles.get(1).before == "old");

    Touchy::throws_on_read = true;
    const auto lookup = fragiles.find(1);
    CHECK(lookup.absent());
    CHECK(lookup.reason() == MissReason::undecodable);
    CHECK_THROWS_AS(fragiles.get(1), Missing);
    Touchy::throws_on_read = false;
    CHECK(fragiles.get(1).touchy.text == "old");
}

TEST_CASE("a key that cannot be written fails alone", "[models][failure]") {
    const Models<Vote> votes{Cache::open("memory://")};
    CHECK_THROWS_WITH(votes.save({.seat = Grumpy{13}}), "thirteen");
    CHECK_THROWS_WITH(votes.get(Grumpy{13}), "thirteen");
    CHECK_THROWS_WITH(votes.find(Grumpy{13}), "thirteen");
    const auto saved = votes.save_many({Vote{.seat = Grumpy{13}}, Vote{.seat = Grumpy{14}}});
    CHECK_THROWS_WITH(saved[0].failure().rethrow(), "thirteen");
    CHECK(saved[1].done());
    const auto found = votes.get_many({Grumpy{13}, Grumpy{14}});
    CHECK_THROWS_WITH(*found[0], "thirteen");
    CHECK(found[1]->seat == Grumpy{14});
    const auto removed = votes.remove_many({Grumpy{13}, Grumpy{14}});
    CHECK(removed[0].failed());
    CHECK(removed[1].done());
}

TEST_CASE("memory that runs out leaves the entry as it was or as it was to be",
          "[models][failure]") {
    const Models<User> users{Cache::open("memory://")};
    const std::string old_email(100, 'o');
    const std::string new_email(200, 'n');
    const User changed{.username = "bob", .email = new_email};
    bool done = false;
    for (std::size_t successes = 0; !done; ++successes) {
        REQUIRE(successes < 1000);
        users.save({.username = "bob", .email = old_email});
        bool stored = false;
        try {
            const support::FailingAllocations failing{successes};
            users.save(changed);
            stored = done = true;
        } catch (const std::bad_alloc&) {
        }
        CHECK(users.get("bob").email == (stored ? new_email : old_email));
    }
}

TEST_CASE("memory that runs out while reading changes nothing", "[models][failure]") {
    const Models<User> users{Cache::open("memory://")};
    const std::string email(100, 'e');
    users.save_many({User{.username = "a", .email = email}, User{.username = "b", .email = email}});
    const Strings names{"b", "nobody", "a", "b"};
    const std::string name = "a";
    std::optional<std::string> read;
    for (std::size_t successes = 0; !read; ++successes) {
        REQUIRE(successes < 1000);
        try {
            const support::FailingAllocations failing{successes};
            read = *users.get(name).email;
        } catch (const std::bad_alloc&) {
        }
    }
    CHECK(read == email);
    std::optional<std::vector<Lookup<User>>> found;
    for (std::size_t successes = 0; !found; ++successes) {
        REQUIRE(successes < 1000);
        try {
            const support::FailingAllocations failing{successes};
            found = users.get_many(names);
        } catch (const std::bad_alloc&) {
        }
    }
    CHECK((*found)[0]->email == email);
    CHECK((*found)[1].absent());
    CHECK((*found)[2]->username == "a");
    CHECK((*found)[3]->email == email);
}

TEST_CASE("a hit of a small model takes few allocations", "[models]") {
    const Models<Session> sessions{Cache::open("memory://")};
    sessions.save({.id = 1, .user = "bob"});
    (void)sessions.get(1);
    const std::size_t before = support::allocations_of_this_thread();
    (void)sessions.get(1);
    const std::size_t taken = support::allocations_of_this_thread() - before;
    INFO(taken << " allocations");
    CHECK(taken <= 12);
}

// ---- secrets

TEST_CASE("secret keys appear in no key, no entry and no message", "[models][secret]") {
    Rig rig;
    const Models<Secret> secrets{rig.cache};
    const std::string token = "hunter2-hunter2";
    secrets.save({.token = token, .user = 5});
    CHECK(secrets.get(token).user == 5);
    CHECK(secrets.get(token).token == token);
    CHECK_THAT(secrets.key_for(token), !Contains("hunter2"));
    for (const auto& key : rig.scripted->keys()) {
        CHECK_THAT(key, !Contains("hunter2"));
        CHECK_THAT(rig.scripted->stored(key).value(), !Contains("hunter2"));
    }
    try {
        (void)secrets.get("hunter2 of nobody");
        FAIL("it was found");
    } catch (const Missing& missing) {
        CHECK_THAT(missing.what(), !Contains("hunter2"));
        CHECK_THAT(missing.key(), !Contains("hunter2"));
    }
}

// ---- counters

TEST_CASE("everything that happens to models is counted", "[models][statistics]") {
    Rig rig;
    const Models<User> users{rig.cache};
    const auto expect = [&](Statistics expected) {
        const Statistics counted = rig.cache.statistics();
        CHECK(counted.round_trips == expected.round_trips);
        CHECK(counted.hits == expected.hits);
        CHECK(counted.read_failures == expected.read_failures);
        CHECK(counted.stores == expected.stores);
        CHECK(counted.store_failures == expected.store_failures);
        CHECK(counted.removals == expected.removals);
        CHECK(counted.removal_failures == expected.removal_failures);
        CHECK(counted.loads == 0);
        CHECK(counted.load_failures == 0);
        CHECK(counted.source_misses == 0);
        CHECK(counted.misses_by_reason == expected.misses_by_reason);
        CHECK(counted.round_trips == rig.log().trips());
    };
    Statistics expected;
    expect(expected);

    users.save({.username = "a"});
    users.save_many({User{.username = "b"}, User{.username = "c"}, User{}});
    expected.round_trips = 2;
    expected.stores = 3;
    expect(expected);

    (void)users.get("a");
    (void)users.get_many({"a", "b", "x", "b"});
    expected.round_trips = 4;
    expected.hits = 3;
    expected.misses_by_reason[static_cast<std::size_t>(MissReason::nothing_stored)] = 1;
    expect(expected);

    (void)users.find("x");
    rig.scripted->plant(rig.cache.final_key(users.key_for("a")), "foreign");
    (void)users.find("a");
    expected.round_trips = 6;
    expected.misses_by_reason[static_cast<std::size_t>(MissReason::nothing_stored)] = 2;
    expected.misses_by_reason[static_cast<std::size_t>(MissReason::foreign)] = 1;
    expect(expected);

    CHECK(users.remove("a"));
    CHECK_FALSE(users.remove("a"));
    (void)users.remove_many({"b", "x"});
    expected.round_trips = 9;
    expected.removals = 2;
    expect(expected);

    CHECK(users.exists("c"));
    CHECK(users.touch("c", 1h));
    CHECK_FALSE(users.get_or_create({.username = "c"}).created);
    expected.round_trips = 12;
    expected.hits = 4;
    expect(expected);

    rig.scripted->fail_next(3);
    CHECK(users.find("c").failed());
    CHECK_THROWS_AS(users.save({.username = "c"}), BackendError);
    CHECK_THROWS_AS(users.remove("c"), BackendError);
    expected.round_trips = 15;
    expected.read_failures = 1;
    expected.store_failures = 1;
    expected.removal_failures = 1;
    expect(expected);

    const Models<User> bypass{rig.cache.bypass()};
    CHECK(bypass.find("c").absent());
    bypass.save({.username = "c"});
    expect(expected);  // it asks nobody and counts nothing

    users.save({.username = "c"}, 0s);
    expected.round_trips = 16;
    expected.removals = 3;
    expect(expected);
}

// ---- the null cache and threads

TEST_CASE("on the null cache everything is always missing", "[models]") {
    const Models<User> users{Cache::open("null://")};
    users.save({.username = "bob"});
    CHECK_THROWS_AS(users.get("bob"), Missing);
    CHECK_FALSE(users.exists("bob"));
    CHECK_FALSE(users.remove("bob"));
    CHECK_FALSE(users.touch("bob", 1h));
    CHECK(users.get_or_create({.username = "bob"}).created);
}

TEST_CASE("threads that share a door read whole values", "[models][threads]") {
    const Models<User> users{Cache::open("memory://?max_bytes=256KiB")};
    std::atomic<int> torn{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&users, &torn, t] {
            for (int i = 0; i < 1500; ++i) {
                const std::string name = "user" + std::to_string(i % 16);
                const int length = t * 100 + i % 50;
                switch (i % 4) {
                    case 0:
                        users.save({.username = name,
                                    .email = std::string(static_cast<std::size_t>(length), 'x'),
                                    .visits = length});
                        break;
                    case 1:
                        if (i % 16 == 1) users.remove(name);
                        break;
                    default:
                        const auto found = users.find(name);
                        if (found.failed()) ++torn;
                        if (!found.found()) break;
                        if (found->username != name ||
                            found->email->size() != static_cast<std::size_t>(*found->visits)) {
                            ++torn;
                        }
                }
            }
        });
    }
    for (auto& thread : threads) thread.join();
    CHECK(torn == 0);
    const Statistics statistics = users.cache().statistics();
    CHECK(statistics.read_failures == 0);
    CHECK(statistics.hits + statistics.misses() == 4 * 750);
}

namespace models_test {

int price(int amount) { return amount; }
long price(long amount) { return amount; }

template <auto function>
struct Priced {
    Key<int> id;
};

}  // namespace models_test

TEST_CASE("models of one template that differ in an overload have keys of their own", "[models]") {
    using ByInt = models_test::Priced<static_cast<int (*)(int)>(&models_test::price)>;
    using ByLong = models_test::Priced<static_cast<long (*)(long)>(&models_test::price)>;
    const Cache cache = Cache::open("memory://");
    CHECK(Models<ByInt>{cache}.key_for(1) ==
          "models_test::Priced<&(models_test::price(int))>@1/id=1");
    CHECK(Models<ByLong>{cache}.key_for(1) ==
          "models_test::Priced<&(models_test::price(long))>@1/id=1");
}
