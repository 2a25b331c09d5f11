// cachemodel: a lookup must be looked at.
// SPDX-License-Identifier: MIT
// expect: nodiscard
#include <cachemodel/cachemodel.hpp>

using namespace cachemodel;

struct User {
    Key<int> id;
    Field<bool> active;
    Field<int> score;
};

#pragma GCC diagnostic error "-Wunused-result"

void use() {
#ifdef CACHEMODEL_MISTAKE
    CacheModel<User>::find(1);
#else
    CacheModel<User>::find(1).found();
#endif
}
