// cachemodel: a const member of a nested struct cannot be read back.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a const member cannot be read back; drop the const
#include <cachemodel/cachemodel.hpp>

#include <vector>

using namespace cachemodel;

struct Door {
    const int number = 1;
};

struct User {
    Key<int> id;
#ifdef CACHEMODEL_MISTAKE
    std::vector<Door> doors;
#else
    std::vector<int> doors;
#endif
};

void use() {
    CacheModel<User>::get(1);
    CacheModel user{User{}};
    user.save();
}
