// cachemodel: what nobody loads cannot be compared with its source.
// SPDX-License-Identifier: MIT
// expect: load_timeout, lease_wait, load_backoff and verify are about loading; give the model a
// expect: from_miss, or leave them out
#include <cachemodel/cachemodel.hpp>

using namespace cachemodel;

struct User {
    static constexpr ModelOptions cache_options{.verify = 0.01};
    Key<int> id;
    Field<int> score;

#ifndef CACHEMODEL_MISTAKE
    void from_miss();
#endif
};

void use() {
    CacheModel<User>::get(1);
    CacheModel user{User{.id = 1}};
    user.save();
}
