// cachemodel: a secondary key is made of the model's own members.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a secondary key names what is no member of the model
#include <cachemodel/cachemodel.hpp>

#include <string>

using namespace cachemodel;

struct Address {
    std::string street;
};

struct User {
    Key<int> id;
    std::string street;
    Address home;

#ifdef CACHEMODEL_MISTAKE
    using secondary_keys = SecondaryKeys<By<&Address::street>>;
#else
    using secondary_keys = SecondaryKeys<By<&User::street>>;
#endif
};

void use() { CacheModel<User>::find(1).found(); }
