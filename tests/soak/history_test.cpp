// cachemodel: the soak: that its oracle sees what is wrong about notes, and nothing else.
// SPDX-License-Identifier: MIT
#include "soak/history.hpp"

#include "support/catch.hpp"

#include <chrono>
#include <cstdint>
#include <memory>

using namespace cachemodel::soak;
using namespace std::chrono_literals;
using What = History::What;
using Done = History::Done;

namespace {

struct Notes {
    std::unique_ptr<History> history = std::make_unique<History>();
    std::unique_ptr<Outages> outages = std::make_unique<Outages>();

    std::uint64_t step(What what, Done done = Done::yes) {
        const auto number = history->begin(what);
        history->end(number, done);
        return number;
    }
    void kill() {
        outages->kill_begins();
        outages->is_dead();
        outages->ends();
    }
    /// Of a read that begins and ends now.
    bool may_be(std::uint64_t number) const {
        const auto time = now();
        return !history->judge(number, {time, time}, *outages);
    }
    bool may_be_absent() const {
        const auto time = now();
        return !history->judge_absent({time, time}, *outages);
    }
};

}  // namespace

TEST_CASE("the oracle takes the last save and no other", "[soak]") {
    Notes notes;
    CHECK_FALSE(notes.may_be(1));
    CHECK(notes.may_be_absent());
    const auto first = notes.step(What::save);
    CHECK(notes.may_be(first));
    CHECK_FALSE(notes.may_be_absent());
    const auto second = notes.step(What::save);
    CHECK_FALSE(notes.may_be(first));
    CHECK(notes.may_be(second));
    CHECK_FALSE(notes.may_be(second + 1));
}

TEST_CASE("the oracle takes nothing after a removal", "[soak]") {
    Notes notes;
    const auto save = notes.step(What::save);
    const auto removal = notes.step(What::remove);
    CHECK_FALSE(notes.may_be(save));
    CHECK_FALSE(notes.may_be(removal));
    CHECK(notes.may_be_absent());
}

TEST_CASE("the oracle takes what was going on during the read", "[soak]") {
    Notes notes;
    const auto first = notes.step(What::save);
    const auto begin = now();
    const auto second = notes.history->begin(What::save);
    CHECK(notes.may_be(first));
    CHECK(notes.may_be(second));
    notes.history->end(second, Done::yes);
    CHECK_FALSE(notes.history->judge(first, {begin, now()}, *notes.outages));
    CHECK_FALSE(notes.history->judge(second, {begin, now()}, *notes.outages));
    CHECK(notes.history->judge(second, {begin, begin}, *notes.outages));
}

TEST_CASE("the oracle takes both values where nobody knows whether the second was saved",
          "[soak]") {
    Notes notes;
    const auto first = notes.step(What::save);
    const auto unknown = notes.step(What::save, Done::unknown);
    CHECK(notes.may_be(first));
    CHECK(notes.may_be(unknown));
    // It may still wait in the server's socket.
    const auto third = notes.step(What::save);
    CHECK(notes.may_be(unknown));
    CHECK(notes.may_be(third));
    CHECK_FALSE(notes.may_be(first));
}

