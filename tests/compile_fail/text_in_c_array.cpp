// cachemodel: a C array of characters is refused too.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a member cannot be a C array; write std::array or std::vector
#include <cachemodel/cachemodel.hpp>

#include <string>

using namespace cachemodel;

struct User {
    Key<int> id;
#ifdef CACHEMODEL_MISTAKE
    char name[16];
#else
    Field<std::string> name;
#endif
};

void use() {
    CacheModel<User>::get(1);
    CacheModel user{User{}};
    user.save();
}
