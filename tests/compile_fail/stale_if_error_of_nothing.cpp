// cachemodel: what is not stored is not served stale.
// SPDX-License-Identifier: MIT
// expect: cachemodel: with expires of 0 nothing is stored that could be served stale, be refreshed
// or expect: end earlier; write how long an entry is fresh
#include <cachemodel/cachemodel.hpp>

#include <chrono>

using namespace cachemodel;
using namespace std::chrono_literals;

struct User {
#ifdef CACHEMODEL_MISTAKE
    static constexpr ModelOptions cache_options{.expires = 0s, .stale_if_error = 1h};
#else
    static constexpr ModelOptions cache_options{.expires = 15min, .stale_if_error = 1h};
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
