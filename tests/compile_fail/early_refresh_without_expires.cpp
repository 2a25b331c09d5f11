// cachemodel: what does not expire has no end to be refreshed before.
// SPDX-License-Identifier: MIT
// expect: cachemodel: early_refresh is about the end of entries, and without expires they have
// expect: none; write expires too, in front of it
#include <cachemodel/cachemodel.hpp>

#include <chrono>

using namespace cachemodel;
using namespace std::chrono_literals;

struct User {
#ifdef CACHEMODEL_MISTAKE
    static constexpr ModelOptions cache_options{.early_refresh = 1};
#else
    static constexpr ModelOptions cache_options{.expires = 15min, .early_refresh = 1};
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
