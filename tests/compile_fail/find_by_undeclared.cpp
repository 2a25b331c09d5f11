// cachemodel: a model is found by the secondary keys that it declares.
// SPDX-License-Identifier: MIT
// expect: cachemodel: these members are no secondary key of the model; declare using secondary_keys
// = expect: SecondaryKeys<By<...>>, and name them in the same order
#include <cachemodel/cachemodel.hpp>

#include <string>

using namespace cachemodel;

struct User {
    Key<int> id;
    Field<std::string> email;
    Field<std::string> name;

    using secondary_keys = SecondaryKeys<By<&User::email>>;
};

void use() {
#ifdef CACHEMODEL_MISTAKE
    CacheModel<User>::get_by<&User::name>("bob");
#else
    CacheModel<User>::get_by<&User::email>("bob");
#endif
}
