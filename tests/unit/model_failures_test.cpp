// cachemodel: what models do when their cache fails, and which failures it may keep to itself.
// SPDX-License-Identifier: MIT
#include <cachemodel/cache_model.hpp>

#include <cachemodel/error.hpp>
#include <cachemodel/observer.hpp>
#include <cachemodel/secondary_keys.hpp>
#include <cachemodel/testing/scripted_backend.hpp>

#include "support/catch.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace cachemodel;
using namespace std::chrono_literals;
using testing::ScriptedBackend;

namespace model_failures_test {

struct User {
    Key<std::string> name;
    Field<std::string> email;

    using secondary_keys = SecondaryKeys<By<&User::email>>;

    void from_source(const std::string& row) { name = row; }
};

struct Order {
    Key<int> id;
    Reference<User> buyer;
};

/// What its source gives, or throws.
struct Source {
    std::optional<BackendError> error = {};
    int loads = 0;
    std::function<void()> during_load = {};
};

struct Page {
    static constexpr ModelOptions cache_options{.load_backoff = 0s};
    Key<int> id;
    Field<std::string> text;

    void from_miss(Source& source) {
        ++source.loads;
        if (source.during_load) source.during_load();
        if (source.error) throw BackendError{*source.error};
        text = "from the source";
    }
};

class Listener final : public Observer {
 public:
    void ignored_error(const IgnoredError& error) override {
        told_.emplace_back(to_string(error.operation));
    }
    /// What was told since the last call.
    std::vector<std::string> take() { return std::exchange(told_, {}); }

 private:
    std::vector<std::string> told_;
};

struct Rig {
    explicit Rig(bool ignores) : cache{backend, {.ignore_errors = ignores}} {
        cache.observe(listener);
        users.save({.name = "ada", .email = "a@x"});
        orders.save({.id = 1, .buyer = Reference<User>::to("ada")});
    }
    /// What the call has told the observer.
    template <class Call>
    std::vector<std::string> told_by(Call call) {
        (void)listener->take();
        call();
        return listener->take();
    }

    std::shared_ptr<ScriptedBackend> backend = std::make_shared<ScriptedBackend>();
    std::shared_ptr<Listener> listener = std::make_shared<Listener>();
    Cache cache;
    Models<User> users{cache};
    Models<Order> orders{cache};
    Source source;
    Models<Page, Source&> pages{cache, source};
};

using Told = std::vector<std::string>;

const Told a_read{"get"};
const Told a_write{"set"};
const Told a_touch{"touch"};
const User ada{.name = "ada", .email = "new"};
const User bob{.name = "bob", .email = "b@x"};

}  // namespace model_failures_test

using namespace model_failures_test;

TEST_CASE("without the option the failure of a cache reaches who uses its models",
          "[models][failure]") {
    Rig rig{false};
    rig.backend->go_down();
    CHECK(rig.told_by([&] {
                 CHECK_THROWS_AS(rig.users.get("ada"), BackendError);
                 CHECK_THROWS_AS(*rig.users.find("ada"), BackendError);
                 CHECK_THROWS_AS(*rig.users.get_many({"ada"})[0], BackendError);
                 CHECK_THROWS_AS(rig.users.get_by<&User::email>("a@x"), BackendError);
                 CHECK_THROWS_AS(rig.users.exists("ada"), BackendError);
                 CHECK_THROWS_AS(rig.users.touch("ada", 1h), BackendError);
                 CHECK_THROWS_AS(rig.users.save(ada), BackendError);
                 CHECK(rig.users.save_many({ada})[0].failed());
                 CHECK_THROWS_AS(rig.users.get_or_create(bob), BackendError);
                 Order order{.id = 1, .buyer = Reference<User>::to("ada")};
                 CHECK_THROWS_AS(rig.orders.load(order), BackendError);
             })
              .empty());
    CHECK(rig.cache.statistics().ignored_errors == 0);
}

