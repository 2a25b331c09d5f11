// cachemodel: changing stored models: round trips, lifetimes, failures, objects that know what they
// were read as.
// SPDX-License-Identifier: MIT
#include <cachemodel/cache_model.hpp>

#include <cachemodel/backends/memory.hpp>
#include <cachemodel/testing/recording_backend.hpp>
#include <cachemodel/testing/scripted_backend.hpp>
#include <cachemodel/testing/turnable_clock.hpp>

#include "support/call_rig.hpp"
#include "support/catch.hpp"
#include "support/decorators.hpp"
#include "support/update_behaviour.hpp"

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

using namespace cachemodel;
using namespace cachemodel::support;
using namespace std::chrono_literals;
using cachemodel::testing::ScriptedBackend;
using cachemodel::testing::TurnableClock;
using cachemodel::testing::Verb;
using Catch::Matchers::Contains;

namespace model_updates_test {

struct Page {
    static constexpr ModelOptions cache_options{.expires = 10min, .name = "Page"};

    Key<std::string> path;
    Field<std::string> text;
    Field<int> visits;
};

struct Site {
    static constexpr ModelOptions cache_options{.name = "Site"};

    Key<std::string> host;
    Field<int> visits;
    Reference<Page> home;
    Reference<Site> mirror;
};

struct Token {
    static constexpr ModelOptions cache_options{.name = "Token", .secret_keys = true};

    Key<std::string> secret;
    Field<int> uses;
};

/// Its loader runs `during_run` and counts.
struct Loaded {
    static constexpr ModelOptions cache_options{.expires = 1min, .name = "Loaded"};

    Key<int> id;
    Field<int> value;

    void from_miss() {
        count_run();
        value = 10;
    }
};

/// What the class of Page was in an older program.
struct OldPage {
    static constexpr ModelOptions cache_options{.name = "Page"};

    Key<std::string> path;
    Field<std::string> visits;
};

void count_up(Page& page) { *page.visits += 1; }

}  // namespace model_updates_test

using namespace model_updates_test;

TEST_CASE("updates in memory behave as specified", "[updates][unit]") {
    check_update_behaviour(Cache::open("memory://"));
}

TEST_CASE("updates on a scripted backend behave as specified", "[updates][unit]") {
    check_update_behaviour(Cache{std::make_shared<ScriptedBackend>()});
}

TEST_CASE("updates on a backend that keeps whole seconds behave as specified", "[updates][unit]") {
    const auto backend = std::make_shared<ScriptedBackend>();
    backend->capabilities_to_claim().lifetime_resolution = 1s;
    backend->capabilities_to_claim().tells_lifetimes = false;
    check_update_behaviour(Cache{backend});
}

TEST_CASE("no update of many threads is lost in memory", "[updates][unit][threads]") {
    check_updates_among_threads(Cache::open("memory://"));
}

TEST_CASE("an update costs two round trips, and one more where only the backend knows the end",
          "[updates][unit]") {
    CallRig rig;
    rig.scripted->capabilities_to_claim().tells_lifetimes = false;
    const Models<Page> pages{rig.cache};
    pages.save({.path = "/"});
    auto before = rig.cache.statistics().round_trips;
    pages.update("/", &count_up);
    CHECK(rig.cache.statistics().round_trips - before == 2);

    rig.scripted->capabilities_to_claim().tells_lifetimes = true;
    before = rig.cache.statistics().round_trips;
    pages.update("/", &count_up);
    CHECK(rig.cache.statistics().round_trips - before == 3);

    before = rig.cache.statistics().round_trips;
    pages.update("/", [](Page&) { return false; });
    CHECK(rig.cache.statistics().round_trips - before == 1);

    auto read = pages.find("/");
    before = rig.cache.statistics().round_trips;
    pages.save_if_unchanged(read);
    CHECK(rig.cache.statistics().round_trips - before == 2);
}

TEST_CASE("each attempt of an update costs as many round trips", "[updates][unit]") {
    CallRig rig;
    rig.scripted->capabilities_to_claim().tells_lifetimes = false;
    const Models<Page> pages{rig.cache};
    const Models<Page> others{Cache{rig.scripted, {.clock = rig.clock}}};
    pages.save({.path = "/"});
    int attempts = 0;
    const auto before = rig.cache.statistics();
    const Page page = pages.update("/", [&](Page& changed) {
        if (++attempts <= 2) others.save({.path = "/", .visits = attempts * 10});
        *changed.visits += 1;
    });
    CHECK(page.visits == 21);
    CHECK(attempts == 3);
    const auto after = rig.cache.statistics();
    CHECK(after.round_trips - before.round_trips == 6);
    CHECK(after.stores - before.stores == 1);
    CHECK(pages.statistics().stores == 2);
}

