// cachemodel: a Reference points to a model.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a Reference points to a model: a plain struct with a Key
#include <cachemodel/cachemodel.hpp>

#include <string>

using namespace cachemodel;

struct Address {
    std::string street;
};

struct User {
    Key<int> id;
#ifdef CACHEMODEL_MISTAKE
    Reference<Address> address;
#else
    Field<Address> address;
#endif
};

void use() {
    CacheModel<User>::get(1);
    CacheModel user{User{}};
    user.save();
}
