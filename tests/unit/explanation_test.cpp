// cachemodel: tests of what is told of an entry, and of what a reader makes of it.
// SPDX-License-Identifier: MIT
#include <cachemodel/explanation.hpp>

#include <cachemodel/backends/memcached.hpp>
#include <cachemodel/backends/memory.hpp>
#include <cachemodel/backends/redis.hpp>
#include <cachemodel/cache_model.hpp>
#include <cachemodel/cached_function.hpp>
#include <cachemodel/models.hpp>

#include "support/catch.hpp"
#include "support/decorators.hpp"
#include "support/load_rig.hpp"
#include "support/process.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace cachemodel;
using namespace std::chrono_literals;
using support::Table;

namespace explanation_test {

struct Price {
    static constexpr ModelOptions cache_options{.expires = 100s,
                                                .stale_while_refresh = 50s,
                                                .stale_if_error = 1h,
                                                .lease_wait = 0s,
                                                .load_backoff = 1s,
                                                .name = "price"};
    Key<std::string> name;
    Field<int> cents;

    void from_miss(Table& table) { cents = table.row(name); }
};

struct Early {
    static constexpr ModelOptions cache_options{
        .expires = 100s, .early_refresh = 1, .lease_wait = 0s, .name = "early"};
    Key<std::string> name;
    Field<int> cents;

    void from_miss(Table& table) { cents = table.row(name); }
};

struct Negative {
    static constexpr ModelOptions cache_options{
        .expires = 100s, .remember_missing = 10s, .lease_wait = 0s, .name = "negative"};
    Key<std::string> name;
    Field<int> cents;

    void from_miss(Table& table) { cents = table.row(name); }
};

struct Leased {
    static constexpr ModelOptions cache_options{
        .expires = 100s, .stale_while_refresh = 50s, .lease_wait = 2s, .name = "leased"};
    Key<std::string> name;
    Field<int> cents;

    void from_miss(Table& table) { cents = table.row(name); }
};

/// The same, by readers who take no leases.
struct Unleased {
    static constexpr ModelOptions cache_options{
        .expires = 100s, .lease_wait = 0s, .name = "leased"};
    Key<std::string> name;
    Field<int> cents;

    void from_miss(Table& table) { cents = table.row(name); }
};

/// With a fallback and leases.
struct Kept {
    static constexpr ModelOptions cache_options{.expires = 100s,
                                                .stale_if_error = 1h,
                                                .load_timeout = never,
                                                .lease_wait = 2s,
                                                .name = "kept"};
    Key<std::string> name;
    Field<int> cents;

    void from_miss(Table& table) { cents = table.row(name); }
};

/// Its second step always fails.
struct Steps {
    static constexpr ModelOptions cache_options{.expires = 100s,
                                                .stale_while_refresh = 50s,
                                                .lease_wait = 0s,
                                                .load_backoff = 10s,
                                                .name = "steps"};
    Key<std::string> name;
    Field<int> cents;

    void from_miss(Table& table) { cents = table.row(name); }
    void complete(Table&) { throw std::runtime_error("no second step"); }
};

/// For longer than nanoseconds since 1970 can count.
struct Lasting {
    static constexpr ModelOptions cache_options{.expires = 280 * 365 * 24h,
                                                .stale_while_refresh = never,
                                                .stale_if_error = 200 * 365 * 24h,
                                                .lease_wait = 0s,
                                                .name = "lasting"};
    Key<std::string> name;
    Field<int> cents;