TEST_CASE("of two updates at once both are done", "[updates][unit]") {
    CallRig rig;
    const Models<Page> pages{rig.cache};
    pages.save({.path = "/", .visits = 0});
    // The other one reads and writes between the first one's reading and writing.
    bool is_other_done = false;
    rig.scripted->before_each_call([&](Verb verb) {
        if (verb != Verb::compare_and_set || is_other_done) return;
        is_other_done = true;
        const Models<Page> others{Cache{rig.scripted, {.clock = rig.clock}}};
        others.update("/", &count_up);
    });
    CHECK(pages.update("/", &count_up).visits == 2);
    CHECK(is_other_done);
    CHECK(pages.get("/").visits == 2);
}

TEST_CASE("an updated entry keeps its end", "[updates][lifetime][unit]") {
    CallRig rig;
    const Models<Page> pages{rig.cache};
    const auto left = [&] {
        return rig.scripted->lifetime_left(rig.cache.final_key(pages.key_for("/")));
    };
    SECTION("which the backend knows") {
        pages.save({.path = "/"}, 1h);
        rig.clock.advance(20min);
        pages.update("/", &count_up);
        CHECK(left() == Lifetime{40min});
    }
    SECTION("which is none") {
        pages.save({.path = "/"}, never);
        pages.update("/", &count_up);
        CHECK(left() == Lifetime{never});
    }
    SECTION("which the entry carries") {
        rig.scripted->capabilities_to_claim().lifetime_resolution = 1s;
        rig.scripted->capabilities_to_claim().tells_lifetimes = false;
        pages.save({.path = "/"}, 1500ms);
        rig.clock.advance(1s);
        pages.update("/", &count_up);
        rig.clock.advance(499ms);
        CHECK(pages.get("/").visits == 1);
        rig.clock.advance(1ms);
        CHECK(pages.find("/").absent());
    }
    SECTION("or gets the model's lifetime where nobody knows") {
        rig.scripted->capabilities_to_claim().tells_lifetimes = false;
        pages.save({.path = "/"}, 1h);
        rig.clock.advance(20min);
        pages.update("/", &count_up);
        CHECK(left() == Lifetime{10min});
    }
}

TEST_CASE("an entry that ends during an update is not stored again", "[updates][lifetime][unit]") {
    CallRig rig;
    const Models<Page> pages{rig.cache};
    pages.save({.path = "/"}, 1s);
    const auto wait = [&](Page&) { rig.clock.advance(1s); };
    CHECK_THROWS_AS(pages.update("/", wait), Missing);
    CHECK(rig.entries() == 0);
}

TEST_CASE("save_if_unchanged stores for as long as save does", "[updates][lifetime][unit]") {
    CallRig rig;
    const Models<Page> pages{rig.cache};
    const auto key = rig.cache.final_key(pages.key_for("/"));
    pages.save({.path = "/"}, 1h);
    auto read = pages.find("/");
    pages.save_if_unchanged(read);
    CHECK(rig.scripted->lifetime_left(key) == Lifetime{10min});
    pages.save_if_unchanged(read, never);
    CHECK(rig.scripted->lifetime_left(key) == Lifetime{never});
}

TEST_CASE("who comes between the comparison and the writing is not overwritten",
          "[updates][unit]") {
    CallRig rig;
    const Models<Page> pages{rig.cache};
    const Models<Page> others{Cache{rig.scripted, {.clock = rig.clock}}};
    pages.save({.path = "/", .visits = 1});
    auto read = pages.find("/");
    SECTION("another save") {
        rig.scripted->before_each_call([&](Verb verb) {
            if (verb == Verb::compare_and_set) others.save({.path = "/", .visits = 7});
        });
        CHECK_THROWS_AS(pages.save_if_unchanged(read), Conflict);
        CHECK(others.get("/").visits == 7);
    }
    SECTION("a removal") {
        rig.scripted->before_each_call([&](Verb verb) {
            if (verb == Verb::compare_and_set) others.remove("/");
        });
        CHECK_THROWS_AS(pages.save_if_unchanged(read), Conflict);
        CHECK_FALSE(others.exists("/"));
    }
    SECTION("a save where nothing was") {
        rig.scripted->before_each_call([&](Verb verb) {
            if (verb == Verb::add) others.save({.path = "/new", .visits = 7});
        });
        auto [page, created] = pages.get_or_create({.path = "/new", .visits = 1});
        REQUIRE(created);
        ScopedCaches scope;
        caches().configure("default", rig.cache);
        CacheModel mine{page};
        CHECK_THROWS_AS(mine.save_if_unchanged(), Conflict);
        CHECK(others.get("/new").visits == 7);
    }
}

