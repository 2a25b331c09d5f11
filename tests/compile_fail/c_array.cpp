// cachemodel: a member may not be a C array.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a member cannot be a C array; write std::array or std::vector
#include <cachemodel/cachemodel.hpp>

#include <array>

using namespace cachemodel;

struct User {
    Key<int> id;
#ifdef CACHEMODEL_MISTAKE
    int scores[3];
#else
    std::array<int, 3> scores;
#endif
};

void use() {
    CacheModel<User>::get(1);
    CacheModel user{User{}};
    user.save();
}
