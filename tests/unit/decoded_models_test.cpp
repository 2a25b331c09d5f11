// cachemodel: models that are kept decoded, and what makes them be read again.
// SPDX-License-Identifier: MIT
#include <cachemodel/caches.hpp>
#include <cachemodel/models.hpp>
#include <cachemodel/prometheus.hpp>
#include <cachemodel/testing/manual_executor.hpp>
#include <cachemodel/testing/recording_backend.hpp>
#include <cachemodel/testing/scripted_backend.hpp>
#include <cachemodel/testing/turnable_clock.hpp>

#include "support/catch.hpp"
#include "support/load_rig.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace cachemodel;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using support::Table;

namespace decoded_models_test {

struct City {
    static constexpr ModelOptions cache_options{.name = "city"};
    Key<std::string> name;
    Field<int> people;

    void from_source(const int& row) {
        name = "Bath";
        people = row;
    }
};

struct Mayor {
    static constexpr ModelOptions cache_options{.name = "mayor"};
    Key<int> id;
    Reference<City> city;
    Reference<City, Dangling::keep> retreat;
};

struct Price {
    static constexpr ModelOptions cache_options{
        .expires = 10s, .stale_while_refresh = 10s, .lease_wait = 0s, .name = "price"};
    Key<std::string> name;
    Field<int> cents;

    void from_miss(Table& table) { cents = table.row(name); }
};

struct Brief {
    static constexpr ModelOptions cache_options{.expires = 500ms, .name = "brief"};
    Key<int> id;
};

struct Whole {
    static constexpr ModelOptions cache_options{.expires = 1min, .lease_wait = 0s, .name = "whole"};
    Key<int> id;
    Field<int> half;
    Field<int> rest;

    void from_miss() { half = 1; }
    void complete() { rest = 2; }
};

struct Session {
    static constexpr ModelOptions cache_options{.name = "session", .secret_keys = true};
    Key<std::string> token;
    Field<int> user;
};

/// A name that some cannot have.
struct Name {
    std::string text;

    bool operator==(const Name&) const = default;
};
std::string to_cache_key(const Name& name) {
    if (name.text == "bad") throw std::runtime_error("no such name");
    return name.text;
}
struct Named {
    static constexpr ModelOptions cache_options{.name = "named"};
    Key<Name> name;
    Field<int> number;
};

struct Rig {
    testing::TurnableClock clock;
    std::shared_ptr<testing::ScriptedBackend> scripted =
        std::make_shared<testing::ScriptedBackend>(clock);
    std::shared_ptr<testing::RecordingBackend> recording =
        std::make_shared<testing::RecordingBackend>(scripted);
    std::shared_ptr<testing::ManualExecutor> executor = std::make_shared<testing::ManualExecutor>();
    Cache cache{recording, {.decoded = 1 << 20, .executor = executor, .seed = 1, .clock = clock}};
    /// As another process has it.
    Cache other{scripted, {.seed = 2, .clock = clock}};
    Models<City> cities{cache};
    Models<City> others{other};
    Table table{{{"tea", 100}}};
    Models<Price, Table&> prices{cache, table};