TEST_CASE("what changes between the comparison and the writing need not be the value",
          "[updates][unit]") {
    CallRig rig;
    const Models<Page> pages{rig.cache};
    const Models<Page> others{Cache{rig.scripted, {.clock = rig.clock}}};
    pages.save({.path = "/", .visits = 1});
    auto read = pages.find("/");
    read->visits = 2;
    int times = 0;
    const auto key = pages.key_for("/");
    const auto bytes = *rig.cache.get_raw(key);
    SECTION("the same value stored anew") {
        rig.scripted->before_each_call([&](Verb verb) {
            if (verb == Verb::compare_and_set && times++ < 2) rig.cache.set_raw(key, bytes);
        });
        pages.save_if_unchanged(read);
        CHECK(times == 3);
        CHECK(others.get("/").visits == 2);
    }
    SECTION("the end of an entry for which nothing counts") {
        pages.save_if_unchanged(read, 0s);
        read->visits = 3;
        rig.scripted->before_each_call([&](Verb verb) {
            if (verb == Verb::compare_and_set && times++ == 0) rig.clock.advance(1s);
        });
        pages.save_if_unchanged(read);
        CHECK(times == 1);
        CHECK(others.get("/").visits == 3);
    }
    SECTION("the end of the entry that was read is a change") {
        rig.scripted->before_each_call([&](Verb verb) {
            if (verb == Verb::compare_and_set && times++ == 0) rig.clock.advance(1h);
        });
        CHECK_THROWS_AS(pages.save_if_unchanged(read), Conflict);
        CHECK_FALSE(others.exists("/"));
    }
    SECTION("a change at each attempt is a conflict in the end") {
        rig.scripted->before_each_call([&](Verb verb) {
            if (verb == Verb::compare_and_set) rig.cache.set_raw(key, bytes);
        });
        CHECK_THROWS_WITH(pages.save_if_unchanged(read), Contains("100 attempts"));
        CHECK(others.get("/").visits == 1);
    }
}

TEST_CASE("equal values that were written again are a change", "[updates][unit]") {
    CallRig rig;
    const Models<Page> pages{rig.cache};
    pages.save({.path = "/", .visits = 1});
    auto read = pages.find("/");
    rig.clock.advance(1ms);
    pages.save({.path = "/", .visits = 2});
    pages.save({.path = "/", .visits = 1});
    CHECK_THROWS_AS(pages.save_if_unchanged(read), Conflict);
}

TEST_CASE("a backend that cannot compare and set answers that it is not supported",
          "[updates][failure][unit]") {
    const auto backend = std::make_shared<ScriptedBackend>();
    backend->capabilities_to_claim().compare_and_set = false;
    const Models<Page> pages{Cache{backend}};
    pages.save({.path = "/", .visits = 1});
    auto read = pages.find("/");
    const auto is_unsupported = [](const BackendError& error) {
        return error.fault() == BackendFault::unsupported;
    };
    CHECK_THROWS_MATCHES(pages.update("/", &count_up), BackendError,
                         Catch::Predicate<BackendError>(is_unsupported));
    CHECK_THROWS_MATCHES(pages.save_if_unchanged(read), BackendError,
                         Catch::Predicate<BackendError>(is_unsupported));
    CHECK(pages.get("/").visits == 1);
}

TEST_CASE("a cache that fails fails an update, also of what has a loader",
          "[updates][failure][unit]") {
    CallRig rig;
    const Models<Loaded> models{rig.cache};
    const auto change = [](Loaded& model) { *model.value += 1; };
    CHECK(models.update(1, change).value == 11);
    CHECK(runs == 1);
    auto read = models.find(1);
    rig.scripted->go_down();
    CHECK_THROWS_AS(models.update(1, change), BackendError);
    CHECK_THROWS_AS(models.save_if_unchanged(read), BackendError);
    CHECK(runs == 1);
    rig.scripted->come_back();
    rig.scripted->before_each_call([&](Verb verb) {
        if (verb == Verb::compare_and_set) rig.scripted->fail_next(1);
    });
    CHECK_THROWS_AS(models.update(1, change), BackendError);
    CHECK_THROWS_AS(models.save_if_unchanged(read), BackendError);
    rig.scripted->before_each_call({});
    CHECK(models.get(1).value == 11);
    read->value = 12;
    models.save_if_unchanged(read);  // nothing was written, so it is still the one
    CHECK(models.get(1).value == 12);
}