TEST_CASE("under ignore_errors a model that cannot be read is missing, and the observer is told",
          "[models][failure][observer]") {
    Rig rig{true};
    rig.backend->go_down();
    CHECK(rig.told_by([&] { CHECK_THROWS_AS(rig.users.get("ada"), Models<User>::Missing); }) ==
          a_read);
    CHECK(rig.told_by([&] {
        const auto lookup = rig.users.find("ada");
        REQUIRE(lookup.failed());
        CHECK(lookup.failure().fault() == BackendFault::unavailable);
        CHECK_THROWS_AS(*lookup, Missing);
        CHECK_THROWS_AS(lookup->email, Missing);
    }) == a_read);
    CHECK(rig.told_by([&] {
        const auto lookups = rig.users.get_many({"ada", "bob", "ada"});
        for (const auto& lookup : lookups) CHECK(lookup.failed());
        CHECK_THROWS_AS(*lookups[2], Missing);
    }) == a_read);
    CHECK(rig.told_by([&] { CHECK_FALSE(rig.users.exists("ada")); }) == a_read);
    CHECK(rig.told_by([&] {
        const auto [user, created] = rig.users.get_or_create(bob);
        CHECK(created);
        CHECK(user.email == "b@x");
    }) == a_read);
    CHECK(rig.cache.statistics().ignored_errors == 5);
    CHECK(rig.cache.statistics().misses() == 0);
    rig.backend->come_back();
    CHECK(rig.told_by([&] { CHECK(rig.users.get("ada").email == "a@x"); }).empty());
}

TEST_CASE("under ignore_errors a model that cannot be stored or touched is left as it is",
          "[models][failure][observer]") {
    Rig rig{true};
    rig.backend->go_down();
    CHECK(rig.told_by([&] { rig.users.save(ada); }) == a_write);
    CHECK(rig.told_by([&] { rig.users.save(ada, 1h); }) == a_write);
    CHECK(rig.told_by([&] { CHECK_FALSE(rig.users.touch("ada", 1h)); }) == a_touch);
    // The first failure is of a mistake of the program, and not the one that is told.
    CHECK(rig.told_by([&] {
        const auto outcomes = rig.users.save_many({User{}, ada, bob});
        CHECK_THROWS_AS(outcomes[0].failure().rethrow(), IncompleteKey);
        CHECK(outcomes[1].failure().fault() == BackendFault::unavailable);
        CHECK(outcomes[2].failed());
    }) == a_write);
    CHECK(rig.cache.statistics().ignored_errors == 4);
    rig.backend->come_back();
    CHECK(rig.users.get("ada").email == "a@x");
}

TEST_CASE("who removes or changes a model is told that it did not happen, also under ignore_errors",
          "[models][failure][observer]") {
    Rig rig{true};
    auto read = rig.users.find("ada");
    rig.backend->go_down();
    CHECK(rig.told_by([&] {
                 CHECK_THROWS_AS(rig.users.remove("ada"), BackendError);
                 CHECK(rig.users.remove_many({"ada"})[0].failed());
                 CHECK_THROWS_AS(rig.users.update("ada", [](User& user) { user.email = "u"; }),
                                 BackendError);
                 CHECK_THROWS_AS(rig.users.save_if_unchanged(read), BackendError);
                 CHECK_THROWS_AS(rig.users.refresh_from(std::string{"ada"}), BackendError);
                 CHECK(rig.users.refresh_from_many({std::string{"ada"}})[0].failed());
                 CHECK_THROWS_AS(rig.users.rename("ada", bob), BackendError);
                 CHECK_THROWS_AS(rig.users.rename("ada", ada), BackendError);
             })
              .empty());
    CHECK(rig.cache.statistics().ignored_errors == 0);
}

TEST_CASE("a rename removes nothing where it could not store, also under ignore_errors",
          "[models][failure]") {
    Rig rig{true};
    rig.backend->fail_keys("*bob*");
    CHECK_THROWS_AS(rig.users.rename("ada", bob), BackendError);
    CHECK(rig.users.get("ada").email == "a@x");
}

TEST_CASE("under ignore_errors a lookup by a secondary key is told once, whichever read failed",
          "[models][secondary_keys][failure][observer]") {
    Rig rig{true};
    rig.users.save(bob);
    SECTION("that of the pointer") {
        rig.backend->fail_keys("*email*");
        CHECK(rig.told_by([&] {
            CHECK_THROWS_AS(rig.users.get_by<&User::email>("a@x"), Missing);
        }) == a_read);
    }
    SECTION("that of the model") {
        rig.backend->fail_keys("*name=\"ada\"");
        CHECK(rig.told_by([&] {
            CHECK_THROWS_AS(rig.users.get_by<&User::email>("a@x"), Missing);
        }) == a_read);
    }
    SECTION("both, of several") {
        rig.backend->fail_keys("*a@x*");
        rig.backend->fail_keys("*name=\"bob\"");
        CHECK(rig.told_by([&] {
            const auto lookups = rig.users.get_many_by<&User::email>({"a@x", "b@x", "c@x"});
            CHECK(lookups[0].failed());
            CHECK(lookups[1].failed());
            CHECK(lookups[2].absent());
            CHECK_THROWS_AS(*lookups[0], Missing);
        }) == a_read);
    }
    CHECK(rig.cache.statistics().ignored_errors == 1);
}

