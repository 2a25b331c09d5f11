// cachemodel: nobody waits for another process for ever.
// SPDX-License-Identifier: MIT
// expect: cachemodel: lease_wait is not a time from 0 to a day; write how long callers wait for
// expect: another process, such as 2s
#include <cachemodel/cachemodel.hpp>

#include <chrono>

using namespace cachemodel;
using namespace std::chrono_literals;

struct User {
#ifdef CACHEMODEL_MISTAKE
    static constexpr ModelOptions cache_options{.lease_wait = never};
#else
    static constexpr ModelOptions cache_options{.lease_wait = 24h};
#endif
    Key<int> id;
    Field<int> score;

    void from_miss();
};

void use() {
    CacheModel<User>::get(1);
    CacheModel user{User{.id = 1}};
    user.save();
}