TEST_CASE("an object whose writing was answered by nobody is not written over what it wrote",
          "[updates][failure][unit]") {
    CallRig rig;
    const Models<Page> pages{rig.cache};
    pages.save({.path = "/", .visits = 1});
    auto read = pages.find("/");
    rig.clock.advance(1ms);
    read->visits = 2;
    rig.scripted->before_each_call([&](Verb verb) {
        if (verb == Verb::compare_and_set) rig.scripted->lose_next_answers(1);
    });
    CHECK_THROWS_AS(pages.save_if_unchanged(read), BackendError);
    rig.scripted->before_each_call({});
    CHECK(pages.get("/").visits == 2);
    CHECK_THROWS_AS(pages.save_if_unchanged(read), Conflict);
}

TEST_CASE("what is loaded and does not stay in the cache cannot be updated", "[updates][unit]") {
    CallRig rig;
    const Cache cache{std::make_shared<EvictingBackend>(rig.scripted), {.clock = rig.clock}};
    const Models<Loaded> models{cache};
    CHECK_THROWS_AS(models.update(1, [](Loaded& model) { *model.value += 1; }), Conflict);
    CHECK(runs == 3);
    CHECK(rig.entries() == 0);
}

TEST_CASE("an update loads no references, and keeps and sets them", "[updates][unit]") {
    CallRig rig;
    const Models<Site> sites{rig.cache};
    const Models<Page> pages{rig.cache};
    pages.save({.path = "/home", .text = "welcome"});
    sites.save({.host = "a", .home = Reference<Page>::to("/home")});
    const Site site = sites.update("a", [](Site& changed) {
        CHECK(changed.home);
        CHECK_FALSE(changed.home.loaded());
        changed.mirror = Reference<Site>::to("b");
        *changed.visits = 3;
    });
    CHECK(site.visits == 3);
    CHECK_FALSE(site.home.loaded());
    CHECK(site.mirror == Reference<Site>::to("b"));
    // The mirror is not there, so neither is the site; nor does that hinder an update.
    CHECK(sites.find("a").absent());
    sites.update("a", [](Site& changed) { changed.mirror = nullptr; });
    CHECK(sites.get("a").home->text == "welcome");
    CHECK(sites.get("a").visits == 3);
}

TEST_CASE("a conflict about secret keys shows none", "[updates][unit]") {
    CallRig rig;
    const Models<Token> tokens{rig.cache};
    tokens.save({.secret = "abracadabra"});
    auto mine = tokens.find("abracadabra");
    rig.clock.advance(1ms);
    tokens.update("abracadabra", [](Token& token) { *token.uses += 1; });
    CHECK_THROWS_WITH(tokens.save_if_unchanged(mine), !Contains("abracadabra"));
    CHECK(tokens.get("abracadabra").uses == 1);
}

TEST_CASE("an update may use a function that can only be moved, or called once changed",
          "[updates][unit]") {
    const Models<Page> pages{Cache::open("memory://")};
    pages.save({.path = "/"});
    pages.update(
        "/", [text = std::make_unique<std::string>("moved")](Page& page) { page.text = *text; });
    CHECK(pages.get("/").text == "moved");
    int calls = 0;
    const auto counting = [calls](Page& page) mutable { page.visits = ++calls; };
    auto own = counting;
    pages.update("/", own);
    pages.update("/", own);
    CHECK(pages.get("/").visits == 2);
    pages.update("/", count_up);
    CHECK(pages.get("/").visits == 3);
}

