// cachemodel: that there is none is remembered no longer than what there is.
// SPDX-License-Identifier: MIT
// expect: cachemodel: remember_missing is longer than expires; write at most what expires says
#include <cachemodel/cachemodel.hpp>

#include <chrono>

using namespace cachemodel;
using namespace std::chrono_literals;

struct User {
#ifdef CACHEMODEL_MISTAKE
    static constexpr ModelOptions cache_options{.expires = 15min, .remember_missing = 1h};
#else
    static constexpr ModelOptions cache_options{.expires = 15min, .remember_missing = 15min};
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
