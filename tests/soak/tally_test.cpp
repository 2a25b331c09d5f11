// cachemodel: the soak: that its tally sees which operations never found anything.
// SPDX-License-Identifier: MIT
#include "soak/tally.hpp"

#include "support/catch.hpp"

#include <chrono>
#include <memory>
#include <string_view>
#include <vector>

using namespace cachemodel::soak;
using namespace std::chrono_literals;

TEST_CASE("an operation that was called often and never found anything has found nothing",
          "[soak][tally]") {
    const auto tally = std::make_unique<Tally>();
    const auto ask = [&](Operation operation, int calls) {
        for (int i = 0; i < calls; ++i) {
            tally->call(operation, 1ms);
            tally->answer(operation, i % 2 == 0 ? Answer::absent : Answer::failed);
        }
    };
    CHECK(tally->without_finds().empty());
    ask(Operation::note_get, 1001);
    ask(Operation::account_get, 1000);
    ask(Operation::offer_erase, 2000);
    CHECK(tally->without_finds() == std::vector<std::string_view>{"notes.get", "offers.erase"});
    tally->answer(Operation::note_get, Answer::found);
    CHECK(tally->without_finds() == std::vector<std::string_view>{"offers.erase"});
}
