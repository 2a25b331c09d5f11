// cachemodel: a model may not have a base class.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a model has no base class; put the members into the struct itself
#include <cachemodel/cachemodel.hpp>

#include <string>

using namespace cachemodel;

struct Named {
    Field<std::string> name;
};

#ifdef CACHEMODEL_MISTAKE
struct User : Named {
    Key<int> id;
};
#else
struct User {
    Key<int> id;
    Field<Named> named;
};
#endif

void use() {
    CacheModel<User>::get(1);
    CacheModel user{User{}};
    user.save();
}
