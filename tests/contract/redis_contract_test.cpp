// cachemodel: the contract, held by Redis.
// SPDX-License-Identifier: MIT
#include "contract/backend_contract.hpp"

#include "support/catch.hpp"
#include "support/redis_server.hpp"

#include <cachemodel/backends/redis.hpp>

#include <chrono>
#include <thread>

using namespace cachemodel;
using namespace cachemodel::contract;
using namespace std::chrono_literals;
using cachemodel::support::RealRedis;
using cachemodel::support::Transport;

namespace {

/// The server's own expiry is what these tests wait for.
const ContractOptions waiting{
    .pass = [](std::chrono::nanoseconds time) { std::this_thread::sleep_for(time); },
    .short_lifetime = 100ms};

}  // namespace

TEST_CASE("Redis keeps the contract of backends", "[redis][contract]") {
    RealRedis server;
    RedisBackend backend{server.options()};
    backend_contract(backend, waiting);
    backend_contract_of_clear(backend);
}

TEST_CASE("a numbered database over TCP and one connection keep the contract of backends",
          "[redis][contract]") {
    RealRedis server{Transport::tcp};
    auto options = server.options();
    options.database = 5;
    options.connections = 1;
    RedisBackend backend{options};
    backend_contract(backend, waiting);
    backend_contract_of_clear(backend);
}

TEST_CASE("Redis keeps the contract of backends among threads", "[redis][contract][threads]") {
    RealRedis server;
    RedisBackend backend{server.options()};
    backend_contract_of_threads(backend, waiting);
    backend_contract_of_clear_among_threads(backend);
}
