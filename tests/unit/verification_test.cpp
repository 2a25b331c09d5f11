// cachemodel: hits of models that are loaded as well, to be compared with their source.
// SPDX-License-Identifier: MIT
#include <cachemodel/executor.hpp>
#include <cachemodel/models.hpp>
#include <cachemodel/observer.hpp>

#include "support/catch.hpp"
#include "support/crew.hpp"
#include "support/load_rig.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

using namespace cachemodel;
using namespace std::chrono_literals;
using support::Crew;
using support::Table;
using Strings = std::vector<std::string>;

namespace verification_test {

struct Ledger : Table {
    std::string note = "hot";
};

struct Price {
    static constexpr ModelOptions cache_options{.expires = 10s,
                                                .stale_while_refresh = 10s,
                                                .load_backoff = 1min,
                                                .verify = 1,
                                                .name = "price"};
    Key<std::string> name;
    Field<int> cents;
    Field<std::string> note;

    void from_miss(Ledger& ledger) {
        cents = ledger.row(name);
        note = ledger.note;
    }
};

/// Everything that it is told of mismatches, as text.
class Listener final : public Observer {
 public:
    void mismatch(const Mismatch& mismatch) override {
        std::string text = std::string{mismatch.cache} + '|' + std::string{mismatch.name} + '|' +
                           std::string{mismatch.key} + '|';
        for (const auto member : mismatch.members) text += ' ' + std::string{member};
        told.push_back(text);
    }
    void failed_load(const FailedLoad& load) override {
        told.push_back("failed " + std::string{load.key} + (load.in_background ? " unseen" : ""));
    }

    Strings told;
};

struct Rig : support::LoadRig {
    Rig() {
        ledger.rows = {{"tea", 100}, {"milk", 90}};
        cache.observe(listener);
    }

    Ledger ledger;
    std::shared_ptr<Listener> listener = std::make_shared<Listener>();
    Models<Price, Ledger&> prices{cache, ledger};
};

}  // namespace verification_test

using namespace verification_test;

TEST_CASE("a hit that is verified is loaded as well, in the background", "[verification][models]") {
    Rig rig;
    CHECK(rig.prices.get("tea").cents == 100);
    CHECK(rig.executor->size() == 0);  // a miss is what the source says
    CHECK(rig.prices.get("tea").cents == 100);
    CHECK(rig.ledger.asked == Strings{"tea"});
    CHECK(rig.executor->run_all() == 1);
    CHECK(rig.ledger.asked == Strings{"tea", "tea"});
    for (const Statistics& counted : {rig.counted(), rig.prices.statistics()}) {
        CHECK(counted.verified == 1);
        CHECK(counted.mismatches == 0);
        CHECK(counted.loads == 2);
        CHECK(counted.refreshes == 0);
        CHECK(counted.stores == 1);
    }
    CHECK(rig.listener->told.empty());

    (void)rig.prices.get("tea");
    CHECK(rig.executor->run_all() == 1);
    CHECK(rig.counted().verified == 2);
    CHECK(rig.counted().hits == 2);
}

TEST_CASE("of one key one hit at a time is verified", "[verification][models]") {
    Rig rig;
    (void)rig.prices.get("tea");
    (void)rig.prices.get("milk");
    for (int i = 0; i < 3; ++i) (void)rig.prices.get("tea");
    (void)rig.prices.get("milk");
    CHECK(rig.executor->size() == 2);
    CHECK(rig.executor->run_all() == 2);
    CHECK(rig.counted().verified == 2);
}

TEST_CASE("a member that differs is named, and ends the entry", "[verification][models]") {
    Rig rig;
    (void)rig.prices.get("tea");
    rig.ledger.rows["tea"] = 120;
    CHECK(rig.prices.get("tea").cents == 100);
    rig.executor->run_all();
    CHECK(rig.listener->told == Strings{"|price|price@1/name=\"tea\"| cents"});
    for (const Statistics& counted : {rig.counted(), rig.prices.statistics()}) {
        CHECK(counted.verified == 0);
        CHECK(counted.mismatches == 1);
        CHECK(counted.removals == 1);
    }
    CHECK_FALSE(rig.prices.exists("tea"));
    CHECK(rig.prices.get("tea").cents == 120);
    CHECK(rig.ledger.asked.size() == 3);
    CHECK(rig.prices.get("tea").cents == 120);
    rig.executor->run_all();
    CHECK(rig.counted().verified == 1);
}

