// cachemodel: questions to a source by a secondary key are loads like any others.
// SPDX-License-Identifier: MIT
#include <cachemodel/executor.hpp>
#include <cachemodel/models.hpp>
#include <cachemodel/observer.hpp>
#include <cachemodel/secondary_keys.hpp>

#include "support/catch.hpp"
#include "support/crew.hpp"
#include "support/load_rig.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

using namespace cachemodel;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using support::await;
using support::Barrier;
using support::Crew;
using testing::ScriptedBackend;
using Strings = std::vector<std::string>;

namespace secondary_loads_test {

/// Members by their number, and what each is found by.
class Register {
 public:
    /// What happens before a question is answered that asks for an address.
    std::function<void(const std::string& email)> before_answer = [](const auto&) {};
    /// What happens after it has been, but nobody knows yet.
    std::function<void(const std::string& email)> after_answer = [](const auto&) {};

    void set(int id, const std::string& email) {
        const std::lock_guard lock{mutex_};
        rows_[id] = email;
    }
    void erase(int id) {
        const std::lock_guard lock{mutex_};
        rows_.erase(id);
    }
    std::string email_of(int id) {
        const std::lock_guard lock{mutex_};
        ++loads_;
        const auto found = rows_.find(id);
        if (found == rows_.end()) throw Missing{};
        return found->second;
    }
    std::optional<int> find(const std::string& email) {
        {
            const std::lock_guard lock{mutex_};
            asked_.push_back(email);
        }
        before_answer(email);
        std::optional<int> id;
        {
            const std::lock_guard lock{mutex_};
            const auto found =
                std::ranges::find(rows_, email, [](auto& row) { return row.second; });
            if (found != rows_.end()) id = found->first;
        }
        after_answer(email);
        return id;
    }
    /// What was asked for by address since this was last called.
    Strings take_asked() {
        const std::lock_guard lock{mutex_};
        return std::exchange(asked_, {});
    }
    std::size_t asked() {
        const std::lock_guard lock{mutex_};
        return asked_.size();
    }
    int loads() {
        const std::lock_guard lock{mutex_};
        return loads_;
    }

 private:
    std::mutex mutex_;
    std::map<int, std::string> rows_{{1, "bob@example.org"}, {2, "eve@example.org"}};
    Strings asked_;
    int loads_ = 0;
};

struct Member {
    static constexpr ModelOptions cache_options{.expires = 1min, .name = "Member"};

    Key<int> id;
    Field<std::string> email;

    using secondary_keys = SecondaryKeys<By<&Member::email>>;

    void from_miss(Register& source) { email = source.email_of(*id); }
    static std::optional<Member> from_miss_by(By<&Member::email>, const std::string& email,
                                              Register& source) {
        const auto id = source.find(email);
        return id ? std::optional{Member{.id = *id}} : std::nullopt;
    }
};
using Members = Models<Member, Register&>;

/// Whose own options say how it is loaded.
struct Guest {
    static constexpr ModelOptions cache_options{
        .expires = 1min, .remember_missing = 10s, .name = "Guest"};

    Key<int> id;
    Field<std::string> email;

    using secondary_keys = SecondaryKeys<By<&Guest::email>>;

    void from_miss(Register& source) { email = source.email_of(*id); }
    static std::optional<Guest> from_miss_by(By<&Guest::email>, const std::string& email,
                                             Register& source) {
        const auto id = source.find(email);
        return id ? std::optional{Guest{.id = *id}} : std::nullopt;
    }
    void from_source(const std::pair<int, std::string>& row) {
        id = row.first;
        email = row.second;
    }
};

/// Which cannot be written where a test says so, so many times.
struct Seat {
    int number = 0;

    bool operator==(const Seat&) const = default;
    static inline thread_local int unwritable = 0;
};
inline std::string to_cache_key(const Seat& seat) { return std::to_string(seat.number); }

}  // namespace secondary_loads_test