TEST_CASE("the oracle does not forget a save for thousands that failed after it", "[soak]") {
    Notes notes;
    const auto removal = notes.step(What::remove);
    const auto first = notes.step(What::save);
    for (int i = 0; i < 5'000; ++i) notes.step(What::save, Done::unknown);
    CHECK(notes.may_be(first));
    CHECK_FALSE(notes.may_be(removal));
    const auto second = notes.step(What::save);
    CHECK_FALSE(notes.may_be(first));
    CHECK(notes.may_be(second));
    for (int i = 0; i < 5'000; ++i) notes.step(What::remove, Done::unknown);
    CHECK_FALSE(notes.may_be(first));
    CHECK(notes.may_be(second));
}

TEST_CASE("the oracle takes one of thousands that failed until it is certainly replaced",
          "[soak]") {
    Notes notes;
    const auto unknown = notes.step(What::save, Done::unknown);
    const auto slow = notes.history->begin(What::save);
    for (int i = 0; i < 5'000; ++i) notes.step(What::save, Done::unknown);
    CHECK(notes.may_be(unknown));
    CHECK(notes.may_be(slow));
    notes.step(What::save);
    CHECK(notes.may_be(unknown));
    SECTION("it may still wait in the server's socket") {
        notes.history->end(slow, Done::unknown);
        CHECK(notes.may_be(unknown));
        CHECK(notes.may_be(slow));
    }
    SECTION("the server died") {
        notes.history->end(slow, Done::unknown);
        notes.kill();
        CHECK_FALSE(notes.may_be(unknown));
        CHECK_FALSE(notes.may_be(slow));
        CHECK(notes.may_be_absent());
        const auto last = notes.step(What::save);
        CHECK(notes.may_be(last));
        CHECK_FALSE(notes.may_be_absent());
    }
}

TEST_CASE("the oracle takes nothing from before the server died", "[soak]") {
    Notes notes;
    const auto save = notes.step(What::save);
    const auto unknown = notes.step(What::save, Done::unknown);
    notes.kill();
    CHECK_FALSE(notes.may_be(save));
    CHECK_FALSE(notes.may_be(unknown));
    CHECK(notes.may_be_absent());
    CHECK(notes.outages->kills() == 1);
}

TEST_CASE("what a stopped server was sent is over two seconds after it goes on", "[soak]") {
    Outages outages;
    const auto end = now();
    CHECK(outages.settled(end) == end + 2s);
    outages.stop_begins();
    CHECK(outages.settled(end) == open_end);
    outages.ends();
    CHECK(outages.settled(end) > end + 2s);
    CHECK(outages.settled(end) <= now() + 2s);
    CHECK(outages.settled(open_end) == open_end);
    CHECK(outages.stops() == 1);
}

TEST_CASE("the oracle expects nothing of an entry that may have expired", "[soak]") {
    Notes notes;
    const auto number = notes.history->begin(What::save, 1s);
    notes.history->end(number, Done::yes);
    CHECK(notes.may_be(number));
    CHECK(notes.may_be_absent());
    const auto late = now() + 10s;
    CHECK(notes.history->judge(number, {late, late}, *notes.outages));
    notes.history->touch(1h);
    CHECK_FALSE(notes.history->judge(number, {late, late}, *notes.outages));
}

TEST_CASE("the oracle does not take what was not done", "[soak]") {
    Notes notes;
    const auto first = notes.step(What::save);
    const auto declined = notes.step(What::save, Done::no);
    CHECK_FALSE(notes.may_be(declined));
    CHECK(notes.may_be(first));
    CHECK_FALSE(notes.may_be_absent());
}

TEST_CASE("the oracle takes a change where nothing came after what it has changed", "[soak]") {
    Notes notes;
    const auto first = notes.step(What::save);
    const auto change = notes.history->begin(What::save);
    notes.history->change(change, first);
    SECTION("a save lost") {
        const auto lost = notes.step(What::save);
        CHECK_FALSE(notes.may_be(change));
        notes.history->end(change, Done::yes);
        CHECK_FALSE(notes.may_be(change));
        CHECK(notes.may_be(lost));
    }
    SECTION("a removal lost") {
        notes.step(What::remove);
        notes.history->end(change, Done::unknown);
        CHECK_FALSE(notes.may_be(change));
    }
    SECTION("a save in another attempt's time") {
        const auto second = notes.step(What::save);
        notes.history->change(change, second);
        notes.history->end(change, Done::yes);
        CHECK(notes.may_be(change));
        CHECK_FALSE(notes.may_be(second));
        CHECK_FALSE(notes.may_be_absent());
    }
}

TEST_CASE("the oracle sees that a value was changed twice", "[soak]") {
    Notes notes;
    const auto first = notes.step(What::save);
    const auto one = notes.step(What::save);
    const auto other = notes.step(What::save);
    CHECK_FALSE(notes.history->judge_change(first, 0));
    CHECK_FALSE(notes.history->judge_change(one, first));
    CHECK_FALSE(notes.history->judge_change(one, first));
    CHECK(notes.history->judge_change(other, first));
    CHECK_FALSE(notes.history->judge_change(other, one));
}

TEST_CASE("a change of what may expire may expire", "[soak]") {
    Notes notes;
    const auto first = notes.history->begin(What::save, 1s);
    notes.history->end(first, Done::yes);
    const auto change = notes.history->begin(What::save);
    notes.history->change(change, first);
    notes.history->end(change, Done::yes);
    CHECK(notes.may_be(change));
    CHECK(notes.may_be_absent());
}

TEST_CASE("the oracle does not take a save that is too old to be remembered", "[soak]") {
    Notes notes;
    for (std::size_t i = 0; i < 2 * remembered; ++i) notes.step(What::save);
    CHECK(notes.may_be(2 * remembered));
    CHECK_FALSE(notes.may_be(1));
    CHECK_FALSE(notes.may_be_absent());
}