TEST_CASE("of several members all that differ are named, in their order",
          "[verification][models]") {
    Rig rig;
    (void)rig.prices.get("tea");
    rig.ledger.rows["tea"] = 120;
    rig.ledger.note = "cold";
    (void)rig.prices.get("tea");
    rig.executor->run_all();
    CHECK(rig.listener->told == Strings{"|price|price@1/name=\"tea\"| cents note"});
}

TEST_CASE("what the source does not have any more differs in all members",
          "[verification][models]") {
    Rig rig;
    (void)rig.prices.get("tea");
    rig.ledger.rows.erase("tea");
    (void)rig.prices.get("tea");
    rig.executor->run_all();
    CHECK(rig.listener->told == Strings{"|price|price@1/name=\"tea\"| cents note"});
    CHECK(rig.counted().mismatches == 1);
    CHECK(rig.counted().source_misses == 1);
    CHECK(rig.prices.find("tea").absent());
}

TEST_CASE("what has changed since it was hit stays, and is no mismatch", "[verification][models]") {
    Rig rig;
    (void)rig.prices.get("tea");
    rig.ledger.rows["tea"] = 120;
    SECTION("it was saved before the source is asked") {
        (void)rig.prices.get("tea");
        rig.prices.save(Price{.name = "tea", .cents = 130, .note = "saved"});
        rig.executor->run_all();
        CHECK(rig.prices.find("tea")->cents == 130);
    }
    SECTION("it is saved while the source is asked") {
        (void)rig.prices.get("tea");
        rig.ledger.before_answer = [&] {
            rig.ledger.before_answer = {};
            rig.prices.save(Price{.name = "tea", .cents = 130, .note = "saved"});
        };
        rig.executor->run_all();
        CHECK(rig.prices.find("tea")->cents == 130);
    }
    SECTION("it is removed while the source is asked") {
        (void)rig.prices.get("tea");
        rig.ledger.before_answer = [&] {
            rig.ledger.before_answer = {};
            CHECK(rig.prices.remove("tea"));
        };
        rig.executor->run_all();
        CHECK(rig.counted().removals == 1);
    }
    CHECK(rig.counted().mismatches == 0);
    CHECK(rig.counted().verified == 0);
    CHECK(rig.listener->told.empty());
}

TEST_CASE("what the source fails with says nothing about a hit", "[verification][models]") {
    Rig rig;
    (void)rig.prices.get("tea");
    rig.ledger.is_broken = true;
    for (int i = 0; i < 3; ++i) {
        CHECK(rig.prices.get("tea").cents == 100);
        rig.executor->run_all();
    }
    // It is left alone then, as a loader that fails is.
    CHECK(rig.ledger.asked.size() == 3);
    CHECK(rig.counted().load_failures == 2);
    CHECK(rig.counted().verified == 0);
    CHECK(rig.counted().mismatches == 0);
    CHECK(rig.listener->told ==
          Strings{"failed price@1/name=\"tea\" unseen", "failed price@1/name=\"tea\" unseen"});
    // But callers' own loads are not.
    rig.ledger.is_broken = false;
    CHECK(rig.prices.remove("tea"));
    CHECK(rig.prices.get("tea").cents == 100);
    CHECK(rig.counted().backed_off == 0);
}

TEST_CASE("a loader that is left alone is not asked to verify", "[verification][models]") {
    Rig rig;
    (void)rig.prices.get("tea");
    rig.ledger.is_broken = true;
    rig.clock.advance(11s);
    for (int i = 0; i < 2; ++i) {
        (void)rig.prices.get("tea");
        rig.executor->run_all();
    }
    REQUIRE(rig.counted().load_failures == 2);
    rig.prices.save(Price{.name = "tea", .cents = 100, .note = "saved"});
    (void)rig.prices.get("tea");
    CHECK(rig.executor->size() == 0);
}