    void from_miss(Table& table) { cents = table.row(name); }
};

/// Without a loader.
struct Note {
    static constexpr ModelOptions cache_options{.name = "note"};
    Key<int> id;
    std::string text;
};
struct OtherNote {
    static constexpr ModelOptions cache_options{.name = "note"};
    Key<int> id;
    int text = 0;
};

struct Session {
    static constexpr ModelOptions cache_options{.name = "session", .secret_keys = true};
    Key<std::string> token;
    std::string user;
};

struct Shelf {
    static constexpr ModelOptions cache_options{.name = "shelf"};
    Key<int> id;
    Reference<Note> first;
    Reference<Shelf> next;
    std::vector<Reference<Note>> others;
};

/// Has a server that is down, and does not tell what it holds.
class Silent final : public support::Decorator {
 public:
    Silent() : Decorator(std::make_shared<MemoryBackend>()) {}
    std::vector<ServerState> servers() override { return {{.name = "one", .is_down = true}}; }
    std::size_t server_of(std::string_view key) const noexcept override {
        return Backend::server_of(key);
    }
};

int twice(int n) { return 2 * n; }

struct Rig : support::LoadRig {
    const Models<Price, Table&> prices{cache, table};

    /// The entry that is there, with another body or other times.
    void replant(const std::string& key, std::optional<std::string_view> body,
                 std::optional<detail::WallTime> written_at = {},
                 std::optional<detail::WallTime> fresh_until = {}) {
        const std::string before = scripted->stored(cache.final_key(key)).value();
        const auto opened = detail::open_entry(before, key).entry.value();
        detail::Envelope envelope = opened.envelope;
        if (written_at) envelope.written_at = *written_at;
        if (fresh_until) envelope.fresh_until = fresh_until;
        std::string entry;
        detail::begin_entry(entry, envelope);
        entry += body.value_or(opened.body);
        detail::end_entry(entry);
        scripted->plant(cache.final_key(key), entry);
    }
    /// Once, while the table is asked next.
    template <class Action>
    void while_asked_next(Action action) {
        table.before_answer = [action, is_done = false]() mutable {
            if (!std::exchange(is_done, true)) action();
        };
    }
};

}  // namespace explanation_test

using namespace explanation_test;

TEST_CASE_METHOD(Rig, "of a fresh value it is told how it is kept", "[explanation][unit]") {
    (void)prices.get("tea");
    clock.advance(30s);
    const Explanation told = prices.explain("tea");
    CHECK(told.state == EntryState::fresh);
    CHECK(told.is_served());
    CHECK(told.has_loader);
    CHECK(told.key == R"(price@1/name="tea")");
    CHECK(told.final_key == R"(:1:price@1/name="tea")");
    CHECK(told.server.empty());
    CHECK(told.now == clock.wall());
    CHECK(told.written_at == clock.wall() - 30s);
    CHECK(told.fresh_until == clock.wall() + 70s);
    CHECK(told.served_until == clock.wall() + 120s);
    CHECK(told.fallback_until == clock.wall() + 70s + 1h);
    CHECK(!told.leased_until);
    CHECK(!told.load_cost);
    CHECK(told.refresh_chance == 0);
    CHECK(told.size == scripted->stored(R"(:1:price@1/name="tea")").value().size());
    CHECK(outcome_of(told) == "it is found");
}

TEST_CASE_METHOD(Rig, "past its end a value is stale, then a fallback, then expired",
                 "[explanation][unit]") {
    (void)prices.get("tea");
    clock.advance(100s);
    CHECK(prices.explain("tea").state == EntryState::stale);
    CHECK(outcome_of(prices.explain("tea")) == "it is found, stale, and refreshed");
    clock.advance(50s);
    CHECK(prices.explain("tea").state == EntryState::fallback);
    CHECK(!prices.explain("tea").is_served());
    CHECK(prices.explain("tea").reason == MissReason::expired);
    CHECK(outcome_of(prices.explain("tea")) == "it is loaded, and is this if that fails");
    // To a cache that knows no windows it has expired at its end.
    CHECK(cache.explain(R"(price@1/name="tea")").state == EntryState::expired);
    const std::string entry = scripted->stored(R"(:1:price@1/name="tea")").value();
    clock.advance(1h);
    scripted->plant(R"(:1:price@1/name="tea")", entry);
    CHECK(prices.explain("tea").state == EntryState::expired);
    CHECK(outcome_of(prices.explain("tea")) == "it is loaded");
}