template <>
struct cachemodel::detail::ExternalCodec<secondary_loads_test::Seat> {
    static constexpr bool may_be_null = false;

    static void encode(CborWriter& writer, const secondary_loads_test::Seat& seat) {
        if (secondary_loads_test::Seat::unwritable-- > 0) throw std::runtime_error{"no"};
        writer.text(std::to_string(seat.number));
    }
    static bool decode(CborReader& reader, secondary_loads_test::Seat& seat) {
        std::string_view text;
        if (!reader.text(text)) return false;
        seat.number = std::stoi(std::string{text});
        return true;
    }
};

namespace secondary_loads_test {

struct Seated {
    static constexpr ModelOptions cache_options{.expires = 1min, .lease_wait = 0s};

    Key<Seat> seat;
    Field<std::string> name;

    using secondary_keys = SecondaryKeys<By<&Seated::name>>;

    void from_miss() { name = "bob"; }
    static std::optional<Seated> from_miss_by(By<&Seated::name>, const std::string&) {
        return Seated{.seat = Seat{7}};
    }
};

/// Failed loads as lines.
class Lines final : public Observer {
 public:
    void failed_load(const FailedLoad& load) override {
        lines.push_back(std::string{load.key} + ' ' + load.failure.message());
    }
    Strings lines;
};

struct Rig : support::LoadRig {
    Register source;
    Members members{cache, source};

    Lookup<Member> find(const std::string& email) const {
        return members.find_by<&Member::email>(email);
    }
};

/// Callers of one thread each, who look for one address.
class Seekers {
 public:
    explicit Seekers(const Members& members) : members_(members) {}

    void seek(const std::string& email) {
        crew_.start([this, email] {
            const auto lookup = members_.find_by<&Member::email>(email);
            if (lookup.found()) found_id = *lookup->id;
            found += lookup.found() ? 1 : 0;
        });
    }
    int join() { return crew_.join(); }

    std::atomic<int> found{0};
    std::atomic<int> found_id{0};

 private:
    const Members& members_;
    Crew crew_;
};

const std::string bobs = "bob@example.org";
const std::string pointer_to_bob = ":1:Member@1/\"email\"=\"bob@example.org\"";

}  // namespace secondary_loads_test

using namespace secondary_loads_test;

TEST_CASE("100 callers of one cold secondary key ask the source once",
          "[secondary_keys][flights][threads]") {
    Rig rig;
    const bool in_tasks = GENERATE(false, true);
    const auto pool = std::make_shared<ThreadPool>();
    const Cache cache{
        rig.recording,
        {.load_timeout = in_tasks ? Lifetime{5min} : never, .executor = pool, .clock = rig.clock}};
    const Members members{cache, rig.source};
    rig.source.before_answer = [&](const auto&) {
        await("all have found nothing", [&] { return cache.statistics().misses() >= 100; });
    };
    Seekers seekers{members};
    for (int i = 0; i < 100; ++i) seekers.seek(bobs);
    CHECK(seekers.join() == 0);
    CHECK(seekers.found == 100);
    CHECK(rig.source.take_asked() == Strings{bobs});
    CHECK(rig.source.loads() == 1);
    CHECK(pool->shutdown(30s));  // what it runs uses the clock
}

TEST_CASE("another process waits for the answer to a question that is put already",
          "[secondary_keys][leases][threads]") {
    Rig rig;
    const Cache other{rig.recording, {.lease_wait = 1min, .seed = 2, .clock = rig.clock}};
    const Cache own{rig.recording, {.lease_wait = 1min, .seed = 3, .clock = rig.clock}};
    const Members others{other, rig.source};
    const Members members{own, rig.source};
    Barrier answer;
    rig.source.before_answer = [&](const auto&) { answer.pass(); };
    Seekers first{others};
    first.seek(bobs);
    answer.await_arrivals(1);
    Seekers second{members};
    second.seek(bobs);
    await("the second one waits", [&] { return own.statistics().lease_waits == 1; });
    answer.open();
    CHECK(first.join() == 0);
    CHECK(second.join() == 0);
    CHECK(second.found == 1);
    CHECK(rig.source.take_asked() == Strings{bobs});
}

