// cachemodel: what nobody loads has no use for options of loading.
// SPDX-License-Identifier: MIT
// expect: cachemodel: stale_while_refresh, stale_if_error, remember_missing, early_refresh, jitter,
// expect: load_timeout, lease_wait, load_backoff and verify are about loading; give the model a
// expect: from_miss, or leave them out
#include <cachemodel/cachemodel.hpp>

#include <chrono>
#include <string>
#include <vector>

using namespace cachemodel;
using namespace std::chrono_literals;

struct Workplace {
#ifdef CACHEMODEL_MISTAKE
    static constexpr ModelOptions cache_options{.expires = 15min, .jitter = 0.1};
#else
    static constexpr ModelOptions cache_options{.expires = 15min};
#endif
    Key<std::string> name;
};

struct User {
    Key<int> id;
    Reference<Workplace> workplace;
    Field<int> score;
};

void use() {
    CacheModel<User>::get(1);
    CacheModel<Workplace>::get("acme");
    CacheModel user{User{.workplace = Reference<Workplace>::to("acme")}};
    user.save();
    user.workplace->name;
}