TEST_CASE_METHOD(Rig, "it is no use of the entry, asks no loader and counts nothing",
                 "[explanation][unit]") {
    (void)prices.get("tea");
    const Statistics before = cache.statistics();
    log().reset();
    clock.advance(100s);
    (void)prices.explain("tea");
    (void)prices.explain("gold");
    (void)cache.explain("a key with spaces");
    const Statistics after = cache.statistics();
    CHECK(after.round_trips == before.round_trips);
    CHECK(after.hits == before.hits);
    CHECK(after.misses() == before.misses());
    CHECK(after.stale_served == before.stale_served);
    CHECK(after.key_warnings == before.key_warnings);
    CHECK(cache.latencies().reads.count() == before.round_trips - before.stores);
    CHECK(table.asked.size() == 1);
    CHECK(log().calls().size() == 3);
}

TEST_CASE_METHOD(Rig, "where nothing is stored a reader loads, or finds nothing",
                 "[explanation][unit]") {
    CHECK(prices.explain("tea").state == EntryState::absent);
    CHECK(outcome_of(prices.explain("tea")) == "it is loaded");
    CHECK(prices.explain("tea").size == 0);
    const Models<Note> notes{cache};
    CHECK(notes.explain(1).state == EntryState::absent);
    CHECK(!notes.explain(1).has_loader);
    CHECK(outcome_of(notes.explain(1)) == "nothing is found");
}

TEST_CASE_METHOD(Rig, "removals and what is known to be missing stand for no value",
                 "[explanation][unit]") {
    (void)prices.get("tea");
    prices.remove("tea");
    const Explanation removed = prices.explain("tea");
    CHECK(removed.state == EntryState::removed);
    CHECK(removed.reason == MissReason::removed);
    CHECK(removed.written_at == clock.wall());
    CHECK(outcome_of(removed) == "it is loaded");
    CHECK(!removed.fresh_until);
    CHECK(removed.kept_until == clock.wall() + 35s);
    CHECK(to_string(removed).find("fresh until") == std::string::npos);
    CHECK(to_string(removed).find("gone at         2030-01-01T00:00:35.000Z, in 35s\n") !=
          std::string::npos);

    const Models<Negative, Table&> negatives{cache, table};
    CHECK(negatives.find("gold").absent());
    CHECK(negatives.explain("gold").state == EntryState::known_missing);
    CHECK(negatives.explain("gold").fresh_until == clock.wall() + 10s);
    CHECK(outcome_of(negatives.explain("gold")) == "it is missing");
}

TEST_CASE_METHOD(Rig, "a lease is seen: over nothing, over what is stale, and when it is over",
                 "[explanation][unit]") {
    std::vector<Explanation> during;
    // Another process looks while this one loads.
    const Models<Leased, Table&> leased{cache, table};
    table.before_answer = [&] { during.push_back(leased.explain("tea")); };
    (void)leased.get("tea");
    REQUIRE(during.size() == 1);
    CHECK(during[0].state == EntryState::being_loaded);
    CHECK(during[0].leased_until > clock.wall());
    CHECK(!during[0].fresh_until);
    CHECK(during[0].kept_until > during[0].leased_until);
    CHECK(outcome_of(during[0]) == "it is waited for, and then loaded");

    clock.advance(110s);
    (void)leased.get("tea");
    executor->run_all();
    REQUIRE(during.size() == 2);
    CHECK(during[1].state == EntryState::stale);
    CHECK(during[1].leased_until > clock.wall());
    CHECK(outcome_of(during[1]) == "it is found, stale, while somebody refreshes it");

    // A process took a lease and died.
    std::string lease_alone;
    table.before_answer = [&] {
        lease_alone = scripted->stored(R"(:1:leased@1/name="milk")").value();
    };
    (void)leased.find("milk");
    clock.advance(1h);
    scripted->plant(R"(:1:leased@1/name="milk")", lease_alone);
    CHECK(leased.explain("milk").state == EntryState::abandoned);
    CHECK(outcome_of(leased.explain("milk")) == "it is loaded");
}

