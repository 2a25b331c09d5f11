// cachemodel: secondary keys are declared as a list of By.
// SPDX-License-Identifier: MIT
// expect: cachemodel: secondary keys are declared behind the members: using secondary_keys =
// expect: SecondaryKeys<By<&User::email>>;
#include <cachemodel/cachemodel.hpp>

#include <string>

using namespace cachemodel;

struct User {
    Key<int> id;
    Field<std::string> email;

#ifdef CACHEMODEL_MISTAKE
    using secondary_keys = By<&User::email>;
#else
    using secondary_keys = SecondaryKeys<By<&User::email>>;
#endif
};

void use() {
    CacheModel user{User{.id = 1}};
    user.save();
}
