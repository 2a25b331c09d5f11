// cachemodel: from_miss in its forms, its contexts, and what it may throw.
// SPDX-License-Identifier: MIT
#include <cachemodel/detail/loaders.hpp>

#include <cachemodel/backends/null.hpp>
#include <cachemodel/cache_model.hpp>
#include <cachemodel/models.hpp>
#include <cachemodel/testing/recording_backend.hpp>
#include <cachemodel/testing/scripted_backend.hpp>
#include <cachemodel/testing/turnable_clock.hpp>

#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/decorators.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <new>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace cachemodel;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using Strings = std::vector<std::string>;

namespace loaders_test {

/// What a loader is asked for, and what it does then.
struct Source {
    std::map<std::string, int> rows;
    Strings asked;
    std::function<void()> before_answer;

    int row(const std::string& name) {
        asked.push_back(name);
        if (before_answer) before_answer();
        const auto found = rows.find(name);
        if (found == rows.end()) throw Missing{};
        return found->second;
    }
};

struct Item {
    static constexpr ModelOptions cache_options{.expires = 10min};

    Key<std::string> name;
    Field<int> price;
    Field<std::string> note = "as new";

    void from_miss(Source& source) {
        price = source.row(name);
        note = "loaded " + *name;
    }
};

/// An Item as an earlier release stored it.
struct OlderItem {
    static constexpr ModelOptions cache_options{.name = "loaders_test::Item"};
    Key<std::string> name;
    Field<int> price;
};

/// Without a context.
struct Square {
    Key<int> number;
    Field<int> square;

    void from_miss() {
        if (*number < 0) throw Missing{};
        square = *number * *number;
    }
};

/// Whose loader reads another model.
struct Bill {
    Key<std::string> item;
    Field<int> total;

    void from_miss(const Models<Item, Source&>& items) { total = *items.get(*item).price + 1; }
};

/// What a batch loader does.
struct Warehouse {
    std::function<std::vector<struct Box>(std::span<const struct Box>)> answer;
    std::vector<std::vector<int>> asked;
    int single_calls = 0;
};

struct Box {
    Key<int> id;
    Field<std::string> content;

    static std::vector<Box> from_miss_many(std::span<const Box> wanted, Warehouse& warehouse) {
        std::vector<int> ids;
        for (const Box& box : wanted) ids.push_back(*box.id);
        warehouse.asked.push_back(ids);
        if (warehouse.answer) return warehouse.answer(wanted);
        std::vector<Box> boxes;
        for (const int id : ids) {
            boxes.push_back({.id = id, .content = "box " + std::to_string(id)});
        }
        std::reverse(boxes.begin(), boxes.end());
        return boxes;
    }
};

struct Both {
    Key<int> id;
    Field<std::string> how;

    void from_miss(Warehouse& warehouse) {
        ++warehouse.single_calls;
        how = "alone";
    }
    static std::vector<Both> from_miss_many(std::span<const Both> wanted, Warehouse& warehouse) {
        warehouse.asked.emplace_back();
        std::vector<Both> loaded;
        for (const Both& both : wanted) loaded.push_back({.id = *both.id, .how = "together"});
        return loaded;
    }
};

// Contexts of every kind.
struct Pool {
    int number = 1;
};
struct Replica : Pool {
    Replica() { number = 2; }
};
struct Translator {
    std::string word = "eins";
};

struct NeedsMuch {
    Key<int> id;
    Field<int> from_pool;
    Field<std::string> from_translator;
    Field<int> from_pointer;
    Field<int> from_value;

    void from_miss(const Translator& translator, Pool& pool, int* pointer,
                   std::shared_ptr<const int> value) {
        from_pool = pool.number;
        from_translator = translator.word;
        from_pointer = ++*pointer;
        from_value = *value;
    }
};

struct NeedsPool {
    Key<int> id;
    Field<int> number;

    void from_miss(const Pool& pool) noexcept { number = pool.number; }
};

struct Rig {
    testing::TurnableClock clock;
    std::shared_ptr<testing::ScriptedBackend> scripted =
        std::make_shared<testing::ScriptedBackend>(clock);
    std::shared_ptr<testing::RecordingBackend> recording =
        std::make_shared<testing::RecordingBackend>(scripted);
    Cache cache{recording, {.lease_wait = 0s, .load_backoff = 0s, .clock = clock}};
    Source source{.rows = {{"cup", 3}, {"pan", 20}}, .asked = {}, .before_answer = {}};
    Models<Item, Source&> items{cache, source};

