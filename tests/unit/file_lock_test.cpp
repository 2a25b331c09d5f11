// cachemodel: how the file backend waits for others.
// SPDX-License-Identifier: MIT
#include "support/catch.hpp"
#include "support/process.hpp"

#include "backends/file_lock.hpp"

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <thread>

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

TEST_CASE("a turn that does not come in time is given up, and holds up nobody",
          "[file][deadline][threads]") {
    const auto now = [] { return std::chrono::steady_clock::now(); };
    Queue queue;
    REQUIRE(queue.enter(now()));
    CHECK_FALSE(queue.enter(now() - 1s));
    CHECK_FALSE(queue.enter(now() + 1ms));
    bool impatient = true;
    bool patient = false;
    std::thread first{[&] { impatient = queue.enter(now() + 20ms); }};
    std::thread second{[&] { patient = queue.enter(now() + 1min); }};
    first.join();
    CHECK_FALSE(impatient);
    queue.leave();
    second.join();
    CHECK(patient);
    CHECK_FALSE(queue.enter(now()));
    queue.leave();
    CHECK(queue.enter(now()));
}

TEST_CASE("who comes again waits for those who came before", "[file][threads]") {
    constexpr int rounds = 100;
    Queue queue;
    std::atomic<bool> is_ending{false};
    std::atomic<int> turns_of_other{0};
    const auto take_turn = [&queue] {
        if (!queue.enter(std::chrono::steady_clock::now() + 1min)) std::abort();
        const auto end = std::chrono::steady_clock::now() + 100us;
        while (std::chrono::steady_clock::now() < end) continue;
    };
    std::thread other{[&] {
        while (!is_ending) {
            take_turn();
            ++turns_of_other;
            queue.leave();
        }
    }};
    while (turns_of_other == 0) std::this_thread::yield();
    int overtaken = 0;
    for (int i = 0; i < rounds; ++i) {
        const int before = turns_of_other;
        take_turn();
        // The one that was under way, and one that a busy machine may let in before this has come.
        if (turns_of_other > before + 2) ++overtaken;
        queue.leave();
    }
    is_ending = true;
    other.join();
    CHECK(overtaken < rounds / 2);
}

TEST_CASE("a lock that is held by another file is waited for until the deadline, and its queue too",
          "[file][deadline]") {
    const support::TemporaryDirectory directory;
    const auto opened = [&] {
        return file::open(AT_FDCWD, directory.path().c_str(), directory_flags, "open");
    };
    const Descriptor one = opened();
    const Descriptor other = opened();
    Queue queue;
    {
        const HeldLock held = try_lock(other);
        CHECK_THROWS_WITH(Patience{5ms}.lock(queue, one), Catch::Contains("until the deadline"));
    }
    {
        const HeldLock held = Patience{5ms}.lock(queue, one);
        CHECK(held.is_held());
        CHECK_THROWS_WITH(Patience{5ms}.lock(queue, other), Catch::Contains("until the deadline"));
        // The lock itself belongs to one process: another queue is another's.
        Queue of_others;
        CHECK_THROWS_AS(Patience{5ms}.lock(of_others, other), DiskError);
    }
    CHECK(Patience{5ms}.lock(queue, other).is_held());
}
