// cachemodel: a model needs a key.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a model has at least one Key; write Key<T> for the member that identifies
// expect: it
#include <cachemodel/cachemodel.hpp>

#include <string>

using namespace cachemodel;

struct User {
#ifdef CACHEMODEL_MISTAKE
    Field<int> id;
#else
    Key<int> id;
#endif
    Field<std::string> name;
};

void use() {
    CacheModel user{User{.id = 1}};
    user.save();
    Models<User> users{Cache::open("memory://")};
    users.save(user);
}