TEST_CASE("under ignore_errors a target that cannot be read is missing, and both ends are named",
          "[models][references][failure][observer]") {
    Rig rig{true};
    rig.backend->fail_keys("*ada*");
    CHECK(rig.told_by([&] {
        try {
            (void)rig.orders.get(1);
            FAIL("it was found");
        } catch (const Missing& missing) {
            CHECK(missing.broken_reference()->to_key == rig.users.key_for("ada"));
        }
    }) == a_read);
    CHECK(rig.told_by([&] {
        const auto lookup = rig.orders.find(1);
        CHECK(lookup.failed());
        CHECK_FALSE(lookup.broken_reference());
    }) == a_read);
    // It is stored, and no new one is to take its place.
    CHECK_THROWS_AS(rig.orders.get_or_create({.id = 1}), Missing);
    Order order{.id = 1, .buyer = Reference<User>::to("ada")};
    CHECK(rig.told_by([&] { CHECK_THROWS_AS(rig.orders.load(order), Missing); }) == a_read);
    std::vector<Order> several(2, order);
    CHECK(rig.told_by([&] {
        CHECK(rig.orders.load(several)[1].failure().fault() == BackendFault::unavailable);
    }) == a_read);
    CHECK(rig.cache.statistics().misses(MissReason::broken_reference) == 0);
}

TEST_CASE("a model with a loader goes on without its cache, and what the loader throws is thrown",
          "[models][failure][observer]") {
    Rig rig{true};
    rig.backend->go_down();
    CHECK(rig.told_by([&] {
                 CHECK(rig.pages.get(1).text == "from the source");
                 rig.source.error = BackendError{BackendFault::full, "the source"};
                 CHECK_THROWS_WITH(rig.pages.get(1), "full: the source");
                 CHECK_THROWS_WITH(*rig.pages.find(1), "full: the source");
             })
              .empty());
    CHECK(rig.source.loads == 3);
    // Which is not asked for what is only looked for.
    CHECK(rig.told_by([&] { CHECK(rig.pages.get_or_create({.id = 2}).created); }) == a_read);
    CHECK(rig.source.loads == 3);
}

TEST_CASE("what may not be loaded without the cache is refused, also under ignore_errors",
          "[models][failure][threads]") {
    const auto backend = std::make_shared<ScriptedBackend>();
    const Cache cache{backend, {.lease_wait = 0s, .loads_without_cache = 1, .ignore_errors = true}};
    Source source;
    const Models<Page, Source&> pages{cache, source};
    backend->go_down();
    std::optional<Lookup<Page>> of_another;
    source.during_load = [&] { std::thread{[&] { of_another = pages.find(2); }}.join(); };
    CHECK(pages.get(1).text == "from the source");
    REQUIRE(of_another->failed());
    CHECK_THROWS_AS(**of_another, BackendError);
    CHECK(source.loads == 1);
    CHECK(cache.statistics().ignored_errors == 0);
}

TEST_CASE("mistakes of the program are thrown by models, also under ignore_errors",
          "[models][failure]") {
    Rig rig{true};
    CHECK_THROWS_AS(rig.users.get(User{}), IncompleteKey);
    CHECK_THROWS_AS(rig.users.save(User{}), IncompleteKey);
    CHECK_THROWS_AS(rig.users.exists(User{}), IncompleteKey);
    rig.backend->go_down(BackendFault::unsupported);
    CHECK_THROWS_AS(rig.users.get("ada"), BackendError);
    CHECK_THROWS_AS(rig.users.save(ada), BackendError);
    CHECK_THROWS_AS(rig.users.touch("ada", 1h), BackendError);
    CHECK_THROWS_AS(rig.users.exists("ada"), BackendError);
    CHECK(rig.cache.statistics().ignored_errors == 0);
}