    std::uint64_t round_trips() const { return cache.statistics().round_trips; }
};

TEST_CASE("get_shared asks the backend once, and gives everybody the same object",
          "[decoded][models][unit]") {
    Rig rig;
    rig.cities.save({.name = "Bath", .people = 94'000});
    const auto first = rig.cities.get_shared("Bath");
    const auto before = rig.round_trips();
    const auto again = rig.cities.get_shared("Bath");
    CHECK(*first->name == "Bath");
    CHECK(*first->people == 94'000);
    CHECK(again == first);
    CHECK(rig.cities.get_shared({.name = "Bath"}) == first);
    CHECK(rig.cities.get_shared(std::string{"Bath"}) == first);
    CHECK(*rig.cities.find_shared("Bath") == first);
    CHECK(*rig.cities.get_many_shared({"Bath"}).at(0) == first);
    CHECK(*Models<City>{Cache{rig.cache}.with_timeout(1min)}.find_shared("Bath") == first);
    CHECK(rig.round_trips() == before);

    const auto counted = rig.cache.statistics();
    CHECK(counted.decoded_hits == 6);
    CHECK(counted.hits == 1);
    CHECK(rig.cities.statistics().decoded_hits == 6);
    CHECK(rig.cache.model_statistics().at(0).statistics.decoded_hits == 6);
    CHECK(rig.cache.decoded_usage().entries == 1);
    CHECK(rig.cache.decoded_usage().max_bytes == 1 << 20);
    const std::string text = prometheus_text(rig.cache);
    CHECK_THAT(text, Contains("cachemodel_decoded_hits_total{cache=\"\"} 6\n"));
    CHECK_THAT(text,
               Contains("cachemodel_model_decoded_hits_total{cache=\"\",model=\"city\"} 6\n"));
    CHECK_THAT(text, Contains("cachemodel_decoded_entries{cache=\"\"} 1\n"));
    CHECK_THAT(text, Contains("cachemodel_decoded_max_bytes{cache=\"\"} 1048576\n"));
    CHECK_THAT(text, Contains("cachemodel_decoded_evictions_total{cache=\"\"} 0\n"));
}

TEST_CASE("a cache without decoded objects reads each time", "[decoded][models][unit]") {
    Rig rig;
    rig.others.save({.name = "Bath", .people = 1});
    const auto first = rig.others.get_shared("Bath");
    const auto second = rig.others.get_shared("Bath");
    CHECK(first != second);
    CHECK(*second->people == 1);
    CHECK(rig.other.statistics().hits == 2);
    CHECK(rig.other.statistics().decoded_hits == 0);
    CHECK(rig.other.decoded_usage().max_bytes == 0);
    CHECK_THAT(prometheus_text(rig.other), !Contains("decoded_entries"));
}

TEST_CASE("what there is not, and what nobody can tell about, is never kept",
          "[decoded][models][unit]") {
    Rig rig;
    CHECK(rig.cities.find_shared("Bath").absent());
    CHECK_THROWS_AS(rig.cities.get_shared("Bath"), Models<City>::Missing);
    rig.scripted->go_down();
    CHECK(rig.cities.find_shared("Bath").failed());
    CHECK_THROWS_AS(rig.cities.get_shared("Bath"), BackendError);
    rig.scripted->come_back();
    rig.others.save({.name = "Bath", .people = 1});
    CHECK(*rig.cities.get_shared("Bath")->people == 1);
    CHECK_THROWS_AS(rig.cities.get_shared(City{}), IncompleteKey);
    CHECK(rig.cache.decoded_usage().entries == 1);
}

TEST_CASE("get_many_shared fetches in one trip what is not kept", "[decoded][models][unit]") {
    Rig rig;
    for (const auto* name : {"Bath", "York", "Wells"}) rig.cities.save({.name = name, .people = 1});
    const auto york = rig.cities.get_shared("York");
    const auto before = rig.round_trips();
    const std::vector<std::string> names{"Bath", "York", "Ely", "Wells", "Bath"};
    const auto found = rig.cities.get_many_shared(names);
    CHECK(rig.round_trips() == before + 1);
    REQUIRE(found.size() == 5);
    CHECK(*(*found[0])->name == "Bath");
    CHECK(*found[1] == york);
    CHECK(found[2].absent());
    CHECK(*(*found[3])->name == "Wells");
    CHECK(*(*found[4])->name == "Bath");
    CHECK(*rig.cities.get_shared("Wells")->name == "Wells");
    CHECK(rig.cities.get_shared("Wells") == *found[3]);
    CHECK(rig.round_trips() == before + 1);
}

TEST_CASE("whatever this cache writes shows at once", "[decoded][models][unit]") {
    Rig rig;
    const auto bath = [](int people) { return City{.name = "Bath", .people = people}; };
    const Models<City> by_copy{rig.cache.with_timeout(1min)};
    const Models<City> by_bypass{rig.cache.bypass()};
    const std::string key = rig.cities.key_for("Bath");
    using Change = std::function<void()>;
    const std::vector<std::pair<const char*, Change>> changes{
        {"save", [&] { rig.cities.save(bath(2)); }},
        {"save by a view", [&] { by_copy.save(bath(2)); }},
        {"save for no time", [&] { rig.cities.save(bath(2), 0s); }},
        {"save_many", [&] { (void)rig.cities.save_many({bath(2)}); }},
        {"save_if_unchanged",
         [&] {
             auto read = rig.cities.find("Bath");
             read->people = 2;
             rig.cities.save_if_unchanged(read);
         }},
        {"update", [&] { rig.cities.update("Bath", [](City& city) { city.people = 2; }); }},
        {"refresh_from", [&] { rig.cities.refresh_from(2); }},
        {"refresh_from_many", [&] { (void)rig.cities.refresh_from_many({2}); }},
        {"touch", [&] { rig.cities.touch("Bath", 1ms), rig.clock.advance(1ms); }},
        {"remove", [&] { rig.cities.remove("Bath"); }},
        {"remove around the cache", [&] { by_bypass.remove("Bath"); }},
        {"remove_many", [&] { (void)rig.cities.remove_many({"Bath"}); }},
        {"rename to it", [&] { rig.cities.rename("Ely", bath(2)); }},
        {"rename it", [&] { rig.cities.rename("Bath", {.name = "Ely", .people = 2}); }},
        {"erase", [&] { rig.cache.erase(key); }},
        {"set_raw", [&] { rig.cache.set_raw(key, "?"); }},
        {"clear", [&] { rig.cache.clear(); }},
        {"clear_prefix", [&] { rig.cache.clear_prefix(); }},
        {"clear_prefix, of what the server lost",
         [&] { rig.scripted->lose("*"), rig.cache.clear_prefix(); }},
    };
    for (const auto& [name, change] : changes) {
        INFO(name);
        rig.others.save(bath(1));
        rig.cache.clear();
        rig.others.save(bath(1));
        const auto before = rig.cities.get_shared("Bath");
        CHECK(rig.cities.get_shared("Bath") == before);
        change();
        const auto after = rig.cities.find_shared("Bath");
        const auto stored = rig.others.find("Bath");
        CHECK(after.found() == stored.found());
        if (after.found() && stored.found()) CHECK(*(*after)->people == *stored->people);
        CHECK((after.absent() || *after != before));
        CHECK(*before->people == 1);
    }
}

TEST_CASE("a write whose answer was lost shows at once, too", "[decoded][models][unit]") {
    Rig rig;
    rig.cities.save({.name = "Bath", .people = 1});
    CHECK(*rig.cities.get_shared("Bath")->people == 1);
    rig.scripted->lose_next_answers(1);
    CHECK_THROWS_AS(rig.cities.save({.name = "Bath", .people = 2}), BackendError);
    CHECK(*rig.cities.get_shared("Bath")->people == 2);
}

TEST_CASE("what other processes write shows after decoded_expires at the latest",
          "[decoded][models][unit]") {
    Rig rig;
    rig.cities.save({.name = "Bath", .people = 1});
    CHECK(*rig.cities.get_shared("Bath")->people == 1);
    rig.others.save({.name = "Bath", .people = 2});
    rig.clock.advance(1999ms);
    CHECK(*rig.cities.get("Bath").people == 2);
    CHECK(*rig.cities.get_shared("Bath")->people == 1);
    rig.clock.advance(1ms);
    CHECK(*rig.cities.get_shared("Bath")->people == 2);
}

TEST_CASE("a backend that is down is not asked for what is kept", "[decoded][models][unit]") {
    Rig rig;
    rig.cities.save({.name = "Bath", .people = 1});
    const auto kept = rig.cities.get_shared("Bath");
    rig.scripted->go_down();
    CHECK(rig.cities.get_shared("Bath") == kept);
    CHECK_THROWS_AS(rig.cities.remove("Bath"), BackendError);
    CHECK(rig.cities.find_shared("Bath").failed());
}

TEST_CASE("what was about to be read when it was written is not kept", "[decoded][models][unit]") {
    Rig rig;
    rig.cities.save({.name = "Bath", .people = 1});
    // Runs once, after the load has begun and before the backend is read.
    const auto meanwhile = [&](std::function<void()> action) {
        const auto is_done = std::make_shared<bool>(false);
        rig.scripted->before_each_call([action, is_done](auto) {
            if (!std::exchange(*is_done, true)) action();
        });
    };
    SECTION("it is removed") {
        meanwhile([&] { rig.cities.remove("Bath"); });
        CHECK(rig.cities.find_shared("Bath").absent());
    }
    SECTION("it is saved") {
        meanwhile([&] { rig.cities.save({.name = "Bath", .people = 2}); });
        CHECK(*rig.cities.get_shared("Bath")->people == 2);
        // That it was not read before, nobody can tell.
        const auto before = rig.round_trips();
        CHECK(*rig.cities.get_shared("Bath")->people == 2);
        CHECK(rig.round_trips() == before + 1);
    }
}

TEST_CASE("what a loader brings is kept at once, but not after a removal that came meanwhile",
          "[decoded][models][unit]") {
    Rig rig;
    SECTION("nobody comes in between") {
        const auto first = rig.prices.get_shared("tea");
        CHECK(rig.prices.get_shared("tea") == first);
        CHECK(rig.table.take_asked() == 1);
    }
    SECTION("it is removed while it is loaded") {
        rig.table.before_answer = [&] {
            rig.table.before_answer = {};
            rig.prices.remove("tea");
        };
        CHECK(*rig.prices.get_shared("tea")->cents == 100);
        rig.table.rows["tea"] = 120;
        CHECK(*rig.prices.get_shared("tea")->cents == 120);
        CHECK(rig.prices.get_shared("tea") == rig.prices.get_shared("tea"));
        CHECK(rig.table.take_asked() == 2);
    }
    SECTION("it cannot be stored") {
        rig.scripted->go_down();
        const auto first = rig.prices.get_shared("tea");
        CHECK(*first->cents == 100);
        CHECK(rig.prices.get_shared("tea") != first);
    }
}

TEST_CASE("an entry is not given out past the end that it tells", "[decoded][models][unit]") {
    Rig rig;
    rig.prices.save({.name = "tea", .cents = 90}, 1s);
    CHECK(*rig.prices.get_shared("tea")->cents == 90);
    const auto told = rig.prices.explain("tea");
    REQUIRE(told.decoded_until.has_value());
    CHECK(*told.decoded_until - told.now == 1s);
    CHECK_THAT(to_string(told), Contains("decoded until"));
    rig.clock.advance(999ms);
    const auto before = rig.round_trips();
    CHECK(*rig.prices.get_shared("tea")->cents == 90);
    CHECK(rig.round_trips() == before);
    rig.clock.advance(1ms);
    CHECK(rig.prices.find_shared("tea").stale());
    CHECK(rig.round_trips() == before + 1);
    // Nothing stale is kept.
    CHECK(rig.prices.find_shared("tea").stale());
    CHECK(rig.round_trips() == before + 2);
    CHECK(rig.prices.explain("tea").decoded_until == std::nullopt);
}

TEST_CASE("one that does not tell its end, for no longer than its model's lifetime",
          "[decoded][models][unit]") {
    Rig rig;
    const Models<Brief> briefs{rig.cache};
    briefs.save({.id = 1});
    const auto told_before = briefs.get_shared(1);
    rig.clock.advance(499ms);
    CHECK(briefs.get_shared(1) == told_before);
    rig.clock.advance(1ms);
    CHECK(briefs.find_shared(1).absent());
}

TEST_CASE("the first of two steps is not kept", "[decoded][models][unit]") {
    Rig rig;
    const Models<Whole> wholes{rig.cache};
    CHECK(*wholes.get_shared(1)->rest == 0);
    rig.executor->run_all();
    CHECK(*wholes.get_shared(1)->rest == 2);
    CHECK(wholes.get_shared(1) == wholes.get_shared(1));
}

TEST_CASE("a model is kept with what it refers to, until any of that changes",
          "[decoded][models][references][unit]") {
    Rig rig;
    const Models<Mayor> mayors{rig.cache};
    rig.cities.save({.name = "Bath", .people = 1});
    Mayor ann{.id = 1, .city = Reference<City>::to("Bath")};
    ann.retreat = Reference<City, Dangling::keep>::to("Ely");
    mayors.save(ann);
    const auto first = mayors.get_shared(1);
    CHECK(mayors.get_shared(1) == first);
    CHECK(*first->city->people == 1);
    CHECK_FALSE(first->retreat.loaded());

    SECTION("the target is saved") {
        rig.cities.save({.name = "Bath", .people = 2});
        CHECK(*mayors.get_shared(1)->city->people == 2);
        CHECK(*first->city->people == 1);
    }
    SECTION("the target is removed") {
        rig.cities.remove("Bath");
        CHECK(mayors.find_shared(1).absent());
    }
    SECTION("one that dangled is there by now") {
        rig.cities.save({.name = "Ely", .people = 3});
        CHECK(mayors.get_shared(1)->retreat.loaded());
    }
    SECTION("another depth is another object") {
        CHECK_FALSE(mayors.depth(0).get_shared(1)->city.loaded());
        CHECK(mayors.depth(0).get_shared(1) == mayors.depth(0).get_shared(1));
        CHECK(mayors.get_shared(1) == first);
    }
    SECTION("several at once") {
        ann.id = 2;
        mayors.save(ann);
        const auto both = mayors.get_many_shared({1, 2});
        CHECK(*both.at(0) == first);
        CHECK(mayors.get_shared(2) == *both.at(1));
        rig.cities.save({.name = "Bath", .people = 2});
        CHECK(*mayors.get_shared(2)->city->people == 2);
    }
}

TEST_CASE(
    "of many that were fetched together, a change makes only those out of date that it reaches",
    "[decoded][models][unit]") {
    Rig rig;
    const Models<Mayor> mayors{rig.cache};
    std::vector<int> ids;
    for (int i = 0; i < 20; ++i) {
        const auto name = "city " + std::to_string(i / 2);  // two mayors each
        rig.cities.save({.name = name, .people = i});
        mayors.save({.id = i, .city = Reference<City>::to(name)});
        ids.push_back(i);
    }
    const auto fetched = mayors.get_many_shared(ids);
    rig.cities.save({.name = "city 3", .people = 1'000});
    const auto before = mayors.statistics().decoded_hits;
    for (const int i : ids) {
        const auto mayor = mayors.get_shared(i);
        CHECK(*mayor->city->people == (i / 2 == 3 ? 1'000 : i / 2 * 2 + 1));
    }
    CHECK(mayors.statistics().decoded_hits - before == 18);
}

TEST_CASE("what one call on many models fetches together takes no more than half of the room",
          "[decoded][models][unit]") {
    Rig rig;
    const Models<Mayor> mayors{rig.cache};
    std::vector<int> ids;
    for (int i = 0; i < 300; ++i) {
        const auto name = "city " + std::to_string(i);
        rig.cities.save({.name = name, .people = i});
        mayors.save({.id = i, .city = Reference<City>::to(name)});
        ids.push_back(i);
    }
    const auto mayors_kept = mayors.get_many_shared(ids);
    for (int i = 0; i < 300; ++i) {
        CHECK(*(*mayors_kept[static_cast<std::size_t>(i)])->city->people == i);
    }
    CHECK(rig.cache.decoded_usage().entries > 0);
    CHECK(rig.cache.decoded_usage().bytes <= (1 << 19));
}

TEST_CASE("whatever is done to models, get_shared gives what get gives",
          "[decoded][models][unit]") {
    Rig rig;
    const Models<Mayor> mayors{rig.cache};
    std::minstd_rand random;
    const auto draw = [&](int below) {
        return static_cast<int>(random() % static_cast<unsigned>(below));
    };
    const auto name = [](int number) { return "city " + std::to_string(number); };
    std::uint64_t compared = 0;
    for (int step = 0; step < 3'000; ++step) {
        const int number = draw(6);
        switch (draw(9)) {
            case 0:
                rig.cities.save({.name = name(number), .people = step});
                break;
            case 1:
                rig.cities.remove(name(number));
                break;
            case 2:
                mayors.save({.id = number,
                             .city = Reference<City>::to(name(draw(6))),
                             .retreat = Reference<City, Dangling::keep>::to(name(draw(6)))});
                break;
            case 3:
                mayors.remove(number);
                break;
            case 4:
                if (rig.cities.exists(name(number))) {
                    rig.cities.update(name(number), [&](City& city) { city.people = step; });
                }
                break;
            case 5:
                rig.cities.touch(City{.name = name(number)}, 1h);
                break;
            case 6:
                if (draw(50) == 0) rig.cache.clear();
                break;
            default:
                break;
        }
        const auto city = rig.cities.find(name(number));
        const auto shared_city = rig.cities.find_shared(name(number));
        REQUIRE(shared_city.found() == city.found());
        if (city.found()) CHECK((*shared_city)->people == city->people);
        const auto mayor = mayors.find(number);
        const auto shared_mayor = mayors.find_shared(number);
        REQUIRE(shared_mayor.found() == mayor.found());
        if (mayor.found()) {
            CHECK((*shared_mayor)->city->people == mayor->city->people);
            REQUIRE((*shared_mayor)->retreat.loaded() == mayor->retreat.loaded());
        }
        compared += city.found() + mayor.found();
    }
    CHECK(compared > 1'000);
    CHECK(rig.cache.statistics().decoded_hits > 500);
}

TEST_CASE("get_many_shared throws for no single key", "[decoded][models][unit]") {
    Rig rig;
    const Models<Named> named{rig.cache};
    named.save({.name = Name{"good"}, .number = 1});
    const std::vector<Name> names{{"good"}, {"bad"}, {"none"}};
    const auto read = named.get_many_shared(names);
    CHECK(*(*read[0])->number == 1);
    REQUIRE(read[1].failed());
    CHECK_THROWS_WITH(read[1].failure().rethrow(), "no such name");
    CHECK(read[2].absent());
    CHECK_THROWS_WITH(named.get_shared(Name{"bad"}), "no such name");
}

TEST_CASE("views of other entries have objects of their own, and a bypass has none",
          "[decoded][models][unit]") {
    Rig rig;
    const Models<City> of_site{rig.cache.with_prefix("site")};
    const Models<City> of_version{rig.cache.with_version(2)};
    rig.cities.save({.name = "Bath", .people = 1});
    of_site.save({.name = "Bath", .people = 2});
    of_version.save({.name = "Bath", .people = 3});
    for (int i = 0; i < 2; ++i) {
        CHECK(*rig.cities.get_shared("Bath")->people == 1);
        CHECK(*of_site.get_shared("Bath")->people == 2);
        CHECK(*of_version.get_shared("Bath")->people == 3);
    }
    CHECK(rig.cache.statistics().decoded_hits == 3);
    CHECK(Models<City>{rig.cache.bypass()}.find_shared("Bath").absent());
    const Models<Price, Table&> around{rig.cache.bypass(), rig.table};
    CHECK(around.get_shared("tea") != around.get_shared("tea"));
    CHECK(rig.cache.decoded_usage().entries == 3);
}

TEST_CASE("models with secret keys are kept, too", "[decoded][models][unit]") {
    Rig rig;
    const Models<Session> sessions{rig.cache};
    sessions.save({.token = "t0p", .user = 1});
    CHECK(sessions.get_shared("t0p") == sessions.get_shared("t0p"));
    sessions.remove("t0p");
    CHECK(sessions.find_shared("t0p").absent());
}

struct Colour {
    std::string name;
    int shade = 0;  // means nothing
};
std::string to_cache_key(const Colour& colour) { return colour.name; }
enum class Size : std::uint8_t { small, large };
struct Shirt {
    Key<std::string> brand;
    Key<std::int64_t> number;
    Key<Size> size;
    Key<Colour> colour;
    Key<std::optional<std::string>> owner;
};

TEST_CASE("the bytes of keys differ where the keys do, and nowhere else",
          "[decoded][key_bytes][unit]") {
    const std::string lengthy(300, 'x');
    std::vector<Shirt> shirts;
    for (const std::string brand : {"", "a", "ab", "\"", "%22"}) {
        for (const std::int64_t number : {-1, 0, 1}) {
            shirts.push_back({brand, number, Size::small, Colour{"red"}, "a"});
        }
    }
    shirts.push_back({lengthy, 1, Size::small, Colour{"red"}, "a"});
    shirts.push_back({lengthy + "x", 1, Size::small, Colour{"red"}, "a"});
    shirts.push_back({"a", 1, Size::large, Colour{"red"}, "a"});
    shirts.push_back({"a", 1, Size::small, Colour{"blue"}, "a"});
    shirts.push_back({"a", 1, Size::small, Colour{"blue"}, std::nullopt});
    shirts.push_back({"a", 1, Size::small, Colour{"blue"}, "null"});
    std::set<std::string, std::less<>> seen;
    for (const auto& shirt : shirts) {
        const auto bytes = detail::KeyBytes::of<Shirt>(shirt);
        CHECK(bytes.is_complete());
        CHECK(seen.insert(std::string{bytes.view()}).second);
        // The same from values as from a model.
        CHECK(detail::KeyBytes::of<Shirt>(std::string_view{*shirt.brand}, *shirt.number,
                                          *shirt.size, *shirt.colour, *shirt.owner)
                  .view() == bytes.view());
    }
    const Shirt red{"a", 1, Size::small, Colour{"red", 1}, "a"};
    const Shirt dark_red{"a", 1, Size::small, Colour{"red", 2}, "a"};
    CHECK(detail::KeyBytes::of<Shirt>(red).view() == detail::KeyBytes::of<Shirt>(dark_red).view());
    CHECK_FALSE(detail::KeyBytes::of<Shirt>(Shirt{"a", 1}).is_complete());
    // A number of another type is the same number.
    CHECK(detail::KeyBytes::of<Mayor>(1).view() == detail::KeyBytes::of<Mayor>(1L).view());
}

TEST_CASE("the options of decoded objects are those of a URL, and are checked",
          "[decoded][cache][unit]") {
    CHECK(Cache::open("memory://?decoded=64MiB&decoded_expires=1.5").decoded_usage().max_bytes ==
          64 << 20);
    CHECK(Cache::open("memory://?decoded=0").decoded_usage().max_bytes == 0);
    const auto refusal = [](const auto& open) {
        try {
            open();
        } catch (const ConfigError& error) {
            return std::string{error.what()};
        }
        return std::string{"it was accepted"};
    };
    CHECK_THAT(refusal([] { Cache::open("memory://?decoded=much"); }), Contains("decoded=much"));
    CHECK_THAT(refusal([] { Cache::open("memory://?decoded_expires=0"); }),
               Contains("decoded_expires=0"));
    CHECK(refusal([] {
              Cache{std::make_shared<testing::ScriptedBackend>(), {.decoded_expires = 0s}};
          }) == "decoded_expires is over, which would let no decoded object be given out");
}

}  // namespace decoded_models_test