TEST_CASE("where the executor has no room nothing is verified", "[verification][models]") {
    Rig rig;
    (void)rig.prices.get("tea");
    rig.executor->refuse();
    CHECK(rig.prices.get("tea").cents == 100);
    CHECK(rig.ledger.asked.size() == 1);
    CHECK(rig.counted().refused_tasks == 1);
    CHECK(rig.cache.loads_under_way() == 0);
    rig.executor->refuse(false);
    (void)rig.prices.get("tea");
    CHECK(rig.executor->run_all() == 1);
    CHECK(rig.counted().verified == 1);
}

TEST_CASE("neither stale hits nor misses nor what is read around the cache is verified",
          "[verification][models]") {
    Rig rig;
    (void)rig.prices.get("tea");
    CHECK(rig.executor->size() == 0);
    Models<Price, Ledger&> around{rig.cache.bypass(), rig.ledger};
    (void)around.get("tea");
    CHECK(rig.executor->size() == 0);
    rig.prices.update("tea", [](Price& price) { price.note = "updated"; });
    CHECK(rig.executor->size() == 0);
    CHECK(rig.prices.exists("tea"));
    CHECK(rig.executor->size() == 0);

    rig.clock.advance(10s);
    CHECK(rig.prices.find("tea").stale());
    CHECK(rig.executor->run_all() == 1);
    CHECK(rig.counted().refreshes == 1);
    CHECK(rig.counted().verified == 0);
}

TEST_CASE("an entry that a backend cannot remove with care is left, and counted",
          "[verification][models]") {
    Rig rig;
    rig.scripted->capabilities_to_claim().compare_and_set = false;
    (void)rig.prices.get("tea");
    rig.ledger.rows["tea"] = 120;
    (void)rig.prices.get("tea");
    SECTION("where it is as it was hit") {
        rig.executor->run_all();
        CHECK(rig.counted().mismatches == 1);
        CHECK(rig.counted().removals == 0);
        CHECK(rig.listener->told == Strings{"|price|price@1/name=\"tea\"| cents"});
        CHECK(rig.prices.find("tea")->cents == 100);
    }
    SECTION("but not where it has changed") {
        rig.clock.advance(1ms);
        rig.prices.save(Price{.name = "tea", .cents = 130, .note = "saved"});
        rig.executor->run_all();
        CHECK(rig.counted().mismatches == 0);
        CHECK(rig.prices.find("tea")->cents == 130);
    }
}

TEST_CASE("a mismatch that cannot be removed is no mismatch, but a removal that failed",
          "[verification][models]") {
    Rig rig;
    (void)rig.prices.get("tea");
    rig.ledger.rows["tea"] = 120;
    (void)rig.prices.get("tea");
    rig.scripted->go_down();
    rig.executor->run_all();
    CHECK(rig.counted().mismatches == 0);
    CHECK(rig.counted().removal_failures == 1);
    CHECK(rig.listener->told.empty());
}

TEST_CASE("what has lost its contexts is not verified", "[verification][models]") {
    Rig rig;
    {
        Ledger other;
        other.rows["tea"] = 100;
        Models<Price, Ledger&> brief{rig.cache, other};
        (void)brief.get("tea");
        (void)brief.get("tea");
        REQUIRE(rig.executor->size() == 1);
    }
    CHECK(rig.executor->run_all() == 1);
    CHECK(rig.counted().verified == 0);
    CHECK(rig.counted().loads == 1);
    CHECK(rig.cache.loads_under_way() == 0);
}

namespace {

struct Half {
    static constexpr ModelOptions cache_options{.verify = 0.5, .name = "half"};
    Key<std::string> name;
    Field<int> cents;

    void from_miss(Table& table) { cents = table.row(name); }
};

/// Which of so many hits are verified: `x`, or not: `-`.
template <class M>
std::string verified_of(const Cache& cache, testing::ManualExecutor& executor, int hits) {
    Table table{{{"tea", 100}}};
    Models<M, Table&> models{cache, table};
    (void)models.get("tea");
    std::string pattern;
    for (int i = 0; i < hits; ++i) {
        (void)models.get("tea");
        pattern += executor.run_all() == 1 ? 'x' : '-';
    }
    return pattern;
}

}  // namespace

TEST_CASE("which hits are verified is left to chance, by the seed of the cache",
          "[verification][models]") {
    const auto pattern = [](std::uint64_t seed) {
        const auto executor = std::make_shared<testing::ManualExecutor>();
        const Cache cache{std::make_shared<testing::ScriptedBackend>(),
                          {.executor = executor, .seed = seed}};
        return verified_of<Half>(cache, *executor, 16);
    };
    CHECK(pattern(1) == "---xx---x-x-x-xx");
    CHECK(pattern(2) == "----xx--x-xx-x-x");
}

