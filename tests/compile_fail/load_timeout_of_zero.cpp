// cachemodel: a load takes time.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a load_timeout of 0 leaves a load no time; write how long callers wait for
// expect: one, or never
#include <cachemodel/cachemodel.hpp>

#include <chrono>

using namespace cachemodel;
using namespace std::chrono_literals;

struct User {
#ifdef CACHEMODEL_MISTAKE
    static constexpr ModelOptions cache_options{.load_timeout = 0s};
#else
    static constexpr ModelOptions cache_options{.load_timeout = never};
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
