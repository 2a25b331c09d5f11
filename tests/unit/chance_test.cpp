// cachemodel: what is left to chance.
// SPDX-License-Identifier: MIT
#include "chance.hpp"

#include "support/catch.hpp"
#include "support/forked.hpp"

#include <sys/mman.h>

#include <cstdint>
#include <optional>
#include <set>

using cachemodel::detail::Chance;
using cachemodel::support::Forked;

namespace {

/// What a child draws first.
struct Drawn {
    std::uint64_t number;
    double share;
};

Drawn draw(Chance& chance) { return {chance.number(), chance.share()}; }

Drawn draw_in_child(Chance& chance) {
    void* const shared =
        ::mmap(nullptr, sizeof(Drawn), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    REQUIRE(shared != MAP_FAILED);
    auto* const drawn = static_cast<Drawn*>(shared);
    Forked child{[&] {
        *drawn = draw(chance);
        return true;
    }};
    CHECK(child.succeeded());
    const Drawn copy = *drawn;
    ::munmap(shared, sizeof(Drawn));
    return copy;
}

}  // namespace

TEST_CASE("the same seed gives the same shares, and yet no number twice", "[chance]") {
    Chance one{7};
    Chance other{7};
    std::set<std::uint64_t> numbers;
    for (int i = 0; i < 100; ++i) {
        CHECK(one.share() == other.share());
        numbers.insert({one.number(), other.number()});
    }
    CHECK(numbers.size() == 200);
}

TEST_CASE("children draw other numbers and shares than their parent and each other",
          "[chance][fork]") {
    Chance chance{std::nullopt};
    std::set<std::uint64_t> numbers;
    std::set<double> shares;
    for (int i = 0; i < 3; ++i) {
        const Drawn drawn = draw_in_child(chance);
        numbers.insert(drawn.number);
        shares.insert(drawn.share);
    }
    const Drawn drawn = draw(chance);
    numbers.insert(drawn.number);
    shares.insert(drawn.share);
    CHECK(numbers.size() == 4);
    CHECK(shares.size() == 4);
}

TEST_CASE("with a seed children draw the same shares, and yet other numbers", "[chance][fork]") {
    Chance chance{7};
    const Drawn first = draw_in_child(chance);
    const Drawn second = draw_in_child(chance);
    const Drawn own = draw(chance);
    CHECK(std::set{first.number, second.number, own.number}.size() == 3);
    CHECK(first.share == own.share);
    CHECK(second.share == own.share);
}
