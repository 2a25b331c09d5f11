// cachemodel: how the file backend waits for others.
// SPDX-License-Identifier: MIT
#include "support/catch.hpp"

#include "backends/file_lock.hpp"

#include <chrono>

using namespace cachemodel;
using namespace cachemodel::file;
using namespace std::chrono_literals;

TEST_CASE("work that others make necessary again counts until the deadline", "[file][deadline]") {
    Patience patience{20ms};
    int rounds = 0;
    const auto work = [&] {
        ++rounds;
        const auto end = std::chrono::steady_clock::now() + 15ms;
        while (std::chrono::steady_clock::now() < end) continue;
    };
    CHECK_THROWS_WITH(
        [&] {
            while (rounds < 100) patience.repeat(work);
        }(),
        Catch::Contains("until the deadline"));
    CHECK(rounds >= 1);
    CHECK(rounds <= 2);
}
