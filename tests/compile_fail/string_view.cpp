// cachemodel: a view cannot be stored.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a view does not own what it shows; write std::string or std::vector
#include <cachemodel/cachemodel.hpp>

#include <string>
#include <string_view>

using namespace cachemodel;

struct User {
    Key<int> id;
#ifdef CACHEMODEL_MISTAKE
    Field<std::string_view> name;
#else
    Field<std::string> name;
#endif
};

void use() {
    CacheModel<User>::get(1);
    CacheModel user{User{}};
    user.save();
}