TEST_CASE_METHOD(Rig, "what is damaged, foreign or of another type is unusable, and why",
                 "[explanation][unit]") {
    const Models<Note> notes{cache};
    notes.save(Note{.id = 1, .text = "milk"});
    const Models<OtherNote> others{cache};
    CHECK(others.explain(1).state == EntryState::unusable);
    CHECK(others.explain(1).reason == MissReason::undecodable);
    CHECK(outcome_of(others.explain(1)) == "nothing is found");

    std::string entry = scripted->stored(":1:note@1/id=1").value();
    scripted->plant(":1:note@1/id=2", entry);
    CHECK(notes.explain(2).reason == MissReason::other_key);
    entry.back() = static_cast<char>(entry.back() ^ 1);
    scripted->plant(":1:note@1/id=1", entry);
    CHECK(notes.explain(1).state == EntryState::unusable);
    CHECK(notes.explain(1).reason == MissReason::corrupt);
    scripted->plant(":1:note@1/id=1", "hello");
    CHECK(notes.explain(1).reason == MissReason::foreign);
    CHECK(notes.explain(1).size == 5);
    CHECK(to_string(notes.explain(1)).find("hello") == std::string::npos);
    scripted->plant(":1:note@1/id=1", "12");
    CHECK(notes.explain(1).reason == MissReason::foreign);
    CHECK(cache.explain("note@1/id=1").state == EntryState::counter);
}

TEST_CASE_METHOD(Rig, "a backend that fails, or whose loader failed, is told", "[explanation]") {
    (void)prices.get("tea");
    scripted->go_down();
    const Explanation told = prices.explain("tea");
    CHECK(told.state == EntryState::unknown);
    CHECK(told.failure.value().message() == "unavailable: as scripted");
    CHECK(outcome_of(told) == "it is loaded, and not stored");
    const Models<Note> notes{cache};
    CHECK(outcome_of(notes.explain(1)) == "nobody can tell");
    scripted->come_back();
    CHECK(prices.explain("tea").state == EntryState::fresh);

    table.is_broken = true;
    CHECK_THROWS_AS(prices.find("gold"), std::runtime_error);
    CHECK(!prices.explain("gold").load_failure);
    CHECK_THROWS_AS(prices.find("gold"), std::runtime_error);
    CHECK(prices.explain("gold").load_failure.value().message() == "the table is broken");
    CHECK(outcome_of(prices.explain("gold")) ==
          "it fails as its last load did: the loader is left alone");
    CHECK(to_string(prices.explain("gold")).find("the table is broken") == std::string::npos);
}

TEST_CASE_METHOD(Rig, "how likely an early refresh is, is told and not left to chance",
                 "[explanation][unit]") {
    table.before_answer = [this] { clock.advance(1s); };
    const Models<Early, Table&> early{cache, table};
    (void)early.get("tea");
    CHECK(early.explain("tea").load_cost == 1s);
    clock.advance(99s);
    // A second before its end, with a load of a second: e to the power of -1.
    CHECK(early.explain("tea").refresh_chance > 0.3678);
    CHECK(early.explain("tea").refresh_chance < 0.3679);
    CHECK(outcome_of(early.explain("tea")) == "it is found, and refreshed with a chance of 37 %");
    Rig other;
    other.table.before_answer = [&] { other.clock.advance(1s); };
    const Models<Early, Table&> unasked{other.cache, other.table};
    (void)unasked.get("tea");
    other.clock.advance(99s);
    // Who explained has drawn nothing.
    for (int i = 0; i < 5; ++i) {
        (void)early.get("tea");
        (void)unasked.get("tea");
        CHECK(executor->size() == other.executor->size());
    }
}