    testing::CallLog& log() { return recording->log(); }
    Statistics statistics() const { return cache.statistics(); }
};

}  // namespace loaders_test

using namespace loaders_test;

TEST_CASE("a loader finds its keys set, and what it fills in is given and stored", "[loaders]") {
    Rig rig;
    const Item cup = rig.items.get("cup");
    CHECK(cup.name == "cup");
    CHECK(cup.price == 3);
    CHECK(cup.note == "loaded cup");
    CHECK(rig.source.asked == Strings{"cup"});
    CHECK(rig.log().trips() == 2);
    CHECK(rig.items.get("cup").note == "loaded cup");
    CHECK(rig.source.asked.size() == 1);
    CHECK(rig.log().trips() == 3);
    CHECK(rig.statistics().loads == 1);
    CHECK(rig.statistics().stores == 1);
    CHECK(rig.statistics().hits == 1);
    CHECK(rig.statistics().misses() == 1);
}

TEST_CASE("what was loaded lives as long as its model says", "[loaders][lifetime]") {
    Rig rig;
    (void)rig.items.get("cup");
    rig.clock.advance(10min - 1ns);
    (void)rig.items.get("cup");
    CHECK(rig.source.asked.size() == 1);
    rig.clock.advance(1ns);
    rig.source.rows["cup"] = 4;
    CHECK(rig.items.get("cup").price == 4);
    CHECK(rig.source.asked.size() == 2);
}

TEST_CASE("members that are no keys are not handed to a loader", "[loaders]") {
    Rig rig;
    rig.source.before_answer = [] {};
    const Item cup = rig.items.get(Item{.name = "cup", .price = 99, .note = "given"});
    CHECK(cup.price == 3);
    const auto boxes = [] {
        Warehouse warehouse;
        std::string seen;
        warehouse.answer = [&](std::span<const Box> wanted) {
            seen = *wanted[0].content;
            return std::vector<Box>{};
        };
        const Models<Box, Warehouse&> door{Cache::open("memory://"), warehouse};
        CHECK(door.find(Box{.id = 1, .content = "given"}).absent());
        return seen;
    }();
    CHECK(boxes.empty());
}

TEST_CASE("a source that has none makes the model Missing, with its name and key", "[loaders]") {
    Rig rig;
    CHECK_THROWS_AS(rig.items.get("fork"), Models<Item>::Missing);
    try {
        (void)rig.items.get("fork");
    } catch (const Missing& missing) {
        CHECK(missing.model() == "loaders_test::Item");
        CHECK(missing.key() == R"(loaders_test::Item@1/name="fork")");
    }
    const auto lookup = rig.items.find("fork");
    CHECK(lookup.absent());
    CHECK(rig.source.asked == Strings{"fork", "fork", "fork"});
    CHECK(rig.scripted->keys().empty());
    CHECK(rig.statistics().source_misses == 3);
    CHECK(rig.statistics().loads == 0);
    CHECK(rig.statistics().stores == 0);
}

TEST_CASE("a loader's exception leaves get and find, and nothing is stored", "[loaders][failure]") {
    Rig rig;
    rig.source.before_answer = [] { throw std::domain_error{"no connection"}; };
    CHECK_THROWS_AS(rig.items.get("cup"), std::domain_error);
    CHECK_THROWS_WITH(rig.items.find("cup"), "no connection");
    const auto found = rig.items.get_many({"cup", "pan"});
    CHECK(found[0].failed());
    CHECK(found[0].failure().message() == "no connection");
    CHECK_FALSE(found[0].failure().fault().has_value());
    CHECK_THROWS_AS(*found[1], std::domain_error);
    CHECK(rig.scripted->keys().empty());
    CHECK(rig.statistics().load_failures == 4);

    rig.source.before_answer = [] { throw 42; };
    CHECK_THROWS_AS(rig.items.get("cup"), int);
    CHECK_THROWS_AS(rig.items.find("cup"), int);
    CHECK(rig.items.get_many({"cup"})[0].failed());

    rig.source.before_answer = {};
    CHECK(rig.items.get("cup").price == 3);
}

