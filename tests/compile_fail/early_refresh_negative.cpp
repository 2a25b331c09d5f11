// cachemodel: an entry is not refreshed after its end instead of before it.
// SPDX-License-Identifier: MIT
// expect: cachemodel: early_refresh is a number from 0 to less than 1000; 1 is usual
#include <cachemodel/cachemodel.hpp>

#include <chrono>

using namespace cachemodel;
using namespace std::chrono_literals;

struct User {
#ifdef CACHEMODEL_MISTAKE
    static constexpr ModelOptions cache_options{.expires = 15min, .early_refresh = -1};
#else
    static constexpr ModelOptions cache_options{.expires = 15min, .early_refresh = 0};
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
