// cachemodel: the contract, held by files.
// SPDX-License-Identifier: MIT
#include "contract/backend_contract.hpp"

#include "support/catch.hpp"
#include "support/process.hpp"

#include <cachemodel/backends/file.hpp>
#include <cachemodel/testing/turnable_clock.hpp>

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