TEST_CASE("one key whose loader throws leaves the others their answers", "[loaders][failure]") {
    Rig rig;
    rig.source.before_answer = [&] {
        if (rig.source.asked.back() == "pan") throw std::domain_error{"no pan"};
    };
    const auto found = rig.items.get_many({"cup", "pan", "fork", "cup"});
    CHECK(found[0]->price == 3);
    CHECK(found[1].failure().message() == "no pan");
    CHECK(found[2].absent());
    CHECK(found[3]->note == "loaded cup");
    CHECK(rig.source.asked == Strings{"cup", "pan", "fork"});
    CHECK(rig.scripted->keys().size() == 1);
}

TEST_CASE("a Missing that names a model leaves a loader unchanged, and is no absence",
          "[loaders][failure]") {
    Rig rig;
    const Models<Bill, Models<Item, Source&>> bills{rig.cache, rig.items};
    CHECK(bills.get("cup").total == 4);
    try {
        (void)bills.get("fork");
        FAIL("it was found");
    } catch (const Models<Item>::Missing& missing) {
        CHECK(missing.model() == "loaders_test::Item");
    }
    const auto lookup = bills.find("fork");
    CHECK(lookup.failed());
    CHECK_THROWS_AS(*lookup, Models<Item>::Missing);
    CHECK(bills.get_many({"fork", "cup"})[0].failed());
    CHECK(rig.statistics().load_failures == 3);
    rig.source.rows["fork"] = 1;
    CHECK(bills.get("fork").total == 2);
}

TEST_CASE("a BackendError of a nested read is the key's failure", "[loaders][failure]") {
    Rig rig;
    rig.source.before_answer = [] {
        throw BackendError{BackendFault::timeout, "of another cache"};
    };
    CHECK_THROWS_AS(rig.items.get("cup"), BackendError);
    const auto lookup = rig.items.find("cup");
    CHECK(lookup.failed());
    CHECK(lookup.failure().fault() == BackendFault::timeout);
    CHECK(rig.items.get_many({"cup"})[0].failed());
}

TEST_CASE("a loader that changes the key is an error, and nothing is stored",
          "[loaders][failure]") {
    struct Liar {
        Key<int> id;
        void from_miss() { id = *id + 1; }
    };
    const Models<Liar> liars{Cache::open("memory://")};
    CHECK_THROWS_WITH(liars.get(1), Contains("id=1") && Contains("id=2"));
    CHECK(liars.get_many({1})[0].failed());
    CHECK_FALSE(liars.exists(1));
    CHECK_FALSE(liars.exists(2));
}

// ---- the cache fails

TEST_CASE("with a loader a cache that fails is gone around, and not written back to",
          "[loaders][failure]") {
    Rig rig;
    rig.scripted->go_down(BackendFault::timeout);
    CHECK(rig.items.get("cup").price == 3);
    CHECK(rig.items.find("cup")->price == 3);
    const auto found = rig.items.get_many({"pan", "fork"});
    CHECK(found[0]->price == 20);
    CHECK(found[1].absent());
    CHECK_THROWS_AS(rig.items.get("fork"), Models<Item>::Missing);
    CHECK(rig.items.find("fork").absent());
    CHECK(rig.log().trips(testing::Verb::set) == 0);
    CHECK(rig.statistics().read_failures == 6);
    CHECK(rig.statistics().loads == 3);
    CHECK(rig.statistics().source_misses == 3);
    CHECK(rig.statistics().store_failures == 0);
    CHECK(rig.statistics().misses() == 0);

    // What was asked for explicitly fails.
    CHECK_THROWS_AS(rig.items.save({.name = "cup"}), BackendError);
    CHECK_THROWS_AS(rig.items.exists("cup"), BackendError);

    rig.scripted->come_back();
    CHECK(rig.scripted->keys().empty());
    rig.scripted->fail_keys("*cup*");
    CHECK(rig.items.get_many({"cup", "pan"})[1]->price == 20);
    CHECK(rig.scripted->keys() == Strings{R"(:1:loaders_test::Item@1/name="pan")"});
}

