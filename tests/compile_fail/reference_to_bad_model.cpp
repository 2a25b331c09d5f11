// cachemodel: what a Reference points to must be a model in all its members.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a pointer cannot be stored; write the value, std::optional or a Reference
#include <cachemodel/cachemodel.hpp>

#include <string>

using namespace cachemodel;

struct Workplace {
    Key<std::string> name;
#ifdef CACHEMODEL_MISTAKE
    Field<const char*> phone;
#else
    Field<std::string> phone;
#endif
};

struct User {
    Key<int> id;
    Reference<Workplace> workplace;
};

void use() {
    CacheModel<User>::get(1);
    CacheModel user{User{}};
    user.save();
}