TEST_CASE_METHOD(Rig, "values of a cache are explained, and their end where the backend tells it",
                 "[explanation][unit]") {
    cache.set("greeting", "hello", 30s);
    const Explanation told = cache.explain("greeting");
    CHECK(told.state == EntryState::fresh);
    CHECK(!told.has_loader);
    CHECK(told.fresh_until == clock.wall() + 30s);
    cache.set("n", 5, 30s);
    CHECK(cache.explain("n").state == EntryState::counter);
    CHECK(cache.explain("n").fresh_until == clock.wall() + 30s);
    CHECK(cache.explain("n").size == 1);
    (void)prices.get("tea");
    CHECK(cache.explain(R"(price@1/name="tea")").state == EntryState::fresh);
    CHECK(cache.explain("no\nline").key == "no\\x0aline");
}

TEST_CASE_METHOD(Rig, "a view that bypasses the cache tells what is stored all the same",
                 "[explanation][unit]") {
    (void)prices.get("tea");
    const Models<Price, Table&> around{cache.bypass(), table};
    const Explanation told = around.explain("tea");
    CHECK(told.state == EntryState::fresh);
    CHECK(!told.is_served());
    CHECK(outcome_of(told) == "it is loaded: this view passes by");
    CHECK(outcome_of(cache.bypass().explain("x")) == "nothing is found: this view passes by");
}

TEST_CASE_METHOD(Rig, "through a bypass there are no leases, no back-off and no fallback",
                 "[explanation][unit]") {
    const char* const loaded = "it is loaded: this view passes by";
    const Models<Leased, Table&> leased{cache, table};
    const Models<Leased, Table&> leased_around{cache.bypass(), table};
    while_asked_next([&] {
        CHECK(leased_around.explain("tea").leased_until);
        CHECK(outcome_of(leased_around.explain("tea")) == loaded);
        CHECK(leased_around.get("tea").cents == 100);
    });
    (void)leased.get("tea");
    CHECK(table.take_asked() == 2);

    const Models<Price, Table&> around{cache.bypass(), table};
    (void)prices.get("tea");
    clock.advance(160s);
    table.is_broken = true;
    CHECK(around.explain("tea").state == EntryState::fallback);
    CHECK(outcome_of(around.explain("tea")) == loaded);
    CHECK_THROWS_AS(around.get("tea"), std::runtime_error);

    CHECK_THROWS_AS(prices.find("gold"), std::runtime_error);
    CHECK_THROWS_AS(prices.find("gold"), std::runtime_error);
    table.asked.clear();
    CHECK(around.explain("gold").load_failure);
    CHECK(outcome_of(around.explain("gold")) == loaded);
    CHECK_THROWS_AS(around.find("gold"), std::runtime_error);
    CHECK(table.take_asked() == 1);
}

TEST_CASE_METHOD(Rig, "what is stale is not refreshed while its loader is left alone",
                 "[explanation][unit]") {
    (void)prices.get("tea");
    clock.advance(110s);
    table.is_broken = true;
    for (int i = 0; i < 2; ++i) {
        CHECK(outcome_of(prices.explain("tea")) == "it is found, stale, and refreshed");
        (void)prices.get("tea");
        executor->run_all();
    }
    CHECK(prices.explain("tea").state == EntryState::stale);
    CHECK(outcome_of(prices.explain("tea")) == "it is found, stale: the loader is left alone");
    (void)prices.get("tea");
    CHECK(executor->size() == 0);
}

TEST_CASE_METHOD(Rig, "what is fresh is not refreshed early while its loader is left alone",
                 "[explanation][unit]") {
    table.before_answer = [this] { clock.advance(1s); };
    const Models<Early, Table&> early{cache, table};
    (void)early.get("tea");
    table.before_answer = nullptr;
    table.is_broken = true;
    clock.advance(98s + 990ms);
    for (int i = 0; i < 100 && table.asked.size() < 3; ++i) {
        (void)early.get("tea");
        executor->run_all();
    }
    CHECK(table.take_asked() == 3);
    CHECK(early.explain("tea").load_failure);
    CHECK(early.explain("tea").refresh_chance == 0);
    CHECK(outcome_of(early.explain("tea")) == "it is found");
    for (int i = 0; i < 100; ++i) (void)early.get("tea");
    CHECK(executor->size() == 0);
}

