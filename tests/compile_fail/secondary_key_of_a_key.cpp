// cachemodel: a Key is no part of a secondary key.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a Key is no part of a secondary key; the model is found by its keys anyway
#include <cachemodel/cachemodel.hpp>

#include <string>

using namespace cachemodel;

struct User {
    Key<int> id;
    Field<std::string> email;

#ifdef CACHEMODEL_MISTAKE
    using secondary_keys = SecondaryKeys<By<&User::id, &User::email>>;
#else
    using secondary_keys = SecondaryKeys<By<&User::email>>;
#endif
};

void use() {
    CacheModel user{User{.id = 1}};
    user.save();
}
