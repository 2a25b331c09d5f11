// cachemodel: the soak: that its oracle sees what is wrong about rows, and nothing else.
// SPDX-License-Identifier: MIT
#include "soak/row.hpp"

#include "support/catch.hpp"

#include <chrono>
#include <cstdint>
#include <memory>

using namespace cachemodel::soak;
using namespace std::chrono_literals;

namespace {

struct Source {
    std::unique_ptr<Row> row = std::make_unique<Row>();
    std::unique_ptr<Outages> outages = std::make_unique<Outages>();
    Time::duration age = 1h;

    std::uint64_t commit(bool exists = true) { return row->commit(exists).number; }
    void tell(std::uint64_t number) { row->told(number, now(), "a test"); }
    bool may_be(std::uint64_t number, Interval read) const {
        return !row->judge(number, read, {age, *outages});
    }
    /// Of a read that begins and ends now.
    bool may_be(std::uint64_t number) const {
        const auto time = now();
        return may_be(number, {time, time});
    }
    bool may_be_absent() const {
        const auto time = now();
        return !row->judge_absent({time, time}, {age, *outages});
    }
    bool may_be_absent(const Row::Finds& finds) const {
        const auto time = now();
        return !row->judge_absent({time, time}, {age, *outages}, finds);
    }
};

}  // namespace

TEST_CASE("the oracle takes old versions until the cache was told", "[soak]") {
    Source source;
    CHECK(source.may_be(1));
    CHECK_FALSE(source.may_be(2));
    const auto begin = now();
    CHECK(source.commit() == 2);
    CHECK(source.may_be(1));
    CHECK(source.may_be(2));
    source.tell(2);
    CHECK_FALSE(source.may_be(1));
    CHECK(source.may_be(2));
    CHECK(source.may_be(1, {begin, now()}));
    CHECK_FALSE(source.may_be(2, {begin, begin}));
}

TEST_CASE("the oracle takes a row as deleted where a version is that may be found", "[soak]") {
    Source source;
    CHECK_FALSE(source.may_be_absent());
    const auto deleted = source.commit(false);
    CHECK(source.may_be_absent());
    CHECK(source.may_be(1));
    CHECK_FALSE(source.may_be(deleted));
    source.tell(deleted);
    CHECK_FALSE(source.may_be(1));
    const auto made_again = source.commit();
    CHECK(source.may_be_absent());
    source.tell(made_again);
    CHECK_FALSE(source.may_be_absent());
}

TEST_CASE("the oracle takes nothing for an answer where no version is found by what was asked",
          "[soak]") {
    Source source;
    source.commit();
    CHECK(source.may_be_absent([](const Row::Version& version) { return version.number == 2; }));
    source.tell(2);
    CHECK_FALSE(
        source.may_be_absent([](const Row::Version& version) { return version.number == 2; }));
    CHECK(source.may_be_absent([](const Row::Version& version) { return version.number == 1; }));
}

TEST_CASE("the oracle takes no version that is older than it may be, whoever was told", "[soak]") {
    Source source;
    source.commit();
    CHECK(source.may_be(1));
    const auto late = now() + 2h;
    CHECK_FALSE(source.may_be(1, {late, late}));
    CHECK(source.may_be(2, {late, late}));
    for (std::uint64_t i = 0; i < 600; ++i) source.commit();
    CHECK(source.may_be(1));
    CHECK(source.may_be(300));
    CHECK_FALSE(source.may_be(1, {late, late}));
    CHECK_FALSE(source.may_be(300, {late, late}));
    source.age = 3h;
    CHECK(source.may_be(1, {late, late}));
}

TEST_CASE("the oracle takes an old version that may have been stored late", "[soak]") {
    Source source;
    const auto pushed = source.commit();
    source.row->may_be_stored(pushed);
    const auto next = source.commit();
    source.tell(next);
    CHECK(source.may_be(pushed));
    CHECK(source.may_be(next));
    CHECK_FALSE(source.may_be(1));
    SECTION("until what was told after the server died") {
        source.outages->kill_begins();
        source.outages->is_dead();
        source.outages->ends();
        CHECK(source.may_be(pushed));
        source.tell(source.commit());
        CHECK_FALSE(source.may_be(pushed));
        CHECK_FALSE(source.may_be(next));
    }
    SECTION("until it is too old") {
        const auto late = now() + 2h;
        CHECK_FALSE(source.may_be(pushed, {late, late}));
    }
}

TEST_CASE("the oracle does not take a version that is too old to be remembered", "[soak]") {
    Source source;
    for (int i = 0; i < 600; ++i) source.tell(source.commit());
    CHECK(source.may_be(601));
    CHECK_FALSE(source.may_be(600));
    CHECK_FALSE(source.may_be(1));
    for (int i = 0; i < 600; ++i) source.commit();
    CHECK(source.may_be(601));
    CHECK(source.may_be(602));
    CHECK_FALSE(source.may_be(600));
}