TEST_CASE("what the source told somebody before is not taken for what it says now",
          "[secondary_keys][flights][threads]") {
    Rig rig;
    Barrier hold;
    std::string email;
    rig.source.after_answer = [&](const auto&) {
        if (rig.source.asked() == 1) hold.pass();
    };
    const auto change_under_way = [&](const std::string& sought, const auto& change) {
        Seekers seekers{rig.members};
        seekers.seek(sought);
        hold.await_arrivals(1);  // it has its answer
        change();
        seekers.found = 0;
        Seekers late{rig.members};
        const auto misses = rig.cache.statistics().misses();
        late.seek(sought);
        await("the late one reads", [&] { return rig.cache.statistics().misses() > misses; });
        std::this_thread::sleep_for(2ms);  // that it waits shows nowhere; it need not
        hold.open();
        CHECK(seekers.join() == 0);
        CHECK(late.join() == 0);
        CHECK(rig.source.asked() == 2);
        return late.found_id.load();
    };
    SECTION("the address is another's by now") {
        CHECK(change_under_way(bobs, [&] {
                  rig.source.set(1, "bob@example.com");
                  rig.source.set(2, bobs);
                  rig.members.remove(1);
                  rig.members.remove(2);
              }) == 2);
        CHECK(rig.find("bob@example.com")->id == 1);
    }
    SECTION("who had it is gone") {
        CHECK(change_under_way(bobs, [&] {
                  rig.source.erase(1);
                  rig.source.set(3, bobs);
                  rig.members.remove(1);
              }) == 3);
    }
    SECTION("it was nobody's") {
        CHECK(change_under_way("ann@example.org", [&] {
                  rig.source.set(3, "ann@example.org");
                  rig.members.remove(3);
              }) == 3);
    }
}

TEST_CASE("a question that takes too long is a LoadTimeout, and the answer comes all the same",
          "[secondary_keys][load_timeout]") {
    Rig rig;
    const Cache impatient{
        rig.recording,
        {.load_timeout = 20ms, .executor = rig.executor, .seed = 1, .clock = rig.clock}};
    const Members members{impatient, rig.source};
    rig.source.set(7, std::string(1000, 'x'));
    try {
        (void)members.get_by<&Member::email>(std::string(1000, 'x'));
        FAIL("it did not wait");
    } catch (const LoadTimeout& error) {
        CHECK_THAT(error.what(), Contains("Member@1/\"email\"=\"xxx"));
        CHECK_THAT(error.what(), Contains("20ms"));
    }
    CHECK_THROWS_AS(members.find_by<&Member::email>(std::string(1000, 'x')), LoadTimeout);
    const auto many = members.get_many_by<&Member::email>({std::string(1000, 'x')});
    CHECK_THROWS_AS(many[0].failure().rethrow(), LoadTimeout);
    CHECK(rig.source.asked() == 0);
    CHECK(rig.executor->run_all() == 1);
    CHECK(rig.source.take_asked() == Strings{std::string(1000, 'x')});
    // The object itself is still to be loaded.
    CHECK_THROWS_AS(members.find_by<&Member::email>(std::string(1000, 'x')), LoadTimeout);
    CHECK(rig.executor->run_all() == 1);
    CHECK(members.get_by<&Member::email>(std::string(1000, 'x')).id == 7);
    CHECK(rig.source.asked() == 0);
    CHECK(members.statistics().load_timeouts == 4);
}

