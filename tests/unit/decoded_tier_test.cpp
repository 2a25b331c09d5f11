// cachemodel: decoded objects in front of a backend, by themselves.
// SPDX-License-Identifier: MIT
#include "decoded_tier.hpp"

#include <cachemodel/models.hpp>
#include <cachemodel/testing/turnable_clock.hpp>

#include "support/catch.hpp"
#include "support/crew.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace cachemodel;
using namespace std::chrono_literals;
using detail::DecodedId;
using detail::DecodedStamp;
using detail::DecodedTier;
using support::Crew;

namespace decoded_tier_test {

struct Plum {
    Key<int> id;
};
struct Pear {
    Key<int> id;
};

DecodedId id_of(std::string_view key) {
    return {&detail::table_of<Plum>(), detail::any_depth, &plain_keys, 1, "", key};
}

std::shared_ptr<const void> object(int value) { return std::make_shared<const int>(value); }
int value_of(const std::shared_ptr<const void>& object) {
    return object ? *static_cast<const int*>(object.get()) : -1;
}

struct Rig {
    testing::TurnableClock clock;
    DecodedTier tier{64 * 1024, 2s, clock};

    DecodedTier::Making making(std::string_view final_key, std::size_t bytes = 100) {
        return {.begun = clock.steady(), .bytes = bytes, .stamp = tier.stamp(final_key)};
    }
    void keep(std::string_view key, int value, std::size_t bytes = 100) {
        tier.keep(id_of(key), object(value), making(key, bytes));
    }
    int find(std::string_view key) { return value_of(tier.find(id_of(key))); }
};

TEST_CASE("an object is given out until its time is over, to everybody the same one",
          "[decoded_tier][unit]") {
    Rig rig;
    CHECK(rig.find("a") == -1);
    rig.keep("a", 1);
    rig.clock.advance(1999ms);
    CHECK(rig.find("a") == 1);
    CHECK(rig.tier.find(id_of("a")) == rig.tier.find(id_of("a")));
    CHECK(rig.tier.left(id_of("a")) == Lifetime{1ms});
    rig.clock.advance(1ms);
    CHECK(rig.find("a") == -1);
    CHECK(rig.tier.left(id_of("a")) == std::nullopt);
    CHECK(rig.tier.hits() == 3);
    CHECK(rig.tier.hits(detail::table_of<Plum>()) == 3);
    CHECK(rig.tier.hits(detail::table_of<Pear>()) == 0);
}

TEST_CASE("the time of an object begins before it is read, and ends with what it is made of",
          "[decoded_tier][unit]") {
    Rig rig;
    auto slow = rig.making("slow");
    auto brief = rig.making("brief");
    auto ending = rig.making("ending");
    brief.longest = 1s;
    rig.clock.advance(500ms);
    ending.left = 100ms;
    rig.tier.keep(id_of("slow"), object(1), slow);
    rig.tier.keep(id_of("brief"), object(2), brief);
    rig.tier.keep(id_of("ending"), object(3), ending);
    CHECK(rig.tier.left(id_of("slow")) == Lifetime{1500ms});
    CHECK(rig.tier.left(id_of("brief")) == Lifetime{500ms});
    CHECK(rig.tier.left(id_of("ending")) == Lifetime{100ms});

    auto too_slow = rig.making("too slow");
    rig.clock.advance(2s);
    rig.tier.keep(id_of("too slow"), object(4), too_slow);
    CHECK(rig.find("too slow") == -1);
}

TEST_CASE("nothing that was read before a change is given out after it, in whatever order",
          "[decoded_tier][unit]") {
    // A load takes the stamp (S), then keeps what it has read (K); C is a change of the same key.
    Rig rig;
    const auto play = [&](std::string_view order) {
        DecodedTier::Making making;
        for (const char step : order) {
            if (step == 'S') making = rig.making("k");
            if (step == 'K') rig.tier.keep(id_of("k"), object(1), making);
            if (step == 'C') rig.tier.change("k");
        }
        const int found = rig.find("k");
        rig.tier.change_all();
        return found;
    };
    CHECK(play("SK") == 1);
    CHECK(play("CSK") == 1);
    CHECK(play("SCK") == -1);
    CHECK(play("SKC") == -1);
    CHECK(play("CSKC") == -1);
    CHECK(play("SCKCSK") == 1);
}

TEST_CASE("of two loads the one that began later stays, unless what it has read was changed",
          "[decoded_tier][unit]") {
    Rig rig;
    const auto older = rig.making("k");
    rig.clock.advance(1ms);
    const auto newer = rig.making("k");
    SECTION("the older one comes first") {
        rig.tier.keep(id_of("k"), object(1), older);
        rig.tier.keep(id_of("k"), object(2), newer);
        CHECK(rig.find("k") == 2);
    }
    SECTION("the newer one comes first") {
        rig.tier.keep(id_of("k"), object(2), newer);
        rig.tier.keep(id_of("k"), object(1), older);
        CHECK(rig.find("k") == 2);
    }
    SECTION("a change comes in between") {
        rig.tier.keep(id_of("k"), object(2), newer);
        rig.tier.change("k");
        rig.tier.keep(id_of("k"), object(1), older);
        CHECK(rig.find("k") == -1);
        rig.keep("k", 3);
        CHECK(rig.find("k") == 3);
    }
}

TEST_CASE("an object is out of date with each entry that it was made of", "[decoded_tier][unit]") {
    Rig rig;
    const std::array<std::string, 3> made_of{"root", "left", "right"};
    for (const auto& changed : made_of) {
        auto making = rig.making("root");
        for (const auto& more : {"left", "right"}) making.more.push_back(rig.tier.stamp(more));
        rig.tier.keep(id_of("root"), object(1), making);
        CHECK(rig.find("root") == 1);
        rig.tier.change(changed);
        CHECK(rig.find("root") == -1);
    }
}

TEST_CASE("objects of other classes, depths, prefixes, versions and key functions are other ones",
          "[decoded_tier][unit]") {
    Rig rig;
    rig.keep("k", 1);
    auto other = id_of("k");
    SECTION("class") { other.table = &detail::table_of<Pear>(); }
    SECTION("depth") { other.depth = 0; }
    SECTION("prefix") { other.prefix = "site"; }
    SECTION("version") { other.version = 2; }
    SECTION("key function") { other.key_function = &digest_long_keys; }
    SECTION("key") { other.key = "l"; }
    CHECK(rig.tier.find(other) == nullptr);
    rig.tier.keep(other, object(2), rig.making("other"));
    CHECK(value_of(rig.tier.find(other)) == 2);
    CHECK(rig.find("k") == 1);
}

TEST_CASE("what does not fit makes room, and first what nobody has asked for",
          "[decoded_tier][unit]") {
    Rig rig;
    for (int i = 0; i < 1000; ++i) {
        rig.keep("key " + std::to_string(i), i, 1000);
        rig.keep("large", -2, 64 * 1024);  // more than there is
        CHECK(rig.find("key 0") == 0);
        CHECK(rig.tier.usage().bytes <= 64 * 1024);
    }
    const DecodedUsage usage = rig.tier.usage();
    CHECK(usage.entries > 40);
    CHECK(usage.entries < 64);
    CHECK(usage.max_bytes == 64 * 1024);
    CHECK(usage.evicted == 1000 - usage.entries);
    CHECK(rig.find("key 999") == 999);
    CHECK(rig.find("key 1") == -1);
    CHECK(rig.find("large") == -1);
}

TEST_CASE("what has ended makes room before all else, and is no eviction", "[decoded_tier][unit]") {
    Rig rig;
    for (int i = 0; i < 10; ++i) rig.keep(std::to_string(i), i, 1000);
    rig.clock.advance(2s);
    rig.keep("new", 1);
    CHECK(rig.tier.usage().entries == 1);
    CHECK(rig.tier.usage().evicted == 0);
}

TEST_CASE("a change of all leaves nothing, and destroys what nobody else has",
          "[decoded_tier][unit]") {
    Rig rig;
    const auto kept = std::make_shared<const int>(7);
    const std::weak_ptr<const void> alone = [&] {
        const auto object = std::make_shared<const int>(8);
        rig.tier.keep(id_of("alone"), object, rig.making("alone"));
        return std::weak_ptr<const void>{object};
    }();
    rig.tier.keep(id_of("kept"), kept, rig.making("kept"));
    const auto late = rig.making("late");
    CHECK(!alone.expired());
    rig.tier.change_all();
    rig.tier.keep(id_of("late"), object(9), late);
    CHECK(alone.expired());
    CHECK(kept.use_count() == 1);
    CHECK(rig.find("late") == -1);
    CHECK(rig.tier.usage().entries == 0);
    CHECK(rig.tier.usage().bytes == 0);
}

TEST_CASE("by the machine's clock an object is given out for no longer than its time",
          "[decoded_tier][unit]") {
    DecodedTier tier{64 * 1024, 300ms, Clock::machine()};
    const auto begun = Clock::machine().steady();
    tier.keep(id_of("k"), object(1), {.begun = begun, .bytes = 1, .stamp = tier.stamp("k")});
    auto last = begun;
    for (auto now = begun; now < begun + 1s;) {
        const bool is_found = tier.find(id_of("k")) != nullptr;
        now = Clock::machine().steady();
        if (!is_found) break;
        last = now;
    }
    // Reading the clock afterwards takes time; more than that may only be a machine that stood
    // still.
    CHECK(last - begun < 400ms);
}

TEST_CASE("among threads nobody is given what was published before he came",
          "[decoded_tier][unit]") {
    testing::TurnableClock clock;
    DecodedTier tier{256 * 1024, 1h, clock};
    constexpr std::size_t keys = 4;
    constexpr int rounds = 3000;
    std::array<std::atomic<int>, keys> source{};
    std::array<std::atomic<int>, keys> published{};
    std::atomic<int> too_old{0};
    std::atomic<int> running{2};
    const auto name = [](std::size_t key) { return "key " + std::to_string(key); };
    {
        Crew crew;
        for (int writer = 0; writer < 2; ++writer) {
            crew.start([&, writer] {
                for (int round = 1; round <= rounds; ++round) {
                    for (std::size_t key = static_cast<std::size_t>(writer); key < keys; key += 2) {
                        source[key] = round;
                        if (round % 100 == 0) {
                            tier.change_all();
                        } else {
                            tier.change(name(key));
                        }
                        published[key] = round;
                    }
                }
                --running;
            });
        }
        for (int reader = 0; reader < 2; ++reader) {
            crew.start([&] {
                for (std::size_t key = 0; running > 0; key = (key + 1) % keys) {
                    const int floor = published[key];
                    const auto found = tier.find(id_of(name(key)));
                    if (found) {
                        if (value_of(found) < floor) ++too_old;
                        continue;
                    }
                    const auto stamp = tier.stamp(name(key));
                    tier.keep(id_of(name(key)), object(source[key]),
                              {.begun = clock.steady(), .bytes = 20'000, .stamp = stamp});
                    clock.advance(1ns);
                }
            });
        }
        CHECK(crew.join() == 0);
    }
    CHECK(too_old == 0);
}

}  // namespace decoded_tier_test
