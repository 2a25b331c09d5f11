// cachemodel: the contract, held by the backends in this process.
// SPDX-License-Identifier: MIT
#include "contract/backend_contract.hpp"

#include "support/catch.hpp"

#include <cachemodel/backends/memory.hpp>
#include <cachemodel/testing/recording_backend.hpp>
#include <cachemodel/testing/scripted_backend.hpp>
#include <cachemodel/testing/turnable_clock.hpp>

#include <memory>

using namespace cachemodel;
using namespace cachemodel::contract;
using cachemodel::testing::RecordingBackend;
using cachemodel::testing::ScriptedBackend;
using cachemodel::testing::TurnableClock;
using namespace std::chrono_literals;

namespace {

ContractOptions turning(TurnableClock& clock) {
    return {.pass = [&clock](std::chrono::nanoseconds time) { clock.advance(time); },
            .short_lifetime = 20ms};
}

}  // namespace

TEST_CASE("memory keeps the contract of backends", "[memory][contract]") {
    TurnableClock clock;
    MemoryBackend backend{{}, clock};
    backend_contract(backend, turning(clock));
    backend_contract_of_clear(backend);
}

TEST_CASE("memory of one small shard keeps the contract of backends", "[memory][contract]") {
    TurnableClock clock;
    MemoryBackend backend{{.max_bytes = 1 << 20}, clock};
    backend_contract(backend, turning(clock));
    backend_contract_of_clear(backend);
}

TEST_CASE("memory keeps the contract of backends among threads", "[memory][contract][threads]") {
    MemoryBackend backend;
    backend_contract_of_threads(backend);
    backend_contract_of_clear_among_threads(backend);
}

TEST_CASE("memory of one large shard keeps the contract of backends", "[memory][contract]") {
    TurnableClock clock;
    MemoryBackend backend{{.max_bytes = 32 << 20, .shards = 1}, clock};
    backend_contract(backend, turning(clock));
}

TEST_CASE("the scripted backend, recorded, keeps the contract of backends", "[testing][contract]") {
    TurnableClock clock;
    RecordingBackend backend{std::make_shared<ScriptedBackend>(clock)};
    backend_contract(backend, turning(clock));
    backend_contract_of_clear(backend);
}

TEST_CASE("a scripted backend that can do less keeps the contract of backends",
          "[testing][contract]") {
    TurnableClock clock;
    ScriptedBackend backend{clock};
    backend.capabilities_to_claim().atomic_increment = false;
    backend.capabilities_to_claim().tells_lifetimes = false;
    backend.capabilities_to_claim().lists_keys = false;
    backend_contract(backend, turning(clock));
}

TEST_CASE("the scripted backend, recorded, keeps the contract of backends among threads",
          "[testing][contract][threads]") {
    RecordingBackend backend{std::make_shared<ScriptedBackend>()};
    backend_contract_of_threads(backend);
    backend_contract_of_clear_among_threads(backend);
}
