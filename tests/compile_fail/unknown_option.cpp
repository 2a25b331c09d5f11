// cachemodel: an option that there is not is the compiler's own error, without a wall of others.
// SPDX-License-Identifier: MIT
// expect: loads_without_cache
#include <cachemodel/cachemodel.hpp>

#include <chrono>

using namespace cachemodel;
using namespace std::chrono_literals;

struct User {
#ifdef CACHEMODEL_MISTAKE
    static constexpr ModelOptions cache_options{.expires = 60s, .loads_without_cache = 1};
#else
    static constexpr ModelOptions cache_options{.expires = 60s};
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
