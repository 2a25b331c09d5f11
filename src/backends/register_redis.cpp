// cachemodel: makes the schemes of Redis known to the program that this is compiled into.
// SPDX-License-Identifier: MIT
#include <cachemodel/backends/redis.hpp>
#include <cachemodel/schemes.hpp>

extern "C" {

// Weak, because several parts of one program may each bring this file along. It has a name that the
// linker is told to look for, so that it is also taken out of a static library that nobody calls.
[[gnu::weak]] extern const bool cachemodel_redis_is_registered;
const bool cachemodel_redis_is_registered =
    cachemodel::register_scheme("redis", &cachemodel::open_redis) &&
    cachemodel::register_scheme("redis+unix", &cachemodel::open_redis) &&
    cachemodel::register_scheme("rediss", &cachemodel::open_redis);
}
