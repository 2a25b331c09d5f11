// cachemodel: what does not expire is never stale.
// SPDX-License-Identifier: MIT
// expect: cachemodel: stale_while_refresh is about entries that have come to their end, and without
// expect: expires they have none; write expires too, in front of it
#include <cachemodel/cachemodel.hpp>

#include <chrono>

using namespace cachemodel;
using namespace std::chrono_literals;

struct User {
#ifdef CACHEMODEL_MISTAKE
    static constexpr ModelOptions cache_options{.stale_while_refresh = 30s};
#else
    static constexpr ModelOptions cache_options{.expires = 15min, .stale_while_refresh = 30s};
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
