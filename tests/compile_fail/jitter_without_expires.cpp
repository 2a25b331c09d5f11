// cachemodel: what does not expire cannot do so earlier.
// SPDX-License-Identifier: MIT
// expect: cachemodel: jitter is a share of expires; write expires too, in front of it
#include <cachemodel/cachemodel.hpp>

#include <chrono>

using namespace cachemodel;
using namespace std::chrono_literals;

struct User {
#ifdef CACHEMODEL_MISTAKE
    static constexpr ModelOptions cache_options{.jitter = 0.1};
#else
    static constexpr ModelOptions cache_options{.expires = 15min, .jitter = 0.1};
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
