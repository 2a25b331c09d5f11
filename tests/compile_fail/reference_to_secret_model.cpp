// cachemodel: a Reference may not point to a model with secret keys.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a Reference would store the key of a model with secret_keys
#include <cachemodel/cachemodel.hpp>

#include <string>

using namespace cachemodel;

struct Session {
    static constexpr ModelOptions cache_options{.secret_keys = true};

    Key<std::string> token;
};

struct User {
    Key<int> id;
#ifdef CACHEMODEL_MISTAKE
    Reference<Session> session;
#else
    Field<int> session;
#endif
};

void use() {
    CacheModel<User>::get(1);
    CacheModel user{User{}};
    user.save();
}
