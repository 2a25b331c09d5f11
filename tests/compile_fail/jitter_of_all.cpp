// cachemodel: entries that may end at once are no entries.
// SPDX-License-Identifier: MIT
// expect: cachemodel: jitter is a share of expires: a number from 0 to less than 1, such as 0.1
#include <cachemodel/cachemodel.hpp>

#include <chrono>

using namespace cachemodel;
using namespace std::chrono_literals;

struct User {
#ifdef CACHEMODEL_MISTAKE
    static constexpr ModelOptions cache_options{.expires = 15min, .jitter = 1};
#else
    static constexpr ModelOptions cache_options{.expires = 15min, .jitter = 0.99};
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