TEST_CASE("who waits for a place among the questions waits no longer than for a load",
          "[secondary_keys][load_timeout][load_limit][threads]") {
    Rig rig;
    const auto pool = std::make_shared<ThreadPool>();
    const Cache impatient{rig.recording,
                          {.load_timeout = 20ms,
                           .lease_wait = 5min,
                           .loads_without_cache = 1,
                           .executor = pool,
                           .clock = rig.clock}};
    const Members members{impatient, rig.source};
    rig.scripted->go_down();
    Barrier answer;
    rig.source.before_answer = [&](const auto&) { answer.pass(); };
    CHECK_THROWS_AS(members.find_by<&Member::email>(bobs), LoadTimeout);
    answer.await_arrivals(1);
    CHECK_THROWS_AS(members.find_by<&Member::email>("eve@example.org"), LoadTimeout);
    CHECK(rig.source.take_asked() == Strings{bobs});
    answer.open();
    CHECK(pool->shutdown(30s));
}

TEST_CASE("a question is not put once the door to its source is gone",
          "[secondary_keys][load_timeout][loans]") {
    Rig rig;
    const Cache impatient{rig.recording,
                          {.load_timeout = 1ms, .executor = rig.executor, .clock = rig.clock}};
    {
        const Members members{impatient, rig.source};
        CHECK_THROWS_AS(members.find_by<&Member::email>(bobs), LoadTimeout);
    }
    CHECK(rig.executor->run_all() == 1);
    CHECK(rig.source.asked() == 0);
}

TEST_CASE("a source that fails is left alone by its secondary keys, too",
          "[secondary_keys][load_backoff]") {
    Rig rig;
    const auto lines = std::make_shared<Lines>();
    rig.cache.observe(lines);
    rig.source.before_answer = [](const std::string& email) {
        if (email == bobs) throw std::runtime_error("no members today");
    };
    for (int i = 0; i < 10; ++i) {
        CHECK_THROWS_WITH(rig.members.get_by<&Member::email>(bobs), "no members today");
    }
    CHECK(rig.source.take_asked() == Strings{bobs, bobs});
    CHECK(lines->lines == Strings{"Member@1/\"email\"=\"bob@example.org\" no members today",
                                  "Member@1/\"email\"=\"bob@example.org\" no members today"});
    for (const Statistics& counted : {rig.counted(), rig.members.statistics()}) {
        CHECK(counted.load_failures == 2);
        CHECK(counted.backed_off == 8);
    }
    // The others are not.
    const auto many = rig.members.get_many_by<&Member::email>(Strings{bobs, "eve@example.org"});
    CHECK(many[0].failed());
    CHECK(many[1]->id == 2);
    CHECK(rig.members.get(1).email == bobs);
    rig.scripted->lose("*");
    rig.clock.advance(2s);
    rig.source.before_answer = [](const auto&) {};
    CHECK(rig.find(bobs)->id == 1);
}

TEST_CASE("that the source has none is remembered of secondary keys, too",
          "[secondary_keys][remember_missing]") {
    Rig rig;
    const Models<Guest, Register&> guests{rig.cache, rig.source};
    const auto find = [&] { return guests.find_by<&Guest::email>("ann@example.org"); };
    CHECK(find().reason() == MissReason::nothing_stored);
    CHECK(find().reason() == MissReason::known_missing);
    CHECK_THROWS_AS(guests.get_by<&Guest::email>("ann@example.org"), Missing);
    CHECK(guests.get_many_by<&Guest::email>({"ann@example.org"})[0].absent());
    CHECK(rig.source.asked() == 1);
    CHECK(guests.statistics().source_misses == 1);
    CHECK(guests.statistics().misses(MissReason::known_missing) == 3);
    CHECK(guests.statistics().loads == 0);
    rig.source.set(3, "ann@example.org");
    const Guest ann{.id = 3, .email = "ann@example.org"};
    SECTION("for so long") {
        rig.clock.advance(9s);
        CHECK(find().absent());
        rig.clock.advance(1s);
        CHECK(find()->id == 3);
        CHECK(rig.source.asked() == 2);
    }
    SECTION("until it is saved") {
        guests.save(ann);
        CHECK(find()->id == 3);
    }
    SECTION("until the source tells") {
        guests.refresh_from(std::pair{3, std::string{"ann@example.org"}});
        CHECK(find()->id == 3);
    }
    SECTION("until it is loaded otherwise") {
        CHECK(guests.get(3).email == "ann@example.org");
        CHECK(find()->id == 3);
        CHECK(rig.source.asked() == 1);
    }
    SECTION("until it is removed with all that is known of it") {
        guests.remove(3);
        CHECK(find().absent());
        guests.remove(ann);
        CHECK(find()->id == 3);
        CHECK(rig.source.asked() == 2);
    }
    SECTION("not of what does not remember") {
        CHECK(rig.find("ann@example.org")->id == 3);
        CHECK(rig.find("joe@example.org").absent());
        CHECK(rig.find("joe@example.org").reason() == MissReason::nothing_stored);
    }
}

