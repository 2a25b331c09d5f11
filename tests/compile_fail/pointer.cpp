// cachemodel: a pointer cannot be stored.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a pointer cannot be stored; write the value, std::optional or a Reference
#include <cachemodel/cachemodel.hpp>

#include <string>

using namespace cachemodel;

struct User {
    Key<int> id;
#ifdef CACHEMODEL_MISTAKE
    Field<const char*> name;
#else
    Field<std::string> name;
#endif
};

void use() {
    CacheModel<User>::get(1);
    CacheModel user{User{}};
    user.save();
}
