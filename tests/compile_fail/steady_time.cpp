// cachemodel: a time point of the steady clock cannot be stored.
// SPDX-License-Identifier: MIT
// expect: cachemodel: only time points of std::chrono::system_clock mean anything to another
// expect: process; write one of these or a duration
#include <cachemodel/cachemodel.hpp>

#include <chrono>

using namespace cachemodel;

struct User {
    Key<int> id;
#ifdef CACHEMODEL_MISTAKE
    Field<std::chrono::steady_clock::time_point> seen;
#else
    Field<std::chrono::system_clock::time_point> seen;
#endif
};

void use() {
    CacheModel<User>::get(1);
    CacheModel user{User{}};
    user.save();
}
