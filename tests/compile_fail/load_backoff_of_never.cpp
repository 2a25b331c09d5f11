// cachemodel: a loader that failed is asked again some day.
// SPDX-License-Identifier: MIT
// expect: cachemodel: load_backoff is not a time from 0 to a day; write how long a loader that
// expect: fails is left alone at first, such as 1s
#include <cachemodel/cachemodel.hpp>

#include <chrono>

using namespace cachemodel;
using namespace std::chrono_literals;

struct User {
#ifdef CACHEMODEL_MISTAKE
    static constexpr ModelOptions cache_options{.load_backoff = never};
#else
    static constexpr ModelOptions cache_options{.load_backoff = 24h};
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
