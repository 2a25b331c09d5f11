// cachemodel: wire_names may name only members that are there.
// SPDX-License-Identifier: MIT
// expect: cachemodel: wire_names names a member that the model does not have
#include <cachemodel/cachemodel.hpp>

#include <string>

using namespace cachemodel;

struct User {
#ifdef CACHEMODEL_MISTAKE
    static constexpr WireNames wire_names{{"e_mail", "mail"}};
#else
    static constexpr WireNames wire_names{{"email", "mail"}};
#endif

    Key<int> id;
    Field<std::string> email;
};

void use() {
    CacheModel<User>::get(1);
    CacheModel user{User{}};
    user.save();
}