TEST_CASE("a refill that fails does not fail the call, and is counted", "[loaders][failure]") {
    Rig rig;
    rig.scripted->before_each_call([&](testing::Verb verb) {
        if (verb == testing::Verb::add) rig.scripted->fail_next(1, BackendFault::full);
    });
    CHECK(rig.items.get("cup").price == 3);
    CHECK(rig.items.find("pan")->price == 20);
    CHECK(rig.items.get_many({"cup", "pan"})[0]->price == 3);
    CHECK(rig.statistics().store_failures == 4);
    CHECK(rig.statistics().stores == 0);
    CHECK(rig.statistics().loads == 4);

    rig.scripted->before_each_call([&](testing::Verb verb) {
        if (verb == testing::Verb::add) rig.scripted->throw_next(std::bad_alloc{});
    });
    CHECK(rig.items.get("cup").price == 3);
    CHECK(rig.statistics().store_failures == 5);

    rig.scripted->before_each_call({});
    rig.scripted->capabilities_to_claim().largest_value = 20;
    CHECK(rig.items.get("cup").price == 3);
    CHECK(rig.statistics().store_failures == 6);
}

TEST_CASE("on the null cache every read loads", "[loaders]") {
    const Models<Square> squares{Cache::open("null://")};
    CHECK(squares.get(3).square == 9);
    CHECK(squares.get(3).square == 9);
    CHECK(squares.find(-1).absent());
    CHECK(squares.cache().statistics().loads == 2);
}

// ---- entries that do not fit

TEST_CASE("an entry that lacks a member is a miss where there is a loader", "[loaders]") {
    Rig rig;
    const Models<OlderItem> older{rig.cache};
    older.save({.name = "cup", .price = 1});
    const Item cup = rig.items.get("cup");
    CHECK(cup.price == 3);
    CHECK(cup.note == "loaded cup");
    CHECK(rig.statistics().misses(MissReason::member_absent) == 1);
    CHECK(rig.statistics().misses() == 1);
    CHECK(rig.items.get("cup").price == 3);
    CHECK(rig.source.asked.size() == 1);

    // For get_or_create, which asks no loader, it is a miss as well.
    older.save({.name = "pan", .price = 1});
    CHECK(rig.items.get_or_create({.name = "pan", .price = 7}).created);
    CHECK(rig.source.asked.size() == 1);
}

TEST_CASE("foreign and broken entries are loaded anew, with the reason counted", "[loaders]") {
    Rig rig;
    const std::string key = rig.cache.final_key(rig.items.key_for("cup"));
    rig.scripted->plant(key, "of another program");
    CHECK(rig.items.get("cup").price == 3);
    std::string bytes = rig.scripted->stored(key).value();
    bytes.back() = static_cast<char>(bytes.back() ^ 1);
    rig.scripted->plant(key, bytes);
    CHECK(rig.items.get("cup").price == 3);
    CHECK(rig.items.get("cup").price == 3);
    CHECK(rig.source.asked.size() == 2);
    CHECK(rig.statistics().misses(MissReason::foreign) == 1);
    CHECK(rig.statistics().misses(MissReason::corrupt) == 1);
    CHECK(rig.statistics().hits == 1);
}

// ---- the batch form

TEST_CASE("a batch loader is called once for all that is missing", "[loaders][batch]") {
    Warehouse warehouse;
    const Cache cache = Cache::open("memory://");
    const Models<Box, Warehouse&> boxes{cache, warehouse};
    boxes.save({.id = 2, .content = "saved"});
    const auto found = boxes.get_many({1, 2, 3, 1, 4});
    CHECK(found[0]->content == "box 1");
    CHECK(found[1]->content == "saved");
    CHECK(found[2]->content == "box 3");
    CHECK(found[3]->content == "box 1");
    CHECK(found[4]->content == "box 4");
    CHECK(warehouse.asked == std::vector<std::vector<int>>{{1, 3, 4}});
    CHECK(boxes.get(3).content == "box 3");
    CHECK(boxes.get(5).content == "box 5");
    CHECK(warehouse.asked == std::vector<std::vector<int>>{{1, 3, 4}, {5}});
    CHECK(cache.statistics().loads == 4);
    CHECK(cache.statistics().stores == 5);
}

