// cachemodel: a Reference is no part of a secondary key.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a Reference is no part of a secondary key; store the target's key in a member
// expect: beside it
#include <cachemodel/cachemodel.hpp>

#include <string>

using namespace cachemodel;

struct User {
    Key<int> id;
    Field<int> mother_id;
    Reference<User> mother;

#ifdef CACHEMODEL_MISTAKE
    using secondary_keys = SecondaryKeys<By<&User::mother>>;
#else
    using secondary_keys = SecondaryKeys<By<&User::mother_id>>;
#endif
};

void use() {
    CacheModel user{User{.id = 1}};
    user.save();
}
