// cachemodel: nothing is served for less than no time.
// SPDX-License-Identifier: MIT
// expect: cachemodel: stale_if_error is negative; write for how long after its end an entry is
// expect: served, or 0
#include <cachemodel/cachemodel.hpp>

#include <chrono>

using namespace cachemodel;
using namespace std::chrono_literals;

struct User {
#ifdef CACHEMODEL_MISTAKE
    static constexpr ModelOptions cache_options{.expires = 15min, .stale_if_error = -1h};
#else
    static constexpr ModelOptions cache_options{.expires = 15min, .stale_if_error = 0h};
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
