// cachemodel: secondary keys on real servers, files and databases.
// SPDX-License-Identifier: MIT
#include "support/catch.hpp"
#include "support/memcached_server.hpp"
#include "support/process.hpp"
#include "support/redis_server.hpp"
#include "support/secondary_behaviour.hpp"

#include <cachemodel/backends/memcached.hpp>
#include <cachemodel/backends/redis.hpp>

#include <chrono>
#include <memory>
#include <string>

using namespace cachemodel;
using namespace cachemodel::support;
using namespace std::chrono_literals;

TEST_CASE("secondary keys on two memcached servers behave as specified",
          "[secondary_keys][memcached][integration]") {
    const RealMemcached first;
    const RealMemcached second;
    check_secondary_behaviour(Cache{std::make_shared<MemcachedBackend>(
        MemcachedOptions{.servers = {first.address(), second.address()}, .deadline = 5s})});
}

TEST_CASE("secondary keys on Redis behave as specified", "[secondary_keys][redis][integration]") {
    const RealRedis server;
    check_secondary_behaviour(Cache{std::make_shared<RedisBackend>(server.options())});
}

TEST_CASE("secondary keys on the disk behave as specified",
          "[secondary_keys][file][sqlite][integration]") {
    const auto scheme = GENERATE(as<std::string>{}, "file", "sqlite");
    INFO(scheme);
    const TemporaryDirectory directory;
    const auto path = (directory.path() / "cache").string();
    check_secondary_behaviour(Cache::open(scheme + "://" + path + "?deadline=30s"));
}
