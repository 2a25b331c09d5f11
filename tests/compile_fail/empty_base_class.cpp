// cachemodel: a base class without members is refused too.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a model has no base class; put the members into the struct itself
#include <cachemodel/cachemodel.hpp>

using namespace cachemodel;

struct Tag {};

#ifdef CACHEMODEL_MISTAKE
struct User : Tag {
#else
struct User {
#endif
    Key<int> id;
};

void use() {
    CacheModel<User>::get(1);
    CacheModel user{User{}};
    user.save();
}
