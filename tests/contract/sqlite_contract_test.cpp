// cachemodel: the contract, held by SQLite.
// SPDX-License-Identifier: MIT
#include "contract/backend_contract.hpp"

#include "support/catch.hpp"
#include "support/process.hpp"

#include <cachemodel/backends/sqlite.hpp>
#include <cachemodel/testing/turnable_clock.hpp>

using namespace cachemodel;
using namespace cachemodel::contract;
using cachemodel::support::TemporaryDirectory;
using cachemodel::testing::TurnableClock;
using namespace std::chrono_literals;

namespace {

/// A loaded machine gets time to answer.
constexpr auto patience = 30s;

ContractOptions turning(TurnableClock& clock) {
    return {.pass = [&clock](std::chrono::nanoseconds time) { clock.advance(time); },
            .short_lifetime = 20ms,
            .random_values = 1000};
}

const ContractOptions among_threads{.increments = 1000};

}  // namespace

TEST_CASE("sqlite keeps the contract of backends", "[sqlite][contract]") {
    const TemporaryDirectory directory;
    TurnableClock clock;
    SqliteBackend backend{{.path = directory.path() / "cache.db", .deadline = patience}, clock};
    backend_contract(backend, turning(clock));
    backend_contract_of_clear(backend);
}

TEST_CASE("sqlite that takes small values keeps the contract of backends", "[sqlite][contract]") {
    const TemporaryDirectory directory;
    TurnableClock clock;
    SqliteBackend backend{{.path = directory.path() / "cache.db",
                           .deadline = patience,
                           .connections = 1,
                           .max_value = 1 << 20},
                          clock};
    backend_contract(backend, turning(clock));
    backend_contract_of_clear(backend);
}

TEST_CASE("sqlite in memory keeps the contract of backends", "[sqlite][contract]") {
    TurnableClock clock;
    SqliteBackend backend{{.path = ":memory:", .deadline = patience}, clock};
    backend_contract(backend, turning(clock));
    backend_contract_of_clear(backend);
}

TEST_CASE("sqlite keeps the contract of backends among threads", "[sqlite][contract][threads]") {
    const TemporaryDirectory directory;
    SqliteBackend backend{{.path = directory.path() / "cache.db", .deadline = patience}};
    backend_contract_of_threads(backend, among_threads);
    backend_contract_of_clear_among_threads(backend);
}

TEST_CASE("sqlite with one connection keeps the contract of backends among threads",
          "[sqlite][contract][threads]") {
    const TemporaryDirectory directory;
    SqliteBackend backend{
        {.path = directory.path() / "cache.db", .deadline = patience, .connections = 1}};
    backend_contract_of_threads(backend, among_threads);
    backend_contract_of_clear_among_threads(backend);
}

TEST_CASE("sqlite in memory keeps the contract of backends among threads",
          "[sqlite][contract][threads]") {
    SqliteBackend backend{{.path = ":memory:", .deadline = patience}};
    backend_contract_of_threads(backend, among_threads);
    backend_contract_of_clear_among_threads(backend);
}