TEST_CASE("nothing that comes while the source is asked is overwritten by its answer",
          "[secondary_keys][loads]") {
    Rig rig;
    const bool leases = GENERATE(true, false);
    const Cache cache{
        rig.recording,
        {.remember_missing = 10s, .lease_wait = leases ? 2s : 0s, .seed = 1, .clock = rig.clock}};
    const Members members{cache, rig.source};
    SECTION("a model that the source did not have yet") {
        rig.source.after_answer = [&](const auto&) {
            members.save({.id = 3, .email = "ann@example.org"});
        };
        CHECK(members.find_by<&Member::email>("ann@example.org").absent());
        CHECK(members.find_by<&Member::email>("ann@example.org")->id == 3);
        CHECK(rig.source.asked() == 1);
        CHECK(cache.statistics().overtaken_loads == 1);
    }
    SECTION("a removal") {
        rig.source.after_answer = [&](const auto&) {
            members.remove(Member{.id = 1, .email = bobs});
        };
        CHECK(members.find_by<&Member::email>(bobs).found());
        CHECK(cache.statistics().overtaken_loads == 1);
    }
}

TEST_CASE("a question that needs its own answer is an error, and another one is not",
          "[secondary_keys][flights]") {
    Rig rig;
    SECTION("its own") {
        rig.source.before_answer = [&](const auto& email) { (void)rig.find(email); };
        CHECK_THROWS_AS(rig.find(bobs), RecursiveLoad);
        CHECK(rig.source.take_asked() == Strings{bobs});
    }
    SECTION("another one") {
        rig.source.before_answer = [&](const auto& email) {
            if (email == bobs) CHECK(rig.find("eve@example.org")->id == 2);
        };
        CHECK(rig.find(bobs)->id == 1);
        CHECK(rig.source.take_asked() == Strings{bobs, "eve@example.org"});
    }
    SECTION("one that stands in line behind it") {
        rig.source.before_answer = [&](const auto& email) {
            if (email == bobs) CHECK(rig.find("eve@example.org")->id == 2);
        };
        const auto both = rig.members.get_many_by<&Member::email>(Strings{bobs, "eve@example.org"});
        CHECK(both[0]->id == 1);
        CHECK(both[1]->id == 2);
    }
}

TEST_CASE("of many, each is asked for once", "[secondary_keys][loads]") {
    Rig rig;
    const auto found = rig.members.get_many_by<&Member::email>(
        Strings{bobs, "joe@example.org", bobs, "eve@example.org"});
    CHECK(found[0]->id == 1);
    CHECK(found[1].absent());
    CHECK(found[2]->id == 1);
    CHECK(found[3]->id == 2);
    CHECK(rig.source.take_asked() == Strings{bobs, "joe@example.org", "eve@example.org"});
}