TEST_CASE("what a batch loader does not give is absent, and what nobody asked for is ignored",
          "[loaders][batch]") {
    Warehouse warehouse;
    warehouse.answer = [](std::span<const Box>) {
        return std::vector<Box>{{.id = 9, .content = "extra"},
                                {.id = 2, .content = "first answer"},
                                {.id = 2, .content = "two"}};
    };
    const Cache cache = Cache::open("memory://");
    const Models<Box, Warehouse&> boxes{cache, warehouse};
    const auto found = boxes.get_many({1, 2, 3});
    CHECK(found[0].absent());
    CHECK(found[1]->content == "two");
    CHECK(found[2].absent());
    CHECK_FALSE(boxes.exists(9));
    CHECK_FALSE(boxes.exists(1));
    CHECK_THROWS_AS(boxes.get(1), Models<Box>::Missing);
    CHECK(cache.statistics().loads == 1);
    CHECK(cache.statistics().source_misses == 3);
}

TEST_CASE("nothing of a batch that throws is trusted", "[loaders][batch][failure]") {
    Rig rig;
    Warehouse warehouse;
    const Models<Box, Warehouse&> boxes{rig.cache, warehouse};
    boxes.save({.id = 2, .content = "saved"});

    warehouse.answer = [](std::span<const Box>) -> std::vector<Box> {
        throw std::domain_error{"closed"};
    };
    auto found = boxes.get_many({1, 2, 3});
    CHECK(found[0].failure().message() == "closed");
    CHECK(found[1]->content == "saved");
    CHECK_THROWS_AS(*found[2], std::domain_error);
    CHECK_THROWS_AS(boxes.get(1), std::domain_error);
    CHECK_THROWS_AS(boxes.find(1), std::domain_error);

    warehouse.answer = [](std::span<const Box>) -> std::vector<Box> { throw Missing{}; };
    found = boxes.get_many({1, 2, 3});
    CHECK(found[0].absent());
    CHECK(found[1].found());
    CHECK(found[2].absent());
    CHECK_THROWS_AS(boxes.get(1), Models<Box>::Missing);

    warehouse.answer = [](std::span<const Box>) -> std::vector<Box> {
        throw MissingModel<Item>{"Item", "key"};
    };
    CHECK(boxes.get_many({1})[0].failed());
    CHECK_THROWS_AS(boxes.get(1), Models<Item>::Missing);

    // An object without a key: nobody knows for whom it was.
    warehouse.answer = [](std::span<const Box>) {
        std::vector<Box> loaded(2);
        loaded[0].id = 1;
        return loaded;
    };
    found = boxes.get_many({1, 3});
    CHECK_THROWS_AS(*found[0], IncompleteKey);
    CHECK_THROWS_AS(*found[1], IncompleteKey);
    CHECK(rig.scripted->keys() == Strings{":1:loaders_test::Box@1/id=2"});
}

TEST_CASE("a batch is loaded around a cache that fails", "[loaders][batch][failure]") {
    Rig rig;
    Warehouse warehouse;
    const Models<Box, Warehouse&> boxes{rig.cache, warehouse};
    rig.scripted->go_down();
    CHECK(boxes.get_many({1, 2})[1]->content == "box 2");
    CHECK(boxes.get(3).content == "box 3");
    warehouse.answer = [](std::span<const Box>) { return std::vector<Box>{}; };
    CHECK(boxes.find(1).absent());
    CHECK_THROWS_AS(boxes.get(1), Missing);
}

TEST_CASE("of both forms one key uses the member function and more the batch", "[loaders][batch]") {
    Warehouse warehouse;
    const Models<Both, Warehouse&> both{Cache::open("memory://"), warehouse};
    CHECK(both.get(1).how == "alone");
    CHECK(both.get_many({2})[0]->how == "alone");
    CHECK(both.get_many({3, 4})[1]->how == "together");
    CHECK(both.get_many({1, 5})[1]->how == "alone");
    CHECK(warehouse.single_calls == 3);
    CHECK(warehouse.asked.size() == 1);
}

// ---- contexts

