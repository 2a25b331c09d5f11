// cachemodel: one secondary key is declared once.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a secondary key is declared twice
#include <cachemodel/cachemodel.hpp>

#include <string>

using namespace cachemodel;

struct User {
    Key<int> id;
    Field<std::string> email;
    Field<std::string> name;

#ifdef CACHEMODEL_MISTAKE
    using secondary_keys = SecondaryKeys<By<&User::email>, By<&User::email>>;
#else
    using secondary_keys = SecondaryKeys<By<&User::email>, By<&User::name>>;
#endif
};

void use() {
    CacheModel user{User{.id = 1}};
    user.save();
}