TEST_CASE_METHOD(Rig, "a second step that is left alone keeps off refreshes, and no first load",
                 "[explanation][unit]") {
    const Models<Steps, Table&> steps{cache, table};
    (void)steps.get("tea");
    executor->run_all();
    CHECK(steps.explain("tea").state == EntryState::absent);
    (void)steps.get("tea");
    executor->run_all();
    CHECK(!steps.explain("tea").load_failure);
    CHECK(outcome_of(steps.explain("tea")) == "it is loaded");
    table.asked.clear();
    CHECK(steps.get("tea").cents == 100);
    CHECK(table.take_asked() == 1);
    executor->run_all();

    steps.save(Steps{.name = "tea", .cents = 100});
    clock.advance(110s);
    for (int i = 0; i < 2; ++i) {
        (void)steps.get("tea");
        executor->run_all();
    }
    CHECK(steps.explain("tea").load_failure.value().message() == "no second step");
    CHECK(outcome_of(steps.explain("tea")) == "it is found, stale: the loader is left alone");
    (void)steps.get("tea");
    CHECK(executor->size() == 0);
}

TEST_CASE_METHOD(Rig, "a reader waits for leases only where it takes part in them",
                 "[explanation][unit]") {
    const Models<Leased, Table&> leased{cache, table};
    // As another process has them, which takes no leases.
    const Cache elsewhere{recording, {.seed = 2, .clock = clock}};
    const Models<Unleased, Table&> unleased{elsewhere, table};
    while_asked_next([&] {
        CHECK(leased.explain("tea").waits_for_lease);
        const Explanation told = unleased.explain("tea");
        CHECK(told.state == EntryState::being_loaded);
        CHECK(told.leased_until);
        CHECK(!told.waits_for_lease);
        CHECK(outcome_of(told) == "it is loaded");
        CHECK(unleased.get("tea").cents == 100);
    });
    (void)leased.get("tea");
    CHECK(table.take_asked() == 2);
    CHECK(elsewhere.statistics().lease_waits == 0);
}

TEST_CASE_METHOD(Rig, "with a fallback nobody waits for the lease of another",
                 "[explanation][unit]") {
    const Models<Kept, Table&> kept{cache, table};
    (void)kept.get("tea");
    clock.advance(110s);
    CHECK(outcome_of(kept.explain("tea")) == "it is loaded, and is this if that fails");
    const Cache elsewhere{recording, {.seed = 2, .clock = clock}};
    const Models<Kept, Table&> of_others{elsewhere, table};
    table.asked.clear();
    while_asked_next([&] {
        CHECK(of_others.explain("tea").state == EntryState::fallback);
        CHECK(outcome_of(of_others.explain("tea")) ==
              "it is found, stale, while somebody loads it");
        CHECK(of_others.find("tea").stale());
    });
    CHECK(!kept.find("tea").stale());
    CHECK(table.take_asked() == 1);
}

TEST_CASE_METHOD(Rig, "cached calls explain their results", "[explanation][unit]") {
    const CachedFunction<&twice> doubled{cache, {.expires = 10s, .lease_wait = 0s}};
    CHECK(doubled.explain(2).state == EntryState::absent);
    CHECK(outcome_of(doubled.explain(2)) == "it is loaded");
    CHECK(doubled(2) == 4);
    CHECK(doubled.explain(2).state == EntryState::fresh);
    CHECK(doubled.explain(2).key == doubled.key_for(2));
    CHECK(doubled.explain(2).fresh_until == clock.wall() + 10s);
    doubled.invalidate(2);
    CHECK(doubled.explain(2).state == EntryState::removed);
}

