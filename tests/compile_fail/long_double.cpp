// cachemodel: long double cannot be stored.
// SPDX-License-Identifier: MIT
// expect: cachemodel: long double differs between machines; write double
#include <cachemodel/cachemodel.hpp>

using namespace cachemodel;

struct User {
    Key<int> id;
#ifdef CACHEMODEL_MISTAKE
    Field<long double> share;
#else
    Field<double> share;
#endif
};

void use() {
    CacheModel<User>::get(1);
    CacheModel user{User{}};
    user.save();
}
