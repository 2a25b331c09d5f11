// cachemodel: a member function may not have the name of a verb of CacheModel.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a member or member function has the name of a verb of CacheModel (get,
// expect: find, save, key, ...); rename it, and keep its stored name with wire_names
#include <cachemodel/cachemodel.hpp>

using namespace cachemodel;

struct User {
    Key<int> id;
#ifdef CACHEMODEL_MISTAKE
    void save();
#else
    void keep();
#endif
};

void use() {
    CacheModel<User>::get(1);
    CacheModel user{User{}};
    user.save();
}
