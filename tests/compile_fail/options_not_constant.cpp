// cachemodel: the options of a model are known when it is compiled.
// SPDX-License-Identifier: MIT
// expect: cachemodel: cache_options is not a constant; write static constexpr ModelOptions
// expect: cache_options{...}
#include <cachemodel/cachemodel.hpp>

#include <chrono>

using namespace cachemodel;
using namespace std::chrono_literals;

struct User {
#ifdef CACHEMODEL_MISTAKE
    static const ModelOptions cache_options;
#else
    static constexpr ModelOptions cache_options{.expires = 60s};
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
