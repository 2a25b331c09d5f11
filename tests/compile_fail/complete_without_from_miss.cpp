// cachemodel: without a first step of loading there is no second one.
// SPDX-License-Identifier: MIT
// expect: cachemodel: complete is the second step of a load, and this model has no from_miss, which
// expect: is the first; write one, or give complete another name
#include <cachemodel/cachemodel.hpp>

using namespace cachemodel;

struct User {
    Key<int> id;
    Field<int> score;

#ifndef CACHEMODEL_MISTAKE
    void from_miss();
#endif
    void complete();
};

void use() {
    CacheModel<User>::get(1);
    CacheModel user{User{.id = 1}};
    user.save();
}
