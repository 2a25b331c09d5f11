// cachemodel: stored models that follow what their source says.
// SPDX-License-Identifier: MIT
#include <cachemodel/cache_model.hpp>

#include "support/call_rig.hpp"
#include "support/catch.hpp"

#include <chrono>
#include <list>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

using namespace cachemodel;
using namespace cachemodel::support;
using namespace std::chrono_literals;
using cachemodel::testing::Verb;

namespace model_refreshes_test {

struct Row {
    int id = 0;
    std::optional<std::string> name;
};

/// Another way in which the same source tells of a change.
struct Message {
    std::string text;
};

struct Note {
    static constexpr ModelOptions cache_options{.expires = 10min, .name = "Note"};

    Key<int> id;
    Field<std::string> name;

    using secondary_keys = SecondaryKeys<By<&Note::name>>;

    void from_miss() {
        count_run();
        name = "loaded";
    }
    void from_source(const Row& row) {
        if (row.id < 0) throw std::domain_error{"no such row"};
        if (row.id != 0) id = row.id;
        if (!row.name) throw Missing{};
        name = *row.name;
    }
    void from_source(const Message& message) {
        id = std::stoi(message.text);
        name = "message";
    }
};

/// What its source says of it depends on another model.
struct Digest {
    static constexpr ModelOptions cache_options{.name = "Digest"};

    Key<int> id;
    Field<std::string> text;

    void from_source(const Row& row) {
        id = row.id;
        text = *CacheModel<Digest>::get(row.id + 1).text + "!";
    }
};

}  // namespace model_refreshes_test

using namespace model_refreshes_test;

TEST_CASE("a row of the source is stored as the model says, without asking the source",
          "[refresh_from][unit]") {
    CallRig rig;
    const Models<Note> notes{rig.cache};
    CHECK(notes.refresh_from(Row{1, "one"}));
    CHECK(notes.get(1).name == "one");
    CHECK(notes.refresh_from(Row{1, "two"}));
    CHECK(notes.get(1).name == "two");
    CHECK(notes.refresh_from(Message{"1"}));
    CHECK(notes.get(1).name == "message");
    CHECK(notes.get_by<&Note::name>("message").id == 1);
    CHECK(notes.find_by<&Note::name>("two").absent());
    CHECK(runs == 0);
    CHECK(rig.scripted->lifetime_left(rig.cache.final_key(notes.key_for(1))) == Lifetime{10min});
    CHECK(rig.log().trips(Verb::set) == 3);
}

TEST_CASE("a row that is gone is removed", "[refresh_from][unit]") {
    CallRig rig;
    const Models<Note> notes{rig.cache};
    notes.save({.id = 1, .name = "one"});
    CHECK_FALSE(notes.refresh_from(Row{1, {}}));
    CHECK_FALSE(notes.exists(1));
    CHECK_FALSE(notes.refresh_from(Row{1, {}}));
}

TEST_CASE("many rows cost two round trips at most, and have an outcome each",
          "[refresh_from][unit]") {
    CallRig rig;
    const Models<Note> notes{rig.cache};
    notes.save({.id = 2, .name = "two"});
    const auto before = rig.cache.statistics().round_trips;
    const auto outcomes = notes.refresh_from_many(std::vector<Row>{
        {1, "one"}, {2, {}}, {-1, "odd"}, {3, {}}, {0, "no key"}, {0, {}}, {4, "four"}});
    CHECK(rig.cache.statistics().round_trips - before == 2);
    REQUIRE(outcomes.size() == 7);
    CHECK(outcomes[0].done());
    CHECK(outcomes[1].done());
    REQUIRE(outcomes[2].failed());
    CHECK_THROWS_AS(outcomes[2].failure().rethrow(), std::domain_error);
    CHECK(outcomes[3].done());
    REQUIRE(outcomes[4].failed());
    CHECK_THROWS_AS(outcomes[4].failure().rethrow(), IncompleteKey);
    REQUIRE(outcomes[5].failed());
    CHECK_THROWS_AS(outcomes[5].failure().rethrow(), IncompleteKey);
    CHECK(outcomes[6].done());
    CHECK(notes.exists(1));
    CHECK_FALSE(notes.exists(2));
    CHECK(notes.get_by<&Note::name>("four").id == 4);
    CHECK(notes.refresh_from_many(std::list<Row>{}).empty());
    CHECK(notes.refresh_from_many({Message{"5"}, Message{"6"}})[1].done());
    CHECK(notes.get(6).name == "message");
}

TEST_CASE("of several rows about one model the last one counts", "[refresh_from][unit]") {
    CallRig rig;
    const Models<Note> notes{rig.cache};
    notes.save({.id = 2, .name = "old"});
    const auto outcomes = notes.refresh_from_many(
        std::vector<Row>{{1, {}}, {2, "two"}, {1, "one"}, {2, {}}, {3, "first"}, {3, "second"}});
    CHECK(notes.get(1).name == "one");
    CHECK_FALSE(notes.exists(2));
    CHECK(notes.get(3).name == "second");
    CHECK(outcomes[0].done());
    CHECK(outcomes[1].done());
    CHECK(runs == 0);
}

TEST_CASE("what another model takes over from one that is gone, it is found by",
          "[refresh_from][unit]") {
    CallRig rig;
    const Models<Note> notes{rig.cache};
    notes.save({.id = 1, .name = "name"});
    notes.refresh_from_many(std::vector<Row>{{2, "name"}, {1, {}}});
    CHECK(notes.get_by<&Note::name>("name").id == 2);
}

TEST_CASE("what from_source throws, and a cache that fails, leave refresh_from",
          "[refresh_from][failure][unit]") {
    CallRig rig;
    const Models<Note> notes{rig.cache};
    notes.save({.id = 1, .name = "one"});
    CHECK_THROWS_AS(notes.refresh_from(Row{-1, "odd"}), std::domain_error);
    CHECK_THROWS_AS(notes.refresh_from(Row{0, "no key"}), IncompleteKey);
    CHECK_THROWS_AS(notes.refresh_from(Row{0, {}}), IncompleteKey);
    rig.scripted->go_down();
    CHECK_THROWS_AS(notes.refresh_from(Row{1, "two"}), BackendError);
    CHECK_THROWS_AS(notes.refresh_from(Row{1, {}}), BackendError);
    const auto outcomes = notes.refresh_from_many(std::vector<Row>{{1, "two"}, {2, {}}});
    CHECK(outcomes[0].failed());
    CHECK(outcomes[1].failed());
    rig.scripted->come_back();
    CHECK(notes.get(1).name == "one");
}

TEST_CASE("a get inside of from_source that finds nothing does not mean that the row is gone",
          "[refresh_from][unit]") {
    ScopedCaches scope;
    CallRig rig;
    caches().configure("default", rig.cache);
    CacheModel{Digest{.id = 1, .text = "one"}}.save();
    CHECK_THROWS_AS(CacheModel<Digest>::refresh_from(Row{1, {}}), CacheModel<Digest>::Missing);
    CHECK(CacheModel<Digest>::get(1).text == "one");
    CacheModel{Digest{.id = 2, .text = "two"}}.save();
    CHECK(CacheModel<Digest>::refresh_from(Row{1, {}}));
    CHECK(CacheModel<Digest>::get(1).text == "two!");
    const auto outcomes = CacheModel<Digest>::refresh_from_many({Row{1, {}}, Row{2, {}}});
    CHECK(outcomes[0].done());
    CHECK(outcomes[1].failed());
}
