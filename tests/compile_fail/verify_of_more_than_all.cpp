// cachemodel: no more hits can be verified than there are.
// SPDX-License-Identifier: MIT
// expect: cachemodel: verify is a share of hits: a number from 0 to 1, such as 0.01
#include <cachemodel/cachemodel.hpp>

using namespace cachemodel;

struct User {
#ifdef CACHEMODEL_MISTAKE
    static constexpr ModelOptions cache_options{.verify = 1.5};
#else
    static constexpr ModelOptions cache_options{.verify = 1};
#endif
    Key<int> id;
    Field<int> score;

    void from_miss();
};

void use() {
    CacheModel<User>::get(1);
    CacheModel user{User{.id = 1}};
    user.save();
}