TEST_CASE("an answer counts as no object that was loaded or stored", "[secondary_keys][loads]") {
    Rig rig;
    const Cache cache{rig.recording, {.lease_wait = 0s, .seed = 1, .clock = rig.clock}};
    const Members members{cache, rig.source};
    CHECK(members.find_by<&Member::email>(bobs).found());
    CHECK(rig.log().trips() == 5);  // pointer: read, stored; model: read, stored, its pointers
    const Statistics counted = members.statistics();
    CHECK(counted.loads == 1);
    CHECK(counted.stores == 1);
    CHECK(counted.misses() == 2);
    CHECK(members.find_by<&Member::email>(bobs).found());
    CHECK(rig.log().trips() == 7);
    CHECK(rig.source.asked() == 1);
    // The cache counts what was written to it, and the time of each question.
    CHECK(cache.statistics().loads == 1);
    CHECK(cache.statistics().stores == 3);  // the answer, the model, its pointer
    CHECK(cache.latencies().loads.count() == 2);
}

TEST_CASE("a question that is answered no, or not at all, counts as a load of that kind",
          "[secondary_keys][loads]") {
    Rig rig;
    CHECK(rig.find("joe@example.org").absent());
    rig.source.before_answer = [](const auto&) { throw std::runtime_error("not today"); };
    CHECK_THROWS_WITH(rig.find("ann@example.org"), "not today");
    for (const Statistics& counted : {rig.counted(), rig.members.statistics()}) {
        CHECK(counted.loads == 0);
        CHECK(counted.stores == 0);
        CHECK(counted.source_misses == 1);
        CHECK(counted.load_failures == 1);
    }
    CHECK(rig.cache.latencies().loads.count() == 2);
}

TEST_CASE("that an answer could not be stored counts in the cache, and not for the model",
          "[secondary_keys][loads]") {
    Rig rig;
    const Models<Seated> seated{rig.cache};
    Seat::unwritable = 1;
    CHECK(seated.find_by<&Seated::name>("bob").found());
    Seat::unwritable = 0;
    CHECK(rig.counted().store_failures == 1);
    CHECK(seated.statistics().store_failures == 0);
    CHECK(seated.statistics().stores == 1);
}

TEST_CASE("an answer that leads to something else is asked for again, until it is right",
          "[secondary_keys][loads]") {
    Rig rig;
    rig.members.save({.id = 1, .email = "old@example.org"});
    for (int i = 0; i < 2; ++i) CHECK(rig.find(bobs).reason() == MissReason::other_object);
    CHECK(rig.source.take_asked() == Strings{bobs, bobs});
    rig.members.remove(1);
    CHECK(rig.find(bobs)->id == 1);
    CHECK(rig.source.asked() == 0);
}

TEST_CASE("a pointer that cannot be read is stored anew", "[secondary_keys][loads]") {
    Rig rig;
    REQUIRE(rig.find(bobs).found());
    rig.scripted->plant(pointer_to_bob, "neither here nor there");
    CHECK(rig.find(bobs)->id == 1);
    CHECK(rig.source.asked() == 2);
    CHECK(rig.find(bobs)->id == 1);
    CHECK(rig.source.asked() == 2);
}

TEST_CASE("an answer leads to a model for as long as that is served, stale or not",
          "[secondary_keys][stale]") {
    Rig rig;
    const Cache cache{rig.recording,
                      {.stale_while_refresh = 1min, .executor = rig.executor, .clock = rig.clock}};
    const Members members{cache, rig.source};
    REQUIRE(members.get(1).email == bobs);
    rig.scripted->lose(pointer_to_bob);
    REQUIRE(members.find_by<&Member::email>(bobs).found());
    CHECK(rig.source.take_asked() == Strings{bobs});
    rig.clock.advance(90s);
    const auto stale = members.find_by<&Member::email>(bobs);
    REQUIRE(stale.found());
    CHECK(stale.stale());
    CHECK(rig.source.asked() == 0);
}
