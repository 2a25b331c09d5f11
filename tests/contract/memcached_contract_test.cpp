// cachemodel: the contract, held by memcached.
// SPDX-License-Identifier: MIT
#include "contract/backend_contract.hpp"

#include "support/catch.hpp"
#include "support/memcached_server.hpp"

#include <cachemodel/backends/memcached.hpp>

#include <chrono>
#include <thread>

using namespace cachemodel;
using namespace cachemodel::contract;
using namespace std::chrono_literals;
using cachemodel::support::RealMemcached;
using cachemodel::support::Transport;

namespace {

/// The server's own expiry is what these tests wait for; a loaded machine gets time to answer.
const ContractOptions waiting{
    .pass = [](std::chrono::nanoseconds time) { std::this_thread::sleep_for(time); },
    .short_lifetime = 2s,
    .counts_as_memcached = true};
constexpr auto patience = 10s;

}  // namespace

TEST_CASE("memcached keeps the contract of backends", "[memcached][contract]") {
    RealMemcached server;
    MemcachedBackend backend{{.servers = {server.address()}, .deadline = patience}};
    backend_contract(backend, waiting);
    backend_contract_of_clear(backend);
}

TEST_CASE("three memcached servers keep the contract of backends", "[memcached][contract]") {
    RealMemcached first;
    RealMemcached second{Transport::tcp};
    RealMemcached third;
    MemcachedBackend backend{{.servers = {first.address(), second.address(), third.address()},
                              .deadline = patience,
                              .connections = 1}};
    backend_contract(backend, waiting);
    backend_contract_of_clear(backend);
}

TEST_CASE("memcached keeps the contract of backends among threads",
          "[memcached][contract][threads]") {
    RealMemcached server;
    MemcachedBackend backend{{.servers = {server.address()}, .deadline = patience}};
    backend_contract_of_threads(backend, waiting);
    backend_contract_of_clear_among_threads(backend);
}
