// cachemodel: a number in the options of a model is no lifetime: its unit is missing.
// SPDX-License-Identifier: MIT
// expect: cachemodel: lifetimes have units: 60s or std::chrono::seconds{60}
#include <cachemodel/cachemodel.hpp>

#include <chrono>

using namespace cachemodel;
using namespace std::chrono_literals;

struct User {
#ifdef CACHEMODEL_MISTAKE
    static constexpr ModelOptions cache_options{.expires = 60, .stale_if_error = 1h};
#else
    static constexpr ModelOptions cache_options{.expires = 60s, .stale_if_error = 1h};
#endif
    Key<int> id;
    Field<int> score;

    void from_miss();
};

struct Team {
    Key<int> id;
    Reference<User> leader;
};

void use() {
    CacheModel<User>::get(1);
    CacheModel<Team>::get(1);
    CacheModel user{User{.id = 1}};
    user.save();
}