TEST_CASE("contexts are matched by type, whatever their order and kind", "[loaders][contexts]") {
    Pool pool{.number = 7};
    const Translator translator;
    int counter = 40;
    const auto value = std::make_shared<const int>(5);
    const Models<NeedsMuch, int*, Pool&, std::shared_ptr<const int>, const Translator&> door{
        Cache::open("memory://"), &counter, pool, value, translator};
    const NeedsMuch loaded = door.get(1);
    CHECK(loaded.from_pool == 7);
    CHECK(loaded.from_translator == "eins");
    CHECK(loaded.from_pointer == 41);
    CHECK(loaded.from_value == 5);
    CHECK(counter == 41);
}

TEST_CASE("a context of a derived class serves, one of the class itself comes first",
          "[loaders][contexts]") {
    Replica replica;
    Pool pool;
    CHECK((Models<NeedsPool, Replica&>{Cache::open("memory://"), replica}.get(1).number == 2));
    CHECK((
        Models<NeedsPool, Replica&, Pool&>{Cache::open("memory://"), replica, pool}.get(1).number ==
        1));
    CHECK((Models<NeedsPool, const Pool&>{Cache::open("memory://"), pool}.get(1).number == 1));
    CHECK(
        (Models<NeedsPool, Pool>{Cache::open("memory://"), Pool{.number = 3}}.get(1).number == 3));
}

TEST_CASE("a model whose loader needs a context can be written and removed without it",
          "[loaders][contexts]") {
    Rig rig;
    const Models<Item> without{rig.cache};
    without.save({.name = "cup", .price = 1});
    CHECK(without.exists("cup"));
    CHECK(without.touch("cup", 1h));
    CHECK(without.get_or_create({.name = "cup"}).model.price == 1);
    CHECK(without.get_or_create({.name = "pan"}).created);
    CHECK(rig.items.get("cup").price == 1);
    CHECK(without.remove("cup"));

    const ScopedCaches scoped;
    const CacheModel cup{Item{.name = "cup", .price = 2}};
    cup.save();
    CHECK(CacheModel<Item>::exists("cup"));
    CHECK_FALSE(CacheModel<Item>::get_or_create({.name = "cup"}).created);
    CHECK(cup.remove());
}

// ---- get_or_create, memory, threads

TEST_CASE("get_or_create asks no loader", "[loaders]") {
    Rig rig;
    const auto [mine, created] = rig.items.get_or_create({.name = "cup", .price = 100});
    CHECK(created);
    CHECK(mine.price == 100);
    CHECK(rig.source.asked.empty());
    CHECK(rig.scripted->keys().empty());
    (void)rig.items.get("cup");
    const auto [stored, again] = rig.items.get_or_create({.name = "cup", .price = 100});
    CHECK_FALSE(again);
    CHECK(stored.price == 3);
}

TEST_CASE("memory that runs out during a load leaves all or nothing", "[loaders][failure]") {
    const Models<Square> squares{Cache::open("memory://")};
    (void)squares.get(0);
    for (int forms = 0; forms < 2; ++forms) {
        bool done = false;
        for (std::size_t successes = 0; !done; ++successes) {
            REQUIRE(successes < 1000);
            squares.remove(7);
            try {
                const support::FailingAllocations failing{successes};
                if (forms == 0) {
                    done = *squares.get(7).square == 49;
                } else {
                    const int key = 7;
                    done = squares.get_many(std::span{&key, 1})[0].found();
                }
            } catch (const std::bad_alloc&) {
            }
            const auto stored = squares.get_or_create({.number = 7, .square = 49});
            CHECK(stored.model.square == 49);
        }
    }
}

TEST_CASE("threads that share a door load whole objects", "[loaders][threads]") {
    const Cache cache = Cache::open("memory://");
    Warehouse warehouse;
    const Models<Square> squares{cache};
    std::atomic<int> wrong{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&squares, &wrong] {
            for (int i = 0; i < 500; ++i) {
                const int number = i % 32;
                if (squares.get(number).square != number * number) ++wrong;
                if (squares.find(-number - 1).found()) ++wrong;
                if (i % 7 == 0) squares.remove(number);
                const auto both = squares.get_many({number, number + 1});
                if (both[1]->square != (number + 1) * (number + 1)) ++wrong;
            }
        });
    }
    for (auto& thread : threads) thread.join();
    CHECK(wrong == 0);
    CHECK(cache.statistics().read_failures == 0);
    CHECK(cache.statistics().store_failures == 0);
}
