// cachemodel: two members may not have one name in the cache.
// SPDX-License-Identifier: MIT
// expect: cachemodel: two members have one name in the cache; change wire_names
#include <cachemodel/cachemodel.hpp>

#include <string>

using namespace cachemodel;

struct User {
#ifdef CACHEMODEL_MISTAKE
    static constexpr WireNames wire_names{{"email", "mail"}};
#else
    static constexpr WireNames wire_names{{"email", "mail"}, {"mail", "post"}};
#endif

    Key<int> id;
    Field<std::string> email;
    Field<std::string> mail;
};

void use() {
    CacheModel<User>::get(1);
    CacheModel user{User{}};
    user.save();
}
