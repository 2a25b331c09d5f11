// cachemodel: options that are read while compiling are known then.
// SPDX-License-Identifier: MIT
// expect: cachemodel: cache_options is no constant; write static constexpr ModelOptions
// expect: cache_options{...}
#include <cachemodel/cachemodel.hpp>

#include <chrono>

using namespace cachemodel;
using namespace std::chrono_literals;

struct User {
#ifdef CACHEMODEL_MISTAKE
    static inline const ModelOptions cache_options{.expires = 15min};
#else
    static constexpr ModelOptions cache_options{.expires = 15min};
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
