// cachemodel: changing stored models on real servers, files and databases.
// SPDX-License-Identifier: MIT
#include "support/catch.hpp"
#include "support/memcached_server.hpp"
#include "support/process.hpp"
#include "support/redis_server.hpp"
#include "support/update_behaviour.hpp"

#include <cachemodel/backends/redis.hpp>

#include <memory>
#include <string>

using namespace cachemodel;
using namespace cachemodel::support;

namespace {

/// A loaded machine gets time to answer.
std::string url_in(const TemporaryDirectory& directory, const std::string& scheme) {
    return scheme + "://" + (directory.path() / "cache").string() + "?deadline=30s";
}

Cache on(const RealRedis& server) {
    return Cache{std::make_shared<RedisBackend>(server.options())};
}

}  // namespace

TEST_CASE("updates on memcached behave as specified", "[updates][memcached][integration]") {
    const RealMemcached server;
    check_update_behaviour(Cache::open(server.url() + "?deadline=5s"));
}

TEST_CASE("updates on Redis behave as specified", "[updates][redis][integration]") {
    const RealRedis server;
    check_update_behaviour(on(server));
}

TEST_CASE("updates on the disk behave as specified", "[updates][file][sqlite][integration]") {
    const auto scheme = GENERATE(as<std::string>{}, "file", "sqlite");
    INFO(scheme);
    const TemporaryDirectory directory;
    check_update_behaviour(Cache::open(url_in(directory, scheme)));
}

TEST_CASE("no update of many threads is lost on memcached",
          "[updates][memcached][integration][threads]") {
    const RealMemcached server;
    check_updates_among_threads(Cache::open(server.url() + "?deadline=5s"));
}

TEST_CASE("no update of many threads is lost on Redis", "[updates][redis][integration][threads]") {
    const RealRedis server;
    check_updates_among_threads(on(server));
}

TEST_CASE("no update of many threads is lost on the disk",
          "[updates][file][sqlite][integration][threads]") {
    const auto scheme = GENERATE(as<std::string>{}, "file", "sqlite");
    INFO(scheme);
    const TemporaryDirectory directory;
    check_updates_among_threads(Cache::open(url_in(directory, scheme)));
}

TEST_CASE("no update of two processes is lost", "[updates][integration]") {
    SECTION("on memcached") {
        const RealMemcached server;
        check_updates_among_processes([&] { return Cache::open(server.url() + "?deadline=5s"); });
    }
    SECTION("on Redis") {
        const RealRedis server;
        check_updates_among_processes([&] { return on(server); });
    }
    SECTION("in files") {
        const TemporaryDirectory directory;
        check_updates_among_processes([&] { return Cache::open(url_in(directory, "file")); });
    }
    SECTION("in SQLite") {
        const TemporaryDirectory directory;
        check_updates_among_processes([&] { return Cache::open(url_in(directory, "sqlite")); });
    }
}
