// cachemodel: a member may not have the name of a verb of CacheModel.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a member or member function has the name of a verb of CacheModel (get,
// expect: find, save, key, ...); rename it, and keep its stored name with wire_names
#include <cachemodel/cachemodel.hpp>

#include <string>

using namespace cachemodel;

struct User {
    Key<int> id;
#ifdef CACHEMODEL_MISTAKE
    Field<std::string> key;
#else
    Field<std::string> public_key;
#endif
};

void use() {
    CacheModel<User>::get(1);
    CacheModel user{User{}};
    user.save();
}