TEST_CASE("a CacheModel knows what it was read as, and what it stored", "[updates][unit]") {
    ScopedCaches scope;
    TurnableClock clock;
    caches().configure("default",
                       Cache{std::make_shared<ScriptedBackend>(clock), {.clock = clock}});
    CacheModel{Page{.path = "/", .visits = 1}}.save();
    const auto change_it = [&](int visits) {
        clock.advance(1ms);
        CacheModel{Page{.path = "/", .visits = visits}}.save();
    };
    const auto is_current = [&](CacheModel<Page> page) {
        try {
            page.save_if_unchanged();
            return true;
        } catch (const Conflict&) {
            return false;
        }
    };

    SECTION("by get, find, get_many, get_or_create and update") {
        auto got = CacheModel<Page>::get("/");
        auto found = CacheModel<Page>::find("/");
        auto many = CacheModel<Page>::get_many({"/", "/"});
        auto made = CacheModel<Page>::get_or_create({.path = "/"});
        CHECK_FALSE(made.created);
        clock.advance(1ms);
        SECTION("unchanged") {
            CHECK(is_current(got));
            CHECK_FALSE(is_current(*found));  // the one before has been stored
        }
        SECTION("unchanged, found") { CHECK(is_current(*found)); }
        SECTION("unchanged, many") { CHECK(is_current(*many[0])); }
        SECTION("unchanged, repeated") { CHECK(is_current(*many[1])); }
        SECTION("unchanged, stored before it was to be created") { CHECK(is_current(made.model)); }
        SECTION("updated") {
            CHECK(is_current(CacheModel<Page>::update("/", &count_up)));
            CHECK_FALSE(is_current(got));
            CHECK(is_current(CacheModel<Page>::update({.path = "/"}, &count_up)));
            CHECK(CacheModel<Page>::get("/").visits == 3);
            const auto unchanged = [](Page&) { return false; };
            CHECK(is_current(CacheModel<Page>::update("/", unchanged)));
        }
        SECTION("changed") {
            change_it(2);
            CHECK_FALSE(is_current(got));
            CHECK_FALSE(is_current(*found));
            CHECK_FALSE(is_current(*many[0]));
            CHECK_FALSE(is_current(*many[1]));
            CHECK_FALSE(is_current(made.model));
            CHECK(CacheModel<Page>::get("/").visits == 2);
        }
    }
    SECTION("after its own save, and twice in a row") {
        CacheModel page{Page{.path = "/", .visits = 5}};
        page.save();
        page.save_if_unchanged();
        page.visits = 6;
        page.save_if_unchanged(1h);
        CHECK(CacheModel<Page>::get("/").visits == 6);
        page.save(1min);
        page.save_if_unchanged();
        change_it(7);
        CHECK_THROWS_AS(page.save_if_unchanged(), Conflict);
    }
    SECTION("copied, moved and assigned") {
        const auto read = CacheModel<Page>::get("/");
        CacheModel<Page> copy = read;
        CacheModel<Page> moved = std::move(copy);
        CHECK(moved == read);
        moved.save_if_unchanged();
        CacheModel<Page> assigned;
        assigned = moved;
        assigned.save_if_unchanged();
        assigned = Page{.path = "/", .visits = 9};  // this one was never read
        CHECK_THROWS_AS(assigned.save_if_unchanged(), Conflict);
        CHECK(CacheModel<Page>::get("/").visits == 1);
    }
    SECTION("made by hand, it is stored only where nothing is") {
        CacheModel page{Page{.path = "/", .visits = 9}};
        CHECK_THROWS_AS(page.save_if_unchanged(), Conflict);
        CacheModel other{Page{.path = "/other", .visits = 9}};
        other.save_if_unchanged();
        CHECK(CacheModel<Page>::get("/other").visits == 9);
        auto [made, created] = CacheModel<Page>::get_or_create({.path = "/third", .visits = 3});
        REQUIRE(created);
        made.save_if_unchanged();
        CHECK(CacheModel<Page>::get("/third").visits == 3);
    }
    SECTION("removed, it is not stored again") {
        auto page = CacheModel<Page>::get("/");
        page.remove();
        CHECK_THROWS_AS(page.save_if_unchanged(), Conflict);
        CHECK_FALSE(CacheModel<Page>::exists("/"));
    }
    SECTION("saved for no time, there is nothing") {
        auto page = CacheModel<Page>::get("/");
        page.save(0s);
        page.save_if_unchanged();
        CHECK(CacheModel<Page>::exists("/"));
    }
}

TEST_CASE("what cannot be read as the model is nothing to who was told so", "[updates][unit]") {
    ScopedCaches scope;
    const auto backend = std::make_shared<ScriptedBackend>();
    caches().configure("default", Cache{backend});
    CacheModel{OldPage{.path = "/", .visits = "many"}}.save();
    auto [page, created] = CacheModel<Page>::get_or_create({.path = "/", .visits = 3});
    REQUIRE(created);
    page.save_if_unchanged();
    CHECK(CacheModel<Page>::get("/").visits == 3);
}

TEST_CASE("a bypass saves nothing, changed or not", "[updates][unit]") {
    const Cache cache = Cache::open("memory://");
    const Models<Page> pages{cache};
    const Models<Page> bypass{cache.bypass()};
    pages.save({.path = "/", .visits = 1});
    auto read = pages.find("/");
    read->visits = 2;
    bypass.save_if_unchanged(read);
    CHECK(pages.get("/").visits == 1);
    CHECK_THROWS_AS(bypass.update("/", &count_up), Missing);
}
