// cachemodel: the memory backend in a process and the children that it forks.
// SPDX-License-Identifier: MIT
#include "support/catch.hpp"
#include "support/forked.hpp"

#include <cachemodel/backends/memory.hpp>
#include <cachemodel/cache.hpp>

#include <unistd.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

using namespace cachemodel;
using cachemodel::support::Forked;

TEST_CASE("a child has a copy of what is in memory, and nobody sees what the other does with it",
          "[memory][fork]") {
    const auto cache = Cache::open("memory://");
    cache.set("both", 1);
    const support::Gate parent_has_changed;
    const support::Gate child_has_changed;
    Forked child{[&] {
        parent_has_changed.wait();
        const bool had_copy = *cache.get<int>("both") == 1 && cache.get<int>("parent").absent();
        cache.set("both", 3);
        cache.set("child", 3);
        child_has_changed.open();
        return had_copy && *cache.get<int>("both") == 3 && *cache.get<int>("child") == 3;
    }};
    cache.set("both", 2);
    cache.set("parent", 2);
    parent_has_changed.open();
    child_has_changed.wait();
    CHECK(child.succeeded());
    CHECK(*cache.get<int>("both") == 2);
    CHECK(cache.get<int>("child").absent());
}

#ifndef CACHEMODEL_NO_FORK_AMONG_ALLOCATIONS
TEST_CASE("a child goes on with the memory whatever other threads were doing to it",
          "[memory][fork][threads]") {
    // One part, so that somebody is always in it.
    const Cache cache{std::make_shared<MemoryBackend>(MemoryOptions{.max_entries = 100})};
    std::atomic<bool> is_ending{false};
    std::vector<std::thread> others;
    for (int i = 0; i < 3; ++i) {
        others.emplace_back([&, i] {
            for (int round = 0; !is_ending; ++round) {
                const auto key = std::to_string(round % 200);
                if (i == 0) (void)cache.get<std::string>(key);
                cache.set(key, "a value of the parent");
                if (round % 5 == 0) cache.erase(key);
            }
        });
    }
    int succeeded = 0;
    for (int i = 0; i < 100 && succeeded == i; ++i) {
        Forked child{[&] {
            ::alarm(20);  // one that waits for a lost lock must not hold up the tests
            for (int round = 0; round < 300; ++round) {
                const auto key = std::to_string(round);
                cache.set(key, "a value of the child");
                if (*cache.get<std::string>(key) != "a value of the child") return false;
            }
            cache.clear();
            return cache.get<std::string>("1").absent();
        }};
        succeeded += child.succeeded();
    }
    is_ending = true;
    for (auto& other : others) other.join();
    CHECK(succeeded == 100);
    cache.set("parent", 1);
    CHECK(*cache.get<int>("parent") == 1);
}
#endif
