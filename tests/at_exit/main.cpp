// cachemodel: caches work until the very end, in destructors of static and thread_local objects.
// SPDX-License-Identifier: MIT
#include <cachemodel/cachemodel.hpp>

#include "support/memcached_server.hpp"
#include "support/redis_server.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <thread>
#include <vector>

using namespace cachemodel;
using namespace cachemodel::support;
using namespace std::chrono_literals;

namespace {

struct Session {
    static constexpr ModelOptions cache_options{.name = "session", .secret_keys = true};
    Key<std::string> token;
    Field<std::string> user;
};

std::string twice(const std::string& text) { return text + text; }
const CachedFunction<&twice> cached_twice;  // outlives what is made after it

constexpr const char* names[] = {"default", "file",      "sqlite", "digests",
                                 "redis",   "memcached", "null"};

/// Ends the process, which is ending already.
void expect(bool holds, const char* what, const char* name, const char* moment) {
    if (holds) return;
    std::fprintf(stderr, "%s, %s: %s\n", name, moment, what);
    std::_Exit(1);
}

void use(const char* name, const char* moment) {
    const auto check = [&](bool holds, const char* what) { expect(holds, what, name, moment); };
    const Cache cache = name == std::string{"default"} ? default_cache() : caches()[name];
    const bool keeps = name != std::string{"null"};
    check(cache.set("text", moment), "set");
    check(cache.get_or<std::string>("text", "") == (keeps ? moment : ""), "get");
    cache.erase("counter");
    check(cache.add("counter", 1, 1min), "add");
    if (keeps) check(cache.incr("counter", 2) == 3, "incr");
    check(cache.erase("made") || true, "erase");
    check(cache.get_or_set("made", [] { return 7; }) == 7, "get_or_set");
    check(cache.touch("made", 2min) == keeps, "touch");

    // What is digested with SHA-256: long keys, secret ones, names of files.
    const std::string long_key(200, 'k');
    cache.set(long_key + '1', 1);
    cache.set(long_key + '2', 2);
    check(cache.get_or(long_key + '1', 1) == 1 && cache.get_or(long_key + '2', 2) == 2,
          "long keys");
    const Models<Session> sessions{cache};
    sessions.save({.token = "alice", .user = "Alice"});
    sessions.remove("bob");
    check(sessions.find("alice").found() == keeps, "the model that was saved");
    check(!sessions.find("bob").found(), "the model that was removed");
    check(cached_twice(long_key + name) == twice(long_key + name), "a cached call");
    check(cached_twice(long_key + moment) == twice(long_key + moment), "another cached call");
}

void use_all(const char* moment) {
    try {
        for (const char* name : names) use(name, moment);
    } catch (const std::exception& error) {
        expect(false, error.what(), "a cache", moment);
    }
}

struct AtEnd {
    const char* moment;
    ~AtEnd() { use_all(moment); }
};

/// What the caches stand on; goes last of all.
struct Places {
    TemporaryDirectory directory;
    RealRedis redis;
    RealMemcached memcached;
};
Places places;

AtEnd made_before_caches{"static, made before the caches"};
std::vector<Cache> handles;

}  // namespace

int main() {
    const auto directory = places.directory.path().string();
    caches().configure("file", "file://" + directory + "/files?deadline=20s");
    caches().configure("sqlite", "sqlite://" + directory + "/cache.db?deadline=20s");
    caches().configure("digests", "memory://?key_function=digest");
    caches().configure("redis", "redis+unix://" + places.redis.options().socket + "?deadline=20s");
    caches().configure("memcached", places.memcached.url() + "?deadline=20s");
    caches().configure("null", "null://");

    // Backends that a static handle alone holds are closed by its destructor.
    handles = caches().all();
    handles.push_back(Cache::open("sqlite://" + directory + "/own.db?deadline=20s"));
    handles.push_back(Cache::open("redis+unix://" + places.redis.options().socket));
    for (const auto& handle : handles) handle.set("k", 1);

    thread_local AtEnd of_main_thread{"thread_local of the main thread"};
    static_cast<void>(of_main_thread);
    static AtEnd made_before_use{"static, made before the caches were used"};
    static_cast<void>(made_before_use);
    std::thread{[] {
        thread_local AtEnd of_thread{"thread_local of a thread"};
        static_cast<void>(of_thread);
        use_all("thread");
    }}.join();
    use_all("main");
    static AtEnd made_last{"static, made last"};
    static_cast<void>(made_last);
    std::atexit([] { use_all("atexit"); });
}
