// cachemodel: the soak: that its oracle sees what is wrong, and nothing else.
// SPDX-License-Identifier: MIT
#include "soak/oracle.hpp"

#include "support/catch.hpp"

#include <chrono>
#include <cstdint>
#include <memory>

using namespace cachemodel::soak;
using namespace std::chrono_literals;
using What = History::What;

namespace {

struct Notes {
    std::unique_ptr<History> history = std::make_unique<History>();
    std::unique_ptr<Outages> outages = std::make_unique<Outages>();

    std::uint64_t step(What what, bool is_certain = true) {
        const auto number = history->begin(what);
        history->end(number, is_certain);
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

struct Source {
    std::unique_ptr<Row> row = std::make_unique<Row>();

    bool may_be(std::uint64_t number) const {
        const auto time = now();
        return !row->judge(number, {time, time});
    }
    bool may_be_absent() const {
        const auto time = now();
        return !row->judge_absent({time, time});
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
    notes.history->end(second, true);
    CHECK_FALSE(notes.history->judge(first, {begin, now()}, *notes.outages));
    CHECK_FALSE(notes.history->judge(second, {begin, now()}, *notes.outages));
    CHECK(notes.history->judge(second, {begin, begin}, *notes.outages));
}

TEST_CASE("the oracle takes both values where nobody knows whether the second was saved",
          "[soak]") {
    Notes notes;
    const auto first = notes.step(What::save);
    const auto unknown = notes.step(What::save, false);
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
    for (int i = 0; i < 5'000; ++i) notes.step(What::save, false);
    CHECK(notes.may_be(first));
    CHECK_FALSE(notes.may_be(removal));
    const auto second = notes.step(What::save);
    CHECK_FALSE(notes.may_be(first));
    CHECK(notes.may_be(second));
    for (int i = 0; i < 5'000; ++i) notes.step(What::remove, false);
    CHECK_FALSE(notes.may_be(first));
    CHECK(notes.may_be(second));
}

TEST_CASE("the oracle takes one of thousands that failed until it is certainly replaced",
          "[soak]") {
    Notes notes;
    const auto unknown = notes.step(What::save, false);
    const auto slow = notes.history->begin(What::save);
    for (int i = 0; i < 5'000; ++i) notes.step(What::save, false);
    CHECK(notes.may_be(unknown));
    CHECK(notes.may_be(slow));
    notes.step(What::save);
    CHECK(notes.may_be(unknown));
    SECTION("it may still wait in the server's socket") {
        notes.history->end(slow, false);
        CHECK(notes.may_be(unknown));
        CHECK(notes.may_be(slow));
    }
    SECTION("the server died") {
        notes.history->end(slow, false);
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
    const auto unknown = notes.step(What::save, false);
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
    notes.history->end(number, true);
    CHECK(notes.may_be(number));
    CHECK(notes.may_be_absent());
    const auto late = now() + 10s;
    CHECK(notes.history->judge(number, {late, late}, *notes.outages));
    notes.history->touch(1h);
    CHECK_FALSE(notes.history->judge(number, {late, late}, *notes.outages));
}

TEST_CASE("the oracle takes old versions until their removal has ended", "[soak]") {
    Source source;
    CHECK(source.may_be(1));
    CHECK_FALSE(source.may_be(2));
    const auto begin = now();
    const auto second = source.row->commit(true);
    CHECK(second.number == 2);
    CHECK(source.may_be(1));
    CHECK(source.may_be(2));
    source.row->removed(2);
    CHECK_FALSE(source.may_be(1));
    CHECK(source.may_be(2));
    CHECK_FALSE(source.row->judge(1, {begin, now()}));
    CHECK(source.row->judge(2, {begin, begin}));
}

TEST_CASE("the oracle takes a row as deleted where a version is that may be found", "[soak]") {
    Source source;
    CHECK_FALSE(source.may_be_absent());
    const auto deleted = source.row->commit(false);
    CHECK(source.may_be_absent());
    CHECK(source.may_be(1));
    CHECK_FALSE(source.may_be(deleted.number));
    source.row->removed(deleted.number);
    CHECK_FALSE(source.may_be(1));
    const auto made_again = source.row->commit(true);
    CHECK(source.may_be_absent());
    source.row->removed(made_again.number);
    CHECK_FALSE(source.may_be_absent());
}

TEST_CASE("the oracle does not take what is too old to be remembered", "[soak]") {
    Notes notes;
    Source source;
    for (std::size_t i = 0; i < 2 * remembered; ++i) {
        notes.step(What::save);
        source.row->removed(source.row->commit(true).number);
    }
    CHECK(notes.may_be(2 * remembered));
    CHECK_FALSE(notes.may_be(1));
    CHECK_FALSE(notes.may_be_absent());
    CHECK(source.may_be(2 * remembered + 1));
    CHECK_FALSE(source.may_be(2 * remembered));
    CHECK_FALSE(source.may_be(1));
    for (std::size_t i = 0; i < 2 * remembered; ++i) source.row->commit(true);
    CHECK(source.may_be(2 * remembered + 1));
    CHECK(source.may_be(2 * remembered + 2));
    CHECK_FALSE(source.may_be(2 * remembered));
}
