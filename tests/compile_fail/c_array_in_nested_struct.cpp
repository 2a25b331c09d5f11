// cachemodel: a C array inside of a nested struct is refused.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a member cannot be a C array; write std::array or std::vector
#include <cachemodel/cachemodel.hpp>

#include <array>

using namespace cachemodel;

struct Scores {
    int values[3];
};

struct User {
    Key<int> id;
#ifdef CACHEMODEL_MISTAKE
    Field<Scores> scores;
#else
    Field<std::array<int, 3>> scores;
#endif
};

void use() {
    CacheModel<User>::get(1);
    CacheModel user{User{}};
    user.save();
}