namespace {

struct Plain {
    static constexpr ModelOptions cache_options{.name = "plain"};
    Key<std::string> name;
    Field<int> cents;

    void from_miss(Table& table) { cents = table.row(name); }
};
struct Unverified {
    static constexpr ModelOptions cache_options{.verify = 0, .name = "unverified"};
    Key<std::string> name;
    Field<int> cents;

    void from_miss(Table& table) { cents = table.row(name); }
};

}  // namespace

TEST_CASE("a cache says how many hits are verified of models that do not",
          "[verification][models]") {
    const auto executor = std::make_shared<testing::ManualExecutor>();
    const auto backend = std::make_shared<testing::ScriptedBackend>();
    const Cache silent{backend, {.executor = executor}};
    CHECK(verified_of<Plain>(silent, *executor, 3) == "---");
    const Cache strict{backend, {.verify = 1, .executor = executor}};
    CHECK(verified_of<Plain>(strict, *executor, 3) == "xxx");
    CHECK(verified_of<Unverified>(strict, *executor, 3) == "---");
}

namespace {

struct Secret {
    static constexpr ModelOptions cache_options{.verify = 1, .name = "token", .secret_keys = true};
    Key<std::string> text;
    Field<int> user;

    void from_miss(Table& table) { user = table.row(text); }
};

}  // namespace

TEST_CASE("an observer does not learn secret keys from mismatches", "[verification][models]") {
    Rig rig;
    Table tokens{{{"hunter2", 7}}};
    Models<Secret, Table&> secrets{rig.cache, tokens};
    (void)secrets.get("hunter2");
    tokens.rows["hunter2"] = 8;
    (void)secrets.get("hunter2");
    rig.executor->run_all();
    REQUIRE(rig.listener->told.size() == 1);
    CHECK(rig.listener->told[0] == "|token|" + secrets.key_for("hunter2") + "| user");
    CHECK(rig.listener->told[0].find("hunter2") == std::string::npos);
}

namespace {

/// Brings its elements in another order each time.
struct Basket {
    static constexpr ModelOptions cache_options{.verify = 1, .name = "basket"};
    static inline std::size_t buckets = 0;
    static inline int pears = 2;
    static inline bool is_reversed = false;

    Key<int> id;
    Field<std::unordered_set<int>> numbers;
    Field<std::unordered_map<std::string, int>> fruit;
    Field<std::unordered_map<int, std::unordered_set<std::string>>> nested;
    Field<std::vector<int>> ordered;

    void from_miss() {
        numbers->rehash(buckets);
        fruit->rehash(buckets);
        nested->rehash(buckets);
        for (int i = 0; i < 20; ++i) {
            const int each = is_reversed ? 19 - i : i;
            numbers->insert(1000 * each);
            fruit->emplace("fruit" + std::to_string(each), each);
            (*nested)[each % 3].insert(std::to_string(each));
        }
        (*fruit)["pear"] = pears;
        ordered = {1, 2, 3};
        if (is_reversed && pears == 4) ordered = {3, 2, 1};
    }
};

}  // namespace

TEST_CASE("containers without an order are equal in any order", "[verification][models]") {
    Rig rig;
    Models<Basket> baskets{rig.cache};
    Basket::buckets = 0;
    Basket::pears = 2;
    Basket::is_reversed = false;
    (void)baskets.get(1);
    Basket::buckets = 997;
    Basket::is_reversed = true;
    // As they are stored they differ.
    const auto read = baskets.get(1);
    Basket fresh{.id = 1};
    fresh.from_miss();
    REQUIRE(std::vector<int>(read.numbers->begin(), read.numbers->end()) !=
            std::vector<int>(fresh.numbers->begin(), fresh.numbers->end()));
    rig.executor->run_all();
    CHECK(rig.counted().verified == 1);

    Basket::pears = 3;
    (void)baskets.get(1);
    rig.executor->run_all();
    CHECK(rig.listener->told == Strings{"|basket|basket@1/id=1| fruit"});

    Basket::is_reversed = false;
    (void)baskets.get(1);
    Basket::is_reversed = true;
    Basket::pears = 4;
    (void)baskets.get(1);
    rig.executor->run_all();
    CHECK(rig.listener->told.back() == "|basket|basket@1/id=1| fruit ordered");
}

