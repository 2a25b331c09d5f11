// cachemodel: a C array of fields is refused too.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a member cannot be a C array; write std::array or std::vector
#include <cachemodel/cachemodel.hpp>

#include <array>

using namespace cachemodel;

struct User {
    Key<int> id;
#ifdef CACHEMODEL_MISTAKE
    Field<int> scores[2];
#else
    Field<std::array<int, 2>> scores;
#endif
};

void use() {
    CacheModel<User>::get(1);
    CacheModel user{User{}};
    user.save();
}
