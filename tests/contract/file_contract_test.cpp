// cachemodel: the contract, held by files.
// SPDX-License-Identifier: MIT
#include "contract/backend_contract.hpp"

#include "support/backend_calls.hpp"
#include "support/catch.hpp"
#include "support/process.hpp"

#include <cachemodel/backends/file.hpp>
#include <cachemodel/testing/turnable_clock.hpp>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

using namespace cachemodel;
using namespace cachemodel::contract;
using cachemodel::support::TemporaryDirectory;
using cachemodel::testing::TurnableClock;
using namespace std::chrono_literals;

namespace {

/// A loaded machine gets time to answer.
constexpr auto patience = 10s;

}  // namespace

TEST_CASE("files keep the contract of backends", "[file][contract]") {
    const TemporaryDirectory directory;
    TurnableClock clock;
    FileBackend backend{{.directory = directory.path() / "cache", .deadline = patience}, clock};
    backend_contract(backend,
                     {.pass = [&clock](std::chrono::nanoseconds time) { clock.advance(time); },
                      .short_lifetime = 20ms});
    backend_contract_of_clear(backend);
}

TEST_CASE("files keep the contract of backends among threads", "[file][contract][threads]") {
    const TemporaryDirectory directory;
    FileBackend backend{{.directory = directory.path() / "cache", .deadline = patience}};
    backend_contract_of_threads(backend, {.increments = 500});
    backend_contract_of_clear_among_threads(backend);
}

TEST_CASE("threads that count and add at the same time all come to their turn by default",
          "[file][deadline][threads]") {
    const TemporaryDirectory directory;
    FileBackend backend{{.directory = directory.path() / "cache"}};
    // How many calls of eight threads fail.
    const auto count_together = [&backend](const std::string& counter) {
        std::atomic<int> failures{0};
        std::vector<std::thread> threads;
        for (int number = 0; number < 8; ++number) {
            threads.emplace_back([&, number] {
                for (int i = 0; i < 300; ++i) {
                    if (!support::increment(backend, counter).outcome.done()) ++failures;
                    if (i % 10 != 0) continue;
                    const auto key = counter + std::to_string(number) + ":" + std::to_string(i);
                    if (!support::set(backend, key, "v").done()) ++failures;
                }
            });
        }
        for (auto& thread : threads) thread.join();
        return failures.load();
    };
    // The machine may be busy, so that one of three must do.
    int failures = 1;
    for (int i = 0; i < 3 && failures > 0; ++i) {
        const auto counter = "n" + std::to_string(i);
        REQUIRE(support::set(backend, counter, "0").done());
        failures = count_together(counter);
        if (failures == 0) CHECK(support::get(backend, counter).found("2400"));
    }
    CHECK(failures == 0);
}