TEST_CASE_METHOD(Rig, "secret keys stay secret", "[explanation][unit]") {
    const Models<Session> sessions{cache};
    sessions.save(Session{.token = "hush", .user = "bob"});
    const Explanation told = sessions.explain("hush");
    CHECK(told.state == EntryState::fresh);
    CHECK(told.key == sessions.key_for("hush"));
    CHECK(to_string(told).find("hush") == std::string::npos);
    CHECK(to_string(told).find("bob") == std::string::npos);
}

TEST_CASE("the server of a key is named, and whether it is left alone", "[explanation][unit]") {
    const support::TemporaryDirectory directory;
    const std::string socket = (directory.path() / "none.sock").string();
    const Cache cache{std::make_shared<MemcachedBackend>(
        MemcachedOptions{.servers = {{.socket = socket}}, .retry_after = 1h})};
    const Explanation first = cache.explain("k");
    CHECK(first.server == socket);
    CHECK(first.state == EntryState::unknown);
    CHECK(cache.explain("k").is_server_down);
    CHECK(to_string(cache.explain("k"))
              .find("server          " + socket + ", left alone: it failed\n") !=
          std::string::npos);
}

TEST_CASE("each key is told with its own server", "[explanation][unit]") {
    const support::TemporaryDirectory directory;
    MemcachedOptions options{.retry_after = 1h};
    for (const char* const name : {"a.sock", "b.sock", "c.sock"}) {
        options.servers.push_back({.socket = (directory.path() / name).string()});
    }
    const auto memcached = std::make_shared<MemcachedBackend>(options);
    const Cache cache{memcached};
    std::set<std::string> names;
    for (int i = 0; i < 20; ++i) {
        const std::string key = "key" + std::to_string(i);
        const std::size_t number = memcached->server_of(cache.final_key(key));
        const Explanation told = cache.explain(key);
        CHECK(told.server == options.servers.at(number).socket);
        CHECK(told.is_server_down);
        names.insert(told.server);
    }
    CHECK(names.size() == 3);
}

TEST_CASE("a Redis server holds every key", "[explanation][unit]") {
    const support::TemporaryDirectory directory;
    const std::string socket = (directory.path() / "none.sock").string();
    const Cache cache{std::make_shared<RedisBackend>(RedisOptions{.socket = socket})};
    CHECK(cache.explain("k").server == socket);
}

TEST_CASE("no server is named where the backend does not tell which one it is",
          "[explanation][unit]") {
    const Cache cache{std::make_shared<Silent>()};
    CHECK(cache.explain("k").server.empty());
    CHECK(!cache.explain("k").is_server_down);
}

