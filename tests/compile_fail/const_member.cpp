// cachemodel: a member that is const cannot be read back.
// SPDX-License-Identifier: MIT
// expect: cachemodel: a model can be made empty and assigned to; no member is const or a
// expect: reference, and one without a default value is written as std::optional
#include <cachemodel/cachemodel.hpp>

using namespace cachemodel;

struct User {
    Key<int> id;
#ifdef CACHEMODEL_MISTAKE
    const int floor = 1;
#else
    int floor = 1;
#endif
};

void use() {
    CacheModel<User>::get(1);
    CacheModel user{User{}};
    user.save();
}