namespace {

/// Is loaded in two steps, many at a time.
struct Report {
    static constexpr ModelOptions cache_options{.verify = 1, .name = "report"};
    static inline std::vector<std::size_t> batches{};
    static inline int total = 1;

    Key<int> id;
    Field<int> part;
    Field<int> whole;

    static std::vector<Report> from_miss_many(std::span<const Report> wanted) {
        batches.push_back(wanted.size());
        std::vector<Report> reports;
        for (const auto& each : wanted) reports.push_back({.id = each.id, .part = 10});
        return reports;
    }
    void complete() { whole = part + total; }
};

}  // namespace

TEST_CASE("many hits are verified by one load, with its second step", "[verification][models]") {
    Rig rig;
    Models<Report> reports{rig.cache};
    Report::batches.clear();
    Report::total = 1;
    const std::vector<int> ids{1, 2, 3};
    (void)reports.get_many(ids);
    rig.executor->run_all();  // the second steps
    REQUIRE(Report::batches == std::vector<std::size_t>{3});
    (void)reports.get_many(ids);
    CHECK(rig.executor->run_all() == 1);
    CHECK(Report::batches == std::vector<std::size_t>{3, 3});
    CHECK(rig.counted().verified == 3);
    Report::total = 2;
    (void)reports.get(2);
    rig.executor->run_all();
    CHECK(rig.listener->told == Strings{"|report|report@1/id=2| whole"});
}

namespace {

struct Author {
    static constexpr ModelOptions cache_options{.verify = 1, .name = "author"};
    Key<std::string> name;
    Field<int> books;

    void from_miss(Table& table) { books = table.row(name); }
};
struct Book {
    static constexpr ModelOptions cache_options{.verify = 1, .name = "book"};
    static inline std::string author_of_all = "ada";

    Key<int> id;
    Reference<Author> author;

    void from_miss(Table&) { author = Reference<Author>::to(author_of_all); }
};

}  // namespace

TEST_CASE("references are compared by their keys, and what they lead to is verified itself",
          "[verification][models]") {
    Rig rig;
    Table table{{{"ada", 1}, {"bob", 2}}};
    Models<Book, Table&> books{rig.cache, table};
    Book::author_of_all = "ada";
    (void)books.get(1);
    CHECK(books.get(1).author->books == 1);
    CHECK(rig.executor->run_all() == 2);
    CHECK(rig.counted().verified == 2);
    Book::author_of_all = "bob";
    (void)books.get(1);
    rig.executor->run_all();
    CHECK(rig.listener->told == Strings{"|book|book@1/id=1| author"});
    CHECK(books.get(1).author->books == 2);
}

namespace {

std::atomic<int> edition{0};

struct Counted {
    static constexpr ModelOptions cache_options{.verify = 1, .name = "counted"};
    Key<int> id;
    Field<int> number;

    void from_miss() { number = edition.load(); }
};

}  // namespace

TEST_CASE("hits of many threads are verified by a pool, and no old value stays",
          "[verification][models][threads]") {
    edition = 1;
    const Cache cache{std::make_shared<testing::ScriptedBackend>()};
    {
        const auto pool = std::make_shared<ThreadPool>();
        Models<Counted> models{cache.with_executor(pool)};
        Crew crew;
        for (int thread = 0; thread < 4; ++thread) {
            crew.start([&] {
                for (int i = 0; i < 400; ++i) {
                    (void)models.get(i % 5);
                    if (i % 100 == 50) ++edition;
                }
            });
        }
        CHECK(crew.join() == 0);
    }
    CHECK(cache.loads_under_way() == 0);
    const auto executor = std::make_shared<testing::ManualExecutor>();
    Models<Counted> models{cache.with_executor(executor)};
    for (int id = 0; id < 5; ++id) {
        (void)models.get(id);
        executor->run_all();
        CHECK(models.get(id).number == edition);
    }
    const Statistics counted = cache.statistics();
    CHECK(counted.verified >= 1);
    CHECK(counted.mismatches >= 1);
    CHECK(counted.removals == counted.mismatches);
}