TEST_CASE("what memory has only explained goes first all the same", "[explanation][unit]") {
    const auto is_kept = [](auto look) {
        const Cache cache{
            std::make_shared<MemoryBackend>(MemoryOptions{.max_bytes = 20'000, .shards = 1})};
        cache.set("k", "old");
        for (int i = 0; i < 10; ++i) look(cache);
        for (int i = 0; i < 30; ++i) cache.set("other" + std::to_string(i), std::string(1000, 'x'));
        return cache.contains("k");
    };
    CHECK(!is_kept([](const Cache&) {}));
    CHECK(is_kept([](const Cache& cache) { (void)cache.get<std::string>("k"); }));
    CHECK(!is_kept([](const Cache& cache) { (void)cache.explain("k"); }));
}

TEST_CASE_METHOD(Rig, "what a model refers to is not looked at", "[explanation][unit]") {
    const Models<Note> notes{cache};
    const Models<Shelf> shelves{cache};
    const Note note{.id = 1, .text = "milk"};
    notes.save(note);
    Shelf shelf{.id = 1};
    shelf.first = note;
    shelf.next = Reference<Shelf>::to(2);
    shelf.others.push_back(Reference<Note>::to(3));
    shelves.save(shelf);
    notes.remove(1);
    log().reset();
    CHECK(shelves.explain(1).state == EntryState::fresh);
    const auto calls = log().calls();
    CHECK(!calls.empty());
    for (const auto& call : calls) {
        for (const auto& key : call.keys) CHECK(key.name == ":1:shelf@1/id=1");
    }
    CHECK(shelves.explain(2).state == EntryState::absent);
}

TEST_CASE_METHOD(Rig, "a result that does not fit its call is unusable", "[explanation][unit]") {
    const CachedFunction<&twice> doubled{cache, {.expires = 10s, .lease_wait = 0s}};
    CHECK(doubled(2) == 4);
    const std::string text_x = "\x61x";
    replant(doubled.key_for(2), text_x);
    CHECK(doubled.explain(2).state == EntryState::unusable);
    CHECK(doubled.explain(2).reason == MissReason::undecodable);
    CHECK(outcome_of(doubled.explain(2)) == "it is loaded");
    CHECK(doubled(2) == 4);
    CHECK(doubled.explain(2).state == EntryState::fresh);
}

TEST_CASE_METHOD(Rig, "centuries are told, and what has no end is for ever",
                 "[explanation][unit]") {
    const Models<Lasting, Table&> lasting{cache, table};
    (void)lasting.get("tea");
    CHECK(lasting.explain("tea").fresh_until.value().time_since_epoch() == 10'723'536'000'000ms);
    CHECK(lasting.explain("tea").served_until == Explanation::Time::max());
    CHECK(to_string(lasting.explain("tea")) ==
          "lasting@1/name=\"tea\": fresh\n"
          "  a reader        it is found\n"
          "  final key       :1:lasting@1/name=\"tea\"\n"
          "  size            61 bytes\n"
          "  written         2030-01-01T00:00:00.000Z\n"
          "  fresh until     2309-10-26T00:00:00.000Z, in 102200d\n"
          "  served until    for ever\n"
          "  fallback until  2509-09-07T00:00:00.000Z\n");
}

TEST_CASE_METHOD(Rig, "times that make no sense do no harm", "[explanation][unit]") {
    (void)prices.get("tea");
    const auto plant = [&](detail::WallTime written_at, detail::WallTime fresh_until) {
        replant(R"(price@1/name="tea")", {}, written_at, fresh_until);
    };
    plant(detail::WallTime::min(), detail::WallTime::max());
    const Explanation latest = prices.explain("tea");
    CHECK(latest.state == EntryState::fresh);
    CHECK(latest.served_until == Explanation::Time::max());
    CHECK(latest.fallback_until == Explanation::Time::max());
    CHECK(to_string(latest).find("written         -9223372036854775808 ms since 1970\n") !=
          std::string::npos);
    plant(detail::WallTime::max(), detail::WallTime::min());
    CHECK(prices.explain("tea").state == EntryState::expired);
    CHECK(!to_string(prices.explain("tea")).empty());
}

TEST_CASE_METHOD(Rig, "it is printed line by line", "[explanation][unit]") {
    (void)prices.get("tea");
    clock.advance(110s);
    std::ostringstream out;
    out << prices.explain("tea");
    CHECK(out.str() ==
          "price@1/name=\"tea\": stale\n"
          "  a reader        it is found, stale, and refreshed\n"
          "  final key       :1:price@1/name=\"tea\"\n"
          "  size            59 bytes\n"
          "  written         2030-01-01T00:00:00.000Z, 1min 50s ago\n"
          "  fresh until     2030-01-01T00:01:40.000Z, 10s ago\n"
          "  served until    2030-01-01T00:02:30.000Z, in 40s\n"
          "  fallback until  2030-01-01T01:01:40.000Z, in 59min 50s\n");
    CHECK(to_string(EntryState::being_loaded) == "being loaded");
    CHECK(to_string(prices.explain("gold")) ==
          "price@1/name=\"gold\": absent\n"
          "  a reader        it is loaded\n"
          "  final key       :1:price@1/name=\"gold\"\n");
}
